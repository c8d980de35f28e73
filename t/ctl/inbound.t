# emailgwctl inbound: what comes back by mail, into a real database: whose it is by the
# return path alone, what the API and webhooks then tell, and what the MTA is told.
use FindBin;
use lib "$FindBin::Bin/../lib";
use EmailGW;
use EmailGW::Receiver;
use EmailGW::Returned qw(report feedback);
use POSIX ();

my $receiver = EmailGW::Receiver->up;
my $gw = EmailGW->up(RATE => 'off', WEBHOOK_ALLOW => $receiver->address, SENDER_CONF => \"threads = 1\npoll = 20ms\n");
my ($account, $other) = map { $gw->new_account } 1 .. 2;
my ($ok, $no_user, $try_again) = (0, 67, 75); # sysexits.h
$gw->call('POST', '/api/v1/webhooks', { key => $account->{key},
    json => { Event => 'bounce,complaint', WebhookURL => $receiver->url('/ok') } });

# A mail that was delivered into the outbox: {id, return_path}.
sub sent {
    my ($to, $as) = @_;
    my $reply = $gw->send_mail(as => $as // $account, To => [ { email => $to, name => '' } ]);
    my $id = $reply->{json}{MessageID} // die "$to: $reply->{body}\n";
    $gw->wait_for(sub { story($id) eq 'delivery' }, 10, "a delivery to $to");
    return { id => $id, to => $to, return_path => ($gw->outbox($id))[0]{from} };
}

# "delivery bounce": what became of a mail, oldest first, without its acceptance.
sub story {
    my ($id) = @_;
    return join ' ', map { $_->{EventType} } reverse grep { $_->{EventType} ne 'send' } map { $gw->events($id, $_) } $account, $other;
}

# A mail through the command, to these addresses.
sub come_back {
    my ($mail, @to) = @_;
    return $gw->ctl_try('inbound', (map { ('--recipient', $_) } @to), \$mail);
}

# Everything that it may write to.
sub state_of {
    return $gw->sql("SELECT (SELECT count(*) FROM emailgw.event WHERE type <> 1) || ' ' || (SELECT count(*) FROM emailgw.suppression)
        || ' ' || (SELECT coalesce(sum(count), 0) FROM emailgw.daily_count WHERE type <> 1)
        || ' ' || (SELECT count(*) FROM emailgw.recipient WHERE returned_at IS NOT NULL OR complained_at IS NOT NULL)");
}

sub untouched {
    my ($before, $what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return is(state_of(), $before, $what);
}

sub listed {
    my ($account) = @_;
    return { map { $_->{email} => $_ } $gw->ctl(qw(suppress list --user), $account->{username}) };
}

subtest 'a bounce' => sub {
    my $mail = sent('ann@example.net');
    my $done = come_back(report('ann@example.net'), $mail->{return_path});
    is($done->{exit}, $ok, 'taken') or diag($done->{err});
    my $said = $done->{objects}[0];
    is("$said->{kind} $said->{result} $said->{message_id} $said->{recipient}", "bounce recorded $mail->{id} ann\@example.net", 'it says of which mail');
    is("$said->{class} $said->{code} $said->{enhanced}", 'recipient 550 5.1.1', '... and what it was');
    my ($event) = $gw->events($mail->{id}, $account);
    is("$event->{EventType} $event->{Recipient}", 'bounce ann@example.net', 'the API lists it, behind the delivery');
    is("$event->{Smtp}{Code} $event->{Smtp}{EnhancedCode} $event->{Smtp}{Host}", '550 5.1.1 mx.example.net', '... with the reply');
    is($event->{Smtp}{Text}, '<ann@example.net>: User unknown', '... its words');
    is("$event->{Bounce}{class} $event->{Bounce}{suppress} $event->{Bounce}{reported}", 'recipient 1 1', '... its class, and that it was reported');
    $gw->wait_for(sub { $receiver->requests('/ok') }, 10, 'a post');
    my ($post) = map { JSON::PP::decode_json($_->{body}) } $receiver->requests('/ok');
    is("$post->{type} $post->{data}{MessageId} $post->{data}{Bounce}{class}", "email.bounce $mail->{id} recipient", 'the webhook is told');
    is(listed($account)->{'ann@example.net'}{reply}, '550 5.1.1 <ann@example.net>: User unknown', 'the address is suppressed, with why');
    is(listed($account)->{'ann@example.net'}{message_id}, $mail->{id}, '... and of which mail');
    ok(!listed($other)->{'ann@example.net'}, '... for this account alone');
    my $stats = $gw->api('EmailGateway.DomainStats', as => $account, DomainID => $account->{domain_id})->{json};
    is("$stats->{Stats}{Delivered} $stats->{Stats}{Bounced}", '1 1', 'and counted');

    my $before = state_of();
    for (1 .. 20) {
        my $again = come_back(report('ann@example.net'), $mail->{return_path});
        is("$again->{exit} $again->{objects}[0]{result}", "$ok again", 'the same again') if $_ == 1;
    }
    untouched($before, '... 20 times: nothing more');
    is(scalar($receiver->requests('/ok')), 1, '... and no post more');
};

subtest 'the return path decides' => sub {
    my $mail = sent('bob@example.net');
    my $done = come_back(report('somebody.else@example.org'), $mail->{return_path});
    is("$done->{exit} $done->{objects}[0]{recipient}", "$ok bob\@example.net", 'a report on somebody else');
    is($done->{objects}[0]{reported_recipient}, 'somebody.else@example.org', '... says whom it named');
    ok(!listed($account)->{'somebody.else@example.org'}, '... who is not suppressed');
    my $upper = sent('case@example.net');
    is(come_back(report('case@example.net'), uc $upper->{return_path})->{objects}[0]{result}, 'recorded', 'in capitals');
    my $bracketed = sent('brackets@example.net');
    is(come_back(report('brackets@example.net'), "<$bracketed->{return_path}>")->{objects}[0]{result}, 'recorded', 'in brackets');
};

subtest 'forged return paths' => sub {
    my $mail = sent('carl@example.net');
    my ($theirs) = sent('carl@example.net', $other)->{return_path} =~ /\@(.*)/;
    my ($token, $host) = $mail->{return_path} =~ /^b\+(.*)\@(.*)/;
    my $before = state_of();
    for my $at (0 .. length($token) - 1) {
        my $forged = $token;
        substr $forged, $at, 1, substr($forged, $at, 1) eq 'a' ? 'b' : 'a';
        my $done = come_back(report('carl@example.net'), "b+$forged\@$host");
        is($done->{exit}, $no_user, "letter $at changed") if $at % 10 == 0 || $done->{exit} != $no_user;
    }
    for my $address ("$token\@$host", "b+$token", "b+$token\@$theirs", "b+$token\@example.com", "b+$token\@x.$host", "b+$token\@",
        "c+$token\@$host", "b+$token+x\@$host", 'b+@' . $host, '', '@', 'ann@example.net', 'x' x 5000, "b+$token\@$host\r\nx",
        "MAILER-DAEMON\@$host", ";id;\@$host", "b+' OR 1=1 --\@$host") {
        my $done = come_back(report('carl@example.net'), $address);
        is($done->{exit}, $no_user, 'refused: ' . substr($address, 0, 30) =~ s/[\r\n]/?/gr);
        is($done->{out}, '', '... with nothing said') if $done->{out} ne '';
    }
    my $done = come_back(report('carl@example.net'), 'ann@example.net');
    like($done->{err}, qr/no such address/, 'the MTA is told why');
    untouched($before, 'nothing is recorded of any');
    is(come_back(report('carl@example.net'), "b+$token\@$theirs", $mail->{return_path})->{exit}, $ok, 'one that is right among others is enough');
    is(story($mail->{id}), 'delivery bounce', '... for its own mail');
};

subtest 'without --recipient' => sub {
    for my $field (qw(Delivered-To X-Original-To Envelope-To To)) {
        my $mail = sent("\L$field\@example.net");
        my $text = report($mail->{to}) =~ s/^To: undisclosed\n/$field: <$mail->{return_path}>\n/mr;
        my $done = come_back($text);
        is("$done->{exit} $done->{objects}[0]{result}", "$ok recorded", "by $field");
    }
    my $mail = sent('inner@example.net');
    my $before = state_of();
    is(come_back(report('x@example.net') =~ s/^To: x\@/To: $mail->{return_path}, x\@/mr)->{exit}, $no_user, 'what the enclosed mail says does not count');
    untouched($before, '... at all');
};

subtest 'what is no bounce' => sub {
    my $mail = sent('dan@example.net');
    my $before = state_of();
    my %text = (
        delay => report('dan@example.net', Action => 'delayed', Status => '4.4.1', 'Diagnostic-Code' => undef),
        success => report('dan@example.net', Action => 'delivered', Status => '2.0.0', 'Diagnostic-Code' => undef),
        answer => "From: dan\@example.net\nAuto-Submitted: auto-replied\nSubject: Away\n\nUser unknown to work.\n",
        other => "From: dan\@example.net\nSubject: Re: Hello\n\nThank you.\n",
    );
    for my $kind (sort keys %text) {
        my $done = come_back($text{$kind}, $mail->{return_path});
        is("$done->{exit} $done->{objects}[0]{kind} $done->{objects}[0]{result}", "$ok $kind ignored", $kind);
    }
    is(come_back(feedback($_), $mail->{return_path})->{objects}[0]{result}, 'ignored', $_) for 'not-spam', 'auth-failure';
    untouched($before, 'nothing is recorded of them');
    my $soft = come_back(report('dan@example.net', Status => '5.2.2', 'Diagnostic-Code' => 'smtp; 552 5.2.2 Mailbox full'), $mail->{return_path});
    is("$soft->{objects}[0]{class} $soft->{objects}[0]{result}", 'mailbox-full recorded', 'a full mailbox bounces');
    ok(!listed($account)->{'dan@example.net'}, '... and suppresses nobody');
};

subtest 'complaints' => sub {
    my $mail = sent('eve@example.net');
    my $done = come_back(feedback('abuse'), $mail->{return_path});
    is("$done->{exit} $done->{objects}[0]{kind} $done->{objects}[0]{result}", "$ok complaint recorded", 'a complaint');
    is(story($mail->{id}), 'delivery complaint', 'is an event');
    is(listed($account)->{'eve@example.net'}{reason}, 'complaint', '... and suppresses');
    is(come_back(feedback('abuse'), $mail->{return_path})->{objects}[0]{result}, 'again', '... once');
    is(story($mail->{id}), 'delivery complaint', '... and no more');

    my $looped = sent('fay@example.net');
    my $report = feedback('abuse', "Original-Mail-From: <$looped->{return_path}>\n");
    my $before = state_of();
    is(come_back($report, 'abuse@example.com')->{exit}, $no_user, 'a return path in a report does not count');
    untouched($before, '... for a mail that came to another address');
    my $fed = $gw->ctl_try(qw(inbound --feedback), \$report);
    is("$fed->{exit} $fed->{objects}[0]{result}", "$ok recorded", '... but where the operator says that it is a feedback loop\'s');
    is(story($looped->{id}), 'delivery complaint', '... it is of that mail');
    $before = state_of();
    for my $text (report('fay@example.net'), feedback('abuse'), feedback('abuse', "Original-Mail-From: <b+x\@eg.$account->{domain}>\n"),
        feedback('not-spam', "Original-Mail-From: <$mail->{return_path}>\n")) {
        is($gw->ctl_try(qw(inbound --feedback), \$text)->{exit}, $ok, 'any other mail there is taken');
    }
    untouched($before, '... and is nothing');
};

subtest 'large mails' => sub {
    my $mail = sent('gus@example.net');
    my $huge = report('gus@example.net') . ('x' x 75 . "\n") x 400_000;
    my $done = come_back($huge, $mail->{return_path});
    is("$done->{exit} $done->{objects}[0]{result}", "$ok recorded", length($huge) . ' bytes: the report is read, the rest dropped');
    my $late = sent('hal@example.net');
    my $before = state_of();
    my $behind = "From: x\@example.org\nSubject: x\n\n" . ('x' x 75 . "\n") x 140_000 . report('hal@example.net');
    is(come_back($behind, $late->{return_path})->{objects}[0]{result}, 'ignored', 'what is beyond 10 MB is not looked at');
    untouched($before, '... at all');
};

subtest 'ahead of the sender' => sub {
    my $mail = sent('ian@example.net');
    my $of = "account_id = $account->{account_id} AND message_id = '$mail->{id}'";
    $gw->sql("UPDATE emailgw.recipient SET status = 'queued' WHERE $of");
    $gw->sql("INSERT INTO emailgw.queue (account_id, message_id, recipient_no, domain_id, email, lane, ready, leased, next_at, size_bytes)
        VALUES ($account->{account_id}, '$mail->{id}', 1, $account->{domain_id}, 'ian\@example.net', 1, false, true, now() + interval '1 day', 1)");
    my $pid = fork // die "fork: $!\n";
    if ($pid == 0) {
        sleep 2;
        $gw->sql("UPDATE emailgw.recipient SET status = 'delivered' WHERE $of");
        $gw->sql("DELETE FROM emailgw.queue WHERE $of");
        POSIX::_exit(0);
    }
    my $begun = time;
    my $done = come_back(report('ian@example.net'), $mail->{return_path});
    waitpid $pid, 0;
    is("$done->{exit} $done->{objects}[0]{result}", "$ok recorded", 'a bounce of a mail that the sender still has in hand');
    cmp_ok(time - $begun, '>=', 1, '... waits until that is recorded');
    is($gw->sql("SELECT status FROM emailgw.recipient WHERE $of"), 'bounced', '... so that the bounce is the end');
};

subtest 'a mail that is no longer stored' => sub {
    my $mail = sent('jim@example.net');
    $gw->sql("DELETE FROM emailgw.$_ WHERE message_id = '$mail->{id}'") for qw(event recipient content message);
    my $before = state_of();
    my $done = come_back(report('jim@example.net'), $mail->{return_path});
    is("$done->{exit} $done->{objects}[0]{result}", "$ok gone", 'is taken, so that it does not come again');
    untouched($before, '... and nothing is written');
};

subtest '--check' => sub {
    my $mail = sent('kim@example.net');
    is($gw->ctl_try(qw(inbound --check --recipient), $mail->{return_path})->{exit}, $ok, 'a return path');
    is($gw->ctl_try(qw(inbound --check --recipient), "x$mail->{return_path}")->{exit}, $no_user, 'none');
    is($gw->ctl_try(qw(inbound --check))->{exit}, $no_user, 'nothing');
    is($gw->ctl_try(qw(inbound --nonsense))->{exit}, $try_again, 'called wrongly: the mail is not lost for it');
    like($gw->ctl_try(qw(inbound --help))->{out}, qr/--recipient ADDRESS/, 'help');
};

# Many mails at once: their return paths in the order of the recipients.
sub sent_to_many {
    my (@to) = @_;
    my %path;
    while (my @some = splice @to, 0, 50) {
        my $reply = $gw->send_mail(as => $account, To => [ map { { email => $_, name => '' } } @some ]);
        my $id = $reply->{json}{MessageID} // die "$reply->{body}\n";
        $gw->wait_for(sub { @some == $gw->outbox($id) }, 20, 'deliveries');
        $path{ $_->{to} } = $_->{from} for $gw->outbox($id);
    }
    $gw->drained(20);
    return \%path;
}

# By the tables of those who collected them: each mail to a return path, and to a forged one.
subtest 'bounces of many systems' => sub {
    my $corpora = $ENV{EG_CORPORA} or plan skip_all => 'EG_CORPORA is not set';
    my $folder = "$corpora/bounces-sisimai";
    my $expected = JSON::PP::decode_json(EmailGW::slurp("$folder/expected.json"));
    my @names = sort keys %$expected;
    my $path = sent_to_many(map { "r$_\@example.com" } 0 .. @names);
    my $before = state_of();
    my (%exit, %kind, %wrong);
    for my $at (0 .. $#names) {
        my $forged = $path->{"r$at\@example.com"} =~ s/^(b\+.{30})(.)/$1 . ($2 eq 'a' ? 'b' : 'a')/er;
        $exit{ come_back(EmailGW::slurp("$folder/eml/$names[$at]"), $forged)->{exit} }++;
    }
    is(join(' ', keys %exit), $no_user, 'to forged return paths: all are refused');
    untouched($before, '... and nothing recorded');

    %exit = ();
    for my $at (0 .. $#names) {
        my $done = come_back(EmailGW::slurp("$folder/eml/$names[$at]"), $path->{"r$at\@example.com"});
        $exit{ $done->{exit} }++;
        $kind{ "$done->{objects}[0]{kind} $done->{objects}[0]{result}" }++;
    }
    note(join ', ', map { "$kind{$_} $_" } sort keys %kind);
    is(join(' ', keys %exit), $ok, 'to return paths: all are taken');
    my $right = 0;
    my $listed = listed($account);
    for my $at (0 .. $#names) {
        my $rows = $expected->{ $names[$at] };
        my $entry = $listed->{"r$at\@example.com"};
        my $suppressed = $entry && $entry->{reason} eq 'bounce';
        my $hard = !grep { !$_->{hardbounce} } @$rows;
        $right++ if !$hard == !$suppressed;
        diag("$names[$at]: $entry->{reply}"), $wrong{$at} = 1 if $suppressed && !$hard;
    }
    note(sprintf 'hard or not: %d of %d as in the table', $right, scalar @names);
    cmp_ok($right / @names, '>=', 0.9, 'hard or not is right of nine in ten');
    is(scalar keys %wrong, 0, 'nobody is suppressed whose bounce is not hard');
    $before = state_of();
    is(come_back(EmailGW::slurp($_), $path->{ 'r' . @names . '@example.com' })->{objects}[0]{result}, 'ignored', 'an ordinary mail') for glob "$folder/not-a-bounce/*.eml";
    untouched($before, '... is nothing');
};

subtest 'the database is away' => sub {
    my $mail = sent('lea@example.net');
    $gw->expects_database_away;
    $gw->stop('postgres');
    is(come_back(report('lea@example.net'), $mail->{return_path})->{exit}, $try_again, 'the MTA is to try again');
    is(come_back(report('lea@example.net'), 'ann@example.net')->{exit}, $no_user, 'a wrong address is refused all the same');
    $gw->start('postgres');
    $gw->wait_for(sub { come_back(report('lea@example.net'), $mail->{return_path})->{exit} == $ok }, 20, 'a bounce after that');
    is(story($mail->{id}), 'delivery bounce', 'and the mail has its bounce');
    my $conf = $gw->file('broken.conf', "secret_file = /nowhere\n");
    my ($status, undef, $err) = EmailGW::run_command('', ($ENV{EG_BUILD} // 'build') . '/emailgwctl', '--config', $conf, 'inbound');
    is($status >> 8, $try_again, 'so it is with a broken configuration') or diag($err);
};

$gw->log_clean;
done_testing;
