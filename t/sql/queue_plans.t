# What takes from the queues and records is planned once a connection, perhaps while they are
# empty, and is then asked while they are long: each step of it has to be a look-up all the same.
use EmailGW;

my $gw = EmailGW->up(TRANSPORT => 'outbox');
$gw->stop('sender');
$gw->sql('VACUUM ANALYZE emailgw.queue, emailgw.webhook_queue');

my %call = (
    claim_messages => '100, 60, 0',
    get_contents => q('{1}', ARRAY[emailgw.uuid7(now())], '{"{}"}'),
    record_attempts => q('{1}', ARRAY[emailgw.uuid7(now())], '{1}', '{1}', '{delivered}', '{0}', '{"{}"}'),
    claim_webhooks => q(100, 60, 0, '{}'),
    record_webhooks => q('{1}', '{1}', ARRAY[emailgw.uuid7(now())], '{1}', '{delivered}', '{0}', '{200}', '{NULL}', 60),
);

for my $name (sort keys %call) {
    my $dsn = $gw->env('DSN');
    local $ENV{PGPASSWORD} = $2 if $dsn =~ s{^(\w+://[^:@/]+):([^@/]*)@}{$1@};
    my $script = "LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0; SET auto_explain.log_nested_statements = on;\n"
        . "SET client_min_messages = log; SELECT * FROM emailgw_api.$name($call{$name});\n";
    my ($status, undef, $err) = EmailGW::run_command($script, 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $dsn, '-f', '-');
    is($status, 0, $name) or diag($err);
    my @lines = split /\n/, $err;
    my @scans = grep { $lines[$_] =~ /\bScan (?:using \w+ )?on (?:queue|webhook_queue)\b/ } 0 .. $#lines;
    cmp_ok(scalar @scans, '>', 0, '... looks into a queue');
    is(join("\n", map { "$lines[$_]\n$lines[$_ + 1]" } grep { $lines[ $_ + 1 ] !~ /\b(?:Index|TID|Recheck) Cond:/ } @scans), '', '... and never goes through it');
}
done_testing;
