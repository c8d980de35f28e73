# Mails that the module took at return paths: on disk before they are acknowledged, read by
# whichever sender lives, recorded once. Put there by the module's own code, as its role.
use EmailGW;
use EmailGW::Returned qw(sent report feedback while_recording no_trouble end_leases);
use POSIX ();
use Time::HiRes qw(sleep time);

my $seed = $ENV{EG_SEED} // time ^ $$;
srand $seed;
diag("EG_SEED=$seed");
my $lease = 5;
my $gw = EmailGW->up(RATE => 'off', SENDERS => 2, SENDER_CONF => \"threads = 1\npoll = 20ms\nlease = ${lease}s\n");
my ($account, $other) = map { $gw->new_account } 1 .. 2;
my $away = 'away'; # what the module's code says then

# returned_put, as the module connects: lines of its output.
sub put {
    my ($verb, $mail, @addresses) = @_;
    open my $conf, '<', $gw->env('SENDER_CONF') or die "SENDER_CONF: $!\n";
    my %line = map { /^(\w+) = (.*)/ ? ($1, $2) : () } <$conf>;
    my ($status, $out, $err) = EmailGW::run_command($mail, "$ENV{EG_BUILD}/t/sender/returned_put",
        $line{database} =~ s/user=emailgw_sender/user=emailgw_module/r, $line{secret_file}, $verb, @addresses);
    die "returned_put: $status $err" if $status != 0;
    return split /\n/, $out;
}

# The reply to a mail that comes to these addresses, without its words.
sub come_back {
    my ($mail, @addresses) = @_;
    my ($reply) = put('keep', $mail, @addresses);
    return $reply =~ s/^(\d+ \S+) .*/$1/r;
}

sub waiting {
    return $gw->sql('SELECT count(*) FROM emailgw.returned_queue WHERE set_aside_at IS NULL');
}

