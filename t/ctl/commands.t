# emailgwctl: each command's answer, each refusal, and what the gateway then does.
use FindBin;
use lib "$FindBin::Bin/../lib";
use EmailGW;

my $gw = EmailGW->up;
my $unique = sprintf '%d-%x', $$, int rand 2**32;
my ($user, $other, $group) = ("ctl-$unique", "other-$unique", "group-$unique");
my $domain = "$user.example";
my ($account_id, $key);

# A refusal: exit status and words on standard error, nothing on standard output.
sub refused {
    my ($exit, $says, @words) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $result = $gw->ctl_try(@words);
    my $name = join ' ', map { ref ? '<' : $_ } @words;
    is($result->{exit}, $exit, $name);
    like($result->{err}, $says);
    is($result->{out}, '');
}

# What people see.
sub text {
    my (@words) = @_;
    my ($status, $out, $err) = EmailGW::run_command(undef, $gw->env('EMAILGWCTL'), @words);
    is($status, 0, "@words") or diag($err);
    return $out;
}

subtest 'help and mistakes' => sub {
    like(text('--help'), qr/^  user add  .*^  queue list /ms);
    unlike(text('domain', '--help'), qr/user add/);
    like(text('user', 'add', '--help'), qr/\Ausage: emailgwctl user add NAME --email ADDRESS/);
    refused(2, qr/a command is missing\n/);
    refused(2, qr/a command is missing after user/, 'user');
    refused(2, qr/there is no command "user go"/, 'user', 'go');
    refused(2, qr/there is no option --colour here/, 'status', '--colour');
    refused(2, qr/there is no option -x/, 'status', '-x');
    refused(2, qr/"more" is one argument too many/, 'status', 'more');
    refused(2, qr/--email is missing\nusage: emailgwctl user add/, qw(user add x));
    refused(2, qr/NAME is missing/, qw(user add --email a@example.com));
    refused(2, qr/--limit needs a value/, qw(queue list --limit));
    refused(2, qr/--limit stands twice/, qw(queue list --limit=1 --limit 2));
    refused(2, qr/--enable takes no value/, qw(domain add x.example --user y --enable=1));
    refused(1, qr/no address: local\@domain/, qw(suppress add --user x -- --help));
};

