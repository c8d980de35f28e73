# GET /api/v1/email/<MessageID>: a mail as it was accepted, each recipient's state in each of
# its forms, its events; and whose mail it must be.
use EmailGW;
use EmailGW::Sink;
use JSON::PP ();

my $sink = EmailGW::Sink->start(script => sub {
    my ($step, $c) = @_;
    return undef if $step ne 'rcpt';
    return $c->{to} =~ /^gone/ ? '550 5.1.1 no such user' : $c->{to} =~ /^later/ ? '451 4.2.0 later' : undef;
});
my $gw = EmailGW->up(TRANSPORT => $sink->transport, RATE => 'off', SENDER_CONF => \"retry = 1h\npoll = 20ms\n");
my $account = $gw->new_account;
my $other = $gw->new_account;

sub to { return [ map { { email => $_, name => '' } } @_ ] }

sub get {
    my ($as, $id, %with) = @_;
    return $gw->call($with{method} // 'GET', "/api/v1/email/$id", { key => $as->{key}, %with });
}

# Its recipients, each as "ann to queued 0".
sub states { return map { join ' ', $_->{Email} =~ s/@.*//r, @$_{qw(Kind State Attempts)} } @{ $_[0]{json}{Recipients} } }

sub codes { return join ' ', $_[0]{status}, map { $_->{Code} } @{ ($_[0]{json} // {})->{Errors} // [] } }

my $time = qr/\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{6})?Z\z/;

subtest 'a mail and its recipients' => sub {
    my $id = $gw->send_mail(as => $account, Subject => "Gr\x{fc}\x{df}e", Tags => [qw(a b)], From => { email => "me\@$account->{domain}", name => 'Me' },
        To => to(qw(yes@example.org gone@example.org)), CC => to('later@example.org'), BCC => to('secret@example.org'),
        JourneyID => 7)->{json}{MessageID};
    $gw->wait_for(sub { (grep { $_->{EventType} ne 'send' } $gw->events($id, $account)) == 4 }, 15, 'four attempts');
    my $reply = get($account, $id);
    is($reply->{status}, 200, 'answered') or return diag($reply->{body});
    my $it = $reply->{json};
    is_deeply([ sort keys %$it ], [qw(CreatedAt Events From MessageID Recipients SendAt Subject Tags)], 'what it has');
    is($it->{MessageID}, $id, 'its id');
    is_deeply($it->{From}, { email => "me\@$account->{domain}", name => 'Me' }, 'From as it was given');
    is($it->{Subject}, "Gr\x{fc}\x{df}e", 'Subject');
    is_deeply($it->{Tags}, [qw(a b)], 'Tags');
    is($it->{SendAt}, undef, 'SendAt: at once');
    like($it->{CreatedAt}, $time, 'CreatedAt');
    is(join(', ', states($reply)), 'yes to delivered 1, gone to bounced 1, later cc deferred 1, secret bcc delivered 1',
        'each recipient in the order of the envelope, Bcc as well');
    my %by = map { $_->{Email} =~ s/@.*//r => $_ } @{ $it->{Recipients} };
    is_deeply([ sort keys %{ $by{yes} } ], [qw(Attempts Email FinishedAt Kind NextAttempt State)], 'what a recipient has');
    like($by{yes}{FinishedAt}, $time, 'the end of one that has one');
    is($by{yes}{NextAttempt}, undef, '... has no next attempt');
    like($by{later}{NextAttempt}, $time, 'one that is deferred has one');
    is($by{later}{FinishedAt}, undef, '... and no end');
    is_deeply($it->{Events}, [ $gw->events($id, $account) ], 'its events are those of GET /api/v1/events');
    is(scalar(@{ $it->{Events} }), 8, '... all of them');
    unlike($reply->{body}, qr/Hello\.|PlainContent|Html/, 'no contents');
    is(get($account, uc $id)->{json}{MessageID}, $id, 'an id in upper case is the same');

    my $head = get($account, $id, method => 'HEAD');
    is("$head->{status} [" . ($head->{body} // '') . ']', '200 []', 'HEAD: the same without a body');
    is($head->{headers}{'content-length'}, length $reply->{body}, '... of its length');
    is(get({ key => undef }, $id, query => { SenderAPIKey => $account->{key} })->{json}{MessageID}, $id, 'the key as a parameter');
};

subtest 'what waits' => sub {
    my $id = $gw->send_mail(as => $account, SendAt => '2099-01-01T00:00:00Z')->{json}{MessageID};
    is($id, undef, 'too far ahead');
    my $at = time + 86400;
    $id = $gw->send_mail(as => $account, SendAt => $at)->{json}{MessageID};
    my $reply = get($account, $id);
    is(join(', ', states($reply)), 'recipient to scheduled 0', 'scheduled');
    like($reply->{json}{SendAt}, $time, 'SendAt');
    is($reply->{json}{SendAt}, $reply->{json}{Recipients}[0]{NextAttempt}, '... is when it is tried');
    is($gw->sql("SELECT extract(epoch FROM '$reply->{json}{SendAt}'::timestamptz)::bigint"), $at, '... and what was asked for');

    $gw->stop('sender');
    my $due = $gw->send_mail(as => $account)->{json}{MessageID};
    is(join(', ', states(get($account, $due))), 'recipient to queued 0', 'queued');
    $gw->sql("UPDATE emailgw.queue SET leased = true, ready = false, next_at = now() + interval '1 minute' WHERE message_id = '$due'");
    $reply = get($account, $due);
    is(join(', ', states($reply)), 'recipient to sending 0', 'sending');
    is($reply->{json}{Recipients}[0]{NextAttempt}, undef, '... without a next attempt');
    $gw->sql("UPDATE emailgw.queue SET leased = false, ready = true, next_at = now() WHERE message_id = '$due'");
    $gw->start('sender');
    $gw->wait_for(sub { join(', ', states(get($account, $due))) eq 'recipient to delivered 1' }, 10, 'delivered');
    $gw->api('EmailGateway.ClearDomainQueue', as => $account, DomainID => $account->{domain_id});
    $gw->wait_for(sub { join(', ', states(get($account, $id))) eq 'recipient to cancelled 0' }, 10, 'cancelled');
};

subtest 'many events: the newest 100' => sub {
    my $id = $gw->send_mail(as => $account, To => to(map { "r$_\@example.org" } 1 .. 50), CC => to(map { "c$_\@example.org" } 1 .. 10))
        ->{json}{MessageID};
    $gw->wait_for(sub { $gw->sql("SELECT count(*) FROM emailgw.event WHERE message_id = '$id'") == 120 }, 20, '120 events');
    my $reply = get($account, $id);
    is(scalar(@{ $reply->{json}{Recipients} }), 60, 'all recipients');
    is_deeply($reply->{json}{Events}, [ $gw->events($id, $account) ], 'a hundred events, the newest');
};

subtest 'whose: 1, 13, 131' => sub {
    my $id = $gw->send_mail(as => $account)->{json}{MessageID};
    my $none = get($account, '01890000-0000-7000-8000-000000000001');
    is(codes($none), '404 131', 'an id that nothing has');
    like($none->{json}{Errors}[0]{Message}, qr/Invalid MessageID/, '... says so');
    my $second = $gw->ctl(qw(domain add), "second.$account->{domain}", '--user', $account->{username}, '--enable');
    my $key = $gw->ctl(qw(key add --user), $account->{username}, '--domain', "second.$account->{domain}", qw(--description test))->{key};
    for my $case ([ 'another account', $other, $id ], [ 'another domain of the account', { key => $key }, $id ],
        (map { [ "\"$_\"", $account, $_ ] } 'x', '1', $id . '0', substr($id, 1), "%27", '%FF%FE', '%E2%80%AE', 'batch.x', '%3Cscript%3E'))
    {
        my ($what, $as, $asked) = @$case;
        my $reply = get($as, $asked);
        is("$reply->{status} $reply->{body}", "404 $none->{body}", "$what: the same answer");
    }
    is(codes(get({ key => '' }, $id)), '401 1', 'no key');
    is(codes(get({ key => "$account->{key}x" }, $id)), '401 13', 'a wrong key');
    is(codes(get({ key => "$account->{key}x" }, 'x')), '401 13', '... also with no id');
    $gw->sql("UPDATE emailgw.api_key SET permissions = 'send' WHERE account_id = $account->{account_id}");
    is(codes(get($account, $id)), '401 13', 'a key that may not read events');
    $gw->sql("UPDATE emailgw.api_key SET permissions = 'send,webhooks,events' WHERE account_id = $account->{account_id}");
};

subtest 'paths and methods' => sub {
    my $id = $gw->send_mail(as => $account)->{json}{MessageID};
    for my $method (qw(POST PUT OPTIONS)) {
        my $reply = get($account, $id, method => $method);
        is("$reply->{status} $reply->{headers}{allow}", '405 GET, HEAD, DELETE, PATCH', $method);
        like($reply->{json}{Errors}[0]{Message}, qr{^/api/v1/email/<MessageID> takes}, "$method: without what was asked");
    }
    is(get($account, '%FF', method => 'POST')->{json}{Errors}[0]{Code}, 405, 'also where it is no text');
    for my $path ("$id/", "$id/x", '') {
        my $reply = get($account, $path);
        is($reply->{status}, 404, "/api/v1/email/$path: none of the gateway's");
        unlike($reply->{headers}{'content-type'}, qr/json/, '... who does not answer');
    }
};

$gw->log_clean;
done_testing;
