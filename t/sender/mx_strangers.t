# What the mail hosts of one domain do must not be held against others: anybody can name another's
# host among his own, and have many names of one host.
use EmailGW;
use EmailGW::Dns;
use EmailGW::Sink;
use Instance;
use Time::HiRes qw(sleep time);

my $port = Instance::free_port();
my $refuse = sub { $_[0] eq 'rcpt' && $_[1]{to} =~ /evil/ ? '550 5.7.1 no relaying' : undef };
my $less = sub { $_[0] eq 'mail' ? { reply => '421 4.7.0 too fast', close => 1 } : undef };
my $victim = EmailGW::Sink->start(address => '127.0.1.1', port => $port, script => $refuse);
my $provider = EmailGW::Sink->start(address => '127.0.1.2', port => $port, script => $refuse);
my $hostile = EmailGW::Sink->start(address => '127.0.1.3', port => $port, script => $less);
my $mute = EmailGW::Sink->start(address => '127.0.1.4', port => $port, script => sub { $_[0] eq 'connect' ? { hang => 1 } : undef });

my $dns = EmailGW::Dns->up;
$dns->zone('victim.example', '@ MX 10 mail', 'mail A 127.0.1.1');
$dns->zone('big.example', 'mx A 127.0.1.2');
$dns->zone("company$_.example", '@ MX 10 mx.big.example.') for 1 .. 2;
$dns->zone('evil-dead.example', '@ MX 10 mail.victim.example.', map { ("\@ MX 10 zz$_", "zz$_ A 127.0.1.9$_") } 1 .. 9);
# The order of equal ones in an answer changes: in some of these the provider's comes first.
$dns->zone("evil-less$_.example", '@ MX 10 mx.big.example.', map { ("\@ MX 10 zz$_", "zz$_ A 127.0.1.3") } 1 .. 3) for 1 .. 12;
$dns->zone('evil-mute.example', map { ("d$_ MX 10 m$_", "m$_ A 127.0.1.4") } 1 .. 100);
$dns->zone("mute$_.example", '@ MX 10 mail', 'mail A 127.0.1.4') for 1 .. 10;
$dns->zone('new.example', '@ MX 10 mail', 'mail A 127.0.1.2');

my $conf = join "\n", 'threads = 1', 'connections = 16', 'command_timeout = 2min', 'poll = 20ms', 'retry = 30s', 'lifetime = 10min', 'hostname = mail.example.com',
    "mx_port = $port", 'mx_rate = 0', 'mx_new_connections = 0', 'mx_destinations = big.example:5:100:0:opportunistic', '';
my $gw = EmailGW->up(RATE => 'off', TRANSPORT => 'mx', RESOLVER => $dns->resolver, SENDER_CONF => \$conf);
$gw->expects(qw(EG0360)); # servers that want nothing of us
my $stranger = $gw->new_account;

sub arrived {
    my ($sink, $to) = @_;
    return scalar grep { $_->{to} =~ $to } $sink->messages;
}

# Attempts that are over, of mails to such addresses.
sub attempts {
    my ($like) = @_;
    return $gw->sql('SELECT count(*) FROM emailgw.event JOIN emailgw.recipient AS r USING (message_id, recipient_no)'
        . " WHERE type <> 1 AND r.email LIKE '$like'");
}

subtest "another's host among dead ones" => sub {
    $gw->queue_mails(40, email => "'x' || n || '\@evil-dead.example'");
    ok($gw->wait_for(sub { attempts('%@evil-dead.example') >= 4 }, 10, 'attempts'), 'mails that fail');
    my $start = time;
    $gw->queue_mails(3, as => $stranger, email => "'ann' || n || '\@victim.example'");
    ok($gw->wait_for(sub { arrived($victim, qr/^ann/) == 3 }, 10, '3 mails'), sprintf 'its own mail goes on: %.1f s', time - $start);
};

subtest "a provider's host among some that want less" => sub {
    $gw->queue_mails(96, email => "'x' || n || '\@evil-less' || 1 + n % 12 || '.example'");
    ok($gw->wait_for(sub { $hostile->ledger('mail') >= 10 }, 10, 'attempts'), 'mails that are put off');
    my $start = time;
    $gw->queue_mails(20, as => $stranger, email => "'bob' || n || '\@company' || 1 + n % 2 || '.example'");
    ok($gw->wait_for(sub { arrived($provider, qr/^bob/) == 20 }, 10, '20 mails'),
        sprintf 'mail of its own customers goes on: %.1f s', time - $start);
};

subtest 'many names of one host that says nothing' => sub {
    my $taken = sub { scalar(() = $mute->ledger('connect')) };
    $gw->queue_mails(100, email => "'x\@d' || n || '.evil-mute.example'");
    ok($gw->wait_for(sub { $taken->() >= 8 }, 10, 'connections'), 'they have places');
    sleep 1;
    is($taken->(), 8, '... half of them');
    my $start = time;
    $gw->queue_mails(3, as => $stranger, email => "'cat' || n || '\@new.example'");
    ok($gw->wait_for(sub { arrived($provider, qr/^cat/) == 3 }, 10, '3 mails'), sprintf 'mail for others goes on: %.1f s', time - $start);
};

subtest 'many of them, of many organisations' => sub {
    my $taken = sub { scalar(() = $mute->ledger('connect')) };
    $gw->queue_mails(10, email => "'x\@mute' || n || '.example'");
    ok($gw->wait_for(sub { $taken->() >= 12 }, 10, 'connections'), 'they have places, too');
    sleep 1;
    is($taken->(), 12, '... three quarters');
    my $start = time;
    $gw->queue_mails(20, as => $stranger, email => "'dan' || n || '\@victim.example'");
    ok($gw->wait_for(sub { arrived($victim, qr/^dan/) == 20 }, 10, '20 mails'),
        sprintf 'mail for those who have answered goes on: %.1f s', time - $start);
};

$gw->log_clean;
done_testing;
