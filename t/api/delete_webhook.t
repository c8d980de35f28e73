# EmailGateway.DeleteWebhook: the reference's example, its four errors.
use EmailGW;
use EmailGW::ApiPhp;

my $gw = EmailGW->up;
my $account = $gw->new_account;
my $other = $gw->new_account;
my @domain = (DomainID => $account->{domain_id});
my $second = $gw->ctl(qw(domain add), "second.$account->{domain}", '--user', $account->{username})->{domain_id};

sub add {
    my ($as) = @_;
    return $gw->api('EmailGateway.AddWebhook', as => $as, DomainID => $as->{domain_id}, Event => 'bounce,click',
        WebhookURL => 'https://hooks.example.org/x')->{json}{NewWebhookID};
}
sub remove { return $gw->api('EmailGateway.DeleteWebhook', as => $account, @_) }
sub alive { return $gw->sql("SELECT count(*) FROM emailgw.webhook WHERE webhook_id = $_[0] AND deleted_at IS NULL") }
sub wanted { return $gw->sql("SELECT webhook_events FROM emailgw.domain WHERE domain_id = $_[0]{domain_id}") }

subtest 'the documented example' => sub {
    my $id = add($account);
    is(wanted($account), '{4,8}', 'a webhook');
    my $session = session_of($gw, $account);
    # curl sends several -d as one form.
    my $reply = $gw->call('POST', '/api.php', { type => 'application/x-www-form-urlencoded',
        body => "SessionID=$session&APIKey=$account->{account_key}&Command=EmailGateway.DeleteWebhook&WebhookID=$id&DomainID=$account->{domain_id}" });
    is($reply->{body}, '{"Success":true,"ErrorCode":0}', 'deleted');
    is(alive($id), 0, '... it is gone');
    is(wanted($account), '{}', '... and the domain asks for nothing any more');
};

subtest 'errors' => sub {
    my ($id, $theirs) = (add($account), add($other));
    refuses(remove(@domain), 1, '1: no WebhookID');
    refuses(remove(@domain, WebhookID => ''), 1, '1: an empty one');
    refuses(remove(WebhookID => $id), 1, '1: no DomainID');
    refuses(remove(WebhookID => $id, DomainID => ''), 1, '1: an empty one');
    refuses(remove(), 1, '1: neither');
    refuses(remove(WebhookID => $id, DomainID => 'x'), 2, '2: no id');
    refuses(remove(WebhookID => $id, DomainID => 999999999), 2, '2: no such domain');
    refuses(remove(WebhookID => $id, DomainID => $other->{domain_id}), 2, '2: another account\'s domain');
    refuses(remove(WebhookID => $theirs, DomainID => $other->{domain_id}), 2, '2: ... with its webhook');
    refuses(remove(WebhookID => 'x', DomainID => 999999999), 2, '2 comes before 4');
    refuses(remove(WebhookID => $id, DomainID => $second), 3, '3: the webhook is of another domain of the account');
    refuses(remove(@domain, WebhookID => 999999999), 4, '4: no such webhook');
    refuses(remove(@domain, WebhookID => $theirs), 4, '4: another account\'s');
    is(remove(@domain, WebhookID => $theirs)->{body}, remove(@domain, WebhookID => 999999999)->{body}, 'both in the same words');
    is(remove(WebhookID => $id, DomainID => $other->{domain_id})->{body}, remove(WebhookID => $id, DomainID => 999999999)->{body},
        '... for domains too');
    is(alive($id) . alive($theirs), '11', 'both webhooks are still there');
    is(wanted($account) . wanted($other), '{4,8}{4,8}', '... and asked for');
    is(outcome(remove(@domain, WebhookID => $id)), '200 0', 'deleted');
    refuses(remove(@domain, WebhookID => $id), 4, '4: deleted already');
    refuses(remove(DomainID => $second, WebhookID => $id), 4, '... also with another domain');
    my @fresh = (fresh => sub { (@domain, WebhookID => add($account)) });
    takes_ids_only($gw, 'EmailGateway.DeleteWebhook', $account, 'WebhookID', absent => 1, invalid => 4, @fresh);
    takes_ids_only($gw, 'EmailGateway.DeleteWebhook', $account, 'DomainID', absent => 1, invalid => 2, @fresh);
    $gw->sql("UPDATE emailgw.domain SET deleted_at = now() WHERE domain_id = $other->{domain_id}");
    refuses($gw->api('EmailGateway.DeleteWebhook', as => $other, WebhookID => $theirs, DomainID => $other->{domain_id}), 2,
        '2: a deleted domain');
};

$gw->sql("UPDATE emailgw.webhook SET deleted_at = now() WHERE account_id = $account->{account_id}");
common_rules($gw, 'EmailGateway.DeleteWebhook', $account, sub { (@domain, WebhookID => add($account)) });

$gw->log_clean;
done_testing;
