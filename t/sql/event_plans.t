# GetEvents, AggrEvents and DomainStats on half a million events of five accounts:
# every plan goes by indexes, with and without statistics, and every answer comes in
# bounded time, also where a search matches nothing or everything.
#
# Runs in a database of its own with the schema of the instance's.
use EmailGW;
use Encode ();

my $messages = 210_000;
my $bound = 8; # seconds of the server's CPU, which others on the machine do not change much
my $gw = EmailGW->up;
my $database = "emailgw_plans_$$";
my $main = $$;
my $dsn = $gw->env('DSN');
local $ENV{PGPASSWORD} = $2 if $dsn =~ s{^(\w+://[^:@/]+):([^@/]*)@}{$1@};
$gw->sql("CREATE DATABASE $database");
system("pg_dump --schema-only --schema=emailgw --schema=emailgw_api -d '$dsn' | psql -Xqd '@{[ other($dsn) ]}' >/dev/null") == 0
    or BAIL_OUT('the schema cannot be copied');

END {
    my $status = $?;
    $gw->sql("DROP DATABASE IF EXISTS $database WITH (FORCE)") if $gw && $main == $$;
    $? = $status;
}

sub other {
    return $_[0] =~ s{/emailgw\z}{/$database}r;
}

# What psql says on both of its outputs.
sub psql {
    my ($script) = @_;
    my ($status, $out, $err) = EmailGW::run_command(Encode::encode("UTF-8", $script), 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', other($dsn));
    die "$script\n$err" if $status;
    return ($out, $err);
}

psql("\\set messages $messages\n\\i t/sql/lib/half_million.psql\n");
my ($events) = psql('SELECT count(*) FROM emailgw.event');
chomp $events;
is($events, 500_500, 'half a million events');
my $of = '1, 1';
my ($mine, $sends) = (304_500, 126_000);

sub search {
    my ($fields, $texts, %with) = @_;
    return sprintf q{get_events(%s, %s, 100, %s, %s, %s::smallint, %s, '%s', '%s')}, $of, $with{start} // 0, $with{from} // 'NULL',
        $with{until} // 'NULL', $with{type} // 'NULL', $with{message} // 'NULL', $fields, $texts;
}

my ($message) = psql('SELECT message_id FROM emailgw.message WHERE account_id = 1 LIMIT 1');
chomp $message;
my $week_ago = "((now() AT TIME ZONE 'UTC')::date - 7)";

# What, the call, the total (undef: whatever), an index that must be used.
my @calls = (
    [ 'a page', search('{}', '{}'), $mine ],
    [ 'a page far behind', search('{}', '{}', start => 300_000), $mine ],
    [ 'a page beyond', search('{}', '{}', start => '9007199254740991'), $mine ],
    [ 'deliveries far behind', search('{}', '{}', start => 110_000, type => 2), 119_000 ],
    [ 'clicks', search('{}', '{}', start => 5000, type => 8), 10_500, qr/type_event_id_idx/ ],
    [ 'complaints, of which there are none', search('{}', '{}', type => 10), 0 ],
    [ 'a message', search('{}', '{}', message => "'$message'"), undef, qr/account_id_message_id_idx/ ],
    [ 'a word that is nowhere', search('{0}', '{zzzz}'), 0, qr/event_\d+_pkey/ ],
    [ 'a word that is everywhere', search('{0}', '{e}'), $mine, qr/event_\d+_pkey/ ],
    [ 'one that is everywhere, far behind', search('{0}', '{e}', start => 300_000), $mine ],
    [ '16 words', search('{' . join(',', (0) x 16) . '}', '{' . join(',', ('e') x 16) . '}'), $mine ],
    [ 'a subject that is nowhere', search('{1}', '{zzzz}'), 0, qr/message_\d+_pkey/ ],
    [ 'a subject in the other letter case', search('{1}', '{grüsse}'), 49_000 ],
    [ 'a subject of a day', search('{1}', '{zzzz}', from => $week_ago, until => $week_ago), 0 ],
    [ 'from', search('{2}', '{shop@}'), $mine ],
    [ 'to', search('{3}', '{user7919@}'), undef, qr/event_\d+_pkey/ ],
    [ 'domain', search('{4}', '{example.com}'), undef, qr/event_\d+_pkey/ ],
    [ 'tag', search('{5}', '{shop}'), undef ],
    [ 'url', search('{6}', '{/p/20}'), 2100, qr/type_event_id_idx/ ],
    [ 'ip', search('{7}', '{192.0.2.1}'), 42_000, qr/type_event_id_idx/ ],
    [ 'reason', search('{8}', '{550}'), 7000, qr/type_event_id_idx/ ],
    (map { [ "AggrEvents: $_", "aggr_events($of, '$_', NULL, NULL, 1000, '{a,b,c,d,e,f,g,h,i,j}')", undef,
        /Type|tag|day/ ? qr/daily/ : /URL/ ? qr/type_event_id_idx/ : qr/event_\d+_/ ] }
        qw(eventType day tag hour recipientDomain bounceReason mxHost smtpCode linkURL)),
    [ 'DomainStats', "domain_stats($of, NULL, NULL)", undef, qr/daily/ ],
    [ 'DomainStats of all of time', "domain_stats($of, '1970-01-01', '9999-12-31')" ],
);

sub check {
    my ($statistics) = @_;
    my $slowest = [ 0, '' ];
    for my $call (@calls) {
        my ($what, $sql, $total, $index) = @$call;
        my $column = $sql =~ /^get_events/ ? 'min(total)' : 'count(*)';
        my ($out, $plans) = psql("LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0; SET client_min_messages = log;
            SET auto_explain.log_nested_statements = on; SELECT $column FROM emailgw_api.$sql;
            SELECT pg_read_file('/proc/self/stat');");
        my ($got, $stat) = split /\n/, $out;
        my $seconds = do { my @stat = split ' ', $stat =~ s/.*\) //r; ($stat[11] + $stat[12]) / 100 };
        $slowest = [ $seconds, $what ] if $seconds > $slowest->[0];
        is($got, $total, "$statistics: $what: as many as there are") if defined $total;
        cmp_ok($seconds, '<', $bound, "$statistics: $what: answered in time");
        my %read = map { $_ => 1 } $plans =~ /Seq Scan on ((?:event|message|recipient|daily_count|queue)\w*)/g;
        is(join(' ', sort keys %read), '', "$statistics: $what: no table is read from end to end");
        like($plans, $index, "$statistics: $what: by its index") if $index;
    }
    diag(sprintf '%s: the slowest is "%s", %.2f s of CPU', $statistics, @{$slowest}[ 1, 0 ]);
}

check('without statistics');
psql('VACUUM ANALYZE');
check('with statistics');
done_testing;
