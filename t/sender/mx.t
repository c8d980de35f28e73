# The recipients' own mail servers, in a DNS of the test's own: which of them a mail goes
# to, over which TLS, and what becomes of it where that cannot be done. Counted at the servers.
use EmailGW;
use EmailGW::Certificates;
use EmailGW::Dns;
use EmailGW::PolicyHost;
use EmailGW::Sink;
use Instance;
use Time::HiRes qw(sleep time);

my $port = Instance::free_port();
my $authority = EmailGW::Certificates->new;
my (%sink, %address);

# A server on an address of its own, all of them on one port.
sub server {
    my ($name, %with) = @_;
    $address{$name} = '127.0.1.' . (1 + keys %address);
    $sink{$name} = EmailGW::Sink->start(address => $address{$name}, port => $port, %with);
}

my $slow = sub { my ($step) = @_; return $step eq 'dot' ? { wait => 0.2, reply => '250 2.0.0 taken' } : undef };
server($_) for qw(one two three);
server('busy', script => sub { $_[0] eq 'connect' ? { reply => '421 4.3.2 not now', close => 1 } : undef });
server('unwilling', script => sub { $_[0] eq 'connect' ? { reply => '554 5.3.2 nobody is at home', close => 1 } : undef });
server('mute', script => sub { $_[0] eq 'connect' ? { hang => 1 } : undef });
server('later', script => sub { $_[0] eq 'rcpt' && $_[1]{tries} < 2 ? '450 4.2.0 in a moment' : undef });
server('less', script => sub { $_[0] eq 'mail' && $_[1]{no} <= 3 ? { reply => '421 4.7.0 too many', close => 1 } : undef });
server('slow', script => $slow);
server('good', tls => 1, certificate => [ $authority->give('DNS:mx.good.example') ]);
server('expired', tls => 1, certificate => [ $authority->give('DNS:mx.expired.example', days => -1) ]);
server('sts-good', tls => 1, certificate => [ $authority->give('DNS:sts-good.hosts.example') ]);
server('other', tls => 1, certificate => [ $authority->give('DNS:mx.good.example') ]);
server('broken', tls => 1, script => sub { $_[0] eq 'starttls' ? { reply => '220 2.0.0 go on', raw => "220 go on\r\nnonsense\r\n" } : undef });
$address{nobody} = '127.0.1.99';

my $dns = EmailGW::Dns->up(broken => ['servfail.example'], silent => ['silent.example']);
$dns->zone('hosts.example', map { "$_ A $address{$_}" } sort keys %address);
sub mx {
    my ($domain, @hosts) = @_;
    $dns->zone($domain, map { s/^(\d+) /\@ MX $1 /r =~ s/ MX \d+ \w+(?:-\w+)*\K\z/.hosts.example./r } @hosts);
}

mx('order.example', '20 two', '10 one', '30 three');
mx('refused.example', '10 nobody', '20 two');
mx('mute.example', '10 mute', '20 two');
mx('busy.example', '10 busy', '20 two');
mx('unwilling.example', '10 unwilling', '20 two');
mx('all-dead.example', '10 nobody', '20 unwilling');
mx('equal.example', '10 one', '10 two', '10 three');
mx('null.example', '0 .');
mx('implicit.example', "\@ A $address{three}");
mx('nothing.example', '@ TXT "neither MX nor address"');
mx('alias.example', '10 www.alias.example.', 'www CNAME one.hosts.example.');
mx('loop.example', '10 mail.example.com.', '20 two');
mx('before-loop.example', '10 one', '20 mail.example.com.', '30 two');
mx('no-address.example', '10 nowhere.hosts.example.');
mx('half.example', '10 nowhere.hosts.example.', '20 two');
mx('later.example', '10 later');
mx('less.example', '10 less');
mx("g$_.example", '10 slow') for 1 .. 3;
mx('dead.example', '10 mute');
mx("$_.example", "10 mx.$_.example.", "mx A $address{$_}") for qw(good expired other broken);
mx("$_-only.example", "10 mx.$_.example.") for qw(good expired other broken);

