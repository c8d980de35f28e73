# What a request's body may be, and what is answered to one that is none: rulings 1, 3 and 4.
use EmailGW;
use JSON::PP ();
use MIME::Base64 qw(encode_base64 decode_base64);
use Time::HiRes qw(time);

my $gw = EmailGW->up;
my $account = $gw->new_account;
my $json = JSON::PP->new->utf8->canonical;
my ($address) = $gw->env('BASE_URL') =~ m{//([^/]+)};
my $auth = "Authorization: Bearer $account->{key}\r\n";
my $from = "sender\@$account->{domain}";
my %mail = (From => { email => $from, name => 'Sender' }, To => [ { email => 'r@example.org', name => 'R' } ],
    Subject => 'S',
    ContentType => 'plain', PlainContent => 'P');
my $form = 'application/x-www-form-urlencoded';

sub post {
    my ($body, $type, %with) = @_;
    return $gw->call('POST', '/api/v1/email', { key => $account->{key}, body => $body, type => $type,
        %with });
}

# The stored form of what was sent: [from, name, subject, plain, to].
sub stored {
    my ($reply) = @_;
    my $id = $reply->{json}{MessageID} // return "$reply->{status} $reply->{body}";
    my ($row) = $gw->sql("SELECT m.from_email, m.from_name, m.subject, c.plain, c.mail_to FROM emailgw.message AS m
        JOIN emailgw.content AS c USING (account_id,
            message_id) WHERE m.account_id = $account->{account_id} AND m.message_id = '$id'");
    return join '|', @$row[0 .. 3], map { "$_->{name} <$_->{email}>" } @{ $json->decode($row->[4]) };
}

my $stored = "$from|Sender|S|P|R <r\@example.org>";

# An error reply of a status, as JSON, with the status as its code; nothing is queued (seen at the end).
sub is_error {
    my ($reply, $status, $what, $says) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $errors = ref $reply->{json} eq 'HASH' ? $reply->{json}{Errors} : [];
    is("$reply->{status} " . join(' ', map { $_->{Code} } @$errors), "$status $status", $what)
        or diag(substr $reply->{body} // '', 0, 500);
    is($reply->{headers}{'content-type'}, 'application/json', "$what: as JSON");
    like($errors->[0]{Message}, $says, "$what: says so") if $says;
}

# Replies of one connection, taken apart: {status, headers, body, json} each.
sub replies {
    my ($bytes) = @_;
    my @replies;
    while ($bytes =~ s{\AHTTP/1\.[01] (\d{3})(.*?)\r\n\r\n}{}s) {
        my ($status, %header) = ($1, map { /^([^:]+):\s*(.*)/ ? (lc $1, $2) : () } split /\r\n/, $2);
        my $body = substr $bytes, 0, $header{'content-length'} // 0, '';
        push @replies, { status => $status, headers => \%header, body => $body,
            json => scalar eval { $json->decode($body) } };
    }
    push @replies, { status => 'rest', body => $bytes, headers => {} } if length $bytes;
    return @replies;
}

sub chunked { return join('', map { sprintf "%x\r\n%s\r\n", length $_, $_ } @_) . "0\r\n\r\n" }

sub request {
    my ($method, $path, $headers, $body) = @_;
    return "$method $path HTTP/1.1\r\nHost: $address\r\n$auth$headers\r\n$body";
}

my $next = request('GET', '/api/v1/events?RetrieveCount=0', "Connection: close\r\n", '');

# After a request on a connection comes another: it gets its own answer, so nothing is left of the first.
sub in_step {
    my ($bytes, $what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @replies = replies($gw->raw($bytes . $next));
    is(scalar @replies, 2, "$what: two replies");
    is($replies[1]{status}, 200, "$what: the next request on the connection is answered");
    ok(exists $replies[1]{json}{TotalRecords}, "$what: with its own answer") if @replies == 2;
    return $replies[0];
}

# ---- good ones --------------------------------------------------------------

subtest 'the same mail in every form' => sub {
    my $text = $json->encode(\%mail);
    my %flat = ('From[email]' => $from, 'From[name]' => 'Sender', 'To[0][email]' => 'r@example.org',
        'To[0][name]' => 'R', Subject => 'S',
        ContentType => 'plain', PlainContent => 'P');
    my %texts = (%mail, map { ($_ => $json->encode($mail{$_})) } qw(From To));
    my $multipart = sub { my ($fields) = @_; join('', map {
        "--b\r\nContent-Disposition: form-data; name=\"$_\"\r\n\r\n$fields->{$_}\r\n" } sort keys %$fields)
            . "--b--\r\n" };
    is(stored(post($text, 'application/json')), $stored, 'JSON');
    is(stored(post($text, 'application/json; charset=utf-8')), $stored, 'JSON with a charset');
    is(stored(post($text, 'text/plain')), $stored, 'JSON under another label');
    is(stored(post($text, $form)), $stored, 'JSON that is labelled as a form');
    is(stored(post("\r\n \t$text", "$form; charset=UTF-8")), $stored, 'so, with white space before it');
    is(stored(replies($gw->raw(request('POST', '/api/v1/email', "Connection: close\r\nContent-Length: "
        . length($text) . "\r\n", $text)))), $stored, 'JSON without a label');
    is(stored($gw->call('POST', '/api/v1/email', { key => $account->{key}, form => \%flat })), $stored,
        'a form with brackets');
    is(stored($gw->call('POST', '/api/v1/email', { key => $account->{key}, form => \%texts })), $stored,
        'a form with JSON in its fields');
    is(stored(post(join('&', map { "$_=$flat{$_}" } sort keys %flat) =~ s/\@/%40/gr, $form)), $stored,
        'brackets as they are');
    is(stored(post($multipart->(\%flat), 'multipart/form-data; boundary=b')), $stored, 'multipart');
    is(stored(post($multipart->(\%texts), 'multipart/form-data; boundary="b"')), $stored,
        'multipart with JSON in its fields');
    is(stored($gw->call('POST', '/api/v1/email', { key => $account->{key}, query => \%flat })), $stored,
        'the query string');
    is(stored($gw->call('POST', '/api/v1/email', { query => { %flat, SenderAPIKey => $account->{key} } })),
        $stored, 'the key, too');
    is(stored($gw->call('POST', '/api/v1/email', { key => $account->{key},
        query => { Subject => 'query', PlainContent => 'P' },
        json => { map { ($_ => $mail{$_}) } qw(From To Subject ContentType) } })), $stored,
        'half in the query string: the body wins');
    my %odd = (fROM => { EMAIL => $from, Name => 'Sender' }, TO => [
        { eMail => 'r@example.org', NAME => 'R' } ], subject => 'S',
        CONTENTTYPE => 'plain', plaincontent => 'P');
    is(stored($gw->call('POST', '/api/v1/email', { key => $account->{key}, json => \%odd })), $stored,
        'names in other letters');
    is(stored($gw->call('POST', '/api/v1/email', { key => $account->{key},
        form => { 'from[EMAIL]' => $from, 'from[NAME]' => 'Sender',
        'to[0][Email]' => 'r@example.org', 'to[0][NAME]' => 'R', subject => 'S', contenttype => 'plain',
        plainCONTENT => 'P' } })), $stored, 'in a form');
    is(stored(post($json->encode({ %mail, Subject => "\x{1F680} é \x{4e2d}" }), 'application/json')),
        Encode::encode('UTF-8', $stored =~ s/\|S\|/|\x{1F680} é \x{4e2d}|/r), 'UTF-8');
    (my $escaped = $text) =~ s/"S"/"\\uD83D\\uDE80"/;
    is(stored(post($escaped, 'application/json')), Encode::encode('UTF-8', $stored =~ s/\|S\|/|\x{1F680}|/r),
        'a surrogate pair');
};

subtest 'an uploaded file' => sub {
    my $content = join '', map { chr } 0 .. 255;
    my $field = sub { "--xX\r\nContent-Disposition: form-data; name=\"$_[0]\"\r\n\r\n$_[1]\r\n" };
    my $body = join '', (map { $field->($_, ref $mail{$_} ? $json->encode($mail{$_})
        : $mail{$_}) } sort keys %mail),
        "--xX\r\nContent-Disposition: form-data; name=\"Attachments[]\"; filename=\"../all bytes.bin\"\r\nContent-Type: application/x-test\r\n\r\n$content\r\n",
        "--xX\r\nContent-Disposition: form-data; name=\"Attachments[]\"; filename=\"\"\r\nContent-Type: application/octet-stream\r\n\r\n\r\n--xX--\r\n";
    my $reply = post($body, 'multipart/form-data; boundary=xX');
    is(stored($reply), $stored);
    is_deeply([
        $gw->sql("SELECT filename, content_type, disposition, encode(content, 'hex') FROM emailgw.attachment
        WHERE account_id = $account->{account_id} AND message_id = '$reply->{json}{MessageID}'") ],
        [ [ 'all bytes.bin', 'application/x-test', 'attachment', unpack 'H*', $content ] ],
        'is an attachment; an empty file field is none');
    $gw->wait_for(sub { $gw->outbox($reply->{json}{MessageID}) }, 10, 'delivery');
    my ($mail) = $gw->outbox($reply->{json}{MessageID});
    my ($part) = $mail->{raw} =~ m{\r\nContent-Type: application/x-test.*?\r\n\r\n(.*?)\r\n--}s;
    is(unpack('H*', decode_base64($part)), unpack('H*', $content), 'and arrives whole');
};

my $ledger = $gw->ledger($account); # nothing below is queued, but for what says so

# ---- bad ones ---------------------------------------------------------------

subtest 'a name twice' => sub {
    my $text = $json->encode(\%mail);
    my %case = (
        'one key twice in JSON' => [ $text =~ s/^\{/{"Subject":"T",/r ],
        'two spellings' => [ $text =~ s/^\{/{"SUBJECT":"T",/r ],
        'a key twice, nested' => [ $text =~ s/"name":"R"/"name":"R","name":"T"/r ],
        'a key twice, far down' => [ '{"x":[{"y":{"a":1,"a":2}}]}' ],
        'escaped in one' => [ $text =~ s/^\{/{"S\\u0075bject":"T",/r ],
        'in a form' => [ 'Subject=a&Subject=b', $form ],
        'two spellings in a form' => [ 'Subject=a&sUBJECT=b', $form ],
        'nested in a form' => [ 'From[email]=a&From[email]=b', $form ],
        'a value and a list' => [ 'Tags=a&Tags[]=b', $form ],
        'in multipart' => [ join('', map {
            "--b\r\nContent-Disposition: form-data; name=\"Subject\"\r\n\r\n$_\r\n" } 1, 2) . "--b--\r\n",
            'multipart/form-data; boundary=b' ],
    );
    is_error(post($case{$_}[0], $case{$_}[1] // 'application/json'), 400, $_, qr/twice|both/)
        for sort keys %case;
    for my $query ('Subject=a&Subject=b', 'Subject=a&subject=b') {
        is_error($gw->call('POST', "/api/v1/email?$query", { key => $account->{key}, json => \%mail }), 400,
            "query string $query", qr/twice/);
        is_error($gw->call('GET', "/api/v1/events?$query", { key => $account->{key} }), 400,
            "of a GET $query", qr/twice/);
    }
};

subtest 'no JSON object, no form' => sub {
    my $deep = sub { my ($n, $open, $close) = @_; '{"x":' . ($open x $n) . ($close x $n) . '}' };
    my %case = (
        'broken JSON' => [ '{"Subject": ', qr/ends before/ ], 'a word' => [ 'hello' ],
        'single quotes' => [ "{'a': 1}" ], 'a trailing comma' => [ '{"a": 1,}' ],
        'a comment' => [ '{"a": 1 /* one */}' ], 'NaN' => [ '{"a": NaN}' ],
        'trailing garbage' => [ '{} x', qr/more text/ ], 'two objects' => [ '{}{}' ],
        'an array' => [ '[]', qr/must be a JSON object/ ], 'a string' => [ '"x"', qr/must be a JSON object/ ],
        'a number' => [ '7', qr/must be a JSON object/ ],
        'null' => [ 'null', qr/must be a JSON object/ ], 'white space alone' => [ " \r\n" ],
        'nothing' => [ '', qr/\AInvalid JSON/ ],
        'a byte order mark' => [ "\xEF\xBB\xBF{}", qr/byte order mark/ ],
        'UTF-16' => [ Encode::encode('UTF-16', '{}') ],
        'UTF-16LE' => [ Encode::encode('UTF-16LE', '{"a": 1}') ],
        'invalid UTF-8' => [ "{\"Subject\": \"\xFF\"}", qr/UTF-8/ ],
        'overlong UTF-8' => [ "{\"Subject\": \"\xC0\xAF\"}", qr/UTF-8/ ],
        'a surrogate in UTF-8' => [ "{\"Subject\": \"\xED\xA0\x80\"}", qr/UTF-8/ ],
        'a lone surrogate' => [ '{"Subject": "\\uD800"}' ],
        'a low surrogate first' => [ '{"Subject": "\\uDC00\\uD800"}' ],
        'NUL' => [ "{\"Subject\": \"a\0b\"}", qr/NUL/ ], 'NUL behind' => [ "{}\0", qr/NUL/ ],
        '\u0000' => [ '{"Subject": "a\\u0000b"}', qr/NUL/ ],
        '\u0000 in a key' => [ '{"a\\u0000b": 1}', qr/NUL/ ],
        'a line end in a string' => [ "{\"Subject\": \"a\nb\"}" ],
        '33 levels of arrays' => [ $deep->(32, '[', ']'), qr/more than 32 levels/ ],
        '33 levels of objects' => [ ('{"a":' x 33) . '1' . ('}' x 33), qr/more than 32 levels/ ],
        '100,000 opening brackets' => [ '[' x 100_000, qr/more than 32 levels/ ],
        '100,000 levels' => [ $deep->(100_000, '[', ']'), qr/more than 32 levels/ ],
        '50,000 opening objects' => [ '{"a":' x 50_000, qr/more than 32 levels/ ],
        'gzip' => [ "\x1f\x8b\x08\0\0\0\0\0\0\x03\xab\xae\x05\0\x43\xbf\xa6\xa3\x02\0\0\0" ],
    );
    for my $what (sort keys %case) {
        my ($body, $says) = @{ $case{$what} };
        is_error(post($body, 'application/json'), 400, "JSON: $what", $says);
        is_error($gw->call('GET', '/api/v1/events', { key => $account->{key}, body => $body,
            type => 'application/json' }), 400, "JSON of a GET: $what") if $body ne '';
    }
    %case = (
        'NUL' => [ 'Subject=a%00b', qr/NUL/ ], 'a raw NUL' => [ "Subject=a\0b" ],
        'invalid UTF-8' => [ 'Subject=%FF', qr/UTF-8/ ], 'raw invalid UTF-8' => [ "Subject=\xFF", qr/UTF-8/ ],
        'a cut escape' => [ 'Subject=%4' ], 'no escape' => [ 'Subject=%zz' ],
        'a bracket open' => [ 'To[0=x' ], '33 levels' => [ 'a' . ('[b]' x 33) . '=1' ],
        '100,000 brackets' => [ 'a' . ('[]' x 50_000) . '=1' ],
        '10,001 fields' => [ join '&', map { "a$_=1" } 1 .. 10_001 ],
    );
    is_error(post($case{$_}[0], $form), 400, "form: $_", $case{$_}[1]) for sort keys %case;
    is_error($gw->call('POST', "/api/v1/email?$case{$_}[0]", { key => $account->{key}, json => \%mail }), 400,
        "query string: $_", $case{$_}[1])
        for grep { length $case{$_}[0] < 200 && $case{$_}[0] !~ /[\0\xff]/ } sort keys %case;
    my $part = "Content-Disposition: form-data; name=\"Subject\"\r\n\r\nx\r\n";
    %case = (
        'no boundary' => [ "--b\r\n$part--b--\r\n", 'multipart/form-data' ],
        'another boundary' => [ "--c\r\n$part--c--\r\n" ], 'no end' => [ "--b\r\n$part" ],
        'nothing' => [ '' ],
        'a part without a name' => [ "--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n" ],
        'a part without a header' => [ "--b\r\nx\r\n--b--\r\n" ],
        'invalid UTF-8' => [ "--b\r\n" . $part =~ s/x\r\n\z/\xFF\r\n/r . "--b--\r\n" ],
        'NUL' => [ "--b\r\n" . $part =~ s/x\r\n\z/\0\r\n/r . "--b--\r\n" ],
    );
    is_error(post($case{$_}[0], $case{$_}[1] // 'multipart/form-data; boundary=b'), 400, "multipart: $_")
        for grep { length $case{$_}[0] } sort keys %case;
    is_error(post($json->encode(\%mail), 'application/json', headers => { 'Content-Encoding' => 'gzip' }),
        400, 'a body that is labelled as compressed', qr/Content-Encoding/);
    is(post($json->encode({ 'x' x 100_000 => 1, map { ("k$_" => $_) } 1 .. 199 }),
        'application/json')->{status}, 422, 'a key of 100,000 bytes and 199 others: nothing of a mail');
    is_error(post($json->encode({ map { ("k$_" => $_) } 1 .. 201 }), 'application/json'), 400,
        '201 parameters', qr/more than 200/);
    is_error(post($json->encode({ %mail, x => [ 1 .. 50_000 ] }), 'application/json'), 400, '50,000 values',
        qr/more than 50000/);
};

subtest 'an empty body' => sub {
    my $reply = post(undef, undef);
    is("$reply->{status} " . join(' ', map { $_->{Code} } @{ $reply->{json}{Errors} }), '422 3 8 9 20',
        'of a POST: all is missing');
    is(post('', $form)->{status}, 422, 'labelled as a form');
    is($gw->call('GET', '/api/v1/events', { key => $account->{key}, headers => {
        'Content-Type' => 'application/json' } })->{status}, 200, 'of a GET that is labelled as JSON');
    is(in_step(request('POST', '/api/v1/email', "Content-Length: 0\r\n", ''), 'Content-Length 0')->{status},
        422);
    is(in_step(request('POST', '/api/v1/email', "Transfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        'no chunk')->{status}, 422);
};

subtest 'methods: 405' => sub {
    for my $case ((map { [ $_, '/api/v1/email', 'POST' ] } qw(GET HEAD PUT DELETE PATCH OPTIONS FOO)),
        (map { [ $_, '/api/v1/events', 'GET, HEAD' ] } qw(POST PUT DELETE PATCH OPTIONS FOO))) {
        my ($method, $path, $allow) = @$case;
        my $reply = $gw->call($method, $path, { key => $account->{key}, $method =~ /^P/ ? (json => \%mail)
            : () });
        is("$reply->{status} $reply->{headers}{allow}", "405 $allow", "$method $path");
        is_error($reply, 405, "$method $path", qr/\Q$path\E takes/) if $method ne 'HEAD';
    }
    my $reply = in_step(request('PUT', '/api/v1/email',
        "Content-Type: application/json\r\nContent-Length: 7\r\n", '{"a":1}'), 'the body of a 405');
    is($reply->{status}, 405);
};

subtest 'sizes: 413' => sub {
    my $max = 36 * 1024 * 1024;
    my ($reply) = replies($gw->raw(request('POST', '/api/v1/email',
        "Content-Type: application/json\r\nContent-Length: " . ($max + 1) . "\r\n", '{"Subject": "'), 5));
    is_error($reply, 413, 'a Content-Length over the cap: at once', qr/at most $max bytes/);
    is($reply->{headers}{connection}, 'close', 'and the connection ends');
    ($reply) = replies($gw->raw(request('POST', '/api/v1/email',
        "Content-Type: application/json\r\nContent-Length: 99999999999\r\n", 'x'), 5));
    is_error($reply, 413, 'one of 100 GB');
};

subtest 'a small cap, and LimitRequestBody' => sub {
    for my $directive ('EmailGatewayMaxBody 65536', 'LimitRequestBody 65536') {
        my $small = EmailGW->up(HTTPD_CONF => \"$directive\n");
        my $key = $small->env('SENDER_KEY');
        my ($host) = $small->env('BASE_URL') =~ m{//([^/]+)};
        my $to = sub { my ($headers, $body) = @_;
            (replies($small->raw("POST /api/v1/email HTTP/1.1\r\nHost: $host\r\nAuthorization: Bearer $key\r\nContent-Type: application/json\r\n$headers\r\n$body", 5)))[0] };
        my $of = sub { my ($size) = @_; my $text = $json->encode({ %mail,
            From => { email => 'a@example.com', name => '' }, PlainContent => 'x' });
                $text =~ s/"x"/'"' . 'x' x ($size - length($text) + 1) . '"'/er };
        for my $case ([ 65535, 200 ], [ 65536, 200 ], [ 65537, 413 ], [ 300_000, 413 ]) {
            my ($size, $status) = @$case;
            my $body = $of->($size);
            is(length $body, $size);
            my $reply = $to->("Content-Length: $size\r\nConnection: close\r\n", $body);
            $status == 413 ? is_error($reply, 413, "$directive, Content-Length $size",
                qr/at most 65536 bytes/) : is($reply->{status}, 200, "$directive, Content-Length $size");
            $reply = $to->("Transfer-Encoding: chunked\r\nConnection: close\r\n",
                chunked(unpack '(a8000)*', $body));
            $status == 413 ? is_error($reply, 413, "$directive, chunked $size", qr/too large/)
                : is($reply->{status}, 200, "$directive, chunked $size");
        }
        my $reply = $to->("Transfer-Encoding: chunked\r\n", scalar(("1000\r\n" . ('x' x 4096) . "\r\n")
            x 30));
        is_error($reply, 413, "$directive, chunks without an end");
        is($small->sql('SELECT count(*) FROM emailgw.message'), 4, 'only what fits is queued');
        $small->log_clean;
        $small->down;
    }
};

subtest 'how it comes over the wire' => sub {
    my $text = $json->encode(\%mail);
    my $length = length $text;
    my $type = "Content-Type: application/json\r\n";
    is(stored(in_step(request('POST', '/api/v1/email', "${type}Content-Length: $length\r\n", $text),
        'Content-Length')), $stored);
    is(stored(in_step(request('POST', '/api/v1/email', "${type}Transfer-Encoding: chunked\r\n",
        chunked(split //, $text)), 'chunks of one byte')), $stored);
    is(stored(in_step(request('POST', '/api/v1/email', "${type}Transfer-Encoding: chunked\r\n",
        chunked($text) =~ s/0\r\n\r\n\z/0\r\nX-Trailer: y\r\n\r\n/r), 'a trailer')), $stored);
    my ($broken, @more) = replies($gw->raw(request('POST', '/api/v1/email', "${type}Content-Length: 5\r\n",
        '{"a":') . $next));
    is("$broken->{status} $broken->{headers}{connection}", '400 close',
        'httpd ends the connection behind a 400');
    is(scalar @more, 0, 'with nothing more on it');
    is(in_step("POST /api/v1/email HTTP/1.1\r\nHost: $address\r\nContent-Length: $length\r\n$type\r\n$text",
        'no key')->{status}, 401);
    my @replies = replies($gw->raw(join '', (request('POST', '/api/v1/email',
        "${type}Content-Length: $length\r\n", $text)) x 20, $next));
    is(join(' ', map { $_->{status} } @replies), join(' ', (200) x 21), 'twenty in one packet');
    is(scalar(keys %{ { map { ($_->{json}{MessageID} // '' => 1) } @replies[0 .. 19] } }), 20,
        'are twenty mails');
    my ($continue, $reply) = replies($gw->raw(request('POST', '/api/v1/email',
        "${type}Expect: 100-continue\r\nConnection: close\r\nContent-Length: $length\r\n", $text)));
    is($continue->{status}, 100, 'Expect: 100-continue is answered');
    is(stored($reply), $stored, 'and then the mail taken');
    ($reply) = replies($gw->raw(request('POST', '/api/v1/email',
        "${type}Expect: 100-continue\r\nContent-Length: 99999999\r\n", ''), 5));
    is_error($reply, 413, 'Expect: 100-continue with too much: refused without asking for it');
    my $head = $gw->raw(request('HEAD', '/api/v1/events', '', '') . $next);
    is(join(' ', $head =~ m{^HTTP/1\.1 (\d+)}mg), '200 200', 'HEAD, and the next request');
    like($head, qr{\r\n\r\nHTTP/1\.1 200}, 'with no body between them');
    $ledger = $gw->ledger($account);

    for my $case ([ 'a Content-Length that is short', "Content-Length: @{[ $length - 5 ]}\r\n" ],
        [ 'negative', "Content-Length: -1\r\n" ], [ 'of 2^64', "Content-Length: 18446744073709551616\r\n" ],
        [ 'with a plus', "Content-Length: +$length\r\n" ], [ 'no number', "Content-Length: x\r\n" ],
        [ 'a list', "Content-Length: $length, 5\r\n" ],
        [ 'two of them', "Content-Length: 5\r\nContent-Length: $length\r\n" ],
        [ 'a chunk size that is none', "Transfer-Encoding: chunked\r\n", "zz\r\n$text\r\n0\r\n\r\n" ],
        [ 'a chunk size of 2^64', "Transfer-Encoding: chunked\r\n",
            "10000000000000000\r\n$text\r\n0\r\n\r\n" ],
            [ 'a negative chunk', "Transfer-Encoding: chunked\r\n", "-5\r\n$text\r\n0\r\n\r\n" ],
        [ 'an unknown Transfer-Encoding', "Transfer-Encoding: gzip\r\n" ]) {
        my ($what, $headers, $body) = @$case;
        my @got = replies($gw->raw(request('POST', '/api/v1/email', "$type${headers}Connection: close\r\n",
            $body // $text), 5));
        like($got[0]{status}, qr/\A(?:400|413|501)\z/, "$what: refused");
        # the others httpd refuses before it knows the path
        is_error($got[0], $got[0]{status}, "$what: JSON") if $headers =~ /chunked/;
    }
    my $both = $gw->raw(request('POST', '/api/v1/email',
        "${type}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", chunked($text)), 5);
    my $sent = () = $both =~ /MessageID/g;
    cmp_ok($sent, '<=', 1, 'Content-Length and chunked: one reading of it');
    $ledger = $gw->ledger($account) if $sent;
    $both = $gw->raw("POST /api/v1/email HTTP/1.1\r\nHost: $address\r\n$auth${type}Content-Length: @{[ $length + 50 ]}\r\n\r\n$text", 1);
    is($both, '', 'a Content-Length that is long: waits for the rest');
};

subtest "JSONTestSuite" => sub {
    my $dir = defined $ENV{EG_CORPORA} ? "$ENV{EG_CORPORA}/json-testsuite/test_parsing" : undef;
    if (!defined $dir) {
        diag('ran without EG_CORPORA: json-testsuite is left out');
        pass('without it');
        return;
    }
    my %count = (n => 0, y => 0, bad => 0);
    for my $path (sort glob "$dir/*.json") {
        my ($kind, $name) = $path =~ m{/((.)_.*)\z} ? ($2, $1) : die "$path: neither n_ nor y_\n";
        open my $file, '<:raw', $path or die "$path: $!\n";
        my $body = do { local $/; <$file> } // '';
        my $reply = post($body, 'application/json');
        my $message = $reply->{json}{Errors}[0]{Message} // '';
        $count{$kind}++;
        my $good = $kind eq 'n' ? $reply->{status} == 400 && length $message
            : $reply->{status} =~ /^4/ && $message !~ /Invalid JSON|UTF-8/ && ($reply->{status} != 400
                || $message =~ /must be a JSON object|twice|NUL/);
        next if $good && $reply->{headers}{'content-type'} eq 'application/json';
        $count{bad}++;
        fail($name);
        diag("$reply->{status} $reply->{body}");
    }
    is($count{bad}, 0, "$count{n} n_ files are 400, $count{y} y_ files are read");
    cmp_ok($count{n}, '>', 100);
    cmp_ok($count{y}, '>', 50);
};

is($gw->ledger($account), $ledger, 'nothing of all that was refused is queued');
my $count = $gw->sql("SELECT count(*) FROM emailgw.message WHERE account_id = $account->{account_id}");
$gw->wait_for(sub { $count == $gw->mails_of($account) }, 10, 'as many files as mails');
$gw->expects(qw(AH01587 AH02030)); # httpd's own: a chunk size that is none
$gw->log_clean;
done_testing;
