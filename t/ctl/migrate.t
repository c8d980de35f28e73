# emailgwctl migrate: several at once on a new database, and while functions are in use.
use FindBin;
use lib "$FindBin::Bin/../lib";
use EmailGW;
use POSIX ();

my $gw = EmailGW->up;
my $ctl = ($ENV{EG_BUILD} // 'build') . '/emailgwctl';
my $rounds = $ENV{EG_SAN} ? 4 : 8;

sub database {
    my ($name) = @_;
    $gw->sql("DROP DATABASE IF EXISTS $name WITH (FORCE)");
    $gw->sql("CREATE DATABASE $name");
    open my $conf, '<', $gw->env('SENDER_CONF') or die "SENDER_CONF: $!\n";
    my ($admin) = map { /^admin_database = (.*)/ ? $1 =~ s/dbname=emailgw /dbname=$name /r : () } <$conf>;
    return $gw->file("$name.conf", "database = $admin\n");
}

# Starts several at once; their exit statuses, and what they said.
sub together {
    my (@commands) = @_;
    my @running = map {
        my $out = File::Temp->new;
        my $pid = fork // die "fork: $!\n";
        if ($pid == 0) {
            open STDOUT, '>&', $out;
            open STDERR, '>&', $out;
            exec @$_ or POSIX::_exit(127);
        }
        [ $pid, $out ];
    } @commands;
    return map {
        waitpid $_->[0], 0;
        my $status = $?;
        seek $_->[1], 0, 0;
        [ $status, join '', readline $_->[1] ];
    } @running;
}

my $name = "migrate_$$";

sub query {
    my ($query) = @_;
    return scalar $gw->sql($query, $name);
}

my $migrations = () = glob "$EmailGW::ROOT/sql/migrations/*.sql";
my $functions = () = glob "$EmailGW::ROOT/sql/functions/*.sql";
my $file;

subtest 'a new database, four at once' => sub {
    for my $round (1 .. $rounds) {
        $file = database($name);
        my @said = together(([ $ctl, '--config', $file, 'migrate' ]) x 4);
        is_deeply([ map { $_->[0] } @said ], [ 0, 0, 0, 0 ], "round $round") or diag(map { $_->[1] } @said);
        my @applied = map { $_->[1] =~ /^applied migration (\S+)/mg } @said;
        is(scalar @applied, $migrations, 'each migration is applied by one of them');
        is(query('SELECT count(*) FROM emailgw.migration'), $migrations, 'and recorded');
        is(query('SELECT count(*) FROM emailgw.code'), 1, 'one row says what the functions are');
    }
};

subtest 'again' => sub {
    my ($said) = together([ $ctl, '--config', $file, 'migrate' ]);
    is($said->[1], "nothing to do\n");
    ($said) = together([ $ctl, '--config', $file, '--json', 'migrate' ]);
    is($said->[1], qq({"step":"none"}\n));
    is(query("SELECT count(*) FROM pg_proc WHERE pronamespace = 'emailgw_api'::regnamespace"),
        $functions + 1, 'every function is there');
};

# What 0036 finds where names were added again before it.
subtest 'suppressions of domains that were added again' => sub {
    query("DELETE FROM emailgw.migration WHERE number = 36; DROP INDEX emailgw.domain_names; ALTER TABLE emailgw.domain DROP COLUMN suppressed_as");
    query("INSERT INTO emailgw.account (account_id, username, email, password_hash) SELECT n, 'u' || n, 'o\@example.org', 'x' FROM generate_series(1, 2) AS n");
    query("INSERT INTO emailgw.domain (account_id, domain_id, name, deleted_at, ownership_token, dkim_selector, dkim_record, dkim_sealed, webhook_key_sealed)
        SELECT a, id, name, CASE WHEN deleted THEN now() - id * interval '1 hour' END, 't', 's', 'r', '', ''
          FROM (VALUES (1, 1, 'again', true), (1, 2, 'again', true), (1, 3, 'again', false), (1, 4, 'gone', true), (1, 5, 'gone', true),
                       (1, 6, 'once', false), (2, 7, 'again', true)) AS d (a, id, name, deleted)");
    query("INSERT INTO emailgw.suppression (account_id, address, domain_id, reason, created_at)
        SELECT a, address, id, address || id, now() - id * interval '1 hour'
          FROM (VALUES (1, 'all', 0), (1, 'x', 1), (1, 'x', 2), (1, 'y', 1), (1, 'y', 3), (1, 'z', 4), (1, 'x', 6), (2, 'x', 7)) AS s (a, address, id)");
    my ($said) = together([ $ctl, '--config', $file, 'migrate' ]);
    is($said->[0], 0, 'migrated') or diag($said->[1]);
    is(query("SELECT string_agg(domain_id || '>' || suppressed_as, ' ' ORDER BY domain_id) FROM emailgw.domain WHERE suppressed_as IS NOT NULL"),
        '1>3 2>3 5>4', 'a name\'s newest domain has the entries of all');
    is(query("SELECT string_agg(account_id || ':' || domain_id || ':' || reason, ' ' ORDER BY account_id, domain_id, reason) FROM emailgw.suppression"),
        '1:0:all0 1:3:x2 1:3:y3 1:4:z4 1:6:x6 2:7:x7', '... each address once');
};

subtest 'functions of another version are replaced, while they are called' => sub {
    for my $round (1 .. $rounds) {
        query("UPDATE emailgw.code SET sha256 = 'other';"
            . "CREATE FUNCTION emailgw_api.leftover() RETURNS int LANGUAGE sql AS 'SELECT 1'");
        my @said = together(([ $ctl, '--config', $file, 'migrate' ]) x 2,
            ([ $ctl, '--config', $file, 'status' ]) x 3);
        is_deeply([ map { $_->[0] } @said ], [ 0, 0, 0, 0, 0 ], "round $round") or diag(map { $_->[1] } @said);
        is(query("SELECT to_regproc('emailgw_api.leftover') IS NULL"), 't');
    }
};

my $public = "SELECT count(*) FROM pg_proc AS p WHERE p.pronamespace = 'emailgw_api'::regnamespace
    AND (p.proacl IS NULL OR EXISTS (SELECT FROM aclexplode(p.proacl) AS a WHERE a.grantee = 0))";
my $all = 'ON ALL FUNCTIONS IN SCHEMA emailgw_api';

# What a backup that was restored without its privileges lacks, piece by piece.
for my $damage ('REVOKE USAGE ON SCHEMA emailgw_api FROM emailgw_module', 'REVOKE USAGE ON SCHEMA emailgw_api FROM emailgw_sender',
    "REVOKE EXECUTE $all FROM emailgw_module", "REVOKE EXECUTE $all FROM emailgw_sender", "GRANT EXECUTE $all TO PUBLIC",
    'DROP SCHEMA emailgw_api CASCADE') {
    subtest "mended: $damage" => sub {
        query($damage);
        my @said = together(([ $ctl, '--config', $file, 'migrate' ]) x 3);
        is_deeply([ map { $_->[0] } @said ], [ 0, 0, 0 ]) or diag(map { $_->[1] } @said);
        is(scalar(grep { $_->[1] eq "built $functions functions\n" } @said), 1, 'the functions are built by one of them')
            or diag(map { $_->[1] } @said);
        is(query("SELECT has_schema_privilege('$_', 'emailgw_api', 'USAGE')"), 't', "$_ gets at them")
            for qw(emailgw_module emailgw_sender);
        is(query("SELECT has_function_privilege('emailgw_module', p.oid, 'EXECUTE') FROM pg_proc AS p WHERE p.proname = 'accept'"),
            't', 'the module accepts');
        is(query("SELECT has_function_privilege('emailgw_sender', p.oid, 'EXECUTE') FROM pg_proc AS p WHERE p.proname = 'claim_messages'"),
            't', 'the sender claims');
        is(query($public), 0, 'PUBLIC calls nothing');
        my ($again) = together([ $ctl, '--config', $file, 'migrate' ]);
        is($again->[1], "nothing to do\n", 'and that was all');
    };
}

subtest 'functions that are older are not called' => sub {
    query("UPDATE emailgw.code SET sha256 = 'older'; DROP FUNCTION emailgw_api.ctl_user_list;"
        . "CREATE OR REPLACE FUNCTION emailgw_api.made_for() RETURNS integer LANGUAGE sql AS 'SELECT 1';"
        . "CREATE FUNCTION emailgw_api.ctl_user_list() RETURNS TABLE (account_id bigint) LANGUAGE sql AS 'SELECT 1::bigint'");
    my ($said) = together([ $ctl, '--config', $file, qw(user list) ]);
    is($said->[0], 1 << 8, 'refused') or diag($said->[1]);
    like($said->[1], qr/\Aemailgwctl: the database's functions are older than this program, .*: run emailgwctl migrate\n\z/, '... in one line');
    is((together([ $ctl, '--config', $file, 'migrate' ]))[0][0], 0, 'migrate brings others');
    is((together([ $ctl, '--config', $file, qw(user list) ]))[0][0], 0);
};

subtest 'a later database is left alone' => sub {
    query("INSERT INTO emailgw.migration (number, name) VALUES (9999, 'later');"
        . "UPDATE emailgw.code SET sha256 = 'later'");
    my ($said) = together([ $ctl, '--config', $file, 'migrate' ]);
    is($said->[0] >> 8, 1);
    like($said->[1], qr/the database has migration 9999/);
    is(query('SELECT sha256 FROM emailgw.code'), 'later');
};

subtest 'no database' => sub {
    my $none = $gw->file('none.conf', "database = host=/nowhere dbname=emailgw\n");
    my ($said) = together([ $ctl, '--config', $none, 'migrate' ]);
    is($said->[0] >> 8, 1);
    like($said->[1], qr/the database cannot be reached/);
};

$gw->sql("DROP DATABASE $name WITH (FORCE)");
$gw->log_clean;
done_testing;
