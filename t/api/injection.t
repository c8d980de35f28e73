# What would break SQL, SMTP or a header, in every parameter of both calls: no
# 5xx, no error in PostgreSQL's log, no added second, and each mail that is taken
# arrives with exactly the envelope and the header fields that were asked for.
use EmailGW;
use JSON::PP ();
use MIME::Base64 qw(encode_base64);
use Time::HiRes qw(time);

my $gw = EmailGW->up;
my $account = $gw->new_account;
my $json = JSON::PP->new->ascii->allow_nonref;
my $postgres_log = $gw->env('LOGS') . '/postgres.log';
my $log_start = -s $postgres_log;

my @sql = ("'", '"', '\\', '--', '/*', ';', '$$', '$1', '%', '_', "' OR 1=1--", "1;SELECT pg_sleep(5)",
    "'||(select version())||'", "'; SELECT pg_sleep(5); --",
    '1) UNION SELECT 1--', '{', '}', '{"', '[', '\\x00', '\\000', "\x{FFFD}", 'x' x 1_000_000, "E'\\''",
    '%s%n', ':x', '?', '((((a|a)*)*)*', '!!!&|', 'null', '9223372036854775808', '1e999999', '-0', '9' x 400);
my @smtp = ("a\@b.example>\r\nRCPT TO:<evil\@x.example", '<a@b.example> NOTIFY=NEVER',
    "\"a\r\nDATA\"\@b.example", "a\@b.example\0c", 'a@[127.0.0.1]', 'a@b:2525', '@relay.example:a@b.example',
    'a%b@c',
    'a!b@c.example', '-x@y.example', ('l' x 65) . '@x.example', '"a b"@x.example',
    '"a@evil.example"@x.example', "a\@b.example,c\@d.example", "\r\n.\r\nMAIL FROM:<evil\@x.example>\r\n",
    "\n.\n", "\r.\r", "\r\n.\r", ".\r\n", "x\r\nBcc: evil\@example.net",
    "x\nBcc: evil\@example.net", "x\rBcc: evil\@example.net", "x\r\n\r\n<html>",
    "x\r\n\tBcc: evil\@example.net", "x\x{2028}Bcc: evil\@example.net", "x\x{85}Bcc: evil\@example.net",
    '=?utf-8?q?x=0d=0aBcc:_e@x?=', "x\0y",
    'a"; name="b.exe', '../../etc/passwd', "x.pdf\x{202E}gpj.exe", 'multipart/mixed; boundary=x',
    'message/rfc822', "text/html\r\nX: y", 'Bcc', '__proto__', 'X: y');
my @strings = (@sql, @smtp);

# Name => how a mail gets the string there.
my @parameters = qw(Subject ContentType HtmlContent PlainContent Tags TrackLinks TrackOpens SendAt TemplateID
    TargetListID ListID SubscriberID JourneyID ActionID SenderAPIKey From To CC BCC ReplyTo Headers Attachments);
my %place = (
    (map { my $name = $_; ($name => sub { $_[0]{$name} = $_[1] }) } @parameters),
    (map { my $name = $_; ("From.$name" => sub { $_[0]{From}{$name} = $_[1] }) } qw(email name)),
    (map { my ($list, $name) = /(\w+)/g; ($_ => sub { $_[0]{$list}[0]{$name} = $_[1] }) }
        map { ("$_.email", "$_.name") } qw(To CC BCC ReplyTo)),
    (map { my $name = $_; ("Attachments.$name" => sub { $_[0]{Attachments}[0]{$name} = $_[1] }) }
        qw(filename content type disposition contentid)),
    'a tag' => sub { $_[0]{Tags} = [ $_[1] ] }, 'a header name' => sub { $_[0]{Headers} = { $_[1] => 'x' } },
    'a header value' => sub { $_[0]{Headers} = { 'X-Test' => $_[1] } },
    'a parameter of this name' => sub { $_[0]{ $_[1] } = 'x' },
    'Idempotency-Key' => sub { $_[2]{'Idempotency-Key'} = $_[1] },
);

my (%posted, $slowest);

sub timed {
    my ($do) = @_;
    my $start = time;
    my $reply = $do->();
    $slowest = time - $start if !defined $slowest || time - $start > $slowest;
    return $reply;
}

sub lower_domain { return $_[0] =~ s/(\@[^\@]*)\z/\L$1/r }

