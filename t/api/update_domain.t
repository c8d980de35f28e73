# EmailGateway.UpdateDomain: the reference's example, each setting alone, other records
# with another subdomain, errors.
use EmailGW;
use EmailGW::ApiPhp;
use EmailGW::Dns;
use EmailGW::Domains;

my $dns = EmailGW::Dns->up;
my $gw = EmailGW->up(RESOLVER => $dns->resolver, HTTPD_CONF => \"EmailGatewayTrackingURL https://links.example.net:8443/t\n");
my ($ann, $bob) = map { $gw->new_account } 1 .. 2;
my $name = "update.z$$.example";
my $domain = add_domain($gw, $ann, $name);
my %id = (DomainID => $domain->{DomainID});

sub update { return $gw->api('EmailGateway.UpdateDomain', as => $ann, @_) }
sub updated { return well($gw, $ann, 'UpdateDomain', %id, @_)->{Domain} }

subtest 'the documented example' => sub {
    my $session = session_of($gw, $ann);
    my $other = add_domain($gw, $ann, "example.z$$.example");
    my $reply = example($gw, qq({
    "SessionID": "$session",
    "APIKey": "$ann->{account_key}",
    "Command": "EmailGateway.UpdateDomain",
    "DomainID": "$other->{DomainID}",
    "LinkTracking": "1",
    "OpenTracking": "1",
    "UnsubscribeLink": "1",
    "HostingProvider": "YourHostingProvider",
    "Subdomain": "mail"
}));
    is(outcome($reply), '200 0') or diag($reply->{body});
    my %shown = %{ $reply->{json}{Domain} };
    is_deeply([ @shown{qw(DomainID LinkTracking OpenTracking UnsubscribeLink HostingProvider Subdomain)} ],
        [ "$other->{DomainID}", '1', '1', '1', 'YourHostingProvider', 'mail' ], 'all that the reference shows');
    like($reply->{body}, qr/"DomainID":"\d+","LinkTracking":"1","OpenTracking":"1"/, 'the id and the switches are text');
};

subtest 'each setting alone' => sub {
    $dns->zone($name, zone_lines($domain));
    my (undef, $state) = verify_domain($gw, $ann, $domain);
    is($state->{Status}, 'Enabled', 'an enabled domain');
    for ([ LinkTracking => 1, '1' ], [ OpenTracking => 'yes', '1' ], [ UnsubscribeLink => JSON::PP::true, '1' ],
        [ LinkTracking => 0, '0' ], [ OpenTracking => JSON::PP::false, '0' ], [ UnsubscribeLink => 'off', '0' ],
        [ LinkTracking => 'true', '1' ], [ HostingProvider => 'Hoster', 'Hoster' ], [ HostingProvider => '', '' ],
        [ HostingProvider => "H\x{f6}ster & Co", "H\x{f6}ster & Co" ], [ HostingProvider => undef, "H\x{f6}ster & Co" ]) {
        my ($field, $value, $stored) = @$_;
        is(updated($field => $value)->{$field}, $stored, "$field: $stored");
        is(get_domain($gw, $ann, $domain)->{$field}, $stored, '... stored');
    }
    my $now = updated();
    is_deeply([ @$now{qw(LinkTracking OpenTracking UnsubscribeLink HostingProvider)} ], [ '1', '0', '0', "H\x{f6}ster & Co" ],
        'nothing given, nothing changed');
    is(updated(Subdomain => $_)->{VerificationStatus}, 'Enabled', "the same subdomain, or none: '$_'") for 'eg', 'EG', '';
};

