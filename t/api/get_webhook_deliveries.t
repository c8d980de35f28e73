# EmailGateway.GetWebhookDeliveries: what was and is to be posted, by state and page by
# page, and ReplayWebhook: one event or those of a time once more.
use EmailGW;
use EmailGW::ApiPhp;
use EmailGW::Receiver;

my $receiver = EmailGW::Receiver->up;
my $gw = EmailGW->up(WEBHOOK_ALLOW => $receiver->address, SENDER_CONF => \"poll = 20ms\nwebhook_retry = 1h\n");
my $account = $gw->new_account;
my $other = $gw->new_account;
my @domain = (DomainID => $account->{domain_id});

sub hook {
    my ($path, $event) = @_;
    return $gw->api('EmailGateway.AddWebhook', as => $account, @domain, Event => $event // 'send,delivery',
        WebhookURL => $receiver->url($path))->{json}{NewWebhookID};
}
sub get { return $gw->api('EmailGateway.GetWebhookDeliveries', as => $account, @domain, @_) }
sub rows { return @{ get(@_)->{json}{Deliveries} } }
sub replay { return $gw->api('EmailGateway.ReplayWebhook', as => $account, @_) }
sub tried {
    my ($hook, $count) = @_;
    return $gw->wait_for(sub { $gw->sql("SELECT count(*) FROM emailgw.webhook_delivery WHERE webhook_id = $hook") >= $count
        && $gw->sql("SELECT NOT EXISTS (SELECT FROM emailgw.webhook_queue WHERE webhook_id = $hook AND ready)") eq 't' },
        20, "$count posts tried");
}
my $second = $gw->ctl(qw(domain add), "second.$account->{domain}", '--user', $account->{username})->{domain_id};
my $theirs = $gw->api('EmailGateway.AddWebhook', as => $other, DomainID => $other->{domain_id}, Event => 'bounce',
    WebhookURL => 'https://hooks.example.org/')->{json}{NewWebhookID};

my ($good, $bad) = (hook('/ok/a'), hook('/status/500', 'delivery'));
my @ids = map { $gw->send_mail(as => $account, Subject => "Mail $_")->{json}{MessageID} } 1 .. 3;
tried($good, 6);
tried($bad, 3);

subtest 'what is told' => sub {
    my $reply = get(WebhookID => $good);
    is(outcome($reply), '200 0', 'answered') or diag($reply->{body});
    my @rows = @{ $reply->{json}{Deliveries} };
    is(scalar @rows, 6, 'each event once');
    is_deeply([ sort { $b cmp $a } map { $_->{EventID} } @rows ], [ map { $_->{EventID} } @rows ], '... the newest first');
    is($reply->{json}{Next}, undef, 'no other page');
    my ($row) = grep { $_->{Event} eq 'delivery' && $_->{MessageID} eq $ids[0] } @rows;
    my %time = map { $_ => delete $row->{$_} } qw(FirstAttempt LastAttempt);
    like($time{$_}, qr/^20\d\d-\d\d-\d\dT/, "$_: a time") for sort keys %time;
    my ($event) = grep { $_->{Event} eq 'delivery' && $_->{MessageID} eq $ids[0] } rows(WebhookID => $good);
    is_deeply($row, { EventID => $event->{EventID}, Event => 'delivery', MessageID => $ids[0], Recipient => $event->{Recipient},
        State => 'delivered', Attempts => 1, StatusCode => 200, Error => undef, NextAttempt => undef }, 'one that was taken');
    like($event->{Recipient}, qr/\@/, '... with its recipient');
    my @failing = rows(WebhookID => $bad);
    is_deeply([ map { "$_->{Event} $_->{State} $_->{Attempts} $_->{StatusCode}" } @failing ], [ ('delivery pending 1 500') x 3 ],
        'those that wait for another try');
    is($gw->sql("SELECT bool_and(next_at > now() + interval '50 minutes') FROM emailgw.webhook_queue WHERE webhook_id = $bad"), 't',
        '... for an hour');
    ok(!(grep { $_->{NextAttempt} !~ /^20\d\d-/ } @failing), '... and say until when');
};

subtest 'states and pages' => sub {
    $gw->sql("UPDATE emailgw.webhook_delivery SET state = 'failed', error = 'no more' WHERE webhook_id = $good AND event_id IN (
        SELECT event_id FROM emailgw.webhook_delivery WHERE webhook_id = $good ORDER BY 1 LIMIT 2)");
    my %count = map { my $state = $_; $state => scalar rows(WebhookID => $good, State => $state) } qw(pending delivered failed);
    is_deeply(\%count, { pending => 0, delivered => 4, failed => 2 }, 'by state');
    is(scalar rows(WebhookID => $bad, State => 'Pending'), 3, '... in any letter case');
    is(scalar rows(WebhookID => $good, State => ''), 6, '... and an empty one is all');
    is((rows(WebhookID => $good, State => 'failed'))[0]{Error}, 'no more', 'why it failed');
    for my $size (1, 2, 4, 6) {
        my (@seen, $after);
        do {
            my $page = get(WebhookID => $good, RetrieveCount => $size, $after ? (After => $after) : ())->{json};
            push @seen, map { $_->{EventID} } @{ $page->{Deliveries} };
            $after = $page->{Next};
        } while ($after && @seen < 100);
        is_deeply(\@seen, [ map { $_->{EventID} } rows(WebhookID => $good) ], "pages of $size are the whole list");
    }
    is_deeply([ rows(WebhookID => $good, RetrieveCount => 0) ], [], 'none when none is asked for');
};