sub read_all {
    my ($seconds) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return $gw->wait_for(sub { !waiting() }, $seconds // 10, 'all mails read');
}

# "2 4": what became of a mail's recipient.
sub story {
    my ($mail) = @_;
    return join ' ', map { $_->[0] } $gw->sql("SELECT type FROM emailgw.event WHERE message_id = '$mail->{id}' AND type <> 1
        AND email = '$mail->{to}' ORDER BY event_id");
}

sub listed {
    my ($as) = @_;
    return { map { $_->{email} => $_ } $gw->ctl(qw(suppress list --user), $as->{username}) };
}

# Everything that a mail may write to.
sub state_of {
    return $gw->sql("SELECT (SELECT count(*) FROM emailgw.event WHERE type NOT IN (1, 2)) || ' ' || (SELECT count(*) FROM emailgw.suppression)
        || ' ' || (SELECT coalesce(sum(count), 0) FROM emailgw.daily_count WHERE type NOT IN (1, 2))
        || ' ' || (SELECT count(*) FROM emailgw.recipient WHERE returned_at IS NOT NULL OR complained_at IS NOT NULL)");
}

# Each has come back once: events, the counter and the recipient say the same.
sub each_once {
    my ($what, @mails) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $list = join ', ', map { "('$_->{id}'::uuid, '$_->{to}')" } @mails;
    is($gw->sql("SELECT count(*) FROM (VALUES $list) AS m (id, email) WHERE 1 = (SELECT count(*) FROM emailgw.event AS e
        WHERE e.message_id = m.id AND e.email = m.email AND e.type = 4)"), scalar @mails, "$what: one bounce each");
    is($gw->sql("SELECT count(*) FROM (VALUES $list) AS m (id, email) JOIN emailgw.recipient AS r ON r.message_id = m.id AND r.email = m.email
        WHERE r.status = 'bounced'"), scalar @mails, '... is their end');
    is($gw->sql('SELECT sum(count) FROM emailgw.daily_count WHERE type = 4 AND tag = $$$$'), $gw->sql('SELECT count(*) FROM emailgw.event WHERE type = 4'),
        '... and as many are counted');
}

subtest 'return paths' => sub {
    my ($mail) = sent($gw, $account, 'ann@example.net');
    my ($theirs) = map { $_->{return_path} =~ /\@(.*)/ } sent($gw, $other, 'ann@example.net');
    my ($local, $host) = split /\@/, $mail->{return_path};
    my $forged = $local =~ s/^(b\+.{30})(.)/$1 . ($2 eq 'a' ? 'b' : 'a')/er;
    my @known = ($mail->{return_path}, uc $mail->{return_path}, "<$mail->{return_path}>");
    my @wrong_host = ("$local\@$theirs", "$local\@example.com", "$local\@x.$host", "$local\@$account->{domain}");
    my @invalid = ("$forged\@$host", "x$local\@$host", "ann\@$host", $local, '', "\@$host", "postmaster\@$host", "abuse\@$account->{domain}", "$local\@$host\r\nx");
    is(join(' ', put('known', '', @known, @wrong_host, @invalid)), join(' ', (1) x @known, (0) x (@wrong_host + @invalid)), 'known by their MAC and by what the database has');
    my $before = state_of();
    is(come_back(report('ann@example.net'), $_), '550 5.1.1', "refused: $_") for @wrong_host, "$forged\@$host";
    is(waiting(), 0, '... and none of them kept');
    is(state_of(), $before, '... nor told');
    is(come_back(report('ann@example.net'), $wrong_host[0], $mail->{return_path}), '250 2.0.0', 'one that is right among others is enough');
    read_all();
    is(story($mail), '2 4', '... for its own mail');

    my ($gone) = sent($gw, $account, 'jim@example.net');
    my ($token) = $gone->{return_path} =~ /^(.*)\@/;
    $gw->sql("DELETE FROM emailgw.$_ WHERE message_id = '$gone->{id}'") for qw(event recipient content message);
    is(join(' ', put('known', '', $gone->{return_path}, "$token\@$theirs")), '1 0', 'of a mail that is no longer stored: at a host of its account');
    is(come_back(report('jim@example.net'), $gone->{return_path}), '250 2.0.0', '... it is taken, so that it does not come again');
    is(waiting(), 0, '... and dropped');
};

subtest 'a bounce' => sub {
    my ($mail) = sent($gw, $account, 'bea@example.net');
    my $begun = time;
    is(come_back(report('bea@example.net'), $mail->{return_path}), '250 2.0.0', 'is taken');
    $gw->wait_for(sub { story($mail) eq '2 4' }, 5, 'an event');
    note(sprintf 'after %.2f s', time - $begun);
    my $detail = $gw->newest_detail($mail->{id});
    is("$detail->{smtp}{code} $detail->{smtp}{enhanced} $detail->{smtp}{host}", '550 5.1.1 mx.example.net', '... with the reply');
    is("$detail->{bounce}{class} $detail->{bounce}{reported}", 'recipient 1', '... its class, and that it was reported');
    is(listed($account)->{'bea@example.net'}{reply}, '550 5.1.1 <bea@example.net>: User unknown', '... and the address is suppressed');
    read_all();
    my $before = state_of();
    for my $n (1 .. 50) {
        is(come_back(report('bea@example.net', 'Final-Log-Id' => $n % 5), $mail->{return_path}), '250 2.0.0', 'again') if $n == 1 || $n % 10 == 0;
        come_back(report('bea@example.net', 'Final-Log-Id' => $n % 5), $mail->{return_path}) if $n % 10;
    }
    read_all();
    is(state_of(), $before, '... 50 times: nothing more');
    ok(scalar(grep { /EG0440: returned message=\Q$mail->{id}\E recipient=bea\@example\.net kind=bounce/ } $gw->log_lines(qr/sender/)), 'the log tells');
};

subtest 'what it says is judged as emailgwctl inbound does' => sub {
    my @mails = sent($gw, $account, map { "say$_\@example.net" } 1 .. 9);
    my $to = sub { $mails[ $_[0] ]{return_path} };
    my $before = state_of();
    come_back(report('x@example.net', Action => 'delayed', Status => '4.4.1', 'Diagnostic-Code' => undef), $to->(0));
    come_back(report('x@example.net', Action => 'delivered', Status => '2.0.0', 'Diagnostic-Code' => undef), $to->(0));
    come_back("From: x\@example.net\nAuto-Submitted: auto-replied\nSubject: Away\n\nUser unknown to work.\n", $to->(0));
    come_back("From: x\@example.net\nSubject: Re: Hello\n\nThank you.\n", $to->(0));
    come_back(feedback($_), $to->(0)) for 'not-spam', 'auth-failure';
    come_back(join('', map { chr int rand 256 } 1 .. 20000), $to->(0));
    come_back('', $to->(0));
    read_all();
    is(state_of(), $before, 'a delay, a success, an answer, bytes of no sense: nothing');

    is(come_back(feedback('abuse'), $to->(1)), '250 2.0.0', 'a feedback report at the return path');
    come_back(report('x@example.net', Status => '5.2.2', 'Diagnostic-Code' => 'smtp; 552 5.2.2 Mailbox full'), $to->(2));
    come_back(report('somebody.else@example.org'), $to->(3));
    come_back(feedback('abuse', "Original-Mail-From: <" . $to->(5) . ">\n"), $to->(4));
    is(come_back(report('say7@example.net'), $to->(6), $to->(7), $to->(6)), '250 2.0.0', 'one mail to two of them');
    read_all();
    my $list = listed($account);
    is(story($mails[1]) . ' ' . $list->{ $mails[1]{to} }{reason}, '2 10 complaint', 'is a complaint, and suppresses');
    is(story($mails[2]) . ' ' . ($list->{ $mails[2]{to} } ? 'suppressed' : ''), '2 4 ', 'a full mailbox bounces and suppresses nobody');
    is(story($mails[3]), '2 4', 'the return path tells whose it is');
    ok(!$list->{'somebody.else@example.org'}, '... and not the report');
    is(story($mails[4]) . ', ' . story($mails[5]), '2 10, 2', '... nor a feedback report');
    is(story($mails[6]) . ', ' . story($mails[7]), '2 4, 2 4', 'each is told of once');
};

subtest 'ahead of the record of the delivery' => sub {
    my ($mail) = sent($gw, $account, 'ian@example.net');
    my $of = "account_id = $account->{account_id} AND message_id = '$mail->{id}'";
    $gw->sql("UPDATE emailgw.recipient SET status = 'queued' WHERE $of");
    $gw->sql("INSERT INTO emailgw.queue (account_id, message_id, recipient_no, domain_id, email, lane, ready, leased, next_at, size_bytes)
        VALUES ($account->{account_id}, '$mail->{id}', 1, $account->{domain_id}, 'ian\@example.net', 1, false, true, now() + interval '1 day', 1)");
    my ($beside) = sent($gw, $account, 'ira@example.net');
    come_back(report('ian@example.net'), $mail->{return_path});
    come_back(report('ira@example.net'), $beside->{return_path});
    $gw->wait_for(sub { story($beside) eq '2 4' }, 5, 'another bounce, which does not wait for it');
    is(story($mail), '2', 'the first is still put off');
    $gw->sql("UPDATE emailgw.recipient SET status = 'delivered' WHERE $of");
    $gw->sql("DELETE FROM emailgw.queue WHERE $of");
    read_all();
    each_once('when that is recorded', $mail, $beside);
};

subtest 'without a sender' => sub {
    my @mails = sent($gw, $account, map { "wait$_\@example.net" } 1 .. 3);
    $gw->stop('sender');
    my $huge = report($mails[0]{to}) . ('x' x 75 . "\n") x 200_000;
    is(come_back($huge, $mails[0]{return_path}), '250 2.0.0', length($huge) . ' bytes are taken');
    is($gw->sql('SELECT max(octet_length(mail)) FROM emailgw.returned_queue'), 10 * 1024 * 1024, '... and 10 MB of them kept');
    my @replies = map { come_back(report($mails[1]{to}, 'Final-Log-Id' => $_), $mails[1]{return_path}) } 1 .. 22;
    is(join(', ', @replies), join(', ', ('250 2.0.0') x 20, ('452 4.3.1') x 2), 'of one return path 20 may wait');
    is(come_back(report('x@example.net'), $mails[1]{return_path}, $mails[2]{return_path}), '452 4.3.1', '... one of several is enough for that');
    my $status = $gw->ctl('status');
    is("$status->{returned_waiting} $status->{returned_set_aside}", '22 0', 'emailgwctl status counts them');
    $gw->start('sender');
    read_all(20);
    each_once('when a sender is there', @mails);
};

sub attempts {
    my ($mail) = @_;
    return $gw->sql("SELECT coalesce(max(q.attempts), -1) FROM emailgw.returned_queue AS q JOIN emailgw.recipient AS r
        USING (account_id, message_id, recipient_no) WHERE q.message_id = '$mail->{id}' AND r.email = '$mail->{to}'");
}

subtest 'a mail that no sender survives' => sub {
    my ($poison, @others) = sent($gw, $account, 'poison@example.net', map { "beside$_\@example.net" } 1 .. 12);
    ($poison) = grep { $_->{to} =~ /poison/ } $poison, @others;
    while_recording($gw, $poison, 'PERFORM pg_sleep(600);');
    $gw->stop('sender');
    come_back(report($_->{to}), $_->{return_path}) for @others[ 0 .. 4 ], $poison, @others[ 5 .. 11 ];
    for my $death (1 .. 5) {
        $gw->start('sender');
        $gw->wait_for(sub { attempts($poison) == $death }, 20, "attempt $death") or last;
        $gw->wait_for(sub { $gw->sql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%finish_returned%' AND wait_event = 'PgSleep'") }, 10, 'in hand');
        $gw->kill('sender');
        $gw->sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
        end_leases($gw);
    }
    $gw->start('sender');
    read_all(20);
    each_once('the others', @others);
    is(story($poison), '2', 'that one is not told');
    is($gw->ctl('status')->{returned_set_aside}, 1, '... but set aside');
    $gw->expects('EG0441');
    is(scalar(grep { /EG0441: .* set aside: account=$account->{account_id} message=\Q$poison->{id}\E number=\d+/ } $gw->log_lines(qr/sender/)), 1, '... and the log says so, once');
    is($gw->sql('SELECT mail FROM emailgw.returned_queue') =~ s/^\\x//r, unpack('H*', report($poison->{to})), '... with the mail as it came');
};

subtest 'a mail that cannot be recorded' => sub {
    $gw->sql('DELETE FROM emailgw.returned_queue');
    my ($poison, @others) = sent($gw, $account, 'refused@example.net', map { "again$_\@example.net" } 1 .. 5);
    ($poison) = grep { $_->{to} =~ /refused/ } $poison, @others;
    while_recording($gw, $poison, q(RAISE 'no';));
    $gw->expects('EG0101');
    come_back(report($_->{to}), $_->{return_path}) for $poison, @others;
    $gw->wait_for(sub { !grep { story($_) ne '2 4' } @others }, 10, 'the others, at once');
    for my $attempt (1 .. 5) {
        $gw->wait_for(sub { attempts($poison) >= $attempt }, 10, "attempt $attempt");
        end_leases($gw);
    }
    $gw->wait_for(sub { $gw->ctl('status')->{returned_set_aside} == 1 }, 10, 'set aside');
    is(story($poison), '2', '... and nothing told');
    no_trouble($gw);
    $gw->sql('DELETE FROM emailgw.returned_queue');
};

subtest 'kill -9 of the sender, ten times' => sub {
    my @mails = map { my $n = $_; sent($gw, $account, map { "kill$n-$_\@example.net" } 1 .. 50) } 1 .. 10;
    my @rows = map { {%$_} } @mails;
    $gw->stop('sender');
    while_recording($gw, undef, 'PERFORM pg_sleep(0.1);'); # so that it has some in hand at any moment
    my $interrupted = 0;
    for my $kill (1 .. 10) {
        # As the module's role, all at once.
        my @some = splice @rows, 0, 50;
        my $calls = join ";\n", map {
            my $mail = unpack 'H*', report($_->{to});
            "SELECT status FROM emailgw_api.add_returned(ARRAY[$account->{account_id}], ARRAY['$_->{id}'::uuid], ARRAY[(SELECT number FROM numbers
                WHERE email = '$_->{to}')], ARRAY['" . ($_->{return_path} =~ s/.*\@//r) . "'], '\\x$mail')"
        } @some;
        my @status = $gw->sql("CREATE TEMPORARY TABLE numbers AS SELECT email, recipient_no::integer AS number FROM emailgw.recipient
            WHERE message_id = '$some[0]{id}'; GRANT SELECT ON numbers TO emailgw_module; SET ROLE emailgw_module; $calls");
        is(join(' ', map { split ' ', $_->[0] } @status), join(' ', ('added') x 50), '50 more') if $kill == 1;
        my $waiting = waiting();
        $gw->start('sender');
        $gw->wait_for(sub { waiting() < $waiting }, 20, 'the first are read');
        sleep rand 0.3;
        $gw->kill('sender');
        $interrupted++ if $gw->sql('SELECT count(*) FROM emailgw.returned_queue WHERE attempts > 0');
    }
    no_trouble($gw);
    diag("$interrupted of 10 kills left mails that were in hand; " . waiting() . ' waited after the last');
    cmp_ok($interrupted, '>', 0, 'the sender had mails in hand');
    my $begun = time;
    $gw->start('sender');
    read_all($lease + 40);
    diag(sprintf 'all read %.1f s after that (lease %d s)', time - $begun, $lease);
    is($gw->sql('SELECT count(*) FROM emailgw.returned_queue'), 0, 'none is left, and none set aside');
    each_once('500 mails', @mails);
};

# PostgreSQL dies at some moment of what comes next. @return the pid of who sees to it
sub kill_soon {
    my $pid = fork // die "fork: $!\n";
    if ($pid == 0) {
        sleep rand 0.1;
        $gw->kill('postgres');
        POSIX::_exit(0);
    }
    return $pid;
}

subtest 'kill -9 of PostgreSQL' => sub {
    $gw->expects_database_away;
    $gw->expects('EG0101');
    my @mails = map { my $n = $_; sent($gw, $account, map { "base$n-$_\@example.net" } 1 .. 30) } 1 .. 3;
    my @acknowledged;
    for my $part (0 .. 2) {
        my @some = @mails[ 30 * $part .. 30 * $part + 29 ];
        my ($before, $pid) = (3 + int rand 10);
        for my $mail (@some) {
            $pid //= kill_soon() if $before-- == 0;
            push @acknowledged, $mail if come_back(report($mail->{to}), $mail->{return_path}) eq '250 2.0.0';
        }
        waitpid $pid, 0;
        $gw->read_env;
        $gw->start('postgres');
    }
    diag(scalar(@acknowledged) . ' of ' . @mails . ' were acknowledged');
    cmp_ok(scalar @acknowledged, '>', 0, 'some were acknowledged');
    cmp_ok(scalar @acknowledged, '<', scalar @mails, '... and some not');
    is((put('known', '', $mails[0]{return_path}))[0], 1, 'PostgreSQL is back');
    read_all($lease + 40);
    each_once('all that were', @acknowledged);
    for my $mail (@mails) {
        come_back(report($mail->{to}), $mail->{return_path});
    }
    read_all();
    each_once('all of them, since the others came again', @mails);
    $gw->stop('postgres');
    is((put('known', '', $mails[0]{return_path}))[0], $away, 'while it is away nobody is told that there is no such address');
    is(come_back(report('x@example.net'), $mails[0]{return_path}), $away, '... nor that a mail is kept');
    is((put('known', '', 'ann@example.net'))[0], 0, '... but for what has no MAC');
    $gw->start('postgres');
};

subtest 'bounces of many systems' => sub {
    my $corpora = $ENV{EG_CORPORA} or plan skip_all => 'EG_CORPORA is not set';
    my $folder = "$corpora/bounces-sisimai";
    my $expected = JSON::PP::decode_json(EmailGW::slurp("$folder/expected.json"));
    my @names = sort keys %$expected;
    my @mails = map { my $n = $_; sent($gw, $account, map { "r$n-$_\@example.com" } 1 .. 50) } 1 .. @names / 50 + 1;
    my %reply;
    $reply{ come_back(EmailGW::slurp("$folder/eml/$names[$_]"), $mails[$_]{return_path}) }++ for 0 .. $#names;
    is(join(' ', %reply), '250 2.0.0 ' . @names, 'each is taken');
    read_all(30);
    my ($right, @wrong) = (0);
    my $listed = listed($account);
    for my $at (0 .. $#names) {
        my $entry = $listed->{ $mails[$at]{to} };
        my $suppressed = $entry && $entry->{reason} eq 'bounce';
        my $hard = !grep { !$_->{hardbounce} } @{ $expected->{ $names[$at] } };
        $right++ if !$hard == !$suppressed;
        push @wrong, $names[$at] if $suppressed && !$hard;
    }
    diag(sprintf '%d of %d as in the table', $right, scalar @names);
    cmp_ok($right / @names, '>=', 0.9, 'hard or not is right of nine in ten');
    is("@wrong", '', 'nobody is suppressed whose bounce is not hard');
    is($gw->sql('SELECT count(*) FROM emailgw.returned_queue'), 0, 'none is set aside');
};

$gw->log_clean;
done_testing;
