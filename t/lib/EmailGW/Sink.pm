# A scripted SMTP server, for what no honest one would do. It runs in a process of
# its own; what it heard stands in a ledger, one JSON object a line, written
# before the reply that the entry is about.
#
#     my $sink = EmailGW::Sink->start(
#         pipelining => 1, utf8 => 0, tls => 0, users => { name => 'password' },
#         script => sub {                 # called in the sink at each step
#             my ($step, $c) = @_;        # connect ehlo starttls auth mail rcpt data dot rset quit
#             return $step eq 'rcpt' && $c->{to} =~ /^no@/ ? '550 5.1.1 no such user' : undef;
#         });
#     $sink->port; $sink->messages; $sink->ledger;
#
# $c: no (of the connection, from 1), mails (finished on it), from, to, tries (how
# often this recipient has been at this step), body. The script answers with undef
# for the usual reply, a text, or one of
#     { reply => $text }            several lines with \n between
#     { wait => $seconds, reply => ... }
#     { drip => $seconds, reply => ... }  so long for each byte
#     { raw => $bytes }             instead of a reply
#     { flood => $bytes }           these, over and over, until the other side has had enough
#     { close => 1, reply => ... }  close afterwards
#     { reset => 1 }                RST
#     { hang => 1 }                 nothing more
#     { stall => $bytes, reply => ... }  reads so many bytes, notes the step "stall", then nothing more
#     { taken => 1, ... }           at the dot: the mail counts as taken, whatever is said
#
# start(address => '127.0.1.1', port => 2525, certificate => [ $chain, $key ]) are where
# it listens, and what it shows with tls => 1 in place of a certificate of its own.
#
# start(segment => 1460) has segments as on an Ethernet: those of loopback, of 64 kB,
# make the kernel buffer megabytes on the way. start(digest => 1) keeps of large
# mails the SHA-256 and the size without their DKIM-Signature, which has its own time, not the body.
package EmailGW::Sink;
use strict;
use warnings;
use Digest::SHA ();
use File::Temp ();
use IO::Handle;
use IO::Select;
use IO::Socket::INET;
use IO::Socket::IP;
use JSON::PP ();
use MIME::Base64 ();
use POSIX ();
use Socket qw(SOL_SOCKET SO_LINGER TCP_MAXSEG TCP_NODELAY IPPROTO_TCP);
use Time::HiRes qw(sleep time);

my $json = JSON::PP->new->utf8->canonical;
my @running;

