# Messages handed in by SMTP, from the final dot to the recipient: what is refused, what
# is changed and what is not, how they are tracked and signed. An SMTP session's part is
# hand_in's; the rest is the real thing.
use EmailGW;
use EmailGW::DkimVerifiers;
use File::Temp;
use MIME::Base64 qw(decode_base64);
use MIME::QuotedPrint qw(decode_qp);

my $gw = EmailGW->up(RATE => 'off');
my $account = $gw->new_account;
my $domain = $account->{domain};
my $smtp = add_smtp();
my $secret = secret_file();
my $from = "From: Shop <shop\@$domain>\r\n";
my $to = "To: Ann <ann\@example.org>\r\n";
my $head = "${from}${to}Subject: Hello\r\nDate: Mon, 02 Nov 2026 08:00:00 +0100\r\nMIME-Version: 1.0\r\n";

sub add_smtp {
    my $reply = $gw->api('EmailGateway.AddSMTP', as => $account, DomainID => $account->{domain_id}, @_);
    return $reply->{json}{SMTP} // die "no credential: $reply->{body}\n";
}

sub secret_file {
    open my $conf, '<', $gw->env('SENDER_CONF') or die "SENDER_CONF: $!\n";
    return (map { /^secret_file = (.*)/ ? $1 : () } <$conf>)[0];
}

