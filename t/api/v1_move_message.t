# PATCH /api/v1/email/<MessageID>: another SendAt, by the rules of POST /api/v1/email, as long
# as all of the mail waits for its first attempt.
use EmailGW;
use JSON::PP ();

my $gw = EmailGW->up;
my $account = $gw->new_account;
my $other = $gw->new_account;

sub to { return [ map { { email => $_, name => '' } } @_ ] }

sub move {
    my ($as, $id, $send_at, %with) = @_;
    return ($with{on} // $gw)->call('PATCH', "/api/v1/email/$id", { key => $as->{key}, json => { @_ > 2 ? (SendAt => $send_at) : () } });
}

sub codes { return join ' ', $_[0]{status}, map { $_->{Code} } @{ ($_[0]{json} // {})->{Errors} // [] } }

sub send_later {
    my ($as, %with) = @_;
    return $gw->send_mail(as => $as, SendAt => time + 3600, %with)->{json}{MessageID};
}

# When it is to be sent, as the message and each row of the queue have it.
sub due {
    my ($id) = @_;
    return join ' ', map { $_->[0] } $gw->sql("SELECT extract(epoch FROM send_at)::bigint FROM emailgw.message WHERE message_id = '$id'
        UNION ALL SELECT extract(epoch FROM next_at)::bigint FROM emailgw.queue WHERE message_id = '$id'");
}

subtest 'later, sooner, now' => sub {
    my $id = send_later($account, To => to(qw(a@example.org b@example.org)));
    my $at = time + 7 * 86400;
    my $reply = move($account, $id, $at);
    is($reply->{status}, 200, 'later') or diag($reply->{body});
    is_deeply([ sort keys %{ $reply->{json} } ], [qw(MessageID SendAt)], 'what it says');
    is($reply->{json}{MessageID}, $id, '... of this mail');
    is($gw->sql("SELECT extract(epoch FROM '$reply->{json}{SendAt}'::timestamptz)::bigint"), $at, '... with the new time');
    is(due($id), "$at $at $at", 'all of it waits for that');
    is($gw->call('GET', "/api/v1/email/$id", { key => $account->{key} })->{json}{SendAt}, $reply->{json}{SendAt}, 'GET shows it');
    is(move($account, $id, '2099-01-01T00:00:00Z')->{status}, 422, 'too far');
    my $iso = $gw->sql("SELECT to_char(now() AT TIME ZONE 'UTC' + interval '1 day', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')");
    is(move($account, $id, $iso)->{json}{SendAt}, $iso, 'sooner, as ISO 8601');
    $reply = move($account, $id, 1);
    is("$reply->{status} " . ($reply->{json}{SendAt} // 'null'), '200 null', 'what is past is now');
    $gw->wait_for(sub { (grep { $_->{EventType} eq 'delivery' } $gw->events($id, $account)) == 2 }, 10, 'delivery');
    is(codes(move($account, $id, time + 60)), '409 409', 'what was sent waits no more');
    my $soon = send_later($account);
    my $moved = time + 2;
    is(move($account, $soon, $moved)->{status}, 200, 'in two seconds');
    $gw->wait_for(sub { grep { $_->{EventType} eq 'delivery' } $gw->events($soon, $account) }, 15, 'delivery');
    cmp_ok($gw->sql("SELECT extract(epoch FROM finished_at) FROM emailgw.recipient WHERE message_id = '$soon'"), '>=', $moved, '... not before');
};

subtest 'SendAt: 103' => sub {
    my $id = send_later($account);
    my $before = due($id);
    is(codes($gw->call('PATCH', "/api/v1/email/$id", { key => $account->{key}, json => {} })), '422 103', 'missing');
    for my $bad ('', undef, 'x', -1, 1.5, [], {}, JSON::PP::true, time + 31 * 86400) {
        my $reply = move($account, $id, $bad);
        is(codes($reply), '422 103', 'SendAt ' . JSON::PP->new->allow_nonref->encode($bad)) or diag($reply->{body});
    }
    is(due($id), $before, 'nothing has changed');
};

subtest 'what does not wait as a whole: 409' => sub {
    my $cancelled = send_later($account);
    $gw->call('DELETE', "/api/v1/email/$cancelled", { key => $account->{key} });
    is(codes(move($account, $cancelled, time + 60)), '409 409', 'cancelled');

    my $part = send_later($account, To => to(qw(a@example.org b@example.org)));
    my $before = due($part);
    my $held = sub { $gw->sql("UPDATE emailgw.queue SET leased = $_[0] WHERE message_id = '$part' AND recipient_no = 1") };
    $held->('true');
    is(codes(move($account, $part, time + 60)), '409 409', 'one of two is in hand');
    is(due($part), $before, '... nothing has changed');
    $held->('false');
    $gw->sql("UPDATE emailgw.recipient SET attempts = 1 WHERE message_id = '$part' AND recipient_no = 2");
    is(codes(move($account, $part, time + 60)), '409 409', 'one of two was tried');
    $gw->sql("UPDATE emailgw.recipient SET attempts = 0 WHERE message_id = '$part'");
    is(codes(move($account, $part, time + 60)), '200', 'all of it waits');

    $gw->stop('sender');
    my $cut = send_later($account);
    $gw->api('EmailGateway.ClearDomainQueue', as => $account, DomainID => $account->{domain_id});
    is(codes(move($account, $cut, time + 60)), '409 409', 'cut off by ClearDomainQueue');
    $gw->start('sender');
};

subtest 'whose: 1, 13, 131' => sub {
    my $id = send_later($account);
    my $before = due($id);
    my $none = move($account, '01890000-0000-7000-8000-000000000001', time + 60);
    is(codes($none), '404 131', 'an id that nothing has');
    for my $case ([ 'another account', $other, $id ], [ 'what is none', $account, 'x' ]) {
        my ($what, $as, $asked) = @$case;
        my $reply = move($as, $asked, time + 60);
        is("$reply->{status} $reply->{body}", "404 $none->{body}", "$what: the same answer");
    }
    is(codes(move({ key => '' }, $id, 'x')), '401 1', 'no key');
    is(codes(move({ key => "$account->{key}x" }, $id, time + 60)), '401 13', 'a wrong key');
    is(codes(move({ key => "$account->{key}x" }, $id, 'x')), '401 13', '... before a wrong SendAt');
    $gw->sql("UPDATE emailgw.api_key SET permissions = 'events' WHERE account_id = $account->{account_id}");
    is(codes(move($account, $id, time + 60)), '401 13', 'a key that may not send');
    $gw->sql("UPDATE emailgw.api_key SET permissions = 'send,webhooks,events' WHERE account_id = $account->{account_id}");
    is(due($id), $before, 'nothing has changed');
};

$gw->log_clean;
done_testing;
