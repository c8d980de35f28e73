# isemail's test set as recipients, over HTTP: what it calls an error is refused,
# what is taken is stored as it was given, and each disagreement has its reason in
# the one table of them (t/unit/mailbox_test.c).
use EmailGW;
use JSON::PP ();

my $gw = EmailGW->up;
my $account = $gw->new_account;
my $json = JSON::PP->new->ascii->allow_nonref;

my ($file) = map { "$_/address-isemail/tests.xml" } $ENV{EG_CORPORA} // ();
if (!defined $file) {
    diag('ran without EG_CORPORA: address-isemail is left out');
    pass('without it');
    done_testing;
    exit;
}

# Rows of differences[]: { "CATEGORY", "DIAGNOSIS" or NULL, "why" }; the first that fits stands.
my $table = read_text("$EmailGW::ROOT/t/unit/mailbox_test.c") =~ /\bdifferences\[\] = \{\n(.*?)\n\};/s ? $1
    : die "no table of differences\n";
my @differences = map { [ $_->[0], $_->[1] =~ /"(.*)"/ ? $1 : undef, $_->[2] ] }
    map { [ /\{ "(\w+)", (NULL|"\w+"), "([^"]+)" \}/ ] } grep { /\S/ } split /\n/, $table;
cmp_ok(scalar(grep { defined $_->[2] } @differences), '>', 5, 'there are reasons');

my (@tests, %count, %why, %seen);
for my $test (read_text($file) =~ m{<test id=.*?</test>}sg) {
    my %of = map { my ($text) = $test =~ m{<$_>(.*?)</$_>}s; ($_ => unescape($text
        // '')) } qw(address category diagnosis);
    s/\AISEMAIL_// for @of{qw(category diagnosis)};
    push @tests, \%of;
}
cmp_ok(scalar @tests, '>', 150, scalar(@tests) . ' tests in address-isemail');

my $rows = 0;
for my $test (@tests) {
    my ($address, $category, $diagnosis) = @$test{qw(address category diagnosis)};
    my $shown = $json->encode($address) . " ($diagnosis)";
    my $reply = $gw->send_mail(as => $account, To => [ { email => $address, name => '' } ]);
    if ($reply->{status} == 200) {
        $rows++;
        isnt($category, 'ERR', "taken: $shown");
        my ($local, $domain) = $address =~ /\A(.*)\@(.*)\z/s;
        my @stored = $gw->sql("SELECT email FROM emailgw.recipient WHERE account_id = $account->{account_id} AND message_id = '$reply->{json}{MessageID}'");
        is_deeply([ map { Encode::decode('UTF-8', $_->[0]) } @stored ], [ "$local\@\L$domain" ],
            "stored: $shown");
        $seen{ $reply->{json}{MessageID} } = "$local\@\L$domain";
        $count{agreed}++;
        next;
    }
    my $codes = "$reply->{status} " . join ' ', map { $_->{Code} } @{ $reply->{json}{Errors} };
    is($codes, $address eq '' ? '422 18' : $address =~ /\0/ ? '400 400' : '422 19', "refused: $shown");
    if ($category eq 'ERR') {
        $count{agreed}++;
        next;
    }
    my ($row) = grep { $_->[0] eq $category && (!defined $_->[1] || $_->[1] eq $diagnosis) } @differences;
    ok($row && ($diagnosis ne 'VALID' || $address !~ /\@.*\./s), "the refusal of $shown has a reason")
        or next;
    push @{ $why{$category}{ $row->[2] } }, $shown;
    $count{differ}++;
}
for my $category (sort keys %why) {
    note("$category: $_", map { "\n    $_" } @{ $why{$category}{$_} }) for sort keys %{ $why{$category} };
}
note("$count{agreed} of @{[ scalar @tests ]} agree, $count{differ} are refused for a reason");
is($gw->sql("SELECT count(*) FROM emailgw.message WHERE account_id = $account->{account_id}"), $rows,
    'what is refused leaves no row');

$gw->wait_for(sub { $rows == $gw->mails_of($account) }, 10, 'all mails');
for my $mail ($gw->mails_of($account)) {
    my ($id) = $mail->{file} =~ m{([^/]+)-1\.eml\z};
    is(Encode::decode('UTF-8', $mail->{to}), $seen{$id} // 'none', "the envelope of $id");
}

subtest 'international domains are stored as A-labels, letters of the local part stay' => sub {
    for my $case ([ "Ann\@B\x{fc}cher.Example", 'Ann@xn--bcher-kva.example' ],
        [ 'ANN@XN--BCHER-KVA.example', 'ANN@xn--bcher-kva.example' ],
        [ "\x{7528}\x{6237}\@example.org", "\x{7528}\x{6237}\@example.org" ],
        [ '"a b"@Example.ORG', '"a b"@example.org' ]) {
        my $reply = $gw->send_mail(as => $account, To => { email => $case->[0], name => '' });
        is($reply->{status}, 200, $json->encode($case->[0])) or next;
        is(Encode::decode('UTF-8',
            scalar $gw->sql("SELECT email FROM emailgw.recipient WHERE account_id = $account->{account_id}
            AND message_id = '$reply->{json}{MessageID}'")), $case->[1], $json->encode($case->[1]));
    }
};
$gw->log_clean;
done_testing;

sub read_text {
    my ($path) = @_;
    open my $in, '<:encoding(UTF-8)', $path or die "$path: $!\n";
    return do { local $/; <$in> };
}

# XML's entities; the set writes control characters as their pictures, U+2400 and on.
sub unescape {
    my ($text) = @_;
    my %named = (amp => '&', lt => '<', gt => '>', quot => '"', apos => "'");
    $text =~ s/&(?:#x([0-9A-Fa-f]+)|#(\d+)|(\w+));/defined $1 ? chr hex $1 : defined $2 ? chr $2 : $named{$3}/ge;
    $text =~ s/([\x{2400}-\x{243F}])/chr(ord($1) - 0x2400)/ge;
    return $text;
}
