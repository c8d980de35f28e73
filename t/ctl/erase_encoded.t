# emailgwctl erase in a clean room, of mails that somebody else is still to get: the person
# stands in base64, in quoted-printable, in other charsets, in encoded words, in signed parts
# and in mails within mails. Afterwards neither the database nor what is sent tells of it.
use EmailGW;
use EmailGW::Dump;
use EmailGW::Sink;
use MIME::Base64 qw(decode_base64 encode_base64);
use MIME::QuotedPrint qw(decode_qp encode_qp);

my $address = 'Ursula.Quagmire@Person.Example';
my $person = qr/ursula\.?quagmire|erich\@b(?:\xc3\xbc|\xfc)cher\.example|erich\@xn--bcher/i; # and Erich, whose domain is international
my $open = File::Temp::tempdir(CLEANUP => 1) . '/open'; # from then on the other one gets mail
my $sink = EmailGW::Sink->start(script => sub {
    my ($step, $c) = @_;
    return $step eq 'rcpt' && $c->{to} =~ /^later/ && !-e $open ? '450 4.2.0 later' : undef;
});
my $gw = EmailGW->up(RATE => 'off', TRANSPORT => $sink->transport, SENDER_CONF => \"poll = 20ms\nretry = 1h\nthreads = 1\n");
my $account = $gw->new_account;
my $domain = $account->{domain};

