# EmailGateway.AddSMTP: the reference's example, the password that is shown once, the
# defaults for mails that lack them, its errors.
use EmailGW;
use EmailGW::ApiPhp;

my $gw = EmailGW->up;
my $account = $gw->new_account;
my $other = $gw->new_account;
my @domain = (DomainID => $account->{domain_id});

sub add { return $gw->api('EmailGateway.AddSMTP', as => $account, @domain, @_) }
sub rows_there { return $gw->sql("SELECT count(*) FROM emailgw.smtp_credential WHERE account_id IN ($account->{account_id}, $other->{account_id})") }

subtest 'the documented example' => sub {
    my $session = session_of($gw, $account);
    my $reply = example($gw, qq({"SessionID": "$session", "APIKey": "$account->{account_key}", "Command": "EmailGateway.AddSMTP", "DomainID": "$account->{domain_id}"}));
    is(outcome($reply), '200 0', 'added') or diag($reply->{body});
    my ($id, $smtp) = @{ $reply->{json} }{qw(NewSMTPID SMTP)};
    like($reply->{body}, qr/"NewSMTPID":"\d+"/, 'its id is text');
    my ($password, $info) = (delete $smtp->{Password}, delete $smtp->{OtherSMTPInfo});
    is_deeply($smtp, { SMTPID => $id, SMTPHost => 'localhost', SMTPPorts => [ '587', '465' ],
        Username => "egm_$account->{account_id}_$id", FromEmail => '', FromName => '', ReplyToEmail => '', ReplyToName => '' },
        'with all that a mail client needs, and the server\'s name by default');
    like($reply->{body}, qr/"SMTPPorts":\["587","465"\]/, 'ports are text');
    like($password, qr/\A[\w-]{32}\z/, 'a password of 192 random bits');
    ok(length $info, 'and words on the rest');
    isnt(add()->{json}{SMTP}{Password}, $password, 'another one each time');
    is($gw->sql("SELECT count(*) FROM emailgw.smtp_credential AS s WHERE account_id = $account->{account_id} AND smtp_id = $id
        AND password_hash = sha256('$password')"), 1, 'the database has its hash');
    is($gw->sql("SELECT count(*) FROM emailgw.smtp_credential AS s WHERE strpos(s::text, '$password') > 0"), 0, '... and not it');
    is(scalar(grep { /\Q$password\E/ } $gw->log_lines), 0, '... nor do the logs');
};

subtest 'defaults' => sub {
    my $smtp = add(FromEmail => "Shop\@$account->{domain}", FromName => "B\x{fc}cher \"& Co\"", ReplyToEmail => 'Help@EXAMPLE.org',
        ReplyToName => 'Help')->{json}{SMTP};
    is_deeply([ @$smtp{qw(FromEmail FromName ReplyToEmail ReplyToName)} ],
        [ "Shop\@$account->{domain}", "B\x{fc}cher \"& Co\"", 'Help@example.org', 'Help' ], 'are kept, domains in lower case');
    is(add(FromEmail => "a\@mail.$account->{domain}")->{json}{SMTP}{FromEmail}, "a\@mail.$account->{domain}", 'From below the domain');
    is_deeply([ @{ add(FromEmail => '', FromName => '', ReplyToEmail => undef, ReplyToName => '')->{json}{SMTP} }{
        qw(FromEmail FromName ReplyToEmail ReplyToName)} ], [ ('') x 4 ], 'empty ones are none');
    is(add(FromName => 'x' x 320)->{json}{SMTP}{FromName}, 'x' x 320, 'a name of 320 bytes');

    my $before = rows_there();
    for my $case (
        [ FromEmail => 'a@example.org' ], [ FromEmail => "a\@x$account->{domain}" ], [ FromEmail => "a\@$account->{domain}.x" ],
        (map { my $name = $_; map { [ $name => $_ ] } 'nobody', 'a@@b.example', "a\@$account->{domain}\r\nBcc: x\@y.example",
            "A <a\@$account->{domain}>", "a\@$account->{domain}, b\@$account->{domain}", "a\@[127.0.0.1]", ['a@b.example'],
            { email => 'a@b.example' }, 5, JSON::PP::true } qw(FromEmail ReplyToEmail)),
        (map { my $name = $_; map { [ $name => $_ ] } "a\r\nBcc: x\@y.example", "a\nb", "a\rb", 'x' x 321, ['x'], {}, 5 }
            qw(FromName ReplyToName)),
    ) {
        my ($name, $value) = @$case;
        my $reply = add($name => $value);
        refuses($reply, 114, "$name " . (ref $value || substr $value, 0, 30) =~ s/[\r\n]+/|/r);
        like($reply->{json}{ErrorMessage}, qr/'$name'/, '... names it');
    }
    is(rows_there(), $before, 'nothing came of those');
};

subtest 'errors' => sub {
    my $before = rows_there();
    refuses(add(DomainID => $_), 1, '1: ' . (defined $_ ? 'empty' : 'missing')) for undef, '';
    refuses(add(DomainID => 999999999), 2, '2: no such domain');
    refuses(add(DomainID => $other->{domain_id}), 2, '2: another account\'s');
    is(add(DomainID => $other->{domain_id})->{body}, add(DomainID => 999999999)->{body}, 'both in the same words');
    is(add(DomainID => $other->{domain_id}, FromEmail => "a\@$other->{domain}")->{body},
        add(DomainID => 999999999, FromEmail => "a\@$other->{domain}")->{body}, '... whatever the From');
    $gw->sql("UPDATE emailgw.domain SET deleted_at = now() WHERE domain_id = $other->{domain_id}");
    refuses($gw->api('EmailGateway.AddSMTP', as => $other, DomainID => $other->{domain_id}), 2, '2: a deleted domain');
    is(rows_there(), $before, 'nothing came of all that');
    takes_ids_only($gw, 'EmailGateway.AddSMTP', $account, 'DomainID', absent => 1, invalid => 2, fresh => sub { @domain });
};

common_rules($gw, 'EmailGateway.AddSMTP', $account, sub { (@domain, FromName => 'x', ReplyToEmail => 'r@example.org') });

subtest 'how many' => sub {
    $gw->sql("INSERT INTO emailgw.smtp_credential (account_id, domain_id, password_hash)
        SELECT $account->{account_id}, $account->{domain_id}, '' FROM generate_series(1, 99 - (
            SELECT count(*) FROM emailgw.smtp_credential WHERE domain_id = $account->{domain_id}))");
    is(outcome(add()), '200 0', 'the hundredth of a domain');
    my $reply = add();
    refuses($reply, 112, 'and no more');
    like($reply->{json}{ErrorMessage}, qr/has 100 SMTP credentials/, '... in words');
};

$gw->log_clean;
done_testing;
