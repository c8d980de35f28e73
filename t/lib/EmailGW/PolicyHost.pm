# MTA-STS policy hosts, all at one port of nginx that has a certificate for each.
#
#     my $hosts = EmailGW::PolicyHost->up('good.example' => { tls => [$chain, $key] },
#         'moved.example' => { tls => [...], conf => 'return 301 https://...;' });
#     $hosts->policy('good.example', "version: STSv1\n...");      # from now on; undef: 404
#     $hosts->port;
#     $hosts->fetched('good.example');                            # how many times so far
#     $hosts->stop; $hosts->start;
package EmailGW::PolicyHost;
use strict;
use warnings;
use EmailGW::Peer;
use File::Temp ();
use Instance;

sub up {
    my ($class, %domains) = @_;
    my $it = bless { temp => File::Temp->newdir('/tmp/emailgw-policies.XXXXXX'), port => Instance::free_port(),
        domains => \%domains }, $class;
    my $dir = "$it->{temp}";
    my $servers = join '', map { $it->server($_, %{ $domains{$_} }) } sort keys %domains;
    Instance::write_file("$dir/nginx.conf", <<"END", 0644);
daemon off;
master_process off;
pid $dir/pid;
error_log $dir/error.log;
events { worker_connections 256; }
http {
    log_format asked '\$host \$request \$status';
    access_log $dir/access.log asked;
    client_body_temp_path $dir/body; proxy_temp_path $dir/proxy; fastcgi_temp_path $dir/fastcgi;
    uwsgi_temp_path $dir/uwsgi; scgi_temp_path $dir/scgi;
    default_type text/plain;
    server_names_hash_bucket_size 128;
$servers}
END
    $it->start;
    return $it;
}

# conf => what stands in the location of the policy beside its file.
sub server {
    my ($it, $domain, %with) = @_;
    my ($chain, $key) = @{ $with{tls} };
    my $conf = $with{conf} // '';
    return <<"END";
    server {
        listen 127.0.0.1:$it->{port} ssl;
        server_name mta-sts.$domain;
        ssl_certificate $chain;
        ssl_certificate_key $key;
        location = /.well-known/mta-sts.txt { alias $it->{temp}/$domain; $conf }
    }
END
}

sub start {
    my ($it) = @_;
    my $dir = "$it->{temp}";
    $it->{peer} = EmailGW::Peer->start('nginx', program => 'usr/sbin/nginx', out => "$dir/out",
        argv => [ '-p', $dir, '-c', "$dir/nginx.conf", '-e', "$dir/error.log" ]);
    $it->{peer}->await_port($it->{port});
}

sub stop { $_[0]{peer}->stop }

sub port { return $_[0]{port} }

sub policy {
    my ($it, $domain, $text) = @_;
    return unlink "$it->{temp}/$domain" if !defined $text;
    Instance::write_file("$it->{temp}/$domain", $text, 0644);
}

# Requests that came as far as being answered.
sub fetched {
    my ($it, $domain) = @_;
    open my $file, '<', "$it->{temp}/access.log" or return 0;
    return scalar grep { /^mta-sts\.\Q$domain\E GET / } <$file>;
}

1;
