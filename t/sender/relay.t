# The real sender against a scripted server: what it does with each reply, cut
# and silence at each step, counted at the server.
use EmailGW;
use EmailGW::Sink;
use Time::HiRes qw(sleep time);

# Which step goes wrong, and how, is in the recipient's local part: mail-550, dot-hang ...
# ".n" at the end: only the first n times.
my %way = (
    450 => sub { '450 4.2.0 later' },
    550 => sub { "550-5.1.1 no such\n550 5.1.1 user here" },
    421 => sub { { reply => '421 4.3.2 closing', close => 1 } },
    599 => sub { '599 nobody knows' },
    garbage => sub { { raw => "\e[31mwhat?\xff\r\n" } },
    wrong => sub { $_[0] eq 'data' ? '250 2.0.0 no' : '354 no' },
    closed => sub { { close => 1 } },
    rst => sub { { reset => 1 } },
    hang => sub { { hang => 1 } },
    drip => sub { { drip => 1, reply => '250 2.0.0 a long and slow reply' } },
    flood => sub { { flood => "250-and so on\r\n" x 1000 } },
    line => sub { { flood => 'x' x 65536 } },
);
my $script = sub {
    my ($step, $c) = @_;
    my $whom = $c->{to} // $c->{from} // '';
    my ($at, $way, $times) = $whom =~ /^(mail|rcpt|data|dot)-(\w+?)(?:\.(\d+))?\@/ or return;
    return if $at ne $step || (defined $times && $c->{tries} > $times);
    return $way{$way}->($step);
};
my $conf = "threads = 1\npoll = 20ms\nretry = 300ms, 400ms\nlifetime = 3s\nhostname = mail.example.com\n"
    . "connect_timeout = 2s\ncommand_timeout = 1s\nfinal_timeout = 1s\n";

my $sink = EmailGW::Sink->start(script => $script);
my $gw = EmailGW->up(RATE => 'off', TRANSPORT => $sink->transport, SENDER_CONF => \"$conf");
my %sent; # recipient => message id

sub mail_to {
    my ($to, %more) = @_;
    my $reply = $gw->send_mail(To => [ { email => $to, name => '' } ], %more);
    is($reply->{status}, 200, "accepted for $to") or diag($reply->{body});
    return $sent{$to} = $reply->{json}{MessageID};
}

# "deferred deferred bounce", oldest first, without the event of acceptance.
sub story { return $gw->story($sent{ $_[0] }) }

# The newest event as the database has it.
sub detail { return $gw->newest_detail($sent{ $_[0] }) }

sub status {
    my ($to) = @_;
    return $gw->sql("SELECT status FROM emailgw.recipient WHERE message_id = '$sent{$to}'");
}

