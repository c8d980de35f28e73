# httpd is restarted gracefully twenty times under 64 connections of load: every request
# is answered and no mail is lost or taken twice; connections and memory do not grow.
# And a child dies between COMMIT and answer: the client comes again with the same
# Idempotency-Key, and gets the answer that it has missed.
use EmailGW;
use EmailGW::Ledger;
use EmailGW::Load;
use Instance::Process;
use Time::HiRes qw(sleep time);

my ($restarts, $connections) = (20, 64);
my $gw = EmailGW->up(RATE => 'off');
# Few threads to spare beside 64 connections, and children that end while others start.
$gw->expects(qw(AH00484 AH10159 AH03490));

sub kilobytes {
    my ($pid) = @_;
    open my $file, '<', "/proc/$pid/status" or die "/proc/$pid/status: $!\n";
    return map { /^VmRSS:\s+(\d+)/ ? $1 : () } <$file>;
}

sub database_connections {
    return $gw->sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'mod_emailgw'");
}

sub children { return $gw->family('httpd') - 1 }

# Lines that httpd writes each time it has read its configuration again.
sub restarts { return scalar grep { /AH00493/ } $gw->log_lines(qr/error\.log/) }

subtest "$restarts graceful restarts" => sub {
    my $httpd = $gw->env('HTTPD_PID');
    my $stop = $gw->file('stop', '');
    unlink $stop;
    my $load = EmailGW::Load->start($gw, until => $stop, connections => $connections);
    my @memory;
    $load->wait_answers(200);
    for my $restart (1 .. $restarts) {
        my $before = restarts();
        kill 'USR1', $httpd or die "kill: $!\n";
        $gw->wait_for(sub { restarts() > $before }, 20, 'a restart') or last;
        push @memory, kilobytes($httpd);
        $load->wait_answers($load->answers + 100);
    }
    $gw->file('stop', '');
    my @lines = $load->finish;
    my $mails = keys %{ { map { $_->[0] => 1 } @lines } };
    cmp_ok($mails, '>', 100 * $restarts, "$mails mails meanwhile");
    my %status;
    $status{ $_->[1] }++ for @lines;
    is($status{200}, $mails, 'all are answered with 200');
    # 0: a connection that was kept, and closed when the request came: it had not begun, or else its
    # repetition would have been told so.
    is(scalar(grep { $_->[3] } @lines), 0, '... and none of them twice: no request was cut off');
    is_deeply([ grep { $_ ne '0' && $_ ne '200' } keys %status ], [], '... and none with anything else') or diag(explain(\%status));
    is($gw->env('HTTPD_PID'), $httpd, 'it is the same httpd');
    $ENV{EG_SAN} or # a sanitizer keeps what was freed
        cmp_ok($memory[-1], '<', $memory[4] * 1.05 + 500, "its memory does not grow: $memory[4] kB after five, $memory[-1] kB at the end");
    ok($gw->wait_for(sub { database_connections() <= 32 * children() }, 20, 'connections that are closed'),
        'connections of children that are gone are closed') or diag(database_connections() . ' of ' . children());
    ok($gw->wait_for(sub { !$gw->sql('SELECT count(*) FROM emailgw.queue') }, 60, 'an empty queue'), 'all is sent');
    my $ledger = EmailGW::Ledger->new(client => \@lines, database => EmailGW::Ledger::database($gw),
        sink => [ map { $_->{file} =~ m{([0-9a-f-]{36})-\d+\.eml\z} ? $1 : () } $gw->outbox ]);
    my @violations = $ledger->violations;
    is(scalar @violations, 0, 'clients, database and outbox agree: nothing lost, nothing twice') or diag(@violations > 20 ? @violations[ 0 .. 19 ] : @violations);
};

# The row is there, and nobody has read the answer yet.
subtest 'killed between COMMIT and answer' => sub {
    $gw->expects(qw(AH00052 AH10392)); # one child killed, and several
    $gw->accept_with("IF v_subject = 'killed' THEN PERFORM pg_sleep(2); END IF;");
    my %mail = (Subject => 'killed', headers => { 'Idempotency-Key' => 'the one' });
    my $client = fork // die "fork: $!\n";
    if (!$client) {
        delete $gw->{agent};
        my $reply = $gw->send_mail(%mail);
        print STDERR "$reply->{status} $reply->{body}\n" if $reply->{status} != 599;
        POSIX::_exit($reply->{status} == 599 ? 0 : 1);
    }
    my ($backend) = map { $_->[0] } @{ $gw->wait_for(sub { my @at = $gw->sql("SELECT pid FROM pg_stat_activity
        WHERE application_name = 'mod_emailgw' AND wait_event = 'PgSleep'"); @at && \@at }, 10, 'the call') };
    my $parent = Instance::Process::id($gw->env('HTTPD_PID'));
    Instance::Process::signal('STOP', $parent); # so that no child comes or goes while they are looked for
    my @children = grep { $_ ne $parent } Instance::Process::family($parent);
    Instance::Process::signal('STOP', @children);
    my $rows = sub { $gw->sql("SELECT count(*) FROM emailgw.message WHERE subject = 'killed'") };
    ok($gw->wait_for(sub { $rows->() }, 10, 'the row'), 'it is committed');
    Instance::Process::signal('KILL', @children);
    Instance::Process::signal('CONT', $parent);
    waitpid $client, 0;
    is($?, 0, 'the client has no answer');
    my $again = $gw->wait_for(sub { my $reply = $gw->send_mail(%mail); $reply->{status} == 200 && $reply }, 10, 'an answer');
    my $id = $gw->sql("SELECT message_id FROM emailgw.message WHERE subject = 'killed'");
    is($again->{json}{MessageID}, $id, 'the same key gets the same MessageID');
    is($again->{headers}{'idempotent-replayed'}, 'true', '... as a replay');
    is($rows->(), 1, 'there is one mail');
    $gw->wait_for(sub { $gw->outbox($id) }, 10, 'delivery');
    is(scalar(() = $gw->outbox($id)), 1, '... that is sent once');
    $gw->accept_with('');
};

$gw->log_clean;
done_testing;
