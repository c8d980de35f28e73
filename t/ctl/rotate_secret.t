# emailgwctl rotate-secret: what was made with the former key goes on as long as it may,
# and nobody meets what was made with a key that they lack.
use EmailGW;
use EmailGW::Httpd;
use EmailGW::Links;
use EmailGW::Receiver;
use POSIX qw(strftime);

my $receiver = EmailGW::Receiver->up;
my $gw = EmailGW->up(RATE => 'off', WEBHOOK_ALLOW => $receiver->address, SENDER_CONF => \"poll = 20ms\n");
my $account = $gw->new_account;
my ($path) = EmailGW::slurp($gw->env('HTTPD_CONF')) =~ /^\s*EmailGatewaySecretFile (\S+)/m;
my $target = 'https://shop.example/';
my $id = sent_mail($gw, $account);
my $old_link = link_to($gw, c => $account->{account_id}, $id, 1, $target);
$gw->call('POST', '/api/v1/webhooks', { key => $account->{key}, json => { Event => 'send', WebhookURL => $receiver->url('/ok') } });

sub lines { return map { s/[0-9a-f]{64}/HEX/r } split /\n/, EmailGW::slurp($path) }

# One step: its result, and what the file then has.
sub step {
    my ($result, @lines) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $it = $gw->ctl_try('rotate-secret');
    is("$it->{exit} $it->{err}" . ($it->{objects}[0]{result} // ''), "0 $result", $result);
    is_deeply([ lines() ], \@lines, '... and the file');
    return $it->{objects}[0];
}

sub restart_all {
    for my $part (qw(httpd sender)) {
        $gw->stop($part);
        $gw->start($part);
    }
}

# Which keys the values of this account are sealed by.
sub sealed_by {
    my $whose = "WHERE account_id = $account->{account_id}";
    return join ' ', map { scalar $gw->sql("SELECT DISTINCT get_byte($_->[1], 0) FROM emailgw.$_->[0] $whose") }
        [ account => 'api_key_sealed' ], [ api_key => 'key_sealed' ], [ domain => 'webhook_key_sealed' ];
}

# All that needs a key of the file works.
sub all_works {
    my ($when) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is(visit($gw, $old_link, agent => $PERSON)->{headers}{location}, $target, "$when: a link of before leads on");
    my $keys = $gw->api('EmailGateway.GetAPIs', as => $account, DomainID => $account->{domain_id});
    is($keys->{json}{APIKeys}[0]{Key} // $keys->{body}, $account->{key}, '... GetAPIs shows the key');
    my $before = $receiver->requests('/ok');
    my $new = sent_mail($gw, $account);
    is(visit($gw, link_to($gw, c => $account->{account_id}, $new, 1, $target), agent => $PERSON)->{status}, 302, '... a new link leads on');
    $gw->wait_for(sub { $receiver->requests('/ok') > $before }, 10, 'a webhook post');
}

my $mode = join ' ', (stat $path)[2, 4, 5];
all_works('at first');
is(step('added', '1 HEX', '2 HEX next')->{key_id}, 2, '... which key');
all_works('added, not yet known');
restart_all();
all_works('known');
is(sealed_by(), '1 1 1', 'nothing is made with it yet');
my $year = strftime('%Y-%m-%d', gmtime(time + 365 * 86400));
step('used', '2 HEX', "1 HEX until $year");
all_works('used, by nobody yet');
restart_all();
all_works('used');
is(sealed_by(), '1 1 1', 'values are sealed by the former key');
is(step('resealed', '2 HEX', "1 HEX until $year")->{values}, $gw->sql('SELECT (SELECT count(*) FROM emailgw.account)
    + (SELECT count(*) FROM emailgw.api_key) + (SELECT count(*) FROM emailgw.domain)'), '... all of them');
is(sealed_by(), '2 2 2', 'they are sealed by the new one');
all_works('sealed anew');
is(join(' ', (stat $path)[2, 4, 5]), $mode, 'mode and owner of the file are what they were');

subtest 'the day on which its links end' => sub {
    my $text = EmailGW::slurp($path);
    my $today = strftime('%Y-%m-%d', gmtime);
    open my $file, '>', $path or die "$path: $!\n";
    print {$file} $text =~ s/until \S+/until $today/r;
    close $file;
    restart_all();
    my $gone = visit($gw, $old_link, agent => $PERSON);
    is($gone->{status}, 404, 'a link of the former key is gone');
    ok(!exists $gone->{headers}{location}, '... and leads nowhere');
    is(visit($gw, link_to($gw, c => $account->{account_id}, $id, 1, $target), agent => $PERSON)->{status}, 302, 'one of the key in use is not');
    step('added', '2 HEX', "1 HEX until $today", '3 HEX next');
};

subtest 'a value that no key opens' => sub {
    $gw->sql("UPDATE emailgw.api_key SET key_sealed = set_byte(key_sealed, 0, 77) WHERE account_id = $account->{account_id}");
    step('used', '3 HEX', "2 HEX until $year", '1 HEX until ' . strftime('%Y-%m-%d', gmtime));
    my $it = $gw->ctl_try('rotate-secret');
    is($it->{exit}, 1, 'is refused');
    like($it->{err}, qr/account $account->{account_id}: no key of \Q$path\E opens the key \d+/, '... and said');
    is(sealed_by(), '3 77 3', 'all others are sealed anew');
};
done_testing;