sub start {
    my ($class, %with) = @_;
    my $sink = bless { pipelining => 1, %with }, $class;
    $sink->{dir} = File::Temp->newdir('/tmp/emailgw-sink.XXXXXX');
    my $listener = ($with{address} // '') =~ /:/ ? 'IO::Socket::IP' : 'IO::Socket::INET';
    $sink->{listener} = $listener->new(LocalAddr => $with{address} // '127.0.0.1', LocalPort => $with{port} // 0, Listen => 300,
        ReuseAddr => 1) or die "a sink: $!\n";
    setsockopt $sink->{listener}, IPPROTO_TCP, TCP_MAXSEG, $with{segment} or die "segments: $!\n" if $with{segment};
    $sink->{port} = $sink->{listener}->sockport;
    $sink->{file} = "$sink->{dir}/ledger";
    open my $made, '>', $sink->{file} or die "$sink->{file}: $!\n";
    $sink->make_certificate if $with{tls} && !$with{certificate};
    my $pid = fork() // die "fork: $!\n";
    if ($pid == 0) {
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
        setpgrp;
        eval { $sink->serve; 1 } or print STDERR "sink: $@";
        POSIX::_exit(0);
    }
    close $sink->{listener};
    $sink->{pid} = $pid;
    push @running, $sink;
    return $sink;
}

sub stop {
    my ($sink) = @_;
    @running = grep { $_ != $sink } @running;
    my $pid = delete $sink->{pid} or return;
    kill '-KILL', $pid;
    kill 'KILL', $pid;
    waitpid $pid, 0;
}

END {
    my $status = $?;
    $_->stop for my @all = @running;
    $? = $status;
}

sub port {
    return $_[0]{port};
}

sub transport {
    return "relay:127.0.0.1:$_[0]{port}";
}

sub ca_file {
    return "$_[0]{dir}/cert.pem";
}

# All entries, or those of one step: {at, no, step, line, to, ...}.
sub ledger {
    my ($sink, $step) = @_;
    open my $file, '<', $sink->{file} or die "$sink->{file}: $!\n";
    my @entries = map { scalar eval { $json->decode($_) } // () } <$file>;
    return grep { !defined $step || $_->{step} eq $step } @entries;
}

# What was taken: {from, to, body, no, id, peer}, bodies without dot-stuffing, peer the other side's address; with digest {sha256, size} instead.
sub messages {
    my ($sink) = @_;
    return $sink->ledger('message');
}

sub note {
    my ($sink, %entry) = @_;
    open my $file, '>>', $sink->{file} or die "$sink->{file}: $!\n";
    syswrite $file, $json->encode({ at => time, %entry }) . "\n";
}

sub make_certificate {
    my ($sink) = @_;
    my @words = (qw(openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext),
        'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', "$sink->{dir}/key.pem", '-out', "$sink->{dir}/cert.pem");
    system(join(' ', map { "'$_'" } @words) . ' 2>/dev/null') == 0 or die "openssl makes no certificate\n";
    chmod 0755, "$sink->{dir}";
    chmod 0644, "$sink->{dir}/cert.pem";
}

# ---- in the sink's process ------------------------------------------------------

# One process a connection; what they count together goes through the first one.
sub serve {
    my ($sink) = @_;
    $SIG{CHLD} = 'IGNORE';
    my $no = 0;
    while (1) {
        my $socket = $sink->{listener}->accept or next;
        $no++;
        my $pid = fork() // die "fork: $!\n";
        if ($pid == 0) {
            close $sink->{listener};
            eval { $sink->talk($socket, $no); 1 } or $@ =~ /^closed/ or print STDERR "sink: $@";
            POSIX::_exit(0);
        }
        close $socket;
    }
}

sub talk {
    my ($sink, $socket, $no) = @_;
    setsockopt $socket, IPPROTO_TCP, TCP_NODELAY, 1;
    my $c = { no => $no, mails => 0, socket => $socket, buffer => '', sink => $sink, peer => $socket->peerhost };
    $sink->step('connect', $c, '', "220 sink.example ESMTP");
    while (defined(my $line = read_line($c))) {
        my ($verb) = $line =~ /^([A-Za-z]+)/ or die "closed: no command\n";
        my $handler = __PACKAGE__->can('do_' . lc $verb);
        $handler ? $handler->($sink, $c, $line) : say_line($c, '502 5.5.1 unknown command');
    }
    $sink->note(no => $no, step => 'end');
}

sub do_ehlo {
    my ($sink, $c, $line) = @_;
    my @offer = ('sink.example', $sink->{pipelining} ? 'PIPELINING' : (), 'SIZE 50000000', '8BITMIME', 'ENHANCEDSTATUSCODES',
        $sink->{utf8} ? 'SMTPUTF8' : (), $sink->{tls} && !$c->{tls} ? 'STARTTLS' : (),
        $sink->{users} ? 'AUTH PLAIN LOGIN' : ());
    $sink->step('ehlo', $c, $line, join "\n", map { "250" . ($_ == $#offer ? ' ' : '-') . $offer[$_] } 0 .. $#offer);
}

sub do_helo {
    my ($sink, $c, $line) = @_;
    $sink->step('helo', $c, $line, '250 sink.example');
}

sub do_starttls {
    my ($sink, $c, $line) = @_;
    return if !$sink->step('starttls', $c, $line, '220 2.0.0 go');
    $sink->upgrade($c);
}

# Core Perl has no TLS: openssl's server does it, between this process and the other side.
sub upgrade {
    my ($sink, $c) = @_;
    die "closed\n" if length $c->{buffer};
    my $inner = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1) or die "a socket: $!\n";
    my $port = $inner->sockport;
    my $probe = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1, ReuseAddr => 1) or die "a socket: $!\n";
    my $outer = $probe->sockport;
    close $probe;
    my ($chain, $key) = @{ $sink->{certificate} // [ map { "$sink->{dir}/$_.pem" } qw(cert key) ] };
    my $pid = fork() // die "fork: $!\n";
    if ($pid == 0) {
        my $door = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) or POSIX::_exit(1);
        open STDIN, '<&', $door;
        open STDOUT, '>&', $door;
        open STDERR, '>', '/dev/null';
        exec(qw(openssl s_server -quiet -naccept 1 -accept), "127.0.0.1:$outer", '-cert', $chain, '-cert_chain', $chain,
            '-key', $key) or POSIX::_exit(1);
    }
    my $plain = $inner->accept;
    my $cipher;
    for (1 .. 200) {
        $cipher = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $outer) and last;
        sleep 0.02;
    }
    die "closed: openssl\n" if !$cipher;
    my $pump = fork() // die "fork: $!\n";
    if ($pump == 0) {
        pump($c->{socket}, $cipher);
        POSIX::_exit(0);
    }
    close $c->{socket};
    close $cipher;
    $c->{socket} = $plain;
    $c->{tls} = 1;
}

sub pump {
    my ($one, $two) = @_;
    my %other = ($one => $two, $two => $one);
    my $both = IO::Select->new($one, $two);
    while (1) {
        for my $from ($both->can_read) {
            my $size = sysread $from, my $bytes, 65536;
            return if !$size || !syswrite $other{$from}, $bytes;
        }
    }
}

sub do_auth {
    my ($sink, $c, $line) = @_;
    my (undef, $mechanism, $text) = split ' ', $line;
    if (uc $mechanism eq 'PLAIN') {
        $text //= ask($c, '334 ');
        my (undef, $name, $password) = split /\0/, MIME::Base64::decode_base64($text);
        return $sink->check($c, $name, $password);
    }
    my $name = MIME::Base64::decode_base64(ask($c, '334 VXNlcm5hbWU6'));
    $sink->check($c, $name, MIME::Base64::decode_base64(ask($c, '334 UGFzc3dvcmQ6')));
}

sub check {
    my ($sink, $c, $name, $password) = @_;
    my $right = ($sink->{users}{$name} // '') eq $password;
    $c->{user} = $name if $right;
    $sink->step('auth', $c, $name, $right ? '235 2.7.0 welcome' : '535 5.7.8 wrong');
}

sub do_mail {
    my ($sink, $c, $line) = @_;
    $c->{from} = $line =~ /<(.*)>/ ? $1 : '';
    delete $c->{to};
    return say_line($c, '503 5.5.1 one at a time') if $c->{open};
    $c->{open} = $sink->step('mail', $c, $line, '250 2.1.0 ok');
}

sub do_rcpt {
    my ($sink, $c, $line) = @_;
    my ($to) = $line =~ /<(.*)>/;
    return say_line($c, '503 5.5.1 MAIL first') if !$c->{open};
    $c->{to} = $to;
    $c->{accepted} = $sink->step('rcpt', $c, $line, '250 2.1.5 ok') ? 1 : 0;
}

sub do_data {
    my ($sink, $c, $line) = @_;
    return say_line($c, '503 5.5.1 RCPT first') if !$c->{accepted};
    return if !$sink->step('data', $c, $line, '354 go on', 3);
    my ($body, $wire) = ('', '');
    while (1) {
        my $text = read_line($c) // die "closed: in the middle of a mail\n";
        last if $text eq '.';
        $wire .= "$text\r\n";
        $text =~ s/^\.//;
        $body .= "$text\r\n";
    }
    $c->{body} = $body;
    my ($id) = $body =~ /^Message-ID: *<([^@>]*)/mi;
    my $content = $body =~ s/\ADKIM-Signature:.*\r\n(?:[ \t].*\r\n)*//r;
    my %kept = $sink->{digest} ? (sha256 => Digest::SHA::sha256_hex($content), size => length $content) : (body => $body);
    $sink->step('dot', $c, $sink->{digest} ? '' : $wire, '250 2.0.0 taken', 2, sub {
        $sink->note(no => $c->{no}, step => 'message', from => $c->{from}, to => $c->{to}, %kept, id => $id,
            tls => $c->{tls} ? 1 : 0, user => $c->{user}, peer => $c->{peer});
    });
    $c->{mails}++;
    delete @$c{qw(open accepted to)};
}

sub do_rset {
    my ($sink, $c, $line) = @_;
    delete @$c{qw(open accepted to)};
    $sink->step('rset', $c, $line, '250 2.0.0 flushed');
}

sub do_quit {
    my ($sink, $c, $line) = @_;
    $sink->step('quit', $c, $line, '221 2.0.0 bye');
    die "closed\n";
}

# How often this has been reached for a recipient, this time included.
sub tries {
    my ($sink, $step, $to) = @_;
    my $whom = $json->encode({ to => $to }) =~ s/^\{|\}\z//gr;
    open my $file, '<', $sink->{file} or die "$sink->{file}: $!\n";
    return scalar grep { index($_, qq("step":"$step")) >= 0 && index($_, $whom) >= 0 } <$file>;
}

# What the script says, or the usual reply. True when it was the latter's kind;
# then taken() is called first.
sub step {
    my ($sink, $step, $c, $line, $usual, $class, $taken) = @_;
    $class //= 2;
    $sink->note(no => $c->{no}, step => $step, line => $line, $c->{to} ? (to => $c->{to}) : ());
    $c->{tries} = $c->{to} && $sink->{script} ? $sink->tries($step, $c->{to}) : 0;
    my $said = $sink->{script} ? $sink->{script}->($step, $c) : undef;
    $said = { reply => $said // $usual } if !ref $said;
    my $good = defined $said->{reply} && $said->{reply} =~ /^$class/;
    $taken->() if $taken && ($good || $said->{taken});
    sleep $said->{wait} if $said->{wait};
    act($c, $said);
    return $good;
}

sub act {
    my ($c, $said) = @_;
    if ($said->{hang}) {
        sleep 1 while 1;
    }
    if ($said->{flood}) {
        1 while syswrite $c->{socket}, $said->{flood};
        die "closed\n";
    }
    if (defined $said->{raw}) {
        syswrite $c->{socket}, $said->{raw};
    } elsif (defined $said->{reply}) {
        my $text = join '', map { "$_\r\n" } split /\n/, $said->{reply};
        for my $part ($said->{drip} ? split(//, $text) : $text) {
            syswrite $c->{socket}, $part or die "closed\n";
            sleep $said->{drip} if $said->{drip};
        }
    }
    stall($c, $said->{stall}) if $said->{stall};
    setsockopt $c->{socket}, SOL_SOCKET, SO_LINGER, pack 'll', 1, 0 if $said->{reset};
    if ($said->{close} || $said->{reset}) {
        close $c->{socket};
        die "closed\n";
    }
}

sub stall {
    my ($c, $bytes) = @_;
    while (length $c->{buffer} < $bytes) {
        sysread $c->{socket}, $c->{buffer}, $bytes - length $c->{buffer}, length $c->{buffer} or die "closed\n";
    }
    $c->{sink}->note(no => $c->{no}, step => 'stall', to => $c->{to});
    sleep 1 while 1;
}

sub say_line {
    my ($c, $text) = @_;
    act($c, { reply => $text });
}

sub ask {
    my ($c, $text) = @_;
    say_line($c, $text);
    return read_line($c) // die "closed\n";
}

# Without its CRLF; bare LF and CR are not ends of lines here.
sub read_line {
    my ($c) = @_;
    while (1) {
        my $end = index $c->{buffer}, "\r\n";
        return substr substr($c->{buffer}, 0, $end + 2, ''), 0, $end if $end >= 0;
        sysread($c->{socket}, $c->{buffer}, 65536, length $c->{buffer}) or return;
    }
}

1;
