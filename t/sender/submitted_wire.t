# Mails that are handed in by SMTP and passed on by SMTP: what the next server reads. Its
# dots are as they were, and an address that it cannot take is nobody's mail.
use EmailGW;
use EmailGW::Sink;
use EmailGW::Smtp;
use Instance;

my $port = Instance::free_port();
my $sink = EmailGW::Sink->start(utf8 => 0);
my $gw = EmailGW->up(RATE => 'off', TRANSPORT => $sink->transport, HTTPD_CONF => \EmailGW::Smtp::plain_port($port),
    SENDER_CONF => \"threads = 1\npoll = 20ms\nretry = 300ms\nhostname = mail.example.com\n");
my $header = "From: Shop <shop\@example.com>\r\nSubject: dots\r\n";
my $smtp = EmailGW::Smtp->connect($port);
is($smtp->log_in(EmailGW::Smtp::login($gw)), 235, 'a client');

# A text by SMTP, its dots stuffed (RFC 5321 section 4.5.2): its MessageID.
sub hand_in {
    my ($text) = @_;
    $smtp->begin_mail('shop@example.com', 'ann@example.org');
    $smtp->write("$header\r\n" . $text =~ s/^\./../mgr . ".\r\n");
    is($smtp->read, 250, 'taken by SMTP') or diag($smtp->{reply});
    return $smtp->message_id;
}

# What the next server has of a mail: on the wire, and as its reader is shown it.
sub arrived {
    my ($id) = @_;
    $gw->drained(30);
    my ($mail) = grep { ($_->{id} // '') eq $id } $sink->messages;
    my ($wire) = grep { /^Message-ID: *<\Q$id\E/m } map { $_->{line} } $sink->ledger('dot');
    return map { ($_ // '') =~ /\r\n\r\n(.*)\z/s ? $1 : '' } $mail->{body}, $wire;
}

# Dots at the begins of lines, behind so many octets that they stand at every place of a buffer.
my $everywhere = join '', map { 'x' x ($_ % 251) . "\r\n" . '.' x ($_ % 4 + 1) . "\r\n" } 1 .. 1500;
my %text = (
    'a dot alone' => ".\r\n",
    'two' => "..\r\n",
    'a dot at the begin' => ".x\r\n",
    'a dot behind each kind of line' => "a\r\n.\r\n\r\n.\r\n..\r\n.\r\n",
    'a dot behind 998 octets' => 'x' x 998 . "\r\n.\r\n" . '.' x 998 . "\r\n.\r\n",
    'commands behind a dot' => ".\r\nMAIL FROM:<evil\@example.com>\r\nRCPT TO:<victim\@example.net>\r\nDATA\r\nx\r\n.\r\n",
    'dots at every place of a buffer' => $everywhere,
);
for my $what (sort keys %text) {
    my $sent = $gw->send_mail(PlainContent => $text{$what} =~ s/\r\n/\n/gr, To => [ { email => 'ann@example.org', name => '' } ]);
    my %by = (SMTP => hand_in($text{$what}), API => $sent->{json}{MessageID});
    for my $door (sort keys %by) {
        my ($body, $wire) = arrived($by{$door});
        ok($body eq $text{$what}, "$what: read as it was given, by $door") or diag(substr $body, 0, 500);
        ok($wire eq $text{$what} =~ s/^\./../mgr, '... and stuffed on the wire');
    }
}
is(scalar(my @all = $sink->messages), 2 * keys %text, 'there is no other mail');
is(scalar(my @to = grep { $_->{to} ne 'ann@example.org' } $sink->ledger('rcpt')), 0, '... and no other recipient');

subtest 'a server that takes no letters in addresses' => sub {
    my $to = "j\xc3\xb6rg\@example.org";
    is($smtp->say("MAIL FROM:<shop\@example.com> SMTPUTF8"), 250, 'a mail with SMTPUTF8');
    is($smtp->say("RCPT TO:<$to>"), 250, '... to such an address');
    is($smtp->say('DATA'), 354, '... goes on');
    $smtp->write("${header}To: <$to>\r\n\r\nx\r\n.\r\n");
    is($smtp->read, 250, '... and is taken');
    my $id = $smtp->message_id;
    $gw->drained(20);
    is($gw->sql("SELECT status FROM emailgw.recipient WHERE message_id = '$id'"), 'bounced', 'it bounces');
    is($gw->newest_detail($id)->{smtp}{enhanced}, '5.6.7', '... with the reason');
    is(scalar(my @all = $sink->messages), 2 * keys %text, '... and nobody gets it');
};

$gw->log_clean;
done_testing;
