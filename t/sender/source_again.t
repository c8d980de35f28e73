# A source address that comes to this machine while mail waits for it.
use EmailGW::Namespace;
use EmailGW;
use EmailGW::Sink;

my $sink = EmailGW::Sink->start;
my $gw = EmailGW->up(RATE => 'off', TRANSPORT => $sink->transport, SENDER_CONF => \"threads = 1\npoll = 20ms\nretry = 300ms\n");
my $account = $gw->new_account;
my $lines = sub { my ($id) = @_; return scalar grep { /$id: the source address 192\.0\.2\.77 / } $gw->log_lines(qr/sender\.log/) };
$gw->expects('EG0430');
$gw->ctl(qw(domain source), $account->{domain}, '192.0.2.77', '--user', $account->{username});

$gw->send_mail(as => $account) for 1 .. 3;
$gw->wait_for(sub { $gw->sql('SELECT count(*) FROM emailgw.event WHERE type = 3') >= 6 }, 10, 'retries');
is($lines->('EG0430'), 1, 'one line tells that it cannot be used');
is($lines->('EG0431'), 0, '... and none of anything better');
EmailGW::Namespace::give('192.0.2.77');
$gw->drained(10);
is(join(' ', map { $_->{peer} } $sink->messages), '192.0.2.77 192.0.2.77 192.0.2.77', 'the mail comes from there');
is($lines->('EG0431'), 1, 'one line tells of that');
is($lines->('EG0430'), 1, '... and there is no more');

$gw->log_clean;
done_testing;
