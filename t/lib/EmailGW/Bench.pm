# What the files of t/bench share: rounds in turn, medians, CPU time, ratios.
package EmailGW::Bench;
use strict;
use warnings;
use Exporter 'import';
use Instance::Process;
use List::Util qw(max min sum0);
use POSIX ();
use Time::HiRes qw(time);

our @EXPORT = qw(compare cpu skip);

my $rounds = 3;
my $tick = POSIX::sysconf(POSIX::_SC_CLK_TCK());
$| = 1;

# Microseconds of CPU, user and system, of a process and all that it has ever started.
sub cpu {
    my ($id) = @_;
    my $ticks = 0;
    for my $member (Instance::Process::family($id)) {
        open my $file, '<', '/proc/' . Instance::Process::pid($member) . '/stat' or next;
        my $line = <$file> // next;
        my @field = split ' ', substr $line, rindex($line, ')') + 2;
        $ticks += sum0 @field[ 11, 12 ], $member eq $id ? @field[ 13, 14 ] : ();
    }
    return $ticks * 1e6 / $tick;
}

# Ours and the peer's in turn, name => figure, unit => what is counted. Both subs
# run one round and return {count, seconds, cpu => {of whom => microseconds}}.
sub compare {
    my (%how) = @_;
    my %results;
    for my $round (1 .. $rounds) {
        for my $side (qw(ours peer)) {
            my $result = $how{$side}->();
            push @{ $results{$side} }, $result;
            printf "%s: round %d, %s: %d %s in %.2f s\n", $how{name}, $round, $how{"${side}_name"} // $side,
                $result->{count}, $how{unit}, $result->{seconds};
        }
    }
    my %rate;
    for my $side (qw(ours peer)) {
        $rate{$side} = show($how{name}, $how{"${side}_name"} // $side, $how{unit}, @{ $results{$side} });
    }
    printf "ratio %s %.2f\n", $how{name}, $rate{ours} / $rate{peer};
}

# One side's line: rate and CPU a piece, each as median with the extremes. Returns the median rate.
sub show {
    my ($name, $side, $unit, @results) = @_;
    my @rates = map { $_->{count} / $_->{seconds} } @results;
    my @cpu;
    for my $whose (sort keys %{ $results[0]{cpu} }) {
        my @us = map { $_->{cpu}{$whose} / $_->{count} } @results;
        push @cpu, sprintf '%s %.0f [%.0f..%.0f]', $whose, median(@us), min(@us), max(@us);
    }
    printf "%s: %s: %.0f [%.0f..%.0f] %s a second%s%s\n", $name, $side, median(@rates), min(@rates), max(@rates), $unit,
        latency(@results), @cpu ? '; CPU microseconds each: ' . join ', ', @cpu : '';
    return median(@rates);
}

# "; p50 2.1 ms, p99 5.2 ms" where it was measured.
sub latency {
    my (@results) = @_;
    return '' if !defined $results[0]{p50};
    return sprintf '; p50 %.1f ms, p99 %.1f ms', map { my $p = $_; median(map { $_->{$p} } @results) } qw(p50 p99);
}

sub median {
    my @sorted = sort { $a <=> $b } @_;
    return ($sorted[ $#sorted / 2 ] + $sorted[ @sorted / 2 ]) / 2;
}

# Says why a figure is missing, and ends the file.
sub skip {
    my ($name, $reason) = @_;
    print "skipped $name: $reason\n";
    exit 0;
}

1;
