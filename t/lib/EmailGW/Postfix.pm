# Postfix as a peer: a private configuration and queue, everything to one relay
# host, no DNS, no chroot. It must be started by root, and its users must be there:
# daemon and mail stand for those that its package would make.
package EmailGW::Postfix;
use strict;
use warnings;
use EmailGW::Peer;
use File::Temp ();
use Instance;
use Instance::Process;
use Time::HiRes qw(sleep);

my ($owner, $setgid_group) = qw(daemon mail);

# Why it cannot run here, or nothing.
sub unable {
    return 'Postfix runs only where root starts it' if $> != 0;
    for my $name ($owner, 'nobody') {
        return "there is no user $name for Postfix" if !defined getpwnam $name;
    }
    return defined getgrnam $setgid_group ? () : "there is no group $setgid_group for Postfix";
}

# relay => HOST:PORT, settings => {main.cf parameter => value}, transports => [rows of master.cf].
sub new {
    my ($class, %how) = @_;
    my $it = bless { temp => File::Temp->newdir('/tmp/emailgw-postfix.XXXXXX'), port => Instance::free_port(),
        root => EmailGW::Peer::dir('postfix'), %how }, $class;
    chmod 0755, "$it->{temp}";
    $it->make_dirs;
    $it->configure;
    return $it;
}

sub make_dirs {
    my ($it) = @_;
    my ($uid, $group) = (scalar getpwnam $owner, scalar getgrnam $setgid_group);
    mkdir "$it->{temp}/$_", 0755 or die "$it->{temp}/$_: $!\n" for qw(etc queue data);
    chown $uid, 0, "$it->{temp}/data";
    my %mode = (maildrop => 0730, public => 0710, pid => 0755,
        map { $_ => 0700 } qw(active bounce corrupt defer deferred flush hold incoming private saved trace));
    for my $name (sort keys %mode) {
        my $path = "$it->{temp}/queue/$name";
        mkdir $path or die "$path: $!\n";
        chmod $mode{$name}, $path;
        chown $uid, $name =~ /^(?:maildrop|public)\z/ ? $group : 0, $path if $name ne 'pid';
    }
}

sub configure {
    my ($it) = @_;
    my ($host, $port) = split /:/, $it->{relay};
    my %main = (
        compatibility_level => 3.6,
        queue_directory => "$it->{temp}/queue", data_directory => "$it->{temp}/data",
        command_directory => "$it->{root}/usr/sbin", daemon_directory => "$it->{root}/usr/lib/postfix/sbin",
        shlib_directory => "$it->{root}/usr/lib/postfix", meta_directory => "$it->{root}/etc/postfix",
        mail_owner => $owner, setgid_group => $setgid_group, default_privs => 'nobody',
        import_environment => 'MAIL_CONFIG MAIL_LOGTAG LANG=C LD_LIBRARY_PATH',
        maillog_file => "$it->{temp}/mail.log", maillog_file_prefixes => "$it->{temp}",
        myhostname => 'peer.example', mydestination => '', mynetworks => '127.0.0.0/8',
        inet_interfaces => '127.0.0.1', inet_protocols => 'ipv4',
        relayhost => "[$host]:$port", disable_dns_lookups => 'yes', alias_maps => '', alias_database => '',
        %{ $it->{settings} // {} },
    );
    write_file("$it->{temp}/etc/main.cf", join '', map { "$_ = $main{$_}\n" } sort keys %main);
}

# Its services as distributed, none chrooted; without qmgr mails stay where cleanup puts them.
sub services {
    my ($it, %with) = @_;
    my @rows = ("127.0.0.1:$it->{port} inet n - n - - smtpd",
        'rewrite unix - - n - - trivial-rewrite', 'flush unix n - n 1000? 0 flush',
        'tlsmgr unix - - n 1000? 1 tlsmgr',
        'verify unix - - n - 1 verify', 'anvil unix - - n - 1 anvil', 'scache unix - - n - 1 scache',
        'postlog unix-dgram n - n - 1 postlogd', 'showq unix n - n - - showq',
        'proxymap unix - - n - - proxymap', 'error unix - - n - - error',
        'retry unix - - n - - error', 'smtp unix - - n - - smtp', 'relay unix - - n - - smtp',
        map { "$_ unix - - n - 0 bounce" } qw(bounce defer trace));
    push @rows, $with{qmgr} ? ('cleanup unix n - n - 0 cleanup', 'qmgr unix n - n 300 1 qmgr')
        : 'cleanup unix n - n - 0 cleanup -o in_flow_delay=0'; # it would wait for deliveries to keep pace
    push @rows, @{ $it->{transports} // [] };
    write_file("$it->{temp}/etc/master.cf", join '', map { "$_\n" } @rows);
}

sub start {
    my ($it, %with) = @_;
    $it->services(%with);
    $it->{peer} = EmailGW::Peer->start('postfix', program => 'usr/lib/postfix/sbin/master',
        argv => [ '-c', "$it->{temp}/etc", '-d' ], out => "$it->{temp}/out");
}

sub stop {
    my ($it) = @_;
    $it->{peer}->stop;
}

# The process above all others.
sub id {
    my ($it) = @_;
    return $it->{peer}{id};
}

# So many copies of one mail into its queue, where they stay until start(qmgr => 1).
sub preload {
    my ($it, $count, $mail) = @_;
    write_file("$it->{temp}/mail", $mail);
    $it->start;
    $it->{peer}->await_port($it->{port});
    my $source = EmailGW::Peer->start('postfix', program => 'usr/sbin/smtp-source',
        out => "$it->{temp}/source",
        argv => [ qw(-d -s 32 -f shop@example.com -t ann@example.org), '-m', $count,
            '-F', "$it->{temp}/mail", "127.0.0.1:$it->{port}" ]);
    Instance::Process::gone(120, $source->{id}) or die "smtp-source does not come to its end\n";
    $source->stop;
    $it->stop;
    my @queued = glob "$it->{temp}/queue/incoming/*";
    die 'Postfix took ' . @queued . " of $count mails, see below\n" . Instance::tail("$it->{temp}/mail.log")
        if @queued != $count;
}

sub write_file {
    my ($path, $text) = @_;
    Instance::write_file($path, $text, 0644);
}

1;
