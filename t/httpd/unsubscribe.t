# Unsubscribing: a page that asks and changes nothing, one POST that does it at once
# (RFC 8058), for that recipient and that domain.
use EmailGW;
use EmailGW::Httpd;
use EmailGW::Links;
use Digest::SHA qw(sha256_base64);
use JSON::PP ();

my $gw = EmailGW->up(RATE => 'off');
my $account = $gw->new_account;
my $second = $gw->ctl(qw(domain add second.example --user), $account->{username}, '--enable');
my $second_key = $gw->ctl(qw(key add --domain second.example --description x --user), $account->{username});
my $one_click = 'List-Unsubscribe=One-Click';
my %form = ('Content-Type' => 'application/x-www-form-urlencoded');

sub mail_to { return sent_mail($gw, $account, To => [ map { { email => $_, name => '' } } @_ ]) }
sub link_of { return link_to($gw, u => $account->{account_id}, @_) }
sub post {
    my ($path, $body, %with) = @_;
    return visit($gw, $path, method => 'POST', body => $body, headers => { %form, %{ delete $with{headers} // {} } }, %with);
}
sub suppressed {
    return join ' ', map { join ':', @$_ } $gw->sql("SELECT address, reason, domain_id FROM emailgw.suppression
        WHERE account_id = $account->{account_id} ORDER BY address, domain_id");
}
my $where = "unsubscribe:$account->{domain_id}";

my $id = mail_to('Ann.Example@mail.example.org', 'bob@example.net', "o'hara<b>&co\@example.org" =~ s/<b>//r);
my $link = link_of($id, 1);

subtest 'the page' => sub {
    my $reply = visit($gw, $link, agent => $PERSON);
    is($reply->{status}, 200, 'it is there');
    is($reply->{headers}{'content-type'}, 'text/html; charset=utf-8', '... HTML');
    my $html = $reply->{body};
    like($html, qr/<html lang="en">.*<title>Unsubscribe<\/title>.*<h1>Unsubscribe<\/h1>/s, 'language, title, heading');
    like($html, qr/<strong>\Q$account->{domain}\E<\/strong> to <strong>A\*\*\*\@m\*\*\*\.org<\/strong>/, 'whose mails, and for whom, masked');
    unlike($html, qr/ann\.example|mail\.example/i, '... the address is nowhere');
    is(() = $html =~ /<button/g, 1, 'one button');
    like($html, qr/<form method="post" aria-labelledby="what">/, '... that posts to the same URL, and says what');
    unlike($html, qr/<(?:script|link|img|iframe)|\b(?:src|href|action|on\w+)=|url\(|\@import/i, 'nothing is loaded, no script');
    my ($style) = $html =~ m{<style>(.*)</style>}s;
    is($reply->{headers}{'content-security-policy'}, "default-src 'none'; style-src 'sha256-" . sha256_base64($style) . "='; "
        . "form-action 'self'; base-uri 'none'; frame-ancestors 'none'", 'its policy allows that style, and no more');
    is($reply->{headers}{'cache-control'}, 'no-store', 'it is not kept');
    is($reply->{headers}{'referrer-policy'}, 'no-referrer', '... not told on');
    ok(!exists $reply->{headers}{'set-cookie'}, '... without a cookie');
    is(visit($gw, $link, method => 'HEAD')->{status}, 200, 'HEAD');
    is(visit($gw, "$link?$one_click")->{status}, 200, 'GET with what a POST has');
    like(visit($gw, link_of($id, 3))->{body}, qr/<strong>o\*\*\*\@e\*\*\*\.org<\/strong>/, 'another recipient');
    is_deeply(tracked($gw, $id), [], 'nothing has come of all that');
    is(suppressed(), '', '... nobody is on the list');
};

subtest 'one click' => sub {
    my $reply = post($link, $one_click, agent => 'Mail-Provider/1');
    is($reply->{status}, 200, 'done at once');
    like($reply->{body}, qr/<h1>You are unsubscribed<\/h1>.*A\*\*\*\@m\*\*\*\.org/s, '... and a page says so');
    ok(!exists $reply->{headers}{location}, '... no redirect');
    ok(!exists $reply->{headers}{'set-cookie'}, '... no cookie');
    is(suppressed(), "ann.example\@mail.example.org:$where", 'the address is on the list, for the domain');
    is_deeply(tracked($gw, $id), [ [ 9, 1, 'false', { ip => '127.0.0.1', ua => 'Mail-Provider/1', machine => JSON::PP::false } ] ], 'the event');
    is(($gw->events($id, $account))[0]{EventType}, 'unsubscribe', '... as the API shows it');
    my $refused = $gw->send_mail(as => $account, To => [ { email => 'ANN.example@mail.example.org', name => '' } ]);
    is($refused->{json}{Errors}[0]{Code}, 14, 'no mail more of this domain');
    is($gw->send_mail(as => { domain => 'second.example', key => $second_key->{key} }, To => [ { email => 'ann.example@mail.example.org', name => '' } ])->{status},
        200, '... but of another one of the account');
};

subtest 'again and again' => sub {
    is(post($link, $one_click)->{status}, 200, 'is answered the same way') for 1 .. 20;
    is(scalar @{ tracked($gw, $id) }, 1, '... and counts once');
    my $stats = $gw->api('EmailGateway.DomainStats', as => $account, DomainID => $account->{domain_id})->{json}{Stats};
    is($stats->{Unsubscribed}, 1, '... in DomainStats, too');
};

subtest 'the forms of a form' => sub {
    my $mail = mail_to(map { "r$_\@example.org" } 1 .. 9);
    my $boundary = 'xxBOUNDARYxx';
    my $part = "--$boundary\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--$boundary--\r\n";
    my %as = (
        1 => [ 'urlencoded', $one_click ],
        2 => [ 'multipart', $part, { 'Content-Type' => "multipart/form-data; boundary=$boundary" } ],
        3 => [ 'with more in it', "a=b&$one_click&c=" ],
        4 => [ 'from a form on another site', $one_click, { Origin => 'https://evil.example', Cookie => 'a=b', Referer => 'https://evil.example/' } ],
        5 => [ 'letter case', 'list-unsubscribe=one-click' ],
    );
    for my $no (sort keys %as) {
        my ($what, $body, $headers) = @{ $as{$no} };
        is(post(link_of($mail, $no), $body, headers => $headers // {})->{status}, 200, $what);
        like(suppressed(), qr/\br$no\@/, '... did it');
    }
    my %not = (
        6 => [ 'an empty body', '', 400 ], 7 => [ 'another value', 'List-Unsubscribe=x', 400 ], 8 => [ 'a broken one', 'List-Unsubscribe=%', 400 ],
        9 => [ 'a long one', $one_click . '&x=' . 'y' x 20000, 413 ],
    );
    for my $no (sort keys %not) {
        my ($what, $body, $status) = @{ $not{$no} };
        is(post(link_of($mail, $no), $body)->{status}, $status, $what);
        unlike(suppressed(), qr/\br$no\@/, '... did nothing');
    }
    is(visit($gw, link_of($mail, 6), method => $_, body => $one_click, headers => {%form})->{status}, 405, "$_ is none of it") for qw(PUT DELETE OPTIONS);
    unlike(suppressed(), qr/\br6\@/, '... and did nothing');
};

subtest 'no link of ours' => sub {
    my $other = $gw->new_account;
    my $before = suppressed();
    for my $path ('/e/u/', '/e/u/x', link_of($id, 2) =~ s/.\z//r, link_of($id, 2) . 'A', link_to($gw, o => $account->{account_id}, $id, 2) =~ s{/o/}{/u/}r,
        link_to($gw, u => $other->{account_id}, $id, 2), link_of('01980000-0000-7000-8000-000000000001', 1), link_of($id, 9)) {
        my $reply = post($path, $one_click);
        is($reply->{status}, 404, substr $path, 0, 60);
        like($reply->{body}, qr/This link is not valid/, '... says so');
        is(visit($gw, $path)->{status}, 404, '... to GET, too');
    }
    my $token = (split m{/}, link_of($id, 2))[-1];
    for my $at (0 .. length($token) - 1) {
        my $flipped = $token;
        substr $flipped, $at, 1, substr($token, $at, 1) eq 'A' ? 'B' : 'A';
        my $reply = post("/e/u/$flipped", $one_click);
        is($reply->{status}, 404, "letter $at") if $reply->{status} != 404;
    }
    is(suppressed(), $before, 'nobody is on the list for it');
    is(scalar $gw->sql("SELECT count(*) FROM emailgw.suppression WHERE account_id = $other->{account_id}"), 0, '... of the other account neither');
};

subtest 'a mail that waits' => sub {
    my $mail = $gw->send_mail(as => $account, SendAt => time + 3, To => [ map { { email => $_, name => '' } } 'dan@example.org', 'eve@example.org' ])->{json}{MessageID};
    is(post(link_of($mail, 1), $one_click)->{status}, 200, 'whoever unsubscribes');
    $gw->wait_for(sub { $gw->sql("SELECT count(*) FROM emailgw.event WHERE message_id = '$mail' AND type IN (2, 5)") == 2 }, 20, 'an end');
    is_deeply({ map { @$_ } $gw->sql("SELECT email, status FROM emailgw.recipient WHERE message_id = '$mail'") },
        { 'dan@example.org' => 'suppressed', 'eve@example.org' => 'delivered' }, '... does not get it any more');
};
subtest 'a domain that is deleted and added again' => sub {
    my $shop = $gw->new_account;
    my $mail = sent_mail($gw, $shop, To => [ map { { email => "$_\@example.org", name => '' } } qw(fay gus) ]);
    my $leave = sub { is(post(link_to($gw, u => $shop->{account_id}, $mail, $_[0]), $one_click)->{status}, 200, "$_[1] unsubscribes") };
    $leave->(1, 'fay');
    $gw->api('EmailGateway.DeleteDomain', as => $shop, DomainID => $shop->{domain_id});
    my $again = $gw->ctl(qw(domain add), $shop->{domain}, '--user', $shop->{username}, '--enable');
    $leave->(2, 'gus, by the link of a former mail,');
    my %as = (%$shop, domain_id => $again->{domain_id}, key => $gw->ctl(qw(key add --user), $shop->{username}, '--domain', $shop->{domain}, qw(--description x))->{key});
    for my $who (qw(fay gus)) {
        my $reply = $gw->send_mail(as => \%as, To => [ { email => "$who\@example.org", name => '' } ]);
        is($reply->{json}{Errors}[0]{Code}, 14, "$who gets nothing from the new one") or diag($reply->{body});
    }
    is($gw->send_mail(as => \%as, To => [ { email => 'hal@example.org', name => '' } ])->{status}, 200, '... others do');
    my $list = $gw->api('EmailGateway.GetSuppressions', as => \%as, DomainID => $again->{domain_id})->{json};
    is(join(' ', map { "$_->{EmailAddress} $_->{Reason} $_->{DomainID}" } @{ $list->{Suppressions} }),
        "fay\@example.org unsubscribe $again->{domain_id} gus\@example.org unsubscribe $again->{domain_id}", 'both are on its list');
    is($gw->api('EmailGateway.DeleteSuppression', as => \%as, DomainID => $again->{domain_id}, EmailAddress => 'fay@example.org')->{json}{ErrorCode}, 0,
        '... and can be taken off');
    is($gw->send_mail(as => \%as, To => [ { email => 'fay@example.org', name => '' } ])->{status}, 200, '... and get mail then');
};
$gw->log_clean;
done_testing;
