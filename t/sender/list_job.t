# A mail to 100,000 subscribers is answered at once. The sender makes the mails of a list bit by bit: killed again and
# again on the way, each subscriber gets one, who is suppressed none, and others need not wait. EG_SUBSCRIBERS=n,
# over 1,000, is how many the list has on whose way the sender is killed.
use EmailGW;
use List::Util qw(uniq);
use Time::HiRes qw(sleep time);

my $seed = $ENV{EG_SEED} // time ^ $$;
srand $seed;
diag("EG_SEED=$seed");

my ($many, $few, $kills, $lease) = (100_000, $ENV{EG_SUBSCRIBERS} // 5_000, 6, 5);
my $patience = $few > 5_000 ? $few / 5_000 : 1;
my $gw = EmailGW->up(SENDER_CONF => \"lease = ${lease}s\npoll = 20ms\nlist_ahead = 1000\n");
my $account = $gw->new_account;
my $other = $gw->new_account;

sub list {
    my ($as, $count) = @_;
    my $id = $gw->api('EmailGateway.AddList', as => $as, Name => 'News')->{json}{NewListID};
    $gw->sql("INSERT INTO emailgw.subscriber (account_id, list_id, email, address, name, fields)
        SELECT $as->{account_id}, $id, e, e, 'N' || n, json_build_object('n', n)
          FROM generate_series(1, $count) AS n, concat('s', n, '\@d', n % 50, '.example') AS e;
        UPDATE emailgw.list SET subscribers = $count WHERE list_id = $id");
    return $id;
}

sub job { my ($as, $id) = @_; return $gw->api('EmailGateway.GetListJob', as => $as, JobID => $id)->{json}{Job} }
sub send_to { my ($as, $list, @with) = @_; return $gw->send_mail(as => $as, To => undef, TargetListID => $list, Subject => 'Hi {{ name }}',
    PlainContent => "Number {{ n }} of {{ what }}.\n", TemplateData => { what => 'many' }, @with) }

subtest "$many subscribers" => sub {
    my $list = list($account, $many);
    $gw->stop('sender');
    my $start = time;
    my $reply = send_to($account, $list);
    my $took = time - $start;
    is($reply->{status}, 200, 'taken') or diag($reply->{body});
    is($reply->{json}{Recipients}, $many, '... for all of them');
    cmp_ok($took, '<', EmailGW::allowed(1), sprintf '... in less than a second (%.3f s)', $took);
    is(job($account, $reply->{json}{JobID})->{Status}, 'Running', 'it is under way');
    $gw->start('sender');
    # Beside it another account's mail goes as ever, and so does one of the same domain.
    $gw->wait_for(sub { job($account, $reply->{json}{JobID})->{Done} >= 1000 }, 60, 'the first thousand');
    for my $as ($other, $account) {
        $start = time;
        my $id = $gw->send_mail(as => $as)->{json}{MessageID};
        $gw->wait_for(sub { $gw->outbox($id) }, 30, 'a single mail') and pass(sprintf 'a single mail arrives after %.1f s', time - $start);
    }
    cmp_ok($gw->sql("SELECT count(*) FROM emailgw.queue WHERE account_id = $account->{account_id} AND ready"), '<=', 1001, 'no more is ready than may be');
    cmp_ok(job($account, $reply->{json}{JobID})->{Done}, '<', $many / 2, '... long before the list is through');
    my $cleared = $gw->api('EmailGateway.ClearDomainQueue', as => $account, DomainID => $account->{domain_id});
    is($cleared->{json}{ErrorCode}, 0, 'the queue is cleared');
    $gw->wait_for(sub { job($account, $reply->{json}{JobID})->{FinishDate} }, 30, 'the end of the job') and pass('... and ends the job');
    is(job($account, $reply->{json}{JobID})->{Status}, 'Cancelled', '... for good');
    $gw->drained(60);
    is($gw->sql("SELECT count(*) FROM emailgw.recipient AS r JOIN emailgw.message AS m USING (account_id, message_id)
        WHERE m.list_id = $list AND r.status NOT IN ('delivered', 'cancelled')"), 0, 'what it had made is delivered or cancelled');
};

subtest "killed $kills times" => sub {
    my $list = list($other, $few);
    $gw->sql("INSERT INTO emailgw.suppression (account_id, address, domain_id, reason)
        SELECT $other->{account_id}, s.address, (s.subscriber_id % 2) * $other->{domain_id}, 'test' FROM emailgw.subscriber AS s
         WHERE s.list_id = $list AND (s.fields ->> 'n')::integer % 10 = 0");
    my $suppressed = int($few / 10);
    my $wanted = $few - $suppressed;
    my $start = time;
    my $id = send_to($other, $list)->{json}{JobID};
    diag(sprintf '%d subscribers: answered after %.3f s', $few, time - $start);
    my $halfway = 0;
    for my $kill (1 .. $kills) {
        sleep rand 1.5;
        $gw->kill('sender');
        my $done = job($other, $id)->{Done};
        $halfway++ if $done > 0 && $done < $wanted;
        $gw->start('sender');
    }
    diag("$halfway of $kills kills were on the way");
    cmp_ok($halfway, '>', 0, 'the sender died on the way');
    $gw->wait_for(sub { job($other, $id)->{Status} eq 'Finished' }, 120 * $patience, 'the end of it');
    diag(sprintf '... all mails made after %.1f s', time - $start);
    my $job = job($other, $id);
    is("$job->{Done} $job->{Suppressed} $job->{Failed} $job->{Recipients}", "$wanted $suppressed 0 $few", 'each is done or suppressed, and counted');
    is($gw->sql("SELECT count(*) FROM (SELECT s.subscriber_id FROM emailgw.subscriber AS s LEFT JOIN emailgw.message AS m
          ON m.account_id = s.account_id AND m.list_id = s.list_id AND m.subscriber_id = s.subscriber_id
        WHERE s.list_id = $list GROUP BY s.subscriber_id, s.fields ->> 'n'
        HAVING count(m.message_id) <> CASE WHEN (s.fields ->> 'n')::integer % 10 = 0 THEN 0 ELSE 1 END) AS wrong"), 0,
        'one mail for each subscriber, none for who is suppressed');
    is($gw->sql("SELECT count(*) FROM emailgw.message AS m JOIN emailgw.content AS c USING (account_id, message_id) JOIN emailgw.recipient AS r
          USING (account_id, message_id) JOIN emailgw.subscriber AS s ON s.account_id = m.account_id AND s.subscriber_id = m.subscriber_id
        WHERE m.list_id = $list AND s.list_id = $list AND r.email = s.email AND m.subject = 'Hi ' || s.name
          AND c.plain = concat('Number ', s.fields ->> 'n', ' of many.', chr(10))"), $wanted, 'each with their own text');
    $gw->drained(180 * $patience);
    diag(sprintf '... all delivered after %.1f s', time - $start);
    is($gw->sql("SELECT count(*) FROM emailgw.recipient AS r JOIN emailgw.message AS m USING (account_id, message_id)
        WHERE m.list_id = $list AND r.status = 'delivered'"), $wanted, 'all are delivered');
    my @to = map { $_->{to} } grep { $_->{from} =~ /\Q$other->{domain}\E/ && $_->{raw} =~ /^Subject: Hi/m } $gw->outbox;
    is(@to . ' ' . uniq(@to), "$wanted $wanted", '... and in the outbox, one for each');
    is($gw->sql("SELECT count(*) FROM emailgw.event AS e JOIN emailgw.message AS m USING (account_id, message_id) WHERE m.list_id = $list AND e.type = 1"),
        $wanted, 'one event of each acceptance');
};

$gw->log_clean;
done_testing;
