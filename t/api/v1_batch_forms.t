# POST /api/v1/email/batch and /api/v1/email as a form whose texts are JSON: they have a bound together, and what is
# made of those of refused mails does not pile up.
use EmailGW;
use EmailGW::Memory;
use JSON::PP ();

my $gw = EmailGW->up(RATE => 'off', HTTPD_CONF => \"StartServers 1\nServerLimit 1\nMaxRequestWorkers 25\n");
my $account = $gw->new_account;
my $json = JSON::PP->new->utf8->canonical;
my @structures = qw(TemplateData From To CC BCC ReplyTo Headers Attachments Tags);
my $heavy = objects(24_990); # 75 KB of 50,000 values, the most of one mail, which become 6 MB

# A text of 2 * $_[0] + 1 values, the most expensive ones.
sub objects { return '[' . join(',', ('{}') x $_[0]) . ']' }

# A mail whose structures are texts.
sub mail {
    my (%with) = @_;
    my $mail = JSON::PP::decode_json($gw->mail_body(as => $account));
    return { (map { $_ => ref $mail->{$_} ? $json->encode($mail->{$_}) : $mail->{$_} } keys %$mail), %with };
}

sub post {
    my ($path, $body) = @_;
    return $gw->call('POST', $path, { key => $account->{key}, type => 'application/x-www-form-urlencoded', body => $body });
}

# No & or % is in these mails: they need no encoding.
sub send_batch { return post('/api/v1/email/batch', 'Messages=' . $json->encode([ @_ ])) }

sub codes { return join ',', map { $_->{Code} } @{ $_[0]{Errors} // [] } }
sub results { return join ' ', map { $_->{MessageID} ? 'id' : codes($_) } @{ ($_[0]{json} // {})->{Results} // [] } }

# A sanitizer's own memory is many times that.
sub bounded {
    my ($took, $allowed, $what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    cmp_ok($took, '<', $allowed, "memory: $what need $took KB") if !$ENV{EG_SAN};
}

my $refused = '3,18,21,24,28,101,102,104'; # each structure is not what it must be

subtest 'a batch' => sub {
    is(results(send_batch(mail())), 'id', 'texts are read');
    my $before = $gw->ledger($account);
    my $reply;
    my $took = memory_for($gw, sub { $reply = send_batch((mail(map { $_ => $heavy } @structures)) x 10) });
    is(results($reply), join(' ', ($refused) x 10), 'mails of nine heavy texts are refused');
    is($gw->ledger($account), $before, '... and nothing is queued');
    bounded($took, 60_000, 'ninety heavy texts');
};

subtest 'its texts share what it may have' => sub {
    my $heavier = objects(24_000);
    my $reply;
    my $took = memory_for($gw, sub { $reply = send_batch((mail(To => $heavier)) x 12, mail()) });
    is(results($reply), join(' ', ('20') x 10, ('18') x 2, 'id'), 'ten of 48,000 values are read, no more');
    bounded($took, 30_000, 'twelve mails of one heavy text, of which a few are held at a time,');
    is(results(send_batch(mail(To => $heavier, CC => objects(2_000)), mail())), '20,21 id', 'a mail has what a mail alone has');
};

subtest 'a mail alone' => sub {
    my $reply;
    my $took = memory_for($gw, sub { $reply = post('/api/v1/email', join '&', 'Subject=S', 'ContentType=plain', 'PlainContent=P', map { "$_=$heavy" } @structures) });
    is("$reply->{status} " . codes($reply->{json} // {}), "422 $refused", 'of nine heavy texts is refused');
    bounded($took, 20_000, 'nine heavy texts');
};

$gw->log_clean;
done_testing;