subtest 'user add' => sub {
    my $made = $gw->ctl(qw(user add), $user, qw(--email Ann@Example.ORG --password-file -), \"a password\n");
    $account_id = $made->{account_id};
    is($made->{username}, $user);
    is($made->{email}, 'Ann@example.org');
    is($made->{status}, 'active');
    like($made->{api_key}, qr/\Aega_${account_id}_[A-Za-z0-9_-]{43}\z/);
    my ($row) = $gw->sql("SELECT password_hash, encode(api_key_hash, 'hex'), encode(api_key_sealed, 'escape')
        FROM emailgw.account WHERE account_id = $account_id");
    like($row->[0], qr/\A\$2y\$10\$/, 'the password is hashed');
    require Digest::SHA;
    is($row->[1], Digest::SHA::sha256_hex($made->{api_key}), 'the key is found by its hash');
    unlike($row->[2], qr/\Q$made->{api_key}\E/, 'and kept sealed');

    my $second = $gw->ctl(qw(user add), $other, qw(--unverified --email b@example.org --password-file), $gw->file(pw => "x\n"));
    is($second->{status}, 'unverified');
    refused(1, qr/\Q$user\E: user name taken/, qw(user add), $user, qw(--email a@example.com --password-file -), \"x\n");
    refused(1, qr/letters, digits and/, qw(user add), 'a b', qw(--email a@example.com --password-file -), \"x\n");
    refused(1, qr/letters, digits and/, qw(user add), '', qw(--email a@example.com --password-file -), \"x\n");
    refused(1, qr/"example.com" is no address/, qw(user add c --email example.com --password-file -), \"x\n");
    refused(1, qr/a password has 1 to 72 bytes/, qw(user add c --email a@example.com --password-file -), \"\n");
    refused(1, qr/a password has 1 to 72 bytes/, qw(user add c --email a@example.com --password-file -), \('x' x 73));
    refused(1, qr/a line with the password is needed/, qw(user add c --email a@example.com --password-file /dev/null));
    refused(1, qr/No such file/, qw(user add c --email a@example.com --password-file /nowhere));
    refused(2, qr/a password is needed/, qw(user add c --email a@example.com));
};

subtest 'user set, user list' => sub {
    is($gw->ctl(qw(user set), $user, '--group', $group, '--email', 'c@example.org')->{account_id}, $account_id);
    my ($row) = grep { $_->{username} eq $user } $gw->ctl(qw(user list));
    is($row->{group_name}, $group);
    is($row->{email}, 'c@example.org');
    is($row->{domains}, 0);
    like($row->{created_at}, qr/\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z\z/);
    my $before = $gw->sql("SELECT password_hash FROM emailgw.account WHERE account_id = $account_id");
    $gw->ctl(qw(user set), $user, '--password-file', '-', \"another\n");
    isnt(scalar $gw->sql("SELECT password_hash FROM emailgw.account WHERE account_id = $account_id"), $before);
    my $renewed = $gw->ctl(qw(user set), $user, '--new-api-key');
    like($renewed->{api_key}, qr/\Aega_${account_id}_/);
    like(text(qw(user list)), qr/^account id +username +email +status/);
    refused(1, qr/unknown user/, qw(user set nobody --status active));
    refused(2, qr/nothing to change/, qw(user set), $user);
    refused(2, qr/allowed are active, disabled and unverified/, qw(user set), $user, qw(--status off));
};

subtest 'domain add, list, enable' => sub {
    my $made = $gw->ctl(qw(domain add), uc $domain, '--user', $user);
    is($made->{domain}, $domain);
    is($made->{status}, 'Pending');
    my ($ownership, $dkim) = @{ $made->{records} };
    is($ownership->{host}, "_emailgw.$domain");
    like($dkim->{host}, qr/\Aeg\d{6}\._domainkey\.\Q$domain\E\z/);
    like($dkim->{value}, qr/\Av=DKIM1; k=rsa; p=[A-Za-z0-9+\/]+=*\z/);
    my ($row) = $gw->ctl(qw(domain list --user), $user);
    is($row->{dkim_record}, $dkim->{value});
    is($row->{ownership_token}, $ownership->{value});
    is($row->{subdomain}, 'eg');
    is($row->{tracking_base_url}, undef);
    is($gw->ctl(qw(domain enable), $domain, '--user', $user)->{status}, 'Enabled');

    my $idn = $gw->ctl(qw(domain add), Encode::encode('UTF-8', "b\x{fc}cher-$user.example"), '--user', $user,
        qw(--enable --subdomain Mail --tracking-url https://t.example.com/));
    like($idn->{domain}, qr/\Axn--/);
    is($idn->{subdomain}, 'mail');
    ($row) = grep { $_->{name} eq $idn->{domain} } $gw->ctl(qw(domain list));
    is($row->{tracking_base_url}, 'https://t.example.com');
    is($row->{domain_status}, 'Enabled');
    like(text(qw(domain list)), qr/^username +domain id/);

    $gw->ctl(qw(user limits --group), $group, qw(--domains 2));
    refused(1, qr/third\.example: domain limit reached: the limit of group \Q$group\E is 2$/m,
        qw(domain add third.example --user), $user);
    refused(1, qr/domain exists/, qw(domain add), $domain, '--user', $user);
    $gw->ctl(qw(user limits), $user, qw(--domains 0));
    refused(1, qr/third\.example: domain limit reached: the account's own limit is 0$/m,
        qw(domain add third.example --user), $user);
    $gw->ctl(qw(user limits), $user, qw(--domains group));
    $gw->ctl(qw(user limits --group), $group, qw(--domains none));
    refused(1, qr/held by another account/, qw(domain add), $domain, '--user', $other, '--enable');
    refused(1, qr/unknown user "nobody"/, qw(domain add x.example --user nobody));
    refused(1, qr/co\.uk.*public suffix/, qw(domain add co.uk --user), $user);
    refused(1, qr/no sender domain/, qw(domain add --user), $user, '--', $_)
        for 'com', 'localhost', '127.0.0.1', '[127.0.0.1]', 'a..example', '-a.example', 'a_b.example', "a\nb.example";
    refused(1, qr/one label/, qw(domain add y.example --user), $user, '--subdomain', $_) for 'a.b', '', '-', 'a b';
    refused(1, qr/http or https/, qw(domain add y.example --user), $user, '--tracking-url', $_)
        for 'ftp://a.example', 'a.example', 'http://', 'http://a.example/?q', 'http://a b.example', "http://a.example/\n";
    refused(1, qr/unknown domain/, qw(domain enable y.example --user), $user);
};

subtest 'key add, list, delete' => sub {
    my $made = $gw->ctl(qw(key add --user), $user, '--domain', $domain, '--description', 'for a test');
    $key = $made->{key};
    like($key, qr/\Aegs_${account_id}_[A-Za-z0-9_-]{43}\z/);
    is($made->{domain}, $domain);
    refused(1, qr/emailgwctl: y\.example: unknown domain$/m, qw(key add --user), $user, qw(--domain y.example --description x));
    refused(1, qr/unknown domain/, qw(key add --user), $other, '--domain', $domain, qw(--description x));
    refused(2, qr/a line of UTF-8 is allowed, 1 to 255 bytes/, qw(key add --user), $user, '--domain', $domain, '--description', $_)
        for '', 'x' x 256, "two\nlines", "\xFF";
    is($gw->call('GET', '/api/v1/events', { key => $key })->{status}, 200, 'the key works');

    my ($row) = $gw->ctl(qw(key list --user), $user);
    is($row->{api_key_id}, $made->{api_key_id});
    is("$row->{domain} $row->{description} $row->{permissions}", "$domain for a test send,webhooks,events");
    is($row->{last_used_at}, undef);
    my $second = $gw->ctl(qw(key add --user), $user, '--domain', $domain, qw(--description second));
    is(scalar(my @all = $gw->ctl(qw(key list --user), $user, '--domain', $domain)), 2);
    like(text(qw(key list --user), $user), qr/^api key id  domain .*\n\Q$made->{api_key_id}\E /);
    unlike(text(qw(key list --user), $user), qr/egs_/, 'without the keys themselves');
    is(text(qw(key list --user), $other), "there are no keys\n");
    refused(1, qr/unknown domain "\Q$domain\E"/, qw(key list --user), $other, '--domain', $domain);
    refused(1, qr/unknown domain "y.example"/, qw(key list --user), $user, qw(--domain y.example));
    refused(1, qr/unknown key/, qw(key delete --user), $other, $second->{api_key_id});
    refused(2, qr/no id of a key/, qw(key delete --user), $user, '--', $_)
        for '', 'x', '0', '-1', "$second->{api_key_id}x", '1' x 20;
    is($gw->ctl(qw(key delete --user), $user, $second->{api_key_id})->{result}, 'deleted');
    is($gw->call('GET', '/api/v1/events', { key => $second->{key} })->{status}, 401, 'dead at once');
    is($gw->call('GET', '/api/v1/events', { key => $key })->{status}, 200, 'the other one lives');
    refused(1, qr/unknown key/, qw(key delete --user), $user, $second->{api_key_id});
};

my $account = { domain => $domain, key => $key };

subtest 'user limits' => sub {
    my $limits = $gw->ctl(qw(user limits), $user);
    is($limits->{sends_per_hour}, undef);
    is($limits->{used_hour}, 0);
    $limits = $gw->ctl(qw(user limits --group), $group, qw(--hour 1 --domains 3));
    is($limits->{name}, $group);
    is($limits->{sends_per_hour}, 1);
    is($gw->ctl(qw(user limits), $user)->{sends_per_hour}, 1, 'a group limits its users');
    is($gw->send_mail(as => $account)->{status}, 200);
    is($gw->send_mail(as => $account)->{status}, 429, 'one an hour');
    $limits = $gw->ctl(qw(user limits), $user, qw(--hour none --month 1000));
    is($limits->{sends_per_hour}, undef, 'an own limit comes first');
    is($limits->{sends_per_month}, 1000);
    is($limits->{max_domains}, 3);
    is($limits->{used_hour}, 1);
    is($gw->send_mail(as => $account)->{status}, 200);
    like(text(qw(user limits), $user), qr/^sends per month  1000\n/m);
    $limits = $gw->ctl(qw(user limits), $user, qw(--hour group));
    is($limits->{sends_per_hour}, 1, "the group's limit holds again");
    is($limits->{sends_per_month}, 1000, 'other limits stay');
    is($limits->{source}, "own month; else group $group");
    is($gw->send_mail(as => $account)->{status}, 429, 'also for mails');
    $limits = $gw->ctl(qw(user limits), $user, qw(--hour none --day group --month group --domains group));
    is($limits->{source}, "own hour; else group $group");
    is($limits->{sends_per_month}, undef);
    like(text(qw(user limits --help)), qr/--hour N .*group: its group's again/);
    refused(2, qr/"group" given, allowed is a number of up to 15 digits, or none/,
        qw(user limits --hour group --group), $group);
    refused(2, qr/either a user or a group/, qw(user limits));
    refused(2, qr/either a user or a group/, qw(user limits), $user, '--group', $group);
    refused(2, qr/a number of up to 15 digits, none, or group/, qw(user limits), $user, '--hour', $_)
        for '-1', '1.5', '1' x 16, '', '1 ';
    refused(1, qr/unknown user/, qw(user limits nobody));
    my $groups = $gw->sql('SELECT count(*) FROM emailgw.account_group');
    refused(1, qr/group "\Q$_\E": 1 to 64 letters, digits/, qw(user limits --hour 5 --group), $_) for '', "$group ", 'a/b', 'x' x 65;
    is($gw->sql('SELECT count(*) FROM emailgw.account_group'), $groups, 'no group of such a name is made');
};

subtest 'suppress' => sub {
    is($gw->ctl(qw(suppress add Gone@EXAMPLE.net --user), $user)->{email}, 'Gone@example.net');
    $gw->ctl(qw(suppress add left@example.net --user), $user, '--domain', uc $domain, qw(--reason asked));
    my ($gone, $left) = sort { $a->{email} cmp $b->{email} } $gw->ctl(qw(suppress list --user), $user);
    is($gone->{domain}, undef);
    is($gone->{reason}, 'manual');
    is($left->{domain}, $domain);
    is($left->{reason}, 'asked');
    is(scalar(my @of_domain = $gw->ctl(qw(suppress list --user), $user, '--domain', $domain)), 1);
    is($gw->send_mail(as => $account, To => [ { email => $_, name => '' } ])->{json}{Errors}[0]{Code}, 14, $_)
        for 'gone@example.net', 'LEFT@example.net';
    $gw->ctl(qw(suppress remove GONE@example.net --user), $user);
    is($gw->send_mail(as => $account, To => [ { email => 'gone@example.net', name => '' } ])->{status}, 200);
    refused(1, qr/not suppressed/, qw(suppress remove gone@example.net --user), $user);
    refused(1, qr/: address is not suppressed for the whole account, but for \Q$domain\E$/m, qw(suppress remove left@example.net --user), $user);
    is(($gw->ctl(qw(suppress add left@example.net --user), $user))->{result}, 'suppressed');
    is(($gw->ctl(qw(suppress remove left@example.net --user), $user))->{still_suppressed_for}, $domain, 'for what an address still gets nothing');
    is(($gw->ctl(qw(suppress remove left@example.net --user), $user, '--domain', $domain))->{still_suppressed_for}, undef);
    refused(1, qr/unknown domain "\Q$domain\E"/, qw(suppress list --user), $other, '--domain', $domain);
    refused(1, qr/unknown domain "y.example"/, qw(suppress list --user), $user, qw(--domain y.example));
    refused(1, qr/no address/, qw(suppress add), 'Ann <a@example.net>', '--user', $user);
    refused(1, qr/unknown domain/, qw(suppress add a@example.net --domain y.example --user), $user);
    $gw->ctl(qw(suppress add all@example.net --system --reason abuse));
    is(($gw->ctl(qw(suppress list --system)))[0]{email}, 'all@example.net', 'the list for all users');
    is($gw->send_mail(as => $account, To => [ { email => 'all@example.net', name => '' } ])->{json}{Errors}[0]{Code}, 14, '... holds');
    $gw->ctl(qw(suppress remove all@example.net --system));
    refused(2, qr/either --user or --system/, qw(suppress add a@example.net));
    refused(2, qr/either --user or --system/, qw(suppress list --system --user), $user);
    refused(2, qr/either --user or --system/, qw(suppress list --system --domain), $domain);
    refused(2, qr/a line of UTF-8 is allowed, 1 to 255 bytes/, qw(suppress add a@example.net --reason), $_, '--user', $user)
        for 'x' x 256, '', "red\n", "\e[31mred", "\xFF";
};

subtest 'queue list, status' => sub {
    $gw->wait_for(sub { !$gw->sql("SELECT count(*) FROM emailgw.queue WHERE account_id = $account_id") }, 10, 'an empty queue');
    my $id = $gw->send_mail(as => $account, SendAt => time + 3600)->{json}{MessageID};
    my ($row) = $gw->ctl(qw(queue list --user), $user);
    is($row->{message_id}, $id);
    is($row->{state}, 'scheduled');
    is($row->{email}, 'recipient@example.org');
    is($row->{domain}, $domain);
    like($row->{next_at}, qr/Z\z/);
    like(text(qw(queue list --user), $user), qr/^account id .*\n\Q$account_id\E .*\Q$id\E/);
    is(text(qw(queue list --user), $other), "nothing is queued\n");
    refused(2, qr/allowed is 1 to 100000/, qw(queue list --limit), $_) for '0', '-1', 'x', '100001';
    my $status = $gw->ctl('status');
    ok($status->{queued} >= 1);
    ok($status->{accounts} >= 2);
    is($status->{durability}, 'ok');
    like($status->{code_sha256}, qr/\A[0-9a-f]{64}\z/);
};

subtest 'queue cancel' => sub {
    my $id = $gw->send_mail(as => $account, SendAt => time + 3600)->{json}{MessageID};
    my $waiting = () = $gw->ctl(qw(queue list --user), $user);
    my $done = $gw->ctl(qw(queue cancel --user), $user, '--domain', uc $domain);
    is($done->{domain}, $domain);
    is($done->{domain_id}, scalar $gw->sql("SELECT domain_id FROM emailgw.domain WHERE name = '$domain'"));
    is($done->{mails}, $waiting);
    $gw->wait_for(sub { !$gw->ctl(qw(queue list --user), $user) }, 20, 'an empty queue');
    is(join(' ', map { $_->{EventType} } $gw->events($id, $account)), 'cancelled send');
    is($gw->ctl(qw(queue cancel --user), $user, '--domain', $domain)->{mails}, 0);
    refused(1, qr/emailgwctl: \Q$domain\E: unknown domain$/m, qw(queue cancel --user), $other, '--domain', $domain);
    refused(2, qr/--domain is missing/, qw(queue cancel --user), $user);
};

subtest 'a disabled account' => sub {
    my $api_key = $gw->ctl(qw(user set), $user, '--new-api-key')->{api_key};
    my $code = sub { $gw->call('POST', '/api.php', { form => { Command => 'EmailGateway.GetDomains', APIKey => $api_key } })->{json}{ErrorCode} };
    $gw->ctl(qw(user set), $user, qw(--status unverified));
    isnt($gw->send_mail(as => $account)->{status}, 200, 'unverified: no mail is taken');
    is($code->(), 0, '... and its key works');
    $gw->ctl(qw(user set), $user, qw(--status active));
    my ($soon, $late) = map { $gw->send_mail(as => $account, SendAt => time + $_)->{json}{MessageID} } 2, 3600;
    $gw->ctl(qw(user set), $user, qw(--status disabled));
    isnt($gw->send_mail(as => $account)->{status}, 200);
    is($code->(), 99998, '... and not any more');
    $gw->wait_for(sub { !grep { $_->{message_id} eq $soon } $gw->ctl(qw(queue list --user), $user) }, 20, 'the mail that was due');
    is(scalar $gw->sql("SELECT status FROM emailgw.recipient WHERE message_id = '$soon'"), 'delivered', 'what is in the queue goes out');
    like(text(qw(user set --help)), qr/--status .*what is queued goes out/, '... as the help says');
    is($gw->ctl(qw(queue cancel --user), $user, '--domain', $domain)->{mails}, 1, '... until it is cancelled');
    $gw->wait_for(sub { !$gw->ctl(qw(queue list --user), $user) }, 20, 'an empty queue');
    is(scalar $gw->sql("SELECT status FROM emailgw.recipient WHERE message_id = '$late'"), 'cancelled');
    $gw->ctl(qw(user set), $user, qw(--status active));
    is($gw->send_mail(as => $account)->{status}, 200);
};

subtest 'stored text cannot act on a terminal' => sub {
    $gw->ctl(qw(suppress add esc@example.net --user), $user);
    is($gw->sql(q(UPDATE emailgw.suppression SET reason = E'\\x1b[31m\\u202ered\\n' WHERE address = 'esc@example.net' RETURNING 1)), 1);
    my $shown = text(qw(suppress list --user), $user);
    like($shown, qr/\\x1B\[31m\\xE2\\x80\\xAEred\\x0A/i);
    unlike($shown, qr/\e/);
};

$gw->log_clean;
done_testing;
