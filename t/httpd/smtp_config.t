# What EmailGatewaySMTP and its kin take, where they may stand, and what is checked when
# httpd starts: by httpd -t already where that can know.
use EmailGW;
use EmailGW::Httpd ();
use EmailGW::Smtp;
use IO::Socket::INET;
use Instance;

my $gw = EmailGW->up;
my $port = Instance::free_port();

# `httpd -t` with a text at the end of the configuration: (exit status, what it says).
sub check {
    my ($text) = @_;
    my $file = $gw->file('extra.conf', $text);
    return $gw->test_config(-f => $gw->env('HTTPD_CONF'), -c => "Include $file");
}

sub refuses {
    my ($what, $text, $words) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($status, $says) = check($text);
    isnt($status, 0, "$what is refused");
    like($says, $words, '... and what is wrong is said');
}

sub takes {
    my ($what, $text) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($status, $says) = check($text);
    is($status, 0, $what) or diag($says);
}

# A port with a word behind its Listen, and directives.
sub vhost {
    my ($word, @directives) = @_;
    return join '', map { "$_\n" } "Listen 127.0.0.1:$port $word", "<VirtualHost 127.0.0.1:$port>", 'EmailGatewayEngine On', @directives,
        '</VirtualHost>';
}

my @tls = ('SSLEngine On', map { my ($name, $file) = @$_; "$name $file" } [ SSLCertificateFile => $gw->env('CA_FILE') ],
    [ SSLCertificateKeyFile => $gw->env('CA_FILE') =~ s{conf/tls\.pem$}{secrets/tls.key}r ]);