sub utf16 { return "\xff\xfe" . join '', map { "$_\0" } split //, $_[0] }

# A mail by SMTP to the person and another one.
sub hand_in {
    my ($message) = @_;
    my $smtp = $gw->api('EmailGateway.AddSMTP', as => $account, DomainID => $account->{domain_id})->{json}{SMTP} or die "no credential\n";
    open my $conf, '<', $gw->env('SENDER_CONF') or die "SENDER_CONF: $!\n";
    my ($secret) = map { /^secret_file = (.*)/ ? $1 : () } <$conf>;
    my ($status, $out, $err) = EmailGW::run_command($message =~ s/\r?\n/\r\n/gr, "$ENV{EG_BUILD}/t/sender/hand_in", $gw->env('DSN'), $secret,
        $smtp->{Username}, $smtp->{Password}, 0, "shop\@$domain", $address, 'later@example.org');
    die "hand_in: $status $out $err\n" if $out !~ /queued as ([0-9a-f-]{36})/;
    return $1;
}

my $image = encode_base64(join '', map { chr($_ * 37 % 256) } 1 .. 600);
my $text = encode_base64("Dear all,\r\nask $address, please.\r\nYours\r\n");
my $html = encode_qp("<p>Ask <a href=\"mailto:$address\">her</a> \xfc</p>\r\n", "\r\n") =~ s/\@/=40/gr;
my $csv = encode_base64(utf16("name,\L$address\r\n"));
my $words = encode_base64("Ask $address", '');
my $raw = <<"END";
From: Shop <shop\@$domain>
To: "Her, $address" <$address>, =?utf-8?B?@{[encode_base64("Later (not $address)", '')]}?= <later\@example.org>
Cc: $address
Subject: =?utf-8?B?$words?=
X-For: =?utf-8?Q?for_Ursula=2EQuag?= =?utf-8?Q?mire=40Person=2EExample?=
Date: Mon, 02 Nov 2026 08:00:00 +0100
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="x1"

$address asks you to read MIME.
--x1
Content-Type: multipart/signed; protocol="application/pgp-signature"; micalg=pgp-sha256; boundary=x2

--x2
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: base64

$text
--x2
Content-Type: application/pgp-signature

none
--x2--
--x1
Content-Type: text/html; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

$html
--x1
Content-Type: message/rfc822
Content-Disposition: attachment; filename="=?utf-8?B?@{[encode_base64("$address.eml", '')]}?="

To: $address, later\@example.org
Content-Transfer-Encoding: base64

$text
--x1
Content-Type: text/csv; charset=utf-16
Content-Disposition: attachment;
 filename*0*=utf-8''Ursula.Quag; filename*1="mire\@Person.Example.csv"
Content-Transfer-Encoding: base64

$csv
--x1
Content-Type: image/png
Content-Transfer-Encoding: base64

$image
--x1--
END

my (%id, $template);
subtest 'a life' => sub {
    $id{smtp} = hand_in($raw);
    my $made = $gw->api('EmailGateway.AddTemplate', as => $account, Name => 'Ask', Subject => 'x',
        HTMLContent => "<p>Ask {{ name }} or ${\($address =~ s/\@/&#64;/r)}</p>");
    $template = $made->{json}{NewTemplateID} or die "$made->{body}\n";
    my $reply = $gw->send_mail(as => $account, To => [ map { { email => $_, name => "N $_" } } $address, 'later@example.org' ], ReplyTo => [ { email => $address, name => '' } ],
        TemplateID => $template, Attachments => [
            { filename => "$address.txt", content => encode_base64("x,$address\n"), type => 'text/csv', disposition => 'attachment' },
            { filename => 'b.csv', content => encode_base64(utf16("x,$address\n")), type => 'text/csv' },
            { filename => 'c.png', content => encode_base64("\x89PNG\0\1"), type => 'image/png' } ]);
    $id{json} = $reply->{json}{MessageID} or die "$reply->{body}\n";
    for my $id (sort values %id) {
        ok($gw->wait_for(sub { ($gw->sql("SELECT string_agg(status::text, ' ' ORDER BY recipient_no) FROM emailgw.recipient WHERE message_id = '$id'
            AND attempts > 0") // '') eq 'delivered queued' }, 30, 'one of two'), 'she has it, another waits for it');
    }
    my @found = lines_with(dump_of($gw), $person);
    cmp_ok(scalar(@found), '>', 10, 'the dump is full of her');
    is(scalar(grep { /\Q$id{smtp}\E/ && /\\x/ && lines_with(s/.*(?=\\x)//r, $person) } @found), 1, '... the mail that was handed in, too');
};

subtest 'erased' => sub {
    my $report = $gw->ctl('erase', $address);
    is("@$report{qw(state recipients parts)}", 'done 2 3', 'done') or diag(explain($report));
    is_deeply($report->{templates}, [ { template_id => $template, name => 'Ask', user => $account->{username} } ], 'the template is named');
    my @left = lines_with(dump_of($gw), $person);
    is(scalar(grep { !/^$template\t|^$account->{account_id}\t$template\t/ } @left), 0, 'nothing is left but that') or diag(join "\n", map { substr $_, 0, 300 } @left);
    is(scalar @left, 1, '... which is');
    $gw->api('EmailGateway.UpdateTemplate', as => $account, TemplateID => $template, HTMLContent => '<p>Ask us</p>');
    is(join("\n", lines_with(dump_of($gw), $person)), '', '... until its user has changed it');
    like(dump_of($gw), qr/hash:1:[\w-]{22}/, 'the hash alone is there');
};

subtest 'an international domain' => sub {
    my $id = $gw->send_mail(as => $account, To => [ map { { email => $_, name => '' } } "erich\@b\x{fc}cher.example", 'later@example.org' ],
        PlainContent => "Ask Erich\@B\x{dc}CHER.example", ContentType => 'plain', Headers => { 'X-For' => 'erich@xn--bcher-kva.example' }, Attachments => [
            { filename => 'a.txt', content => encode_base64("Erich\@b\xfccher.example\n", ''), type => 'text/plain; charset=iso-8859-1' },
            { filename => 'b.txt', content => encode_base64("Erich\@b\xc3\xbccher.example \xff\n", ''), type => 'text/plain' } ])->{json}{MessageID} or die "no mail\n";
    ok($gw->wait_for(sub { ($gw->sql("SELECT string_agg(status::text, ' ' ORDER BY recipient_no) FROM emailgw.recipient WHERE message_id = '$id'
        AND attempts > 0") // '') eq 'delivered queued' }, 30, 'one of two'), 'he has it, another waits for it');
    cmp_ok(scalar(lines_with(dump_of($gw), $person)), '>', 3, 'the dump is full of him');
    $gw->ctl('erase', "erich\@B\xc3\xbccher.example");
    is(join("\n", lines_with(dump_of($gw), $person)), '', 'he is nowhere, in no form');
    is($gw->sql("SELECT string_agg(convert_from(content, 'LATIN1'), '|' ORDER BY attachment_no) FROM emailgw.attachment WHERE message_id = '$id'"),
        "[erased]\n|[erased] \xc3\xbf\n", '... and what is attached is else what it was');
    $gw->sql("DELETE FROM emailgw.queue WHERE message_id = '$id'");
};

subtest 'a sender that starts goes on with what is left' => sub {
    my $id = $gw->send_mail(as => $account, To => [ map { { email => $_, name => '' } } 'kim@person.example', 'later@example.org' ], SendAt => time + 3600,
        Attachments => [ { filename => 'a.txt', content => encode_base64("Kim\@Person.example\n", ''), type => 'text/plain' } ])->{json}{MessageID};
    $gw->kill('sender');
    my $erasure = $gw->api('EmailGateway.EraseAddress', as => $account, EmailAddress => 'kim@person.example')->{json}{ErasureID};
    $gw->sql("SELECT emailgw_api.erase_step($account->{account_id}, $erasure, 'kim\@person.example', 'hash:1:0', 1000)") for 1 .. 2; # as far as it had come
    is($gw->sql("SELECT count(*) FROM emailgw.erasure_part WHERE message_id = '$id'"), 1, 'a part is still to be looked through');
    $gw->start('sender');
    ok($gw->wait_for(sub { $gw->api('EmailGateway.GetErasure', as => $account, ErasureID => $erasure)->{json}{State} eq 'done' }, 90, 'done'), 'another goes on with it');
    is(join("\n", lines_with(dump_of($gw), qr/kim\@person/i)), '', 'nothing is left');
    $gw->sql("DELETE FROM emailgw.queue WHERE message_id = '$id'");
};

# Header fields in one line each, by their names in lower case; and the parts of a body.
sub parsed {
    my ($mail) = @_;
    my ($header, $body) = split /(?<=\r\n)\r\n/, $mail, 2;
    return ({ map { /^([^:]+): *(.*)/s ? (lc $1 => $2 =~ s/\r\n\s+/ /gr) : () } split /\r\n(?![ \t])/, $header }, $body);
}

subtest 'what the other one gets' => sub {
    open my $file, '>', $open or die "$open: $!\n";
    $gw->sql("UPDATE emailgw.queue SET ready = true");
    ok($gw->wait_for(sub { !$gw->sql('SELECT count(*) FROM emailgw.queue') }, 30, 'delivered'), 'delivered');
    my @got = grep { $_->{to} =~ /^later/ } $sink->messages;
    is(scalar @got, 2, 'both mails');
    is(scalar(grep { lines_with($_->{body}, $person) || EmailGW::Dump::tells($_->{body}, $person, 4) } @got), 0, 'nothing of her is in them');
    my ($mail) = map { $_->{body} } grep { $_->{body} =~ /boundary="x1"/ } @got;
    my ($field, $body) = parsed($mail);
    is($field->{to}, '"Later (not [erased])" <later@example.org>', 'To');
    is("$field->{subject}|$field->{'x-for'}|" . ($field->{cc} // ''), 'Ask [erased]|for [erased]|', 'the other fields');
    is($field->{from}, "Shop <shop\@$domain>", 'From is what it was');
    like($body, qr/\Q[erased]\E asks you to read MIME\.\r\n--x1\r\n/, 'between the parts');
    my @texts = map { decode_base64($_) } $body =~ /base64\r\n\r\n([A-Za-z0-9+\/=\r\n]+)\r\n--/g;
    is(scalar(grep { $_ eq "Dear all,\r\nask [erased], please.\r\nYours\r\n" } @texts), 2, 'texts in base64, signed and in a mail within it');
    is(scalar(grep { $_ eq utf16("name,[erased]\r\n") } @texts), 1, '... in UTF-16');
    is(scalar(grep { $_ eq decode_base64($image) } @texts), 1, '... and the image is the same');
    my ($quoted) = $body =~ /quoted-printable\r\n\r\n(.*?)\r\n--/s;
    is(decode_qp($quoted) =~ s/\s+\z//r, "<p>Ask <a href=\"mailto:[erased]\">her</a> \xfc</p>", 'in quoted-printable');
    like($body, qr/filename="\[erased\]\.eml"/, 'the name of a file');
    like($body, qr/filename\*=utf-8''erased\.csv/, '... in RFC 2231\'s form');
    is(scalar(grep { /[^\x01-\x7f]/ || /[^\r\n]{999}/ } map { $_->{body} } @got), 0, 'every server takes them');
    my ($other) = map { $_->{body} } grep { $_->{body} !~ /boundary="x1"/ } @got;
    my ($fields, $parts) = parsed($other);
    is($fields->{to}, '"N later@example.org" <later@example.org>', 'of the other mail: To');
    is($fields->{'reply-to'}, undef, '... and nobody to reply to');
    my @attached = map { decode_base64($_) } $parts =~ /base64\r\n(?:[\w-]+:.*\r\n(?:[ \t].*\r\n)*)*\r\n([A-Za-z0-9+\/=\r\n]+)\r\n--/g;
    is_deeply([ grep { /^(?:x,|\xff\xfe|\x89PNG)/ } @attached ], [ "x,[erased]\n", utf16("x,[erased]\n"), "\x89PNG\0\1" ], '... and what is attached')
        or diag($parts);
};

$gw->log_clean;
done_testing;
