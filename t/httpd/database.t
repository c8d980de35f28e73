# The database under the module: away and back, restarted between two requests,
# without its functions, upgraded under load, without partitions; and who holds
# its connections.
use EmailGW;
use IO::Socket::INET;
use POSIX ();
use Socket qw(SOL_SOCKET SO_RCVBUF);
use Time::HiRes qw(time sleep);

# Of its own: it is maltreated. A claim whose answer is lost with the database comes due at the end of its lease.
my $gw = EmailGW->up(RATE => 'off', SENDER_CONF => \"lease = 5s\n");
my $key = $gw->env('SENDER_KEY');
my @accepted; # MessageIDs of all that was answered with 200

sub get { return $gw->call('GET', '/api/v1/events', { key => $key }) }

sub send_one {
    my (%mail) = @_;
    my $reply = $gw->send_mail(%mail);
    push @accepted, $reply->{json}{MessageID} if $reply->{status} == 200;
    return $reply;
}

sub unavailable {
    my ($reply, $what, $says) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is($reply->{status}, 503, "$what: 503") or diag($reply->{body});
    is($reply->{headers}{'content-type'}, 'application/json', "$what: as JSON");
    like($reply->{headers}{'retry-after'}, qr/\A\d+\z/, "$what: Retry-After");
    is($reply->{json}{Errors}[0]{Code}, 503, "$what: its code");
    like($reply->{json}{Errors}[0]{Message}, $says, "$what: says so");
    unlike($reply->{body}, qr/emailgw_api|postgres|socket|libpq|\.c\b/i, "$what: nothing internal");
}

# So many processes that do something until a time; their lines.
sub in_parallel {
    my ($count, $do) = @_;
    my @pipes = map {
        pipe my $out, my $in or die "pipe: $!\n";
        my $pid = fork() // die "fork: $!\n";
        if ($pid == 0) {
            delete $gw->{agent};
            close $out;
            eval { print {$in} map { "$_\n" } $do->($_); 1 } or print {$in} "died $@\n";
            close $in;
            POSIX::_exit(0); # END blocks belong to the parent
        }
        close $in;
        [ $out, $pid ];
    } 1 .. $count;
    return sub {
        my @lines = map { my $out = $_->[0]; <$out> } @pipes;
        waitpid $_->[1], 0 for @pipes;
        chomp @lines;
        return @lines;
    };
}

subtest 'PostgreSQL is stopped, and started again' => sub {
    is(send_one()->{status}, 200, 'before');
    my $httpd = $gw->env('HTTPD_PID');
    $gw->expects_database_away;
    $gw->stop('postgres');
    for my $try (1 .. 5) {
        my $start = time;
        my $reply = $gw->send_mail(Subject => 'never');
        cmp_ok(time - $start, '<', EmailGW::allowed(1), "try $try: answered within a second");
        unavailable($reply, "POST $try", qr/temporarily unavailable\. Nothing was carried out/);
        unavailable(get(), "GET $try", qr/temporarily unavailable/);
    }
    is($gw->send_mail(Subject => undef)->{status}, 503, 'a mail with faults: who asks cannot be known');
    is($gw->call('POST', '/api/v1/email', { json => {} })->{status}, 401, 'no key: needs no database');
    is($gw->call('POST', '/api/v1/email', { key => $key, body => '{', type => 'application/json' })->{status},
        400, 'nor does broken JSON');
    $gw->start('postgres');
    is(send_one()->{status}, 200, 'the next request after its start');
    is(get()->{status}, 200, 'of both calls');
    is($gw->env('HTTPD_PID'), $httpd, 'httpd was not restarted');
    is($gw->sql("SELECT count(*) FROM emailgw.message WHERE subject = 'never'"), 0,
        'nothing was queued meanwhile');
};

subtest 'each pooled connection is cut between two requests' => sub {
    my $cut = 0;
    for my $round (1 .. 15) {
        $_->() for map { in_parallel(4, sub { get()->{status} }) } 1; # several connections in the pools
        my $ended = $gw->sql("SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE application_name = 'mod_emailgw'");
        $cut += $ended;
        is(($round % 2 ? send_one() : get())->{status}, 200, "after $ended were cut");
    }
    cmp_ok($cut, '>=', 15, "$cut connections were cut, no request failed");
};

