# Large mails to servers that say 354 and then read no more: they take neither the memory of
# all others nor more time than a server may be still for.
use EmailGW;
use EmailGW::Dns;
use EmailGW::Sink;
use Instance;

my $port = Instance::free_port();
my $good = EmailGW::Sink->start(address => '127.0.1.1', port => $port);
my $stuck = EmailGW::Sink->start(address => '127.0.1.2', port => $port,
    script => sub { $_[0] eq 'data' ? { reply => '354 go on', stall => 1000 } : undef });
my $dns = EmailGW::Dns->up;
$dns->zone('good.example', '@ MX 10 mail', 'mail A 127.0.1.1');
$dns->zone('stuck.example', '@ MX 10 mail', 'mail A 127.0.1.2');
my @conf = ('threads = 1', 'poll = 20ms', 'retry = 5min', 'stop_timeout = 1s', 'lease = 5s', 'hostname = mail.example.com', "mx_port = $port");
my $gw = EmailGW->up(RATE => 'off', TRANSPORT => 'mx', RESOLVER => $dns->resolver, SENDER_CONF => \(join "\n", @conf, ''));
my ($other, $account) = map { $gw->new_account } 1, 2;
my $content = 'A' x (24 * 1024 * 1024); # 18 MB

sub write_conf {
    Instance::write_file($gw->env('SENDER_CONF') =~ s{[^/]+\z}{extra-sender.conf}r, join("\n", @conf, @_, ''), 0644);
}

sub send_large {
    my ($as, $to) = @_;
    my $reply = $gw->send_mail(as => $as, To => [ { email => $to, name => '' } ], Attachments => [ { filename => 'a.bin',
        type => 'application/octet-stream', content => $content } ]);
    return $reply->{json}{MessageID} // die "a large mail was refused: $reply->{body}\n";
}

sub delivered {
    my ($as) = @_;
    return scalar $gw->sql("SELECT count(*) FROM emailgw.event WHERE type = 2 AND account_id = $as->{account_id}");
}

subtest 'more of them than there is memory for' => sub {
    send_large($other, "ann$_\@stuck.example") for 1 .. 22; # two are loaded, sixteen wait
    ok($gw->wait_for(sub { $gw->sql('SELECT count(*) FROM emailgw.queue WHERE NOT ready AND NOT leased') > 0 }, 30, 'mails without room'),
        'some come again later');
    $gw->send_mail(as => $account, To => [ { email => "bob$_\@good.example", name => '' } ]) for 1 .. 20;
    ok($gw->wait_for(sub { delivered($account) == 20 }, 20, 'mails of others'), 'small mails of others are delivered beside them');
    is($gw->sql("SELECT count(*) FROM emailgw.event WHERE type IN (3, 4)"), 0, 'while none of the large ones has come to an end');
};

subtest 'a server that is still for too long' => sub {
    $gw->stop('sender'); # transfers that have begun go by the timeouts that they began with
    write_conf('command_timeout = 2s');
    $gw->start('sender');
    send_large($account, 'bob@good.example');
    ok($gw->wait_for(sub { delivered($account) == 21 }, 60, 'a large mail of another'), 'is left, and large mails of others are delivered');
    like($gw->sql("SELECT detail -> 'smtp' ->> 'text' FROM emailgw.event WHERE type = 3 AND account_id = $other->{account_id} LIMIT 1"),
        qr/no answer in time/, 'whose mail is tried again');
};

$gw->expects('EG0364'); # the sender was stopped within transfers
$gw->log_clean;
done_testing;
