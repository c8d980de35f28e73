# The queue of a domain is cut off with 60,000 mails in it (EG_CANCEL for more), beside mail of another
# domain of the same account and of another account: it answers at once, nothing
# more of it is sent but what senders had in hand, each recipient has one end, and
# the others' mail goes on.
use EmailGW;
use EmailGW::Ends;
use EmailGW::Sink;
use EmailGW::SmtpSink;
use List::Util qw(sum0);
use Time::HiRes qw(sleep time);

my ($many, $few) = ($ENV{EG_CANCEL} // 60_000, 6_000); # mails: of the domain, of each of the others
my $conf = "connections = 8\nlease = 5s\npoll = 20ms\n";

# The one place that knows how it is done.
sub clear_queue {
    my ($gw, $account) = @_;
    my $start = time;
    my ($known, $mails) = @{ ($gw->sql('SELECT known, mails FROM emailgw_api.clear_domain_queue('
        . "$account->{account_id}, $account->{domain_id})"))[0] };
    die "unknown domain\n" if $known ne 't';
    return { mails => $mails, seconds => time - $start };
}

# Mails to 100 destinations; one in ten for tomorrow if later.
sub queue_mails {
    my ($gw, $account, $count, $later) = @_;
    $gw->queue_mails($count, as => $account, tags => "CASE WHEN n % 100 = 0 THEN '{a,b}'::text[] ELSE '{}' END",
        send_at => "CASE WHEN $later AND n % 10 = 0 THEN now() + interval '1 day' END",
        email => "'ann' || n || '\@' || n % 100 || '.example.org'");
}

# How many mails of a domain have been delivered; cheap, for it is asked while things go on.
sub delivered {
    my ($gw, @accounts) = @_;
    return scalar $gw->sql('SELECT coalesce(sum(count), 0) FROM emailgw.daily_count WHERE type = 2 AND tag = \'\' AND domain_id IN ('
        . join(', ', map { $_->{domain_id} } @accounts) . ')');
}

# Mails of these accounts that were delivered in a second, over some seconds.
sub pace {
    my ($gw, $seconds, @accounts) = @_;
    my ($before, $start) = (delivered($gw, @accounts), time);
    sleep $seconds;
    return (delivered($gw, @accounts) - $before) / (time - $start);
}

subtest "$many mails" => sub {
    my $sink = EmailGW::SmtpSink->start(keep => 1);
    my $gw = EmailGW->up(TRANSPORT => 'relay:' . $sink->address, SENDERS => 2, SENDER_CONF => \$conf);
    my ($cleared, $other) = map { $gw->new_account } 1 .. 2;
    my $beside = { %$cleared, domain => "beside-$cleared->{domain}" };
    $beside->{domain_id} = $gw->ctl(qw(domain add), $beside->{domain}, '--user', $cleared->{username}, '--enable')->{domain_id};
    $beside->{key} = $gw->ctl(qw(key add --user), $cleared->{username}, '--domain', $beside->{domain},
        qw(--description test))->{key};

    $gw->stop('sender');
    queue_mails($gw, $cleared, $many, 'true');
    queue_mails($gw, $_, $few, 'false') for $beside, $other;
    $gw->start('sender');
    $gw->wait_for(sub { delivered($gw, $_) > 50 }, 20, 'mail that flows') for $cleared, $beside, $other;
    my $before = pace($gw, 2, $beside, $other);

    my $sent = delivered($gw, $cleared);
    my $answer = clear_queue($gw, $cleared);
    # Whoever was in hand at that moment, or had been delivered by then.
    $gw->sql("CREATE TABLE public.spared AS SELECT message_id, recipient_no FROM emailgw.queue"
        . " WHERE domain_id = $cleared->{domain_id} AND leased AND NOT ready"
        . " UNION ALL SELECT message_id, recipient_no FROM emailgw.event WHERE domain_id = $cleared->{domain_id} AND type = 2");
    my $spared = $gw->sql('SELECT count(*) FROM public.spared');
    my $at_cut = delivered($gw, $cleared);
    diag(sprintf 'answered in %.2f s', $answer->{seconds});
    cmp_ok($answer->{seconds}, '<', EmailGW::allowed(1), sprintf 'it answers within a second (%.2f s)', $answer->{seconds});
    cmp_ok($answer->{mails}, '>', $many / 2, "... that $answer->{mails} mails wait");
    ok($answer->{mails} >= $many - $spared && $answer->{mails} <= $many - $sent,
        "... all but the $sent sent before, perhaps some of the $spared sent or in hand afterwards");

    my $during = pace($gw, 2, $beside, $other);
    ok($during > $before / 2 || delivered($gw, $beside, $other) == 2 * $few,
        sprintf 'the others\' mail goes on: %.0f a second before, %.0f afterwards, or is all sent', $before, $during);
    my $swept = sub { scalar $gw->sql("SELECT coalesce(sum(count), 0) FROM emailgw.daily_count WHERE type = 6 AND tag = ''") };
    cmp_ok($swept->(), '>', 0, 'the sweep has begun');
    my ($victim) = split ' ', $gw->env('SENDER_PID');
    kill 'KILL', $victim or die "kill: $!\n";

    my $start = time;
    ok($gw->wait_for(sub { !$gw->sql("SELECT count(*) FROM emailgw.queue WHERE domain_id <> $cleared->{domain_id}") }, 90,
        'all of the others\' mail'), 'the others\' mail is all sent, though one sender was killed');
    ok($gw->wait_for(sub { !$gw->sql('SELECT count(*) FROM emailgw.queue') }, 240, 'an empty queue'),
        'nothing is left in the queue');
    diag(sprintf '%.0f s for the sweep, %d mails', time - $start, $swept->());

    my %ends = map { ("$_->[0] $_->[1]" => $_->[2]) } $gw->sql('SELECT m.domain_id, r.status, count(*) FROM emailgw.recipient AS r'
        . ' JOIN emailgw.message AS m USING (account_id, message_id) GROUP BY 1, 2');
    is($ends{"$_->{domain_id} delivered"}, $few, 'each mail of the others is delivered') for $beside, $other;
    is(sum0(@ends{ map { "$cleared->{domain_id} $_" } qw(delivered cancelled) }), $many,
        'each of the domain is delivered or cancelled');
    is(scalar(keys %ends), 4, '... and no mail has another end');
    ends_agree($gw);

    is($gw->sql("SELECT count(*) FROM emailgw.event AS e WHERE e.domain_id = $cleared->{domain_id} AND e.type = 2 AND NOT EXISTS"
        . ' (SELECT FROM public.spared AS s WHERE s.message_id = e.message_id AND s.recipient_no = e.recipient_no)'), 0,
        'of the domain nothing was sent but what had been, or was in hand');
    my %spared = map { $_->[0] => 1 } $gw->sql('SELECT message_id FROM public.spared');
    my @taken = map { $_->{raw} =~ /^Message-ID: <([^@]+)@\Q$cleared->{domain}\E>/mi ? $1 : () } $sink->mails;
    is(scalar(grep { !$spared{$_} } @taken), 0, '... which is what the other side says, too');
    cmp_ok(scalar(@taken), '>=', $at_cut, sprintf '... that has %d of it', scalar @taken);
    $gw->log_clean;
};

# What is in hand when the queue is cut off ends by itself; it is not tried again.
subtest 'in hand' => sub {
    my $sink = EmailGW::Sink->start(script => sub {
        my ($step, $c) = @_;
        return $step ne 'dot' ? undef : { wait => 2, reply => $c->{to} =~ /^yes/ ? '250 2.0.0 ok' : '451 4.3.0 later' };
    });
    my $gw = EmailGW->up(TRANSPORT => $sink->transport, SENDER_CONF => \"${conf}retry = 100ms\n");
    my $account = $gw->new_account;
    my $id = $gw->send_mail(as => $account, To => [ map { { email => "$_\@example.org", name => '' } } qw(yes no) ])->{json}{MessageID};
    $gw->wait_for(sub { $sink->ledger('dot') == 2 }, 10, 'two in flight');
    is(clear_queue($gw, $account)->{mails}, 0, 'what is in hand does not wait');
    ok($gw->wait_for(sub { !$gw->sql('SELECT count(*) FROM emailgw.queue') }, 15, 'an empty queue'), 'both have an end');
    is(join(', ', sort map { "$_->{Recipient} $_->{EventType}" } grep { $_->{EventType} ne 'send' } $gw->events($id, $account)),
        'no@example.org cancelled, no@example.org deferred, yes@example.org delivery', 'events tell of it');
    is(scalar($sink->ledger('dot')), 2, 'each was sent once');

    my $later = $gw->send_mail(as => $account, To => [ { email => 'yes2@example.org', name => '' } ])->{json}{MessageID};
    $gw->wait_for(sub { grep { $_->{to} eq 'yes2@example.org' } $sink->messages }, 10, 'the mail that came later');
    $gw->log_clean;
};

done_testing;
