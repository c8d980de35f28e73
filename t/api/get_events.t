# EmailGateway.GetEvents: the reference's example, pages, days, types, the search box,
# its errors.
use EmailGW;
use EmailGW::ApiPhp;
use EmailGW::Events;

my $gw = EmailGW->up;
my ($account, $other) = map { $gw->new_account } 1 .. 2;
my @of = (DomainID => $account->{domain_id}, StartFrom => 0, RetrieveCount => 50);
my ($welcome, $receipt) = told_mails($gw, $account);

sub get { return $gw->api('EmailGateway.GetEvents', as => $account, @of, @_) }

# "open ann, click ann": who did what, in an order of their own.
sub told {
    my ($reply) = @_;
    return outcome($reply) if outcome($reply) ne '200 0';
    my @events = map { "$_->{event_type} " . $_->{recipient} =~ s/\@.*//r } @{ $reply->{json}{Events} };
    return join(', ', sort @events) || 'none';
}

subtest 'the documented example' => sub {
    my $session = session_of($gw, $account);
    my ($from, $until) = (day(-30), day(1));
    my $reply = example($gw, qq({"SessionID": "$session", "APIKey": "$account->{account_key}", "Command": "EmailGateway.GetEvents", "DomainID": $account->{domain_id}, "StartFrom": 0, "RetrieveCount": 50, "StartDate": "$from", "EndDate": "$until", "Event": "open", "Query": "subject:welcome"}));
    is(outcome($reply), '200 0', 'answered') or diag($reply->{body});
    is($reply->{json}{TotalRecords}, 2, 'two opens');
    like($reply->{body}, qr/"TotalRecords":2,/, '... as a number');
    my ($open) = grep { $_->{ip} eq '192.0.2.1' } @{ $reply->{json}{Events} };
    like(delete $open->{timestamp}, qr/\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z\z/, 'when, RFC 3339');
    like(delete $open->{event_id}, qr/\A[0-9a-f-]{36}\z/, 'its id');
    is_deeply($open, { event_type => 'open', recipient => 'ann@example.org', campaign_id => '5', journey_id => 5,
        tags => [ 'welcome', 'vip' ], user_agent => 'Reader/1', ip => '192.0.2.1',
        message => { id => $welcome, headers => { subject => 'Welcome to 100% of it', from => "Sender <sender\@$account->{domain}>",
            to => 'ann@example.org', 'message-id' => "<$welcome\@$account->{domain}>" } } }, 'and the rest');
};

subtest 'pages' => sub {
    my @all = @{ get()->{json}{Events} };
    is(scalar @all, 10, 'three sends, three deliveries, and what readers did');
    my @at = map { $_->{timestamp} =~ s/Z\z//r } @all;
    is_deeply(\@at, [ reverse sort @at ], 'newest first');
    for my $case ([ 0, 3 ], [ 3, 3 ], [ 9, 3 ], [ 10, 3 ], [ 0, 0 ], [ 0, 100 ], [ 0, 5000 ], [ '9007199254740991', 5 ]) {
        my ($start, $count) = @$case;
        my $reply = get(StartFrom => $start, RetrieveCount => $count);
        is_deeply([ map { $_->{event_id} } @{ $reply->{json}{Events} } ],
            [ grep { defined } $start > 10 ? () : map { $_->{event_id} } @all[ $start .. ($start + $count > 10 ? 9 : $start + $count - 1) ] ],
            "$count from $start on");
        is($reply->{json}{TotalRecords}, 10, '... of ten');
    }
    my $many = $gw->new_account;
    add_event($gw, $many, type => 7, at => time, message => $welcome) for 1 .. 102;
    my $reply = $gw->api('EmailGateway.GetEvents', as => $many, DomainID => $many->{domain_id}, StartFrom => 0, RetrieveCount => 1000);
    is(scalar @{ $reply->{json}{Events} } . " of $reply->{json}{TotalRecords}", '100 of 102', 'a page has a hundred at most');
};

# Pages by After, until one has nothing on it: the ids in the order in which they came.
sub walk {
    my ($count, %with) = @_;
    my (@ids, %total);
    while (1) {
        my $reply = get(%with, RetrieveCount => $count, @ids ? (After => $ids[-1]) : ());
        my @page = map { $_->{event_id} } @{ $reply->{json}{Events} };
        $total{ $reply->{json}{TotalRecords} } = 1;
        return (join(' ', @ids), join ' ', keys %total) if !@page;
        push @ids, @page;
        last if @ids > 100;
    }
    return 'without end';
}

subtest 'After' => sub {
    my @all = map { $_->{event_id} } @{ get()->{json}{Events} };
    for my $count (1, 3, 10, 50) {
        is_deeply([ walk($count) ], [ "@all", 10 ], "pages of $count have each event once, and the total of all");
    }
    my $opens = get(Event => 'open')->{json}{Events};
    is_deeply([ walk(1, Event => 'open') ], [ join(' ', map { $_->{event_id} } @$opens), 2 ], 'of a type');
    my @found = map { $_->{event_id} } @{ get(Query => 'welcome')->{json}{Events} };
    is_deeply([ walk(3, Query => 'welcome') ], [ "@found", 8 ], 'of what a search has found');
    is_deeply([ walk(4, StartDate => day(-1), EndDate => day()) ], [ "@all", 10 ], 'of days');
    # What comes meanwhile is newer: no page has it, and none shifts.
    my $second = get(RetrieveCount => 2, After => $all[1]);
    add_event($gw, $account, at => time, type => 7, message => $welcome, email => 'late@example.org');
    is_deeply([ map { $_->{event_id} } @{ get(RetrieveCount => 2, After => $all[1])->{json}{Events} } ], [ @all[ 2, 3 ] ],
        'the same page again');
    $gw->sql("DELETE FROM emailgw.event WHERE account_id = $account->{account_id} AND email = 'late\@example.org'");
    $gw->sql("UPDATE emailgw.daily_count SET count = count - 1 WHERE ctid = (SELECT ctid FROM emailgw.daily_count
        WHERE account_id = $account->{account_id} AND type = 7 AND tag = '$_' LIMIT 1)") for '', 'welcome', 'vip';
    is(told(get(After => $all[-1])), 'none', 'after the last there is nothing');
    is(told(get(After => '00000000-0000-0000-0000-000000000000')), 'none', 'nor before all time');
    is(told(get(After => 'ffffffff-ffff-ffff-ffff-ffffffffffff')), told(get()), 'an id that no event has is a place like others');
    is(told(get(After => '')), told(get()), 'an empty one is none');
    refuses(get(After => $_), 118, '118: After') for 'x', "$all[0]x", "' OR 1=1", 5, ['x'];
    refuses(get(After => $all[0], StartFrom => 1), 118, '118: After and StartFrom');
};

subtest 'days and types' => sub {
    is(get(@$_)->{json}{TotalRecords}, 10, "@$_") for [ StartDate => day(-1) ], [ EndDate => day() ], [ StartDate => '', EndDate => '' ],
        [ StartDate => day(-1), EndDate => day() ], [ StartDate => '1970-01-01', EndDate => '9999-12-31' ];
    is(get(@$_)->{json}{TotalRecords}, 0, "@$_") for [ StartDate => day(1) ], [ EndDate => day(-2) ], [ StartDate => day(1), EndDate => '' ];
    is(told(get(Event => $_)), 'delivery ann, delivery bob, delivery cid', $_) for qw(delivery delivered DELIVERED);
    is(told(get(Event => 'complaint')), 'complaint bob', 'complaint');
    is(told(get(Event => 'bounce')), 'none', 'bounce');
    is(told(get(Event => '')), told(get()), 'an empty one is none');
};

subtest 'the search box' => sub {
    my %ann = map { $_ => "click ann, delivery ann, open ann, open ann, send ann" } 'ann@';
    my $bob = 'complaint bob, delivery bob, send bob';
    my $both = "click ann, complaint bob, delivery ann, delivery bob, open ann, open ann, send ann, send bob";
    my $cid = 'delivery cid, send cid';
    for my $case (
        [ 'welcome', $both ], [ 'WELCOME', $both ], [ '"to 100%"', $both ], [ '100% welcome', $both ], [ 'wel%e', 'none' ], [ 'r_ceipt', $cid ],
        [ 'rec_ipt', 'none' ], [ 'subject:welcome', $both ], [ 'subject:"welcome to"', $both ], [ 'subject:billing', 'none' ],
        [ 'from:billing', $cid ], [ 'from:BÜRO', $cid ], [ 'to:ann@', $ann{'ann@'} ], [ 'to:bob to:mail', $bob ], [ 'domain:example.net', $bob ],
        [ 'domain:example.org', join ', ', sort split(/, /, $ann{'ann@'}), split /, /, $cid ], [ 'domain:xample.org', 'none' ],
        [ 'tag:vip', $both ], [ 'tag:vi', 'none' ], [ "messageid:$receipt", $cid ], [ "messageid:$receipt messageid:$welcome", 'none' ],
        [ 'messageid:nonsense', 'none' ], [ 'event:clicked', 'click ann' ], [ 'event:dance', 'none' ], [ 'url:/prices', 'click ann' ],
        [ 'ip:192.0.2.1', 'click ann, open ann' ], [ 'ip:192.0.2', 'none' ], [ 'event:open ip:192.0.2.2', 'open ann' ],
        [ 'color:blue', 'none' ], [ 'welcome -ann', 'none' ], [ 'welcome AND ann', 'none' ], [ '*', 'none' ], [ "' OR 1=1 --", 'none' ],
        [ '   ', told(get()) ], [ '', told(get()) ], [ 'welcome event:open', 'open ann, open ann' ], [ 'subject:', 'none' ],
    ) {
        is(told(get(Query => $case->[0])), $case->[1], $case->[0] || 'nothing');
        is(get(Query => $case->[0])->{json}{TotalRecords}, $case->[1] eq 'none' ? 0 : scalar(() = $case->[1] =~ /\w+ \w+/g), '... and counted');
    }
    is(told(get(Event => 'open', Query => 'event:click')), 'none', 'two different types are none');
    is(told(get(Event => 'open', Query => 'ip:192.0.2.1', StartDate => day(-1), EndDate => day())), 'open ann', 'with all else');
    is(told(get(Query => 'welcome', StartFrom => 6, RetrieveCount => 1)) =~ tr/,//, 0, 'by pages, too');
};

subtest 'errors' => sub {
    my @missing = (DomainID => 1, StartFrom => 4, RetrieveCount => 5);
    while (my ($name, $code) = splice @missing, 0, 2) {
        refuses(get($name => $_), $code, "$code: $name " . (defined $_ ? 'empty' : 'missing')) for undef, '';
    }
    for my $name (qw(StartFrom RetrieveCount)) {
        refuses(get($name => $_), $name eq 'StartFrom' ? 4 : 5, "$name: " . JSON::PP->new->allow_nonref->encode($_))
            for -1, 'x', 1.5, '1e3', [1], {}, JSON::PP::true, '9' x 30;
    }
    refuses(get(DomainID => undef, StartFrom => undef), 1, '1 before 4');
    refuses(get(DomainID => 999999999, StartFrom => undef), 4, '4 before 2');
    refuses(get(DomainID => 999999999), 2, '2: no such domain');
    refuses(get(DomainID => $other->{domain_id}), 2, '2: another account\'s');
    for my $date ('2026-13-01', '2026-02-29', '26-01-01', 'yesterday', '2026-01-01 10:00:00', 1700000000, ['2026-01-01']) {
        refuses(get(StartDate => $date), 108, '108: StartDate') or diag(explain($date));
        refuses(get(EndDate => $date), 109, '109: EndDate');
    }
    refuses(get(StartDate => day(), EndDate => day(-1)), 109, '109: EndDate before StartDate');
    refuses(get(Event => $_), 110, "110: Event $_") for 'dance', 'x' x 100, 'open,click';
    refuses(get(Query => $_), 115, '115: ' . substr $_, 0, 20) for 'x' x 1001, 'x' x 257, join(' ', 1 .. 17);
    too_many($gw, $other, 2_000_000);
    add_event($gw, $other, type => 7, at => time, message => $welcome);
    my $broad = $gw->api('EmailGateway.GetEvents', as => $other, @of, DomainID => $other->{domain_id}, Query => 'x');
    refuses($broad, 116, '116: more would have to be read than one request may');
    like($broad->{json}{ErrorMessage}, qr/2000001/, '... and how many');
    takes_ids_only($gw, 'EmailGateway.GetEvents', $account, 'DomainID', absent => 1, invalid => 2, fresh => sub { @of });
};

common_rules($gw, 'EmailGateway.GetEvents', $account, sub { @of });
$gw->log_clean;
done_testing;
