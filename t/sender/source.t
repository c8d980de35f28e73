# The address that a domain's mail is sent from, as servers see it: whose connections are
# used again by whom, addresses that this machine does not have, and of the other family.
use EmailGW;
use EmailGW::Dns;
use EmailGW::Sink;
use Instance;
use IO::Socket::IP;

my $port = Instance::free_port();
my $sink = EmailGW::Sink->start(port => $port);
my $v6 = IO::Socket::IP->new(LocalAddr => '::1', Listen => 1) ? EmailGW::Sink->start(address => '::1', port => $port) : undef;
diag('ran without IPv6: there is no ::1 here') if !$v6;
my $dns = EmailGW::Dns->up;
$dns->zone('one.example', '@ MX 10 mx', 'mx A 127.0.0.1');
$dns->zone('six.example', '@ MX 10 mx', 'mx AAAA ::1');
$dns->zone('both.example', '@ MX 10 mx', 'mx A 127.0.0.1', 'mx AAAA ::1');
my $conf = join "\n", 'threads = 1', 'poll = 20ms', 'retry = 300ms', 'hostname = mail.example.com', "mx_port = $port",
    'connect_timeout = 2s', '';
my $gw = EmailGW->up(RATE => 'off', RESOLVER => $dns->resolver, TRANSPORT => $sink->transport, SENDER_CONF => \"$conf");
my %account = map { $_ => $gw->new_account } qw(two three plain missing);
my $number = 0;
my %sent; # number => message id

sub source {
    my ($name, $address) = @_;
    return $gw->ctl(qw(domain source), $account{$name}{domain}, $address, '--user', $account{$name}{username});
}

