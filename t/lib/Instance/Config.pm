# The configuration files of an instance, as texts.
package Instance::Config;
use strict;
use warnings;

# Appended to what initdb wrote. Durable like production: what is measured and
# killed here must behave as it would there.
sub postgres {
    my ($it) = @_;
    return <<"END";
listen_addresses = '127.0.0.1'
port = $it->{POSTGRES_PORT}
unix_socket_directories = '$it->{RUN}/run'
max_connections = 400
shared_buffers = 128MB
fsync = on
synchronous_commit = on
logging_collector = off
log_line_prefix = '%m [%p] %q%u\@%d '
END
}

# A libpq string for one role over the unix socket.
sub dsn {
    my ($it, $user, @more) = @_;
    return join ' ', "host=$it->{RUN}/run port=$it->{POSTGRES_PORT} dbname=emailgw user=$user", @more;
}

# Few spare threads are enough: httpd warns where it cannot have as many as it wants.
my $threads = "StartServers 2\nServerLimit 8\nThreadsPerChild 25\nMaxRequestWorkers 100\nMinSpareThreads 10\nMaxSpareThreads 100\n";
my %mpm = (
    event => $threads,
    worker => $threads,
    prefork => "StartServers 4\nMaxRequestWorkers 32\n",
);

sub mpms {
    return sort keys %mpm;
}

sub httpd {
    my ($it, $module) = @_;
    my $modules = '/usr/lib/apache2/modules';
    my $run = $it->{RUN};
    my $load = join '', map { "LoadModule ${_}_module $modules/mod_$_.so\n" }
        "mpm_$it->{HTTPD_MPM}", qw(authz_core dbd dir mime reqtimeout ssl);
    my $user = $> == 0 ? "User nobody\nGroup #" . (getpwnam 'nobody')[3] . "\n" : '';
    my $dbd = dsn($it, 'emailgw_module', 'connect_timeout=2', 'application_name=mod_emailgw',
        q(options='-c plan_cache_mode=force_generic_plan -c statement_timeout=20000 -c lock_timeout=10000 -c idle_in_transaction_session_timeout=10000'));
    my $webhooks = length $it->{WEBHOOK_ALLOW} ? "EmailGatewayWebhookAllow $it->{WEBHOOK_ALLOW}\n" : '';
    my $resolver = length $it->{RESOLVER} ? "EmailGatewayResolver $it->{RESOLVER}\n" : '';
    my $rates = $it->{RATE} eq 'off' ? "EmailGatewayRate off\nEmailGatewayAuthFailures off\n" : '';
    my $extra = length $it->{HTTPD_CONF} ? "Include $it->{HTTPD_CONF}\n" : '';
    my $smtp = join '', smtp($it, $it->{SUBMISSION_PORT}, 'smtp', 'submission'),
        smtp($it, $it->{SUBMISSIONS_PORT}, 'smtps', 'submission'), smtp($it, $it->{BOUNCE_PORT}, 'smtp', 'bounces');

    return <<"END";
# INSTANCE_DIR and INSTANCE_PORT are for what HTTPD_CONF includes.
Define INSTANCE_DIR $run
Define INSTANCE_PORT $it->{HTTPD_PORT}
ServerRoot $run
ServerName localhost
DefaultRuntimeDir $run/run
PidFile $run/run/httpd.pid
Listen 127.0.0.1:$it->{HTTPD_PORT}
$user$load$mpm{$it->{HTTPD_MPM}}
TypesConfig /dev/null
ErrorLog $run/logs/error.log
LogLevel warn
LogFormat "%h %t \\"%r\\" %>s %b %D" plain
CustomLog $run/logs/access.log plain
RequestReadTimeout header=20-40,MinRate=500 body=20,MinRate=500
DocumentRoot $run/htdocs
<Directory />
    AllowOverride None
    Require all denied
</Directory>
<Directory $run/htdocs>
    Require all granted
</Directory>

# DBDMax is at least ThreadsPerChild, so that no thread waits for a connection.
DBDriver pgsql
DBDParams "$dbd"
DBDMin 1
DBDKeep 16
DBDMax 32
DBDExptime 300

LoadModule emailgw_module $module
LogLevel emailgw:info
EmailGatewaySecretFile $run/secrets/secret
EmailGatewaySenderKeyFile $run/secrets/sender.key.pub
EmailGatewayMailHost mail.example.net
EmailGatewayTrackingSpool $run/spool
$resolver$webhooks$rates<VirtualHost 127.0.0.1:$it->{HTTPD_PORT}>
    ServerName localhost
    EmailGatewayEngine On
    EmailGateway On
</VirtualHost>

# mod_ssl warns when it was built with another OpenSSL than is loaded.
LogLevel ssl:error
$smtp$extra
END
}

# A port that takes mail.
sub smtp {
    my ($it, $port, $word, $mode) = @_;
    return <<"END";
Listen 127.0.0.1:$port $word
<VirtualHost 127.0.0.1:$port>
    ServerName localhost
    EmailGatewayEngine On
    EmailGatewaySMTP $mode
    SSLEngine On
    SSLCertificateFile $it->{RUN}/conf/tls.pem
    SSLCertificateKeyFile $it->{RUN}/secrets/tls.key
</VirtualHost>
END
}

# One process's file; number 1 is also emailgwctl's.
sub sender {
    my ($it, $number) = @_;
    my $run = $it->{RUN};
    my $database = dsn($it, 'emailgw_sender', 'connect_timeout=5', 'application_name=emailgw-sender');
    my $admin = dsn($it, 'postgres', 'application_name=emailgwctl');
    my $extra = length $it->{SENDER_CONF} ? "include = $run/conf/extra-sender.conf\n" : '';

    return <<"END";
database = $database
admin_database = $admin
secret_file = $run/secrets/secret
sender_key_file = $run/secrets/sender.key
transport = $it->{TRANSPORT}
outbox = $run/outbox
log_file = $run/logs/sender.log
log_level = info
pid_file = $run/run/sender-$number.pid
webhook_allow = $it->{WEBHOOK_ALLOW}
resolver = $it->{RESOLVER}
mail_host = mail.example.net
mx_private = yes
$extra
END
}

1;
