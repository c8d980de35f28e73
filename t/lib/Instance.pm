# One private gateway: what t/instance does. DIR/env is for its users, DIR/state
# for later calls of t/instance itself.
package Instance;
use strict;
use warnings;
use Cwd ();
use Fcntl qw(O_CREAT O_EXCL O_WRONLY);
use File::Basename qw(dirname);
use File::Copy ();
use File::Path ();
use File::Temp ();
use HTTP::Tiny;
use IO::Socket::INET;
use JSON::PP ();
use POSIX ();
use Time::HiRes qw(sleep time);
use Instance::Config;
use Instance::Process;

my %default = (
    TRANSPORT => 'outbox', RESOLVER => '', WEBHOOK_ALLOW => '', RATE => 'on', SENDERS => 1,
    HTTPD_MPM => 'event', HTTPD_CONF => '', SENDER_CONF => '',
);
my @parts = qw(bin conf data htdocs logs outbox run secrets); # what `up` makes in DIR beside env and state
my @later = qw(spool); # what httpd makes there
my @public = qw(BASE_URL DSN ACCOUNT_API_KEY USERNAME PASSWORD DOMAIN DOMAIN_ID SENDER_KEY OUTBOX
    SUBMISSION_PORT SUBMISSIONS_PORT BOUNCE_PORT CA_FILE HTTPD_PID SENDER_PID POSTGRES_PID EMAILGWCTL LOGS HTTPD_CONF SENDER_CONF);
my $patience = $ENV{EG_SAN} ? 90 : 30; # seconds until a server that does not answer is a failure
my $socket_path_max = 107;

# ---- up and down ------------------------------------------------------------

sub up {
    my ($class, $dir, %option) = @_;
    check_options(\%option);
    my $created = !-d $dir;
    File::Path::make_path($dir);
    my $it = bless { %default, %option, DIR => Cwd::abs_path($dir), CREATED => $created ? 1 : 0,
        BUILD => build_dir() }, $class;
    die "$it->{DIR} has an instance: t/instance down it first\n" if -e "$it->{DIR}/state";
    rmdir "$it->{DIR}/$_" for @later; # an empty one is in nobody's way
    for my $name (grep { -e "$it->{DIR}/$_" } 'env', @parts, @later) {
        die "$it->{DIR}/$name is in the way\n";
    }
    delete @ENV{ grep { /^PG/ } keys %ENV }; # they would lead libpq elsewhere
    $ENV{LC_ALL} = 'C.UTF-8';
    if (!eval { $it->raise; 1 }) {
        my $problem = $@;
        $problem .= $it->last_words;
        $class->down($it->{DIR}) if -e "$it->{DIR}/state";
        die $problem;
    }
    return $it;
}

# The sender comes before httpd: its first round makes the partitions that mails go into.
sub raise {
    my ($it) = @_;
    $it->make_dirs;
    $it->start('postgres');
    $it->make_account;
    $it->start('sender');
    $it->start('httpd');
    $it->check_answer;
}

