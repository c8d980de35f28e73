# Servers as processes: started in a session of their own, found again by pid
# and start time, so that a pid that the kernel gave to another is not ours.
package Instance::Process;
use strict;
use warnings;
use POSIX ();
use Time::HiRes qw(sleep time);

# The user that servers run as: nobody where we are root, else ourselves.
sub server_user {
    return if $> != 0;
    my (undef, undef, $uid, $gid) = getpwnam 'nobody' or die "there is no user nobody to run servers as\n";
    return ($uid, $gid);
}

sub become {
    my ($uid, $gid) = @_;
    $) = "$gid $gid";
    POSIX::setgid($gid) && POSIX::setuid($uid) or die "cannot become user $uid: $!\n";
}

# Can the servers' user enter this directory? A parent of mode 0700 keeps nobody out.
sub reachable {
    my ($dir) = @_;
    my @user = server_user() or return -x $dir;
    my $pid = fork() // die "fork: $!\n";
    if ($pid == 0) {
        POSIX::_exit(eval { become(@user); chdir $dir } ? 0 : 1);
    }
    waitpid $pid, 0;
    return $? == 0;
}

# Starts a server: argv => [...], out => file for what it prints, as_user => 1 to
# drop root, env => {...}. Returns its id.
sub spawn {
    my (%how) = @_;
    my $pid = fork() // die "fork: $!\n";
    if ($pid == 0) {
        eval {
            POSIX::setsid();
            open STDIN, '<', '/dev/null' or die "/dev/null: $!\n";
            open STDOUT, '>>', $how{out} or die "$how{out}: $!\n";
            open STDERR, '>&', \*STDOUT or die "standard error: $!\n";
            my @user = $how{as_user} ? server_user() : ();
            become(@user) if @user;
            @ENV{ keys %{ $how{env} } } = values %{ $how{env} };
            no warnings 'exec';
            exec { $how{argv}[0] } @{ $how{argv} };
            die "$how{argv}[0]: $!\n";
        };
        print STDERR $@;
        POSIX::_exit(127);
    }
    return id($pid);
}

# Runs a command to its end as the servers' user or as ourselves; its output, or dies with it.
sub run {
    my (%how) = @_;
    my $pid = open(my $output, '-|') // die "fork: $!\n";
    if ($pid == 0) {
        eval {
            open STDIN, '<', '/dev/null' or die "/dev/null: $!\n";
            open STDERR, '>&', \*STDOUT or die "standard error: $!\n";
            my @user = $how{as_user} ? server_user() : ();
            become(@user) if @user;
            chdir '/';
            no warnings 'exec';
            exec { $how{argv}[0] } @{ $how{argv} };
            die "$how{argv}[0]: $!\n";
        };
        print STDERR $@;
        POSIX::_exit(127);
    }
    my $text = do { local $/; <$output> } // '';
    close $output;
    $? == 0 or die "@{ $how{argv} } failed:\n$text\n";
    return $text;
}

# State, parent and start time of a process; nothing where it is gone or a zombie.
sub facts {
    my ($pid) = @_;
    open my $file, '<', "/proc/$pid/stat" or return;
    my $line = <$file> // return;
    my @field = split ' ', substr $line, rindex($line, ')') + 1;
    return if $field[0] =~ /^[ZX]/;
    return { parent => $field[1], started => $field[19] };
}

sub id {
    my ($pid) = @_;
    my $facts = facts($pid);
    return "$pid:" . ($facts ? $facts->{started} : 0);
}

sub pid {
    my ($id) = @_;
    return $id =~ /^(\d+)/ ? $1 : 0;
}

sub alive {
    my ($id) = @_;
    my ($pid, $started) = $id =~ /^(\d+):(\d+)\z/ or return 0;
    my $facts = facts($pid) or return 0;
    return $facts->{started} == $started;
}

# Ids of a process and of all below it, and of those of which this is true, by pid, in no order.
sub family {
    my ($id, $is_ours) = @_;
    my (%parent, @marked);
    opendir my $proc, '/proc' or die "/proc: $!\n";
    for my $pid (grep { /^\d+\z/ && $_ != $$ } readdir $proc) {
        my $facts = facts($pid) or next;
        $parent{$pid} = $facts->{parent};
        push @marked, $pid if $is_ours && $is_ours->($pid);
    }
    my %found = map { $_ => 1 } @marked, alive($id) ? pid($id) : ();
    my $before = 0;
    while ($before != keys %found) {
        $before = keys %found;
        $found{$_} = 1 for grep { $found{ $parent{$_} } } keys %parent;
    }
    return map { id($_) } keys %found;
}

# A file of /proc/PID: nothing where it is gone.
sub about {
    my ($pid, $name) = @_;
    open my $file, '<', "/proc/$pid/$name" or return '';
    local $/;
    return scalar(<$file>) // '';
}

sub has_environment {
    my ($pid, $entry) = @_;
    return ("\0" . about($pid, 'environ') . "\0") =~ /\0\Q$entry\E\0/;
}

# What it was started with, or has written over that.
sub title {
    my ($pid) = @_;
    return about($pid, 'cmdline') =~ tr/\0/ /r;
}

sub works_in {
    my ($pid, $dir) = @_;
    return (readlink("/proc/$pid/cwd") // '') eq $dir;
}

sub signal {
    my ($signal, @ids) = @_;
    kill $signal, pid($_) for grep { alive($_) } @ids;
}

# Waits for the end of all; false when some are still there after so many seconds.
sub gone {
    my ($seconds, @ids) = @_;
    my $deadline = time + $seconds;
    while (grep { alive($_) } @ids) {
        return 0 if time > $deadline;
        1 while waitpid(-1, POSIX::WNOHANG()) > 0;
        sleep 0.01;
    }
    return 1;
}

1;
