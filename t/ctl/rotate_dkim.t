# emailgwctl domain rotate-dkim: a new DKIM key, its record looked for in a real DNS, and
# mails before, during and after the change, judged by others' verifiers.
use EmailGW;
use EmailGW::DkimVerifiers;
use EmailGW::Dns;
use EmailGW::Domains qw(get_domain verify_domain);
use EmailGW::Sink;

my $dns = EmailGW::Dns->up(silent => ['silent.example']);
my $sink = EmailGW::Sink->start;
my $gw = EmailGW->up(RATE => 'off', RESOLVER => $dns->resolver, TRANSPORT => $sink->transport,
    SENDER_CONF => \"poll = 20ms\nresolver_timeout = 2s\nlifetime = 36h\ndomain_check_interval = 1h\n");
my $week = 7 * 86400;
my (%keys, %sent); # domain => { selector => record }; subject => selector that it is to be signed with

sub rotate {
    my ($account, @words) = @_;
    return $gw->ctl_try(qw(domain rotate-dkim), $account->{domain}, '--user', $account->{username}, @words);
}

# It does what is asked: what it says.
sub does {
    my ($account, @words) = @_;
    my $it = rotate($account, @words);
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is("$it->{exit} $it->{err}", '0 ', "rotate-dkim $account->{domain} @words");
    my $shown = $it->{objects}[0];
    $keys{ $account->{domain} }{ $shown->{pending_selector} } = $shown->{publish}[0]{value} if $shown->{publish};
    return $shown;
}

# Nothing is changed: exit status, words, what is still signed with, and what is pending.
sub stays {
    my ($account, $says, $signing, $pending, @words) = @_;
    my $it = rotate($account, @words);
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is($it->{exit}, 1, 'exit status 1');
    like($it->{err}, $says);
    is(state($account), "$signing $pending", 'nothing is changed');
    return $it->{objects}[0];
}

# The selector that is signed with and the pending one, by domain list.
sub state {
    my ($account) = @_;
    my ($row) = $gw->ctl(qw(domain list --user), $account->{username});
    return join ' ', $row->{dkim_selector}, $row->{pending_selector} // 'none';
}

# The domain's zone: a line for each selector and the record at it.
sub zone {
    my ($account, @lines) = @_;
    $dns->zone($account->{domain}, map { "$_->[0]._domainkey TXT " . EmailGW::Dns::txt($_->[1]) } @lines);
}

# The same with the keys' own records.
sub publish {
    my ($account, @selectors) = @_;
    zone($account, map { [ $_ => $keys{ $account->{domain} }{$_} ] } @selectors);
}

sub send_as {
    my ($account, $subject, $selector) = @_;
    is($gw->send_mail(as => $account, Subject => $subject)->{status}, 200, "a mail $subject");
    $sent{$subject} = $selector;
    $gw->drained(10);
}

my $shop = $gw->new_account(domain => 'shop.example');
my ($row) = $gw->sql("SELECT dkim_selector, dkim_record FROM emailgw.domain WHERE name = 'shop.example'");
my $old = $row->[0];
my $record = $keys{'shop.example'} = { @$row };
publish($shop, $old);
send_as($shop, 'before', $old);

my $new;
subtest 'a key is made, and nothing else' => sub {
    my $shown = does($shop);
    $new = $shown->{pending_selector};
    is($shown->{result}, 'pending');
    is($shown->{signing_selector}, $old);
    is($new, "${old}a", 'the month has had one: a letter is added');
    is_deeply($shown->{publish}, [ { host => "$new._domainkey.shop.example", type => 'TXT', value => $record->{$new} } ],
        'the record to publish');
    like($record->{$new}, qr/\Av=DKIM1; k=rsa; p=[A-Za-z0-9+\/]{392}\z/, '... of 2048 bits');
    isnt($record->{$new}, $record->{$old}, '... of another key');
    like($shown->{pending_since}, qr/\A\d{4}-\d\d-\d\dT[\d:.]+Z\z/);
    is(state($shop), "$old $new");
    send_as($shop, 'while it is not published', $old);
};

