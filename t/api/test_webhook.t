# EmailGateway.TestWebhook: a post of email.test in the webhook's payload, signed and
# guarded like all others; GetWebhookDeliveries tells what became of it.
use EmailGW;
use EmailGW::ApiPhp;
use EmailGW::Receiver;
use JSON::PP ();

my $receiver = EmailGW::Receiver->up;
my $gw = EmailGW->up(WEBHOOK_ALLOW => $receiver->address, SENDER_CONF => \"poll = 20ms\nwebhook_retry = 1h\n");
my $account = $gw->new_account;
my $other = $gw->new_account;

sub hook {
    my ($path, %with) = @_;
    my $reply = $gw->api('EmailGateway.AddWebhook', as => $account, DomainID => $account->{domain_id}, Event => 'complaint',
        WebhookURL => $path =~ /^http/ ? $path : $receiver->url($path), %with);
    return $reply->{json}{NewWebhookID} // die $reply->{body};
}
sub test { return $gw->api('EmailGateway.TestWebhook', as => $account, @_) }
sub deliveries { return $gw->api('EmailGateway.GetWebhookDeliveries', as => $account, DomainID => $account->{domain_id}, @_)->{json}{Deliveries} }
sub ended {
    my ($id) = @_;
    my $got;
    $gw->wait_for(sub { $got = deliveries(WebhookID => $id)->[0]; $got && $got->{Attempts} }, 20, 'an attempt');
    return $got;
}

subtest 'each payload' => sub {
    my %looks = (
        native => sub { $_[0]{type} eq 'email.test' && $_[0]{data}{EventId} eq $_[1] && $_[0]{data}{Domain} eq $account->{domain} },
        mailgun => sub { $_[0]{'event-data'}{id} eq $_[1] && $_[0]{'event-data'}{flags}{'is-test-mode'} && $_[0]{signature}{signature} =~ /^[0-9a-f]{64}\z/ },
        postmark => sub { $_[0]{RecordType} eq 'Delivery' && $_[0]{Metadata}{test} eq 'true' },
    );
    for my $payload (sort keys %looks) {
        my $id = hook("/ok/$payload", Payload => $payload);
        my $reply = test(WebhookID => $id);
        is(outcome($reply), '200 0', "$payload: queued") or diag($reply->{body});
        my $event = $reply->{json}{EventID};
        my $got = ended($id);
        is_deeply([ @$got{qw(EventID Event State Attempts StatusCode Error MessageID Recipient NextAttempt)} ],
            [ $event, 'test', 'delivered', 1, 200, undef, undef, undef, undef ], '... and taken');
        my ($post) = $receiver->requests("/ok/$payload");
        is($post->{headers}{'webhook-id'}, "${event}_$id", '... under its id');
        like($post->{headers}{'webhook-signature'}, qr/^v1,/, '... signed');
        ok($looks{$payload}->(JSON::PP->new->utf8->decode($post->{body}), $event), '... and looks so') or diag($post->{body});
    }
};

subtest 'one that fails, and where nothing may go' => sub {
    my $id = hook('/status/500');
    test(WebhookID => $id, DomainID => $account->{domain_id});
    my $got = ended($id);
    is_deeply([ @$got{qw(Event State Attempts StatusCode)} ], [ 'test', 'pending', 1, 500 ], 'a test is tried again like all posts');
    like($got->{NextAttempt}, qr/^20\d\d-/, '... later');
    my $inside = hook('https://hooks.example.org/');
    $gw->sql("UPDATE emailgw.webhook SET url = 'http://127.0.0.1:1/' WHERE webhook_id = $inside");
    test(WebhookID => $inside);
    like(ended($inside)->{Error}, qr/not allowed/, 'a private address is not asked');
    is($gw->call('GET', '/api/v1/events', { key => $account->{key} })->{json}{TotalRecords}, 0, 'tests are no events');
};

subtest 'errors' => sub {
    my $id = hook('/ok');
    my $theirs = $gw->api('EmailGateway.AddWebhook', as => $other, DomainID => $other->{domain_id}, Event => 'bounce',
        WebhookURL => 'https://hooks.example.org/')->{json}{NewWebhookID};
    my $second = $gw->ctl(qw(domain add), "second.$account->{domain}", '--user', $account->{username})->{domain_id};
    refuses(test(), 1, '1: missing');
    refuses(test(WebhookID => $id, DomainID => 999999999), 2, '2: no such domain');
    refuses(test(WebhookID => $id, DomainID => $other->{domain_id}), 2, '2: another account\'s domain');
    refuses(test(WebhookID => $id, DomainID => $second), 3, '3: of another domain');
    refuses(test(WebhookID => 999999999), 4, '4: no such webhook');
    refuses(test(WebhookID => $theirs), 4, '4: another account\'s');
    is(test(WebhookID => $theirs)->{body}, test(WebhookID => 999999999)->{body}, 'both in the same words');
    is(outcome(test(WebhookID => $id)), '200 0', "test $_") for 1 .. 10;
    refuses(test(WebhookID => $id), 6, '6: the eleventh within a minute');
    $gw->sql("UPDATE emailgw.webhook SET status = 'Disabled', disabled_at = now(), disabled_reason = 'x' WHERE webhook_id = $id");
    refuses(test(WebhookID => $id), 5, '5: disabled');
    takes_ids_only($gw, 'EmailGateway.TestWebhook', $account, 'WebhookID', absent => 1, invalid => 4,
        fresh => sub { (WebhookID => hook('/ok')) });
};

common_rules($gw, 'EmailGateway.TestWebhook', $account, sub { (WebhookID => hook('/ok')) });

$gw->log_clean;
done_testing;
