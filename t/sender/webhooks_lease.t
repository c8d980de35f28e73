# A post ends, and is recorded, before its lease does: else another sender, or the same one,
# has it again, and nothing that comes of it is ever written.
#
# The lease is no whole number of seconds; the database's is no shorter for that.
use EmailGW;
use EmailGW::Receiver;

my $receiver = EmailGW::Receiver->up;
my $gw = EmailGW->up(RATE => 'off', WEBHOOK_ALLOW => $receiver->address,
    SENDER_CONF => \"poll = 20ms\nwebhook_connections = 1\nwebhook_timeout = 4700ms\nwebhook_lease = 5990ms\nwebhook_retry = 5min\n");

# By the turn of the second that hangs, there is too little left of its lease.
my @paths = qw(/slow/0.4 /hang/first /hang/second);
for my $path (@paths) {
    my $reply = $gw->call('POST', '/api/v1/webhooks',
        { key => $gw->env('SENDER_KEY'), json => { Event => 'send', WebhookURL => $receiver->url($path) } });
    is($reply->{status}, 200, "a webhook to $path");
}
$gw->send_mail;
$gw->wait_for(sub { $gw->sql("SELECT count(*) FROM emailgw.webhook_delivery") == @paths }, 40, 'results of all three');
my %count;
$count{ $_->{path} }++ for $receiver->requests;
is_deeply(\%count, { map { $_ => 1 } @paths }, 'each came once');
is_deeply([ $gw->sql("SELECT state, tries FROM emailgw.webhook_delivery ORDER BY webhook_id") ],
    [ [ 'delivered', 1 ], [ 'pending', 1 ], [ 'pending', 1 ] ], '... and is recorded');
is(scalar(grep { /EG0405:/ } $gw->log_lines(qr/sender\.log/)), 0, 'no result came too late');

$gw->log_clean;
done_testing;
