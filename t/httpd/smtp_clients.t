# Mail by SMTP from clients that others have written: over STARTTLS and TLS from the first
# byte, with each way to log in, by what AddSMTP has just returned. And what happens to
# such a login afterwards.
use EmailGW;
use EmailGW::Peer;
use EmailGW::Smtp;
use Instance;
use Time::HiRes qw(sleep time);

my ($plain, $bound) = map { Instance::free_port() } 1 .. 2;
my $include = EmailGW::file({}, 'bound.conf', '');
my $gw = EmailGW->up(RATE => 'off', HTTPD_CONF => \(EmailGW::Smtp::plain_port($plain) . "Include $include\n"));
my $account = $gw->new_account;
my ($user, $password, $id) = EmailGW::Smtp::login($gw, $account);
my $sender = "shop\@$account->{domain}";
my %port = (starttls => $gw->env('SUBMISSION_PORT'), implicit => $gw->env('SUBMISSIONS_PORT'));
my $ca = $gw->env('CA_FILE');
my $text = "From: Shop <$sender>\r\nTo: ann\@example.org\r\nSubject: %s\r\n\r\n.dot\r\nThank you.\r\n";

# What each is called with to hand in a mail; its text is on standard input where it has no file.
my %client = (
    swaks => sub {
        my ($way, $how, $file) = @_;
        my $dir = EmailGW::Peer::dir('swaks');
        my ($lib) = glob "$dir/usr/lib/*/perl5/*";
        return ([ 'env', "PERL5LIB=$lib:$dir/usr/share/perl5", 'perl', "$dir/usr/bin/swaks", '--server', 'localhost', '--port', $port{$way},
            $way eq 'implicit' ? '--tls-on-connect' : '--tls', '--tls-verify', '--tls-ca-path', $ca, '--auth', $how, '--auth-user', $user,
            '--auth-password', $password, '--from', $sender, '--to', 'ann@example.org', '--data', "\@$file" ]);
    },
    msmtp => sub {
        my ($way, $how, $file) = @_;
        my $dir = EmailGW::Peer::dir('msmtp');
        my $conf = $gw->file('msmtprc', "account default\nhost localhost\nport $port{$way}\ntls on\ntls_starttls "
            . ($way eq 'implicit' ? 'off' : 'on') . "\ntls_trust_file $ca\nauth \L$how\E\nuser $user\npassword $password\nfrom $sender\n");
        chmod 0600, $conf;
        return ([ 'env', 'LD_LIBRARY_PATH=' . EmailGW::Peer::library_path($dir), "$dir/usr/bin/msmtp", '-C', $conf, '--debug', 'ann@example.org' ], 1);
    },
    curl => sub {
        my ($way, $how, $file) = @_;
        return ([ qw(curl --silent --show-error --verbose --noproxy * --ssl-reqd --cacert), $ca, '--url',
            ($way eq 'implicit' ? 'smtps' : 'smtp') . "://localhost:$port{$way}", '--login-options', "AUTH=$how", '--user', "$user:$password",
            '--mail-from', $sender, '--mail-rcpt', 'ann@example.org', '--upload-file', $file ]);
    },
    smtplib => sub {
        my ($way, $how, $file) = @_;
        my $program = $gw->file('client.py', <<"END");
import smtplib, ssl
context = ssl.create_default_context(cafile='$ca')
if '$way' == 'implicit':
    smtp = smtplib.SMTP_SSL('localhost', $port{$way}, context=context)
else:
    smtp = smtplib.SMTP('localhost', $port{$way})
    smtp.starttls(context=context)
smtp.ehlo_or_helo_if_needed()
smtp.user, smtp.password = '$user', '$password'
print(smtp.auth('$how', getattr(smtp, 'auth_' + '$how'.lower())))
smtp.set_debuglevel(1)
smtp.sendmail('$sender', ['ann\@example.org'], open('$file').read())
smtp.quit()
END
        return ([ 'python3', $program ]);
    },
);