subtest 'another subdomain' => sub {
    my $now = updated(Subdomain => 'Mail');
    is_deeply([ @$now{qw(Subdomain VerificationStatus DKIMStatus SPFStatus)} ], [ 'mail', 'Pending', 'Verified', 'Pending' ],
        'the domain is pending again');
    is(join(' ', map { $_->{Host} } grep { $_->{Purpose} =~ /return|SPF|track/ } @{ $now->{DNSRecords} }),
        "mail.$name mail.$name track-mail.$name", 'there are other records to publish');
    my $key = $gw->ctl(qw(key add --description x --user), $ann->{username}, '--domain', $name)->{key};
    my $reply = $gw->send_mail(as => { domain => $name, key => $key });
    is_deeply([ $reply->{status}, $reply->{json}{Errors}[0]{Code} ], [ 403, 32 ], 'it cannot send');
    my (undef, $state) = verify_domain($gw, $ann, $domain);
    is($state->{Status}, 'Pending', '... with the former records');
    $dns->zone($name, zone_lines($now));
    (undef, $state) = verify_domain($gw, $ann, $domain);
    is($state->{Status}, 'Enabled', '... until the new ones are there');
    is($gw->send_mail(as => { domain => $name, key => $key })->{status}, 200);
};

subtest 'TrackingBaseURL' => sub {
    my $now = updated(TrackingBaseURL => "https://Track-Mail.$name/");
    is($now->{TrackingBaseURL}, "https://track-mail.$name");
    is($now->{VerificationStatus}, 'Enabled', 'the domain stays enabled');
    my ($tracking) = grep { $_->{Purpose} eq 'tracking' } @{ $now->{DNSRecords} };
    is_deeply([ @$tracking{qw(Host Type Value Required)} ], [ "track-mail.$name", 'CNAME', 'links.example.net', JSON::PP::true ],
        'its own host makes the tracking record required');
    $dns->zone($name, zone_lines($now, tracking => undef));
    my ($results) = verify_domain($gw, $ann, $domain);
    is($results->{tracking}{Reason}, 'there is no such name');
    $now = updated(TrackingBaseURL => '');
    is($now->{TrackingBaseURL}, 'https://links.example.net:8443/t', 'an empty one is the gateway\'s again');
    ($tracking) = grep { $_->{Purpose} eq 'tracking' } @{ $now->{DNSRecords} };
    is($tracking->{Required}, JSON::PP::false);
};

takes_ids_only($gw, 'EmailGateway.UpdateDomain', $ann, 'DomainID', absent => 1, invalid => 5,
    fresh => sub { (%id, LinkTracking => '1') });
subtest 'errors' => sub {
    my $before = get_domain($gw, $ann, $domain);
    refuses(update(LinkTracking => 1), 1, 'no DomainID');
    refuses(update(DomainID => 999999999), 5, 'one that is not there');
    is(update(DomainID => $bob->{domain_id}, Subdomain => 'x')->{body}, update(DomainID => 999999999, Subdomain => 'x')->{body},
        'another account\'s: the same answer');
    is($gw->api('EmailGateway.GetDomain', as => $bob, DomainID => $bob->{domain_id})->{json}{Domain}{Subdomain}, 'eg', '... and nothing done');
    refuses(update(%id, LinkTracking => $_), 101, 'LinkTracking') for 'maybe', 2, [1];
    refuses(update(%id, OpenTracking => 'x'), 102, 'OpenTracking');
    refuses(update(%id, UnsubscribeLink => { a => 1 }), 103, 'UnsubscribeLink');
    refuses(update(%id, HostingProvider => $_), 104, 'HostingProvider') for 'x' x 256, "a\nb", 17, "a\x{202e}b";
    refuses(update(%id, Subdomain => $_), 105, "Subdomain: $_") for 'a.b', '-a', 'a b', '*', 'x' x 58, 17, '_x', 'xn--zzzzzzzz99999';
    refuses(update(%id, TrackingBaseURL => $_), 106, "TrackingBaseURL: $_")
        for 'example.com', 'ftp://a.example', 'https://', 'https://a.example/?x', 'https://a.example/#x', 'https://u@a.example/',
        "https://a.example/'x", 'javascript:alert(1)', 'https://a.example:0/', 'https://a.example:70000/', 'https://' . 'a' x 250, 17;
    is_deeply(get_domain($gw, $ann, $domain), $before, 'a refusal changes nothing');
};
common_rules($gw, 'EmailGateway.UpdateDomain', $ann, sub { (%id, OpenTracking => '1') });

$gw->log_clean;
done_testing;
