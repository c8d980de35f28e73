# What a server's replies come to: the class in the event, who is on the
# suppression list afterwards and who is not, and that whoever is gets nothing
# more, also of what was accepted before.
use EmailGW;
use EmailGW::Receiver;
use EmailGW::Sink;
use Time::HiRes qw(sleep time);

# local part => [step, reply, class, is the address suppressed?]
my %case = (
    unknown => [ rcpt => '550 5.1.1 User unknown', 'recipient', 1 ],
    'no-domain' => [ rcpt => '550 5.1.2 No such domain', 'recipient', 1 ],
    disabled => [ rcpt => '550 5.2.1 This account is disabled', 'recipient', 1 ],
    words => [ dot => '554 No such user here', 'recipient', 1 ],
    full => [ rcpt => '552 5.2.2 Mailbox full', 'mailbox-full', 0 ],
    'sender-unknown' => [ rcpt => '550 5.1.0 Sender address rejected: User unknown', 'recipient', 0 ],
    listed => [ rcpt => '554 5.7.1 Client host [192.0.2.1] blocked using zen.spamhaus.org', 'reputation', 0 ],
    relaying => [ rcpt => '550 5.7.1 Relay access denied', 'policy', 0 ],
    'policy-user' => [ rcpt => '550 5.7.1 No such user', 'policy', 0 ],
    unsigned => [ dot => '550 5.7.26 Unauthenticated mail', 'authentication', 0 ],
    spam => [ dot => '554 This is spam', 'content', 0 ],
    large => [ dot => '552 5.3.4 Message too big', 'content', 0 ],
    loop => [ dot => '554 5.4.6 Too many hops', 'technical', 0 ],
    plain => [ rcpt => '550 No', 'recipient', 0 ],
);
my %defer = (
    busy => [ rcpt => '450 4.2.0 Busy, user unknown for now', 'recipient' ],
    slower => [ rcpt => '421 4.7.28 Too much mail', 'reputation' ],
    grey => [ rcpt => '451 4.7.1 Greylisted', 'policy' ],
    'full-now' => [ rcpt => '452 4.2.2 Over quota', 'mailbox-full' ],
);
my $sink = EmailGW::Sink->start(script => sub {
    my ($step, $c) = @_;
    my ($who) = ($c->{to} // '') =~ /^([^@]+)\@/ or return;
    my $way = $case{$who} // $defer{$who};
    return $way->[1] if $way && $way->[0] eq $step;
    return '450 4.3.0 Not yet' if $who =~ /^later/ && $step eq 'rcpt' && $c->{tries} < 3;
    return;
});
my $receiver = EmailGW::Receiver->up;
my $gw = EmailGW->up(RATE => 'off', TRANSPORT => $sink->transport, WEBHOOK_ALLOW => $receiver->address,
    SENDER_CONF => \"threads = 1\npoll = 20ms\nretry = 1s\nlifetime = 30s\nhostname = mail.example.com\n");
my ($account, $other) = map { $gw->new_account } 1 .. 2;

sub mail_to {
    my ($account, $to, %more) = @_;
    my $reply = $gw->send_mail(as => $account, To => [ map { { email => $_, name => '' } } ref $to ? @$to : $to ], %more);
    return $reply->{json}{MessageID};
}

# The types of a mail's events, oldest first, without that of acceptance.
sub story {
    my ($id) = @_;
    return join ' ', map { $_->[0] } $gw->sql("SELECT type FROM emailgw.event WHERE message_id = '$id' AND type <> 1 ORDER BY event_id");
}

sub ends {
    my ($id) = @_;
    return join ' ', map { $_->[0] } $gw->sql("SELECT status FROM emailgw.recipient WHERE message_id = '$id' ORDER BY recipient_no");
}

sub tries {
    my ($to) = @_;
    return scalar grep { ($_->{to} // '') eq $to } $sink->ledger('rcpt');
}

sub listed {
    my ($account) = @_;
    return { map { $_->{email} => $_ } $gw->ctl(qw(suppress list --user), $account->{username}) };
}

# What the API lists of a mail, as it comes.
sub shown {
    my ($id) = @_;
    return $gw->call('GET', '/api/v1/events', { key => $account->{key},
        json => { MessageID => $id, StartFrom => 0, RetrieveCount => 10 } })->{body};
}


subtest 'bounces' => sub {
    $gw->call('POST', '/api/v1/webhooks', { key => $account->{key}, json => { Event => 'bounce', WebhookURL => $receiver->url('/ok') } });
    my %id = map { $_ => mail_to($account, "$_\@example.org") } sort keys %case;
    $gw->drained(20);
    my $list = listed($account);
    for my $who (sort keys %case) {
        my (undef, $reply, $class, $suppressed) = @{ $case{$who} };
        is(story($id{$who}), 4, "$reply: one bounce");
        my $bounce = $gw->newest_detail($id{$who})->{bounce};
        is($bounce->{class}, $class, "... class $class");
        is(!!$bounce->{suppress}, !!$suppressed, '... which says whether it suppresses');
        my $entry = $list->{"$who\@example.org"};
        is(!!$entry, !!$suppressed, $suppressed ? '... on the list' : '... not on the list');
        my $again = $gw->send_mail(as => $account, To => [ { email => uc($who) . '@Example.org', name => '' } ],
            SendAt => int(time) + 86400);
        is($again->{json}{Errors} ? $again->{json}{Errors}[0]{Code} : 0, $suppressed ? 14 : 0, '... so a later mail is ' . ($suppressed ? 'refused' : 'taken'));
        next if !$suppressed;
        is("$entry->{reason}: $entry->{reply}", "bounce: $reply", '... with why, in the words of the server');
        is($entry->{message_id}, $id{$who}, '... and of which mail');
        like($entry->{created_at}, qr/^20\d\d-/, '... and when');
        is($entry->{domain}, undef, '... for all domains of the account');
    }
    is(scalar(keys %{ listed($other) }), 0, 'another account\'s list is its own');
    ok(mail_to($other, 'unknown@example.org', SendAt => int(time) + 86400), '... and it may write to them');
    my $posts = sub { map { JSON::PP::decode_json($_->{body})->{data} } $receiver->requests('/ok') };
    $gw->wait_for(sub { keys(%case) <= $posts->() }, 10, 'posts');
    my %told = map { $_->{Recipient} => $_->{Bounce} } $posts->();
    is($told{'unknown@example.org'}{class}, 'recipient', 'webhooks are told the class');
    like(shown($id{unsigned}), qr/"class":\s*"authentication"/, 'so are those who list events');
    $gw->sql('DELETE FROM emailgw.queue');
};

subtest 'deferrals' => sub {
    my %id = map { $_ => mail_to($account, "$_\@example.org") } sort keys %defer;
    for my $who (sort keys %defer) {
        $gw->wait_for(sub { story($id{$who}) =~ /3/ }, 10, "$who put off");
        is($gw->newest_detail($id{$who})->{deferral}{class}, $defer{$who}[2], "$defer{$who}[1]: $defer{$who}[2]");
        ok(!listed($account)->{"$who\@example.org"}, '... suppresses nobody');
    }
    ok(scalar(grep { /EG0311: deferred .*recipient=slower\@example\.org .*class=reputation / } $gw->log_lines(qr/sender\.log/)), 'the log has the class');
    $gw->sql('DELETE FROM emailgw.queue');
};

subtest 'suppressed after it was accepted' => sub {
    my $by_hand = mail_to($account, 'later-by-hand@example.org');
    my $mixed = mail_to($account, [ 'later-ann@example.org', 'later-bob@example.org' ]);
    my $later = mail_to($account, 'scheduled@example.org', SendAt => int(time) + 3);
    my $of_other = mail_to($other, 'later-by-hand@example.org');
    $gw->wait_for(sub { tries('later-by-hand@example.org') >= 2 && tries('later-ann@example.org') }, 10, 'first attempts');
    $gw->ctl(qw(suppress add), $_, '--user', $account->{username}) for 'later-by-hand@example.org', 'Later-Ann@example.org', 'scheduled@example.org';
    $gw->drained(20);
    my $suppressed = 5;
    for my $id ($by_hand, $later) {
        like(story($id), qr/^(?:3 )*$suppressed$/, 'one final event, which says suppressed');
        is(ends($id), 'suppressed', '... and so does the recipient');
    }
    is(tries('scheduled@example.org'), 0, 'nobody was asked about the scheduled one');
    is(ends($mixed), 'suppressed delivered', 'the other recipient of a mail gets it');
    is(ends($of_other), 'delivered', 'and so does the other account\'s');
    is(scalar(grep { $_->{to} =~ /ann/ } $sink->messages), 0, 'nothing reached those who are suppressed');
    ok(scalar(grep { /EG\d+: suppressed message=\Q$later\E recipient=scheduled\@example\.org/ } $gw->log_lines(qr/sender\.log/)), 'the log tells');
    like(shown($later), qr/"suppressed"/, 'and the list of events');
};

subtest 'by the bounce of another mail' => sub {
    my $second = mail_to($account, 'unknown@example.com', SendAt => int(time) + 3);
    my $first = mail_to($account, 'unknown@example.com');
    $gw->drained(20);
    is(ends($first), 'bounced', 'the first bounces');
    is(ends($second), 'suppressed', 'the second is not sent');
    is(tries('unknown@example.com'), 1, 'the server was asked once');
};

$gw->log_clean;
done_testing;
