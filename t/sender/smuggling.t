# SMTP smuggling: byte sequences that some servers take for the end of a message, in
# every part of a mail that a client can fill, by the API and by SMTP, and in front of
# commands that would send another one. At each kind of server, the lenient ones as well, exactly one message
# arrives for each mail; and it is the same, byte for byte, where every byte comes alone.
use EmailGW;
use EmailGW::Dns;
use EmailGW::Smtp;
use File::Temp ();
use Instance;
use IO::Socket::INET;
use JSON::PP ();
use MIME::Base64 ();
use MIME::QuotedPrint ();
use POSIX ();
use Socket ();
use Time::HiRes qw(sleep time);

# Those that the project knows by itself, and those of the corpus.
my @ends = ("\n.\n", "\n.\r", "\r.\n", "\r.\r", "\n.\r\n", "\r.\r\n", "\r\n.\r\r\n", "\r\r\n.\r\r\n", "\r\n\0.\r\n");
if (my $corpora = $ENV{EG_CORPORA}) {
    open my $file, '<', "$corpora/smtp-smuggling/end-of-data-sequences.json" or die "end-of-data-sequences.json: $!\n";
    my $list = JSON::PP->new->decode(join '', <$file>);
    my %known = map { $_ => 1 } @ends;
    push @ends, grep { !$known{$_} } @{ $list->{must_never_end_a_message} };
}

# A server of the kind that ends a message at $end, or at CRLF.CRLF. What it took goes
# into files, one a message. With alone => 1 it reads a byte at a time from a small window.
my $dir = File::Temp->newdir('/tmp/emailgw-kinds.XXXXXX');
my @children;

sub server {
    my ($address, $port, $name, $end, %with) = @_;
    my $listener = IO::Socket::INET->new(LocalAddr => $address, LocalPort => $port, Listen => 50, ReuseAddr => 1) or die "$address: $!\n";
    setsockopt $listener, Socket::SOL_SOCKET(), Socket::SO_RCVBUF(), pack 'l', 2048 if $with{alone};
    my $pid = fork // die "fork: $!\n";
    if ($pid) {
        push @children, $pid;
        return;
    }
    setpgrp;
    $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
    $SIG{CHLD} = 'IGNORE';
    while (1) {
        my $socket = $listener->accept or next;
        next if fork;
        eval { talk($socket, $name, $end, $with{alone} ? 1 : 65536) };
        POSIX::_exit(0);
    }
}

sub talk {
    my ($socket, $name, $end, $chunk) = @_;
    my ($buffer, $count) = ('', 0);
    my $more = sub { sysread $socket, $buffer, $chunk, length $buffer or die "closed\n" };
    syswrite $socket, "220 $name\r\n";
    while (1) {
        $more->() while $buffer !~ s/\A([^\n]*)\r?\n//;
        my $command = uc substr $1, 0, 4;
        if ($command ne 'DATA') {
            syswrite $socket, $command eq 'QUIT' ? "221 bye\r\n" : "250 ok\r\n";
            next;
        }
        syswrite $socket, "354 go on\r\n";
        my $length;
        until (defined $length) {
            my @found = grep { $_->[0] >= 0 } map { [ index($buffer, $_), length $_ ] } $end, "\r\n.\r\n";
            ($length) = map { $_->[0] + $_->[1] } sort { $a->[0] <=> $b->[0] } @found;
            $more->() if !defined $length;
        }
        open my $file, '>', sprintf '%s/%s.%d.%d', $dir, $name, $$, ++$count or die "$dir: $!\n";
        print {$file} substr $buffer, 0, $length, '';
        close $file;
        syswrite $socket, "250 taken\r\n";
    }
}

sub taken {
    my ($name) = @_;
    return map { open my $file, '<', $_ or die "$_: $!\n"; local $/; scalar <$file> } glob "$dir/$name.*";
}

END {
    my $status = $?;
    kill '-KILL', $_ for @children;
    $? = $status;
}

my $port = Instance::free_port();
my $dns = EmailGW::Dns->up;
my @kinds = map { { name => "kind$_", end => $ends[$_], address => '127.0.2.' . ($_ + 1) } } 0 .. $#ends;
push @kinds, { name => 'alone', end => "\r\n.\r\n", address => '127.0.2.200', alone => 1 },
    { name => 'plain', end => "\r\n.\r\n", address => '127.0.2.201' };
server($_->{address}, $port, $_->{name}, $_->{end}, alone => $_->{alone}) for @kinds;
$dns->zone('kinds.example', map { ("$_->{name} MX 10 mx.$_->{name}", "mx.$_->{name} A $_->{address}") } @kinds);

