# Signatures of the mails that a server gets, judged by verifiers of others; what
# becomes of mail whose domain has no key that can be used; a stop while mails are signed.
use EmailGW;
use EmailGW::DkimVerifiers;
use EmailGW::Sink;
use MIME::Base64 qw(encode_base64);

my @single = qw(Date From Reply-To To Cc Subject Message-ID Feedback-ID MIME-Version Content-Type
    Content-Transfer-Encoding Content-Disposition DKIM-Signature);
my $sink = EmailGW::Sink->start;
my $gw = EmailGW->up(RATE => 'off', TRANSPORT => $sink->transport, SENDER_CONF => \"poll = 20ms\nretry = 300ms\nsigning_threads = 3\n");
my $key = $gw->sql("SELECT dkim_selector || '._domainkey.' || name || ' ' || dkim_record FROM emailgw.domain");
my $verifiers = EmailGW::DkimVerifiers->new($gw, $key);

sub templates {
    return map { glob "$ENV{EG_CORPORA}/$_" } qw(html-postmark/templates-inlined/*/*.html html-sendwithus/templates/*.html
        html-sendwithus/templates/*/*.html) if $ENV{EG_CORPORA};
    diag('ran without EG_CORPORA: html templates are left out');
    return;
}

sub slurp {
    my ($path) = @_;
    open my $file, '<:encoding(UTF-8)', $path or die "$path: $!\n";
    local $/;
    return scalar <$file>;
}

