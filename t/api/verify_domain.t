# EmailGateway.VerifyDomain, with real DNS: from nothing to enabled, what each answer
# of DNS does, who holds a name. The shapes of records are those of t/ctl/domain_dns.t.
use EmailGW;
use EmailGW::ApiPhp;
use EmailGW::Dns;
use EmailGW::Domains;
use Time::HiRes qw(sleep time);

my $dns = EmailGW::Dns->up(lame => ['lame.example'], broken => ['broken.example'], silent => [ 'silent.example', 'eg.half.example' ]);
my $gw = EmailGW->up(RESOLVER => $dns->resolver, HTTPD_CONF => \"EmailGatewayResolverTimeout 3s\nDBDMin 1\nDBDKeep 1\nDBDMax 1\n");
my ($ann, $bob) = map { $gw->new_account } 1 .. 2;
my ($true, $false) = (JSON::PP::true, JSON::PP::false);
my $zone = "z$$.example";

sub verify { return $gw->api('EmailGateway.VerifyDomain', as => $ann, @_) }

subtest 'from nothing to enabled' => sub {
    my $name = "verify.$zone";
    my $domain = add_domain($gw, $ann, $name);
    my $session = session_of($gw, $ann);
    my $reply = example($gw, qq({"SessionID": "$session", "APIKey": "$ann->{account_key}", "Command": "EmailGateway.VerifyDomain", "DomainID": "$domain->{DomainID}"}));
    is(outcome($reply), '200 0', 'the documented example') or diag($reply->{body});
    is_deeply($reply->{json}{Domain}, { DomainID => "$domain->{DomainID}", DomainName => $name, Status => 'Pending' }, 'pending');
    my ($first, @others) = @{ $reply->{json}{DNSVerificationResults} };
    is(scalar @others, 5, 'six records');
    is_deeply($first, { Host => "_emailgw.$name", Type => 'TXT', Value => $domain->{DNSRecords}[0]{Value}, Purpose => 'ownership',
        Required => $true, Verified => $false, Found => '', Reason => 'there is no such name' }, 'one of them');
    is(get_domain($gw, $ann, $domain)->{DKIMStatus}, 'Failed', 'it is known now that there is no key');

    $dns->zone($name, zone_lines($domain, SPF => 'TXT "v=spf1 -all"'));
    my ($results, $state) = verify_domain($gw, $ann, $domain);
    is($state->{Status}, 'Pending', 'one record is wrong');
    is($results->{SPF}{Found}, 'v=spf1 -all');
    is($results->{SPF}{Reason}, 'include:mail.example.net is not in it');
    my $shown = get_domain($gw, $ann, $domain);
    is_deeply([ @$shown{qw(VerificationStatus DKIMStatus SPFStatus IsActive)} ], [ 'Pending', 'Verified', 'Failed', $false ]);
    is(join(' ', map { $_->{Purpose} } grep { !$_->{Verified} } @{ $shown->{DNSRecords} }), 'SPF', 'each is remembered');

    $dns->zone($name, zone_lines($domain, DMARC => undef, tracking => undef));
    ($results, $state) = verify_domain($gw, $ann, $domain);
    is($state->{Status}, 'Enabled', 'all that are required: enabled');
    is(join(' ', sort grep { !$results->{$_}{Verified} } keys %$results), 'DMARC tracking', 'without two that are not');
    $dns->zone($name, zone_lines($domain));
    ($results, $state) = verify_domain($gw, $ann, $domain);
    is(join(' ', grep { !$results->{$_}{Verified} || $results->{$_}{Reason} ne '' } keys %$results), '', 'all');
    is($results->{ $_->{Purpose} }{Found}, $_->{Value}, "found: $_->{Purpose}") for @{ $domain->{DNSRecords} };
    $shown = get_domain($gw, $ann, $domain);
    is_deeply([ @$shown{qw(VerificationStatus DKIMStatus SPFStatus IsActive)} ], [ 'Enabled', 'Verified', 'Verified', $true ]);
    my $key = well($gw, $ann, 'AddAPI', DomainID => $domain->{DomainID}, Description => 'x')->{APIKey}{Key};
    is($gw->send_mail(as => { domain => $name, key => $key })->{status}, 200, 'it can send');

    $dns->zone($name, zone_lines($domain, DKIM => 'TXT "v=DKIM1; p="', ownership => "TXT \"\\255\\000\\027[31m\""));
    ($results, $state) = verify_domain($gw, $ann, $domain);
    is($state->{Status}, 'Enabled', 'a look does not disable');
    is($results->{DKIM}{Reason}, 'the key is revoked: p= is empty');
    is($results->{ownership}{Found}, '\xff\x00\x1b[31m', 'bytes that are no text are shown all the same');
    is(get_domain($gw, $ann, $domain)->{DKIMStatus}, 'Failed', 'what was seen is remembered');
    is($gw->send_mail(as => { domain => $name, key => $key })->{status}, 200, 'it can send still');
};

