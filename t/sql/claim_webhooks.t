#!/usr/bin/perl
# What one session cannot show of webhook posts: many claim and record at the same
# time, and each post is one's at a time and is recorded once.
#
# In a database of its own with the schema of the instance's.
use EmailGW;
use IPC::Open2;

my ($posts, $webhooks, $sessions) = (3000, 30, 6);
my $gw = EmailGW->up;
my $database = "emailgw_webhooks_$$";
my $main = $$;
$gw->sql("CREATE DATABASE $database");
END {
    my $status = $?;
    $gw->sql("DROP DATABASE IF EXISTS $database WITH (FORCE)") if $gw && $$ == $main;
    $? = $status;
}
my $dsn = $gw->env('DSN');
$ENV{PGPASSWORD} = $2 if $dsn =~ s{^(\w+://[^:@/]+):([^@/]*)@}{$1@}; # everybody can read arguments
my $own = $dsn =~ s{/emailgw\z}{/$database}r;
system("pg_dump --schema-only --schema=emailgw --schema=emailgw_api -d '$dsn' | psql -Xqd '$own' >/dev/null") == 0
    or BAIL_OUT('the schema cannot be copied');
$gw->sql(<<'END', $database);
DO $$ BEGIN PERFORM emailgw_api.make_partitions(); END $$;
CREATE TABLE taken (session integer, webhook_id bigint, event_id uuid, attempt integer);
CREATE TABLE told (session integer, recorded integer, fenced integer);
WITH a AS (INSERT INTO emailgw.account (username, email, password_hash) VALUES ('u', 'u@example.com', 'x') RETURNING account_id)
INSERT INTO emailgw.domain (account_id, name, status, ownership_token, dkim_selector, dkim_record, dkim_sealed, webhook_key_sealed)
SELECT account_id, 'example.com', 'Enabled', 't', 's', 'r', '', '' FROM a;
END
$gw->sql(<<"END", $database);
INSERT INTO emailgw.webhook (account_id, domain_id, url, events)
SELECT d.account_id, d.domain_id, 'https://hooks.example.org/', '{1}' FROM emailgw.domain AS d, generate_series(1, $webhooks)
END

sub enqueue {
    $gw->sql('TRUNCATE emailgw.webhook_queue, emailgw.webhook_delivery, taken, told', $database);
    $gw->sql(<<"END", $database);
INSERT INTO emailgw.webhook_queue (account_id, webhook_id, event_id, domain_id, message_id)
SELECT w.account_id, w.webhook_id, emailgw.uuid7(now()), w.domain_id, emailgw.uuid7(now())
  FROM emailgw.webhook AS w, generate_series(1, $posts / $webhooks)
END
}

# So many sessions claim, wait a moment and record, until nothing is left.
sub work {
    my ($lease) = @_;
    my @out = map {
        my $pid = open2(my $out, my $in, 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $own);
        print {$in} "\\echo ready\n" . script($_, $lease);
        close $in;
        $out;
    } 1 .. $sessions;
    my $said = join '', map { <$_> } @out;
    1 while waitpid(-1, 0) > 0;
    is($said, "ready\ndone\n" x $sessions, "$sessions sessions, leases of $lease s: none fails");
}

sub script {
    my ($session, $lease) = @_;
    return <<"END";
DO \$\$
DECLARE
    v record;
    v_told record;
    v_after bigint := 0;
BEGIN
    WHILE EXISTS (SELECT FROM emailgw.webhook_queue) LOOP
        SELECT array_agg(c.account_id) AS a, array_agg(c.webhook_id) AS w, array_agg(c.event_id) AS e,
               array_agg(c.attempt) AS n, count(*)::integer AS count INTO v
          FROM emailgw_api.claim_webhooks(100, $lease, v_after, '{}') AS c;
        INSERT INTO taken SELECT $session, t.* FROM unnest(v.w, v.e, v.n) AS t;
        COMMIT;
        v_after := coalesce(v.w[v.count], 0);
        PERFORM pg_sleep(random() * 0.01);
        CONTINUE WHEN v.count = 0;
        SELECT * INTO v_told FROM emailgw_api.record_webhooks(v.a, v.w, v.e, v.n, array_fill('delivered'::text, ARRAY[v.count]),
            array_fill(0::float8, ARRAY[v.count]), array_fill(200::smallint, ARRAY[v.count]), array_fill(''::text, ARRAY[v.count]), 60);
        INSERT INTO told VALUES ($session, v_told.recorded, v_told.fenced);
        COMMIT;
    END LOOP;
END \$\$;
\\echo done
END
}

sub figures {
    return join ' ', map { scalar $gw->sql("SELECT $_", $database) }
        '(SELECT sum(recorded) FROM told)', '(SELECT count(*) FROM emailgw.webhook_delivery WHERE tries = 1)',
        '(SELECT count(DISTINCT (webhook_id, event_id)) FROM taken)';
}

enqueue();
work(60);
is(figures(), "$posts $posts $posts", 'each was posted and recorded');
is(scalar $gw->sql('SELECT count(*) FROM taken', $database), $posts, '... and claimed once');
cmp_ok(scalar $gw->sql('SELECT count(DISTINCT session) FROM taken', $database), '>', 1, '... by several');

enqueue();
work(0);
is(figures(), "$posts $posts $posts", 'each was recorded, and once');
is(scalar $gw->sql('SELECT count(*) FROM (SELECT FROM taken GROUP BY webhook_id, event_id, attempt HAVING count(*) > 1) AS t', $database), 0,
    '... though claimed again and again, no number came twice');
cmp_ok(scalar $gw->sql('SELECT sum(fenced) FROM told', $database), '>', 0,
    '... ' . $gw->sql('SELECT sum(fenced) FROM told', $database) . ' results were too late');
$gw->log_clean;
done_testing;