sub file_of {
    my ($name, $content, $disposition) = @_;
    return { filename => $name, content => encode_base64($content, ''), type => 'application/octet-stream',
        disposition => $disposition // 'attachment', $disposition ? (contentid => 'image@example.com') : () };
}

# Bodies that a canonicalisation can get wrong.
my @bodies = ('', "\n", "\n\n\n", " \n\t\n", 'no end', "end\n", "blanks at ends  \t\n \nnext \n\n\n", "\tfirst\n",
    ".\n..\n.x\n.\n", "a  b\t\tc \t d\n" x 50, ('x' x 2000) . "\n", join(' ', ('word') x 2000), "line\r\nline\r\n\r\n",
    "a\rb\n\rc\r\n", "gr\x{fc}\x{df}e \x{1f680}\n", "\x{feff}\n", "From here\n>From there\n", "=\n=3D\n=20\n", '--', "soft=\n",
    "\x{a0}\x{2028}\x{85}\n", ("\x{65e5}\x{672c}" x 600) . "\n");
my @mails = map { { PlainContent => $_ } } @bodies;
push @mails, map { { ContentType => 'html', HTMLContent => "<p>$_</p>" } } @bodies;
push @mails, map { { ContentType => 'multipart', HTMLContent => "<p>$_</p>", PlainContent => $_ } } @bodies;
push @mails, map { { Subject => $_ } } 'x' x 900, join(' ', ('subject') x 40), "\x{1f680}" x 60, ' two  blanks ', "tab\there", 'a:b';
push @mails, { CC => [ map { { email => "c$_\@example.org", name => "N\x{e4}me $_" } } 1 .. 3 ] },
    { ReplyTo => [ { email => 'reply@example.com', name => 'Reply, to' } ] },
    { From => { email => 'news@sub.example.com', name => 'A subdomain' } },
    { Headers => { 'X-Custom' => "value  with\tblanks ", 'List-Unsubscribe' => '<https://example.com/u>', 'X-Empty' => '' } },
    { Attachments => [ file_of('a.bin', join '', map { chr } 0 .. 255), file_of("\x{fc}.txt", "text\n" x 5000) ] },
    { ContentType => 'html', HTMLContent => '<img src="cid:image@example.com">', Attachments => [ file_of('i.png', "\x89PNG\r\n", 'inline') ] },
    { Attachments => [ file_of('empty', '') ] }, { Attachments => [ file_of('big', "\0" x 300_000) ] };
push @mails, map { { ContentType => 'html', HTMLContent => $_ } } my @templates = map { slurp($_) } templates();
push @mails, map { { ContentType => 'html', HTMLContent => $templates[ $_ % @templates ] =~ s/\n/"\n" x (1 + $_ % 3)/ger =~ s/ /$_ % 2 ? "\t" : '  '/ger } }
    1 .. 200 - @mails if @templates;

my (%sent, @taken);

subtest 'a key for many threads' => sub {
    open my $in, '<', $gw->env('SENDER_CONF') or die "SENDER_CONF: $!\n";
    my $conf = $gw->file('keyring.conf', join '', <$in>);
    my @domain = $gw->sql('SELECT account_id, domain_id, dkim_selector FROM emailgw.domain');
    my ($status, $said) = EmailGW::run_command(undef, "$ENV{EG_BUILD}/t/sender/keyring_ask", $conf, @{ $domain[0] });
    is($said, "key, pool untouched\n", 'the keyring grows in a pool of its own: the one it is given has no lock');
};

subtest 'each verifies' => sub {
    for my $mail (@mails) {
        my $reply = $gw->send_mail(%$mail, exists $mail->{HTMLContent} && !exists $mail->{PlainContent} ? (PlainContent => undef) : ());
        if ($reply->{status} == 200) {
            $sent{ $reply->{json}{MessageID} } = $mail;
        } else {
            note("refused: $reply->{body}");
        }
    }
    cmp_ok(scalar keys %sent, '>=', @mails - 20, scalar(keys %sent) . ' of ' . @mails . ' mails are accepted');
    $gw->wait_for(sub { !$gw->sql('SELECT count(*) FROM emailgw.queue') }, 60, 'an empty queue');
    my %first = map { $_->{id} => $_ } $sink->messages; # of several recipients one
    @taken = map { $first{$_} // () } sort keys %sent;
    is(scalar @taken, scalar keys %sent, 'all are taken');
    my @all = map { $_->{body} } @taken;
    my %by = (opendkim => [ $verifiers->opendkim(@all) ], dkimpy => [ $verifiers->dkimpy(@all) ]);
    for my $name (sort keys %by) {
        my @failed = grep { !$by{$name}[$_] } 0 .. $#all;
        is(scalar @{ $by{$name} }, scalar @all, "$name has judged them all");
        is(scalar @failed, 0, "... and they verify") or diag(substr $all[ $failed[0] ], 0, 2000);
    }
};

subtest 'their form' => sub {
    my @bad;
    for my $mail (@taken) {
        my ($header, $body) = split /(?<=\r\n)\r\n/, $mail->{body}, 2;
        my %count;
        $count{ lc $_ }++ for $header =~ /^([^\s:]+):/mg;
        push @bad, map { "$mail->{id}: $count{lc $_} $_" } grep { ($count{ lc $_ } // 0) > 1 } @single;
        push @bad, map { "$mail->{id}: no $_" } grep { !$count{ lc $_ } } qw(Date From To Subject Message-ID Feedback-ID DKIM-Signature MIME-Version);
        push @bad, "$mail->{id}: a line is too long" if $mail->{body} =~ /[^\r\n]{999}/;
        push @bad, "$mail->{id}: a bare CR or LF" if $mail->{body} =~ /\r(?!\n)|(?<!\r)\n/;
        push @bad, "$mail->{id}: Feedback-ID" if $header !~ /^Feedback-ID: l\d+:d\d+:a\d+:eg[0-9a-f]{12}\r$/m;
        push @bad, "$mail->{id}: Message-ID" if $header !~ /^Message-ID: <\Q$mail->{id}\E\@example\.com>\r$/m;
        my ($signature) = $header =~ /\A(DKIM-Signature:(?:.*\r\n)(?:[ \t].*\r\n)*)/;
        push @bad, "$mail->{id}: the signature is not first, or folded badly" if !defined $signature || $signature =~ /[^\r\n]{79}/;
        push @bad, "$mail->{id}: l=" if ($signature // '') =~ /[\s;]l=/;
    }
    is(scalar @bad, 0, 'one of each field, short lines, CRLF') or diag(join "\n", @bad[ 0 .. ($#bad > 10 ? 10 : $#bad) ]);
    my %feedback = map { $_->{body} =~ /^Feedback-ID: (.*)\r$/m ? ($1 => 1) : () } @taken;
    is(scalar keys %feedback, 1, 'Feedback-ID says nothing of a single mail');
};

subtest 'what is changed does not verify' => sub {
    my ($mail) = grep { $_->{body} =~ /^Subject: Hello\r\n/m && $_->{body} =~ /blanks/ } @taken;
    my %change = (
        body => $mail->{body} =~ s/blanks/blenks/r,
        subject => $mail->{body} =~ s/^Subject: Hello/Subject: Hallo/mr,
        from => $mail->{body} =~ s/^From:/From: evil\@example.net\r\nFrom:/mr,
        'list-unsubscribe' => $mail->{body} =~ s/^From:/List-Unsubscribe: <https:\/\/example.net>\r\nFrom:/mr,
        'b=' => $mail->{body} =~ s/(?<= b=)(.)/$1 eq 'A' ? 'B' : 'A'/er,
    );
    my @names = sort keys %change;
    is_deeply([ $verifiers->opendkim($mail->{body}, @change{@names}) ], [ 1, (0) x @names ], 'by OpenDKIM');
    is_deeply([ $verifiers->dkimpy($mail->{body}, @change{@names}) ], [ 1, (0) x @names ], 'by dkimpy');
};

subtest 'envelopes' => sub {
    my @paths = map { $_->{from} } $sink->messages;
    is(scalar(grep { !/\A${\ EmailGW::return_path('example.com')}\z/ } @paths), 0, 'return paths with a token');
    my %different = map { $_ => 1 } @paths;
    is(scalar keys %different, scalar @paths, 'another one for each recipient');
};

subtest 'no key' => sub {
    $gw->expects('EG0408');
    my $account = $gw->new_account;
    my $where = "account_id = $account->{account_id}";
    my $sealed = $gw->sql("SELECT dkim_sealed::text FROM emailgw.domain WHERE $where");
    $gw->sql("UPDATE emailgw.domain SET dkim_sealed = set_byte(dkim_sealed, 50, 255 - get_byte(dkim_sealed, 50)) WHERE $where");
    my @ids = map { $gw->send_mail(as => $account)->{json}{MessageID} } 1 .. 3;
    $gw->wait_for(sub { $gw->sql("SELECT count(*) FROM emailgw.event WHERE $where AND type = 3") >= 6 }, 10, 'deferrals');
    like($gw->sql("SELECT detail->'smtp'->>'text' || coalesce(detail->>'text', '') || detail::text FROM emailgw.event WHERE $where AND type = 3 LIMIT 1") // '',
        qr/there is no DKIM key of \Q$account->{domain}\E that can be used/, 'put off, with the reason');
    is(scalar(grep { /EG0408.*\Q$account->{domain}\E/ } $gw->log_lines(qr/sender\.log/)), 1, 'one line in the log');
    is(scalar(grep { $_->{body} =~ /\@\Q$account->{domain}\E>/ } $sink->messages), 0, 'nothing is sent unsigned');
    $gw->sql("UPDATE emailgw.domain SET dkim_sealed = '$sealed' WHERE $where");
    $gw->stop('sender');
    $gw->start('sender');
    $gw->wait_for(sub { !$gw->sql('SELECT count(*) FROM emailgw.queue') }, 10, 'an empty queue');
    is(scalar(grep { $_->{body} =~ /\@\Q$account->{domain}\E>/ } $sink->messages), 3, 'sent once the key is there');
};

subtest 'a stop while mails are signed' => sub {
    $gw->stop('sender');
    my %id = map { $gw->send_mail->{json}{MessageID} => 1 } 1 .. 600;
    my $waiting = 'SELECT count(*) FROM emailgw.queue';
    $gw->start('sender');
    $gw->wait_for(sub { $gw->sql($waiting) < 600 }, 10, 'a first mail');
    $gw->stop('sender');
    note($gw->sql($waiting) . ' of 600 mails were left at the stop');
    is($gw->sql("$waiting WHERE leased"), 0, 'no mail is kept by who has stopped');
    $gw->start('sender');
    $gw->wait_for(sub { !$gw->sql($waiting) }, 20, 'an empty queue');
    my %copies;
    $copies{ $_->{id} }++ for grep { $id{ $_->{id} // '' } } $sink->messages;
    is(scalar keys %copies, 600, 'nothing is lost');
    is(scalar(grep { $_ > 1 } values %copies), 0, 'nothing comes twice');
};

$gw->log_clean;
done_testing;