subtest 'POST /api/v1/email' => sub {
    my (%count, @bad);
    for my $name (sort keys %place) {
        for my $text (@strings) {
            next if $name eq 'Idempotency-Key' && ($text =~ /[^ -~]/ || length $text > 1000);
            my %headers;
            my %mail = (From => { email => "sender\@$account->{domain}", name => 'F' },
                To => [ { email => 'to@example.org', name => 'T' } ],
                CC => [ { email => 'cc@example.org', name => 'C' } ],
                BCC => [ { email => 'bcc@example.org', name => 'B' } ],
                ReplyTo => [ { email => 'reply@example.org', name => 'R' } ], Subject => 'S',
                ContentType => 'multipart',
                HtmlContent => 'H', PlainContent => 'P', Headers => { 'X-Test' => 'x' },
                Attachments => [ { filename => 'a.txt', content => 'YQ==', type => 'text/plain' } ]);
            $place{$name}->(\%mail, $text, \%headers);
            my $reply = timed(sub { $gw->call('POST', '/api/v1/email', { key => $account->{key},
                json => \%mail, headers => \%headers }) });
            $count{ $reply->{status} }++;
            push @bad, "$name: " . substr($json->encode($text), 0, 60) . ": $reply->{status} $reply->{body}"
                if $reply->{status} !~ /^(?:200|400|422)\z/ || ref $reply->{json} ne 'HASH';
            $posted{ $reply->{json}{MessageID} } = \%mail if $reply->{status} == 200;
        }
    }
    is(scalar @bad, 0, 'each is taken or refused: ' . join ', ', map {
        "$count{$_} times $_" } sort keys %count) or diag(map { "$_\n" } @bad);
    cmp_ok($count{200}, '>', 100, 'enough is taken');
};

subtest 'GET /api/v1/events' => sub {
    my @bad;
    for my $name (qw(StartFrom RetrieveCount StartDate EndDate Event MessageID SenderAPIKey Unknown)) {
        for my $text (@strings) {
            my @forms = ({ json => { $name => $text } }, length $text < 1000 ? { query => { $name => $text } }
                : ());
            for my $form (@forms) {
                my $reply = timed(sub { $gw->call('GET', '/api/v1/events', { key => $account->{key},
                    %$form }) });
                my $good = $text =~ /\0/ ? $reply->{status} == 400
                    : $name =~ /^(?:SenderAPIKey|Unknown)\z/ ? $reply->{status} == 200
                    # a whole number, not below 0
                    : $name =~ /^(?:StartFrom|RetrieveCount)\z/ && $text eq '-0' ? $reply->{status} == 200
                    : $name eq 'MessageID' ? $reply->{body} eq '{"TotalRecords":0,"Events":[]}'
                    : $reply->{status} == 422 && @{ $reply->{json}{Errors} } == 1;
                push @bad, "$name: " . substr($json->encode($text), 0, 60) . ": $reply->{status} "
                    . substr $reply->{body}, 0, 300 if !$good;
            }
            my $reply = timed(sub { $gw->call('GET', '/api/v1/events', { json => {
                SenderAPIKey => $text } }) });
            push @bad, 'a key ' . substr($json->encode($text), 0, 60) . ": $reply->{status}"
                if $reply->{status} != ($text =~ /\0/ ? 400 : 401);
        }
    }
    is(scalar @bad, 0, 'answers as to any wrong value') or diag(map { "$_\n" } @bad);
};

subtest 'one body at the SQL limits' => sub {
    my $reply = $gw->call('POST', '/api/v1/email', { key => $account->{key},
        body => '{"Subject": "a\\u0000b", "ListID": 1e999999}', type => 'application/json' });
    is($reply->{status}, 400, 'a NUL by its escape');
    $reply = $gw->call('GET', '/api/v1/events', { key => $account->{key},
        body => '{"StartFrom": 9223372036854775808, "RetrieveCount": -0, "StartDate": 1e308}',
        type => 'application/json' });
    is($reply->{status}, 422, 'numbers out of range');
    $reply = $gw->call('GET', "/api/v1/events?MessageID=%ff%fe", { key => $account->{key} });
    is($reply->{status}, 400, 'invalid UTF-8');
};

