# Where the gateway is off, a site is byte for byte what it is under an httpd that
# does not load the module; where it is on, the gateway's paths are its own, however
# the site hands out its other paths. Under each MPM.
use EmailGW;
use EmailGW::Backend;
use EmailGW::Httpd;
use Instance::Config;

my $backend = EmailGW::Backend->up;
my %wordpress = ('index.php' => 'front controller', 'blog/index.html' => 'blog');
my $to_index = "RewriteEngine On\nRewriteBase /\nRewriteRule ^index\\.php\$ - [L]\n"
    . "RewriteCond %{REQUEST_FILENAME} !-f\nRewriteCond %{REQUEST_FILENAME} !-d\nRewriteRule . /index.php [L]\n";
my $php_socket = 'proxy:unix:' . $backend->socket . '|fcgi://localhost/';
my %php = ('api.php' => '<?php the site\'s own', 'index.php' => '<?php', 'other.php' => '<?php');

# A site: files, directives of its virtual host (ROOT is the document root), lines of
# its .htaccess. proxied => paths that never come to a directory, so that nothing in
# a directory counts for them. denied => the site lets no path of ours through to
# any handler, also where the gateway is on. renamed => what httpd takes for another
# URL before it looks for the <Location> that applies.
my @sites = (
    { what => 'no file of these names', files => { 'index.html' => 'index' } },
    { what => 'files of these names', files => { %php, 'api/v1/email' => 'e', 'api/v1/events' => "\0\xff" } },
    { what => 'folders of these names',
        files => { 'api.php/index.html' => 'a', 'api/v1/email/index.html' => 'e', 'api/v1/events/index.html' => 'v' } },
    { what => 'WordPress\' rewrites in .htaccess', files => { %wordpress, %php }, htaccess => $to_index },
    { what => 'these with php-fpm', files => { %wordpress }, htaccess => $to_index,
        vhost => "<FilesMatch \\.php\$>\nSetHandler \"$php_socket\"\n</FilesMatch>" },
    { what => 'the same rewrites in <Directory>', files => { %wordpress }, vhost => "<Directory ROOT>\n$to_index</Directory>" },
    { what => 'RewriteRule to a front controller in the virtual host', files => { %php },
        vhost => "RewriteEngine On\nRewriteCond %{REQUEST_URI} !^/index\\.php\nRewriteRule ^/ /index.php [L]" },
    { what => 'RewriteRule with PT', renamed => 1, files => { 'sub/index.html' => 'sub' },
        vhost => "Alias /hidden ROOT/sub\nRewriteEngine On\nRewriteRule ^/(?!hidden) /hidden/index.html [PT]" },
    { what => 'RewriteRule to another server in the virtual host', files => {}, proxied => qr{^/},
        vhost => "RewriteEngine On\nRewriteRule ^/(.*) http://" . $backend->http . '/$1 [P]' },
    { what => 'RewriteRule to another server in .htaccess', files => {},
        htaccess => "RewriteEngine On\nRewriteRule (.*) http://" . $backend->http . "/\$1 [P]\n" },
    { what => 'FallbackResource in the virtual host', files => { %wordpress }, vhost => 'FallbackResource /index.php' },
    { what => 'FallbackResource in .htaccess', files => { %php }, htaccess => "FallbackResource /index.php\n" },
    { what => 'SetHandler to php-fpm\'s socket', files => { %php },
        vhost => "<FilesMatch \\.php\$>\nSetHandler \"$php_socket\"\n</FilesMatch>" },
    { what => 'SetHandler to php-fpm\'s port for all, in .htaccess', files => { %php },
        htaccess => 'SetHandler "proxy:fcgi://' . $backend->fcgi . "/\"\n" },
    { what => 'AddHandler to php-fpm', files => { %php }, htaccess => "AddHandler \"proxy:fcgi://" . $backend->fcgi . "/\" .php\n" },
    { what => 'ProxyPassMatch to php-fpm', files => { %php }, proxied => qr{^/+(?:\w+\.php)},
        vhost => 'ProxyPassMatch ^/(.*\.php(/.*)?)$ fcgi://' . $backend->fcgi . 'ROOT/$1' },
    { what => 'ProxyPass', files => {}, proxied => qr{^/},
        vhost => 'ProxyPass / http://' . $backend->http . "/\nProxyPassReverse / http://" . $backend->http . '/' },
    { what => 'ProxyPass in <Location>', files => { %php }, proxied => qr{^/api/},
        vhost => "<Location /api/>\nProxyPass http://" . $backend->http . "/v/\n</Location>" },
    { what => 'MultiViews', files => { %php, 'other.html' => 'o', 'blog.html' => 'b' },
        vhost => "<Directory ROOT>\nOptions +MultiViews\nAddType text/x-php .php\nAddType text/html .html\n</Directory>" },
    { what => 'MultiViews with php-fpm', files => { %php },
        htaccess => "Options +MultiViews\nAddHandler \"proxy:fcgi://" . $backend->fcgi . "/\" .php\nAddType text/x-php .php\n" },
    { what => 'Alias', files => { 'index.html' => 'i', 'elsewhere/x.php' => 'aliased' },
        vhost => "AliasMatch ^/api(?:\\.php|/.*)\$ ROOT/elsewhere/x.php" },
    { what => 'a tenant\'s SetHandler', files => { %php, 'api/v1/email' => 'e' }, htaccess => "SetHandler emailgw\n" },
    { what => 'a tenant\'s AddHandler and Action', files => { %php, 'api/v1/email' => 'e' },
        htaccess => "AddHandler emailgw .php\n<FilesMatch .>\nForceType text/x-mine\n</FilesMatch>\n" },
    { what => 'the site\'s own ways to its api.php', files => { %php },
        htaccess => "DirectoryIndex api.php\nErrorDocument 404 /api.php\nRewriteEngine On\nRewriteRule ^blog/ /api.php [L]\n" },
    { what => 'Redirect', files => { %php }, denied => 1,
        htaccess => "RedirectMatch 301 ^/+(api.*) https://else.example/\$1\n" },
    { what => 'what is forbidden', files => { %php }, denied => 1, vhost => "<LocationMatch ^/api>\nRequire all denied\n</LocationMatch>" },
    { what => 'what a RewriteRule forbids', files => { %php }, denied => 1,
        htaccess => "RewriteEngine On\nRewriteRule ^api - [F]\n" },
);

