#!/usr/bin/perl
# What one session cannot show: limits exact under concurrent requests, rows
# never claimed by two, one mail for one idempotency key, a cut-off beside claims
# and accepts, opens beside deliveries, partitions made and housekeeping done by several at once.
#
# Runs in a database of its own with the schema of the one that EG_DSN names, or
# DSN in the file env of the directory EG_INSTANCE.
use strict;
use warnings;
use IPC::Open2;
use Test::More;
use Time::HiRes qw(sleep);

my $source = $ENV{EG_DSN} // instance_dsn();
plan skip_all => 'neither EG_DSN nor EG_INSTANCE names a database' if !$source;
# By the environment: everybody can read the arguments of a process.
$ENV{PGPASSWORD} = $2 if $source =~ s{^(\w+://[^:@/]+):([^@/]*)@}{$1@};

my $database = "emailgw_concurrency_$$";
my $main = $$; # children exit without touching the database of all
my $dsn = database_of($source, $database);
psql($source, "CREATE DATABASE $database");
system("pg_dump --schema-only --schema=emailgw --schema=emailgw_api -d '$source' | psql -Xqd '$dsn' >/dev/null") == 0
    or BAIL_OUT("the schema cannot be copied from $source");

quota('hour', 40, 1);
quota('day', 40, 3);
quota('month', 41, 3);
batches();
keys_in_batches();
idempotency();
idempotency_at_the_limit();
claims();
record_and_claim();
record_beside_wake();
cut_off_and_claim();
cut_off_and_accept();
sweeps();
opens_beside_deliveries();
opens_without_end();
partitions();
lists();
erasing_beside_housekeeping();
purging_beside_others();
parts_beside_steps();
domains();
keys_of_domain();
rotations();
selectors();
done_testing();

END {
    my $status = $?;
    psql($source, "DROP DATABASE IF EXISTS $database WITH (FORCE)") if $main && $$ == $main && $dsn;
    $? = $status;
}

# 16 sessions send until refused: what went in is the most that fits.
sub quota {
    my ($period, $limit, $recipients) = @_;
    my $account = account($period, $limit);
    my $send = accept_call($account, recipients => $recipients);
    my @answers = map { split ' ' } parallel(16, "SELECT status FROM $send;\n" x 4);
    my $sent = grep { $_ == 0 } @answers;

    is(scalar @answers, 64, "$period: 16 sessions have all answers");
    is($sent, int($limit / $recipients), "... as many mails to $recipients as $limit allow");
    is($sent + (grep { $_ == 17 } @answers), 64, '... all others refused with 17');
    is(psql($dsn, "SELECT count(*) FROM emailgw.queue WHERE account_id = $account"), $sent * $recipients,
        '... the queue agrees');
    is(psql($dsn, "SELECT $period FROM emailgw_api.used_quota($account, now())"), $sent * $recipients,
        '... the usage agrees');
}

# 20 sessions, more than there are slots for counting, with several mails in each
# transaction, some of them to many: as requests that are committed together.
sub batches {
    my $account = account('hour', 1_000_000);
    my ($one, $many) = map { 'SELECT status FROM ' . accept_call($account, recipients => $_) . ";\n" } 1, 3;
    my @answers = map { split ' ' } parallel(20, "BEGIN;\n$one$many$one${many}COMMIT;\n" x 5);
    is(join(' ', @answers), join(' ', (0) x 400), 'batches of one account: none waits in a circle');
    is(psql($dsn, "SELECT hour FROM emailgw_api.used_quota($account, now())"), 20 * 5 * 8, '... and each send is counted');
}

# One key in two batches: in one behind a mail that waits for the account's turn, in the other before one.
sub keys_in_batches {
    my $account = account('hour', 1_000_000);
    my ($k0, $k1, $k2) = map { [ recipients => $_->[1], key => "'\\x$_->[0]'" ] } [ '10', 3 ], [ '11', 1 ], [ '12', 3 ];
    my ($first, $second) = map { 'SELECT status FROM ' . batch_call(map { accept_call($account, @$_) } @$_) . ";\n" }
        [ $k0, $k1 ], [ $k1, $k2 ];
    my $deadlocks = 'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()';
    my $before = psql($dsn, $deadlocks);
    my @answers = together("BEGIN; SELECT pg_advisory_xact_lock($account); SELECT pg_sleep(1); COMMIT;\n",
        "SELECT pg_sleep(0.3);\n$first", "SELECT pg_sleep(0.6);\n$second");
    is(join(' ', map { split ' ' } @answers), '0 0 0 0', 'batches with a key in common: all mails are in the queue');
    is(psql($dsn, $deadlocks), $before, '... and neither waited for the other in a circle');
    is(psql($dsn, "SELECT count(*) FROM emailgw.queue WHERE account_id = $account"), 7, '... the common one once');
}

# Ten at once with one key: one mail, and each gets its answer.
sub idempotency {
    my $account = account();
    my $send = accept_call($account, recipients => 2, key => "'\\x11'");
    my @answers = map { split ' ' } parallel(10, "SELECT status || '/' || message_id || '/' || replayed FROM $send;\n");
    my %ids = map { (split '/')[1] => 1 } @answers;

    is(scalar @answers, 10, 'one idempotency key in 10 sessions: all answered');
    is(scalar keys %ids, 1, '... with one message id');
    is((grep { m{^0/.*/false$} } @answers), 1, '... one of them sent');
    is((grep { m{^0/.*/true$} } @answers), 9, '... the others were told that they did not');
    is(psql($dsn, "SELECT count(*) FROM emailgw.queue WHERE account_id = $account"), 2, '... one mail is in the queue');

    my $other = accept_call($account, key => "'\\x12'",
        body => "decode(lpad(pg_backend_pid()::text, 8, '0'), 'hex')");
    @answers = map { split ' ' } parallel(10, "SELECT status FROM $other;\n");
    is((grep { $_ == 0 } @answers), 1, 'one key with 10 bodies: one sent');
    is((grep { $_ == 409 } @answers), 9, '... the others refused with 409');
}

# The quota's last mail goes to one of ten; the others were the same request.
sub idempotency_at_the_limit {
    my $account = account('hour', 1);
    my $send = accept_call($account, key => "'\\x11'");
    my @answers = map { split ' ' } parallel(10, "SELECT status FROM $send;\n");
    is_deeply(\@answers, [ (0) x 10 ], 'one key in 10 sessions with a quota of one: none is told that it ran out');
    is(psql($dsn, "SELECT count(*) FROM emailgw.queue WHERE account_id = $account"), 1, '... one mail is in the queue');
}

# Eight claim all there is, in many small claims.
sub claims {
    psql($dsn, 'DELETE FROM emailgw.queue');
    enqueue(3000);
    my $claim = q{SELECT string_agg(account_id || '/' || message_id || '/' || recipient_no || '/' || attempt, ' ')
                    FROM emailgw_api.claim_messages(50, 600, 0);} . "\n";
    my @rows = map { split ' ' } parallel(8, $claim x 20);
    my %seen = map { $_ => 1 } @rows;

    is(scalar @rows, scalar keys %seen, '8 sessions claim: no row twice');
    push @rows, split ' ', psql($dsn, $claim) while psql($dsn, 'SELECT count(*) FROM emailgw.queue WHERE ready');
    is(scalar @rows, 3000, '... and in the end all rows are claimed');
    is((grep { !m{/1$} } @rows), 0, '... for the first time');
}

# Four claim with leases that are over at once, and record: each row is recorded
# by one, whoever else held it before.
sub record_and_claim {
    psql($dsn, 'DELETE FROM emailgw.queue; DELETE FROM emailgw.event; DELETE FROM emailgw.daily_count');
    enqueue(1000);
    my $work = <<'END';
BEGIN;
SELECT coalesce(array_agg(account_id), '{}') AS accounts, coalesce(array_agg(message_id), '{}') AS messages,
       coalesce(array_agg(recipient_no), '{}') AS numbers, coalesce(array_agg(attempt), '{}') AS attempts
  FROM emailgw_api.claim_messages(40, 0, 0) \gset
COMMIT;
SELECT recorded FROM emailgw_api.record_attempts(:'accounts', :'messages', :'numbers', :'attempts',
       array_fill('delivered'::text, ARRAY[cardinality(:'attempts'::integer[])]),
       array_fill(0::double precision, ARRAY[cardinality(:'attempts'::integer[])]),
       array_fill('{}'::jsonb, ARRAY[cardinality(:'attempts'::integer[])]));
END
    my @recorded = map { split ' ' } parallel(4, $work x 30);
    push @recorded, split ' ', psql($dsn, $work) while psql($dsn, 'SELECT count(*) FROM emailgw.queue');
    my $sum = 0;
    $sum += $_ for @recorded;

    is($sum, 1000, '4 sessions claim and record past the end of their leases: each row recorded once');
    is(psql($dsn, 'SELECT count(*) FROM emailgw.event WHERE type = 2'), 1000, '... with one event');
    is(psql($dsn, "SELECT sum(count) FROM emailgw.daily_count WHERE type = 2 AND tag = ''"), 1000,
        '... and one count');
    is(psql($dsn, "SELECT count(*) FROM emailgw.recipient WHERE status = 'delivered' AND attempts = 1"), 1000,
        '... and one attempt');
}

# A result that comes while the end of its lease is just being noticed still counts:
# nobody else has taken the row.
sub record_beside_wake {
    psql($dsn, 'DELETE FROM emailgw.queue');
    enqueue(1);
    my @row = split /\|/, psql($dsn, 'SELECT account_id, message_id, recipient_no, attempt FROM emailgw_api.claim_messages(1, 0, 0)');
    for my $result ('deferred', 'delivered') {
        psql($dsn, "UPDATE emailgw.queue SET leased = true, ready = false, next_at = now()");
        my $record = "SELECT recorded FROM emailgw_api.record_attempts('{$row[0]}', '{$row[1]}', '{$row[2]}', '{$row[3]}',"
            . " '{$result}', '{60}', '{\"{}\"}');\n";
        my ($woken, $recorded) = together("BEGIN; SELECT emailgw_api.wake_queue(10); SELECT pg_sleep(1); COMMIT;",
            "SELECT pg_sleep(0.3); $record");
        like($recorded, qr/1\s*\z/, "a row is woken while its owner records that it was $result: recorded");
    }
    is(psql($dsn, 'SELECT count(*) FROM emailgw.queue'), 0, '... and not left to be sent again');
}

# A claim that has begun is waited for, and one that begins before the commit sees the cut.
sub cut_off_and_claim {
    psql($dsn, 'DELETE FROM emailgw.queue');
    my $account = account();
    my $send = accept_call($account, recipients => 20);
    my $clear = "SELECT mails FROM emailgw_api.clear_domain_queue($account, (SELECT domain_id FROM emailgw.domain"
        . " WHERE account_id = $account));\n";
    my $claim = "SELECT count(*) FROM emailgw_api.claim_messages(5, 600, 0);\n";
    my $time = "SELECT round(extract(epoch FROM clock_timestamp()) * 1000);\n";

    psql($dsn, "SELECT status FROM $send");
    my ($claimed, $cleared) = map { [ split ' ' ] }
        together("BEGIN; $claim SELECT pg_sleep(1); $time COMMIT;", "SELECT pg_sleep(0.3); $clear $time");
    is($claimed->[0], 5, 'a claim and, before it commits, a cut-off');
    is($cleared->[0], 20, '... which counts what waits by its lights');
    cmp_ok($cleared->[1], '>=', $claimed->[1], '... for it waited');
    is(psql($dsn, $claim), 0, '... and nothing is left to claim');

    psql($dsn, "SELECT status FROM $send");
    ($cleared, $claimed) = map { [ split ' ' ] }
        together("BEGIN; $clear SELECT pg_sleep(1); $time COMMIT;", "SELECT pg_sleep(0.3); $claim $time");
    is($cleared->[0], 20, 'a cut-off and, before it commits, a claim');
    is($claimed->[0], 0, '... which gets nothing');
    cmp_ok($claimed->[1], '>=', $cleared->[1], '... for it waited');
}

# A mail that was being accepted at the cut is cancelled, not forgotten.
sub cut_off_and_accept {
    psql($dsn, 'DELETE FROM emailgw.queue; DELETE FROM emailgw.queue_cutoff');
    my $account = account();
    my $send = accept_call($account);
    my $clear = "SELECT mails FROM emailgw_api.clear_domain_queue($account, (SELECT domain_id FROM emailgw.domain"
        . " WHERE account_id = $account))";
    my @answers = map { [ split ' ' ] }
        together("BEGIN; SELECT status FROM $send; SELECT pg_sleep(1); COMMIT;", "SELECT pg_sleep(0.3); $clear;");
    is($answers[0][0], 0, 'a mail that is being accepted');
    is($answers[1][0], 0, '... while the queue is cut off, which sees none');
    is(psql($dsn, 'SELECT count(*) FROM emailgw.queue'), 1, '... is in the queue');
    is(psql($dsn, 'SELECT count(*) FROM emailgw_api.claim_messages(10, 600, 0)'), 0, '... is not sent');
    psql($dsn, 'UPDATE emailgw.queue_cutoff SET look_at = now()');
    is(psql($dsn, 'SELECT emailgw_api.sweep_cancelled(10)'), 1, '... and ends as cancelled');
}

# Four sweep two domains while four claim and record a third account's mail.
sub sweeps {
    psql($dsn, 'DELETE FROM emailgw.queue; DELETE FROM emailgw.queue_cutoff; DELETE FROM emailgw.event;'
        . ' DELETE FROM emailgw.recipient; DELETE FROM emailgw.daily_count');
    enqueue(1500);
    my @accounts = split ' ', psql($dsn, 'SELECT DISTINCT account_id FROM emailgw.queue ORDER BY 1');
    psql($dsn, "SELECT c.mails FROM emailgw.domain AS d, emailgw_api.clear_domain_queue(d.account_id, d.domain_id) AS c"
        . " WHERE d.account_id IN ($accounts[0], $accounts[1])");
    my $sweep = "SELECT emailgw_api.sweep_cancelled(30);\n" x 40;
    my $deliver = <<'END' x 10;
SELECT coalesce(array_agg(account_id), '{}') AS accounts, coalesce(array_agg(message_id), '{}') AS messages,
       coalesce(array_agg(recipient_no), '{}') AS numbers, coalesce(array_agg(attempt), '{}') AS attempts
  FROM emailgw_api.claim_messages(20, 600, 0) \gset
SELECT recorded FROM emailgw_api.record_attempts(:'accounts', :'messages', :'numbers', :'attempts',
       array_fill('delivered'::text, ARRAY[cardinality(:'attempts'::integer[])]),
       array_fill(0::double precision, ARRAY[cardinality(:'attempts'::integer[])]),
       array_fill('{}'::jsonb, ARRAY[cardinality(:'attempts'::integer[])]));
END
    my @outputs = together(($sweep) x 4, ($deliver) x 4);
    my $sum = 0;
    $sum += $_ for map { split ' ' } @outputs[ 0 .. 3 ];
    for (1 .. 600) { # a domain whose mails were just locked by a claim is looked at again after a second
        last if psql($dsn, 'SELECT count(*) FROM emailgw.queue') == 0;
        $sum += psql($dsn, 'SELECT emailgw_api.sweep_cancelled(30)');
        sleep 0.05;
    }
    is($sum, 1000, '4 sessions sweep two domains: each mail swept once');
    is(psql($dsn, 'SELECT count(*) FROM emailgw.queue'), 0, '... and 4 deliver the rest');
    is(psql($dsn, "SELECT string_agg(account_id || ' ' || status || ' ' || count, ', ' ORDER BY account_id)"
        . ' FROM (SELECT account_id, status, count(*) FROM emailgw.recipient GROUP BY 1, 2) AS r'),
        "$accounts[0] cancelled 500, $accounts[1] cancelled 500, $accounts[2] delivered 500", '... each with one end');
    is(psql($dsn, "SELECT string_agg(type || ' ' || count, ', ' ORDER BY type)"
        . ' FROM (SELECT type, count(*) FROM emailgw.event WHERE type > 1 GROUP BY 1) AS e'), '2 500, 6 1000',
        '... one event');
    is(psql($dsn, "SELECT string_agg(type || ' ' || count, ', ' ORDER BY type)"
        . " FROM (SELECT type, sum(count) AS count FROM emailgw.daily_count WHERE tag = '' GROUP BY 1) AS c"),
        '1 1500, 2 500, 6 1000', '... and one count');
}

# A call with a machine's open of each recipient of a mail.
sub open_call {
    my ($account, $id, @numbers) = @_;
    my $rows = join ', ', map { "ROW(emailgw.uuid7(clock_timestamp()), '$id', $_, 7, clock_timestamp(), true, '{}')" } @numbers;
    return "SELECT count(*) FROM emailgw_api.record_tracks(ARRAY[" . join(', ', ($account) x @numbers)
        . "]::bigint[], ARRAY[$rows]::emailgw_api.track[]);\n";
}

# Deliveries are recorded in any order, opens in that of their recipients: nobody waits in a circle.
sub opens_beside_deliveries {
    psql($dsn, 'DELETE FROM emailgw.queue');
    my $account = account();
    psql($dsn, 'SELECT status FROM ' . accept_call($account, recipients => 2));
    my $id = psql($dsn, "SELECT DISTINCT message_id FROM emailgw.queue WHERE account_id = $account");
    psql($dsn, 'SELECT count(*) FROM emailgw_api.claim_messages(10, 600, 0)');
    my $record = sub { "SELECT recorded FROM emailgw_api.record_attempts('{$account}', '{$id}', '{$_[0]}', '{1}', '{delivered}', '{0}', '{\"{}\"}');\n" };
    my ($recorded, $opened) = map { [ split ' ' ] } together(
        'BEGIN; ' . $record->(2) . 'SELECT pg_sleep(1); ' . $record->(1) . 'COMMIT;',
        "SELECT pg_sleep(0.3); " . open_call($account, $id, 1, 2));
    is_deeply([ $recorded, $opened ], [ [ 1, 1 ], [2] ], 'two are opened while their deliveries are recorded in the other order');
    is(psql($dsn, "SELECT count(*) FROM emailgw.event WHERE account_id = $account AND type = 7"), 2, '... each is an event');
}

# Many sessions that go on opening one mail: each may bring one event more than there are to be.
sub opens_without_end {
    my $account = account();
    psql($dsn, 'SELECT status FROM ' . accept_call($account));
    my $id = psql($dsn, "UPDATE emailgw.recipient SET status = 'delivered', finished_at = now() WHERE account_id = $account RETURNING message_id");
    parallel(4, open_call($account, $id, 1) x 100);
    my $events = psql($dsn, "SELECT count(*) FROM emailgw.event WHERE account_id = $account AND type = 7");
    cmp_ok($events, '>=', 200, "4 sessions open one mail 400 times: $events events");
    cmp_ok($events, '<=', 203, '... and hardly more than there may be');
    is(psql($dsn, "SELECT sum(count) FROM emailgw.daily_count WHERE account_id = $account AND type = 7 AND tag = ''"), $events, '... as the counters say');
}

# Partitions are made under load, by whoever comes first.
sub partitions {
    psql($dsn, "DROP TABLE $_") for split ' ', psql($dsn, <<'END');
SELECT c.oid::regclass FROM pg_class AS c JOIN pg_inherits AS i ON i.inhrelid = c.oid
 WHERE i.inhparent = 'emailgw.content'::regclass ORDER BY c.relname DESC LIMIT 20
END
    my $send = accept_call(account());
    my @made = parallel(6, "SELECT emailgw_api.make_partitions();\nSELECT status FROM $send;\n");
    my $sum = 0;
    $sum += $_ for map { (split ' ')[0] } @made;
    is($sum, 20, '6 sessions make partitions: each one made once');
    is_deeply([ map { (split ' ')[1] } @made ], [ (0) x 6 ], '... and mail goes in meanwhile');

    my @leaders = parallel(6, 'BEGIN; SELECT leader FROM emailgw_api.housekeeping(7, 90); SELECT pg_sleep(1); COMMIT;');
    is((grep { /t/ } @leaders), 1, '6 sessions keep house: one leads');
}

# Four make mails of lists past the end of their leases while others send to the same lists and people on them
# are erased: nobody waits in a circle, each batch is stored once, each job comes to its end.
sub lists {
    my @accounts = map { account() } 1 .. 3;
    my @send;
    for my $account (@accounts) {
        psql($dsn, <<"END");
INSERT INTO emailgw.list (account_id, list_id, name, subscribers) VALUES ($account, 1, 'l', 60);
INSERT INTO emailgw.subscriber (account_id, list_id, email, address) SELECT $account, 1, e, e FROM generate_series(1, 60) AS n, concat('s', n, '\@example.org') AS e;
END
        push @send, <<"END";
SELECT status FROM emailgw_api.accept_list($account, emailgw_api.list_mail_id(emailgw.uuid7(clock_timestamp()), 0), '\\x01', NULL, NULL, 1, 'a\@example.com', '',
       'example.com', '{}', NULL, NULL, NULL, NULL, NULL, '[]', '[]', 's', NULL, 't', NULL, NULL, NULL, 0, NULL, 0, 0);
END
    }
    my $make = <<'END';
SELECT coalesce(max(c.account_id), 0) AS account, coalesce(max(c.job_id::text), '00000000-0000-0000-0000-000000000000') AS job, coalesce(max(c.turn), 0) AS turn,
       coalesce(max(c.domain_id), 0) AS domain, coalesce(max(c.after_id), 0) AS after, coalesce(max(c.until_id), 0) AS until, coalesce(max(c.passed), 0) AS passed
  FROM emailgw_api.claim_list_job(0, 7, 100000) AS c \gset
SELECT emailgw_api.store_list_batch(:account, :'job', :turn, coalesce(max(t.subscriber_id), :after), :passed + count(t)::integer, 0, 0, count(t) < 7,
       coalesce(jsonb_agg(jsonb_build_object('no', :passed + t.n, 'subscriber_id', t.subscriber_id, 'email', t.email, 'name', '', 'subject', 's', 'plain', 't', 'size', 1)), '[]'))
  FROM (SELECT *, row_number() OVER (ORDER BY subscriber_id) AS n FROM emailgw_api.get_list_targets(:account, 1, :domain, :after, :until, 7)) AS t;
END
    my @erase = map { my $n = $_; map { "SELECT emailgw_api.erase_subscribers($_, 's$n\@example.org');\n" } @accounts } 1 .. 10;
    my @outputs = together(($make x 30) x 4, map({ $_ x 5 } @send), join('', map { "$_ SELECT pg_sleep(0.03);\n" } @erase));
    my %said;
    $said{$_}++ for map { split ' ' } @outputs[ 0 .. 3 ];
    cmp_ok($said{late} // 0, '>', 0, '4 sessions make the mails of lists past the end of their leases: some come too late');
    my $open = "SELECT count(*) FROM emailgw.list_job WHERE status = 'open'";
    for (1 .. 20) {
        psql($dsn, $make x 20) if psql($dsn, $open);
    }
    is(psql($dsn, "SELECT count(*) || ' ' || count(*) FILTER (WHERE status = 'finished') FROM emailgw.list_job"), '15 15', '... all are finished in the end');
    is(psql($dsn, 'SELECT sum(passed) - (SELECT count(*) FROM emailgw.message WHERE list_id = 1) FROM emailgw.list_job'), 0, '... with the mails that they tell of');
    is(psql($dsn, 'SELECT count(*) FROM (SELECT FROM emailgw.message WHERE list_id = 1 GROUP BY account_id, left(message_id::text, 28), subscriber_id HAVING count(*) > 1) AS t'),
        0, '... one for each subscriber');
    psql($dsn, 'SELECT emailgw_api.claim_list_job(0, 7, 7)');
    is(psql($dsn, 'SELECT count(*) FROM emailgw.list_lane'), 0, '... and no domain is looked at any more');
}

# What is erased and what is counted are locked as long as a step takes: it does not wait for housekeeping.
sub erasing_beside_housekeeping {
    my $erasure = erasure('nobody@example.net', account());
    my (undef, $state) = together("BEGIN; SELECT pg_advisory_xact_lock(hashtext('emailgw housekeeping')); SELECT pg_sleep(1); COMMIT;",
        "SELECT pg_sleep(0.3); $erasure->{step}");
    is(join(' ', split ' ', $state), 'waiting', 'an account is erased while others keep house: it is put off');
    is(psql($dsn, $erasure->{step}), 'done', '... and not forgotten');

    my $account = account();
    $erasure = erasure('s1@example.org', $account);
    psql($dsn, "INSERT INTO emailgw.list (account_id, list_id, name) VALUES ($account, 1, 'l');"
        . " INSERT INTO emailgw.subscriber (account_id, list_id, email, address) VALUES ($account, 1, 's1\@example.org', 's1\@example.org')");
    (undef, $state) = together("BEGIN; SELECT 1 FROM emailgw.list WHERE account_id = $account FOR UPDATE; SELECT pg_sleep(9); COMMIT;",
        'SELECT pg_sleep(0.3); DO $$ BEGIN ' . $erasure->{step} =~ s/^SELECT state/PERFORM state/r . " EXCEPTION WHEN lock_not_available THEN SET test.ending = 'gave_up'; END \$\$;"
            . " SELECT current_setting('test.ending', true);");
    is(join(' ', split ' ', $state), 'gave_up', 'who has a list locked for long: a step gives up waiting');
}

# Who has some of what is to be purged locked may wait for housekeeping: it waits for nobody.
sub purging_beside_others {
    my $account = account();
    psql($dsn, <<"END");
INSERT INTO emailgw.list (account_id, list_id, name, subscribers, deleted_at) VALUES ($account, 1, 'l', 2, now());
INSERT INTO emailgw.subscriber (account_id, list_id, subscriber_id, email, address) VALUES ($account, 1, 1, 'a', 'a'), ($account, 1, 2, 'b', 'b');
INSERT INTO emailgw.idempotency VALUES ($account, 1, 'email', '\\x01', '\\x01', gen_random_uuid(), now() - interval '1 year');
INSERT INTO emailgw.returned_queue (account_id, message_id, recipient_no, digest, host, mail, set_aside_at)
VALUES ($account, gen_random_uuid(), 1, '\\x01', 'h', '', now() - interval '1 year');
INSERT INTO emailgw.daily_count VALUES ($account, 1, current_date - 9, 2, '', 0, 1), ($account, 1, current_date - 9, 2, '', 1, 1);
END
    my $lock = join ' ', map { "SELECT count(*) FROM (SELECT FROM emailgw.$_ AND account_id = $account FOR UPDATE) AS l;" }
        'subscriber WHERE subscriber_id = 1', 'idempotency WHERE true', 'returned_queue WHERE true', 'daily_count WHERE slot = 0';
    my $left = 'SELECT ' . join(" || ' ' || ", map { "(SELECT count(*) FROM emailgw.$_ WHERE account_id = $account)" }
        qw(list subscriber idempotency returned_queue daily_count)) . ";\n";
    my (undef, $kept) = together("BEGIN; $lock SELECT pg_sleep(3); COMMIT;",
        "SELECT pg_sleep(0.3); SELECT leader FROM emailgw_api.housekeeping(7, 90); $left");
    is(join(' ', split ' ', $kept), 't 1 1 1 1 1', 'old rows go but for those that others have locked, which are not waited for');
    psql($dsn, 'SELECT emailgw_api.housekeeping(7, 90)');
    is(psql($dsn, $left), '0 0 0 0 0', '... and go later');
}

# A part of a mail is put back while a step of the same erasure comes to that mail.
sub parts_beside_steps {
    my $account = account();
    my $erasure = erasure('r1@example.net', $account);
    psql($dsn, 'SELECT status FROM ' . accept_call($account, recipients => 2));
    psql($dsn, "UPDATE emailgw.content SET raw = 'To: r1\@example.net' WHERE account_id = $account");
    psql($dsn, $erasure->{step}) for 1 .. 2; # cancelled, then erased
    my $put = "SELECT emailgw_api.put_erasure_part($account, e.erasure_id, p.account_id, p.message_id, p.part_no, sha256('To: r1\@example.net'), 'To: [erased]')"
        . " FROM emailgw.erasure AS e, emailgw.erasure_part AS p WHERE e.account_id = $account AND p.asked_by = $account;\n";
    # As a step: first the erasure, then the mail.
    together("BEGIN; SELECT 1 FROM emailgw.erasure WHERE account_id = $account FOR UPDATE; SELECT pg_sleep(1);"
        . " UPDATE emailgw.content SET html = NULL WHERE account_id = $account; COMMIT;", "SELECT pg_sleep(0.3); $put");
    is(psql($dsn, "SELECT convert_from(raw, 'UTF8') || (SELECT count(*) FROM emailgw.erasure_part WHERE asked_by = $account) FROM emailgw.content WHERE account_id = $account"),
        'To: [erased]0', 'a part is put back beside a step: neither waits in a circle');
}

# An erasure that an account asked for, old enough to end with one pass: {step}, which prints its state.
sub erasure {
    my ($address, $account) = @_;
    my $id = psql($dsn, "SELECT erasure_id FROM emailgw_api.add_erasure($account, '$address', 'hash:1:' || gen_random_uuid(), '\\x01')");
    psql($dsn, "UPDATE emailgw.erasure SET created_at = now() - interval '1 minute' WHERE account_id = $account AND erasure_id = $id");
    return { step => "SELECT state FROM emailgw_api.erase_step($account, $id, '$address', 'hash:1:x', 1000, '{}');\n" };
}

# Eight add domains until the limit: together no more than it allows.
sub domains {
    my $account = account();
    psql($dsn, "UPDATE emailgw.account SET own_limits = '{domains}', max_domains = 11"
        . " WHERE account_id = $account");
    my $add = "SELECT replace(status, ' ', '_') FROM emailgw_api.ctl_domain_add($account,"
        . " gen_random_uuid() || '.example.org', false, 'eg', NULL, 't', 's', 'r', '', '');\n";
    my @answers = map { split ' ' } parallel(8, $add x 4);
    is((grep { $_ eq 'ok' } @answers), 10, '8 sessions add domains: as many as the limit leaves');
    is((grep { $_ eq 'domain_limit_reached' } @answers), 22, '... all others are refused');
    is(psql($dsn, "SELECT count(*) FROM emailgw.domain WHERE account_id = $account"), 11,
        '... the table agrees');
}

# Eight add keys to one domain until it has as many as it may.
sub keys_of_domain {
    my $account = account();
    my $add = "SELECT a.status FROM emailgw.domain AS d, emailgw_api.add_api($account, d.domain_id, 'd',"
        . " uuid_send(gen_random_uuid()), '', NULL, NULL, NULL, NULL, NULL, 11) AS a WHERE d.account_id = $account;\n";
    my @answers = map { split ' ' } parallel(8, $add x 4);
    is((grep { $_ == 0 } @answers), 10, '8 sessions add keys: as many as the limit leaves');
    is((grep { $_ == 112 } @answers), 22, '... all others are refused');
    is(psql($dsn, "SELECT count(*) FROM emailgw.api_key WHERE account_id = $account"), 11, '... the table agrees');
}

# Six give one domain a DKIM key, then change to it: there is one key, and one change.
sub rotations {
    my $account = account();
    my $slowly = sub { "BEGIN; SELECT $_[0]; SELECT pg_sleep(0.2); COMMIT;\n" };
    my @keys = map { split ' ' } parallel(6, $slowly->("pending_record FROM emailgw_api.ctl_domain_rotate($account,"
        . " 'example.com', 'eg', gen_random_uuid()::text, '')"));
    my %different = map { $_ => 1 } @keys;
    is(scalar @keys, 6, '6 sessions make a DKIM key: all have an answer');
    is(join(' ', keys %different), psql($dsn, "SELECT pending_record FROM emailgw.domain WHERE account_id = $account"),
        '... which is one key');
    my @changes = map { split ' ' } parallel(6, $slowly->("replace(status, ' ', '_') FROM"
        . " emailgw_api.ctl_domain_rotate_finish($account, 'example.com', 'eg')"));
    is((grep { $_ eq 'ok' } @changes), 1, '6 sessions change to it: one does');
    is((grep { /no_longer/ } @changes), 5, '... the others are refused');
    is(psql($dsn, "SELECT dkim_record || ' ' || records_version FROM emailgw.domain WHERE account_id = $account"),
        "$keys[0] 2", '... and it is changed once');
}

# Six accounts add a domain of one name at the same time: each key gets a selector of its own.
sub selectors {
    my @answers = map { s/\s+\z//r } together(map {
        "BEGIN; SELECT dkim_selector FROM emailgw_api.add_domain($_, 'shared.example', 'eg', NULL, '', '', 't', 'eg', 'r', '', '');\n"
            . "SELECT pg_sleep(0.2); COMMIT;\n"
    } map { account() } 1 .. 6);
    is(join(' ', sort @answers), 'eg ega egb egc egd ege', '6 accounts add one name: no two keys have one selector');
}

# An account with an enabled domain and the key \x01; a limit of its own for a period.
sub account {
    my ($own, $number) = @_;
    my $columns = $own ? ", own_limits, sends_per_$own" : '';
    my $values = $own ? ", '{$own}', $number" : '';
    return psql($dsn, <<"END");
WITH a AS (INSERT INTO emailgw.account (username, email, password_hash$columns)
           VALUES (gen_random_uuid()::text, 'owner\@example.com', 'x'$values) RETURNING account_id),
d AS (INSERT INTO emailgw.domain (account_id, name, status, ownership_token, dkim_selector, dkim_record,
                                  dkim_sealed, webhook_key_sealed)
      SELECT account_id, 'example.com', 'Enabled', 't', 's', 'r', '', '' FROM a RETURNING account_id, domain_id)
INSERT INTO emailgw.api_key (account_id, domain_id, description, key_hash, key_sealed)
SELECT account_id, domain_id, 'd', '\\x01', '' FROM d RETURNING account_id
END
}

# The call of accept for a small mail.
sub accept_call {
    my ($account, %option) = @_;
    my $count = $option{recipients} // 1;
    my $list = join ',', map { "r$_\@example.net" } 1 .. $count;
    return sprintf q{emailgw_api.accept(ARRAY[%d::bigint], ARRAY[ROW(emailgw.uuid7(now()), '\x01', %s, %s,
        'a@example.com', '', 'example.com', 'Hi', '{}', NULL, NULL, NULL, NULL, NULL, NULL, NULL,
        '{%s}', '{%s}', '{%s}', '[]', '[]', '[]', '[]', NULL, 'x', NULL, NULL, 1, NULL, NULL, NULL, NULL)::emailgw_api.mail])},
        $account, $option{key} // 'NULL', $option{body} // q{'\xb0'}, join(',', ('to') x $count), $list,
        join(',', ('example.net') x $count);
}

# The call of accept for the mails of several.
sub batch_call {
    my @calls = map { m{^emailgw_api\.accept\(ARRAY\[(.*?)\], ARRAY\[(.*)\]\)$}s ? [ $1, $2 ] : die "not a call: $_" } @_;
    return sprintf 'emailgw_api.accept(ARRAY[%s], ARRAY[%s])', map { my $i = $_; join ',', map { $_->[$i] } @calls } 0, 1;
}

# $count mails of three accounts to several destinations.
sub enqueue {
    my ($count) = @_;
    for my $share (0 .. 2) {
        my $account = account();
        my $from = int($count * $share / 3);
        my $to = int($count * ($share + 1) / 3);
        my $send = accept_call($account);
        $send =~ s/r1\@example\.net/x\@d%s.example.net/;
        $send =~ s/'\{example\.net\}'/'{d%s.example.net}'/;
        psql($dsn, <<"END");
DO \$\$ BEGIN
    FOR i IN $from + 1 .. $to LOOP EXECUTE replace(\$q\$SELECT $send\$q\$, '%s', (i % 7)::text); END LOOP;
END \$\$
END
    }
}

# The outputs of as many psql sessions that run a script at the same time: all
# are connected before the first one begins.
sub parallel {
    my ($sessions, $script) = @_;
    return together(($script) x $sessions);
}

# The same with a script for each.
sub together {
    my @scripts = @_;
    my @sessions = map {
        my $pid = open2(my $out, my $in, 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $dsn);
        print {$in} "\\echo ready\n";
        $in->flush;
        { pid => $pid, in => $in, out => $out, script => $_ };
    } @scripts;
    readline $_->{out} for @sessions;
    for my $session (@sessions) {
        print { $session->{in} } $session->{script};
        close $session->{in};
    }
    my @outputs;
    for my $session (@sessions) {
        my $out = $session->{out};
        push @outputs, join '', <$out>;
        waitpid $session->{pid}, 0;
        fail("a session ended with $?") if $?;
    }
    return @outputs;
}

# The output of a script, or death.
sub psql {
    my ($to, $script) = @_;
    my $pid = open2(my $out, my $in, 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $to);
    print {$in} $script;
    close $in;
    my $output = join '', <$out>;
    waitpid $pid, 0;
    die "psql failed at:\n$script\n" if $?;
    chomp $output;
    return $output;
}

# The same server's other database, for both forms of a DSN.
sub database_of {
    my ($from, $name) = @_;
    return $from =~ s{^(postgres(?:ql)?://[^/]*/)[^?]*}{$1$name}r if $from =~ m{^postgres(?:ql)?://};
    return ($from =~ s/\bdbname\s*=\s*\S+//r) . " dbname=$name";
}

sub instance_dsn {
    return if !$ENV{EG_INSTANCE};
    open my $file, '<', "$ENV{EG_INSTANCE}/env" or die "$ENV{EG_INSTANCE}/env: $!\n";
    my ($line) = grep { /^DSN=/ } <$file>;
    return $line =~ s/^DSN=|\n//gr;
}