subtest 'not there, wrong, twice, no answer' => sub {
    my $shown = stays($shop, qr/^emailgwctl: \Q$new\E\._domainkey\.shop\.example: there is no such name; mail is signed with \Q$old\E as before$/m, $old, $new);
    is($shown->{publish}[0]{value}, $record->{$new}, 'the record is shown again');
    is("$shown->{state} $shown->{found}", 'failed ');
    zone($shop, [ $old => $record->{$old} ], [ $new => $record->{$old} ]);
    $shown = stays($shop, qr/p= is another key; mail is signed with/, $old, $new);
    is($shown->{reason}, 'p= is another key');
    is($shown->{found}, $record->{$old}, 'what is there instead is shown');
    zone($shop, [ $old => $record->{$old} ], [ $new => 'v=DKIM1; p=' ]);
    stays($shop, qr/the key is revoked/, $old, $new);
    zone($shop, [ $new => $record->{$new} ], [ $new => $record->{$old} ]);
    stays($shop, qr/2 TXT records: there may be only one/, $old, $new);
    $dns->stop('unbound');
    $shown = stays($shop, qr/temporary: no (?:DNS server|answer)/, $old, $new);
    is($shown->{state}, 'unknown', 'nobody can say');
    $dns->start_unbound;
    my $text = text(qw(domain rotate-dkim shop.example --user), $shop->{username});
    like($text, qr/^publish\n  host +type +value\n  \Q$new\E\._domainkey\.shop\.example +TXT +v=DKIM1/m, 'for people');
    send_as($shop, 'after failures', $old);
};

# What people see, whatever the exit status.
sub text {
    my (@words) = @_;
    return (EmailGW::run_command(undef, $gw->env('EMAILGWCTL'), @words))[1];
}

subtest 'the change' => sub {
    my $version = $gw->sql("SELECT records_version FROM emailgw.domain WHERE name = 'shop.example'");
    publish($shop, $old, $new);
    my ($before) = grep { $_->{Purpose} eq 'DKIM' } @{ get_domain($gw, $shop, { DomainID => $shop->{domain_id} })->{DNSRecords} };
    is($before->{Host}, "$old._domainkey.shop.example", 'GetDomain shows the current record only');
    my $earliest = time;
    my $shown = does($shop);
    is("$shown->{result} $shown->{signing_selector}", "changed $new");
    is($shown->{take_out}[0]{host}, "$old._domainkey.shop.example", 'which record may go');
    my ($after) = $gw->sql("SELECT extract(epoch FROM timestamptz '$shown->{take_out}[0]{not_before}')");
    cmp_ok($after->[0], '>=', $earliest + 36 * 3600 + $week - 1, '... not before the lifetime and a week');
    cmp_ok($after->[0], '<=', time + 36 * 3600 + $week + 1, '... and then');
    is(state($shop), "$new none");
    is($gw->sql("SELECT records_version FROM emailgw.domain WHERE name = 'shop.example'"), $version + 1);
    send_as($shop, 'after', $new);
    my ($results) = verify_domain($gw, $shop, { DomainID => $shop->{domain_id} });
    is($results->{DKIM}{Host}, "$new._domainkey.shop.example", 'VerifyDomain looks up the new record');
    ok($results->{DKIM}{Verified}, '... which holds');
    my ($dkim) = grep { $_->{Purpose} eq 'DKIM' } @{ get_domain($gw, $shop, { DomainID => $shop->{domain_id} })->{DNSRecords} };
    is("$dkim->{Host} $dkim->{Value}", "$new._domainkey.shop.example $record->{$new}", 'GetDomain shows it alone');
};

my $third;
subtest 'once more in the same month, abandoned, and again' => sub {
    $third = does($shop)->{pending_selector};
    is($third, "${old}b");
    publish($shop, $old, $new, $third);
    my $shown = does($shop, '--abandon');
    is("$shown->{result} $shown->{abandoned_selector} $shown->{signing_selector}", "abandoned $third $new");
    is(state($shop), "$new none");
    send_as($shop, 'after it was abandoned', $new);
    my $none = rotate($shop, '--abandon');
    is($none->{exit}, 1);
    like($none->{err}, qr/shop\.example: no key is pending/);
    my $fourth = does($shop)->{pending_selector};
    is($fourth, "${old}c", 'what was abandoned does not come again');
    publish($shop, $old, $new, $fourth);
    is(does($shop)->{signing_selector}, $fourth);
    send_as($shop, 'after the second change', $fourth);
};

