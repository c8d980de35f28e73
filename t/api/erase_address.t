# EmailGateway.EraseAddress and GetErasure: one person out of what an account has; no other
# account, and nobody else, loses anything.
use EmailGW;
use EmailGW::ApiPhp;

my $gw = EmailGW->up(RATE => 'off'); # of its own: its sender stops
my $account = $gw->new_account;
my $other = $gw->new_account;

sub erase { return $gw->api('EmailGateway.EraseAddress', as => $account, @_) }
sub report { return $gw->api('EmailGateway.GetErasure', as => $account, @_) }
sub done {
    my ($id) = @_;
    my $reply;
    $gw->wait_for(sub { $reply = report(ErasureID => $id); ($reply->{json}{State} // '') eq 'done' }, 30, 'done');
    return $reply;
}
sub to { return (To => [ map { { email => $_, name => "N $_" } } @_ ]) }
sub sent {
    my ($as, @to) = @_;
    my $id = $gw->send_mail(as => $as, to(@to))->{json}{MessageID};
    $gw->wait_for(sub { !$gw->sql("SELECT count(*) FROM emailgw.queue WHERE message_id = '$id'") }, 30, 'sent');
    return $id;
}

subtest 'a person' => sub {
    my $alone = sent($account, 'ann@example.org');
    my $both = sent($account, 'ann@example.org', 'bob@example.org');
    my $theirs = sent($other, 'ann@example.org');
    my $waits = $gw->send_mail(as => $account, to('Ann@Example.org'), SendAt => time + 3600)->{json}{MessageID};
    my $reply = example($gw, qq({"APIKey": "$account->{account_key}", "Command": "EmailGateway.EraseAddress", "EmailAddress": "ANN\@example.org"}));
    is(outcome($reply), '200 0', 'queued') or diag($reply->{body});
    is($gw->send_mail(as => $account, to('ann@example.org'))->{json}{Errors}[0]{Code}, 14, 'gets nothing more, at once');
    my $id = $reply->{json}{ErasureID};
    my $report = done($id)->{json};
    is_deeply([ @{ $report->{Report} }{qw(Recipients Messages Cancelled)} ], [ 3, 3, 1 ], 'what was found') or diag(explain($report));
    cmp_ok($report->{Report}{Events}, '>=', 6, '... and the events');
    ok($report->{CreationDate} && $report->{FinishedDate}, 'when');
    is($gw->sql("SELECT count(*) FROM emailgw.event WHERE account_id = $account->{account_id} AND email ILIKE 'ann\@%'"), 0, 'no event');
    is($gw->sql("SELECT count(*) FROM emailgw.event WHERE account_id = $account->{account_id} AND email = 'bob\@example.org'"), 2, 'somebody else\'s stay');
    is($gw->sql("SELECT status FROM emailgw.recipient WHERE message_id = '$waits'"), 'cancelled', 'what waited is cancelled');
    is($gw->sql("SELECT count(*) FROM emailgw.event WHERE account_id = $other->{account_id} AND email = 'ann\@example.org'"), 2, 'another account\'s stay');
    is($gw->send_mail(as => $other, to('ann@example.org'))->{status}, 200, '... which may write');
    my ($entry) = @{ $gw->api('EmailGateway.GetSuppressions', as => $account)->{json}{Suppressions} };
    is_deeply([ @$entry{qw(EmailAddress Erased Reason)} ], [ undef, JSON::PP::true, 'erased' ], 'the list does not tell who it was');
    is($gw->api('EmailGateway.AddSuppression', as => $account, EmailAddress => 'ann@example.org')->{json}{Added}, JSON::PP::false,
        '... nor is the address put there again');
    is(outcome($gw->api('EmailGateway.DeleteSuppression', as => $account, EmailAddress => 'Ann@example.org')), '200 0', 'by the address it is taken off');
    is($gw->send_mail(as => $account, to('ann@example.org'))->{status}, 200, '... and that gets mail again');
};

# Letter case of all alphabets: whoever is erased by one spelling is known by all of them.
subtest 'letter case' => sub {
    my $queued = $gw->send_mail(as => $account, to("\x{c9}mile\@example.org"), SendAt => time + 3600)->{json}{MessageID};
    my $report = done(erase(EmailAddress => "\x{e9}MILE\@example.org")->{json}{ErasureID})->{json}{Report};
    is("@{$report}{qw(Recipients Cancelled)}", '1 1', 'found by another one');
    is($gw->sql("SELECT email FROM emailgw.recipient WHERE message_id = '$queued'"), 'erased@erased.invalid', '... and erased');
    for my $spelling ("\x{c9}mile", "\x{e9}mile", "\x{c9}MILE") {
        is($gw->send_mail(as => $account, to("$spelling\@example.org"))->{json}{Errors}[0]{Code}, 14, 'gets nothing by any');
    }
    is($gw->send_mail(as => $account, to('emile@example.org'))->{status}, 200, '... but who has another name does');
    is(outcome($gw->api('EmailGateway.DeleteSuppression', as => $account, EmailAddress => "\x{c9}mile\@example.org")), '200 0', 'taken off by another');
    is($gw->send_mail(as => $account, to("\x{e9}mile\@example.org"))->{status}, 200, '... and gets mail again');
};

subtest 'at the time of sending' => sub {
    done(erase(EmailAddress => 'late@example.org')->{json}{ErasureID});
    $gw->queue_mails(1, as => $account, email => "'Late\@example.org'", subject => "'by the back door'"); # no hash is looked for there
    my $status = sub { $gw->sql("SELECT status FROM emailgw.recipient AS r JOIN emailgw.message AS m USING (account_id, message_id)
        WHERE m.account_id = $account->{account_id} AND m.subject = 'by the back door'") };
    ok($gw->wait_for(sub { $status->() ne 'queued' }, 20, 'an end'), 'a mail that got into the queue');
    is($status->(), 'suppressed', '... is not sent to whoever was erased');
};

subtest 'templates' => sub {
    my %id = map { $_->[0] => $gw->new_template($account, Name => $_->[0], Subject => $_->[1], HTMLContent => $_->[2]) }
        [ 'html', 'x', 'Ask Tim&#64;Example.org' ], [ 'subject', 'tim@example.org', 'x' ], [ 'for tim@example.org', 'x', 'x' ], [ 'other', 'x', 'timtim@example.org' ];
    $gw->api('EmailGateway.AddTemplate', as => $other, Name => 'theirs', Subject => 'tim@example.org', HTMLContent => 'x');
    my $id = erase(EmailAddress => 'tim@example.org')->{json}{ErasureID};
    my $reply = done($id)->{json};
    is_deeply($reply->{Templates}, [ map { { TemplateID => $id{$_}, Name => $_ } } 'html', 'subject', 'for tim@example.org' ], 'are named')
        or diag(explain($reply));
    is($gw->api('EmailGateway.GetTemplates', as => $account, TemplateID => $id{html})->{json}{Templates}[0]{HTMLContent}, 'Ask Tim&#64;Example.org', '... and not changed');
    $gw->api('EmailGateway.DeleteTemplate', as => $account, TemplateID => $id{html});
    is(scalar @{ report(ErasureID => $id)->{json}{Templates} }, 2, 'one that is deleted is not named any more');
};

subtest 'nobody' => sub {
    my $report = done(erase(EmailAddress => 'nobody@example.org')->{json}{ErasureID})->{json}{Report};
    is(delete($report->{EventsRead}) > 0, 1, 'all events were looked at');
    is(join('', values %$report), '0' x keys %$report, 'nothing was found');
};

subtest 'errors' => sub {
    refuses(erase(), 1, '1: missing');
    refuses(erase(EmailAddress => $_), 2, "2: $_") for 'ann', 'Ann <ann@example.org>', "a\@b.example\n", 7;
    my $id = erase(EmailAddress => 'x@example.org')->{json}{ErasureID};
    refuses(report(), 1, 'GetErasure 1: missing');
    refuses(report(ErasureID => 999999999), 2, 'GetErasure 2: no such erasure');
    my $theirs = $gw->api('EmailGateway.GetErasure', as => $other, ErasureID => $id);
    refuses($theirs, 2, 'GetErasure 2: another account\'s');
    takes_ids_only($gw, 'EmailGateway.GetErasure', $account, 'ErasureID', absent => 1, invalid => 2, fresh => sub { (ErasureID => $id) });
    $gw->stop('sender');
    $gw->sql("INSERT INTO emailgw.erasure (account_id, address_sealed) SELECT $account->{account_id}, '\\x00' FROM generate_series(1, 100)");
    refuses(erase(EmailAddress => 'y@example.org'), 3, '3: too many that are not done');
    $gw->sql("DELETE FROM emailgw.erasure WHERE account_id = $account->{account_id} AND address_sealed = '\\x00'");
};

my $n = 0;
common_rules($gw, 'EmailGateway.EraseAddress', $account, sub { (EmailAddress => 'n' . ++$n . '@example.org') });
my $some = $gw->sql("SELECT max(erasure_id) FROM emailgw.erasure WHERE account_id = $account->{account_id}");
common_rules($gw, 'EmailGateway.GetErasure', $account, sub { (ErasureID => $some) });

$gw->log_clean;
done_testing;
