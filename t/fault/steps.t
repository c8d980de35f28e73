# kill -9 of the sender at each step of a delivery, twenty times a step: nothing is
# lost, each mail has one final event, and a second copy, of the same bytes, goes
# out only where no reply was read or its record was lost. Twenty senders with one
# connection each stand at the step, then all of them die at once.
use EmailGW;
use EmailGW::Sink;
use Instance;
use IO::Socket::INET;
use Time::HiRes qw(sleep time);

my ($kills, $lease) = (20, 5);
my $slack = EmailGW::allowed(4); # seconds for what comes after the end of a lease
my $large = ('A line of a large mail.' . ' -' x 26 . "\n") x 28000; # more than the kernel buffers
my $read = 32768;                       # bytes of it that the sink reads
my $port = Instance::free_port();
my $gw = EmailGW->up(TRANSPORT => "relay:127.0.0.1:$port", SENDERS => $kills, RATE => 'off',
    SENDER_CONF => \<<"END");
threads = 1
connections = 1
claim_batch = 1
poll = 100ms
lease = ${lease}s
retry = 300ms
END
my ($established, $syn_sent) = ('01', '02'); # as /proc/net/tcp has it
my $hold = $gw->file('hold', ''); # while it is there the sink keeps senders at the step
$gw->stop('sender');

# at: where that is at the sink, does: what the sink does there (by default nothing
# more), ledger or there: what tells how many senders are there (by default the
# ledger's entries of `at`), kill: how they die (by default at once), twice: a
# second copy is allowed.
my @steps = (
    { name => 'claimed', deaf => 1, there => \&asking },
    { name => 'connected', at => 'connect' },
    { name => 'MAIL', at => 'mail' },
    { name => 'RCPT', at => 'rcpt' },
    { name => 'DATA', at => 'data' },
    { name => 'half the body', at => 'data', does => { stall => $read, reply => '354 go on' },
        ledger => 'stall', content => $large, kill => \&kill_in_body },
    { name => 'dot sent, no reply', at => 'dot', does => { taken => 1, hang => 1 }, twice => 1 },
    { name => 'reply read, not committed', at => 'dot', does => \&reply_later, twice => 1,
        kill => \&kill_before_commit },
    { name => 'committed', at => 'dot', does => \&reply_later, recorded => 1, kill => \&kill_after_commit },
);

# ---- where the senders stand ---------------------------------------------------

# The kernel's view of connections between senders and the sink's port, in one
# state: port of the sender => bytes that are on the way, in both queues together.
sub connections {
    my ($state) = @_;
    my %bytes;
    open my $table, '<', '/proc/net/tcp' or die "/proc/net/tcp: $!\n";
    while (<$table>) {
        my ($local, $remote, $is, $sent, $received) = /: \w+:(\w+) \w+:(\w+) (\w+) (\w+):(\w+)/ or next;
        next if $is ne $state || $port != hex $local && $port != hex $remote;
        $bytes{ $port == hex $local ? $remote : $local } += hex($sent) + hex $received;
    }
    return %bytes;
}

sub asking {
    my %bytes = connections($syn_sent);
    return scalar keys %bytes;
}

# A port where connecting takes for ever: its queue of connections is full.
sub deaf_port {
    my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 1, ReuseAddr => 1)
        or die "port $port: $!\n";
    my @inside;
    while (my $client = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Timeout => 0.5)) {
        push @inside, $client;
        die "port $port takes all connections\n" if @inside > 20;
    }
    return [ $listener, @inside ];
}

