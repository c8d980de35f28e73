# emailgwctl erase in a clean room: a person gets mail, opens and clicks it, bounces, is
# named in other people's replies and links, waits in the queue, is on every list. Then the
# person is erased, and pg_dump has the address nowhere, in no letter case and no encoding,
# but for the keyed hash that keeps it suppressed.
use EmailGW;
use EmailGW::Dump;
use EmailGW::Links;
use EmailGW::Receiver;
use EmailGW::Sink;

my $local = 'Ursula.Quagmire';
my $address = "$local\@Person.Example";
my $sink = EmailGW::Sink->start(script => sub {
    my ($step, $c) = @_;
    my $to = $c->{to} // '';
    return "550 5.1.1 <$to>: no such user" if $step eq 'rcpt' && $to =~ /bounces/;
    return "550 5.1.1 $address is what it leads to, and \"\L$local\E\@person.example\" does not exist" if $step eq 'rcpt' && $to =~ /^alias/;
    return "450 4.2.0 <$to> is busy" if $step eq 'rcpt' && $to =~ /^later|waits/;
    return "250 2.0.0 taken for $to" if $step eq 'dot';
    return;
});
my $receiver = EmailGW::Receiver->up;
my $gw = EmailGW->up(RATE => 'off', TRANSPORT => $sink->transport, WEBHOOK_ALLOW => $receiver->address,
    SENDER_CONF => \"poll = 20ms\nretry = 1h\nthreads = 1\n");
my ($account, $other) = map { $gw->new_account } 1 .. 2;

# Lines of the dump that have the person in them.
sub found {
    my ($dump) = @_;
    return lines_with($dump, qr/ursula\.quagmire/i);
}

sub mail {
    my ($as, $to, %with) = @_;
    my $reply = $gw->send_mail(as => $as, To => [ map { { email => $_, name => "Name of $_" } } ref $to ? @$to : $to ], %with);
    return $reply->{json}{MessageID} // die "$reply->{status} $reply->{body}\n";
}