subtest 'httpd -t' => sub {
    takes('submission', vhost('smtp', 'EmailGatewaySMTP submission'));
    takes('in other letters', vhost('smtp', 'EmailGatewaySMTP Bounces'));
    takes('Off needs nothing', vhost('', 'EmailGatewaySMTP off'));
    takes('TLS from the first byte', vhost('smtps', 'EmailGatewaySMTP submission', @tls));
    takes('... switched on by the main server', "SSLEngine On\n" . vhost('smtps', 'EmailGatewaySMTP submission', @tls[1, 2]));
    refuses('... without it', vhost('smtps', 'EmailGatewaySMTP submission', @$_), qr/EG0180: .*TLS from the first byte needs SSLEngine On/)
        for [], [ 'SSLEngine off' ];
    refuses('another word', vhost('smtp', 'EmailGatewaySMTP on'), qr/EmailGatewaySMTP takes submission, bounces or Off, not 'on'/);
    refuses('the main server', 'EmailGatewaySMTP submission', qr/EmailGatewaySMTP stands in a <VirtualHost> with a port/);
    refuses('a Listen without its word', vhost('', 'EmailGatewaySMTP submission'), qr/EG0180: .*needs a Listen with the word smtp/);
    refuses('a Listen for HTTPS', vhost('https', 'EmailGatewaySMTP submission'), qr/EG0180: .*needs a Listen with the word smtp/);
    refuses('no Listen', vhost('smtp', 'EmailGatewaySMTP submission') =~ s/^Listen.*\n//r, qr/EG0180: .*needs a Listen/);
    refuses('a virtual host without a port', vhost('smtp', 'EmailGatewaySMTP submission') =~ s/<VirtualHost 127\.0\.0\.1:$port>/<VirtualHost 127.0.0.1>/r,
        qr/EG0180: .*needs a port/);
    refuses('no EmailGatewayEngine', vhost('smtp', 'EmailGatewaySMTP submission') =~ s/^EmailGatewayEngine.*\n//mr,
        qr/EG0180: .*needs EmailGatewayEngine On/);
    my $smtp = vhost('smtp', 'EmailGatewaySMTP submission');
    my $more = sub { return "<VirtualHost 127.0.0.1:$port>\n" . join('', map { "$_\n" } @_) . "</VirtualHost>\n" };
    takes('a second virtual host of its address', $smtp . $more->('ServerName b.example', 'EmailGatewayEngine On', 'EmailGatewaySMTP submission'));
    for ([ 'one for HTTP', 'ServerName b.example' ], [ 'one for bounces', 'EmailGatewayEngine On', 'EmailGatewaySMTP bounces' ]) {
        my ($what, @directives) = @$_;
        refuses("$what behind it", $smtp . $more->(@directives), qr/EG0180: .*must have the same EmailGatewaySMTP/);
        refuses("$what before it", $more->(@directives) . $smtp, qr/EG0180: .*must have the same EmailGatewaySMTP/);
    }
    refuses('both words', vhost('smtp', 'EmailGatewaySMTP submission') =~ s/<VirtualHost 127\.0\.0\.1:$port>/"Listen 127.0.0.1:" . ($port + 1) . " smtps\n<VirtualHost 127.0.0.1:$port 127.0.0.1:" . ($port + 1) . '>'/er,
        qr/EG0180: /);
};

subtest 'bounds' => sub {
    my %bounds = (MessageMax => [ [ 65536, 67108864 ], [ 65535, 67108865, '36M', -1 ] ],
        RecipientsMax => [ [ 100, 1000 ], [ 99, 1001, 'many' ] ],
        Timeout => [ [ '1s', '1h', '5min' ], [ '0s', '999ms', '61min', 'x' ] ],
        DataTimeout => [ [ '1s', '24h' ], [ '0', '25h' ] ],
        InsecureAuth => [ [ 'On', 'Off' ], [ 'loopback' ] ]);
    for my $name (sort keys %bounds) {
        my ($good, $bad) = @{ $bounds{$name} };
        takes("EmailGatewaySMTP$name $_", "EmailGatewaySMTP$name $_") for @$good;
        refuses("EmailGatewaySMTP$name $_", "EmailGatewaySMTP$name $_", qr/EmailGatewaySMTP$name (?:takes|must be)/) for @$bad;
    }
};

# httpd itself with one port more: 'runs' or the exit status, and its log.
sub start {
    my ($text, $change) = @_;
    my $httpd = EmailGW::Httpd->start($gw, sub { $_[0] .= $text; $change->($_[0]) if $change; });
    return $httpd;
}

sub offers {
    my $smtp = EmailGW::Smtp->connect($port);
    $smtp->say('EHLO client.example');
    return $smtp->{reply};
}

subtest 'at start' => sub {
    my $httpd = start(vhost('smtp', 'EmailGatewaySMTP submission', @tls));
    is($httpd->state, 'runs', 'with certificates') or diag($httpd->log);
    like(offers(), qr/STARTTLS/, '... STARTTLS is offered');
    unlike($httpd->log, qr/EG018/, '... and all is well');
    $httpd->stop;

    $httpd = start(vhost('smtp', 'EmailGatewaySMTP submission'));
    is($httpd->state, 'runs', 'without certificates') or diag($httpd->log);
    unlike(offers(), qr/STARTTLS|AUTH/, '... neither STARTTLS nor AUTH is offered');
    like($httpd->log, qr/:warn\].*EG0182: nobody can hand in mail/, '... which is said');
    $httpd->stop;

    $httpd = start(vhost('smtp', 'EmailGatewaySMTP submission', 'EmailGatewaySMTPInsecureAuth On'), sub { $_[0] =~ s/^LoadModule ssl_module.*\n//m; $_[0] =~ s/^LogLevel ssl.*\n//m });
    is($httpd->state, 'runs', 'without mod_ssl') or diag($httpd->log);
    unlike(offers(), qr/STARTTLS/, '... no STARTTLS is offered');
    $httpd->stop;

    $httpd = start(vhost('smtps', 'EmailGatewaySMTP submission'));
    isnt($httpd->state, 'runs', 'TLS from the first byte without certificates does not start');
    like($httpd->log, qr/EG0180: .*needs SSLEngine On/, '... and what is wrong is said');
    $httpd->stop;
};

# Another address of this machine: connections to it stay inside, and do not come from loopback.
subtest 'without TLS from loopback alone' => sub {
    my ($own) = grep { /^\d+(?:\.\d+){3}\z/ && !/^127\./ } split ' ', scalar `hostname -I`;
    plan skip_all => 'this machine has loopback alone' if !$own;
    my $httpd = start(vhost('smtp', 'EmailGatewaySMTP submission', 'EmailGatewaySMTPInsecureAuth On', @tls) =~ s/127\.0\.0\.1:/$own:/gr);
    is($httpd->state, 'runs', "at $own") or diag($httpd->log);
    for my $case ([ '127.0.0.1', 1 ], [ $own, 0 ]) {
        my ($from, $may) = @$case;
        my $socket = IO::Socket::INET->new(PeerAddr => $own, PeerPort => $port, LocalAddr => $from) or die "$own from $from: $@\n";
        my $smtp = EmailGW::Smtp->connect($port, socket => $socket);
        $smtp->say('EHLO client.example');
        is($smtp->{reply} =~ /^250[- ]AUTH /m ? 1 : 0, $may, "AUTH is offered to $from: $may");
        $smtp->say('AUTH PLAIN AHgAeA==');
        like($smtp->{reply}, $may ? qr/^535 5\.7\.8 / : qr/^538 5\.7\.11 /, '... and looked at: ' . $may);
    }
    $httpd->stop;
};

$gw->log_clean;
done_testing;
