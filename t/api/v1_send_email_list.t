# POST /api/v1/email with TargetListID: a short list's mails come with the answer, one for each subscriber; a long
# one is a job.
use EmailGW;
use MIME::Base64 qw(encode_base64);
use Time::HiRes qw(time);

my $gw = EmailGW->up(SENDER_CONF => \"poll = 20ms\n");
my $account = $gw->new_account;
my $other = $gw->new_account;

sub codes { return "$_[0]{status}: " . join ' ', map { $_->{Code} } @{ $_[0]{json}{Errors} // [] } }

sub list {
    my ($as, @subscribers) = @_;
    my $id = $gw->api('EmailGateway.AddList', as => $as, Name => 'News')->{json}{NewListID};
    while (my @some = splice @subscribers, 0, 1000) {
        $gw->api('EmailGateway.AddSubscribers', as => $as, ListID => $id, Subscribers => \@some);
    }
    return $id;
}

sub people { return map { { email => "s$_\@example.org", name => "N$_", fields => { town => "T$_" } } } @_ }

sub send_it {
    my (%with) = @_;
    return $gw->send_mail(as => $account, To => undef, Subject => 'Hi {{ name }}', PlainContent => '{{ email }} {{ town }} {{ code }}', %with);
}

sub suppress { $gw->sql("INSERT INTO emailgw.suppression (account_id, address, domain_id, reason) VALUES ($account->{account_id}, '$_[0]', $_[1], 'test')") }

my $list = list($account, people(1 .. 5));
my $theirs = list($other, people(1));
my $template = $gw->api('EmailGateway.AddTemplate', as => $account, Name => 'N', Subject => '{{ town }}', HTMLContent => '<b>{{ name }}')->{json}{NewTemplateID};

subtest 'a short list' => sub {
    my $reply = send_it(TargetListID => $list, TemplateData => { code => 'c', town => 'none' }, Tags => ['news'], JourneyID => 3, SubscriberID => 9);
    is($reply->{status}, 200, 'taken') or return diag($reply->{body});
    my @ids = @{ $reply->{json}{MessageID} };
    is(scalar @ids, 5, 'an id for each subscriber');
    is(join(' ', sort keys %{ $reply->{json} }), 'Failed MessageID Recipients Suppressed', 'as documented');
    is(scalar(grep { /\A[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\z/ } @ids), 5, 'UUIDs of version 7');
    my @rows = $gw->sql("SELECT m.subject, c.plain, c.mail_to ->> 0, r.email, m.list_id = $list, s.email = r.email, m.journey_id, m.tags
        FROM emailgw.message AS m JOIN emailgw.content AS c USING (account_id, message_id) JOIN emailgw.recipient AS r USING (account_id, message_id)
        JOIN emailgw.subscriber AS s ON s.account_id = m.account_id AND s.list_id = m.list_id AND s.subscriber_id = m.subscriber_id
        WHERE m.message_id IN ('" . join("', '", @ids) . "') ORDER BY m.message_id");
    is_deeply(\@rows, [ map { [ "Hi N$_", "s$_\@example.org T$_ c", qq({"name": "N$_", "email": "s$_\@example.org"}), "s$_\@example.org", 't', 't', 3, '{news}' ] } 1 .. 5 ],
        'each is their own, and knows list and subscriber');
    $gw->drained(30);
    my @mails = $gw->outbox($ids[2]);
    is(scalar @mails, 1, 'one copy');
    is($mails[0]{to}, 's3@example.org', '... to them');
    like($mails[0]{raw}, qr/^To: "?N3"? <s3\@example\.org>\r$/m, '... alone');
    like($mails[0]{raw}, qr/^Subject: Hi N3\r$/m, '... with their subject');
    my ($event) = $gw->events($ids[0], $account);
    my $first = $gw->sql("SELECT subscriber_id FROM emailgw.subscriber WHERE list_id = $list AND email = 's1\@example.org'");
    is("$event->{ListID} $event->{SubscriberID}", "$list $first", 'events say which list and subscriber');
};

subtest 'with a template' => sub {
    my $reply = send_it(TargetListID => $list, TemplateID => $template, Subject => undef, ContentType => undef, PlainContent => undef);
    is($gw->sql("SELECT m.subject || c.html FROM emailgw.message AS m JOIN emailgw.content AS c USING (account_id, message_id)
        WHERE message_id = '$reply->{json}{MessageID}[1]'"), 'T2<b>N2', 'filled in');
};

subtest 'who is suppressed' => sub {
    my $some = list($account, people(11 .. 15));
    my $elsewhere = $gw->ctl(qw(domain add), "x-$account->{domain}", '--user', $account->{username})->{domain_id};
    suppress('s12@example.org', 0);
    suppress('s14@example.org', $account->{domain_id});
    suppress('s15@example.org', $elsewhere);
    my $reply = send_it(TargetListID => $some);
    is(scalar @{ $reply->{json}{MessageID} }, 3, 'is passed over') or diag($reply->{body});
    is("$reply->{json}{Recipients} $reply->{json}{Suppressed}", '5 2', '... and counted');
    is($gw->sql("SELECT string_agg(email, ' ' ORDER BY email) FROM emailgw.recipient WHERE account_id = $account->{account_id}
        AND email LIKE 's1_\@example.org'"), 's11@example.org s13@example.org s15@example.org', '... for the domain or for all');
    my $none = list($account, people(12));
    is(send_it(TargetListID => $none)->{body} =~ s/\s+\z//r, '{"MessageID":[],"Recipients":1,"Suppressed":1,"Failed":0}', 'nobody but one of them');
};

subtest 'a mail that becomes too large' => sub {
    my $some = list($account, people(21 .. 22), { email => 's23@example.org', fields => { town => 'x' x 8000 } });
    my $reply = send_it(TargetListID => $some, PlainContent => '{{ town }}' x 500);
    is(scalar @{ $reply->{json}{MessageID} }, 2, 'is not sent') or diag($reply->{body});
    is("$reply->{json}{Recipients} $reply->{json}{Failed}", '3 1', '... and counted');
};

subtest 'attachments' => sub {
    my @file = (Attachments => [ { filename => 'a.bin', type => 'application/octet-stream', content => encode_base64('0123456789' x 1000, '') } ]);
    my $count = "SELECT count(*) FROM emailgw.attachment WHERE account_id = $account->{account_id}";
    my $ids = send_it(TargetListID => $list, @file)->{json}{MessageID};
    is($gw->sql($count), 1, 'are kept once for all mails');
    $gw->drained(30);
    my $wanted = encode_base64('0123456789' x 1000) =~ s/\s+//gr;
    is(scalar(grep { index($_->{raw} =~ s/\s+//gr, $wanted) > 0 } map { $gw->outbox($_) } @$ids), 5, '... and sent with each');
    is($gw->sql("SELECT min(size_bytes) > 10000 FROM emailgw.message WHERE message_id IN ('" . join("', '", @$ids) . "')"), 't', '... and part of its size');
};

subtest 'errors' => sub {
    my $empty = list($account);
    my $before = $gw->ledger($account);
    my @person = ([ { email => 'a@example.org', name => '' } ]);
    for my $case ([ '16', TargetListID => 999999999 ], [ '16', TargetListID => 'x' ], [ '16', TargetListID => $theirs ],
        [ '20', TargetListID => $list, To => @person ], [ '20', TargetListID => $list, CC => @person ], [ '20', TargetListID => $list, BCC => @person ],
        [ '20', TargetListID => $empty ], [ '8', TargetListID => $list, Subject => undef ], [ '8', TargetListID => $list, Subject => '{{' ],
        [ '11', TargetListID => $list, PlainContent => 'a {{ b' ], [ '132', TargetListID => $list, TemplateData => 7 ],
        [ '15', TargetListID => $list, TemplateID => 999999999 ], [ '15 16', TargetListID => 999999999, TemplateID => 999999999 ],
        [ '107', TargetListID => $list, PlainContent => 'x' x 1_048_577 ], [ '3', TargetListID => $list, From => { email => 'x@example.net', name => '' } ]) {
        my ($codes, @with) = @$case;
        is(codes(send_it(@with)), "422: $codes", "$codes: " . join ' ', map { ref ? 'one' : substr($_ // 'none', 0, 20) } @with);
    }
    is(send_it(TargetListID => $theirs)->{body}, send_it(TargetListID => 999999999)->{body}, 'another account\'s list, in the same words');
    is($gw->ledger($account), $before, 'nothing is queued by any of them');
    is($gw->sql("SELECT count(*) FROM emailgw.list_job AS j WHERE j.account_id = $account->{account_id} AND j.status = 'open'"), 0, '... nor later');
    $gw->api('EmailGateway.UpdateDomain', as => $account, DomainID => $account->{domain_id}, UnsubscribeLink => 1);
    is(codes(send_it(TargetListID => $list, Headers => { 'List-Unsubscribe' => '<https://x.example/>' })), '422: 102', 'the gateway\'s own header');
    $gw->api('EmailGateway.UpdateDomain', as => $account, DomainID => $account->{domain_id}, UnsubscribeLink => 0);
};

subtest 'Idempotency-Key' => sub {
    my @request = (TargetListID => $list, headers => { 'Idempotency-Key' => 'list' });
    my $first = send_it(@request);
    $gw->api('EmailGateway.AddSubscribers', as => $account, ListID => $list, Subscribers => [ people(99) ]);
    my $again = send_it(@request);
    is($again->{body}, $first->{body}, 'the first answer again');
    is($again->{headers}{'idempotent-replayed'}, 'true', '... which says so');
    is(codes(send_it(@request, Subject => 'other')), '409: 409', 'another request');

    # Its mails are there, and it cannot be told which.
    @request = (TargetListID => $list, headers => { 'Idempotency-Key' => 'untold' });
    my $jobs = "SELECT count(*) FROM emailgw.list_job WHERE account_id = $account->{account_id}";
    my $before = $gw->sql($jobs);
    $gw->expects('EG0101');
    $gw->sql('ALTER FUNCTION emailgw_api.get_list_answer RENAME TO get_list_answer_away');
    my $untold = send_it(@request);
    $gw->sql('ALTER FUNCTION emailgw_api.get_list_answer_away RENAME TO get_list_answer');
    is("$untold->{status} " . ($untold->{body} =~ /not known.*same Idempotency-Key/ ? 'not known' : $untold->{body}), '503 not known',
        'whether it was taken is not known');
    $gw->sql('ALTER FUNCTION emailgw_api.get_list_answer RENAME TO get_list_answer_away');
    $untold = send_it(@request);
    $gw->sql('ALTER FUNCTION emailgw_api.get_list_answer_away RENAME TO get_list_answer');
    is("$untold->{status} " . ($untold->{body} =~ /not known.*same Idempotency-Key/ ? 'not known' : $untold->{body}), '503 not known',
        '... nor when it comes again');
    is(scalar @{ send_it(@request)->{json}{MessageID} }, 6, 'the same again tells');
    is($gw->sql($jobs) - $before, 1, '... and sends nothing more');
};

subtest 'limits' => sub {
    my $limited = $gw->new_account;
    my $small = list($limited, people(1 .. 5));
    $gw->ctl(qw(user limits), $limited->{username}, '--hour', 7);
    my $to = sub { $gw->send_mail(as => $limited, To => undef, TargetListID => $small) };
    is($to->()->{status}, 200, 'five of seven');
    my $reply = $to->();
    is(codes($reply), '429: 17', 'five more are too many');
    cmp_ok($reply->{headers}{'retry-after'}, '>', 0, '... until when, is said');
    is($gw->sql("SELECT count(*) FROM emailgw.message WHERE account_id = $limited->{account_id}"), 5, '... and none of them is queued');
    is($gw->sql("SELECT sum(sent) FROM emailgw.usage WHERE account_id = $limited->{account_id} AND period = 'h'"), 5, '... or counted');
};

subtest 'more subscribers than a limit allows' => sub {
    my $limited = $gw->new_account;
    my $some = list($limited, people(1 .. 5));
    $gw->sql("INSERT INTO emailgw.suppression (account_id, address, domain_id, reason) VALUES ($limited->{account_id}, 's5\@example.org', 0, 'test')");
    my $to = sub { $gw->send_mail(as => $limited, To => undef, TargetListID => $some, Subject => 'Hi {{ name }}', @_) };
    $gw->ctl(qw(user limits), $limited->{username}, '--day', 4);
    is(scalar @{ $to->()->{json}{MessageID} // [] }, 4, 'four of them get a mail, which fit');
    $gw->sql("DELETE FROM emailgw.usage WHERE account_id = $limited->{account_id}");
    $gw->ctl(qw(user limits), $limited->{username}, '--day', 3);
    my @request = (headers => { 'Idempotency-Key' => 'more' });
    my $reply = $to->(@request);
    like($reply->{body}, qr/\A\{"MessageID":\[\],"Recipients":5,"JobID":"[0-9a-f-]{28}00000000"\}\s*\z/, 'four are more than three a day: a job');
    is($to->(@request)->{body}, $reply->{body}, 'the same request again: the same answer');
    my $job = sub { $gw->api('EmailGateway.GetListJob', as => $limited, JobID => $reply->{json}{JobID})->{json}{Job} };
    $gw->wait_for(sub { $job->()->{Status} eq 'Waiting' }, 30, 'the end of the first day');
    is($job->()->{Done}, 3, 'three go today');
    $gw->sql("UPDATE emailgw.usage SET starts_at = starts_at - interval '1 day' WHERE account_id = $limited->{account_id}");
    $gw->sql("UPDATE emailgw.list_job SET next_at = now() WHERE job_id = '$reply->{json}{JobID}'"); # a day passes
    $gw->wait_for(sub { $job->()->{Status} eq 'Finished' }, 30, 'the next day');
    is(join(' ', map { $job->()->{$_} } qw(Done Suppressed)), '4 1', '... and one the next day');
    is($gw->sql("SELECT string_agg(DISTINCT m.subject, ' ' ORDER BY m.subject) FROM emailgw.message AS m WHERE m.account_id = $limited->{account_id}
        AND m.message_id IN ('" . join("', '", @{ $gw->api('EmailGateway.GetListJob', as => $limited, JobID => $reply->{json}{JobID})->{json}{MessageIDs} }) . "')"),
        'Hi N1 Hi N2 Hi N3 Hi N4', '... each with what is theirs');
};

subtest 'a long list' => sub {
    $gw->stop('sender');
    my $long = list($account, people(1 .. 1000));
    is(scalar @{ send_it(TargetListID => $long)->{json}{MessageID} }, 998, 'a thousand, but for two that are suppressed, come with the answer');
    $gw->api('EmailGateway.AddSubscribers', as => $account, ListID => $long, Subscribers => [ people(1001) ]);
    my @request = (TargetListID => $long, headers => { 'Idempotency-Key' => 'long' });
    my $reply = send_it(@request);
    like($reply->{body}, qr/\A\{"MessageID":\[\],"Recipients":1001,"JobID":"[0-9a-f-]{28}00000000"\}\s*\z/, 'one more: a job');
    is(send_it(@request)->{body}, $reply->{body}, 'the same request again: the same answer');
    is($gw->sql("SELECT count(*) FROM emailgw.list_job WHERE account_id = $account->{account_id} AND status = 'open'"), 1, '... one job');
    my $large = send_it(TargetListID => $long, PlainContent => 'x' x 1_000_000);
    ok($large->{json}{JobID}, 'large mails, too');
    my $few = list($account, people(1 .. 11));
    $large = send_it(TargetListID => $few, PlainContent => 'x' x 1_000_000);
    ok($large->{json}{JobID}, '... even to a short list') or diag($large->{body});
    $gw->sql('DELETE FROM emailgw.list_job WHERE NOT direct');
    $gw->start('sender');
};

$gw->log_clean;
done_testing;
