# POST /api/v1/email with TemplateID: which texts are filled in, from what, and what its values cannot become.
use EmailGW;
use EmailGW::Templates;
use JSON::PP ();

my $gw = EmailGW->up;
my $account = $gw->new_account;
my $other = $gw->new_account;
my ($both, $html, $plain, $theirs) = templates($gw, $account, $other);

# Only From and To, unless said otherwise.
sub send_it {
    my (%with) = @_;
    return $gw->send_mail(as => $account, bare(%with));
}

sub codes { return "$_[0]{status}: " . join ' ', map { $_->{Code} } @{ $_[0]{json}{Errors} // [] } }

# "subject|html|plain": what a mail has become.
sub texts {
    my ($reply) = @_;
    my $id = $reply->{json}{MessageID} // return codes($reply) . $reply->{body};
    return stored($gw, $id) =~ s/ \d+\z//r;
}

subtest 'filled in' => sub {
    is(texts(send_it(TemplateID => $both, TemplateData => { code => '<1>', deep => { er => 7 } })),
        'Hi Ann|<p>Ann: &lt;1&gt; <1> {{unsubscribe}}|ann@example.org: <1> 7 .', 'all three texts');
    is(texts(send_it(TemplateID => "$both")), 'Hi Ann|<p>Ann:   {{unsubscribe}}|ann@example.org:   .', 'without data: what is missing is empty');
    is(texts(send_it(TemplateID => $html, TemplateData => { name => 'Data' })), 'H|<b>Data|-', 'TemplateData comes before the recipient');
    is(texts(send_it(TemplateID => $html, To => [ map { { email => "$_\@example.org", name => uc } } 'a' .. 'c' ])), 'H|<b>A|-',
        'of several recipients, the first');
    is($gw->sql("SELECT size_bytes FROM emailgw.message WHERE message_id = '"
        . send_it(TemplateID => $html, Attachments => [ { filename => 'a', content => 'YWJj', type => 'text/plain' } ])->{json}{MessageID} . "'"),
        9, 'its size is that of what it became');
    my $form = $gw->call('POST', '/api/v1/email', { key => $account->{key}, form => { 'From[email]' => "a\@$account->{domain}", 'From[name]' => '',
        'To[0][email]' => 'ann@example.org', 'To[0][name]' => 'Ann', TemplateID => $plain, 'TemplateData[subject]' => 'form' } });
    is(texts($form), 'form|-|P Ann', 'from a form');
};

subtest 'what is given comes before the template' => sub {
    is(texts(send_it(TemplateID => $both, Subject => 'My {{ name }}')), 'My Ann|<p>Ann:   {{unsubscribe}}|ann@example.org:   .', 'Subject');
    is(texts(send_it(TemplateID => $both, HtmlContent => '<i>{{ name }}')), 'Hi Ann|<i>Ann|ann@example.org:   .', 'HtmlContent');
    is(texts(send_it(TemplateID => $plain, HtmlContent => '<i>', TemplateData => { subject => 's' })), 's|<i>|P Ann', '... beside the template\'s');
    is(texts(send_it(TemplateID => $both, ContentType => 'plain')), 'Hi Ann|-|ann@example.org:   .', 'ContentType plain');
    is(texts(send_it(TemplateID => $both, ContentType => 'HTML')), 'Hi Ann|<p>Ann:   {{unsubscribe}}|ann@example.org:   .', 'html');
    is(texts(send_it(TemplateID => $html, ContentType => 'multipart', PlainContent => 'p')), 'H|<b>Ann|p', 'multipart');
    is(texts($gw->send_mail(as => $account, PlainContent => '{{ name }} {{', Subject => '{{x}}')), '{{x}}|-|{{ name }} {{', 'without TemplateID nothing is filled in');
};

subtest 'what values cannot become' => sub {
    my $evil = "x\r\nBcc: evil\@example.net\x{2028}<script>alert(1)</script>{{unsubscribe}}";
    my $reply = send_it(TemplateID => $both, TemplateData => { name => $evil, code => $evil });
    is($reply->{status}, 200, 'taken') or diag($reply->{body});
    my $texts = texts($reply);
    like($texts, qr/\AHi x  Bcc: evil\@example\.net <script>/, 'the subject is one line');
    unlike($texts =~ s/\A[^|]*\|//r =~ s/ x\r\n.*//sr, qr/<script|\{\{unsubscribe/, 'HTML has its text, no more');
    $gw->wait_for(sub { $gw->outbox($reply->{json}{MessageID}) }, 10, 'the mail');
    my ($mail) = $gw->outbox($reply->{json}{MessageID});
    my ($header) = split /\r?\n\r?\n/, $mail->{raw}, 2;
    unlike($header, qr/^Bcc:/mi, 'no field more');
    is($mail->{to}, 'ann@example.org', 'no recipient more');
    is(length(($gw->sql("SELECT m.subject FROM emailgw.message AS m WHERE message_id = '"
        . send_it(TemplateID => $plain, TemplateData => { subject => 'x' x 5000 })->{json}{MessageID} . "'"))[0][0]), 998, 'a subject is cut');
    is(texts(send_it(TemplateID => $plain, TemplateData => { subject => [ 1 ], name => undef })), '|-|P Ann', 'an array is nothing, null is missing');
};

subtest 'errors' => sub {
    my $before = $gw->ledger($account);
    for my $case ([ '15', TemplateID => 999999999 ], [ '15', TemplateID => 'x' ], [ '15', TemplateID => [ $both ] ], [ '15', TemplateID => $theirs ],
        [ '132', TemplateID => $both, TemplateData => 'x' ], [ '132', TemplateID => $both, TemplateData => [ 1 ] ],
        [ '132', TemplateID => $both, TemplateData => { x => 'y' x 70_000 } ], [ '8', TemplateID => $both, Subject => '{{ open' ],
        [ '10', TemplateID => $both, HtmlContent => '{{#if}}' ], [ '11', TemplateID => $both, PlainContent => '{{' ],
        [ '10', TemplateID => $plain, ContentType => 'html' ], [ '10', TemplateID => $plain, ContentType => 'multipart' ],
        [ '11', TemplateID => $html, ContentType => 'plain' ], [ '9', TemplateID => $html, ContentType => 'x' ],
        [ '20', TemplateID => $html, To => undef ], [ '14', TemplateID => $html, To => [ { email => 'gone@example.org', name => '' } ] ]) {
        my ($codes, @with) = @$case;
        $gw->sql("INSERT INTO emailgw.suppression (account_id, address, reason) VALUES ($account->{account_id}, 'gone\@example.org', 'test')")
            if $codes eq '14';
        is(codes(send_it(@with)), "422: $codes", join ' ', $codes, map { ref ? JSON::PP->new->encode($_) : $_ // 'none' } map { substr($_ // '', 0, 40) } @with);
    }
    is(codes(send_it(TemplateID => $html, From => { email => 'x@example.net', name => '' })), '422: 3', 'a foreign From');
    is(codes(send_it(TemplateID => 999999999, From => { email => 'x@example.net', name => '' })), '422: 3', '... alone where there is no such template either');
    is(send_it(TemplateID => $theirs)->{body}, send_it(TemplateID => 999999999)->{body}, 'another account\'s, in the same words');
    is(codes($gw->call('POST', '/api/v1/email', { key => $account->{key} . 'x', json => { TemplateID => $both } })), '401: 13', 'a key that is none comes first');
    my $large = $gw->new_template($account, Subject => 'S', HTMLContent => '{{{ x }}}' x 1000);
    is(codes(send_it(TemplateID => $large, TemplateData => { x => 'y' x 60_000 })), '422: 107', 'a mail that becomes too large');
    is($gw->ledger($account), $before, 'nothing is queued by any of them');
};

subtest 'Idempotency-Key' => sub {
    my $id = $gw->new_template($account, Subject => 'once', PlainContent => 'P');
    my @request = (TemplateID => $id, headers => { 'Idempotency-Key' => 'template' });
    my $first = send_it(@request);
    $gw->api('EmailGateway.DeleteTemplate', as => $account, TemplateID => $id);
    my $again = send_it(@request);
    is($again->{body}, $first->{body}, 'the first answer, also when the template is gone');
    is($again->{headers}{'idempotent-replayed'}, 'true', '... which says so');
    is(codes(send_it(@request, TemplateData => { x => 1 })), '409: 409', 'other data is another request');
    is(codes(send_it(TemplateID => $id)), '422: 15', 'without the key the template is missed');
};

$gw->log_clean;
done_testing;
