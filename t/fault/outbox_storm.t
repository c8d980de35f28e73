# 5,000 mails over 32 connections into the outbox while the sender, a child of httpd
# and PostgreSQL die: three ledgers, one story. The outbox keeps one copy of each
# mail, so second ones are not seen here (t/fault/storm.t counts them).
use EmailGW;
use EmailGW::Ledger;
use EmailGW::Storm;

my ($mails, $lease) = (5000, 5);
my $gw = EmailGW->up(RATE => 'off', SENDER_CONF => \"lease = ${lease}s\npoll = 20ms\n");

my @answers = EmailGW::Storm::run($gw, mails => $mails, connections => 32);
EmailGW::Storm::drain($gw, $lease + 60);

my $ledger = EmailGW::Ledger->new(client => \@answers, database => EmailGW::Ledger::database($gw),
    sink => [ map { $_->{file} =~ m{/([^/]+)-\d+\.eml\z} ? $1 : undef } $gw->outbox ]);
diag($_) for $ledger->counts;
my @violations = $ledger->violations;
diag($_) for @violations > 50 ? @violations[ 0 .. 49 ] : @violations;
is(scalar @violations, 0, 'what was told, what is stored and what came out agree');
is(scalar keys %{ $ledger->{accepted} }, $mails, 'all mails were taken');
is(scalar keys %{ $ledger->{refused} }, $mails / 100, '... but those that are none');
EmailGW::Storm::announce($gw);
$gw->log_clean;
done_testing;
