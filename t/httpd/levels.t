# Every directive at every level: main server, virtual host, directory, the directory
# below it, .htaccess there, <Location>, <If>. One row a directive says what counts; a
# directive without a row fails. What only the admin may set is refused elsewhere.
use EmailGW;
use EmailGW::ApiPhp qw(session_of);
use EmailGW::Httpd;
use EmailGW::Links qw(link_to visit);
use EmailGW::Smtp;
use Instance;
use IO::Select;
use IO::Socket::INET;
use JSON::PP ();
use POSIX ();
use Time::HiRes qw(sleep time);

my $gw = EmailGW->up(RESOLVER => '127.0.0.1:9', RATE => 'off');
my ($mine, $other) = map { $gw->new_account } 1 .. 2;
my $session = session_of($gw, $mine);
my $dir = site_dir();
my $httpd; # the one that is asked

# ---- what can be seen of a value ----------------------------------------------

sub mail {
    my (%change) = @_;
    return { From => { email => "a\@$mine->{domain}", name => '' }, To => people(1), Subject => 'S', ContentType => 'plain',
        PlainContent => 'P', %change };
}

sub people { return [ map { { email => "r$_\@example.org", name => '' } } 1 .. $_[0] ] }

sub post {
    my ($host, $json, %with) = @_;
    return ask($httpd->address, $host, 'POST', '/api/v1/email', key => $mine->{key}, json => $json, %with);
}

sub api {
    my ($host, $command, %with) = @_;
    return ask($httpd->address, $host, 'POST', '/api.php',
        json => { Command => $command, APIKey => $mine->{account_key}, DomainID => $mine->{domain_id}, %with })->{json};
}

# "10 allowed"
sub addresses {
    my ($field) = @_;
    return sub { (post($_[0], mail($field => people(1001)))->{body} =~ /(\d+) allowed/)[0] };
}

# How many mails a batch may have.
sub batch_max {
    my ($host) = @_;
    my $reply = ask($httpd->address, $host, 'POST', '/api/v1/email/batch', key => $mine->{key}, json => { Messages => [] });
    return ($reply->{body} =~ /array of 1 to (\d+) objects/)[0];
}

