# POST /api/v1/email/batch with TargetListID: each is a mail to a list as POST /api/v1/email takes it, whole or not at
# all, in the order of the batch; a batch that was broken off goes on without a second one.
use EmailGW;
use Instance::Process;
use JSON::PP ();
use List::Util qw(uniq);
use POSIX ();
use Time::HiRes qw(sleep time);

my $gw = EmailGW->up(SENDER_CONF => \"poll = 20ms\n");
my $account = $gw->new_account;
my $other = $gw->new_account;

sub list {
    my ($as, @numbers) = @_;
    my $id = $gw->api('EmailGateway.AddList', as => $as, Name => 'News')->{json}{NewListID};
    my @subscribers = map { { email => "s$_\@example.org", name => "N$_", fields => { town => "T$_" } } } @numbers;
    while (my @some = splice @subscribers, 0, 1000) {
        $gw->api('EmailGateway.AddSubscribers', as => $as, ListID => $id, Subscribers => \@some);
    }
    return $id;
}

# A mail to one, or, with a TargetListID, to a list.
sub mail {
    my ($as, %with) = @_;
    return JSON::PP::decode_json($gw->mail_body(as => $as, Subject => 'Hi {{ name }}', PlainContent => '{{ email }} {{ town }}',
        $with{TargetListID} ? (To => undef) : (), %with));
}

sub to_list { my ($list, %with) = @_; return mail($account, TargetListID => $list, %with) }

sub send_batch {
    my ($as, $messages, %headers) = @_;
    return $gw->call('POST', '/api/v1/email/batch', { key => $as->{key}, json => { Messages => $messages }, headers => \%headers });
}

