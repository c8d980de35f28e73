# EmailGatewayAccount: where a virtual host is bound to one account, keys, sessions
# and user names of another are answered byte for byte as those that never were.
use EmailGW;
use EmailGW::ApiPhp qw(session_of);
use EmailGW::Commands;
use EmailGW::Httpd ();

my $gw = EmailGW->up;
my $mine = things($gw);
my $theirs = things($gw);
my $dir = EmailGW::Httpd::site_dir();
my @routes = routes();
complete();

# The instance as it is, seen through an httpd that is bound to an account.
sub bound_to {
    my ($value) = @_;
    my $httpd = EmailGW::Httpd->start($gw, sub {
        $_[0] =~ s/^( *EmailGatewayEngine On)/$1\nEmailGatewayAccount $value/mg;
        $_[0] .= EmailGW::Httpd::vhost('open.test', "$dir", 'EmailGatewayEngine On', 'EmailGateway On');
    });
    is($httpd->state, 'runs', "EmailGatewayAccount $value") or diag($httpd->log);
    my $through = bless { %$gw, env => { %{ $gw->{env} }, BASE_URL => 'http://' . $httpd->address }, httpd => $httpd }, 'EmailGW';
    delete $through->{agent};
    return $through;
}

# All that an answer tells of the account.
sub told {
    my ($reply) = @_;
    my %headers = %{ $reply->{headers} };
    delete @headers{qw(date connection keep-alive)}; # each hundredth request ends its connection
    delete $headers{'ratelimit-reset'}; # goes by the clock
    return join "\n", $reply->{status}, (map { "$_: $headers{$_}" } sort keys %headers), $reply->{body};
}

# Letters that no key has been made of.
sub made_up { return join '_', @_, join '', map { ('a' .. 'z')[ rand 26 ] } 1 .. 43 }

my $bound = bound_to($mine->{account_id});
my $open = sub {
    return EmailGW::Httpd::ask($bound->{httpd}->address, 'open.test', 'GET', '/api/v1/events', key => $theirs->{key});
};

subtest 'its own account' => sub {
    for my $route (@routes) {
        my $reply = ask($bound, $route, $mine, { $route->{with}->($mine) });
        my $json = $reply->{json} // {};
        ok($reply->{status} == 200 && ($json->{Success} // 1), "$route->{name}: well") or diag($reply->{body});
    }
};

subtest 'another account' => sub {
    like($mine->{key}, qr/\Aegs_$mine->{account_id}_[\w-]{43}\z/, 'a key has this form');
    my @others = grep { $_->{name} ne 'User.Login' } @routes;
    my %good = map { $_->{name} => { $_->{with}->($theirs) } } @others; # what is made for it is made before
    my $before = $gw->ledger($theirs);
    # Each is asked as often as the other: whatever counts requests counts them alike.
    my @never = map { { key => made_up('egs', $_), account_key => made_up('ega', $_) } }
        $theirs->{account_id}, $mine->{account_id}, 4_000_000_000_000_000;
    $open->() for 1 .. 5;
    for my $route (@others) {
        my %params = %{ $good{ $route->{name} } };
        delete $params{SessionID};
        for my $with ([ \%params, 'with good parameters' ], [ {}, 'with none' ]) {
            my ($answer, @unknown) = map { told(ask($bound, $route, $_, $with->[0])) } $theirs, @never;
            is($unknown[1], $unknown[0], "$route->{name} $with->[1]: keys that never were are told as one another");
            is($unknown[2], $unknown[0], '... whosever they are');
            is($answer, $unknown[0], '... and so is one of another account');
            like($answer, qr/"Code":13|"ErrorCode":\[?99998/, '... it is refused');
        }
    }
    is($gw->ledger($theirs), $before, 'nothing was done for it');
    is($open->()->{status}, 200, 'in an unbound virtual host beside it the key is good');
};

subtest 'sessions' => sub {
    my ($own, $other) = map { session_of($gw, $_) } $mine, $theirs;
    my $list = sub { $bound->api('EmailGateway.GetDomains', @_) };
    is($list->(SessionID => $own)->{json}{ErrorCode}, 0, 'one of the account');
    is($list->(SessionID => $own, APIKey => $mine->{account_key})->{json}{ErrorCode}, 0, '... with its key');
    my $never = told($list->(SessionID => made_up('egx', $mine->{account_id})));
    is(told($list->(SessionID => $other)), $never, 'one of another');
    is(told($list->(SessionID => $other, APIKey => $theirs->{account_key})), $never, '... with its key');
    is(told($list->(SessionID => $other, APIKey => $mine->{account_key})), $never, '... with this account\'s');
    is(told($list->(SessionID => $own, APIKey => $theirs->{account_key})), $never, 'the other one\'s key with this one\'s session');
    is(told($bound->api('User.Logout', SessionID => $other)), $never, 'it cannot be ended here');
    is($gw->api('User.Logout', SessionID => $other)->{json}{ErrorCode}, 0, 'where nothing is bound it is good');
};

subtest 'User.Login' => sub {
    my $login = sub { told($bound->api('User.Login', Username => $_[0], Password => $_[1])) };
    my $wrong = $login->($mine->{username}, 'wrong');
    like($wrong, qr/"ErrorCode":3/, 'a wrong password');
    is($login->($theirs->{username}, $theirs->{password}), $wrong, 'the right one of another account');
    is($login->('nobody-of-this-name', 'wrong'), $wrong, 'a name that nobody has');
    like($bound->api('User.Login', Username => $mine->{username}, Password => $mine->{password})->{body}, qr/"SessionID":"egx_/,
        'the account itself');
};
$bound->{httpd}->stop;

subtest 'any' => sub {
    my $any = bound_to('any');
    is($any->send_mail(as => $_)->{status}, 200, 'all accounts are there') for $mine, $theirs;
    $any->{httpd}->stop;
};
$gw->log_clean;
done_testing;
