# Directives: where the gateway answers and where it is not there at all, bounds,
# key files at start, limits.
use EmailGW;
use EmailGW::Httpd ();
use EmailGW::Peer ();
use File::Temp ();
use JSON::PP ();

my $json = JSON::PP->new->utf8->canonical;
my $site = File::Temp::tempdir('/tmp/emailgw-test.XXXXXX', CLEANUP => 1);
my $bytes = join '', map { chr } 0 .. 255;

sub put {
    my ($path, $text) = @_;
    my $at = $site;
    for my $part (split m{/}, $path =~ s{/?[^/]*\z}{}r) {
        $at .= "/$part";
        mkdir $at, 0755;
    }
    open my $file, '>:raw', "$site/$path" or die "$site/$path: $!\n";
    print {$file} $text;
    close $file or die "$site/$path: $!\n";
}

chmod 0755, $site;
for my $root (qw(files cheater opener)) {
    put("$root/api/v1/email", "$root: $bytes");
    put("$root/$_", '<?php') for qw(api.php other.php);
}
put('none/index.html', 'nothing');
put('cheater/.htaccess', "EmailGateway On\nSetHandler emailgw\n");
put('opener/.htaccess', "EmailGateway On\n");

# Name => [document root, directives].
my %vhost = (
    'off.test' => [ 'files', "EmailGatewayEngine Off\nEmailGateway On" ],
    'unset.test' => [ 'files', 'EmailGateway On' ],
    'switched-off.test' => [ 'files', "EmailGatewayEngine On\nEmailGateway Off" ],
    'not-on.test' => [ 'files', 'EmailGatewayEngine On' ],
    'nothing.test' => [ 'none', "EmailGatewayEngine Off\nEmailGateway On" ],
    'handler.test' => [ 'files',
        "EmailGatewayEngine Off\n<Location />\nEmailGateway On\nSetHandler emailgw\n</Location>" ],
    'handler-off.test' => [ 'files', "EmailGatewayEngine On\n<Location />\nSetHandler emailgw\n</Location>" ],
    'cheater.test' => [ 'cheater', 'EmailGatewayEngine Off' ],
    'opener.test' => [ 'opener', 'EmailGatewayEngine On' ],
    'part.test' => [ 'files',
        "EmailGatewayEngine On\n<Location /api/v1/events>\nEmailGateway On\n</Location>" ],
    'on.test' => [ 'files', "EmailGatewayEngine On\nEmailGateway On" ],
    'handler-on.test' => [ 'files',
        "EmailGatewayEngine On\nEmailGateway On\n<Location />\nSetHandler emailgw\n</Location>" ],
    'limits.test' => [ 'none',
        "EmailGatewayEngine On\nEmailGateway On\nEmailGatewayMaxTo 1\nEmailGatewayMaxCC 2\nEmailGatewayMaxBCC 3\nEmailGatewayMaxReplyTo 4\nEmailGatewayMaxBody 65536" ],
    'submission.test' => [ 'none',
        "EmailGatewayEngine On\nEmailGateway On\nEmailGatewaySubmissionHost SMTP.Example.com\nEmailGatewaySubmissionPorts 2525" ],
    'compat.test' => [ 'none',
        "EmailGatewayEngine On\nEmailGateway On\n<Location /api/v1/email>\nEmailGatewayCompatStatus On\n</Location>" ],
);
my $conf = "EmailGatewayMaxReplyTo 3\n<Directory $site>\nRequire all granted\nAllowOverride FileInfo\n</Directory>\n" . join '',
    map { "<VirtualHost 127.0.0.1:\${INSTANCE_PORT}>\nServerName $_\nDocumentRoot $site/$vhost{$_}[0]\n$vhost{$_}[1]\n</VirtualHost>\n" } sort keys %vhost;
