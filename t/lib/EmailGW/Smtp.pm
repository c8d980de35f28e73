# An SMTP client, byte by byte, and what it needs to hand in mail.
#
#     my ($user, $password) = EmailGW::Smtp::login($gw, $account);
#     my $smtp = EmailGW::Smtp->connect($port);
#     is($smtp->say('EHLO client.example'), 250);   # the reply's code
#     like($smtp->{reply}, qr/^250-SIZE /m);        # all of its lines
#     $smtp->log_in($user, $password);
#     $smtp->write($bytes);                         # as they are
#     is($smtp->read, 354);
#     ok($smtp->is_closed);
package EmailGW::Smtp;
use strict;
use warnings;
use Instance;
use IO::Select;
use IO::Socket::INET;
use MIME::Base64 qw(encode_base64);
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Time::HiRes qw(time);

my $patience = 20; # seconds

# A user name and its password for mails of an account's domain, else of example.com.
sub login {
    my ($gw, $account, %with) = @_;
    my ($key, $domain) = $account ? @$account{qw(account_key domain_id)} : map { $gw->env($_) } qw(ACCOUNT_API_KEY DOMAIN_ID);
    my $reply = $gw->call('POST', '/api.php', { json => { Command => 'EmailGateway.AddSMTP', APIKey => $key, DomainID => $domain, %with } });
    my $smtp = $reply->{json}{SMTP} or die "AddSMTP: $reply->{body}\n";
    return @$smtp{qw(Username Password SMTPID)};
}

# Directives of a port where one may log in without TLS.
sub plain_port {
    my ($port, $directives) = @_;
    return "Listen 127.0.0.1:$port smtp\n<VirtualHost 127.0.0.1:$port>\nServerName localhost\nEmailGatewayEngine On\n"
        . "EmailGatewaySMTP submission\nEmailGatewaySMTPInsecureAuth On\n" . ($directives // '') . "</VirtualHost>\n";
}

# Connects and reads the greeting. from => an address of loopback; socket => one that is connected.
sub connect {
    my ($class, $port, %with) = @_;
    my $socket = $with{socket} // IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Timeout => $patience,
        LocalAddr => $with{from}) or die "port $port: $@\n";
    setsockopt $socket, IPPROTO_TCP, TCP_NODELAY, 1;
    my $it = bless { socket => $socket, buffer => '', reply => '' }, $class;
    $it->read if !$with{unread};
    return $it;
}

sub write {
    my ($it, $bytes) = @_;
    local $SIG{PIPE} = 'IGNORE';
    while (length $bytes) {
        my $sent = syswrite $it->{socket}, $bytes;
        return 0 if !defined $sent;
        substr $bytes, 0, $sent, '';
    }
    return 1;
}

# The next reply's code; undef where the connection is closed, 0 where none comes in time.
sub read {
    my ($it, $seconds) = @_;
    my $until = time + ($seconds // $patience);
    while ($it->{buffer} !~ /\A(?:\d{3}-[^\n]*\n)*\d{3} [^\n]*\n/) {
        my $left = $until - time;
        return 0 if !IO::Select->new($it->{socket})->can_read($left > 0 ? $left : 0);
        sysread $it->{socket}, $it->{buffer}, 65536, length $it->{buffer} or return undef;
    }
    $it->{buffer} =~ s/\A((?:\d{3}-[^\n]*\n)*\d{3} [^\n]*\n)//;
    $it->{reply} = $1;
    return substr $it->{reply}, 0, 3;
}

# A line, and the code of its reply.
sub say {
    my ($it, $line) = @_;
    $it->write("$line\r\n");
    return $it->read;
}

# The codes of all that comes until nothing does for a moment, or the end.
sub codes {
    my ($it, $seconds) = @_;
    my @codes;
    while (my $code = $it->read($seconds // 0.5)) {
        push @codes, $code;
    }
    return "@codes";
}

sub is_closed {
    my ($it, $seconds) = @_;
    return 0 if !IO::Select->new($it->{socket})->can_read($seconds // $patience);
    return !sysread $it->{socket}, $it->{buffer}, 65536, length $it->{buffer};
}

# EHLO and AUTH PLAIN. @return the code of AUTH
sub log_in {
    my ($it, $user, $password) = @_;
    $it->say('EHLO client.example');
    return $it->say('AUTH PLAIN ' . encode_base64("\0$user\0$password", ''));
}

# A mail up to its text: MAIL, RCPT, DATA. @return the code of DATA
sub begin_mail {
    my ($it, $sender, @recipients) = @_;
    $it->say("MAIL FROM:<$sender>");
    $it->say("RCPT TO:<$_>") for @recipients;
    return $it->say('DATA');
}

# A whole one. @return the code of its end
sub mail {
    my ($it, $sender, $recipient, $text) = @_;
    $it->begin_mail($sender, $recipient);
    $it->write("$text\r\n.\r\n");
    return $it->read;
}

# What the last reply calls the mail.
sub message_id {
    my ($it) = @_;
    return $it->{reply} =~ /^250 2\.0\.0 Ok: queued as ([0-9a-f-]{36})\r$/m ? $1 : undef;
}

1;
