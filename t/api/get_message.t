# EmailGateway.GetMessage: what GET /api/v1/email/<MessageID> answers, for every domain of the account.
use EmailGW;
use EmailGW::ApiPhp;

my $gw = EmailGW->up;
my $account = $gw->new_account;
my $other = $gw->new_account;

sub send_later {
    my ($as) = @_;
    return $gw->send_mail(as => $as, SendAt => time + 3600)->{json}{MessageID};
}

subtest 'a message' => sub {
    my $id = $gw->send_mail(as => $account, Tags => ['t'], BCC => [ { email => 'bcc@example.org', name => '' } ])->{json}{MessageID};
    $gw->wait_for(sub { (grep { $_->{EventType} eq 'delivery' } $gw->events($id, $account)) == 2 }, 10, 'delivery');
    my $reply = example($gw, qq({"APIKey": "$account->{account_key}", "Command": "EmailGateway.GetMessage", "MessageID": "$id"}));
    is(outcome($reply), '200 0', 'answered') or return diag($reply->{body});
    is_deeply([ sort keys %{ $reply->{json} } ], [qw(ErrorCode Message Success)], 'what it says');
    my %it = %{ $reply->{json}{Message} };
    my %v1 = %{ $gw->call('GET', "/api/v1/email/$id", { key => $account->{key} })->{json} };
    my ($events) = map { delete $_->{Events} } \%it;
    delete $v1{Events};
    is_deeply(\%it, \%v1, 'the message is that of the other family');
    is(join(' ', map { $_->{State} } @{ $it{Recipients} }), 'delivered delivered', '... with its recipients');
    my $listed = $gw->api('EmailGateway.GetEvents', as => $account, DomainID => $account->{domain_id}, StartFrom => 0, RetrieveCount => 100,
        Query => "messageid:$id")->{json}{Events};
    is_deeply($events, $listed, 'its events are those of GetEvents');
    is(scalar(@$events), 4, '... all of them');
};

subtest 'every domain of the account' => sub {
    my $domain = "second.$account->{domain}";
    $gw->ctl(qw(domain add), $domain, '--user', $account->{username}, '--enable');
    my $key = $gw->ctl(qw(key add --user), $account->{username}, '--domain', $domain, qw(--description test))->{key};
    my $id = $gw->send_mail(as => { key => $key, domain => $domain })->{json}{MessageID};
    is($gw->api('EmailGateway.GetMessage', as => $account, MessageID => $id)->{json}{Message}{MessageID}, $id, 'the second');
    my ($domain_id) = $gw->sql("SELECT domain_id FROM emailgw.domain WHERE name = '$domain'");
    $gw->api('EmailGateway.DeleteDomain', as => $account, DomainID => $domain_id);
    is($gw->api('EmailGateway.GetMessage', as => $account, MessageID => $id)->{json}{Message}{MessageID}, $id, '... also when it is deleted');
};

subtest 'refusals: 1, 2' => sub {
    my $theirs = send_later($other);
    refuses($gw->api('EmailGateway.GetMessage', as => $account, @$_), 1, 'no MessageID') for [], [ MessageID => '' ], [ MessageID => undef ];
    refuses($gw->api('EmailGateway.GetMessage', as => $account, MessageID => $_), 2, 'what is none, or another\'s')
        for $theirs, '01890000-0000-7000-8000-000000000001', 'x', 7, [$theirs], {}, 'x' x 1000;
};

my $mine = send_later($account);
common_rules($gw, 'EmailGateway.GetMessage', $account, sub { (MessageID => $mine) });
$gw->log_clean;
done_testing;