subtest 'nobody can say' => sub {
    my $name = 'half.example';
    my $domain = add_domain($gw, $ann, $name);
    $dns->zone($name, zone_lines($domain, SPF => undef, 'return path' => undef));
    my $begun = time;
    my ($results, $state) = verify_domain($gw, $ann, $domain);
    cmp_ok(time - $begun, '<', EmailGW::allowed(6), 'one deadline for all');
    is($state->{Status}, 'Pending');
    for my $purpose ('SPF', 'return path') {
        is($results->{$purpose}{Verified}, $false);
        is($results->{$purpose}{Reason}, 'temporary: no answer within 3 s', "$purpose: why");
    }
    ok($results->{$_}{Verified}, "$_ is verified all the same") for qw(ownership DKIM);
    my $shown = get_domain($gw, $ann, $domain);
    is_deeply([ @$shown{qw(DKIMStatus SPFStatus)} ], [ 'Verified', 'Pending' ], 'what nobody said is not stored');
    for my $name ('silent.example', 'broken.example', 'lame.example') {
        my $silent = add_domain($gw, $ann, $name);
        ($results, $state) = verify_domain($gw, $ann, $silent);
        is($state->{Status}, 'Pending');
        like($results->{$_}{Reason}, qr/^temporary: /, "$name: $_") for keys %$results;
        is(get_domain($gw, $ann, $silent)->{DKIMStatus}, 'Pending', '... and nothing is stored');
    }

    # A domain that is enabled stays so, whatever DNS does not say.
    my $enabled = add_domain($gw, $ann, "stays.$zone");
    $dns->zone("stays.$zone", zone_lines($enabled));
    ($results, $state) = verify_domain($gw, $ann, $enabled);
    is($state->{Status}, 'Enabled');
    my $before = get_domain($gw, $ann, $enabled);
    $dns->stop('unbound');
    ($results, $state) = verify_domain($gw, $ann, $enabled);
    is($state->{Status}, 'Enabled', 'no resolver at all');
    like($results->{$_}{Reason}, qr/^temporary: no (?:DNS server|answer)/, $_) for keys %$results;
    is_deeply(get_domain($gw, $ann, $enabled), $before, 'nothing is changed');
    $dns->start_unbound;
    ($results, $state) = verify_domain($gw, $ann, $enabled);
    ok($results->{DKIM}{Verified}, 'the resolver is there again');
};

# Each of at most four children of httpd has one connection here: were it held while
# DNS is waited for, three seconds each, twenty requests would take fifteen or more.
subtest 'no connection to the database is held' => sub {
    my ($id) = map { $_->{DomainID} } grep { $_->{DomainName} eq 'silent.example' } @{ well($gw, $ann, 'GetDomains')->{Domains} };
    my $begun = time;
    my @pids = map { my $pid = fork // die; if (!$pid) {
        delete $gw->{agent};
        my $got = outcome(verify(DomainID => $id));
        require POSIX;
        POSIX::_exit($got eq '200 0' ? 0 : 1);
    } $pid } 1 .. 20;
    is(join(' ', map { waitpid $_, 0; $? >> 8 } @pids), join(' ', (0) x 20), 'all are answered');
    my $seconds = time - $begun;
    cmp_ok($seconds, '<', 12, sprintf 'all at once: %.1f s', $seconds);
};

subtest 'two accounts and one name' => sub {
    my $name = "shared.$zone";
    my ($first, $second) = map { add_domain($gw, $_, $name) } $ann, $bob;
    isnt($first->{DNSRecords}[0]{Value}, $second->{DNSRecords}[0]{Value}, 'each has a token of its own');
    $dns->zone($name, zone_lines($second), (zone_lines($first))[0]);
    my ($results, $state) = verify_domain($gw, $ann, $first);
    ok($results->{ownership}{Verified}, 'one of two tokens');
    is($state->{Status}, 'Pending', '... is not enough');
    (undef, $state) = verify_domain($gw, $bob, $second);
    is($state->{Status}, 'Enabled', 'the first to verify holds the name');
    $dns->zone($name, zone_lines($first));
    ($results, $state) = verify_domain($gw, $ann, $first);
    is(join(' ', grep { !$results->{$_}{Verified} } keys %$results), '', 'all records are the other account\'s now');
    is($state->{Status}, 'Pending', '... but the name is held');
    is($state->{Reason}, 'another account has verified this domain', '... which is said');
    well($gw, $bob, 'UpdateDomain', DomainID => $second->{DomainID}, Subdomain => 'other');
    (undef, $state) = verify_domain($gw, $ann, $first);
    is($state->{Status}, 'Enabled', 'it is free when the holder is pending again');
    is_deeply(verify_both($first, $second), { $ann->{account_id} => 'Enabled', $bob->{account_id} => 'Pending' }, 'and is held by one');
};

sub verify_both {
    my ($first, $second) = @_;
    return { map { my ($as, $domain) = @$_; (verify_domain($gw, $as, $domain))[1]{Status} eq 'Enabled'
        ? ($as->{account_id} => 'Enabled') : ($as->{account_id} => 'Pending') } [ $ann, $first ], [ $bob, $second ] };
}

my $domain = add_domain($gw, $ann, "errors.$zone");
takes_ids_only($gw, 'EmailGateway.VerifyDomain', $ann, 'DomainID', absent => 1, invalid => 2,
    fresh => sub { (DomainID => $domain->{DomainID}) });
subtest 'errors' => sub {
    refuses(verify(), 1, 'no DomainID');
    refuses(verify(DomainID => 999999999), 2, 'one that is not there');
    is(verify(DomainID => $bob->{domain_id})->{body}, verify(DomainID => 999999999)->{body}, 'another account\'s: the same answer');
};
common_rules($gw, 'EmailGateway.VerifyDomain', $ann, sub { (DomainID => $domain->{DomainID}) });

$gw->log_clean;
done_testing;
