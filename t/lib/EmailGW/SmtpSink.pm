# Postfix's smtp-sink: takes every mail, as fast as can be. Counts them, and keeps
# them where asked to.
package EmailGW::SmtpSink;
use strict;
use warnings;
use EmailGW::Peer;
use File::Temp ();
use Instance;
use Time::HiRes qw(sleep time);

# keep => 1 to have the mails afterwards, options => [words for smtp-sink].
sub start {
    my ($class, %how) = @_;
    my $sink = bless { temp => File::Temp::tempdir('/tmp/emailgw-smtp-sink.XXXXXX', CLEANUP => 1),
        port => Instance::free_port() }, $class;
    my $dir = $sink->{temp};
    mkdir "$dir/mails" or die "$dir/mails: $!\n";
    my @user = Instance::Process::server_user();
    if (@user) {
        chmod 0755, $dir;
        chown @user, "$dir/mails";
    }
    $sink->{peer} = EmailGW::Peer->start('postfix', program => 'usr/sbin/smtp-sink', out => "$dir/out",
        argv => [ @user ? qw(-u nobody) : (), '-c', $how{keep} ? ('-d', "$dir/mails/mail.") : (),
            @{ $how{options} // [] }, "127.0.0.1:$sink->{port}", 1024 ]);
    $sink->{peer}->await_port($sink->{port});
    return $sink;
}

sub address {
    my ($sink) = @_;
    return "127.0.0.1:$sink->{port}";
}

# Mails taken so far: the last of the counters that it prints, a carriage return behind each line.
sub count {
    my ($sink) = @_;
    open my $file, '<', "$sink->{temp}/out" or die "$sink->{temp}/out: $!\n";
    seek $file, -200, 2 if -s $file > 200;
    my @counts = do { local $/; <$file> // '' } =~ /mesg=(\d+)\r/g;
    return @counts ? $counts[-1] : 0;
}

# Waits until it has taken so many; the time at which it had, nothing after so many seconds.
sub wait_count {
    my ($sink, $wanted, $seconds) = @_;
    my $deadline = time + $seconds;
    while ($sink->count < $wanted) {
        return if time > $deadline;
        sleep 0.01;
    }
    return time;
}

# Waits until it has read all that was sent to it by those who are gone.
sub wait_alone {
    my ($sink, $seconds) = @_;
    my $deadline = time + $seconds;
    my $here = sprintf ':%04X', $sink->{port};
    while (1) {
        open my $file, '<', '/proc/net/tcp' or die "/proc/net/tcp: $!\n";
        return 1 if !grep { /^ *\d+: [0-9A-F]{8}$here \S+ 0[18] / } <$file>; # ESTABLISHED, CLOSE_WAIT
        return 0 if time > $deadline;
        sleep 0.01;
    }
}

# The mails kept: {from, to => [...], raw}, raw with LF as smtp-sink writes it. One
# whose sender went away in the middle may be there in part.
sub mails {
    my ($sink) = @_;
    my @mails;
    for my $path (glob "$sink->{temp}/mails/*") {
        open my $file, '<:raw', $path or die "$path: $!\n";
        my $text = do { local $/; <$file> };
        push @mails, parse($text);
    }
    return @mails;
}

# smtp-sink puts the envelope before the header, and a Received field of its own.
sub parse {
    my ($text) = @_;
    my ($envelope, $raw) = $text =~ /\A((?:X-[^\n]*\n)+)Received:[^\n]*\n(?:[ \t][^\n]*\n)*(.*)\z/s or return;
    return { from => $envelope =~ /^X-Mail-Args: <([^>]*)>/m ? $1 : undef,
        to => [ $envelope =~ /^X-Rcpt-Args: <([^>]*)>/mg ], raw => $raw };
}

sub stop {
    my ($sink) = @_;
    $sink->{peer}->stop;
}

1;
