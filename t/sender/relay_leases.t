# Transfers that take long: their leases are renewed, SIGTERM waits for them, and a
# sender that was away past its lease says nothing more.
use EmailGW;
use EmailGW::Sink;
use Time::HiRes qw(sleep time);

my $conf = "threads = 1\npoll = 20ms\nlease = 5s\nretry = 300ms\n";

sub copies {
    my ($sink, $to) = @_;
    return scalar grep { $_->{to} eq $to } $sink->messages;
}

sub mail_to {
    my ($gw, @to) = @_;
    return $gw->send_mail(To => [ map { { email => $_, name => '' } } @to ])->{json}{MessageID};
}

subtest 'two senders, slow servers' => sub {
    my $sink = EmailGW::Sink->start(script => sub {
        my ($step, $c) = @_;
        return $step eq 'dot' && $c->{to} =~ /^slow/ ? { wait => EmailGW::allowed(8), reply => '250 2.0.0 at last' } : undef;
    });
    my $gw = EmailGW->up(TRANSPORT => $sink->transport, SENDERS => 2, SENDER_CONF => \$conf);
    my $start = time;
    mail_to($gw, map { "slow$_\@example.org" } 1 .. 3);
    sleep 0.5;
    mail_to($gw, map { "quick$_\@example.org" } 1 .. 50);
    $gw->wait_for(sub { 50 == grep { $_->{to} =~ /^quick/ } $sink->messages }, 5, 'the quick ones');
    cmp_ok(time - $start, '<', EmailGW::allowed(6), 'slow transfers hold up no other');
    $gw->drained(20);
    is(copies($sink, "slow$_\@example.org"), 1, "slower than its lease: sent once") for 1 .. 3;
    is(scalar($sink->messages), 53, 'each mail once');
    is($gw->sql('SELECT count(*) FROM emailgw.event WHERE type = 2'), 53, 'one delivery event each');
    is($gw->sql('SELECT max(attempts) FROM emailgw.recipient'), 1, 'one attempt each');
    $gw->log_clean;
};

subtest 'SIGTERM' => sub {
    my $sink = EmailGW::Sink->start(script => sub {
        my ($step, $c) = @_;
        return $step ne 'dot' ? undef : $c->{to} =~ /^never/ ? { hang => 1 } : { wait => 1, reply => '250 2.0.0 ok' };
    });
    my $gw = EmailGW->up(TRANSPORT => $sink->transport, SENDER_CONF => \"${conf}stop_timeout = 3s\nconnections = 4\n");
    mail_to($gw, map { "r$_\@example.org" } 1 .. 12);
    $gw->wait_for(sub { $sink->ledger('dot') >= 4 }, 10, 'four in flight');
    $gw->stop('sender');
    is($gw->sql('SELECT count(*) FROM emailgw.queue WHERE leased'), 0, 'nothing is left claimed');
    my $done = $sink->messages;
    cmp_ok($done, '>=', 4, 'what was in flight is finished');
    is($gw->sql('SELECT count(*) FROM emailgw.event WHERE type = 2'), $done, '... and recorded');
    is($gw->sql('SELECT count(*) FROM emailgw.queue'), 12 - $done, 'the rest waits');
    $gw->start('sender');
    $gw->drained(20);
    is(scalar($sink->messages), 12, 'all of it is sent then, once');

    $gw->expects('EG0364');
    mail_to($gw, 'never@example.org');
    $gw->wait_for(sub { grep { $_->{to} =~ /^never/ } $sink->ledger('dot') }, 10, 'one that hangs');
    my $start = time;
    $gw->stop('sender');
    my $took = time - $start;
    ok($took > 2.5 && $took < EmailGW::allowed(6), sprintf 'patience has an end (%.1f s)', $took);
    is($gw->sql('SELECT count(*) FROM emailgw.queue WHERE leased'), 1, 'what was left comes due with its lease');
    $gw->log_clean;
};

subtest 'SIGSTOP past the lease' => sub {
    my $sink = EmailGW::Sink->start(script => sub {
        my ($step, $c) = @_;
        return $step eq 'data' && $c->{tries} == 1 ? { wait => 2, reply => '354 go on' } : undef;
    });
    my $gw = EmailGW->up(TRANSPORT => $sink->transport, SENDERS => 2, SENDER_CONF => \"${conf}connections = 2\n");
    my @to = map { "r$_\@example.org" } 1 .. 6;
    mail_to($gw, @to);
    $gw->wait_for(sub { $sink->ledger('data') >= 2 }, 10, 'transfers');
    my ($first, $second) = split ' ', $gw->env('SENDER_PID');
    kill 'STOP', $first or die "kill: $!\n";
    ok($gw->wait_for(sub { !$gw->sql('SELECT count(*) FROM emailgw.queue') }, 20, 'an empty queue'),
        'the other one takes over at the end of the lease');
    kill 'CONT', $first or die "kill: $!\n";
    sleep 2;
    is(scalar(grep { copies($sink, $_) != 1 } @to), 0, 'each is sent once: who was away sends no final dot');
    is($gw->sql('SELECT count(*) FROM emailgw.event WHERE type = 2'), 6, 'one delivery event each');
    is($gw->sql('SELECT count(*) FROM emailgw.event WHERE type IN (3, 4)'), 0, 'and nothing else was written');
    my $id = mail_to($gw, map { "after$_\@example.org" } 1 .. 10);
    $gw->drained(10);
    is($gw->sql("SELECT count(*) FROM emailgw.event WHERE message_id = '$id' AND type = 2"), 10, 'both go on');
    $gw->log_clean;
};

done_testing;