# What is answered to a message: as => credential, to => [...], from => envelope sender, utf8 => 1.
sub hand_in {
    my ($message, %with) = @_;
    my $as = $with{as} // $smtp;
    $message .= "\r\n" if $message !~ /\r\n\z/; # so does every session before the final dot
    my ($status, $out, $err) = EmailGW::run_command($message, "$ENV{EG_BUILD}/t/sender/hand_in", $gw->env('DSN'), $secret, $as->{Username},
        $as->{Password}, $with{utf8} // 0, $with{from} // "shop\@$domain", @{ $with{to} // ['ann@example.org'] });
    die "hand_in: $err" if $status != 0 || $err ne '';
    chomp $out;
    return $out;
}

sub taken {
    my ($message, %with) = @_;
    my $reply = hand_in($message, %with);
    my ($id) = $reply =~ /\A250 2\.0\.0 Ok: queued as ([0-9a-f-]{36})\z/ or die "not taken: $reply\n";
    return $id;
}

# What arrives, by recipient.
sub delivered {
    my ($id) = @_;
    $gw->wait_for(sub { !$gw->sql("SELECT count(*) FROM emailgw.queue WHERE message_id = '$id'") }, 30, 'delivery');
    return map { $_->{to} => $_->{raw} } $gw->outbox($id);
}

sub arrives {
    my %raw = delivered(taken(@_));
    return $raw{'ann@example.org'} // (values %raw)[0];
}

# The Message-IDs that the events of a message have.
sub shown_ids {
    my ($id) = @_;
    my $reply = $gw->api('EmailGateway.GetEvents', as => $account, DomainID => $account->{domain_id}, StartFrom => 0,
        RetrieveCount => 10, Query => "messageid:$id");
    my %ids = map { $_->{message}{headers}{'message-id'} => 1 } @{ $reply->{json}{Events} };
    return sort keys %ids;
}

# Header fields in lower case and in one line each, and the body.
sub parsed {
    my ($raw) = @_;
    my ($header, $body) = split /(?<=\r\n)\r\n/, $raw, 2;
    my %field;
    push @{ $field{ lc $1 } }, $2 =~ s/\r\n(?=[ \t])//gr while $header =~ /^([^:\s]+):[ \t]*(.*(?:\r\n[ \t].*)*)\r\n/mg;
    return (\%field, $body);
}

sub set_domain {
    my (%to) = @_;
    my $reply = $gw->api('EmailGateway.UpdateDomain', as => $account, DomainID => $account->{domain_id},
        TrackingBaseURL => 'https://track.example', %to);
    ok($reply->{json}{Success}, join ' ', 'UpdateDomain', map { "$_=$to{$_}" } sort keys %to) or diag($reply->{body});
}
my %off = map { $_ => JSON::PP::false } qw(LinkTracking OpenTracking UnsubscribeLink);
my %on = map { $_ => JSON::PP::true } keys %off;
set_domain(%off);

subtest 'who may log in' => sub {
    is(hand_in($head, as => { %$smtp, Password => 'x' }), 'status 13', 'a wrong password');
    is(hand_in($head, as => { %$smtp, Username => $_ }), 'status 13', "user name '$_'")
        for '', 'egm_', 'egm_1', 'egm_0_1', "egm_$account->{account_id}_", "$smtp->{Username}x", "$smtp->{Username}0", " $smtp->{Username}",
        $smtp->{Username} =~ s/egm_/egm_0/r, 'egm_' . '9' x 30 . '_1', uc $smtp->{Username};
    local $ENV{EG_ACCOUNT} = $account->{account_id} + 1;
    is(hand_in($head), 'status 13', 'where another account alone is known');
    $ENV{EG_ACCOUNT} = $account->{account_id};
    like(hand_in("$head\r\nx\r\n"), qr/\A250 /, '... and where its own is');
};

subtest 'what is refused' => sub {
    my @bad = (
        [ 'no header', "\r\nbody\r\n", qr/\A554 5\.6\.0 The message cannot be read: it has no header\z/ ],
        [ 'no field', "${head}body\r\n\r\n", qr/\A554 5\.6\.0 .*no header field/ ],
        [ 'a NUL in a header', "${head}X: a\0b\r\n\r\n", qr/\A554 5\.6\.0 .*NUL/ ],
        [ 'two From', "$from$head\r\n", qr/\A554 5\.6\.0 The header has more than one From\z/ ],
        [ 'two Subject', "${head}subject: x\r\n\r\n", qr/\A554 5\.6\.0 The header has more than one Subject\z/ ],
        [ 'From of two', "From: a\@$domain, b\@$domain\r\n\r\n", qr/\A550 5\.1\.7 From must have exactly one valid address\z/ ],
        [ 'From of a group', "From: ceo\@bank.example: shop\@$domain;\r\n\r\n", qr/\A550 5\.1\.7 From must have no group/ ],
        [ 'From with another address', "From: ceo\@bank.example <shop\@$domain>\r\n\r\n", qr/\A550 5\.1\.7 From must have no group/ ],
        [ 'From with a comment that is an address', "From: (ceo\@bank.example) shop\@$domain\r\n\r\n", qr/\A550 5\.1\.7 From must have .* no \@ in a comment/ ],
        [ 'From is none', "From: shop\r\n\r\n", qr/\A550 5\.1\.7 From must/ ],
        [ 'From of another domain', "From: shop\@example.org\r\n\r\n",
            qr/\A550 5\.7\.1 From is invalid: 'shop\@example\.org' is not an address of this credential's domain \Q$domain\E\z/ ],
        [ 'no From', "${to}\r\n", qr/\A550 5\.1\.7 The message has no From, and this credential no FromEmail\z/ ],
        [ 'Reply-To is none', "${head}Reply-To: x y\r\n\r\n", qr/\A554 5\.6\.0 Reply-To/ ],
        [ 'a loop', 'Received: x' . "\r\nReceived: x" x 50 . "\r\n$head\r\n", qr/\A554 5\.4\.6 / ],
        [ 'a tag too long', "${head}X-EG-Tags: a," . 'x' x 129 . "\r\n\r\n", qr/\A550 5\.6\.0 Invalid X-EG-Tags: each must be/ ],
        [ 'too many tags', "${head}X-EG-Tags: " . join(',', 1 .. 21) . "\r\n\r\n", qr/\A550 5\.6\.0 Invalid X-EG-Tags: there are more than 20\z/ ],
        [ 'X-EG-Track-Links', "${head}X-EG-Track-Links: maybe\r\n\r\n", qr/\A550 5\.6\.0 Invalid X-EG-Track-Links: it must be true or false\z/ ],
        [ 'X-EG-Track-Opens', "${head}X-EG-Track-Opens: 2\r\n\r\n", qr/\A550 5\.6\.0 Invalid X-EG-Track-Opens: / ],
        [ 'X-EG-Send-At', "${head}X-EG-Send-At: soon\r\n\r\n", qr/\A550 5\.6\.0 Invalid X-EG-Send-At: it must be Unix seconds/ ],
        [ 'X-EG-Send-At too far', "${head}X-EG-Send-At: 2099-01-01\r\n\r\n", qr/\A550 5\.6\.0 Invalid X-EG-Send-At: it is more than/ ],
        (map { [ "$_ twice", "${head}$_: 1\r\n\L$_\E:\r\n 1\r\n\r\n", qr/\A554 5\.6\.0 The header has more than one $_\z/ ] }
            qw(X-EG-Tags X-EG-Track-Links X-EG-Track-Opens X-EG-Send-At X-EG-TLS Idempotency-Key)),
        (map { [ "an empty $_", "${head}$_: \r\n\r\n", qr/\A550 5\.6\.0 Invalid $_: it is empty\z/ ] }
            qw(X-EG-Track-Links X-EG-Track-Opens X-EG-Send-At X-EG-TLS)),
        [ 'X-EG-TLS', "${head}X-EG-TLS: maybe\r\n\r\n", qr/\A550 5\.6\.0 Invalid X-EG-TLS: only 'required' is allowed\z/ ],
        [ 'another X-EG field', "${head}X-EG-Tag: a\r\n\r\n", qr/\A550 5\.6\.0 The header field X-EG-Tag is not known\z/ ],
        [ 'an empty Idempotency-Key', "${head}Idempotency-Key:\r\n\r\n", qr/\A550 5\.6\.0 Invalid Idempotency-Key/ ],
        [ 'a long Idempotency-Key', "${head}Idempotency-Key: " . 'x' x 257 . "\r\n\r\n", qr/\A550 5\.6\.0 Invalid Idempotency-Key/ ],
        [ 'a header in Latin-1', "${head}X-Name: J\xf6rg\r\n\r\n", qr/\A554 5\.6\.0 The header field X-Name has bytes/ ],
        [ 'an encoding that is not ASCII', "${head}Content-Transfer-Encoding: 7bit (\xc3\xa9)\r\n\r\n",
            qr/\A554 5\.6\.0 The header field Content-Transfer-Encoding has bytes/ ],
        [ '8-bit in a mail enclosed', "${head}Content-Type: message/rfc822\r\n\r\nX: y\r\n\r\n\xc3\xbc\r\n", qr/\A554 5\.6\.3 / ],
        (map { [ "8-bit in a part of $_->[0]", "${head}Content-Type: $_->[1]\r\n\r\n--b\r\n\r\n\xc3\xbc\r\n--b--\r\n", qr/\A554 5\.6\.3 / ] }
            [ 'a multipart with a semicolon less', 'multipart/mixed; boundary="b" charset=utf-8' ],
            [ 'what is signed and has its boundary twice', 'multipart/signed; boundary="b"; boundary="b"' ],
            [ 'what has two boundaries', 'multipart/mixed; boundary="b"; boundary="c"' ]),
        (map { [ "8-bit under '$_'", "${head}Content-Transfer-Encoding: $_\r\n\r\n\xc3\xbc\r\n",
            qr/\A554 5\.6\.3 .*of an unknown Content-Transfer-Encoding/ ] } '8bits', 'utf-8'),
        (map { [ "8-bit $_->[0]", "${head}Content-Type: multipart/mixed; boundary=b\r\n\r\n$_->[1]--b\r\n\r\nx\r\n--b--\r\n$_->[2]", qr/\A554 5\.6\.3 .*or outside of all parts\z/ ] }
            [ 'before all parts', "\xc3\xbc\r\n", '' ], [ 'behind them', '', "\xc3\xbc\r\n" ]),
        [ '8-bit in what is broken', "${head}Content-Type: multipart/mixed\r\n\r\n\xc3\xbc\r\n", qr/\A554 5\.6\.3 / ],
        [ 'a long line in a mail enclosed', "${head}Content-Type: message/rfc822\r\n\r\nX: y\r\n\r\n" . 'x' x 999 . "\r\n", qr/\A554 5\.6\.0 .*998/ ],
    );
    for (@bad) {
        my ($what, $message, $reply) = @$_;
        like(hand_in($message), $reply, $what);
    }
    like(hand_in("$head\r\n", to => ['x y@example.org']), qr/\A550 5\.1\.3 /, 'an invalid recipient');
    like(hand_in("$head\r\n", to => []), qr/\A554 5\.5\.1 /, 'none');
    $gw->ctl(qw(suppress add), 'dead@example.org', '--user', $account->{username});
    is(hand_in("$head\r\n", to => [ 'ann@example.org', 'dead@example.org' ]),
        '550 5.7.1 Email address is in the suppression list. Email delivery is blocked: dead@example.org', 'a suppressed one');
    $gw->sql("UPDATE emailgw.account SET own_limits = '{hour}', sends_per_hour = 0 WHERE account_id = $account->{account_id}");
    like(hand_in("$head\r\n"), qr/\A451 4\.7\.1 Email sending limit reached: 0 emails per hour, until \d{4}-\S+ \S+ UTC\z/, 'a limit');
    $gw->sql("UPDATE emailgw.account SET own_limits = '{}', sends_per_hour = NULL WHERE account_id = $account->{account_id}");
    is($gw->sql("SELECT count(*) FROM emailgw.message WHERE account_id = $account->{account_id} AND smtp_id IS NOT NULL"), 1, 'nothing of it is stored');
};

subtest 'the header' => sub {
    my $body = "Dear Ann,\r\n\r\n.\r\n it is done. \r\n";
    my ($field, $got) = parsed(arrives("Received: from x by y; Mon, 2 Nov 2026 08:00:00 +0100\r\nReturn-Path: <x\@$domain>\r\n${head}"
        . "Bcc: secret\@example.org\r\nX-EG-Tags: a, b ,,c\r\nIdempotency-Key: k1\r\nMessage-ID: <own\@$domain>\r\nX-EG-TLS: Required\r\n"
        . "X-Own:   stays  as it\t is \r\nResent-Bcc: secret\@example.org\r\n\r\n$body"));
    is($got, $body, 'the body is byte for byte what it was');
    is_deeply([ sort keys %$field ], [ sort qw(dkim-signature received from to subject date mime-version message-id x-own feedback-id) ],
        'what is for the gateway alone is gone, and what was missing is there');
    is_deeply($field->{'message-id'}, ["<own\@$domain>"], 'a Message-ID of its own stays');
    is_deeply($field->{'x-own'}, ["stays  as it\t is "], '... and so do other fields, byte for byte');
    is(scalar @{ $field->{received} }, 2, 'a Received more');
    like($field->{received}[0], qr/\Aby mx\.gateway\.example with ESMTPA id [0-9a-f-]{36};\t\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000\z/,
        '... tells nothing of the client');
    my $id = ($field->{received}[0] =~ /id (\S+);/)[0];
    like($gw->sql("SELECT headers FROM emailgw.content WHERE message_id = '$id'"), qr/\["X-EG-TLS", "required"\]/, 'X-EG-TLS is heard');
    is_deeply([ shown_ids($id) ], [ "<own\@$domain>" ], 'events show the Message-ID that the mail has');
    ($field) = parsed(arrives("${head}Sender: desk\@sub.$domain\r\n\r\nx\r\n"));
    is_deeply($field->{sender}, ["desk\@sub.$domain"], 'a Sender of From\'s domain stays');
    for my $other ('boss@example.org', "a\@$domain, b\@$domain", "\xc3\xbc") {
        ($field) = parsed(arrives("${head}Sender: $other\r\n\r\nx\r\n"));
        is($field->{sender}, undef, '... another does not');
    }
    ($field, $got) = parsed(arrives("From: shop\@$domain\r\n\r\nx\r\n"));
    is_deeply([ sort keys %$field ], [ sort qw(dkim-signature received from date mime-version message-id feedback-id) ], 'the least');
    like($field->{date}[0], qr/\A\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000\z/, 'a Date');
    like($field->{'message-id'}[0], qr/\A<[0-9a-f-]{36}\@\Q$domain\E>\z/, 'a Message-ID');
    is_deeply([ shown_ids(($field->{received}[0] =~ /id (\S+);/)[0]) ], $field->{'message-id'}, '... which events show');
    ($field) = parsed(arrives("From: shop\@$domain\r\nDate:\r\nMessage-ID: \t\r\nMIME-Version:\r\n \r\nFeedback-ID:\r\n\r\nx\r\n"));
    is_deeply({ map { my $name = $_; $name => scalar grep { /\S/ } @{ $field->{$name} } } qw(date message-id mime-version feedback-id) },
        { map { $_ => 1 } qw(date message-id mime-version feedback-id) }, '... and so in the place of empty ones');
    ($field, $got) = parsed(arrives("From: shop\@$domain\r\nSubject: no body"));
    is_deeply([ $field->{subject}[0], $got ], [ 'no body', '' ], 'a header alone');
};

subtest 'the credential\'s own' => sub {
    my $full = add_smtp(FromEmail => "news\@$domain", FromName => "J\x{f6}rg's Shop", ReplyToEmail => 're@example.org', ReplyToName => 'Re');
    my ($field) = parsed(arrives("${to}Reply-To:\r\nSubject: x\r\n\r\nx\r\n", as => $full));
    like($field->{from}[0], qr/\A=\?utf-8\?B\?SsO2cmcncyBTaG9w\?= <news\@\Q$domain\E>\z/, 'From');
    is_deeply($field->{'reply-to'}, ['Re <re@example.org>'], 'Reply-To');
    ($field) = parsed(arrives("${head}Reply-To: own\@example.net\r\n\r\nx\r\n", as => $full));
    is_deeply([ $field->{from}, $field->{'reply-to'} ], [ ["Shop <shop\@$domain>"], ['own@example.net'] ], '... but not where it has them');
};

subtest 'recipients and events' => sub {
    my $id = taken("${from}To: Ann <ANN\@example.org>, x\@example.net\r\nCc: cy\@example.org\r\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\n =?utf-8?Q?_you?=\r\n"
        . "X-EG-Tags: =?utf-8?Q?gr=C3=BCn?=,\r\n\tb\r\n\r\nx\r\n", to => [qw(ann@example.org bob@example.org cy@example.org Ann@Example.org)]);
    my %raw = delivered($id);
    is_deeply([ sort keys %raw ], [qw(ann@example.org bob@example.org cy@example.org)], 'each gets one');
    is_deeply([ $gw->sql("SELECT kind, email FROM emailgw.recipient WHERE message_id = '$id' ORDER BY email") ],
        [ [ to => 'ann@example.org' ], [ bcc => 'bob@example.org' ], [ cc => 'cy@example.org' ] ], 'kinds as the header shows them');
    my ($event) = grep { $_->{EventType} eq 'delivery' } $gw->events($id, $account);
    is_deeply($event->{Tags}, [ "gr\x{fc}n", 'b' ], 'its tags');
    my $found = $gw->api('EmailGateway.GetEvents', as => $account, DomainID => $account->{domain_id},
        StartFrom => 0, RetrieveCount => 10, Query => "subject:Gr\x{fc}\x{df}e")->{json};
    is($found->{TotalRecords}, 6, 'its Subject in words is found') or diag(explain($found));
    ok($gw->sql("SELECT last_used_at > now() - interval '1 minute' FROM emailgw.smtp_credential WHERE username = '$smtp->{Username}'"),
        'its credential was used') or diag($gw->sql("SELECT last_used_at FROM emailgw.smtp_credential WHERE username = '$smtp->{Username}'"));
    is($gw->sql("SELECT queue.next_at > now() + interval '50 minutes' FROM emailgw.queue WHERE message_id = '"
        . taken("${head}X-EG-Send-At:$_" . (time + 3600) . "\r\n\r\nlater\r\n") . "'"), 't', 'X-EG-Send-At') for ' ', "\r\n ";
};

subtest 'once' => sub {
    my $keyed = sub {
        my ($key, $text, @with) = @_;
        return hand_in("$from${to}Idempotency-Key: $key\r\nMessage-ID: <" . rand() . "\@$domain>\r\n\r\n$text\r\n", @with);
    };
    my $first = $keyed->('key', 'x');
    like($first, qr/\A250 /, 'a key');
    is($keyed->('key', 'x'), $first, '... again: the same mail, though its Message-ID is another');
    is($keyed->("\r\n key", 'x'), $first, '... folded');
    is($keyed->("two\r\n words", 'x'), $keyed->('two words', 'x'), '... or within');
    is($keyed->('key', 'y'), '554 5.7.0 This Idempotency-Key was used for a different message', '... for another message');
    my @first_and_others = map { $keyed->('list', 'x', to => [ map { "r$_\@example.org" } @$_ ]) } [ 1 .. 100 ], [ 101 .. 150 ], [ 1 .. 100 ], [ 101 .. 150 ];
    like($_, qr/\A250 /, '... to as many as a mail may have, and to the others') for @first_and_others[ 0, 1 ];
    isnt($first_and_others[1], $first_and_others[0], '... is two mails');
    is_deeply([ @first_and_others[ 2, 3 ] ], [ @first_and_others[ 0, 1 ] ], '... of which each is known again');
    my $three = $keyed->('set', 'x', to => ["ann\@example.org", "ben\@b\xc3\xbccher.example", "cid\@example.org"], utf8 => 1);
    like($three, qr/\A250 /, 'a key, to three');
    is($keyed->('set', 'x', to => [qw(cid@example.org Ben@XN--bcher-KVA.example ann@EXAMPLE.org ann@example.org)], from => ''), $three,
        '... in another order and spelling, one twice, by another envelope sender: the same mail');
    my $same = sub { return hand_in("$from${to}Message-ID: <same\@$domain>\r\n\r\nx\r\n", @_) };
    $first = $same->();
    is($same->(), $first, 'the same message again');
    is($same->(to => [qw(Ann@example.org ann@example.org)]), $first, '... to the same, written otherwise');
    isnt($same->(to => ['bob@example.org']), $first, '... to somebody else');
    isnt($same->(as => add_smtp()), $first, '... by another credential');
    isnt(hand_in("$from$to$_\r\nx\r\n"), hand_in("$from$to$_\r\nx\r\n"), 'without a Message-ID there are two') for '', "Message-ID:\r\n";
};

# A part's bytes as they were before they were encoded.
sub decoded {
    my ($raw) = @_;
    my ($field, $body) = parsed($raw);
    my $code = lc($field->{'content-transfer-encoding'}[0] // '7bit');
    return $code eq 'base64' ? decode_base64($body) : $code eq 'quoted-printable' ? decode_qp($body) =~ s/(?<!\r)\n/\r\n/gr : $body;
}

subtest '8-bit and long lines' => sub {
    my $text = "Gr\xc3\xbc\xc3\x9fe \r\nand = more\r\n";
    my $raw = arrives("${head}Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n$text");
    is(decoded($raw), $text, '8-bit text');
    unlike($raw, qr/[^\x01-\x7e]/, '... is 7-bit on the way');
    $raw = arrives("$head\r\n" . 'x' x 2000 . "\r\n");
    is(decoded($raw), 'x' x 2000 . "\r\n", 'a long line');
    cmp_ok(length($_), '<=', 998, '... is short') for grep { length > 998 } split /\r\n/, $raw;
    my $name = "\xc3\xa4\xe2\x82\xac";
    my ($field) = parsed($raw = arrives("From: J\xc3\xb6rg <shop\@$domain>\r\nTo: \"\xc3\x84nn, B\" <ann\@example.org>,\r\n bob\@b\xc3\xbccher.example\r\n"
        . "Subject: Gr\xc3\xbc\xc3\x9fe  an \xc3\x84nn\r\nX-Long: " . 'word ' x 300 . "\r\nContent-Type: text/plain; name=\"$name.txt\"\r\n\r\nx\r\n", utf8 => 1));
    unlike($raw, qr/[^\x01-\x7e]/, 'fields in UTF-8 are 7-bit on the way');
    is_deeply([ map { $field->{$_}[0] } qw(from to) ], [ "=?utf-8?B?SsO2cmc=?= <shop\@$domain>",
        '=?utf-8?B?w4RubiwgQg==?= <ann@example.org>, bob@xn--bcher-kva.example' ], '... addresses') or diag(explain($field));
    like($field->{'content-type'}[0], qr/\Atext\/plain; name\*=utf-8''%C3%A4%E2%82%AC\.txt\z/, '... names of files');
    is($field->{'x-long'}[0] =~ s/ +\z//r, ('word ' x 300) =~ s/ +\z//r, '... long ones');
    my ($id) = map { taken($_, utf8 => 1) } "From: shop\@$domain\r\nTo: J\xc3\xb6rg <j\xc3\xb6rg\@example.org>\r\n\r\nx\r\n";
    my %raw = delivered($id);
    like((values %raw)[0], qr/^To: =\?utf-8\?B\?SsO2cmc=\?= <j\xc3\xb6rg\@example\.org>\r$/m, 'a local part in UTF-8 stays');
};

my $html = "<html><body><a href=\"https://shop.example/a?b=1&amp;c=2\">a</a></body></html>\r\n";
my $plain = "See https://shop.example/a for more.\r\n";
sub mixed {
    my (@parts) = @_;
    return "Content-Type: multipart/mixed; boundary=b\r\n\r\nbefore\r\n" . join('', map { "--b\r\n$_\r\n" } @parts) . "--b--\r\nbehind\r\n";
}
my $signed = "Content-Type: multipart/signed; boundary=s; micalg=sha-256; protocol=\"application/pkcs7-signature\"\r\n\r\n--s\r\n"
    . "Content-Type: text/html\r\n\r\n$html\r\n--s\r\nContent-Type: application/pkcs7-signature\r\n\r\nAAAA\r\n--s--\r\n";
my $enclosed = "Content-Type: message/rfc822\r\n\r\nSubject: x\r\nContent-Type: text/html\r\n\r\n$html";
my $digest = "Content-Type: multipart/digest; boundary=d\r\n\r\n--d\r\n\r\nSubject: x\r\n\r\n$plain\r\n--d--\r\n";
my $attached = "Content-Type: text/html; name=a.html\r\nContent-Disposition: attachment\r\n\r\n$html";

subtest 'tracking' => sub {
    my $message = $head . mixed("Content-Type: text/html\r\n\r\n$html", "\r\n$plain", $signed, $enclosed, $attached,
        "Content-Type: text/html; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n\r\n<a href=\"https://shop.example/\">\xfc</a>",
        "Content-Type: text/html; charset=x-unknown\r\n\r\n$html", $digest);
    my ($field, $same) = parsed(arrives($message));
    is($same =~ s/quoted-printable|8bit//r =~ s/=FC/\xfc/r =~ s/=3D"/="/r, (parsed($message))[1] =~ s/8bit//r, 'without it all is as it was');
    set_domain(%on);
    my %raw = delivered(taken($message, to => [qw(ann@example.org bob@example.org)]));
    isnt($raw{'ann@example.org'}, $raw{'bob@example.org'}, 'with it to each their own');
    my ($fields, $body) = parsed($raw{'ann@example.org'});
    like($fields->{'list-unsubscribe'}[0], qr{\A<https://track\.example/e/u/\S+>\z}, 'List-Unsubscribe');
    my @parts = split /\r\n--b(?:--)?\r\n/, "\r\n$body";
    is(scalar @parts, 10, 'parts and what is round them');
    is_deeply([ @parts[ 0, 3, 4, 5, 7, 8, 9 ] ], [ "\r\nbefore", map { s/\r\n\z//r } "$signed\r\n", "$enclosed\r\n", "$attached\r\n",
        "Content-Type: text/html; charset=x-unknown\r\n\r\n$html\r\n", "$digest\r\n", "behind\r\n\r\n" ], 'what is signed, enclosed, attached or not known is as it was')
        or diag(explain(\@parts));
    my ($first, $second, $latin) = map { decoded("X: y\r\n$parts[$_]") } 1, 2, 6;
    like($first, qr{\A<html><body><a href="https://track\.example/e/c/[^"]+">a</a>.*e/u/.*<img src="https://track\.example/e/o/[^"]+"[^>]*></body></html>\r\n\z}s, 'HTML');
    like($second, qr{\ASee https://track\.example/e/c/\S+ for more\.\r\n.*Unsubscribe: https://track\.example/e/u/\S+\r\n\z}s, 'plain text');
    like($latin, qr{\A<a href="https://track\.example/e/c/[^"]+">\xfc</a>\z}, 'a second HTML in its own charset: links alone');
    my $own = arrives("${head}X-EG-Track-Links: no\r\nX-EG-Track-Opens: off\r\nList-Unsubscribe: <mailto:u\@$domain>\r\nContent-Type: text/html\r\n\r\n$html");
    unlike($own, qr{/e/[co]/}, 'X-EG-Track-Links and X-EG-Track-Opens');
    is_deeply([ (parsed($own))[0]->{'list-unsubscribe'} ], [ ["<mailto:u\@$domain>"] ], '... a List-Unsubscribe of its own stays alone');
    set_domain(%off);
};

subtest 'a signature of S/MIME' => sub {
    my $dir = File::Temp->newdir;
    my ($status, undef, $err) = EmailGW::run_command(undef, qw(openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=shop -keyout), "$dir/key", '-out', "$dir/crt");
    is($status, 0, 'a certificate') or diag($err);
    ($status, my $made) = EmailGW::run_command("Content-Type: text/html\r\n\r\n$html", qw(openssl smime -sign -crlfeol -signer), "$dir/crt", '-inkey', "$dir/key");
    is($status, 0, 'a signed mail');
    $made =~ s/\r?\n/\r\n/g;
    set_domain(%on);
    my $raw = arrives($head =~ s/MIME-Version.*\r\n//r . $made);
    open my $out, '>:raw', "$dir/mail" or die $!;
    print {$out} $raw;
    close $out;
    ($status, my $said, $err) = EmailGW::run_command(undef, qw(openssl smime -verify -noverify -in), "$dir/mail");
    is($status, 0, 'verifies when it arrives') or diag($err);
    ok(index($raw, ($made =~ /\r\n\r\n(.*)/s)[0]) > 0, '... and is byte for byte what it was');
    set_domain(%off);
};

subtest 'mails of others' => sub {
    my @files = $ENV{EG_CORPORA} ? map { glob "$ENV{EG_CORPORA}/mime-mail-parser/$_/*.eml" } qw(rfc malformed) : ();
    diag('ran without EG_CORPORA: mails of others are left out') if !@files;
    my %taken;
    for my $file (@files) {
        my ($header, $body) = split /(?<=\r\n)\r\n/, EmailGW::slurp($file) =~ s/\r*\n/\r\n/gr, 2;
        $header =~ s/^From:.*\r\n(?:[ \t].*\r\n)*/$from/im or $header = $from . $header;
        my $reply = hand_in("$header\r\n" . ($body // ''));
        like($reply, qr/\A(?:250 2|55[04] 5)\.\d\.\d /, ($file =~ m{(\w+/\d+\.eml)})[0] . " $reply");
        $body = ($body // '') =~ /(?:\r\n|\A)\z/ ? $body // '' : "$body\r\n";
        $taken{$1} = $body if $reply =~ /queued as (\S+)/;
    }
    my ($same, $encoded) = (0, 0);
    for my $id (sort keys %taken) {
        my ($raw) = values %{ { delivered($id) } };
        my (undef, $body) = parsed($raw);
        $body eq $taken{$id} ? $same++ : $encoded++;
        unlike($raw, qr/[^\x01-\x7e]/, '7-bit on the way');
        ok($body eq $taken{$id} || $taken{$id} =~ /[^\x01-\x7e]|.{999}/, 'as it was, or it had what needs another form') or diag($id);
    }
    ok(!@files || $same > 8, "$same of them as they were, $encoded encoded anew");
};

subtest 'signatures' => sub {
    my $key = $gw->sql("SELECT dkim_selector || '._domainkey.' || name || ' ' || dkim_record FROM emailgw.domain WHERE domain_id = $account->{domain_id}");
    my $verifiers = EmailGW::DkimVerifiers->new($gw, $key);
    my @all = map { $_->{raw} } grep { $_->{raw} =~ /d=\Q$domain\E/ && $_->{raw} !~ /[^\x00-\x7f]/ } $gw->outbox;
    cmp_ok(scalar @all, '>=', 20, scalar(@all) . ' mails');
    is(scalar(grep { $_ } $verifiers->dkimpy(@all)), scalar @all, 'verify by dkimpy');
    is(scalar(grep { $_ } $verifiers->opendkim(@all)), scalar @all, '... and OpenDKIM');
};

$gw->log_clean;
done_testing;