sub body_max {
    my ($host, $path) = @_;
    my $reply = ask($httpd->address, $host, 'POST', $path // '/api/v1/email', headers => { 'Content-Length' => 68_000_000 });
    return ($reply->{body} =~ /at most (\d+) bytes/)[0];
}

# How many wrong keys get the answer that they are wrong.
sub failures {
    my ($host) = @_;
    for my $count (0 .. 4) {
        my $reply = ask($httpd->address, $host, 'GET', '/api/v1/events', headers => { Authorization => 'Bearer egs_1_nobody' });
        return $count if $reply->{status} == 429;
    }
    return 'any';
}

sub large_body {
    my ($host) = @_;
    return post($host, mail(PlainContent => 'x' x 2_000_000))->{status};
}

sub is_ours {
    my ($host) = @_;
    return ask($httpd->address, $host, 'GET', '/api/v1/events')->{json} ? 'On' : 'Off';
}

sub tracked {
    my ($host) = @_;
    my $reply = post($host, mail(TrackLinks => JSON::PP::true));
    my ($row) = $gw->sql("SELECT track_links, track_opens FROM emailgw.message WHERE message_id = '$reply->{json}{MessageID}'");
    return join ' ', map { $_ // 'as the domain says' } @$row;
}

# Is there room for an open in a spool that has 1 MB, while the database cannot take one?
sub spool_room {
    my ($host) = @_;
    my ($spool) = EmailGW::slurp($gw->env('HTTPD_CONF')) =~ /^EmailGatewayTrackingSpool (\S+)/m;
    put($spool, 'old.refused', '');
    truncate "$spool/old.refused", 1048576 or die "truncate: $!\n";
    $gw->sql('ALTER FUNCTION emailgw_api.record_tracks RENAME TO record_tracks_away');
    visit($gw, link_to($gw, o => $mine->{account_id}, '01980000-0000-7000-8000-000000000001', 1), at => $httpd->address, host => $host);
    my @written = glob "$spool/*.spool";
    $gw->sql('ALTER FUNCTION emailgw_api.record_tracks_away RENAME TO record_tracks');
    unlink "$spool/old.refused";
    return @written ? 'some' : 'none';
}

sub readers {
    my ($host) = @_;
    my @may = grep {
        my $reply = ask($httpd->address, $host, 'GET', '/api/v1/events', headers => { Origin => "https://$_.example" });
        ($reply->{headers}{'access-control-allow-origin'} // '') eq "https://$_.example";
    } qw(a b c d);
    return "@may" || 'none';
}

# Seconds of one that has been idle for so long.
sub idle {
    my ($host) = @_;
    return join ' ', map {
        $gw->sql("UPDATE emailgw.session SET used_at = now() - interval '$_ s' WHERE account_id = $mine->{account_id}");
        "$_:" . api($host, 'EmailGateway.GetDomains', SessionID => $session)->{ErrorCode};
    } 100, 4000, 8000;
}

sub session_max {
    my ($host) = @_;
    api($host, 'User.Login', Username => $other->{username}, Password => $other->{password}, APIKey => undef);
    return scalar $gw->sql("SELECT round(extract(epoch FROM expires_at - created_at)) FROM emailgw.session
        WHERE account_id = $other->{account_id} ORDER BY created_at DESC LIMIT 1");
}

my %dns = map { $_ => IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1') // die "udp: $!\n" } qw(one two);
sub dns { return '127.0.0.1:' . $dns{ $_[0] }->sockport }

# Which of them has been asked since the last time.
sub asked {
    my @asked;
    for my $name (sort keys %dns) {
        my $count = 0;
        $count++ while IO::Select->new($dns{$name})->can_read(0) && defined recv $dns{$name}, my $bytes, 4096, 0;
        push @asked, $name if $count;
    }
    return "@asked" || 'neither';
}

sub asked_resolver {
    my ($host) = @_;
    asked();
    api($host, 'EmailGateway.VerifyDomain');
    return asked();
}

# How long VerifyDomain waits for one that says nothing.
sub patience {
    my ($host) = @_;
    my $start = time;
    api($host, 'EmailGateway.VerifyDomain');
    return time - $start > 0.8 ? 'long' : 'short';
}

# How long an answer of the database is waited for: the domains are locked for longer.
sub database_patience {
    my ($host) = @_;
    my $locker = fork // die "fork: $!\n";
    if ($locker == 0) {
        $gw->sql('BEGIN; LOCK TABLE emailgw.domain IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(2.8); COMMIT');
        POSIX::_exit(0);
    }
    $gw->wait_for(sub { $gw->sql(q(SELECT count(*) FROM pg_locks WHERE granted AND mode = 'AccessExclusiveLock'
        AND relation = 'emailgw.domain'::regclass)) }, 5, 'a lock');
    my $start = time;
    api($host, 'EmailGateway.GetDomains');
    my $took = time - $start;
    waitpid $locker, 0;
    $gw->wait_for(sub { !api($host, 'EmailGateway.GetDomains')->{ErrorCode} }, 5, 'the database again');
    return $took < 1.7 ? '1s' : $took < 2.6 ? '2s' : 'longer';
}

sub record_of {
    my ($purpose) = @_;
    return sub {
        my ($host) = @_;
        my $reply = api($host, 'EmailGateway.AddDomain', DomainName => sprintf 'd%x.example', rand 2**40);
        my $domain = $reply->{Domain} // return $reply->{ErrorMessage} // 'no answer';
        return (map { $_->{Value} } grep { $_->{Purpose} eq $purpose } @{ $domain->{DNSRecords} })[0];
    };
}

# Where the image of an open is.
sub tracking_path {
    my ($host) = @_;
    return join ' ', grep { ask($httpd->address, $host, 'GET', "$_/o/x")->{body} =~ /^GIF/ } '/e', '/server/e', '/vhost/e', '/f';
}

sub submission {
    my ($member) = @_;
    return sub {
        my $value = (api($_[0], 'EmailGateway.GetSMTPs')->{SMTPs} // [ {} ])->[0]{$member};
        return ref $value ? join ',', @$value : $value;
    };
}
$gw->api('EmailGateway.AddSMTP', as => $mine, DomainID => $mine->{domain_id});

sub webhook {
    my ($host) = @_;
    return join ' ', map {
        ask($httpd->address, $host, 'POST', '/api/v1/webhooks', key => $mine->{key},
            json => { Event => 'bounce', WebhookURL => "http://127.0.0.1:$_/" })->{status} } 8080, 9090;
}

# What a port says by SMTP: how it greets, what it offers, how patient it is.
my %smtp_port; # host => port
my @login = EmailGW::Smtp::login($gw, $mine);
sub greeting {
    return EmailGW::Smtp->connect($smtp_port{ $_[0] }, unread => 1)->read(2) ? 'SMTP' : 'HTTP';
}

sub offer {
    my ($pattern) = @_;
    return sub {
        my $smtp = EmailGW::Smtp->connect($smtp_port{ $_[0] });
        $smtp->say('EHLO client.example');
        return $smtp->{reply} =~ $pattern ? $1 : 'none';
    };
}

sub smtp_recipients {
    my $smtp = EmailGW::Smtp->connect($smtp_port{ $_[0] });
    $smtp->log_in(@login[0, 1]);
    $smtp->say('MAIL FROM:<>');
    my $count = 0;
    $count++ while $count < 150 && $smtp->say('RCPT TO:<r@example.org>') eq '250';
    return $count;
}

sub smtp_patience {
    my ($in_data) = @_;
    return sub {
        my $smtp = EmailGW::Smtp->connect($smtp_port{ $_[0] });
        $smtp->log_in(@login[0, 1]);
        $smtp->begin_mail('', 'r@example.org') if $in_data;
        sleep 1.5;
        $smtp->write($in_data ? "x\r\n.\r\n" : "NOOP\r\n");
        return ($smtp->read // 'closed') eq '421' ? 'short' : 'long';
    };
}

my %copy = map { $_ => "$dir/$_" } qw(secret pub other-secret);
{
    my ($text) = EmailGW::slurp($gw->env('HTTPD_CONF'));
    my ($secret, $pub) = map { $text =~ /^$_ (.*)/m } qw(EmailGatewaySecretFile EmailGatewaySenderKeyFile);
    my $bytes = EmailGW::slurp($secret);
    put($dir, 'secret', $bytes);
    put($dir, 'pub', EmailGW::slurp($pub));
    put($dir, 'other-secret', $bytes =~ s/([0-9a-fA-F]{4})(?=\W*\z)/scalar reverse $1/er);
    chmod 0600, values %copy;
}

# ---- the table ----------------------------------------------------------------

# at_server is the main server's value, by_default what counts without it. with_server
# and without: levels => what counts. Levels are "vhost 30; directory 5".
my $on_off = [ '' => 'On', 'vhost Off' => 'Off', 'vhost Off; directory On' => 'On', 'directory Off' => 'Off',
    'directory Off; nested On' => 'On', 'nested On; htaccess Off' => 'Off', 'htaccess Off; location On' => 'On' ];
sub numbers {
    my ($unit, $default) = @_;
    my $cases = sub { my @pairs = @_; [ map { s/(\d+)/$1 * $unit/ger } @pairs ] };
    return at_server => 20 * $unit,
        with_server => $cases->('' => 20, 'vhost 30' => 30, 'vhost 10' => 10, 'directory 5' => 5, 'directory 1000' => 20,
            'directory 5; nested 15' => 5, 'directory 15; nested 5' => 5, 'htaccess 3' => 3, 'htaccess 1000' => 20,
            'directory 5; htaccess 10' => 5, 'vhost 30; directory 25; nested 28; htaccess 27' => 25, 'vhost 10; htaccess 11' => 10,
            'location 7' => 7, 'location 1000; htaccess 9' => 9, 'location 9; directory 1000' => 9, 'if 8' => 8, 'if 1000; htaccess 6' => 6),
        without => $cases->('' => $default, 'htaccess 1000' => $default, 'vhost 600' => 600, 'directory 5; htaccess 4' => 4);
}

my %row = (
    EmailGatewayEngine => { see => \&is_ours, at_server => 'On', sample => 'On',
        with_server => [ '' => 'On', 'vhost Off' => 'Off' ], without => [ '' => 'Off', 'vhost On' => 'On' ] },
    EmailGateway => { see => \&is_ours, at_server => 'On', with_server => $on_off,
        without => [ '' => 'Off', 'directory On' => 'On', 'htaccess On' => 'On', 'directory On; htaccess Off' => 'Off' ] },
    EmailGatewayCompatStatus => { see => sub { post($_[0], {})->{status} == 200 ? 'On' : 'Off' }, at_server => 'On',
        with_server => $on_off, without => [ '' => 'Off', 'htaccess On' => 'On', 'vhost On; location Off' => 'Off' ] },
    EmailGatewayTracking => { see => \&tracked, at_server => 'Off',
        with_server => [ '' => 'f f', 'vhost On' => 't as the domain says', 'vhost On; directory Off; nested On' => 'f f', 'directory On' => 'f f',
            'htaccess On' => 'f f', 'location On' => 'f f' ],
        without => [ '' => 't as the domain says', 'vhost Off' => 'f f', 'vhost Off; htaccess On' => 'f f', 'htaccess Off' => 'f f',
            'directory Off; nested On; htaccess On; location On' => 'f f', 'directory On; nested On' => 't as the domain says' ] },
    EmailGatewayCORS => { see => \&readers, at_server => 'https://a.example,https://b.example',
        with_server => [ '' => 'a b', 'vhost https://c.example' => 'c', 'vhost none' => 'none', 'directory https://a.example' => 'a',
            'directory https://c.example' => 'none', 'directory https://c.example,https://a.example' => 'a', 'directory *' => 'a b',
            'directory https://a.example; nested https://b.example' => 'none', 'directory none; nested *' => 'none',
            'directory https://a.example; htaccess https://a.example,https://b.example' => 'a',
            'vhost *; directory https://d.example' => 'd', 'htaccess none' => 'none', 'htaccess *' => 'a b', 'htaccess https://c.example' => 'none',
            'location https://b.example' => 'b' ],
        without => [ '' => 'none', 'directory *' => 'none', 'htaccess https://a.example' => 'none', 'vhost *' => 'a b c d',
            'vhost *; htaccess https://d.example,https://b.example' => 'b d' ] },
    EmailGatewayMaxTo => { see => addresses('To'), numbers(1, 50) },
    EmailGatewayMaxCC => { see => addresses('CC'), numbers(1, 50) },
    EmailGatewayMaxBCC => { see => addresses('BCC'), numbers(1, 50) },
    EmailGatewayMaxReplyTo => { see => addresses('ReplyTo'), numbers(1, 10) },
    EmailGatewayMaxBody => { see => \&body_max, numbers(65536, 576) },
    EmailGatewayMaxBatch => { see => \&batch_max, numbers(1, 500) },
    EmailGatewayMaxBatchBody => { see => sub { body_max($_[0], '/api/v1/email/batch') }, numbers(65536, 800) },

    EmailGatewayRate => { see => sub { post($_[0], mail())->{headers}{'ratelimit-limit'} // 'off' }, at_server => '1000/61s', sample => '5/1s',
        with_server => [ '' => 1000, 'vhost 2000/62s' => 2000, 'vhost off' => 'off' ], without => [ '' => 'off', 'vhost 3000/63s' => 3000 ] },
    EmailGatewayAuthFailures => { see => \&failures, at_server => '2/3601s', sample => '5/1s',
        with_server => [ '' => 2, 'vhost 1/3602s' => 1, 'vhost off' => 'any' ], without => [ '' => 'any', 'vhost 1/3603s' => 1 ] },
    EmailGatewayBodyMemory => { see => \&large_body, at_server => 1048576, sample => 1048576,
        with_server => [ '' => 503, 'vhost 4194304' => 200 ], without => [ '' => 200, 'vhost 1048576' => 503 ] },

    EmailGatewayAccount => { see => sub { post($_[0], mail())->{status} }, at_server => $mine->{account_id}, sample => 1,
        with_server => [ '' => 200, "vhost $other->{account_id}" => 401, 'vhost any' => 200 ],
        without => [ '' => 200, "vhost $other->{account_id}" => 401 ] },
    EmailGatewaySecretFile => { see => sub { api($_[0], 'EmailGateway.GetAPIs')->{ErrorCode} }, at_server => $copy{secret},
        sample => $copy{secret}, with_server => [ '' => 0, "vhost $copy{'other-secret'}" => 100005 ],
        without => [ '' => 0 ] }, # the instance has one of its own
    EmailGatewaySenderKeyFile => { see => sub { record_of('ownership')->(@_) =~ /^emailgw-domain=/ ? 'good' : 'bad' },
        at_server => "$dir/none-of-this-name", sample => $copy{pub}, always => $copy{pub},
        with_server => [ "vhost $copy{pub}" => 'good' ], without => [ '' => 'good' ] },
    EmailGatewayWebhookAllow => { see => \&webhook, at_server => '127.0.0.1:8080', sample => '127.0.0.1:8080',
        with_server => [ '' => '200 422', 'vhost 127.0.0.1:9090' => '422 200' ], without => [ '' => '422 422' ] },
    EmailGatewaySessionIdle => { see => \&idle, at_server => '60s', sample => '1h',
        with_server => [ '' => '100:99999 4000:99999 8000:99999', 'vhost 2h' => '100:0 4000:0 8000:99999' ],
        without => [ '' => '100:0 4000:99999 8000:99999' ] },
    EmailGatewaySessionMax => { see => \&session_max, at_server => '2h', sample => '1h',
        with_server => [ '' => 7200, 'vhost 3h' => 10800 ], without => [ '' => 86400 ] },
    EmailGatewayDatabaseTimeout => { see => \&database_patience, at_server => '1s', sample => '1s',
        with_server => [ '' => '1s', 'vhost 2s' => '2s' ], without => [ '' => 'longer', 'vhost 1s' => '1s' ] },
    EmailGatewayResolver => { see => \&asked_resolver, at_server => dns('one'), sample => '127.0.0.1:53',
        with_server => [ '' => 'one', 'vhost ' . dns('two') => 'two' ], without => [ 'vhost ' . dns('two') => 'two' ] },
    EmailGatewayResolverTimeout => { see => \&patience, at_server => '100ms', sample => '100ms',
        with_server => [ '' => 'short', 'vhost 1s' => 'long' ], without => [ 'vhost 1s' => 'long' ] },
    EmailGatewayMailHost => { see => record_of('return path'), at_server => 'mx.server.example', sample => 'mx.example.net',
        with_server => [ '' => '10 mx.server.example', 'vhost mx.vhost.example' => '10 mx.vhost.example' ],
        without => [ '' => '10 mail.example.net' ] }, # as the instance says
    EmailGatewayTrackingURL => { see => record_of('tracking'), at_server => 'https://t.server.example', sample => 'https://t.example.net',
        with_server => [ '' => 't.server.example', 'vhost https://t.vhost.example' => 't.vhost.example' ],
        without => [ '' => 'mail.example.net' ] },
    EmailGatewayTrackingPath => { see => \&tracking_path, at_server => '/server/e', sample => '/f',
        with_server => [ '' => '/server/e', 'vhost /vhost/e' => '/vhost/e' ], without => [ '' => '/e', 'vhost /vhost/e' => '/vhost/e' ] },
    EmailGatewayTrackingSpool => { see => sub { rmdir "$dir/spool" ? 'made' : 'none' }, at_server => "$dir/spool", sample => "$dir/spool",
        with_server => [ '' => 'made' ], without => [ '' => 'none' ] }, # the instance has one of its own
    EmailGatewayTrackingSpoolMax => { see => \&spool_room, at_server => 1048576, sample => 1048576,
        with_server => [ '' => 'none' ], without => [ '' => 'some' ] },
    EmailGatewaySubmissionHost => { see => submission('SMTPHost'), at_server => 'smtp.server.example', sample => 'a.example',
        with_server => [ '' => 'smtp.server.example', 'vhost smtp.vhost.example' => 'smtp.vhost.example' ],
        without => [ 'vhost smtp.vhost.example' => 'smtp.vhost.example' ] },
    EmailGatewaySubmissionPorts => { see => submission('SMTPPorts'), at_server => '2525', sample => '25',
        with_server => [ '' => '2525', 'vhost 25,26' => '25,26' ], without => [ '' => '587,465' ] },
    EmailGatewaySMTP => { see => \&greeting, at_server => 'Off', sample => 'Off',
        with_server => [ '' => 'HTTP', 'vhost submission' => 'SMTP' ], without => [ '' => 'HTTP', 'vhost bounces' => 'SMTP' ] },
    EmailGatewaySMTPMessageMax => { see => offer(qr/^250-SIZE (\d+)/m), at_server => 100_000, sample => 100_000,
        with_server => [ '' => 100_000, 'vhost 200000' => 200_000 ], without => [ '' => 37_748_736, 'vhost 65536' => 65_536 ] },
    EmailGatewaySMTPInsecureAuth => { see => offer(qr/^250-(AUTH) /m), at_server => 'On', sample => 'On',
        with_server => [ '' => 'AUTH', 'vhost Off' => 'none' ], without => [ '' => 'none', 'vhost On' => 'AUTH' ] },
    EmailGatewaySMTPRecipientsMax => { see => \&smtp_recipients, at_server => 101, sample => 100,
        with_server => [ '' => 101, 'vhost 102' => 102 ], without => [ '' => 100 ] },
    EmailGatewaySMTPTimeout => { see => smtp_patience(0), at_server => '1s', sample => '1s',
        with_server => [ '' => 'short', 'vhost 1h' => 'long' ], without => [ '' => 'long', 'vhost 1s' => 'short' ] },
    EmailGatewaySMTPDataTimeout => { see => smtp_patience(1), at_server => '1s', sample => '1s',
        with_server => [ '' => 'short', 'vhost 1h' => 'long' ], without => [ '' => 'long', 'vhost 1s' => 'short' ] },
);

# ---- what httpd itself says of the directives -----------------------------------

# Name => may it stand in a directory and in .htaccess?
sub directives {
    local %ENV = (%ENV, $gw->httpd_env);
    my (undef, $out) = EmailGW::run_command(undef, '/usr/sbin/apache2', '-L', '-f', $gw->env('HTTPD_CONF'));
    my %found;
    while ($out =~ /^(\w+) \(mod_emailgw\.c\)\n((?:\t.*\n)+)/mg) {
        my ($name, $text) = ($1, $2);
        my $outside = $text =~ /^\tAllowed in \*\.conf only outside/m;
        my $anywhere = $text =~ /^\tAllowed in \*\.conf anywhere and in \.htaccess\n\twhen AllowOverride includes FileInfo/m;
        die "$name may stand at an unusual place: $text" if $outside == $anywhere;
        $found{$name} = $anywhere;
    }
    return \%found;
}
my $directives = directives();
is(join(' ', sort keys %row), join(' ', sort keys %$directives), 'every directive has a row here');
my @for_admin = grep { !$directives->{$_} } sort keys %$directives;
is("@for_admin", join(' ', grep { defined $row{$_}{sample} } sort keys %row), 'the admin\'s are those with a sample, and no others');

# ---- a virtual host for each case of each row ------------------------------------------------------

# SMTP has no Host: a port each.
my $number = 0;
sub smtp_host_for {
    my ($name, $directive) = @_;
    my $host = "$number.test";
    my $port = $smtp_port{$host} = Instance::free_port();
    my @others = map { $name eq (split)[0] ? () : $_ } 'EmailGatewaySMTP submission', 'EmailGatewaySMTPInsecureAuth On';
    return ($host, join '', map { "$_\n" } "Listen 127.0.0.1:$port smtp", "<VirtualHost 127.0.0.1:$port>", "ServerName $host",
        'EmailGatewayEngine On', @others, $directive, '</VirtualHost>');
}

sub host_for {
    my ($name, $levels) = @_;
    my $root = "$dir/" . ++$number;
    my %at = map { /^(\w+) (.*)/ or die "'$_'?\n"; ($1, "$name $2") } split /; /, $levels;
    return smtp_host_for($name, $at{vhost} // '') if $name =~ /^EmailGatewaySMTP/;
    put($dir, "$number/api/.htaccess", ($at{htaccess} // '') . "\n");
    my $conf = vhost("$number.test", $root, $name eq 'EmailGatewayEngine' ? () : 'EmailGatewayEngine On',
        $name eq 'EmailGateway' ? () : 'EmailGateway On', delete $at{vhost} // (),
        $name =~ /Resolver\z/ ? 'EmailGatewayResolverTimeout 100ms' : (), # silence, in any case
        $name eq 'EmailGatewayResolverTimeout' ? 'EmailGatewayResolver ' . dns('one') : (),
        defined $at{directory} ? "<Directory $root>\n$at{directory}\n</Directory>" : (),
        defined $at{nested} ? "<Directory $root/api>\n$at{nested}\n</Directory>" : (),
        defined $at{if} ? "<If \"true\">\n$at{if}\n</If>" : (),
        defined $at{location} ? "<Location /api>\n$at{location}\n</Location>" : ());
    return ("$number.test", $conf);
}

for my $name (sort keys %row) {
    for my $kind (qw(with_server without)) {
        my @cases = @{ $row{$name}{$kind} };
        while (my ($levels, $expected) = splice @cases, 0, 2) {
            my ($host, $conf) = host_for($name, $levels);
            push @{ $row{$name}{hosts}{$kind} }, [ $host, $levels, $expected ];
            $row{$name}{conf}{$kind} .= $conf;
        }
    }
}

# ---- what counts ------------------------------------------------------------------

sub run_rows {
    my ($kind, @names) = @_;
    for my $name (@names) {
        for my $case (@{ $row{$name}{hosts}{$kind} }) {
            my ($host, $levels, $expected) = @$case;
            is($row{$name}{see}->($host), $expected, "$name, "
                . ($kind eq 'with_server' ? "server $row{$name}{at_server}" : 'nothing at the server') . ($levels && "; $levels"));
        }
    }
}

# An httpd a row for the main server's value: it is not to be in another one's way.
for my $name (sort keys %row) {
    $httpd = EmailGW::Httpd->start($gw, sub {
        $_[0] =~ s/^( *EmailGatewayEngine On)/$1\n$name $row{$name}{always}/mg if $row{$name}{always};
        $_[0] .= "$name $row{$name}{at_server}\n$row{$name}{conf}{with_server}";
    });
    is($httpd->state, 'runs', "$name at the server") or diag($httpd->log);
    run_rows('with_server', $name);
    $httpd->stop;
}

# One for all that have none, and for what only the admin may set, in .htaccess.
my $cheaters = '';
for my $name (@for_admin) {
    put($dir, "$name/.htaccess", "EmailGateway On\n$name $row{$name}{sample}\n");
    put($dir, "$name/index.html", 'index');
    $cheaters .= vhost(lc "$name.test", "$dir/$name", 'EmailGatewayEngine On');
}
$httpd = EmailGW::Httpd->start($gw, sub { $_[0] .= join '', $cheaters, map { $row{$_}{conf}{without} } sort keys %row });
is($httpd->state, 'runs', 'nothing at the server') or diag($httpd->log);
run_rows('without', sort keys %row);
for my $name (@for_admin) {
    for my $path ('/api/v1/email', '/') {
        my $reply = ask($httpd->address, lc "$name.test", 'POST', $path, key => $mine->{key}, json => mail());
        is($reply->{status}, 500, "$name in .htaccess: POST $path answers 500");
        unlike($reply->{body}, qr/MessageID/, '... and takes no mail');
    }
    like($httpd->log, qr/\.htaccess: \Q$name\E not allowed here/, '... and the log says why');
}
$httpd->stop;

# ... and in a section of the configuration.
for my $name (@for_admin) {
    for my $section ('Location /x', 'Directory /x', 'Files x') {
        my ($status, $words) = $gw->test_config(-f => $gw->env('HTTPD_CONF'),
            map { (-c => $_) } "<$section>", "$name $row{$name}{sample}", '</' . $section =~ s/ .*//r . '>');
        isnt($status, 0, "$name in <$section> is refused");
        like($words, qr/\Q$name\E not allowed in <@{[ $section =~ s{ .*}{}r ]}> context/, '... and httpd says why');
    }
}
done_testing;
