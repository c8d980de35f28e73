# Messages are cancelled one by one in the very moment in which they come due, while two
# senders take them: each recipient has one end, which is what the answer said, and nothing
# that ended as cancelled is at the other side.
use EmailGW;
use EmailGW::Ends;
use EmailGW::SmtpSink;
use List::Util qw(sum0);
use Time::HiRes qw(sleep time);

my ($mails, $clients, $recipients) = (600, 4, 3);
my $sink = EmailGW::SmtpSink->start(keep => 1);
my $gw = EmailGW->up(TRANSPORT => 'relay:' . $sink->address, RATE => 'off', SENDERS => 2, SENDER_CONF => \"connections = 8\npoll = 10ms\n");
my $account = $gw->new_account;

# A mail every 15 ms, from in two seconds on.
my $first = int(time) + 3;
my $due = sub { $first + $_[0] * 0.015 };
my @messages = map {
    { From => { email => "a\@$account->{domain}", name => '' }, To => [ map { { email => "r$_\@example.org", name => '' } } 1 .. $recipients ],
        Subject => "Mail $_", ContentType => 'plain', PlainContent => 'Hello.', SendAt => $first }
} 1 .. $mails;
my @ids;
while (my @part = splice @messages, 0, 300) {
    my $reply = $gw->call('POST', '/api/v1/email/batch', { key => $account->{key}, json => { Messages => \@part } });
    push @ids, map { $_->{MessageID} } @{ $reply->{json}{Results} };
}
is(scalar(grep { defined } @ids), $mails, "$mails mails");
$gw->sql('UPDATE emailgw.queue AS q SET next_at = to_timestamp(' . $first . ") + n.no * interval '15 ms'
    FROM unnest('{" . join(',', @ids) . "}'::uuid[]) WITH ORDINALITY AS n (id, no) WHERE q.message_id = n.id");

# Each client cancels its part, each mail within some milliseconds of its time; some of them twice.
my @pipes = map {
    my $part = $_;
    pipe my $out, my $in or die "pipe: $!\n";
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        delete $gw->{agent};
        srand $part;
        for my $i (grep { $_ % $clients == $part } 0 .. $#ids) {
            my $at = $due->($i + 1) - 0.02 + rand 0.06;
            sleep $at - time if $at > time;
            for (0 .. $i % 10 == 0) {
                my $reply = $gw->call('DELETE', "/api/v1/email/$ids[$i]", { key => $account->{key} });
                print {$in} join(' ', $ids[$i], $reply->{status}, map { $_ // '-' } @{ $reply->{json} }{qw(Cancelled InFlight Finished)}), "\n";
            }
        }
        close $in;
        require POSIX;
        POSIX::_exit(0);
    }
    close $in;
    [ $pid, $out ];
} 0 .. $clients - 1;
my @answers = map { my $out = $_->[1]; map { chomp; [split] } <$out> } @pipes;
waitpid $_->[0], 0 for @pipes;

is(scalar(@answers), $mails * 1.1, 'all are answered');
is(scalar(grep { $_->[1] ne '200' } @answers), 0, '... with 200') or diag(map { "@$_\n" } grep { $_->[1] ne '200' } @answers);
is(scalar(grep { sum0(@$_[ 2 .. 4 ]) != $recipients } @answers), 0, '... and count each recipient once');
ok($gw->wait_for(sub { !$gw->sql('SELECT count(*) FROM emailgw.queue') }, 60, 'an empty queue'), 'nothing is left in the queue');

my %end = map { $_->[0] => $_->[1] } $gw->sql('SELECT status, count(*) FROM emailgw.recipient GROUP BY 1');
is_deeply([ sort keys %end ], [qw(cancelled delivered)], 'each is delivered or cancelled, and there are both') or diag(explain(\%end));
diag("$end{cancelled} cancelled, $end{delivered} delivered, " . sum0(map { $_->[3] } @answers) . ' in flight when they were to be cancelled');
is(sum0(@end{qw(cancelled delivered)}), $mails * $recipients, '... all of them');
is(sum0(map { $_->[2] } @answers), $end{cancelled}, 'the answers say how many were cancelled');
cmp_ok(sum0(map { $_->[3] } @answers), '>', 0, 'some were in hand at that moment');
ends_agree($gw);

my %cancelled = map { ("$_->[0] $_->[1]" => 1) } $gw->sql("SELECT message_id, email FROM emailgw.recipient WHERE status = 'cancelled'");
my @taken = map { my $mail = $_; my ($id) = $mail->{raw} =~ /^Message-ID: <([^@]+)@/mi; map { "$id $_" } ref $mail->{to} ? @{ $mail->{to} } : $mail->{to} } $sink->mails;
is(scalar(@taken), $end{delivered}, 'what was delivered is at the other side');
is(scalar(grep { $cancelled{$_} } @taken), 0, '... and nothing that was cancelled');
$gw->log_clean;
done_testing;
