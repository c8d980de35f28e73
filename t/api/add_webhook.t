# EmailGateway.AddWebhook: the reference's example, and ErrorCode with all that is wrong.
use EmailGW;
use EmailGW::ApiPhp;

my $gw = EmailGW->up;
my $account = $gw->new_account;
my $other = $gw->new_account;
my $url = 'https://hooks.example.org/x';
my @good = (DomainID => $account->{domain_id}, Event => 'bounce', WebhookURL => $url);

sub add { return $gw->api('EmailGateway.AddWebhook', as => $account, @_) }
sub rows_there { return $gw->sql("SELECT count(*) FROM emailgw.webhook WHERE account_id IN ($account->{account_id}, $other->{account_id})") }

# All codes as an array, and words.
sub refuses_with {
    my ($what, $codes, %with) = @_;
    my $reply = add(%with);
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    like($reply->{body}, qr/^\{"Success":false,"ErrorCode":\[\Q$codes\E\],"ErrorMessage":"[^"]/, "$codes: $what") or diag($reply->{body});
    is($reply->{status}, 200, '... HTTP 200');
}

subtest 'the documented example' => sub {
    my $session = session_of($gw, $account);
    my $reply = example($gw, qq({
    "SessionID": "$session",
    "APIKey": "$account->{account_key}",
    "Command": "EmailGateway.AddWebhook",
    "DomainID": "$account->{domain_id}",
    "Event": "bounce",
    "WebhookURL": "https://yourdomain.com/webhook"
}));
    is(outcome($reply), '200 0', 'added') or diag($reply->{body});
    like($reply->{body}, qr/^\{"Success":true,"ErrorCode":0,"NewWebhookID":"\d+"\}\s*\z/, 'its id is text');
    my $id = $reply->{json}{NewWebhookID};
    is($gw->sql("SELECT url || events::text FROM emailgw.webhook WHERE webhook_id = $id AND account_id = $account->{account_id}
        AND domain_id = $account->{domain_id}"), 'https://yourdomain.com/webhook{4}', 'stored');
    is($gw->sql("SELECT webhook_events FROM emailgw.domain WHERE domain_id = $account->{domain_id}"), '{4}', 'the domain asks for it');
};

subtest 'Event' => sub {
    for my $case ([ 'delivered,Bounced, open', '{2,4,7}' ], [ [ 'click', 'unsubscribe', 'complaint', 'click' ], '{8,9,10}' ],
        [ 'send', '{1}' ]) {
        my ($event, $want) = @$case;
        my $id = add(@good, Event => $event)->{json}{NewWebhookID};
        is($gw->sql("SELECT events FROM emailgw.webhook WHERE webhook_id = $id"), $want, ref $event ? "@$event" : $event);
    }
};

subtest 'Payload' => sub {
    for my $case ([ {}, 'native' ], [ { Payload => '' }, 'native' ], (map { [ { Payload => $_ }, lc $_ ] } qw(native Mailgun POSTMARK))) {
        my ($with, $want) = @$case;
        my $id = add(@good, %$with)->{json}{NewWebhookID};
        is($gw->sql("SELECT payload FROM emailgw.webhook WHERE webhook_id = $id"), $want, $with->{Payload} // 'none given');
    }
    refuses_with("Payload $_", '141', @good, Payload => $_) for 'sendgrid', 'native,mailgun', ['native'], 1;
    refuses_with('beside others', '3,141', @good, Event => 'x', Payload => 'x');
};

subtest 'errors' => sub {
    my $before = rows_there();
    refuses_with('no DomainID', '1', @good, DomainID => undef);
    refuses_with('an empty one', '1', @good, DomainID => '');
    refuses_with('no Event', '2', @good, Event => undef);
    refuses_with('an empty list', '2', @good, Event => []);
    refuses_with('an unknown Event', '3', @good, Event => 'teleport');
    refuses_with('two unknown ones', '3', @good, Event => 'teleport,levitate');
    refuses_with('an event that no webhook is told of', '3', @good, Event => 'deferred');
    refuses_with('no such domain', '4', @good, DomainID => 999999999);
    refuses_with('another account\'s', '4', @good, DomainID => $other->{domain_id});
    refuses_with('no id at all', '4', @good, DomainID => 'x');
    refuses_with('no WebhookURL', '5', @good, WebhookURL => undef);
    refuses_with('a private address', '5', @good, WebhookURL => 'http://10.0.0.1/');
    refuses_with('nothing', '1,2,5');
    refuses_with('all that can be', '3,4,5', DomainID => $other->{domain_id}, Event => 'x,y', WebhookURL => 'ftp://x');
    refuses_with('a good domain beside others', '3,5', DomainID => $account->{domain_id}, Event => 'x', WebhookURL => 'x');
    refuses_with('no domain beside others', '2,4,5', DomainID => 999999999);
    refuses_with('', '1,3', Event => 'x', WebhookURL => $url);
    is(add(DomainID => $other->{domain_id}, Event => 'x')->{body}, add(DomainID => 999999999, Event => 'x')->{body},
        'another account\'s domain and none in the same words');
    my $many = add(@good, Event => [ map { "x$_" } 1 .. 40_000 ]);
    is(outcome($many), '200 3', 'ten thousands of unknown ones');
    cmp_ok(length $many->{body}, '<', 10_000, '... are not all told');
    is(rows_there(), $before, 'nothing came of all that');
    takes_ids_only($gw, 'EmailGateway.AddWebhook', $account, 'DomainID', absent => 1, invalid => 4, fresh => sub { @good });
    $gw->sql("UPDATE emailgw.domain SET deleted_at = now() WHERE domain_id = $other->{domain_id}");
    is(outcome($gw->api('EmailGateway.AddWebhook', as => $other, @good, DomainID => $other->{domain_id})), '200 4', '4: a deleted domain');
};

common_rules($gw, 'EmailGateway.AddWebhook', $account, sub { @good });

subtest 'how many' => sub {
    $gw->sql("INSERT INTO emailgw.webhook (account_id, domain_id, url, events)
        SELECT $account->{account_id}, $account->{domain_id}, '$url', '{4}' FROM generate_series(1, 99 - (
            SELECT count(*) FROM emailgw.webhook WHERE domain_id = $account->{domain_id}))");
    is(outcome(add(@good)), '200 0', 'the hundredth of a domain');
    refuses_with('and no more', '112', @good);
    $gw->sql("UPDATE emailgw.webhook SET deleted_at = now() WHERE account_id = $account->{account_id}");
};

$gw->log_clean;
done_testing;
