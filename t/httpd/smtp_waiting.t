# SMTP sessions that wait: without a thread on the event MPM, with one on the others; for
# how long they may; and what becomes of them when httpd restarts.
use EmailGW;
use EmailGW::Smtp;
use Instance;
use IPC::Open2 qw(open2);
use Socket qw(INADDR_LOOPBACK PF_INET SOCK_STREAM SOL_SOCKET SO_RCVBUF pack_sockaddr_in);
use Time::HiRes qw(sleep time);

my ($plain, $brief, $starttls, $implicit) = map { Instance::free_port() } 1 .. 4;
my $limit = "RequestReadTimeout handshake=1 header=20 body=20\n";
my $tls = "${limit}SSLEngine On\nSSLCertificateFile \${INSTANCE_DIR}/conf/tls.pem\nSSLCertificateKeyFile \${INSTANCE_DIR}/secrets/tls.key\n";
my $ports = EmailGW::Smtp::plain_port($plain, $limit)
    . EmailGW::Smtp::plain_port($brief, "EmailGatewaySMTPTimeout 3s\nEmailGatewaySMTPDataTimeout 4s\n")
    . EmailGW::Smtp::plain_port($starttls, $tls) . EmailGW::Smtp::plain_port($implicit, $tls) =~ s/ smtp$/ smtps/mr;
my $one_child = "StartServers 1\nServerLimit 3\nThreadsPerChild 16\nThreadLimit 16\nMaxRequestWorkers 16\nMinSpareThreads 1\n"
    . "MaxSpareThreads 16\nAsyncRequestWorkerFactor 40\nTimeout 300\n";

