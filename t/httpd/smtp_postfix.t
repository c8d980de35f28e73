# conf/postfix-submission.cf: Postfix in front, which hands over with a login of AddSMTP.
use EmailGW;
use EmailGW::Peer;
use EmailGW::Postfix;
use EmailGW::Smtp;
use Instance;

if (my ($reason) = EmailGW::Postfix::unable()) {
    plan skip_all => $reason;
}
my $port = Instance::free_port();
my $gw = EmailGW->up(RATE => 'off', HTTPD_CONF => \EmailGW::Smtp::plain_port($port));
my $account = $gw->new_account;
my ($user, $password) = EmailGW::Smtp::login($gw, $account);
my $passwords = $gw->file('gateway-password', "[127.0.0.1]:$port  $user:$password\n");
my ($plugins) = glob EmailGW::Peer::dir('sasl') . '/usr/lib/*/sasl2';

open my $file, '<', "$EmailGW::ROOT/conf/postfix-submission.cf" or die "postfix-submission.cf: $!\n";
my %template = map { /^(\w+) = ?(.*)/ ? ($1, $2) : () } <$file>;
is(delete $template{relayhost}, '[127.0.0.1]:10587', 'the template leads to loopback');
is($template{smtp_sasl_password_maps}, 'texthash:/etc/postfix/gateway-password', 'and to a file of passwords');
$template{smtp_sasl_password_maps} = "texthash:$passwords";

my $postfix = EmailGW::Postfix->new(relay => "127.0.0.1:$port", settings => { %template,
    import_environment => "MAIL_CONFIG MAIL_LOGTAG LANG=C LD_LIBRARY_PATH SASL_PATH=$plugins" });
$postfix->start(qmgr => 1);
$postfix->{peer}->await_port($postfix->{port});

sub log_of_postfix {
    open my $log, '<', "$postfix->{temp}/mail.log" or return '';
    return do { local $/; <$log> };
}

sub hand_in {
    my ($recipient, $subject) = @_;
    my $smtp = EmailGW::Smtp->connect($postfix->{port});
    $smtp->say('EHLO client.example');
    return $smtp->mail("shop\@$account->{domain}", $recipient, "From: shop\@$account->{domain}\r\nSubject: $subject\r\n\r\n.dot\r\nx");
}

is(hand_in('ann@example.org', 'By Postfix'), 250, 'Postfix takes a mail');
my $sent = qr/to=<ann\@example\.org>.*status=sent \(250 2\.0\.0 Ok: queued as ([0-9a-f-]{36})\)/;
ok($gw->wait_for(sub { log_of_postfix() =~ $sent }, 30, 'Postfix sends it'), '... and hands it over') or diag(log_of_postfix());
my ($id) = log_of_postfix() =~ $sent;
my $mail = $id && $gw->wait_for(sub { ($gw->outbox($id))[0] }, 20, 'delivery');
like($mail && $mail->{raw}, qr/^Subject: By Postfix\r?$/m, '... and it is delivered');

$gw->ctl(qw(suppress add --user), $account->{username}, '--domain', $account->{domain}, 'gone@example.org');
is(hand_in('gone@example.org', 'Refused'), 250, 'what the gateway will refuse is taken, too');
ok($gw->wait_for(sub { log_of_postfix() =~ /to=<gone\@example\.org>.*status=bounced .*suppression list/ }, 30, 'the bounce'), '... and bounced')
    or diag(log_of_postfix());
$postfix->stop;
$gw->log_clean;
done_testing;
