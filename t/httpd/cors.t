# EmailGatewayCORS: what browsers are told of the answers to pages of other origins,
# before such a request and with every answer to it.
use EmailGW;
use EmailGW::Httpd;

my $gw = EmailGW->up;
my ($mine, $dir) = ($gw->new_account, site_dir());
my ($app, $any) = ('https://app.example.com', 'https://any.example:8443');
put($dir, 'index.html', 'index');
my $httpd = EmailGW::Httpd->start($gw, sub {
    my $on = "EmailGatewayEngine On\nEmailGateway On";
    $_[0] .= join '', vhost('none.test', "$dir", $on), vhost('off.test', "$dir", "EmailGateway On\nEmailGatewayCORS *"),
        vhost('list.test', "$dir", $on, "EmailGatewayCORS http://localhost:3000,$app", 'EmailGatewayMaxBody 65536',
            "<Location /api/v1/webhooks>\nEmailGatewayCORS none\n</Location>"),
        vhost('small.test', "$dir", $on, "EmailGatewayCORS $app", 'LimitRequestBody 1000'),
        vhost('star.test', "$dir", $on, 'EmailGatewayCORS *');
});
is($httpd->state, 'runs', 'httpd runs') or diag($httpd->log);

sub from {
    my ($origin, $host, $method, $path, %with) = @_;
    my %headers = (defined $origin ? (Origin => $origin) : (), %{ delete $with{headers} // {} });
    return ask($httpd->address, $host, $method, $path, headers => \%headers, %with);
}

sub preflight {
    my ($origin, $host, $path, $method) = @_;
    return from($origin, $host, 'OPTIONS', $path, headers => { 'Access-Control-Request-Method' => $method // 'POST',
        'Access-Control-Request-Headers' => 'authorization,content-type,idempotency-key' });
}

# The headers of CORS, and Vary.
sub cors {
    my ($reply) = @_;
    my $headers = $reply->{headers};
    return join '; ', map { "$_: $headers->{$_}" } grep { /^(?:access-control-|vary)/ } sort keys %$headers;
}
my $shared = 'access-control-expose-headers: Idempotent-Replayed, Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset';

subtest 'the question before a request' => sub {
    for my $case ([ '/api/v1/email', 'POST' ], [ '/api/v1/events', 'GET, HEAD' ], [ '/api.php', 'POST' ],
        [ '/api/v1/email/batch', 'POST' ], [ '/api/v1/email/x', 'GET, HEAD, DELETE, PATCH' ]) {
        my ($path, $methods) = @$case;
        for my $origin ($app, 'http://localhost:3000') {
            my $reply = preflight($origin, 'list.test', $path);
            is("$reply->{status} '$reply->{body}'", "204 ''", "$path: answered");
            is(cors($reply), 'access-control-allow-headers: Authorization, Content-Type, Idempotency-Key; '
                . "access-control-allow-methods: $methods; access-control-allow-origin: $origin; $shared; "
                . 'access-control-max-age: 3600; vary: Origin', '... with all that the request needs, and no credentials');
        }
    }
    my $reply = preflight($any, 'star.test', '/api/v1/webhooks', 'DELETE');
    is("$reply->{status} $reply->{headers}{'access-control-allow-origin'} $reply->{headers}{'access-control-allow-methods'}",
        "204 $any POST, GET, HEAD, DELETE", '* is any origin, told by its name');
};

subtest 'no such question' => sub {
    for my $case ([ $any, 'another origin' ], [ 'null', 'a page without one' ], [ undef, 'none at all' ], [ "$app.evil.example", 'one that begins alike' ],
        [ "$app, $any", 'two' ], [ uc $app, 'upper case' ], [ "$app/", 'one with a path' ], [ '*', '*' ]) {
        my $reply = preflight($case->[0], 'list.test', '/api/v1/email');
        is("$reply->{status} $reply->{headers}{allow}", '405 POST', "$case->[1]: 405");
        is(cors($reply), 'vary: Origin', '... and nobody is let in');
    }
    is(cors(preflight($_, 'star.test', '/api/v1/email')), 'vary: Origin', "$_ is not any") for 'null', '*';
    my $reply = from($app, 'list.test', 'OPTIONS', '/api/v1/email');
    is($reply->{status}, 405, 'OPTIONS that asks for nothing');
    is(cors($reply), "access-control-allow-origin: $app; $shared; vary: Origin", '... which the page may read');
    is(cors(preflight($app, 'list.test', '/')), '', 'a path that is the site\'s');
    is(cors(preflight($app, 'list.test', '/api/v1/webhooks')), '', 'a location without CORS');
};

subtest 'where it is not on' => sub {
    for my $host (qw(none.test off.test)) {
        for my $ask (sub { preflight(@_) }, sub { from($_[0], $_[1], 'GET', $_[2]) }, sub { from($_[0], $_[1], 'OPTIONS', $_[2]) }) {
            my ($with, $without) = map { $ask->($_, $host, '/api/v1/events') } $app, undef;
            is($with->{bytes}, $without->{bytes}, "$host: an origin changes nothing");
            is(cors($with), '', '... and is not answered');
        }
    }
    is(preflight($app, 'none.test', '/api/v1/email')->{status}, 405, 'OPTIONS is a method as others');
};

subtest 'answers' => sub {
    my $may = "access-control-allow-origin: $app; $shared; vary: Origin";
    my %mail = (From => { email => "a\@$mine->{domain}", name => '' }, To => [ { email => 'r@example.org', name => '' } ],
        Subject => 'S', ContentType => 'plain', PlainContent => 'P');
    my $chunked = { 'Transfer-Encoding' => 'chunked', 'Content-Type' => 'application/json' };
    my @cases = (
        [ 200, 'a mail', 'list.test', 'POST', '/api/v1/email', json => \%mail, key => $mine->{key} ],
        [ 200, 'events', 'list.test', 'GET', '/api/v1/events', key => $mine->{key} ],
        [ 200, 'a command', 'list.test', 'POST', '/api.php', json => { Command => 'EmailGateway.GetDomains' } ],
        [ 401, 'no key', 'list.test', 'GET', '/api/v1/events' ],
        [ 422, 'a mail with faults', 'list.test', 'POST', '/api/v1/email', json => {}, key => $mine->{key} ],
        [ 400, 'no JSON', 'list.test', 'POST', '/api/v1/email', body => '{' ],
        [ 400, 'no command', 'list.test', 'POST', '/api.php', json => {} ],
        [ 405, 'a wrong method', 'list.test', 'PUT', '/api/v1/email' ],
        [ 413, 'a large body', 'list.test', 'POST', '/api/v1/email', body => 'x' x 70_000 ],
        [ 413, 'a body that httpd finds too large', 'small.test', 'POST', '/api/v1/email', headers => $chunked,
            chunks => sprintf("%x\r\n%s\r\n0\r\n\r\n", 2000, 'x' x 2000) ],
        [ 400, 'chunks that are none', 'small.test', 'POST', '/api/v1/email', headers => $chunked, chunks => "nonsense\r\n" ],
    );
    for my $case (@cases) {
        my ($status, $what, $host, $method, $path, %with) = @$case;
        my $chunks = delete $with{chunks};
        my $reply = from($app, $host, $method, $path, %with, defined $chunks ? (after => $chunks) : ());
        is($reply->{status}, $status, "$what: $status") or diag($reply->{bytes});
        is(cors($reply), $may, '... the page may read it');
        next if defined $chunks;
        is(cors(from($any, $host, $method, $path, %with)), 'vary: Origin', '... another origin\'s may not');
        is(cors(from(undef, $host, $method, $path, %with)), 'vary: Origin', '... and who has none is told nothing');
    }
};
$httpd->stop;
$gw->log_clean;
done_testing;
