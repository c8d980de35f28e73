# httpd beside the one of the instance: its configuration with changes, on a port of
# its own. And requests to virtual hosts by name.
#
#     my $httpd = EmailGW::Httpd->start($gw, sub { $_[0] =~ s/^LoadModule emailgw.*\n//m });
#     $httpd->state;                 # 'runs', or the exit status of one that did not start
#     $httpd->log;                   # what it said
#     ask($httpd->address, 'shop.test', 'GET', '/api.php')->{status};
#     $httpd->stop;
#     site_dir();                    # a folder for documents that httpd can read
#     put($dir, 'api/.htaccess', $text);
#     vhost('shop.test', "$dir/shop", @directives);    # a text for HTTPD_CONF
package EmailGW::Httpd;
use strict;
use warnings;
use Exporter 'import';
use File::Temp ();
use Instance;
use Instance::Process;
use IO::Socket::INET;
use JSON::PP ();
use POSIX ();
use Time::HiRes qw(sleep time);
use EmailGW;

our @EXPORT = qw(ask site_dir put vhost);
my $json = JSON::PP->new->utf8->canonical->allow_nonref;
my %running; # pid => owner's

END {
    my $status = $?;
    for my $pid (grep { $running{$_} == $$ } keys %running) {
        kill 'TERM', $pid;
        waitpid $pid, 0;
    }
    $? = $status;
}

# ---- a server ---------------------------------------------------------------

# Returns when it answers or has ended.
sub start {
    my ($class, $gw, $change) = @_;
    my $it = bless { temp => site_dir(), port => Instance::free_port() }, $class;
    my $dir = "$it->{temp}";
    my $text = EmailGW::slurp($gw->env('HTTPD_CONF'));
    my ($old) = $text =~ /^Listen 127\.0\.0\.1:(\d+)/m;
    $text =~ s/\b$old\b/$it->{port}/g;
    $text =~ s{^Listen \S+ smtps?\n<VirtualHost.*?^</VirtualHost>\n}{}gms; # those ports are the instance's
    $text =~ s{^PidFile .*}{PidFile $dir/pid}m;
    $text =~ s{^ErrorLog .*}{ErrorLog $dir/log}m;
    $text =~ s{^CustomLog .*\n}{}m;
    $change->($text);
    put($dir, 'conf', $text);
    $it->{pid} = fork() // die "fork: $!\n";
    if ($it->{pid} == 0) {
        POSIX::setsid();
        %ENV = (%ENV, $gw->httpd_env);
        open STDOUT, '>', "$dir/out";
        open STDERR, '>&', \*STDOUT;
        exec '/usr/sbin/apache2', '-f', "$dir/conf", '-DFOREGROUND' or POSIX::_exit(127);
    }
    $running{ $it->{pid} } = $$;
    my $deadline = time + 20;
    while (!$it->ended && time < $deadline) {
        last if -s "$dir/pid" && IO::Socket::INET->new(PeerAddr => $it->address);
        sleep 0.02;
    }
    return $it;
}

sub ended {
    my ($it) = @_;
    if (!defined $it->{status} && waitpid($it->{pid}, POSIX::WNOHANG()) == $it->{pid}) {
        $it->{status} = $? >> 8;
        delete $running{ $it->{pid} };
    }
    return defined $it->{status};
}

sub state {
    my ($it) = @_;
    return $it->ended ? $it->{status} : 'runs';
}

sub address { return "127.0.0.1:$_[0]{port}" }

sub log {
    my ($it) = @_;
    return join '', map { EmailGW::slurp("$it->{temp}/$_") } grep { -e "$it->{temp}/$_" } qw(log out);
}

sub stop {
    my ($it) = @_;
    return if $it->ended;
    kill 'TERM', $it->{pid};
    waitpid $it->{pid}, 0;
    $it->{status} = $? >> 8;
    delete $running{ $it->{pid} };
}

# ---- documents and virtual hosts --------------------------------------------

sub site_dir {
    my $dir = File::Temp->newdir('/tmp/emailgw-test.XXXXXX');
    chmod 0755, "$dir";
    return $dir;
}

# A file below a folder, with the folders that lead to it.
sub put {
    my ($dir, $path, $text) = @_;
    my $at = "$dir";
    for my $part (split m{/}, $path =~ s{/?[^/]*\z}{}r) {
        $at .= "/$part";
        mkdir $at, 0755;
    }
    Instance::write_file("$dir/$path", $text, 0644);
}

# Its name has the port 80, so that what httpd writes into redirects is the same on every port.
sub vhost {
    my ($name, $root, @directives) = @_;
    return join "\n", "<VirtualHost 127.0.0.1:\${INSTANCE_PORT}>", "ServerName $name:80", "DocumentRoot $root",
        "<Directory $root>", 'Require all granted', 'AllowOverride All', '</Directory>', @directives, "</VirtualHost>\n";
}

# ---- requests ---------------------------------------------------------------

# One request on a connection of its own. key => sender key, json => data or body =>
# bytes, headers => {...}, after => bytes behind the header as they are. Returns {status, headers, body, json}, and as {bytes} all
# that came but the Date, and with a sorted Allow: httpd has its methods in an order
# that each process rolls the dice for.
sub ask {
    my ($address, $host, $method, $path, %with) = @_;
    my %header = (Host => $host, Connection => 'close', %{ $with{headers} // {} });
    my $body = exists $with{json} ? $json->encode($with{json}) : $with{body};
    $header{Authorization} = "Bearer $with{key}" if defined $with{key};
    if (defined $body) {
        $header{'Content-Type'} //= 'application/json';
        $header{'Content-Length'} = length $body;
    }
    my $bytes = exchange($address, join "\r\n", "$method $path HTTP/1.1", (map { "$_: $header{$_}" } sort keys %header),
        '', $body // $with{after} // '');
    $bytes =~ s/^Date: [^\r\n]*\r\n//m;
    $bytes =~ s/^(Allow: )([^\r\n]*)/$1 . join ',', sort split m{, *}, $2/me;
    my ($status, $lines, $content) = $bytes =~ m{\AHTTP/1\.1 (\d+)[^\r\n]*\r\n(.*?)\r\n\r\n(.*)\z}s;
    return { bytes => $bytes, status => $status // 0, body => $content // '',
        headers => { map { /^([^:]+):\s*(.*)/ ? (lc $1, $2) : () } split /\r\n/, $lines // '' },
        json => scalar eval { $json->decode($content) } };
}

sub exchange {
    my ($address, $bytes) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => $address, Timeout => 10) or die "$address: $!\n";
    my $reply = '';
    print {$socket} $bytes;
    local $SIG{ALRM} = sub { die "$address does not answer\n" };
    alarm 30;
    1 while sysread $socket, $reply, 65536, length $reply;
    alarm 0;
    return $reply;
}

1;
