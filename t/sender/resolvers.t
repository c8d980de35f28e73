# Two DNS servers, of which the first cannot say anything of some names.
use EmailGW;
use EmailGW::Dns;
use EmailGW::Sink;
use Instance;

my $port = Instance::free_port();
my $sink = EmailGW::Sink->start(address => '127.0.1.1', port => $port);
my @dns = (EmailGW::Dns->up(broken => [ 'second.example', 'neither.example' ]), EmailGW::Dns->up(broken => ['neither.example']));
$dns[0]->zone('first.example', '@ MX 10 mx', 'mx A 127.0.1.1');
$dns[1]->zone('second.example', '@ MX 10 mx', 'mx A 127.0.1.1');
$dns[1]->zone('unknown.example', '@ MX 10 mx', 'mx A 127.0.1.1');

my $resolvers = join ',', map { $_->resolver } @dns;
my $conf = join "\n", 'poll = 20ms', 'retry = 300ms', 'lifetime = 2s', "mx_port = $port", 'mx_private = yes', "resolver = $resolvers", '';
my $gw = EmailGW->up(RATE => 'off', TRANSPORT => 'mx', SENDER_CONF => \$conf);
my %sent = map { $_ => $gw->send_mail(To => [ { email => "ann\@$_.example", name => '' } ])->{json}{MessageID} }
    qw(first second neither unknown);
ok($gw->drained(15), 'all end');
is($gw->story($sent{first}), 'delivery', 'what the first one knows');
is($gw->story($sent{second}), 'delivery', 'where it answers SERVFAIL the second one is asked');
is($gw->story($sent{unknown}), 'bounce', '... not where it says that there is no such name');
like($gw->story($sent{neither}), qr/\A(?:deferred )+bounce\z/, 'where both answer SERVFAIL the mail waits');
is($gw->newest_detail($sent{neither})->{smtp}{text},
    'the DNS did not answer for neither.example MX: no DNS server can be reached, or all of them answer SERVFAIL or REFUSED', '... and the event says why');
is(join(' ', sort map { $_->{to} } $sink->messages), 'ann@first.example ann@second.example', 'two arrived');

$gw->log_clean;
done_testing;
