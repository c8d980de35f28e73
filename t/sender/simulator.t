# The addresses of the simulator, with the transport outbox: each ends as it is
# named, as often as it is asked; with a relay they are addresses like any other.
use EmailGW;
use EmailGW::Receiver;
use EmailGW::Sink;
use Time::HiRes qw(sleep time);

my $receiver = EmailGW::Receiver->up;
my $conf = "threads = 1\npoll = 20ms\nretry = 300ms\nlifetime = 1s\n";
my $gw = EmailGW->up(RATE => 'off', WEBHOOK_ALLOW => $receiver->address, SENDER_CONF => \$conf);
my $account = $gw->new_account;
$gw->call('POST', '/api/v1/webhooks', { key => $account->{key},
    json => { Event => 'delivery,bounce,complaint', WebhookURL => $receiver->url('/ok') } });

sub mail_to {
    my ($to) = @_;
    my $reply = $gw->send_mail(as => $account, To => [ { email => $to, name => '' } ]);
    is($reply->{status}, 200, "accepted for $to") or diag($reply->{body});
    return $reply->{json}{MessageID};
}

# "3 3 4": the types of its events, without that of acceptance.
sub story {
    my ($id) = @_;
    return join ' ', map { $_->[0] } $gw->sql("SELECT type FROM emailgw.event WHERE message_id = '$id' AND type <> 1 ORDER BY at, type");
}

sub ends {
    my ($id, $wanted, $seconds) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $gw->wait_for(sub { story($id) =~ $wanted }, $seconds // 10, $wanted);
    return like(story($id), $wanted, "... and ends with $wanted");
}

sub detail {
    my ($id, $type) = @_;
    return JSON::PP::decode_json(scalar $gw->sql("SELECT detail::text FROM emailgw.event WHERE message_id = '$id' AND type = $type LIMIT 1"));
}

sub posts {
    my ($id) = @_;
    my @types = sort map { $_->{type} } grep { $_->{data}{MessageId} eq $id }
        map { JSON::PP::decode_json($_->{body}) } $receiver->requests('/ok');
    return @types;
}

subtest 'bounce' => sub {
    for my $to (qw(bounce@simulator.invalid bounce@simulator.invalid Bounce+42@Simulator.Invalid)) {
        my $id = mail_to($to);
        ends($id, qr/^4$/);
        my $told = detail($id, 4);
        is("$told->{smtp}{code} $told->{smtp}{enhanced} $told->{bounce}{class}", '550 5.1.1 recipient', '... as by a server');
        is(scalar($gw->outbox($id)), 0, '... and nothing is delivered');
        $gw->wait_for(sub { posts($id) }, 10, 'a post');
        is(join(' ', posts($id)), 'email.bounce', '... and the webhook is told');
    }
};

subtest 'defer' => sub {
    my $id = mail_to('defer+x@simulator.invalid');
    ends($id, qr/^(?:3 )+4$/);
    is(detail($id, 3)->{deferral}{class}, 'technical', 'put off as by a server');
    is(detail($id, 4)->{bounce}{class}, 'expired', 'until its lifetime is over');
};

subtest 'complaint' => sub {
    for (1, 2) {
        my $id = mail_to('complaint@simulator.invalid');
        ends($id, qr/^2 10$/);
        is(scalar($gw->outbox($id)), 1, 'delivered');
        $gw->wait_for(sub { posts($id) == 2 }, 10, 'posts');
        is(join(' ', posts($id)), 'email.complaint email.delivery', 'the webhook is told of both');
    }
};

subtest 'slow' => sub {
    my ($slow, $start) = (mail_to('slow@simulator.invalid'), time);
    my @others = map { mail_to("ann$_\@simulator.invalid") } 1 .. 3;
    $gw->wait_for(sub { 3 == grep { story($_) eq '2' } @others }, 4, 'the others');
    ok(time - $start < EmailGW::allowed(4), 'it holds up no others');
    is(story($slow), '', '... and is itself not there yet');
    ends($slow, qr/^2$/, 10);
    ok(detail($slow, 2)->{smtp}{seconds} >= 5, 'it took its time');
};

subtest 'names that only look like it' => sub {
    for my $to (qw(bouncer@simulator.invalid xbounce@simulator.invalid bounce@sub.simulator.invalid bounce@example.org
        complaints@simulator.invalid other@simulator.invalid)) {
        my $id = mail_to($to);
        ends($id, qr/^2$/);
    }
};

subtest 'the list' => sub {
    is(scalar($gw->sql('SELECT count(*) FROM emailgw.suppression')), 0, 'none of them is suppressed');
    $gw->ctl(qw(suppress add ann@simulator.invalid --user), $account->{username});
    my $reply = $gw->send_mail(as => $account, To => [ { email => 'ann@simulator.invalid', name => '' } ]);
    is($reply->{json}{Errors}[0]{Code}, 14, 'but by hand any of them can be');
};

subtest 'with a relay' => sub {
    my $sink = EmailGW::Sink->start;
    my $extra = $gw->env('SENDER_CONF') =~ s{[^/]+\z}{extra-sender.conf}r;
    open my $file, '>', $extra or die "$extra: $!\n";
    print {$file} $conf, 'transport = ', $sink->transport, "\n";
    close $file;
    my $before = grep { /EG0302/ } $gw->log_lines(qr/sender\.log/);
    kill 'HUP', $gw->env('SENDER_PID');
    $gw->wait_for(sub { $before < grep { /EG0302/ } $gw->log_lines(qr/sender\.log/) }, 5, 'a reload');
    for my $to (qw(bounce@simulator.invalid complaint@simulator.invalid)) {
        my $id = mail_to($to);
        ends($id, qr/^2$/);
        sleep 0.3;
        is(story($id), 2, '... and that is all');
    }
    is(scalar($sink->messages), 2, 'the server has them');
};

$gw->log_clean;
done_testing;
