# Request rates of sender keys and limits of failed authentications: exact over all
# children, through graceful restarts, with headers and words; and without a database.
use EmailGW;
use IO::Socket::INET;
use JSON::PP ();
use POSIX ();
use List::Util qw(uniq);
use Time::HiRes qw(time sleep);

my $json = JSON::PP->new->utf8->canonical;
my $bad_key = 'egs_1_' . 'A' x 43; # has the form of one, and nobody has it
my $children = "LogFormat %P pids\nCustomLog \${INSTANCE_DIR}/logs/pids.log pids\n";

# Windows of one length count together: those that a test must not disturb differ by a second.
my $remoteip = "RemoteIPHeader X-Forwarded-For\nRemoteIPInternalProxy 127.0.0.1";
my %vhost = (
    'default.test' => '',
    'one.test' => 'EmailGatewayRate 1/60s',
    'compat.test' => "EmailGatewayRate 1/60s\nEmailGatewayCompatStatus On",
    'ten.test' => 'EmailGatewayRate 10/1min',
    'brief.test' => 'EmailGatewayRate 3/2s',
    'off.test' => "EmailGatewayRate off\nEmailGatewayAuthFailures Off",
    'proxy.test' => "$remoteip\nEmailGatewayAuthFailures 5/60s\nEmailGatewaySessionIdle 1s",
    'proxy10.test' => "$remoteip\nEmailGatewayAuthFailures 10/60s",
    'proxy-brief.test' => "$remoteip\nEmailGatewayAuthFailures 2/2s",
    'flood.test' => "$remoteip\nEmailGatewayAuthFailures off",
    'direct.test' => 'EmailGatewayAuthFailures 5/61s',
);
my $conf = "LoadModule remoteip_module /usr/lib/apache2/modules/mod_remoteip.so\n$children" . join '',
    map { vhost($_, $vhost{$_}) } sort keys %vhost;
my $changing = EmailGW::file({}, 'changing.conf', vhost('changing.test', 'EmailGatewayRate 80/60s'));
my $gw = EmailGW->up(HTTPD_CONF => \"${conf}Include $changing\n");
my $account = $gw->new_account;

sub vhost {
    my ($name, $directives) = @_;
    return "<VirtualHost 127.0.0.1:\${INSTANCE_PORT}>\nServerName $name\nEmailGatewayEngine On\nEmailGateway On\n"
        . "$directives\n</VirtualHost>\n";
}

# ---- requests -----------------------------------------------------------------

# GET of the events, or what METHOD, PATH, json => {} say, as a client at FROM: {status, headers, json}.
sub ask {
    my ($host, $key, %with) = @_;
    my $body = defined $with{json} ? $json->encode($with{json}) : '';
    my $reply = ($with{on} // $gw)->raw(join "\r\n", join(' ', $with{method} // 'GET', $with{path} // '/api/v1/events',
        'HTTP/1.1'), "Host: $host", 'Connection: close', defined $key ? "Authorization: Bearer $key" : (),
        defined $with{from} ? "X-Forwarded-For: $with{from}" : (), 'Content-Type: application/json',
        'Content-Length: ' . length $body, '', $body);
    my ($status, $header, $content) = $reply =~ m{\AHTTP/1\.1 (\d+)[^\r\n]*\r\n(.*?)\r\n\r\n(.*)\z}s;
    return { status => $status // 0, headers => { map { /^([^:]+):\s*(.*)/ ? (lc $1, $2) : () } split /\r\n/,
        $header // '' },
        json => scalar eval { $json->decode($content) } };
}

sub api {
    my ($host, $command, $from, %with) = @_;
    return ask($host, undef, method => 'POST', path => '/api.php', from => $from, json => { Command => $command, %with });
}

sub new_key {
    my (@words) = @_;
    return $gw->ctl(qw(key add --user), $account->{username}, '--domain', $account->{domain}, qw(--description rates),
        @words)->{key};
}

