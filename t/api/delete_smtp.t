# EmailGateway.DeleteSMTP: the reference's example, its errors.
use EmailGW;
use EmailGW::ApiPhp;

my $gw = EmailGW->up;
my $account = $gw->new_account;
my $other = $gw->new_account;

sub add { my ($as) = @_; return $gw->api('EmailGateway.AddSMTP', as => $as, DomainID => $as->{domain_id})->{json}{NewSMTPID} }
sub remove { return $gw->api('EmailGateway.DeleteSMTP', as => $account, @_) }
sub shown {
    my ($as) = @_;
    return join ' ', map { $_->{SMTPID} } @{ $gw->api('EmailGateway.GetSMTPs', as => $as, DomainID => $as->{domain_id})->{json}{SMTPs} };
}

subtest 'the documented example' => sub {
    my ($id, $second) = map { add($account) } 1 .. 2;
    my $session = session_of($gw, $account);
    my $reply = example($gw, qq({"SessionID": "$session", "APIKey": "$account->{account_key}", "Command": "EmailGateway.DeleteSMTP", "smtpid": "$id"}));
    is($reply->{body}, '{"Success":true,"ErrorCode":0}', 'deleted');
    is(shown($account), $second, '... this one and no other');
    refuses($gw->api('EmailGateway.ResetSMTPPassword', as => $account, smtpid => $id), 2, 'it gets no new password');
};

subtest 'errors' => sub {
    my ($id, $theirs) = (add($account), add($other));
    refuses(remove(), 1, '1: no smtpid');
    refuses(remove(smtpid => ''), 1, '1: an empty one');
    refuses(remove(smtpid => 999999999), 2, '2: no such credential');
    refuses(remove(smtpid => $theirs), 2, '2: another account\'s');
    is(remove(smtpid => $theirs)->{body}, remove(smtpid => 999999999)->{body}, 'both in the same words');
    is(shown($other), $theirs, '... which is still there');
    is(outcome(remove(SMTPID => $id)), '200 0', 'deleted');
    refuses(remove(smtpid => $id), 2, '2: deleted already');
    $gw->sql("UPDATE emailgw.domain SET deleted_at = now() WHERE domain_id = $other->{domain_id}");
    refuses($gw->api('EmailGateway.DeleteSMTP', as => $other, smtpid => $theirs), 2, '2: gone with its domain');
    takes_ids_only($gw, 'EmailGateway.DeleteSMTP', $account, 'smtpid', absent => 1, invalid => 2,
        fresh => sub { (smtpid => add($account)) });
};

common_rules($gw, 'EmailGateway.DeleteSMTP', $account, sub { (smtpid => add($account)) });

$gw->log_clean;
done_testing;
