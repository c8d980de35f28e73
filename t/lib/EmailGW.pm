# The harness of t/*/*.t: a private gateway, or the one that `make check` shares
# among the files that need no special configuration.
#
#     use EmailGW;                           # brings Test::More along
#     my $gw = EmailGW->up;                  # or ->up(SENDERS => 3, HTTPD_CONF => \"directives")
#     my $account = $gw->new_account;        # keeps files that share an instance apart
#     my $reply = $gw->send_mail(as => $account, Subject => 'Hello');
#     is($reply->{status}, 200);
#     $gw->wait_for(sub { $gw->outbox($reply->{json}{MessageID}) }, 10, 'delivery');
#     $gw->log_clean;
#     done_testing;
#
# An instance of its own is taken down when the file ends, also by die; EG_KEEP=1
# leaves it standing and says where. With options it has the default rates, too:
# RATE => 'off' where a key makes over 100 requests in a minute, or 30 authentications fail.
package EmailGW;
use strict;
use warnings;
use utf8;
use Cwd ();
use Encode ();
use Exporter ();
use File::Basename qw(dirname);
use File::Path ();
use File::Temp ();
use HTTP::Tiny;
use IO::Socket::INET;
use IPC::Open3 ();
use JSON::PP ();
use List::Util qw(max min);
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Test::More;
use Time::HiRes qw(sleep time);

