# Webhook posts as receivers see them: what is posted, signed and tried again, and
# where nothing is ever posted to.
use EmailGW;
use Digest::SHA qw(hmac_sha256_base64);
use EmailGW::Receiver;
use Instance::Process;
use JSON::PP ();
use MIME::Base64 qw(decode_base64);
use Time::HiRes qw(sleep time);

my $receiver = EmailGW::Receiver->up;
my $gw = EmailGW->up(RATE => 'off', WEBHOOK_ALLOW => $receiver->address,
    SENDER_CONF => \"poll = 20ms\nlease = 5s\nwebhook_retry = 300ms\nwebhook_timeout = 1s\nwebhook_lease = 5s\n");

# A fresh account with one webhook for each of these paths: [account, path => id ...].
sub hooked {
    my ($events, @paths) = @_;
    my $account = $gw->new_account;
    my %id;
    for my $path (@paths) {
        my $reply = $gw->call('POST', '/api/v1/webhooks',
            { key => $account->{key}, json => { Event => $events, WebhookURL => $receiver->url($path) } });
        $id{$path} = $reply->{json}{NewWebhookID} or die "$path: $reply->{body}";
    }
    return ($account, %id);
}

sub hooks_of {
    my ($account) = @_;
    return $gw->call('GET', '/api/v1/webhooks', { key => $account->{key} })->{json};
}

# More lines for the sender's configuration, read by the one that runs.
sub reconfigure {
    my (@lines) = @_;
    my $conf = $gw->env('SENDER_CONF') =~ s{[^/]+\z}{extra-sender.conf}r;
    my $reloads = sub { scalar(() = grep { /EG0302:/ } $gw->log_lines(qr/sender\.log/)) };
    my $before = $reloads->();
    open my $file, '>>', $conf or die "$conf: $!\n";
    print {$file} map { "$_\n" } @lines;
    close $file;
    kill 'HUP', $gw->env('SENDER_PID');
    $gw->wait_for(sub { $reloads->() > $before }, 5, 'a reload');
    sleep 0.3; # the threads look at it in their next round
}

