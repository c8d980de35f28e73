# EmailGateway.GetDomains: the reference's example; Verified and Active by status.
use EmailGW;
use EmailGW::ApiPhp;
use EmailGW::Domains;

my $gw = EmailGW->up;
my ($ann, $bob) = map { $gw->new_account } 1 .. 2;
my ($true, $false) = (JSON::PP::true, JSON::PP::false);
my %status = (Pending => [ $false, $false ], Enabled => [ $true, $true ], Warning => [ $true, $true ], Suspended => [ $false, $false ]);
my %id = map { $_ => add_domain($gw, $ann, lc "$_.z$$.example")->{DomainID} } sort keys %status;

$gw->sql("UPDATE emailgw.domain SET status = '$_' WHERE domain_id = $id{$_}") for keys %id;
my $deleted = add_domain($gw, $ann, "deleted.z$$.example");
well($gw, $ann, 'DeleteDomain', DomainID => $deleted->{DomainID});

subtest 'the documented example' => sub {
    my $session = session_of($gw, $ann);
    my $reply = example($gw, qq({"SessionID": "$session", "APIKey": "$ann->{account_key}", "Command": "EmailGateway.GetDomains"}));
    is(outcome($reply), '200 0') or diag($reply->{body});
    my @expected = ({ DomainID => "$ann->{domain_id}", DomainName => $ann->{domain}, Verified => $true, Active => $true },
        map { { DomainID => "$id{$_}", DomainName => lc "$_.z$$.example", Verified => $status{$_}[0], Active => $status{$_}[1] } }
            keys %status);
    is_deeply($reply->{json}{Domains}, [ sort { $a->{DomainName} cmp $b->{DomainName} } @expected ],
        'the account\'s, by name, without what is deleted');
    like($reply->{body}, qr/"DomainID":"\d+"/, 'ids are text');
};
common_rules($gw, 'EmailGateway.GetDomains', $ann, sub { () });

$gw->log_clean;
done_testing;
