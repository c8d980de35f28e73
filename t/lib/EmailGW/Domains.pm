# Sender domains over /api.php, and their records in a zone of EmailGW::Dns.
package EmailGW::Domains;
use strict;
use warnings;
use EmailGW::Dns;
use Exporter 'import';
use JSON::PP ();
use Test::More;

our @EXPORT = qw(well add_domain get_domain verify_domain zone_lines);

# A command that goes well: its answer.
sub well {
    my ($gw, $as, $command, %with) = @_;
    my $reply = $gw->api("EmailGateway.$command", as => $as, %with);
    my $json = $reply->{json};
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    ok($reply->{status} == 200 && $json->{Success} && $json->{ErrorCode} == 0, "$command: well") or diag($reply->{body});
    return $json;
}

# The new domain, as AddDomain shows it.
sub add_domain {
    my ($gw, $as, $name) = @_;
    return well($gw, $as, 'AddDomain', DomainName => $name)->{Domain};
}

sub get_domain {
    my ($gw, $as, $domain) = @_;
    return well($gw, $as, 'GetDomain', DomainID => $domain->{DomainID})->{Domain};
}

# The results by their purpose, and the domain.
sub verify_domain {
    my ($gw, $as, $domain) = @_;
    my $json = well($gw, $as, 'VerifyDomain', DomainID => $domain->{DomainID});
    return ({ map { $_->{Purpose} => $_ } @{ $json->{DNSVerificationResults} } }, $json->{Domain});
}

# Lines of a zone with all records of a domain. Purpose => data puts something else
# in a record's place, undef nothing.
sub zone_lines {
    my ($domain, %change) = @_;
    my @lines;
    for my $one (@{ $domain->{DNSRecords} }) {
        my $data = exists $change{ $one->{Purpose} } ? $change{ $one->{Purpose} }
            : $one->{Type} eq 'TXT' ? 'TXT ' . EmailGW::Dns::txt($one->{Value}) : "$one->{Type} $one->{Value}.";
        push @lines, "$one->{Host}. $data" if defined $data;
    }
    return @lines;
}

1;
