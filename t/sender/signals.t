# SIGTERM finishes what is in flight and gives the rest back; SIGHUP reads the
# configuration and opens the log again, and a broken file changes nothing.
use EmailGW;
use Instance::Process;
use Time::HiRes qw(sleep time);

my $gw = EmailGW->up(SENDER_CONF => \"claim_batch = 500\npoll = 20ms\n");
my $extra = $gw->env('SENDER_CONF') =~ s{[^/]+\z}{extra-sender.conf}r;
my $log = $gw->env('LOGS') . '/sender.log';

sub write_file {
    my ($path, $text) = @_;
    open my $file, '>', $path or die "$path: $!\n";
    print {$file} $text;
    close $file or die "$path: $!\n";
}

# The lines of the log and of the one before.
sub log_has {
    my ($pattern) = @_;
    return scalar grep { /$pattern/ } map {
        open my $file, '<', $_ or die "$_: $!\n";
        <$file>;
    } grep { -e } $log, "$log.1";
}

sub hang_up {
    kill 'HUP', $gw->env('SENDER_PID') or die "kill: $!\n";
}

sub waiting {
    return $gw->sql('SELECT count(*) FROM emailgw.queue');
}

subtest 'SIGTERM' => sub {
    my ($requests, $each) = (20, 50);
    my $total = $requests * $each;
    $gw->stop('sender');
    ok(!-e $gw->env('SENDER_CONF') =~ s{/conf/.*}{/run/sender-1.pid}r, 'the pid file goes with the sender');
    for my $n (1 .. $requests) {
        my $reply = $gw->send_mail(To => [ map { { email => "r$n-$_\@example.org", name => '' } } 1 .. $each ]);
        is($reply->{status}, 200, 'accepted') or diag($reply->{body});
    }
    $gw->start('sender');
    $gw->wait_for(sub { waiting() < $total }, 10, 'the first deliveries');
    $gw->stop('sender');
    my $left = waiting();
    cmp_ok($left, '>', 0, "stopped in the middle: $left of $total wait");
    is($gw->sql('SELECT count(*) FROM emailgw.queue WHERE leased'), 0, 'nothing is left claimed');
    is(scalar($gw->outbox), $total - $left, 'what was begun is delivered and recorded');
    ok(log_has(qr/ info EG0301: stopped/), 'the log says so');
    $gw->start('sender');
    $gw->wait_for(sub { !waiting() }, 20, 'the rest');
    is(scalar($gw->outbox), $total, 'the rest follows');
    is(log_has(qr/EG0310: delivered /), $total, 'and nothing went twice');
};

subtest 'SIGHUP' => sub {
    rename $log, "$log.1" or die "$log: $!\n";
    hang_up();
    ok($gw->wait_for(sub { -s $log }, 5, 'a new log file'), 'the log is opened again');
    my $id = $gw->send_mail->{json}{MessageID};
    ok($gw->wait_for(sub { log_has(qr/EG0310: delivered message=\Q$id\E /) }, 5, 'its line'), 'and written to');

    $gw->expects('EG0303');
    write_file($extra, "poll = never\n");
    rename $log, "$log.2" or die "$log: $!\n";
    hang_up();
    ok($gw->wait_for(sub { -s $log }, 5, 'a new log file'), 'a log that was turned is left behind also where the file is wrong');
    ok($gw->wait_for(sub { log_has(qr/ err EG0303: .*extra-sender\.conf:1: /) }, 5, 'a complaint'),
        'a wrong file is refused by name and line');
    $id = $gw->send_mail->{json}{MessageID};
    ok($gw->wait_for(sub { log_has(qr/EG0310: delivered message=\Q$id\E /) }, 5, 'a delivery'), 'the sender goes on as before');

    write_file($extra, "transport = mx\nmx_destinations = a.example:1\n");
    hang_up();
    ok($gw->wait_for(sub { log_has(qr/ err EG0303: .*mx_destinations: "a\.example:1"/) }, 5, 'a complaint'),
        'a transport that cannot work so is refused');

    write_file($extra, "log_level = err\n");
    my $before = log_has(qr/EG0310/);
    hang_up();
    sleep 1;
    $id = $gw->send_mail->{json}{MessageID};
    ok($gw->wait_for(sub { @{[ $gw->events($id) ]} == 2 }, 5, 'both events'), 'delivered');
    is(log_has(qr/EG0310/), $before, 'log_level = err is in force: no more lines of deliveries');
};

subtest 'SIGTERM while the database hangs' => sub {
    write_file($extra, "stop_timeout = 1s\n");
    hang_up();
    my $id = $gw->send_mail->{json}{MessageID};
    ok($gw->wait_for(sub { @{[ $gw->events($id) ]} == 2 }, 5, 'both events'), 'delivered before');
    my @database = $gw->family('postgres');
    my $sender = Instance::Process::id($gw->env('SENDER_PID'));
    Instance::Process::signal('STOP', @database);
    sleep 1;
    my $begun = time;
    Instance::Process::signal('TERM', $sender);
    ok(Instance::Process::gone(30, $sender), 'it ends');
    cmp_ok(time - $begun, '>=', 20, '... when it might have recorded all');
    Instance::Process::signal('CONT', @database);
    ok(log_has(qr/ warn EG0470: /), '... and says so');
    $gw->expects('EG0470');
    $gw->start('sender');
    $id = $gw->send_mail->{json}{MessageID};
    ok($gw->wait_for(sub { @{[ $gw->events($id) ]} == 2 }, 10, 'both events'), 'the next one goes on');
};

$gw->log_clean;
done_testing;