my $gw = EmailGW->up(HTTPD_CONF => \$conf);
my $key = $gw->env('SENDER_KEY');
my %mail = (From => { email => 'sender@example.com', name => '' },
    To => [ { email => 'r@example.org', name => '' } ], Subject => 'S', ContentType => 'plain',
    PlainContent => 'P');

# A request to a virtual host: {status, headers, body, json}.
sub ask {
    my ($host, $method, $path, $args) = @_;
    my $body = defined $args ? $json->encode($args) : '';
    my $reply = $gw->raw("$method $path HTTP/1.1\r\nHost: $host\r\nAuthorization: Bearer $key\r\nConnection: close\r\n"
        . (defined $args ? "Content-Type: application/json\r\nContent-Length: " . length($body) . "\r\n" : '')
            . "\r\n$body");
    my ($status, $header, $content) = $reply =~ m{\AHTTP/1\.1 (\d+)[^\r\n]*\r\n(.*?)\r\n\r\n(.*)\z}s;
    return { status => $status, headers => { map { /^([^:]+):\s*(.*)/ ? (lc $1, $2) : () } split /\r\n/,
        $header // '' },
        body => $content, json => scalar eval { $json->decode($content) } };
}

sub mails { return scalar $gw->sql('SELECT count(*) FROM emailgw.message') }

subtest 'where it is off it is not there' => sub {
    for my $host (qw(off.test unset.test switched-off.test not-on.test handler.test handler-off.test cheater.test)) {
        my $root = $vhost{$host}[0];
        my $file = ask($host, 'GET', '/api/v1/email');
        is($file->{status}, 200, "$host: a file at /api/v1/email");
        ok($file->{body} eq "$root: $bytes", "$host: is served byte for byte");
        is(ask($host, 'GET', '/api.php')->{body}, '<?php', "$host: so is /api.php");
        is(ask($host, 'GET', '/api/v1/events')->{status}, 404, "$host: 404 where there is no file");
        my $post = ask($host, 'POST', '/api/v1/email', \%mail);
        ok($post->{body} !~ /MessageID|"Errors"/, "$host: a POST is not ours") or diag($post->{body});
    }
    for my $path (qw(/api/v1/email /api/v1/events /api/v1/email/batch /api/v1/email/x)) {
        for my $method (qw(GET POST)) {
            my $reply = ask('nothing.test', $method, $path, $method eq 'POST' ? \%mail : undef);
            is($reply->{status}, 404, "nothing.test: $method $path");
            unlike($reply->{headers}{'content-type'}, qr/json/, "nothing.test: as httpd answers it");
        }
    }
    is(mails(), 0, 'nothing is queued');
};

subtest 'where it is on' => sub {
    for my $host (qw(on.test handler-on.test opener.test)) {
        like(ask($host, 'POST', '/api/v1/email', \%mail)->{json}{MessageID}, qr/\A[0-9a-f-]{36}\z/,
            "$host: takes a mail");
        is(ask($host, 'GET', '/api/v1/email')->{status}, 405, "$host: comes before a file of that name");
        is(ref ask($host, 'GET', '/api/v1/events')->{json}{Events}, 'ARRAY', "$host: lists events");
        is(ask($host, 'GET', '/api/v1/email/x')->{json}{Errors}[0]{Code}, 131, "$host: looks for a message");
        is(ask($host, 'GET', '/api/v1/email/batch')->{status}, 405, "$host: a batch is no message");
        is(ask($host, 'GET', '/api.php')->{json}{ErrorCode}, 100001, "$host: answers /api.php");
        is(ask($host, 'GET', '/other.php')->{body}, '<?php', "$host: other paths are the site's");
        is(ask($host, 'GET', $_)->{status}, 404, "$host: $_ is none of ours") for '/api/v1/',
        '/api/v1/email/', '/api/v1/emails', '/api/v1/EMAIL', '/x/api/v1/email', '/api/v1/events.json';
    }
    is(ref ask('on.test', 'GET', $_)->{json}{Events}, 'ARRAY', "$_ is the same path") for '/api//v1/events',
    '/api/v1/%65vents', '/api/./v1/x/../events';
    is(ref ask('part.test', 'GET', '/api/v1/events')->{json}{Events}, 'ARRAY',
        'part.test: on in one location');
    my $file = ask('part.test', 'GET', '/api/v1/email');
    ok($file->{body} eq "files: $bytes", 'part.test: and in no other');
    is(mails(), 3, 'three mails are queued');
};

subtest 'limits of a virtual host' => sub {
    my $people = sub { [ map { { email => "r$_\@example.org", name => '' } } 1 .. $_[0] ] };
    for my $case ([ To => 1, 20 ], [ CC => 2, 20 ], [ BCC => 3, 27 ], [ ReplyTo => 4, 31 ]) {
        my ($field, $max, $code) = @$case;
        is(ask('limits.test', 'POST', '/api/v1/email', { %mail, $field => $people->($max) })->{status}, 200,
            "$field: $max are allowed");
        my $reply = ask('limits.test', 'POST', '/api/v1/email', { %mail, $field => $people->($max + 1) });
        is("$reply->{status} $reply->{json}{Errors}[0]{Code}", "422 $code", "$field: one more is not");
        like($reply->{json}{Errors}[0]{Message}, qr/@{[ $max + 1 ]} given, $max allowed/, "$field: says so");
    }
    is(ask('on.test', 'POST', '/api/v1/email', { %mail, To => $people->(50),
        ReplyTo => $people->(3) })->{status}, 200, 'elsewhere the default of 50');
    is(ask('on.test', 'POST', '/api/v1/email', { %mail, ReplyTo => $people->(4) })->{json}{Errors}[0]{Code},
        31, "and the main server's 3 is inherited");
    my $reply = ask('limits.test', 'POST', '/api/v1/email', { %mail, PlainContent => 'x' x 65536 });
    is("$reply->{status} $reply->{json}{Errors}[0]{Code}", '413 413', 'EmailGatewayMaxBody');
    is(ask('on.test', 'POST', '/api/v1/email', { %mail, PlainContent => 'x' x 65536 })->{status}, 200,
        'elsewhere its default');
    is(ask('compat.test', 'POST', '/api/v1/email', {})->{status}, 200,
        'EmailGatewayCompatStatus in a location');
    is(ask('compat.test', 'GET', '/api/v1/events?StartFrom=x')->{status}, 422, 'and not outside of it');
    $gw->log_clean;
};

# ---- the configuration test -------------------------------------------------

# `httpd -t` with more directives at the end of the configuration: (exit status, what it says).
sub check_config {
    my (@directives) = @_;
    return $gw->test_config(-f => $gw->env('HTTPD_CONF'), map { (-c => $_) } @directives);
}

subtest 'bounds' => sub {
    my ($status, $says) = check_config();
    is($status, 0, 'the configuration is good') or diag($says);
    for my $name (map { "EmailGatewayMax$_" } qw(To CC BCC ReplyTo)) {
        is((check_config("$name $_"))[0], 0, "$name $_") for 1, 1000;
        for my $value (0, 1001, -1, '1x', '"1 "', '1.5', '99999999999999999999', '0x10', 'none') {
            ($status, $says) = check_config("$name $value");
            isnt($status, 0, "$name $value is refused");
            like($says, qr/$name takes a whole number from 1 to 1000, not/, 'and what is allowed is said');
        }
    }
    is((check_config("EmailGatewayMaxBody $_"))[0], 0, "EmailGatewayMaxBody $_") for 65536, 67108864;
    for my $value (65535, 67108865, -1, '36M', '1e6', '99999999999999999999') {
        ($status, $says) = check_config("EmailGatewayMaxBody $value");
        isnt($status, 0, "EmailGatewayMaxBody $value is refused");
        like($says, qr/EmailGatewayMaxBody takes a number of bytes from 65536 to 67108864, not/,
            'and what is allowed is said');
    }
    is((check_config("EmailGatewaySubmissionHost $_"))[0], 0, "EmailGatewaySubmissionHost $_")
        for 'smtp.example.com', "b\xc3\xbccher.example";
    for my $value ('smtp', '192.0.2.1', 'a..b.example', 'smtp.example.com:587', '-a.example') {
        ($status, $says) = check_config("EmailGatewaySubmissionHost $value");
        isnt($status, 0, "EmailGatewaySubmissionHost $value is refused");
        like($says, qr/EmailGatewaySubmissionHost takes a host name such as smtp\.example\.com, not/,
            'and what is allowed is said');
    }
    is((check_config("EmailGatewaySubmissionPorts $_"))[0], 0, "EmailGatewaySubmissionPorts $_")
        for 1, 65535, '587,465', '1,2,3,4,5,6,7,8';
    for my $value (0, 65536, -1, '587,', ',587', '587,,465', '587,587', '"587, 465"', '0587', 'smtp', '5x', '1e3',
        '1,2,3,4,5,6,7,8,9', '4294967883', '1' x 30) {
        ($status, $says) = check_config("EmailGatewaySubmissionPorts $value");
        isnt($status, 0, "EmailGatewaySubmissionPorts $value is refused");
        like($says, qr/EmailGatewaySubmissionPorts takes up to 8 ports from 1 to 65535, each once, such as 587,465, not/,
            'and what is allowed is said');
    }
    for my $name (map { "EmailGateway$_" } '', qw(Engine CompatStatus Tracking)) {
        ($status, $says) = check_config("$name maybe");
        isnt($status, 0, "$name maybe is refused");
        like($says, qr/$name must be On or Off/, 'and what is allowed is said');
    }
    for my $name (qw(EmailGatewaySecretFile EmailGatewaySenderKeyFile EmailGatewayMaxTo)) {
        ($status, $says) = check_config($name);
        isnt($status, 0, "$name alone is refused");
        like($says, qr/$name takes one argument, \S/, 'and what it takes is said');
    }
    is((check_config("EmailGatewayAccount $_"))[0], 0, "EmailGatewayAccount $_") for 1, 9007199254740991, 'any', 'Any';
    for my $value (0, -1, 9007199254740992, 'shop', '1x') {
        ($status, $says) = check_config("EmailGatewayAccount $value");
        isnt($status, 0, "EmailGatewayAccount $value is refused");
        like($says, qr/EmailGatewayAccount takes any, or an account's number from 1 to 9007199254740991, not/,
            'and what is allowed is said');
    }
    is((check_config("EmailGatewayCORS $_"))[0], 0, "EmailGatewayCORS $_")
        for 'none', '*', 'https://a.example', 'https://a.example,http://localhost:3000';
    for my $value ('a.example', 'https://a.example/', '"https://a.example, https://b.example"', 'https://*.example', 'null') {
        ($status, $says) = check_config("EmailGatewayCORS $value");
        isnt($status, 0, "EmailGatewayCORS $value is refused");
        like($says, qr/EmailGatewayCORS takes none, \* or origins with commas between them, such as https:/,
            'and what is allowed is said');
    }
};

subtest 'where mail is handed in by SMTP' => sub {
    my %args = (APIKey => $gw->env('ACCOUNT_API_KEY'), DomainID => $gw->env('DOMAIN_ID'));
    my $of = sub { ask(shift, 'POST', '/api.php', { %args, @_ })->{json} };
    my $made = $of->('submission.test', Command => 'EmailGateway.AddSMTP');
    is("$made->{SMTP}{SMTPHost} @{ $made->{SMTP}{SMTPPorts} }", 'smtp.example.com 2525', 'AddSMTP tells what is configured');
    my $listed = $of->('submission.test', Command => 'EmailGateway.GetSMTPs')->{SMTPs}[0];
    is("$listed->{SMTPHost} @{ $listed->{SMTPPorts} }", 'smtp.example.com 2525', 'GetSMTPs, too');
    my $renewed = $of->('submission.test', Command => 'EmailGateway.ResetSMTPPassword', smtpid => $made->{NewSMTPID})->{SMTP};
    is("$renewed->{Server} $renewed->{Port}", 'smtp.example.com 2525', 'and ResetSMTPPassword');
    $listed = $of->('on.test', Command => 'EmailGateway.GetSMTPs')->{SMTPs}[0];
    is("$listed->{SMTPHost} @{ $listed->{SMTPPorts} }", 'on.test 587 465', 'by default it is the virtual host\'s name');
};

# ---- key files at start -----------------------------------------------------

# An httpd with a changed configuration, for a moment: ('runs' or its exit status, its log).
sub start_with {
    my $httpd = EmailGW::Httpd->start($gw, @_);
    my $state = $httpd->state;
    $httpd->stop;
    return ($state, $httpd->log);
}

# What `httpd -t` says of the instance's configuration, changed: (exit status, its words).
sub test_changed {
    my ($change) = @_;
    my $text = EmailGW::slurp($gw->env('HTTPD_CONF'));
    $change->($text);
    my $peer = EmailGW::Peer::dir('sqlite');
    local %ENV = (%ENV, LD_LIBRARY_PATH => join ':', EmailGW::Peer::library_path($peer), glob "$peer/usr/lib/*/apr-util-1");
    return $gw->test_config(-f => $gw->file('tested.conf', $text));
}

subtest 'the database at start' => sub {
    my ($lines) = EmailGW::slurp($gw->env('HTTPD_CONF')) =~ /^(DBDriver .*\nDBDParams .*)/m or die 'no database';
    my $refused = sub {
        my ($what, $instead, $says) = @_;
        my ($status, $words) = test_changed(sub { $_[0] =~ s/^\Q$lines\E/$instead/m });
        isnt($status, 0, "$what is refused by httpd -t");
        like($words, $says, '... which says what is needed');
        unlike($words, qr/s3cret/, '... and no password');
    };
    my ($params) = $lines =~ /^(DBDParams .*)/m;
    $refused->('no DBDriver', $params, qr/EG0250: .* no DBDriver at .*: DBDriver pgsql is needed/);
    $refused->('no DBDParams', 'DBDriver pgsql', qr/EG0251: .* no DBDParams at .*: settings are needed such as "host=/);
    $refused->("DBDParams $_", qq(DBDriver pgsql\nDBDParams "$_"), qr/EG0251: .* DBDParams that libpq cannot read/)
        for 'host=db password=a s3cret', 'host=db passwort=s3cret', 'postgresql://u:s3cret/x@db/emailgw';
    # The functions of another driver would be called with its own kind of connection.
    $refused->('another driver', "DBDriver sqlite3\nDBDParams /s3cret", qr/EG0250: .* DBDriver sqlite3 at .*: DBDriver pgsql is needed/);

    my ($status, $words) = test_changed(sub {
        $_[0] =~ s/^\Q$lines\E/DBDriver sqlite3\nDBDParams \/none/m;
        $_[0] =~ s/^Include .*\n//m;
        $_[0] =~ s/^( *EmailGatewayEngine On)/$1\n<IfModule mod_dbd.c>\n$lines\n<\/IfModule>/mg;
    });
    is($status, 0, 'virtual hosts may have another one than the main server') or diag($words);
    for my $own ($lines, '') {
        ($status, $words) = test_changed(sub {
            $_[0] =~ s/^\Q$lines\E//m;
            $_[0] =~ s/^Include .*\n//m;
            $_[0] =~ s/^<VirtualHost .*?^<\/VirtualHost>\n//msg;
            $_[0] .= "LoadModule macro_module /usr/lib/apache2/modules/mod_macro.so\nEmailGatewayEngine On\n<Macro Customer \$name>\n"
                . "<VirtualHost 127.0.0.1:1>\nServerName \$name.test\n$own\n</VirtualHost>\n</Macro>\nUse Customer one\nUse Customer two\n";
        });
        $own ? is($status, 0, '... also where a macro makes them') : like($words, qr/EG0250: .* at (?:one|two)\.test/, '... and must, then');
        diag($words) if $own && $status;
    }
};

subtest 'key files at start' => sub {
    my ($secret) = EmailGW::slurp($gw->env('HTTPD_CONF')) =~ /^EmailGatewaySecretFile (.*)/m;
    my $content = EmailGW::slurp($secret);
    my $instead = sub { my ($path) = @_; sub {
        $_[0] =~ s/^EmailGatewaySecretFile .*/EmailGatewaySecretFile "$path"/m } };
    is((start_with(sub { }))[0], 'runs', 'httpd starts with the secret file');
    put('secrets/good', $content);
    chmod 0600, "$site/secrets/good";
    is((start_with($instead->("$site/secrets/good")))[0], 'runs', 'and with a copy of mode 0600');

    my $refuses = sub {
        my ($what, $change, $says) = @_;
        my ($state, $log) = start_with($change);
        like($state, qr/\A[1-9]\d*\z/, "$what: httpd does not start");
        like($log, $says, "$what: the log says why") or diag($log);
        unlike($log, qr/\Q$_\E/, "$what: without the secret") for grep { length > 20 } split /\s+/, $content;
        my ($status, $words) = test_changed($change);
        isnt($status, 0, "$what: a test of the configuration finds it");
        like($words, $says, '... and says why');
    };
    for my $mode (0644, 0640, 0604, 0660, 0622) {
        chmod $mode, "$site/secrets/good";
        $refuses->(sprintf('a secret file of mode %04o', $mode), $instead->("$site/secrets/good"),
            qr/EG0002: EmailGatewaySecretFile: \Q$site\E\/secrets\/good: mode @{[ sprintf '%04o', $mode ]} .*0600 is needed/);
    }
    $refuses->('no secret file', $instead->("$site/secrets/missing"),
        qr/EG0002: EmailGatewaySecretFile: \Q$site\E\/secrets\/missing: No such file/);
    $refuses->('a directory', $instead->("$site/secrets"), qr/EG0002: .*not a regular file/);
    for my $case ([ 'empty', '' ], [ 'of words', "hello\n" ], [ 'cut', substr $content, 0, -10 ],
        [ 'with NUL', "$content\0" ], [ 'of a megabyte', 'x' x 1_000_000 ]) {
        put('secrets/bad', $case->[1]);
        chmod 0600, "$site/secrets/bad";
        $refuses->("a secret file that is $case->[0]", $instead->("$site/secrets/bad"),
            qr/EG0002: EmailGatewaySecretFile: \Q$site\E\/secrets\/bad/);
    }
    $refuses->('no EmailGatewaySecretFile', sub { $_[0] =~ s/^EmailGatewaySecretFile .*\n//m },
        qr/EG0001: .*EmailGatewaySecretFile.*emailgwctl init/);
    $refuses->('no mod_dbd', sub { $_[0] =~ s/^LoadModule dbd_module.*\n//m; $_[0] =~ s/^DBD.*\n//mg },
        qr/EG0003: .*mod_dbd/);
    $refuses->('a public key file that is none', sub {
        $_[0] =~ s/^EmailGatewaySenderKeyFile .*/EmailGatewaySenderKeyFile "$site\/secrets\/bad"/m },
        qr/EG0004: EmailGatewaySenderKeyFile/);
    is((start_with(sub { $_[0] =~ s/^EmailGatewaySecretFile .*\n//m;
        $_[0] =~ s/^( *)EmailGatewayEngine On/$1EmailGatewayEngine Off/mg; $_[0] =~ s/^Include .*\n//m }))[0],
        'runs',
        'without EmailGatewayEngine no secret file is needed');
};
done_testing;
