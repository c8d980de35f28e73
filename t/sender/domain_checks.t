# The sender looks the records of enabled domains up again, and what comes of it.
# Time is scaled: an interval of 0.3 s stands for 6 h. After how long a domain is
# warned of or suspended is set as the test goes, so that a slow machine misses nothing.
use EmailGW;
use EmailGW::Dns;
use Time::HiRes qw(sleep time);

my $never = '365d';
my $dns = EmailGW::Dns->up;
my $gw = EmailGW->up(RESOLVER => $dns->resolver, SENDERS => 2, HTTPD_CONF => \"EmailGatewayResolverTimeout 5s\n",
    SENDER_CONF => \options($never, $never));

sub options {
    my ($warn, $suspend) = @_;
    return "resolver_timeout = 2s\ndomain_check_interval = 300ms\n"
        . "domain_warn_after = $warn\ndomain_suspend_after = $suspend\n";
}

# From now on, in both senders.
sub set_times {
    my ($warn, $suspend) = @_;
    my ($pid, $seen) = ($gw->env('SENDER_PID'), scalar grep { /EG0302/ } $gw->log_lines(qr/sender\.log/));
    Instance::write_file($gw->env('SENDER_CONF') =~ s{[^/]+\z}{extra-sender.conf}r, options($warn, $suspend), 0644);
    kill 'HUP', split / /, $pid;
    $gw->wait_for(sub { $seen + 2 == grep { /EG0302/ } $gw->log_lines(qr/sender\.log/) }, 10, 'both senders have reloaded');
}

my $ann = $gw->new_account;
my $zone = "z$$.example";

# A domain of ann's that has verified itself, with a key: {id, name, key, records}.
sub verified {
    my ($name) = @_;
    my $domain = $gw->api('EmailGateway.AddDomain', as => $ann, DomainName => $name)->{json}{Domain};
    my $it = { id => $domain->{DomainID}, name => $name, records => $domain->{DNSRecords},
        key => $gw->ctl(qw(key add --description x --user), $ann->{username}, '--domain', $name)->{key} };
    publish($it);
    my $json = $gw->api('EmailGateway.VerifyDomain', as => $ann, DomainID => $it->{id})->{json};
    is($json->{Domain}{Status}, 'Enabled', "$name: enabled");
    return $it;
}

# Its records, but for those that are named.
sub publish {
    my ($it, @without) = @_;
    $dns->zone($it->{name}, map { $_->{Type} eq 'TXT' ? "$_->{Host}. TXT " . EmailGW::Dns::txt($_->{Value})
            : "$_->{Host}. $_->{Type} $_->{Value}." }
        grep { my $one = $_; !grep { $_ eq $one->{Purpose} } @without } @{ $it->{records} });
}

sub status_of {
    my ($it) = @_;
    return $gw->sql("SELECT status FROM emailgw.domain WHERE domain_id = $it->{id} AND account_id = $ann->{account_id}");
}