# Domains with an MTA-STS policy: mode, hosts that it has, MX records, who gets the mail.
my %policy = (
    held => { mx => ['10 sts-good'], allows => ['*.hosts.example'], takes => 'sts-good' },
    testing => { mode => 'testing', mx => ['10 expired'], allows => ['elsewhere.example'], takes => 'expired' },
    unfetched => { mode => undef, mx => ['10 expired'], takes => 'expired' },
    'bad-cert' => { mx => ['10 expired'], allows => ['expired.hosts.example'], takes => '' },
    unlisted => { mx => ['10 good'], allows => ['*.elsewhere.example'], takes => '', why => qr/MTA-STS policy has none of its mail hosts/ },
    second => { mx => [ '10 one', '20 sts-good' ], allows => ['sts-good.hosts.example'], takes => 'sts-good' },
    clear => { mx => ['10 one'], allows => ['*.hosts.example'], takes => '' },
);
my $hosts = EmailGW::PolicyHost->up(map { ("sts-$_.example" => { tls => [ $authority->give("DNS:mta-sts.sts-$_.example") ] }) } sort keys %policy);
for my $name (sort keys %policy) {
    my ($mode, $allows) = exists $policy{$name}{mode} ? $policy{$name}{mode} : 'enforce';
    $hosts->policy("sts-$name.example", $mode && join "\n", 'version: STSv1', "mode: $mode",
        (map { "mx: $_" } @{ $policy{$name}{allows} }), "max_age: 86400\n");
    mx("sts-$name.example", @{ $policy{$name}{mx} }, '_mta-sts TXT "v=STSv1; id=1;"', 'mta-sts A 127.0.0.1');
}

my $conf = join "\n", 'threads = 2', 'poll = 20ms', 'retry = 300ms, 400ms', 'lifetime = 4s', 'hostname = mail.example.com',
    'connect_timeout = 1s', 'command_timeout = 1s', 'final_timeout = 3s', 'resolver_timeout = 1s', "mx_port = $port",
    'mx_connections = 4', 'mx_rate = 0', 'mx_new_connections = 0', 'mx_ca_file = ' . $authority->root,
    'sts_ca_file = ' . $authority->root, 'sts_port = ' . $hosts->port, 'sts_allow = 127.0.0.1:' . $hosts->port, '';
my $gw = EmailGW->up(RATE => 'off', TRANSPORT => 'mx', RESOLVER => $dns->resolver, SENDER_CONF => \$conf);
$gw->expects(qw(EG0360)); # servers that want nothing of us
my %sent;

sub mail_to {
    my ($to, %with) = @_;
    my $reply = $gw->send_mail(To => [ { email => $to, name => '' } ], %with);
    is($reply->{status}, 200, "accepted for $to") or diag($reply->{body});
    return $sent{$to} = $reply->{json}{MessageID};
}

sub story { return $gw->story($sent{ $_[0] }) }

sub detail { return $gw->newest_detail($sent{ $_[0] })->{smtp} }

# Which servers have taken a mail for this recipient.
sub takers {
    my ($to) = @_;
    return join ' ', grep { grep { $_->{to} eq $to } $sink{$_}->messages } sort keys %sink;
}

sub connections {
    my ($name) = @_;
    return scalar(() = $sink{$name}->ledger('connect'));
}

sub reload { $gw->reload_sender(join '', $conf, map { "$_\n" } @_) }

subtest 'which host' => sub {
    my %expected = (order => 'one', refused => 'two', mute => 'two', busy => 'two', unwilling => 'two', implicit => 'three',
        alias => 'one', 'before-loop' => 'one', half => 'two');
    mail_to("a\@$_.example") for sort keys %expected;
    ok($gw->drained(15), 'all are sent');
    is(takers("a\@$_.example"), $expected{$_}, "$_.example: $expected{$_}") for sort keys %expected;
    is(story("a\@$_.example"), 'delivery', "$_.example: at the first attempt") for sort keys %expected;
    is(detail('a@order.example')->{host}, 'one.hosts.example', 'the event names the host');
};

subtest 'equal ones' => sub {
    mail_to("e$_\@equal.example") for 1 .. 30;
    ok($gw->drained(15), 'all are sent');
    my %share;
    $share{ takers("e$_\@equal.example") }++ for 1 .. 30;
    is(join(' ', sort keys %share), 'one three two', 'each has its share') or diag(explain(\%share));
};

subtest 'nowhere to go' => sub {
    my %bounced = (null => '5.1.10', nothing => '5.1.2', loop => '5.4.6', absent => '5.1.2');
    my %before = map { $_ => connections($_) } keys %sink;
    mail_to("a\@$_.example") for sort keys %bounced;
    ok($gw->drained(3), 'it is told at once');
    is(story("a\@$_.example"), 'bounce', "$_.example: a bounce") for sort keys %bounced;
    is(detail("a\@$_.example")->{enhanced}, $bounced{$_}, "$_.example: $bounced{$_}") for sort keys %bounced;
    is_deeply({ map { $_ => connections($_) } keys %sink }, \%before, 'nobody was connected to');
};

