# Hostile strings as Subject, display names, tag and header value: each is refused
# by a rule that is written down here, or arrives as it was sent, judged by
# Python's email package and by GET /api/v1/events.
use EmailGW;
use JSON::PP ();

my $gw = EmailGW->up;
my $account = $gw->new_account;
my $json = JSON::PP->new->ascii->allow_nonref;

# Slot => [bytes at most, may it be empty].
my %rule = (subject => [ 998, 0 ], from => [ 320, 1 ], to => [ 320, 1 ], tag => [ 128, 0 ],
    header => [ 16384 - 6 - 9 - 10, 1 ]);

my @own = (
    "x\r\nBcc: evil\@example.net", "x\nBcc: evil\@example.net", "x\rBcc: evil\@example.net",
    "x\r\n\r\n<html>", "x\r\n\tBcc: evil\@example.net",
    "x\0y", "x\x{2028}Bcc: evil\@example.net", "x\x{2029}y", "x\x{85}Bcc: evil\@example.net",
    '=?utf-8?q?x=0d=0aBcc:_e@x?=', '=?utf-8?b?eA0KQmNjOiBlQHg=?=',
    'a =?utf-8?q?b?= c', '=?', '?=', '=?utf-8?q?', '=?x?q?a?= =?x?q?b?=', 'y' x 20_000, 'word ' x 150 . 'end',
    'z' x 300, 'z' x 120, "\x{e9}" x 60, "\x{1F469}\x{200D}\x{1F469}\x{200D}\x{1F467}" x 6,
    "e\x{301}\x{300}", "\x{202E}gpj.exe", "\x{FEFF}bom", "\x{FFFE}\x{FFFF}", "\x{10FFFF}", "\x{200B}",
    "\x{3000}x\x{3000}", "\x{A0}", ' ', '   ', ' leading', 'trailing ', 'two  spaces', "tab\there",
    "\x01\x02", "\e[31mred\e[0m", "\x7f", "\x08\x08\x08", '"', '\\', '\\"', '"quoted"', "'", '(comment)', '(',
    '<evil@example.net>', 'a <b@c.example>, d', 'a,b;c:d', 'group: a@b.example;', '@', '.', '..', 'a.b',
    '$$', '$1', '{{ field }}', '%s%n%x', '{"a": 1}', '["a"]', '{a,b}', '{}', 'NULL', '\\N', '\\x41',
    "';DROP TABLE message;--", 'a' . "\x{1F680}" . 'b c', "\x{df}" x 100,
);
my @strings = @own;
my ($file) = map { "$_/naughty-strings/blns.json" } $ENV{EG_CORPORA} // ();
if (defined $file) {
    open my $in, '<:raw', $file or die "$file: $!\n";
    push @strings, @{ JSON::PP->new->utf8->decode(do { local $/; <$in> }) };
} else {
    diag('ran without EG_CORPORA: naughty-strings is left out');
}

sub bytes { return length Encode::encode('UTF-8', $_[0]) }

sub may_refuse {
    my ($slot, $text) = @_;
    my ($max, $may_be_empty) = @{ $rule{$slot} };
    return $text =~ /[\r\n\0]/ || bytes($text) > $max || (!length $text && !$may_be_empty);
}

my %posted; # MessageID => {slot => string}

