# PostgreSQL is away for longer than a lease while mails are at their server, which takes them
# meanwhile: the threads of a sender record first what they have sent, and no other one claims it.
use EmailGW;
use EmailGW::Sink;
use Instance::Process;

my ($mails, $threads, $connections, $lease) = (120, 4, 20, 5);
my $sink = EmailGW::Sink->start(script => sub { $_[0] eq 'dot' ? { wait => 2, reply => '250 2.0.0 taken' } : undef });
my $gw = EmailGW->up(RATE => 'off', TRANSPORT => $sink->transport, SENDER_CONF => \<<"END");
lease = ${lease}s
poll = 20ms
threads = $threads
connections = $connections
relay_connections = $connections
END
$gw->expects_database_away;

subtest 'away for longer than a lease' => sub {
    my @ids = map { $gw->send_mail->{json}{MessageID} } 1 .. $mails;
    $gw->wait_for(sub { grep({ $_->{step} eq 'dot' } $sink->ledger) >= $threads * $connections / 2 }, 10, 'mails at the server');
    my $before = $gw->sql("SELECT count(*) FROM emailgw.recipient WHERE status = 'delivered'");
    my $postmaster = Instance::Process::id($gw->env('POSTGRES_PID'));
    Instance::Process::signal('QUIT', $postmaster);
    Instance::Process::gone(20, $postmaster) or die "PostgreSQL does not stop\n";
    sleep 2 * $lease;
    my $taken = $sink->messages;
    my $back = time;
    $gw->start('postgres');
    $gw->wait_for(sub { !$gw->sql('SELECT count(*) FROM emailgw.queue') }, 60, 'an empty queue');
    cmp_ok($taken - $before, '>=', $threads * $connections / 2, 'mails were taken that nobody could record: ' . ($taken - $before));
    cmp_ok($gw->sql("SELECT count(*) FROM emailgw.recipient WHERE finished_at < to_timestamp($back) - interval '2 s'"), '>=', $taken,
        '... and ended when they were taken');
    my %copies;
    $copies{ $_->{id} }++ for $sink->messages;
    is(scalar keys %copies, $mails, 'all came');
    is(scalar(grep { $_ > 1 } values %copies), 0, '... once');
    is($gw->sql("SELECT count(*) FROM emailgw.event WHERE type = 2"), $mails, 'each has one delivery');
};

$gw->log_clean;
done_testing;
