# A database that can lose what it has committed: emailgwctl tells, and the
# sender when it starts.
use EmailGW;

my $gw = EmailGW->up(SENDER_CONF => \"threads = 1\n");
my $said = sub { map { /EG0314: (.*)/ } $gw->log_lines(qr/sender\.log/) };
# Servers take a new setting over a moment after they are told to.
sub told {
    my ($what) = @_;
    return $gw->wait_for(sub { $gw->ctl('status')->{durability} eq $what }, 5, 'the new settings');
}

is($gw->ctl('status')->{durability}, 'ok', 'a sound one');
is_deeply([ $said->() ], [], 'the sender says nothing');

$gw->expects('EG0314');
$gw->sql("ALTER SYSTEM SET $_ = off") for qw(fsync full_page_writes);
$gw->sql('ALTER ROLE emailgw_sender SET synchronous_commit = off');
$gw->sql('SELECT pg_reload_conf()');
my $what = 'fsync is off, full_page_writes is off, synchronous_commit is off for emailgw_sender';
ok(told($what), 'emailgwctl status tells');
$gw->stop('sender');
$gw->start('sender');
is_deeply([ $said->() ], [ "a crash of the database can lose what it has committed: $what" ],
    'the sender warns once, before it is ready');

$gw->sql("ALTER SYSTEM RESET $_") for qw(fsync full_page_writes);
$gw->sql('SELECT pg_reload_conf()');
$gw->stop('sender');
$gw->start('sender');
like(($said->())[1], qr/: synchronous_commit is off for emailgw_sender\z/, 'its own setting is enough');

$gw->sql('ALTER ROLE emailgw_sender RESET synchronous_commit');
$gw->sql('ALTER SYSTEM SET synchronous_commit = off');
$gw->sql('SELECT pg_reload_conf()');
$what = 'synchronous_commit is off for emailgw_module and emailgw_sender';
ok(told($what), "the server's own");
$gw->log_clean;
done_testing;
