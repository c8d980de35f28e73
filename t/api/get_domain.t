# EmailGateway.GetDomain: the reference's example, all that there is to show, errors.
use EmailGW;
use EmailGW::ApiPhp;
use EmailGW::Domains;

my $gw = EmailGW->up;
my ($ann, $bob) = map { $gw->new_account } 1 .. 2;
my ($true, $false) = (JSON::PP::true, JSON::PP::false);
my $name = "z$$.example";
my $domain = add_domain($gw, $ann, $name);

sub get { return $gw->api('EmailGateway.GetDomain', as => $ann, @_) }

subtest 'the documented example' => sub {
    my $session = session_of($gw, $ann);
    my $reply = example($gw, qq({"SessionID": "$session", "APIKey": "$ann->{account_key}", "Command": "EmailGateway.GetDomain", "DomainID": $domain->{DomainID}}));
    is(outcome($reply), '200 0') or diag($reply->{body});
    my %shown = %{ $reply->{json}{Domain} };
    is_deeply([ @shown{qw(DomainID DomainName IsActive)} ], [ $domain->{DomainID}, $name, $false ], 'all that the reference shows');
    like($reply->{body}, qr/"DomainID":\d+,/, 'the id is a number');
    is_deeply([ sort keys %shown ], [ sort qw(DomainID DomainName IsActive VerificationStatus DKIMStatus SPFStatus LinkTracking
        OpenTracking UnsubscribeLink HostingProvider Subdomain TrackingBaseURL DNSRecords) ], 'and more');
    is_deeply([ @shown{qw(VerificationStatus DKIMStatus SPFStatus LinkTracking OpenTracking UnsubscribeLink HostingProvider Subdomain
        TrackingBaseURL)} ], [ ('Pending') x 3, ('0') x 3, '', 'eg', '' ], 'as it was added');
    is_deeply($shown{DNSRecords}, $domain->{DNSRecords}, 'the records as AddDomain showed them');
};

subtest 'what is stored is shown' => sub {
    $gw->ctl(qw(domain enable), $name, '--user', $ann->{username});
    my $shown = get_domain($gw, $ann, $domain);
    is_deeply([ @$shown{qw(IsActive VerificationStatus)} ], [ $true, 'Enabled' ], 'enabled');
    for my $status ([ 'Warning', $true ], [ 'Suspended', $false ]) {
        $gw->sql("UPDATE emailgw.domain SET status = '$status->[0]' WHERE domain_id = $domain->{DomainID}");
        $shown = get_domain($gw, $ann, $domain);
        is_deeply([ @$shown{qw(IsActive VerificationStatus)} ], [ $status->[1], $status->[0] ], $status->[0]);
    }
    $gw->sql("UPDATE emailgw.domain SET records_verified = '{DKIM,\"return path\"}', records_failed = '{SPF}'
        WHERE domain_id = $domain->{DomainID}");
    $shown = get_domain($gw, $ann, $domain);
    is_deeply([ @$shown{qw(DKIMStatus SPFStatus)} ], [ 'Verified', 'Failed' ], 'what the last look has found');
    is(join(', ', map { $_->{Purpose} } grep { $_->{Verified} } @{ $shown->{DNSRecords} }), 'DKIM, return path', 'of each record');
};

takes_ids_only($gw, 'EmailGateway.GetDomain', $ann, 'DomainID', absent => 1, invalid => 2,
    fresh => sub { (DomainID => $domain->{DomainID}) });
subtest 'errors' => sub {
    refuses(get(), 1, 'no DomainID');
    refuses(get(DomainID => 999999999), 2, 'one that is not there');
    is(get(DomainID => $bob->{domain_id})->{body}, get(DomainID => 999999999)->{body}, 'another account\'s: the same answer');
};
common_rules($gw, 'EmailGateway.GetDomain', $ann, sub { (DomainID => $domain->{DomainID}) });

$gw->log_clean;
done_testing;
