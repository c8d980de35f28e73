# Clients that mean harm, or know no better: each gets a clean refusal or is cut off, all
# others are served meanwhile, and the memory of httpd's children stays under the bound
# that conf/emailgw.conf states.
use EmailGW;
use Instance::Process;
use IO::Select;
use IO::Socket::INET;
use JSON::PP ();
use MIME::Base64 qw(encode_base64);
use Time::HiRes qw(sleep time);

my ($threads, $body_memory) = (160, 64 * 1024 * 1024);
my $gw = EmailGW->up(RATE => 'off', HTTPD_CONF => \<<"END");
ServerLimit 4
StartServers 4
ThreadLimit $threads
ThreadsPerChild $threads
MaxRequestWorkers @{[ 4 * $threads ]}
MaxSpareThreads @{[ 4 * $threads ]}
RequestReadTimeout header=4-6,MinRate=500 body=8,MinRate=500
EmailGatewayBodyMemory $body_memory
END
my $account = $gw->new_account;
my ($address) = $gw->env('BASE_URL') =~ m{//([^/]+)};
my $auth = "Authorization: Bearer $account->{key}\r\n";
my $head = "POST /api/v1/email HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n$auth";
my $allowed = 6 * $body_memory / 1024 + $threads * 2048 + 65536; # kB, as conf/emailgw.conf says
my $sanitized = $ENV{EG_SAN};

# The most memory that a child has had so far, in kB.
sub peak {
    my $parent = Instance::Process::id($gw->env('HTTPD_PID'));
    my $most = 0;
    for my $child (grep { $_ ne $parent } Instance::Process::family($parent)) {
        open my $file, '<', '/proc/' . Instance::Process::pid($child) . '/status' or next;
        my ($peak) = map { /^VmHWM:\s+(\d+)/ ? $1 : () } <$file>;
        $most = $peak if ($peak // 0) > $most;
    }
    return $most;
}

sub in_bounds {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return if $sanitized; # a sanitizer's own memory is many times that
    cmp_ok(peak(), '<', $allowed, sprintf 'memory: a child has had %d MB at most, of %d', peak() / 1024, $allowed / 1024);
}

sub connected {
    my ($bytes) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => $address, Timeout => 10) or die "$address: $!\n";
    $socket->autoflush;
    syswrite $socket, $bytes;
    return $socket;
}

# What is read until the other side closes, at most so many seconds.
sub answer_of {
    my ($socket, $seconds) = @_;
    my ($text, $end) = ('', time + $seconds);
    while (time < $end && IO::Select->new($socket)->can_read($end - time)) {
        sysread $socket, $text, 65536, length $text or return "$text|closed";
        return $text if $text =~ /\r\n\r\n.*\}\s*\z/s;
    }
    return $text;
}

# A mail of somebody else is taken in good time.
sub others_are_served {
    my ($when) = @_;
    my @times;
    delete $gw->{agent}; # a connection of its own, not one that has been closed for its age
    for (1 .. 5) {
        my $start = time;
        my $reply = $gw->send_mail(as => $account);
        diag("$reply->{status} $reply->{body}") if $reply->{status} != 200;
        push @times, $reply->{status} == 200 ? time - $start : 99;
    }
    my ($slowest) = sort { $b <=> $a } @times;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    cmp_ok($slowest, '<', EmailGW::allowed(2), sprintf '%s: a mail is taken in %.2f s', $when, $slowest);
}

# 500 connections that send a byte a second.
for my $case ([ headers => "POST /api/v1/email HTTP/1.1\r\nHost: localhost\r\nX-Slow: ", 'x' ],
    [ bodies => "${head}Content-Length: 100000\r\n\r\n{\"Subject\": \"", 'x' ]) {
    my ($what, $start, $more) = @$case;
    subtest "500 slow $what" => sub {
        my @slow = map { connected($start) } 1 .. 500;
        for (1 .. 3) {
            sleep 1;
            syswrite $_, $more for @slow;
        }
        others_are_served('beside them');
        my $wait = time + 20;
        my %said;
        for my $socket (@slow) {
            my $answer = answer_of($socket, $wait - time > 0.1 ? $wait - time : 0.1);
            $said{ $answer =~ m{^HTTP/1\.1 (\d+)} ? $1 : $answer =~ /closed/ ? 'closed' : 'nothing' }++;
        }
        is_deeply([ grep { !/^(?:408|closed)\z/ } keys %said ], [], 'all of them are cut off, or told 408') or diag(explain(\%said));
        others_are_served('after them');
        in_bounds();
    };
}

