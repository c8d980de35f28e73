# Mails taken as fast as they come: the accounts, and who posts them. HTTP by wrk, and
# pgbench that calls the product's own accept(), one mail a transaction.
#
#     my $load = EmailGW::Accept->new($gw, accounts => 1000);
#     $load->wrk("http://...", connections => 32, seconds => 4);
#     $load->pgbench(clients => 32, seconds => 4);
package EmailGW::Accept;
use strict;
use warnings;
use EmailGW;
use EmailGW::Peer;
use JSON::PP ();

my $first_account = 1_000_000_000;
my $secret = 'B' x 43;              # the random part of each key
my $text = 'Thank you for your order of today, it will be with you by the end of the week. ' x 9; # 729 bytes

# One child with a thread for each connection and many to spare: batches are a child's own.
our $httpd_conf = <<'END';
ServerLimit 1
StartServers 1
ThreadLimit 160
ThreadsPerChild 160
MaxRequestWorkers 160
MinSpareThreads 1
MaxSpareThreads 160
MaxKeepAliveRequests 0
END

sub new {
    my ($class, $gw, %with) = @_;
    my $it = bless { gw => $gw, accounts => $with{accounts} }, $class;
    $gw->sql(<<"END");
DELETE FROM emailgw.api_key WHERE account_id > $first_account; -- those of the figure before
DELETE FROM emailgw.domain WHERE account_id > $first_account;
DELETE FROM emailgw.account WHERE account_id > $first_account;
INSERT INTO emailgw.account (account_id, username, email, password_hash)
SELECT $first_account + n, 'bench' || n, 'bench\@example.com', 'x' FROM generate_series(1, $with{accounts}) AS n;
INSERT INTO emailgw.domain (account_id, domain_id, name, status, ownership_token, dkim_selector, dkim_record, dkim_sealed, webhook_key_sealed)
SELECT $first_account + n, $first_account + n, 'd' || n || '.example', 'Enabled', 't', 's', 'r', '', '' FROM generate_series(1, $with{accounts}) AS n;
INSERT INTO emailgw.api_key (account_id, api_key_id, domain_id, description, key_hash, key_sealed)
SELECT $first_account + n, $first_account + n, $first_account + n, 'bench', sha256(convert_to('egs_' || $first_account + n || '_$secret', 'UTF8')), ''
  FROM generate_series(1, $with{accounts}) AS n;
END
    return $it;
}

