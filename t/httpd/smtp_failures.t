# Guessing at logins by SMTP: counted by address and by name, over all children; the right
# password still works from elsewhere; and nothing tells a name that exists from one that
# does not.
use EmailGW;
use EmailGW::Smtp;
use Instance;
use MIME::Base64 ();
use Time::HiRes qw(sleep time);

my ($port, $brief, $off) = map { Instance::free_port() } 1 .. 3;
my $gw = EmailGW->up(HTTPD_CONF => \(EmailGW::Smtp::plain_port($port, "EmailGatewayAuthFailures 5/60s\n")
    . EmailGW::Smtp::plain_port($brief, "EmailGatewayAuthFailures 3/2s\n") . EmailGW::Smtp::plain_port($off, "EmailGatewayAuthFailures off\n")));
my $account = $gw->new_account;
my @logins = map { [ EmailGW::Smtp::login($gw, $account) ] } 1 .. 4;
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

subtest 'a name that is guessed at from everywhere' => sub {
    my ($name, $password) = @{ $logins[1] };
    my @guessers = map { fresh() } 1 .. 8;
    is(join(' ', map { try($_, $name, 'guess') } @guessers), join(' ', (535) x 8), 'each address has one guess');
    is(join(' ', map { try($_, $name, 'guess') } @guessers), join(' ', (454) x 8), '... and no second one');
    is(try($guessers[0], @{ $logins[2] }[0, 1]), 235, 'by another name it logs in');
    is(try(fresh(), $name, $password), 235, 'from elsewhere the right password is good');
    is(try($guessers[0], $name, $password), 454, '... and not from there');
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