subtest 'PostgreSQL is killed and started between two requests' => sub {
    for my $round (1 .. 2) {
        get() for 1 .. 3;
        $gw->kill('postgres');
        $gw->start('postgres');
        is(send_one()->{status}, 200, "round $round");
    }
};

subtest 'the functions are gone' => sub {
    $gw->stop('sender');
    $gw->expects(qw(EG0101));
    $gw->sql('DROP SCHEMA emailgw_api CASCADE');
    my $lines = sub { scalar grep { /EG01\d\d/ } $gw->log_lines(qr/error\.log/) };
    my $before = $lines->();
    unavailable($gw->send_mail(Subject => 'never'), 'POST', qr/not set up completely/);
    is($lines->() - $before, 1, 'one line in the log');
    like((grep { /EG0101/ } $gw->log_lines(qr/error\.log/))[-1], qr/accept/, 'that names what is missing');
    unavailable(get(), 'GET', qr/not set up completely/);
    $gw->ctl('migrate');
    is(send_one()->{status}, 200, 'emailgwctl migrate heals it, without a restart');
    is(get()->{status}, 200, 'both calls');
    $gw->start('sender');
    is($gw->sql("SELECT count(*) FROM emailgw.message WHERE subject = 'never'"), 0,
        'nothing was queued meanwhile');
};

