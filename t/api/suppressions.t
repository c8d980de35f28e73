# EmailGateway.AddSuppression, GetSuppressions and DeleteSuppression: an address gets
# nothing from a domain, an account or (the operator's list) any account, until it is taken
# off; who has complained is the operator's to take off.
use EmailGW;
use EmailGW::ApiPhp;

my $gw = EmailGW->up;
my $account = $gw->new_account;
my $other = $gw->new_account;
my $second = $gw->ctl(qw(domain add), "second.$account->{domain}", '--user', $account->{username})->{domain_id};

sub add { return $gw->api('EmailGateway.AddSuppression', as => $account, @_) }
sub get { return $gw->api('EmailGateway.GetSuppressions', as => $account, @_) }
sub remove { return $gw->api('EmailGateway.DeleteSuppression', as => $account, @_) }
sub shown { return map { ($_->{EmailAddress} // 'erased') . " $_->{Reason} " . ($_->{DomainID} // 'all') } @{ get(@_)->{json}{Suppressions} } }
sub sent { my ($to, $as) = @_; my $reply = $gw->send_mail(as => $as // $account, To => [ { email => $to, name => '' } ]); return $reply->{json}{Errors} ? $reply->{json}{Errors}[0]{Code} : $reply->{status} }

subtest 'scopes' => sub {
    my $reply = example($gw, qq({"APIKey": "$account->{account_key}", "Command": "EmailGateway.AddSuppression", "EmailAddress": "Ann\@Example.org"}));
    is($reply->{body}, '{"Success":true,"ErrorCode":0,"Added":true}', 'added');
    is(add(EmailAddress => 'ann@example.org', Reason => 'again')->{body}, '{"Success":true,"ErrorCode":0,"Added":false}', 'is there already');
    add(EmailAddress => 'bob@example.org', DomainID => $account->{domain_id}, Reason => 'asked us to');
    add(EmailAddress => 'cid@example.org', DomainID => $second);
    is_deeply([ shown() ], [ 'ann@example.org manual all', "bob\@example.org asked us to $account->{domain_id}",
        "cid\@example.org manual $second" ], 'as they are');
    is(sent('ANN@example.org'), 14, 'the account\'s: refused');
    is(sent('bob@example.org'), 14, 'the domain\'s: refused');
    is(sent('cid@example.org'), 200, 'another domain\'s: taken');
    is(sent('ann@example.org', $other), 200, 'another account has no part in it');
    $gw->ctl(qw(suppress add dan@example.org --system --reason abuse));
    is(sent('Dan@example.org', $_), 14, 'the system\'s: refused for all') for $account, $other;
    is(scalar(grep { /dan/ } shown()), 0, '... and in nobody\'s list');
    refuses(remove(EmailAddress => 'dan@example.org'), 4, '... nor taken off by an account');
    is(($gw->ctl(qw(suppress list --system)))[0]{reason}, 'abuse', 'the operator sees it');
    $gw->ctl(qw(suppress remove dan@example.org --system));
    is(sent('dan@example.org'), 200, '... and takes it off');
};

subtest 'at the time of sending' => sub {
    my $id = $gw->send_mail(as => $account, To => [ { email => 'eve@example.org', name => '' } ], SendAt => time + 3600)->{json}{MessageID};
    $gw->ctl(qw(suppress add eve@example.org --system));
    $gw->sql("UPDATE emailgw.queue SET next_at = now() WHERE message_id = '$id'");
    ok($gw->wait_for(sub { ($gw->sql("SELECT status FROM emailgw.recipient WHERE message_id = '$id'") // '') eq 'suppressed' }, 20, 'suppressed'),
        'what is queued ends as suppressed by the system\'s list, too');
    $gw->ctl(qw(suppress remove eve@example.org --system));
};

subtest 'taking off' => sub {
    is(remove(EmailAddress => 'ANN@example.org')->{body}, '{"Success":true,"ErrorCode":0}', 'gone');
    is(sent('ann@example.org'), 200, '... and gets mail again');
    refuses(remove(EmailAddress => 'bob@example.org'), 4, '4: that one is a domain\'s');
    is(outcome(remove(EmailAddress => 'bob@example.org', DomainID => $account->{domain_id})), '200 0', '... of which it is taken off');
    $gw->sql("INSERT INTO emailgw.suppression (account_id, address, domain_id, reason, reply) VALUES
        ($account->{account_id}, 'fay\@example.org', 0, 'complaint', NULL), ($account->{account_id}, 'gus\@example.org', 0, 'bounce', '550 5.1.1 none')");
    refuses(remove(EmailAddress => 'fay@example.org'), 5, '5: a complaint');
    is(add(EmailAddress => 'fay@example.org', Reason => 'manual')->{json}{Added}, JSON::PP::false, '... which another reason does not cover');
    refuses(remove(EmailAddress => 'fay@example.org'), 5, '5: still');
    is(outcome(remove(EmailAddress => 'gus@example.org')), '200 0', 'a bounce may be taken off');
    $gw->ctl(qw(suppress remove fay@example.org --user), $account->{username});
    is(sent('fay@example.org'), 200, 'the operator takes off a complaint');
    $gw->sql("DELETE FROM emailgw.suppression WHERE account_id = $account->{account_id}");
};

subtest 'search and pages' => sub {
    $gw->sql("INSERT INTO emailgw.suppression (account_id, address, domain_id, reason)
        SELECT $account->{account_id}, format('u%s\@%s.example', to_char(n, 'FM000'), CASE WHEN n % 2 = 0 THEN 'even' ELSE 'odd_' END),
               CASE WHEN n % 10 = 0 THEN $second ELSE 0 END, CASE WHEN n % 5 = 0 THEN 'bounce' ELSE 'import' END FROM generate_series(1, 120) AS n");
    $gw->sql("INSERT INTO emailgw.suppression (account_id, address, domain_id, reason) VALUES
        ($account->{account_id}, 'u010\@even.example', 0, 'manual'), ($account->{account_id}, 'hash:1:AAAAAAAAAAAAAAAAAAAAAA', 0, 'erased')");
    my %total = (all => get()->{json}{TotalRecords}, map { $_->[0] => get(@{ $_->[1] })->{json}{TotalRecords} }
        [ prefix => [ Query => 'U01' ] ], [ middle => [ Query => '@even' ] ], [ wild => [ Query => 'd_.' ] ], [ percent => [ Query => '%' ] ],
        [ reason => [ Reason => 'bounce' ] ], [ domain => [ DomainID => $second ] ], [ both => [ Query => 'u01', Reason => 'bounce', DomainID => $second ] ],
        [ hash => [ Query => 'AAAA' ] ]);
    is_deeply(\%total, { all => 122, prefix => 11, middle => 61, wild => 60, percent => 0, reason => 24, domain => 12, both => 1, hash => 0 }, 'as many as match');
    is(scalar @{ get()->{json}{Suppressions} }, 50, 'a page has 50');
    add(EmailAddress => $_) for "Leser\@m\xfcller.b\xfccher.example", "b\xfccher\@example.net";
    my %found = map { my $query = $_; ($query => join ' ', sort map { $_->{EmailAddress} } @{ get(Query => $query)->{json}{Suppressions} }) }
        "B\xdcCHER", "b\xfccher.exa", "\@m\xfcller.b\xfccher.example", "leser\@M\xdcLLER", "b\xfccher\@", 'xn--bcher', "b\xfcch";
    my ($domain, $local) = ('leser@xn--mller-kva.xn--bcher-kva.example', "b\xfccher\@example.net");
    is_deeply(\%found, { "B\xdcCHER" => join(' ', sort $domain, $local), "b\xfccher.exa" => $domain, "\@m\xfcller.b\xfccher.example" => $domain,
        "leser\@M\xdcLLER" => $domain, "b\xfccher\@" => $local, 'xn--bcher' => $domain, "b\xfcch" => $local }, 'international domains in their own letters');
    remove(EmailAddress => $_) for "leser\@m\xfcller.b\xfccher.example", "b\xfccher\@example.net";
    is(scalar @{ get(RetrieveCount => 1000)->{json}{Suppressions} }, 100, '... 100 at most');
    for my $size (1, 7, 61, 100) {
        my (@seen, $after);
        do {
            my $page = get(RetrieveCount => $size, $after ? (After => $after) : ())->{json};
            is($page->{TotalRecords}, 122, 'the total is that of all pages') if !$after;
            push @seen, map { ($_->{EmailAddress} // 'erased') . ' ' . ($_->{DomainID} // 0) } @{ $page->{Suppressions} };
            $after = $page->{Next};
        } while ($after && @seen < 1000);
        is_deeply([ sort @seen ], [ sort map { join ' ', @$_ } $gw->sql("SELECT CASE WHEN address LIKE '%\@%' THEN address ELSE 'erased' END, domain_id
            FROM emailgw.suppression WHERE account_id = $account->{account_id}") ], "pages of $size are the whole list");
    }
    my ($erased) = grep { $_->{Erased} } map { @{ get(Reason => 'erased')->{json}{Suppressions} } } 1;
    is_deeply([ @$erased{qw(EmailAddress Reason)} ], [ undef, 'erased' ], 'an erased address is not told');
};

subtest 'errors' => sub {
    for my $case ([ add => \&add ], [ remove => \&remove ]) {
        my ($name, $do) = @$case;
        refuses($do->(), 1, "$name 1: missing");
        refuses($do->(EmailAddress => $_), 2, "$name 2: $_") for 'ann', 'Ann <ann@example.org>', "a\@b.example\r\nBcc: c\@d.example", 'a@[127.0.0.1]', 7;
        refuses($do->(EmailAddress => 'a@example.org', DomainID => $_), 3, "$name 3: domain $_") for 999999999, $other->{domain_id}, 'x';
    }
    refuses(add(EmailAddress => 'a@example.org', Reason => $_), 4, '4: Reason') for 'x' x 256, "a\nb";
    refuses(remove(EmailAddress => 'nobody@example.org'), 4, '4: not on the list');
    refuses(get(DomainID => $_), 2, "get 2: domain $_") for 999999999, $other->{domain_id};
    refuses(get(Query => 'x' x 300), 3, 'get 3: Query');
    refuses(get(Reason => 'x' x 300), 4, 'get 4: Reason');
    refuses(get(RetrieveCount => 'x'), 5, 'get 5: RetrieveCount');
    refuses(get(After => $_), 6, "get 6: After $_") for 'x', '7', '7:', ':a', 'x' x 300;
    is(get(After => "999999999999999:\x{e9}' OR 1=1--")->{json}{ErrorCode}, 0, 'a cursor is text, nothing more');
    $gw->sql("UPDATE emailgw.domain SET deleted_at = now() WHERE domain_id = $second");
    refuses(add(EmailAddress => 'a@example.org', DomainID => $second), 3, '3: a deleted domain');
};

my $n = 0;
common_rules($gw, 'EmailGateway.AddSuppression', $account, sub { (EmailAddress => 'n' . ++$n . '@example.org', DomainID => $account->{domain_id}) });
common_rules($gw, 'EmailGateway.GetSuppressions', $account, sub { (Query => 'n') });
common_rules($gw, 'EmailGateway.DeleteSuppression', $account, sub { add(EmailAddress => 'gone@example.org'); (EmailAddress => 'gone@example.org') });

$gw->log_clean;
done_testing;