subtest 'lies about lengths' => sub {
    my $body = '{"Subject": "x"}';
    for my $case (
        [ 'more announced than comes', "Content-Length: 100000\r\n\r\n$body", qr/^HTTP\S* (?:408|400)/ ],
        [ 'more than is allowed', "Content-Length: 99999999999\r\n\r\n$body", qr/^HTTP\S* 413/ ],
        [ 'a negative one', "Content-Length: -5\r\n\r\n$body", qr/^HTTP\S* 400/ ],
        [ 'two that differ', "Content-Length: 16\r\nContent-Length: 17\r\n\r\n$body", qr/^HTTP\S* 400/ ],
        [ 'no number', "Content-Length: 1e3\r\n\r\n$body", qr/^HTTP\S* 400/ ],
        [ 'a chunk that is none', "Transfer-Encoding: chunked\r\n\r\nzz\r\n$body", qr/^HTTP\S* 400/ ],
        [ 'a chunk of a terabyte', "Transfer-Encoding: chunked\r\n\r\nffffffffff\r\n$body", qr/^HTTP\S* 4\d\d/ ],
    ) {
        my ($what, $rest, $want) = @$case;
        my $socket = connected($head . $rest);
        shutdown $socket, 1 if $what !~ /announced/;
        like(answer_of($socket, 15), $want, $what);
    }
    others_are_served('after that');
};

subtest 'chunks without end' => sub {
    my $socket = connected("${head}Transfer-Encoding: chunked\r\n\r\n");
    my $chunk = sprintf "%x\r\n%s\r\n", 1_000_000, 'x' x 1_000_000;
    my $sent = 0;
    local $SIG{PIPE} = 'IGNORE';
    while ($sent < 200 && IO::Select->new($socket)->can_write(5)) {
        last if IO::Select->new($socket)->can_read(0);
        defined syswrite $socket, $chunk or last;
        $sent++;
    }
    like(answer_of($socket, 10), qr/^HTTP\S* 413/, "413 after $sent MB") if $sent < 200;
    cmp_ok($sent, '<', 60, 'it is not read to the end that it has not');
    in_bounds();
};

subtest 'heavy bodies' => sub {
    my $json = JSON::PP->new->utf8;
    my %mail = (From => { email => "a\@$account->{domain}", name => '' }, To => [ { email => 'to@example.org', name => '' } ],
        Subject => 'S', ContentType => 'plain', PlainContent => 'P');
    my $mail = sub { my ($name, $text) = @_; my %rest = %mail; delete $rest{$name}; $json->encode(\%rest) =~ s/\}\z/, "$name": $text}/r };
    for my $case (
        [ 'a key of 10 MB', $mail->('Subject', '"S", "' . 'k' x 10_000_000 . '": 1'), qr/^(?:200|400|422)/ ],
        [ 'a million keys', $mail->('Subject', '"S"' . join '', map { ", \"k$_\": 1" } 1 .. 1_000_000), qr/^400/ ],
        [ 'a million recipients', $mail->('To', '[' . join(',', map { qq({"email": "a$_\@b.example", "name": ""}) } 1 .. 500_000) . ']'), qr/^4\d\d/ ],
        [ '100,000 attachments', $mail->('Attachments', '[' . join(',', map { qq({"filename": "a$_", "content": "YQ=="}) } 1 .. 100_000) . ']'), qr/^4\d\d/ ],
        [ 'a million Tags', $mail->('Tags', '[' . join(',', ('"t"') x 1_000_000) . ']'), qr/^4\d\d/ ],
        [ 'brackets a million deep', '[' x 1_000_000, qr/^400/ ],
        [ 'an escape in every character', $mail->('Subject', '"' . '\\u0000' x 1_000_000 . '"'), qr/^400/ ],
    ) {
        my ($what, $body, $want) = @$case;
        my $start = time;
        my $reply = $gw->call('POST', '/api/v1/email', { key => $account->{key}, type => 'application/json', body => $body });
        like("$reply->{status} " . substr($reply->{body}, 0, 200), $want, $what);
        cmp_ok(time - $start, '<', EmailGW::allowed(10), sprintf '... in %.2f s', time - $start);
    }
    my $zipped = $gw->call('POST', '/api/v1/email', { key => $account->{key}, type => 'application/json',
        headers => { 'Content-Encoding' => 'gzip' }, body => "\x1f\x8b" . 'x' x 1000 });
    is($zipped->{status}, 400, 'a body with a Content-Encoding');
    others_are_served('after them');
    in_bounds();
};

