# emailgwctl domain dns: a domain's records, and what real servers say of them,
# through a resolver and without one.
use EmailGW;
use EmailGW::Dns;
use Time::HiRes qw(time);

my $dns = EmailGW::Dns->up(lame => ['lame.example'], broken => [ 'broken.example', 'second.example' ],
    silent => [ 'silent.example', 'eg.half.example' ]);
my $gw = EmailGW->up(RESOLVER => $dns->resolver, SENDER_CONF => \"resolver_timeout = 3s\n");
my $user = $gw->env('USERNAME');
my $mail = 'mail.example.net';

sub add {
    my ($name, @words) = @_;
    my $made = $gw->ctl(qw(domain add), $name, '--user', $user, @words);
    return map { $_->{purpose} => $_ } @{ $made->{records} };
}

# The records as they should be, as lines of a zone; undef leaves one out.
sub lines {
    my ($records, %change) = @_;
    my @lines;
    for my $purpose (sort keys %$records) {
        my $one = $records->{$purpose};
        my $data = exists $change{$purpose} ? $change{$purpose} : $one->{type} eq 'TXT'
            ? 'TXT ' . EmailGW::Dns::txt($one->{value}) : "$one->{type} $one->{value}.";
        push @lines, map { "$one->{host}. $_" } grep { defined } ref $data ? @$data : $data;
    }
    return @lines;
}

# What it says, by purpose, and of all required ones together.
sub check {
    my ($name) = @_;
    my $result = $gw->ctl(qw(domain dns), $name, '--user', $user, '--check');
    return { outcome => $result->{required_records}, map { $_->{purpose} => $_ } @{ $result->{records} } };
}

my %record = add('shop.example');

subtest 'what to publish' => sub {
    is_deeply([ sort keys %record ], [ 'DKIM', 'DMARC', 'SPF', 'ownership', 'return path', 'tracking' ]);
    is($record{'return path'}{value}, "10 $mail");
    is($record{SPF}{value}, "v=spf1 include:$mail ~all");
    is($record{tracking}{host}, 'track-eg.shop.example');
    is($record{tracking}{value}, $mail);
    is(join(' ', sort grep { $record{$_}{required} } keys %record), 'DKIM SPF ownership return path');
    my $shown = $gw->ctl(qw(domain dns shop.example --user), $user);
    is(scalar @{ $shown->{records} }, 6);
    is_deeply([ grep { $_->{state} ne 'unknown' } @{ $shown->{records} } ], [], 'nobody has looked yet');
    is($shown->{status}, 'Pending');
    my %with_host = add('tracked.example', '--tracking-url', 'https://track-eg.tracked.example/');
    ok($with_host{tracking}{required}, 'tracking at the domain\'s own host makes its record required');
};

