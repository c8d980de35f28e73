# Mails pass while servers die: many clients post, and at random moments, told by
# how many answers there are, the sender is killed three times, one child of httpd
# once, and PostgreSQL is stopped as in a crash and started again. EG_SEED=n has the
# same moments again.
package EmailGW::Storm;
use strict;
use warnings;
use EmailGW::Load;
use Instance::Process;
use Test::More;
use Time::HiRes qw(sleep time);

my @faults = qw(kill_sender kill_sender kill_sender crash_postgres);

# What the servers say about it: a child killed, few threads to spare beside 64
# connections, and both of ours without their database.
sub announce {
    my ($gw) = @_;
    $gw->expects(qw(AH00052 AH00484 AH10159));
    $gw->expects_database_away;
}

# After each hundred of mails comes one that is refused, whatever dies: its address is none.
sub mail {
    my ($number) = @_;
    return $number % 101 ? {} : { To => [ { email => 'nobody', name => '' } ] };
}

# mails (that are taken, a multiple of 100) and connections are numbers, killed => sub
# is called when the sender is dead. Returns the clients' ledger.
sub run {
    my ($gw, %how) = @_;
    $how{mails} += $how{mails} / 100;
    my $seed = $ENV{EG_SEED} // (time ^ $$);
    srand $seed;
    diag("EG_SEED=$seed");
    my @order = map { $_->[1] } sort { $a->[0] <=> $b->[0] } map { [ rand, $_ ] } @faults;
    splice @order, rand 3, 0, 'kill_httpd_child'; # while there are requests: the others take their time

    my $start = time;
    my $load = EmailGW::Load->start($gw, %how, mail => \&mail);
    while (my $fault = shift @order) {
        # Of what is still to come a random part, so that the last fault has its share too.
        $load->wait_answers($load->answers + int(rand(2 / (@order + 2)) * ($how{mails} - $load->answers)));
        diag(sprintf '%.2f s, %d answers: %s', time - $start, $load->{answers}, $fault =~ tr/_/ /r);
        __PACKAGE__->can($fault)->($gw, $how{killed});
    }
    my @lines = $load->finish;
    diag(sprintf '%.2f s, %d answers: all', time - $start, $how{mails});
    return @lines;
}

sub kill_sender {
    my ($gw, $killed) = @_;
    $gw->kill('sender');
    sleep rand 0.3;
    $killed->() if $killed;
    $gw->start('sender');
}

sub kill_httpd_child {
    my ($gw) = @_;
    my $parent = Instance::Process::id($gw->env('HTTPD_PID'));
    my @children = grep { $_ ne $parent } Instance::Process::family($parent);
    Instance::Process::signal('KILL', $children[ rand @children ]);
}

# An immediate stop: no checkpoint, every connection cut, recovery from the log.
sub crash_postgres {
    my ($gw) = @_;
    my $postmaster = Instance::Process::id($gw->env('POSTGRES_PID'));
    Instance::Process::signal('QUIT', $postmaster);
    Instance::Process::gone(20, $postmaster) or die "PostgreSQL does not stop\n";
    sleep rand 1;
    $gw->start('postgres');
}

# Until nothing is queued any more. Claims of the dead come due at the end of their lease.
sub drain {
    my ($gw, $seconds) = @_;
    my $start = time;
    ok($gw->wait_for(sub { !$gw->sql('SELECT count(*) FROM emailgw.queue') }, $seconds, 'an empty queue'),
        'the queue is empty');
    diag(sprintf 'empty %.1f s after the last answer', time - $start);
}

1;
