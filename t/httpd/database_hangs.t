# A database that takes connections and says nothing, under load: whoever waits is answered in
# time, whoever comes later at once, and what needs no database does not notice.
use EmailGW;
use Instance::Process;
use POSIX ();
use Time::HiRes qw(time sleep);

my $limit = 3;
my $clients = 80; # more than the threads that httpd has at first
my $gw = EmailGW->up(RATE => 'off', HTTPD_CONF => \"EmailGatewayDatabaseTimeout ${limit}s\n");
$gw->expects_database_away;
my $begun = time;

# Until a time a mail after the other: a line for each, with its subject, when it was posted, how long it took, and the answer.
sub post_mails {
    my ($name, $until) = @_;
    my @lines;
    for (my $n = 1; time < $until; $n++) {
        my $start = time;
        my $reply = $gw->send_mail(Subject => "$name-$n");
        my $message = $reply->{json}{MessageID} // $reply->{json}{Errors}[0]{Message} // "nothing: $reply->{body}";
        push @lines, join("\t", "$name-$n", $start - $begun, time - $start, $reply->{status}, $message) . "\n";
        sleep 0.2;
    }
    return @lines;
}

# What all of them saw.
sub under_load {
    my ($seconds, $do) = @_;
    my $until = time + $seconds;
    my @files = map { $gw->file("client-$_", '') } 1 .. $clients;
    my @pids = map {
        my $client = $_;
        my $pid = fork // die "fork: $!\n";
        if ($pid == 0) {
            # httpd closes kept connections while all of its threads are busy.
            $gw->{agent} = HTTP::Tiny->new(timeout => 60, keep_alive => 0, no_proxy => '127.0.0.1');
            eval { $gw->file("client-$client", join '', post_mails("c$client", $until)); 1 } or $gw->file("client-$client", "died $@");
            POSIX::_exit(0);
        }
        $pid;
    } 1 .. $clients;
    $do->();
    waitpid $_, 0 for @pids;
    return map {
        my %post;
        @post{qw(subject at took status says)} = split /\t/;
        \%post;
    } map { split /\n/, EmailGW::slurp($_) } @files;
}

sub seconds { return time - $begun }

# What httpd answers by itself: how long it took, over so many seconds.
sub others {
    my ($until) = @_;
    my $worst = 0;
    while (seconds() < $until) {
        my $start = time;
        is($gw->call('GET', '/')->{status}, 404, 'another site') if !$worst;
        $gw->call('GET', '/');
        $worst = time - $start if time - $start > $worst;
        sleep 0.1;
    }
    return $worst;
}

my ($hung, $back, $worst);
my @posts = under_load(16, sub {
    sleep 2 - seconds();
    my @database = $gw->family('postgres');
    Instance::Process::signal('STOP', @database);
    $hung = seconds();
    sleep $limit + 3; # as long as whoever came first may wait
    $worst = others($hung + $limit + 8);
    $back = seconds();
    Instance::Process::signal('CONT', @database);
});
cmp_ok($worst, '<', EmailGW::allowed(1), 'what needs no database is answered at once');
my ($longest) = sort { $b <=> $a } map { $_->{took} } @posts;
cmp_ok($longest, '<', $limit + EmailGW::allowed(3), sprintf '%d mails, none waited longer than %.1f s', scalar @posts, $longest);
my @later = grep { $_->{at} > $hung + $limit + 2 && $_->{at} < $back - $limit - 1 } @posts;
cmp_ok(scalar @later, '>', $clients, 'many came later') or diag(scalar @later);
is_deeply([ grep { $_->{status} != 503 } @later ], [], '... all were refused');
my @tries = grep { $_->{took} > EmailGW::allowed(0.5) } @later;
cmp_ok(scalar @tries, '<=', 8 * 5, '... at once, but for one of a child at a time') or diag(join ' ', map { sprintf '%.1f', $_->{took} } @tries);
my @again = grep { $_->{at} > $back + 1.5 } @posts;
cmp_ok(scalar @again, '>', 0, 'some came when it was back');
is_deeply([ grep { $_->{status} != 200 } @again ], [], '... and were taken');

# The ledger: nothing is missing, and nothing is there that was refused for good.
my %there = map { $_->[1] => $_->[0] } $gw->sql("SELECT message_id, subject FROM emailgw.message WHERE subject ~ '^c[0-9]+-'");
is_deeply([ grep { $_->{status} == 200 && ($there{ $_->{subject} } // '') ne $_->{says} } @posts ], [], 'what was taken is there');
is_deeply([ grep { $_->{says} =~ /Nothing was carried out/ && $there{ $_->{subject} } } @posts ], [], '... what was not is not');
is_deeply([ map { "$_->{status} $_->{says}" } grep { $_->{status} !~ /^(?:200|503)\z/ || $_->{status} == 503 && $_->{says} !~ /Nothing was carried out|is not known/ } @posts ], [],
    '... and of all others it is said that nobody knows');
my %unknown = map { $_->{subject} => 1 } grep { $_->{says} =~ /is not known/ } @posts;
diag(sprintf '%d mails, %d taken, %d of unknown outcome (%d of them are there); the longest took %.1f s, another site %.2f s',
    scalar @posts, scalar(grep { $_->{status} == 200 } @posts), scalar keys %unknown, scalar(grep { $there{$_} } keys %unknown), $longest, $worst);

my @away = $gw->log_lines(qr/error\.log/);
cmp_ok(scalar(grep { /EG0256/ } @away), '>', 0, 'the log says that it is away');
cmp_ok(scalar(grep { /EG0256/ } @away), '<=', 16, '... not each time') or diag(join "\n", @away);
cmp_ok(scalar(grep { /EG0257/ } @away), '>', 0, '... and that it is back');
$gw->log_clean;
done_testing;