our $ROOT = Cwd::abs_path(dirname(__FILE__) . '/../..');
my $json = JSON::PP->new->utf8->canonical->allow_nonref;
my @standing; # instances to take down at the end
my $accounts = 0;
my $main = $$;
my @diagnostics; # what this file has said so far
my $diag = \&Test::Builder::diag;
{
    no warnings 'redefine';
    *Test::Builder::diag = sub { push @diagnostics, join '', @_[ 1 .. $#_ ]; goto &$diag };
}

# Whoever uses EmailGW gets Test::More and strictness.
sub import {
    strict->import;
    warnings->import;
    utf8->import;
    Test::More->export_to_level(1, 'Test::More', @Test::More::EXPORT);
}

$SIG{INT} = $SIG{TERM} = $SIG{HUP} = sub { exit 1 };

# ---- the instance -----------------------------------------------------------

# NAME => VALUE as t/instance takes them; a reference to a text stands for a file
# with that text.
sub up {
    my ($class, %option) = @_;
    my $gw = bless { expected => {} }, $class;
    if (!%option && $ENV{EG_INSTANCE}) {
        $gw->{dir} = $ENV{EG_INSTANCE};
    } else {
        $gw->{temp} = File::Temp::tempdir('/tmp/emailgw-test.XXXXXX');
        chmod 0755, $gw->{temp};
        $gw->{dir} = "$gw->{temp}/instance";
        push @standing, $gw;
        %option = (RATE => 'off') if !%option; # as the shared one is
        for my $name (grep { ref $option{$_} } keys %option) {
            $option{$name} = $gw->file($name, ${ $option{$name} });
        }
        $gw->instance('up', map { "$_=$option{$_}" } sort keys %option);
    }
    $gw->read_env;
    $gw->{seen} = { map { $_ => -s $_ } $gw->logs };
    return $gw;
}

sub down {
    my ($gw) = @_;
    return if !$gw->{temp};
    @standing = grep { $_ != $gw } @standing;
    if ($ENV{EG_KEEP}) {
        diag("kept: $gw->{dir}");
        return;
    }
    $gw->instance('down');
    File::Path::remove_tree($gw->{temp});
}

# t/instance with this instance's directory.
sub instance {
    my ($gw, $verb, @words) = @_;
    system("$ROOT/t/instance", $verb, $gw->{dir}, @words) == 0
        or die "t/instance $verb $gw->{dir} @words failed\n";
}

# $gw->stop('postgres'), ->start('httpd'), ->kill('sender'): pids in env follow.
for my $verb (qw(stop start kill)) {
    no strict 'refs';
    *$verb = sub {
        my ($gw, $server) = @_;
        $gw->instance($verb, $server);
        $gw->read_env;
    };
}

# What must be set for httpd to load a module that is built with sanitizers.
sub httpd_env {
    my ($gw) = @_;
    require Instance;
    return Instance->attach($gw->{dir})->sanitizer_env('httpd');
}

# What `httpd -t` makes of a configuration, such as -f => FILE, -c => LINE: its status as in $?, and its words.
sub test_config {
    my ($gw, @arguments) = @_;
    local %ENV = (%ENV, $gw->httpd_env);
    my ($status, $out, $err) = run_command(undef, '/usr/sbin/apache2', '-t', @arguments);
    return ($status, "$out$err");
}

# The ids of the processes of a server of which there is one: to be signalled at once.
sub family {
    my ($gw, $server) = @_;
    require Instance::Process;
    return Instance::Process::family(Instance::Process::id($gw->env(uc "${server}_pid")));
}

sub read_env {
    my ($gw) = @_;
    open my $file, '<', "$gw->{dir}/env" or die "$gw->{dir}/env: $!\n";
    my %env = map { /^(\w+)='?(.*?)'?$/ ? ($1, $2) : () } <$file>;
    $gw->{env} = \%env;
}

# A value of DIR/env.
sub env {
    my ($gw, $name) = @_;
    return $gw->{env}{$name} // die "DIR/env has no $name\n";
}

# A file of this test that also the servers can read.
sub file {
    my ($gw, $name, $text) = @_;
    $gw->{temp} //= File::Temp::tempdir('/tmp/emailgw-test.XXXXXX', CLEANUP => 1);
    chmod 0755, $gw->{temp};
    open my $file, '>', "$gw->{temp}/$name" or die "$gw->{temp}/$name: $!\n";
    print {$file} utf8::is_utf8($text) ? Encode::encode('UTF-8', $text) : $text;
    close $file or die "$gw->{temp}/$name: $!\n";
    return "$gw->{temp}/$name";
}

END {
    my $status = $?;
    my $passing = Test::More->builder->is_passing;
    my @failed = map { "failed: $_->{name}" } grep { !$_->{ok} } Test::More->builder->details;
    note_failure(@failed, map { split /\n/ } @diagnostics) if $$ == $main && @failed;
    for my $gw (my @all = @standing) { # down() takes them out of it
        eval { $gw->show_logs if !$passing || $status != 0 };
        eval { $gw->down; 1 } or diag($@);
    }
    $? = $status;
}

# ---- requests ---------------------------------------------------------------

# HTTP::Tiny writes header and body apart: each POST would wait 40 ms for the
# acknowledgement of its header.
my $connect = HTTP::Tiny::Handle->can('connect');
{
    no warnings 'redefine';
    *HTTP::Tiny::Handle::connect = sub {
        my $handle = $connect->(@_);
        setsockopt $handle->{fh}, IPPROTO_TCP, TCP_NODELAY, 1;
        return $handle;
    };
}

# One request: key => sender key, json => data, form => {...} or [...], body and
# type => bytes as they are, query => {...}, headers => {...}.
# Returns {status, headers, body, json}: json is undef where the reply is none.
sub call {
    my ($gw, $method, $path, $with) = @_;
    my %header = %{ $with->{headers} // {} };
    my ($body, $type) = ($with->{body}, $with->{type});
    my $agent = $gw->{agent} //= HTTP::Tiny->new(timeout => 60, max_redirect => 0, no_proxy => '127.0.0.1');

    if (exists $with->{json}) {
        ($body, $type) = ($json->encode($with->{json}), $type // 'application/json');
    } elsif ($with->{form}) {
        ($body, $type) = ($agent->www_form_urlencode($with->{form}), $type // 'application/x-www-form-urlencoded');
    }
    $path .= '?' . $agent->www_form_urlencode($with->{query}) if $with->{query};
    $header{'Content-Type'} = $type if defined $type;
    $header{Authorization} = "Bearer $with->{key}" if defined $with->{key};

    my $reply = $agent->request($method, $gw->env('BASE_URL') . $path,
        { headers => \%header, defined $body ? (content => $body) : () });
    return {
        status => $reply->{status}, headers => $reply->{headers}, body => $reply->{content},
        json => scalar eval { $json->decode($reply->{content}) },
    };
}

# Bytes on the wire as they are, for what no HTTP client would send; all that comes back.
sub raw {
    my ($gw, $bytes, $seconds) = @_;
    my ($address) = $gw->env('BASE_URL') =~ m{//([^/]+)};
    my $socket = IO::Socket::INET->new(PeerAddr => $address, Timeout => 10) or die "$address: $!\n";
    my $reply = '';
    print {$socket} $bytes;
    eval {
        local $SIG{ALRM} = sub { die "time\n" };
        Time::HiRes::alarm($seconds // 10);
        1 while sysread $socket, $reply, 65536, length $reply;
        Time::HiRes::alarm(0);
    };
    return $reply;
}

# POST /api/v1/email with defaults for all that must be there; undef takes a
# parameter away. as => what new_account returned, headers => {...} as in call.
sub send_mail {
    my ($gw, %change) = @_;
    my $headers = delete $change{headers} // {};
    my $key = $change{as} ? $change{as}{key} : $gw->env('SENDER_KEY');
    return $gw->call('POST', '/api/v1/email',
        { key => $key, type => 'application/json', body => $gw->mail_body(%change), headers => $headers });
}

# The body of such a request.
sub mail_body {
    my ($gw, %change) = @_;
    my $domain = (delete $change{as} // {})->{domain} // $gw->env('DOMAIN');
    my %mail = (
        From => { email => "sender\@$domain", name => 'Sender' },
        To => [ { email => 'recipient@example.org', name => 'Recipient' } ],
        Subject => 'Hello', ContentType => 'plain', PlainContent => "Hello.\n", %change,
    );
    delete @mail{ grep { !defined $mail{$_} } keys %mail };
    return $json->encode(\%mail);
}

# A command of /api.php: as => what new_account returned brings its key along.
sub api {
    my ($gw, $command, %with) = @_;
    my $account = delete $with{as};
    my %json = (Command => $command, $account ? (APIKey => $account->{account_key}) : (), %with);
    return $gw->call('POST', '/api.php', { json => \%json });
}

# The events of a message, or all of the key's newest 100.
sub events {
    my ($gw, $message_id, $account) = @_;
    my %query = (RetrieveCount => 100, defined $message_id ? (MessageID => $message_id) : ());
    my $reply = $gw->call('GET', '/api/v1/events',
        { key => $account ? $account->{key} : $gw->env('SENDER_KEY'), query => \%query });
    return @{ $reply->{json}{Events} // [] };
}

# ---- database, files, command line ------------------------------------------

# Rows of fields, NULL as undef; in scalar context the first field of the first row.
# Another database of the same server can be named. The password goes by the
# environment: everybody can read the arguments of a process.
sub sql {
    my ($gw, $query, $database) = @_;
    my $dsn = $gw->env('DSN');
    local $ENV{PGPASSWORD} = $dsn =~ s{^(\w+://[^:@/]+):([^@/]*)@}{$1@} ? $2 : '';
    $dsn =~ s{/emailgw\z}{/$database} if defined $database;
    my ($status, $out, $err) = run_command(undef, 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-F', "\x1f", '-R', "\x1e",
        '-P', "null=\x1d", '-d', $dsn, '-c', $query);
    die "$query\n$err" if $status != 0;
    $out =~ s/[\x1e\n]\z//;
    my @rows = map { [ map { $_ eq "\x1d" ? undef : $_ } split /\x1f/, $_, -1 ] } split /\x1e/, $out;
    return wantarray ? @rows : @rows ? $rows[0][0] : undef;
}

# Mails in the outbox, of one message or all: {file, from, to, raw}, raw without
# the envelope line.
sub outbox {
    my ($gw, $message_id) = @_;
    my $pattern = defined $message_id ? qr/^\Q$message_id\E-\d+\.eml\z/ : qr/^[^.].*\.eml\z/;
    opendir my $dir, $gw->env('OUTBOX') or die $gw->env('OUTBOX') . ": $!\n";
    return map { $gw->read_mail($_) } sort grep { $_ =~ $pattern } readdir $dir;
}

sub read_mail {
    my ($gw, $name) = @_;
    my $path = $gw->env('OUTBOX') . "/$name";
    open my $file, '<:raw', $path or die "$path: $!\n";
    my $text = do { local $/; <$file> };
    my ($from, $to) = $text =~ s/\AX-Envelope: <([^\r\n]*)> <([^\r\n]*)>\r?\n// ? ($1, $2)
        : die "$path does not begin with its envelope\n";
    return { file => $path, from => $from, to => $to, raw => $text };
}

# What an envelope sender of this domain looks like.
sub return_path {
    my ($domain) = @_;
    return qr/b\+[a-z2-7]{58}\@eg\.\Q$domain\E/;
}

# What an account's requests have left in the tables, whatever the sender has done
# with it since: a refused request leaves it as it was.
sub ledger {
    my ($gw, $account) = @_;
    my $of = "account_id = $account->{account_id}";
    my %rows = (
        (map { $_ => "emailgw.$_ WHERE $of" } qw(message content attachment recipient idempotency)),
        event => "emailgw.event WHERE $of AND type = 1",
        queue => "emailgw.queue AS q WHERE $of AND NOT EXISTS (SELECT FROM emailgw.message AS m
            WHERE m.account_id = q.account_id AND m.message_id = q.message_id)",
        usage => "emailgw.usage, generate_series(1, sent) WHERE $of AND period = 'h'",
    );
    return scalar $gw->sql('SELECT ' . join " || ', ' || ",
        map { "'$_ ' || (SELECT count(*) FROM $rows{$_})" } sort keys %rows);
}

# Mails in the outbox that are from an account's domain, each {file, from, to, raw}.
sub mails_of {
    my ($gw, $account) = @_;
    return grep { $_->{from} =~ /\@(?:.*\.)?\Q$account->{domain}\E\z/ } $gw->outbox;
}

# emailgwctl --json: the objects that it prints, in scalar context the last. Dies on a refusal.
sub ctl {
    my ($gw, @words) = @_;
    my $result = $gw->ctl_try(@words);
    die "emailgwctl @words: $result->{err}" if $result->{exit} != 0;
    return wantarray ? @{ $result->{objects} } : $result->{objects}[-1];
}

# The same, to be looked at: {exit, out, err, objects}. A reference among the
# words is a text for standard input.
sub ctl_try {
    my ($gw, @words) = @_;
    my ($input) = map { $$_ } grep { ref } @words;
    my ($exit, $out, $err) = run_command($input, $gw->env('EMAILGWCTL'), '--json', grep { !ref } @words);
    my @objects = map { scalar eval { $json->decode($_) } // () } split /\n/, $out;
    return { exit => $exit >> 8, out => $out, err => $err, objects => \@objects };
}

# A fresh user with an enabled domain and a sender key:
# {username, password, account_id, account_key, domain, domain_id, key}.
# domain => NAME, enable => 0, user => [more words for `user add`].
sub new_account {
    my ($gw, %with) = @_;
    my $name = sprintf 't%d-%d-%x', $$, ++$accounts, int rand 2**32;
    my %account = (username => $name, password => "password of $name", domain => $with{domain} // "$name.example");
    my $user = $gw->ctl(qw(user add), $name, '--email', "$name\@example.org", qw(--password-file -),
        @{ $with{user} // [] }, \"$account{password}\n");
    my $domain = $gw->ctl(qw(domain add), $account{domain}, '--user', $name, $with{enable} // 1 ? '--enable' : ());
    my $key = $gw->ctl(qw(key add --user), $name, '--domain', $account{domain}, qw(--description test));
    return { %account, account_id => $user->{account_id}, account_key => $user->{api_key},
        domain_id => $domain->{domain_id}, key => $key->{key} };
}

# A template of new_account's account, by AddTemplate: its id.
sub new_template {
    my ($gw, $account, %with) = @_;
    return $gw->api('EmailGateway.AddTemplate', as => $account, Name => 'N', %with)->{json}{NewTemplateID};
}

# Runs a command, with a text on its standard input: (status, output, errors).
sub run_command {
    my ($input, @command) = @_;
    my $in = File::Temp->new;
    print {$in} $input // '';
    close $in;
    open my $stdin, '<', $in->filename or die "a temporary file: $!\n";
    my ($out, $err) = (File::Temp->new, File::Temp->new);
    my $pid = IPC::Open3::open3('<&' . fileno $stdin, '>&' . fileno $out, '>&' . fileno $err, @command);
    waitpid $pid, 0;
    my $status = $?;
    return ($status, map { seek $_, 0, 0; local $/; scalar(<$_>) // '' } $out, $err);
}

# "deferred deferred bounce": what became of a mail, oldest first, without its acceptance.
sub story {
    my ($gw, $id) = @_;
    return join ' ', map { $_->{EventType} } reverse grep { $_->{EventType} ne 'send' } $gw->events($id);
}

# The detail of its newest event as the database has it.
sub newest_detail {
    my ($gw, $id) = @_;
    return JSON::PP::decode_json(scalar $gw->sql("SELECT coalesce(detail, '{}')::text FROM emailgw.event
        WHERE message_id = '$id' AND type <> 1 ORDER BY event_id DESC LIMIT 1"));
}

# Another extra configuration for the running sender (up with SENDER_CONF).
sub reload_sender {
    my ($gw, $text) = @_;
    my $path = $gw->env('SENDER_CONF') =~ s{[^/]+\z}{extra-sender.conf}r;
    my $reloads = sub { scalar grep { /EG0302/ } $gw->log_lines(qr/sender\.log/) };
    my $before = $reloads->();
    open my $file, '>', $path or die "$path: $!\n";
    print {$file} $text;
    close $file;
    kill 'HUP', $gw->env('SENDER_PID') or die "kill: $!\n";
    return $gw->wait_for(sub { $reloads->() > $before }, 10, 'a reload');
}

# ---- waiting and logs -------------------------------------------------------

# The bytes of a file.
sub slurp {
    my ($path) = @_;
    open my $file, '<:raw', $path or die "$path: $!\n";
    return do { local $/; <$file> } // '';
}

# How long it may take here what ought to take so many seconds: sanitizers, and a machine that is
# shared with others, make all things slower by a factor that says nothing of what is tested.
sub allowed {
    my ($seconds) = @_;
    return $seconds * ($ENV{EG_SAN} || $ENV{CI} || ($ENV{EG_JOBS} // 1) > 1 ? 3 : 1);
}

# Calls until it gives something true, and returns that; fails the test after so many seconds.
# The longer it lasts, the more seldom: most conditions start a psql.
sub wait_for {
    my ($gw, $condition, $seconds, $what) = @_;
    my $start = time;
    my $deadline = $start + allowed($seconds);
    while (1) {
        my $value = $condition->();
        return $value if $value;
        last if time > $deadline;
        sleep max(0.02, min(0.2, (time - $start) / 20));
    }
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    fail("$what within $seconds s");
    return;
}

# Nothing is in the queue any more, within so many seconds.
sub drained {
    my ($gw, $seconds) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return $gw->wait_for(sub { !$gw->sql('SELECT count(*) FROM emailgw.queue') }, $seconds, 'an empty queue');
}

# Announces log ids that this test causes on purpose: 'EG0117', 'AH00632'.
sub expects {
    my ($gw, @ids) = @_;
    $gw->{expected}{$_} = 1 for @ids;
}

# ... and all that is said while PostgreSQL is away: ours, and mod_dbd's in many words.
sub expects_database_away {
    my ($gw) = @_;
    $gw->expects(qw(EG0102 EG0256 EG0307), map { sprintf 'AH%05d', $_ } 629 .. 640, 2653 .. 2655);
}

sub logs {
    my ($gw) = @_;
    return map { $gw->env('LOGS') . "/$_" } qw(error.log sender.log httpd.out sender.out);
}

# The lines that this test has caused so far, of all logs or of those whose name matches.
sub log_lines {
    my ($gw, $which) = @_;
    my @lines;
    for my $path (grep { !defined $which || $_ =~ $which } $gw->logs) {
        open my $file, '<:raw', $path or next;
        seek $file, $gw->{seen}{$path} // 0, 0;
        push @lines, <$file>;
    }
    chomp @lines;
    return @lines;
}

# From now on accept() runs a PL/pgSQL statement for each mail before it decides on it;
# v_subject is the mail's.
sub accept_with {
    my ($gw, $statement) = @_;
    my $accept = $gw->{accept} //= $gw->sql("SELECT pg_get_functiondef('emailgw_api.accept'::regproc)");
    $statement =~ s/v_subject/(SELECT m.subject FROM unnest(p_mails) AS m WHERE m.message_id = v_mail.message_id)/g;
    $accept =~ s/^( +)(?=for_id := v_mail\.message_id;)/$1$statement\n$1/m or die "accept() has changed:\n$accept\n";
    $gw->sql($accept);
}

# So many mails into the queue as the module puts them there, of an account (as), else of
# example.com's: all at once, faster than they go out. The other fields are SQL
# expressions, in which n is the number of the mail.
sub queue_mails {
    my ($gw, $count, %with) = @_;
    my $as = $with{as} // { domain => $gw->env('DOMAIN'), key => $gw->env('SENDER_KEY'),
        account_id => scalar $gw->sql("SELECT account_id FROM emailgw.domain WHERE name = '" . $gw->env('DOMAIN') . "'") };
    my %field = (subject => "'Your order'", tags => "'{}'", send_at => 'NULL', email => "'ann\@example.org'",
        html => 'NULL', plain => "'Thank you.'", size => 10, %with);
    my $accepted = $gw->sql(<<"END");
SELECT count(*) FILTER (WHERE a.status = 0)
  FROM generate_series(1, $count) AS n
 CROSS JOIN LATERAL (SELECT $field{email} AS email) AS e
 CROSS JOIN LATERAL emailgw_api.accept(ARRAY[$as->{account_id}::bigint], ARRAY[ROW(emailgw.uuid7(clock_timestamp() + n * interval '1 us'),
       sha256('$as->{key}'), NULL, NULL, 'shop\@$as->{domain}', 'Shop', '$as->{domain}', $field{subject}, $field{tags}, NULL, NULL,
       $field{send_at}, NULL, NULL, NULL, NULL, '{to}', ARRAY[e.email], ARRAY[split_part(e.email, '\@', 2)],
       jsonb_build_array(jsonb_build_object('email', e.email, 'name', 'Ann')), '[]', '[]', '[]', $field{html}, $field{plain}, NULL, NULL,
       $field{size}, NULL, NULL, NULL, NULL)::emailgw_api.mail]) AS a
END
    die "accepted $accepted of $count\n" if $accepted != $count;
}

# Fails on each line at warn or above that was not announced, on crashes, and on
# what a sanitizer found.
sub log_clean {
    my ($gw) = @_;
    my @bad = grep { serious($_) && !$gw->announced($_) } $gw->log_lines;
    for my $report (glob $gw->env('LOGS') . '/sanitizer.*') {
        open my $file, '<', $report or next;
        push @bad, $report, map { s/\n//r } grep { defined } (<$file>)[0 .. 30];
    }
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    ok(!@bad, 'nothing unexpected in the logs') or diag(map { "$_\n" } @bad);
}

# What `make check` says once more at its end.
sub note_failure {
    my (@lines) = @_;
    splice @lines, 12 if @lines > 12;
    my $path = $ENV{EG_FAILURES} // return;
    open my $file, '>>', $path or return;
    print {$file} map { "$0: " . substr($_, 0, 300) . "\n" } @lines;
    close $file;
}

# httpd: [time] [module:level] ...; the sender: time level text.
sub serious {
    my ($line) = @_;
    return 1 if $line =~ /exit signal|AddressSanitizer|LeakSanitizer|runtime error:/;
    return 1 if $line =~ /^\[[^\]]+\] \[\w*:(?:emerg|alert|crit|error|warn)\]/;
    return $line =~ /^\d{4}-\d\d-\d\dT\S+ (?:err|error|warn)\b/;
}

sub announced {
    my ($gw, $line) = @_;
    return scalar grep { $gw->{expected}{$_} } $line =~ /\b((?:EG|AH)\d+)\b/g;
}

# After a failure: what the servers said last.
sub show_logs {
    my ($gw) = @_;
    my @lines = $gw->log_lines(qr/error\.log|\.out|sender\.log/);
    splice @lines, 0, -40 if @lines > 40;
    diag(map { "$_\n" } 'the last lines of the logs:', @lines) if @lines;
}

1;
