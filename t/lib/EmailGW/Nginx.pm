# nginx as a receiver that answers every request with an empty 200, and counts them;
# and as TLS in front of another one.
#
#     my $nginx = EmailGW::Nginx->start;
#     my $nginx = EmailGW::Nginx->start(to => '127.0.0.1:8080', tls => { good => [$chain, $key] });
#     $nginx->tls_port('good');
package EmailGW::Nginx;
use strict;
use warnings;
use EmailGW::Peer;
use File::Temp ();
use HTTP::Tiny;
use Instance;
use Time::HiRes qw(sleep time);

sub start {
    my ($class, %with) = @_;
    my $it = bless { temp => File::Temp->newdir('/tmp/emailgw-nginx.XXXXXX'), port => Instance::free_port(),
        asked => 0, agent => HTTP::Tiny->new(timeout => 10, no_proxy => '127.0.0.1') }, $class;
    my $dir = "$it->{temp}";
    my $tls = join '', map { $it->tls_server($_, $with{to}, @{ $with{tls}{$_} }) } sort keys %{ $with{tls} // {} };
    Instance::write_file("$dir/nginx.conf", <<"END", 0644);
daemon off;
master_process off;
pid $dir/pid;
error_log $dir/error.log;
events { worker_connections 1024; }
http {
    access_log off;
    keepalive_requests 1000000;
    client_body_temp_path $dir/body; proxy_temp_path $dir/proxy; fastcgi_temp_path $dir/fastcgi;
    uwsgi_temp_path $dir/uwsgi; scgi_temp_path $dir/scgi;
    server {
        listen 127.0.0.1:$it->{port};
        location / { return 200; }
        location = /status { stub_status; }
    }
$tls}
END
    $it->{peer} = EmailGW::Peer->start('nginx', program => 'usr/sbin/nginx', out => "$dir/out",
        argv => [ '-p', $dir, '-c', "$dir/nginx.conf", '-e', "$dir/error.log" ]);
    $it->{peer}->await_port($it->{port});
    return $it;
}

# A port with a certificate, that passes on what it gets.
sub tls_server {
    my ($it, $name, $to, $chain, $key) = @_;
    my $port = $it->{tls}{$name} = Instance::free_port();
    return <<"END";
    server {
        listen 127.0.0.1:$port ssl;
        ssl_certificate $chain;
        ssl_certificate_key $key;
        location / { proxy_pass http://$to; }
    }
END
}

sub tls_port {
    my ($it, $name) = @_;
    return $it->{tls}{$name};
}

sub address {
    my ($it) = @_;
    return "127.0.0.1:$it->{port}";
}

# Requests so far, without our own questions.
sub count {
    my ($it) = @_;
    my $reply = $it->{agent}->get('http://' . $it->address . '/status');
    $reply->{content} =~ /^ \d+ \d+ (\d+)/m or die "nginx: no counters: $reply->{status} $reply->{content}\n";
    return $1 - ++$it->{asked};
}

# Waits until there have been so many; nothing after so many seconds.
sub wait_count {
    my ($it, $wanted, $seconds) = @_;
    my $deadline = time + $seconds;
    while ($it->count < $wanted) {
        return if time > $deadline;
        sleep 0.01;
    }
    return time;
}

1;
