# Receivers that answer late, or never, take what webhooks have from nobody else.
use EmailGW;
use EmailGW::Receiver;
use List::Util qw(max);
use Time::HiRes qw(sleep time);

my $receiver = EmailGW::Receiver->up;
my $gw = EmailGW->up(RATE => 'off', WEBHOOK_ALLOW => $receiver->address,
    SENDER_CONF => \"poll = 20ms\nwebhook_connections = 8\nwebhook_timeout = 5s\nwebhook_retry = 5min\n");

# A fresh account with one webhook for each of these paths.
sub hooked {
    my (@paths) = @_;
    my $account = $gw->new_account;
    for my $path (@paths) {
        my $reply = $gw->call('POST', '/api/v1/webhooks',
            { key => $account->{key}, json => { Event => 'send', WebhookURL => $receiver->url($path) } });
        $reply->{json}{NewWebhookID} or die "$path: $reply->{body}";
    }
    return $account;
}

sub send_to {
    my ($account, $count) = @_;
    $gw->send_mail(as => $account, To => [ map { { email => "r$_\@example.org", name => '' } } 1 .. $count ]);
}

sub count_of { my ($pattern) = @_; return scalar grep { $_->{path} =~ $pattern } $receiver->requests }

# How long 20 posts take to a receiver that answers at once.
sub seconds_of_good_ones {
    my ($path) = @_;
    my $account = hooked($path);
    my $start = time;
    send_to($account, 20);
    $gw->wait_for(sub { $receiver->requests($path) >= 20 }, 60, "posts to $path");
    return time - $start;
}

# Nothing of these is posted any more, and nothing that has begun lasts on.
sub end_of {
    my ($account) = @_;
    $gw->sql("UPDATE emailgw.webhook SET status = 'Disabled' WHERE account_id = $account->{account_id}");
    $gw->stop('sender');
    $gw->start('sender');
}

# Nobody knows yet what they are, and who among them answers at once.
subtest 'receivers that hang, all of them new' => sub {
    my $account = hooked((map { "/hang/new/$_" } 1 .. 5), '/ok/among-new');
    send_to($account, 20);
    $gw->wait_for(sub { $receiver->requests('/ok/among-new') >= 20 }, 60, 'posts to the one that answers');
    my ($first) = map { $_->{at} } grep { $_->{path} =~ m{^/hang/} } $receiver->requests;
    my $last = max(map { $_->{at} } $receiver->requests('/ok/among-new'));
    cmp_ok($last - $first, '<', 4, sprintf 'has its 20 after %.1f s, before any of the others is given up', $last - $first);
    end_of($account);
};

# What we cannot post, as its key is damaged, says nothing of how long its receiver takes.
subtest 'a slow one whose key could not be opened for a while' => sub {
    my ($path, $account) = ('/slow/1.5/key', hooked('/slow/1.5/key'));
    my $ended = sub { $gw->sql("SELECT count(*) FROM emailgw.webhook_delivery WHERE account_id = $account->{account_id} AND $_[0]") };
    my $damage = sub {
        $gw->sql("UPDATE emailgw.domain SET webhook_key_sealed = set_byte(webhook_key_sealed, 20, 255 - get_byte(webhook_key_sealed, 20))
            WHERE domain_id = $account->{domain_id}");
    };
    send_to($account, 1);
    $gw->wait_for(sub { $ended->("state = 'delivered'") }, 20, 'a late answer');
    $gw->expects('EG0401');
    $damage->();
    send_to($account, 1);
    $gw->wait_for(sub { $ended->("error LIKE 'the signing key%'") }, 20, 'a post that could not be made');
    $damage->();
    send_to($account, 20);
    $gw->wait_for(sub { $receiver->requests($path) > 8 }, 20, 'more of its posts');
    my (undef, @at) = map { $_->{at} } $receiver->requests($path);
    cmp_ok(scalar(grep { $_ < $at[0] + 1.4 } @at), '<=', 4, 'has half of the connections, not all');
    end_of($account);
};

subtest 'receivers that answer 200 late' => sub {
    my $account = hooked(map { "/slow/1.5/late/$_" } 1 .. 6);
    send_to($account, 20);
    $gw->wait_for(sub { count_of(qr{/late/}) > 8 }, 20, 'their second posts');
    my $seconds = seconds_of_good_ones('/ok/beside-slow');
    cmp_ok($seconds, '<', EmailGW::allowed(2), sprintf '20 posts of another one in %.1f s', $seconds);
    cmp_ok(count_of(qr{/late/}), '<', 100, '... while they had not had all of theirs');
    $gw->sql("UPDATE emailgw.webhook SET status = 'Disabled' WHERE account_id = $account->{account_id}");
};

subtest 'receivers that never answer' => sub {
    my $account = hooked(map { "/hang/$_" } 1 .. 100);
    $gw->sql("UPDATE emailgw.webhook SET failing_since = now() WHERE account_id = $account->{account_id}");
    send_to($account, 4);
    $gw->wait_for(sub { count_of(qr{^/hang/}) >= 2 }, 60, 'their first posts');
    my $seconds = seconds_of_good_ones('/ok/beside-dead');
    cmp_ok($seconds, '<', EmailGW::allowed(2), sprintf '20 posts of another one in %.1f s', $seconds);
    my $leased = $gw->sql("SELECT count(*) FROM emailgw.webhook_queue WHERE account_id = $account->{account_id} AND leased_until > now()");
    cmp_ok($leased, '<', 8 * 4 + 64, "... while $leased of their 400 are in hand: an allowance, and what one claim adds");
    my $before = count_of(qr{^/hang/});
    $gw->wait_for(sub { count_of(qr{^/hang/}) >= $before + 4 }, 60, 'more of theirs');
    cmp_ok(count_of(qr{^/hang/}), '>=', $before + 4, '... and they are tried, too');
};

$gw->log_clean;
done_testing;
