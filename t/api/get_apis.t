# EmailGateway.GetAPIs: the reference's example, keys as they were made, and whose.
use EmailGW;
use EmailGW::ApiPhp;

my $gw = EmailGW->up;
my $account = $gw->new_account;
my $other = $gw->new_account;
my @domain = (DomainID => $account->{domain_id});

sub get { return $gw->api('EmailGateway.GetAPIs', as => $account, @domain, @_) }

subtest 'the documented example' => sub {
    my $session = session_of($gw, $account);
    my $reply = example($gw, qq({"SessionID": "$session", "APIKey": "$account->{account_key}", "Command": "EmailGateway.GetAPIs", "DomainID": $account->{domain_id}}));
    is(outcome($reply), '200 0', 'answered') or diag($reply->{body});
    my ($row) = @{ $reply->{json}{APIKeys} };
    is(scalar @{ $reply->{json}{APIKeys} }, 1, 'one key');
    like($row->{KeyID}, qr/\A\d+\z/, 'its id');
    my $at = qr/\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z\z/;
    like(delete $row->{CreationDate}, $at, 'when it was made, RFC 3339');
    is_deeply($row, { KeyID => $row->{KeyID}, DomainID => "$account->{domain_id}", UserID => "$account->{account_id}",
        Key => $account->{key}, Permissions => 'send,webhooks,events', LastUsedDate => undef, Description => 'test',
        ListID => undef, SubscriberID => undef, JourneyID => undef, ActionID => undef }, 'and the rest');
    like($reply->{body}, qr/"KeyID":"\d+","DomainID":"\d+","UserID":"\d+"/, 'ids are text');

    my $id = $gw->send_mail(as => $account)->{json}{MessageID};
    my $used = $gw->wait_for(sub { get()->{json}{APIKeys}[0]{LastUsedDate} }, 20, 'LastUsedDate');
    like($used, $at, 'LastUsedDate is there when a mail was sent with it');
};

subtest 'several' => sub {
    my @made = map { $gw->api('EmailGateway.AddAPI', as => $account, Description => $_, @domain, Permissions => $_, ListID => 5,
        JourneyID => '6')->{json} } qw(send events);
    my @rows = @{ get()->{json}{APIKeys} };
    is_deeply([ map { $_->{KeyID} } @rows[ 1, 2 ] ], [ map { $_->{NewAPIKeyID} } @made ], 'oldest first');
    is_deeply([ map { $_->{Key} } @rows ], [ $account->{key}, map { $_->{APIKey}{Key} } @made ], 'as they were shown when made');
    is_deeply([ @{ $rows[1] }{qw(Permissions ListID SubscriberID JourneyID ActionID)} ], [ 'send', '5', undef, '6', undef ],
        'with permissions and context');
    is_deeply([ map { $_->{Key} } @{ $gw->api('EmailGateway.GetAPIs', as => $other, DomainID => $other->{domain_id})->{json}{APIKeys} } ],
        [ $other->{key} ], 'another domain has its own');
    $gw->sql("UPDATE emailgw.api_key SET deleted_at = now() WHERE account_id = $account->{account_id}");
    is_deeply(get()->{json}{APIKeys}, [], 'none is an empty list');
};

subtest 'errors' => sub {
    refuses(get(DomainID => $_), 1, '1: ' . (defined $_ ? 'empty' : 'missing')) for undef, '';
    refuses(get(DomainID => 999999999), 2, '2: no such domain');
    refuses(get(DomainID => $other->{domain_id}), 2, '2: another account\'s');
    is(get(DomainID => $other->{domain_id})->{body}, get(DomainID => 999999999)->{body}, 'both in the same words');
    takes_ids_only($gw, 'EmailGateway.GetAPIs', $account, 'DomainID', absent => 1, invalid => 2, fresh => sub { @domain });
    my $gone = $gw->new_account;
    $gw->sql("UPDATE emailgw.domain SET deleted_at = now() WHERE domain_id = $gone->{domain_id}");
    refuses($gw->api('EmailGateway.GetAPIs', as => $gone, DomainID => $gone->{domain_id}), 2, '2: a deleted domain');
};

common_rules($gw, 'EmailGateway.GetAPIs', $account, sub { @domain });

subtest 'sealed with another secret file' => sub {
    $gw->expects('EG0150');
    $gw->sql("UPDATE emailgw.api_key SET key_sealed = set_byte(key_sealed, 20, 255 - get_byte(key_sealed, 20))
        WHERE account_id = $other->{account_id}");
    my $reply = $gw->api('EmailGateway.GetAPIs', as => $other, DomainID => $other->{domain_id});
    is(outcome($reply), '500 100005', 'is our fault, not the caller\'s');
    is(scalar(grep { /EG0150/ } $gw->log_lines(qr/error\.log/)), 1, '... and the log says so');
    is($gw->call('GET', '/api/v1/events', { key => $other->{key} })->{status}, 200, '... the key itself goes on working');
};

$gw->log_clean;
done_testing;
