# EmailGateway.DeleteAPI: the reference's example; a deleted key is dead at once, for
# everything and on every connection.
use EmailGW;
use EmailGW::ApiPhp;

my $gw = EmailGW->up;
my $account = $gw->new_account;
my $other = $gw->new_account;

sub add { return $gw->api('EmailGateway.AddAPI', as => $account, Description => 'x', DomainID => $account->{domain_id})->{json} }
sub remove { return $gw->api('EmailGateway.DeleteAPI', as => $account, @_) }
sub id_of { return $gw->sql("SELECT api_key_id FROM emailgw.api_key WHERE account_id = $_[0]{account_id} ORDER BY 1 LIMIT 1") }

# What the module says to a key, asked so often that each of httpd's children answers.
sub states {
    my ($key) = @_;
    my %seen;
    for (1 .. 20) {
        delete $gw->{agent};
        $seen{ $gw->call('GET', '/api/v1/events', { key => $key })->{status} }++;
    }
    return join ' ', sort keys %seen;
}

subtest 'the documented example' => sub {
    my $made = add();
    my $key = $made->{APIKey}{Key};
    is(states($key), '200', 'a key that works');
    my $session = session_of($gw, $account);
    my $reply = example($gw, qq({"SessionID": "$session", "APIKey": "$account->{account_key}", "Command": "EmailGateway.DeleteAPI", "ApiKeyId": "$made->{NewAPIKeyID}"}));
    is($reply->{body}, '{"Success":true,"ErrorCode":0}', 'deleted');
    is(states($key), '401', '... is dead in every child of httpd');
    is($gw->send_mail(as => { %$account, key => $key })->{json}{Errors}[0]{Code}, 13, '... for mail');
    is($gw->call('GET', '/api/v1/webhooks', { key => $key })->{json}{Errors}[0]{Code}, 13, '... and webhooks');
    is(states($account->{key}), '200', 'the domain\'s other key lives');
    is_deeply([ map { $_->{Key} } @{ $gw->api('EmailGateway.GetAPIs', as => $account, DomainID => $account->{domain_id})->{json}{APIKeys} } ],
        [ $account->{key} ], '... and is the only one shown');
};

subtest 'errors' => sub {
    my $id = add()->{NewAPIKeyID};
    refuses(remove(), 1, '1: no ApiKeyId');
    refuses(remove(ApiKeyId => ''), 1, '1: an empty one');
    refuses(remove(ApiKeyId => 999999999), 2, '2: no such key');
    refuses(remove(ApiKeyId => $other->{key}), 2, '2: the key itself is not its id');
    refuses(remove(ApiKeyId => id_of($other)), 2, '2: another account\'s');
    is(remove(ApiKeyId => id_of($other))->{body}, remove(ApiKeyId => 999999999)->{body}, 'both in the same words');
    is(states($other->{key}), '200', '... whose key lives');
    is(outcome(remove(ApiKeyId => $id)), '200 0', 'deleted');
    refuses(remove(ApiKeyId => $id), 2, '2: deleted already');
    takes_ids_only($gw, 'EmailGateway.DeleteAPI', $account, 'ApiKeyId', absent => 1, invalid => 2,
        fresh => sub { (ApiKeyId => add()->{NewAPIKeyID}) });
    my $gone = $gw->new_account;
    $gw->sql("UPDATE emailgw.domain SET deleted_at = now() WHERE domain_id = $gone->{domain_id}");
    refuses($gw->api('EmailGateway.DeleteAPI', as => $gone, ApiKeyId => id_of($gone)), 2, '2: gone with its domain');
};

common_rules($gw, 'EmailGateway.DeleteAPI', $account, sub { (ApiKeyId => add()->{NewAPIKeyID}) });

$gw->log_clean;
done_testing;
