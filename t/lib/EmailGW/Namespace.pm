# A network of a test's own, with nothing in it but loopback, a name server on port
# 53 that every program asks, and the addresses that the test gives itself.
#
#     use EmailGW::Namespace;                      # before all else: the file begins anew inside
#     EmailGW::Namespace::give('203.0.114.7');     # an address for lo
#     my $dns = EmailGW::Namespace->names;
#     $dns->zone('hooks.example', 'www A 203.0.114.7', 'old CNAME www');
#
# knot follows a CNAME within its zone only. Where the kernel or its configuration allows no namespaces the test says so and ends.
package EmailGW::Namespace;
use strict;
use warnings;
use Cwd ();
use File::Basename qw(dirname);
use File::Temp ();
use IO::Socket::INET;
use POSIX ();
use Socket qw(inet_aton);
use Time::HiRes qw(sleep time);

my $lib = Cwd::abs_path(dirname(__FILE__) . '/..');
my %mount = (x86_64 => 165, aarch64 => 40); # number of the system call
my $aliases = 0;

sub import {
    $ENV{EG_NAMESPACE} ? set_up() : enter();
}

# Root stays root; others stay themselves, with root's rights over what is theirs alone.
sub enter {
    my @way = ('unshare', $> == 0 ? () : qw(--user --map-current-user --keep-caps), qw(--net --mount));
    my $why = system("@way true 2>/dev/null") != 0 ? "unshare is refused: no namespaces here"
        : !$mount{ (POSIX::uname)[4] } ? 'the number of the system call mount is not known here'
        : !fetch() ? 'knot cannot be had' : undef;
    if (defined $why) {
        print "1..0 # SKIP $why\n";
        exit 0;
    }
    $ENV{EG_NAMESPACE} = 1;
    delete $ENV{EG_INSTANCE}; # is not to be reached from there
    exec @way, $^X, "-I$lib", $0 or die "unshare: $!\n";
}

# Before the way to the outside is closed.
sub fetch {
    return system("$lib/../peers knot >/dev/null") == 0;
}

sub set_up {
    my ($flags) = unpack 'x16 s', lo(0x8913, 'lo', ''); # SIOCGIFFLAGS
    lo(0x8914, 'lo', pack 's', $flags | 1);             # SIOCSIFFLAGS, IFF_UP
    my $dir = File::Temp::tempdir('/tmp/emailgw-net.XXXXXX', CLEANUP => 1);
    chmod 0755, $dir;
    my %text = ('resolv.conf' => "nameserver 127.0.0.1\n", 'nsswitch.conf' => "hosts: files dns\n",
        hosts => "127.0.0.1 localhost\n::1 localhost\n");
    for my $name (sort keys %text) {
        open my $file, '>', "$dir/$name" or die "$dir/$name: $!\n";
        print {$file} $text{$name};
        close $file;
        next if !-e "/etc/$name";
        syscall($mount{ (POSIX::uname)[4] }, "$dir/$name", "/etc/$name", 0, 4096, 0) == 0 # MS_BIND
            or die "/etc/$name: $!\n";
    }
}

# One ioctl on a network interface.
sub lo {
    my ($request, $name, $value) = @_;
    my $argument = pack 'a16 a24', $name, $value;
    my $socket = IO::Socket::INET->new(Proto => 'udp') or die "a socket: $!\n";
    ioctl $socket, $request, $argument or die "ioctl on $name: $!\n";
    return $argument;
}

# An IPv4 address for this host.
sub give {
    my ($address) = @_;
    my $name = 'lo:' . ++$aliases;
    lo(0x8916, $name, pack 'S n a4', 2, 0, inet_aton($address));           # SIOCSIFADDR
    lo(0x891c, $name, pack 'S n a4', 2, 0, inet_aton('255.255.255.255')); # SIOCSIFNETMASK
}

# ---- names ------------------------------------------------------------------

sub names {
    my ($class) = @_;
    require EmailGW::Peer;
    my $it = bless { temp => File::Temp->newdir('/tmp/emailgw-names.XXXXXX'), zones => {}, serial => 0 }, $class;
    $it->write_conf;
    $it->{peer} = EmailGW::Peer->start('knot', program => 'usr/sbin/knotd', out => "$it->{temp}/out",
        argv => [ '-c', "$it->{temp}/knot.conf" ]);
    $it->{peer}->await_port(53);
    return $it;
}

# A zone, or another text of it, with records whose TTL is 0; returns when it is served.
sub zone {
    my ($it, $name, @records) = @_;
    my $serial = $it->{zones}{$name} = ++$it->{serial};
    $it->write("$name.zone", join "\n", "\$ORIGIN $name.", '$TTL 0',
        "@ SOA ns.invalid. nobody.invalid. $serial 3600 600 86400 0", '@ NS ns.invalid.', @records, '');
    $it->write_conf;
    $it->knotc('reload');
    my $deadline = time + 10;
    until ($it->knotc('zone-status', $name, '+serial') =~ /\b$serial\b/) {
        die "knot does not serve $name: " . Instance::tail("$it->{temp}/out") if time > $deadline;
        sleep 0.02;
    }
}

sub knotc {
    my ($it, @words) = @_;
    my $dir = EmailGW::Peer::dir('knot');
    local $ENV{LD_LIBRARY_PATH} = EmailGW::Peer::library_path($dir);
    return scalar `$dir/usr/sbin/knotc -s $it->{temp}/sock @words 2>&1`;
}

sub write {
    my ($it, $name, $text) = @_;
    require Instance;
    Instance::write_file("$it->{temp}/$name", $text, 0644);
}

sub write_conf {
    my ($it) = @_;
    my $dir = "$it->{temp}";
    my $zones = join '', map { "  - domain: $_\n    file: $dir/$_.zone\n" } sort keys %{ $it->{zones} };
    $it->write('knot.conf', <<"END");
server:
    listen: [127.0.0.1\@53]
    rundir: $dir
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
control:
    listen: $dir/sock
database:
    storage: $dir
log:
  - target: stderr
    any: info
template:
  - id: default
    journal-content: none
    zonefile-load: whole
    zonefile-sync: -1
zone:
$zones
END
}

1;
