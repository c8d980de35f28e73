# MTA-STS (RFC 8461): real DNS, real HTTPS, certificates of an authority of the
# test's own. First what emailgwctl says of each shape, then what the sender's
# threads make of it in the course of time, by sts_ask.
use EmailGW;
use EmailGW::Certificates;
use EmailGW::Dns;
use EmailGW::PolicyHost;
use IO::Socket::IP;
use IPC::Open2 ();
use Time::HiRes qw(sleep time);

eval { EmailGW::Peer::dir('nginx') } or plan skip_all => 'nginx cannot be had';

my $interval = 1; # second
my $authority = EmailGW::Certificates->new;
my $stranger = EmailGW::Certificates->new;
sub give { return [ $authority->give("DNS:mta-sts.$_[0]", @_[ 1 .. $#_ ]) ] }

my $record = '"v=STSv1; id=1;"';
my $enforce = "version: STSv1\nmode: enforce\nmx: mx.good.example\nmx: *.good.example\nmax_age: 86400\n";
sub padded { return $enforce . 'more: ' . 'x' x ($_[0] - length($enforce) - 6) }

# Beside a policy host each: record (TXT data, undef: none), policy, what is expected.
my %shape = (
    good => { result => 'policy' },
    crlf => { policy => $enforce =~ s/\n/\r\n/gr, result => 'policy' },
    split => { record => '"v=STSv1; " "id=" "1;"', result => 'policy' },
    among => { record => [ '"v=spf1 -all"', $record ], result => 'policy' },
    parameters => { conf => 'types {} default_type "Text/Plain; charset=utf-8";', result => 'policy' },
    testing => { policy => $enforce =~ s/enforce/testing/r, result => 'policy' },
    none => { policy => "version: STSv1\nmode: none\nmax_age: 60\n", result => 'policy' },
    full => { policy => padded(65536), result => 'policy' },
    'no-record' => { record => undef, result => 'none', reason => qr/^it has no MTA-STS record$/ },
    others => { record => '"v=STSv2; id=1;"', result => 'none', reason => qr/no MTA-STS record/ },
    two => { record => [ $record, '"v=STSv1; id=2;"' ], result => 'none', reason => qr/^it has 2 MTA-STS records$/ },
    'no-id' => { record => '"v=STSv1;"', result => 'none', reason => qr/its record has no id/ },
    'bad-id' => { record => '"v=STSv1; id=1-2;"', result => 'none', reason => qr/letters and digits/ },
    syntax => { policy => "<html>\n", result => 'failed', reason => qr/policy is not valid: "<html>"/ },
    'no-mx' => { policy => "version: STSv1\nmode: enforce\nmax_age: 60\n", result => 'failed', reason => qr/mx is missing/ },
    missing => { policy => undef, result => 'failed', reason => qr/^the answer has status 404$/ },
    moved => { conf => 'return 301 https://mta-sts.good.example:PORT/.well-known/mta-sts.txt;', result => 'failed',
        reason => qr/status 301/ },
    page => { conf => 'default_type text/html;', result => 'failed', reason => qr/not text\/plain/ },
    plainer => { conf => 'default_type text/plainer;', result => 'failed', reason => qr/not text\/plain/ },
    large => { policy => padded(65537), result => 'failed', reason => qr/^the policy is over 64 KiB long$/ },
    trickle => { conf => 'limit_rate 20;', result => 'failed', reason => qr/[Tt]imeout/ },
    drip => { conf => 'limit_rate 20;', result => 'failed', reason => qr/[Tt]imeout/ },
    expired => { tls => give('expired.example', days => -1), result => 'failed', reason => qr/expired/ },
    wrong => { tls => give('other.example'), result => 'failed', reason => qr/name/ },
    gap => { tls => give('gap.example', alone => 1), result => 'failed', reason => qr/unable to get local issuer/ },
    self => { tls => [ $authority->self('DNS:mta-sts.self.example') ], result => 'failed', reason => qr/self-signed/ },
    stranger => { tls => [ $stranger->give('DNS:mta-sts.stranger.example') ], result => 'failed', reason => qr/issuer|self-signed/ },
    private => { addresses => ['A 127.0.0.2'], result => 'failed', reason => qr/^the address is not allowed$/ },
    'v6-private' => { addresses => ['AAAA ::1'], result => 'failed', reason => qr/^the address is not allowed$/ },
    both => { addresses => [ 'A 10.255.255.1', 'A 127.0.0.1' ], result => 'policy' },
    'no-address' => { addresses => [], result => 'failed', reason => qr/has no address$/ },
    alias => { addresses => ['CNAME mta-sts.good'], result => 'policy' },
);

my $hosts = EmailGW::PolicyHost->up(map { ("$_.example" => {
    tls => $shape{$_}{tls} // give("$_.example"), conf => $shape{$_}{conf} }) } sort keys %shape);
my $port = $hosts->port;
# Where no policy may be fetched from.
my @traps = map { IO::Socket::IP->new(Listen => 5, LocalHost => $_, LocalPort => $port, GetAddrInfoFlags => 0, Blocking => 0)
    or die "$_: $!\n" } '127.0.0.2', '::1';
my $dns = EmailGW::Dns->up(silent => [ 'silent.example', 'mute.example' ], broken => ['broken.example']);

sub domain {
    my ($name) = @_;
    my %with = (record => $record, addresses => ['A 127.0.0.1'], policy => $enforce, %{ $shape{$name} });
    $hosts->policy("$name.example", $with{policy});
    return ((map { "_mta-sts.$name TXT $_" } grep { defined } ref $with{record} ? @{ $with{record} } : $with{record}),
        map { "mta-sts.$name $_" } @{ $with{addresses} });
}
my %lines = map { $_ => [ domain($_) ] } keys %shape;
sub publish { $dns->zone('example', map { @{ $lines{$_} } } sort keys %lines) }
publish();

my $settings = <<"END";
sts_ca_file = @{[ $authority->root ]}
sts_port = $port
sts_allow = 127.0.0.1:$port
sts_timeout = 1s
sts_interval = ${interval}s
resolver_timeout = 1s
END
my $gw = EmailGW->up(RESOLVER => $dns->resolver, SENDER_CONF => \$settings);

subtest 'each shape' => sub {
    for my $name (sort keys %shape) {
        my ($before, $shape) = (time, $shape{$name});
        my $said = $gw->ctl('sts', "$name.example");
        is($said->{result}, $shape->{result}, "$name: $shape->{result}") or diag(explain $said);
        $shape->{reason} ? like($said->{reason}, $shape->{reason}, '... and why') : is($said->{reason}, undef, '... in order');
        cmp_ok(time - $before, '<', EmailGW::allowed(3), '... in time');
    }
};

subtest 'what it says' => sub {
    is_deeply($gw->ctl(qw(sts Good.Example)), { domain => 'good.example', result => 'policy', record_id => '1',
        url => "https://mta-sts.good.example:$port/.well-known/mta-sts.txt", mode => 'enforce', max_age_seconds => 86400,
        mx => [ 'mx.good.example', '*.good.example' ] }, 'a policy');
    is($gw->ctl('sts', 'testing.example')->{mode}, 'testing');
    is_deeply($gw->ctl('sts', 'none.example')->{mx}, [], 'mode none has no hosts');
    is($gw->ctl('sts', "$_.example")->{result}, 'unknown', "$_: DNS does not say") for qw(silent broken);
    is($gw->ctl('sts', 'nowhere.example')->{result}, 'none', 'a name that does not exist');
    my $wrong = $gw->ctl_try('sts', 'no domain');
    is($wrong->{exit}, 1, 'no domain name: refused');
    my (undef, $text) = EmailGW::run_command(undef, $gw->env('EMAILGWCTL'), 'sts', 'good.example');
    like($text, qr/^mode +enforce\n(?:.*\n)*mx +mx\.good\.example \*\.good\.example$/m, 'as text');
};
is(scalar(grep { $_->accept } @traps), 0, 'nobody came where no policy may be fetched from');

# ---- the threads ----------------------------------------------------------------------

my $log = $gw->env('LOGS') . '/sts.log';
my $asker;
$SIG{PIPE} = 'IGNORE'; # should it end before its time

# With the sender's configuration and these lines more.
sub start_asking {
    my (@lines) = @_;
    open my $in, '<', $gw->env('SENDER_CONF') or die "SENDER_CONF: $!\n";
    my $conf = $gw->file('ask.conf', join '', (grep { !/^include/ } <$in>), $settings, map { "$_\n" } "log_file = $log", @lines);
    my $pid = IPC::Open2::open2(my $out, my $to, "$ENV{EG_BUILD}/t/sender/sts_ask", $conf);
    $to->autoflush(1);
    $asker = { pid => $pid, in => $to, out => $out };
}

sub stop_asking {
    close $asker->{in};
    my $before = time;
    waitpid $asker->{pid}, 0;
    is($?, 0, 'it ends');
    cmp_ok(time - $before, '<', EmailGW::allowed(2.5), '... in time');
}

sub ask {
    my ($name) = @_;
    print { $asker->{in} } "$name.example\n";
    my $line = readline $asker->{out};
    return ($line // '') =~ /^\S+: (.*)/ ? $1 : 'nothing';
}

sub log_of {
    my ($name) = @_;
    open my $file, '<', $log or return;
    return grep { / of \Q$name\E\.example\b/ } <$file>;
}

my $policy = 'enforce mx.good.example,*.good.example';

subtest 'found, none and failed' => sub {
    start_asking();
    is(ask('?good'), 'pending', 'it never waits');
    is(ask('good'), $policy, 'a policy');
    is(ask('?good'), $policy, '... is there at once from then on');
    is(ask('testing'), $policy =~ s/enforce/testing/r, 'mode testing');
    is(ask('none'), 'none', 'mode none');
    is(ask($_), 'none', "$_: none") for qw(no-record two syntax expired silent);
    is(scalar(() = log_of('good')), 1, 'a policy is told once');
    like((log_of('good'))[0], qr/ info EG0420: MTA-STS: new policy of good\.example, id 1: mode enforce for 86400 s, mx mx/);
    like((log_of('expired'))[0], qr/ warn EG0421: MTA-STS: no policy of expired\.example from https:\S+: .*expired/);
    is(scalar(() = log_of('no-record')), 0, 'none at all is nothing to tell');
};

# When the next look is over.
sub later_is {
    my ($name, $expected, $what) = @_;
    sleep $interval + 0.1;
    ask($name);
    sleep 0.5;
    my $answer;
    my $deadline = time + EmailGW::allowed(3);
    sleep 0.1 while ($answer = ask($name)) ne $expected && time < $deadline;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is($answer, $expected, $what);
}

subtest 'looked at again' => sub {
    my $fetched = $hosts->fetched('good.example');
    for (1 .. 3) {
        sleep $interval + 0.1;
        is(ask('good'), $policy, 'the same');
    }
    sleep 0.3;
    is($hosts->fetched('good.example'), $fetched, '... and not fetched again while its id is');
    my $failed = $hosts->fetched('syntax.example');
    ask('syntax') for 1 .. 20;
    cmp_ok($hosts->fetched('syntax.example'), '<=', $failed + 1, 'a fetch that failed waits for its time');
    $lines{'no-record'} = [ "_mta-sts.no-record TXT $record", 'mta-sts.no-record A 127.0.0.1' ];
    publish();
    later_is('no-record', $policy, 'a record that is new is found');
    $hosts->policy('syntax.example', $enforce);
    later_is('syntax', $policy, 'what has failed is fetched later');
};

subtest 'another policy' => sub {
    $hosts->policy('crlf.example', $enforce);
    is(ask('crlf'), $policy, 'first');
    $hosts->policy('crlf.example', "version: STSv1\nmode: testing\nmx: new.example\nmax_age: 60\n");
    later_is('crlf', $policy, 'not seen while the id is the same');
    $lines{crlf} = [ '_mta-sts.crlf TXT "v=STSv1; id=2;"', 'mta-sts.crlf A 127.0.0.1' ];
    publish();
    later_is('crlf', 'testing new.example', '... but with another id');
    like((log_of('crlf'))[-1], qr/EG0420: MTA-STS: changed policy of crlf\.example, id 2: mode testing/, '... and told');
};

subtest 'nobody talks a sender out of a policy' => sub {
    ask($_) for qw(split among full parameters both);
    $lines{split} = [ 'mta-sts.split A 127.0.0.1' ];                                                       # no record
    $lines{among} = [ "_mta-sts.among TXT $record", '_mta-sts.among TXT "v=STSv1; id=2;"' ];               # two
    $lines{full} = [ '_mta-sts.full TXT "v=STSv1; id=2;"' ];                                               # no address
    $lines{parameters} = [ '_mta-sts.parameters TXT "v=STSv1; id=2;"', 'mta-sts.parameters A 127.0.0.1' ]; # 404
    $hosts->policy('parameters.example', undef);
    publish();
    later_is($_, $policy, $_) for qw(split among full parameters);
    $dns->stop('unbound');
    later_is('both', $policy, 'DNS that is silent');
    $dns->start_unbound;
};

subtest 'known after a start' => sub {
    stop_asking();
    $hosts->stop;
    start_asking();
    is(ask('?parameters'), 'pending', 'not at once');
    is(ask($_), $policy, $_) for qw(parameters split good);
    is(ask('testing'), $policy =~ s/enforce/testing/r, 'testing');
    is(ask('page'), 'none', 'nobody knows what was never there');
    $hosts->start;
};

subtest 'over at its end' => sub {
    my $short = $enforce =~ s/86400/3/r;
    $hosts->policy('alias.example', $short);
    is(ask('alias'), $policy, 'max_age of 3 s');
    my $since = time;
    $hosts->policy('alias.example', undef);
    sleep $interval + 0.2;
    is(ask('alias'), $policy, 'holds') while time - $since < 2;
    $lines{alias} = [];
    publish();
    sleep 2;
    is(ask('alias'), 'none', '... and is over');
    like((log_of('alias'))[-1], qr/EG0422: MTA-STS: the policy of alias\.example is over, .*no MTA-STS record/, '... and told');
};

subtest 'renewed before its end' => sub {
    $hosts->policy('both.example', $enforce =~ s/86400/4/r);
    $lines{both} = [ '_mta-sts.both TXT "v=STSv1; id=2;"', 'mta-sts.both A 127.0.0.1' ];
    publish();
    later_is('both', $policy, 'max_age of 4 s');
    my ($since, %said) = (time);
    while (time - $since < 6) {
        $said{ ask('?both') }++;
        sleep 0.1;
    }
    is_deeply([ keys %said ], [$policy], 'there all the time') or diag(explain \%said);
};

# 1,000 names that nobody answers for: 8 of them are looked up at a time.
subtest 'many of one organisation' => sub {
    ask("?d$_.mute") for 1 .. 1025;
    is(ask('?d1026.mute'), 'crowded', 'they have a share of the room');
    my $before = time;
    is(ask('missing'), 'none', 'no name of another one waits for all of them');
    cmp_ok(time - $before, '<', EmailGW::allowed(2), '... nor for many');
};

subtest 'ends at once' => sub {
    stop_asking();
    start_asking('sts_timeout = 20s');
    for my $name (qw(trickle drip)) { # one for each thread
        is(ask("?$name"), 'pending', "$name takes long");
        sleep 0.5;
    }
    for my $name (qw(two none page missing large)) {
        my $before = time;
        is(ask($name), 'none', "$name, beside them");
        cmp_ok(time - $before, '<', EmailGW::allowed(2), '... does not wait for them');
    }
    $lines{drip} = [ '_mta-sts.drip TXT "v=STSv1; id=3;"', 'mta-sts.drip A 127.0.0.1' ];
    publish();
    is(ask('?drip'), 'pending');
    sleep 0.3;
    stop_asking();
};

$gw->log_clean;
done_testing;
