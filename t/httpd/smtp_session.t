# SMTP on the wire: what is offered, order, limits; that nothing which a client sends is
# taken for more than it is; the log.
use EmailGW;
use EmailGW::Smtp;
use Instance;
use JSON::PP ();
use MIME::Base64 qw(encode_base64);
use Time::HiRes qw(sleep time);

my ($plain, $small) = map { Instance::free_port() } 1 .. 2;
my $gw = EmailGW->up(RATE => 'off', HTTPD_CONF => \(EmailGW::Smtp::plain_port($plain)
    . EmailGW::Smtp::plain_port($small, "EmailGatewaySMTPMessageMax 65536\nEmailGatewaySMTPRecipientsMax 101\n")));
my $account = $gw->new_account;
my ($user, $password) = EmailGW::Smtp::login($gw, $account);
my $sender = "shop\@$account->{domain}";
my $header = "From: Shop <$sender>\r\nSubject: Order";
my %port = (submission => $gw->env('SUBMISSION_PORT'), submissions => $gw->env('SUBMISSIONS_PORT'), bounces => $gw->env('BOUNCE_PORT'));

sub ready {
    my ($port) = @_;
    my $smtp = EmailGW::Smtp->connect($port // $plain);
    $smtp->log_in($user, $password) eq '235' or die "no login: $smtp->{reply}";
    return $smtp;
}

sub queued {
    return $gw->sql("SELECT count(*) FROM emailgw.message WHERE account_id = $account->{account_id}");
}

# A program of Python's with a TLS context that trusts the instance; what it prints.
sub python {
    my ($port, $program) = @_;
    my $file = $gw->file('program.py', "import socket, ssl\ncontext = ssl.create_default_context(cafile='" . $gw->env('CA_FILE')
        . "')\nplain = socket.create_connection(('127.0.0.1', $port), 20)\n$program");
    my ($status, $output, $errors) = EmailGW::run_command('', 'python3', $file);
    diag($errors) if $status != 0;
    return $output;
}

subtest 'what is offered' => sub {
    my $smtp = EmailGW::Smtp->connect($port{submission});
    like($smtp->{reply}, qr/^220 localhost ESMTP\r\n\z/, 'the greeting');
    is($smtp->say('EHLO client.example'), 250, 'EHLO');
    is($smtp->{reply}, join('', map { "$_\r\n" } qw(250-localhost 250-PIPELINING), '250-SIZE 37748736', '250-STARTTLS',
        qw(250-8BITMIME 250-SMTPUTF8), '250 ENHANCEDSTATUSCODES'), '... without TLS: no AUTH');
    is($smtp->say('AUTH PLAIN ' . encode_base64("\0$user\0$password", '')), 538, 'AUTH without TLS');
    is($smtp->say("MAIL FROM:<$sender>"), 530, 'MAIL without AUTH');
    is($smtp->say('STARTTLS'), 220, 'STARTTLS');
    $smtp = EmailGW::Smtp->connect($plain);
    $smtp->say('EHLO client.example');
    like($smtp->{reply}, qr/^250-AUTH PLAIN LOGIN\r$/m, 'AUTH on loopback where a directive allows it');
    unlike($smtp->{reply}, qr/STARTTLS/, '... no STARTTLS without certificates');
    is($smtp->say('STARTTLS'), 502, '... and it is refused');
    $smtp = EmailGW::Smtp->connect($port{bounces});
    $smtp->say('EHLO client.example');
    unlike($smtp->{reply}, qr/AUTH/, 'nobody logs in where bounces come');
    like($smtp->{reply}, qr/^250-STARTTLS\r$/m, '... but may use TLS');
};

subtest 'a mail, and the API\'s reasons' => sub {
    my $smtp = ready();
    is($smtp->mail($sender, 'r@example.org', "$header\r\n\r\nThank you.\r\n..dot"), 250, 'taken');
    my $id = $smtp->message_id;
    ok($id, 'and named') or diag($smtp->{reply});
    my $mail = $gw->wait_for(sub { ($gw->outbox($id))[0] }, 20, 'delivery');
    like($mail->{raw}, qr/^\.dot\r?$/m, 'its dots are unstuffed');
    is($smtp->mail($sender, 'r@example.org', "From: x\@other.example\r\nSubject: x\r\n\r\nx"), 550, 'From of another domain');
    like($smtp->{reply}, qr/^550 5\.7\.1 /, '... in these words') or diag($smtp->{reply});
    for my $from ("(ceo\@bank.example) $sender", "Shop <$sender> (ceo\@bank.example)", "(=?utf-8?q?ceo=40bank.example?=) $sender") {
        is($smtp->mail($sender, 'r@example.org', "From: $from\r\nSubject: x\r\n\r\nx"), 550, "From: $from");
        like($smtp->{reply}, qr/^550 5\.1\.7 From must have .*no \@ in a comment/, '... in these words');
    }
    is($smtp->mail($sender, 'r@example.org', "$header\r\nSender: (ceo\@bank.example) $sender\r\n\r\nx"), 550, 'the same in Sender');
    like($smtp->{reply}, qr/^550 5\.1\.7 Sender must have /, '... in these words');
    is($smtp->mail($sender, 'r@example.org', "From: $sender (Shop)\r\nSubject: x\r\n\r\nx"), 250, 'a comment without an address');
    is($smtp->mail($sender, 'r@example.org', "From: \"ceo\@bank.example\" <$sender>\r\nSubject: x\r\n\r\nx"), 250, 'a name in quotes is a name');
    $gw->ctl(qw(suppress add --user), $account->{username}, '--domain', $account->{domain}, 'gone@example.org');
    is($smtp->mail($sender, 'gone@example.org', "$header\r\n\r\nx"), 550, 'a suppressed recipient');
    like($smtp->{reply}, qr/suppression list.*gone\@example\.org/, '... in the API\'s words');
    $gw->stop('postgres');
    $gw->expects_database_away;
    is($smtp->mail($sender, 'r@example.org', "$header\r\n\r\nx"), 451, 'the database is away');
    like($smtp->{reply}, qr/^451 4\.3\.0 .*try again/, '... try again');
    is(EmailGW::Smtp->connect($plain)->log_in($user, $password), 454, '... nobody logs in');
    $gw->start('postgres');
    is($smtp->mail($sender, 'r@example.org', "$header\r\n\r\nx"), 250, 'it is back: the session goes on');
};

subtest 'STARTTLS: what was said before counts no more' => sub {
    my $smtp = EmailGW::Smtp->connect($port{submission});
    $smtp->say('EHLO client.example');
    $smtp->write("STARTTLS\r\nMAIL FROM:<evil\@$account->{domain}>\r\n");
    is($smtp->read, 554, 'text behind STARTTLS');
    ok($smtp->is_closed, '... ends the connection');
    is(python($port{submission}, <<'END'), "220 250 220 503 250 ok\n", 'EHLO is needed again, and the upgraded session works');
import sys
def read(s):
    data = b''
    while not data.endswith(b'\n') or data.splitlines()[-1][3:4] == b'-':
        data += s.recv(4096)
    return data.splitlines()[-1][:3].decode()
said = [read(plain)]
plain.sendall(b'EHLO x\r\n'); said.append(read(plain))
plain.sendall(b'STARTTLS\r\n'); said.append(read(plain))
tls = context.wrap_socket(plain, server_hostname='localhost')
tls.sendall(b'MAIL FROM:<>\r\n'); said.append(read(tls))
tls.sendall(b'EHLO x\r\n'); said.append(read(tls))
print(*said, 'ok')
END
    like(python($port{submission}, <<'END'), qr/^no TLS: /, 'plain text behind its reply breaks the handshake');
plain.recv(4096)
plain.sendall(b'EHLO x\r\n'); plain.recv(4096)
plain.sendall(b'STARTTLS\r\n'); plain.recv(4096)
plain.sendall(b'MAIL FROM:<>\r\nRCPT TO:<a@b.test>\r\n')
try:
    context.wrap_socket(plain, server_hostname='localhost'); print('TLS')
except Exception as e:
    print('no TLS:', type(e).__name__)
END
};

subtest 'plain text where TLS comes first, and HTTP where SMTP is spoken' => sub {
    for my $name (sort keys %port) {
        my $smtp = EmailGW::Smtp->connect($port{$name}, unread => 1);
        $smtp->write("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
        1 while !$smtp->is_closed(5) && length($smtp->{buffer}) < 10_000;
        unlike($smtp->{buffer}, qr/HTTP|html/i, "$name: no HTTP comes back") or diag($smtp->{buffer});
        unlike($smtp->{buffer}, qr/^\d/, '... and nothing at all without TLS') if $name eq 'submissions';
    }
    my $reply = $gw->raw("EHLO client.example\r\n\r\n", 5);
    unlike($reply, qr/^250/m, 'and HTTP speaks no SMTP');
    is($gw->call('GET', '/api/v1/events', { key => $account->{key} })->{status}, 200, 'HTTP goes on');
};

subtest 'nothing but CRLF . CRLF ends a mail' => sub {
    my @ends = ("\n.\n", "\n.\r", "\r.\n", "\r.\r", "\n.\r\n", "\r.\r\n", "\r\n.\r\r\n", "\r\r\n.\r\r\n", "\r\n\0.\r\n");
    if (my $corpora = $ENV{EG_CORPORA}) {
        open my $file, '<', "$corpora/smtp-smuggling/end-of-data-sequences.json" or die "end-of-data-sequences.json: $!\n";
        my %known = map { $_ => 1 } @ends;
        push @ends, grep { !$known{$_} } @{ JSON::PP->new->decode(join '', <$file>)->{must_never_end_a_message} };
    } else {
        diag('without the corpora: the sequences that the project knows by itself');
    }
    my $before = queued();
    my $commands = "MAIL FROM:<$sender>\r\nRCPT TO:<victim\@example.net>\r\nDATA\r\n$header\r\n\r\nsmuggled\r\n.\r\n";
    for my $end (@ends) {
        my $form = JSON::PP->new->ascii->allow_nonref->encode($end);
        for my $slowly (0, 1) {
            my $smtp = ready();
            $smtp->begin_mail($sender, 'r@example.org');
            my $bytes = "$header\r\n\r\nbefore$end$commands";
            for my $packet ($slowly ? split //, $bytes : $bytes) {
                $smtp->write($packet);
                sleep 0.0005 if $slowly;
            }
            is($smtp->codes(2), '550', "$form" . ($slowly ? ' octet by octet' : '') . ': one refusal');
            like($smtp->{reply}, qr/^550 5\.6\.11 /, '... as what it is');
            ok($smtp->is_closed, '... and the end');
        }
    }
    is(queued(), $before, 'nothing was taken');
};

subtest 'what is pipelined' => sub {
    my $smtp = ready();
    $smtp->write("MAIL FROM:<$sender>\r\nRCPT TO:<a\@example.org>\r\nRCPT TO:<no>\r\nRCPT TO:<b\@example.org>\r\nDATA\r\n");
    is(join(' ', map { $smtp->read } 1 .. 5), '250 250 501 250 354', 'each has its reply');
    $smtp->write("$header\r\n\r\nx\r\n.\r\nMAIL FROM:<$sender>\r\nRSET\r\nNOOP\r\nQUIT\r\n");
    is(join(' ', map { $smtp->read // '-' } 1 .. 6), '250 250 250 250 221 -', 'also behind the dot');
    $smtp = ready();
    my $before = queued();
    $smtp->write("MAIL FROM:<$sender>\r\nRCPT TO:<a\@example.org>\r\nDATA\r\n$header\r\n\r\nx\r\n.\r\n");
    is($smtp->codes, '250 250 554', 'text behind DATA is refused');
    ok($smtp->is_closed, '... and the end');
    is(queued(), $before, '... and nothing was taken');
};

subtest 'limits' => sub {
    my $smtp = ready($small);
    is($smtp->say("MAIL FROM:<$sender> SIZE=65537"), 552, 'SIZE over the limit');
    is($smtp->say("MAIL FROM:<$sender> SIZE=65536"), 250, 'SIZE at the limit');
    is($smtp->say("RCPT TO:<r$_\@example.org>"), 250, "recipient $_") for 1, 2;
    $smtp->say("RCPT TO:<r$_\@example.org>") for 3 .. 101;
    is($smtp->say('RCPT TO:<one@too.many.example>'), 452, 'recipient 102');
    is($smtp->{reply} =~ /^452 4\.5\.3/ ? 1 : 0, 1, '... may come later');
    $smtp->say('RSET');
    for my $over (0, 1) {
        is($smtp->begin_mail($sender, 'r@example.org'), 354, 'a mail');
        my $text = "$header\r\n\r\n";
        $text .= ('x' x 62) . "\r\n" while length($text) + 66 <= 65536;
        $text .= ('x' x (65536 - length($text) - 2 + $over)) . "\r\n";
        $smtp->write("$text.\r\n");
        is($smtp->read, $over ? 552 : 250, $over ? 'over the limit' : 'of just so many octets');
    }
    is($smtp->say('NOOP ' . 'x' x 505), 250, 'a command of 512 octets');
    is($smtp->say('NOOP ' . 'x' x 506), 500, 'and of 513');
    is($smtp->say('NOOP ' . 'x' x 1_000_000), 500, 'and of a million');
    $smtp->begin_mail($sender, 'r@example.org');
    $smtp->write("$header\r\n\r\n" . 'x' x 998 . "\r\n.\r\n");
    is($smtp->read, 250, 'a line of 998');
    $smtp->begin_mail($sender, 'r@example.org');
    $smtp->write("$header\r\n\r\n" . 'x' x 999 . "\r\n.\r\n");
    is($smtp->read, 500, 'and of 999');
    for my $answer ("$user\0$password", "$user$password", "\0$user\0$password\0") {
        my $other = EmailGW::Smtp->connect($plain);
        $other->say('EHLO client.example');
        is($other->say('AUTH PLAIN ' . encode_base64($answer, '')), 501, 'AUTH with a wrong number of NULs');
    }
    $smtp = EmailGW::Smtp->connect($plain);
    $smtp->say('EHLO client.example');
    is($smtp->say('AUTH PLAIN ' . 'A' x 12289), 500, 'AUTH that is too long');
    is($smtp->say('AUTH PLAIN'), 334, '... its challenge');
    is($smtp->say('A' x 12289), 500, '... and its answer');
};

subtest '100,000 times RSET' => sub {
    my $smtp = EmailGW::Smtp->connect($plain);
    my $pid = fork // die "fork: $!\n";
    if ($pid == 0) {
        $smtp->write("RSET\r\n") || last for 1 .. 100_000;
        POSIX::_exit(0);
    }
    my %count;
    while (my $code = $smtp->read) {
        $count{$code}++;
    }
    waitpid $pid, 0;
    is_deeply(\%count, { 250 => 50, 421 => 1 }, 'fifty of a stranger, then 421');
    ready();
    pass('others go on');
};

subtest 'returned mail' => sub {
    my $smtp = EmailGW::Smtp->connect($port{bounces});
    $smtp->say('EHLO client.example');
    is($smtp->say('MAIL FROM:<>'), 250, 'from nobody');
    is($smtp->say("RCPT TO:<$_>"), 550, "to $_") for "shop\@$account->{domain}", "b+$account->{domain}\@$account->{domain}", 'b+x@example.org';
    my $reply = $gw->send_mail(as => $account);
    my $path = $gw->wait_for(sub { my ($mail) = $gw->outbox($reply->{json}{MessageID}); $mail && $mail->{from} }, 20, 'a return path');
    is($smtp->say("RCPT TO:<$path>"), 250, 'to a return path');
    (my $forged = $path) =~ s/^(b\+.{20})(.)/$1 . ($2 eq 'a' ? 'b' : 'a')/e;
    is($smtp->say("RCPT TO:<$forged>"), 550, 'to one with another letter');
};

subtest 'the log' => sub {
    my $smtp = EmailGW::Smtp->connect($plain);
    $smtp->log_in("evil\n[error] forged", 'guess');
    my @lines = $gw->log_lines(qr/error\.log/);
    is(scalar(grep { /EG0179: SMTP mail of \Q$user\E from <\Q$sender\E> taken: Ok: queued as [0-9a-f-]{36}$/ } @lines) > 3 ? 1 : 0, 1, 'what was taken');
    ok((grep { /EG0178: SMTP mail of \Q$user\E from <\Q$sender\E> refused: 550 5\.7\.1 / } @lines), 'what was refused');
    ok((grep { /EG0176: SMTP login of 'evil\\+x0a\[error\] forged' refused/ } @lines), 'who failed to log in, in one line');
    ok((grep { /EG0177: / } @lines), 'who is no return path');
    is(scalar(grep { /\Q$password\E|guess/ } @lines), 0, 'no password');
};

$gw->log_clean;
done_testing;
