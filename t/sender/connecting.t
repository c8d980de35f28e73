# What comes before the first mail of a connection, at mail hosts that do it in ways of their own: what they offer
# before and inside TLS.
use EmailGW;
use EmailGW::Dns;
use EmailGW::Sink;
use Instance;

my $port = Instance::free_port();
my $dns = EmailGW::Dns->up;
my (%sink, %sent);

# A domain with one mail host.
sub host {
    my ($name, %with) = @_;
    my $address = '127.0.1.' . (1 + keys %sink);
    $sink{$name} = EmailGW::Sink->start(address => $address, port => $port, %with);
    $dns->zone("$name.example", '@ MX 10 mx', "mx A $address");
}

# Offers PIPELINING in the clear alone, and does not bear it inside TLS.
host('strict', tls => 1, script => sub {
    my ($step, $c) = @_;
    return "250-strict\n250 SIZE 50000000" if $step eq 'ehlo' && $c->{tls};
    return { reply => '554 5.5.0 synchronization error', close => 1 } if $step eq 'mail' && length $c->{buffer};
    return;
});

my $conf = join "\n", 'threads = 1', 'poll = 20ms', 'retry = 300ms', 'lifetime = 3s', 'hostname = mail.example.com', 'connect_timeout = 1s',
    'command_timeout = 1s', "mx_port = $port", 'mx_private = yes', '';
my $gw = EmailGW->up(RATE => 'off', TRANSPORT => 'mx', RESOLVER => $dns->resolver, SENDER_CONF => \$conf);

sub mail_to {
    my ($name) = @_;
    my $reply = $gw->send_mail(To => [ { email => "ann\@$name.example", name => '' } ]);
    is($reply->{status}, 200, "accepted for $name.example") or diag($reply->{body});
    $sent{$name} = $reply->{json}{MessageID};
}

subtest 'what is offered before TLS' => sub {
    mail_to('strict');
    ok($gw->drained(10), 'sent');
    is($gw->story($sent{strict}), 'delivery', 'is not used inside it');
    is(scalar(grep { $_->{tls} } $sink{strict}->messages), 1, '... where the mail went');
};

$gw->log_clean;
done_testing;