# Lines end with LF in the file, as most clients want it; curl sends what there is.
for my $name (sort keys %client) {
    for my $way (qw(starttls implicit)) {
        for my $how (qw(PLAIN LOGIN)) {
            my $subject = "$name $way $how";
            my $bytes = sprintf $text, $subject;
            $bytes =~ s/\r//g if $name ne 'curl';
            my $file = $gw->file('mail', $bytes);
            my ($command, $input) = $client{$name}->($way, $how, $file);
            my ($status, $out, $err) = EmailGW::run_command($input ? $bytes : '', @$command);
            is($status, 0, "$subject: no complaint") or diag($out, $err);
            my ($message_id) = "$out$err" =~ /250 2\.0\.0 Ok: queued as ([0-9a-f-]{36})/;
            ok($message_id, "$subject: told its MessageID") or diag($out, $err);
            my $mail = $message_id && $gw->wait_for(sub { ($gw->outbox($message_id))[0] }, 20, "$subject: delivery");
            is($mail && $mail->{to}, 'ann@example.org', "$subject: delivered");
            like($mail && $mail->{raw}, qr/^Subject: \Q$subject\E\r?$/m, "$subject: ... with its subject");
            like($mail && $mail->{raw}, qr/^\.dot\r?\nThank you\.\r?$/m, "$subject: ... and text");
        }
    }
}

# ---- the login ----------------------------------------------------------------------------

sub try_login {
    my ($name, $word, $port) = @_;
    return EmailGW::Smtp->connect($port // $plain)->log_in($name, $word);
}

subtest 'who may log in' => sub {
    is(try_login($user, $password), 235, 'the right password');
    is(try_login($user, $password . 'x'), 535, 'another one');
    is(try_login($user, ''), 535, 'none');
    is(try_login($_, $password), 535, "as '$_'") for "egm_$account->{account_id}_999999", 'egm_999999_1', uc $user, "$user ", " $user", 'egm_', 'egm__',
        $user =~ s/_/_0/r, $account->{username}, "$user\@localhost", 'egm_9223372036854775807_1', 'egm_-1_1', "egm_1_1' OR 1=1--";
    is(try_login($user, $account->{key}), 535, 'a sender key is no password');
};

subtest 'a new password' => sub {
    my $smtp = EmailGW::Smtp->connect($plain);
    $smtp->log_in($user, $password);
    my $new = $gw->api('EmailGateway.ResetSMTPPassword', as => $account, smtpid => $id)->{json}{SMTP}{Password};
    # Over several children: each connection may come to another one.
    is(join(' ', map { try_login($user, $password) } 1 .. 20), join(' ', (535) x 20), 'the old one is dead at once, in every child');
    is(try_login($user, $new), 235, 'the new one is good');
    is($smtp->mail($sender, 'r@example.org', "From: $sender\r\nSubject: x\r\n\r\nx"), 550, 'also for who has logged in before');
    $password = $new;
};

subtest 'a virtual host of one account' => sub {
    my $other = $gw->new_account;
    my @other = EmailGW::Smtp::login($gw, $other);
    open my $file, '>', $include or die "$include: $!\n";
    print {$file} EmailGW::Smtp::plain_port($bound, "EmailGatewayAccount $account->{account_id}\n");
    close $file;
    kill 'USR1', $gw->env('HTTPD_PID');
    $gw->wait_for(sub { eval { EmailGW::Smtp->connect($bound) } }, 20, 'the new port');
    is(try_login(@other[0, 1], $bound), 535, "another's login is unknown there");
    is(try_login($user, $password, $bound), 235, 'its own is known');
};

subtest 'an account, a domain, a credential that is gone' => sub {
    my $smtp = EmailGW::Smtp->connect($plain);
    $smtp->log_in($user, $password);
    $gw->ctl(qw(user set), $account->{username}, qw(--status disabled));
    is(try_login($user, $password), 535, 'the account is disabled');
    is($smtp->mail($sender, 'r@example.org', "From: $sender\r\nSubject: x\r\n\r\nx"), 550, '... also for who is there already');
    $gw->ctl(qw(user set), $account->{username}, qw(--status active));
    is(try_login($user, $password), 235, 'the account is back');
    is($gw->api('EmailGateway.DeleteSMTP', as => $account, smtpid => $id)->{json}{ErrorCode}, 0, 'DeleteSMTP');
    is(try_login($user, $password), 535, 'the credential is gone');
};

$gw->log_clean;
done_testing;