# Ways to switch it: in the virtual host, in .htaccess; on => what counts for it.
my @ways = (
    { name => 'silent' },
    { name => 'no-permission', vhost => "EmailGatewayEngine Off\nEmailGateway On\n<Location />\nEmailGateway On\n</Location>",
        htaccess => 'EmailGateway On' },
    { name => 'not-on', vhost => 'EmailGatewayEngine On' },
    { name => 'off', vhost => "EmailGatewayEngine On\nEmailGateway Off" },
    { name => 'off-below', vhost => "EmailGatewayEngine On\nEmailGateway On\n<Location />\nEmailGateway Off\n</Location>" },
    { name => 'elsewhere', vhost => "EmailGatewayEngine On\n<Location /gateway>\nEmailGateway On\n</Location>" },
    { name => 'on', vhost => "EmailGatewayEngine On\nEmailGateway On", on => 'server' },
    { name => 'location', vhost => "EmailGatewayEngine On\n<Location /api>\nEmailGateway On\n</Location>\n"
            . "<Location /api.php>\nEmailGateway On\n</Location>", on => 'location' },
    { name => 'directory', vhost => "EmailGatewayEngine On\n<Directory ROOT>\nEmailGateway On\n</Directory>", on => 'directory' },
    { name => 'htaccess', vhost => 'EmailGatewayEngine On', htaccess => 'EmailGateway On', on => 'directory' },
);
my %in_short = map { $_ => 1 } qw(off on htaccess); # enough for the second and third MPM

my $dir = site_dir();
my $conf = join '', map { "LoadModule ${_}_module /usr/lib/apache2/modules/mod_$_.so\n" }
    qw(alias negotiation rewrite proxy proxy_http proxy_fcgi);
