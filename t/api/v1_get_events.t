# GET /api/v1/events: fields, order, pages, filters, and whose events they are.
use EmailGW;
use EmailGW::Events;
use JSON::PP ();
use POSIX qw(strftime);

my $gw = EmailGW->up;
my $account = $gw->new_account;
my $json = JSON::PP->new->utf8->canonical;

sub get {
    my ($query, %with) = @_;
    return $gw->call('GET', '/api/v1/events', { key => $account->{key}, query => $query, %with });
}

sub is_refusal {
    my ($reply, $status, $codes, $what, $says) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is("$reply->{status}: " . join(' ', map { $_->{Code} } @{ $reply->{json}{Errors} // [] }),
        "$status: $codes", $what)
        or diag($reply->{body});
    is_deeply([ keys %{ $reply->{json} // {} } ], ['Errors'], "$what: no events");
    is($reply->{headers}{'content-type'}, 'application/json', "$what: as JSON");
    like($reply->{json}{Errors}[0]{Message}, $says, "$what: says so") if $says;
}

sub event_at {
    my ($at, $type, $message, $more) = @_;
    return add_event($gw, $account, at => $at, type => $type, message => $message, detail => $more);
}

subtest 'fields and types' => sub {
    my $before = time;
    my $id = $gw->send_mail(as => $account, To => [ { email => 'Ann@EXAMPLE.org', name => 'Ann' } ],
        Tags => [ 'shop', 'größe' ],
        ListID => 1, SubscriberID => 2, JourneyID => 3, ActionID => 4)->{json}{MessageID};
    $gw->wait_for(sub { 2 == $gw->events($id, $account) }, 10, 'two events');
    my $reply = get({});
    is($reply->{status}, 200);
    is($reply->{headers}{'content-type'}, 'application/json');
    is_deeply([ sort keys %{ $reply->{json} } ], [qw(Events TotalRecords)]);
    like($reply->{body}, qr/"TotalRecords":\s*2\b/, 'TotalRecords is a number');
    my ($delivery, $send) = @{ $reply->{json}{Events} };
    is("$delivery->{EventType} $send->{EventType}", 'delivery send', 'newest first');
    for my $event ($delivery, $send) {
        my $what = $event->{EventType};
        like($event->{EventId}, qr/\A[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f-]{21}\z/, "$what: EventId");
        like($event->{EventTimestamp}, qr/\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z\z/,
            "$what: EventTimestamp");
        cmp_ok($event->{EventTimestamp}, 'ge', strftime('%Y-%m-%dT%H:%M:%S', gmtime $before), "$what: now");
        cmp_ok($event->{EventTimestamp}, 'lt', strftime('%Y-%m-%dT%H:%M:%SZ', gmtime time + 1),
            "$what: and not later");
        is($event->{Recipient}, 'Ann@example.org', "$what: Recipient");
        is($event->{MessageId}, $id, "$what: MessageId");
        is($event->{CampaignId}, '3', "$what: CampaignId");
        is_deeply($event->{Details}, { UserAgent => '', IpAddress => '' }, "$what: Details");
        is_deeply($event->{Tags}, [ 'shop', 'größe' ], "$what: Tags");
        is_deeply([ @$event{qw(ListID SubscriberID JourneyID ActionID)} ], [ 1 .. 4 ], "$what: context");
    }
    unlike($reply->{body}, qr/"(?:ListID|SubscriberID|JourneyID|ActionID)":\s*"/, 'ids are numbers');
    like($reply->{body}, qr/"CampaignId":\s*"3"/, 'CampaignId is text');

    my $plain = $gw->send_mail(as => $account)->{json}{MessageID};
    my ($event) = grep { $_->{EventType} eq 'send' } $gw->events($plain, $account);
    is($event->{CampaignId}, '', 'no journey: an empty CampaignId');
    is_deeply($event->{Tags}, [], 'no tags: an empty list');
    ok(!exists $event->{ListID}, 'no list: no ListID');
    event_at(time - 3600, 8, $plain, { ua => 'Mozilla/5.0', ip => '192.0.2.1',
        url => 'https://example.com/?a=1&b="2"', machine => JSON::PP::true });
    event_at(time - 3601, 4, $plain, { attempt => 2, bounce => 'hard',
        smtp => { code => 550, enhanced => '5.1.1', text => "no\r\nsuch", host => 'mx.example.org',
        tls => 'TLSv1.3', seconds => 0.25 } });
    my ($click) = @{ get({ Event => 'click' })->{json}{Events} };
    is_deeply($click->{Details}, { UserAgent => 'Mozilla/5.0', IpAddress => '192.0.2.1' },
        'the person of a click');
    is($click->{URL}, 'https://example.com/?a=1&b="2"', 'its URL');
    ok($click->{Machine}, 'its machine flag');
    my ($bounce) = @{ get({ Event => 'bounce' })->{json}{Events} };
    is_deeply($bounce->{Smtp}, { Code => 550, EnhancedCode => '5.1.1', Text => "no\r\nsuch",
        Host => 'mx.example.org', TLS => 'TLSv1.3', Seconds => 0.25 },
        'the dialogue of a bounce');
};

# From here on: 120 events a second apart, a day ago, of one message that has no others.
$account = $gw->new_account;
my $start = (int(time / 60) - 24 * 60) * 60;
my $message = '01900000-0000-7000-8000-000000000001';
my @ids = split /,/,
scalar $gw->sql("WITH e AS (INSERT INTO emailgw.event (account_id, domain_id, event_id, type, at, message_id, recipient_no, email)
    SELECT $account->{account_id}, $account->{domain_id}, emailgw.uuid7(to_timestamp($start + n)), 1 + n % 10,
    to_timestamp($start + n), '$message', 1,
        'recipient\@example.org' FROM generate_series(0, 119) AS n RETURNING *)
    SELECT string_agg(event_id::text, ',' ORDER BY at), emailgw_api.count_events(array_agg(account_id), array_agg(domain_id),
        array_agg(type::integer), array_agg(at), array_agg(message_id)) FROM e");
my %number = map { ($ids[$_] => $_) } 0 .. 119;

sub numbers { return join ' ', map { $number{ $_->{EventId} } // $_->{EventId} } @{ $_[0]{json}{Events}
    // [] } }

# The events from one number down to another, one in so many.
sub from_to {
    my ($from, $to) = @_;
    return join ' ', reverse $to .. $from;
}

subtest 'pages' => sub {
    for my $case (
        [ {}, 119, 115 ], [ { RetrieveCount => 1 }, 119, 119 ], [ { RetrieveCount => 100 }, 119, 20 ],
        [ { RetrieveCount => 101 }, 119, 20 ],
        [ { RetrieveCount => 1000000 }, 119, 20 ], [ { RetrieveCount => '9007199254740991' }, 119, 20 ],
        [ { StartFrom => 3 }, 116, 112 ],
        [ { StartFrom => 100, RetrieveCount => 100 }, 19, 0 ], [ { StartFrom => 119 }, 0, 0 ],
        [ { StartFrom => '0', RetrieveCount => '2' }, 119, 118 ],
    ) {
        my ($query, $from, $to) = @$case;
        my $reply = get($query);
        is(numbers($reply), from_to($from, $to), 'page ' . $json->encode($query));
        is($reply->{json}{TotalRecords}, 120, 'TotalRecords is exact');
    }
    for my $query ({ StartFrom => 120 }, { StartFrom => '9007199254740991' }, { RetrieveCount => 0 }) {
        my $reply = get($query);
        is("$reply->{status} " . numbers($reply) . " of $reply->{json}{TotalRecords}", '200  of 120',
            'an empty page ' . $json->encode($query));
    }
    is(numbers(get(undef, json => { StartFrom => 3, RetrieveCount => 2 })), '116 115', 'numbers in JSON');
    for my $value ('', 'x', '-1', '1.5', '1e1', ' 1', '0x1', '+1', '12abc', '9007199254740992', '9' x 400) {
        my $name = length $value > 20 ? '400 digits' : "'$value'";
        is_refusal(get({ StartFrom => $value }), 422, 4, "StartFrom $name", qr/StartFrom/);
        is_refusal(get({ RetrieveCount => $value }), 422, 5, "RetrieveCount $name", qr/RetrieveCount/);
    }
    for my $value (JSON::PP::true, [1], {}, 1.5, -1) {
        is_refusal(get(undef, json => { StartFrom => $value, RetrieveCount => $value }), 422, '4 5',
            'both, JSON ' . $json->allow_nonref->encode($value));
    }
    is(numbers(get(undef, json => { StartFrom => undef, RetrieveCount => undef })), from_to(119, 115),
        'null is absent');
};

subtest 'StartDate and EndDate' => sub {
    my $at = sub { my ($format, $n, $east) = @_; strftime($format, gmtime $start + $n + ($east // 0)) };
    my %form = (
        'Unix seconds' => sub { $start + $_[0] },
        'YYYY-MM-DD HH:MM:SS' => sub { $at->('%Y-%m-%d %H:%M:%S', @_) },
        'ISO 8601' => sub { $at->('%Y-%m-%dT%H:%M:%SZ', @_) },
        'ISO 8601 with an offset' => sub { $at->('%Y-%m-%dT%H:%M:%S+02:00', $_[0], 7200) },
    );
    for my $name (sort keys %form) {
        my $date = $form{$name};
        for my $case ([ { StartDate => 100 }, 119, 100 ], [ { EndDate => 9 }, 9, 0 ],
            [ { StartDate => 50, EndDate => 60 }, 60, 50 ],
            [ { StartDate => 60, EndDate => 60 }, 60, 60 ]) {
            my ($bounds, $from, $to) = @$case;
            my $reply = get({ RetrieveCount => 100, map { ($_ => $date->($bounds->{$_})) } keys %$bounds });
            is(numbers($reply), from_to($from, $to), "$name: " . $json->encode($bounds)
                . ', both ends included');
            is($reply->{json}{TotalRecords}, $from - $to + 1, 'and counted');
        }
    }
    my $reply = get(undef, json => { StartDate => $start + 118 });
    is(numbers($reply), '119 118', 'Unix seconds as a JSON number') or diag($reply->{body});
    is(get({ StartDate => $start + 60, EndDate => $start + 50 })->{json}{TotalRecords}, 0,
        'an end before the start: none');
    is(get({ StartDate => 0, EndDate => 253402300799 })->{json}{TotalRecords}, 120, 'from 1970 to 9999');
    is(get({ EndDate => 0 })->{json}{TotalRecords}, 0, 'until 1970: none');
    my $other = $gw->new_account;
    my $of_other = sub { $gw->call('GET', '/api/v1/events', { key => $other->{key}, query => $_[0] })->{json}{TotalRecords} };
    add_event($gw, $other, at => $start + 200.7, type => 1, message => $message);
    is($of_other->({ StartDate => $start + 200, EndDate => $start + 200 }), 1, 'an end is a whole second');
    is($of_other->({ StartDate => $start + 201 }), 0);
    for my $value ('', 'x', 'yesterday', '2026-13-01', '2026-02-30 00:00:00', '2026-01-01 25:00:00',
        '2026-01-01 00:00', '2026-11-30', '-1', '1.5', '1e9', ' 1',
        '2026-01-01 00:00:00; SELECT 1', 'infinity', 'now', '253402300800', '9' x 400) {
        my $name = length $value > 40 ? '400 digits' : "'$value'";
        is_refusal(get({ StartDate => $value }), 422, 108, "StartDate $name", qr/StartDate/);
        is_refusal(get({ EndDate => $value }), 422, 109, "EndDate $name", qr/EndDate/);
    }
    for my $value (JSON::PP::true, [], {}, 1.5, -1) {
        is_refusal(get(undef, json => { StartDate => $value, EndDate => $value }), 422, '108 109',
            'both, JSON ' . $json->encode($value));
    }
};

subtest 'Event' => sub {
    my @types = ([qw(send sent)], [qw(delivery delivered)], ['deferred'], [qw(bounce bounced)],
        ['suppressed'], ['cancelled'], [qw(open opened)],
        [qw(click clicked)], [qw(unsubscribe unsubscribed)], [qw(complaint complained)]);
    for my $n (0 .. $#types) {
        for my $name (map { ($_, uc $_) } @{ $types[$n] }) {
            my $reply = get({ Event => $name, RetrieveCount => 100 });
            is(numbers($reply), join(' ', reverse map { 10 * $_ + $n } 0 .. 11), "Event $name");
            is($reply->{json}{TotalRecords}, 12, 'and counted');
            is($reply->{json}{Events}[0]{EventType}, $types[$n][0], 'under its first name');
        }
    }
    is(get({ Event => '' })->{json}{TotalRecords}, 120, 'an empty Event is none');
    is(get({ Event => 'open', StartDate => $start + 60, EndDate => $start + 86 })->{json}{TotalRecords}, 3,
        'together with dates');
    is_refusal(get({ Event => $_ }), 422, 110, "Event '$_'", qr/one of send, delivery/) for 'opens', ' open',
    'open,click', "open'", '1', '%';
    is_refusal(get(undef, json => { Event => $_ }), 422, 110, 'a wrong type') for 1, ['open'], {},
    JSON::PP::true;
    is_refusal(get({ StartFrom => 'x', RetrieveCount => 'x', StartDate => 'x', EndDate => 'x', Event => 'x',
        MessageID => 'x' }), 422,
        '4 5 108 109 110', 'all that is wrong, in order');
};

subtest 'After' => sub {
    for my $case ([ {}, 119 ], [ { Event => 'open' }, 116 ], [ { MessageID => $message }, 119 ],
        [ { StartDate => $start + 10, EndDate => $start + 50 }, 50 ]) {
        my ($query, $first) = @$case;
        my $total = get($query)->{json}{TotalRecords};
        my ($seen, $after, %totals) = ('');
        for (1 .. 20) {
            my $reply = get({ %$query, RetrieveCount => 7, defined $after ? (After => $after) : () });
            $totals{ $reply->{json}{TotalRecords} }++;
            last if !@{ $reply->{json}{Events} };
            $seen .= ($seen && ' ') . numbers($reply);
            $after = $reply->{json}{Events}[-1]{EventId};
        }
        is($seen, numbers(get({ %$query, RetrieveCount => 100 })) . ($total > 100 ? ' ' . from_to(19, 0) : ''),
            'pages have each event once: ' . $json->encode($query));
        is(join(' ', keys %totals), $total, '... and the total of all');
    }
    is_refusal(get({ After => $_ }), 422, 118, "After '$_'", qr/After/) for 'x', '1', "$ids[0] ";
    is_refusal(get(undef, json => { After => $_ }), 422, 118, 'After of a wrong type') for 1, [ $ids[0] ], {}, JSON::PP::true;
    is_refusal(get({ After => $ids[5], StartFrom => 1 }), 422, 118, 'beside StartFrom', qr/StartFrom/);
    is(numbers(get({ After => $ids[5], StartFrom => 0 })), from_to(4, 0), 'beside a StartFrom of 0');
};

subtest 'MessageID' => sub {
    is(get({ MessageID => $message })->{json}{TotalRecords}, 120, 'its events');
    is(get({ MessageID => uc $message })->{json}{TotalRecords}, 120, 'in upper case');
    for my $unknown ('01900000-0000-7000-8000-000000000002', '12345', 'msg_123', "$message'", "$message ",
        '00000000-0000-0000-0000-000000000000',
        '{' . $message . '}', $message =~ tr/-//dr, '%', "' OR 1=1--") {
        my $reply = get({ MessageID => $unknown });
        is("$reply->{status} $reply->{body}", '200 {"TotalRecords":0,"Events":[]}', "unknown: $unknown");
    }
    is(get(undef, json => { MessageID => $_ })->{json}{TotalRecords}, 0, 'unknown: ' . $json->encode([$_]))
        for 12345, [$message], { a => 1 }, JSON::PP::true;
};

subtest 'where parameters stand' => sub {
    my $two = numbers(get({ StartFrom => 1, RetrieveCount => 2 }));
    is($two, '118 117');
    my $form = 'application/x-www-form-urlencoded';
    is(numbers(get(undef, body => 'StartFrom=1&RetrieveCount=2', type => $form)), $two,
        'a form as body of a GET');
    is(numbers(get(undef, body => '{"StartFrom": 1, "RetrieveCount": 2}', type => $form)), $two,
        'JSON that is labelled as a form');
    is(numbers(get(undef, json => { startfrom => 1, RETRIEVECOUNT => '2' })), $two,
        'JSON, names in other letters');
    is(numbers(get({ StartFrom => 7, RetrieveCount => 2 }, json => { StartFrom => 1 })), $two,
        'the body wins over the query string');
    is(numbers(get({ startfrom => 7, RetrieveCount => 2 }, json => { STARTFROM => 1 })), $two,
        'also in other letters');
    my ($status, $out) = EmailGW::run_command(undef, 'curl', '-sS', '-X', 'GET', $gw->env('BASE_URL')
        . '/api/v1/events',
        '-H', "Authorization: Bearer $account->{key}", map { ('-d', $_) } 'StartFrom=0', 'RetrieveCount=10',
        "StartDate=$start",
        'EndDate=' . ($start + 119), 'Event=open', "MessageID=$message");
    is($status, 0, "the reference's example, by curl");
    is(numbers({ json => scalar eval { $json->decode($out) } }), join(' ', reverse
        map { 10 * $_ + 6 } 2 .. 11), 'answers ten of them');
    my $head = $gw->call('HEAD', '/api/v1/events', { key => $account->{key} });
    is("$head->{status} " . ($head->{body} // ''), '200 ', 'HEAD has no body');
    is($head->{headers}{'content-length'}, length get({})->{body}, 'and the length of a GET');
};

subtest 'whose events: another domain, another account' => sub {
    my $other = $gw->new_account;
    my $second = "second-$account->{domain}";
    $gw->ctl(qw(domain add), $second, '--user', $account->{username}, '--enable');
    my $two = { %$account, domain => $second, key => $gw->ctl(qw(key add --user), $account->{username},
        '--domain', $second, qw(--description x))->{key} };
    my %sent = map { ($_->{key} => $gw->send_mail(as => $_)->{json}{MessageID}) } $account, $two, $other;
    for my $it ($account, $two, $other) {
        for my $whose (grep { $_ ne $it->{key} } sort keys %sent) {
            my $reply = $gw->call('GET', '/api/v1/events', { key => $it->{key},
                query => { MessageID => $sent{$whose} } });
            is("$reply->{status} $reply->{body}", '200 {"TotalRecords":0,"Events":[]}',
                "a message of another is as unknown as one that never was");
        }
        my %seen = map { ($_->{MessageId} => 1) } $gw->events(undef, $it);
        is_deeply([ grep { $seen{$_} } values %sent ], [ $sent{ $it->{key} } ],
            'a key lists its own domain only');
    }
    my $again = { %$account, key => $gw->ctl(qw(key add --user), $account->{username}, '--domain',
        $account->{domain}, qw(--description x))->{key} };
    ok(scalar $gw->events($sent{ $account->{key} }, $again),
        'a second key of the domain sees what the first has sent');
};

subtest 'who may ask: 1, 2, 12, 13, 34' => sub {
    my %faults = (StartFrom => 'x', Event => 'x');
    my $is_refused = sub {
        my ($status, $code, $what, %with) = @_;
        is_refusal($gw->call('GET', '/api/v1/events', { %with, query => { %faults,
            %{ $with{query} // {} } } }), $status, $code, $what);
    };
    $is_refused->(401, 1, 'no key, and faults');
    $is_refused->(401, 1, 'an empty key', key => '', query => { SenderAPIKey => '' });
    $is_refused->(401, 13, 'a wrong key', key => 'x');
    $is_refused->(401, 13, 'the account key', key => $account->{account_key});
    $is_refused->(401, 13, 'a wrong key as SenderAPIKey', query => { SenderAPIKey => 'egs_1_x' });
    is(get({ SenderAPIKey => $account->{key} }, key => undef)->{status}, 200,
        'SenderAPIKey in the query string');
    $gw->sql("UPDATE emailgw.api_key SET permissions = 'send' WHERE account_id = $account->{account_id}");
    $is_refused->(401, 13, 'a key that may only send', key => $account->{key});
    $gw->sql("UPDATE emailgw.api_key SET permissions = 'send,webhooks,events' WHERE account_id = $account->{account_id}");
    $gw->sql("UPDATE emailgw.domain SET status = 'Pending' WHERE account_id = $account->{account_id}");
    is(get({})->{status}, 200, 'a domain that is not active: its events can be read');
    $gw->ctl(qw(user set), $account->{username}, qw(--status disabled));
    $is_refused->(403, 12, 'a disabled account', key => $account->{key});
    $gw->ctl(qw(user set), $account->{username}, qw(--status unverified));
    $is_refused->(403, 34, 'an unverified account', key => $account->{key});
    $gw->ctl(qw(user set), $account->{username}, qw(--status active));
    $gw->sql("UPDATE emailgw.domain SET deleted_at = now() WHERE account_id = $account->{account_id}");
    $is_refused->(403, 2, 'a deleted domain', key => $account->{key});
};

$gw->log_clean;
done_testing;
