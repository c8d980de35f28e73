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

# What was upgraded before its database does nothing until that is upgraded, too: rows of
# older functions lack what is read of them.
$gw->stop('sender');
$id = $gw->send_mail->{json}{MessageID};
$gw->sql(<<'END');
DROP FUNCTION emailgw_api.made_for, emailgw_api.claim_webhooks;
CREATE FUNCTION emailgw_api.claim_webhooks(integer, integer, bigint, bigint[]) RETURNS TABLE (account_id bigint)
    LANGUAGE sql SECURITY DEFINER AS 'SELECT 1::bigint';
GRANT EXECUTE ON FUNCTION emailgw_api.claim_webhooks TO emailgw_sender;
UPDATE emailgw.code SET sha256 = '';
END
$gw->expects('EG0476');
$gw->stop('postgres'); # it waits for no answer of the database
$gw->start('sender');
ok($gw->wait_for(sub { $is_said->('EG0307: .*: connection to server .* failed: ') }, 10, 'a reason'),
    'that it cannot be reached is told with the reason that PostgreSQL gives');
$gw->start('postgres');
ok($gw->wait_for(sub { $is_said->('EG0476: .*: run emailgwctl migrate') >= 5 }, 15, 'errors'), 'a database that is older is told of');
sleep 2;
my $told = $is_said->('EG0476');
cmp_ok($told, '<=', 12, "... once by each thread: $told");
$gw->sql("CREATE FUNCTION emailgw_api.made_for() RETURNS integer LANGUAGE sql AS 'SELECT 31'");
$gw->sql('GRANT EXECUTE ON FUNCTION emailgw_api.made_for TO emailgw_sender');
sleep 2;
ok(kill(0, $gw->env('SENDER_PID')), '... the sender waits');
is($gw->sql('SELECT count(*) FROM emailgw.queue WHERE leased'), 0, '... and leases nothing');
$gw->ctl('migrate');
ok($gw->wait_for(sub { $gw->outbox($id) }, 15, 'a delivery'), 'after emailgwctl migrate mails go out');
ok(kill(0, $gw->env('SENDER_PID')), '... by the same process');
is($is_said->('EG0476'), $told, '... and nothing more was to be told');
$gw->log_clean;
done_testing;
