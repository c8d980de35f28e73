# Guessing at logins by SMTP: counted by address and by name, over all children; the right
# password still works from elsewhere, and from everywhere where it was good lately; and
# nothing tells a name that exists from one that does not. And what a login may hand in: so
# many mails in a time, and no more.
use EmailGW;
use EmailGW::Smtp;
use Instance;
use MIME::Base64 ();
use Time::HiRes qw(sleep time);

my ($port, $brief, $off, $rated) = map { Instance::free_port() } 1 .. 4;
my $gw = EmailGW->up(HTTPD_CONF => \(EmailGW::Smtp::plain_port($port, "EmailGatewayAuthFailures 5/60s\n")
    . EmailGW::Smtp::plain_port($brief, "EmailGatewayAuthFailures 3/2s\n") . EmailGW::Smtp::plain_port($off, "EmailGatewayAuthFailures off\n")
    . EmailGW::Smtp::plain_port($rated, "EmailGatewayRate 3/5s\n")));
my $account = $gw->new_account;
my @logins = map { [ EmailGW::Smtp::login($gw, $account) ] } 1 .. 5;
my $address = 1;

sub try {
    my ($from, $name, $password, $to) = @_;
    return EmailGW::Smtp->connect($to // $port, from => $from)->log_in($name, $password);
}

sub guess {
    my ($name) = @_;
    return 'AUTH PLAIN ' . MIME::Base64::encode_base64("\0$name\0guess", '');
}

sub fresh { return '127.0.3.' . $address++ }

subtest 'an address that fails too often' => sub {
    my ($name, $password) = @{ $logins[0] };
    my $bad = fresh();
    is(join(' ', map { try($bad, "egm_1_$_", 'guess') } 1 .. 7), '535 535 535 535 535 454 454', 'five, whatever their names, over all children');
    my $smtp = EmailGW::Smtp->connect($port, from => $bad);
    is($smtp->log_in($name, $password), 454, 'then not even with the right password');
    like($smtp->{reply}, qr/^454 4\.7\.0 .*wait (\d+) seconds/, '... and told how long to wait');
    is(try(fresh(), $name, $password), 235, 'others log in');
    is(join(' ', map { try($bad, 'egm_1_1', 'guess', $off) } 1 .. 8), join(' ', (535) x 8), 'not where it is off');
};

# Many sites of one machine have one address: what one of them does is not the others' fault.
subtest 'a login that was good lately' => sub {
    my ($name, $password, $id) = @{ $logins[4] };
    my $shared = fresh();
    is(try($shared, $name, $password), 235, 'one that is used');
    is(join(' ', map { try($shared, "egm_1_$_", 'guess') } 1 .. 6), '535 535 535 535 535 454', 'its address fails too often');
    is(try($shared, $name, $password), 235, '... it still logs in');
    is(try($shared, $_->[0], $_->[1]), 454, '... ' . $_->[2]) for [ $name, 'guess', 'by its own password alone' ], [ $logins[0][0], $password, 'and its own name' ];
    is(join(' ', map { try(fresh(), $name, 'guess') } 1 .. 6), join(' ', (535) x 6), 'its name is guessed at from everywhere');
    is(try($shared, $name, $password), 235, '... it still logs in');
    my $reply = $gw->api('EmailGateway.ResetSMTPPassword', as => $account, DomainID => $account->{domain_id}, SMTPID => $id);
    my $new = $reply->{json}{SMTP}{Password} // $reply->{json}{Password} // die "ResetSMTPPassword: $reply->{body}\n";
    is(join(' ', map { try($shared, $name, $password) } 1, 2), '535 454', 'its old password was good once more, and waits then');
    is(try(fresh(), $name, $new), 235, 'the new one is good');
    is(try($shared, $name, $new), 235, '... then also where others wait');
};

subtest 'a name that is guessed at from everywhere' => sub {
    my ($name, $password) = @{ $logins[1] };
    my @guessers = map { fresh() } 1 .. 8;
    is(join(' ', map { try($_, $name, 'guess') } @guessers), join(' ', (535) x 8), 'each address has one guess');
    is(join(' ', map { try($_, $name, 'guess') } @guessers), join(' ', (454) x 8), '... and no second one');
    is(try($guessers[0], @{ $logins[2] }[0, 1]), 235, 'by another name it logs in');
    is(try($guessers[0], $name, $password), 454, 'the right password is not looked at there');
    is(try(fresh(), $name, $password), 235, '... from elsewhere it is good');
    is(try($guessers[7], ($name =~ s/_/_0/r), 'guess'), 535, 'another spelling of the name is another name');
};

subtest 'good logins count nowhere' => sub {
    my ($name, $password) = @{ $logins[3] };
    my $from = fresh();
    is(join(' ', map { try($from, $name, $password) } 1 .. 10), join(' ', (235) x 10), 'ten of them');
};

subtest 'the window ends' => sub {
    my ($name, $password) = @{ $logins[3] };
    my $from = fresh();
    is(join(' ', map { try($from, $name, 'guess', $brief) } 1 .. 4), '535 535 535 454', 'three');
    sleep 2.2;
    is(try($from, $name, $password, $brief), 235, 'after that it is good again');
};

subtest 'one connection' => sub {
    my $smtp = EmailGW::Smtp->connect($off);
    $smtp->say('EHLO client.example');
    is(join(' ', map { $smtp->say(guess($logins[0][0])) // '-' } 1 .. 4), '535 535 535 421', 'three, then it ends');
};

subtest 'how many mails' => sub {
    my @sessions = map { my $smtp = EmailGW::Smtp->connect($rated); $smtp->log_in(@{ $logins[$_] }[0, 1]); $smtp } 0, 0, 1;
    my $mail = sub { return $sessions[ $_[0] ]->mail("shop\@$account->{domain}", 'ann@example.org', "From: shop\@$account->{domain}\r\n\r\nx") };
    my $before = $gw->sql("SELECT count(*) FROM emailgw.message WHERE account_id = $account->{account_id}");
    is(join(' ', map { $mail->($_) } 0, 0, 0, 0, 1), '250 250 250 450 450', 'three of a login, over all its sessions');
    like($sessions[0]{reply}, qr/^450 4\.7\.1 Too many requests\. Wait for \d seconds for another 3 attempts\./, '... and told how long to wait');
    is($gw->sql("SELECT count(*) FROM emailgw.message WHERE account_id = $account->{account_id}"), $before + 3, '... and no more are taken');
    is($mail->(2), 250, 'another login of the account has its own');
    sleep 5.2;
    is($mail->(0), 250, 'after that time there are more');

    $gw->sql("UPDATE emailgw.account SET own_limits = '{hour}', sends_per_hour = 0 WHERE account_id = $account->{account_id}");
    is($mail->(2), 451, 'what an account may send in an hour');
    like($sessions[2]{reply}, qr/^451 4\.7\.1 Email sending limit reached: 0 emails per hour, until /, '... and told until when');
    $gw->sql("UPDATE emailgw.account SET sends_per_hour = 1 WHERE account_id = $account->{account_id}");
    $sessions[2]->begin_mail("shop\@$account->{domain}", 'ann@example.org', 'bob@example.org');
    is($sessions[2]->say("From: shop\@$account->{domain}\r\n\r\nx\r\n."), 550, 'more recipients than it may ever have');
    like($sessions[2]{reply}, qr/^550 5\.5\.3 Email sending limit reached: 1 emails per hour, fewer than this mail has recipients/, '... and told so');
    $gw->sql("UPDATE emailgw.account SET own_limits = '{}', sends_per_hour = NULL WHERE account_id = $account->{account_id}");
    is($mail->(2), 250, 'without it the session goes on');
};

# The least of many: what the machine does meanwhile only adds.
subtest 'unknown and wrong take the same time' => sub {
    my %least = map { $_ => 10 } qw(unknown wrong);
    my %name = (unknown => "egm_$account->{account_id}_999999", wrong => $logins[0][0]);
    my %kept;
    for my $round (1 .. 300) {
        for my $kind (keys %name) {
            my $smtp = $kept{$kind};
            if (!$smtp || $round % 3 == 1) {
                $smtp = $kept{$kind} = EmailGW::Smtp->connect($off);
                $smtp->say('EHLO x');
            }
            my $line = guess($name{$kind});
            my $begin = time;
            $smtp->say($line);
            my $took = time - $begin;
            $least{$kind} = $took if $took < $least{$kind};
        }
    }
    my ($less, $more) = sort { $a <=> $b } values %least;
    cmp_ok($more, '<', 2 * $less + 0.0005, sprintf 'unknown %.2f ms, wrong %.2f ms', 1000 * $least{unknown}, 1000 * $least{wrong});
};

$gw->log_clean;
done_testing;
