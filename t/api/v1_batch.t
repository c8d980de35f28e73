# POST /api/v1/email/batch: a result for each mail, in their order, whatever is wrong with
# others; what has a MessageID is in the queue, what has Errors is not; each of the errors
# by its cause; and a repeat under an Idempotency-Key, whole or broken off.
use EmailGW;
use JSON::PP ();
use List::Util qw(uniq);
use Time::HiRes qw(time);

my $gw = EmailGW->up;
my $account = $gw->new_account;
my $json = JSON::PP->new->utf8->canonical;
my $uuid7 = qr/\A[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\z/;

# A mail as one of Messages.
sub mail {
    my ($as, %change) = @_;
    return JSON::PP::decode_json($gw->mail_body(as => $as, %change));
}

sub to { return [ map { { email => $_, name => '' } } @_ ] }

sub send_batch {
    my ($as, $messages, %headers) = @_;
    return $gw->call('POST', '/api/v1/email/batch', { key => $as->{key}, json => { Messages => $messages }, headers => \%headers });
}

sub codes { return join ' ', map { $_->{Code} } @{ $_[0]{Errors} // [] } }

# "id 3 id 14,20": the results in their order.
sub results {
    my ($reply) = @_;
    return join ' ', map { $_->{Errors} ? join(',', map { $_->{Code} } @{ $_->{Errors} })
        : ($_->{MessageID} // '') =~ $uuid7 ? 'id' : 'neither' } @{ ($reply->{json} // {})->{Results} // [] };
}

sub ids { return map { $_->{MessageID} // () } @{ $_[0]{json}{Results} } }

sub count { return scalar $gw->sql("SELECT count(*) FROM emailgw.$_[1] WHERE account_id = $_[0]{account_id}") }

sub refused {
    my ($reply, $status, $codes, $what, $says) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is("$reply->{status} " . codes($reply->{json} // {}), "$status $codes", $what) or diag(substr $reply->{body}, 0, 500);
    like($reply->{json}{Errors}[0]{Message} // '', $says, "$what: says so") if $says;
}

subtest 'each its result' => sub {
    my $reply = send_batch($account, [
        mail($account, Subject => 'First', To => to('one@example.org')),
        mail($account, From => { email => 'x@elsewhere.example', name => '' }),
        mail($account, Subject => '', To => []),
        'no object',
        mail($account, Subject => 'Second', To => to(qw(two@example.org three@example.org))),
        { %{ mail($account) }, SUBJECT => 'twice' },
    ]);
    is($reply->{status}, 200, 'answered') or return diag($reply->{body});
    is_deeply([ sort keys %{ $reply->{json} } ], [qw(Accepted Refused Results)], 'with the results and their counts');
    is(results($reply), 'id 3 8,20 130 id 130', 'each in its place');
    is("$reply->{json}{Accepted} $reply->{json}{Refused}", '2 4', 'counted');
    like($reply->{json}{Results}[1]{Errors}[0]{Message}, qr/x\@elsewhere\.example/, 'errors are those of a mail alone');
    is($reply->{headers}{'idempotent-replayed'}, undef, 'no replay');
    my @ids = ids($reply);
    is(join(' ', map { $_->[0] } $gw->sql("SELECT subject FROM emailgw.message WHERE account_id = $account->{account_id} ORDER BY 1")),
        'First Second', 'what has an id is there, and nothing else');
    $gw->wait_for(sub { (grep { $_->{EventType} eq 'delivery' } map { $gw->events($_, $account) } @ids) == 3 }, 10, 'delivery');
    is(scalar($gw->outbox($ids[1])), 2, 'each recipient has a copy');
};

subtest 'the same as a mail alone' => sub {
    my @mails = (mail($account, Subject => undef), mail($account, To => 'x'), mail($account, Tags => ["a\nb"]),
        mail($account, SendAt => time + 40 * 86400), mail($account, Attachments => [ { filename => 'a', content => '!' } ]),
        mail($account, Headers => { 'X-A' => "a\r\nBcc: x\@example.org" }),
        mail($account, ContentType => 'x', ReplyTo => 'x', BCC => 'x', CC => [ {} ]), mail($account, ListID => 'x'),
        mail($account, TemplateID => 1, TemplateData => 7), mail($account, TargetListID => 1));
    my $reply = send_batch($account, \@mails);
    my @alone = map { $gw->call('POST', '/api/v1/email', { key => $account->{key}, json => $_ })->{json} } @mails;
    is_deeply($reply->{json}{Results}, \@alone, 'errors are word for word those of POST /api/v1/email');

    my $by_form = $gw->call('POST', '/api/v1/email/batch', { key => $account->{key}, form => { Messages => $json->encode([ mail($account) ]) } });
    is(results($by_form), 'id', 'a form has it as JSON text') or diag($by_form->{body});
    my $unsubscribe = $gw->new_account;
    $gw->sql("UPDATE emailgw.domain SET unsubscribe_link = true WHERE domain_id = $unsubscribe->{domain_id}");
    is(results(send_batch($unsubscribe, [ mail($unsubscribe, Headers => { 'List-Unsubscribe' => '<https://x.example>' }), mail($unsubscribe) ])),
        '102 id', 'what only the domain can tell');
};

subtest 'what is no batch: 130' => sub {
    my $before = $gw->ledger($account);
    for my $case ([ 'nothing', undef ], [ 'text', 'x' ], [ 'an object', {} ], [ 'none', [] ], [ '501', [ ({}) x 501 ] ]) {
        refused(send_batch($account, $case->[1]), 422, 130, "Messages: $case->[0]", qr/array of 1 to 500/);
    }
    is(results(send_batch($account, [ ({}) x 500 ])), join(' ', ('3,9,18,20') x 500) =~ s/3,9,18,20/codes_of_nothing()/egr,
        '500 empty mails are 500 results');
    is(results(send_batch($account, [ { map { ("x$_" => 1) } 1 .. 201 } ])), '130', 'a mail with too many members');
    is($gw->ledger($account), $before, 'nothing is queued');
};

# What a mail without anything is told.
sub codes_of_nothing {
    return join ',', map { $_->{Code} } @{ $gw->call('POST', '/api/v1/email', { key => $account->{key}, json => {} })->{json}{Errors} };
}

subtest 'who may' => sub {
    my $before = $gw->ledger($account);
    my $batch = [ mail($account), { } ];
    refused(send_batch({ key => '' }, $batch), 401, 1, 'no key');
    refused(send_batch({ key => "$account->{key}x" }, $batch), 401, 13, 'a wrong key stands alone');
    refused(send_batch({ key => "$account->{key}x" }, 'x'), 401, 13, '... also before what is no batch');
    refused(send_batch({ key => "$account->{key}x" }, $batch, 'Idempotency-Key' => ''), 401, 13, '... and a wrong Idempotency-Key');
    my $disabled = $gw->new_account(enable => 0);
    refused(send_batch($disabled, [ mail($disabled) ]), 403, 32, 'a domain that is not active');
    $gw->sql("UPDATE emailgw.api_key SET permissions = 'events' WHERE account_id = $account->{account_id}");
    refused(send_batch($account, $batch), 401, 13, 'a key that may not send');
    $gw->sql("UPDATE emailgw.api_key SET permissions = 'send,webhooks,events' WHERE account_id = $account->{account_id}");
    my $inside = $gw->call('POST', '/api/v1/email/batch', { json => { Messages => [ { %{ mail($account) }, SenderAPIKey => $account->{key} } ] } });
    refused($inside, 401, 1, 'a key within a mail is none');
    for my $method (qw(GET PUT DELETE)) {
        my $reply = $gw->call($method, '/api/v1/email/batch', { key => $account->{key} });
        is("$reply->{status} $reply->{headers}{allow}", '405 POST', "$method: only POST");
    }
    is($gw->ledger($account), $before, 'nothing is queued');
};

subtest 'suppression and limits: 14, 17, for each alone' => sub {
    my $it = $gw->new_account;
    $gw->ctl(qw(user limits), $it->{username}, qw(--hour 5));
    $gw->sql("INSERT INTO emailgw.suppression (account_id, address, reason) VALUES ($it->{account_id}, 'no\@example.org', 'test')");
    is(results(send_batch($it, [ mail($it), mail($it, To => to('no@example.org')), mail($it, To => to(map { "$_\@example.org" } 1 .. 3)),
        mail($it, To => to(qw(a@example.org b@example.org))), mail($it) ])), 'id 14 id 17 id', 'quotas count every recipient');
    is($gw->sql("SELECT sum(sent) FROM emailgw.usage WHERE account_id = $it->{account_id} AND period = 'h'"), 5, '... of what was taken');
};

subtest 'many' => sub {
    my $it = $gw->new_account;
    my @mails = map { mail($it, Subject => "Mail $_", To => to("r$_\@example.org"), $_ % 7 ? () : (Subject => '')) } 1 .. 500;
    my $start = time;
    my $reply = send_batch($it, \@mails);
    diag(sprintf '500 mails in %.2f s', time - $start);
    is("$reply->{json}{Accepted} $reply->{json}{Refused}", '429 71', 'counted');
    is(results($reply), join(' ', map { $_ % 7 ? 'id' : '8' } 1 .. 500), 'each in its place');
    my %subject = map { $_->[0] => $_->[1] } $gw->sql("SELECT message_id, subject FROM emailgw.message WHERE account_id = $it->{account_id}");
    is_deeply([ map { $subject{ $_->{MessageID} // '' } // '-' } @{ $reply->{json}{Results} } ],
        [ map { $_ % 7 ? "Mail $_" : '-' } 1 .. 500 ], 'each id is that of its mail');
    is(count($it, 'recipient'), 429, '... and no more are there');

    # So many of the same mail, as text.
    my $alike = sub {
        my ($times, %change) = @_;
        my $text = $gw->mail_body(as => $it, %change);
        return $gw->call('POST', '/api/v1/email/batch', { key => $it->{key}, type => 'application/json',
            body => '{"Messages": [' . join(',', ($text) x $times) . ']}' });
    };
    is(results($alike->(20, PlainContent => 'x' x 1_500_000)), join(' ', ('id') x 20), '30 MB of mails');
    is($gw->sql("SELECT count(*) FROM emailgw.content WHERE account_id = $it->{account_id} AND length(plain) = 1500000"), 20, '... are there whole');
    is($alike->(5, PlainContent => 'x' x 11_000_000)->{status}, 413, 'more than 50 MB');
    my $fifty = to(map { "r$_\@example.org" } 1 .. 50);
    is(results($alike->(500, To => $fifty, CC => $fifty, BCC => $fifty, Subject => '')), join(' ', ('8') x 500),
        'as many addresses as a batch can have');
    refused($alike->(500, Tags => [ ('x') x 1100 ]), 400, 400, 'more values than that', qr/more than 500000 values/);
};

subtest 'Idempotency-Key' => sub {
    my $it = $gw->new_account;
    my @mails = (mail($it), mail($it, Subject => ''), mail($it, Subject => 'Third'));
    my %key = ('Idempotency-Key' => 'batch 1');
    my $first = send_batch($it, \@mails, %key);
    is(results($first), 'id 8 id', 'the first time');
    my $again = send_batch($it, \@mails, %key);
    is($again->{body}, $first->{body}, 'again: the same answer');
    is("$again->{status} $again->{headers}{'idempotent-replayed'}", '200 true', '... that says so');
    is(count($it, 'message'), 2, '... and sends nothing');
    refused(send_batch($it, [ @mails, mail($it) ], %key), 409, 409, 'another batch');
    refused(send_batch($it, [ @mails[ 2, 1, 0 ] ], %key), 409, 409, 'another order');
    is(count($it, 'message'), 2, 'neither sends');
    is(results(send_batch($it, \@mails, 'Idempotency-Key' => 'batch 2')), 'id 8 id', 'another key');
    is(count($it, 'message'), 4, '... is another batch');
    my $single = $gw->send_mail(as => $it, headers => \%key);
    is("$single->{status} " . count($it, 'message'), '200 5', 'a mail alone with the same key is another matter');
    refused(send_batch($it, \@mails, 'Idempotency-Key' => $_), 422, 111, 'a key of ' . length($_) . ' bytes') for '', 'x' x 257;

    # What it was refused then, it is refused now, also where it could go.
    my $full = $gw->new_account;
    $gw->ctl(qw(user limits), $full->{username}, qw(--hour 1));
    my @two = (mail($full), mail($full));
    is(results(send_batch($full, \@two, %key)), 'id 17', 'one too many');
    $gw->ctl(qw(user limits), $full->{username}, qw(--hour none));
    is(results(send_batch($full, \@two, %key)), 'id 17', '... and again, when more may be sent');
    $gw->sql("UPDATE emailgw.idempotency SET created_at = now() - interval '24 hours' WHERE account_id = $full->{account_id}");
    is(results(send_batch($full, [ @two, mail($full) ], %key)), 'id id id', 'a day later the key is free');
    is(send_batch($full, \@two)->{headers}{'idempotent-replayed'}, undef, 'no key, no replay');
};

subtest 'IdempotencyKey of a mail' => sub {
    my $it = $gw->new_account;
    my %one = (%{ mail($it, Subject => 'One') }, IdempotencyKey => 'k1');
    my $first = send_batch($it, [ \%one, { %{ mail($it) }, idempotencykey => 'k2' }, \%one ]);
    is(results($first), 'id id id', 'three');
    is(scalar(uniq ids($first)), 2, '... of which two are one');
    my $alone = $gw->send_mail(as => $it, Subject => 'One', headers => { 'Idempotency-Key' => 'k1' });
    is($alone->{json}{MessageID}, (ids($first))[0], 'a mail alone with its key is the same');
    is($alone->{headers}{'idempotent-replayed'}, 'true', '... and says so');
    is(results(send_batch($it, [ { %one, Subject => 'Two' }, { %one, IdempotencyKey => '' }, { %one, IdempotencyKey => 7 },
        { %one, IdempotencyKey => 'x' x 257 }, { %one, IdempotencyKey => undef } ])), '409 111 111 111 id', 'other mails with it, and what is none');
    my $under = send_batch($it, [ \%one, mail($it) ], 'Idempotency-Key' => 'whole');
    is((ids($under))[0], (ids($first))[0], 'under a key of the whole its own counts');
    is(count($it, 'message'), 4, 'each mail is there once');
};

# So many processes at once; what each says.
sub in_parallel {
    my ($count, $do) = @_;
    my @pipes = map {
        pipe my $out, my $in or die "pipe: $!\n";
        my $pid = fork // die "fork: $!\n";
        if (!$pid) {
            delete $gw->{agent};
            print {$in} $do->($_);
            close $in;
            require POSIX;
            POSIX::_exit(0);
        }
        close $in;
        [ $pid, $out ];
    } 1 .. $count;
    my @said = map { my $out = $_->[1]; local $/; scalar(<$out>) // '' } @pipes;
    waitpid $_->[0], 0 for @pipes;
    return @said;
}

subtest 'at the same time' => sub {
    my $it = $gw->new_account;
    my @mails = map { mail($it, Subject => "Mail $_") } 1 .. 150;
    my @bodies = in_parallel(6, sub { send_batch($it, \@mails, 'Idempotency-Key' => 'at once')->{body} });
    like($bodies[0], qr/"Accepted":150/, 'six of the same batch: it is taken');
    is(scalar(uniq @bodies), 1, '... and all have one answer');
    is(count($it, 'message'), 150, '... each mail is there once');
};

# Keys that are wanted in other orders: nobody waits for anybody in a circle.
subtest 'keys in other orders at the same time' => sub {
    my $it = $gw->new_account;
    my @mails = map { { %{ mail($it, Subject => "Mail $_") }, IdempotencyKey => "key $_" } } 1 .. 64;
    my $circles = sub { sleep 2; scalar $gw->sql('SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()') };
    my $before = $circles->();
    $gw->accept_with('PERFORM pg_sleep(0.005);');
    my @said = in_parallel(4, sub { send_batch($it, [ $_[0] % 2 ? @mails : reverse @mails ])->{json}{Accepted} });
    $gw->accept_with('');
    is("@said", '64 64 64 64', 'four batches are taken');
    is(count($it, 'message'), 64, '... each mail once');
    is($circles->(), $before, '... and there was no deadlock');
};

# The database refuses one of them: none but that one suffers, and it says so.
subtest 'what the database cannot take' => sub {
    my $it = $gw->new_account;
    $gw->accept_with("IF v_subject = 'poison' THEN RAISE EXCEPTION 'no'; END IF;");
    $gw->expects('EG0101');
    my $reply = send_batch($it, [ map { mail($it, Subject => $_ == 5 ? 'poison' : "Mail $_") } 1 .. 9 ]);
    is(results($reply), 'id id id id 500 id id id id', 'one of nine') or diag($reply->{body});
    unlike($reply->{body}, qr/exception|accept\(|SQL/i, '... without a word of why');
    is(count($it, 'message'), 8, 'the others are there');
    $gw->accept_with('');
};

# It fails after the first portion: what is answered is true, and a repeat completes it.
subtest 'the database fails in the middle' => sub {
    my $it = $gw->new_account;
    my @mails = map { mail($it, Subject => "Mail $_") } 1 .. 200;
    $gw->expects('EG0102');
    $gw->accept_with("IF v_subject = 'Mail 150' THEN RAISE EXCEPTION USING ERRCODE = '57P03', MESSAGE = 'not now'; END IF;");
    my $reply = send_batch($it, \@mails, 'Idempotency-Key' => 'broken');
    is("$reply->{status} " . codes($reply->{json}), '503 503', 'the outcome is not known') or diag($reply->{body});
    like($reply->{body}, qr/not known.*same Idempotency-Key/, '... and how to go on');
    my $taken = count($it, 'message');
    ok($taken > 0 && $taken < 150, "$taken mails were taken before");
    $gw->accept_with('');
    $reply = send_batch($it, \@mails, 'Idempotency-Key' => 'broken');
    is(results($reply), join(' ', ('id') x 200), 'the same again: all of them');
    is(scalar(uniq ids($reply)), 200, '... each with its own id');
    is(count($it, 'message'), 200, '... and each is there once');
    is(send_batch($it, \@mails, 'Idempotency-Key' => 'broken')->{body}, $reply->{body}, '... which is the answer from now on');

    # The answer alone could not be kept.
    $gw->sql('ALTER FUNCTION emailgw_api.end_batch RENAME TO end_batch_away');
    $gw->expects('EG0101');
    $reply = send_batch($it, \@mails, 'Idempotency-Key' => 'unkept');
    is($reply->{status}, 503, 'an answer that cannot be kept is none') or diag($reply->{body});
    $gw->sql('ALTER FUNCTION emailgw_api.end_batch_away RENAME TO end_batch');
    is(results(send_batch($it, \@mails, 'Idempotency-Key' => 'unkept')), join(' ', ('id') x 200), 'the same again');
    is(count($it, 'message'), 400, '... each is there once');
};

subtest 'the rate counts it as one request, and memory what it is made of' => sub {
    my $limited = EmailGW->up(HTTPD_CONF => \"EmailGatewayRate 3/60s\nEmailGatewayBodyMemory 4194304\n");
    my $it = $limited->new_account;
    my @messages = map { JSON::PP::decode_json($limited->mail_body(as => $it)) } 1 .. 20;
    my @status = map { $limited->call('POST', '/api/v1/email/batch', { key => $it->{key}, json => { Messages => \@messages } }) } 1 .. 4;
    is(join(' ', map { $_->{status} } @status), '200 200 200 429', 'three batches');
    is($status[2]{headers}{'ratelimit-remaining'}, 0, '... and no request is left');

    my $post = sub { $limited->call('POST', '/api/v1/email/batch', { key => 'x', type => 'application/json', body => "{\"Messages\": [$_[0]]}" }) };
    is($post->('"' . 'x' x 2_000_000 . '"')->{status}, 401, '2 MB of text are within 4 MB');
    my $reply = $post->(join ',', ('1') x 450_000);
    is("$reply->{status} $reply->{headers}{'retry-after'}", '503 5', '1 MB of small values is not: what is made of it is much more');
    $reply = $limited->call('POST', '/api/v1/email/batch', { key => 'x', type => 'application/x-www-form-urlencoded', body => 'Messages=[' . join('%2C', ('1') x 75_000) . ']' });
    is($reply->{status}, 503, '... and 300 KB of a form may be such, in whatever encoding');
    $limited->log_clean;
};

$gw->log_clean;
done_testing;
