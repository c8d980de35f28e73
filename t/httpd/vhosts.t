# Two virtual hosts of one httpd, each with a database, secrets, an account and limits
# of its own: nothing of the one is there in the other. Under each MPM.
use EmailGW;
use EmailGW::Httpd;
use Instance::Config;

my @letters = ('a' .. 'z', 'A' .. 'Z', 0 .. 9, '-', '_');

# A second database in the instance's PostgreSQL, with secrets and an account of its
# own: the same methods, for that one.
sub second_of {
    my ($gw, $dir) = @_;
    $gw->sql('CREATE DATABASE emailgw_two');
    my $conf = EmailGW::slurp($gw->env('SENDER_CONF'));
    $conf =~ s/dbname=emailgw /dbname=emailgw_two /g;
    $conf =~ s/^(secret_file|sender_key_file) = .*/$1 = $dir\/$1/mg;
    put($dir, 'two.conf', $conf);
    put($dir, 'ctl', "#!/bin/sh\nexec '@{[ Instance::build_dir() ]}/emailgwctl' --config '$dir/two.conf' \"\$@\"\n");
    chmod 0755, "$dir/ctl";
    my $two = bless { %$gw, env => { %{ $gw->{env} }, EMAILGWCTL => "$dir/ctl" } }, 'EmailGW';
    $two->ctl($_) for qw(init migrate);
    return $two;
}

# What differs from one virtual host to the other.
sub directives {
    my ($gw, $database, $account, $to_max, @more) = @_;
    my ($params) = EmailGW::slurp($gw->env('HTTPD_CONF')) =~ /^(DBDParams .*)/m;
    $params =~ s/dbname=emailgw /dbname=$database /;
    return ('EmailGatewayEngine On', 'EmailGateway On', $params, "EmailGatewayAccount $account->{account_id}",
        "EmailGatewayMaxTo $to_max", @more);
}

sub mail_to {
    my ($account, $count, $subject) = @_;
    return { From => { email => "a\@$account->{domain}", name => '' }, Subject => $subject, ContentType => 'plain',
        PlainContent => 'P', To => [ map { { email => "r$_\@example.org", name => '' } } 1 .. $count ] };
}

# All that an answer tells.
sub told { return $_[0]{bytes} }

sub check_mpm {
    my ($mpm) = @_;
    my $gw = EmailGW->up(HTTPD_MPM => $mpm, RATE => 'off');
    my $dir = site_dir();
    my %of = (one => $gw, two => second_of($gw, $dir));
    my %database = (one => 'emailgw', two => 'emailgw_two');
    my %account = (one => $of{one}->new_account, two => undef);
    # The same number in both: that alone must not tell them apart.
    do { $account{two} = $of{two}->new_account } while $account{two}{account_id} < $account{one}{account_id};
    is($account{two}{account_id}, $account{one}{account_id}, 'the accounts have the same number');
    my $httpd = EmailGW::Httpd->start($gw, sub {
        $_[0] .= vhost('one.test', "$dir", directives($gw, 'emailgw', $account{one}, 2))
            . vhost('two.test', "$dir", directives($gw, 'emailgw_two', $account{two}, 3, "EmailGatewaySecretFile $dir/secret_file",
                "EmailGatewaySenderKeyFile $dir/sender_key_file.pub"));
    });
    is($httpd->state, 'runs', 'httpd runs') or diag($httpd->log);
    my $post = sub {
        my ($name, $whose, $count, $subject) = @_;
        return ask($httpd->address, "$name.test", 'POST', '/api/v1/email', key => $account{$whose}{key},
            json => mail_to($account{$whose}, $count, $subject // 'S'));
    };
    my $api = sub {
        my ($name, $command, %with) = @_;
        return ask($httpd->address, "$name.test", 'POST', '/api.php', json => { Command => $command, %with });
    };
    my $subjects = sub { join ' ', map { $_->[0] } $gw->sql('SELECT subject FROM emailgw.message ORDER BY 1', $database{ $_[0] }) };

    my %sent = (one => [], two => []);
    for my $number (10 .. 29) {
        my $name = $number % 2 ? 'one' : 'two';
        is($post->($name, $name, 1, "$name$number")->{status}, 200, "a mail to $name");
        push @{ $sent{$name} }, "$name$number";
    }
    is($subjects->($_), "@{ $sent{$_} }", "$_ has its mails, and no other's") for qw(one two);

    is($post->('one', 'one', 2)->{status} . ' ' . $post->('one', 'one', 3)->{status}, '200 422', 'one takes two addresses');
    is($post->('two', 'two', 3)->{status} . ' ' . $post->('two', 'two', 4)->{status}, '200 422', 'two takes three');

    for my $pair ([ 'one', 'two' ], [ 'two', 'one' ]) {
        my ($name, $whose) = @$pair;
        my %stranger = map { $_ => "${_}_$account{one}{account_id}_" . join '', map { $letters[ rand @letters ] } 1 .. 43 } qw(egs ega egx);
        my $unknown = ask($httpd->address, "$name.test", 'POST', '/api/v1/email', key => $stranger{egs},
            json => mail_to($account{$whose}, 1, 'S'));
        is($unknown->{status}, 401, "$name: a key that never was");
        is(told($post->($name, $whose, 1)), told($unknown), "... and so is a key of $whose");
        my $refused = told($api->($name, 'EmailGateway.GetAPIs', APIKey => $stranger{ega}, DomainID => 1));
        is(told($api->($name, 'EmailGateway.GetAPIs', APIKey => $account{$whose}{account_key}, DomainID => 1)), $refused, '... its account\'s key');
        my $login = $api->($whose, 'User.Login', Username => $account{$whose}{username}, Password => $account{$whose}{password});
        like($login->{json}{SessionID}, qr/\Aegx_/, "... a session of $whose");
        is(told($api->($name, 'EmailGateway.GetAPIs', SessionID => $login->{json}{SessionID}, DomainID => 1)), $refused, '... is none of its own');
        is(told($api->($name, 'User.Login', Username => $account{$whose}{username}, Password => $account{$whose}{password})),
            told($api->($name, 'User.Login', Username => 'nobody-of-this-name', Password => 'x')), '... and its user is nobody');
        my $keys = $api->($name, 'EmailGateway.GetAPIs', APIKey => $account{$name}{account_key}, DomainID => $account{$name}{domain_id});
        is($keys->{json}{APIKeys}[0]{Key}, $account{$name}{key}, 'sealed keys are opened with the secret of each')
            or diag($keys->{body});
    }

    $gw->sql('ALTER DATABASE emailgw_two ALLOW_CONNECTIONS false');
    $gw->sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'emailgw_two'");
    is($post->('two', 'two', 1)->{status}, 503, 'without its database two is unavailable');
    is($post->('one', 'one', 1)->{status}, 200, '... and one is not touched');
    $httpd->stop;
    $gw->down;
}

for my $mpm (Instance::Config::mpms()) {
    subtest $mpm => sub { check_mpm($mpm) };
}
done_testing;