subtest 'several at once' => sub {
    my $many = $gw->new_account(domain => 'many.example');
    my @first = at_once(6, sub { my $it = rotate($many); return $it->{exit} . ' ' . $it->{objects}[0]{publish}[0]{value} });
    my %different = map { $_ => 1 } @first;
    is(scalar keys %different, 1, 'all are shown one key') or diag(explain(\@first));
    my ($selector) = (split ' ', state($many))[1];
    $keys{'many.example'}{$selector} = $first[0] =~ s/^0 //r;
    publish($many, $selector);
    my @then = at_once(6, sub { my $it = rotate($many); return join ' ', $it->{exit}, $it->{objects}[0]{result} // 'refused' });
    is(scalar(grep { $_ eq '0 changed' } @then), 1, 'one of them makes the change') or diag(explain(\@then));
    is(scalar(grep { !/^(?:0 changed|1 refused|0 pending|1 pending)\z/ } @then), 0, '... the others refuse, or begin the next one');
    like(state($many), qr/\A\Q$selector\E /, '... and it holds');
    send_as($many, 'after a change by one of several', $selector);
};

# What each of so many processes has to say.
sub at_once {
    my ($count, $run) = @_;
    my @pipes = map {
        my $pid = open(my $from, '-|') // die "fork: $!\n";
        if (!$pid) {
            print $run->();
            close STDOUT;
            require POSIX;
            POSIX::_exit(0);
        }
        $from;
    } 1 .. $count;
    return map { local $/; my $said = readline $_; close $_; $said } @pipes;
}

subtest 'DNS that says nothing' => sub {
    my $silent = $gw->new_account(domain => 'silent.example');
    my $shown = does($silent);
    my $began = time;
    $shown = stays($silent, qr/temporary: no answer within 2 s; mail is signed/, $shown->{signing_selector}, $shown->{pending_selector});
    cmp_ok(time - $began, '<', EmailGW::allowed(6), 'within the deadline');
    is($shown->{state}, 'unknown');
};

subtest 'a deleted domain beside its successor' => sub {
    my $gone = $gw->new_account(domain => 'gone.example');
    does($gone);
    is($gw->api('EmailGateway.DeleteDomain', as => $gone, DomainID => $gone->{domain_id})->{json}{Success}, JSON::PP::true);
    for my $words ([], ['--abandon']) {
        my $it = rotate($gone, @$words);
        is("$it->{exit} $it->{err}", "1 emailgwctl: gone.example: unknown domain\n", "rotate-dkim @$words");
    }
    my $former = $gw->sql("SELECT dkim_selector || dkim_record FROM emailgw.domain WHERE domain_id = $gone->{domain_id}");
    $gw->ctl(qw(domain add gone.example --enable --user), $gone->{username});
    publish($gone, does($gone)->{pending_selector});
    is(does($gone)->{result}, 'changed', 'the one that is there');
    is($gw->sql("SELECT dkim_selector || dkim_record FROM emailgw.domain WHERE domain_id = $gone->{domain_id}"), $former,
        '... without the one that is not');
};

subtest 'refusals' => sub {
    my $other = $gw->new_account;
    for my $case (
        [ 1, qr/unknown\.example: unknown domain/, 'unknown.example', '--user', $shop->{username} ],
        [ 1, qr/shop\.example: unknown domain/, 'shop.example', '--user', $other->{username} ],
        [ 1, qr/unknown user "nobody"/, 'shop.example', '--user', 'nobody' ],
        [ 1, qr/is no domain name/, 'a..example', '--user', $shop->{username} ],
        [ 2, qr/--user is missing/, 'shop.example' ],
        [ 2, qr/NAME is missing/, '--user', $shop->{username} ],
    ) {
        my ($exit, $says, @words) = @$case;
        my $it = $gw->ctl_try(qw(domain rotate-dkim), @words);
        is($it->{exit}, $exit, "@words");
        like($it->{err}, $says);
        is($it->{out}, '');
    }
};

subtest 'each mail verifies, with the selector of its time' => sub {
    my @taken = $sink->messages;
    my %selector = map { ($_->{body} =~ /^Subject: (.*)\r$/m)[0] => ($_->{body} =~ /\ADKIM-Signature:.*?[\s;]s=([^;\s]+)/s)[0] } @taken;
    is_deeply(\%selector, \%sent, 'the selectors');
    my $verifiers = EmailGW::DkimVerifiers->new($gw, map { my $domain = $_; map { "$_._domainkey.$domain $keys{$domain}{$_}" } sort keys %{ $keys{$domain} } } sort keys %keys);
    my @all = map { $_->{body} } @taken;
    is_deeply([ $verifiers->opendkim(@all) ], [ (1) x @all ], 'by OpenDKIM');
    is_deeply([ $verifiers->dkimpy(@all) ], [ (1) x @all ], 'by dkimpy');
};

$gw->log_clean;
done_testing;
