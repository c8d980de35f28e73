# Names that lead where no post may go: looked up for real, in a network of the
# test's own whose only name server is knot, with listeners on what is forbidden.
# What was looked up is kept for 10 seconds: that long this test lasts.
use EmailGW::Namespace;
use EmailGW;
use EmailGW::Receiver;
use IO::Socket::IP;
use Time::HiRes qw(sleep time);

my ($public, $kept) = ('198.20.0.7', 11); # seconds
my @forbidden = qw(127.0.0.1 127.0.0.2 10.9.9.9 169.254.169.254 ::1);
EmailGW::Namespace::give($_) for $public, '10.9.9.9', '169.254.169.254';

my $dns = EmailGW::Namespace->names;
my $there = EmailGW::Receiver->up(host => $public, port => 80);
my $allowed = EmailGW::Receiver->up;
my $closed = EmailGW::Receiver->up;
my %trap = map { $_ => EmailGW::Receiver->up(host => $_, port => 80) } @forbidden;
my $gw = EmailGW->up(WEBHOOK_ALLOW => $allowed->address,
    SENDER_CONF => \"poll = 20ms\nwebhook_retry = 300ms\nwebhook_timeout = 2s\n");

# The names of the zone when it is first written; what changes later stands below.
my %records = (
    straight => [ "A $public" ],
    turns => [ "A $public" ],
    returns => [ 'A 127.0.0.1' ],
    'both-bad-first' => [ 'A 127.0.0.1', "A $public" ],
    'both-good-first' => [ "A $public", 'A 127.0.0.1' ],
    'both-families' => [ 'AAAA ::1', "A $public" ],
    loopback => [ 'A 127.0.0.1' ],
    'other-loopback' => [ 'A 127.0.0.2' ],
    all => [ map { "A $_" } qw(127.0.0.1 127.0.0.2 10.9.9.9 169.254.169.254) ],
    private => [ 'A 10.9.9.9' ],
    metadata => [ 'A 169.254.169.254' ],
    zero => [ 'A 0.0.0.0' ],
    six => [ 'AAAA ::1' ],
    'six-zero' => [ 'AAAA ::' ],
    mapped => [ 'AAAA ::ffff:127.0.0.1' ],
    translated => [ 'AAAA 64:ff9b::7f00:1' ],
    localhost => [ 'A 127.0.0.1', 'AAAA ::1' ],
    alias => [ 'CNAME localhost' ],
    'long-way' => [ 'CNAME alias' ],
);

sub write_zone {
    $dns->zone('names.example', map { my $name = $_; map { "$name $_" } @{ $records{$name} } } sort keys %records);
}

# One webhook for each of these URLs, one mail: [state, error] by URL when all is over.
sub posted {
    my ($account, @urls) = @_;
    for my $url (@urls) {
        my $reply = $gw->call('POST', '/api/v1/webhooks',
            { key => $account->{key}, json => { Event => 'send', WebhookURL => $url } });
        die "$url: $reply->{body}" if $reply->{status} != 200;
    }
    $gw->send_mail(as => $account);
    $gw->wait_for(sub { !$gw->sql('SELECT count(*) FROM emailgw.webhook_queue') }, 20, 'all posts ended');
    my %ended = map { shift @$_ => $_ } $gw->sql(<<"END");
SELECT w.url, d.state, d.error FROM emailgw.webhook AS w JOIN emailgw.webhook_delivery AS d USING (account_id, webhook_id)
 WHERE w.account_id = $account->{account_id} ORDER BY d.event_id
END
    return \%ended;
}

sub is_refused {
    my ($ended, $url) = @_;
    is_deeply($ended->{$url}, [ 'failed', 'the address is not allowed' ], "$url: refused");
}

write_zone();
for my $host (sort keys %trap) {
    IO::Socket::IP->new(PeerHost => $host, PeerPort => 80, GetAddrInfoFlags => 0) or die "$host: $!\n";
    $gw->wait_for(sub { $trap{$host}->connections == 1 }, 5, "the listener of $host");
}

my ($first_account, $port) = ($gw->new_account, $closed->{port});
my $looked_up = time;
subtest 'what a name leads to' => sub {
    my %url = map { $_ => "http://$_.names.example/once/$_" } keys %records;
    my ($by_name, $by_other) = map { "http://loopback.names.example:$_/ok/port" } $allowed->{port}, $port;
    my $ended = posted($first_account, values %url, $by_name, $by_other);
    for my $name (grep { /^(?:straight|turns|both-.*)\z/ } sort keys %records) {
        is($ended->{ $url{$name} }[0], 'delivered', "$name: delivered");
        is(scalar(() = $there->requests("/once/$name")), 1, '... to the public address, once');
    }
    is_refused($ended, $url{$_}) for grep { !/^(?:straight|turns|both-.*)\z/ } sort keys %records;
    is($ended->{$by_name}[0], 'delivered', 'a name of the one address and port that is allowed');
    is(scalar(() = $allowed->requests('/ok/port')), 1, '... gets its post');
    is_refused($ended, $by_other);
};

subtest 'a name that rebinds' => sub {
    @records{qw(turns returns)} = ([ 'A 127.0.0.1' ], [ "A $public" ]);
    write_zone();
    my $wait = $looked_up + $kept - time;
    sleep $wait if $wait > 0;
    my $account = $gw->new_account;
    my %url = map { $_ => "http://$_.names.example/once/second-$_" } qw(turns returns);
    my $ended = posted($account, values %url);
    is_refused($ended, $url{turns});
    is(scalar(() = $there->requests('/once/second-turns')), 0, '... also where it was before');
    is($ended->{ $url{returns} }[0], 'delivered', 'the other way: delivered');
    is(scalar(() = $there->requests('/once/second-returns')), 1, '... to the public address');
};

for my $host (sort keys %trap) {
    is($trap{$host}->connections, 1, "$host: no connection but the test's own");
}
is($closed->connections, 0, 'a port that is not allowed: none at all');
$gw->log_clean;
done_testing;