# One mail with a string in these slots.
sub post {
    my ($text, @slots) = @_;
    my %in = map { ($_ => $text) } @slots;
    my $reply = $gw->send_mail(as => $account, Subject => $in{subject} // 'S', Tags => [ $in{tag} // 'T' ],
        From => { email => "sender\@$account->{domain}", name => $in{from} // 'F' },
        To => [ { email => 'r@example.org', name => $in{to} // 'R' } ],
        Headers => { 'X-Test' => $in{header} // 'H' });
    $posted{ $reply->{json}{MessageID} } = \%in if $reply->{status} == 200;
    return $reply;
}

subtest 'each is taken, or refused by a rule' => sub {
    my ($taken, $refused) = (0, 0);
    for my $text (@strings) {
        my $shown = substr $json->encode($text), 0, 60;
        my @slots = sort keys %rule;
        if (!grep { may_refuse($_, $text) } @slots) {
            my $reply = post($text, @slots);
            is($reply->{status}, 200, "taken: $shown") or diag($reply->{body});
            $taken++;
            next;
        }
        is(post($text, @slots)->{status}, $text =~ /\0/ ? 400 : 422, "refused, all at once: $shown");
        for my $slot (@slots) {
            my $reply = post($text, $slot);
            is($reply->{status}, !may_refuse($slot, $text) ? 200 : $text =~ /\0/ ? 400 : 422,
                "alone as $slot: $shown") or diag($reply->{body});
        }
        $refused++;
    }
    is($taken + $refused, @strings, "$taken strings are taken everywhere, $refused are refused somewhere");
    is($gw->sql("SELECT count(*) FROM emailgw.message WHERE account_id = $account->{account_id}"),
        scalar keys %posted, 'what was refused left no row');
};

subtest 'what was taken arrives as it was sent' => sub {
    my @mails = $gw->wait_for(sub { my @found = $gw->mails_of($account); @found >= keys %posted && \@found },
        60, 'all mails');
    @mails = @{ $mails[0] // [] };
    is(@mails, keys %posted, 'a file for each') or return;
    my ($status, $out, $err) = EmailGW::run_command(join("\n", map { $_->{file} } @mails), 'python3',
        "$EmailGW::ROOT/t/data/decode_mails.py");
    is($status, 0, "Python's email package reads them") or return diag($err);
    my $wrong = 0;
    my $return_path = EmailGW::return_path($account->{domain});
    for my $mail (map { $json->decode($_) } split /\n/, $out) {
        my ($id) = $mail->{file} =~ m{([^/]+)-1\.eml\z};
        my $in = $posted{$id} // {};
        my %got = (subject => [ $mail->{values}{subject} ], header => [ $mail->{values}{'x-test'} ],
            from => $mail->{names}{from}[0], to => $mail->{names}{to}[0]);
        my %sent = (subject => 'S', header => 'H', from => 'F', to => 'R', %$in);
        my @bad = grep { my $slot = $_; !grep { defined && $_ eq $sent{$slot} } @{
            $got{$slot} } } sort keys %got;
        my $fields = join ' ', map { lc } @{ $mail->{fields} };
        push @bad, "fields $fields"
            if $fields !~ /^dkim-signature date from to subject message-id feedback-id x-test mime-version content-type content-transfer-encoding\z/;
        push @bad, "envelope $mail->{envelope}"
            if $mail->{envelope} !~ /\AX-Envelope: <$return_path> <r\@example\.org>\z/;
        push @bad, "addresses"
            if "@{ $mail->{addresses}{from} } @{ $mail->{addresses}{to} }" ne "sender\@$account->{domain} r\@example.org";
        push @bad, 'content' if @{ $mail->{parts} } != 1 || $mail->{parts}[0]{content} ne "Hello.\n"
            && $mail->{parts}[0]{content} ne "Hello.\r\n";
        push @bad, @{ $mail->{defects} };
        next if !@bad;
        $wrong++;
        fail("mail $id: @bad");
        diag(map { ref $got{$_} ? "$_: sent " . $json->encode($sent{$_}) . ', got ' . $json->encode($got{$_})
            . "\n" : () } @bad);
    }
    is($wrong, 0, keys(%posted) . ' mails are as they were sent');
};

subtest 'tags in GET /api/v1/events' => sub {
    my (%tags, $total);
    for (my $start = 0; !defined $total || $start < $total; $start += 100) {
        my $reply = $gw->call('GET', '/api/v1/events', { key => $account->{key},
            query => { Event => 'send', StartFrom => $start, RetrieveCount => 100 } });
        $total = $reply->{json}{TotalRecords} // last;
        $tags{ $_->{MessageId} } = $_->{Tags} for @{ $reply->{json}{Events} };
    }
    is($total, scalar keys %posted, 'an event for each mail');
    my @wrong = grep { $json->encode($tags{$_}) ne $json->encode([ $posted{$_}{tag}
        // 'T' ]) } sort keys %posted;
    is(scalar @wrong, 0, 'each tag is as it was sent') or diag(map {
        $json->encode([ $posted{$_}{tag}, $tags{$_} ]) . "\n" } @wrong);
};

$gw->log_clean;
done_testing;
