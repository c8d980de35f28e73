# EmailGateway.ResetSMTPPassword: the reference's example, the new password in place of the old.
use EmailGW;
use EmailGW::ApiPhp;

my $gw = EmailGW->up;
my $account = $gw->new_account;
my $other = $gw->new_account;

sub add { my ($as) = @_; return $gw->api('EmailGateway.AddSMTP', as => $as, DomainID => $as->{domain_id})->{json} }
sub reset_it { return $gw->api('EmailGateway.ResetSMTPPassword', as => $account, @_) }
sub is_of { # whether a password is the one that the database knows
    my ($id, $password) = @_;
    return $gw->sql("SELECT password_hash = sha256('$password') FROM emailgw.smtp_credential WHERE smtp_id = $id");
}

my $made = add($account);
my ($id, $first) = ($made->{NewSMTPID}, $made->{SMTP}{Password});

subtest 'the documented example' => sub {
    my $neighbour = add($account);
    my $session = session_of($gw, $account);
    my $reply = example($gw, qq({"SessionID": "$session", "APIKey": "$account->{account_key}", "Command": "EmailGateway.ResetSMTPPassword", "smtpid": "$id"}));
    is(outcome($reply), '200 0', 'reset') or diag($reply->{body});
    my $second = delete $reply->{json}{SMTP}{Password};
    is_deeply($reply->{json}{SMTP}, { SMTPID => $id, Server => 'localhost', Port => 587, Username => $made->{SMTP}{Username} },
        'with all that the reference shows');
    like($reply->{body}, qr/"SMTPID":"\d+","Server":"localhost","Port":587,/, 'the port is a number, the id text');
    like($second, qr/\A[\w-]{32}\z/, 'a password of 192 random bits');
    isnt($second, $first, '... another one');
    is(is_of($id, $second), 't', 'which is the good one');
    is(is_of($id, $first), 'f', '... alone');
    is(is_of($neighbour->{NewSMTPID}, $neighbour->{SMTP}{Password}), 't', 'another credential keeps its own');
    is(scalar(grep { /\Q$second\E/ } $gw->log_lines), 0, 'no log has it');
};

subtest 'errors' => sub {
    my $theirs = add($other);
    refuses(reset_it(), 1, '1: no smtpid');
    refuses(reset_it(smtpid => ''), 1, '1: an empty one');
    refuses(reset_it(smtpid => 999999999), 2, '2: no such credential');
    refuses(reset_it(smtpid => $theirs->{NewSMTPID}), 2, '2: another account\'s');
    is(reset_it(smtpid => $theirs->{NewSMTPID})->{body}, reset_it(smtpid => 999999999)->{body}, 'both in the same words');
    is(is_of($theirs->{NewSMTPID}, $theirs->{SMTP}{Password}), 't', '... whose password is the old one');
    $gw->sql("UPDATE emailgw.domain SET deleted_at = now() WHERE domain_id = $other->{domain_id}");
    refuses($gw->api('EmailGateway.ResetSMTPPassword', as => $other, smtpid => $theirs->{NewSMTPID}), 2, '2: gone with its domain');
    takes_ids_only($gw, 'EmailGateway.ResetSMTPPassword', $account, 'smtpid', absent => 1, invalid => 2,
        fresh => sub { (smtpid => $id) });
};

common_rules($gw, 'EmailGateway.ResetSMTPPassword', $account, sub { (smtpid => $id) });

$gw->log_clean;
done_testing;