my $of_module = sub { defined $_[0] ? "<IfModule emailgw_module>\n$_[0]\n</IfModule>" : '' };
for my $number (0 .. $#sites) {
    my $site = $sites[$number];
    for my $way (@ways) {
        my $at = "$number/$way->{name}";
        my $root = "$dir/$at";
        put($dir, "$at/$_", $site->{files}{$_}) for keys %{ $site->{files} };
        put($dir, "$at/.htaccess", join "\n", $site->{htaccess} // '', $of_module->($way->{htaccess}), '');
        my @directives = map { s/ROOT/$root/gr } $site->{vhost} // '', $of_module->($way->{vhost});
        $conf .= vhost("$way->{name}.$number.test", $root, @directives);
    }
}

# [what is asked, method, path, body]; what the gateway answers, as a line, where it is on.
my $key;
my %mail = (From => { email => 'sender@example.com', name => '' }, To => [ { email => 'r@example.org', name => '' } ],
    Subject => 'S', ContentType => 'plain', PlainContent => 'P');
my @requests = (
    [ GET => '/api.php', undef, '400 application/json 100001 Allow: POST' ],
    [ POST => '/api.php', sub { { Command => 'EmailGateway.GetDomains', APIKey => 'none' } }, '200 application/json 99998' ],
    [ POST => '//api.php', sub { {} }, '400 application/json 100003' ],
    [ GET => '/api/v1/events', undef, '200 application/json events' ],
    [ HEAD => '/api/v1/events', undef, '200 application/json' ],
    [ POST => '/api/v1/email', sub { \%mail }, '200 application/json mail' ],
    [ OPTIONS => '/api/v1/email', undef, '405 application/json 405 Allow: POST' ],
    [ GET => '/e/o/token', undef, '200 image/gif' ],
    [ HEAD => '/e/c/token?u=x', undef, '404 text/html; charset=utf-8' ],
    [ POST => '/e/u/token', sub { {} }, '404 text/html; charset=utf-8' ],
    [ PUT => '/e/o/token', sub { {} }, '405 application/json 405 Allow: GET,HEAD' ],
    [ GET => '/' ],
    [ GET => '/e/x/token' ],
    [ GET => '/e/' ],
    [ GET => '/other.php' ],
    [ POST => '/blog/post?x=1', sub { { a => 1 } } ],
    [ GET => '/api.php/more' ],
    [ GET => '/api/v1/' ],
    [ GET => '/API/v1/email' ],
);

sub is_on {
    my ($site, $way, $path) = @_;
    my $is_link = $path =~ m{^/e/}; # no site denies these, and no way that says a <Location> has them
    return 0 if !$way->{on} || ($site->{denied} && !$is_link);
    return 0 if $way->{on} eq 'location' && ($site->{renamed} || $is_link);
    return !($way->{on} eq 'directory' && $site->{proxied} && $path =~ $site->{proxied});
}

sub summary {
    my ($reply) = @_;
    my $answer = $reply->{json} // {};
    return join ' ', $reply->{status}, $reply->{headers}{'content-type'} // 'no type',
        grep { defined } $answer->{ErrorCode} // ($answer->{Errors} // [])->[0]{Code}, $answer->{Events} && 'events',
        $answer->{MessageID} && 'mail', $reply->{headers}{allow} && "Allow: $reply->{headers}{allow}";
}

sub ask_for {
    my ($address, $host, $request) = @_;
    my ($method, $path, $body) = @$request;
    # What a client accepts is for content negotiation to find: none of the site's files is JSON.
    return ask($address, $host, $method, $path, key => $key, headers => { Accept => 'application/json' },
        $body ? (json => $body->()) : ());
}

my %as_ever; # host => request => what httpd answers without the module

# The same sites, the module not loaded.
sub without_module {
    my ($gw) = @_;
    return EmailGW::Httpd->start($gw, sub {
        $_[0] =~ s/^(?:LoadModule emailgw_module|LogLevel emailgw:| *EmailGateway).*\n//mg;
    });
}

for my $mpm (Instance::Config::mpms()) {
    my $gw = EmailGW->up(HTTPD_MPM => $mpm, HTTPD_CONF => \$conf, RATE => 'off');
    $key = $gw->env('SENDER_KEY');
    my ($ours) = $gw->env('BASE_URL') =~ m{//(.*)};
    my $other = without_module($gw);
    is($other->state, 'runs', "$mpm: httpd without the module runs") or diag($other->log);
    for my $number (0 .. $#sites) {
        my $site = $sites[$number];
        subtest "$mpm: $site->{what}" => sub {
            for my $way (grep { $mpm eq 'event' || $in_short{ $_->{name} } } @ways) {
                my $host = "$way->{name}.$number.test";
                my (@wrong, @answers);
                for my $request (@requests) {
                    my ($method, $path, undef, $expected) = @$request;
                    my $on = is_on($site, $way, $path);
                    my $reply = ask_for($ours, $host, $request);
                    if ($on && defined $expected) {
                        push @wrong, "$method $path: $reply->{bytes}" if summary($reply) ne $expected;
                        next;
                    }
                    my $as_ever = $as_ever{$host}{$request} //= ask_for($other->address, $host, $request);
                    push @wrong, "$method $path: $reply->{bytes}\ninstead of $as_ever->{bytes}"
                        if $reply->{bytes} ne $as_ever->{bytes};
                    push @answers, $as_ever->{status};
                }
                is(join("\n", @wrong), '', "$way->{name}: " . ($way->{on} ? 'ours, and the rest' : '') . " untouched: @answers");
            }
        };
    }
    $other->stop;
    $gw->down;
}
done_testing;