# Mails of 20 MB from 40 clients at once: as many as there is room for, the others are told to come again.
subtest 'many large mails at once' => sub {
    my $large = $gw->mail_body(as => $account, Attachments => [ { filename => 'a', content => encode_base64('x' x 15_000_000, '') } ]);
    my $post = sub { $gw->call('POST', '/api/v1/email', { key => $account->{key}, type => 'application/json', body => $large }) };
    my @pids;
    pipe my $read, my $write or die "pipe: $!\n";
    for my $client (1 .. 40) {
        my $pid = fork // die "fork: $!\n";
        if (!$pid) {
            delete $gw->{agent};
            my $reply = $post->();
            my $after = $reply->{headers}{'retry-after'} // '-';
            syswrite $write, "$reply->{status} $after\n";
            POSIX::_exit(0);
        }
        push @pids, $pid;
    }
    close $write;
    sleep 0.3;
    others_are_served('beside them');
    my %said;
    $said{ $_ =~ s/\n//r }++ while <$read>;
    waitpid $_, 0 for @pids;
    is_deeply([ grep { $_ ne '200 -' && $_ ne '503 5' && !/^599/ } keys %said ], [], 'taken, or told to come again') or diag(explain(\%said));
    cmp_ok($said{$_} // 0, '>', 0, "some: $_") or diag(explain(\%said)) for '200 -', '503 5';
    diag(join ', ', map { "$_: $said{$_}" } sort keys %said);
    in_bounds();
    my $reply = $post->();
    is($reply->{status}, 200, 'afterwards there is room again');
};

# Large bodies of nobody in particular that stop on their way: they hold what is there for large mails
# for a while, and not for as long as they like.
subtest 'large bodies that stall' => sub {
    my @stalled = map { my $socket = connected("POST /api/v1/email HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        . "Content-Length: 35000000\r\n\r\n{\"x\": \""); syswrite $socket, 'x' x 1_000_000 for 1 .. 20; $socket } 1 .. 12;
    my $start = time;
    my $content = 'x' x 1_000_000;
    local $SIG{PIPE} = 'IGNORE';
    my $taken = sub {
        delete $gw->{agent};
        syswrite $_, 'x' for @stalled;
        sleep 1;
        return $gw->send_mail(as => $account, PlainContent => $content)->{status} == 200;
    };
    others_are_served('beside them');
    ok($gw->wait_for($taken, 60, 'room'), sprintf 'there is room for large mails again after %.0f s', time - $start);
    in_bounds();
};

subtest 'the database is nobody\'s while clients read and write' => sub {
    my @slow = map { connected("${head}Content-Length: 100000\r\n\r\n{") } 1 .. 100;
    sleep 0.5;
    is($gw->sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'mod_emailgw' AND state <> 'idle'"), 0, 'no connection is in use');
    others_are_served('beside them');
};

$gw->expects(qw(AH01382 AH00567 AH10159 AH00484)); # httpd's own words on some of this
$gw->log_clean;
done_testing;
