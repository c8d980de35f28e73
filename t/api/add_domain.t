# EmailGateway.AddDomain: the reference's example, the records to publish, which names
# may be sender domains, limits.
use EmailGW;
use EmailGW::ApiPhp;
use EmailGW::Domains;

my $gw = EmailGW->up(HTTPD_CONF => \"EmailGatewayTrackingURL https://Links.Example.NET:8443/t/\n");
my ($ann, $bob) = map { $gw->new_account } 1 .. 2;
my ($true, $false) = (JSON::PP::true, JSON::PP::false);
my $zone = "z$$.example"; # what is added here is below it

sub add { return $gw->api('EmailGateway.AddDomain', as => $ann, @_) }
sub domains_there { return $gw->sql("SELECT count(*) FROM emailgw.domain WHERE account_id IN ($ann->{account_id}, $bob->{account_id})") }

subtest 'the documented example' => sub {
    my $session = session_of($gw, $ann);
    my $reply = example($gw, qq({
    "SessionID": "$session",
    "APIKey": "$ann->{account_key}",
    "Command": "EmailGateway.AddDomain",
    "DomainName": "a.$zone"
}));
    is(outcome($reply), '200 0', 'added') or diag($reply->{body});
    my %domain = %{ $reply->{json}{Domain} };
    is_deeply([ sort keys %{ $reply->{json} } ], [qw(Domain ErrorCode NewSenderDomainID Success)]);
    is_deeply([ @domain{qw(DomainName VerificationStatus DKIMStatus SPFStatus)} ], [ "a.$zone", ('Pending') x 3 ],
        'all that the reference shows');
    like($reply->{body}, qr/"NewSenderDomainID":(\d+),.*"DomainID":\1,/, 'ids are numbers');

    my %record = map { $_->{Purpose} => $_ } @{ $domain{DNSRecords} };
    my ($key, $token) = ($record{DKIM}{Value}, $record{ownership}{Value});
    my ($selector) = $record{DKIM}{Host} =~ /^(eg\d{6})\._domainkey/;
    like($key, qr/\Av=DKIM1; k=rsa; p=[\w\/+]{390,}=*\z/, 'a key of 2048 bits');
    like($token, qr/\Aemailgw-domain=[\w-]{32}\z/, 'an ownership token');
    is_deeply($domain{DNSRecords}, [ map { my %one; @one{qw(Host Type Value Purpose Required Verified)} = (@$_, $false); \%one }
        [ "_emailgw.a.$zone", 'TXT', $token, 'ownership', $true ],
        [ "$selector._domainkey.a.$zone", 'TXT', $key, 'DKIM', $true ],
        [ "eg.a.$zone", 'MX', '10 mail.example.net', 'return path', $true ],
        [ "eg.a.$zone", 'TXT', 'v=spf1 include:mail.example.net ~all', 'SPF', $true ],
        [ "track-eg.a.$zone", 'CNAME', 'links.example.net', 'tracking', $false ],
        [ "_dmarc.a.$zone", 'TXT', 'v=DMARC1; p=none', 'DMARC', $false ] ], 'the records to publish');
    my ($row) = $gw->sql("SELECT length(dkim_sealed), status, mail_host, tracking_host, tracking_base_url, dkim_record
        FROM emailgw.domain WHERE account_id = $ann->{account_id} AND domain_id = $domain{DomainID}");
    cmp_ok($row->[0], '>', 1100, 'the private key is sealed');
    is_deeply([ @$row[ 1 .. 5 ] ], [ 'Pending', 'mail.example.net', 'links.example.net', 'https://links.example.net:8443/t', $key ],
        'what was handed out is stored');
    my ($other) = map { $_->{Value} } grep { $_->{Purpose} eq 'DKIM' } @{ add_domain($gw, $ann, "b.$zone")->{DNSRecords} };
    isnt($other, $key, 'another key for each domain');
};

subtest 'names' => sub {
    is(add_domain($gw, $ann, "b\x{fc}cher.$zone")->{DomainName}, "xn--bcher-kva.$zone", 'an IDN is stored as A-labels');
    is(add_domain($gw, $ann, "C.\U$zone")->{DomainName}, "c.$zone", 'in lower case');
    my $before = domains_there();
    refuses(add(DomainName => $_), 2, "no sender domain: $_")
        for '192.0.2.1', '[192.0.2.1]', '2001:db8::1', 'com', 'co.uk', 'example', 'localhost', 'a.localhost', 'no_dots.example',
        '-a.example', 'a..example', 'a.example.', 'exa mple.com', 'http://a.example', 'a@b.example', 'xn--zzzzzzzz99999.example',
        'x' x 64 . '.example', join('.', ('y' x 49) x 4, 'z' x 40, 'example'), '*.example', 'a.1', '0x7f.1', 'xn--55qx5d.cn';
    refuses(add(DomainName => $_->[1]), 2, $_->[0]) for [ 'a number', 17 ], [ 'a list', ['a.example'] ], [ 'an object', { a => 1 } ],
        [ 'true', $true ], [ 'too long', 'x' x 2000 ], [ 'a control character', "a.example\n" ],
        [ 'one that turns the direction', "a\x{202e}b.example" ];
    refuses(add(@$_), 1, 'none') for [], [ DomainName => '' ], [ DomainName => undef ];
    like(add(DomainName => 'co.uk')->{json}{ErrorMessage}, qr/^Invalid domain name provided: it is a public suffix/);
    refuses(add(DomainName => $_), 2, "twice: $_") for "a.$zone", "A.\U$zone", "xn--bcher-kva.$zone";
    like(add(DomainName => "a.$zone")->{json}{ErrorMessage}, qr/: it is one of your domains already$/, '... which is said');
    is(domains_there(), $before, 'no domain came of that');
};

subtest 'the same name under another account' => sub {
    my $theirs = add_domain($gw, $bob, "a.$zone");
    is($theirs->{VerificationStatus}, 'Pending', 'allowed while neither is verified');
    $gw->ctl(qw(domain enable), "a.$zone", '--user', $bob->{username});
    my $carl = $gw->new_account;
    my $reply = $gw->api('EmailGateway.AddDomain', as => $carl, DomainName => "a.$zone");
    refuses($reply, 2, 'not when one of them is');
    like($reply->{json}{ErrorMessage}, qr/: another account has verified it$/, '... which is said');
};

# The name of a domain's DKIM record, by AddDomain or GetDomain, without the domain's.
sub selector {
    my ($domain) = @_;
    my ($record) = grep { $_->{Purpose} eq 'DKIM' } @{ $domain->{DNSRecords} };
    return $record->{Host} =~ s/\._domainkey\.\Q$domain->{DomainName}\E\z//r;
}

subtest 'a DKIM selector for each key of a name' => sub {
    my $name = "again.$zone";
    my $first = add_domain($gw, $ann, $name);
    like(selector($first), qr/^eg\d{6}\z/, 'the month');
    well($gw, $ann, 'DeleteDomain', DomainID => $first->{DomainID});
    my $again = add_domain($gw, $ann, $name);
    is(selector($again), selector($first) . 'a', 'a letter more when it is deleted and added again');
    is(selector(get_domain($gw, $ann, $again)), selector($again), '... as GetDomain shows it, too');
    my $theirs = add_domain($gw, $bob, $name);
    is(selector($theirs), selector($first) . 'b', 'and the next one for another account');
    my $carl = $gw->new_account;
    my $shown = $gw->ctl(qw(domain add), $name, '--user', $carl->{username});
    my ($host) = map { $_->{host} } grep { $_->{purpose} eq 'DKIM' } @{ $shown->{records} };
    is($host, selector($first) . "c._domainkey.$name", '... and by the operator');
    is($gw->sql("SELECT string_agg(dkim_selector, ' ' ORDER BY domain_id) FROM emailgw.domain WHERE name = '$name'"),
        join(' ', map { selector($first) . $_ } '', 'a', 'b', 'c'), 'what is stored is what is shown');

    my $long = substr(('l' x 60 . '.') x 4, 0, 232 - length ".$zone") . ".$zone";
    $gw->sql("UPDATE emailgw.domain SET former_selectors = ARRAY(SELECT '@{[ selector($first) ]}' || CASE WHEN n > 0 THEN chr(96 + n) ELSE '' END
        FROM generate_series(0, 26) AS n) WHERE domain_id = " . add_domain($gw, $ann, $long)->{DomainID});
    my $refused = $gw->api('EmailGateway.AddDomain', as => $carl, DomainName => $long);
    refuses($refused, 2, 'a name that leaves no room for another one');
    like($refused->{json}{ErrorMessage}, qr/: it had all DKIM selectors of this month/, '... which is said');
};

subtest 'as many as the group may have' => sub {
    my $carl = $gw->new_account;
    $gw->ctl(qw(user limits --group), "g$$", qw(--domains 2));
    $gw->ctl(qw(user set), $carl->{username}, '--group', "g$$");
    add_domain($gw, $carl, "second.$zone");
    my $reply = $gw->api('EmailGateway.AddDomain', as => $carl, DomainName => "third.$zone");
    refuses($reply, 3, 'one too many');
    like($reply->{json}{ErrorMessage}, qr/^User has reached the maximum number of sender domains allowed: the limit of group g$$ is 2$/,
        '... whose limit it is');
    refuses($gw->api('EmailGateway.AddDomain', as => $carl, DomainName => "second.$zone"), 2, 'what is wrong with the name comes first');
    is($gw->sql("SELECT count(*) FROM emailgw.domain WHERE account_id = $carl->{account_id}"), 2, 'none was added');
    $gw->ctl(qw(user limits --group), "g$$", qw(--domains 3));
    my @many = map { "many$_.$zone" } 1 .. 4;
    my @pids = map { my $name = $_; my $pid = fork // die; if (!$pid) {
        delete $gw->{agent};
        my $got = outcome($gw->api('EmailGateway.AddDomain', as => $carl, DomainName => $name));
        require POSIX;
        POSIX::_exit($got eq '200 0' ? 0 : $got eq '200 3' ? 3 : 1);
    } $pid } @many;
    is(join(' ', sort map { waitpid $_, 0; $? >> 8 } @pids), '0 3 3 3', 'of four at once, one');
};

my $count = 0;
common_rules($gw, 'EmailGateway.AddDomain', $ann, sub { (DomainName => sprintf 'n%d.%s', ++$count, $zone) });

$gw->log_clean;
done_testing;
