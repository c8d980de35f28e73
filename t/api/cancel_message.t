# EmailGateway.CancelMessage: what DELETE /api/v1/email/<MessageID> does, for every domain of the account.
use EmailGW;
use EmailGW::ApiPhp;

my $gw = EmailGW->up;
my $account = $gw->new_account;
my $other = $gw->new_account;

sub send_later {
    my ($as) = @_;
    return $gw->send_mail(as => $as, SendAt => time + 3600)->{json}{MessageID};
}

sub told {
    my ($as, $id) = @_;
    return join ' ', map { $_->{EventType} } $gw->events($id, $as);
}

subtest 'a message' => sub {
    my $id = send_later($account);
    my $reply = example($gw, qq({"APIKey": "$account->{account_key}", "Command": "EmailGateway.CancelMessage", "MessageID": "$id"}));
    is_deeply($reply->{json}, { Success => JSON::PP::true, ErrorCode => 0, Cancelled => 1, InFlight => 0, Finished => 0 }, 'cancelled')
        or diag($reply->{body});
    is(told($account, $id), 'cancelled send', '... with its event');
    $reply = $gw->api('EmailGateway.CancelMessage', as => $account, MessageID => $id);
    is_deeply($reply->{json}, { Success => JSON::PP::true, ErrorCode => 0, Cancelled => 0, InFlight => 0, Finished => 1 }, 'again: it has its end');
};

subtest 'every domain of the account' => sub {
    my $domain = "second.$account->{domain}";
    $gw->ctl(qw(domain add), $domain, '--user', $account->{username}, '--enable');
    my $key = $gw->ctl(qw(key add --user), $account->{username}, '--domain', $domain, qw(--description test))->{key};
    my $id = send_later({ key => $key, domain => $domain });
    is($gw->api('EmailGateway.CancelMessage', as => $account, MessageID => $id)->{json}{Cancelled}, 1, 'the second');
};

subtest 'refusals: 1, 2' => sub {
    my $theirs = send_later($other);
    refuses($gw->api('EmailGateway.CancelMessage', as => $account, @$_), 1, 'no MessageID') for [], [ MessageID => '' ], [ MessageID => undef ];
    refuses($gw->api('EmailGateway.CancelMessage', as => $account, MessageID => $_), 2, 'what is none, or another\'s')
        for $theirs, '01890000-0000-7000-8000-000000000001', 'x', 7, [$theirs], {}, 'x' x 1000;
    is(told($other, $theirs), 'send', 'nothing was cancelled');
};

common_rules($gw, 'EmailGateway.CancelMessage', $account, sub { (MessageID => send_later($account)) });
$gw->log_clean;
done_testing;
