# ExportEvents of a million events: httpd's memory stays as it is, a client that goes
# away ends it, one that does not read holds no connection of the database, and one
# that gets a part only can tell.
use EmailGW;
use Instance;
use Instance::Process;
use IO::Socket::INET;
use JSON::PP ();
use List::Util qw(max);
use Time::HiRes qw(sleep time);

my $rows = 1_000_000;
# KB that a child may grow by while it sends: some parts, and what malloc keeps; a sanitizer keeps 256 MB of what was freed.
my $memory = $ENV{EG_SAN} ? 600_000 : 12_000;
# One child with one connection to the database, and so a client that holds it would be noticed.
my $gw = EmailGW->up(RATE => 'off', HTTPD_CONF => \"StartServers 1\nServerLimit 1\nMaxRequestWorkers 25\nDBDMax 1\nDBDKeep 1\nDBDMin 1\n");
my $account = $gw->new_account;
$gw->stop('sender'); # its retention has nothing to say here
$gw->sql(<<"END");
INSERT INTO emailgw.event (account_id, domain_id, event_id, type, at, message_id, recipient_no, email, detail)
SELECT $account->{account_id}, $account->{domain_id}, (lpad(to_hex((extract(epoch FROM t.at) * 1000)::bigint), 12, '0') || '70008000' || lpad(to_hex(n), 12, '0'))::uuid,
       2, t.at, '01900000-0000-7000-8000-000000000001', 1, 'r' || n || '\@example.org', '{"attempt": 1, "smtp": {"code": 250, "text": "Ok: queued", "host": "mx.example.org"}}'
  FROM generate_series(1, $rows) AS n CROSS JOIN LATERAL (SELECT now() - n * interval '50 ms' AS at) AS t
END
$gw->sql('VACUUM ANALYZE emailgw.event');

# A connection on which the request is sent; what comes is read from it.
sub ask {
    my (%with) = @_;
    my $body = JSON::PP->new->encode({ Command => 'EmailGateway.ExportEvents', APIKey => $account->{account_key}, DomainID => $account->{domain_id}, %with });
    my ($address) = $gw->env('BASE_URL') =~ m{//([^/]+)};
    my $socket = IO::Socket::INET->new(PeerAddr => $address, Timeout => 10) or die "$address: $!\n";
    printf {$socket} "POST /api.php HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", length $body, $body;
    return $socket;
}

# KB of the child that has most.
sub memory {
    return max map { rss($_) } Instance::Process::family((Instance->attach($gw->{dir})->ids('httpd'))[0]);
}

sub rss {
    my ($id) = @_;
    open my $file, '<', '/proc/' . Instance::Process::pid($id) . '/status' or return 0;
    my ($kb) = map { /^VmRSS:\s+(\d+)/ ? $1 : () } <$file>;
    return $kb // 0;
}

# The lines of the access log that are about exports.
sub ended {
    open my $log, '<', $gw->env('LOGS') . '/access.log' or die $!;
    return grep { m{"POST /api.php HTTP/1.1"} } <$log>;
}

sub read_all {
    my ($socket, $each) = @_;
    my ($size, $tail) = (0, '');
    while (sysread $socket, my $bytes, 1 << 20) {
        $size += length $bytes;
        $tail = substr $tail . $bytes, -200;
        $each->($size) if $each;
        last if $tail =~ /\r\n0\r\n\r\n\z/;
    }
    return ($size, $tail);
}

subtest 'a million rows' => sub {
    read_all(ask(MaxRows => 20_000)); # what a child needs anyway
    my $before = memory();
    my ($most, $start) = (0, time);
    my ($size, $tail) = read_all(ask(), sub { my $now = memory(); $most = $now if $now > $most });
    like($tail, qr/,r$rows\@example\.org,.*\r\n0\r\n\r\n\z/s, 'down to the last');
    cmp_ok($size, '>', 100 * $rows, 'many bytes');
    diag(sprintf '%d MB in %.0f s', $size / 1e6, time - $start);
    cmp_ok($before, '>', 5000, 'there is a child');
    cmp_ok($most - $before, '<', $memory, "its memory stays: $before KB before, $most KB at most");
};

subtest 'who goes away' => sub {
    my $before = () = ended();
    my $socket = ask();
    sysread $socket, my $bytes, 100_000;
    close $socket;
    ok($gw->wait_for(sub { $before < (() = ended()) }, 5, 'its end'), 'ends it at once');
    is($gw->sql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%export_events%' AND state = 'active' AND pid <> pg_backend_pid()"), 0,
        '... and nothing is read for it any more');
    # Also while nothing is to be sent.
    $before = () = ended();
    $socket = ask(Query => 'to:nobody');
    sleep 0.3;
    close $socket;
    ok($gw->wait_for(sub { $before < (() = ended()) }, 3, 'its end'), '... also where nothing has matched so far');
};

subtest 'who does not read' => sub {
    my @sockets = map { ask() } 1 .. 3;
    sleep 2;
    my $start = time;
    is($gw->api('EmailGateway.GetDomains', as => $account)->{json}{ErrorCode}, 0, 'others are answered');
    cmp_ok(time - $start, '<', EmailGW::allowed(2), '... at once, over the only connection');
    close $_ for @sockets;
};

subtest 'who gets a part only' => sub {
    my $socket = ask();
    sysread $socket, my $bytes, 1000;
    $gw->sql('ALTER FUNCTION emailgw_api.export_events RENAME TO elsewhere');
    my ($size, $tail) = read_all($socket);
    $gw->sql('ALTER FUNCTION emailgw_api.elsewhere RENAME TO export_events');
    cmp_ok($size, '<', 100 * $rows, 'not all of it');
    unlike($tail, qr/\r\n0\r\n\r\n\z/, 'there is no last chunk');
    unlike($tail, qr/Errors|html/i, '... nor another answer in the middle of it');
    $gw->expects(qw(EG0101 EG0102));
};

$gw->log_clean;
done_testing;
