# Mails with links of their recipients' own, from POST to the click: what a link of the
# mail leads to is what it was when it was sent, and what is told is told of this recipient.
use EmailGW;
use EmailGW::Links;
use JSON::PP ();

my $gw = EmailGW->up(RATE => 'off');
my $account = $gw->new_account;
my $json = JSON::PP->new->utf8;
my ($python) = grep { -x } map { "$_/python3" } split /:/, $ENV{PATH};
my $base = $gw->env('BASE_URL');

sub set_domain {
    my (%to) = @_;
    my $reply = $gw->api('EmailGateway.UpdateDomain', as => $account, DomainID => $account->{domain_id}, TrackingBaseURL => $base, %to);
    ok($reply->{json}{Success}, join ' ', 'UpdateDomain', map { "$_=$to{$_}" } sort keys %to) or diag($reply->{body});
}

sub accepted {
    my (%mail) = @_;
    my $reply = $gw->send_mail(as => $account, %mail);
    return $reply->{json}{MessageID} // die "not taken: $reply->{body}\n";
}

# What the outbox has for each recipient, taken apart: by address.
sub mails {
    my ($id) = @_;
    $gw->wait_for(sub { !$gw->sql("SELECT count(*) FROM emailgw.queue WHERE message_id = '$id'") }, 20, 'delivery');
    my @files = sort glob $gw->env('OUTBOX') . "/$id-*.eml";
    my %mail;
    for my $file (@files) {
        open my $in, '<', $file or die "$file: $!\n";
        my ($to) = <$in> =~ /<([^>]*)>\r?\n\z/;
        $mail{$to} = parsed($file);
    }
    return \%mail;
}

sub parsed {
    my ($file) = @_;
    open my $out, '-|', $python, 't/sender/mail_links.py', $file or die "python3: $!\n";
    return $json->decode(join '', <$out>);
}