# The configuration with these lines in place of its mail_host.
sub add_with {
    my ($name, $lines) = @_;
    my $config = $gw->file('host.conf', EmailGW::slurp($gw->env('SENDER_CONF')) =~ s/^(?:include|mail_host).*//gmr . $lines);
    return EmailGW::run_command(undef, "$ENV{EG_BUILD}/emailgwctl", '--config', $config, '--json', qw(domain add), $name,
        '--user', $user);
}

subtest 'hostname in place of mail_host' => sub {
    my ($status, $out) = add_with('named.example', "hostname = GW1.Example.net\n");
    is($status, 0);
    my %named = map { $_->{purpose} => $_->{value} } @{ JSON::PP::decode_json($out)->{records} };
    is($named{'return path'}, '10 gw1.example.net');
    is($named{SPF}, 'v=spf1 include:gw1.example.net ~all');
    for my $name ('gw1', 'localhost', '192.0.2.1', '[192.0.2.1]', 'gw1.example.net ~all', 'gw_1.example.net', 'gw1.example.net.') {
        ($status, $out, my $err) = add_with('unnamed.example', "hostname = $name\n");
        is($status >> 8, 1, "$name is refused");
        like($err, qr/hostname = \Q$name\E: .*set mail_host to a full host name/);
        is($out, '', 'and no record shown');
    }
    is($gw->sql("SELECT count(*) FROM emailgw.domain WHERE name = 'unnamed.example'"), 0, 'nor a domain made');
    ($status) = add_with('both.example', "hostname = gw1\nmail_host = mail.example.net\n");
    is($status, 0, 'with mail_host it is what EHLO says only');
};

subtest 'nothing is there' => sub {
    my $seen = check('shop.example');
    is($seen->{outcome}, 'failed');
    is($seen->{$_}{state}, 'failed', $_) for keys %record;
    is($seen->{ownership}{reason}, 'there is no such name');
};

subtest 'all as it should be' => sub {
    $dns->zone('shop.example', lines(\%record));
    my $seen = check('shop.example');
    is($seen->{outcome}, 'verified');
    for my $purpose (sort keys %record) {
        is($seen->{$purpose}{state}, 'verified', $purpose);
        is($seen->{$purpose}{reason}, '');
        is($seen->{$purpose}{found}, $record{$purpose}{value});
    }
    my $shown = $gw->ctl(qw(domain dns shop.example --user), $user);
    is_deeply([ grep { $_->{state} ne 'unknown' } @{ $shown->{records} } ], [], '--check stores nothing');
};

# Each has one record changed; the others stay right.
my $key = $record{DKIM}{value};
my @cases = (
    [ 'DKIM', 'failed', qr/no such name/, 'missing', undef ],
    [ 'DKIM', 'failed', qr/another key/, 'another key', 'TXT "v=DKIM1; k=rsa; p=AAAA"' ],
    [ 'DKIM', 'failed', qr/revoked/, 'revoked', 'TXT "v=DKIM1; p="' ],
    [ 'DKIM', 'verified', qr/^\z/, 'split in strings of 7 bytes',
        'TXT ' . join ' ', map { "\"$_\"" } $key =~ /.{1,7}/g ],
    [ 'DKIM', 'verified', qr/^\z/, 'an alias, as in other providers\' zones', 'CNAME key.other.example.' ],
    [ 'DKIM', 'failed', qr/2 TXT records/, 'two records', [ 'TXT ' . EmailGW::Dns::txt($key), 'TXT "v=DKIM1; p=AAAA"' ] ],
    [ 'DKIM', 'failed', qr/no such name/, 'an alias for nothing', 'CNAME nowhere.other.example.' ],
    [ 'ownership', 'verified', qr/^\z/, 'among others',
        [ 'TXT "something else"', "TXT \"$record{ownership}{value}\"", 'TXT "more"' ] ],
    [ 'ownership', 'failed', qr/another one/, 'another token', 'TXT "emailgw-domain=other"' ],
    [ 'ownership', 'failed', qr/no TXT record/, 'an address only', 'A 192.0.2.1' ],
    [ 'ownership', 'failed', qr/another one/, 'bytes that are no text', 'TXT "\000\255\254\027[31m"' ],
    [ 'SPF', 'failed', qr/permanent error: 2 SPF records/, 'two SPF records',
        [ "TXT \"$record{SPF}{value}\"", 'TXT "v=spf1 -all"' ] ],
    [ 'SPF', 'failed', qr/include:\Q$mail\E is not in it/, 'not ours', 'TXT "v=spf1 mx -all"' ],
    [ 'SPF', 'verified', qr/^\z/, 'split', "TXT \"v=spf1 inc\" \"lude:$mail\" \" -all\"" ],
    [ 'SPF', 'verified', qr/^\z/, 'beside other texts', [ 'TXT "x"', "TXT \"v=spf1 mx include:$mail -all\"" ] ],
    [ 'return path', 'failed', qr/not behind/, 'another host before ours', [ 'MX 5 other.example.', "MX 10 $mail." ] ],
    [ 'return path', 'failed', qr/no MX record/, 'none', undef ],
    [ 'tracking', 'failed', qr/not an alias for/, 'an alias for another', 'CNAME other.example.' ],
    [ 'tracking', 'failed', qr/no CNAME record/, 'an address', 'A 192.0.2.1' ],
    [ 'DMARC', 'failed', qr/no DMARC record/, 'none', undef ],
    [ 'DMARC', 'failed', qr/2 DMARC records/, 'two', [ 'TXT "v=DMARC1; p=none"', 'TXT "v=DMARC1; p=reject"' ] ],
);
subtest 'each shape' => sub {
    $dns->zone('other.example', 'key TXT ' . EmailGW::Dns::txt($key));
    for my $case (@cases) {
        my ($purpose, $state, $reason, $what, $data) = @$case;
        $dns->zone('shop.example', lines(\%record, $purpose => $data));
        my $seen = check('shop.example');
        is($seen->{$purpose}{state}, $state, "$purpose, $what: $state");
        like($seen->{$purpose}{reason}, $reason, '... and why');
        is(join(' ', sort grep { $_ ne $purpose && $_ ne 'outcome' && $seen->{$_}{state} ne 'verified' } keys %$seen),
            '', '... and the others hold');
        my $required = $record{$purpose}{required} ? $state : 'verified';
        is($seen->{outcome}, $required, "... all required ones: $required");
    }
    $dns->zone('shop.example', lines(\%record));
};

subtest 'DMARC of the organisation' => sub {
    my %below = add('a.b.shop.example');
    my $seen = check('a.b.shop.example');
    is($seen->{DMARC}{state}, 'verified');
    is($seen->{DMARC}{found}, 'v=DMARC1; p=none');
    is($seen->{ownership}{state}, 'failed');
};

subtest 'nobody can say' => sub {
    for (['lame.example', qr/^temporary: the server answers SERVFAIL\z/],
        ['broken.example', qr/^temporary: the server answers SERVFAIL\z/],
        ['silent.example', qr/^temporary: no answer within 3 s\z/]) {
        my ($name, $reason) = @$_;
        add($name);
        my $begun = time;
        my $seen = check($name);
        cmp_ok(time - $begun, q(<), EmailGW::allowed(6), "$name: within the deadline");
        is($seen->{outcome}, 'unknown');
        is($seen->{$_}{state}, 'unknown', "$name: $_") for keys %record;
        like($seen->{$_}{reason}, $reason) for keys %record;
    }
    my %half = add('half.example');
    $dns->zone('half.example', lines(\%half, SPF => undef, 'return path' => undef));
    my $seen = check('half.example');
    is($seen->{outcome}, 'unknown', 'two records are not to be had');
    like($seen->{$_}{reason}, qr/^temporary: no answer/, $_) for 'SPF', 'return path';
    is($seen->{$_}{state}, 'verified', "$_ is there all the same") for qw(DKIM ownership DMARC tracking);
};

# Without a resolver between: the server of the zones itself, a port where nothing
# answers, one where nothing is.
sub check_at {
    my ($server, $name) = @_;
    my $config = $gw->file('other.conf', do { open my $in, '<', $gw->env('SENDER_CONF') or die $!; local $/; <$in> }
        =~ s/^include.*//mr . "resolver = $server\nresolver_timeout = 1s\n");
    my ($status, $out, $err) = EmailGW::run_command(undef, "$ENV{EG_BUILD}/emailgwctl", '--config', $config, '--json',
        qw(domain dns), $name, '--user', $user, '--check');
    is($status, 0) or diag($err);
    return map { $_->{purpose} => $_ } @{ JSON::PP::decode_json($out)->{records} };
}

subtest 'servers that resolve nothing' => sub {
    my %seen = check_at($dns->authority, 'shop.example');
    is($seen{$_}{state}, 'verified', "from the server of the zone: $_") for keys %record;
    $dns->zone('shop.example', lines(\%record, DKIM => 'CNAME key.other.example.'));
    %seen = check_at($dns->authority, 'shop.example');
    is($seen{DKIM}{reason}, 'temporary: the server does not follow the alias to key.other.example');
    %seen = check_at($dns->authority, 'lame.example');
    is($seen{$_}{reason}, 'temporary: the server passes the question on to others (lame)') for keys %record;
    %seen = check_at($dns->authority, 'broken.example');
    is($seen{ownership}{reason}, 'temporary: the server answers SERVFAIL');
    %seen = check_at($dns->silence, 'shop.example');
    is($seen{$_}{reason}, 'temporary: no answer within 1 s') for keys %record;
    %seen = check_at('127.0.0.1:' . Instance::free_port(), 'shop.example');
    like($seen{$_}{reason}, qr/^temporary: no (?:DNS server can be reached, .*|answer within 1 s)\z/) for keys %record;
};

subtest 'a second server, where the first one answers SERVFAIL' => sub {
    my $second = EmailGW::Dns->up(broken => ['lame.example']);
    my %added = add('second.example');
    $second->zone('second.example', lines(\%added));
    my $both = $dns->resolver . ',' . $second->resolver;
    my %seen = check_at($both, 'second.example');
    is($seen{$_}{state}, 'verified', "is asked: $_") for keys %added;
    %seen = check_at($both, 'lame.example');
    like($seen{ownership}{reason}, qr/^temporary: .* all of them answer SERVFAIL or REFUSED\z/, 'what both cannot say is unknown');
};

subtest 'for people, and refusals' => sub {
    my ($status, $out) = EmailGW::run_command(undef, $gw->env('EMAILGWCTL'), qw(domain dns shop.example --user), $user);
    like($out, qr/^  ownership +yes +unknown +_emailgw\.shop\.example +TXT +emailgw-domain=\S+$/m);
    $dns->zone('shop.example', lines(\%record, ownership => 'TXT "\027[31m"'));
    ($status, $out) = EmailGW::run_command(undef, $gw->env('EMAILGWCTL'), qw(domain dns shop.example --check --user), $user);
    like($out, qr/^  ownership +yes +failed +the value is another one/m);
    like($out, qr/^  _emailgw\.shop\.example +TXT +\\x1b\[31m$/m, 'what is there instead, escaped');
    my $none = $gw->ctl_try(qw(domain dns none.example --user), $user);
    is($none->{exit}, 1);
    like($none->{err}, qr/none\.example: unknown domain/);
};

$gw->log_clean;
done_testing;