subtest 'what arrives' => sub {
    my %wanted; # file => its mail
    my @files;
    for my $id (sort keys %posted) {
        my $mail = $posted{$id};
        my %to = map { lc $_->{email} => lower_domain($_->{email}) } map { ref $mail->{$_} eq 'ARRAY'
            ? @{ $mail->{$_} } : () } qw(To CC BCC);
        $wanted{$id} = { mail => $mail, to => [ sort values %to ] };
    }
    my $return_path = EmailGW::return_path($account->{domain});
    my $total = 0;
    $total += @{ $_->{to} } for values %wanted;
    $gw->wait_for(sub { @files = $gw->mails_of($account); @files >= $total }, 60, 'all mails');
    is(scalar @files, $total, "$total files for " . keys(%posted) . ' mails');
    my %seen;
    push @{ $seen{ $_->{file} =~ m{([^/]+)-\d+\.eml\z} ? $1 : 'none' } }, $_ for @files;
    is_deeply([ grep { !$wanted{$_} } sort keys %seen ], [], 'of these mails only');
    my ($status, $out, $err) = EmailGW::run_command(join("\n", map { $seen{$_}[0]{file} } sort keys %seen),
        'python3', "$EmailGW::ROOT/t/data/decode_mails.py");
    is($status, 0, "Python's email package reads them") or return diag($err);
    my @bad;
    for my $got (map { $json->decode($_) } split /\n/, $out) {
        my ($id) = $got->{file} =~ m{([^/]+)-\d+\.eml\z};
        my ($mail, $to) = @{ $wanted{$id} // next }{qw(mail to)};
        my @custom = ref $mail->{Headers} eq 'HASH' ? sort keys %{ $mail->{Headers} } : ();
        my @rows = map { ref $mail->{$_} eq 'ARRAY' ? () : "$_ is no list" } qw(To CC ReplyTo);
        my $fields = join ' ', 'dkim-signature', 'date', 'from', 'reply-to', 'to', 'cc', 'subject',
            'message-id', 'feedback-id',
        (map { lc } @custom), 'mime-version', 'content-type';
        my @wrong = @rows;
        push @wrong, 'envelopes ' . join ' ', map { "$_->{from}>$_->{to}" } @{ $seen{$id} }
            if join(' ', sort map { $_->{to} } @{ $seen{$id} }) ne "@$to" ||
                grep { $_->{from} !~ /\A$return_path\z/ } @{ $seen{$id} };
        push @wrong, 'fields ' . lc "@{ $got->{fields} }" if lc "@{ $got->{fields} }" ne $fields;
        for my $list (qw(To CC ReplyTo)) {
            my $field = $list eq 'ReplyTo' ? 'reply-to' : lc $list;
            push @wrong, "$list @{ $got->{addresses}{$field} }"
                if join(' ', @{ $got->{addresses}{$field} }) ne join ' ',
                map { lower_domain($_->{email}) } @{ $mail->{$list} };
        }
        push @wrong, 'parts ' . join ' ', map { $_->{type} } @{ $got->{parts} } if @{ $got->{parts} } != 3;
        my ($file) = grep { defined $_->{filename} } @{ $got->{parts} };
        push @wrong, "parameters @{ $file->{params} }" if $file && join(' ',
            grep { $_ ne 'charset' } @{ $file->{params} }) ne 'name';
        push @wrong, "file name $file->{filename}" if $file && $file->{filename} =~ m{[/\\\r\n\x{202E}]};
        push @wrong, @{ $got->{defects} };
        push @bad, "$id: " . join('; ', @wrong) . ' of ' . substr($json->canonical->encode($mail), 0, 700)
            if @wrong;
    }
    is(scalar @bad, 0, 'envelope, fields, addresses and parts are what was asked for')
        or diag(map { "$_\n" } @bad[ 0 .. ($#bad > 20 ? 20 : $#bad) ]);
};

cmp_ok($slowest, '<', $ENV{EG_SAN} ? 12 : 4, sprintf 'no request took as long as a pg_sleep: %.2f s at most',
    $slowest);
is($gw->sql("SELECT count(*) FROM emailgw.message WHERE account_id = $account->{account_id}"),
    scalar keys %posted, 'what was refused left no row');
open my $log, '<:raw', $postgres_log or die "$postgres_log: $!\n";
seek $log, $log_start, 0;
my @errors = grep { /\b(?:ERROR|FATAL|PANIC):/ } <$log>;
is(scalar @errors, 0, "no error in PostgreSQL's log") or diag(@errors[
    0 .. ($#errors > 20 ? 20 : $#errors) ]);
$gw->log_clean;
done_testing;