sub sink {
    my ($step) = @_;
    return EmailGW::Sink->start(port => $port, segment => 1460, digest => 1, script => sub {
        my ($at, $c) = @_;
        return undef if $at ne ($step->{at} // '') || !-e $hold;
        my $does = $step->{does} // { hang => 1 };
        return ref $does eq 'CODE' ? $does->() : $does;
    });
}

sub reply_later {
    sleep 0.02 while -e $hold;
    return undef;
}

# ---- how they die -------------------------------------------------------------

sub senders {
    return split ' ', $gw->env('SENDER_PID');
}

sub kill_all {
    is(kill('KILL', senders()), $kills, "$kills senders are killed");
    return time;
}

sub kill_in_body {
    sleep 0.5; # until the queues are full
    my %bytes = connections($established);
    my ($most) = sort { $b <=> $a } values %bytes;
    is(scalar(keys %bytes), $kills, 'as many connections');
    cmp_ok($read + $most, '<', length $large,
        sprintf 'of %d bytes each, at most %d have left the sender', length $large, $read + $most);
    return kill_all();
}

# Records wait while another transaction keeps the table of events from changing.
sub lock_events {
    my $dsn = $gw->env('DSN');
    local $ENV{PGPASSWORD} = $dsn =~ s{^(\w+://[^:@/]+):([^@/]*)@}{$1@} ? $2 : '';
    open my $psql, '|-', 'psql', '-Xqd', $dsn or die "psql: $!\n";
    $psql->autoflush;
    print {$psql} "BEGIN; LOCK TABLE emailgw.event IN SHARE MODE;\n";
    $gw->wait_for(sub { $gw->sql("SELECT count(*) FROM pg_locks WHERE relation = 'emailgw.event'::regclass
        AND mode = 'ShareLock' AND granted") }, 10, 'the lock');
    return $psql;
}

my $recording = "FROM pg_stat_activity WHERE application_name = 'emailgw-sender' AND wait_event_type = 'Lock'
    AND query LIKE '%record_attempts%'";

# All replies are read, all records begun.
sub wait_in_record {
    my $psql = lock_events();
    unlink $hold;
    $gw->wait_for(sub { $gw->sql("SELECT count(*) $recording") == $kills }, 20, 'records that wait');
    return $psql;
}

# What a dead sender has asked for PostgreSQL would still do: as if the request had not arrived.
sub kill_before_commit {
    my $psql = wait_in_record();
    my $at = kill_all();
    is($gw->sql("SELECT count(pg_terminate_backend(pid)) $recording"), $kills, '... and their records with them');
    close $psql;
    return $at;
}

# The records are committed, and no sender has seen that.
sub kill_after_commit {
    my $psql = wait_in_record();
    kill 'STOP', senders();
    close $psql;
    $gw->drained(10);
    return kill_all();
}

# ---- a step --------------------------------------------------------------------

sub standing {
    my ($step, $sink) = @_;
    return $step->{there}->() if $step->{there};
    return scalar(() = $sink->ledger($step->{ledger} // $step->{at}));
}

# Queued with no sender about, so that each takes one; back are the sink and the time of the kills.
sub kill_at {
    my ($step, @to) = @_;
    $gw->file('hold', '');
    for my $to (@to) {
        my $reply = $gw->send_mail(To => [ { email => $to, name => '' } ],
            PlainContent => $step->{content} // "Hello.\n");
        die "$to: $reply->{status} $reply->{body}\n" if $reply->{status} != 200;
    }
    my $deaf = $step->{deaf} && deaf_port();
    my $sink = $deaf ? undef : sink($step);
    $gw->start('sender');
    my $all = sub { standing($step, $sink) == $kills && leased() == $kills };
    ok($gw->wait_for($all, 30, 'all senders at the step'), "$kills senders stand there");
    my $at = ($step->{kill} // \&kill_all)->();
    $gw->kill('sender'); # they are dead: for the harness's book-keeping
    unlink $hold;
    undef $deaf;
    return ($sink // sink($step), $at);
}

sub leased {
    return $gw->sql('SELECT count(*) FROM emailgw.queue WHERE leased');
}

# How the mails of a step ended, in the tables.
sub check_tables {
    my (@to) = @_;
    my $whom = 'email IN (' . join(', ', map { "'$_'" } @to) . ')';
    my $delivered = "emailgw.recipient WHERE $whom AND status = 'delivered'";
    my $event = "emailgw.event WHERE $whom AND type";
    is($gw->sql("SELECT count(*) FROM $delivered"), $kills, 'all are delivered');
    is($gw->sql("SELECT count(DISTINCT email) FROM $event = 2"), $kills, '... and their events say so');
    is($gw->sql("SELECT count(*) FROM $event <> 1"), $kills, '... one each, and no other');
}

sub check_sink {
    my ($step, $sink, @to) = @_;
    my (%copies, %same);
    for my $mail ($sink->messages) {
        $copies{ $mail->{to} }++;
        $same{ join ' ', @$mail{qw(to from id sha256 size)} } = 1;
    }
    my $most = $step->{twice} ? 2 : 1;
    is(scalar(grep { !$copies{$_} } @to), 0, 'nothing is lost');
    is(scalar(grep { $_ > $most } values %copies), 0, $step->{twice} ? 'no mail comes a third time' : 'or comes twice');
    is(scalar(keys %same), $kills, 'all copies of a mail are the same, with its Message-ID');
    return scalar grep { $_ > 1 } values %copies;
}

# Seconds from the kill until each of the mails was taken, the last copy counts.
sub waits {
    my ($sink, $killed) = @_;
    my %last = map { $_->{to} => $_->{at} - $killed } $sink->messages;
    return sort { $a <=> $b } values %last;
}

# How many mails came twice.
sub run_step {
    my ($step, @to) = @_;
    my ($sink, $killed) = kill_at($step, @to);
    $gw->start('sender');
    ok($gw->drained($lease + 25), 'the queue is empty');
    $gw->stop('sender');
    check_tables(@to);
    my $twice = check_sink($step, $sink, @to);
    my ($first, $last) = (waits($sink, $killed))[0, -1];
    cmp_ok($last, '<', $lease + $slack, 'released within the lease');
    diag(sprintf '%s: %d second copies, %s', $step->{name}, $twice, $step->{recorded} ? 'none had to wait'
        : sprintf 'taken %.1f to %.1f s after the kill (lease %d s)', $first, $last, $lease);
    $sink->stop;
    return $twice;
}

my $second_copies = 0;
for my $no (0 .. $#steps) {
    my @to = map { "step$no-$_\@example.org" } 1 .. $kills;
    subtest $steps[$no]{name} => sub { $second_copies += run_step($steps[$no], @to) };
}
diag(sprintf '%d kills, %d second copies', $kills * @steps, $second_copies);
$gw->log_clean;
done_testing;
