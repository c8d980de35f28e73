# POST /api/v1/email: what the reference documents, each of its errors by its
# documented cause, and what then lies in the tables and in the outbox.
use EmailGW;
use Digest::SHA qw(sha256_hex);
use JSON::PP ();
use MIME::Base64 qw(encode_base64);
use Time::HiRes qw(time sleep);

my $gw = EmailGW->up;
my $account = $gw->new_account;
my ($true, $false) = (JSON::PP::true, JSON::PP::false);
my $uuid7 = qr/\A[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\z/;

sub person { return { email => $_[0], name => $_[1] // '' } }

sub codes { return join ' ', map { $_->{Code} } @{ $_[0]{json}{Errors} // [] } }

# The refusal of a reply: its status, its codes, its form.
sub is_refusal {
    my ($reply, $status, $codes, $what, $says) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is("$reply->{status}: " . codes($reply), "$status: $codes", $what) or diag($reply->{body});
    my @bad = grep { ref $_ ne 'HASH' || "@{[ sort keys %$_ ]}" ne 'Code Message' || !length $_->{Message} }
        @{ $reply->{json}{Errors} // [ {} ] };
    is(scalar @bad, 0, "$what: each error has a code and a message");
    unlike($reply->{body}, qr/"Code":\s*"/, "$what: codes are numbers");
    is($reply->{headers}{'content-type'}, 'application/json', "$what: as JSON");
    like($reply->{json}{Errors}[0]{Message}, $says, "$what: says so") if $says;
}

# Requests that are refused and leave nothing: [what, status, codes, {change}, pattern of the first message].
sub refuses {
    my ($as, @cases) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $before = $gw->ledger($as);
    for my $case (@cases) {
        my ($what, $status, $codes, $change, $says) = @$case;
        is_refusal($gw->send_mail(as => $as, %$change), $status, $codes, $what, $says);
    }
    is($gw->ledger($as), $before, 'nothing is queued by any of them');
}

# All that an account has sent so far arrives, and nothing else does.
sub arrives_alone {
    my ($as, @ids) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $last = $gw->send_mail(as => $as)->{json}{MessageID};
    my %wanted = map { $_ => 1 } @ids, $last;
    my $found = sub { my %found = map { m{([^/]+)-\d+\.eml\z} ? ($1 => 1) : () }
        map { $_->{file} } $gw->mails_of($as); \%found };
    $gw->wait_for(sub { my $f = $found->(); !grep { !$f->{$_} } keys %wanted }, 10, 'delivery');
    is_deeply($found->(), \%wanted, 'in the outbox is what was accepted, and nothing else');
}

subtest 'the documented example' => sub {
    my $reply = $gw->call('POST', '/api/v1/email', { key => $account->{key}, json => {
        SenderAPIKey => $account->{key}, Subject => 'Hello World', ContentType => 'html',
        HtmlContent => '<p>Hello, World!</p>', From => person("sender\@$account->{domain}", 'John Doe'),
        To => [ person('recipient@example.com', 'Jane Doe') ],
    } });
    is($reply->{status}, 200) or BAIL_OUT($reply->{body});
    is_deeply([ keys %{ $reply->{json} } ], ['MessageID']);
    my $id = $reply->{json}{MessageID};
    like($id, $uuid7, 'MessageID is a UUIDv7');
    is($reply->{headers}{'content-type'}, 'application/json');
    like($reply->{headers}{'cache-control'}, qr/no-store/);
    is($reply->{headers}{'idempotent-replayed'}, undef);

    my ($row) = $gw->sql("SELECT domain_id, from_email, from_name, subject, tags, track_links, track_opens, send_at
        FROM emailgw.message WHERE account_id = $account->{account_id} AND message_id = '$id'");
    is_deeply($row, [ $account->{domain_id}, "sender\@$account->{domain}", 'John Doe', 'Hello World', '{}',
        undef, undef, undef ], 'its row');
    my ($mail) = $gw->wait_for(sub { $gw->outbox($id) }, 10, 'delivery') ? $gw->outbox($id) : ();
    like("$mail->{from} $mail->{to}", qr/\A${\ EmailGW::return_path($account->{domain})} recipient\@example\.com\z/, 'the envelope');
    like($mail->{raw}, qr/^From: John Doe <sender\@\Q$account->{domain}\E>\r$/m);
    like($mail->{raw}, qr/^To: Jane Doe <recipient\@example\.com>\r$/m);
    like($mail->{raw}, qr/^Subject: Hello World\r$/m);
    like($mail->{raw}, qr{^Content-Type: text/html; charset=utf-8\r$}m);
    like($mail->{raw}, qr{\r\n\r\n<p>Hello, World!</p>\r\n\z});
    unlike($mail->{raw}, qr/\Q$account->{key}\E/, 'the key is not in the mail');
    is(scalar $gw->sql("SELECT count(*) FROM emailgw.content AS c WHERE account_id = $account->{account_id}
        AND to_jsonb(c)::text LIKE '%egs\\_%'"), 0, 'nor in a row');
};

subtest 'who may send: 1, 13' => sub {
    my $before = $gw->ledger($account);
    my %faulty = (Subject => undef, To => undef, From => 7);
    my $refused = sub {
        my ($code, $what, %with) = @_;
        for my $mail ({ %faulty }, { Subject => 'x', ContentType => 'plain', PlainContent => 'x',
            From => person("s\@$account->{domain}"), To => person('r@example.org') }) {
            my $reply = $gw->call('POST', '/api/v1/email', { %with, json => { %$mail,
                %{ $with{json} // {} } } });
            is_refusal($reply, 401, $code, $what);
            is($reply->{headers}{'www-authenticate'}, 'Bearer', "$what: WWW-Authenticate");
        }
    };
    $refused->(1, 'no key');
    $refused->(1, 'an empty Bearer', key => '');
    $refused->(1, 'another scheme', headers => { Authorization => 'Basic '
        . encode_base64("x:$account->{key}", '') });
    $refused->(1, 'Bearer alone', headers => { Authorization => 'Bearer' });
    $refused->(1, 'an empty SenderAPIKey', json => { SenderAPIKey => '' });
    $refused->(1, 'a SenderAPIKey that is no string', json => { SenderAPIKey => 12 });
    my $other = $gw->new_account;
    my ($rest) = $account->{key} =~ /\Aegs_\d+_(.*)/;
    my %wrong = (
        'a word' => 'secret', 'the account key' => $account->{account_key},
        'cut' => substr($account->{key}, 0, -1),
        'longer' => "$account->{key}A", 'in upper case' => uc $account->{key},
        'of another account' => "egs_$other->{account_id}_$rest",
        'of account 0' => "egs_0_$rest", 'of account 2^70' => "egs_1180591620717411303424_$rest",
        'of a negative account' => "egs_-1_$rest", 'with SQL' => "egs_1_' OR 1=1 --",
        'with a space' => "$account->{key} x",
        'of 8000 bytes' => 'x' x 8000,
    );
    (my $flipped = $account->{key}) =~ s/(.)\z/$1 eq 'A' ? 'B' : 'A'/e;
    $refused->(13, "a key $_", key => $wrong{$_}) for sort keys %wrong;
    $refused->(13, "as SenderAPIKey: a key $_", json => { SenderAPIKey => $wrong{$_} }) for sort keys %wrong;
    $refused->(13, 'a key with another last character', key => $flipped);

    $gw->sql("UPDATE emailgw.api_key SET permissions = 'events' WHERE account_id = $account->{account_id}");
    $refused->(13, 'a key that may only read events', key => $account->{key});
    $gw->sql("UPDATE emailgw.api_key SET permissions = 'send,webhooks,events', deleted_at = now()
        WHERE account_id = $account->{account_id}");
    $refused->(13, 'a deleted key', key => $account->{key});
    $gw->sql("UPDATE emailgw.api_key SET deleted_at = NULL WHERE account_id = $account->{account_id}");
    is($gw->ledger($account), $before, 'nothing is queued by any of them');
    is($gw->send_mail(as => $account)->{status}, 200, 'the key works again');
    is($gw->send_mail(as => { %$account, key => undef }, SenderAPIKey => $account->{key})->{status}, 200,
        'SenderAPIKey alone works');
};

subtest 'account and domain: 2, 12, 32, 34, each alone' => sub {
    my $it = $gw->new_account(enable => 0);
    my %faults = (Subject => undef, ContentType => 'x', To => [], From => 'x', ReplyTo => 'x');
    my $is_state = sub {
        my ($code, $what, $says) = @_;
        refuses($it, [ $what, 403, $code, {}, $says ], [ "$what, and a mail full of faults", 403, $code,
            \%faults, $says ]);
    };
    $is_state->(32, 'a pending domain', qr/\ADomain is not activated/);
    $gw->sql("UPDATE emailgw.domain SET status = 'Suspended' WHERE account_id = $it->{account_id}");
    $is_state->(32, 'a suspended domain');
    $gw->ctl(qw(domain enable), $it->{domain}, '--user', $it->{username});
    is($gw->send_mail(as => $it)->{status}, 200, 'an enabled domain');
    $gw->sql("UPDATE emailgw.domain SET status = 'Warning' WHERE account_id = $it->{account_id}");
    is($gw->send_mail(as => $it)->{status}, 200, 'a domain with a warning goes on');
    $gw->ctl(qw(user set), $it->{username}, qw(--status disabled));
    $is_state->(12, 'a disabled account', qr/\AInvalid or deactivated user account/);
    $gw->ctl(qw(user set), $it->{username}, qw(--status unverified));
    $is_state->(34, 'an unverified account', qr/\AUser account is not verified/);
    $gw->ctl(qw(user set), $it->{username}, qw(--status active));
    $gw->sql("UPDATE emailgw.domain SET deleted_at = now() WHERE account_id = $it->{account_id}");
    $is_state->(2, 'a deleted domain', qr/\AInvalid DomainID/);
};

# ---- the mail itself --------------------------------------------------------

my %person_codes = (To => [ 18, 19 ], CC => [ 21, 22 ], BCC => [ 25, 26 ], ReplyTo => [ 29, 30 ]);

subtest 'From: 3, 23' => sub {
    my $own = "sender\@$account->{domain}";
    refuses($account,
        [ 'no From', 422, 3, { From => undef }, qr/\AFrom parameter is either missing or invalid/ ],
        (map { [ "From is $_->[0]", 422, 3, { From => $_->[1] } ] } [ 'a string', $own ], [ 'a number', 7 ],
            [ 'a list', [ person($own) ] ], [ 'empty', {} ], [ 'true', $true ]),
        [ 'no name', 422, 3, { From => { email => $own } } ],
        [ 'no email', 422, 3, { From => { name => 'x' } } ],
        [ 'name is null', 422, 3, { From => { email => $own, name => undef } } ],
        [ 'name is a number', 422, 3, { From => { email => $own, name => 7 } } ],
        [ 'an empty email', 422, 3, { From => person('') } ],
        [ 'a name of 321 bytes', 422, 3, { From => person($own, 'x' x 321) } ],
        [ 'a name with a line end', 422, 3, { From => person($own, "x\r\nBcc: evil\@example.net") } ],
        [ 'no address', 422, 23, { From => person('sender') }, qr/invalid: 'sender'/ ],
        [ 'two addresses', 422, 23, { From => person("$own, $own") } ],
        [ 'an address in angles', 422, 23, { From => person("<$own>") } ],
        [ 'a comment', 422, 23, { From => person("(ceo\@bank.example) $own") } ],
        [ "a name's injection", 422, 23, { From => person("$own>\r\nRCPT TO:<evil\@example.net") } ],
        [ 'another domain', 422, 3, { From => person('sender@example.net') }, qr/\Q$account->{domain}\E/ ],
        [ "a domain that only ends alike", 422, 3, { From => person("sender\@evil$account->{domain}") } ],
        [ "the domain's parent", 422, 3, { From => person($own =~ s/\@[^.]+\./\@x./r) } ],
        [ 'the domain in front', 422, 3, { From => person("$own.example.net") } ],
        [ 'another domain, and more', 422, '3 8 19', { From => person('s@example.net'), Subject => undef,
            To => person('x') } ],
        [ 'an address of another account', 422, 3, { From => person('x@' . $gw->new_account->{domain}) } ],
    );
    is($gw->send_mail(as => $account, From => person("s\@\U$account->{domain}"))->{status}, 200,
        'the domain in upper case');
    is($gw->send_mail(as => $account, From => person("s\@news.$account->{domain}"))->{status}, 200,
        'a subdomain');
    is($gw->send_mail(as => $account, From => person($own, 'x' x 320))->{status}, 200, 'a name of 320 bytes');
    my $id = $gw->send_mail(as => $account, From => person($own, '(ceo@bank.example)'))->{json}{MessageID};
    my ($mail) = $gw->wait_for(sub { $id && $gw->outbox($id) }, 10, 'delivery') ? $gw->outbox($id) : ();
    like($mail->{raw}, qr/^From: "\(ceo\@bank\.example\)" <\Q$own\E>\r$/m, 'a name like a comment goes out as a name, in quotes');
};

subtest 'Subject and contents: 8, 9, 10, 11' => sub {
    refuses($account,
        [ 'no Subject', 422, 8, { Subject => undef }, qr/\AMissing Subject\z/ ],
        [ 'an empty one', 422, 8, { Subject => '' } ],
        [ 'a number', 422, 8, { Subject => 7 } ], [ 'of 999 bytes', 422, 8, { Subject => 'x' x 999 } ],
        (map { [ "with $_->[0]", 422, 8, { Subject => "x$_->[1]Bcc: evil\@example.net" } ] } [ 'CR LF',
            "\r\n" ], [ 'LF', "\n" ],
            [ 'CR', "\r" ], [ 'a fold', "\r\n\t" ]),
        [ 'no ContentType', 422, 9, { ContentType => undef }, qr/\AMissing ContentType/ ],
        [ 'an unknown one', 422, 9, { ContentType => 'text' }, qr/html, plain or multipart/ ],
        [ 'a media type', 422, 9, { ContentType => 'text/html' } ],
        [ 'a list', 422, 9, { ContentType => ['html'] } ],
        [ 'html without', 422, 10, { ContentType => 'html' }, qr/\AMissing HtmlContent/i ],
        [ 'html empty', 422, 10, { ContentType => 'html', HtmlContent => '' } ],
        [ 'html is a number', 422, 10, { ContentType => 'html', HtmlContent => 1 } ],
        [ 'plain without', 422, 11, { PlainContent => undef }, qr/\AMissing PlainContent/i ],
        [ 'plain empty', 422, 11, { PlainContent => '' } ],
        [ 'plain is an object', 422, 11, { PlainContent => {} } ],
        [ 'multipart without html', 422, 10, { ContentType => 'multipart' } ],
        [ 'multipart without plain', 422, 11, { ContentType => 'multipart', HtmlContent => 'x',
            PlainContent => undef } ],
        [ 'multipart without both', 422, '10 11', { ContentType => 'multipart', PlainContent => undef } ],
    );
    for my $case ([ 'plain', 'plain', undef, 'P' ], [ 'html', 'html', 'H', undef ],
        [ 'html with plain', 'html', 'H', 'P' ],
        [ 'multipart in other letters', 'MultiPart', 'H', 'P' ]) {
        my ($what, $type, $html, $plain) = @$case;
        my $reply = $gw->send_mail(as => $account, ContentType => $type, HtmlContent => $html,
            PlainContent => $plain);
        is($reply->{status}, 200, $what);
        is_deeply([
            $gw->sql("SELECT html, plain FROM emailgw.content WHERE account_id = $account->{account_id}
            AND message_id = '$reply->{json}{MessageID}'") ], [ [ $html, $plain ] ], "$what: its contents");
    }
    is($gw->send_mail(as => $account, Subject => 'x' x 998)->{status}, 200, 'a Subject of 998 bytes');
};

subtest 'To, CC, BCC, ReplyTo: 18 to 22, 24 to 31' => sub {
    my @many = map { person("r$_\@example.org") } 1 .. 51;
    my $at = sub { my ($field, $value) = @_; $field eq 'To' ? { To => $value } : { $field => $value } };
    for my $field (qw(To CC BCC ReplyTo)) {
        my ($incomplete, $address) = @{ $person_codes{$field} };
        refuses($account,
            (map { [ "$field: $_->[0]", 422, $incomplete, $at->($field, [ $_->[1] ]),
                qr/name or email address is missing|given twice/ ] }
                [ 'no name', { email => 'a@example.org' } ], [ 'no email', { name => 'A' } ],
                [ 'an empty object', {} ],
                [ 'a string', 'a@example.org' ], [ 'null', undef ], [ 'a list', [ person('a@example.org') ] ],
                [ 'email is empty', person('') ], [ 'name is a number', { email => 'a@example.org',
                    name => 1 } ],
                [ 'email twice', { email => 'a@example.org', Email => 'b@example.org', name => '' } ]),
            [ "$field: a name with LF", 422, $incomplete, $at->($field, [ person('a@example.org',
                "x\nCc: y") ]) ],
            (map { [ "$field: $_", 422, $address, $at->($field, [ person($_) ]), qr/invalid/ ] } 'nobody',
                'a@b@c.example',
                'a@localhost', 'a b@example.org', 'a@[127.0.0.1]', '<a@example.org>',
                'a@example.org, b@example.org'),
            [ "$field: the second is wrong", 422, $address, $at->($field, [ person('a@example.org'),
                person('b') ]), qr/'b'/ ],
        );
    }
    refuses($account,
        [ 'no To', 422, 20, { To => undef }, qr/\AThere is no recipient set/ ],
        [ 'an empty To', 422, 20, { To => [] } ],
        [ 'To with 51', 422, 20, { To => \@many }, qr/51 given, 50 allowed/ ],
        [ 'CC with 51', 422, 20, { CC => \@many }, qr/51 given, 50 allowed/ ],
        [ 'BCC with 51', 422, 27, { BCC => \@many }, qr/51 given, 50 allowed/ ],
        [ 'ReplyTo with 11', 422, 31, { ReplyTo => [ @many[0 .. 10] ] }, qr/11 given, 10 allowed/ ],
        [ 'BCC is an object', 422, 24, { BCC => person('a@example.org') }, qr/must be set as an array/ ],
        [ 'BCC is a string', 422, 24, { BCC => 'a@example.org' } ],
        [ 'ReplyTo is an object', 422, 28, { ReplyTo => person('a@example.org') },
            qr/must be set as an array/ ],
        [ 'ReplyTo is a string', 422, 28, { ReplyTo => 'a@example.org' } ],
        [ 'To and TargetListID', 422, 20, { TargetListID => 1 } ],
    );
    is($gw->send_mail(as => $account, To => person('one@example.org'),
        CC => person('two@example.org'))->{status}, 200,
        'To and CC may be one object each');
    is($gw->send_mail(as => $account, CC => [], BCC => [], ReplyTo => [])->{status}, 200,
        'empty lists are none');
    my $reply = $gw->send_mail(as => $account, To => [ @many[0 .. 49] ],
        CC => [ map { person("c$_\@example.org") } 1 .. 50 ],
        BCC => [ map { person("b$_\@example.org") } 1 .. 50 ], ReplyTo => [ @many[0 .. 9] ]);
    is($reply->{status}, 200, '50 of each');
    is($gw->sql("SELECT count(*) FROM emailgw.recipient WHERE account_id = $account->{account_id}
        AND message_id = '$reply->{json}{MessageID}'"), 150, 'give 150 recipients');
};

subtest 'attachments, headers and the rest: 101 to 107, 111' => sub {
    my $file = sub { return { filename => 'a.txt', content => 'YQ==', type => 'text/plain', @_ } };
    my @owned = qw(From To CC bcc Reply-To Subject Date Message-ID Return-Path DKIM-Signature Received Content-Type
        Content-Anything MIME-Version Sender Feedback-ID);
    refuses($account,
        (map { [ "attachment: $_->[0]", 422, 101, { Attachments => $_->[1] }, $_->[2] ] }
            [ 'no list', $file->() ], [ 'a string', 'YQ==' ], [ 'of strings', ['YQ=='] ],
            [ 'no content', [ { filename => 'a.txt' } ], qr/1 \('a\.txt'\).*missing/ ],
            [ 'no base64', [ $file->(), $file->(filename => 'b.txt', content => 'a*b=') ],
                qr/2 \('b\.txt'\).*base64/ ],
            [ 'odd base64', [ $file->(content => 'YQ=') ] ],
            [ 'content is a number', [ $file->(content => 12) ], qr/'content' must be a string/ ],
            (map { [ "$_ is a number", [ $file->($_ => 12) ],
                qr/'$_' must be a string/ ] } qw(filename type disposition contentid)),
            [ 'a bad type', [ $file->(type => "text/html\r\nX: y") ], qr/'type'/ ],
            [ 'a type with a boundary', [ $file->(type => 'multipart/mixed; boundary=x') ] ],
            [ 'a type without a slash', [ $file->(type => 'pdf') ] ],
            [ 'a bad disposition', [ $file->(disposition => 'form-data') ], qr/'disposition'/ ],
            [ 'a bad content id', [ $file->(contentid => "x>\r\nX: y") ], qr/'contentid'/ ],
            [ 'a content id twice', [ map { $file->(contentid => 'x@y') } 1, 2 ], qr/2 .*earlier/ ],
            [ '101 of them', [ map { $file->() } 1 .. 101 ], qr/more than 100/ ]),
        (map { [ "header $_", 422, 102, { Headers => { $_ => 'x' } },
            qr/\Q$_\E.*the gateway writes it/ ] } @owned),
        (map { [ "header name '" . ($_ =~ s/\s/./gr) . "'", 422, 102, { Headers => { $_ => 'x' } },
            qr/Invalid header name/ ] }
            '', 'X: y', 'a b', "X\r\nBcc", "X\n", "\x{e9}", 'X' x 77),
        (map { [ "header value: $_->[0]", 422, 102, { Headers => { 'X-Test' => $_->[1] } }, qr/'X-Test'/ ] }
            [ 'CR LF', "x\r\nBcc: evil\@example.net" ], [ 'LF', "x\nBcc: y" ], [ 'CR', "x\rBcc: y" ],
            [ 'a number', 1 ], [ 'null', undef ], [ 'a list', ['x'] ]),
        (map { [ "header $_->[0]: a value without its syntax", 422, 102, { Headers => { $_->[0] => $_->[1] } }, qr/'\Q$_->[0]\E'.*printable ASCII/ ] }
            [ 'List-Unsubscribe', "<https://example.com/\x{e9}>" ], [ 'references', "<a\x{e9}\@example.com>" ], [ 'List-Id', "Gr\x{fc}n" ],
            [ 'List-Help', '<https://example.com/' . 'x' x 990 . '>' ]),
        [ 'a wish for TLS', 422, 102, { Headers => { 'X-EG-TLS' => 'perhaps' } }, qr/only 'required' is allowed/ ],
        [ 'a header twice', 422, 102, { Headers => { 'X-Test' => 'x', 'x-test' => 'y' } }, qr/given twice/ ],
        [ '101 headers', 422, 102, { Headers => { map { ("X-$_" => 'x') } 1 .. 101 } } ],
        [ '17 KB of headers', 422, 102, { Headers => { map { ("X-$_" => 'x' x 900) } 1 .. 19 } } ],
        [ 'Headers is a string', 422, 102, { Headers => 'X: y' } ],
        [ 'Headers is a list', 422, 102, { Headers => ['X: y'] } ],
        (map { [ "SendAt $_", 422, 103, { SendAt => $_ }, qr/SendAt/ ] } 'tomorrow', '2026-13-01',
            '2026-02-30T00:00:00Z', '-1', '1e9', '12:00', ' 1'),
        (map { [ "SendAt: $_->[0]", 422, 103, { SendAt => $_->[1] } ] } [ 'true', $true ], [ 'a list', [] ],
            [ 'negative', -1 ], [ 'a fraction', 1.5 ],
            [ '2^63', 9223372036854775808 ], [ '31 days ahead', time() + 31 * 86400 | 0 ],
            [ 'the year 9999', '9999-12-31T23:59:59Z' ]),
        (map { [ "Tags: $_->[0]", 422, 104, { Tags => $_->[1] }, qr/Tags/ ] } [ 'a number', 7 ],
            [ 'an empty one', [''] ], [ 'of 129 bytes', [ 'x' x 129 ] ],
            [ 'with LF', ["x\ny"] ], [ 'a list of lists', [ ['x'] ] ], [ '21', [ map { "t$_" } 1 .. 21 ] ],
            [ 'an object', { a => 'b' } ]),
        (map { my $name = $_; map { [ "$name " . ($_ // 'x'), 422, 105, { $name => $_ },
            qr/$name/ ] } 'maybe', 2, '-1', [] } qw(TrackLinks TrackOpens)),
        (map { my $name = $_; map { [ "$name $_", 422, 106, { $name => $_ }, qr/$name/ ] } '12abc', '1.5', -1,
            0, 1.5, '9007199254740992', 'x' }
            qw(ListID SubscriberID JourneyID ActionID)),
        [ 'an empty Idempotency-Key', 422, 111, { headers => { 'Idempotency-Key' => '' } } ],
        [ 'an Idempotency-Key of 257', 422, 111, { headers => { 'Idempotency-Key' => 'x' x 257 } } ],
    );
    my $big = encode_base64('x' x (25 * 1024 * 1024 - 6), '');
    refuses($account, [ 'one byte over 25 MB', 422, 107, { PlainContent => '1234567',
        Attachments => [ $file->(content => $big) ] }, qr/26214400 are allowed/ ]);
    is($gw->send_mail(as => $account, Idempotency => 1, headers => { 'Idempotency-Key' => 'x'
        x 256 })->{status}, 200,
        'an Idempotency-Key of 256, and an unknown parameter');
};

subtest 'what is stored of the rest' => sub {
    my $reply = $gw->send_mail(as => $account, TrackLinks => $true, TrackOpens => 'no',
        Tags => [ 'a', "b'\"\\{,}", 'a' ],
        ListID => 1, SubscriberID => '9007199254740991', JourneyID => 3, ActionID => '4',
        Headers => { 'X-One' => 'two' },
        Attachments => [ { filename => '../../etc/pass\\wd', content => encode_base64("\0\r\n\xff"),
            contentid => '<x@y>' } ]);
    is($reply->{status}, 200) or diag($reply->{body});
    my $where = "account_id = $account->{account_id} AND message_id = '$reply->{json}{MessageID}'";
    is_deeply([
        $gw->sql("SELECT track_links, track_opens, to_jsonb(tags), list_id, subscriber_id, journey_id, action_id
        FROM emailgw.message WHERE $where") ], [ [ 't', 'f', '["a", "b\'\\"\\\\{,}"]', 1, 9007199254740991, 3,
        4 ] ], 'message');
    is_deeply([ $gw->sql("SELECT filename, content_type, disposition, content_id, encode(content, 'hex')
        FROM emailgw.attachment WHERE $where") ], [ [ 'wd', 'application/octet-stream', 'inline', 'x@y', '000d0aff' ] ], 'attachment');
    for my $spelling (JSON::PP::true, 1, '1', 'true', 'YES', 'on', JSON::PP::false, 0, '0', 'FALSE', 'no',
        'off') {
        my $id = $gw->send_mail(as => $account, TrackLinks => $spelling)->{json}{MessageID} // '';
        is($gw->sql("SELECT track_links FROM emailgw.message WHERE account_id = $account->{account_id} AND message_id::text = '$id'"),
            $spelling =~ /^(?:1|true|yes|on)\z/i ? 't' : 'f', "TrackLinks $spelling");
    }
    $gw->sql("UPDATE emailgw.api_key SET list_id = 11, journey_id = 13 WHERE account_id = $account->{account_id}");
    my $id = $gw->send_mail(as => $account, ListID => 21)->{json}{MessageID};
    my ($event) = $gw->events($id, $account);
    is_deeply([ @$event{qw(ListID JourneyID CampaignId)} ], [ 21, 13, '13' ],
        "the key's context, and the mail's before it");
    $gw->sql("UPDATE emailgw.api_key SET list_id = NULL, journey_id = NULL WHERE account_id = $account->{account_id}");
};

subtest 'several errors at once, in the order of the reference' => sub {
    my $nobody = [ person('x') ];
    refuses($account,
        [ 'nothing at all', 422, '3 8 9 20', { map {
            ($_ => undef) } qw(From To Subject ContentType PlainContent) } ],
        [ 'everything wrong', 422, '8 10 11 19 22 23 26 30 101 102 103 104 105 105 106 106 106 106 111', {
            From => person('x'), To => $nobody, CC => $nobody, BCC => $nobody, ReplyTo => $nobody,
            Subject => '', ContentType => 'multipart',
            PlainContent => '', Attachments => [ {} ], Headers => { From => 'x' }, SendAt => 'x',
            Tags => [''], TrackLinks => 'x', TrackOpens => 'x',
            ListID => 'x', SubscriberID => 'x', JourneyID => 'x', ActionID => 'x',
            headers => { 'Idempotency-Key' => '' } } ],
        [ 'two of one code', 422, '19 19', { To => [ person('x'), person('y') ] } ],
        [ 'no list, and a fault', 422, '8 20', { Subject => undef, TargetListID => 1 } ],
    );
};

subtest 'templates and lists: 15, 16' => sub {
    refuses($account,
        [ 'TemplateID', 422, 15, { TemplateID => 1 }, qr/\AInvalid TemplateID/ ],
        [ 'TemplateID that is no id', 422, 15, { TemplateID => '12abc' } ],
        [ 'TemplateID in place of contents', 422, 15, { TemplateID => 1, Subject => undef,
            ContentType => undef, PlainContent => undef } ],
        [ 'TargetListID', 422, 16, { TargetListID => 1, To => undef }, qr/\AInvalid TargetListID/ ],
        [ 'TargetListID that is no id', 422, 16, { TargetListID => -1, To => undef } ],
        [ 'both', 422, '15 16', { TemplateID => 1, TargetListID => 1, To => undef } ],
        [ 'both beside a fault: not looked up', 422, 30, { TemplateID => 1, TargetListID => 1, To => undef,
            ReplyTo => [ person('x') ] } ],
        [ 'with a foreign From, which keeps it from being looked up', 422, '3', { TemplateID => 1, From => person('x@example.net') } ],
    );
};

subtest 'suppression: 14' => sub {
    my $it = $gw->new_account;
    my $second = "second-$it->{domain}";
    $gw->ctl(qw(domain add), $second, '--user', $it->{username}, '--enable');
    my $two = { %$it, domain => $second, key => $gw->ctl(qw(key add --user), $it->{username}, '--domain',
        $second, qw(--description x))->{key} };
    my $other = $gw->new_account;
    $gw->ctl(qw(suppress add Gone@Example.org --user), $it->{username});
    $gw->ctl(qw(suppress add left@example.org --user), $it->{username}, '--domain', $it->{domain});
    my $gone = qr/\AEmail address is in the suppression list\. Email delivery is blocked.*gone\@example\.org/i;
    refuses($it,
        [ 'To', 422, 14, { To => person('gone@example.org') }, $gone ],
        [ 'in other letters', 422, 14, { To => person('GONE@EXAMPLE.ORG') }, $gone ],
        [ 'among others', 422, 14, { To => [ person('a@example.org'), person('gone@example.org') ] }, $gone ],
        [ 'CC', 422, 14, { CC => [ person('gone@example.org') ] }, $gone ],
        [ 'BCC', 422, 14, { BCC => [ person('gone@example.org') ] }, $gone ],
        [ 'of this domain', 422, 14, { To => person('Left@example.org') }, qr/left\@example\.org/i ],
        [ 'not looked up when the mail has faults', 422, 8, { To => person('gone@example.org'),
            Subject => undef } ],
    );
    refuses($two, [ 'a whole account', 422, 14, { To => person('gone@example.org') }, $gone ]);
    my @ids = map { $_->{json}{MessageID} // fail("sent: $_->{body}") } (
        $gw->send_mail(as => $it, ReplyTo => [ person('gone@example.org') ]));
    is($gw->send_mail(as => $two, To => person('left@example.org'))->{status}, 200,
        'a domain: not the other');
    is($gw->send_mail(as => $other, To => person('gone@example.org'))->{status}, 200, 'not another account');
    $gw->ctl(qw(suppress remove gone@example.org --user), $it->{username});
    push @ids, $gw->send_mail(as => $it, To => person('gone@example.org'))->{json}{MessageID};
    arrives_alone($it, @ids);
};

subtest 'sending limits: 17' => sub {
    for my $period (qw(hour day month)) {
        my $it = $gw->new_account;
        my $three = [ map { person("$_\@example.org") } 1 .. 3 ];
        $gw->ctl(qw(user limits), $it->{username}, "--$period", 4);
        refuses($it, [ "$period: five at once", 429, 17, { To => [ @$three, person('d@example.org') ],
            CC => [ person('e@example.org') ] },
            qr/\AEmail sending limit reached: 4 emails per $period, fewer than this mail has recipients: it cannot be sent at any time/ ]);
        my @ids = $gw->send_mail(as => $it, To => $three)->{json}{MessageID};
        refuses($it, [ "$period: three of four are used", 429, 17, { CC => [ person('x@example.org') ] },
            qr/\AEmail sending limit reached: 4 emails per $period, until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC/ ],
            [ "$period: faults come first", 422, 8, { Subject => undef, CC => [
                person('x@example.org') ] } ]);
        push @ids, $gw->send_mail(as => $it, To => [ person('last@example.org'),
            person('Last@example.org') ])->{json}{MessageID};
        ok($ids[-1], "$period: the fourth, an address counts once");
        refuses($it, [ "$period: reached", 429, 17, {} ]);
        $gw->ctl(qw(user limits), $it->{username}, "--$period", 5);
        arrives_alone($it, @ids);
    }
    my $it = $gw->new_account;
    $gw->ctl(qw(user limits), $it->{username}, qw(--hour 2));
    my @three = map { person("$_\@example.org") } 1 .. 3;
    is($gw->send_mail(as => $it, To => \@three)->{headers}{'retry-after'}, undef, 'what never fits is not to be repeated');
    is($gw->send_mail(as => $it, To => [ @three[0, 1] ])->{status}, 200, 'a mail that fits');
    cmp_ok($gw->send_mail(as => $it)->{headers}{'retry-after'}, '>', 0, 'one that does not fit now is');

    my $group = sprintf 'g-%d-%x', $$, int rand 2**32;
    my ($one, $two) = map { $gw->new_account } 1, 2;
    $gw->ctl(qw(user set), $_->{username}, '--group', $group) for $one, $two;
    $gw->ctl(qw(user limits --group), $group, qw(--day 1));
    for my $it ($one, $two) {
        is($gw->send_mail(as => $it)->{status}, 200, 'a group limits each of its accounts');
        refuses($it, [ 'the second of a group', 429, 17, {}, qr/1 emails per day/ ]);
    }
    $gw->ctl(qw(user limits), $one->{username}, qw(--day none));
    is($gw->send_mail(as => $one)->{status}, 200, 'an own limit comes before it');
    $gw->ctl(qw(user limits), $two->{username}, qw(--hour 0 --day none));
    refuses($two, [ 'a limit of none at all', 429, 17, {} ]);
};

# ---- recipients, times, repetition ------------------------------------------

subtest 'a delivery and events for each recipient, once for each address' => sub {
    my $it = $gw->new_account;
    my $id = $gw->send_mail(as => $it,
        To => [ person('ann@example.org', 'Ann'), person('bob@example.org', 'Bob'),
            person('ANN@example.org', 'Ann again') ],
        CC => [ person('carl@example.net', 'Carl'), person('bob@EXAMPLE.org', 'Bob in copy') ],
        BCC => [ person('dora@example.net', 'Dora'), person('ann@example.org', 'Ann hidden'),
            person('emil@example.net', 'Emil') ],
        ReplyTo => [ person('reply@example.net', 'Reply'), person('reply2@example.net') ])->{json}{MessageID};
    my @all = sort qw(ann@example.org bob@example.org carl@example.net dora@example.net emil@example.net);
    $gw->wait_for(sub { 2 * @all == $gw->events($id, $it) }, 10, 'all events');
    my @mails = $gw->outbox($id);
    is_deeply([ sort map { $_->{to} } @mails ], \@all, 'one file for each address');
    is_deeply([ sort map { "$_->{Recipient} $_->{EventType}" } $gw->events($id, $it) ],
        [ sort map { ("$_ send", "$_ delivery") } @all ], 'a send and a delivery for each');
    is(scalar(grep { my $raw = $_->{raw}; $raw =~ /bcc|dora|emil|hidden/i } @mails), 0, 'Bcc is in no file');
    for my $mail (@mails) {
        my ($header) = $mail->{raw} =~ /\A(.*?\r\n)\r\n/s;
        $header =~ s/\r\n[ \t]+/ /g;
        like($header,
            qr/^To: Ann <ann\@example\.org>, Bob <bob\@example\.org>, Ann again <ANN\@example\.org>\r$/m,
            "$mail->{to} sees To");
        like($header, qr/^Cc: Carl <carl\@example\.net>, Bob in copy <bob\@example\.org>\r$/m,
            "$mail->{to} sees Cc");
        like($header, qr/^Reply-To: Reply <reply\@example\.net>, reply2\@example\.net\r$/m,
            "$mail->{to} sees Reply-To");
    }
    is_deeply([
        $gw->sql("SELECT kind, email, status FROM emailgw.recipient WHERE account_id = $it->{account_id} ORDER BY recipient_no") ],
        [ map { [ @$_, 'delivered' ] } [ 'to', 'ann@example.org' ], [ 'to', 'bob@example.org' ],
            [ 'cc', 'carl@example.net' ],
            [ 'bcc', 'dora@example.net' ], [ 'bcc', 'emil@example.net' ] ], 'and its row');
};

subtest 'SendAt' => sub {
    my $it = $gw->new_account;
    my $stamp = sub { my ($format, $at) = @_; require POSIX; POSIX::strftime($format, gmtime $at) };
    my $later = int(time) + 3600;
    my %scheduled;
    for my $form ($later, "$later", $stamp->('%Y-%m-%dT%H:%M:%SZ', $later),
        $stamp->('%Y-%m-%dT%H:%M:%S+02:00', $later + 7200),
        $stamp->('%Y-%m-%d %H:%M:%S', $later)) {
        my $id = $gw->send_mail(as => $it, SendAt => $form)->{json}{MessageID} or fail("SendAt $form");
        $scheduled{$id} = $form;
        is($gw->sql("SELECT extract(epoch FROM send_at)::bigint FROM emailgw.message WHERE account_id = $it->{account_id}
            AND message_id = '$id'"), $later, "SendAt $form");
    }
    my @past = map { $gw->send_mail(as => $it, SendAt => $_)->{json}{MessageID} } 0, int(time) - 1,
    '2001-01-01', '';
    my $soon = int(time) + 3;
    my $id = $gw->send_mail(as => $it, SendAt => $soon)->{json}{MessageID};
    is($gw->send_mail(as => $it, SendAt => int(time) + 30 * 86400 - 60)->{status}, 200,
        'almost 30 days ahead');

    my %listed = map { ($_->{message_id} => $_) } $gw->ctl(qw(queue list --user), $it->{username});
    is_deeply([ map { $listed{$_}{state} // '' } sort keys %scheduled ], [ ('scheduled') x keys %scheduled ],
        'emailgwctl queue list shows them');
    like($listed{ (keys %scheduled)[0] }{next_at} // '',
        qr/\A\Q@{[ $stamp->('%Y-%m-%dT%H:%M:%S', $later) ]}\E/, 'with their time');
    ok($gw->wait_for(sub { @past == grep { $gw->outbox($_) } @past }, 5, 'the past'), 'the past means now');
    ok($gw->wait_for(sub { $gw->outbox($id) }, 10, 'the one that is soon'), 'one that is due is sent');
    my ($mail) = $gw->outbox($id);
    cmp_ok((stat $mail->{file})[9], '>=', $soon, 'not before its time');
    cmp_ok((stat $mail->{file})[9], '<=', $soon + 3, 'nor long after it');
    is(scalar(grep { $gw->outbox($_) } keys %scheduled), 0, 'one that is not due is not sent');
    is_deeply([ map { $_->{EventType} } $gw->events((keys %scheduled)[0], $it) ], ['send'],
        'it has its first event');
};

subtest 'Idempotency-Key' => sub {
    my $it = $gw->new_account;
    my $post = sub { my ($key, %mail) = @_; $gw->send_mail(as => $it, %mail,
        headers => { 'Idempotency-Key' => $key }) };
    my $first = $post->('one', Subject => 'First');
    is($first->{status}, 200);
    is($first->{headers}{'idempotent-replayed'}, undef, 'the first is no replay');
    my $ledger = $gw->ledger($it);
    my $again = $post->('one', Subject => 'First');
    is($again->{status}, 200);
    is($again->{body}, $first->{body}, 'the same answer');
    is($again->{headers}{'idempotent-replayed'}, 'true', 'marked');
    my $spaced = JSON::PP->new->utf8->pretty->canonical->encode({ ContentType => 'plain',
        PlainContent => "Hello.\n", Subject => 'First',
        To => [ person('recipient@example.org', 'Recipient') ],
        From => person("sender\@$it->{domain}", 'Sender'), SenderAPIKey => $it->{key} });
    my $other_form = $gw->call('POST', '/api/v1/email', { body => $spaced, type => 'application/json',
        headers => { 'Idempotency-Key' => 'one' } });
    is($other_form->{body}, $first->{body},
        'other white space and another place of the key: the same request');
    my $conflict = $post->('one', Subject => 'Second');
    is_refusal($conflict, 409, 409, 'another body', qr/different request/);
    is($gw->ledger($it), $ledger, 'none of them queues anything');

    my $second = "second-$it->{domain}";
    $gw->ctl(qw(domain add), $second, '--user', $it->{username}, '--enable');
    my @keys = map { $gw->ctl(qw(key add --user), $it->{username}, '--domain', $_,
        qw(--description x))->{key} } $it->{domain}, $second;
    my $same_domain = $gw->send_mail(as => { %$it, key => $keys[0] }, Subject => 'First',
        headers => { 'Idempotency-Key' => 'one' });
    is($same_domain->{body}, $first->{body}, 'another key of the same domain: a replay');
    my $other_domain = $gw->send_mail(as => { %$it, domain => $second, key => $keys[1] }, Subject => 'First',
        headers => { 'Idempotency-Key' => 'one' });
    is($other_domain->{status}, 200, 'another domain of the account');
    isnt($other_domain->{body}, $first->{body}, 'has keys of its own');
    isnt($gw->send_mail(as => $gw->new_account, Subject => 'First', headers => {
        'Idempotency-Key' => 'one' })->{body}, $first->{body}, 'so has another account');

    is_refusal($post->('late', Subject => undef), 422, 8, 'a refusal');
    my $late = $post->('late', Subject => 'x');
    is("$late->{status} " . ($late->{headers}{'idempotent-replayed'} // ''), '200 ', 'is not stored');
    $gw->ctl(qw(user limits), $it->{username}, qw(--hour 0));
    is_refusal($post->('limited'), 429, 17, 'over the limit');
    is($post->('one', Subject => 'First')->{body}, $first->{body}, 'a replay needs no quota');
    $gw->ctl(qw(user limits), $it->{username}, qw(--hour none));
    is($post->('limited')->{headers}{'idempotent-replayed'}, undef,
        'the refusal for the limit is not stored');
    $gw->ctl(qw(suppress add gone@example.org --user), $it->{username});
    is_refusal($post->('gone', To => person('gone@example.org')), 422, 14, 'suppressed');
    $gw->ctl(qw(suppress remove gone@example.org --user), $it->{username});
    is($post->('gone', To => person('gone@example.org'))->{headers}{'idempotent-replayed'}, undef,
        'that is not stored either');

    $gw->sql("UPDATE emailgw.idempotency SET created_at = now() - interval '24 hours 1 second' WHERE account_id = $it->{account_id}");
    my $expired = $post->('one', Subject => 'Second');
    is($expired->{status}, 200, 'after 24 hours the key is free');
    isnt($expired->{body}, $first->{body});
    arrives_alone($it, map { $_->[0] } $gw->sql("SELECT message_id FROM emailgw.message
        WHERE account_id = $it->{account_id} AND domain_id = $it->{domain_id}"));
};

# So many processes do something at the same instant; what each says. They end
# without END blocks, which belong to the parent.
sub in_parallel {
    my ($count, $do) = @_;
    my $start = time + 0.5;
    my @pipes = map {
        pipe my $out, my $in or die "pipe: $!\n";
        my $pid = fork() // die "fork: $!\n";
        if ($pid == 0) {
            delete $gw->{agent};
            $gw->call('GET', '/nothing', {}); # the connection stands
            sleep $start - time if time < $start;
            print {$in} $do->($_);
            close $in;
            require POSIX;
            POSIX::_exit(0);
        }
        close $in;
        $out;
    } 1 .. $count;
    my @lines = map { scalar <$_> // '' } @pipes;
    1 while wait != -1;
    return @lines;
}

subtest 'twenty at once with one Idempotency-Key' => sub {
    for my $round (1 .. 5) {
        my $it = $gw->new_account;
        my @answers = in_parallel(20, sub {
            my $reply = $gw->send_mail(as => $it, headers => { 'Idempotency-Key' => "round $round" });
            return join ' ', $reply->{status}, $reply->{json}{MessageID}
                // $reply->{json}{Errors}[0]{Message}, $reply->{headers}{'idempotent-replayed'} // 'first';
        });
        my @ids = map { /^200 (\S+)/ ? $1 : () } @answers;
        is(scalar(grep { !/^(?:200|409 .*retry)/i } @answers), 0, 'answered, or told to retry')
            or diag(explain(\@answers));
        is(scalar(keys %{ { map { $_ => 1 } @ids } }), 1, 'one MessageID');
        is(scalar(grep { /^200 .* first\z/ } @answers), 1, 'one of them is the first');
        $gw->wait_for(sub { $gw->mails_of($it) }, 10, 'delivery');
        like($gw->ledger($it), qr/idempotency 1, message 1, .*recipient 1,/, 'one message');
        arrives_alone($it, $ids[0]);
    }
};

subtest 'twenty at once against a limit of seven' => sub {
    for my $round (1 .. 5) {
        my $it = $gw->new_account;
        $gw->ctl(qw(user limits), $it->{username}, qw(--hour 7));
        my @answers = in_parallel(20, sub { $gw->send_mail(as => $it)->{status} });
        is(join(' ', sort @answers), join(' ', (200) x 7, (429) x 13), 'seven are sent');
        like($gw->ledger($it), qr/message 7, .*usage 7\z/);
    }
};

subtest 'EmailGatewayCompatStatus On' => sub {
    my $compat = EmailGW->up(HTTPD_CONF => \"EmailGatewayCompatStatus On\n");
    my $reply = $compat->send_mail(Subject => undef);
    is("$reply->{status}: " . codes($reply), '200: 8', 'a refusal with status 200');
    is($compat->call('POST', '/api/v1/email', { json => {} })->{status}, 200, 'without a key');
    is($compat->call('GET', '/api/v1/events', { key => 'x' })->{status}, 200, 'with a wrong one');
    is($compat->call('POST', '/api/v1/email', { body => '{', type => 'application/json' })->{status}, 400,
        'what reaches no command keeps its status');
    is($compat->call('GET', '/api/v1/email', {})->{status}, 405);
    is($compat->sql('SELECT count(*) FROM emailgw.message'), 0, 'nothing is queued');
    $reply = $compat->send_mail;
    like($reply->{json}{MessageID}, $uuid7, 'a mail goes out as ever');
    $compat->log_clean;
    $compat->down;
};

subtest 'after all that' => sub {
    my @ids = map {
        $_->[0] } $gw->sql("SELECT message_id FROM emailgw.message WHERE account_id = $account->{account_id}");
    arrives_alone($account, @ids);
    $gw->log_clean;
};
done_testing;