subtest 'emailgwctl migrate in a loop while mails come in' => sub {
    my $until = time + 6;
    my $finish = in_parallel(4, sub {
        my @lines;
        while (time < $until) {
            my $reply = $gw->send_mail;
            push @lines, "$reply->{status} " . ($reply->{json}{MessageID} // $reply->{body} =~ s/\n/ /gr);
            push @lines, 'GET ' . get()->{status};
        }
        return @lines;
    });
    my $rounds = 0;
    while (time < $until - 0.3) {
        $gw->sql("UPDATE emailgw.code SET sha256 = 'older'"); # so that there is something to do
        $gw->ctl('migrate');
        $rounds++;
    }
    my @lines = $finish->();
    my @ids = map { /^200 ([0-9a-f-]{36})\z/ ? $1 : () } @lines;
    my @failed = grep { !/^(?:200 [0-9a-f-]{36}|GET 200)\z/ } @lines;
    is(scalar @failed, 0, "no request of " . @lines . " failed while functions were rebuilt $rounds times")
        or diag(map { "$_\n" } @failed, grep { /EG010[12]/ } $gw->log_lines(qr/error\.log/));
    cmp_ok($rounds, '>=', 3, 'they were rebuilt a few times');
    cmp_ok(scalar @ids, '>=', 50, @ids . ' mails were accepted');
    push @accepted, @ids;
};

subtest 'without partitions' => sub {
    $gw->wait_for(sub { $gw->sql('SELECT count(*) FROM emailgw.queue') == 0 }, 30, 'an empty queue')
        or diag(map { join("\t", map { $_ // '' } @$_) . "\n" } $gw->sql('SELECT message_id, ready, leased, attempt, next_at - now() FROM emailgw.queue LIMIT 20'));
    $gw->stop('sender'); # it would make them
    my $gone = "SELECT i.inhrelid::regclass::text FROM pg_inherits AS i WHERE i.inhparent = 'emailgw.%s'::regclass
        ORDER BY 1";
    for my $parent (qw(message content attachment recipient event)) {
        my @names = map { $_->[0] } $gw->sql(sprintf $gone, $parent);
        $gw->sql(join ';', map {
            "ALTER TABLE emailgw.$parent DETACH PARTITION $_; ALTER TABLE $_ RENAME TO away_"
                . $_ =~ s/.*\.//r } @names);
        is(scalar(my @left = $gw->sql(sprintf $gone, $parent)), 0, "$parent has no partition");
    }
    my $start = time;
    my $reply = $gw->send_mail(Subject => 'after them');
    is($reply->{status}, 200, 'a mail is taken all the same') or diag($reply->{body});
    cmp_ok(time - $start, '<', EmailGW::allowed(10), 'soon');
    my $id = $reply->{json}{MessageID} // '';
    cmp_ok(scalar(my @made = $gw->sql(sprintf $gone, 'message')), '>=', 4, 'partitions were made');
    $gw->start('sender');
    ok($gw->wait_for(sub { $gw->outbox($id) }, 10, 'delivery'), 'and it is delivered');
    is(scalar $gw->events($id), 2, 'with its events') if $gw->wait_for(sub { $gw->events($id) == 2 }, 10,
        'both events');
};

subtest 'no mail was lost, none came twice' => sub {
    my %file;
    $file{$_}++ for map { $_->{file} =~ m{([^/]+)-1\.eml\z} } $gw->outbox;
    is(scalar(grep { ($file{$_} // 0) != 1 } @accepted), 0, 'each of ' . @accepted
        . ' accepted mails has one file');
    is(scalar(keys %file), @accepted + 1, 'and there is no other');
};
$gw->log_clean;
$gw->down;

# ---- one connection a child, and clients that do not read -------------------

# Bytes that the server has written on connections to a port and the client has not taken.
sub waiting_in_kernel {
    my ($port) = @_;
    open my $file, '<', '/proc/net/tcp' or die "/proc/net/tcp: $!\n";
    return grep { $_ > 0 } map { /^\s*\d+: [0-9A-F]{8}:([0-9A-F]{4}) \S+ 01 ([0-9A-F]{8}):/ && hex $1 == $port
        ? hex $2 : () } <$file>;
}

subtest 'a client that does not read holds no connection' => sub {
    my $one = EmailGW->up(RATE => 'off', HTTPD_CONF => \"DBDMin 0\nDBDKeep 1\nDBDMax 1\nStartServers 1\nServerLimit 1\nMaxRequestWorkers 25\nMinSpareThreads 1\nMaxSpareThreads 25\nSendBufferSize 4096\n");
    my $sender_key = $one->env('SENDER_KEY');
    my ($host, $port) = $one->env('BASE_URL') =~ m{//([^:]+):(\d+)};
    my @tags = map { sprintf '%02d', $_ } 1 .. 20;
    $one->send_mail(Tags => [ map { $_ . 'x' x 126 } @tags ], To => [
        map { { email => "r$_\@example.org", name => '' } } 1 .. 50 ]);
    $one->wait_for(sub { $one->sql('SELECT count(*) FROM emailgw.event') == 100 }, 10, 'a hundred events');
    my $full = $one->call('GET', '/api/v1/events', { key => $sender_key,
        query => { RetrieveCount => 100 } })->{body};
    cmp_ok(length $full, '>', 250_000, 'an answer of ' . length($full) . ' bytes');
    my @slow = map {
        my $socket = IO::Socket::INET->new(Proto => 'tcp') or die "socket: $!\n";
        setsockopt $socket, SOL_SOCKET, SO_RCVBUF, 2048;
        connect $socket, Socket::pack_sockaddr_in($port, Socket::inet_aton($host)) or die "connect: $!\n";
        $socket->autoflush(1);
        print {$socket} "GET /api/v1/events?RetrieveCount=100 HTTP/1.1\r\nHost: $host\r\nAuthorization: Bearer $sender_key\r\nConnection: close\r\n\r\n";
        $socket;
    } 1 .. 10;
    ok($one->wait_for(sub { 10 <= waiting_in_kernel($port) }, 10, 'ten answers under way'),
        'ten clients have an answer that they do not read');
    is($one->sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'mod_emailgw' AND state <> 'idle'"), 0, 'no connection is busy');
    for my $try (1 .. 3) {
        my $start = time;
        is($one->send_mail->{status}, 200, 'another client is served');
        cmp_ok(time - $start, '<', EmailGW::allowed(2), 'at once, by the only connection that there is');
    }
    cmp_ok(scalar(waiting_in_kernel($port)), '>=', 10, 'while the ten still do not read');
    my $whole = 0;
    for my $socket (@slow) {
        my $reply = do { local $/; <$socket> };
        $whole++ if length($reply) > 250_000 && $reply =~ /\}\z/;
    }
    is($whole, 10, 'and all ten get their whole answer in the end');
    $one->log_clean;
    $one->down;
};
done_testing;
