# What a client is ever shown, or says, to prove who it is: keys, sessions, passwords,
# signing keys. An instance is used in every way, at the most talkative level of its
# logs; then none of them is in pg_dump, in a log, a mail or the arguments of a process:
# neither as text nor as hex or base64, wherever in a longer text that begins.
use EmailGW;
use EmailGW::ApiPhp;
use EmailGW::Commands;
use EmailGW::Receiver;
use MIME::Base64 qw(decode_base64 encode_base64);
use Time::HiRes qw(sleep);

my $receiver = EmailGW::Receiver->up;
my $gw = EmailGW->up(RATE => 'off', WEBHOOK_ALLOW => $receiver->address, HTTPD_CONF => \"LogLevel emailgw:trace8\n",
    SENDER_CONF => \"log_level = debug\n");
my %secret; # what it is => its bytes

sub keep {
    my ($what, $bytes) = @_;
    die "no $what\n" if length($bytes // '') < 8;
    $secret{ $what . ' ' . (1 + grep { /^\Q$what\E \d/ } keys %secret) } = $bytes if !grep { $_ eq $bytes } values %secret;
    return $bytes;
}

# ---- where they may not be -----------------------------------------------------

# A secret as pieces that one of the texts would hold: as it is, as hex, and as
# base64 in both alphabets at each of its three offsets.
sub spellings {
    my ($bytes) = @_;
    my %text = ($bytes => 'plain', unpack('H*', $bytes) => 'hex', uc unpack('H*', $bytes) => 'hex');
    for my $skip (0 .. 2) {
        my $inner = encode_base64('x' x $skip . $bytes, '');
        $inner =~ s/^.{4}// if $skip;    # what the bytes before have a part in
        $inner =~ s/.{0,3}=+\z//;        # ... and those behind
        $text{$inner} = $text{ $inner =~ tr{+/}{-_}r } = 'base64' if length $inner >= 12;
    }
    return \%text;
}

# A key is prefix, number and a random part; a signing key is prefix and base64 of what signs.
sub parts {
    my ($bytes) = @_;
    my @parts = ($bytes);
    push @parts, $1 if $bytes =~ /^eg\w_\d+_(.{16,})\z/s || $bytes =~ /^whsec_(.{16,})\z/s;
    push @parts, decode_base64($1) if $bytes =~ /^whsec_(.+)\z/s;
    return @parts;
}

# Every place where one of these secrets stands in a text.
sub leaks {
    my ($name, $text, %among) = @_;
    my %whose;
    for my $what (keys %among) {
        for my $part (parts($among{$what})) {
            my $texts = spellings($part);
            $whose{$_} //= "$what as $texts->{$_}" for keys %$texts;
        }
    }
    my $any = join '|', map { quotemeta } keys %whose;
    my %found;
    $found{"$whose{$1} in $name"}++ while $text =~ /($any)/g;
    return sort keys %found;
}

sub read_file {
    my ($path) = @_;
    open my $file, '<:raw', $path or return '';
    return do { local $/; <$file> } // '';
}

sub dump_of {
    my $dsn = $gw->env('DSN');
    local $ENV{PGPASSWORD} = $dsn =~ s{^(\w+://[^:@/]+):([^@/]*)@}{$1@} ? $2 : '';
    my ($status, $out, $err) = EmailGW::run_command(undef, 'pg_dump', '-d', $dsn);
    die "pg_dump: $err\n" if $status;
    return $out;
}

# Looks at the arguments of all processes again and again, from a process of its own.
my $seen = $gw->file('cmdlines', '');
my $watcher = fork // die "fork: $!\n";
if (!$watcher) {
    my %lines;
    my $going = 1;
    local $SIG{TERM} = sub { $going = 0 };
    while ($going) {
        $lines{ read_file($_) } = 1 for glob '/proc/[0-9]*/cmdline';
        sleep 0.002;
    }
    open my $out, '>:raw', $seen or POSIX::_exit(1);
    print {$out} join("\n", keys %lines), "\n";
    close $out;
    POSIX::_exit(0);
}

# ---- an instance that is used ------------------------------------------------------

my ($account, $other) = map { things($gw) } 1 .. 2;
for my $it ($account, $other) {
    keep('account key', $it->{account_key});
    keep('password of an account', $it->{password});
    keep('sender key', $it->{key});
}

# Everything in an answer that proves something.
sub keep_from {
    my ($json) = @_;
    my %name = (NewAPIKey => 'sender key', APIKey => 'sender key', SessionID => 'session', Password => 'SMTP password',
        SigningKey => 'signing key');
    if (ref $json eq 'HASH') {
        for my $name (keys %$json) {
            if ($name{$name} && !ref $json->{$name} && length($json->{$name} // '')) {
                keep($name{$name}, $json->{$name});
            } else {
                keep_from($json->{$name});
            }
        }
    } elsif (ref $json eq 'ARRAY') {
        keep_from($_) for @$json;
    }
}

subtest 'every command' => sub {
    for my $route (routes()) {
        for my $form (0, 1) {
            my $reply = ask($gw, $route, $account, { $route->{with}->($account) }, $form);
            like($reply->{status}, qr/^(?:200|422)\z/, $route->{name}) or diag($reply->{body});
            keep_from($reply->{json});
        }
    }
    my $session = keep('session', $account->session);
    is(outcome($gw->api('EmailGateway.GetDomains', SessionID => $session)), '200 0', 'by a session');
    keep_from($gw->api('User.Login', Username => $account->{username}, Password => $account->{password})->{json});
    $gw->call('POST', '/api/v1/email', { query => { SenderAPIKey => $account->{key} }, json => {} });
};

subtest 'refusals, of which logs tell more' => sub {
    my @credentials = ($account->{account_key}, $account->{key}, $account->session);
    for my $credential (map { ($_, "${_}x", substr($_, 0, -1)) } @credentials) {
        keep('credential', $credential);
        for my $name (qw(APIKey SessionID SenderAPIKey)) {
            $gw->call('POST', '/api.php', { json => { Command => 'EmailGateway.GetDomains', $name => $credential } });
            $gw->call('POST', '/api.php', { type => 'application/json', body => qq({"$name": "$credential", "Command": ) });
            $gw->call('POST', '/api/v1/email', { form => { $name => $credential, 'From[email]' => "$credential\@$account->{domain}" } });
        }
        $gw->call($_, '/api/v1/events', { key => $credential }) for qw(GET POST PUT);
        $gw->call('GET', '/api.php', { key => $credential });
        $gw->call('POST', '/api.php', { headers => { SessionID => $credential, Cookie => "SessionID=$credential" }, json => {} });
    }
    for my $password (keep('password', 'A wrong password, 1234'), keep('password', "${\ $account->{password}} and more")) {
        is($gw->api('User.Login', Username => $account->{username}, Password => $password)->{json}{ErrorCode}, 3, 'a wrong password');
    }
    is(join("\n", leaks('pg_dump', dump_of(), %secret)), '', 'nothing of that is in the dump either');
    $gw->sql('DELETE FROM emailgw.login_failure');
};

subtest 'mail, webhooks, the operator' => sub {
    my $url = $receiver->url('/ok');
    is($gw->api('EmailGateway.AddWebhook', as => $account, DomainID => $account->{domain_id}, Event => 'delivered',
        WebhookURL => $url)->{json}{ErrorCode}, 0, 'a webhook');
    keep_from($gw->api('EmailGateway.GetWebhooks', as => $account, DomainID => $account->{domain_id})->{json});
    my $id = $gw->send_mail(as => $account, headers => { 'Idempotency-Key' => 'one' })->{json}{MessageID};
    ok($gw->wait_for(sub { grep { $_->{body} =~ /\Q$id\E/ } $receiver->requests('/ok') }, 20, 'the post'), 'a post is signed');
    my $new = keep('password of an account', 'the new password of it');
    $gw->ctl(qw(user set), $account->{username}, qw(--password-file -), \"$new\n");
    keep('sender key', $gw->ctl(qw(key add --user), $account->{username}, '--domain', $account->{domain}, qw(--description x))->{key});
    $gw->ctl(@$_) for [qw(user list)], [qw(domain list)], [ qw(key list --user), $account->{username} ], ['status'];
};

subtest 'the database goes away and comes back' => sub {
    $gw->stop('postgres');
    my @calls = ([ '/api/v1/email', { key => $account->{key}, json => {} } ],
        [ '/api.php', { json => { Command => 'EmailGateway.GetDomains', APIKey => $account->{account_key} } } ],
        [ '/api.php', { json => { Command => 'User.Login', Username => $account->{username}, Password => $account->{password} } } ]);
    like($gw->call('POST', @$_)->{status}, qr/^50\d\z/, "$_->[0] while it is away") for @calls;
    $gw->start('postgres');
    ok($gw->wait_for(sub { $gw->api('EmailGateway.GetDomains', as => $account)->{status} == 200 }, 20, 'an answer'), 'and back');
};

# ---- what is left of that ------------------------------------------------------------

kill 'TERM', $watcher;
waitpid $watcher, 0;
is($?, 0, 'the arguments of processes were watched');

my %count;
$count{s/ \d+\z//r}++ for keys %secret;
cmp_ok($count{$_} // 0, '>=', 2, "$_: $count{$_}") for 'account key', 'sender key', 'session', 'SMTP password', 'password of an account';
cmp_ok($count{'signing key'} // 0, '>=', 1, 'signing key');

# The search finds what is there: a key in the three spellings that a table can hold, and a log line.
my $planted = 'egs_64_Planted-key_of-the-test-itself0123';
$gw->sql("CREATE TABLE public.planted AS SELECT '$planted' AS plain, convert_to('$planted', 'UTF8') AS bytes,
    encode(convert_to('ab$planted', 'UTF8'), 'base64') AS encoded");
is(join("\n", leaks('pg_dump', dump_of(), planted => $planted)),
    join("\n", map { "planted as $_ in pg_dump" } qw(base64 hex plain)), 'what stands in the database is found');
$gw->sql('DROP TABLE public.planted');
my $subject = 'Mail 1';
my $dump = dump_of();
like($dump, qr/\Q$subject\E/, 'the dump has the account\'s mails');

my %texts = (pg_dump => $dump, 'the arguments of processes' => read_file($seen));
my $access = $gw->env('LOGS') . '/access.log';
$texts{$_} = read_file($_) for grep { -f && $_ ne $access } glob($gw->env('LOGS') . '/*'), glob($gw->env('OUTBOX') . '/*');
# A key in the query string is in httpd's own access log, as the admin's LogFormat has it; nothing else is.
$texts{$access} = read_file($access) =~ s/(SenderAPIKey=)\S+/$1/gr;
cmp_ok(length $texts{ $gw->env('LOGS') . "/$_" }, '>', 500, "$_ has something in it") for qw(error.log sender.log postgres.log access.log);
like($texts{'the arguments of processes'}, qr/emailgwctl/, 'emailgwctl was seen at work');
is(join("\n", map { leaks($_, $texts{$_}, %secret) } sort keys %texts), '',
    sprintf '%d secrets are nowhere in %d texts', scalar keys %secret, scalar keys %texts);
unlike($dump, qr/PRIVATE KEY/, 'nor is a private key');

$gw->expects_database_away;
$gw->log_clean;
done_testing;
