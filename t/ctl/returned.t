# emailgwctl returned list, retry, drop: mails that came back by SMTP and that no sender could
# read and record, found and brought to an end without SQL.
use FindBin;
use lib "$FindBin::Bin/../lib";
use EmailGW;
use EmailGW::Returned qw(report while_recording no_trouble end_leases);
use EmailGW::Smtp;

my $gw = EmailGW->up(RATE => 'off', SENDER_CONF => \"threads = 1\npoll = 20ms\nlease = 5s\n");
my $account = $gw->new_account;
my @members = qw(returned_id username message_id email state came_at set_aside_at attempts size_bytes reason);

# A mail that was delivered into the outbox: {id, to, return_path}.
sub sent {
    my ($to) = @_;
    my $reply = $gw->send_mail(as => $account, To => [ { email => $to, name => '' } ]);
    my $id = $reply->{json}{MessageID} // die "$to: $reply->{body}\n";
    $gw->wait_for(sub { story({ id => $id }) eq '2' }, 20, "a delivery to $to");
    return { id => $id, to => $to, return_path => ($gw->outbox($id))[0]{from} };
}

# "2 4": what became of a mail.
sub story {
    my ($mail) = @_;
    return join ' ', map { $_->[0] } $gw->sql("SELECT type FROM emailgw.event WHERE message_id = '$mail->{id}' AND type <> 1 ORDER BY event_id");
}

# Its bounce, to port 25.
sub come_back {
    my ($mail) = @_;
    my $smtp = EmailGW::Smtp->connect($gw->env('BOUNCE_PORT'));
    $smtp->say('EHLO mx.example.org');
    my $code = $smtp->mail('', $mail->{return_path}, report($mail->{to}) =~ s/\n/\r\n/gr);
    $smtp->say('QUIT');
    return $code;
}

# A refusal: exit status and words on standard error.
sub refused {
    my ($exit, $says, @words) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $result = $gw->ctl_try(@words);
    is($result->{exit}, $exit, "@words: exit status");
    like($result->{err}, $says, '... and why');
}

sub find {
    my ($mail, @options) = @_;
    my ($row) = grep { $_->{message_id} eq $mail->{id} } @{ $gw->ctl(qw(returned list), @options)->{mails} };
    return $row;
}

# Fails five times by what happens while it is recorded.
sub set_aside {
    my ($mail) = @_;
    return $gw->wait_for(sub {
        end_leases($gw);
        my $row = find($mail);
        return $row && $row->{state} eq 'set aside';
    }, 20, 'set aside');
}

subtest 'nothing is wrong' => sub {
    is_deeply($gw->ctl(qw(returned list)), { waiting => 0, set_aside => 0, next => undef, mails => [] }, 'an empty list');
    is($gw->ctl(qw(returned), $_, 'all')->{mails}, 0, "$_ all of none") for qw(retry drop);
    refused(1, qr/^emailgwctl: 64: unknown mail$/m, 'returned', $_, 64) for qw(retry drop);
    for my $verb (qw(retry drop)) {
        refused(2, qr/is no mail: its number is needed/, 'returned', $verb, '--', $_) for '', '0', '-1', '1x', 'ALL', '9' x 17, "1' OR true";
        refused(2, qr/ID\|all is missing/, 'returned', $verb);
    }
    refused(2, qr/--limit: .*allowed is 1 to 100000/, qw(returned list --limit), $_) for '0', 'x', '100001';
    refused(2, qr/--after: .*is no number/, qw(returned list --after), $_) for '', 'x', '-1';
};

subtest 'a mail that waits' => sub {
    my $mail = sent('ann@example.net');
    $gw->stop('sender');
    is(come_back($mail), 250, 'came back');
    my $list = $gw->ctl(qw(returned list));
    is("$list->{waiting} $list->{set_aside} " . @{ $list->{mails} }, '1 0 1', 'is counted and listed');
    my $row = $list->{mails}[0];
    is_deeply([ sort keys %$row ], [ sort @members ], '... with all that is known');
    is("$row->{username} $row->{message_id} $row->{email} $row->{state} $row->{attempts}", "$account->{username} $mail->{id} ann\@example.net waiting 0", '... of it');
    is($row->{size_bytes}, length(report($mail->{to}) =~ s/\n/\r\n/gr) + 2, '... its size');
    like($row->{came_at}, qr/\A\d{4}-\d\d-\d\dT.*Z\z/, '... its time');
    is($row->{reason}, undef, '... nothing is wrong with it');
    is_deeply($gw->ctl(qw(returned list --set-aside))->{mails}, [], 'it is not set aside');
    refused(1, qr/$row->{returned_id}: not set aside/, 'returned', $_, $row->{returned_id}) for qw(retry drop);
    is($gw->ctl(qw(returned drop all))->{mails}, 0, '... so all of those are none');
    $gw->start('sender');
    $gw->wait_for(sub { story($mail) eq '2 4' }, 10, 'a sender reads it');
    is($gw->ctl(qw(returned list))->{waiting}, 0, 'then it is gone');
};

