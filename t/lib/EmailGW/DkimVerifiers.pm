# Verifiers of DKIM signatures by others: OpenDKIM, and dkimpy. The public keys come
# from a file instead of DNS.
#
#     my $verifiers = EmailGW::DkimVerifiers->new($gw, "eg202611._domainkey.example.com v=DKIM1; k=rsa; p=...");
#     is_deeply([ $verifiers->opendkim(@messages) ], [ (1) x @messages ]);
package EmailGW::DkimVerifiers;
use strict;
use warnings;
use EmailGW;
use EmailGW::Peer;

my $at_once = 50; # files on a command line

sub new {
    my ($class, $gw, @keys) = @_;
    my $it = bless { gw => $gw }, $class;
    $it->{keys} = $gw->file('dkim-keys', join '', map { "$_\n" } @keys);
    $it->{conf} = $gw->file('opendkim.conf', "Mode v\nSyslog no\nTestPublicKeys $it->{keys}\n");
    return $it;
}

# Files with these messages.
sub files {
    my ($it, @messages) = @_;
    my $n = 0;
    return map { $it->{gw}->file('message-' . $n++, $_) } @messages;
}

# For each message: does its signature verify?
sub opendkim {
    my ($it, @messages) = @_;
    my $dir = EmailGW::Peer::dir('opendkim');
    my @files = $it->files(@messages);
    my %passed;
    local $ENV{LD_LIBRARY_PATH} = EmailGW::Peer::library_path($dir);
    while (my @some = splice @files, 0, $at_once) {
        my ($status, $out, $err) = EmailGW::run_command(undef, "$dir/usr/sbin/opendkim", '-x', $it->{conf},
            '-t', join ',', @some);
        $passed{$_} = 1 for "$out$err" =~ /(\S+): verification \([^)]*\) succeeded/g;
    }
    return map { $passed{$_} ? 1 : 0 } $it->files(@messages);
}

sub dkimpy {
    my ($it, @messages) = @_;
    local $ENV{PYTHONPATH} = EmailGW::Peer::dir('dkimpy') . '/usr/lib/python3/dist-packages';
    my ($status, $out, $err) = EmailGW::run_command(join("\n", $it->files(@messages)), 'python3',
        "$EmailGW::ROOT/t/data/verify_dkim.py", $it->{keys});
    die "verify_dkim.py: $err" if $status;
    return map { $_ eq 'pass' ? 1 : 0 } split /\n/, $out;
}

1;
