# What stands behind a site: a FastCGI responder as php-fpm is one, on a port and on
# a socket, and an HTTP server. They say who was asked for what, and nothing else.
#
#     my $backend = EmailGW::Backend->up;
#     $backend->http; $backend->fcgi;      # HOST:PORT
#     $backend->socket;                    # a path
package EmailGW::Backend;
use strict;
use warnings;
use File::Temp ();
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();

sub up {
    my ($class) = @_;
    my $it = bless { owner => $$, temp => File::Temp->newdir('/tmp/emailgw-backend.XXXXXX') }, $class;
    chmod 0755, "$it->{temp}";
    for my $name (qw(http fcgi)) {
        $it->{$name} = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 64) or die "backend: $!\n";
    }
    $it->{socket} = IO::Socket::UNIX->new(Local => "$it->{temp}/socket", Listen => 64) or die "backend: $!\n";
    chmod 0777, "$it->{temp}/socket"; # httpd runs as another user
    $it->{pid} = fork() // die "fork: $!\n";
    if ($it->{pid} == 0) {
        $SIG{PIPE} = 'IGNORE';
        $SIG{TERM} = $SIG{INT} = $SIG{HUP} = 'DEFAULT';
        $it->serve while getppid == $it->{owner};
        POSIX::_exit(0);
    }
    return $it;
}

sub http { return '127.0.0.1:' . $_[0]{http}->sockport }
sub fcgi { return '127.0.0.1:' . $_[0]{fcgi}->sockport }
sub socket { return "$_[0]{temp}/socket" }

sub DESTROY {
    my ($it) = @_;
    return if $it->{owner} != $$ || !$it->{pid};
    local $?;
    kill 'TERM', $it->{pid};
    waitpid $it->{pid}, 0;
}

sub serve {
    my ($it) = @_;
    for my $listener (IO::Select->new(@$it{qw(http fcgi socket)})->can_read(1)) {
        my $client = $listener->accept or next;
        eval {
            local $SIG{ALRM} = sub { die "time\n" };
            alarm 10;
            $listener == $it->{http} ? answer_http($client) : answer_fcgi($client);
        };
        alarm 0;
        close $client;
    }
}

sub take {
    my ($client, $count) = @_;
    my $bytes = '';
    while (length $bytes < $count) {
        sysread $client, $bytes, $count - length $bytes, length $bytes or die "cut\n";
    }
    return $bytes;
}

sub answer_http {
    my ($client) = @_;
    my $head = '';
    $head .= take($client, 1) while $head !~ /\r\n\r\n\z/;
    my ($line) = $head =~ /\A([^\r\n]*) HTTP/;
    my $body = $head =~ /^Content-Length: *(\d+)/mi ? take($client, $1) : '';
    my $text = "http $line <$body>\n";
    syswrite $client, "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Type: text/plain\r\nContent-Length: "
        . length($text) . "\r\nConnection: close\r\n\r\n" . ($line =~ /^HEAD / ? '' : $text);
}

# One request, no multiplexing: FastCGI specification, sections 3.3 and 6.2.
sub answer_fcgi {
    my ($client) = @_;
    my ($params, $body, $id) = ('', '');
    while (1) {
        my (undef, $type, $of, $length, $padding) = unpack 'CCnnCx', take($client, 8);
        my $content = take($client, $length);
        take($client, $padding);
        $id = $of;
        $params .= $content if $type == 4;
        $body .= $content if $type == 5;
        last if $type == 5 && $length == 0;
    }
    my %param = name_values($params);
    my $text = join(' ', 'fcgi', map { $param{$_} // '-' } qw(REQUEST_METHOD REQUEST_URI SCRIPT_FILENAME PATH_INFO)) . " <$body>\n";
    my $out = "Content-Type: text/plain\r\n\r\n$text";
    syswrite $client, pack('CCnnCx', 1, 6, $id, length $out, 0) . $out . pack('CCnnCx', 1, 6, $id, 0, 0)
        . pack('CCnnCx', 1, 3, $id, 8, 0) . pack('NCx3', 0, 0);
}

# Lengths of one byte, or of four with the highest bit set.
sub name_values {
    my ($bytes) = @_;
    my ($at, @words) = (0);
    my $length = sub {
        my $first = ord substr $bytes, $at, 1;
        my $is_long = $first & 0x80;
        my $value = $is_long ? unpack('N', substr $bytes, $at, 4) & 0x7fffffff : $first;
        $at += $is_long ? 4 : 1;
        return $value;
    };
    while ($at < length $bytes) {
        my @lengths = ($length->(), $length->());
        for my $size (@lengths) {
            push @words, substr $bytes, $at, $size;
            $at += $size;
        }
    }
    return @words;
}

1;
