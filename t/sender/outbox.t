# An outbox that cannot be written to: deferred, told in log and events, tried
# again; a message whose content is gone: bounced, never tried for ever.
use EmailGW;

my $gw = EmailGW->up(SENDER_CONF => \"poll = 20ms\n");
my $outbox = $gw->env('OUTBOX');

sub newest {
    my ($id) = @_;
    return ($gw->events($id))[0];
}

subtest 'deferred' => sub {
    $gw->expects('EG0340', 'EG0341');
    my $real = readlink $outbox // $outbox; # DIR may link to where the servers' files are
    rename $real, "$real.away" or die "$real: $!\n";
    my $id = $gw->send_mail->{json}{MessageID};
    my $told = $gw->wait_for(sub { newest($id)->{EventType} eq 'deferred' }, 10, 'a deferral');
    rename "$real.away", $real or die "$real: $!\n";
    ok($told, 'a failed write defers') or return;
    my ($row) = $gw->sql('SELECT attempt, extract(epoch FROM next_at - now()) FROM emailgw.queue');
    my ($attempt, $wait) = @{ $row // [] };
    is($attempt, 1, 'after one attempt');
    ok($wait > 30 && $wait <= 66, "the next one comes in a minute, 10 % more or less ($wait s)");
    ok(scalar(grep { /info EG0311: deferred message=\Q$id\E .*No such file/ } $gw->log_lines(qr/sender\.log/)),
        'a line in the log says why');
    $gw->sql("UPDATE emailgw.queue SET next_at = now()");
    ok($gw->wait_for(sub { $gw->outbox($id) }, 10, 'the delivery'), 'then it is delivered');
    is($gw->wait_for(sub { newest($id)->{EventType} eq 'delivery' ? 2 : 0 }, 5, 'its event'), 2, 'with its event');
};

subtest 'content gone' => sub {
    $gw->expects('EG0320');
    $gw->stop('sender');
    my $id = $gw->send_mail->{json}{MessageID};
    $gw->sql("DELETE FROM emailgw.content WHERE message_id = '$id'");
    $gw->start('sender');
    ok($gw->wait_for(sub { newest($id)->{EventType} eq 'bounce' }, 10, 'a bounce'), 'bounced');
    is($gw->sql('SELECT count(*) FROM emailgw.queue'), 0, 'and out of the queue');
    is(scalar($gw->outbox($id)), 0, 'nothing was sent');
};

subtest 'refused at start' => sub {
    my $conf = $gw->file('mx.conf', "database = dbname=none\ntransport = mx\nmx_destinations = a.example:1:1:1:maybe\n");
    my ($status, $out, $err) = EmailGW::run_command(undef, ($ENV{EG_BUILD} // "$EmailGW::ROOT/build")
        . '/emailgw-sender', '--config', $conf);
    is($status >> 8, 1, 'a wrong entry');
    like($err, qr/^emailgw-sender: mx_destinations: "a\.example:1:1:1:maybe" is not one/, 'is named');
};

$gw->log_clean;
done_testing;