sub tries {
    my ($s, $to, $step) = @_;
    return scalar grep { ($_->{to} // '') eq $to } $s->ledger($step // 'rcpt');
}

sub copies {
    my ($s, $to) = @_;
    return scalar grep { $_->{to} eq $to } $s->messages;
}

# Another configuration for the running sender.
sub configure { $gw->reload_sender($conf . $_[0]) }

subtest 'each step, each way' => sub {
    my (@once, @twice, @never);
    for my $step (qw(rcpt data dot)) {
        push @once, map { "$step-$_.1\@example.org" } qw(450 421 garbage wrong closed rst hang drip flood line);
        push @never, map { "$step-$_\@example.org" } qw(550 599);
    }
    mail_to($_) for @once, @never;
    $gw->drained(40);
    for my $to (@once) {
        my $first = JSON::PP::decode_json(scalar $gw->sql("SELECT detail::text FROM emailgw.event WHERE message_id = '$sent{$to}' AND type = 3 LIMIT 1") // '{}');
        my ($step, $way) = $to =~ /^(\w+)-(\w+)/;
        is(story($to), 'deferred delivery', "$to: put off, then delivered");
        is(tries($sink, $to), 2, '... in two attempts');
        is(copies($sink, $to), $to =~ /^dot-drip/ ? 2 : 1, '... once, or twice where it was taken and not said so in time');
        is($first->{smtp}{stage}, $step, '... the event names the step');
        my $ambiguous = $step eq 'dot' && $way !~ /^(?:450|421)$/;
        is(!!$first->{ambiguous}, $ambiguous, $ambiguous ? '... and that it may come twice' : '... and nothing of a doubt');
        is($first->{smtp}{code}, $way, '... and the code') if $way =~ /^\d/;
    }
    for my $to (@never) {
        is(story($to), 'bounce', "$to: bounced");
        is(tries($sink, $to), 1, '... at the first attempt');
        is(copies($sink, $to), 0, '... and not taken');
        is(status($to), 'bounced', '... as the recipient says');
        is(detail($to)->{bounce}{class}, $to =~ /550/ ? 'recipient' : 'technical', '... and why');
    }
    is(detail('rcpt-550@example.org')->{smtp}{enhanced}, '5.1.1', 'the enhanced code');
    is(detail('rcpt-550@example.org')->{smtp}{text}, 'no such user here', 'the text of both lines');
    is(scalar(grep { /EG0362/ } $gw->log_lines(qr/sender\.log/)),
        scalar(grep { /^dot-(?!4)/ } @once), 'the log tells of each that may come twice');
};

subtest 'the envelope sender refused' => sub {
    my @ways = qw(450 550 421 closed hang garbage);
    my %account = map { $_ => $gw->new_account(domain => "mail-$_.example") } @ways;
    my $other = EmailGW::Sink->start(script => sub {
        my ($step, $c) = @_;
        return if $step ne 'mail' || $c->{from} !~ /\@eg\.mail-(\w+)/;
        my $way = $1;
        return $way ne '550' && $c->{sink}->ledger('mail') > 1 && (grep { $_->{line} =~ /mail-$way/ } $c->{sink}->ledger('mail')) > 1
            ? undef : $way{$way}->($step);
    });
    configure('transport = ' . $other->transport . "\n");
    for my $way (@ways) {
        my $to = "to-$way\@example.org";
        my $reply = $gw->send_mail(as => $account{$way}, To => [ { email => $to, name => '' } ]);
        $sent{$to} = $reply->{json}{MessageID};
        $gw->drained(10); # one after the other: which connection it is matters here
        is(status($to), $way eq '550' ? 'bounced' : 'delivered', "MAIL, $way");
        is(copies($other, $to), $way eq '550' ? 0 : 1, '... at the server');
    }
    is(scalar(grep { $_->{line} =~ /mail-550/ } $other->ledger('mail')), 1, 'a permanent refusal is not tried again');
};

subtest 'before any mail' => sub {
    for my $case ([ connect => 'closed' ], [ connect => 'hang' ], [ connect => 'flood' ], [ connect => 'line' ], [ connect => 'garbage' ],
        [ connect => '550' ], [ ehlo => 'closed' ], [ ehlo => 'hang' ], [ ehlo => 'flood' ], [ connect => 'drip' ]) {
        my ($step, $way) = @$case;
        $gw->expects('EG0360') if $way eq '550';
        my $bad = EmailGW::Sink->start(script => sub { $_[0] eq $step && $_[1]{no} == 1 ? $way{$way}->($step) : undef });
        configure('transport = ' . $bad->transport . "\n");
        my $to = "$step-$way\@before.example";
        mail_to($to);
        $gw->drained(15);
        is(story($to), 'deferred delivery', "$step $way: put off, then delivered");
        is(copies($bad, $to), 1, '... once');
    }
    ok(scalar(grep { /warn EG0360: / } $gw->log_lines(qr/sender\.log/)), 'a server that refuses the sender is in the log');
    ok(scalar(grep { /EG0361: / } $gw->log_lines(qr/sender\.log/)), '... and when it no longer does');
};

subtest 'expiry' => sub {
    configure('transport = ' . $sink->transport . "\n");
    mail_to('rcpt-450@example.org');
    $gw->drained(10);
    my $tries = tries($sink, 'rcpt-450@example.org');
    cmp_ok($tries, '>=', 5, "tried again and again ($tries)");
    is(story('rcpt-450@example.org'), join(' ', ('deferred') x ($tries - 1), 'bounce'), 'then one bounce');
    is(status('rcpt-450@example.org'), 'expired', 'expired');
    is(detail('rcpt-450@example.org')->{bounce}{class}, 'expired', '... as the event says');
    my @at = map { $_->{at} } grep { ($_->{to} // '') eq 'rcpt-450@example.org' } $sink->ledger('rcpt');
    cmp_ok($at[-1] - $at[0], '<=', 3.2, 'the last attempt lies within the lifetime');
    my @gaps = map { $at[$_] - $at[ $_ - 1 ] } 1 .. $#at;
    is(scalar(grep { $_ < 0.26 } @gaps), 0, 'none comes early') or diag("@gaps");
};

subtest 'greylisting, and partial acceptance in changing order' => sub {
    my $grey = EmailGW::Sink->start(script => sub {
        my ($step, $c) = @_;
        return if $step ne 'rcpt';
        my ($n) = $c->{to} =~ /^r(\d+)/ or return;
        return '550 5.1.1 no' if $n % 10 == 7;
        return $n % 3 != $c->{tries} % 3 && $c->{tries} < 3 ? '451 4.7.1 greylisted' : undef;
    });
    configure('transport = ' . $grey->transport . "\n");
    my $reply = $gw->send_mail(To => [ map { { email => "r$_\@example.org", name => '' } } 1 .. 50 ]);
    my $id = $reply->{json}{MessageID};
    $gw->drained(10);
    my @to = map { "r$_\@example.org" } 1 .. 50;
    is(scalar(grep { copies($grey, $_) != (/7@/ ? 0 : 1) } @to), 0, 'each is delivered once, but those refused');
    my %wanted = map { my ($n) = /(\d+)/; $_ => $n % 10 == 7 ? 1 : (grep { $n % 3 == $_ % 3 || $_ >= 3 } 1 .. 3)[0] } @to;
    is(scalar(grep { tries($grey, $_) != $wanted{$_} } @to), 0, 'no one is tried more often than needed');
    is($gw->sql("SELECT string_agg(status || ' ' || n, ', ' ORDER BY status) FROM (SELECT status::text, count(*) AS n FROM emailgw.recipient "
        . "WHERE message_id = '$id' GROUP BY 1) AS s"), 'bounced 5, delivered 45', 'the recipients say the same');
    is($gw->sql("SELECT count(*) FROM emailgw.event WHERE message_id = '$id' AND type IN (2, 4)"), 50, 'one final event each');
};

subtest 'connections are used again, and capped' => sub {
    my $plain = EmailGW::Sink->start(script => sub { $_[0] eq 'rcpt' ? { wait => 0.02, reply => '250 2.1.5 ok' } : undef });
    configure('transport = ' . $plain->transport . "\nrelay_connections = 3\n");
    $gw->send_mail(To => [ map { { email => "c$_\@example.org", name => '' } } 1 .. 50 ]) for 1 .. 2;
    $gw->drained(15);
    is(scalar($plain->messages), 100, 'all there');
    my $connections = () = $plain->ledger('connect');
    is($connections, 3, '3 connections for 100 mails');
};

subtest 'a reused connection dies' => sub {
    my $dying = EmailGW::Sink->start(script => sub {
        my ($step, $c) = @_;
        return if $step ne 'mail' || !$c->{mails};
        return $c->{no} % 2 ? { close => 1 } : { reply => '421 4.4.2 enough', close => 1 };
    });
    configure('transport = ' . $dying->transport . "\nrelay_connections = 1\n");
    $gw->send_mail(To => [ map { { email => "r$_\@dying.example", name => '' } } 1 .. 10 ]);
    $gw->drained(10);
    is(scalar($dying->messages), 10, 'all delivered');
    is($gw->sql("SELECT count(*) FROM emailgw.event WHERE email LIKE '%\@dying.example' AND type = 3"), 0, 'without a deferral');
    is(scalar(my @all = $dying->ledger('rcpt')), 10, 'each said once');
};

subtest 'what is on the wire' => sub {
    for my $pipelining (1, 0) {
        my $plain = EmailGW::Sink->start(pipelining => $pipelining);
        configure('transport = ' . $plain->transport . "\n");
        my $text = ".\n..\n.x\n\n.\n" . join('', map { '.' x ($_ % 5) . "line $_\n" } 1 .. 3000) . ".\n";
        my $id = mail_to("wire$pipelining\@example.org", PlainContent => $text);
        $gw->drained(10);
        my ($mail) = $plain->messages;
        my ($body) = $mail->{body} =~ /\r\n\r\n(.*)\z/s;
        is($body =~ s/\r\n/\n/gr, $text, 'dots come out as they went in');
        my ($ehlo) = $plain->ledger('ehlo');
        is($ehlo->{line}, 'EHLO mail.example.com', 'EHLO with the name that was given');
        like($mail->{from}, qr/\A${\ EmailGW::return_path('example.com')}\z/, 'the envelope');
        my ($said) = $plain->ledger('mail');
        like($said->{line}, qr/^MAIL FROM:<\Q$mail->{from}\E> SIZE=\d+$/, 'MAIL with its size');
        is(scalar(my @quit = grep { $_->{step} !~ /^(?:connect|ehlo|mail|rcpt|data|dot|message|quit|end)$/ } $plain->ledger), 0, 'no other command');
    }
};

subtest 'internationalized addresses' => sub {
    for my $utf8 (0, 1) {
        my $eai = EmailGW::Sink->start(utf8 => $utf8);
        configure('transport = ' . $eai->transport . "\n");
        my $to = "j\x{f6}rg\@example.org";
        my $reply = $gw->send_mail(To => [ { email => $to, name => '' } ]);
        $sent{$to} = $reply->{json}{MessageID};
        $gw->drained(10);
        is(status($to), $utf8 ? 'delivered' : 'bounced', $utf8 ? 'with SMTPUTF8 it goes' : 'without, it cannot');
        my ($mail) = $eai->ledger('mail');
        like($mail->{line}, qr/ SMTPUTF8 BODY=8BITMIME$/, '... and MAIL says so') if $utf8;
        is(detail($to)->{smtp}{enhanced}, '5.6.7', '... and the event says why') if !$utf8;
    }
};

subtest 'TLS' => sub {
    my $tls = EmailGW::Sink->start(tls => 1);
    my ($trust, $at) = ("relay_ca_file = " . $tls->ca_file . "\n", 'transport = relay:localhost:' . $tls->port . "\n");
    for my $case ([ opportunistic => '', 1 ], [ required => $trust, 1 ], [ none => '', 0 ]) {
        my ($mode, $more, $encrypted) = @$case;
        configure("$at${more}relay_tls = $mode\n");
        my $to = mail_to("$mode\@tls.example") && "$mode\@tls.example";
        $gw->drained(10);
        my ($mail) = grep { $_->{to} eq $to } $tls->messages;
        is($mail->{tls}, $encrypted, "$mode: " . ($encrypted ? 'encrypted' : 'in the clear'));
        my $smtp = detail($to)->{smtp};
        like($smtp->{tls} // 'none', $encrypted ? qr/^TLSv1\.[23]$/ : qr/^none$/, '... as the event says');
        ok(length $smtp->{cipher}, '... with its cipher') if $encrypted;
    }
    configure("${at}relay_tls = required\n");
    mail_to('unknown@tls.example');
    $gw->drained(10);
    is(status('unknown@tls.example'), 'expired', 'required: no certificate that nobody vouches for');
    is(detail('unknown@tls.example')->{smtp}{stage}, 'starttls', '... as the event says');
    is(copies($tls, 'unknown@tls.example'), 0, '... nothing was sent');

    my $broken = EmailGW::Sink->start(tls => 1, script => sub { $_[0] eq 'starttls' ? { reply => "220 go\nnonsense", close => 1 } : undef });
    configure('transport = ' . $broken->transport . "\n");
    mail_to('broken@tls.example');
    $gw->drained(10);
    is(story('broken@tls.example'), 'delivery', 'opportunistic: where TLS fails, without it, in the same attempt');
    my $none = EmailGW::Sink->start;
    configure('transport = ' . $none->transport . "\nrelay_tls = required\n");
    mail_to('none@tls.example');
    $gw->drained(10);
    is(status('none@tls.example'), 'expired', 'required, and not offered: not sent');

    configure('transport = ' . $none->transport . "\n");
    my $id = $gw->send_mail(To => [ { email => 'wish@tls.example', name => '' } ], Headers => { 'X-EG-TLS' => 'required' })->{json}{MessageID};
    mail_to('beside@tls.example');
    $gw->drained(10);
    like($gw->story($id), qr/\A(?:deferred )+bounce\z/, 'a mail that asks for TLS where none is offered: not sent');
    is(status('beside@tls.example'), 'delivered', '... but the one beside it');
};

# That has to be told, and must not end the sender.
subtest 'a mail whose content is gone' => sub {
    my $other = EmailGW::Sink->start;
    configure('transport = ' . $other->transport . "\n");
    my $pid = $gw->env('SENDER_PID');
    $gw->expects('EG0320');
    my $id = $gw->send_mail(To => [ { email => 'gone@example.org', name => '' } ], SendAt => int(time) + 2)->{json}{MessageID};
    $gw->sql("DELETE FROM emailgw.content WHERE message_id = '$id'");
    mail_to('there@example.org');
    ok($gw->drained(15), 'both end');
    is($gw->story($id), 'bounce', 'it bounces');
    is(status('there@example.org'), 'delivered', '... the one beside it is delivered');
    ok(kill(0, $pid), '... by the same sender');
};

subtest 'AUTH' => sub {
    my $door = EmailGW::Sink->start(tls => 1, users => { shop => "s3cret w\x{f6}rd" });
    my $right = $gw->file('password', "s3cret w\x{f6}rd\n");
    my $wrong = $gw->file('wrong', "guess\n");
    chmod 0644, $right, $wrong;
    my $at = 'transport = relay:localhost:' . $door->port . "\nrelay_user = shop\n";
    configure("${at}relay_password_file = $right\n");
    mail_to('right@auth.example');
    $gw->drained(10);
    my ($mail) = $door->messages;
    is($mail->{user}, 'shop', 'logged in');
    is($mail->{tls}, 1, '... under TLS');
    configure("${at}relay_password_file = $wrong\n");
    mail_to('wrong@auth.example');
    $gw->drained(10);
    is(status('wrong@auth.example'), 'expired', 'a wrong password is no fault of the mail');
    is(detail('wrong@auth.example')->{smtp}{stage}, 'auth', '... the event names the step');
    is(detail('wrong@auth.example')->{smtp}{code}, 535, '... and the code');
    my $clear = EmailGW::Sink->start(users => { shop => 'guess' });
    configure('transport = ' . $clear->transport . "\nrelay_user = shop\nrelay_password_file = $wrong\n");
    mail_to('clear@auth.example');
    $gw->drained(10);
    is(scalar(my @auth = $clear->ledger('auth')), 0, 'no password in the clear');
    configure('transport = ' . $clear->transport . "\nrelay_user = shop\nrelay_password_file = $wrong\nrelay_tls = none\n");
    mail_to('wanted@auth.example');
    $gw->drained(10);
    is(copies($clear, 'wanted@auth.example'), 1, '... unless the operator says so');
    is(scalar(grep { /guess|s3cret/ } $gw->log_lines), 0, 'no password in the logs');
};

$gw->log_clean;
done_testing;
