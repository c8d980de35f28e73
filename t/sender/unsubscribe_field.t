# List-Unsubscribe and List-Unsubscribe-Post: a URL of the recipient's own in each copy
# of a mail, signed, that does what RFC 8058 says.
use EmailGW;
use EmailGW::DkimVerifiers;
use EmailGW::Links;
use EmailGW::Sink;
use MIME::Base64 qw(encode_base64);

my $sink = EmailGW::Sink->start;
my $gw = EmailGW->up(RATE => 'off', TRANSPORT => $sink->transport, SENDER_CONF => \"poll = 20ms\nretry = 300ms\n");
my $account = { domain => $gw->env('DOMAIN'), key => $gw->env('SENDER_KEY'), domain_id => $gw->env('DOMAIN_ID') };
my $key = $gw->sql("SELECT dkim_selector || '._domainkey.' || name || ' ' || dkim_record FROM emailgw.domain");
my $verifiers = EmailGW::DkimVerifiers->new($gw, $key);

sub set {
    my (%value) = @_;
    my $reply = $gw->call('POST', '/api.php', { json => { Command => 'EmailGateway.UpdateDomain', APIKey => $gw->env('ACCOUNT_API_KEY'),
        DomainID => $gw->env('DOMAIN_ID'), %value } });
    is($reply->{json}{ErrorCode}, 0, join ', ', map { "$_ $value{$_}" } sort keys %value) or diag($reply->{body});
}

# A mail's copies by their recipients: [body, List-Unsubscribe's URL].
sub copies {
    my (%mail) = @_;
    my $to = delete $mail{To} // [ 'ann@example.org', 'bob@example.net' ];
    my $id = $gw->send_mail(as => $account, To => [ map { { email => $_, name => '' } } @$to ], %mail)->{json}{MessageID} // die "not taken\n";
    $gw->wait_for(sub { @$to == grep { $_->{id} eq $id } $sink->messages }, 60, 'all copies');
    return { id => $id, map { ($_->{to} => [ $_->{body}, url_of($_->{body}) ]) } grep { $_->{id} eq $id } $sink->messages };
}

sub header_of { return ((split /\r\n\r\n/, $_[0], 2)[0] . "\r\n") =~ s/\r\n(?=[ \t])//gr }
sub url_of { return header_of($_[0]) =~ /^List-Unsubscribe: <(.*)>\r$/m ? $1 : undef }
sub fields { return join ' ', map { lc } header_of($_[0]) =~ /^(List-[\w-]+):/mg }

subtest 'off' => sub {
    set(TrackingBaseURL => 'https://links.example.net/mail');
    my $copies = copies();
    is(fields($copies->{'ann@example.org'}[0]), '', 'neither field');
    is($copies->{'ann@example.org'}[0], $copies->{'bob@example.net'}[0], 'all recipients share one message');
    $copies = copies(Headers => { 'List-Unsubscribe' => '<https://client.example/u>' });
    is($copies->{'ann@example.org'}[1], 'https://client.example/u', 'the client\'s own is sent as it is');
    is(fields($copies->{'ann@example.org'}[0]), 'list-unsubscribe', '... alone');
};

subtest 'on' => sub {
    set(UnsubscribeLink => 1);
    my $copies = copies();
    my ($ann, $bob) = map { $copies->{$_} } 'ann@example.org', 'bob@example.net';
    my $account_id = $gw->sql('SELECT account_id FROM emailgw.domain');
    for my $no (1, 2) {
        my $copy = ($ann, $bob)[$no - 1];
        is(fields($copy->[0]), 'list-unsubscribe list-unsubscribe-post', "recipient $no: both fields, once");
        like(header_of($copy->[0]), qr/^List-Unsubscribe-Post: List-Unsubscribe=One-Click\r$/m, '... as RFC 8058 has it');
        is($copy->[1], 'https://links.example.net/mail' . link_to($gw, u => $account_id, $copies->{id}, $no), '... with a link of their own');
        my ($signed) = header_of($copy->[0]) =~ /^DKIM-Signature:.*?\bh=([^;]*)/m;
        is(scalar(() = $signed =~ /\bList-Unsubscribe(?![\w-])/gi), 2, '... signed, so that no other can be added');
        is(scalar(() = $signed =~ /\bList-Unsubscribe-Post\b/gi), 2, '... both of them');
        unlike($copy->[0], qr/[^\r\n]{999}/, '... in lines that are short enough');
    }
    is_deeply([ $verifiers->opendkim($ann->[0], $bob->[0]) ], [ 1, 1 ], 'OpenDKIM verifies them');
    is_deeply([ $verifiers->dkimpy($ann->[0], $bob->[0]) ], [ 1, 1 ], 'so does dkimpy');
    is_deeply([ $verifiers->opendkim($ann->[0] =~ s/(List-Unsubscribe: <\S+)..>/$1xx>/r) ], [0], '... not with another link');
    my ($path) = $ann->[1] =~ m{^https://[^/]+/mail(/.*)};
    my $reply = visit($gw, $path, method => 'POST', body => 'List-Unsubscribe=One-Click', headers => { 'Content-Type' => 'application/x-www-form-urlencoded' });
    is($reply->{status}, 200, 'what is posted there is done');
    is(join(' ', map { "@$_" } $gw->sql('SELECT address, reason FROM emailgw.suppression')), 'ann@example.org unsubscribe', '... for that recipient');
    my $refused = $gw->send_mail(as => $account, Headers => { 'List-Unsubscribe' => '<https://client.example/u>' });
    is($refused->{status}, 422, 'a client\'s own is refused by now');
    $gw->sql('DELETE FROM emailgw.suppression');
};

subtest 'switched on while a mail waits' => sub {
    set(UnsubscribeLink => 0);
    my $id = $gw->send_mail(as => $account, SendAt => time + 2, Headers => { 'List-Unsubscribe' => '<https://client.example/u>' })->{json}{MessageID};
    set(UnsubscribeLink => 1);
    $gw->wait_for(sub { grep { $_->{id} eq $id } $sink->messages }, 20, 'it');
    my ($mail) = grep { $_->{id} eq $id } $sink->messages;
    is(url_of($mail->{body}), 'https://client.example/u', 'the client\'s own stays');
    is(fields($mail->{body}), 'list-unsubscribe', '... alone');
};

subtest 'without https' => sub {
    set(TrackingBaseURL => 'http://links.example.net');
    is(fields(copies()->{'ann@example.org'}[0]), '', 'neither field: no mail program would post there');
    set(TrackingBaseURL => '');
    my $copies = copies();
    is(fields($copies->{'ann@example.org'}[0]), '', 'without a URL to begin with there is none');
    is($copies->{'ann@example.org'}[0], $copies->{'bob@example.net'}[0], '... and all share one message');
};

subtest 'large copies' => sub {
    set(TrackingBaseURL => 'https://links.example.net');
    my @to = map { "r$_\@example.org" } 1 .. 12;
    my $copies = copies(To => \@to, Attachments => [ { filename => 'a', type => 'application/octet-stream', disposition => 'attachment',
        content => encode_base64("\0" x 900_000, '') } ]);
    my %urls = map { ($copies->{$_}[1] // 'none') => 1 } @to;
    is(scalar keys %urls, 12, 'each has its own, however few there is room for at once');
    is($gw->sql("SELECT count(*) FROM emailgw.recipient WHERE message_id = '$copies->{id}' AND status = 'delivered'"), 12, '... and is delivered');
};
$gw->log_clean;
done_testing;