# "id list:3 job:1001 16": the results in their order.
sub results {
    my ($reply) = @_;
    return join ' ', map { my $ids = $_->{MessageID};
        $_->{Errors} ? join(',', map { $_->{Code} } @{ $_->{Errors} })
            : $_->{JobID} ? "job:$_->{Recipients}" : ref $ids ? 'list:' . @$ids : defined $ids ? 'id' : 'neither' }
        @{ ($reply->{json} // {})->{Results} // [] };
}

sub ids { return map { ref $_->{MessageID} ? @{ $_->{MessageID} } : $_->{MessageID} // () } @{ $_[0]{json}{Results} } }
sub count { my ($as, $table) = @_; return scalar $gw->sql("SELECT count(*) FROM emailgw.$table WHERE account_id = $as->{account_id}") }
sub counts { return join ' ', map { count($_[0], $_) } qw(message list_job) }

# "Hi N1|s1@example.org T1|s1@example.org", without what differs from mail to mail.
sub stored {
    return join ' ', map { join '|', map { $_ // '-' } @$_ } map { $gw->sql("SELECT m.subject, c.plain, r.email, m.list_id FROM emailgw.message AS m
        JOIN emailgw.content AS c USING (account_id, message_id) JOIN emailgw.recipient AS r USING (account_id, message_id)
        WHERE m.message_id = '$_'") } @_;
}

# A function of the database does this in place of what it does, while something is done.
sub with_function {
    my ($name, $instead, $do) = @_;
    my $whole = $gw->sql("SELECT pg_get_functiondef('emailgw_api.$name'::regproc)");
    my ($head) = $whole =~ /\A(.*?)^ LANGUAGE/ms;
    $gw->sql("${head}LANGUAGE plpgsql AS \$\$ BEGIN $instead; END \$\$");
    my $reply = $do->();
    $gw->sql($whole);
    return $reply;
}

sub refusing { my ($name, $do) = @_; return with_function($name, "RAISE EXCEPTION 'no'", $do) }

my $three = list($account, 1 .. 3);
my $two = list($account, 11, 12);
my $empty = list($account);
my $theirs = list($other, 1);
my $template = $gw->new_template($account, Subject => '{{ town }}', PlainContent => 'P {{ name }}');

subtest 'the same as a mail alone' => sub {
    my @mails = (mail($account, Subject => 'plain'), to_list($three), to_list(999999999), to_list($two, TemplateID => $template, Subject => undef,
        ContentType => undef, PlainContent => undef), mail($account, TemplateID => $template), to_list($theirs), to_list($empty), to_list($three, Subject => '{{'),
        to_list($three, To => [ { email => 'a@example.org', name => '' } ]), to_list($three, TemplateID => 999999999),
        to_list($three, From => { email => 'x@example.net', name => '' }), to_list($three, PlainContent => 'x' x 1_048_577),
        to_list(999999999, Subject => undef), to_list($two));
    my $reply = send_batch($account, \@mails);
    is(results($reply), 'id list:3 16 list:2 id 16 20 8 20 15 3 107 8 list:2', 'each its result') or return diag($reply->{body});
    is("$reply->{json}{Accepted} $reply->{json}{Refused}", '5 9', 'a mail to a list counts once');
    my @alone = map { $gw->call('POST', '/api/v1/email', { key => $account->{key}, json => $_ })->{json} } @mails;
    my @results = @{ $reply->{json}{Results} };
    for my $n (grep { $alone[$_]{Errors} } 0 .. $#mails) {
        is_deeply($results[$n], $alone[$n], "mail $n: its errors, word for word");
    }
    for my $n (grep { !$alone[$_]{Errors} } 0 .. $#mails) {
        my @ids = map { my $id = $_->{MessageID}; [ ref $id ? @$id : $id ] } $results[$n], $alone[$n];
        is(stored(@{ $ids[0] }), stored(@{ $ids[1] }), "mail $n: what it becomes");
        is_deeply([ map { my %shown = %$_; delete $shown{MessageID}; \%shown } $results[$n] ], [ map { my %shown = %$_; delete $shown{MessageID}; \%shown } $alone[$n] ],
            '... and what is said of it');
    }
    $gw->drained(30);
    my @mail = map { $gw->outbox($_) } ids($reply);
    is(join(' ', sort map { $_->{to} } @mail), join(' ', sort qw(recipient@example.org recipient@example.org), map { "s$_\@example.org" } 1 .. 3, 11, 12, 11, 12),
        'each subscriber gets one of each');
    is(join(' ', sort map { $_->{raw} =~ /^Subject: (.*?)\r$/m } @mail), join(' ', sort 'plain', (map { "Hi N$_" } 1 .. 3, 11, 12), 'T11', 'T12', 'Hi Recipient'),
        '... with their subject');
    is(scalar(uniq ids($reply)), 9, 'ids are ids of one mail each');
};

subtest 'in the order of the batch' => sub {
    my $it = $gw->new_account;
    my $list = list($it, 1 .. 3);
    $gw->ctl(qw(user limits), $it->{username}, qw(--hour 5));
    my $mail = sub { mail($it, @_) };
    is(results(send_batch($it, [ $mail->(), $mail->(TargetListID => $list), $mail->(), $mail->(TargetListID => $list), $mail->() ])), 'id list:3 id 17 17',
        'what comes first is within a limit');
    is(count($it, 'message'), 5, '... and no more is queued');
};

subtest 'more subscribers than a limit allows' => sub {
    my $it = $gw->new_account;
    my ($five, $three) = (list($it, 1 .. 5), list($it, 1 .. 3));
    $gw->ctl(qw(user limits), $it->{username}, qw(--hour 4));
    $gw->stop('sender');
    my $reply = send_batch($it, [ mail($it), mail($it, TargetListID => $five), mail($it, TargetListID => $three), mail($it, TargetListID => $three) ]);
    is(results($reply), 'id job:5 list:3 17', 'go to them over several hours');
    $gw->start('sender');
};

subtest 'a long list' => sub {
    my $it = $gw->new_account;
    my $long = list($it, 1 .. 1001);
    my $short = list($it, 1 .. 2);
    $gw->stop('sender');
    my @mails = (mail($it, Subject => 'single'), mail($it, TargetListID => $long), mail($it, TargetListID => $short));
    my $reply = send_batch($it, \@mails, 'Idempotency-Key' => 'long');
    is(results($reply), 'id job:1001 list:2', 'is a job');
    is(send_batch($it, \@mails, 'Idempotency-Key' => 'long')->{body}, $reply->{body}, '... and is the same job again');
    is(counts($it), '3 2', '... of which there is one');
    $gw->start('sender');
    $gw->drained(60) if $gw->wait_for(sub { $gw->api('EmailGateway.GetListJob', as => $it, JobID => $reply->{json}{Results}[1]{JobID})->{json}{Job}{Status} eq 'Finished' }, 60, 'the end of it');
    is($gw->sql("SELECT count(*) || ' ' || count(DISTINCT r.email) FROM emailgw.recipient AS r JOIN emailgw.message AS m USING (account_id, message_id)
        WHERE m.list_id = $long AND r.status = 'delivered'"), '1001 1001', '... which everybody has a mail of');
};

# Ten thousand mails are made with the request; whatever is more is a job.
subtest 'many lists' => sub {
    my $it = $gw->new_account;
    my $list = list($it, 1 .. 900);
    $gw->stop('sender');
    my $start = time;
    my $reply = send_batch($it, [ map { mail($it, TargetListID => $list) } 1 .. 14 ]);
    diag(sprintf '14 lists of 900: %.2f s', time - $start);
    is(results($reply), join(' ', ('list:900') x 11, ('job:900') x 3), 'eleven at once, the others by the sender');
    is(counts($it), '9900 14', '... and no more is there');
    my $small = list($it, 1);
    my $jobs = send_batch($it, [ map { mail($it, TargetListID => $small) } 1 .. 500 ]);
    is(results($jobs), join(' ', ('list:1') x 500), '500 lists');
    is(scalar(uniq ids($jobs)), 500, '... are 500 mails');

    my $again = { %{ mail($it, TargetListID => $list) }, IdempotencyKey => 'many' };
    $reply = send_batch($it, [ ($again) x 14 ]);
    is(results($reply), join(' ', ('list:900') x 11, ('job:900') x 3), 'one list, by its own key: no more ids than of mails that are made');
    my %last = %{ $reply->{json}{Results}[13] };
    is("@{ $last{MessageID} }|$last{Recipients}|$last{Suppressed}|$last{Failed}", '|900|0|0', '... then its job alone');
    is_deeply($gw->api('EmailGateway.GetListJob', as => $it, JobID => $last{JobID}, RetrieveCount => 1000)->{json}{MessageIDs},
        $reply->{json}{Results}[0]{MessageID}, '... that has the ids');

    # Nobody is read for nothing.
    $gw->sql("INSERT INTO emailgw.suppression (account_id, address, domain_id, reason) SELECT account_id, address, 0, 'test' FROM emailgw.subscriber
        WHERE list_id = $list AND email <> 's1\@example.org'");
    is(results(send_batch($it, [ map { mail($it, TargetListID => $list) } 1 .. 14 ])), join(' ', ('list:1') x 11, ('job:900') x 3), 'who is suppressed counts, too');
    $gw->sql("DELETE FROM emailgw.list_job WHERE account_id = $it->{account_id} AND status = 'open';
        DELETE FROM emailgw.queue WHERE account_id = $it->{account_id}");
    $gw->start('sender');
};

# What the mails have together, and not how many there are.
subtest 'large mails' => sub {
    my $it = $gw->new_account;
    my ($few, $long) = (list($it, 1 .. 11), list($it, 1 .. 1001));
    my $small = list($it, 1, 2);
    my $megabyte = $gw->new_template($it, Subject => 'S', PlainContent => 'x' x 1_000_000);
    my $two = $gw->new_template($it, Subject => 'S', PlainContent => 'x' x 1_000_000, HTMLContent => 'y' x 1_000_000);
    my $becomes = $gw->new_template($it, Subject => 'S', PlainContent => '{{ y }}' x 400);
    my $of = sub { my ($template, @with) = @_; return mail($it, TemplateID => $template, Subject => undef, ContentType => undef, PlainContent => undef, @with) };
    $gw->stop('sender');
    my @jobs = map { $of->($megabyte, TargetListID => $few) } 1 .. 32;
    is(results(send_batch($it, [ @jobs, mail($it, TargetListID => $small) ])), join(' ', ('job:11') x 32, 'job:2'),
        'mails that are made in vain count: then the sender makes all of them');
    is(results(send_batch($it, [ @jobs[ 0 .. 30 ], mail($it, TargetListID => $small) ])), join(' ', ('job:11') x 31, 'list:2'), '... and not before');

    # Subscribers whose mail is too large: what that costs counts.
    my $fails = mail($it, TargetListID => $few, PlainContent => '{{ y }}' x 40, TemplateData => { y => 'y' x 60_000 });
    is(results(send_batch($it, [ ($fails) x 32, mail($it, TargetListID => $small) ])), join(' ', ('job:11') x 32, 'job:2'), '... those that fail, too');

    # A job has its texts, however long it waits: a list's own texts count, taken before or not.
    my @large = map { $of->($two, TargetListID => $long, Tags => [ "n$_" ]) } 1 .. 137;
    my $wanted = join ' ', ('job:1001') x 134, ('107') x 3, 'list:2';
    push @large, mail($it, TargetListID => $small);
    $gw->expects(qw(EG0101 EG0102));
    my $kept = refusing('end_batch', sub { send_batch($it, \@large, 'Idempotency-Key' => 'texts') });
    is($kept->{status}, 503, '2 MB each, broken off at the end');
    my $again = send_batch($it, \@large, 'Idempotency-Key' => 'texts');
    is(results($again), $wanted, '... 134 of them are 256 MiB, also when they come again');
    like($again->{json}{Results}[135]{Errors}[0]{Message}, qr/lists may have 268435456 bytes together/, '... which is said');
    $gw->sql("DELETE FROM emailgw.list_job WHERE account_id = $it->{account_id} AND status = 'open'");

    # Mails that are filled in go by themselves: a list that was taken before, and does not count, changes nothing.
    my $eight = list($it, 1 .. 8);
    my @mixed = ((map { $of->($megabyte, TargetListID => $eight, Tags => [ "n$_" ]) } 1 .. 5), map { $of->($becomes, TemplateData => { y => 'y' x 60_000 }, Tags => [ "n$_" ]) } 1 .. 12);
    $kept = refusing('end_batch', sub { send_batch($it, \@mixed, 'Idempotency-Key' => 'mixed') });
    is($kept->{status}, 503, 'lists and mails with a template, broken off');
    my $taken = count($it, 'message');
    $again = send_batch($it, \@mixed, 'Idempotency-Key' => 'mixed');
    is(results($again), join(' ', ('list:8') x 5, ('id') x 11, '107'), '... have their own 256 MiB');
    is(count($it, 'message'), $taken, '... and are those of the first time');
    $gw->sql("DELETE FROM emailgw.queue WHERE account_id = $it->{account_id}");
    $gw->start('sender');
};

# A list was taken, and what it was answered cannot be told: nothing else may be said.
subtest 'taken and not told' => sub {
    my $it = $gw->new_account;
    my @mails = (mail($it, TargetListID => list($it, 1 .. 3)), mail($it, Subject => ''));
    my $send = sub { send_batch($it, \@mails, 'Idempotency-Key' => 'untold') };
    my $not_known = sub {
        my ($what, $reply) = @_;
        is("$reply->{status} " . ($reply->{body} =~ /not known.*same Idempotency-Key/ ? 'not known' : $reply->{body}), '503 not known', $what);
    };
    $gw->expects(qw(EG0101 EG0102 EG0240));
    is(refusing('end_batch', $send)->{status}, 503, 'the answer is not kept');
    $not_known->('it is refused', refusing('get_list_answer', $send));
    $not_known->('it cannot be reached', with_function('get_list_answer', "RAISE EXCEPTION USING ERRCODE = '57P03', MESSAGE = 'not now'", $send));
    $not_known->('it is not there', with_function('get_list_answer', 'RETURN', $send));
    is(results($send->()), 'list:3 8', 'it is answered in the end');
    is(counts($it), '3 1', '... and is there once');
};

subtest 'Idempotency-Key' => sub {
    my $it = $gw->new_account;
    my $list = list($it, 1 .. 3);
    my @mails = (mail($it), mail($it, TargetListID => $list), mail($it, TargetListID => $list, Subject => 'Second'), mail($it, TargetListID => 999999999));
    my $first = send_batch($it, \@mails, 'Idempotency-Key' => 'lists');
    is(results($first), 'id list:3 list:3 16', 'the first time');
    $gw->api('EmailGateway.DeleteList', as => $it, ListID => $list);
    my $again = send_batch($it, \@mails, 'Idempotency-Key' => 'lists');
    is("$again->{headers}{'idempotent-replayed'} $again->{body}", "true $first->{body}", 'again: the same answer, also when the list is gone');
    is(counts($it), '7 2', '... and nothing is sent');
    is(send_batch($it, [ @mails, mail($it) ], 'Idempotency-Key' => 'lists')->{status}, 409, 'another batch');

    my $own = list($it, 1 .. 2);
    my %one = (%{ mail($it, TargetListID => $own) }, IdempotencyKey => 'k1');
    my $twice = send_batch($it, [ \%one, \%one ]);
    is(results($twice), 'list:2 list:2', 'a key of its own, twice');
    is(scalar(uniq ids($twice)), 2, '... is one mail to the list');
    my $alone = $gw->send_mail(as => $it, To => undef, TargetListID => $own, Subject => 'Hi {{ name }}', PlainContent => '{{ email }} {{ town }}',
        headers => { 'Idempotency-Key' => 'k1' });
    is_deeply($alone->{json}, $twice->{json}{Results}[0], '... and of a mail alone with this key');
    is(results(send_batch($it, [ { %one, Subject => 'other' } ])), '409', 'another mail with it');
};

# Whatever step it dies at, the same again makes none a second time. The account's mails and jobs at each step.
subtest 'broken off' => sub {
    my $it = $gw->new_account;
    my @lists = map { list($it, 1 .. 3) } 1 .. 3;
    my @mails = map { (mail($it, Subject => "Before $_"), mail($it, TargetListID => $lists[$_])) } 0 .. 2;
    push @mails, mail($it, Subject => 'Last');
    my $fails = sub {
        my ($what, $key, $counts) = @_;
        my $before = counts($it);
        my $reply = send_batch($it, \@mails, 'Idempotency-Key' => $key);
        is($reply->{status}, 503, "$what: no answer") or diag($reply->{body});
        like($reply->{body}, qr/not known.*same Idempotency-Key/, '... and how to go on');
        my @was = split / /, $before;
        my @is = split / /, counts($it);
        is(join(' ', map { $is[$_] - $was[$_] } 0, 1), $counts, "... when so many mails and jobs were there");
        return $before;
    };
    my $goes_on = sub {
        my ($key, $before) = @_;
        my $reply = send_batch($it, \@mails, 'Idempotency-Key' => $key);
        is(results($reply), 'id list:3 id list:3 id list:3 id', 'the same again: all of it');
        my @was = split / /, $before;
        is(counts($it), join(' ', $was[0] + 13, $was[1] + 3), '... once');
        is(scalar(uniq ids($reply)), 13, '... each with its own id');
        is($gw->sql("SELECT count(*) FROM emailgw.message WHERE message_id IN ('" . join("', '", ids($reply)) . "')"), 13, '... which are there');
        is(send_batch($it, \@mails, 'Idempotency-Key' => $key)->{body}, $reply->{body}, '... and the answer from now on');
        return $reply;
    };
    $gw->expects(qw(EG0101 EG0102));

    # The mails before the second list.
    $gw->accept_with("IF v_subject = 'Before 1' THEN RAISE EXCEPTION USING ERRCODE = '57P03', MESSAGE = 'not now'; END IF;");
    my $before = $fails->('before the second list', 'step 1', '4 1');
    $gw->accept_with('');
    $goes_on->('step 1', $before);

    # A list's job is there, and its answer cannot be told.
    $gw->sql('ALTER FUNCTION emailgw_api.get_list_answer RENAME TO get_list_answer_away');
    $before = $fails->('after the first list', 'step 2', '4 1');
    $gw->sql('ALTER FUNCTION emailgw_api.get_list_answer_away RENAME TO get_list_answer');
    $goes_on->('step 2', $before);

    # All is there but the answer to the whole; meanwhile one list grows, and another is deleted.
    $gw->sql('ALTER FUNCTION emailgw_api.end_batch RENAME TO end_batch_away');
    $before = $fails->('after all of them', 'step 3', '13 3');
    $gw->sql('ALTER FUNCTION emailgw_api.end_batch_away RENAME TO end_batch');
    $gw->api('EmailGateway.AddSubscribers', as => $it, ListID => $lists[0], Subscribers => [ { email => 'new@example.org', name => '' } ]);
    my $gone = $gw->api('EmailGateway.DeleteList', as => $it, ListID => $lists[1]);
    is($gone->{json}{ErrorCode}, 0, 'a list is deleted');
    $goes_on->('step 3', $before);
};

subtest 'the child dies' => sub {
    my $it = $gw->new_account;
    my $list = list($it, 1 .. 3);
    my @mails = (mail($it, TargetListID => $list), mail($it, Subject => 'wait'), mail($it, TargetListID => $list, Subject => 'Second'));
    $gw->expects(qw(AH00052 EG0102));
    $gw->accept_with("IF v_subject = 'wait' THEN PERFORM pg_sleep(30); END IF;");
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        delete $gw->{agent};
        send_batch($it, \@mails, 'Idempotency-Key' => 'killed');
        POSIX::_exit(0);
    }
    $gw->wait_for(sub { count($it, 'list_job') == 1 }, 10, 'the first list');
    my $parent = Instance::Process::id($gw->env('HTTPD_PID'));
    Instance::Process::signal('KILL', grep { $_ ne $parent } Instance::Process::family($parent));
    waitpid $pid, 0;
    is(counts($it), '3 1', 'it died with the first list taken');
    $gw->sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%emailgw_api.accept(%' AND pid <> pg_backend_pid()");
    $gw->accept_with('');
    my $reply = $gw->wait_for(sub { my $said = send_batch($it, \@mails, 'Idempotency-Key' => 'killed'); $said->{status} == 200 && $said }, 20, 'an answer');
    is(results($reply), 'list:3 id list:3', 'the same again: all of it');
    is(counts($it), '7 2', '... once');
    is(scalar(uniq ids($reply)), 7, '... each with its own id');
    $gw->drained(30);
    is(join(' ', sort map { $_->{to} } map { $gw->outbox($_) } ids($reply)), join(' ', 'recipient@example.org', map { ("s$_\@example.org") x 2 } 1 .. 3),
        '... and each subscriber has one of each');
};

# Two of the same batch.
subtest 'at the same time' => sub {
    my $it = $gw->new_account;
    my $list = list($it, 1 .. 200);
    my @mails = map { (mail($it, TargetListID => $list, Subject => "List $_"), mail($it, Subject => "Single $_")) } 1 .. 5;
    my @pids = map {
        my $no = $_;
        my $pid = fork // die "fork: $!\n";
        if (!$pid) {
            delete $gw->{agent};
            $gw->file("said-$no", send_batch($it, \@mails, 'Idempotency-Key' => 'at once')->{body});
            POSIX::_exit(0);
        }
        $pid;
    } 1 .. 4;
    waitpid $_, 0 for @pids;
    my @said = map { open my $in, '<', "$gw->{temp}/said-$_" or die "said-$_: $!\n"; local $/; scalar <$in> } 1 .. 4;
    is(scalar(uniq @said), 1, 'four of the same batch have one answer');
    like($said[0], qr/"Accepted":10/, '... of all its mails');
    is(counts($it), '1005 5', '... which are there once');
};

# One that the database cannot take.
subtest 'what the database cannot take' => sub {
    my $it = $gw->new_account;
    my $list = list($it, 1 .. 2);
    $gw->expects('EG0101');
    my $accept = $gw->sql("SELECT pg_get_functiondef('emailgw_api.accept_list'::regproc)");
    $gw->sql($accept =~ s/^( +)(?=message_id := p_job_id;\n +replayed)/$1IF 'poison' = ANY (p_tags) THEN RAISE EXCEPTION 'no'; END IF;\n$1/mr);
    my $reply = send_batch($it, [ mail($it), mail($it, TargetListID => $list, Tags => ['poison']), mail($it, TargetListID => $list), mail($it) ]);
    $gw->sql($accept);
    is(results($reply), 'id 500 list:2 id', 'spoils no other') or diag($reply->{body});
    is(counts($it), '4 1', '... and is not there');
};

$gw->log_clean;
done_testing;
