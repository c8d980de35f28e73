# t/instance itself: two at once, servers stopped, killed and started again, and
# nothing left behind, also not after all was killed.
use EmailGW;
use Cwd ();
use File::Path ();
use File::Temp ();
use Instance::Process;

# One where the servers' user gets at it, and one where he does not and they run elsewhere.
my @bases = map { File::Temp::tempdir('/tmp/emailgw-test.XXXXXX') } 1, 2;
chmod 0755, $bases[1];
my @dirs = map { "$_/instance" } @bases;
END {
    my $status = $?;
    system("$EmailGW::ROOT/t/instance", 'down', $_) for @dirs;
    File::Path::remove_tree(@bases);
    $? = $status;
}

sub env {
    my ($dir) = @_;
    open my $file, '<', "$dir/env" or return {};
    return { map { /^(\w+)='?(.*?)'?$/ ? ($1, $2) : () } <$file> };
}

sub instance {
    return system("$EmailGW::ROOT/t/instance", @_) == 0;
}

# Processes that have one of these paths among their arguments.
sub processes {
    my @paths = @_;
    my @found;
    for my $file (glob '/proc/[0-9]*/cmdline') {
        open my $cmdline, '<', $file or next;
        my $text = do { local $/; <$cmdline> } // '';
        push @found, $text =~ tr/\0/ /r if grep { index($text, $_) >= 0 } @paths;
    }
    return @found;
}

sub answers {
    my ($env) = @_;
    my $gw = bless { env => $env }, 'EmailGW';
    return $gw->call('GET', '/api/v1/events', { key => $env->{SENDER_KEY} })->{status} == 200;
}

my @pids = map {
    my $dir = $_;
    my $pid = fork() // die "fork: $!\n";
    exec "$EmailGW::ROOT/t/instance", 'up', $dir, "SENDERS=" . ($dir eq $dirs[0] ? 1 : 2) if $pid == 0;
    $pid;
} @dirs;
for my $pid (@pids) {
    waitpid $pid, 0;
    is($?, 0, 'up, while another comes up');
}
my @env = map { env($_) } @dirs;
isnt($env[0]{BASE_URL}, $env[1]{BASE_URL}, 'each has its address');
ok(answers($_), "$_->{BASE_URL} answers") for @env;
is(scalar(split ' ', $env[1]{SENDER_PID}), 2, 'SENDERS=2 runs two');
like(`$EmailGW::ROOT/t/instance up $dirs[0] 2>&1`, qr/has an instance/, 'not twice in one directory');

# The database, as another user of this host would try it: nobody is let in without the password.
sub psql {
    my ($dsn) = @_;
    local $ENV{PGPASSFILE} = '/dev/null';
    delete local $ENV{PGPASSWORD};
    my ($status, $out, $err) = EmailGW::run_command(undef, qw(psql -XAtqwc), 'SELECT 1', '-d', $dsn);
    return $status == 0 ? $out : $err;
}
my $dsn = $env[0]{DSN};
is(psql($dsn), "1\n", 'the database answers over TCP');
like(psql($dsn =~ s/:\w+\@/\@/r), qr/no password supplied/, '... not without the password');
like(psql($dsn =~ s/:\w+\@/:wrong\@/r), qr/password authentication failed/, '... nor with another one');
like(psql($dsn =~ s/postgres:\w+\@/$_\@/r), qr/no password supplied|authentication failed/, "... nor as $_")
    for qw(emailgw_module emailgw_sender);
is((stat "$dirs[0]/run")[2] & 07777, 0700, 'the directory of its socket is closed to others');
is((stat "$dirs[0]/env")[2] & 07777, 0600, '... and so is the file that has the password');

for my $server (qw(postgres httpd sender)) {
    my $name = uc "${server}_PID";
    for my $end (qw(stop kill)) {
        ok(instance($end, $dirs[0], $server), "$end $server");
        is(env($dirs[0])->{$name}, '', 'no pid then');
        ok(instance('start', $dirs[0], $server), "start $server");
        ok(kill(0, split ' ', env($dirs[0])->{$name}), 'a pid again');
    }
}
ok(answers(env($dirs[0])), 'answers again');
ok(kill(9, env($dirs[0])->{HTTPD_PID}), 'the parent of httpd is killed behind its back');
ok(instance('start', $dirs[0], 'httpd') && answers(env($dirs[0])), 'httpd starts over its orphans');

# One that computes does not look whether its parent lives, nor does one that waits for a lock of the dead.
my $busy = fork // die "fork: $!\n";
exec qw(psql -Xqc), 'DO $$ BEGIN LOOP PERFORM 1; END LOOP; END $$', '-d', $dsn if $busy == 0;
my $backend;
my $gw = bless { env => env($dirs[0]) }, 'EmailGW';
$gw->wait_for(sub { $backend = $gw->sql(q(SELECT pid FROM pg_stat_activity WHERE query ~ '^DO')) }, 10, 'a busy child of PostgreSQL');
$backend = Instance::Process::id($backend);
ok(kill(9, env($dirs[0])->{POSTGRES_PID}) && Instance::Process::alive($backend), 'its parent is killed as well');
ok(instance('start', $dirs[0], 'postgres') && answers(env($dirs[0])), 'PostgreSQL starts over its orphans');
ok(!Instance::Process::alive($backend), '... which are gone');
Instance::Process::signal('KILL', $backend);
waitpid $busy, 0;

my @paths = map { Cwd::abs_path("$_/run") =~ s{/run\z}{}r } @dirs;
ok(scalar processes(@paths) > 0, 'servers run under the paths that are looked for');
$env[1] = env($dirs[1]);
kill 9, map { split ' ', $env[1]{$_} } qw(POSTGRES_PID HTTPD_PID SENDER_PID);
for my $dir (@dirs) {
    ok(instance('down', $dir), 'down');
    ok(instance('down', $dir), 'down again');
    ok(!-e $dir, 'its directory is gone');
}
is_deeply([ processes(@paths) ], [], 'no process is left');
is_deeply([ grep { -e } @paths ], [], 'no directory is left');
done_testing;
