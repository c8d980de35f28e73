# What a request costs the process that answers it.
#
#     use EmailGW::Memory;
#     my $gw = EmailGW->up(HTTPD_CONF => \"StartServers 1\nServerLimit 1\nMaxRequestWorkers 25\n");    # one child
#     cmp_ok(memory_for($gw, sub { $gw->call(...) }), '<', 150_000, 'KB') if !$ENV{EG_SAN};
package EmailGW::Memory;
use strict;
use warnings;
use Exporter qw(import);
use Instance::Process;

our @EXPORT = qw(memory_for);

# What the only child of httpd has had at most while something is done, in KB more than before.
sub memory_for {
    my ($gw, $do) = @_;
    my $parent = Instance::Process::id($gw->env('HTTPD_PID'));
    my ($child) = map { '/proc/' . Instance::Process::pid($_) } grep { $_ ne $parent } Instance::Process::family($parent);
    my $of = sub { open my $file, '<', "$child/status" or die "$child: $!\n"; return map { /^$_[0]:\s+(\d+)/ ? $1 : () } <$file> };
    open my $clear, '>', "$child/clear_refs" or die "$child: $!\n";
    syswrite $clear, '5'; # the most is the present from here on
    my ($before) = $of->('VmRSS');
    $do->();
    my ($most) = $of->('VmHWM');
    return $most - $before;
}

1;
