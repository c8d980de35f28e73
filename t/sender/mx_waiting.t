# Mails of the transport mx that wait for DNS take nobody's place, hold up no end of the
# sender, and go by another resolver as soon as the configuration names one.
use EmailGW;
use EmailGW::Dns;
use EmailGW::Sink;
use Instance;
use IO::Socket::IP;
use Time::HiRes qw(time);

my $port = Instance::free_port();
my $sink = EmailGW::Sink->start(address => '127.0.1.1', port => $port);
my $dns = EmailGW::Dns->up(silent => ['silent.example']);
$dns->zone('live.example', '@ MX 10 mail', 'mail A 127.0.1.1');

my $patience = 20; # seconds that an answer is waited for
my @conf = ('threads = 1', 'connections = 8', 'poll = 20ms', 'retry = 300ms', 'lifetime = 5min', 'hostname = mail.example.com',
    "mx_port = $port", 'mx_rate = 0', 'mx_new_connections = 0');
my $conf = join "\n", @conf, "resolver_timeout = ${patience}s", '';
my $gw = EmailGW->up(RATE => 'off', TRANSPORT => 'mx', RESOLVER => $dns->resolver, SENDER_CONF => \$conf);

sub log_has {
    my ($pattern) = @_;
    open my $log, '<', $gw->env('LOGS') . '/sender.log' or die "sender.log: $!\n";
    return scalar grep { /$pattern/ } <$log>;
}

sub arrived {
    my ($to) = @_;
    return scalar grep { $_->{to} =~ $to } $sink->messages;
}

sub leased { return scalar $gw->sql('SELECT count(*) FROM emailgw.queue WHERE leased') }

subtest 'many domains whose servers say nothing' => sub {
    $gw->queue_mails(400, email => "'a\@d' || n || '.silent.example'");
    ok($gw->wait_for(sub { leased() >= 8 }, 5, 'waiting mails'), 'as many of them as there are places wait');
    my $start = time;
    $gw->queue_mails(100, email => "'live' || n || '\@live.example'");
    ok($gw->wait_for(sub { arrived(qr/^live/) == 100 }, 15, '100 others'), '100 mails to a live one arrive beside them');
    cmp_ok(time - $start, '<', $patience * 0.75, sprintf '... in %.1f s', time - $start);
    cmp_ok(leased(), '<=', 4 * 8 + 3 * 8, 'most wait in the database'); # those that wait, are under way, are claimed next
};

subtest 'the sender is to end' => sub {
    my $start = time;
    $gw->stop('sender');
    cmp_ok(time - $start, '<', EmailGW::allowed(4), 'it does not wait for an answer');
    is(leased(), 0, 'nothing is left claimed');
    is($gw->sql("SELECT count(*) FROM emailgw.queue WHERE email LIKE '%.silent.example'"), 400, 'all of them are still there');
    is($gw->sql("SELECT count(*) FROM emailgw.event AS e JOIN emailgw.recipient AS r USING (message_id, recipient_no)"
        . " WHERE r.email LIKE '%.silent.example' AND e.type <> 1"), 0, 'and nothing was said of them');
    ok(!log_has(qr/EG0364/), 'none may go twice');
    $gw->start('sender');
};

subtest 'another resolver' => sub {
    $gw->wait_for(sub { leased() >= 8 }, 5, 'waiting mails');
    my $other = EmailGW::Dns->up;
    $other->zone('silent.example', "mail A 127.0.1.1", map { "d$_ MX 10 mail" } 1 .. 400);
    my $start = time;
    $gw->reload_sender(join "\n", @conf, 'resolver = ' . $other->resolver, 'resolver_timeout = 2s', '');
    ok($gw->wait_for(sub { arrived(qr/silent/) >= 350 }, $patience * 0.5, '350 mails'), sprintf 'most go by it, after %.1f s', time - $start);
    # Looks at MTA-STS that have begun go on as they began.
    ok($gw->wait_for(sub { arrived(qr/silent/) == 400 }, 2 * $patience + 10, '400 mails'), sprintf 'all do, after %.1f s', time - $start);
    ok($gw->drained(10), 'nothing is left');
};

# A stranger's domains, each with a record and a policy host that says nothing.
subtest 'many domains whose policies cannot be had' => sub {
    my $mute = IO::Socket::IP->new(Listen => 1024, LocalHost => '127.0.0.1', LocalPort => 0, GetAddrInfoFlags => 0) or die "$!\n";
    my $at = '127.0.0.1:' . $mute->sockport;
    $dns->zone('evil.example', 'mail A 127.0.1.1', '* MX 10 mail', '* TXT "v=STSv1; id=1"', '* A 127.0.0.1');
    $dns->zone("other$_.example", '@ MX 10 mail', 'mail A 127.0.1.1') for 1 .. 5;
    $gw->reload_sender(join "\n", @conf, 'resolver = ' . $dns->resolver, 'resolver_timeout = 500ms', 'sts_timeout = 2s',
        'sts_port = ' . $mute->sockport, "sts_allow = $at", '');
    $gw->expects('EG0421');
    my $start = time;
    $gw->queue_mails(400, email => "'u\@a' || n || '.evil.example'");
    $gw->wait_for(sub { leased() >= 8 }, 5, 'waiting mails');
    my $before = time;
    $gw->queue_mails(5, as => $gw->new_account, email => "'ann\@other' || n || '.example'");
    ok($gw->wait_for(sub { arrived(qr/^ann/) == 5 }, 10, 'mails to domains that nobody has looked at'), sprintf 'others hardly wait: %.1f s', time - $before);
    # 8 looks of 2 s at a time would take 100 s.
    ok($gw->wait_for(sub { arrived(qr/evil/) == 400 }, 40, '400 mails'), sprintf 'nor do those wait for all looks: %.1f s', time - $start);
    ok($gw->drained(10), 'nothing is left');
};

done_testing;