sub ended {
    my ($id, $status, $what) = @_;
    ok($gw->wait_for(sub { ($gw->sql("SELECT string_agg(status::text || ' ' || attempts, ',' ORDER BY recipient_no) FROM emailgw.recipient
        WHERE message_id = '$id'") // '') =~ $status }, 30, $what), $what);
}

subtest 'a life' => sub {
    for my $as ($account, $other) {
        $gw->call('POST', '/api/v1/webhooks', { key => $as->{key}, json => { Event => 'sent,delivered,bounced,opened,clicked,unsubscribed',
            WebhookURL => $receiver->url('/status/500') } });
    }
    my $id = mail($account, $address, HtmlContent => "<p>Dear $local, <a href=\"https://shop.example/?u=$address\">yours</a></p>", Subject => "For $local",
        ContentType => 'html', Tags => [ $address, 'receipt' ], Headers => { 'X-For' => $address }, SubscriberID => 7,
        Attachments => [ { filename => "$local.txt", content => 'YQ==', type => 'text/plain' } ], headers => { 'Idempotency-Key' => 'once' });
    ended($id, qr/^delivered/, 'delivered');
    delivered_before($gw, $id, 60);
    my $target = 'https://shop.example/?u=' . ($address =~ s/\@/%40/r) . '&m=' . lc $address;
    my %seen = (o => visit($gw, link_to($gw, o => $account->{account_id}, $id, 1), agent => $PERSON),
        c => visit($gw, link_to($gw, c => $account->{account_id}, $id, 1, $target), agent => $PERSON));
    is(join(' ', map { $seen{$_}{status} // '' } sort keys %seen), '302 200', 'clicked and opened');
    ok($gw->wait_for(sub { @{ tracked($gw, $id) } == 2 }, 20, 'both events'), '... which are noted');

    ended(mail($account, "bounces+$address"), qr/^bounced/, 'somebody else of a similar name bounces');
    ended(mail($account, 'alias@example.org'), qr/^bounced/, 'an alias whose server names the person');
    ended(mail($account, [ $address, 'later@example.org' ], PlainContent => "To $address", ContentType => 'plain'), qr/^delivered.*queued 1/, 'a mail that another is still to get');
    mail($account, uc $address, SendAt => time + 7200);
    ended(mail($other, $address), qr/^delivered/, 'another account\'s');
    $gw->ctl(qw(suppress add), $address, '--user', $account->{username}, '--domain', $account->{domain});
    $gw->ctl(qw(suppress add), $address, '--system');
    $gw->sql("UPDATE emailgw.suppression SET reply = '550 no $address' WHERE address = lower('$address')");
    cmp_ok(scalar(found(dump_of($gw))), '>', 20, 'the dump is full of the person');
};

subtest 'erased' => sub {
    my $report = $gw->ctl('erase', lc $address);
    is($report->{state}, 'done', 'done');
    my %some = map { $_ => $report->{$_} } qw(recipients messages cancelled contents attachments idempotency_keys mentions);
    is_deeply(\%some, { recipients => 4, messages => 4, cancelled => 1, contents => 3, attachments => 1, idempotency_keys => 1,
        mentions => 2 }, 'the report') or diag(explain($report));
    cmp_ok($report->{events}, '>=', 10, "$report->{events} events");

    my $dump = dump_of($gw);
    my @left = grep { !/bounces\+/i } found($dump);
    is(join("\n", @left), '', 'the person is nowhere in the dump');
    is(scalar(grep { /bounces\+/i } found($dump)) > 0, 1, '... and who has a similar name is there as before');
    like($dump, qr/hash:1:[\w-]{22}/, '... but for the hash');
    unlike($dump, qr/Name of $local/i, 'no name');
    ok($gw->wait_for(sub { !grep { !/bounces\+/i } found(dump_of($gw)) }, 5, 'still'), 'nor is it back a little later');
};

subtest 'afterwards' => sub {
    for my $as ($account, $other) {
        is($gw->send_mail(as => $as, To => [ { email => $address, name => '' } ])->{json}{Errors}[0]{Code}, 14, 'no account can write to the person');
    }
    is($gw->send_mail(as => $account, To => [ { email => "bounces2\@person.example", name => '' } ])->{status}, 200, '... but to others there');
    my $id = $gw->sql("SELECT message_id FROM emailgw.recipient WHERE account_id = $account->{account_id} AND email = emailgw.erased_address()
        ORDER BY message_id LIMIT 1");
    my $before = $gw->sql("SELECT count(*) FROM emailgw.event WHERE message_id = '$id'");
    is(visit($gw, link_to($gw, c => $account->{account_id}, $id, 1, "https://shop.example/?u=$address"), agent => $PERSON)->{status}, 302, 'an old link works');
    sleep 1;
    is($gw->sql("SELECT count(*) FROM emailgw.event WHERE message_id = '$id'"), $before, '... and nothing is noted of it');
    is(scalar(grep { !/bounces\+/i } found(dump_of($gw))), 0, 'still nowhere');
    for my $where ([ '--system' ], [ '--user', $other->{username} ], [ '--user', $account->{username}, '--domain', $account->{domain} ]) {
        like($gw->ctl(qw(suppress add), $address, @$where)->{result}, qr/suppressed already: the person was erased/, "suppress add @$where");
    }
    is(scalar(grep { !/bounces\+/i } found(dump_of($gw))), 0, '... does not store the address again');
    is($gw->ctl(qw(suppress add), "bounces2\@person.example", '--user', $account->{username})->{result}, 'suppressed', '... as it does any other');
    $gw->ctl(qw(suppress remove), $address, '--system');
    is($gw->send_mail(as => $other, To => [ { email => $address, name => '' } ])->{status}, 200, 'the operator, who is told the address, can let it have mail');
};

$gw->log_clean;
done_testing;
