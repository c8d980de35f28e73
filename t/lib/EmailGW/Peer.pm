# A program that t/peers unpacked, as a process of ours.
#
#     my $peer = EmailGW::Peer->start('nginx', program => 'usr/sbin/nginx', argv => [...], out => $file);
#     $peer->stop;
#
# What is still running when the file ends is ended then.
package EmailGW::Peer;
use strict;
use warnings;
use Cwd ();
use File::Basename qw(dirname);
use IO::Socket::INET;
use Instance;
use Instance::Process;
use Time::HiRes qw(sleep time);

my $root = Cwd::abs_path(dirname(__FILE__) . '/../../..');
my %running; # id => 1
my %dirs;    # name => where it is unpacked

END {
    my $status = $?;
    end($_) for keys %running;
    $? = $status;
}

# Where a package is unpacked; dies where it cannot be had.
sub dir {
    my ($name) = @_;
    return $dirs{$name} if $dirs{$name};
    my $dir = `$root/t/peers $name`;
    $? == 0 or die "t/peers $name failed\n";
    chomp $dir;
    return $dirs{$name} = $dir;
}

# Libraries that came with a package are found before those of the system.
sub library_path {
    my ($dir) = @_;
    my %folder = map { dirname($_) => 1 } glob("$dir/usr/lib/*.so*"), glob("$dir/usr/lib/*/*.so*");
    return join ':', sort keys %folder;
}

# program => path below the package, argv => its arguments, out => file for what it prints.
sub start {
    my ($class, $name, %how) = @_;
    my $dir = dir($name);
    return $class->run(%how, argv => [ "$dir/$how{program}", @{ $how{argv} } ], env => { LD_LIBRARY_PATH => library_path($dir) });
}

# A program of the system's in the same way: argv => itself and its arguments.
sub run {
    my ($class, %how) = @_;
    my $id = Instance::Process::spawn(argv => $how{argv}, out => $how{out}, env => $how{env} // {});
    $running{$id} = 1;
    return bless { id => $id, out => $how{out} }, $class;
}

# Are all of these programs there?
sub in_path {
    my (@programs) = @_;
    for my $program (@programs) {
        return 0 if !grep { -x "$_/$program" } split /:/, $ENV{PATH};
    }
    return 1;
}

# Waits until it listens; dies with what it printed if it ends instead.
sub await_port {
    my ($peer, $port) = @_;
    my $deadline = time + 10;
    until (IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port)) {
        die "it ended at once:\n" . Instance::tail($peer->{out}) if !Instance::Process::alive($peer->{id});
        die "nothing listens on $port:\n" . Instance::tail($peer->{out}) if time > $deadline;
        sleep 0.02;
    }
}

sub stop {
    my ($peer) = @_;
    end($peer->{id});
}

# Before the folder that it works in goes.
sub DESTROY {
    my ($peer) = @_;
    local ($?, $@);
    $peer->stop;
}

# With all its children; those that do not go are killed.
sub end {
    my ($id) = @_;
    my @ids = Instance::Process::family($id);
    Instance::Process::signal('TERM', $id);
    Instance::Process::signal('KILL', @ids) if !Instance::Process::gone(5, @ids);
    delete $running{$id};
}

1;
