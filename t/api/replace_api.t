# EmailGateway.ReplaceAPI: a new key with the same settings; the one before is dead with
# the answer. Of two calls at once for a key one gets its successor.
use EmailGW;
use EmailGW::ApiPhp;

my $gw = EmailGW->up;
my $account = $gw->new_account;
my $other = $gw->new_account;

sub add { return $gw->api('EmailGateway.AddAPI', as => $account, Description => 'shop', DomainID => $account->{domain_id}, @_)->{json} }
sub replace { return $gw->api('EmailGateway.ReplaceAPI', as => $account, @_) }
sub id_of { return $gw->sql("SELECT api_key_id FROM emailgw.api_key WHERE account_id = $_[0]{account_id} ORDER BY 1 LIMIT 1") }
sub shown { return { map { $_->{KeyID} => $_ } @{ $gw->api('EmailGateway.GetAPIs', as => $account, DomainID => $account->{domain_id})->{json}{APIKeys} } } }
sub lets_in { return $gw->call('GET', '/api/v1/events', { key => $_[0] })->{status} }

subtest 'a key and its successor' => sub {
    my $made = add(Permissions => 'send,events', ListID => 7, SubscriberID => 8, JourneyID => 9, ActionID => 10);
    my $before = shown()->{ $made->{NewAPIKeyID} };
    my $reply = example($gw, qq({"APIKey": "$account->{account_key}", "Command": "EmailGateway.ReplaceAPI", "APIKeyID": "$made->{NewAPIKeyID}"}));
    is(outcome($reply), '200 0', 'replaced') or diag($reply->{body});
    my $key = $reply->{json}{APIKey};
    is_deeply($reply->{json}, { Success => JSON::PP::true, ErrorCode => 0, NewAPIKeyID => $reply->{json}{NewAPIKeyID},
        APIKey => { Key => $key->{Key}, Permissions => 'send,events', DomainID => "$account->{domain_id}", Description => 'shop' } },
        'the answer is that of AddAPI');
    like($key->{Key}, qr/\Aegs_$account->{account_id}_[\w-]{43}\z/, 'a key of the account');
    isnt($key->{Key}, $made->{APIKey}{Key}, '... and another one');
    my $after = shown();
    ok(!$after->{ $made->{NewAPIKeyID} }, 'the former one is shown no more');
    my $new = $after->{ $reply->{json}{NewAPIKeyID} };
    is_deeply([ @$new{qw(Permissions Description ListID SubscriberID JourneyID ActionID DomainID)} ],
        [ @$before{qw(Permissions Description ListID SubscriberID JourneyID ActionID DomainID)} ], 'all settings are the same');
    is($new->{Key}, $key->{Key}, 'GetAPIs shows the new one');
    is($new->{LastUsedDate}, undef, '... which was not used so far');
    is(lets_in($key->{Key}), 200, 'the new one works');
    is(lets_in($made->{APIKey}{Key}), 401, 'the former one is dead');
};

subtest 'at the limit of keys, and two at once' => sub {
    add() while keys %{ shown() } < 100;
    my $id = add()->{ErrorCode};
    is($id, 112, 'the domain has as many as it may');
    my ($some) = sort { $a <=> $b } keys %{ shown() };
    my @pipes = map {
        open my $from, '-|' or do { print outcome(replace(APIKeyID => $some)), "\n"; $gw->{owner} = 0; require POSIX; STDOUT->flush; POSIX::_exit(0) };
        $from;
    } 1 .. 2;
    my @told = sort map { my $line = readline $_; chomp $line; $line } @pipes;
    is_deeply(\@told, [ '200 0', '200 2' ], 'one of two is the successor');
    is(scalar keys %{ shown() }, 100, 'as many keys as before');
};

subtest 'errors' => sub {
    refuses(replace(), 1, '1: no APIKeyID');
    refuses(replace(APIKeyID => ''), 1, '1: an empty one');
    refuses(replace(APIKeyID => 999999999), 2, '2: no such key');
    refuses(replace(APIKeyID => id_of($other)), 2, '2: another account\'s');
    is(replace(APIKeyID => id_of($other))->{body}, replace(APIKeyID => 999999999)->{body}, 'both in the same words');
    is(lets_in($other->{key}), 200, '... whose key lives');
    $gw->sql("UPDATE emailgw.api_key SET deleted_at = now() WHERE api_key_id IN (
        SELECT api_key_id FROM emailgw.api_key WHERE account_id = $account->{account_id} AND deleted_at IS NULL ORDER BY 1 DESC LIMIT 60)");
    my $id = add()->{NewAPIKeyID};
    is(outcome(replace(APIKeyID => $id)), '200 0', 'replaced');
    refuses(replace(APIKeyID => $id), 2, '2: replaced already');
    takes_ids_only($gw, 'EmailGateway.ReplaceAPI', $account, 'APIKeyID', absent => 1, invalid => 2,
        fresh => sub { (APIKeyID => (sort { $b <=> $a } keys %{ shown() })[0]) });
    my $gone = $gw->new_account;
    $gw->sql("UPDATE emailgw.domain SET deleted_at = now() WHERE domain_id = $gone->{domain_id}");
    refuses($gw->api('EmailGateway.ReplaceAPI', as => $gone, APIKeyID => id_of($gone)), 2, '2: gone with its domain');
};

common_rules($gw, 'EmailGateway.ReplaceAPI', $account, sub { (APIKeyID => (sort { $b <=> $a } keys %{ shown() })[0]) });

$gw->log_clean;
done_testing;
