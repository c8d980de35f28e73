# User.Login and User.Logout: what they answer, how sessions live and end, and how
# trying passwords is slowed.
use EmailGW;
use Time::HiRes qw(sleep time);
use List::Util qw(uniq);

my $gw = EmailGW->up(RATE => 'off', HTTPD_CONF => \"EmailGatewaySessionIdle 3s\nEmailGatewaySessionMax 6s\n");
my $account = $gw->new_account;
my $other = $gw->new_account;

sub login {
    my (%with) = @_;
    return $gw->api('User.Login', Username => $account->{username}, Password => $account->{password}, %with);
}

# A command that any account may call.
sub outcome {
    my (%with) = @_;
    my $reply = $gw->api('User.Logout', %with);
    return $reply->{json}{Success} ? 'well' : $reply->{json}{ErrorCode};
}

# Is a credential taken? Told by a command that changes nothing and fails in itself.
sub state_of {
    my (%with) = @_;
    return $gw->api('EmailGateway.GetDomains', %with)->{json}{ErrorCode};
}

sub forget_failures {
    $gw->sql('DELETE FROM emailgw.login_failure');
}

subtest 'a session' => sub {
    my $reply = login();
    is($reply->{status}, 200, 'logged in') or diag($reply->{body});
    my $id = $reply->{json}{SessionID};
    is_deeply($reply->{json}, { Success => JSON::PP::true, ErrorCode => 0, SessionID => $id,
        UserID => "$account->{account_id}", Username => $account->{username} }, 'with all that the reply has');
    like($id, qr/^egx_\d+_[\w-]{43}\z/, 'an id of 256 random bits');
    isnt(login()->{json}{SessionID}, $id, 'another one at each login');
    is(state_of(SessionID => $id), 0, 'it authenticates');
    is($gw->sql("SELECT count(*) FROM emailgw.session WHERE account_id = $account->{account_id}
        AND session_hash = sha256('$id')"), 1, 'stored as its hash');
    is(outcome(SessionID => $id), 'well', 'logged out');
    is(state_of(SessionID => $id), 99998, 'and gone');
    is(outcome(APIKey => $account->{account_key}), 1, 'User.Logout error 1: no session to end');
};

subtest 'credentials' => sub {
    my ($mine, $theirs) = (login()->{json}{SessionID},
        login(Username => $other->{username}, Password => $other->{password})->{json}{SessionID});
    my @cases = (
        [ 'the key', 0, APIKey => $account->{account_key} ],
        [ 'both', 0, APIKey => $account->{account_key}, SessionID => $mine ],
        [ 'an empty key counts as absent', 0, APIKey => '', SessionID => $mine ],
        [ 'an empty session counts as absent', 0, APIKey => $account->{account_key}, SessionID => '' ],
        [ 'null counts as absent', 0, APIKey => $account->{account_key}, SessionID => undef ],
        [ 'nothing', 99998 ],
        [ 'two empty ones', 99998, APIKey => '', SessionID => '' ],
        [ 'a session of another account', 99998, APIKey => $account->{account_key}, SessionID => $theirs ],
        [ 'a key of another account', 99998, APIKey => $other->{account_key}, SessionID => $mine ],
        [ 'a right key and a wrong session', 99998, APIKey => $account->{account_key}, SessionID => 'x' ],
        [ 'a wrong key and a right session', 99998, APIKey => "$account->{account_key}x", SessionID => $mine ],
        [ 'a key with a byte changed', 99998, APIKey => $account->{account_key} =~ s/(.)\z/$1 eq 'A' ? 'B' : 'A'/er ],
        [ 'a sender key', 99998, APIKey => $account->{key} ],
        [ 'a key as a session', 99998, SessionID => $account->{account_key} ],
        [ 'a session as a key', 99998, APIKey => $mine ],
        [ 'a list', 99998, APIKey => [ $account->{account_key} ] ],
        [ 'a number beside a right session', 99998, APIKey => 1, SessionID => $mine ],
        [ 'an account that is none', 99998, APIKey => $account->{account_key} =~ s/_\d+_/_9007199254740991_/r ],
    );
    for my $case (@cases) {
        my ($what, $want, %with) = @$case;
        is(state_of(%with), $want, $what);
    }
    my $bearer = $gw->call('POST', '/api.php', { key => $account->{account_key},
        json => { Command => 'EmailGateway.GetDomains' } });
    is($bearer->{json}{ErrorCode}, 0, 'the key as a bearer');
    my $given = login(SessionID => 'egx_1_mine');
    isnt($given->{json}{SessionID}, 'egx_1_mine', 'a given SessionID is never taken over');
};

subtest 'its end' => sub {
    my $id = login()->{json}{SessionID};
    my $begin = time;
    while (time - $begin < 4) {
        is(state_of(SessionID => $id), 0, 'used, it lives on') or last;
        sleep 1;
    }
    sleep 6.5 - (time - $begin);
    is(state_of(SessionID => $id), 99999, '... but not beyond its longest time');
    $id = login()->{json}{SessionID};
    sleep 3.2;
    is(state_of(SessionID => $id), 99999, 'unused, it ends after the idle time');
    is(outcome(SessionID => $id), 99999, '... for every command');

    $id = login()->{json}{SessionID};
    $account->{password} = 'another password';
    $gw->ctl(qw(user set), $account->{username}, qw(--password-file -), \"$account->{password}\n");
    is(state_of(SessionID => $id), 99998, 'a new password ends it');
    $id = login()->{json}{SessionID};
    is(state_of(SessionID => $id), 0, 'the new password begins one');
    $gw->ctl(qw(user set), $account->{username}, qw(--status disabled));
    is(state_of(SessionID => $id), 99998, 'disabling the account ends it');
    is(state_of(APIKey => $account->{account_key}), 99998, '... and closes the key');
    is(login()->{json}{ErrorCode}, 3, '... and the login, as a wrong password');
    $gw->ctl(qw(user set), $account->{username}, qw(--status active));
    is(state_of(SessionID => $id), 99998, 'enabled again, the session stays gone');
    is(state_of(APIKey => $account->{account_key}), 0, '... the key does not');
    is(scalar(grep { login()->{json}{SessionID} } 1 .. 103), 103, '103 logins');
    is($gw->sql("SELECT count(*) FROM emailgw.session WHERE account_id = $account->{account_id}"), 100,
        'leave 100 sessions');
};

subtest 'refusals' => sub {
    forget_failures();
    for my $case (
        [ 'no name', 1, Username => undef ], [ 'an empty name', 1, Username => '' ], [ 'no password', 2, Password => undef ],
        [ 'an empty password', 2, Password => '' ], [ 'a number as password', 2, Password => 1 ],
        [ 'a wrong password', 3, Password => 'wrong' ], [ 'a name that nobody has', 3, Username => 'nobody' ],
        [ 'a name in another case', 3, Username => uc $account->{username} ],
        [ 'a name with a line feed', 1, Username => "a\nb" ], [ 'a long name', 1, Username => 'x' x 300 ],
        [ 'a password of which 72 bytes could be right', 3, Password => $account->{password} . 'x' x 100 ],
    ) {
        my ($what, $code, %with) = @$case;
        my $reply = login(%with);
        is(join(' ', $reply->{status}, $reply->{json}{ErrorCode}), "200 $code", $what) or diag($reply->{body});
        is($reply->{json}{Success}, JSON::PP::false, '... no success');
        ok(length $reply->{json}{ErrorMessage}, '... and says why');
    }
    is(login(Username => 'nobody')->{body}, login(Password => 'wrong')->{body}, 'both fail in the same words');
};

# Time tells no more: lower quartiles of wrong passwords for names that are there and that are not.
subtest 'known and unknown names take the same time' => sub {
    my %times;
    for my $round (1 .. 15) {
        forget_failures();
        for my $name ($account->{username}, "nobody$round") {
            my $begin = time;
            login(Username => $name, Password => 'wrong');
            push @{ $times{ $name eq $account->{username} ? 'known' : 'unknown' } }, time - $begin;
        }
    }
    my ($known, $unknown) = map { (sort { $a <=> $b } @{ $times{$_} })[3] } qw(known unknown);
    note(sprintf 'known %.1f ms, unknown %.1f ms', 1000 * $known, 1000 * $unknown);
    cmp_ok(abs($known - $unknown), '<', 0.4 * $known, 'alike'); # bcrypt is nine tenths of it
};

subtest 'tries are slowed' => sub {
    forget_failures();
    my @codes = map { login(Password => "wrong $_")->{json}{ErrorCode} } 1 .. 10;
    is("@codes", join(' ', (3) x 10), 'ten tries are free');
    my $reply = login();
    is($reply->{json}{ErrorCode}, 4, 'then also the right password has to wait') or diag($reply->{body});
    like($reply->{json}{ErrorMessage}, qr/: wait 1 seconds$/, '... a second');
    my $before = $gw->sql('SELECT max(tries) FROM emailgw.login_failure');
    login();
    is($gw->sql('SELECT max(tries) FROM emailgw.login_failure'), $before, 'a try that was not allowed does not count');
    sleep 1.1;
    is(login(Password => 'wrong')->{json}{ErrorCode}, 3, 'after it one try');
    like(login()->{json}{ErrorMessage}, qr/: wait 2 seconds$/, '... and the next has to wait twice as long');
    is(login(Username => $other->{username}, Password => $other->{password})->{json}{ErrorCode}, 0,
        'another name is not concerned');
    sleep 2.1;
    is(login()->{json}{ErrorCode}, 0, 'the right password in its turn');
    is(login(Password => 'wrong')->{json}{ErrorCode}, 3, '... makes all as it was') for 1 .. 2;

    forget_failures();
    @codes = map { login(Username => "nobody$_", Password => 'x')->{json}{ErrorCode} } 1 .. 30;
    is("@codes", join(' ', (3) x 30), 'thirty tries of an address are free, whatever the names');
    is(login()->{json}{ErrorCode}, 4, 'then all of it has to wait');

    # Many at once: no more are looked at than one after the other.
    forget_failures();
    my @pids = map {
        my $n = $_;
        my $pid = fork // die "fork: $!\n";
        if (!$pid) {
            delete $gw->{agent};
            POSIX::_exit(login(Password => "wrong $n")->{json}{ErrorCode});
        }
        $pid;
    } 1 .. 40;
    my %seen;
    for my $pid (@pids) {
        waitpid $pid, 0;
        $seen{ $? >> 8 }++;
    }
    is_deeply([ sort keys %seen ], [ 3, 4 ], 'of forty at once some are tried, some have to wait');
    cmp_ok($seen{3}, '<=', 12, 'not many more than ten are looked at') or diag(explain(\%seen));
    forget_failures();
};

subtest 'what is no command' => sub {
    for my $case (
        [ 'no Command', 400, 100003, {} ], [ 'an unknown one', 400, 100003, { Command => 'EmailGateway.Nope' } ],
        [ 'a list', 400, 100003, { Command => ['User.Login'] } ],
    ) {
        my ($what, $status, $code, $json) = @$case;
        my $reply = $gw->call('POST', '/api.php', { json => $json });
        is("$reply->{status} $reply->{json}{ErrorCode}", "$status $code", $what);
    }
    my $reply = $gw->call('POST', '/api.php', { type => 'application/json', body => '{"Command": ' });
    is("$reply->{status} $reply->{json}{ErrorCode}", '400 100000', 'broken JSON');
    for my $method (qw(GET PUT DELETE)) {
        $reply = $gw->call($method, '/api.php', {});
        is("$reply->{status} $reply->{json}{ErrorCode} $reply->{headers}{allow}", '400 100001 POST', $method);
    }
    $reply = $gw->api('user.LOGIN', uSERNAME => $account->{username}, password => $account->{password});
    is($reply->{json}{ErrorCode}, 0, 'names are matched whatever their letter case');
    for my $form ({ form => { Command => 'User.Login', Username => $account->{username}, Password => $account->{password} } },
        { query => { Command => 'User.Login', Username => $account->{username}, Password => $account->{password} } },
        { type => 'multipart/form-data; boundary=b', body => join '', (map { my ($n, $v) = @$_;
            "--b\r\nContent-Disposition: form-data; name=\"$n\"\r\n\r\n$v\r\n" } [ Command => 'User.Login' ],
            [ Username => $account->{username} ], [ Password => $account->{password} ]), "--b--\r\n" }) {
        $reply = $gw->call('POST', '/api.php', $form);
        is($reply->{json}{ErrorCode}, 0, join ', ', sort keys %$form) or diag($reply->{body});
    }
};

$gw->log_clean;
done_testing;
