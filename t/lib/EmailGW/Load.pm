# Many clients at once, each on a connection of its own that it keeps: every mail
# has an Idempotency-Key and is posted again until it is answered.
#
#     my $load = EmailGW::Load->start($gw, mails => 5000, connections => 32, mail => sub { {} });
#     $load->wait_answers(1000);        # go on when so many are answered
#     $load->finish;
#
# With until => FILE there are as many mails as it takes until that file is there.
# Each client writes what it was told to a ledger of its own, flushed to disk
# before it posts the next mail: "number status id replayed", status 0 where no answer came.
package EmailGW::Load;
use strict;
use warnings;
use File::Temp ();
use HTTP::Tiny;
use IO::Handle;
use IO::Select;
use JSON::PP ();
use POSIX ();
use Time::HiRes qw(sleep time);

my $json = JSON::PP->new->utf8->canonical;

# mails and connections are numbers; mail => sub: parameters of mail number n.
sub start {
    my ($class, $gw, %how) = @_;
    my $load = bless { %how, gw => $gw, temp => File::Temp->newdir('/tmp/emailgw-load.XXXXXX'),
        answers => 0, pids => {}, run => sprintf('%d-%x', $$, time), owner => $$ }, $class;
    pipe $load->{progress}, my $told or die "pipe: $!\n";
    for my $client (0 .. $how{connections} - 1) {
        my $pid = fork() // die "fork: $!\n";
        if ($pid == 0) {
            close $load->{progress};
            $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
            my $done = eval { $load->client($client, $told); 1 };
            print STDERR "client $client: $@" if !$done;
            POSIX::_exit($done ? 0 : 1);
        }
        $load->{pids}{$pid} = 1;
    }
    return $load;
}

# One client's share: every n-th mail, one after the other.
sub client {
    my ($load, $client, $told) = @_;
    srand($$ ^ time);
    open my $ledger, '>', "$load->{temp}/$client" or die "$load->{temp}/$client: $!\n";
    my $agent = HTTP::Tiny->new(timeout => 15, keep_alive => 1, no_proxy => '127.0.0.1');
    for (my $number = $client + 1; defined $load->{until} ? !-e $load->{until} : $number <= $load->{mails}; $number += $load->{connections}) {
        my $status;
        do {
            my $reply = $load->post($agent, $number);
            $status = $reply->{status} == 599 ? 0 : $reply->{status};
            my $id = eval { $json->decode($reply->{content})->{MessageID} } // '-';
            my $replayed = $reply->{headers}{'idempotent-replayed'} ? 1 : 0;
            print {$ledger} "$number $status $id $replayed\n";
            $ledger->flush && $ledger->sync or die "the ledger: $!\n";
            sleep 0.05 + rand 0.15 if unsettled($status);
        } while (unsettled($status));
        syswrite $told, '.';
    }
}

# No answer, or one that says to come again.
sub unsettled {
    my ($status) = @_;
    return $status == 0 || $status == 409 || $status == 429 || $status >= 500;
}

sub post {
    my ($load, $agent, $number) = @_;
    my $gw = $load->{gw};
    my %mail = (From => { email => 'sender@' . $gw->env('DOMAIN'), name => 'Sender' },
        To => [ { email => "r$number\@example.org", name => '' } ], Subject => "Mail $number",
        ContentType => 'plain', PlainContent => "This is mail number $number.\n",
        %{ $load->{mail} ? $load->{mail}->($number) : {} });
    my %header = ('Content-Type' => 'application/json', Authorization => 'Bearer ' . $gw->env('SENDER_KEY'),
        'Idempotency-Key' => "$load->{run}-$number");
    return $agent->post($gw->env('BASE_URL') . '/api/v1/email',
        { headers => \%header, content => $json->encode(\%mail) });
}

# How many mails have their answer, waiting at most so many seconds for another one.
sub answers {
    my ($load, $seconds) = @_;
    my $ready = IO::Select->new($load->{progress});
    for (my $wait = $seconds // 0; $ready->can_read($wait); $wait = 0) {
        my $read = sysread($load->{progress}, my $dots, 4096) or last;
        $load->{answers} += $read;
    }
    return $load->{answers};
}

# Returns when so many mails have their answer; dies when there is none for a minute.
sub wait_answers {
    my ($load, $wanted) = @_;
    my $before = $load->answers;
    while ($before < $wanted) {
        my $now = $load->answers(60);
        die "no more answers after $now\n" if $now == $before;
        $before = $now;
    }
}

# All answered: returns the lines of the ledgers, each [number, status, id].
sub finish {
    my ($load) = @_;
    $load->wait_answers($load->{mails}) if !defined $load->{until};
    for my $pid (keys %{ $load->{pids} }) {
        waitpid $pid, 0;
        delete $load->{pids}{$pid};
    }
    my @lines;
    for my $path (glob "$load->{temp}/*") {
        open my $file, '<', $path or die "$path: $!\n";
        push @lines, map { [split] } <$file>;
    }
    return @lines;
}

sub DESTROY {
    my ($load) = @_;
    return if $$ != $load->{owner};
    local ($?, $@);
    kill 'KILL', keys %{ $load->{pids} };
    waitpid $_, 0 for keys %{ $load->{pids} };
}

1;