sub path_of { return $_[0] =~ s/\A\Q$base\E//r }

# Where a tracked link leads.
sub leads_to {
    my ($url) = @_;
    return "untracked: $url" if $url !~ m{\A\Q$base\E/e/c/};
    my $reply = visit($gw, path_of($url), agent => $PERSON);
    my $location = $reply->{headers}{location} // "status $reply->{status}";
    utf8::decode($location);
    return $location;
}

sub set_of {
    my %seen = map { $_ => 1 } @_;
    return [ sort keys %seen ];
}

my $html = <<'END';
<!DOCTYPE html><html><body><p>Dear customer, <a href="https://shop.example/order?a=1&amp;b=2">your order</a>,
<a href='http://shop.example/caf&eacute;'>our café</a>, <a href="mailto:a@shop.example">write</a>, <a href="#top">up</a>
<a class="no-track" href="https://shop.example/reset/secret">reset</a> <img src="https://shop.example/logo.png"></p></body></html>
END
my $plain = "Dear customer,\n\nyour order: https://shop.example/order?a=1&b=2.\n";
my %body = (ContentType => 'multipart', HtmlContent => $html, PlainContent => $plain, To => [ map { { email => $_, name => '' } } qw(ann@example.org bob@example.org) ]);

subtest 'clicks and opens' => sub {
    set_domain(LinkTracking => JSON::PP::true, OpenTracking => JSON::PP::true, UnsubscribeLink => JSON::PP::false);
    my $id = accepted(%body);
    my $mails = mails($id);
    is_deeply([ sort keys %$mails ], [qw(ann@example.org bob@example.org)], 'a mail for each');
    my ($ann, $bob) = @$mails{qw(ann@example.org bob@example.org)};
    is_deeply([ map { leads_to($_) } @{ $ann->{html} } ], [ 'https://shop.example/order?a=1&b=2', "http://shop.example/caf\xe9",
        'untracked: https://shop.example/reset/secret' ], 'the links lead where they led, but that which opted out');
    is_deeply([ map { leads_to($_) } @{ $bob->{plain} } ], ['https://shop.example/order?a=1&b=2'], 'those of the plain text, too')
        or diag(explain($bob->{plain}));
    isnt($ann->{html}[0], $bob->{html}[0], 'to each their own');
    is(scalar @{ $ann->{images} }, 2, 'one image more');
    like($ann->{images}[1], qr{\A\Q$base\E/e/o/}, '... the pixel');
    is(visit($gw, path_of($ann->{images}[1]), agent => $PERSON)->{body}, $PIXEL, '... is there');
    my %told;
    $told{"$_->{EventType} $_->{Recipient}"}++ for $gw->events($id, $account);
    is_deeply([ @told{ 'click ann@example.org', 'click bob@example.org', 'open ann@example.org', 'open bob@example.org' } ], [ 2, 1, 1, undef ],
        'and each is told of who did it') or diag(explain(\%told));
};

subtest 'switches' => sub {
    my $both = sub { my ($mails) = values %{ mails($_[0]) }; return scalar(grep { m{/e/c/} } @{ $mails->{html} }) . scalar(grep { m{/e/o/} } @{ $mails->{images} }) };
    my %to = (%body, To => [ { email => 'ann@example.org', name => '' } ]);
    is($both->(accepted(%to, TrackLinks => JSON::PP::false)), '01', 'TrackLinks false');
    is($both->(accepted(%to, TrackOpens => JSON::PP::false)), '20', 'TrackOpens false');
    set_domain(LinkTracking => JSON::PP::false, OpenTracking => JSON::PP::false);
    my $id = accepted(%to);
    my ($mail) = values %{ mails($id) };
    is($mail->{texts}{html}, $html, 'with both switched off the texts are as they were');
    is($mail->{texts}{txt}, $plain, '... the plain one, too');
    is($both->(accepted(%to, TrackLinks => JSON::PP::true)), '20', 'TrackLinks true');
};

subtest 'unsubscribe' => sub {
    set_domain(LinkTracking => JSON::PP::true, OpenTracking => JSON::PP::false, UnsubscribeLink => JSON::PP::true);
    my ($mail) = values %{ mails(accepted(%body, To => [ { email => 'ann@example.org', name => '' } ])) };
    my ($link) = grep { m{/e/u/} } @{ $mail->{html} };
    like($link, qr{\A\Q$base\E/e/u/}, 'the footer has the link');
    is((grep { m{/e/u/} } @{ $mail->{plain} })[0], $link, '... that of the plain text the same');
    my ($own) = values %{ mails(accepted(%body, To => [ { email => 'ben@example.org', name => '' } ],
        HtmlContent => '<p>No more? {{unsubscribe}}, or <a href="{{unsubscribe}}">here</a></p>', PlainContent => "No more: {{unsubscribe}}\n")) };
    is(scalar(grep { m{/e/u/} } @{ $own->{html} }), 2, '{{unsubscribe}} is in its place');
    unlike($own->{texts}{html}, qr/\{\{/, '... and nothing of it is left');
    like($own->{texts}{txt}, qr{\ANo more: \Q$base\E/e/u/\S+\n\z}, '... without a footer then');
    my $page = visit($gw, path_of($link), agent => $PERSON);
    is($page->{status}, 200, 'it leads to a page');
    is($gw->send_mail(as => $account, To => [ { email => 'ann@example.org', name => '' } ])->{status}, 200, '... that changes nothing');
    is(visit($gw, path_of($link), agent => $PERSON, method => 'POST', body => 'List-Unsubscribe=One-Click',
        headers => { 'Content-Type' => 'application/x-www-form-urlencoded' })->{status}, 200, 'a POST does');
    my $reply = $gw->send_mail(as => $account, To => [ { email => 'ann@example.org', name => '' } ]);
    is($reply->{json}{Errors}[0]{Code}, 14, '... she gets no more') or diag($reply->{body});
};

my $placeholder = qr/\{\{|\{%|%(?![0-9A-Fa-f]{2})[\w.-]+%/;

subtest 'templates of others' => sub {
    my @files = sort map { glob } $ENV{EG_CORPORA} ? map { ("$_/*.html", "$_/*/*.html", "$_/*/*/*.html") } map { "$ENV{EG_CORPORA}/$_" } qw(html-postmark html-sendwithus) : ();
    push @files, sort glob 't/data/rewrite/*.html';
    diag('EG_CORPORA is not set: our own templates alone') if !$ENV{EG_CORPORA};
    set_domain(LinkTracking => JSON::PP::true, OpenTracking => JSON::PP::true, UnsubscribeLink => JSON::PP::false);
    my $count = 0;
    for my $file (@files) {
        open my $in, '<:raw', $file or die "$file: $!\n";
        my $text = do { local $/; <$in> };
        utf8::decode($text) or next;
        my ($mail) = values %{ mails(accepted(ContentType => 'html', HtmlContent => $text, PlainContent => undef)) };
        my @before = grep { !/$placeholder/ } @{ parsed($file)->{html} };
        my @tracked = grep { m{\A\Q$base\E/e/c/} } @{ $mail->{html} };
        my @opted_out = grep { !m{\A\Q$base\E/e/c/} && !/$placeholder/ } @{ $mail->{html} };
        is_deeply(set_of((map { leads_to($_) } @{ set_of(@tracked) }), @opted_out), set_of(@before), "$file: all lead where they led");
        $count += @tracked;
    }
    diag(scalar(@files) . " templates, $count tracked links");
};

done_testing;