sub idle {
    my ($account, $seconds) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $where = $account ? "WHERE account_id = $account->{account_id}" : '';
    return $gw->wait_for(sub { !$gw->sql("SELECT count(*) FROM emailgw.queue $where")
        && !$gw->sql("SELECT count(*) FROM emailgw.webhook_queue $where") }, $seconds // 10, 'all posts ended');
}

# The signature by the rules of Standard Webhooks.
sub verifies {
    my ($request, $key) = @_;
    my ($id, $time, $given) = map { $request->{headers}{"webhook-$_"} } qw(id timestamp signature);
    my $bytes = decode_base64($key =~ s/^whsec_//r);
    my $mac = hmac_sha256_base64("$id.$time.$request->{body}", $bytes);
    $mac .= '=' while length($mac) % 4;
    return length $bytes == 32 && $id !~ /\./ && abs($time - $request->{at}) < 3 && $given eq "v1,$mac";
}

# What the log of deliveries says of each webhook: state, tries, status.
sub deliveries {
    return map { $_->[0] => $_->[1] } $gw->sql(<<'END');
SELECT webhook_id, string_agg(concat_ws('/', state, tries, coalesce(status_code::text, '-')), ' ' ORDER BY event_id)
  FROM emailgw.webhook_delivery GROUP BY webhook_id
END
}

subtest 'what is posted' => sub {
    my ($account) = hooked('send,delivered', '/ok');
    my $sent = $gw->send_mail(as => $account, Subject => "Gr\x{fc}\x{df}e", Tags => [ 'a', 'b' ], ListID => 7);
    idle($account);
    my @got = $receiver->requests('/ok');
    is(scalar @got, 2, 'one post for each event') or return;
    my $key = hooks_of($account)->{SigningKey};
    is(scalar(grep { verifies($_, $key) } @got), 2, 'each with a valid signature');
    my %event = map { $_->{EventId} => $_ } $gw->events($sent->{json}{MessageID}, $account);
    for my $request (@got) {
        my $body = JSON::PP->new->utf8->decode($request->{body});
        my $event = $event{ $body->{data}{EventId} } or return fail('an event that is not the API\'s');
        is($body->{type}, "email.$event->{EventType}", "type of $event->{EventType}");
        is($body->{timestamp}, $event->{EventTimestamp}, 'its time');
        like($request->{headers}{'webhook-id'}, qr/\A$body->{data}{EventId}_\d+\z/, 'its id');
        my %want = (MessageId => $sent->{json}{MessageID}, Domain => $account->{domain}, Subject => "Gr\x{fc}\x{df}e",
            Recipient => 'recipient@example.org', RecipientDomain => 'example.org', From => "sender\@$account->{domain}");
        is($body->{data}{$_}, $want{$_}, $_) for sort keys %want;
        is_deeply($body->{data}{Tags}, [ 'a', 'b' ], 'Tags');
        is($body->{data}{ListID}, 7, 'ListID');
        ok(!exists $body->{data}{$_}, "no $_") for qw(Bounce Click UserAgent JourneyID);
        is(exists $body->{data}{Smtp}, $event->{EventType} eq 'delivery', 'Smtp where there was a delivery');
    }
    is($got[0]{method}, 'POST', 'by POST');
    is($got[0]{headers}{'content-type'}, 'application/json', 'as JSON');
};

subtest 'every status' => sub {
    my %id;
    for my $first (map { 200 + 80 * $_ } 0 .. 4) {
        my ($account, %more) = hooked('send', map { "/status/$_" } $first .. $first + 79);
        %id = (%id, %more);
        $gw->send_mail(as => $account);
    }
    idle(undef, 30);
    my %count;
    $count{ $_->{path} }++ for $receiver->requests;
    my (@wrong, @logged);
    my %delivery = deliveries();
    for my $status (200 .. 599) {
        my $tries = $status < 300 || $status == 410 ? 1 : 2;
        my $state = $status < 300 ? 'delivered' : 'failed';
        push @wrong, "$status: $count{\"/status/$status\"}" if ($count{"/status/$status"} // 0) != $tries;
        my $log = $delivery{ $id{"/status/$status"} };
        push @logged, $log if $log ne "$state/$tries/$status";
    }
    is("@wrong", '', 'only 2xx is success, 410 is not repeated, all else is');
    is("@logged", '', 'the log of deliveries says so');
    is($gw->sql("SELECT string_agg(url, ' ') FROM emailgw.webhook WHERE status = 'Disabled'"),
        $receiver->url('/status/410'), '410 disables, and nothing else');
    is(scalar(grep { /EG0404: disabled / } $gw->log_lines(qr/sender\.log/)), 1, 'with a line in the log');
};

subtest 'the same id, a fresh timestamp' => sub {
    my ($account) = hooked('send', '/flaky/1');
    $gw->send_mail(as => $account);
    idle($account);
    my @got = $receiver->requests('/flaky/1');
    is(scalar @got, 2, 'failed once, then taken') or return;
    is($got[0]{headers}{'webhook-id'}, $got[1]{headers}{'webhook-id'}, 'under the same id');
    is($got[0]{body}, $got[1]{body}, 'the same body');
    ok(verifies($got[1], hooks_of($account)->{SigningKey}), 'signed anew');
    ok($got[1]{at} - $got[0]{at} >= 0.27, 'not before its time');
    ok(!exists hooks_of($account)->{Webhooks}[0]{FailingSince}, 'a success ends the failing');
};

subtest 'answers that are none' => sub {
    my $forbidden = EmailGW::Receiver->up;
    my @paths = qw(/hang /drip /close /garbage /continue /headers /huge);
    push @paths, "/redirect/$forbidden->{port}";
    my ($account, %id) = hooked('send', @paths, '/ok/beside');
    my $start = time;
    $gw->send_mail(as => $account);
    idle($account, 15);
    my %delivery = deliveries();
    for my $path (@paths) {
        my $count = () = $receiver->requests($path);
        my $tries = $path eq '/huge' ? 1 : 2; # of a long answer enough was read to know
        like($delivery{ $id{$path} }, $tries == 1 ? qr{^delivered/1/200$} : qr{^failed/2/}, "$path: recorded");
        # A request may come twice where a connection that was kept is closed in the middle of it.
        ok($path eq '/close' ? $count >= 2 && $count <= 4 : $count == $tries, "... came $count times");
    }
    is($forbidden->connections, 0, 'a redirect is not followed');
    my ($beside) = $receiver->requests('/ok/beside');
    cmp_ok($beside->{at} - $start, '<', EmailGW::allowed(0.9), 'the one beside them did not wait');
};

# Past the checks of the API, as if a name had led there only later.
subtest 'addresses are judged where they are connected to' => sub {
    my $forbidden = EmailGW::Receiver->up;
    my $port = $forbidden->{port};
    my ($open) = $receiver->address =~ /:(\d+)/;
    my $account = $gw->new_account;
    my @urls = map { "http://$_/" } "127.0.0.1:$port", "localhost:$port", "localhost.:$port", "127.1:$port", "0:$port", "0.0.0.0:$port",
        "2130706433:$port", "0x7f000001:$port", "[::1]:$port", "[::]:$port", "[::ffff:127.0.0.1]:$port", "[::ffff:7f00:1]:$port",
        "127.0.0.2:$open", "[::1]:$open", "example.com\@127.0.0.1:$port", "127.0.0.1:22", "169.254.169.254", "10.0.0.1:8080";
    my $corpus = ($ENV{EG_CORPORA} // '') . '/url-ssrf/ssrf-urls.txt';
    if (open my $file, '<', $corpus) {
        push @urls, map { chomp; s/'/''/gr } grep { /\S/ && !/2\.2\.2\.2#/ } <$file>; # that one is public
    } else {
        diag("$corpus: $!");
    }
    my $values = join ', ', map { "('$_')" } @urls;
    $gw->sql("SELECT emailgw_api.add_webhook($account->{account_id}, $account->{domain_id}, v.url, '{1}', 1000) FROM (VALUES $values) AS v (url)");
    $gw->send_mail(as => $account);
    idle($account, 20);
    is($forbidden->connections, 0, 'no connection at a forbidden port');
    my @log = $gw->sql(<<"END");
SELECT w.url, d.state, d.error FROM emailgw.webhook AS w JOIN emailgw.webhook_delivery AS d USING (account_id, webhook_id)
 WHERE w.account_id = $account->{account_id}
END
    is(scalar @log, scalar @urls, scalar(@urls) . ' URLs were tried');
    my @wrong = grep { $_->[1] ne 'failed' || ($_->[2] // '') !~ /^(?:the address is not allowed|URL using|Unsupported protocol|Couldn't resolve)/ } @log;
    is(join("\n", map { "@$_" } @wrong), '', 'none was connected to');
};

subtest 'an address that is no longer allowed' => sub {
    my $other = EmailGW::Receiver->up;
    reconfigure('webhook_allow = ' . join ',', $receiver->address, $other->address);
    my $account = $gw->new_account;
    $gw->sql("SELECT emailgw_api.add_webhook($account->{account_id}, $account->{domain_id}, '" . $other->url('/ok') . "', '{1}', 100)");
    $gw->send_mail(as => $account);
    idle($account);
    is(scalar(() = $other->requests('/ok')), 1, 'allowed: posted to');
    reconfigure('webhook_allow = ' . $receiver->address);
    $gw->send_mail(as => $account);
    idle($account);
    is(scalar(() = $other->requests('/ok')), 1, 'not allowed any more: not posted to, though the connection was kept');
    is($gw->sql("SELECT string_agg(error, ' ') FROM emailgw.webhook_delivery WHERE account_id = $account->{account_id}"),
        'the address is not allowed', '... and says so');
};

subtest 'Retry-After' => sub {
    my ($account) = hooked('send', '/after/503/2', '/after/429/2/date');
    $gw->send_mail(as => $account);
    idle($account, 15);
    for my $path ('/after/503/2', '/after/429/2/date') {
        my @got = $receiver->requests($path);
        is(scalar @got, 2, "$path: tried again") or next;
        my $gap = $got[1]{at} - $got[0]{at};
        ok($gap >= 1.99 && $gap < 4.5, sprintf '... after %.2f s', $gap);
    }
};

subtest 'a dead receiver beside a live one' => sub {
    my ($dead) = hooked('send', '/hang/dead');
    my ($live) = hooked('send', '/ok/live');
    $gw->send_mail(as => $dead) for 1 .. 30;
    sleep 0.3;
    my @lag;
    for my $n (1 .. 20) {
        my $start = time;
        my $id = $gw->send_mail(as => $live)->{json}{MessageID};
        my $request = $gw->wait_for(sub { (grep { $_->{body} =~ /\Q$id\E/ } $receiver->requests('/ok/live'))[0] }, 5, 'a post')
            or last;
        push @lag, $request->{at} - $start;
    }
    @lag = sort { $a <=> $b } @lag;
    is(scalar @lag, 20, 'all of the live one\'s arrived') or return;
    cmp_ok($lag[-1], '<', EmailGW::allowed(0.6), sprintf 'p50 %.0f ms, slowest %.0f ms', $lag[10] * 1000, $lag[-1] * 1000);
    my @begun = sort { $a <=> $b } map { $_->{at} } $receiver->requests('/hang/dead');
    my $most = 0;
    for my $at (@begun) {
        my $at_once = grep { $_ >= $at && $_ < $at + 0.9 } @begun;
        $most = $at_once if $at_once > $most;
    }
    cmp_ok($most, '<=', 8, "the dead one had $most at once at most");
    $gw->call('DELETE', '/api/v1/webhooks', { key => $dead->{key}, json => { WebhookID => hooks_of($dead)->{Webhooks}[0]{WebhookID} } });
    ok(idle($dead, 15), 'deleted: what was waiting for it is dropped');
};

subtest 'disabled after failing for so long' => sub {
    reconfigure('webhook_disable_after = 1s', 'webhook_retry = 200ms,200ms,600ms,600ms,600ms,600ms');
    my ($account, %id) = hooked('send', '/status/500/disable', '/flaky/3');
    $gw->send_mail(as => $account);
    idle($account, 15);
    my ($bad, $good) = @{ hooks_of($account)->{Webhooks} };
    is($bad->{Status}, 'Disabled', 'disabled');
    like($bad->{Reason}, qr/^no post has succeeded since \d{4}-/, 'with the reason');
    is($good->{Status}, 'Active', 'one that came back is not');
    my $before = () = $receiver->requests('/status/500/disable');
    $gw->send_mail(as => $account);
    idle($account);
    is(scalar(() = $receiver->requests('/status/500/disable')), $before, 'it is told of nothing more');
    is(scalar(grep { $_->{body} =~ /email\.send/ } $receiver->requests('/flaky/3')), 8, 'the other one of both');
};

subtest 'kill -9: at least once, under the same id' => sub {
    my ($account) = hooked('send', map { "/slow/0.05/$_" } 1 .. 4);
    for my $round (1 .. 3) {
        $gw->send_mail(as => $account, To => [ map { { email => "r$round-$_\@example.org", name => '' } } 1 .. 40 ]);
        sleep 0.2;
        $gw->kill('sender');
        $gw->start('sender');
    }
    idle($account, 30);
    my %events = map { $_->[0] => 1 } $gw->sql("SELECT event_id FROM emailgw.event WHERE account_id = $account->{account_id} AND type = 1");
    is(scalar keys %events, 120, 'events');
    my (%times, $foreign);
    my $key = hooks_of($account)->{SigningKey};
    for my $request (grep { $_->{path} =~ m{^/slow/} } $receiver->requests) {
        $times{ $request->{headers}{'webhook-id'} }++;
        $foreign++ if !verifies($request, $key) || !$events{ $request->{headers}{'webhook-id'} =~ s/_.*//r };
    }
    is(scalar keys %times, 480, 'each event reached each webhook');
    is($foreign // 0, 0, 'every post is of an event and verifies');
    my $twice = grep { $_ > 1 } values %times;
    cmp_ok($twice, '<=', 3 * 64, "$twice of 480 came again after three kills");
    is($gw->sql("SELECT count(*) FROM emailgw.webhook_delivery WHERE state = 'delivered' AND account_id = $account->{account_id}"), 480, 'one row each in the log');
};

subtest 'the database away: nothing begins that could not be recorded' => sub {
    my ($account) = hooked('send', '/slow/0.3/away');
    $gw->expects_database_away;
    $gw->send_mail(as => $account, To => [ map { { email => "a$_\@example.org", name => '' } } 1 .. 48 ]);
    $gw->wait_for(sub { scalar $receiver->requests('/slow/0.3/away') }, 5, 'the first posts');
    $gw->stop('postgres');
    sleep 0.5;
    my $begun = () = $receiver->requests('/slow/0.3/away');
    sleep 1.5;
    is(scalar(() = $receiver->requests('/slow/0.3/away')), $begun, "none after the $begun that had begun");
    $gw->start('postgres');
    idle($account, 30);
    is(scalar(() = $receiver->requests('/slow/0.3/away')), 48, 'the rest follows, and nothing came twice');
};

# It takes calls and says nothing: what has begun ends, and then there is quiet, though
# many posts are in hand.
subtest 'the database hangs' => sub {
    my ($account) = hooked('send', map { "/slow/0.8/$_" } 1 .. 20);
    $gw->send_mail(as => $account, To => [ map { { email => "h$_\@example.org", name => '' } } 1 .. 50 ]);
    my $begun = sub { scalar grep { $_->{path} =~ m{^/slow/0\.8/} } $receiver->requests };
    $gw->wait_for(sub { $begun->() >= 64 }, 10, 'the first posts');
    my @database = $gw->family('postgres');
    Instance::Process::signal('STOP', @database);
    sleep 2.6;
    my $before = $begun->();
    sleep 1.2;
    my $after = $begun->();
    Instance::Process::signal('CONT', @database);
    is($after, $before, "none begins after two seconds; $before had");
    idle($account, 60);
    my %times;
    $times{ $_->{headers}{'webhook-id'} }++ for grep { $_->{path} =~ m{^/slow/0\.8/} } $receiver->requests;
    is(scalar keys %times, 1000, 'the rest follows');
    cmp_ok(scalar(grep { $_ > 1 } values %times), '<=', $before, '... and nothing comes twice but what was not recorded in time');
};

subtest 'replay' => sub {
    my ($account, %id) = hooked('send', '/status/410/replay', '/ok/other');
    my $id = $id{'/status/410/replay'};
    my $since = $gw->sql("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')");
    my @replay = (qw(webhook replay), $id, '--user', $account->{username}, '--since', $since);
    $gw->send_mail(as => $account);
    idle($account);
    my ($hook) = grep { $_->{webhook_id} == $id } $gw->ctl(qw(webhook list --user), $account->{username});
    is($hook->{status}, 'Disabled', 'one that was disabled');
    $gw->send_mail(as => $account) for 1 .. 2;
    idle($account);
    is(scalar(() = $receiver->requests('/status/410/replay')), 1, '... is told of no more');
    like($gw->ctl_try(@replay)->{err}, qr/the webhook is disabled/, 'not as long as it is');
    $gw->sql("UPDATE emailgw.webhook SET url = replace(url, 'status/410', 'ok') WHERE webhook_id = $id");
    is($gw->ctl(@replay, '--enable')->{posts}, 3, 'enabled, three events are to be posted');
    idle($account);
    my @got = $receiver->requests('/ok/replay');
    is(scalar @got, 3, '... and are');
    is((() = grep { verifies($_, hooks_of($account)->{SigningKey}) } @got), 3, '... signed');
    my ($first) = map { $_->{headers}{'webhook-id'} } $receiver->requests('/status/410/replay');
    is((() = grep { $_->{headers}{'webhook-id'} eq $first } @got), 1, '... under the ids that they had');
    is($gw->ctl(@replay)->{posts}, 0, 'what it has taken is not posted again');
    is($gw->ctl(@replay, '--all')->{posts}, 3, '... unless all are asked for');
    idle($account);
    is(scalar(() = $receiver->requests('/ok/replay')), 6, '... then they are');
    is(scalar(() = $receiver->requests('/ok/other')), 3, 'the webhook beside it has had each once');
    is($gw->ctl(@replay, '--all', '--until', $since)->{posts}, 0, 'none before that time');
    like($gw->ctl_try(qw(webhook replay), $id, '--user', $account->{username}, '--since', '2020-01-01T00:00:00Z')->{err}, qr/14 days/, 'what was long ago');
    is($gw->ctl_try(@replay, '--until', 'soon')->{exit}, 2, 'a time that is none');
    like($gw->ctl_try(qw(webhook replay 1x --user), $account->{username}, '--since', $since)->{err}, qr/is no webhook/, 'a number that is none');
    my $other = $gw->new_account;
    like($gw->ctl_try(qw(webhook replay), $id, '--user', $other->{username}, '--since', $since)->{err}, qr/unknown webhook/, 'nobody else\'s');
    $gw->send_mail(as => $account);
    idle($account);
    is(scalar(() = $receiver->requests('/ok/replay')), 7, 'it is told of what comes');
};

# The fault is not the receiver's: nothing is posted, and no webhook fails by it.
subtest 'the signing key cannot be opened' => sub {
    my ($account) = hooked('send', '/sealed');
    $gw->call('POST', '/api/v1/webhooks', { key => $account->{key},
        json => { Event => 'send', WebhookURL => $receiver->url('/sealed'), Payload => 'mailgun' } });
    $gw->expects('EG0401');
    $gw->sql("UPDATE emailgw.domain SET webhook_key_sealed = set_byte(webhook_key_sealed, 20, 255 - get_byte(webhook_key_sealed, 20))
        WHERE domain_id = $account->{domain_id}");
    $gw->send_mail(as => $account);
    idle($account);
    is($gw->sql("SELECT concat_ws(', ', count(*), state, tries > 1, status_code, error) FROM emailgw.webhook_delivery
        WHERE account_id = $account->{account_id} GROUP BY state, tries > 1, status_code, error"),
        '2, failed, t, the signing key cannot be opened', 'the log tells why, after all tries');
    is($gw->sql("SELECT bool_and(failing_since IS NULL) FROM emailgw.webhook WHERE account_id = $account->{account_id}"), 't', 'no webhook is failing');
    is(scalar(() = $receiver->requests('/sealed')), 0, 'nothing was posted');
};

subtest 'SIGTERM finishes what has begun' => sub {
    my ($account) = hooked('send', '/slow/0.5/stop');
    $gw->send_mail(as => $account, To => [ map { { email => "s$_\@example.org", name => '' } } 1 .. 30 ]);
    $gw->wait_for(sub { scalar $receiver->requests('/slow/0.5/stop') }, 5, 'the first posts');
    $gw->stop('sender');
    is($gw->sql('SELECT count(*) FROM emailgw.webhook_queue WHERE leased_until > now()'), 0, 'nothing is left claimed');
    my $begun = () = $receiver->requests('/slow/0.5/stop');
    is($gw->sql("SELECT count(*) FROM emailgw.webhook_delivery WHERE state = 'delivered' AND account_id = $account->{account_id}"), $begun, 'what had begun is recorded');
    $gw->start('sender');
    idle($account);
    is(scalar(() = $receiver->requests('/slow/0.5/stop')), 30, 'each came once');
};

$gw->log_clean;
done_testing;
