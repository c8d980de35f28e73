# The counters equal the events at every moment: while mail is accepted over many
# connections, two senders deliver, put off and bounce it, and both are killed. Days,
# types and tags are compared within one statement, again and again, and in the end
# by what the API says.
use EmailGW;
use Encode ();
use EmailGW::Load;
use EmailGW::Sink;
use Time::HiRes qw(sleep time);

my ($mails, $lease) = (1500, 5);

# A third of the recipients is put off first, one in seven bounces, one in eleven after that.
my $sink = EmailGW::Sink->start(script => sub {
    my ($step, $c) = @_;
    return if $step ne 'rcpt';
    my ($number) = $c->{to} =~ /(\d+)/ or return;
    return '451 4.2.1 later' if $number % 3 == 0 && $c->{tries} == 1;
    return '550 5.1.1 no such user' if $number % 7 == 0 || $number % 11 == 0 && $c->{tries} > 1;
    return;
});
my $gw = EmailGW->up(RATE => 'off', SENDERS => 2, TRANSPORT => $sink->transport,
    SENDER_CONF => \"lease = ${lease}s\npoll = 20ms\nthreads = 1\nconnections = 8\nretry = 1s\n");
my ($domain) = $gw->sql(q{SELECT account_id, domain_id FROM emailgw.domain WHERE name = '} . $gw->env('DOMAIN') . q{'});
my $of = "account_id = $domain->[0] AND domain_id = $domain->[1]";

# What the counters say and the events do not, or the other way round, in one snapshot.
my $differences = <<"END";
WITH counted AS (
    SELECT c.day::text AS what, c.type, c.count FROM emailgw_api.domain_counts($domain->[0], $domain->[1], NULL, NULL) AS c
    UNION ALL
    SELECT 'tag ' || t.tag, t.type, t.count FROM emailgw_api.tag_counts($domain->[0], $domain->[1], NULL, NULL) AS t
), happened AS (
    SELECT (e.at AT TIME ZONE 'UTC')::date::text AS what, e.type::integer, count(*) FROM emailgw.event AS e WHERE $of GROUP BY 1, 2
    UNION ALL
    SELECT 'tag ' || t.tag, e.type, count(*) FROM (SELECT * FROM emailgw.event WHERE $of) AS e
      JOIN emailgw.message AS m USING (account_id, message_id) CROSS JOIN LATERAL unnest(m.tags) AS t (tag) GROUP BY 1, 2
)
SELECT what, type, c.count, h.count FROM counted AS c FULL JOIN happened AS h USING (what, type)
 WHERE c.count IS DISTINCT FROM h.count
END

my ($looks, $waiting, @wrong) = (0, 0);

sub look {
    push @wrong, map { join ' ', map { $_ // 'none' } @$_ } $gw->sql($differences);
    $looks++;
    $waiting++ if $gw->sql("SELECT EXISTS (SELECT FROM emailgw.queue WHERE $of AND NOT counted)") eq 't';
}

my $load = EmailGW::Load->start($gw, mails => $mails, connections => 16, mail => sub {
    my ($number) = @_;
    return { To => [ map { { email => "r$_\@example.org", name => '' } } $number, $number % 5 ? () : $number + $mails ],
        Tags => [ 'all', $number % 2 ? 'odd' : (), $number % 4 ? () : ('quarter', 'größe') ],
        $number % 50 ? () : (SendAt => int(time) + 86_400) };
});
for my $part (1 .. 3) {
    look() while $load->answers < $part * $mails / 4;
    if ($part < 3) {
        $gw->kill('sender');
        look() for 1 .. 3;
        $gw->start('sender');
    }
}
look() while $load->answers < $mails;
my @answers = grep { $_->[1] =~ /^2/ } $load->finish;
my $done = $gw->wait_for(sub {
    look();
    !$gw->sql("SELECT count(*) FROM emailgw.queue WHERE $of AND next_at < now() + interval '1 hour'");
}, $lease + 300, 'an empty queue');
ok($done, 'all is sent but what is scheduled');
is(scalar keys %{ { map { $_->[0] => 1 } @answers } }, $mails, 'all mails were taken');

# Scheduled mails are cancelled, where that can be done.
my $clear = $gw->api('EmailGateway.ClearDomainQueue', APIKey => $gw->env('ACCOUNT_API_KEY'), DomainID => $domain->[1]);
if ($clear->{json}{Success}) {
    $gw->wait_for(sub { look(); !$gw->sql("SELECT count(*) FROM emailgw.queue WHERE $of") }, 30, 'nothing scheduled');
}
look();
is_deeply([ @wrong > 20 ? @wrong[ 0 .. 19 ] : @wrong ], [], 'the counters equalled the events');
cmp_ok($looks, '>=', 10, "... whenever they were looked at ($looks times)");
cmp_ok($waiting, '>=', 5, "... mostly with mail that no sender had tried yet ($waiting times)");

# The API says the same.
my %type = (1 => 'send', 2 => 'delivery', 3 => 'deferred', 4 => 'bounce', 5 => 'suppressed', 6 => 'cancelled');
my %events = map { $type{ $_->[0] } => $_->[1] } $gw->sql("SELECT type, count(*) FROM emailgw.event WHERE $of GROUP BY 1");
my %with = (APIKey => $gw->env('ACCOUNT_API_KEY'), DomainID => $domain->[1]);

sub buckets {
    my (%more) = @_;
    return { map { $_->{key} => $_->{doc_count} } @{ $gw->api('EmailGateway.AggrEvents', %with, %more)->{json}{AggBuckets} } };
}

is_deeply(buckets(), \%events, 'AggrEvents by eventType');
cmp_ok($events{$_} // 0, '>', 100, "... with many of the type $_") for qw(send delivery deferred bounce);
is($events{send}, $mails + $mails / 5, '... as many sends as recipients');
is_deeply(buckets(AggregatedField => 'tag'), { map { (Encode::decode('UTF-8', $_->[0]) => $_->[1]) } $gw->sql("SELECT t.tag, count(*)
    FROM (SELECT * FROM emailgw.event WHERE $of) AS e JOIN emailgw.message AS m USING (account_id, message_id)
    CROSS JOIN LATERAL unnest(m.tags) AS t (tag) GROUP BY 1") }, '... by tag');
my $stats = $gw->api('EmailGateway.DomainStats', %with)->{json};
is_deeply([ @{ $stats->{Stats} }{qw(Sent Delivered Deferred Bounced Cancelled)} ],
    [ map { $_ // 0 } @events{qw(send delivery deferred bounce cancelled)} ], 'DomainStats');
is($stats->{TagStats}{all}{$_}, $stats->{Stats}{$_}, "... and of the tag that all have: $_") for qw(Sent Delivered Deferred Bounced);
is($gw->api('EmailGateway.GetEvents', %with, StartFrom => 0, RetrieveCount => 1)->{json}{TotalRecords},
    scalar $gw->sql("SELECT count(*) FROM emailgw.event WHERE $of"), 'GetEvents counts them all');
$gw->log_clean;
done_testing;
