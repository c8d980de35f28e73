# EmailGateway.GetWebhooks: the reference's example, one row a webhook, the same signing
# key as GET /api/v1/webhooks has.
use EmailGW;
use EmailGW::ApiPhp;

my $gw = EmailGW->up;
my $account = $gw->new_account;
my $other = $gw->new_account;
my @domain = (DomainID => $account->{domain_id});

sub get { return $gw->api('EmailGateway.GetWebhooks', as => $account, @domain, @_) }

subtest 'the documented example' => sub {
    my ($first, $second) = map { $gw->api('EmailGateway.AddWebhook', as => $account, @domain, %$_)->{json}{NewWebhookID} }
        { Event => 'clicked,send,open', WebhookURL => 'https://yourdomain.com/webhook1', Payload => 'Postmark' },
        { Event => [qw(complaint bounce)], WebhookURL => 'https://yourdomain.com/webhook2' };
    my $session = session_of($gw, $account);
    my $reply = example($gw, qq({
    "SessionID": "$session",
    "APIKey": "$account->{account_key}",
    "Command": "EmailGateway.GetWebhooks",
    "DomainID": "$account->{domain_id}"
}));
    is(outcome($reply), '200 0', 'answered') or diag($reply->{body});
    is_deeply($reply->{json}{Webhooks}, [
        { WebhookID => $first, URL => 'https://yourdomain.com/webhook1', Events => [qw(send open click)], Payload => 'postmark', Status => 'Active' },
        { WebhookID => $second, URL => 'https://yourdomain.com/webhook2', Events => [qw(bounce complaint)], Payload => 'native', Status => 'Active' },
    ], 'one row a webhook, events by their names of the first family');
    like($reply->{body}, qr/"WebhookID":"\d+"/, 'ids are text');
    like($reply->{json}{SigningKey}, qr{\Awhsec_[A-Za-z0-9+/]{43}=\z}, 'the signing key');
    my $v1 = $gw->call('GET', '/api/v1/webhooks', { key => $account->{key} })->{json};
    is($v1->{SigningKey}, $reply->{json}{SigningKey}, 'is that of /api/v1/webhooks');
    is(scalar @{ $v1->{Webhooks} }, 5, 'which has the same webhooks');

    $gw->sql("UPDATE emailgw.webhook SET status = 'Disabled', disabled_at = now(), disabled_reason = 'the receiver answered 410',
        failing_since = '2026-01-31 08:00:00Z' WHERE webhook_id = $second");
    is_deeply([ @{ get()->{json}{Webhooks}[1] }{qw(Status Reason FailingSince)} ],
        [ 'Disabled', 'the receiver answered 410', '2026-01-31T08:00:00Z' ], 'a disabled one says why');
    my $theirs = $gw->api('EmailGateway.GetWebhooks', as => $other, DomainID => $other->{domain_id})->{json};
    is_deeply($theirs->{Webhooks}, [], 'a domain without any has an empty list');
    isnt($theirs->{SigningKey}, $reply->{json}{SigningKey}, '... and a key of its own');
};

subtest 'errors' => sub {
    refuses(get(DomainID => $_), 1, '1: ' . (defined $_ ? 'empty' : 'missing')) for undef, '';
    refuses(get(DomainID => 999999999), 2, '2: no such domain');
    refuses(get(DomainID => $other->{domain_id}), 2, '2: another account\'s');
    is(get(DomainID => $other->{domain_id})->{body}, get(DomainID => 999999999)->{body}, 'both in the same words');
    takes_ids_only($gw, 'EmailGateway.GetWebhooks', $account, 'DomainID', absent => 1, invalid => 2, fresh => sub { @domain });
    $gw->sql("UPDATE emailgw.domain SET deleted_at = now() WHERE domain_id = $other->{domain_id}");
    refuses($gw->api('EmailGateway.GetWebhooks', as => $other, DomainID => $other->{domain_id}), 2, '2: a deleted domain');
};

common_rules($gw, 'EmailGateway.GetWebhooks', $account, sub { @domain });

$gw->log_clean;
done_testing;
