# EmailGateway.DeleteDomain: the reference's example; what is gone at once, and what
# is free then.
use EmailGW;
use EmailGW::ApiPhp;
use EmailGW::Domains;

my $gw = EmailGW->up;
my ($ann, $bob) = map { $gw->new_account } 1 .. 2;
my $zone = "z$$.example";

sub remove { return $gw->api('EmailGateway.DeleteDomain', as => $ann, @_) }

sub enabled {
    my ($as, $name) = @_;
    my $domain = add_domain($gw, $as, $name);
    $gw->ctl(qw(domain enable), $name, '--user', $as->{username});
    return $domain;
}

subtest 'the documented example' => sub {
    my $name = "a.$zone";
    my $domain = enabled($ann, $name);
    my %id = (DomainID => $domain->{DomainID});
    my $key = well($gw, $ann, 'AddAPI', %id, Description => 'x')->{APIKey}{Key};
    my $as = { domain => $name, key => $key };
    my $sent = $gw->send_mail(as => $as)->{json}{MessageID};
    $gw->wait_for(sub { $gw->outbox($sent) }, 20, 'delivery');
    refuses($gw->api('EmailGateway.DeleteDomain', as => $bob, %id), 2, 'not by another account');
    is($gw->call('GET', '/api/v1/events', { key => $key })->{status}, 200, '... so it is there still');

    my $session = session_of($gw, $ann);
    my $reply = example($gw, qq({
    "SessionID": "$session",
    "APIKey": "$ann->{account_key}",
    "Command": "EmailGateway.DeleteDomain",
    "DomainID": "$domain->{DomainID}"
}));
    is($reply->{body}, '{"Success":true,"ErrorCode":0}', 'deleted');
    my %gone = (GetDomain => 2, VerifyDomain => 2, UpdateDomain => 5, DeleteDomain => 2, GetAPIs => 2, GetSMTPs => 2,
        GetWebhooks => 2);
    refuses($gw->api("EmailGateway.$_", as => $ann, %id), $gone{$_}, "$_: it is not there") for sort keys %gone;
    is(scalar(grep { $_->{DomainName} eq $name } @{ well($gw, $ann, 'GetDomains')->{Domains} }), 0, 'GetDomains: nor there');
    my $refused = $gw->send_mail(as => $as);
    is_deeply([ $refused->{status}, $refused->{json}{Errors}[0]{Code} ], [ 403, 2 ], 'its keys send nothing');
    is($gw->sql("SELECT count(*) FROM emailgw.event WHERE account_id = $ann->{account_id} AND domain_id = $domain->{DomainID}"), 2,
        'events stay');
};

subtest 'its name is free' => sub {
    my $name = "b.$zone";
    my $domain = enabled($ann, $name);
    refuses($gw->api('EmailGateway.AddDomain', as => $bob, DomainName => $name), 2, 'held by one account');
    is(outcome(remove(DomainID => $domain->{DomainID})), '200 0');
    is(outcome($gw->api('EmailGateway.AddDomain', as => $ann, DomainName => $name)), '200 0', 'the account may add it again');
    my $theirs = enabled($bob, $name);
    is(get_domain($gw, $bob, $theirs)->{VerificationStatus}, 'Enabled', 'another account may hold it');
};

subtest 'its suppressions' => sub {
    my $name = "c.$zone";
    my $domain = enabled($ann, $name);
    well($gw, $ann, 'AddSuppression', EmailAddress => 'cid@example.org', DomainID => $domain->{DomainID}, Reason => 'asked us to');
    is(outcome(remove(DomainID => $domain->{DomainID})), '200 0', 'the domain is deleted');
    my $ids = sub { join ' ', map { $_->{DomainID} } @{ well($gw, $_[0], 'GetSuppressions', Query => 'cid')->{Suppressions} } };
    is($ids->($ann), $domain->{DomainID}, 'they stay');
    my $theirs = add_domain($gw, $bob, $name);
    is($ids->($bob), '', 'another account that adds the name has none of them');
    my $again = add_domain($gw, $ann, $name);
    is($ids->($ann), $again->{DomainID}, 'the account that adds it again has them');
    is(well($gw, $ann, 'GetSuppressions', DomainID => $again->{DomainID})->{TotalRecords}, 1, '... for that domain');
    $gw->ctl(qw(domain enable), $name, '--user', $ann->{username});
    my $as = { domain => $name, key => well($gw, $ann, 'AddAPI', DomainID => $again->{DomainID}, Description => 'x')->{APIKey}{Key} };
    is($gw->send_mail(as => $as, To => [ { email => 'cid@example.org', name => '' } ])->{json}{Errors}[0]{Code}, 14, '... which sends nothing there');
    is(outcome($gw->api('EmailGateway.DeleteSuppression', as => $bob, EmailAddress => 'cid@example.org', DomainID => $again->{DomainID})), '200 3', '... alone');
    is(outcome(remove(DomainID => $again->{DomainID})), '200 0', 'deleted once more');
    well($gw, $ann, 'DeleteSuppression', EmailAddress => 'cid@example.org', DomainID => $ids->($ann));
    is($ids->($ann), '', 'an entry that is shown can be taken off');
};

takes_ids_only($gw, 'EmailGateway.DeleteDomain', $ann, 'DomainID', absent => 1, invalid => 2,
    fresh => sub { (DomainID => add_domain($gw, $ann, sprintf 'n%x.%s', int rand 2**40, $zone)->{DomainID}) });
subtest 'errors' => sub {
    refuses(remove(), 1, 'no DomainID');
    refuses(remove(DomainID => 999999999), 2, 'one that is not there');
    is(remove(DomainID => $bob->{domain_id})->{body}, remove(DomainID => 999999999)->{body}, 'another account\'s: the same answer');
    is(outcome($gw->api('EmailGateway.GetDomain', as => $bob, DomainID => $bob->{domain_id})), '200 0', '... and it is there still');
};
common_rules($gw, 'EmailGateway.DeleteDomain', $ann,
    sub { (DomainID => add_domain($gw, $ann, sprintf 'n%x.%s', int rand 2**40, $zone)->{DomainID}) });

$gw->log_clean;
done_testing;
