# Group commit: mails posted at the same time are committed together, and still each is
# taken or refused by itself, whatever happens to its neighbours.
use EmailGW;
use Time::HiRes qw(sleep time);

my $gw = EmailGW->up(RATE => 'off', HTTPD_CONF => \"ServerLimit 1\nStartServers 1\nThreadsPerChild 50\nMaxRequestWorkers 50\n");
my $account = $gw->new_account;
# Posts all of them at once, from a process each; the answers by subject.
sub post_at_once {
    my (@mails) = @_;
    my ($gate, %answer, @pipes) = $gw->file('gate', '');
    for my $mail (@mails) {
        pipe my $read, my $write or die "pipe: $!\n";
        my $pid = fork // die "fork: $!\n";
        if (!$pid) {
            delete $gw->{agent};
            $gw->call('GET', '/api/v1/email', {}); # the connection is there
            sleep 0.001 while -e $gate;
            sleep $mail->{after} // 0;
            my $reply = $gw->send_mail(as => $account, %{ $mail->{mail} });
            print {$write} JSON::PP->new->encode([ $mail->{mail}{Subject}, $reply->{status}, $reply->{json}{MessageID} // '', $reply->{body} ]);
            close $write;
            POSIX::_exit(0);
        }
        close $write;
        push @pipes, [ $pid, $read ];
    }
    sleep 0.5;
    unlink $gate;
    for my $pipe (@pipes) {
        my $line = readline $pipe->[1];
        my ($subject, $status, $id, $body) = @{ JSON::PP->new->decode($line) };
        $answer{$subject} = { status => $status, id => $id, body => $body };
        waitpid $pipe->[0], 0;
    }
    return %answer;
}

# The first is slow, so that the others find somebody at work and wait for the next batch.
sub mails {
    my ($count, %change) = @_;
    return ({ mail => { Subject => 'slow' } },
        map { { after => 0.02, mail => { Subject => "mail $_", %{ $change{$_} // {} } } } } 1 .. $count);
}

my $slow = "IF v_subject = 'slow' THEN PERFORM pg_sleep(0.09); END IF;";

# How many transactions wrote the mails of these answers.
sub transactions {
    my (%answer) = @_;
    my $ids = join ', ', map { "'$_->{id}'" } grep { $_->{id} } values %answer;
    return $gw->sql("SELECT count(DISTINCT xmin::text) FROM emailgw.message WHERE message_id IN ($ids)");
}

$gw->send_mail(as => $account) for 1 .. 2; # the child knows its database
$gw->stop('sender');

# On a machine that is busy with other things they may come too late for one another: a few rounds.
subtest 'together' => sub {
    $gw->accept_with($slow);
    my $few;
    for my $round (1 .. 5) {
        my $before = $gw->sql("SELECT count(*) FROM emailgw.message WHERE subject LIKE 'mail %'");
        my %answer = post_at_once(mails(20));
        is(scalar(grep { $_->{status} == 200 } values %answer), 21, 'all are taken');
        is(scalar keys %{ { map { $_->{id} => 1 } values %answer } }, 21, '... each with an id of its own');
        is($gw->sql("SELECT count(*) FROM emailgw.message WHERE subject LIKE 'mail %'") - $before, 20, '... and in the database once');
        $few = transactions(%answer);
        last if $few <= 5;
    }
    cmp_ok($few, '<=', 5, "... by a few transactions: $few");
};

subtest 'one that fails' => sub {
    $gw->expects('EG0101');
    $gw->accept_with("$slow IF v_subject = 'mail 7' THEN INSERT INTO emailgw.suppression (account_id, domain_id, address, reason)
        VALUES (v_mail.account_id, 0, 'half\@there.example', 'x'); RAISE 'poisoned'; END IF;");
    my $batches = 0;
    for my $round (1 .. 5) {
        my $before = $gw->sql('SELECT count(*) FROM emailgw.message');
        my %answer = post_at_once(mails(20));
        is($answer{'mail 7'}{status}, 500, 'gets a clean 500');
        like($answer{'mail 7'}{body}, qr/\A\{"Errors":\[\{"Code":500,"Message":"[^"]+"\}\]\}\z/, '... as JSON');
        unlike($answer{'mail 7'}{body}, qr/poisoned|RAISE|PL/, '... with nothing internal');
        is(scalar(grep { $_->{status} == 200 } values %answer), 20, 'its neighbours are taken');
        is($gw->sql('SELECT count(*) FROM emailgw.message') - $before, 20, '... each once');
        is($gw->sql("SELECT count(*) FROM emailgw.suppression WHERE address = 'half\@there.example'"), 0, 'nothing of it is half there');
        is(scalar(grep { /EG0101: accept: poisoned/ } $gw->log_lines(qr/error\.log/)), $round, 'one line in the log tells of it');
        $batches = grep { /EG0153/ } $gw->log_lines(qr/error\.log/);
        last if $batches;
    }
    cmp_ok($batches, '>=', 1, '... and one of the batch that it was in');
};

subtest 'refusals' => sub {
    $gw->accept_with($slow);
    $gw->ctl(qw(suppress add gone@example.org --user), $account->{username});
    my %answer = post_at_once(mails(12, 3 => { To => [ { email => 'gone@example.org', name => '' } ] },
        5 => { From => { email => 'a@other.example', name => '' } }, 8 => { Headers => { 'X-Bad' => "a\nb" } }));
    is(join(' ', map { $answer{"mail $_"}{status} } 3, 5, 8), '422 422 422', 'each of its own');
    is(scalar(grep { $_->{status} == 200 } values %answer), 10, 'the others are taken');
};

subtest 'the same Idempotency-Key at once' => sub {
    $gw->accept_with($slow);
    my $before = $gw->sql('SELECT count(*) FROM emailgw.message');
    my %answer = post_at_once({ mail => { Subject => 'slow' } },
        map { { after => 0.02, mail => { Subject => "same $_", headers => { 'Idempotency-Key' => 'k' } } } } 1 .. 6);
    my %status;
    $status{ $_->{status} }++ for values %answer;
    is_deeply(\%status, { 200 => 2, 409 => 5 }, 'one of those with other contents is taken');
    is($gw->sql('SELECT count(*) FROM emailgw.message') - $before, 2, '... once');
};

# 19 big ones at once hold up nobody, and go by themselves.
subtest 'big ones' => sub {
    $gw->accept_with($slow);
    my $big = 'x' x 600_000;
    my %answer = post_at_once({ mail => { Subject => 'slow' } }, map { { after => 0.02, mail => { Subject => "big $_", PlainContent => $big } } } 1 .. 6);
    is(scalar(grep { $_->{status} == 200 } values %answer), 7, 'are taken');
    is(transactions(%answer), 7, '... each by a transaction of its own');
};

# A batch that takes long: another one begins beside it.
subtest 'a batch that hangs' => sub {
    $gw->accept_with("IF v_subject = 'slow' THEN PERFORM pg_sleep(2); END IF;");
    my $start = time;
    my $begun;
    my %answer = post_at_once({ mail => { Subject => 'slow' } },
        map { { after => $_ % 2 ? 0.2 : 0.02, mail => { Subject => "beside $_" } } } 1 .. 6);
    is(scalar(grep { $_->{status} == 200 } values %answer), 7, 'all are taken');
    my ($late) = $gw->sql("SELECT count(*) FROM emailgw.message AS m WHERE subject LIKE 'beside %'
        AND accepted_at > (SELECT accepted_at + interval '1 second' FROM emailgw.message WHERE subject = 'slow' ORDER BY accepted_at DESC LIMIT 1)");
    is($late->[0], 0, 'those that came after it did not wait for it');
};

subtest 'the database dies in mid-batch' => sub {
    $gw->expects_database_away;
    $gw->accept_with("$slow IF v_subject = 'mail 9' THEN PERFORM pg_sleep(0.5); END IF;");
    my $before = $gw->sql('SELECT count(*) FROM emailgw.message');
    my $dissolved = sub { scalar grep { /EG0153/ } $gw->log_lines(qr/error\.log/) };
    my $batches = $dissolved->();
    my $killer = fork // die "fork: $!\n";
    if (!$killer) {
        delete $gw->{agent};
        eval {
            my $start = time;
            until ($gw->sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'mod_emailgw'
                AND wait_event = 'PgSleep' AND now() - query_start > interval '0.15 s'")) {
                last if time - $start > 30;
            }
        };
        POSIX::_exit(0);
    }
    my %answer = post_at_once(mails(20));
    waitpid $killer, 0;
    my %status;
    $status{ $_->{status} }++ for values %answer;
    cmp_ok($dissolved->(), '>', $batches, 'a batch was lost with its connection');
    is_deeply([ sort keys %status ], [200], 'each is taken all the same') or diag(explain(\%status));
    is($gw->sql('SELECT count(*) FROM emailgw.message') - $before, 21, '... and once');
};

$gw->accept_with('');
$gw->start('sender');
ok($gw->wait_for(sub { !$gw->sql('SELECT count(*) FROM emailgw.queue') }, 30, 'an empty queue'), 'what was taken is sent');
is(scalar $gw->outbox, $gw->sql('SELECT count(*) FROM emailgw.message'), '... each once');
$gw->log_clean;
done_testing;