subtest 'not now' => sub {
    my %why = (servfail => qr/the DNS did not answer for servfail\.example MX/, silent => qr/the DNS did not answer for silent\.example MX/,
        'all-dead' => qr/nobody is at home/, 'no-address' => qr/nowhere\.hosts\.example has no address/);
    my $start = time;
    mail_to("a\@$_.example") for sort keys %why;
    mail_to('b@order.example');
    $gw->wait_for(sub { takers('b@order.example') }, 5, 'another mail');
    cmp_ok(time - $start, '<', EmailGW::allowed(1), 'none of them keeps others waiting');
    ok($gw->drained(20), 'until their lifetime is over');
    like(story("a\@$_.example"), qr/\A(?:deferred )+bounce\z/, "$_.example: deferred, then expired") for sort keys %why;
    like(detail("a\@$_.example")->{text}, $why{$_}, "$_.example: for what the DNS or the server said") for sort keys %why;
    mail_to('a@later.example');
    ok($gw->drained(10), 'a 450 to RCPT');
    is(story('a@later.example'), 'deferred delivery', '... is tried again');
};

subtest 'addresses that are not public' => sub {
    reload('mx_private = no');
    my $before = connections('one');
    mail_to('private@order.example');
    $gw->wait_for(sub { story('private@order.example') =~ /deferred/ }, 5, 'a deferral');
    like(detail('private@order.example')->{text}, qr/has no public address/, 'are not connected to');
    is(connections('one'), $before, '... indeed');
    reload('mx_private = yes');
    ok($gw->drained(10), 'until they may be');
};

subtest 'so many new connections a minute' => sub {
    reload('mx_mails = 1', 'mx_new_connections = 6');
    my $before = connections('three');
    $gw->queue_mails(12, email => "'new' || n || '\@implicit.example'");
    my $taken = sub { scalar grep { $_->{to} =~ /^new/ } $sink{three}->messages };
    $gw->wait_for(sub { $taken->() >= 6 }, 5, 'the first ones');
    sleep 2;
    is(connections('three') - $before, 6, 'no more of them than that');
    cmp_ok($taken->(), '<', 12, '... and what is left waits'); # one that was open already may have been used
    reload('mx_mails = 1');
    $gw->wait_for(sub { $taken->() == 12 }, 10, 'the others');
    reload();
};