subtest 'one that the database refuses' => sub {
    $gw->expects('EG0101', 'EG0441');
    my $mail = sent('bob@example.net');
    while_recording($gw, $mail, q(RAISE 'no';));
    is(come_back($mail), 250, 'came back');
    ok(set_aside($mail), 'is set aside');
    my $row = find($mail, '--set-aside');
    like($row->{reason}, qr/\Athe database refuses .*EG0101/, '... for this reason');
    is($row->{attempts}, 5, '... after five attempts');
    like($row->{set_aside_at}, qr/\A\d{4}-\d\d-\d\dT.*Z\z/, '... at that time');
    is($gw->ctl('status')->{returned_set_aside}, 1, 'status counts it as well');
    my ($status, $shown) = EmailGW::run_command(undef, $gw->env('EMAILGWCTL'), qw(returned list));
    like($shown, qr/^waiting +0\nset aside +1\nnext +-\nmails\n  returned id .*reason\n  $row->{returned_id} .*\Q$mail->{id}\E .*set aside .*the database refuses/m, 'people see it, too');

    is($gw->ctl(qw(returned retry), $row->{returned_id})->{mails}, 1, 'retried too early');
    $gw->wait_for(sub { (find($mail)->{attempts} // 0) >= 1 }, 10, 'a sender has it');
    ok(set_aside($mail), '... it is set aside again');
    is(story($mail), '2', '... and nothing told');

    no_trouble($gw);
    is($gw->ctl(qw(returned retry), $row->{returned_id})->{mails}, 1, 'retried when the cause is gone');
    $gw->wait_for(sub { story($mail) eq '2 4' }, 10, 'its bounce');
    is(story($mail), '2 4', '... is told');
    is_deeply($gw->ctl(qw(returned list)), { waiting => 0, set_aside => 0, next => undef, mails => [] }, '... and it is gone');
    my @listed = $gw->ctl(qw(suppress list --user), $account->{username});
    is(scalar(grep { $_->{email} eq 'bob@example.net' } @listed), 1, '... the address suppressed');
};

subtest 'one that no sender survives' => sub {
    my $mail = sent('eve@example.net');
    while_recording($gw, $mail, 'PERFORM pg_sleep(600);');
    is(come_back($mail), 250, 'came back');
    for my $death (1 .. 5) {
        my $asleep = sub { $gw->sql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%finish_returned%' AND wait_event = 'PgSleep'") };
        $gw->wait_for($asleep, 20, "attempt $death") or last;
        is(find($mail)->{state}, 'reading', 'a sender has it in hand') if $death == 1;
        $gw->kill('sender');
        $gw->sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
        end_leases($gw);
        $gw->start('sender');
    }
    ok(set_aside($mail), 'is set aside');
    my $row = find($mail);
    is($row->{reason}, 'the sender died on it, or the database was away or too slow', '... for this reason');
    no_trouble($gw);
    is($gw->ctl(qw(returned drop), $row->{returned_id})->{mails}, 1, 'dropped');
    is_deeply($gw->ctl(qw(returned list))->{mails}, [], '... it is gone');
    refused(1, qr/unknown mail/, qw(returned drop), $row->{returned_id});
    is(story($mail), '2', '... and nothing told');
};

subtest 'many' => sub {
    my @mails = map { sent("many$_\@example.net") } 1 .. 7;
    $gw->stop('sender');
    come_back($_) for @mails;
    $gw->sql('UPDATE emailgw.returned_queue SET set_aside_at = now()');
    $gw->start('sender');
    my (@seen, $after, $pages);
    do {
        my $list = $gw->ctl(qw(returned list --set-aside --limit 3), defined $after ? ('--after', $after) : ());
        is($list->{set_aside}, 7, 'all are counted');
        cmp_ok(scalar @{ $list->{mails} }, '<=', 3, 'a page');
        push @seen, map { $_->{email} } @{ $list->{mails} };
        $after = $list->{next};
    } while (defined $after && ++$pages < 9);
    is_deeply(\@seen, [ map { $_->{to} } @mails ], 'page by page each is there once, in the order in which they came');
    is($gw->ctl(qw(returned list --limit 7))->{next}, undef, 'a page that has all of them is the last');

    is($gw->ctl(qw(returned drop), find($mails[0])->{returned_id})->{mails}, 1, 'one is dropped');
    is($gw->ctl(qw(returned retry all))->{mails}, 6, 'all others are retried');
    $gw->wait_for(sub { !grep { story($_) ne '2 4' } @mails[ 1 .. 6 ] }, 20, 'their bounces');
    is(join(', ', map { story($_) } @mails), join(', ', '2', ('2 4') x 6), '... are told');
    $gw->sql("INSERT INTO emailgw.returned_queue (account_id, message_id, recipient_no, digest, host, mail, set_aside_at)
        SELECT $account->{account_id}, '$mails[0]{id}', 1, int4send(n), 'x', 'x', now() FROM generate_series(1, 5) AS n");
    is($gw->ctl(qw(returned drop all))->{mails}, 5, 'all are dropped');
};

$gw->log_clean;
done_testing;
