# Opens and clicks: who is told of what, and where a link leads. Nothing but what a mail
# that was sent has in it leads anywhere.
use EmailGW;
use EmailGW::Httpd;
use EmailGW::Links;
use JSON::PP ();
use POSIX ();
use POSIX ();

my $gw = EmailGW->up(RATE => 'off');
my $account = $gw->new_account;
my $other = $gw->new_account;
my $target = "https://shop.example/caf\xc3\xa9?a=1&b=%20x&c=%2F#part";
my $id = sent_mail($gw, $account, Tags => ['news'], To => [ map { { email => $_, name => '' } } qw(ann@example.org bob@example.net) ]);
my $click = link_to($gw, c => $account->{account_id}, $id, 1, $target);
my $open = link_to($gw, o => $account->{account_id}, $id, 1);

# The headers that all answers have; no answer may be kept or told on.
sub is_private {
    my ($reply, $what) = @_;
    is_deeply([ @{ $reply->{headers} }{qw(cache-control referrer-policy x-robots-tag)} ],
        [ 'no-store', 'no-referrer', 'noindex' ], "$what: not kept, not told on, not indexed");
    ok(!exists $reply->{headers}{'set-cookie'}, '... and no cookie');
}

my $gone = visit($gw, '/e/c/x', agent => $PERSON);
sub is_gone {
    my ($reply, $what) = @_;
    my ($is, $as) = map { $_->{bytes} =~ s/^(?:Keep-Alive|Connection): [^\r\n]*\r\n//mgr } $reply, $gone;
    return is($is, $as, $what);
}

subtest 'a pixel' => sub {
    my $reply = visit($gw, $open, agent => $PERSON, headers => { 'X-Forwarded-For' => '192.0.2.9' });
    is($reply->{status}, 200, 'it is there');
    is($reply->{body}, $PIXEL, '... 43 bytes of GIF');
    is($reply->{headers}{'content-type'}, 'image/gif', '... and says so');
    is_private($reply, 'a pixel');
    is_deeply(tracked($gw, $id), [ [ 7, 1, 'false', { ip => '127.0.0.1', ua => $PERSON, machine => JSON::PP::false } ] ], 'the event');
    my ($event) = $gw->events($id, $account);
    is_deeply([ @{$event}{qw(EventType Recipient Machine)}, $event->{Details} ],
        [ 'open', 'ann@example.org', JSON::PP::false, { UserAgent => $PERSON, IpAddress => '127.0.0.1' } ], '... as GET /api/v1/events shows it');
    for my $path (map { "/e/o/$_" } '', 'x', 'A' x 56, 'A' x 200, token_of($gw, o => $other->{account_id}, $id, 1), '%41', 'a/b') {
        my $bad = visit($gw, $path, agent => $PERSON);
        is($bad->{bytes} =~ s/^(?:Keep-Alive|Connection): [^\r\n]*\r\n//mgr, $reply->{bytes} =~ s/^(?:Keep-Alive|Connection): [^\r\n]*\r\n//mgr,
            substr($path, 0, 30) . ': the same answer');
    }
    is(visit($gw, $open, agent => $PERSON, method => 'HEAD')->{body}, '', 'HEAD has no body');
    is(visit($gw, $open, agent => $PERSON, method => 'POST', body => 'x')->{status}, 405, 'POST is none of it');
    is(scalar @{ tracked($gw, $id) }, 2, 'one event more: HEAD');
    is(tracked($gw, $id)->[1][2], 'true', '... of a machine');
};

subtest 'a click' => sub {
    my $reply = visit($gw, $click, agent => $PERSON);
    is($reply->{status}, 302, 'it leads on');
    is($reply->{headers}{location}, $target, '... to the very URL');
    is_private($reply, 'a click');
    is($reply->{body}, '', '... without more');
    is_deeply(tracked($gw, $id)->[-1], [ 8, 1, 'false',
        { ip => '127.0.0.1', ua => $PERSON, url => JSON::PP->new->utf8->decode("\"$target\""), machine => JSON::PP::false } ], 'the event')
        or diag(explain(tracked($gw, $id)));
    is(visit($gw, "$click&utm_source=x&fbclid=y", agent => $PERSON)->{headers}{location}, $target, 'with what others put behind it');
    is(visit($gw, $click =~ s/%([0-9A-F]{2})/%\L$1/gr, agent => $PERSON)->{headers}{location}, $target, 'escapes in lower case');
    my $head = visit($gw, $click, agent => $PERSON, method => 'HEAD');
    is($head->{headers}{location}, $target, 'HEAD leads there');
    is(tracked($gw, $id)->[-1][2], 'true', '... and is a machine\'s');
    my $agent = "A\x01B\xff" . ('x' x 2000);
    visit($gw, $click, headers => { 'User-Agent' => $agent =~ s/\x01//r });
    my $ua = tracked($gw, $id)->[-1][3]{ua};
    is(length $ua, 512, 'an overlong User-Agent is cut');
    unlike($ua, qr/[^\x20-\x7e]/, '... and cleaned');
    is(tracked($gw, $id)->[-1][2], 'true', '... it is no reader of mail');
};

subtest 'no link of ours' => sub {
    my $count = @{ tracked($gw, $id) };
    my ($token, $query) = $click =~ m{/e/c/([^?]+)\?(.*)};
    is($gone->{status}, 404, 'no token');
    is_private($gone, 'what is not there');
    for my $at (0 .. length($token) - 1) {
        for my $bit (0 .. 5) {
            my @letters = ('A' .. 'Z', 'a' .. 'z', 0 .. 9, '-', '_');
            my %value = map { $letters[$_] => $_ } 0 .. 63;
            my $flipped = $token;
            substr $flipped, $at, 1, $letters[$value{ substr $token, $at, 1 } ^ 1 << $bit];
            my $reply = visit($gw, "/e/c/$flipped?$query", agent => $PERSON);
            is_gone($reply, "letter $at, bit $bit") if $reply->{bytes} ne $gone->{bytes};
        }
    }
    my $escape = sub { $_[0] =~ s/([^A-Za-z0-9._~-])/sprintf '%%%02X', ord $1/ger };
    for my $url ('https://evil.example/', 'javascript:alert(1)', 'data:text/html,x', '//evil.example', 'https:evil.example', '\\\\evil.example',
        "https://shop.example/\r\nSet-Cookie: a=b", 'https://shop.example/', $target . 'x', substr($target, 0, -1), '', 'x' x 7000) {
        is_gone(visit($gw, "/e/c/$token?u=" . $escape->($url), agent => $PERSON), 'its token with ' . substr $url, 0, 30);
        my $signed = token_of($gw, c => $account->{account_id}, $id, 1, $url);
        is_gone(visit($gw, "/e/c/$signed?u=" . $escape->($url), agent => $PERSON), '... even were it signed')
            if $url !~ m{^https://(?:shop|evil)\.example/[^\r\n]*\z};
    }
    is_gone(visit($gw, $_, agent => $PERSON), substr $_, -30) for "/e/c/$token", "/e/c/$token?", "/e/c/$token?u", "/e/c/$token?u=%", "/e/c/$token?u=%00",
        "/e/c/$token?v=1", "/e/c/$token=?$query", "/e/c/" . substr($token, 0, -1) . "?$query", "/e/c/${token}A?$query", "/e/c/$token/?$query",
        "/e/u/$token?$query", link_to($gw, o => $account->{account_id}, $id, 1) =~ s{/o/}{/c/}r . "?$query",
        "/e/c/" . token_of($gw, c => $other->{account_id}, $id, 1, $target) =~ s/.{22}\z//r . substr($token, -22) . "?$query";
    is(scalar @{ tracked($gw, $id) }, $count, 'nobody is told of any');
    srand 7;
    for (1 .. 5000 / 50) {
        my $bytes = $gw->raw(join '', map { my $guess = substr($token, 0, 35) . join '', map { ('A' .. 'Z', 'a' .. 'z', 0 .. 9)[ rand 62 ] } 1 .. 21;
            "GET /e/c/$guess?$query HTTP/1.1\r\nHost: localhost\r\n" . ($_ < 50 ? '' : "Connection: close\r\n") . "\r\n" } 1 .. 50);
        my @statuses = $bytes =~ m{^HTTP/1\.1 (\d+)}mg;
        my @lengths = $bytes =~ m{^Content-Length: (\d+)}mg;
        is("@statuses|@lengths", join('|', "404 " x 49 . 404, join ' ', ($gone->{headers}{'content-length'}) x 50), 'guesses') if grep { $_ != 404 } @statuses;
    }
    is(scalar @{ tracked($gw, $id) }, $count, '5,000 guesses lead nowhere');
};

subtest 'a mail that is gone' => sub {
    my $gone_id = '01980000-0000-7000-8000-000000000001';
    is(visit($gw, link_to($gw, c => $account->{account_id}, $gone_id, 1, $target), agent => $PERSON)->{headers}{location}, $target, 'a click leads on');
    is(visit($gw, link_to($gw, o => $account->{account_id}, $gone_id, 1), agent => $PERSON)->{body}, $PIXEL, 'the image is there');
    is(visit($gw, link_to($gw, c => $account->{account_id}, $id, 9, $target), agent => $PERSON)->{status}, 302, 'a recipient who never was');
    is($gw->sql("SELECT count(*) FROM emailgw.event WHERE message_id = '$gone_id' OR recipient_no = 9"), 0, 'nobody is told');
};

subtest 'persons and machines' => sub {
    my $mail = sent_mail($gw, $account, Tags => ['news']);
    my @links = map { link_to($gw, $_->[0] => $account->{account_id}, $mail, 1, @$_[1 .. $#$_]) } ['o'], [ c => $target ];
    visit($gw, $_, agent => 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)') for @links;
    visit($gw, $_) for @links; # without a User-Agent
    is_deeply([ map { $_->[2] } @{ tracked($gw, $mail) } ], [ ('true') x 4 ], 'bots');
    delivered_before($gw, $mail, 1);
    visit($gw, $_, agent => $PERSON) for @links;
    is_deeply([ map { $_->[2] } @{ tracked($gw, $mail) }[4, 5] ], [ 'true', 'true' ], 'who is faster than a reader');
    delivered_before($gw, $mail, 3);
    visit($gw, $_, agent => $PERSON) for @links, @links;
    is_deeply([ map { $_->[2] } @{ tracked($gw, $mail) }[6 .. 9] ], [ ('false') x 4 ], 'a person');
    visit($gw, $links[0], agent => 'Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)');
    is(tracked($gw, $mail)->[-1][2], 'false', 'the proxy of one');
};

subtest 'many at once' => sub {
    my $mail = sent_mail($gw, $account, Tags => ['news'], To => [ map { { email => "p$_\@example.org", name => '' } } 1 .. 3 ]);
    my @links = map { my $no = $_; map { link_to($gw, $_->[0] => $account->{account_id}, $mail, $no, @$_[1 .. $#$_]) } ['o'], [ c => $target ] } 1 .. 3;
    my @processes = map {
        my $pid = fork() // die "fork: $!\n";
        if ($pid == 0) {
            my @bad = grep { visit($gw, $links[$_ % 6], agent => $PERSON)->{status} !~ /^(?:200|302)\z/ } 1 .. 60;
            POSIX::_exit(@bad ? 1 : 0);
        }
        $pid;
    } 1 .. 6;
    is_deeply([ map { waitpid $_, 0; $? } @processes ], [ (0) x 6 ], 'all are answered');
    is_deeply([ map { [ @$_[0, 1] ] } $gw->sql("SELECT type, count(*) FROM emailgw.event WHERE message_id = '$mail' AND type > 6 GROUP BY type ORDER BY type") ],
        [ [ 7, 180 ], [ 8, 180 ] ], '... each is an event');
    is($gw->sql("SELECT count(*) FROM emailgw.recipient WHERE message_id = '$mail' AND opened_at IS NOT NULL AND clicked_at IS NOT NULL"), 3, 'of three persons');
};

subtest 'without end' => sub {
    my $mail = sent_mail($gw, $account);
    my @links = map { link_to($gw, $_->[0] => $account->{account_id}, $mail, 1, @$_[1 .. $#$_]) } ['o'], [ c => $target ];
    $gw->sql("UPDATE emailgw.recipient SET opens = 399, clicks = 399 WHERE message_id = '$mail'");
    is_deeply([ map { visit($gw, $_, agent => $PERSON)->{status} } @links, @links, @links ], [ (200, 302) x 3 ], 'all are answered');
    is_deeply([ map { $_->[0] } @{ tracked($gw, $mail) } ], [ 7, 8 ], '... one more of each is an event');
};

subtest 'DomainStats' => sub {
    my $stats = $gw->api('EmailGateway.DomainStats', as => $account, DomainID => $account->{domain_id})->{json}{Stats};
    my ($counts) = $gw->sql("SELECT count(*) FILTER (WHERE type = 7), count(*) FILTER (WHERE type = 8),
        count(DISTINCT (message_id, recipient_no)) FILTER (WHERE type = 7 AND detail ->> 'machine' = 'false'),
        count(DISTINCT (message_id, recipient_no)) FILTER (WHERE type = 8 AND detail ->> 'machine' = 'false')
        FROM emailgw.event WHERE account_id = $account->{account_id}");
    is_deeply([ @{$stats}{qw(Opened Clicked UniqueOpened UniqueClicked)} ], $counts, 'what the events say');
    cmp_ok($counts->[2], '>', 1, '... of more than one');
    is($stats->{UniqueOpened} < $stats->{Opened} && $stats->{UniqueClicked} < $stats->{Clicked}, 1, '... and fewer persons than opens and clicks');
};

subtest 'another account\'s virtual host' => sub {
    my $httpd = EmailGW::Httpd->start($gw, sub { $_[0] =~ s/^( *EmailGatewayEngine On)/$1\nEmailGatewayAccount $other->{account_id}/mg });
    is($httpd->state, 'runs', 'one') or diag($httpd->log);
    my $count = @{ tracked($gw, $id) };
    is(visit($gw, $click, agent => $PERSON, at => $httpd->address)->{status}, 404, 'a click');
    is(visit($gw, $open, agent => $PERSON, at => $httpd->address)->{body}, $PIXEL, 'an open');
    is(scalar @{ tracked($gw, $id) }, $count, '... nobody is told');
    is(visit($gw, link_to($gw, c => $other->{account_id}, $id, 1, $target), agent => $PERSON, at => $httpd->address)->{status}, 302, 'its own');
    $httpd->stop;
};

subtest 'where it is answered' => sub {
    my $dir = site_dir();
    put($dir, 'html/e/o/index.html', 'the site');
    put($dir, 'html/mail/e/x.html', 'the site');
    my $httpd = EmailGW::Httpd->start($gw, sub {
        $_[0] .= vhost('moved.test', "$dir/html", 'EmailGatewayEngine On', 'EmailGateway On', 'EmailGatewayTrackingPath /mail/e')
            . vhost('off.test', "$dir/html", 'EmailGatewayEngine On', "EmailGateway On\n<Location /e>\nEmailGateway Off\n</Location>")
            . vhost('no.test', "$dir/html", 'EmailGateway On');
    });
    is($httpd->state, 'runs', 'it starts') or diag($httpd->log);
    my $at = sub { visit($gw, $_[1], agent => $PERSON, at => $httpd->address, host => $_[0]) };
    is($at->('moved.test', "/mail$click")->{headers}{location}, $target, 'EmailGatewayTrackingPath');
    is($at->('moved.test', $click)->{status}, 404, '... and nowhere else');
    unlike($at->('moved.test', $click)->{body}, qr/not valid/, '... there it is the site\'s');
    is($at->('moved.test', '/mail/e/x.html')->{body}, 'the site', '... as are other paths below it');
    is($at->('off.test', '/e/o/')->{body}, 'the site', 'EmailGateway Off takes it away');
    is($at->('no.test', '/e/o/')->{body}, 'the site', 'so does an engine that is off');
    is($at->('no.test', $open)->{status}, 404, '... for links, too');
    $httpd->stop;
    for my $bad ('e', '/', '/e/', '/a b', '/e?x', '/../e', '//e', '/' . 'x' x 200) {
        my $refused = EmailGW::Httpd->start($gw, sub { $_[0] .= "EmailGatewayTrackingPath \"$bad\"\n" });
        isnt($refused->state, 'runs', "EmailGatewayTrackingPath $bad is refused");
        like($refused->log, qr/EmailGatewayTrackingPath takes a path/, '... with words');
        $refused->stop;
    }
};
$gw->log_clean;
done_testing;