subtest 'TLS' => sub {
    my @names = qw(good expired other broken);
    mail_to("a\@$_.example") for @names;
    ok($gw->drained(15), 'opportunistic: all are sent');
    is(takers("a\@$_.example"), $_, "... to $_") for @names;
    like(detail("a\@$_.example")->{tls} // '', qr/^TLSv1/, "... with TLS to $_, whatever its certificate") for qw(good expired other);
    like(detail('a@good.example')->{cipher}, qr/^\w+/, '... and the event has the cipher, too');
    is(detail('a@broken.example')->{tls}, undef, '... in the clear where the handshake fails');

    reload('mx_destinations = good.example:10:100:0:required, expired.example:10:100:0:required, other.example:10:100:0:required, broken.example:10:100:0:always');
    mail_to("b\@$_-only.example") for @names;
    ok($gw->drained(15), 'required:');
    is(takers("b\@$_-only.example"), $_ eq 'good' ? 'good' : '', "... only where the certificate holds: $_") for @names;
    like(story("b\@$_-only.example"), $_ eq 'good' ? qr/\Adelivery\z/ : qr/\A(?:deferred )+bounce\z/, "... $_") for @names;
    reload();
};

subtest 'TLS that a mail asks for' => sub {
    my $required = sub { mail_to($_[0], Headers => { 'x-eg-tls' => 'Required', 'X-Other' => 'stays' }) };
    my @names = qw(good expired other broken);
    $required->("c\@$_-only.example") for @names;
    $required->('c@order.example');
    mail_to('d@order.example');
    ok($gw->drained(15), 'all end');
    is(takers("c\@$_-only.example"), $_ eq 'good' ? 'good' : '', "only where the certificate holds: $_") for @names;
    is(takers('c@order.example'), '', '... and not in the clear');
    like(story('c@order.example'), qr/\A(?:deferred )+bounce\z/, '... but it comes back');
    is(takers('d@order.example'), 'one', 'another mail to the same server goes as ever');
    my ($mail) = grep { $_->{to} eq 'c@good-only.example' } $sink{good}->messages;
    unlike($mail->{body}, qr/^X-EG-TLS/mi, 'the field is not sent');
    like($mail->{body}, qr/^X-Other: stays\r?$/m, '... others are');
};

subtest 'MTA-STS' => sub {
    $gw->expects(qw(EG0421)); # a policy that could not be fetched
    mail_to("a\@sts-$_.example") for sort keys %policy;
    ok($gw->drained(20), 'all end');
    for my $name (sort keys %policy) {
        my ($to, $expected) = ("a\@sts-$name.example", $policy{$name}{takes});
        is(takers($to), $expected, "$name: " . ($expected ? "to $expected" : 'to nobody'));
        like(story($to), $expected ? qr/\Adelivery\z/ : qr/\A(?:deferred )+bounce\z/, "... $name");
        like(detail($to)->{text}, $policy{$name}{why}, "... $name: says why") if $policy{$name}{why};
    }
    like(detail('a@sts-held.example')->{tls}, qr/^TLSv1/, 'held: with TLS');
};

subtest 'one destination of several domains' => sub {
    $gw->queue_mails(24, email => "'s' || n || '\@g' || 1 + n % 3 || '.example'");
    ok($gw->drained(20), 'all are sent');
    my ($open, $most) = (0, 0);
    for my $entry (sort { $a->{at} <=> $b->{at} } $sink{slow}->ledger) {
        $open++ if $entry->{step} eq 'mail';
        $open-- if $entry->{step} eq 'message';
        $most = $open if $open > $most;
    }
    cmp_ok($most, '<=', 4, "at most mx_connections mails at a time, of all threads: $most");
    cmp_ok($most, '>=', 2, '... and more than one');
    is(scalar(() = $sink{slow}->messages), 24, '24 mails arrived');
};

subtest 'one that asks for less' => sub {
    mail_to("l$_\@less.example") for 1 .. 3;
    ok($gw->drained(20), 'all are sent');
    like(story("l$_\@less.example"), qr/delivery\z/, "... l$_, in the end") for 1 .. 3;
    cmp_ok(connections('less'), '<=', 12, 'and it was not pressed: ' . connections('less') . ' connections');
};

subtest 'a dead destination with many mails, a live one beside it' => sub {
    reload('retry = 2s', 'lifetime = 1min', 'connect_timeout = 2s', 'command_timeout = 2s');
    my $before = connections('mute');
    $gw->queue_mails(3000, email => "'d' || n || '\@dead.example'");
    is($gw->sql("SELECT count(*) FROM emailgw.queue WHERE email LIKE '%\@dead.example'"), 3000, '3,000 mails for a server that never says a word');
    sleep 0.5;
    my $start = time;
    mail_to("live$_\@order.example") for 1 .. 100;
    $gw->wait_for(sub { grep({ $_->{to} =~ /^live/ } $sink{one}->messages) == 100 }, 20, 'the live ones');
    my $seconds = time - $start;
    cmp_ok($seconds, '<', EmailGW::allowed(6), sprintf '100 mails to a live one arrive meanwhile, in %.1f s', $seconds);
    cmp_ok(connections('mute') - $before, '<=', 30, 'the dead one was tried by few: ' . (connections('mute') - $before));
    cmp_ok($gw->sql("SELECT count(*) FROM emailgw.queue WHERE email LIKE '%\@dead.example' AND attempt = 0"), '>',
        3000 - EmailGW::allowed(500), 'its mails wait in the database, without an attempt');
    my $attempts = $gw->sql("SELECT max(attempt) FROM emailgw.queue");
    cmp_ok($attempts, '<=', 10, "... none was claimed over and over: $attempts times at most");
    reload('lifetime = 2s', 'retry = 500ms');
    ok($gw->drained(60), 'when their lifetime is over, they end');
    is($gw->sql("SELECT count(DISTINCT email) FROM emailgw.event WHERE email LIKE '%\@dead.example' AND type = "
        . "(SELECT type FROM emailgw.event WHERE message_id = '$sent{'a@null.example'}' AND type <> 1)"), 3000, '... each as a bounce');
};

$gw->log_clean;
done_testing;
