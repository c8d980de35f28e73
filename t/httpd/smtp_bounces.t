# EmailGatewaySMTP bounces: what comes back to port 25 of httpd itself. Return paths at their
# own hosts are let in, all else is refused at RCPT, and nobody gets an answer by mail.
use EmailGW;
use EmailGW::Postfix;
use EmailGW::Returned qw(sent report feedback);
use EmailGW::Sink;
use EmailGW::Smtp;
use Instance;
use Instance::Process;
use POSIX ();
use Time::HiRes qw(sleep time);

my $seed = $ENV{EG_SEED} // time ^ $$;
srand $seed;
diag("EG_SEED=$seed");
my $gw = EmailGW->up(RATE => 'off', SENDER_CONF => \"threads = 1\npoll = 20ms\nretry = 1s\nlease = 5s\nhostname = mail.example.com\n");
my ($account, $other) = map { $gw->new_account } 1 .. 2;
my $port = $gw->env('BOUNCE_PORT');

sub story {
    my ($mail) = @_;
    return join ' ', map { $_->[0] } $gw->sql("SELECT type FROM emailgw.event WHERE message_id = '$mail->{id}' AND type <> 1
        AND email = '$mail->{to}' ORDER BY event_id");
}

# How many of these mails have each story: "2 4" => 20.
sub stories {
    my $list = join ', ', map { "('$_->{id}'::uuid, '$_->{to}')" } @_;
    my %count = map { @$_ } $gw->sql("SELECT s.story, count(*) FROM (VALUES $list) AS m (id, email) CROSS JOIN LATERAL (
        SELECT string_agg(e.type::text, ' ' ORDER BY e.event_id) AS story FROM emailgw.event AS e
         WHERE e.message_id = m.id AND e.email = m.email AND e.type <> 1) AS s GROUP BY s.story");
    return \%count;
}

sub ends_as {
    my ($mail, $story, $what, $seconds) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return ok($gw->wait_for(sub { story($mail) eq $story }, $seconds // 10, $what), $what);
}

# A text as it goes over the wire, up to its dot.
sub wire {
    my ($text) = @_;
    return $text =~ s/\r?\n/\r\n/gr =~ s/^\./../mgr;
}

# A whole mail: the reply to its dot, or to the RCPT that was refused; empty where there is none.
sub come_back {
    my ($text, $to, %with) = @_;
    my $smtp = EmailGW::Smtp->connect($port);
    $smtp->say('EHLO mx.example.org');
    $smtp->say('MAIL FROM:<' . ($with{from} // '') . '>');
    my $code = $smtp->say("RCPT TO:<$to>") || return ''; # httpd has died
    return $smtp->{reply} =~ s/\r\n//r if $code != 250;
    $smtp->say('DATA');
    $smtp->write(wire($text) . ".\r\n");
    return $smtp->read ? $smtp->{reply} =~ s/\r\n//r : '';
}

# Everything that somebody could get to hear of, or that a mail could leave behind.
sub traces {
    return $gw->sql("SELECT (SELECT count(*) FROM emailgw.message) || ' ' || (SELECT count(*) FROM emailgw.queue) || ' '
        || (SELECT count(*) FROM emailgw.event WHERE type NOT IN (1, 2)) || ' ' || (SELECT count(*) FROM emailgw.suppression)
        || ' ' || (SELECT count(*) FROM emailgw.returned_queue)") . ' ' . $gw->outbox;
}

sub all_read {
    return $gw->wait_for(sub { !$gw->sql('SELECT count(*) FROM emailgw.returned_queue') }, 20, 'all read');
}

subtest 'what is let in' => sub {
    my ($mail) = sent($gw, $account, 'ann@example.net');
    like(come_back(report('ann@example.net'), $mail->{return_path}), qr/^250 2\.0\.0 /, 'a bounce to its return path');
    ends_as($mail, '2 4', 'is the bounce of that mail');
    my $detail = $gw->newest_detail($mail->{id});
    is("$detail->{smtp}{code} $detail->{smtp}{enhanced} $detail->{bounce}{class}", '550 5.1.1 recipient', '... with the reply, and its class');
    my @listed = $gw->ctl(qw(suppress list --user), $account->{username});
    is(join(' ', map { $_->{email} } @listed), 'ann@example.net', '... and its suppression');
    for my $to (uc $mail->{return_path}, $mail->{return_path} =~ s/\@(.*)/\@\U$1/r) {
        like(come_back(report('ann@example.net'), $to), qr/^250 /, "as it comes: $to");
    }
    like(come_back(report('ann@example.net'), $mail->{return_path}, from => 'MAILER-DAEMON@mx.example.org'), qr/^250 /, 'whoever it is from');

    my ($complained) = sent($gw, $account, 'eve@example.net');
    like(come_back(feedback('abuse'), $complained->{return_path}), qr/^250 /, 'a feedback report');
    ends_as($complained, '2 10', 'is a complaint');
    my ($huge) = sent($gw, $account, 'gus@example.net');
    like(come_back(report('gus@example.net') . ('.' . 'x' x 74 . "\n") x 200_000, $huge->{return_path}), qr/^250 /, '15 MB');
    ends_as($huge, '2 4', 'are read as far as it takes');
    is(story($mail), '2 4', 'each counts once');
};

subtest 'what is refused at RCPT' => sub {
    my ($mail) = sent($gw, $account, 'bob@example.net');
    my ($theirs) = map { $_->{return_path} =~ /\@(.*)/ } sent($gw, $other, 'bob@example.net');
    my ($local, $host) = split /\@/, $mail->{return_path};
    my ($token) = $local =~ /^b\+(.*)/;
    my $forged = sub { my ($at) = @_; my $copy = $token; substr($copy, $at, 1) = substr($copy, $at, 1) eq 'a' ? 'b' : 'a'; return "b+$copy\@$host" };
    my %address = (
        (map { ("a forged token ($_)" => $forged->($_)) } 0, 20, 40, length($token) - 1),
        'another account\'s host' => "$local\@$theirs", 'the domain itself' => "$local\@$account->{domain}",
        'another host' => "$local\@example.com", 'a host below' => "$local\@x.$host", 'no token' => "ann\@$host",
        'a postmaster' => "postmaster\@$host", 'a customer\'s mailbox' => "info\@$account->{domain}",
        'relay' => 'victim@example.org', 'relay by percent' => "victim%example.org\@$host", 'relay by a bang' => "example.org!victim\@$host",
        'relay by quotes' => "\"victim\@example.org\"\@$host", 'a source route' => "\@example.org:victim\@$host",
        'a token and a percent' => "$local%example.org\@$host", 'a literal' => "$local\@[127.0.0.1]", 'the own host' => "$local\@localhost",
    );
    my $before = traces();
    my $smtp = EmailGW::Smtp->connect($port);
    my $commands = 0;
    for my $what (sort keys %address) {
        if ($commands++ % 8 == 0) {
            $smtp = EmailGW::Smtp->connect($port);
            $smtp->say('EHLO mx.example.org');
            $smtp->say('MAIL FROM:<>');
        }
        my $code = $smtp->say("RCPT TO:<$address{$what}>");
        like($smtp->{reply}, qr/^5\d\d 5\.\d\.\d /, "$what: $address{$what}");
        is($code, 550, '... no such address') if $what =~ /token|another|below|relay$|postmaster|domain/ && $what !~ /percent/;
    }
    is($smtp->say('DATA'), 554, 'and no text without a recipient');
    sleep 0.5;
    is(traces(), $before, 'nothing is kept, told or answered by mail');

    $smtp = EmailGW::Smtp->connect($port);
    $smtp->say('EHLO mx.example.org');
    is($smtp->begin_mail('x@example.org', 'victim@example.org', $forged->(9), $mail->{return_path}), 354, 'among others one that is right');
    $smtp->write(wire(report('bob@example.net')) . ".\r\n");
    is($smtp->read, 250, '... gets its mail');
    ends_as($mail, '2 4', '... alone');
    is(scalar(grep { $_->{to} =~ /victim/ } $gw->outbox), 0, '... and nobody else');
};

subtest 'a former sub-domain' => sub {
    my $mover = $gw->new_account;
    my ($bounced) = sent($gw, $mover, 'ann@example.net');
    my ($complained) = sent($gw, $mover, 'bob@example.net');
    my $reply = $gw->api('EmailGateway.UpdateDomain', as => $mover, DomainID => $mover->{domain_id}, Subdomain => 'mail');
    is($reply->{json}{Domain}{Subdomain}, 'mail', 'the domain gets another sub-domain');
    my ($local, $host) = split /\@/, $bounced->{return_path};
    is($host, "eg.$mover->{domain}", '... after mail that names the former one');
    for my $at ("x.$host", $mover->{domain}, "eg.$account->{domain}", 'eg.example.com', "eg.x$mover->{domain}", "eg.$mover->{domain}.example.com") {
        like(come_back(report('ann@example.net'), "$local\@$at"), qr/^550 5\.1\.1 /, "refused at $at");
    }
    like(come_back(report('ann@example.net'), $local =~ s/(.)\z/$1 eq 'a' ? 'b' : 'a'/er . "\@$host"), qr/^550 5\.1\.1 /, '... and with a forged token');
    like(come_back(report('ann@example.net'), $bounced->{return_path}), qr/^250 2\.0\.0 /, 'a bounce that comes there is taken');
    ends_as($bounced, '2 4', '... and is the bounce of that mail');
    like(come_back(feedback('abuse'), "$complained->{return_path}" =~ s/\@eg\./\@mail./r), qr/^250 /, 'a complaint at the new one');
    ends_as($complained, '2 10', '... is that of its mail');
};

# Commands in turn, each with its own reply, until the session ends: how many were answered, and the code of the last one.
sub until_the_end {
    my ($smtp, @round) = @_;
    for my $count (0 .. 1000) {
        my $code = $smtp->say($round[ $count % @round ]);
        return ($count, $code) if $code !~ /^[25]50/;
    }
    return (1000, 'no end');
}

subtest 'who brings no mail' => sub {
    my ($mail) = sent($gw, $account, 'ida@example.net');
    my @try = ('MAIL FROM:<>', "RCPT TO:<$mail->{return_path}>", 'RSET');
    for my $with ([ 'a return path', @try ], [ 'and forged ones', $try[0], $try[1] =~ s/b\+../b+zz/r, @try[1, 2] ]) {
        my ($what, @round) = @$with;
        my $smtp = EmailGW::Smtp->connect($port);
        $smtp->say('EHLO mx.example.org');
        my ($count, $code) = until_the_end($smtp, @round);
        is($code, 421, "$what: the end");
        like($smtp->{reply}, qr/^421 4\.7\.0 .* commands without a mail/, '... as what it is');
        ok($smtp->is_closed, '... and the connection closed');
        cmp_ok($count, '<=', 200, "... after $count commands");
        cmp_ok($count, '>=', 90, '... and not before some tens of mails could have been delivered');
    }

    my $smtp = EmailGW::Smtp->connect($port);
    $smtp->say('EHLO mx.example.org');
    my %code;
    for (1 .. 100) {
        $smtp->begin_mail('', $mail->{return_path});
        $smtp->write(wire(report('ida@example.net')) . ".\r\n");
        $code{ $smtp->read // 'closed' }++;
    }
    is_deeply(\%code, { 250 => 100 }, 'who brings mails may bring 100');
    ends_as($mail, '2 4', '... of which each counts once');
};

subtest 'what tells nothing' => sub {
    my ($mail) = sent($gw, $account, 'carl@example.net');
    my $smtp = EmailGW::Smtp->connect($port);
    $smtp->say('EHLO mx.example.org');
    unlike($smtp->{reply}, qr/AUTH|VRFY|EXPN/i, 'EHLO offers no login');
    my %reply = map { $smtp->say("VRFY $_"); ($smtp->{reply} => 1) } "<$mail->{return_path}>", $mail->{return_path}, '<nobody@example.org>', "<x$mail->{return_path}>";
    is(scalar keys %reply, 1, 'VRFY says the same to all') or diag(keys %reply);
    unlike((keys %reply)[0], qr/^250/, '... and confirms none');
    isnt(substr($smtp->say("EXPN $mail->{return_path}"), 0, 1), '2', 'EXPN neither');
    like($smtp->say('AUTH PLAIN AGFubgB4'), qr/^5/, 'nobody logs in');
    is($smtp->say("RCPT TO:<$mail->{return_path}>"), 503, 'no RCPT before MAIL');
};

subtest 'too many of one return path' => sub {
    my ($mail) = sent($gw, $account, 'dan@example.net');
    all_read();
    $gw->stop('sender');
    my %reply;
    $reply{ substr come_back(report('dan@example.net') . "$_\n", $mail->{return_path}), 0, 9 }++ for 1 .. 22;
    is_deeply(\%reply, { '250 2.0.0' => 20, '452 4.3.1' => 2 }, '20 wait, others are to come later');
    my $status = $gw->ctl('status');
    is($status->{returned_waiting}, 20, 'emailgwctl status counts them');
    $gw->start('sender');
    ends_as($mail, '2 4', 'with a sender they are read');
    like(come_back(report('dan@example.net') . "22\n", $mail->{return_path}), qr/^250 /, '... and others taken');
};

subtest 'the database is away' => sub {
    my ($mail) = sent($gw, $account, 'fay@example.net');
    $gw->expects_database_away;
    my $smtp = EmailGW::Smtp->connect($port);
    $smtp->say('EHLO mx.example.org');
    is($smtp->begin_mail('', $mail->{return_path}), 354, 'a mail is under way');
    $gw->stop('postgres');
    $smtp->write(wire(report('fay@example.net')) . ".\r\n");
    is($smtp->read, 451, '... and cannot be kept: it is to come again');
    like(come_back('', $mail->{return_path}), qr/^451 4\.3\.0 /, 'nor can a return path be told from others');
    like(come_back('', 'ann@example.net'), qr/^550 /, '... but what has no MAC is refused');
    $gw->start('postgres');
    like($gw->wait_for(sub { my $reply = come_back(report('fay@example.net'), $mail->{return_path}); $reply =~ /^250/ && $reply }, 20, 'a mail after that'),
        qr/^250 /, 'when it is back the mail is taken');
    ends_as($mail, '2 4', '... and told', 20);
};

# What the clients were told is what there is, whenever httpd dies.
subtest 'kill -9 of httpd, ten times' => sub {
    $gw->expects(qw(AH00052 AH00045 AH00046 AH00060));
    my @mails = map { my $n = $_; sent($gw, $account, map { "kill$n-$_\@example.net" } 1 .. 20) } 1 .. 10;
    my @acknowledged;
    for my $kill (0 .. 9) {
        my @some = @mails[ 20 * $kill .. 20 * $kill + 19 ];
        pipe my $wait, my $go or die "pipe: $!\n";
        my $pid = fork // die "fork: $!\n";
        if ($pid == 0) { # somewhere within one of the first fifteen mails
            sysread $wait, my $now, 1;
            sleep rand 0.02;
            # By itself: t/instance takes so long to start that all mails might be through.
            Instance::Process::signal('KILL', $gw->family('httpd'));
            POSIX::_exit(0);
        }
        my $within = int rand 15;
        for my $i (0 .. $#some) {
            my $mail = $some[$i];
            syswrite $go, '!' if $i == $within;
            push @acknowledged, $mail if (eval { come_back(report($mail->{to}), $mail->{return_path}) } // '') =~ /^250/;
        }
        waitpid $pid, 0;
        $gw->kill('httpd'); # and whatever it had
        $gw->start('httpd');
    }
    diag(scalar(@acknowledged) . ' of ' . @mails . ' were acknowledged');
    cmp_ok(scalar @acknowledged, '<', scalar @mails, 'some were not acknowledged');
    all_read();
    is_deeply(stories(@acknowledged), { '2 4' => scalar @acknowledged }, 'those that were have one bounce each');
    is(join(', ', grep { !/^2(?: 4)?$/ } keys %{ stories(@mails) }), '', 'and no other has more');
    come_back(report($_->{to}), $_->{return_path}) for @mails;
    all_read();
    is_deeply(stories(@mails), { '2 4' => 200 }, '... also when all of them come again');
};

subtest 'another client, over TLS' => sub {
    my ($mail) = sent($gw, $account, 'hal@example.net');
    my $program = $gw->file('client.py', <<'END');
import smtplib, ssl, sys
port, ca, to, forged = sys.argv[1:]
client = smtplib.SMTP('127.0.0.1', int(port), 'mx.example.org')
client.starttls(context=ssl.create_default_context(cafile=ca))
try:
    client.sendmail('', [forged], 'Subject: x\r\n\r\nx')
except smtplib.SMTPRecipientsRefused as refused:
    print(*[code for code, text in refused.recipients.values()])
print(client.sendmail('', [to], sys.stdin.read()), client.noop()[0])
END
    my ($status, $out, $err) = EmailGW::run_command(report('hal@example.net'), 'python3', $program, $port, $gw->env('CA_FILE'),
        $mail->{return_path}, $mail->{return_path} =~ s/^b\+../b+zz/r);
    is($out, "550\n{} 250\n", 'Python\'s smtplib') or diag($err);
    ends_as($mail, '2 4', 'its bounce is told');
};

# local part => code, enhanced, is the address suppressed? By what the server behind Postfix says.
my %end = (unknown => [ '550 5.1.1 No such user here', 1 ], full => [ '552 5.2.2 Mailbox is full', 0 ]);

subtest 'Postfix takes a mail, cannot deliver it, and sends its bounce' => sub {
    plan(skip_all => EmailGW::Postfix::unable()) if defined EmailGW::Postfix::unable();
    my $sink = EmailGW::Sink->start(script => sub {
        my ($step, $c) = @_;
        my ($who) = ($c->{to} // '') =~ /^(\w+)/ or return;
        return $step eq 'rcpt' && $end{$who} ? $end{$who}[0] : undef;
    });
    my $postfix = EmailGW::Postfix->new(relay => '127.0.0.1:' . $sink->port,
        settings => { transport_maps => "inline:{ { eg.$account->{domain} = smtp:[127.0.0.1]:$port } }" });
    $postfix->start(qmgr => 1);
    $postfix->{peer}->await_port($postfix->{port});
    $gw->reload_sender("threads = 1\npoll = 20ms\nretry = 1s\nhostname = mail.example.com\ntransport = relay:127.0.0.1:$postfix->{port}\n");
    my %mail;
    for my $who (sort(keys %end), 'known') {
        my $reply = $gw->send_mail(as => $account, To => [ { email => "$who\@example.org", name => '' } ]);
        $mail{$who} = { id => $reply->{json}{MessageID}, to => "$who\@example.org" };
    }
    for my $who (sort keys %end) {
        ends_as($mail{$who}, '2 4', "$who: delivered, then a bounce", 30) or diag(Instance::tail("$postfix->{temp}/mail.log"));
        my $detail = $gw->newest_detail($mail{$who}{id});
        like($end{$who}[0], qr/^$detail->{smtp}{code} \Q$detail->{smtp}{enhanced}\E /, '... with the reply of the server behind it');
        my @listed = grep { $_->{email} eq "$who\@example.org" } $gw->ctl(qw(suppress list --user), $account->{username});
        is(scalar @listed, $end{$who}[1], $end{$who}[1] ? '... suppressed' : '... not suppressed');
    }
    $gw->wait_for(sub { story($mail{known}) eq '2' }, 10, 'the other one');
    is(scalar(grep { $_->{from} eq '' } $sink->messages), 0, 'nobody else gets a bounce');
    $postfix->stop;
};

$gw->log_clean;
done_testing;