our $done = <<'END';
done = function(summary, latency)
    print(string.format("seen %d %.6f %.3f %.3f %d", summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3,
        latency:percentile(99) / 1e3,
        summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
END

# Each round begins with empty tables and nothing left to write for what came before.
sub clean {
    my ($it) = @_;
    $it->{gw}->sql('TRUNCATE emailgw.queue, emailgw.message, emailgw.content, emailgw.recipient, emailgw.event, emailgw.attachment');
    $it->{gw}->sql('VACUUM ANALYZE emailgw.api_key, emailgw.domain, emailgw.account');
    $it->{gw}->sql('CHECKPOINT');
}

sub taken {
    my ($it) = @_;
    return $it->{gw}->sql('SELECT count(*) FROM emailgw.message');
}

# What account n posts: 977 bytes and a few.
sub body {
    my ($n) = @_;
    return JSON::PP->new->canonical->encode({ From => { email => "shop\@d$n.example", name => 'Shop' },
        To => [ { email => "ann$n\@example.org", name => 'Ann' } ], Subject => 'Your receipt number', ContentType => 'plain',
        PlainContent => $text, Tags => ['receipt'] });
}

# {count, seconds, p50, p99 (milliseconds)}: answers of another status than 200 are fatal.
# batch => 100: so many mails a request.
sub wrk {
    my ($it, $url, %with) = @_;
    my $body = body('%d');
    $body = '{"Messages": [' . join(', ', ($body) x $with{batch}) . ']}' if $with{batch};
    my $script = $it->{gw}->file('post.lua', <<'END' =~ s/ACCOUNTS/$it->{accounts}/r =~ s/FIRST/$first_account/r =~ s/SECRET/$secret/r =~ s/BODY/$body/r =~ s/DONE/$done/r);
local body = [=[BODY]=]
local posts, at = {}, 0
init = function()
    wrk.method = "POST"
    wrk.headers["Content-Type"] = "application/json"
    for n = 1, ACCOUNTS do
        wrk.headers["Authorization"] = string.format("Bearer egs_%d_SECRET", FIRST + n)
        posts[n] = wrk.format(nil, wrk.path, nil, (body:gsub("%%d", n)))
    end
end
request = function()
    at = at % #posts + 1
    return posts[at]
end
DONE
END
    return run_wrk($it->{gw}, $script, $url, %with);
}

# wrk with a script whose done() prints "seen COUNT SECONDS P50 P99 FAILED".
sub run_wrk {
    my ($gw, $script, $url, %with) = @_;
    my $dir = EmailGW::Peer::dir('wrk');
    local $ENV{LD_LIBRARY_PATH} = EmailGW::Peer::library_path($dir);
    my ($status, $out, $err) = EmailGW::run_command(undef, "$dir/usr/bin/wrk", '-t1', "-c$with{connections}", "-d$with{seconds}s", '-s', $script, $url);
    my ($count, $seconds, $p50, $p99, $bad) = $out =~ /^seen (\d+) ([\d.]+) ([\d.]+) ([\d.]+) (\d+)$/m or die "wrk: $out$err\n";
    die "wrk: $bad requests failed\n$out" if $bad;
    return { count => $count, seconds => $seconds, p50 => $p50, p99 => $p99 };
}

# The call of accept() with the keys and mails of wrk's posts. $n stands for the account's number.
sub call {
    my ($n) = @_;
    my $account = "$first_account + $n";
    return "SELECT a.status, a.message_id, a.replayed, a.detail, a.retry_seconds FROM emailgw_api.accept(ARRAY[$account], ARRAY[ROW(emailgw.uuid7(clock_timestamp()),"
        . " sha256(convert_to('egs_' || $account || '_$secret', 'UTF8')), NULL, NULL, 'shop\@d' || $n || '.example', 'Shop', 'd' || $n || '.example',"
        . " 'Your receipt number', '{receipt}', NULL, NULL, NULL, NULL, NULL, NULL, NULL, '{to}', ARRAY['ann' || $n || '\@example.org'],"
        . " '{example.org}', '[{\"email\": \"ann\@example.org\", \"name\": \"Ann\"}]', '[]', '[]', '[]', NULL, '$text', NULL, NULL, 729, NULL, NULL, NULL, NULL)::emailgw_api.mail]) AS a";
}

sub pgbench {
    my ($it, %with) = @_;
    my $script = $it->{gw}->file('accept.pgbench', "\\set n random(1, $it->{accounts})\n" . call(':n::bigint') . ";\n");
    my $dsn = $it->{gw}->env('DSN');
    local $ENV{PGPASSWORD} = $dsn =~ s{^(\w+://[^:@/]+):([^@/]*)@}{$1@} ? $2 : '';
    my ($status, $out, $err) = EmailGW::run_command(undef, 'pgbench', '-n', '-M', 'prepared', '-c', $with{clients}, '-j', 2, '-T', $with{seconds},
        '-f', $script, $dsn);
    my ($count) = $out =~ /transactions actually processed: (\d+)/ or die "pgbench: $out$err\n";
    my ($failed) = $out =~ /failed transactions: (\d+)/;
    my ($rate) = $out =~ /tps = ([\d.]+)/ or die "pgbench: $out$err\n";
    die "pgbench: $failed transactions failed\n$out" if $failed;
    return { count => $count, seconds => $count / $rate };
}

1;
