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

# What was upgraded before its database leases nothing until that is upgraded, too.
$gw->stop('sender');
$gw->sql('CREATE TABLE later AS SELECT * FROM emailgw.migration');
$gw->sql('DELETE FROM emailgw.migration WHERE number > 1');
$id = $gw->send_mail->{json}{MessageID};
$gw->expects('EG0101');
$gw->start('sender');
ok($gw->wait_for(sub { $is_said->('EG0101: claim_messages: the database lacks migration') }, 10, 'an error'), 'a database that lacks a migration is told of');
is($gw->sql("SELECT count(*) FROM emailgw.queue WHERE leased"), 0, '... nothing is leased');
$gw->sql('INSERT INTO emailgw.migration SELECT * FROM later WHERE number > 1');
ok($gw->wait_for(sub { $gw->outbox($id) }, 15, 'a delivery'), '... and with it mails go out');
$gw->log_clean;
done_testing;
