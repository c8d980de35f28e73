# DNS as it is: knot serves zones that a test writes, unbound resolves them from a
# root of its own. Nothing is asked outside of this host, nothing is cached.
#
#     my $dns = EmailGW::Dns->up(lame => ['lame.example'], broken => ['broken.example'],
#                                silent => ['silent.example']);
#     $dns->zone('shop.example', '@ MX 10 mail.example.net.', '_dmarc TXT "v=DMARC1; p=none"');
#     EmailGW->up(RESOLVER => $dns->resolver);
#
# A zone that is written again replaces the former one. Names outside of all zones
# do not exist. lame: delegated to a server that is nowhere, so the resolver
# answers SERVFAIL, and knot itself refers. broken: knot answers SERVFAIL. silent:
# their server never says a word, and the resolver waits for it.
package EmailGW::Dns;
use strict;
use warnings;
use EmailGW::Peer;
use File::Temp ();
use Instance;
use IO::Select;
use IO::Socket::INET;
use Time::HiRes qw(sleep time);

sub up {
    my ($class, %with) = @_;
    my $it = bless { temp => File::Temp->newdir('/tmp/emailgw-dns.XXXXXX'), zones => {}, serial => int(time),
        knot => Instance::free_port(), unbound => Instance::free_port(),
        lame => $with{lame} // [], broken => $with{broken} // [], silent => $with{silent} // [] }, $class;
    $it->{hush} = IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1') or die "silence: $!\n";
    $it->write_zone('.', map { "$_. NS ns.nowhere.$_.invalid." } @{ $it->{lame} });
    $it->start_knot;
    $it->start_unbound;
    return $it;
}

# HOST:PORT of the resolver, and of the server of the zones, which resolves nothing.
sub resolver { return "127.0.0.1:$_[0]{unbound}" }
sub authority { return "127.0.0.1:$_[0]{knot}" }

# A port where nobody ever answers.
sub silence { return '127.0.0.1:' . $_[0]{hush}->sockport }

# Records as in a zone file, names below the zone's unless they end with a dot.
sub zone {
    my ($it, $name, @records) = @_;
    my $serial = $it->write_zone($name, @records);
    $it->write_conf;
    $it->control('knot', 'knotc', '-s', "$it->{temp}/knot.sock", 'reload');
    my $deadline = time + 10;
    until (($it->serial_of($name) // 0) == $serial) {
        die "knot does not serve $name:\n" . Instance::tail("$it->{temp}/knot.out") if time > $deadline;
        sleep 0.02;
    }
    # What has a TTL of 0 is still good for the second in which it came.
    $it->control('unbound', 'unbound-control', '-c', "$it->{temp}/unbound.conf", 'flush_zone', $name) if !$it->{unbound_down};
}

# A TXT record's data: strings of at most 255 bytes.
sub txt {
    my ($text) = @_;
    return join ' ', map { s/(["\\])/\\$1/gr =~ s/^|\z/"/gr } $text =~ /.{1,255}/gs;
}

sub write_zone {
    my ($it, $name, @records) = @_;
    my $origin = $name =~ s/(?<!\.)\z/./r;
    $it->{zones}{$name} = "$it->{temp}/" . ($name eq '.' ? 'root' : $name) . '.zone';
    my $serial = ++$it->{serial};
    Instance::write_file($it->{zones}{$name}, join("\n", "\$ORIGIN $origin", '$TTL 0',
        "@ SOA ns.$it->{knot}.invalid. nobody.invalid. $serial 3600 600 86400 0", "@ NS ns.$it->{knot}.invalid.",
        @records, ''), 0644);
    return $serial;
}

sub write_conf {
    my ($it) = @_;
    my $dir = "$it->{temp}";
    my %file = (%{ $it->{zones} }, map { $_ => "$dir/not-there" } @{ $it->{broken} });
    my $zones = join '', map { "  - domain: \"$_\"\n    file: $file{$_}\n" } sort keys %file;
    Instance::write_file("$dir/knot.conf", <<"END", 0644);
server:
    listen: 127.0.0.1\@$it->{knot}
    rundir: $dir
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
control:
    listen: $dir/knot.sock
database:
    storage: $dir
log:
  - target: stderr
    any: info
template:
  - id: default
    storage: $dir
    journal-content: none
    zonefile-load: whole
    zonefile-sync: -1
zone:
$zones
END
}

sub start_knot {
    my ($it) = @_;
    $it->write_conf;
    $it->{knot_peer} = EmailGW::Peer->start('knot', program => 'usr/sbin/knotd', out => "$it->{temp}/knot.out",
        argv => [ '-c', "$it->{temp}/knot.conf" ]);
    $it->{knot_peer}->await_port($it->{knot});
}

sub start_unbound {
    my ($it) = @_;
    my $dir = "$it->{temp}";
    my $silent = join '', map { "stub-zone:\n    name: \"$_\"\n    stub-addr: 127.0.0.1\@"
        . $it->{hush}->sockport . "\n" } @{ $it->{silent} };
    Instance::write_file("$dir/unbound.conf", <<"END", 0644);
server:
    interface: 127.0.0.1\@$it->{unbound}
    directory: "$dir"
    pidfile: "$dir/unbound.pid"
    chroot: ""
    username: ""
    use-syslog: no
    do-daemonize: no
    do-ip6: no
    do-not-query-localhost: no
    module-config: "iterator"
    qname-minimisation: no
    cache-max-ttl: 0
    cache-max-negative-ttl: 0
    infra-host-ttl: 1
    local-zone: "test." nodefault
    local-zone: "invalid." nodefault
remote-control:
    control-enable: yes
    control-interface: $dir/unbound.sock
    control-use-cert: no
stub-zone:
    name: "."
    stub-addr: 127.0.0.1\@$it->{knot}
$silent
END
    $it->{unbound_peer} = EmailGW::Peer->start('unbound', program => 'usr/sbin/unbound', out => "$dir/unbound.out",
        argv => [ '-c', "$dir/unbound.conf" ]);
    $it->{unbound_peer}->await_port($it->{unbound});
    delete $it->{unbound_down};
}

# Tells one of the two servers something by its own program.
sub control {
    my ($it, $server, $program, @words) = @_;
    my $dir = EmailGW::Peer::dir($server);
    local $ENV{LD_LIBRARY_PATH} = EmailGW::Peer::library_path($dir);
    my $out = `$dir/usr/sbin/$program @words 2>&1`;
    $? == 0 or die "$program @words: $out\n";
}

# The serial number that knot serves a zone with; nothing where it serves none.
sub serial_of {
    my ($it, $name) = @_;
    my $reply = $it->ask($name, 6) // return;
    my ($answers) = unpack 'x6 n', $reply;
    return if !$answers;
    return unpack 'N', substr $reply, -20, 4; # the SOA record is the last thing there: serial and four times
}

# One question to knot, by UDP: the message that comes back.
sub ask {
    my ($it, $name, $type) = @_;
    my $socket = IO::Socket::INET->new(Proto => 'udp', PeerAddr => $it->authority) or die "knot: $!\n";
    my $labels = join '', map { pack 'C/a', $_ } split /\./, $name;
    send $socket, pack('n6', 4711, 0, 1, 0, 0, 0) . $labels . pack('C n2', 0, $type, 1), 0;
    IO::Select->new($socket)->can_read(1) or return;
    my $reply;
    return defined recv($socket, $reply, 65535, 0) ? $reply : undef;
}

# $dns->stop('unbound'): nobody answers on its port until start_unbound.
sub stop {
    my ($it, $server) = @_;
    $it->{"${server}_peer"}->stop;
    $it->{"${server}_down"} = 1;
}

1;
