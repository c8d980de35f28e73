# EmailGateway.AddList, GetLists, DeleteList: the documented examples, and every refusal.
use EmailGW;
use EmailGW::ApiPhp;

my $gw = EmailGW->up;
my $account = $gw->new_account;
my $other = $gw->new_account;

sub add { return $gw->api('EmailGateway.AddList', as => $account, @_) }
sub get { return $gw->api('EmailGateway.GetLists', as => $account, @_) }
sub delete_it { return $gw->api('EmailGateway.DeleteList', as => $account, ListID => $_[0]) }
sub names { return join ' ', map { $_->{Name} } @{ $_[0]{json}{Lists} } }

my $session = session_of($gw, $account);
my $theirs = $gw->api('EmailGateway.AddList', as => $other, Name => 'theirs')->{json}{NewListID};
my @ids;

subtest 'AddList' => sub {
    my $reply = example($gw, qq({
    "SessionID": "$session",
    "APIKey": "$account->{account_key}",
    "Command": "EmailGateway.AddList",
    "Name": "News"
}));
    is(outcome($reply), '200 0', 'the documented example') or diag($reply->{body});
    like($reply->{body}, qr/^\{"Success":true,"ErrorCode":0,"NewListID":"\d+"\}\s*\z/, 'its id is text');
    @ids = ($reply->{json}{NewListID}, map { add(Name => $_)->{json}{NewListID} } 'Offers', 'Alerts');
    refuses(add(Name => $_), 1, '1: no name') for undef, '', 'x' x 256, "a\nb", ['x'];
};

subtest 'GetLists' => sub {
    $gw->api('EmailGateway.AddSubscribers', as => $account, ListID => $ids[1], Subscribers => [ map { { email => "$_\@example.org" } } 'a' .. 'c' ]);
    my $reply = example($gw, qq({
    "SessionID": "$session",
    "APIKey": "$account->{account_key}",
    "Command": "EmailGateway.GetLists",
    "StartFrom": 0,
    "RetrieveCount": 10
}));
    is(outcome($reply), '200 0', 'the documented example') or diag($reply->{body});
    is($reply->{json}{TotalRecords}, 3, 'how many there are');
    is(names($reply), 'News Offers Alerts', 'the oldest first, one\'s own alone');
    is(join(' ', map { $_->{Subscribers} } @{ $reply->{json}{Lists} }), '0 3 0', 'with their subscribers');
    like($reply->{body}, qr/"ListID":"$ids[0]","Name":"News","Subscribers":0,"CreationDate":"\d{4}-[^"]+Z"/, 'as documented');
    is(names(get(StartFrom => 1, RetrieveCount => 1)), 'Offers', 'a page');
    is(get(StartFrom => 5)->{body} =~ s/\s+\z//r, '{"Success":true,"ErrorCode":0,"TotalRecords":3,"Lists":[]}', 'behind the last one');
    refuses(get(StartFrom => 'x'), 1, '1: StartFrom');
    refuses(get(RetrieveCount => -1), 2, '2: RetrieveCount');
};

subtest 'DeleteList' => sub {
    my $reply = example($gw, qq({
    "SessionID": "$session",
    "APIKey": "$account->{account_key}",
    "Command": "EmailGateway.DeleteList",
    "ListID": "$ids[1]"
}));
    is($reply->{body} =~ s/\s+\z//r, '{"Success":true,"ErrorCode":0}', 'the documented example');
    is(names(get()), 'News Alerts', 'it is shown no more');
    refuses(delete_it($ids[1]), 2, '2: it is gone');
    refuses($gw->api('EmailGateway.AddSubscribers', as => $account, ListID => $ids[1], Subscribers => [ { email => 'x@example.org' } ]), 4,
        '... and takes nobody');
    refuses(delete_it($_), 1, '1: no id') for undef, '';
    refuses(delete_it($theirs), 2, '2: another account\'s');
    is(delete_it($theirs)->{body}, delete_it(999999999)->{body}, '... in the same words as for none');
    is($gw->api('EmailGateway.GetLists', as => $other)->{json}{TotalRecords}, 1, '... and it is still there');
    takes_ids_only($gw, 'EmailGateway.DeleteList', $account, 'ListID', absent => 1, invalid => 2,
        fresh => sub { (ListID => add(Name => 'x')->{json}{NewListID}) });
};

common_rules($gw, 'EmailGateway.AddList', $account, sub { (Name => 'News') });
common_rules($gw, 'EmailGateway.GetLists', $account, sub { (StartFrom => 0, RetrieveCount => 5) });
common_rules($gw, 'EmailGateway.DeleteList', $account, sub { (ListID => add(Name => 'x')->{json}{NewListID}) });

subtest 'how many' => sub {
    $gw->sql("INSERT INTO emailgw.list (account_id, name) SELECT $account->{account_id}, 'x' FROM generate_series(1, 999
        - (SELECT count(*) FROM emailgw.list WHERE account_id = $account->{account_id} AND deleted_at IS NULL))");
    is(outcome(add(Name => 'x')), '200 0', 'the thousandth of an account');
    refuses(add(Name => 'x'), 112, 'and no more');
};

$gw->log_clean;
done_testing;
