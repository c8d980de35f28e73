# Each parameter of each command takes what would break SQL, JSON or a parser of
# numbers: no 5xx, no error in PostgreSQL's log, no added second, and for an id the
# very answer that a harmless wrong one gets. Mail's own dangers are in injection.t.
use EmailGW;
use EmailGW::ApiPhp qw(outcome);
use EmailGW::Commands;
use JSON::PP ();
use Time::HiRes qw(time);

my $gw = EmailGW->up;
my $json = JSON::PP->new->utf8->canonical->allow_nonref;
my $postgres_log = $gw->env('LOGS') . '/postgres.log';
my $log_start = -s $postgres_log;
my $workers = 4;
complete();

# Text that is a statement, a pattern, a number or a name to somebody.
my @strings = ("'", '"', '\\', '--', '/*', ';', '$$', '$1', '%', '_', '%%', "' OR 1=1--", '1 OR 1=1', '1;SELECT pg_sleep(5)',
    "'||(select version())||'", "'; SELECT pg_sleep(5); --", "'||pg_sleep(5)||'", '1) UNION SELECT 1--', '{', '}', '{"', '[', '{a,b}',
    '\\x00', '\\000', '\\N', "E'\\''", '%s%n', '%00', ':x', '?', '((((a|a)*)*)*', '!!!&|', "(a|a|a)*" x 50, '!' x 200, 'null', 'NULL', 'true', 'NaN',
    'Infinity', '-0', '+1', '0x10', '1e5', '1e999999', '9223372036854775807', '9223372036854775808', '-9223372036854775809',
    '9' x 400, "\x{FFFD}", "\x{202E}", "\x{2028}", "\x{85}", "a\tb", "a\r\nb", "a\nb", "\x01\x02\x7f\e[31m", "\x{1F680}", "\x{FEFF}", "\x{DF}" x 300,
    '__proto__', '../../etc/passwd', '${jndi:ldap://x}', '{{7*7}}', '<script>alert(1)</script>', 'x' x 10_000);

# JSON texts of other kinds. [text, must the whole request be refused?]
my @typed = ((map { [ $_, 0 ] } '{}', '{"a": 1}', '[]', '[1]', '["x"]', '[[["x"]]]', '[null]', '[{}, {}]', 'true', 'false', 'null', '0', '-0', '-1', '1.5',
    '-1.5e-300', '1e300', '9223372036854775807', '-9223372036854775808', '9007199254740993', '""', '"\u202e"', '[' x 20 . ']' x 20),
    (map { [ $_, 1 ] } '1e999999', '-1e999999', '"\u0000"', '"a\u0000b"', '"\ud800"', '"\udc00\ud800"', "\"\xff\"", "\"\xc0\xaf\"", "\"\xed\xa0\x80\"",
        "\"\xf4\x90\x80\x80\"", '[' x 40 . ']' x 40, '{"a":' x 40 . '1' . '}' x 40, 'nul', '01', '1.', '+1', 'NaN', "'x'", '"x', '{"a": 1, "a": 2}'),
    # Wider than 64 bits: a number like others, or refused as one, never a part of it.
    (map { [ $_, undef ] } '9223372036854775808', '-9223372036854775809', '1180591620717411303424', '9' x 400, '1.0000000000000000000001'));
my ($corpus) = map { "$_/naughty-strings/blns.json" } $ENV{EG_CORPORA} // ();
my @naughty = defined $corpus ? @{ JSON::PP->new->utf8->decode(do { open my $in, '<:raw', $corpus or die "$corpus: $!\n";
    local $/; <$in> }) } : ();
diag('ran without EG_CORPORA: naughty-strings is left out') if !@naughty;

# As [JSON text, must the request be refused?, the string for a form or undef].
my @own = map { [ $json->encode($_), /\0/ ? 1 : 0, $_ ] } @strings;
my @foreign = map { [ $json->encode($_), /\0/ ? 1 : 0 ] } @naughty;
my @big = ([ '"' . ('x' x 1_000_000) . '"', 0 ]);

