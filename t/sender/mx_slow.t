# A destination that wants less, with a long queue: its mails stay in the database, and are
# not claimed only to be given back.
use EmailGW;
use EmailGW::Dns;
use EmailGW::Sink;
use Instance;
use Time::HiRes qw(sleep);

my $port = Instance::free_port();
my $sink = EmailGW::Sink->start(address => '127.0.1.1', port => $port,
    script => sub { $_[0] eq 'mail' ? { reply => '421 4.7.0 too fast', close => 1 } : undef });
my $dns = EmailGW::Dns->up;
$dns->zone('slow.example', map { ("d$_ MX 10 m$_", "m$_ A 127.0.1.1") } 1 .. 5);
my $conf = join "\n", 'threads = 1', 'poll = 20ms', 'retry = 1h', 'lifetime = 2d', 'hostname = mail.example.com', "mx_port = $port", '';
my $gw = EmailGW->up(RATE => 'off', TRANSPORT => 'mx', RESOLVER => $dns->resolver, SENDER_CONF => \$conf);
$gw->expects(qw(EG0360)); # servers that want nothing of us

# Counted at the rows: a row that is claimed and one that is given back has one more each.
sub updates { return scalar $gw->sql("SELECT pg_stat_get_tuples_updated('emailgw.queue'::regclass)") }

$gw->queue_mails(2000, email => "'a' || n || '\@d' || 1 + n % 5 || '.slow.example'");
ok($gw->wait_for(sub { $sink->ledger('mail') >= 20 }, 20, 'attempts'), 'it says so to mail after mail');
sleep 2; # statistics come a second late
my ($before, $tried) = (updates(), scalar(() = $sink->ledger('mail')));
sleep 12;
my ($updates, $tries) = (updates() - $before, (scalar(() = $sink->ledger('mail'))) - $tried);
cmp_ok($updates, '<', 1500, "$updates updates of the queue in 12 s, for $tries attempts");
cmp_ok($tries, '>', 0, '... and it is tried meanwhile');

$gw->log_clean;
done_testing;
