# EmailGateway.ClearDomainQueue: the mails of one domain, and of no other, end as cancelled.
# That it does so quickly and under load is t/sender/cancel.t.
use EmailGW;

my $gw = EmailGW->up;
my $account = $gw->new_account;
my $other = $gw->new_account;

sub clear {
    my ($as, %with) = @_;
    return $gw->api('EmailGateway.ClearDomainQueue', as => $as, %with);
}

sub send_later {
    my ($as, %with) = @_;
    my $reply = $gw->send_mail(as => $as, SendAt => time + 3600, %with);
    is($reply->{status}, 200, 'a mail for later') or diag($reply->{body});
    return $reply->{json}{MessageID};
}

# "cancelled send": what became of a message, newest first.
sub told {
    my ($as, $id) = @_;
    return join ' ', map { $_->{EventType} } $gw->events($id, $as);
}

subtest 'the documented example' => sub {
    my @ids = (send_later($account, To => [ map { { email => "r$_\@example.org", name => '' } } 1 .. 3 ]),
        send_later($account));
    my $theirs = send_later($other);
    my $reply = $gw->call('POST', '/api.php', { type => 'application/json',
        body => qq({"SessionID": "", "APIKey": "$account->{account_key}", "Command": "EmailGateway.ClearDomainQueue", "DomainID": $account->{domain_id}}) });
    is($reply->{status}, 200, 'answered') or diag($reply->{body});
    is_deeply($reply->{json}, { Success => JSON::PP::true, ErrorCode => 0, ClearedEmails => 4 }, 'with how many it were');
    $gw->wait_for(sub { told($account, $ids[0]) eq 'cancelled cancelled cancelled send send send' }, 20,
        'a cancelled event for each recipient') or diag(told($account, $ids[0]));
    $gw->wait_for(sub { told($account, $ids[1]) eq 'cancelled send' }, 20, '... of each mail');
    is($gw->sql("SELECT string_agg(DISTINCT status::text, ' ') FROM emailgw.recipient WHERE account_id = $account->{account_id}"),
        'cancelled', 'the recipients say so');
    is($gw->sql("SELECT count(*) FROM emailgw.queue WHERE account_id = $account->{account_id}"), 0, 'the queue is empty');
    is($gw->sql("SELECT count(*) FROM emailgw.queue WHERE account_id = $other->{account_id}"), 1,
        'the other account has its mail');
    is(told($other, $theirs), 'send', '... of which nothing else is told');
    is(clear($account, DomainID => $account->{domain_id})->{json}{ClearedEmails}, 0, 'again: nothing is left');
    my $next = $gw->send_mail(as => $account);
    $gw->wait_for(sub { told($account, $next->{json}{MessageID}) eq 'delivery send' }, 20, 'the next mail is sent');
};

subtest 'refusals' => sub {
    my $mine = send_later($account);
    for my $case (
        [ 'no DomainID', 1 ], [ 'an empty one', 1, '' ], [ 'null', 1, undef ],
        [ 'of another account', 2, $other->{domain_id} ], [ 'as text', 2, "$other->{domain_id}" ],
        [ 'that never was', 2, 999999999 ], [ '12abc', 2, $account->{domain_id} . 'abc' ],
        [ '1.5', 2, $account->{domain_id} + 0.5 ], [ '-1', 2, -$account->{domain_id} ], [ 'a list', 2, [ $account->{domain_id} ] ],
        [ '2^70', 2, '1180591620717411303424' ], [ 'true', 2, JSON::PP::true ],
    ) {
        my ($what, $code, @id) = @$case;
        my $reply = clear($account, @id ? (DomainID => $id[0]) : ());
        is("$reply->{status} $reply->{json}{ErrorCode}", "200 $code", $what) or diag($reply->{body});
    }
    is(told($account, $mine), 'send', 'nothing was cancelled');
    is($gw->sql("SELECT count(*) FROM emailgw.queue WHERE account_id = $other->{account_id}"), 1, '... of nobody');
};

$gw->log_clean;
done_testing;
