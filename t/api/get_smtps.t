# EmailGateway.GetSMTPs: the reference's example; passwords are masked, since they are not known.
use EmailGW;
use EmailGW::ApiPhp;

my $gw = EmailGW->up;
my $account = $gw->new_account;
my $other = $gw->new_account;
my @domain = (DomainID => $account->{domain_id});

sub get { return $gw->api('EmailGateway.GetSMTPs', as => $account, @domain, @_) }
sub active { return join ' ', map { $_->{IsActive} ? 'yes' : 'no' } @{ get()->{json}{SMTPs} } }

subtest 'the documented example' => sub {
    my $made = $gw->api('EmailGateway.AddSMTP', as => $account, @domain, FromEmail => "from\@$account->{domain}",
        FromName => 'Example Sender', ReplyToEmail => 'reply-to@example.com', ReplyToName => 'Example Reply')->{json};
    my $session = session_of($gw, $account);
    my $reply = example($gw, qq({"SessionID": "$session", "APIKey": "$account->{account_key}", "Command": "EmailGateway.GetSMTPs", "DomainID": $account->{domain_id}}));
    is(outcome($reply), '200 0', 'answered') or diag($reply->{body});
    my ($row) = @{ $reply->{json}{SMTPs} };
    is(scalar @{ $reply->{json}{SMTPs} }, 1, 'one credential');
    like(delete $row->{CreationDate}, qr/\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z\z/, 'when it was made, RFC 3339');
    is_deeply($row, { SMTPID => $made->{NewSMTPID}, SMTPHost => 'localhost', SMTPPorts => [ '587', '465' ],
        Username => $made->{SMTP}{Username}, Password => '********', FromEmail => "from\@$account->{domain}",
        FromName => 'Example Sender', ReplyToEmail => 'reply-to@example.com', ReplyToName => 'Example Reply',
        IsActive => JSON::PP::true, LastUsedDate => undef }, 'with all that the reference shows');
    like($reply->{body}, qr/"SMTPID":"\d+".*"SMTPPorts":\["587","465"\]/, 'ids and ports are text');
};

subtest 'several' => sub {
    my $second = $gw->api('EmailGateway.AddSMTP', as => $account, @domain)->{json};
    my @rows = @{ get()->{json}{SMTPs} };
    is($rows[1]{SMTPID}, $second->{NewSMTPID}, 'oldest first');
    is_deeply([ @{ $rows[1] }{qw(FromEmail FromName ReplyToEmail ReplyToName)} ], [ ('') x 4 ], 'what is not set is empty');
    is_deeply($gw->api('EmailGateway.GetSMTPs', as => $other, DomainID => $other->{domain_id})->{json}{SMTPs}, [],
        'a domain without any has an empty list');
    is(active(), 'yes yes', 'all active');
    $gw->sql("UPDATE emailgw.domain SET status = 'Suspended' WHERE domain_id = $account->{domain_id}");
    is(active(), 'no no', '... not while the domain may not send');
    $gw->sql("UPDATE emailgw.domain SET status = 'Enabled' WHERE domain_id = $account->{domain_id}");
};

subtest 'errors' => sub {
    refuses(get(DomainID => $_), 1, '1: ' . (defined $_ ? 'empty' : 'missing')) for undef, '';
    refuses(get(DomainID => 999999999), 2, '2: no such domain');
    refuses(get(DomainID => $other->{domain_id}), 2, '2: another account\'s');
    is(get(DomainID => $other->{domain_id})->{body}, get(DomainID => 999999999)->{body}, 'both in the same words');
    takes_ids_only($gw, 'EmailGateway.GetSMTPs', $account, 'DomainID', absent => 1, invalid => 2, fresh => sub { @domain });
    $gw->sql("UPDATE emailgw.domain SET deleted_at = now() WHERE domain_id = $other->{domain_id}");
    refuses($gw->api('EmailGateway.GetSMTPs', as => $other, DomainID => $other->{domain_id}), 2, '2: a deleted domain');
};

common_rules($gw, 'EmailGateway.GetSMTPs', $account, sub { @domain });

$gw->log_clean;
done_testing;