# So many requests at once, from processes of their own: [status, RateLimit-Remaining] of each.
sub at_once {
    my ($processes, $each, $do) = @_;
    pipe my $gate, my $opener or die "pipe: $!\n";
    my @pipes = map {
        pipe my $out, my $in or die "pipe: $!\n";
        my $pid = fork() // die "fork: $!\n";
        if ($pid == 0) {
            close $opener;
            sysread $gate, my $nothing, 1; # until it is shut: then all begin
            for (1 .. $each) {
                my $reply = eval { $do->() } // { status => "died $@" };
                print {$in} join(' ', $reply->{status}, $reply->{headers}{'ratelimit-remaining'} // '-'), "\n";
            }
            close $in;
            POSIX::_exit(0); # END blocks belong to the parent
        }
        close $in;
        [ $out, $pid ];
    } 1 .. $processes;
    close $opener;
    my @replies = map { my $out = $_->[0]; map { [ split ] } <$out> } @pipes;
    waitpid $_->[1], 0 for @pipes;
    return @replies;
}

sub count {
    my ($status, @replies) = @_;
    return scalar grep { $_->[0] eq $status } @replies;
}

# Of a hundred that pass each has its own number.
sub exactly_a_hundred {
    my ($what, @replies) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @passed = sort { $a <=> $b } map { $_->[1] } grep { $_->[0] eq '200' } @replies;
    is_deeply(\@passed, [ 0 .. 99 ], "$what: exactly 100 pass");
    is(count(429, @replies), @replies - 100, "$what: all others are refused");
}

sub children_of {
    my ($of) = @_;
    open my $file, '<', $of->env('LOGS') . '/pids.log' or return 0;
    my %pid = map { $_ => 1 } <$file>;
    return scalar keys %pid;
}

# ---- exact over all children ----------------------------------------------------

for my $mpm (qw(event worker prefork)) {
    subtest "150 at once: $mpm" => sub {
        my $on = $mpm eq 'event' ? $gw : EmailGW->up(HTTPD_MPM => $mpm, HTTPD_CONF => \$children);
        my $key = $on->new_account->{key};
        exactly_a_hundred($mpm, at_once(15, 10, sub { ask('localhost', $key, on => $on) }));
        cmp_ok(children_of($on), '>=', 2, "$mpm: over several children");
        my $refused = ask('localhost', $key, on => $on);
        is($refused->{status}, 429, "$mpm: then no more");
        is(ask('localhost', $on->new_account->{key}, on => $on)->{headers}{'ratelimit-remaining'}, 99,
            "$mpm: another key has all of its own");
        if ($on != $gw) {
            $on->log_clean;
            $on->down;
        }
    };
}

# ---- what is told ----------------------------------------------------------------

my $attempts = 'Too many requests. Wait for %d seconds for another 1 attempts.';
my %mail = (From => { email => "a\@$account->{domain}", name => '' }, To => { email => 'r@example.org', name => '' },
    Subject => 'S', ContentType => 'plain', PlainContent => 'P');
my @endpoints = (
    [ 'GET', '/api/v1/events', undef, 'Too many requests. Please wait for %d seconds before trying again.' ],
    [ 'GET', '/api/v1/webhooks', undef, $attempts ],
    [ 'POST', '/api/v1/webhooks', { Event => 'delivery', WebhookURL => 'https://example.com/hook' }, $attempts ],
    [ 'POST', '/api/v1/email', \%mail, $attempts ],
    [ 'DELETE', '/api/v1/webhooks', { WebhookID => 999_999_999 }, $attempts ],
    [ 'POST', '/api/v1/email/batch', { Messages => [ \%mail ] }, $attempts ],
    [ 'DELETE', '/api/v1/email/x', {}, $attempts ],
);

subtest 'headers and words of each endpoint' => sub {
    for my $endpoint (@endpoints) {
        my ($method, $path, $args, $words) = @$endpoint;
        my $what = "$method $path";
        my $key = new_key();
        my @how = (method => $method, path => $path, json => $args);
        my $first = ask('one.test', $key, @how);
        is($first->{status}, $method eq 'DELETE' ? 404 : 200, "$what: passes");
        is_deeply([ @{ $first->{headers} }{qw(ratelimit-limit ratelimit-remaining ratelimit-reset retry-after)} ],
            [ 1, 0, 60, undef ], "$what: its headers");
        my $second = ask('one.test', $key, @how);
        is($second->{status}, 429, "$what: once more does not");
        is_deeply([ @{ $second->{headers} }{qw(ratelimit-limit ratelimit-remaining)} ], [ 1, 0 ],
            "$what: has them, too");
        my $wait = $second->{headers}{'retry-after'};
        like($wait, qr/\A(?:5[5-9]|60)\z/, "$what: with Retry-After");
        is($second->{headers}{'ratelimit-reset'}, $wait, "$what: which is the reset");
        is_deeply($second->{json}, { Errors => [ { Code => 429, Message => sprintf $words, $wait } ] },
            "$what: in the reference's words");
        my $compat = ask('compat.test', $key, @how);
        is("$compat->{status} $compat->{json}{Errors}[0]{Code}", '200 429', "$what: EmailGatewayCompatStatus");
        ok($compat->{headers}{'retry-after'}, "$what: tells when all the same");
    }
    my $key = new_key();
    my $wrong = ask('ten.test', $key, method => 'POST', path => '/api/v1/email', json => {});
    is($wrong->{status}, 422, 'a refused mail');
    is($wrong->{headers}{'ratelimit-remaining'}, 9, 'counts');
    is(ask('ten.test', undef, path => "/api/v1/events?SenderAPIKey=$key")->{headers}{'ratelimit-remaining'}, 8,
        'and so does the same key as a parameter');
    my $head = ask('ten.test', $key, method => 'HEAD');
    is("$head->{status} $head->{headers}{'ratelimit-remaining'}", '200 7', 'and HEAD');
    my $missing = ask('ten.test', undef);
    is("$missing->{status} @{[ grep { /ratelimit/ } keys %{ $missing->{headers} } ]}", '401 ', 'no key, no rate');
    my $api = api('ten.test', 'EmailGateway.GetDomains', undef, APIKey => $account->{account_key});
    is_deeply([ grep { /ratelimit/ } keys %{ $api->{headers} } ], [], '/api.php has none');
};

subtest 'the end of a window' => sub {
    my $key = new_key();
    my $began = time;
    is_deeply([ map { ask('brief.test', $key)->{status} } 1 .. 3 ], [ 200, 200, 200 ], 'three pass');
    my $refused = ask('brief.test', $key);
    my $wait = $refused->{headers}{'retry-after'};
    is($refused->{status}, 429, 'the fourth does not');
    like($wait, qr/\A[12]\z/, 'and is told when');
    sleep 1.2;
    is(ask('brief.test', $key)->{status}, 429, 'nor one before that time') if time - $began < 1.9;
    sleep $began + 2.05 - time if time - $began < 2.05;
    is(ask('brief.test', $key)->{headers}{'ratelimit-remaining'}, 2, 'then all of them are there again');
};

subtest 'virtual hosts' => sub {
    my $key = new_key();
    is(ask('default.test', $key)->{headers}{'ratelimit-limit'}, 100, 'the default');
    is_deeply([ @{ ask('ten.test', $key)->{headers} }{qw(ratelimit-limit ratelimit-remaining)} ], [ 10, 8 ],
        'a window of the same length is the same window, with a limit of its own');
    is(ask('ten.test', $key)->{status}, 200, 'request') for 1 .. 8;
    is(ask('ten.test', $key)->{status}, 429, 'the tenth was the last here');
    is(ask('default.test', $key)->{headers}{'ratelimit-remaining'}, 89, 'and elsewhere it goes on');
    is(ask('brief.test', $key)->{headers}{'ratelimit-remaining'}, 2, 'a window of another length counts apart');
    my $off = ask('off.test', $key);
    is("$off->{status} @{[ grep { /ratelimit/ } keys %{ $off->{headers} } ]}", '200 ', 'off: no rate and no headers');
    is(count(200, at_once(4, 40, sub { ask('off.test', $key) })), 160, 'off: 160 pass');
};

# ---- graceful restarts ---------------------------------------------------------------

sub restart_with {
    my ($limit) = @_;
    open my $file, '>', $changing or die "$changing: $!\n";
    print {$file} vhost('changing.test', "EmailGatewayRate $limit/60s");
    close $file;
    my $probe = new_key();
    kill 'USR1', $gw->env('HTTPD_PID');
    $gw->wait_for(sub { (ask('changing.test', $probe)->{headers}{'ratelimit-limit'} // 0) == $limit }, 10,
        "the new limit of $limit");
}

subtest 'graceful restart' => sub {
    my ($key, $other) = (new_key(), new_key());
    is(count(200, at_once(4, 10, sub { ask('changing.test', $key) })), 40, '40 requests');
    is(ask('default.test', $other)->{headers}{'ratelimit-remaining'}, 99, 'one of another key');
    restart_with(50);
    is(ask('default.test', $other)->{headers}{'ratelimit-remaining'}, 98, 'the count goes on');
    is_deeply([ @{ ask('changing.test', $key)->{headers} }{qw(ratelimit-limit ratelimit-remaining)} ], [ 50, 9 ],
        'also under a new limit');
    restart_with(20);
    my $beyond = ask('changing.test', $key);
    is("$beyond->{status} $beyond->{headers}{'ratelimit-remaining'}", '429 0', 'or one that is long reached');

    my $busy = new_key();
    my $pid = fork() // die "fork: $!\n";
    if ($pid == 0) {
        for (1 .. 4) {
            sleep 0.1;
            kill 'USR1', $gw->env('HTTPD_PID');
        }
        POSIX::_exit(0);
    }
    my @replies = at_once(10, 30, sub { sleep 0.015; ask('default.test', $busy) });
    waitpid $pid, 0;
    exactly_a_hundred('300 requests with four restarts', @replies);
};

# ---- failed authentications -------------------------------------------------------------

# Each is a credential that nobody has.
my @failures = (
    [ 'an unknown key', sub { ask($_[0], $bad_key, from => $_[1]) } ],
    [ 'what is no key', sub { ask($_[0], 'nonsense', from => $_[1]) } ],
    [ 'an unknown key with a mail', sub { ask($_[0], $bad_key, from => $_[1], method => 'POST', path => '/api/v1/email',
        json => \%mail) } ],
    [ 'an unknown APIKey', sub { api($_[0], 'EmailGateway.GetDomains', $_[1], APIKey => 'ega_1_' . 'A' x 43) } ],
    [ 'what is no SessionID', sub { api($_[0], 'EmailGateway.GetDomains', $_[1], SessionID => 'guess') } ],
);

sub is_refused {
    my ($reply, $what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is($reply->{status}, 429, "$what: 429");
    my $wait = $reply->{headers}{'retry-after'} // 0;
    like($wait, qr/\A(?:[1-9]|[1-5]\d|6[01])\z/, "$what: Retry-After");
    is($reply->{headers}{'ratelimit-remaining'}, 0, "$what: nothing remains");
    is($reply->{json}{Errors}[0]{Code}, 429, "$what: its code");
    like($reply->{json}{Errors}[0]{Message}, qr/wait for \Q$wait\E seconds .*from this address had an invalid SenderAPIKey/i,
        "$what: its words");
}

sub is_refused_api {
    my ($reply, $what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $wait = $reply->{headers}{'retry-after'} // 0;
    is_deeply([ $reply->{status}, $reply->{json} ], [ 200, { Success => JSON::PP::false, ErrorCode => 99998,
        ErrorMessage => "Authentication failed too often from this address: wait $wait seconds" } ], $what);
    cmp_ok($wait, '>=', 1, "$what: Retry-After");
}

subtest 'an address that fails too often' => sub {
    my ($from, $key) = ('198.51.100.1', new_key());
    for my $failure (@failures) {
        my ($what, $do) = @$failure;
        my $reply = $do->('proxy.test', $from);
        my $code = $reply->{json}{ErrorCode} // $reply->{json}{Errors}[0]{Code};
        like("$reply->{status} $code", qr/\A(?:401 13|200 99998)\z/, $what);
        unlike($reply->{json}{ErrorMessage} // '', qr/wait/, "$what: is answered as ever");
    }
    is_refused(ask('proxy.test', $bad_key, from => $from), 'the sixth');
    is_refused(ask('proxy.test', $key, from => $from), 'a good key that was never used');
    is_refused(ask('proxy.test', 'nonsense', from => $from), 'nonsense');
    is_refused_api(api('proxy.test', 'EmailGateway.GetDomains', $from, APIKey => $gw->new_account->{account_key}), 'a good APIKey that was never used');
    my $login = api('proxy.test', 'User.Login', $from, Username => $account->{username}, Password => $account->{password});
    ok($login->{json}{Success}, 'User.Login has a limit of its own');
    is(ask('proxy.test', undef, from => $from)->{status}, 401, 'who has no key is told so');
    is(ask('proxy.test', $key, from => '198.51.100.2')->{status}, 200, 'the address beside it is free');
    is(ask('proxy.test', $bad_key, from => "203.0.113.9, $from")->{status}, 429, 'a proxy that is not trusted is the client');
    is(ask('proxy10.test', $key, from => $from)->{status}, 200, 'another virtual host has its own limit');
    is_refused(ask('proxy.test', $bad_key, from => "::ffff:$from"), 'the same address in IPv6 notation');
};

# Sites of one server have one address: a wrong key of one of them must not stop the others.
subtest 'keys that were good lately' => sub {
    my ($from, $key, $stale, $used) = ('198.51.100.5', map { new_key() } 1 .. 3);
    my $site = $gw->new_account;
    my @of_account = (APIKey => $site->{account_key});
    is(ask('flood.test', $_)->{status}, 200, 'a key is used') for $key, $stale;
    is(api('flood.test', 'EmailGateway.GetDomains', undef, @of_account)->{json}{ErrorCode}, 0, '... there, where failures do not count');
    is(ask('proxy.test', $bad_key, from => $from)->{status}, 401, 'a wrong key') for 1 .. 5;
    is_refused(ask('proxy.test', $key, from => $from), 'it may have been guessed where they do not count');
    is(ask('proxy.test', $_, from => '198.51.100.6')->{status}, 200, 'a key is used') for $key, $stale;
    is(api('proxy.test', 'EmailGateway.GetDomains', '198.51.100.6', @of_account)->{json}{ErrorCode}, 0, '... and an APIKey');
    my @end = map {
        sleep 0.05;
        [ ask('proxy.test', $bad_key, from => $from)->{status},
            ask('proxy.test', $key, from => $from, method => 'POST', path => '/api/v1/email', json => \%mail)->{status},
            api('proxy.test', 'EmailGateway.GetDomains', $from, @of_account)->{json}{ErrorCode} ]
    } 1 .. 40;
    is(join(' ', uniq(map { join ',', @$_ } @end)), '429,200,0', 'forty mails with a good key, and forty wrong keys among them');
    is(count(200, at_once(8, 4, sub { ask('proxy.test', $key, from => $from) })), 32, '... in all children');
    is_refused(ask('proxy.test', $used, from => $from), 'a key that was not used before');
    my $session = api('proxy.test', 'User.Login', $from, Username => $site->{username}, Password => $site->{password})->{json}{SessionID};
    is_refused_api(api('proxy.test', 'EmailGateway.GetDomains', $from, SessionID => $session), 'a good session');
    is_refused_api(api('proxy.test', 'EmailGateway.GetDomains', $from, SessionID => $session, @of_account), '... also with a good APIKey');

    my ($stale_id) = map { $_->{KeyID} } grep { $_->{Key} eq $stale }
        @{ api('off.test', 'EmailGateway.GetAPIs', undef, APIKey => $account->{account_key}, DomainID => $account->{domain_id})->{json}{APIKeys} };
    api('off.test', 'EmailGateway.DeleteAPI', undef, APIKey => $account->{account_key}, ApiKeyId => $stale_id);
    is(ask('proxy.test', $stale, from => $from)->{status}, 401, 'one that was deleted since is told so');
    is_refused(ask('proxy.test', $stale, from => $from), '... once');
    kill 'USR1', $gw->env('HTTPD_PID');
    sleep 1;
    is(ask('proxy.test', $key, from => $from)->{status}, 200, 'a graceful restart does not forget them');
};

subtest 'IPv6 by /64' => sub {
    is(ask('proxy.test', $bad_key, from => "2001:db8:0:1::$_")->{status}, 401, "address $_") for 1 .. 5;
    is_refused(ask('proxy.test', $bad_key, from => '2001:db8:0:1:ffff:ffff:ffff:ffff'), 'another of its network');
    is(ask('proxy.test', $account->{key}, from => '2001:db8:0:2::1')->{status}, 200, 'the next network');
    is(ask('proxy.test', $account->{key}, from => '::1')->{status}, 200, 'a network of zeros');
};

subtest 'what is no failure' => sub {
    my $from = '198.51.100.10';
    my $narrow = api('off.test', 'EmailGateway.AddAPI', undef, APIKey => $account->{account_key},
        DomainID => $account->{domain_id}, Description => 'narrow', Permissions => 'send')->{json}{APIKey}{Key};
    my $pending = $gw->new_account(enable => 0);
    my $session = api('proxy.test', 'User.Login', $from, Username => $account->{username},
        Password => $account->{password})->{json}{SessionID};
    sleep 1.1;
    for (1 .. 6) {
        is(ask('proxy.test', undef, from => $from)->{status}, 401, 'no key');
        is(ask('proxy.test', $narrow, from => $from)->{status}, 401, 'a key that may not do this');
        is(ask('proxy.test', $pending->{key}, from => $from, method => 'POST', path => '/api/v1/email', json => \%mail)
                ->{status}, 403, 'a domain that is not active');
        is(api('proxy.test', 'EmailGateway.GetDomains', $from)->{json}{ErrorCode}, 99998, 'no credentials');
        is(api('proxy.test', 'EmailGateway.GetDomains', $from, SessionID => $session)->{json}{ErrorCode}, 99999,
            'a session that has expired');
        is(api('proxy.test', 'User.Login', $from, Username => "nobody$_", Password => 'x')->{json}{ErrorCode}, 3,
            'a wrong password');
    }
    is(ask('proxy.test', $account->{key}, from => $from)->{status}, 200, 'the address is free');
};

subtest 'the end of its window' => sub {
    my ($from, $key) = ('198.51.100.20', new_key());
    is(ask('proxy-brief.test', $bad_key, from => $from)->{status}, 401, 'failure') for 1, 2;
    my $refused = ask('proxy-brief.test', $key, from => $from);
    is($refused->{status}, 429, 'refused');
    sleep $refused->{headers}{'retry-after'};
    is(ask('proxy-brief.test', $key, from => $from)->{status}, 200, 'free again');
};

subtest 'without mod_remoteip' => sub {
    is(ask('direct.test', $bad_key, from => "198.51.100.3$_")->{status}, 401, 'failure') for 1 .. 5;
    is_refused(ask('direct.test', $bad_key, from => '198.51.100.39'), 'what the client says of itself');
};

# ---- attacks, and a database that is away ---------------------------------------------------

subtest 'a flood of keys that nobody has' => sub {
    my $key = new_key();
    my $random = sub { 'egs_1_' . join '', map { ('A' .. 'Z', 'a' .. 'z', 0 .. 9)[ rand 62 ] } 1 .. 43 };
    is(ask('default.test', $key)->{status}, 200, 'request') for 1 .. 50;
    my @flood = at_once(4, 250, sub { srand; ask('flood.test', $random->()) });
    is(count(401, @flood), 1000, 'a thousand of them');
    my @statuses = map { ask('default.test', $key)->{status} } 1 .. 60;
    is(scalar(grep { $_ == 200 } @statuses), 50, 'a busy key has what it had left');
};

subtest 'bounds' => sub {
    my $check = sub { $gw->test_config(-f => $gw->env('HTTPD_CONF'), map { (-c => $_) } @_) };
    for my $name (qw(EmailGatewayRate EmailGatewayAuthFailures)) {
        for my $value (qw(off Off 1/1s 1000000/24h 100/60 100/60s 5/1min 5/1500ms)) {
            my ($status, $says) = $check->("$name $value");
            is($status, 0, "$name $value") or diag($says);
        }
        for my $value (qw(on 0 100 0/60s -1/60s +1/60s 1000001/60s 99999999999999999999/60s 100/ /60s 100/0s 100/999ms 100/25h
            100/-1s 100/99999999999999999999s 100/60x 100/60sec 100/60s/2 1e2/60s 0x10/60s)) {
            my ($status, $says) = $check->("$name $value");
            isnt($status, 0, "$name $value is refused");
            like($says, qr{$name takes off, or a number from 1 to 1000000, a slash and a time from 1s to 24h, such as 100/60s, not '\Q$value\E'},
                'and what is allowed is said');
        }
        my ($status, $says) = $check->('<Location /x>', "$name off", '</Location>');
        like($says, qr/not allowed in <Location> context/, "$name in a location is refused");
    }
};

subtest 'refusals ask the database nothing' => sub {
    my ($used, $fresh, $other, $from) = (map({ new_key() } 1 .. 3), '198.51.100.40');
    my $account_key = $gw->new_account->{account_key};
    is(ask('one.test', $used)->{status}, 200, 'a key is used');
    ask('proxy.test', $bad_key, from => $from) for 1 .. 5;
    $gw->expects_database_away;
    $gw->stop('postgres');
    is(ask('one.test', $fresh)->{status}, 503, 'the database is away');
    is(ask('one.test', $used)->{status}, 429, 'a rate is refused all the same');
    is_refused(ask('proxy.test', $other, from => $from), 'so is an address');
    is_refused_api(api('proxy.test', 'EmailGateway.GetDomains', $from, APIKey => $account_key), 'and on /api.php');
    my $counted = ask('one.test', $fresh);
    is($counted->{status}, 429, 'what was answered with 503 was counted');
    $gw->start('postgres');
};

$gw->log_clean;
done_testing;
