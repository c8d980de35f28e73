# EmailGateway.AddAPI: the reference's example, what a key may do, its context, its errors.
use EmailGW;
use EmailGW::ApiPhp;

my $gw = EmailGW->up;
my $account = $gw->new_account;
my $other = $gw->new_account;
my @domain = (DomainID => $account->{domain_id});

sub add {
    my (%with) = @_;
    return $gw->api('EmailGateway.AddAPI', as => $account, Description => 'words', @domain, %with);
}

# What keys there are, to see that a refusal makes none.
sub keys_there { return $gw->sql("SELECT count(*) FROM emailgw.api_key WHERE account_id IN ($account->{account_id}, $other->{account_id})") }

subtest 'the documented example' => sub {
    my $session = session_of($gw, $account);
    my $reply = example($gw, qq({"SessionID": "$session", "APIKey": "$account->{account_key}", "Command": "EmailGateway.AddAPI", "Description": "My new API key", "DomainID": "$account->{domain_id}"}));
    is(outcome($reply), '200 0', 'added') or diag($reply->{body});
    my ($id, $key) = ($reply->{json}{NewAPIKeyID}, $reply->{json}{APIKey}{Key});
    is_deeply($reply->{json}, { Success => JSON::PP::true, ErrorCode => 0, NewAPIKeyID => $id, APIKey => { Key => $key,
        Permissions => 'send,webhooks,events', DomainID => "$account->{domain_id}", Description => 'My new API key' } },
        'with all that the reference shows');
    like($reply->{body}, qr/"NewAPIKeyID":"\d+".*"DomainID":"\d+"/, 'ids are text');
    like($key, qr/\Aegs_$account->{account_id}_[\w-]{43}\z/, 'a key of 256 random bits');
    isnt(add()->{json}{APIKey}{Key}, $key, 'another one each time');
    is($gw->send_mail(as => { %$account, key => $key })->{status}, 200, 'it sends');
    is($gw->sql("SELECT count(*) FROM emailgw.api_key WHERE account_id = $account->{account_id} AND api_key_id = $id
        AND key_hash = sha256('$key') AND strpos(encode(key_sealed, 'escape'), '$key') = 0
        AND strpos(encode(key_sealed, 'escape'), right('$key', 43)) = 0"), 1, 'the database has its hash, and it sealed');
};

subtest 'Permissions' => sub {
    for my $case (
        [ undef, 'send,webhooks,events' ], [ '', 'send,webhooks,events' ], [ 'send', 'send' ], [ 'Events,SEND', 'send,events' ],
        [ ' webhooks , events ', 'webhooks,events' ], [ [qw(events webhooks send)], 'send,webhooks,events' ],
        [ [qw(send send)], 'send' ],
    ) {
        my ($given, $want) = @$case;
        is(add(Permissions => $given)->{json}{APIKey}{Permissions}, $want,
            ref $given ? "[@$given]" : defined $given ? "'$given'" : 'none');
    }
    my $before = keys_there();
    refuses(add(Permissions => $_->[1]), 113, $_->[0]) for [ 'more than there is', 'send,admin' ], [ 'a wrong one', 'admin' ],
        [ 'none of a list', ',' ], [ 'blanks', ' ' ], [ 'an empty array', [] ], [ 'a number', 1 ],
        [ 'an object', { send => 1 } ], [ 'an array with a number', [ 'send', 1 ] ], [ 'a list in a list', [ ['send'] ] ],
        [ 'true', JSON::PP::true ];
    is(keys_there(), $before, 'no key came of that');

    my %key = map { $_ => add(Permissions => $_)->{json}{APIKey}{Key} } qw(send webhooks events);
    my %call = (
        send => sub { $gw->send_mail(as => { %$account, key => $_[0] }) },
        webhooks => sub { $gw->call('GET', '/api/v1/webhooks', { key => $_[0] }) },
        events => sub { $gw->call('GET', '/api/v1/events', { key => $_[0] }) },
    );
    for my $key (sort keys %key) {
        is($call{$_}->($key{$key})->{status}, $_ eq $key ? 200 : 401, "a key for $key: $_") for sort keys %call;
    }
};

subtest 'the context' => sub {
    my $key = add(ListID => 11, SubscriberID => '12', JourneyID => 13, ActionID => '14')->{json}{APIKey}{Key};
    my $sender = { %$account, key => $key };
    my $id = $gw->send_mail(as => $sender)->{json}{MessageID};
    my ($event) = $gw->events($id, $sender);
    is_deeply([ @$event{qw(ListID SubscriberID JourneyID ActionID CampaignId)} ], [ 11, 12, 13, 14, '13' ],
        'is stamped on what is sent');
    $id = $gw->send_mail(as => $sender, JourneyID => 99)->{json}{MessageID};
    ($event) = $gw->events($id, $sender);
    is_deeply([ @$event{qw(ListID JourneyID)} ], [ 11, 99 ], 'a mail\'s own comes first');
    my $before = keys_there();
    for my $name (qw(ListID SubscriberID JourneyID ActionID)) {
        refuses(add($name => $_), 106, "$name " . (ref $_ ? 'list' : $_)) for '12abc', -1, 0, [1];
        is(outcome(add($name => '')), '200 0', "an empty $name is none");
        $before++;
    }
    is(keys_there(), $before, 'no key came of those');
};

subtest 'errors' => sub {
    my $before = keys_there();
    refuses(add(Description => $_->[1]), 1, "1: $_->[0]") for [ 'no Description', undef ], [ 'an empty one', '' ],
        [ 'a number', 5 ], [ 'a list', ['x'] ], [ 'two lines', "a\nb" ], [ 'a long one', 'x' x 256 ];
    refuses(add(DomainID => $_), 2, '2: ' . ($_ // 'no DomainID')) for undef, '', '12abc', -1, 1.5;
    refuses(add(DomainID => 999999999), 3, '3: no such domain');
    refuses(add(DomainID => $other->{domain_id}), 3, '3: a domain of another account');
    refuses(add(Description => '', DomainID => 'x'), 1, 'the first of the reference\'s list alone');
    is(add(DomainID => $other->{domain_id})->{body}, add(DomainID => 999999999)->{body}, 'both in the same words');
    $gw->sql("UPDATE emailgw.domain SET deleted_at = now() WHERE domain_id = $other->{domain_id}");
    refuses($gw->api('EmailGateway.AddAPI', as => $other, Description => 'x', DomainID => $other->{domain_id}), 3, '3: a deleted domain');
    is(keys_there(), $before, 'no key came of all that');
    is(outcome(add(Description => 'x' x 255)), '200 0', '255 bytes are taken');
    is(add(Description => "'; DROP TABLE api_key; -- \x{1F680}")->{json}{APIKey}{Description}, "'; DROP TABLE api_key; -- \x{1F680}",
        'any text of one line is as it was given');
    takes_ids_only($gw, 'EmailGateway.AddAPI', $account, 'DomainID', absent => 2, invalid => 2,
        fresh => sub { (Description => 'x', @domain) });
};

common_rules($gw, 'EmailGateway.AddAPI', $account, sub { (Description => 'x', @domain, Permissions => 'send', ListID => 7) });

subtest 'how many' => sub {
    $gw->sql("INSERT INTO emailgw.api_key (account_id, domain_id, description, key_hash, key_sealed)
        SELECT $account->{account_id}, $account->{domain_id}, 'x', int8send(n), '' FROM generate_series(1, 99 - (
            SELECT count(*) FROM emailgw.api_key WHERE domain_id = $account->{domain_id})) AS n");
    is(outcome(add()), '200 0', 'the hundredth key of a domain');
    my $reply = add();
    refuses($reply, 112, 'and no more');
    like($reply->{json}{ErrorMessage}, qr/has 100 sender keys/, '... in words');
};

$gw->log_clean;
done_testing;