# Waits until all of these have been checked so often, from now on.
sub wait_checks {
    my ($count, @domains) = @_;
    my $ids = join ',', map { $_->{id} } @domains;
    for (1 .. $count) {
        my $now = $gw->sql('SELECT clock_timestamp()');
        $gw->wait_for(sub { @domains == $gw->sql("SELECT count(*) FROM emailgw.domain WHERE domain_id IN ($ids)
            AND checked_at > '$now'") }, 60, 'a check of each');
    }
}

sub wait_status {
    my ($it, $status, $seconds) = @_;
    return $gw->wait_for(sub { status_of($it) eq $status }, $seconds, "$it->{name}: $status");
}

sub lines_about {
    my ($it) = @_;
    return grep { /EG038\d: domain \Q$it->{name}\E / } $gw->log_lines(qr/sender\.log/);
}

my $domain = verified("one.$zone");

subtest 'as long as the records hold' => sub {
    set_times('0s', '0s');
    wait_checks(3, $domain);
    is(status_of($domain), 'Enabled');
    is($gw->sql("SELECT failures FROM emailgw.domain WHERE domain_id = $domain->{id}"), 0);
    is_deeply([ lines_about($domain) ], [], 'nothing to tell');
    set_times('2s', $never);
};

subtest 'a record goes' => sub {
    my $begun = time;
    publish($domain, 'DKIM');
    wait_status($domain, 'Warning', 30);
    cmp_ok(time - $begun, '>', 2, 'not before the time is over');
    is($gw->api('EmailGateway.GetDomain', as => $ann, DomainID => $domain->{id})->{json}{Domain}{DKIMStatus}, 'Failed',
        'GetDomain says which');
    wait_checks(3, $domain);
    my ($line, @more) = lines_about($domain);
    like($line, qr/ warn EG0380: domain \Q$domain->{name}\E of account $ann->{account_id} will be suspended .*: DKIM: there is no such name$/,
        'the operator is told');
    is(scalar @more, 0, 'once');
    is($gw->send_mail(as => { domain => $domain->{name}, key => $domain->{key} })->{status}, 200, 'it can send still');
    $gw->expects('EG0380');
};

subtest 'and is there again' => sub {
    publish($domain);
    wait_status($domain, 'Enabled', 30);
    my ($line) = grep { /EG0382/ } lines_about($domain);
    like($line, qr/ info EG0382: domain \Q$domain->{name}\E of account \d+ is enabled again/, 'the operator is told');
};

subtest 'for long' => sub {
    $gw->expects('EG0381');
    publish($domain, 'DKIM', 'SPF');
    my $begun = time;
    wait_status($domain, 'Warning', 30);
    set_times('2s', '4s');
    wait_status($domain, 'Suspended', 30);
    cmp_ok(time - $begun, '>', 4, 'not before the time is over');
    my ($line) = grep { /EG0381/ } lines_about($domain);
    like($line, qr/ warn EG0381: domain .* is suspended, .*: DKIM: there is no such name; SPF: the name has no TXT record$/,
        'the operator is told why');
    my $reply = $gw->send_mail(as => { domain => $domain->{name}, key => $domain->{key} });
    is_deeply([ $reply->{status}, $reply->{json}{Errors} && $reply->{json}{Errors}[0]{Code} ], [ 403, 32 ], 'it cannot send');
    is($gw->sql("SELECT count(*) FROM emailgw.directory_domain WHERE name = '$domain->{name}'"), 0, 'its name is free');
    my ($shown) = grep { $_->{DomainName} eq $domain->{name} }
        @{ $gw->api('EmailGateway.GetDomains', as => $ann)->{json}{Domains} };
    is($shown->{Active}, JSON::PP::false, 'GetDomains: not active');
    publish($domain);
    wait_status($domain, 'Enabled', 30);
    is($gw->send_mail(as => { domain => $domain->{name}, key => $domain->{key} })->{status}, 200, 'and can send again');
    is($gw->sql("SELECT account_id FROM emailgw.directory_domain WHERE name = '$domain->{name}'"), $ann->{account_id},
        'with its name');
};

# Failing already when DNS falls silent: the clock stands still.
subtest 'DNS does not answer' => sub {
    set_times($never, $never);
    my $other = verified("two.$zone");
    my $failing = sub { join ' ', map { @$_ } $gw->sql("SELECT failures, checked_at - failing_since FROM emailgw.domain
        WHERE domain_id = $other->{id}") };
    publish($other, 'ownership');
    $gw->wait_for(sub { $gw->sql("SELECT failures FROM emailgw.domain WHERE domain_id = $other->{id}") >= 3 }, 30,
        'three failures');
    $dns->stop('unbound');
    wait_checks(2, $domain, $other); # one may have had its answer
    my $before = $failing->();
    wait_checks(6, $domain, $other);
    is($failing->(), $before, 'no failure is counted, and no time');
    is(status_of($_), 'Enabled', "$_->{name} is as it was") for $domain, $other;
    is_deeply([ lines_about($other) ], [], 'nothing to tell');
    set_times('0s', $never);
    wait_checks(3, $domain, $other);
    is(status_of($other), 'Enabled', 'no silence is the last straw');
    $dns->start_unbound;
    wait_status($other, 'Warning', 30);
    publish($other);
    wait_status($other, 'Enabled', 30);
};

subtest 'who is not checked' => sub {
    my $vouched = $gw->ctl(qw(domain add --enable --user), $ann->{username}, "vouched.$zone");
    my $pending = $gw->api('EmailGateway.AddDomain', as => $ann, DomainName => "pending.$zone")->{json}{Domain};
    wait_checks(4, $domain);
    for my $id ($vouched->{domain_id}, $pending->{DomainID}) {
        is($gw->sql("SELECT checked_at FROM emailgw.domain WHERE domain_id = $id"), undef);
    }
    is($gw->ctl(qw(domain dns --user), $ann->{username}, "vouched.$zone")->{status}, 'Enabled',
        'what the operator vouches for, without any record');
};

subtest 'two senders' => sub {
    my @many = map { verified("m$_.$zone") } 1 .. 12;
    wait_checks(2, @many);
    my ($first) = split / /, $gw->env('SENDER_PID');
    kill 'STOP', $first;
    my $leased = $gw->sql("SELECT count(*) FROM emailgw.domain WHERE check_base > now() + interval '10 s'");
    cmp_ok($leased, '<=', 8, 'one that stands still holds up no more than what it had begun');
    my $ids = join ',', map { $_->{id} } @many;
    my $now = $gw->sql('SELECT clock_timestamp()');
    $gw->wait_for(sub { $gw->sql("SELECT count(*) FROM emailgw.domain WHERE domain_id IN ($ids) AND checked_at > '$now'") >= 4 },
        60, 'the other one goes on');
    kill 'CONT', $first;
    is(status_of($_), 'Enabled') for @many;
    $gw->sql("UPDATE emailgw.domain SET deleted_at = now() WHERE domain_id = $many[0]{id}");
    wait_checks(2, @many[ 1 .. 3 ]);
    my $last = sub { $gw->sql("SELECT checked_at FROM emailgw.domain WHERE domain_id = $many[0]{id}") };
    my $before = $last->();
    wait_checks(3, @many[ 1 .. 3 ]);
    is($last->(), $before, 'a deleted domain is checked no more');
};

$gw->log_clean;
done_testing;
