# Several virtual hosts with SMTP at one address: the one that a client names when TLS
# begins (SNI) is the one that it talks to, with its account and its limits.
use EmailGW;
use EmailGW::Httpd ();
use EmailGW::Smtp;
use Instance;

my ($starttls, $implicit) = map { Instance::free_port() } 1 .. 2;
my @tls = ('SSLEngine On', 'SSLCertificateFile ${INSTANCE_DIR}/conf/tls.pem', 'SSLCertificateKeyFile ${INSTANCE_DIR}/secrets/tls.key');

sub vhosts {
    my ($port, $word, $tenant) = @_;
    my $vhost = sub {
        return join '', map { "$_\n" } "<VirtualHost 127.0.0.1:$port>", 'EmailGatewayEngine On', 'EmailGatewaySMTP submission', @tls, @_, '</VirtualHost>';
    };
    return "Listen 127.0.0.1:$port $word\n" . $vhost->('ServerName first.example')
        . $vhost->('ServerName tenant.example', 'ServerAlias mail.tenant.example *.wild.example', "EmailGatewayAccount $tenant", 'EmailGatewaySMTPMessageMax 65536');
}

my $gw = EmailGW->up(RATE => 'off');
my @accounts = map { $gw->new_account } 1 .. 2;
my @logins = map { [ (EmailGW::Smtp::login($gw, $_))[ 0, 1 ] ] } @accounts;
my $httpd = EmailGW::Httpd->start($gw, sub { $_[0] .= vhosts($starttls, 'smtp', $accounts[0]{account_id}) . vhosts($implicit, 'smtps', $accounts[0]{account_id}) });
is($httpd->state, 'runs', 'two virtual hosts at each of two ports') or diag($httpd->log);

# By port and name: who greets last, the limit, and what is said to the login of the one account and of the other.
my ($status, $out, $err) = EmailGW::run_command('', 'python3', $gw->file('names.py', <<'END_OF_PROGRAM'), $starttls, $implicit, $gw->env('CA_FILE'), map { @$_ } @logins);
import base64, socket, ssl, sys
starttls, implicit, ca, *logins = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
context.check_hostname = False
def read(s):
    data = b''
    while not data.endswith(b'\n') or data.splitlines()[-1][3:4] == b'-':
        data += s.recv(4096)
    return data.decode()
def say(s, line):
    s.sendall(line.encode() + b'\r\n')
    return read(s)
def connect(port, name):
    s = socket.create_connection(('127.0.0.1', int(port)), 20)
    if port == starttls:
        read(s); say(s, 'EHLO x'); say(s, 'STARTTLS')
    s = context.wrap_socket(s, server_hostname=name)
    if port == implicit:
        read(s)
    return s, say(s, 'EHLO x').splitlines()
def log_in(port, name, user, password):
    return say(connect(port, name)[0], 'AUTH PLAIN ' + base64.b64encode(('\0' + user + '\0' + password).encode()).decode())[:3]
for name in None, 'first.example', 'unknown.example', 'TENANT.example', 'mail.tenant.example', 'x.wild.example':
    for port in starttls, implicit:
        lines = connect(port, name)[1]
        size = [line[9:] for line in lines if line[4:8] == 'SIZE']
        print(name, lines[0][4:], *size, log_in(port, name, *logins[:2]), log_in(port, name, *logins[2:]))
END_OF_PROGRAM
is($out, join('', map { ("$_\n") x 2 } (map { "$_ first.example 37748736 235 235" } qw(None first.example unknown.example)),
    (map { "$_ tenant.example 65536 235 535" } qw(TENANT.example mail.tenant.example x.wild.example))),
    'each by STARTTLS and from the first byte') or diag($err);
$httpd->stop;

$gw->log_clean;
done_testing;