my $submission = Instance::free_port();
my $gw = EmailGW->up(RATE => 'off', TRANSPORT => 'mx', RESOLVER => $dns->resolver, HTTPD_CONF => \EmailGW::Smtp::plain_port($submission),
    SENDER_CONF => \"mx_port = $port\nmx_rate = 0\nmx_new_connections = 0\npoll = 20ms\nhostname = mail.example.com\n");
my @everywhere = map { { email => "a\@$_->{name}.kinds.example", name => '' } } @kinds;
my $sent = 0;

# To all kinds at once: one mail each.
sub mail_to_all {
    my (%mail) = @_;
    my $reply = $gw->send_mail(To => \@everywhere, %mail);
    $sent++ if $reply->{status} == 200;
    return $reply->{status};
}

my $second = "MAIL FROM:<evil\@example.com>\r\nRCPT TO:<victim\@example.net>\r\nDATA\r\nSubject: smuggled\r\n\r\nsmuggled\r\n.\r\n";
my %refused;
for my $end (@ends, "\r\n.\r\n") {
    my $text = "before${end}$second after";
    my $printable = $text =~ s/\0//gr; # PostgreSQL's texts have no NUL, so the API takes none
    for my $mail ({ PlainContent => $text }, { ContentType => 'html', HTMLContent => "<p>$text", PlainContent => undef }, { Subject => $text },
        { Attachments => [ { filename => "a.txt", type => 'text/plain', content => MIME::Base64::encode_base64($text, '') } ] },
        { PlainContent => $printable }) {
        my $status = mail_to_all(%$mail);
        $refused{$status}++ if $status != 200;
    }
}
is(scalar(grep { $_ != 400 && $_ != 422 } keys %refused), 0, 'what is refused is refused cleanly');
cmp_ok($sent, '>=', 30, "$sent mails were taken");

# ... and by SMTP. @return the code of the reply to the text; the commands in it are none.
my @login = EmailGW::Smtp::login($gw);
my $header = "From: Shop <shop\@example.com>\r\nSubject: x\r\n";

sub hand_in_to_all {
    my ($text) = @_;
    my $smtp = EmailGW::Smtp->connect($submission);
    $smtp->log_in(@login[0, 1]);
    $smtp->begin_mail('shop@example.com', map { $_->{email} } @everywhere);
    $smtp->write("$text\r\n.\r\n");
    my $code = $smtp->read;
    $sent++ if $code == 250;
    return $code;
}

for my $end (@ends) {
    my $text = "before${end}$second after";
    my $form = JSON::PP->new->ascii->allow_nonref->encode($end);
    is(hand_in_to_all("$header\r\n$text"), 550, "$form by SMTP: refused as it is");
    is(hand_in_to_all("From: shop\@example.com\r\nSubject: $text"), 550, '... also in a header');
    is(hand_in_to_all("${header}Content-Transfer-Encoding: base64\r\n\r\n" . MIME::Base64::encode_base64($text, "\r\n")), 250,
        '... but not where it is encoded');
    is(hand_in_to_all("${header}Content-Transfer-Encoding: quoted-printable\r\n\r\n" . MIME::QuotedPrint::encode_qp($text, "\r\n", 1)), 250,
        '... in either way');
}
is(hand_in_to_all("$header\r\n" . "before\r\n.\r\n$second after" =~ s/^\./../mgr), 250, 'a dot that is stuffed');
is(hand_in_to_all("$header\r\n" . join '', map { 'x' x $_ . "\r\n..\r\n" . $second =~ s/^\./../mgr } 0 .. 150), 250, '... and many of them');
ok($gw->wait_for(sub { !$gw->sql('SELECT count(*) FROM emailgw.queue') }, 60, 'an empty queue'), 'all are sent');

for my $kind (@kinds) {
    my @messages = taken($kind->{name});
    my $form = JSON::PP->new->ascii->allow_nonref->encode($kind->{end});
    is(scalar @messages, $sent, "a server that ends at $form has $sent messages");
    is(scalar(grep { /^Subject: smuggled/m && !/^From: /m } @messages), 0, '... and none that was smuggled');
    is(scalar(grep { /(?<!\r)\n|\r(?!\n)/ } @messages), 0, '... no bare CR or LF');
}
# Recipients that were claimed one after the other have a time of their own in the signature, and perhaps in Date.
my ($alone, $plain) = map { [ sort map { s/\ADKIM-Signature:.*\r\n(?:[ \t].*\r\n)*//r =~ s/^Date: .*\r\n//mr } taken($_) ] } qw(alone plain);
unlike($plain->[0], qr/^DKIM-Signature/m, 'the signature is taken off');
is_deeply($alone, $plain, 'byte for byte the same where each byte comes alone');

$gw->log_clean;
done_testing;