subtest 'replay' => sub {
    my ($row) = grep { $_->{Event} eq 'delivery' && $_->{MessageID} eq $ids[0] } rows(WebhookID => $good);
    my $reply = replay(WebhookID => $good, EventID => $row->{EventID});
    is(outcome($reply) . " $reply->{json}{Posts}", '200 0 1', 'one event, which was taken before');
    ok($gw->wait_for(sub { 2 == grep { $_->{headers}{'webhook-id'} eq "$row->{EventID}_$good" } $receiver->requests('/ok/a') }, 20, 'a second post'),
        '... is posted again under its id');
    my $since = $gw->sql("SELECT to_char(now() - interval '1 hour', 'YYYY-MM-DD HH24:MI:SS')");
    is(replay(WebhookID => $good, StartDate => $since)->{json}{Posts}, 2, 'of an hour: those that were not taken');
    ok($gw->wait_for(sub { 6 == rows(WebhookID => $good, State => 'delivered') }, 20, 'taken now'), '... are taken now');
    is(replay(WebhookID => $good, StartDate => time - 3600, EndDate => time - 1800, All => 1)->{json}{Posts}, 0, 'before there was any');
    is(replay(WebhookID => $good, @domain, StartDate => time - 3600, All => 1)->{json}{Posts}, 6, 'all of them');
    is(replay(WebhookID => $bad, StartDate => time - 3600, All => 'yes')->{json}{Posts}, 0, 'what waits anyway is left to its time');
    $gw->sql("UPDATE emailgw.webhook SET status = 'Disabled', disabled_at = now(), disabled_reason = 'x' WHERE webhook_id = $good");
    refuses(replay(WebhookID => $good, EventID => $row->{EventID}), 8, '8: disabled');
    is(replay(WebhookID => $good, EventID => $row->{EventID}, Enable => 1)->{json}{Posts}, 1, '... and enabled first');
    is($gw->sql("SELECT status FROM emailgw.webhook WHERE webhook_id = $good"), 'Active', '... which it stays');
};

subtest 'errors' => sub {
    my %all = (WebhookID => $good, @domain);
    refuses($gw->api('EmailGateway.GetWebhookDeliveries', as => $account, %all, $_ => undef), 1, "1: no $_") for qw(WebhookID DomainID);
    refuses(get(WebhookID => $good, DomainID => 999999999), 2, '2: no such domain');
    refuses(get(WebhookID => $good, DomainID => $other->{domain_id}), 2, '2: another account\'s domain');
    refuses(get(WebhookID => $good, DomainID => $second), 3, '3: of another domain');
    refuses(get(WebhookID => $_), 4, "4: $_") for 999999999, $theirs;
    is(get(WebhookID => $theirs)->{body}, get(WebhookID => 999999999)->{body}, '... in the same words');
    refuses(get(%all, State => 'gone'), 5, '5: State');
    refuses(get(%all, RetrieveCount => $_), 6, "6: RetrieveCount $_") for -1, 'x', 1.5;
    refuses(get(%all, After => $_), 7, "7: After $_") for 'x', 7;
    takes_ids_only($gw, 'EmailGateway.GetWebhookDeliveries', $account, 'WebhookID', absent => 1, invalid => 4, fresh => sub { %all });
    takes_ids_only($gw, 'EmailGateway.GetWebhookDeliveries', $account, 'DomainID', absent => 1, invalid => 2, fresh => sub { %all });

    my @hour = (StartDate => time - 3600);
    refuses(replay(@hour), 1, 'replay 1: no WebhookID');
    refuses(replay(WebhookID => $good, @hour, DomainID => 999999999), 2, 'replay 2');
    refuses(replay(WebhookID => $good, @hour, DomainID => $second), 3, 'replay 3');
    refuses(replay(WebhookID => $_, @hour), 4, "replay 4: $_") for 999999999, $theirs;
    refuses(replay(WebhookID => $good), 5, 'replay 5: neither event nor time');
    my $event = (rows(WebhookID => $good))[0]{EventID};
    refuses(replay(WebhookID => $good, @hour, EventID => $event), 5, 'replay 5: both');
    refuses(replay(WebhookID => $good, EventID => $_), 6, "replay 6: $_") for 'x', '01890000-0000-7000-8000-000000000001';
    my ($send) = grep { $_->{Event} eq 'send' } rows(WebhookID => $good);
    refuses(replay(WebhookID => $bad, EventID => $send->{EventID}), 6, 'replay 6: not what the webhook is told of');
    refuses(replay(WebhookID => $good, StartDate => time - 15 * 86400), 7, 'replay 7: older than 14 days');
    refuses(replay(WebhookID => $good, StartDate => $_), 108, "replay 108: $_") for 'yesterday', '2026-11-30';
    refuses(replay(WebhookID => $good, @hour, EndDate => $_), 109, "replay 109: $_") for '2026-02-30', '2026-11-30';
    refuses(replay(WebhookID => $good, @hour, All => 'perhaps'), 9, 'replay 9: All');
    refuses(replay(WebhookID => $good, @hour, Enable => 'perhaps'), 10, 'replay 10: Enable');
    is($gw->sql("SELECT r.status || ' ' || r.posts FROM emailgw_api.replay_webhook($account->{account_id}, NULL, $good, NULL,
        now() - interval '1 hour', now(), true, false, 3) AS r"), '116 0', '116: more than may be repeated at once, and none is');
};

common_rules($gw, 'EmailGateway.GetWebhookDeliveries', $account, sub { (@domain, WebhookID => $good, State => 'failed') });
common_rules($gw, 'EmailGateway.ReplayWebhook', $account, sub { (@domain, WebhookID => $bad, StartDate => time - 3600) });

$gw->log_clean;
done_testing;