# A mail of one of the accounts: its number.
sub send_as {
    my ($name, $to) = @_;
    my $reply = $gw->send_mail(as => $account{$name}, Subject => 'mail ' . ++$number, To => [ { email => $to // 'a@one.example', name => '' } ]);
    is($reply->{status}, 200, "mail $number of $name") or diag($reply->{body});
    $sent{$number} = $reply->{json}{MessageID};
    return $number;
}

# Its attempts, oldest first: 2 delivered, 3 put off.
sub story {
    my ($mail) = @_;
    return $gw->sql("SELECT string_agg(type::text, ' ' ORDER BY event_id) FROM emailgw.event WHERE message_id = '$sent{$mail}' AND type <> 1");
}

# The mails that a server has: number => {peer, no}.
sub taken {
    my ($at) = @_;
    return map { ($_->{body} =~ /^Subject: mail (\d+)\r$/m)[0] => $_ } ($at // $sink)->messages;
}

# Mails of all three, mixed, each from where it should be; no connection has two sources.
sub keeps_apart {
    my (%from) = @_;
    my %whose = map { my $name = $_; map { send_as($name) => $name } 1 .. 8 } sort keys %from;
    $gw->drained(20);
    my %got = taken();
    is($got{$_}{peer}, $from{ $whose{$_} }, "mail $_ is from $from{$whose{$_}}") for sort { $a <=> $b } keys %whose;
    my %sources;
    $sources{ $got{$_}{no} }{ $whose{$_} } = 1 for keys %whose;
    is(scalar(grep { keys %$_ > 1 } values %sources), 0, 'no connection is shared');
}

subtest 'to a relay' => sub {
    is(source(two => '127.0.0.2')->{source_address}, '127.0.0.2');
    is(source(three => '127.0.0.3')->{source_address}, '127.0.0.3');
    keeps_apart(two => '127.0.0.2', three => '127.0.0.3', plain => '127.0.0.1') for 1 .. 2;
    my %no = map { $_->{no} => 1 } $sink->messages;
    cmp_ok(scalar keys %no, '<', 48, 'connections are used again: 48 mails over ' . keys %no);
    source(two => '127.0.0.3');
    source(three => 'default');
    my $two = send_as('two');
    my $three = send_as('three');
    $gw->drained(10);
    my %got = taken();
    is($got{$two}{peer}, '127.0.0.3', 'another address holds from the next attempt on');
    is($got{$three}{peer}, '127.0.0.1', '... and so does none');
};

subtest 'as many connections as the relay bears' => sub {
    source(two => '127.0.0.2');
    source(three => '127.0.0.3');
    my $narrow = EmailGW::Sink->start;
    $gw->reload_sender("${conf}relay_connections = 1\ntransport = " . $narrow->transport . "\n");
    my $former;
    for my $name (qw(two three two three)) {
        my $mail = send_as($name);
        $gw->drained(10);
        my $no = { taken($narrow) }->{$mail}{no};
        # Left alone it would end after ten seconds.
        $gw->wait_for(sub { grep { $_->{no} == $former } $narrow->ledger('quit') }, 3, "connection $former ends for $no") if $former;
        $former = $no;
    }
    $gw->reload_sender($conf);
};

# An address that is not there: a retry, one line in the log, and no harm for others.
sub misses {
    my ($to) = @_;
    my @mails = map { send_as('missing', $to) } 1 .. 5;
    my $events = 'SELECT count(*) FROM emailgw.event WHERE type = 3 AND message_id IN (' . join(',', map { "'$sent{$_}'" } @mails) . ')';
    $gw->wait_for(sub { $gw->sql($events) >= 15 }, 15, 'retries');
    my $plain = send_as('plain', $to);
    $gw->wait_for(sub { my %got = taken(); $got{$plain} }, 5, 'a mail of another domain to the same server');
    is(story($plain), '2', '... is delivered at the first attempt');
    for my $mail (@mails) {
        like(story($mail), qr/\A3(?: 3)+\z/, "mail $mail is put off");
        my $detail = $gw->newest_detail($sent{$mail});
        is($detail->{smtp}{enhanced}, '4.4.0');
        is($detail->{smtp}{text}, 'the source address 192.0.2.1 cannot be used: Cannot assign requested address');
        is($detail->{deferral}{class}, 'technical');
    }
    source(missing => '127.0.0.4');
    $gw->drained(10);
    my %got = taken();
    is($got{$_}{peer}, '127.0.0.4', "mail $_ is delivered from another address") for @mails;
    source(missing => '192.0.2.1');
}

subtest 'an address that this machine does not have' => sub {
    $gw->expects('EG0430');
    source(missing => '192.0.2.1');
    misses();
    is(scalar(grep { /err EG0430: the source address 192\.0\.2\.1 of domain \Q$account{missing}{domain}\E cannot be used: Cannot assign/ }
        $gw->log_lines(qr/sender\.log/)), 1, 'one line in the log');
};

subtest 'to the recipients\' own servers' => sub {
    $gw->reload_sender("${conf}transport = mx\n");
    keeps_apart(two => '127.0.0.2', three => '127.0.0.3', plain => '127.0.0.1') for 1 .. 2;
    my %no = map { $_->{no} => 1 } $sink->messages;
    cmp_ok(scalar keys %no, '<', 48, 'connections are used again: 48 mails over ' . keys %no);
    misses();
    is(scalar(grep { /EG0430/ } $gw->log_lines(qr/sender\.log/)), 2, 'one more line in the log');
};

subtest 'the other family' => sub {
    plan skip_all => 'no IPv6' if !$v6;
    my ($four, $none) = (send_as(two => 'a@six.example'), send_as(missing => 'a@six.example'));
    $gw->drained(10);
    my %got = taken($v6);
    is($got{$four}{peer}, '::1', 'an IPv4 address says nothing of how an IPv6 address is reached');
    is($got{$none}{peer}, '::1', '... not even one that is not there');
    is(scalar(grep { /EG0431/ } $gw->log_lines(qr/sender\.log/)), 0, '... which is not taken for one that is there again');
    is(source(three => '0:0::0:1')->{source_address}, '::1');
    my ($both, $six) = (send_as(three => 'a@both.example'), send_as(three => 'a@six.example'));
    $gw->drained(10);
    %got = (taken(), taken($v6));
    is($got{$both}{peer}, '127.0.0.1', 'nor an IPv6 address of IPv4');
    is($got{$six}{peer}, '::1');
    source(three => '2001:db8::7');
    my $absent = send_as(three => 'a@six.example');
    $gw->wait_for(sub { story($absent) }, 10, 'a retry');
    is($gw->newest_detail($sent{$absent})->{smtp}{text},
        'the source address 2001:db8::7 cannot be used: Cannot assign requested address', 'an IPv6 address that is not there');
    source(three => 'default');
    $gw->drained(10);
};

subtest 'a relay with a name, in both families' => sub {
    plan skip_all => 'no IPv6' if !$v6;
    my $only_v6 = EmailGW::Sink->start(address => '::1');
    $gw->reload_sender("${conf}transport = relay:localhost:$only_v6->{port}\n");
    my $mail = send_as('two');
    $gw->drained(10);
    my %got = taken($only_v6);
    is($got{$mail}{peer}, '::1', 'the address that answers is of the other family');
    $gw->reload_sender("${conf}transport = relay:localhost:$port\n");
    source(two => '127.0.0.2');
    $mail = send_as('two');
    $gw->drained(10);
    %got = (taken(), taken($v6));
    ok($got{$mail}, 'whichever libcurl takes');
};

subtest 'list, and refusals' => sub {
    my $two = $account{two};
    my ($row) = $gw->ctl(qw(domain list --user), $two->{username});
    is($row->{source_address}, '127.0.0.2', 'domain list');
    ($row) = $gw->ctl(qw(domain list --user), $account{plain}{username});
    is($row->{source_address}, undef, '... and where there is none');
    my (undef, $text) = EmailGW::run_command(undef, $gw->env('EMAILGWCTL'), qw(domain list --user), $two->{username});
    like($text, qr/ source address .*\n.* 127\.0\.0\.2 /, '... for people');
    is(source(two => $_->[0])->{source_address}, $_->[1], "$_->[0] is $_->[1]")
        for [ '::ffff:192.0.2.9', '192.0.2.9' ], [ '2001:DB8:0:0::1', '2001:db8::1' ], [ '10.1.2.3', '10.1.2.3' ], [ 'fd00::1', 'fd00::1' ];
    for my $address ('0.0.0.0', '224.0.0.1', '255.255.255.255', '::', 'ff02::1', 'fe80::1', '192.0.2.1/32', '192.0.2', '127.1', 'eth0',
        'localhost', '[::1]', '', ' 127.0.0.1', "127.0.0.1\n", 'host!127.0.0.1') {
        my $it = $gw->ctl_try(qw(domain source), $two->{domain}, $address, '--user', $two->{username});
        is("$it->{exit}$it->{out}", 1, "\"$address\" is refused");
        like($it->{err}, qr/is no address to send from/);
    }
    my $user = $two->{username};
    for my $case ([ 1, qr/none\.example: unknown domain/, qw(none.example default --user), $user ],
        [ 1, qr/unknown domain/, $account{three}{domain}, qw(default --user), $user ],
        [ 2, qr/ADDRESS\|default is missing\nusage: emailgwctl domain source NAME ADDRESS\|default --user NAME/, $two->{domain}, '--user', $user ],
        [ 2, qr/one argument too many/, $two->{domain}, qw(default more --user), $user ],
        [ 2, qr/--user is missing/, $two->{domain}, 'default' ]) {
        my ($exit, $says, @words) = @$case;
        my $it = $gw->ctl_try(qw(domain source), @words);
        is($it->{exit}, $exit, "domain source @words");
        like($it->{err}, $says);
    }
    ($row) = $gw->ctl(qw(domain list --user), $user);
    is($row->{source_address}, 'fd00::1', 'nothing is changed by that');
};

$gw->log_clean;
done_testing;
