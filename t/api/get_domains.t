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

subtest 'WithCounts' => sub {
    $gw->sql("INSERT INTO emailgw.daily_count (account_id, domain_id, day, type, tag, slot, count)
        VALUES ($ann->{account_id}, $id{Enabled}, (now() AT TIME ZONE 'UTC')::date - $_->[0], $_->[1], '', 77, $_->[2])")
        for [ 0, 1, 10 ], [ 27, 2, 5 ], [ 28, 1, 1000 ];
    well($gw, $ann, 'AddWebhook', DomainID => $id{Enabled}, Event => 'bounce', WebhookURL => "https://hooks.example.org/$_") for 1 .. 3;
    well($gw, $ann, 'AddSMTP', DomainID => $id{Enabled}) for 1 .. 2;
    my $key = well($gw, $ann, 'AddAPI', DomainID => $id{Enabled}, Description => 'x')->{NewAPIKeyID};
    my $count = sub { my %of = map { $_->{DomainID} => $_ } @{ $gw->api('EmailGateway.GetDomains', as => $ann, @_)->{json}{Domains} }; \%of };
    my $with = $count->(WithCounts => 1);
    is_deeply($with->{ $id{Enabled} }{Counts}, { APIKeys => 1, SMTPs => 2, Webhooks => 3 }, 'what a domain has');
    is_deeply([ @{ $with->{ $id{Enabled} }{Stats} }{qw(Sent Delivered DeliveryRate Opened)} ], [ 10, 5, 0.5, 0 ], '... and has sent in 28 days');
    is_deeply($with->{ $ann->{domain_id} }{Counts}, { APIKeys => 1, SMTPs => 0, Webhooks => 0 }, 'another');
    is($with->{ $ann->{domain_id} }{Stats}{Sent}, 0, '... has sent nothing');
    well($gw, $ann, 'DeleteAPI', ApiKeyId => $key);
    is($count->(WithCounts => 'true')->{ $id{Enabled} }{Counts}{APIKeys}, 0, 'what is deleted is not counted');
    ok(!exists $count->(@$_)->{ $id{Enabled} }{Counts}, 'not asked for') for [], [ WithCounts => 0 ], [ WithCounts => '' ];
    refuses($gw->api('EmailGateway.GetDomains', as => $ann, WithCounts => $_), 119, '119: WithCounts') for 'perhaps', 2, [1];
};
common_rules($gw, 'EmailGateway.GetDomains', $ann, sub { () });

$gw->log_clean;
done_testing;