# What a parameter takes. Those that are no text go through the same few lines of
# params.c in all commands, so they share the corpus among them; strings for mails
# and their events are injection.t's; what takes long for each call takes a part.
sub attacks {
    my ($route, $name, $number) = @_;
    my $is_text = ($route->{params}{$name} // '') =~ /^(?:TEXT|MAILBOX|NAME|)\z/ && !$route->{ids}{$name};
    # What no path can have, or httpd itself refuses in one.
    return grep { !$_->[1] && length $_->[0] < 1000 && $_->[2] =~ m{^[^/]+\z} } @own if $route->{path} =~ /<$name>/;
    return @typed if $route->{path} =~ m{/(?:email|events)\z};
    return (@own, @typed)[ grep { ($_ + $number) % 4 == 0 } 0 .. $#own + @typed ] if $route->{slow};
    return (@own, @typed, @big, @foreign) if $is_text;
    return ((map { ($_ + $number) % 4 ? [ @{ $own[$_] }[ 0, 1 ] ] : $own[$_] } 0 .. $#own), @typed, @big,
        @foreign[ grep { ($_ + $number) % 8 == 0 } 0 .. $#foreign ]);
}

# Is this the text of an id, or of none at all?
sub may_differ { return $_[0] =~ /^"?[0-9]+"?\z/ || $_[0] =~ /^(?:null|"")\z/ }

# What is no JSON, and need not be: the answer of an export.
sub is_file { return $_[0]{name} =~ /\.Export/ && ($_[1]{headers}{'content-disposition'} // '') =~ /^attachment; filename="[\w.-]+"\z/ }

# All attacks on one parameter: {count, slowest, bad => [what was wrong]}.
sub attack {
    my ($it, $route, $name, $number) = @_;
    my %found = (count => 0, slowest => 0, bad => []);
    my %good = $route->{with}->($it);
    delete @good{qw(To CC BCC)} if $name eq 'TargetListID';
    my %encoded = map { my $text = $json->encode($good{$_}); $_ => \$text } keys %good;
    my $is_id = $route->{ids}{$name} && $route->{path} eq '/api.php';
    my $gone = $route->{name} =~ /^PATCH/ ? 409 : 200; # a message that was moved into the past has gone out
    my $timed = sub {
        my $start = time;
        my $reply = ask($gw, $route, $it, @_);
        $found{slowest} = time - $start if time - $start > $found{slowest};
        $found{count}++;
        $it->tidy if $found{count} % 80 == 0 && $route->{name} =~ /Add|Login|^POST/;
        return $reply;
    };
    my $harmless = $is_id ? $timed->({ %encoded, $name => 'x' })->{body} : undef;
    for my $attack (attacks($route, $name, $number)) {
        my ($text, $broken, $string) = @$attack;
        for my $form (defined $string ? (0, 1) : 0) {
            my $reply = $timed->($form ? { %good, $name => $string } : { %encoded, $name => \$text }, $form);
            my $ok = (ref $reply->{json} eq 'HASH' || is_file($route, $reply))
                && $reply->{status} =~ ($broken ? qr/^400\z/ : !defined $broken ? qr/^(?:200|400|404|422|$gone)\z/ : qr/^(?:200|404|422|$gone)\z/);
            # The brackets of a form make a structure; one that is none is refused as a whole.
            $ok = 0 if $ok && $is_id && $reply->{status} == 200 && !may_differ($text) && $reply->{body} ne $harmless;
            push @{ $found{bad} }, ($form ? 'form ' : '') . substr($text, 0, 60) . ": $reply->{status} " . substr $reply->{body}, 0, 200
                if !$ok;
        }
    }
    return \%found;
}

# So that no limit stands before what is to be attacked: all but the first two of each kind go.
sub EmailGW::Commands::tidy {
    my ($it) = @_;
    my %id = (api_key => 'api_key_id', smtp_credential => 'smtp_id', webhook => 'webhook_id');
    $gw->sql(join '; ', 'DELETE FROM emailgw.login_failure',
        "DELETE FROM emailgw.template WHERE account_id = $it->{account_id} AND template_id > $it->{ids}{template}[1]",
        "UPDATE emailgw.list SET deleted_at = now() WHERE account_id = $it->{account_id} AND list_id > $it->{ids}{list}[1]", map { "UPDATE emailgw.$_ SET deleted_at = now()
        WHERE account_id = $it->{account_id} AND deleted_at IS NULL AND $id{$_} > $it->{ids}{ $_ eq 'smtp_credential' ? 'smtp' : $_ }[1]" }
        sort keys %id);
}

# Several at a time, each with an account of its own; what they find comes back as lines.
sub in_parallel {
    my ($jobs) = @_;
    my @accounts = map { things($gw) } 1 .. $workers;
    my @pipes;
    for my $worker (0 .. $workers - 1) {
        pipe my $read, my $write or die "pipe: $!\n";
        my $pid = fork // die "fork: $!\n";
        if (!$pid) {
            delete $gw->{agent};
            my $status = eval {
                for my $i (grep { $_ % $workers == $worker } 0 .. $#$jobs) {
                    my ($route, $name) = @{ $jobs->[$i] };
                    print {$write} $json->encode({ job => $i, %{ attack($accounts[$worker], $route, $name, $i) } }), "\n";
                }
                close $write;
            };
            print STDERR $@ if $@;
            POSIX::_exit($status ? 0 : 1);
        }
        close $write;
        push @pipes, [ $pid, $read ];
    }
    my %found;
    for my $pipe (@pipes) {
        while (defined(my $line = readline $pipe->[1])) {
            my $one = $json->decode($line);
            $found{ $one->{job} } = $one;
        }
        waitpid $pipe->[0], 0;
        is($?, 0, 'a worker comes to its end');
    }
    return map { $found{$_} } 0 .. $#$jobs;
}

subtest 'every parameter' => sub {
    my @jobs = map { my $route = $_; my %with = $route->{with}->(bless { domain => 'x' }, 'EmailGW::Commands::Nothing');
        map { [ $route, $_ ] } sort keys %with, @{ $route->{absent} // [] } } routes();
    # Those of all commands, once.
    my ($get) = grep { $_->{name} eq 'EmailGateway.GetDomains' } routes();
    push @jobs, map { [ { %$get, ids => {} }, $_ ] } qw(APIKey SessionID Command);
    my @found = in_parallel(\@jobs);
    my ($count, $slowest) = (0, 0);
    for my $i (0 .. $#jobs) {
        my ($route, $name) = @{ $jobs[$i] };
        my $found = $found[$i] // { bad => ['was not tried'], count => 0, slowest => 0 };
        my @bad = $name eq 'Command' ? grep { !/: 400 \{"Success":false,"ErrorCode":10000[03]/ } @{ $found->{bad} } : @{ $found->{bad} };
        is(scalar @bad, 0, "$route->{name}, $name: $found->{count} attacks") or diag(map { "$_\n" } @bad[ 0 .. ($#bad > 20 ? 20 : $#bad) ]);
        $count += $found->{count};
        $slowest = $found->{slowest} if $found->{slowest} > $slowest;
    }
    cmp_ok($count, '>', 100 * @jobs, "$count in all");
    cmp_ok($slowest, '<', $ENV{EG_SAN} ? 12 : 4, sprintf 'none took as long as a pg_sleep: %.2f s at most', $slowest);
};

subtest 'bodies' => sub {
    my $account = $gw->new_account;
    my $start = qq({"Command": "EmailGateway.GetDomains", "APIKey": "$account->{account_key}");
    my @bodies = (
        [ '100,000 brackets', '400 100000', '[' x 100_000 ], [ 'objects in objects', '400 100000', '{"a":' x 50_000 ],
        [ 'an array', '400 100000', '[1]' ], [ 'text', '400 100000', '"x"' ], [ 'nothing', '400 100000', '' ],
        [ 'a million keys', '400 100000', "$start, " . join(', ', map { qq("k$_": 1) } 1 .. 1_000_000) . '}' ],
        [ 'a key of 10 MB', '200 0', "$start, \"" . ('k' x 10_000_000) . '": 1}' ],
        [ 'a list of a million', '400 100000', "$start, \"x\": [" . ('1,' x 1_000_000) . '1]}' ],
        [ 'something behind it', '400 100000', "$start} x" ], [ 'two of them', '400 100000', "$start}$start}" ],
        [ 'a byte order mark', '400 100000', "\xef\xbb\xbf$start}" ],
        [ 'UTF-16', '400 100000', join '', map { "$_\0" } split //, "$start}" ],
        [ 'a comment', '400 100000', "$start /* x */}" ], [ 'a comma too many', '400 100000', "$start,}" ],
        [ 'it as it should be', '200 0', "$start}" ],
    );
    for my $body (@bodies) {
        my ($what, $want, $bytes) = @$body;
        my $begin = time;
        is(outcome($gw->call('POST', '/api.php', { type => 'application/json', body => $bytes })), $want, $what);
        cmp_ok(time - $begin, '<', EmailGW::allowed(5), '... soon');
    }
    for my $form ('Command=EmailGateway.GetDomains&APIKey=%ff', 'Command=%00', 'Command=EmailGateway.GetDomains&x=%c0%af',
        'Command=EmailGateway.GetDomains&x=%zz', 'Command=EmailGateway.GetDomains&x[=1&x[a]=1&x[]=2') {
        is(outcome($gw->call('POST', '/api.php', { type => 'application/x-www-form-urlencoded', body => $form })), '400 100000', $form);
        is(outcome($gw->call('POST', "/api.php?$form", { type => 'application/json', body => '{}' })), '400 100000', '... as a query string');
    }
};

subtest 'all of it goes on working' => sub {
    my $it = things($gw);
    for my $route (routes()) {
        my $reply = ask($gw, $route, $it, { $route->{with}->($it) });
        is($reply->{status}, 200, $route->{name}) or diag($reply->{body});
        is($reply->{json}{ErrorCode}, 0, '... well') if $route->{path} eq '/api.php' && !is_file($route, $reply);
    }
    my ($functions) = $gw->sql("SELECT count(*) FROM pg_proc WHERE pronamespace = 'emailgw_api'::regnamespace");
    cmp_ok($functions->[0], '>', 50, 'nothing was dropped');
};

open my $log, '<:raw', $postgres_log or die "$postgres_log: $!\n";
seek $log, $log_start, 0;
my @errors = grep { /\b(?:ERROR|FATAL|PANIC):/ } <$log>;
is(scalar @errors, 0, "no error in PostgreSQL's log") or diag(@errors[ 0 .. ($#errors > 20 ? 20 : $#errors) ]);
$gw->sql('DELETE FROM emailgw.login_failure');
$gw->log_clean;
done_testing;
