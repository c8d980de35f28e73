# A scripted webhook receiver in a process of its own: each path says how it is
# answered, and a ledger keeps every connection and every request.
#
#     my $receiver = EmailGW::Receiver->up;          # $receiver->address is 127.0.0.1:PORT
#     $receiver->url('/ok');
#     $receiver->requests('/ok');                    # what came: {at, path, headers, body, connection}
#     $receiver->connections;                        # how many, also those without a request
#
# Paths, whatever is behind them:
#     /ok /status/N        an answer of 200, of N
#     /once                200, and the connection ends
#     /after/N/SECONDS     N with Retry-After: SECONDS, in either form with /date behind it
#     /flaky/N             N failures of 500 for each webhook-id, then 200
#     /slow/SECONDS        200 after so long
#     /hang /drip /huge /headers /close /garbage /continue
#     /redirect/PORT       302 to that port of 127.0.0.1
package EmailGW::Receiver;
use strict;
use warnings;
use IO::Select;
use IO::Socket::IP;
use File::Temp ();
use JSON::PP ();
use Time::HiRes qw(time);

my $json = JSON::PP->new->canonical;

sub up {
    my ($class, %with) = @_;
    my $it = bless { owner => $$, read => 0, entries => [], ledger => File::Temp->new(TEMPLATE => '/tmp/emailgw-receiver.XXXXXX') }, $class;
    $it->{host} = $with{host} // '127.0.0.1';
    $it->{socket} = IO::Socket::IP->new(Listen => 128, LocalHost => $it->{host}, ReuseAddr => 1,
        GetAddrInfoFlags => 0, LocalPort => $with{port} // 0) or die "receiver: $!\n";
    $it->{port} = $it->{socket}->sockport;
    $it->start;
    return $it;
}

sub start {
    my ($it) = @_;
    my $pid = fork // die "fork: $!\n";
    if ($pid == 0) {
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
        $SIG{PIPE} = 'IGNORE';
        eval { $it->serve };
        print STDERR "receiver: $@" if $@;
        require POSIX;
        POSIX::_exit(1);
    }
    $it->{pid} = $pid;
}

sub down {
    my ($it) = @_;
    return if !$it->{pid} || $it->{owner} != $$;
    kill 'KILL', $it->{pid};
    waitpid delete $it->{pid}, 0;
}

sub DESTROY {
    local ($?, $!, $@);
    $_[0]->down;
}

sub address { return $_[0]{host} =~ /:/ ? "[$_[0]{host}]:$_[0]{port}" : "$_[0]{host}:$_[0]{port}" }
sub url { return 'http://' . $_[0]->address . $_[1] }

sub ledger {
    my ($it) = @_;
    open my $file, '<', $it->{ledger}->filename or die "$it->{ledger}: $!\n";
    seek $file, $it->{read}, 0;
    while (my $line = <$file>) {
        last if $line !~ /\n\z/;
        $it->{read} += length $line;
        push @{ $it->{entries} }, $json->decode($line);
    }
    return @{ $it->{entries} };
}

# Requests in order of arrival, of one path or of all.
sub requests {
    my ($it, $path) = @_;
    return grep { $_->{path} && (!defined $path || $_->{path} eq $path) } $it->ledger;
}

sub connections {
    return scalar grep { !$_->{path} } $_[0]->ledger;
}

# ---- the child --------------------------------------------------------------

sub note {
    my ($it, $entry) = @_;
    open my $file, '>>', $it->{ledger}->filename or die "ledger: $!\n";
    syswrite $file, $json->encode({ at => time, %$entry }) . "\n";
}

sub serve {
    my ($it) = @_;
    my $select = IO::Select->new($it->{socket});
    my (%peer, $count, %failed);
    while (1) {
        my $pause = 1;
        for my $peer (values %peer) { # what is due to be written
            my $wait = ($peer->{due} // next) - time;
            $pause = $wait if $wait < $pause;
        }
        my @ready = $select->can_read($pause > 0 ? $pause : 0);
        for my $socket (@ready) {
            if ($socket == $it->{socket}) {
                my $new = $it->{socket}->accept or next;
                $new->blocking(0);
                $select->add($new);
                $peer{ fileno $new } = { socket => $new, number => ++$count, in => '' };
                $it->note({ connection => $count });
                next;
            }
            my $peer = $peer{ fileno $socket };
            my $read = sysread $socket, $peer->{in}, 65536, length $peer->{in};
            if (!$read && !$!{EAGAIN} || defined $read && $read == 0) {
                $it->forget($select, \%peer, $peer);
                next;
            }
            $it->take($peer, \%failed);
        }
        for my $peer (values %peer) {
            $it->write($peer) if defined $peer->{due} && $peer->{due} <= time;
            $it->forget($select, \%peer, $peer) if $peer->{gone};
        }
    }
}

sub forget {
    my ($it, $select, $peers, $peer) = @_;
    $select->remove($peer->{socket});
    delete $peers->{ fileno $peer->{socket} };
    close $peer->{socket};
}

# A whole request: into the ledger, and its answer into what is to be written.
sub take {
    my ($it, $peer, $failed) = @_;
    return if defined $peer->{due} || $peer->{in} !~ /\A(.*?)\r\n\r\n/s;
    my $head = $1;
    my ($line, @lines) = split /\r\n/, $head;
    my %header = map { /^([^:]+):\s*(.*)\z/ ? (lc $1, $2) : () } @lines;
    my $length = $header{'content-length'} // 0;
    return if length($peer->{in}) < length($head) + 4 + $length;
    my $body = substr $peer->{in}, length($head) + 4, $length;
    substr($peer->{in}, 0, length($head) + 4 + $length) = '';
    my ($method, $path) = split / /, $line;
    $it->note({ connection => $peer->{number}, method => $method, path => $path, headers => \%header, body => $body });
    $peer->{due} = time;
    $it->answer($peer, $path, \%header, $failed);
}

sub reply {
    my ($status, %header) = @_;
    my $body = $status == 204 || $status == 304 ? '' : "answer\n";
    $header{'Content-Length'} = length $body if $status != 204;
    return "HTTP/1.1 $status Answer\r\n" . join('', map { "$_: $header{$_}\r\n" } sort keys %header) . "\r\n$body";
}

sub answer {
    my ($it, $peer, $path, $header, $failed) = @_;
    my ($name, @words) = grep { length } split m{/}, $path;
    my %answer = (
        ok => sub { reply(200) },
        once => sub { $peer->{close} = 1; reply(200, Connection => 'close') },
        status => sub { reply($words[0]) },
        after => sub {
            my $when = !$words[2] ? $words[1] : do {
                require POSIX;
                POSIX::strftime('%a, %d %b %Y %H:%M:%S GMT', gmtime(time + $words[1] + 1));
            };
            reply($words[0], 'Retry-After' => $when);
        },
        flaky => sub { $failed->{"$path $header->{'webhook-id'}"}++ < $words[0] ? reply(500) : reply(200) },
        slow => sub { $peer->{due} = time + $words[0]; reply(200) },
        redirect => sub { reply(302, Location => "http://127.0.0.1:$words[0]/redirected") },
        garbage => sub { $peer->{close} = 1; "\0\1\2 no HTTP\r\n\r\n" },
        close => sub { $peer->{close} = 1; '' },
        hang => sub { $peer->{due} = time + 3600; '' },
        drip => sub { $peer->{drip} = 1; "HTTP/1.1 200 Answer\r\nContent-Length: 1000\r\n\r\n" },
        huge => sub { $peer->{more} = 2**30; "HTTP/1.1 200 Answer\r\nContent-Length: 1073741824\r\n\r\n" },
        headers => sub { $peer->{more} = 2**30; "HTTP/1.1 200 Answer\r\n" },
        continue => sub { $peer->{drip} = "HTTP/1.1 100 Continue\r\n\r\n"; '' },
    );
    $peer->{kind} = $name;
    $peer->{out} = ($answer{ $name // '' } // sub { reply(404) })->();
}

sub write {
    my ($it, $peer) = @_;
    if (!length $peer->{out} && $peer->{more}) {
        $peer->{out} = $peer->{kind} eq 'headers' ? "X-More: " . 'x' x 1000 . "\r\n" : 'x' x 65536;
        $peer->{more} -= length $peer->{out};
    }
    if (length $peer->{out}) {
        my $written = syswrite $peer->{socket}, $peer->{out};
        return $peer->{gone} = 1 if !defined $written && !$!{EAGAIN};
        substr($peer->{out}, 0, $written // 0) = '';
        $peer->{sent} += $written // 0;
    }
    if (length $peer->{out} || $peer->{more}) {
        $peer->{due} = time + 0.001;
    } elsif ($peer->{drip}) {
        $peer->{out} = $peer->{drip} eq '1' ? 'x' : $peer->{drip};
        $peer->{due} = time + 0.1;
    } else {
        $peer->{due} = undef;
        $peer->{gone} = 1 if $peer->{close};
    }
}

1;