sub check_options {
    my ($option) = @_;
    for my $name (sort keys %$option) {
        die "there is no option $name\n" if !exists $default{$name};
    }
    my $mpm = $option->{HTTPD_MPM} // 'event';
    die "HTTPD_MPM is one of @{[ Instance::Config::mpms() ]}, not $mpm\n"
        if !grep { $_ eq $mpm } Instance::Config::mpms();
    die "RATE is on or off\n" if ($option->{RATE} // 'on') !~ /^(?:on|off)\z/;
    die "SENDERS is 1 to 24\n" if ($option->{SENDERS} // 1) !~ /^(?:[1-9]|1[0-9]|2[0-4])\z/;
    for my $name (qw(HTTPD_CONF SENDER_CONF)) {
        next if !length($option->{$name} // '');
        die "$name: cannot read $option->{$name}\n" if !-r $option->{$name};
        $option->{$name} = Cwd::abs_path($option->{$name});
    }
}

# Everything lies in DIR, or in a directory of ours that DIR links to: where DIR
# is closed to the servers' user, or too deep for the path of a unix socket.
sub make_dirs {
    my ($it) = @_;
    $it->{RUN} = $it->{DIR};
    if (length("$it->{DIR}/run/.s.PGSQL.65535") > $socket_path_max || $it->{DIR} =~ /[^\w.\/+-]/
        || !Instance::Process::reachable($it->{DIR})) {
        $it->{RUN} = File::Temp::tempdir('/tmp/emailgw.XXXXXX');
        chmod 0755, $it->{RUN};
    }
    $it->save;
    my @user = Instance::Process::server_user();
    for my $part (@parts) {
        my $path = "$it->{RUN}/$part";
        mkdir $path, 0755 or die "$path: $!\n";
        # run has PostgreSQL's socket, where whoever gets to it is believed to be any role.
        chmod $part =~ /^(?:data|run|secrets)\z/ ? 0700 : 0755, $path;
        chown @user, $path if @user && $part !~ /^(?:bin|conf|htdocs)\z/;
        symlink $path, "$it->{DIR}/$part" if $it->{RUN} ne $it->{DIR};
    }
    write_file("$it->{RUN}/bin/emailgwctl", <<"END", 0755);
#!/bin/sh
exec '$it->{BUILD}/emailgwctl' --config '$it->{RUN}/conf/sender-1.conf' "\$@"
END
}

sub down {
    my ($class, $dir) = @_;
    return if !-e "$dir/state"; # nothing is up: twice down is no error
    my $it = $class->attach($dir);
    $it->recover_postgres;
    for my $server (qw(sender httpd postgres)) {
        if (!eval { $it->stop($server); 1 }) {
            print STDERR "t/instance: $@";
            $it->kill($server);
        }
    }
    $it->collect_reports;
    $it->remove;
}

sub remove {
    my ($it) = @_;
    my $away = $it->{RUN} ne $it->{DIR};
    for my $part (@parts, @later) {
        File::Path::remove_tree("$it->{RUN}/$part") if !$away;
        unlink "$it->{DIR}/$part" if $away;
    }
    File::Path::remove_tree($it->{RUN}) if $away;
    unlink "$it->{DIR}/env", "$it->{DIR}/state";
    rmdir $it->{DIR} if $it->{CREATED};
}

# What a sanitizer wrote must outlive the instance: files of its own, or lines
# among what the servers print.
sub collect_reports {
    my ($it) = @_;
    my $to = $ENV{EG_SAN_LOGS} or return;
    for my $log (map { "$it->{RUN}/logs/$_" } qw(error.log httpd.out sender.out)) {
        open my $file, '<', $log or next;
        my @found = grep { /runtime error:|Sanitizer/ } <$file>;
        my $name = "$log:$$" =~ tr{/}{-}r;
        write_file("$to/$name", join('', @found), 0644) if @found;
    }
    for my $report (glob "$it->{RUN}/logs/sanitizer.*") {
        my ($name) = $report =~ m{([^/]+)\z};
        File::Copy::copy($report, "$to/$name") or print STDERR "t/instance: $report: $!\n";
    }
}

# ---- state ------------------------------------------------------------------

sub attach {
    my ($class, $dir) = @_;
    open my $file, '<', "$dir/state" or die "no instance in $dir\n";
    my %state = map { /^(\w+)=(.*)/ ? ($1, $2) : () } <$file>;
    return bless \%state, $class;
}

sub save {
    my ($it) = @_;
    write_file("$it->{DIR}/state", join('', map { "$_=$it->{$_}\n" } sort keys %$it), 0600);
    return if !defined $it->{SENDER_KEY} || !defined $it->{HTTPD_PORT};
    my %value = (
        %$it,
        BASE_URL => "http://127.0.0.1:$it->{HTTPD_PORT}",
        DSN => "postgresql://postgres:$it->{POSTGRES_PASSWORD}\@127.0.0.1:$it->{POSTGRES_PORT}/emailgw",
        OUTBOX => "$it->{RUN}/outbox",
        LOGS => "$it->{RUN}/logs",
        CA_FILE => "$it->{RUN}/conf/tls.pem",
        EMAILGWCTL => "$it->{RUN}/bin/emailgwctl",
        HTTPD_CONF => "$it->{RUN}/conf/httpd.conf",
        SENDER_CONF => "$it->{RUN}/conf/sender-1.conf",
        map { (uc "${_}_pid" => join ' ', map { Instance::Process::pid($_) } $it->ids($_)) }
            qw(httpd sender postgres),
    );
    $value{SENDER_PID} = "'$value{SENDER_PID}'" if $value{SENDER_PID} =~ / /;
    write_file("$it->{DIR}/env", join('', map { "$_=$value{$_}\n" } @public), 0600);
}

# The processes of a server that are alive.
sub ids {
    my ($it, $server) = @_;
    return grep { Instance::Process::alive($_) } split ' ', $it->{"id_$server"} // '';
}

sub set_ids {
    my ($it, $server, @ids) = @_;
    $it->{"id_$server"} = join ' ', @ids;
    $it->save;
}

# ---- servers ----------------------------------------------------------------

sub start {
    my ($it, $server) = @_;
    my $start = "start_$server";
    $it->kill($server) if !$it->ids($server); # children that outlived a killed parent
    $it->$start;
}

# Gives way as on a shutdown of the host: what is in flight may finish.
sub stop {
    my ($it, $server) = @_;
    my @ids = $it->ids($server);
    Instance::Process::signal($server eq 'postgres' ? 'INT' : 'TERM', @ids);
    Instance::Process::gone($patience, @ids) or die "$server does not stop\n";
    $it->kill($server);
}

# The server and all its children at once, also those that outlived their parent.
sub kill {
    my ($it, $server) = @_;
    my @found;
    do {
        @found = map { Instance::Process::family($_, $it->recognizer($server)) } $it->ids($server), 'none';
        Instance::Process::signal('KILL', @found);
    } while (@found && Instance::Process::gone($patience, @found));
    die "$server does not die\n" if @found;
    $it->set_ids($server);
}

# Tells a server's processes by what outlives their parent: all have the environment that they
# were started with, but for PostgreSQL's children, which write their titles over it.
sub recognizer {
    my ($it, $server) = @_;
    my ($entry, $data) = (join('=', $it->mark($server)), Cwd::abs_path("$it->{RUN}/data"));
    return sub {
        my ($pid) = @_;
        return $server eq 'postgres' ? Instance::Process::works_in($pid, $data) : Instance::Process::has_environment($pid, $entry);
    };
}

sub mark {
    my ($it, $server) = @_;
    return (EMAILGW_INSTANCE => "$it->{RUN}:$server");
}

sub spawn {
    my ($it, $server, %how) = @_;
    return Instance::Process::spawn(
        as_user => 1, out => "$it->{RUN}/logs/$server.out", %how,
        env => { $it->mark($server), $it->sanitizer_env($server) });
}

# httpd itself is built without sanitizers: their libraries are loaded before it,
# and leaks are looked for in our own programs only.
sub sanitizer_env {
    my ($it, $server) = @_;
    my $sanitizers = $ENV{EG_SAN} or return;
    return if $server eq 'postgres';
    my $log = "log_path=$it->{RUN}/logs/sanitizer.$server";
    my $leaks = $server eq 'httpd' ? 0 : 1;
    my %env = (
        ASAN_OPTIONS => "$log:detect_leaks=$leaks",
        UBSAN_OPTIONS => "$log:print_stacktrace=1:halt_on_error=1",
        TSAN_OPTIONS => $log,
    );
    if ($server eq 'httpd') {
        my %library = (address => 'libasan.so', undefined => 'libubsan.so', thread => 'libtsan.so');
        $env{LD_PRELOAD} = join ':', map { Cwd::abs_path(scalar `gcc -print-file-name=$_` =~ s/\n//r) }
            map { $library{$_} // () } split /,/, $sanitizers;
    }
    return %env;
}

# Starts on ports that are free; on others when somebody took one in between. One that was killed
# may take a while to be gone, with what it had.
sub start_on_port {
    my ($it, $server, $launch) = @_;
    my @ports = (uc "${server}_port", $server eq 'httpd' ? qw(SUBMISSION_PORT SUBMISSIONS_PORT BOUNCE_PORT) : ());
    my $deadline = time + $patience;
    while (time < $deadline) {
        my @fresh = grep { !$it->{$_} } @ports;
        $it->{$_} = free_port() for @fresh;
        return if eval { $launch->(); 1 };
        my $problem = $@;
        Instance::Process::gone(1, $it->ids($server));
        $it->kill($server);
        die $problem if $problem !~ /address already in use|could not bind|shared memory block .* still in use/i;
        @fresh ? delete @$it{@fresh} : sleep 0.5;
    }
    die "$server finds no free port\n";
}

# Below the kernel's range for outgoing connections, so that only servers compete.
sub free_port {
    for (1 .. 1000) {
        my $port = 10_000 + int rand 20_000;
        my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 1);
        return $port if $socket;
    }
    die "no free port between 10000 and 30000\n";
}

# Waits until a started server is ready; dies with its own words if it ends first.
sub await {
    my ($it, $server, $id, $log, $ready) = @_;
    my $deadline = time + $patience;
    while (!$ready->()) {
        1 while waitpid(-1, POSIX::WNOHANG()) > 0;
        die "$server ended at once:\n" . tail($log) if !Instance::Process::alive($id);
        die "$server does not answer after $patience s:\n" . tail($log) if time > $deadline;
        sleep 0.01;
    }
}

# ---- PostgreSQL -------------------------------------------------------------

sub start_postgres {
    my ($it) = @_;
    return if $it->ids('postgres');
    my $bin = postgres_bin();
    my $data = "$it->{RUN}/data";
    $it->make_cluster($bin, $data) if !-e "$data/PG_VERSION";
    # Of one that was killed, whose pid may live on as a zombie.
    unlink "$data/postmaster.pid", glob "$it->{RUN}/run/.s.PGSQL.*";
    $it->start_on_port('postgres', sub {
        write_file("$it->{RUN}/conf/postgresql.conf", Instance::Config::postgres($it), 0644);
        my $id = $it->spawn('postgres', out => "$it->{RUN}/logs/postgres.log",
            argv => [ "$bin/postgres", '-D', $data, "--config-file=$it->{RUN}/conf/postgresql.conf" ]);
        $it->set_ids('postgres', $id);
        $it->await('postgres', $id, "$it->{RUN}/logs/postgres.log", sub { postgres_ready($data, $id) });
    });
}

# Trust on the socket, whose directory is closed to others; over TCP, where every
# user of the host gets to, a password that stands in DSN alone.
sub make_cluster {
    my ($it, $bin, $data) = @_;
    my $file = "$it->{RUN}/secrets/postgres";
    $it->{POSTGRES_PASSWORD} = random_password();
    write_file($file, "$it->{POSTGRES_PASSWORD}\n", 0600);
    my @user = Instance::Process::server_user();
    chown @user, $file if @user;
    Instance::Process::run(as_user => 1, argv => [ "$bin/initdb", '-D', $data, '-U', 'postgres',
        qw(--auth-local=trust --auth-host=scram-sha-256), "--pwfile=$file",
        qw(-E UTF8 --locale=C.UTF-8 --no-sync --no-instructions) ]);
    unlink $file;
}

# One that was killed left shared memory behind, which only its next start removes.
sub recover_postgres {
    my ($it) = @_;
    return if $it->ids('postgres') || !-e "$it->{RUN}/data/postmaster.pid";
    eval { $it->start('postgres'); 1 } or print STDERR "t/instance: $@";
}

# The eighth line of postmaster.pid, below the pid in the first, says so.
sub postgres_ready {
    my ($data, $id) = @_;
    open my $file, '<', "$data/postmaster.pid" or return 0;
    my @line = <$file>;
    return @line >= 8 && $line[0] == Instance::Process::pid($id) && $line[7] =~ /^ready/;
}

sub postgres_bin {
    my ($newest) = sort { ($b =~ /(\d+)/)[0] <=> ($a =~ /(\d+)/)[0] } glob '/usr/lib/postgresql/*/bin';
    return $newest // die "PostgreSQL's server is not installed: t/deps run\n";
}

# ---- the account that DIR/env names -----------------------------------------

sub make_account {
    my ($it) = @_;
    my $run = $it->{RUN};
    Instance::Process::run(argv => [ postgres_bin() . '/createdb', '-h', "$run/run", '-p', $it->{POSTGRES_PORT},
        '-U', 'postgres', 'emailgw' ]);
    if (length $it->{SENDER_CONF}) {
        File::Copy::copy($it->{SENDER_CONF}, "$run/conf/extra-sender.conf") or die "$it->{SENDER_CONF}: $!\n";
    }
    write_file("$run/conf/sender-$_.conf", Instance::Config::sender($it, $_), 0644) for 1 .. $it->{SENDERS};
    $it->ctl('init');
    my @user = Instance::Process::server_user();
    chown @user, glob "$run/secrets/*" if @user;
    $it->ctl('migrate');

    my ($name, $domain, $password) = ('demo', 'example.com', random_password());
    write_file("$run/secrets/password", "$password\n", 0600);
    my $user = $it->ctl(qw(user add), $name, qw(--email demo@example.com --password-file), "$run/secrets/password");
    unlink "$run/secrets/password";
    my $added = $it->ctl(qw(domain add), $domain, '--user', $name, '--enable');
    my $key = $it->ctl(qw(key add --user), $name, '--domain', $domain, qw(--description instance));
    @$it{qw(USERNAME PASSWORD ACCOUNT_API_KEY DOMAIN DOMAIN_ID SENDER_KEY)} =
        ($name, $password, $user->{api_key}, $domain, $added->{domain_id}, $key->{key});
}

# The last object that `emailgwctl --json ...` prints.
sub ctl {
    my ($it, @words) = @_;
    my $text = Instance::Process::run(argv => [ "$it->{RUN}/bin/emailgwctl", '--json', @words ]);
    my ($last) = reverse grep { /^\{/ } split /\n/, $text;
    return defined $last ? JSON::PP::decode_json($last) : {};
}

sub random_password {
    open my $random, '<:raw', '/dev/urandom' or die "/dev/urandom: $!\n";
    read($random, my $bytes, 16) == 16 or die "/dev/urandom gives no bytes\n";
    return unpack 'H*', $bytes;
}

# ---- httpd and the sender ---------------------------------------------------

sub start_httpd {
    my ($it) = @_;
    return if $it->ids('httpd');
    unlink "$it->{RUN}/run/httpd.pid";
    $it->make_certificate;
    $it->start_on_port('httpd', sub {
        write_file("$it->{RUN}/conf/httpd.conf", Instance::Config::httpd($it, "$it->{BUILD}/mod_emailgw.so"), 0644);
        my $id = $it->spawn('httpd', as_user => 0,
            argv => [ '/usr/sbin/apache2', '-f', "$it->{RUN}/conf/httpd.conf", '-DFOREGROUND' ]);
        $it->set_ids('httpd', $id);
        $it->await('httpd', $id, "$it->{RUN}/logs/httpd.out", sub { $it->ask('/')->{status} != 599 });
    });
}

# For SMTP over TLS: signed by itself, so it is what its clients are to trust, too.
sub make_certificate {
    my ($it) = @_;
    my ($file, $key) = ("$it->{RUN}/conf/tls.pem", "$it->{RUN}/secrets/tls.key");
    return if -e $file;
    Instance::Process::run(argv => [ qw(openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30),
        '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,DNS:mail.example.net,IP:127.0.0.1',
        '-keyout', $key, '-out', $file ]);
}

# Where we are root its user may not reach the build folder: it runs as a copy.
sub start_sender {
    my ($it) = @_;
    my $program = "$it->{RUN}/bin/emailgw-sender";
    return if $it->ids('sender') == $it->{SENDERS};
    unlink $program;
    File::Copy::copy("$it->{BUILD}/emailgw-sender", $program) or die "$it->{BUILD}/emailgw-sender: $!\n";
    chmod 0755, $program;
    my %running = map { $_ => 1 } $it->ids('sender');
    my @started;
    for my $number (grep { !$running{ $it->{"id_sender_$_"} // '' } } 1 .. $it->{SENDERS}) {
        unlink "$it->{RUN}/run/sender-$number.pid";
        $it->{"id_sender_$number"} =
            $it->spawn('sender', argv => [ $program, '--config', "$it->{RUN}/conf/sender-$number.conf" ]);
        push @started, $number;
    }
    $it->set_ids('sender', map { $it->{"id_sender_$_"} } 1 .. $it->{SENDERS});
    return if !$it->ids('postgres'); # it reports for duty at its first contact with the database
    for my $number (@started) {
        $it->await('sender', $it->{"id_sender_$number"}, "$it->{RUN}/logs/sender.out",
            sub { -s "$it->{RUN}/run/sender-$number.pid" });
    }
}

sub ask {
    my ($it, $path, %header) = @_;
    return HTTP::Tiny->new(timeout => $patience, no_proxy => '127.0.0.1')
        ->get("http://127.0.0.1:$it->{HTTPD_PORT}$path", { headers => \%header });
}

# The way through all three of httpd, module and database.
sub check_answer {
    my ($it) = @_;
    my $reply = $it->ask('/api/v1/events', Authorization => "Bearer $it->{SENDER_KEY}");
    die "GET /api/v1/events answers $reply->{status}: $reply->{content}\n"
        if $reply->{status} != 200 || !eval { JSON::PP::decode_json($reply->{content}) };
}

# ---- files ------------------------------------------------------------------

sub build_dir {
    my $root = Cwd::abs_path(dirname(__FILE__) . '/../..');
    my $build = Cwd::abs_path($ENV{EG_BUILD} // "$root/build");
    for my $name (qw(mod_emailgw.so emailgw-sender emailgwctl)) {
        die "$name is not built: make\n" if !defined $build || !-e "$build/$name";
    }
    return $build;
}

sub write_file {
    my ($path, $text, $mode) = @_;
    unlink "$path.new";
    sysopen(my $file, "$path.new", O_WRONLY | O_CREAT | O_EXCL, 0600) or die "$path: $!\n";
    chmod $mode, "$path.new";
    print {$file} $text;
    close $file or die "$path: $!\n";
    rename "$path.new", $path or die "$path: $!\n";
}

sub tail {
    my ($path) = @_;
    open my $file, '<', $path or return '';
    my @line = <$file>;
    splice @line, 0, -20 if @line > 20;
    return join '', @line;
}

sub last_words {
    my ($it) = @_;
    return '' if !$it->{RUN};
    return join '', map { my $text = tail("$it->{RUN}/logs/$_"); length $text ? "--- $_\n$text" : () }
        qw(postgres.log httpd.out error.log sender.out sender.log);
}

1;