sub instance {
    my ($mpm, $conf) = @_;
    my $gw = EmailGW->up(RATE => 'off', HTTPD_MPM => $mpm, HTTPD_CONF => \($conf // $ports));
    my @login = EmailGW::Smtp::login($gw);
    return ($gw, sub {
        my ($port, %with) = @_;
        my $smtp = EmailGW::Smtp->connect($port // $plain, %with);
        $smtp->log_in(@login[0, 1]) eq '235' or die "no login: $smtp->{reply}";
        return $smtp;
    });
}

my $text = "From: shop\@example.com\r\nSubject: x\r\n\r\nx";

# How many have a reply of this code; once one has none in time, the others get no time.
sub replies {
    my ($code, @sessions) = @_;
    my ($count, $patience) = (0, 20);
    for my $smtp (@sessions) {
        my $got = $smtp->read($patience);
        $count++ if ($got // '') eq $code;
        $patience = 0 if !$got;
    }
    return $count;
}

# Writes an octet every half second until a reply comes: its code, and the seconds that it took.
sub trickle {
    my ($smtp, $octet) = @_;
    my $begin = time;
    for (1 .. 40) {
        $smtp->write($octet);
        my $code = $smtp->read(0.5);
        return ($code // 'closed', time - $begin) if !defined $code || $code;
    }
    return ('nothing', time - $begin);
}

sub graceful {
    my ($gw) = @_;
    kill 'USR1', $gw->env('HTTPD_PID');
    $gw->wait_for(sub { grep { /Doing graceful restart|Graceful restart requested/ } $gw->log_lines(qr/error\.log/) }, 20, 'a restart');
    sleep 1; # the old children know by then
}

# Twenty sessions under TLS that have logged in, by STARTTLS and from the first byte in turn, and
# one more of each with a mail under way. Called with "idle COMMAND" or "busy TEXT" it says what
# is answered: "250 250" and so on, each code once, or closed.
sub under_tls {
    my ($gw, @login) = @_;
    my $program = $gw->file('under_tls.py', <<'END');
import base64, socket, ssl, sys
starttls, implicit, ca, user, password = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
def read(s):
    data = b''
    while not data.endswith(b'\n') or data.splitlines()[-1][3:4] == b'-':
        try:
            got = s.recv(4096)
        except OSError:
            got = b''
        if not got:
            return 'closed'
        data += got
    return data.splitlines()[-1][:3].decode()
def say(s, line):
    try:
        s.sendall(line.encode() + b'\r\n')
    except OSError:
        return 'closed'
    return read(s)
def begin(i):
    s = socket.create_connection(('127.0.0.1', int((starttls, implicit)[i % 2])), 20)
    if i % 2 == 0:
        read(s); say(s, 'EHLO x'); say(s, 'STARTTLS')
    s = context.wrap_socket(s, server_hostname='localhost')
    if i % 2 == 1:
        read(s)
    say(s, 'EHLO x')
    assert say(s, 'AUTH PLAIN ' + base64.b64encode(('\0' + user + '\0' + password).encode()).decode()) == '235'
    return s
sessions = {'idle': [begin(i) for i in range(20)], 'busy': [begin(i) for i in range(2)]}
for s in sessions['busy']:
    for line in 'MAIL FROM:<shop@example.com>', 'RCPT TO:<r@example.org>', 'DATA':
        code = say(s, line)
    assert code == '354'
print('ready', flush=True)
for line in sys.stdin:
    whom, words = line.rstrip('\n').split(' ', 1)
    print(*sorted(set(say(s, words.replace('|', '\r\n')) for s in sessions[whom])), flush=True)
END
    my $pid = open2(my $out, my $in, 'python3', $program, $starttls, $implicit, $gw->env('CA_FILE'), @login);
    $in->autoflush;
    chomp(my $begun = <$out> // 'nothing');
    is($begun, 'ready', 'sessions under TLS');
    return sub {
        return waitpid close($in) && $pid, 0 if !@_;
        print {$in} "@_\n";
        chomp(my $said = <$out> // 'nothing');
        return $said;
    };
}

my ($gw, $ready) = instance('event', "$ports$one_child");

subtest '500 sessions that wait, 16 threads' => sub {
    my @sessions = map { EmailGW::Smtp->connect($plain, unread => 1) } 1 .. 500;
    is(replies(220, @sessions), 500, 'all are greeted');
    $_->write("EHLO client.example\r\n") for @sessions;
    is(replies(250, @sessions), 500, 'and answered');
    my $begin = time;
    is($gw->call('GET', '/api/v1/events', { key => $gw->env('SENDER_KEY') })->{status}, 200, 'HTTP is answered');
    cmp_ok(time - $begin, '<', 5, 'at once');
    is($ready->()->mail('shop@example.com', 'r@example.org', $text), 250, 'one more hands in a mail');
    sleep 2; # longer than a handshake may take
    $_->write("NOOP\r\n") for @sessions;
    is(replies(250, @sessions), 500, 'NOOP is answered by all');
};

my $under_tls = under_tls($gw, (EmailGW::Smtp::login($gw))[ 0, 1 ]);

subtest 'longer than RequestReadTimeout allows for a handshake' => sub {
    my $smtp = $ready->();
    sleep 3;
    is($smtp->say('NOOP'), 250, 'a session lives on');
    is($under_tls->('idle NOOP'), 250, '... and all those that had a handshake');
    is($gw->call('GET', '/api/v1/events', { key => $gw->env('SENDER_KEY') })->{status}, 200, '... which keep no thread');
};

subtest 'how long a client may take' => sub {
    my $smtp = $ready->($brief);
    for (1 .. 4) {
        sleep 1;
        is($smtp->say('NOOP'), 250, 'a command each second');
    }
    sleep 4;
    is($smtp->say('NOOP'), 421, 'one after four seconds');
    is(substr($smtp->{reply}, 0, 9), '421 4.4.2', '... as what it is');
    my ($code, $seconds) = trickle($ready->($brief), 'x');
    is($code, 421, 'a command octet by octet');
    ok($seconds > 2 && $seconds < 8, "... ends in time ($seconds s)");
    $smtp = $ready->($brief);
    is($smtp->begin_mail('shop@example.com', 'r@example.org'), 354, 'a mail');
    ($code, $seconds) = trickle($smtp, 'x');
    is($code, 421, '... octet by octet');
    ok($seconds > 3 && $seconds < 9, "... ends in time ($seconds s)");
};

# TLS in pieces, by STARTTLS and from the first byte: who takes a few seconds is served, who
# sends an octet now and then keeps no thread with it.
subtest 'a handshake that trickles' => sub {
    my $program = $gw->file('trickle.py', <<"END");
import socket, ssl, threading, time
def shake(port, starttls, piece, delay):
    s = socket.create_connection(('127.0.0.1', port), 20)
    for line in (b'EHLO x\\r\\n', b'STARTTLS\\r\\n') if starttls else ():
        s.recv(999); s.sendall(line)
    if starttls: s.recv(999)
    tls_in, tls_out = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = ssl.create_default_context(cafile='@{[ $gw->env('CA_FILE') ]}').wrap_bio(tls_in, tls_out, server_hostname='localhost')
    begin = time.time()
    while True:
        try:
            tls.do_handshake()
            return 'ok'
        except ssl.SSLWantReadError:
            pass
        data = tls_out.read()
        try:
            for at in range(0, len(data), piece):
                s.sendall(data[at:at + piece]); time.sleep(delay)
            got = s.recv(65536)
        except OSError:
            got = b''
        if not got:
            seconds = time.time() - begin
            return 'closed in time' if 8 < seconds < 14 else 'closed after %.1f s' % seconds
        tls_in.write(got)
said = {}
def run(name, *how): said[name] = shake(*how)
threads = [threading.Thread(target=run, args=args) for args in (
    ('a starttls, slowly', @{[ $gw->env('SUBMISSION_PORT') ]}, True, 100, 0.3), ('b starttls, for ever', @{[ $gw->env('SUBMISSION_PORT') ]}, True, 1, 0.2),
    ('c implicit, slowly', @{[ $gw->env('SUBMISSIONS_PORT') ]}, False, 100, 0.3), ('d implicit, for ever', @{[ $gw->env('SUBMISSIONS_PORT') ]}, False, 1, 0.2))]
for t in threads: t.start()
for t in threads: t.join()
print('\\n'.join(name + ': ' + said[name] for name in sorted(said)))
END
    my ($status, $out, $err) = EmailGW::run_command('', 'python3', $program);
    is($out, <<'END', 'within ten seconds') or diag($err);
a starttls, slowly: ok
b starttls, for ever: closed in time
c implicit, slowly: ok
d implicit, for ever: closed in time
END
};

subtest 'a restart' => sub {
    my ($idle, $under_way, $leaving) = map { $ready->() } 1 .. 3;
    $under_way->begin_mail('shop@example.com', 'r@example.org');
    graceful($gw);
    is($idle->say('NOOP'), 421, 'the next command is answered with 421');
    is(substr($idle->{reply}, 0, 9), '421 4.3.2', '... as what it is');
    ok($idle->is_closed, '... and the end');
    $under_way->write("$text\r\n.\r\n");
    is($under_way->read, 250, 'a mail that is under way is taken');
    is($under_way->say('NOOP'), 421, '... then comes 421');
    is($leaving->say('QUIT'), 221, 'QUIT is QUIT');
    is($under_tls->('idle NOOP'), 421, 'under TLS the same');
    is($under_tls->('idle NOOP'), 'closed', '... and the end');
    is($under_tls->('busy ' . "$text\r\n." =~ s/\r\n/|/gr), 250, '... and a mail that is under way is taken');
    is($under_tls->('busy NOOP'), 421, '... then comes 421');
    $under_tls->();
    is($ready->()->say('NOOP'), 250, 'new sessions are served');
};
$gw->log_clean;
$gw->down;

# Replies that nobody reads fill the sockets on both sides, and then a thread waits.
sub narrow_socket {
    socket my $socket, PF_INET, SOCK_STREAM, 0 or die "socket: $!\n";
    setsockopt $socket, SOL_SOCKET, SO_RCVBUF, 1;
    connect $socket, pack_sockaddr_in($plain, INADDR_LOOPBACK) or die "port $plain: $!\n";
    return $socket;
}

subtest 'who does not read' => sub {
    my ($it, $begin) = instance('event', "$ports${one_child}ServerLimit 1\nSendBufferSize 512\n");
    my @silent = map { $begin->($plain, socket => narrow_socket()) } 1 .. 16;
    $_->write("VRFY x\r\n" x 900) for @silent;
    sleep 1;
    my $start = time;
    is($begin->()->say('NOOP'), 250, 'others are served');
    my $seconds = time - $start;
    ok($seconds > 2 && $seconds < 15, "... as soon as the threads have waited long enough ($seconds s)");
    $it->expects('AH00484'); # all threads wait
    $it->log_clean;
    $it->down;
};

for my $mpm (qw(worker prefork)) {
    subtest $mpm => sub {
        my ($it, $begin) = instance($mpm);
        my $smtp = $begin->();
        is($smtp->mail('shop@example.com', 'r@example.org', $text), 250, 'a mail');
        sleep 2;
        is($smtp->say('NOOP'), 250, 'longer than a handshake may take');
        my $other = $begin->($brief);
        is($other->read(8), 421, 'who says nothing is told in time');
        my ($code, $seconds) = trickle($begin->($brief), 'x');
        is($code, 421, 'a command octet by octet');
        ok($seconds > 2 && $seconds < 8, "... ends in time ($seconds s)");
        $smtp->begin_mail('shop@example.com', 'r@example.org');
        graceful($it);
        $smtp->write("$text\r\n.\r\n");
        is($smtp->read, 250, 'a restart: a mail that is under way is taken');
        is($smtp->say('NOOP'), 421, '... then comes 421');
        $it->log_clean;
        $it->down;
    };
}
done_testing;
