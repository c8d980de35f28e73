# Exim as a peer: a private configuration and spool, everything but what its extra
# routers take to one next hop, no DNS. It is started by root, in a mount namespace
# where the user that it was built for is nobody; as that it works.
#
#     my $exim = EmailGW::Exim->new(next => $port, main => $text, rcpt => $text, routers => $text, transports => $text);
#     $exim->start;
package EmailGW::Exim;
use strict;
use warnings;
use EmailGW::Peer;
use File::Temp ();
use Instance;

# Why it cannot run here, or nothing.
sub unable {
    return 'Exim runs only where root starts it' if $> != 0;
    return system('unshare --mount --propagation private true 2>/dev/null') == 0 ? () : 'there are no mount namespaces for Exim';
}

# next => the port of the next hop; main, rcpt, routers, transports => what its configuration has there beside its own.
sub new {
    my ($class, %how) = @_;
    my $it = bless { temp => File::Temp->newdir('/tmp/emailgw-exim.XXXXXX'), port => Instance::free_port(),
        root => EmailGW::Peer::dir('exim'), main => '', rcpt => '', routers => '', transports => '', %how }, $class;
    my ($uid, $gid) = (getpwnam 'nobody')[2, 3];
    chmod 0755, "$it->{temp}";
    for my $name (qw(spool log)) {
        mkdir "$it->{temp}/$name", 0750 or die "$it->{temp}/$name: $!\n";
        chown $uid, $gid, "$it->{temp}/$name";
    }
    $it->add_line('passwd', "Debian-exim:x:$uid:${gid}::/nonexistent:/bin/false\n");
    $it->add_line('group', "Debian-exim:x:${gid}:\n");
    $it->make_program;
    $it->configure;
    return $it;
}

# Itself for those that it starts anew: it cleans their environment, but its libraries must be found.
sub make_program {
    my ($it) = @_;
    my $libraries = EmailGW::Peer::library_path($it->{root});
    Instance::write_file("$it->{temp}/exim", "#!/bin/sh\nLD_LIBRARY_PATH='$libraries' exec '$it->{root}/usr/sbin/exim4' \"\$@\"\n", 0755);
}

# A copy of the system's file with a line more.
sub add_line {
    my ($it, $name, $line) = @_;
    open my $file, '<', "/etc/$name" or die "/etc/$name: $!\n";
    local $/;
    Instance::write_file("$it->{temp}/$name", <$file> . $line, 0644);
}

sub configure {
    my ($it) = @_;
    Instance::write_file("$it->{temp}/conf", <<"END", 0644);
primary_hostname = peer.example
exim_path = $it->{temp}/exim
spool_directory = $it->{temp}/spool
log_file_path = $it->{temp}/log/%slog
pid_file_path = $it->{temp}/spool/exim.pid
local_interfaces = 127.0.0.1
daemon_smtp_ports = $it->{port}
deliver_drop_privilege
tls_advertise_hosts =
host_lookup =
keep_environment =
never_users =
acl_smtp_rcpt = rcpt
$it->{main}
begin acl
rcpt:
$it->{rcpt}
  accept
begin routers
$it->{routers}
next:
  driver = manualroute
  route_list = * 127.0.0.1
  self = send
  transport = next
begin transports
$it->{transports}
next:
  driver = smtp
  port = $it->{next}
begin retry
* * F,1h,2s
END
}

sub start {
    my ($it) = @_;
    my $mounts = join ' && ', map { "mount --bind '$it->{temp}/$_' /etc/$_" } qw(passwd group);
    $it->{peer} = EmailGW::Peer->run(out => "$it->{temp}/out",
        argv => [ qw(unshare --mount --propagation private sh -c),
            "$mounts && exec '$it->{temp}/exim' -C '$it->{temp}/conf' -bdf -q2s" ]);
    $it->{peer}->await_port($it->{port});
}

sub stop {
    my ($it) = @_;
    $it->{peer}->stop;
}

# What it has logged.
sub log {
    my ($it) = @_;
    return join '', map { Instance::tail($_) } glob "$it->{temp}/log/*";
}

1;
