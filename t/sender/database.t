# The database goes away and comes back: said once each, nothing is delivered
# that cannot be recorded, and the sender needs no restart.
use EmailGW;
use Time::HiRes qw(sleep);

my $gw = EmailGW->up(SENDER_CONF => \"threads = 1\npoll = 20ms\n");
my $id = $gw->send_mail->{json}{MessageID};
$gw->wait_for(sub { $gw->outbox($id) }, 10, 'a delivery');

$gw->expects_database_away;
$gw->stop('postgres');
my $is_said = sub { my ($what) = @_; scalar grep { /$what/ } $gw->log_lines(qr/sender\.log/) };
ok($gw->wait_for(sub { $is_said->('EG0307') }, 5, 'a warning'), 'the log tells when it begins');
sleep 2;
is($is_said->('EG0307'), 1, 'once, not at each try');

$gw->start('postgres');
ok($gw->wait_for(sub { $is_said->('EG0308') }, 10, 'the end'), 'and when it ends');
$id = $gw->send_mail->{json}{MessageID};
ok($gw->wait_for(sub { @{[ $gw->events($id) ]} == 2 }, 10, 'both events'), 'mails go out again');
is(scalar($gw->outbox($id)), 1, 'once');
ok(kill(0, $gw->env('SENDER_PID')), 'by the same process');
$gw->log_clean;
done_testing;
