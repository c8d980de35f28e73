# kill -9 of the sender at random, ten times while 5,000 mails pass: nothing is
# lost, each mail has one final event, and what a dead sender had claimed is
# taken over when its lease ends. A mail goes out a second time only where the
# kill came between its file and its record.
use EmailGW;
use Time::HiRes qw(sleep time);

my ($mails, $kills, $lease, $threads, $batch) = (5000, 10, 5, 2, 50);
my $seed = $ENV{EG_SEED} // time ^ $$;
srand $seed;
diag("EG_SEED=$seed");

my $gw = EmailGW->up(SENDER_CONF => \"lease = ${lease}s\nthreads = $threads\nclaim_batch = $batch\nconnections = $batch\npoll = 20ms\n");

sub file_names {
    opendir my $dir, $gw->env('OUTBOX') or die $gw->env('OUTBOX') . ": $!\n";
    return grep { !/^\.\.?\z/ } readdir $dir;
}

my $queued = "SELECT q.message_id || '-' || q.recipient_no || '.eml' FROM emailgw.queue AS q";
my %unrecorded; # files that were there when their sender died, and no record of it
my $largest = 0;
for my $kill (1 .. $kills) {
    $gw->queue_mails($mails / $kills, subject => "'Mail ' || n", email => "'r' || n || '\@example.org'",
        plain => "repeat('A line of text.' || chr(10), 40)", size => 700);
    sleep rand 0.25;
    $gw->kill('sender');
    my %there = map { $_ => 1 } file_names();
    my @lost = grep { $there{$_} && !$unrecorded{$_}++ } map { $_->[0] } $gw->sql($queued);
    $largest = @lost if @lost > $largest;
    $gw->start('sender') if $kill < $kills;
}
my $left = $gw->sql('SELECT count(*) FROM emailgw.queue');
$gw->start('sender');
my $start = time;
ok($gw->wait_for(sub { !$gw->sql('SELECT count(*) FROM emailgw.queue') }, $lease + 30, 'an empty queue'),
    'the queue is empty again');
diag(sprintf '%d waited after the last kill, gone after %.1f s (lease %d s)', $left, time - $start, $lease);

my @files = $gw->outbox;
is(scalar @files, $mails, 'all mails are in the outbox');
is($gw->sql('SELECT count(*) FROM emailgw.event WHERE type = 2'), $mails, 'as many delivery events');
is($gw->sql(<<'END'), 0, 'one final event each');
SELECT count(*) FROM (SELECT m.message_id FROM emailgw.message AS m
  LEFT JOIN emailgw.event AS e ON e.account_id = m.account_id AND e.message_id = m.message_id AND e.type IN (2, 4, 5, 6)
 GROUP BY m.message_id HAVING count(e.event_id) <> 1) AS wrong
END
is($gw->sql("SELECT count(*) FROM emailgw.recipient WHERE status <> 'delivered'"), 0, 'every recipient is done');
my %wanted = map { $_->[0] => 1 } $gw->sql(
    "SELECT m.message_id || '-' || r.recipient_no || '.eml' FROM emailgw.message AS m JOIN emailgw.recipient AS r USING (account_id, message_id)");
is(scalar(grep { !$wanted{ $_->{file} =~ s{.*/}{}r } } @files), 0, 'and no file is anything else');
is(scalar(grep { $_->{raw} !~ /\r\n\r\n(?:A line of text\.\r\n){40}\z/ } @files), 0, 'each file is whole');
is(scalar(grep { !/\.eml\z/ } file_names()), 0, 'no half-written file is left');

# A mail goes out again only where its file was complete and the record was not; the log tells of a delivery after
# the files of a slice are safe.
my %delivered;
$delivered{"$_.eml"}++ for map { /EG0310: delivered message=(\S+)/ ? "$1-1" : () } $gw->log_lines(qr/sender\.log/);
is(scalar(grep { $delivered{$_} > 1 && !$unrecorded{$_} } keys %delivered), 0, 'nothing recorded was delivered again');
my $again = keys %unrecorded;
diag("$again of $mails were complete and not recorded at a kill, $largest at most at one");
cmp_ok($largest, '<=', $threads * $batch, 'never more than the threads had claimed');
$gw->log_clean;
done_testing;
