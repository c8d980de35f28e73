# Webhooks over TLS: posts go to a receiver whose certificate an authority vouches
# for, and to no other.
use EmailGW;
use Digest::SHA qw(hmac_sha256_base64);
use EmailGW::Certificates;
use EmailGW::Nginx;
use EmailGW::Receiver;
use MIME::Base64 qw(decode_base64);
use Time::HiRes qw(sleep);

eval { EmailGW::Peer::dir('nginx') } or plan skip_all => 'nginx cannot be had';

my ($authority, $stranger) = map { EmailGW::Certificates->new } 1 .. 2; # files that go with them
my $receiver = EmailGW::Receiver->up;
my $names = 'DNS:localhost,IP:127.0.0.1';
my %reason = (
    wrong => qr/name/, expired => qr/expired/, gap => qr/unable to get local issuer/, self => qr/self-signed/,
    stranger => qr/unable to get local issuer|self-signed certificate in certificate chain/,
);
my %certificate = (
    good => [ $authority->give($names) ],
    wrong => [ $authority->give('DNS:other.example,IP:127.0.0.2') ],
    expired => [ $authority->give($names, days => -1) ],
    gap => [ $authority->give($names, alone => 1) ],
    self => [ $authority->self($names) ],
    stranger => [ $stranger->give($names) ],
);
my $nginx = EmailGW::Nginx->start(to => $receiver->address, tls => \%certificate);
my $gw = EmailGW->up(WEBHOOK_ALLOW => join(',', map { '127.0.0.1:' . $nginx->tls_port($_) } sort keys %certificate),
    SENDER_CONF => \"poll = 20ms\nwebhook_retry = 200ms\nwebhook_ca_file = @{[ $authority->root ]}\n");

# What became of a post to each of these ports, by the log of deliveries: state, error.
sub posted {
    my ($host, @ports) = @_;
    my $account = $gw->new_account;
    # localhost is nothing that the API would take.
    my $values = join ', ', map { "('https://$host:" . $nginx->tls_port($_) . "/ok/$host/$_')" } @ports;
    $gw->sql("SELECT emailgw_api.add_webhook($account->{account_id}, $account->{domain_id}, v.url, '{1}', 100) FROM (VALUES $values) AS v (url)");
    $gw->send_mail(as => $account);
    $gw->wait_for(sub { !$gw->sql('SELECT count(*) FROM emailgw.webhook_queue') }, 15, 'all posts ended');
    my %ended = map { $_->[0] =~ m{([^/]+)\z} => [ @$_[ 1, 2 ] ] } $gw->sql(<<"END");
SELECT w.url, d.state, d.error FROM emailgw.webhook AS w JOIN emailgw.webhook_delivery AS d USING (account_id, webhook_id)
 WHERE w.account_id = $account->{account_id}
END
    return ($account, %ended);
}

# Another certificate file from now on.
sub trust {
    my ($file) = @_;
    my $reloads = sub { grep { /EG030[23]:/ } $gw->log_lines(qr/sender\.log/) };
    my $before = () = $reloads->();
    my $conf = $gw->env('SENDER_CONF') =~ s{[^/]+\z}{extra-sender.conf}r;
    open my $out, '>>', $conf or die "$conf: $!\n";
    print {$out} "webhook_ca_file = $file\n";
    close $out;
    kill 'HUP', $gw->env('SENDER_PID');
    return $gw->wait_for(sub { ($reloads->())[$before] }, 5, 'a reload');
}

for my $host ('127.0.0.1', 'localhost') {
    subtest "as $host" => sub {
        my ($account, %ended) = posted($host, sort keys %certificate);
        is_deeply($ended{good}, [ 'delivered', undef ], 'a chain that holds: delivered');
        my @got = $receiver->requests("/ok/$host/good");
        is(scalar @got, 1, '... once') or return;
        my $key = $gw->call('GET', '/api/v1/webhooks', { key => $account->{key} })->{json}{SigningKey};
        my %header = %{ $got[0]{headers} };
        my $mac = hmac_sha256_base64("$header{'webhook-id'}.$header{'webhook-timestamp'}.$got[0]{body}",
            decode_base64($key =~ s/^whsec_//r));
        like($header{'webhook-signature'}, qr/\Av1,\Q$mac\E=?\z/, '... signed');
        for my $port (grep { $_ ne 'good' } sort keys %certificate) {
            is($ended{$port}[0], 'failed', "$port: refused");
            like($ended{$port}[1], $reason{$port}, '... and why');
            is(scalar(() = $receiver->requests("/ok/$host/$port")), 0, '... and nothing was posted');
        }
    };
}

subtest 'another authority' => sub {
    like(trust(''), qr/EG0302: reloaded/, 'none: reloaded');
    sleep 0.3;
    my (undef, %ended) = posted('127.0.0.1', 'good');
    is($ended{good}[0], 'failed', 'the system\'s authorities alone: refused');
    $gw->expects('EG0303');
    for my $wrong ($authority->path('nothing'), $authority->path('extensions')) {
        like(trust($wrong), qr/EG0303: .*: webhook_ca_file = \Q$wrong\E: no file of certificates/, "$wrong: not reloaded");
    }
};

$gw->log_clean;
done_testing;
