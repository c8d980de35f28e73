# EmailGateway.RegenerateSigningKey: the new key is shown once here and by GetWebhooks,
# the former one signs for 24 hours more, the one before that no longer.
use EmailGW;
use EmailGW::ApiPhp;

my $gw = EmailGW->up;
my $account = $gw->new_account;
my $other = $gw->new_account;
my @domain = (DomainID => $account->{domain_id});

sub regenerate { return $gw->api('EmailGateway.RegenerateSigningKey', as => $account, @_) }
sub shown { return $gw->api('EmailGateway.GetWebhooks', as => $_[0], DomainID => $_[0]{domain_id})->{json}{SigningKey} }
sub former { return $gw->sql("SELECT coalesce(encode(former_webhook_key_sealed, 'hex'), 'none') FROM emailgw.domain
    WHERE domain_id = $account->{domain_id}") }
sub sealed { return $gw->sql("SELECT encode(webhook_key_sealed, 'hex') FROM emailgw.domain WHERE domain_id = $account->{domain_id}") }

subtest 'another key' => sub {
    my ($before, $before_sealed) = (shown($account), scalar sealed());
    is(former(), 'none', 'at first there is none before it');
    my $reply = regenerate(@domain);
    is(outcome($reply), '200 0', 'answered') or diag($reply->{body});
    like($reply->{json}{SigningKey}, qr{\Awhsec_[A-Za-z0-9+/]{43}=\z}, 'a key as GetWebhooks shows it');
    isnt($reply->{json}{SigningKey}, $before, '... another one');
    is(shown($account), $reply->{json}{SigningKey}, '... which GetWebhooks shows from now on');
    is($gw->sql("SELECT '$reply->{json}{FormerKeySignsUntil}'::timestamptz - now() BETWEEN interval '23:59' AND interval '24:00'"),
        't', 'the former one signs for a day');
    is(former(), $before_sealed, '... and is kept so long');
    my $second = sealed();
    regenerate(@domain);
    is(former(), $second, 'a second call ends the first key');
    is(shown($other), shown($other), 'another account\'s key');
};

subtest 'after a day' => sub {
    $gw->sql("UPDATE emailgw.domain SET former_webhook_key_until = now() - interval '1 second' WHERE domain_id = $account->{domain_id}");
    $gw->sql('SELECT emailgw_api.housekeeping(7, 90)');
    is(former(), 'none', 'the former key is dropped');
    regenerate(@domain);
    $gw->sql('SELECT emailgw_api.housekeeping(7, 90)');
    isnt(former(), 'none', '... and not before');
};

subtest 'errors' => sub {
    my $theirs = shown($other);
    refuses(regenerate(), 1, '1: missing');
    refuses(regenerate(DomainID => ''), 1, '1: empty');
    refuses(regenerate(DomainID => 999999999), 2, '2: no such domain');
    refuses(regenerate(DomainID => $other->{domain_id}), 2, '2: another account\'s');
    is(regenerate(DomainID => $other->{domain_id})->{body}, regenerate(DomainID => 999999999)->{body}, 'both in the same words');
    is(shown($other), $theirs, '... which has its key as before');
    takes_ids_only($gw, 'EmailGateway.RegenerateSigningKey', $account, 'DomainID', absent => 1, invalid => 2, fresh => sub { @domain });
    $gw->sql("UPDATE emailgw.domain SET deleted_at = now() WHERE domain_id = $other->{domain_id}");
    refuses($gw->api('EmailGateway.RegenerateSigningKey', as => $other, DomainID => $other->{domain_id}), 2, '2: a deleted domain');
};

common_rules($gw, 'EmailGateway.RegenerateSigningKey', $account, sub { @domain });

$gw->log_clean;
done_testing;
