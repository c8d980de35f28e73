# EmailGateway.AddSubscribers, GetSubscribers, DeleteSubscriber: the documented examples, and every refusal; one bad
# address spoils no other.
use EmailGW;
use EmailGW::ApiPhp;

my $gw = EmailGW->up;
my $account = $gw->new_account;
my $other = $gw->new_account;
my ($list, $theirs) = map { $gw->api('EmailGateway.AddList', as => $_, Name => 'News')->{json}{NewListID} } $account, $other;
my $session = session_of($gw, $account);

sub add { return $gw->api('EmailGateway.AddSubscribers', as => $account, ListID => $list, Subscribers => @_) }
sub get { return $gw->api('EmailGateway.GetSubscribers', as => $account, ListID => $list, @_) }
sub delete_it { return $gw->api('EmailGateway.DeleteSubscriber', as => $account, ListID => $list, SubscriberID => @_) }
sub counted { return join ' ', @{ $_[0]{json} }{qw(Added Updated)}, scalar @{ $_[0]{json}{Failed} // [] } }
sub emails { return join ' ', map { $_->{Email} } @{ $_[0]{json}{Subscribers} } }
sub shown { my ($email) = @_; my ($s) = @{ get(Email => $email)->{json}{Subscribers} };
    return $s && "$s->{Name} " . JSON::PP->new->canonical->encode($s->{Fields}) }

subtest 'AddSubscribers' => sub {
    my $reply = example($gw, qq({
    "SessionID": "$session",
    "APIKey": "$account->{account_key}",
    "Command": "EmailGateway.AddSubscribers",
    "ListID": "$list",
    "Subscribers": [
        {"email": "ann\@example.org", "name": "Ann", "fields": {"town": "Rome", "points": 12}},
        {"email": "bob\@example.org", "name": "Bob"},
        {"email": "not an address"}
    ]
}));
    is(outcome($reply), '200 0', 'the documented example') or diag($reply->{body});
    is_deeply($reply->{json}, { Success => JSON::PP::true(), ErrorCode => 0, Added => 2, Updated => 0, Failed => [
        { Index => 2, ErrorMessage => "'not an address' is no email address" } ] }, 'two of three');
    is(shown('ann@example.org'), 'Ann {"points":12,"town":"Rome"}', 'as given');
    is(shown('bob@example.org'), 'Bob {}', '... or nothing');
};

subtest 'who is on it is changed' => sub {
    is(counted(add([ { email => 'Ann@Example.ORG', fields => { town => 'Oslo' } }, { email => 'bob@example.org', name => 'Robert' } ])), '0 2 0', 'both');
    is(shown('ann@example.org'), 'Ann {"town":"Oslo"}', 'the name is kept, fields are new');
    is(shown('bob@example.org'), 'Robert {}', '... and the other way round');
    is(counted(add([ map { { email => 'twice@example.org', name => $_ } } 'one', 'two' ])), '1 0 0', 'twice in one request: once');
    is(shown('twice@example.org'), 'two {}', '... as it stands last');
    is(get()->{json}{TotalRecords}, 3, 'how many there are');
    is($gw->sql("SELECT count(*) FROM emailgw.subscriber WHERE list_id = $list"), 3, '... is right');
};

subtest 'what is wrong with one' => sub {
    my @bad = ('x', undef, 7, {}, [], { email => '' }, { email => ['a@example.org'] }, { email => "a\@example.org\r\nBcc: b\@example.org" },
        { email => 'a@example.org', name => "x\ny" }, { email => 'a@example.org', name => 7 }, { email => 'a@example.org', name => 'x' x 321 },
        { email => 'a@example.org', fields => [] }, { email => 'a@example.org', fields => 'x' }, { email => 'a@example.org', fields => { x => 'y' x 8200 } },
        { email => 'a@example.org', Email => 'b@example.org' }, { email => 'a@[127.0.0.1]' }, { email => 'a@b.example,c@d.example' });
    my $reply = add([ { email => 'first@example.net' }, @bad, { email => 'last@example.net', name => undef, fields => undef } ]);
    is(counted($reply), '2 0 ' . @bad, 'the two good ones are taken');
    is(join(' ', map { $_->{Index} } @{ $reply->{json}{Failed} }), join(' ', 1 .. @bad), 'the others are told by their index');
    is(scalar(grep { $_->{ErrorMessage} !~ /\S/ } @{ $reply->{json}{Failed} }), 0, '... with a reason');
    is(shown('last@example.net'), ' {}', 'null is nothing');
    is(counted(add([ 'x' ])), '0 0 1', 'none good: nothing is added');
    is(get()->{json}{TotalRecords}, 5, 'no other is on the list');
};

subtest 'errors of AddSubscribers' => sub {
    my $one = [ { email => 'x@example.org' } ];
    refuses(add($one, ListID => $_), 1, '1: no list') for undef, '';
    refuses(add($_), 2, '2: nobody') for undef, '', [];
    refuses(add($_), 3, '3: no array') for 'x', { email => 'x@example.org' }, 7;
    refuses(add([ ({ email => 'x@example.org' }) x 1001 ]), 3, '3: more than a thousand');
    is(counted(add([ map { { email => "k$_\@example.org" } } 1 .. 1000 ])), '1000 0 0', 'a thousand');
    refuses(add($one, ListID => $_), 4, "4: $_") for 999999999, 'x', $theirs;
    is(add($one, ListID => $theirs)->{body}, add($one, ListID => 999999999)->{body}, 'another account\'s, in the same words');
    is($gw->sql("SELECT count(*) FROM emailgw.subscriber WHERE list_id = $theirs"), 0, '... and nothing is added to it');
};

subtest 'GetSubscribers' => sub {
    my $reply = example($gw, qq({
    "SessionID": "$session",
    "APIKey": "$account->{account_key}",
    "Command": "EmailGateway.GetSubscribers",
    "ListID": "$list",
    "After": 0,
    "RetrieveCount": 2
}));
    is(outcome($reply), '200 0', 'the documented example') or diag($reply->{body});
    is($reply->{json}{TotalRecords}, 1005, 'how many there are');
    is(emails($reply), 'Ann@example.org bob@example.org', 'the oldest first');
    like($reply->{body}, qr/\{"SubscriberID":"\d+","Email":"bob\@example\.org","Name":"Robert","Fields":\{\},"CreationDate":"[^"]+Z"\}/, 'as documented');
    my ($after, %seen, $pages) = (0);
    while (my @page = @{ get(After => $after, RetrieveCount => 300)->{json}{Subscribers} }) {
        $seen{ $_->{Email} }++ for @page;
        $after = $page[-1]{SubscriberID};
        $pages++;
    }
    is(join(' ', $pages, scalar(keys %seen), scalar grep { $_ > 1 } values %seen), '4 1005 0', 'page by page, each once');
    is(join(' ', map { emails($_), $_->{json}{TotalRecords} } get(Email => 'K7@example.org')), 'k7@example.org 1', 'by address');
    is(join(' ', map { emails($_), $_->{json}{TotalRecords} } get(Email => 'K7@example.org', After => $after)), ' 1', '... behind it, there is one');
    is(join(' ', map { emails($_), $_->{json}{TotalRecords} } get(Email => 'nobody@example.org')), ' 0', '... none');
    refuses(get(ListID => $_), 1, '1: no list') for undef, '';
    refuses(get(After => 'x'), 2, '2: After');
    refuses(get(RetrieveCount => -1), 3, '3: RetrieveCount');
    refuses(get(Email => 'x'), 4, '4: Email');
    refuses(get(ListID => $_), 5, "5: $_") for 999999999, 'x', $theirs;
};

subtest 'DeleteSubscriber' => sub {
    my ($bob) = map { $_->{SubscriberID} } @{ get(Email => 'bob@example.org')->{json}{Subscribers} };
    my $reply = example($gw, qq({
    "SessionID": "$session",
    "APIKey": "$account->{account_key}",
    "Command": "EmailGateway.DeleteSubscriber",
    "ListID": "$list",
    "SubscriberID": "$bob"
}));
    is($reply->{body} =~ s/\s+\z//r, '{"Success":true,"ErrorCode":0}', 'the documented example');
    is(get()->{json}{TotalRecords}, 1004, 'one fewer');
    is(emails(get(Email => 'bob@example.org')), '', 'it is gone');
    refuses(delete_it($bob), 4, '4: it is gone');
    refuses(delete_it($bob, ListID => $_), 1, '1: no list') for undef, '';
    refuses(delete_it($_), 2, '2: nobody') for undef, '';
    refuses(delete_it($bob, ListID => $_), 3, "3: $_") for 999999999, $theirs;
    my ($ann) = map { $_->{SubscriberID} } @{ get(Email => 'ann@example.org')->{json}{Subscribers} };
    my $second = $gw->api('EmailGateway.AddList', as => $account, Name => 'x')->{json}{NewListID};
    refuses(delete_it($ann, ListID => $second), 4, '4: of another list');
};

my $n = 0;
common_rules($gw, 'EmailGateway.AddSubscribers', $account, sub { (ListID => $list, Subscribers => [ { email => 'x@example.org' } ]) });
common_rules($gw, 'EmailGateway.GetSubscribers', $account, sub { (ListID => $list, RetrieveCount => 5) });
common_rules($gw, 'EmailGateway.DeleteSubscriber', $account, sub {
    my $email = 'd' . ++$n . '@example.org';
    add([ { email => $email } ]);
    return (ListID => $list, SubscriberID => get(Email => $email)->{json}{Subscribers}[0]{SubscriberID});
});
$gw->log_clean;
done_testing;
