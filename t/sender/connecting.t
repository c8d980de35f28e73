# What comes before the first mail of a connection, at mail hosts that do it in ways of their own: what they offer
# before and inside TLS, a TLS handshake without an end, EHLO refused.
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
host('hanging', tls => 1, script => sub { $_[0] eq 'starttls' ? { reply => '220 2.0.0 go', stall => 1e6 } : undef });
host('crowded', script => sub { $_[0] eq 'ehlo' ? { reply => '421 4.7.0 too many connections', close => 1 } : undef });
host('silent', script => sub { $_[0] eq 'ehlo' ? '421 4.7.0 too many connections' : $_[0] eq 'helo' ? { hang => 1 } : undef });
host('old', script => sub { $_[0] eq 'ehlo' ? '500 5.5.1 EHLO?' : undef });
host('older', script => sub { $_[0] eq 'ehlo' ? '500 5.5.1 EHLO?' : $_[0] eq 'helo' ? '450 4.3.2 HELO? later' : undef });

my $conf = join "\n", 'threads = 1', 'poll = 20ms', 'retry = 300ms', 'lifetime = 3s', 'hostname = mail.example.com', 'connect_timeout = 1s',
    'command_timeout = 1s', "mx_port = $port", 'mx_private = yes', '';
my $gw = EmailGW->up(RATE => 'off', TRANSPORT => 'mx', RESOLVER => $dns->resolver, SENDER_CONF => \$conf);

sub mail_to {
    my ($name) = @_;
    my $reply = $gw->send_mail(To => [ { email => "ann\@$name.example", name => '' } ]);
    is($reply->{status}, 200, "accepted for $name.example") or diag($reply->{body});
    $sent{$name} = $reply->{json}{MessageID};
}

sub first_deferral {
    my ($name) = @_;
    return JSON::PP::decode_json(scalar $gw->sql("SELECT detail->'smtp' FROM emailgw.event
        WHERE message_id = '$sent{$name}' AND type = 3 ORDER BY event_id LIMIT 1"));
}

subtest 'what is offered before TLS' => sub {
    mail_to('strict');
    ok($gw->drained(10), 'sent');
    is($gw->story($sent{strict}), 'delivery', 'is not used inside it');
    is(scalar(grep { $_->{tls} } $sink{strict}->messages), 1, '... where the mail went');
};

subtest 'a TLS handshake without an end' => sub {
    mail_to('hanging');
    ok($gw->drained(10), 'sent');
    is($gw->story($sent{hanging}), 'delivery', 'goes on in the clear, at the first attempt');
    is(join(' ', map { $_->{tls} } $sink{hanging}->messages), 0, '... once');
    $gw->reload_sender($conf . "mx_tls = always\n");
    mail_to('hanging');
    ok($gw->drained(10), 'where mail must not go in the clear');
    like($gw->story($sent{hanging}), qr/\A(?:deferred )+bounce\z/, '... it waits');
    like($gw->newest_detail($sent{hanging})->{smtp}{text}, qr/^no answer in time/, '... and the event says for what');
    is(scalar(() = $sink{hanging}->messages), 1, '... nothing more arrived');
    $gw->reload_sender($conf);
};

subtest 'EHLO refused' => sub {
    my %said = (crowded => [ 421, '4.7.0', 'too many connections' ], silent => [ 421, '4.7.0', 'too many connections' ],
        older => [ 450, '4.3.2', 'HELO? later' ]);
    mail_to($_) for sort(keys %said), 'old';
    ok($gw->drained(15), 'all end');
    for my $name (sort keys %said) {
        like($gw->story($sent{$name}), qr/\A(?:deferred )+bounce\z/, "$name: put off");
        is_deeply([ @{ first_deferral($name) }{qw(code enhanced text)} ], $said{$name}, '... for what it said');
    }
    is($gw->story($sent{old}), 'delivery', 'HELO is taken: sent');
};

$gw->log_clean;
done_testing;
