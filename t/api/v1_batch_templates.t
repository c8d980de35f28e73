# POST /api/v1/email/batch with TemplateID: each mail is what POST /api/v1/email makes of it, and templates are read
# once for all mails.
use EmailGW;
use EmailGW::Memory;
use EmailGW::Templates;
use JSON::PP ();
use List::Util qw(min uniq);
use Time::HiRes qw(time);

my $memory = 150_000; # KB that a child may need for a batch: one mail that is too large, with its template, and what malloc keeps
my $gw = EmailGW->up(RATE => 'off', HTTPD_CONF => \"StartServers 1\nServerLimit 1\nMaxRequestWorkers 25\n");
my $account = $gw->new_account;
my $other = $gw->new_account;
my ($both, $html, $plain, $theirs) = templates($gw, $account, $other);

# Only From and To, unless said otherwise.
sub mail {
    my (%with) = @_;
    return JSON::PP::decode_json($gw->mail_body(as => $account, bare(%with)));
}

sub send_batch {
    my ($messages, %headers) = @_;
    return $gw->call('POST', '/api/v1/email/batch', { key => $account->{key}, json => { Messages => $messages }, headers => \%headers });
}

# "id 15 id": the results in their order.
sub results {
    my ($reply) = @_;
    return join ' ', map { $_->{Errors} ? join(',', map { $_->{Code} } @{ $_->{Errors} }) : $_->{MessageID} ? 'id' : 'neither' }
        @{ ($reply->{json} // {})->{Results} // [] };
}

sub ids { return map { $_->{MessageID} // () } @{ $_[0]{json}{Results} } }
sub count { return scalar $gw->sql("SELECT count(*) FROM emailgw.message WHERE account_id = $account->{account_id}") }

# How often each function is called by the module while something is done.
sub calls_of {
    my ($do) = @_;
    my $log = $gw->env('LOGS') . '/postgres.log';
    my $say = sub {
        my ($which) = @_;
        $gw->sql($_) for "ALTER SYSTEM SET log_statement = '$which'", 'SELECT pg_reload_conf()';
        $gw->wait_for(sub { $gw->sql('SHOW log_statement') eq $which }, 10, 'a setting of PostgreSQL');
    };
    $say->('all');
    my $start = -s $log;
    $do->();
    open my $file, '<:raw', $log or die "$log: $!\n";
    seek $file, $start, 0;
    my %calls;
    /execute.*SELECT \* FROM emailgw_api\.((?:begin|end)_batch|get_batch_templates|accept|prepare_mail|authenticate)\(/ and $calls{$1}++ while <$file>;
    $say->('none');
    $gw->sql($_) for 'ALTER SYSTEM RESET log_statement', 'SELECT pg_reload_conf()';
    return join ' ', map { "$_ $calls{$_}" } sort keys %calls;
}

subtest 'the same as a mail alone' => sub {
    my $evil = "x\r\nBcc: evil\@example.net\x{2028}<script>alert(1)</script>{{unsubscribe}}";
    my @good = (
        mail(TemplateID => $both, TemplateData => { code => '<1>', deep => { er => 7 } }), mail(TemplateID => "$both"),
        mail(TemplateID => $html, To => [ map { { email => "$_\@example.org", name => uc } } 'a' .. 'c' ]),
        mail(TemplateID => $html, Attachments => [ { filename => 'a', content => 'YWJj', type => 'text/plain' } ]),
        mail(TemplateID => $both, Subject => 'My {{ name }}', HtmlContent => '<i>{{ name }}'), mail(TemplateID => $both, ContentType => 'plain'),
        mail(TemplateID => $html, ContentType => 'multipart', PlainContent => 'p'), mail(TemplateID => $both, TemplateData => { name => $evil, code => $evil }),
        mail(TemplateID => $plain, TemplateData => { subject => 'x' x 5000 }),
        mail(Subject => '{{x}}', ContentType => 'plain', PlainContent => '{{ name }} {{'),
    );
    my $reply = send_batch(\@good);
    is(results($reply), join(' ', ('id') x @good), 'each is taken') or return diag($reply->{body});
    my @ids = ids($reply);
    is(stored($gw, $ids[0]), 'Hi Ann|<p>Ann: &lt;1&gt; <1> {{unsubscribe}}|ann@example.org: <1> 7 . 61', 'filled in');
    my @alone = map { $gw->call('POST', '/api/v1/email', { key => $account->{key}, json => $_ })->{json}{MessageID} } @good;
    is_deeply([ map { stored($gw, $_) } @ids ], [ map { stored($gw, $_) } @alone ], 'each is what a mail alone becomes');
    $gw->drained(30);
    my ($mail) = $gw->outbox($ids[0]);
    like($mail->{raw}, qr/^Subject: Hi Ann\r$/m, 'what arrives has its subject');
    like($mail->{raw}, qr/Ann: &lt;1&gt; <1>/, '... and its contents');
    ($mail) = $gw->outbox($ids[7]);
    unlike((split /\r?\n\r?\n/, $mail->{raw}, 2)[0], qr/^Bcc:/mi, 'no value becomes a field');
    is($mail->{to}, 'ann@example.org', '... or a recipient');
    is(scalar(map { $gw->outbox($_) } @ids), @good + 2, 'each recipient has one copy');
};

subtest 'errors spoil no other' => sub {
    my $large = $gw->new_template($account, Subject => 'S', HTMLContent => '{{{ x }}}' x 1000);
    my @bad = (
        mail(TemplateID => 999999999), mail(TemplateID => 'x'), mail(TemplateID => [ $both ]), mail(TemplateID => $theirs), mail(TemplateID => 0),
        mail(TemplateID => $both, TemplateData => 'x'), mail(TemplateID => $both, TemplateData => [ 1 ]), mail(TemplateID => $both, Subject => '{{ open'),
        mail(TemplateID => $both, HtmlContent => '{{#if}}'), mail(TemplateID => $plain, ContentType => 'html'), mail(TemplateID => $html, ContentType => 'x'),
        mail(TemplateID => $html, ContentType => 'plain'), mail(TemplateID => $html, To => undef), mail(TemplateID => 999999999, To => undef),
        mail(TemplateID => $html, From => { email => 'x@example.net', name => '' }), mail(TemplateID => 999999999, From => { email => 'x@example.net', name => '' }),
        mail(TemplateID => $large, TemplateData => { x => 'y' x 60_000 }),
    );
    my $before = count();
    my $reply = send_batch([ map { ($_, mail(TemplateID => $html)) } @bad ]);
    my @results = @{ $reply->{json}{Results} };
    is(join(' ', map { $_->{MessageID} ? 'id' : 'none' } @results[ grep { $_ % 2 } 0 .. $#results ]), join(' ', ('id') x @bad), 'each good one is taken');
    is("$reply->{json}{Accepted} $reply->{json}{Refused}", @bad . ' ' . @bad, '... and counted');
    my @alone = map { $gw->call('POST', '/api/v1/email', { key => $account->{key}, json => $_ })->{json} } @bad;
    is_deeply([ @results[ grep { $_ % 2 == 0 } 0 .. $#results ] ], \@alone, 'each other has the errors of a mail alone, word for word');
    is(count() - $before, scalar @bad, 'none of those is queued');
    my @left = (mail(TemplateID => $html), mail(TemplateID => 999999999), mail(TemplateID => $html));
    is(results(send_batch(\@left)), 'id 15 id', 'of three, the second');
};

subtest 'Idempotency-Key' => sub {
    my $once = $gw->new_template($account, Subject => 'once {{ n }}', PlainContent => 'P');
    my @mails = map { mail(TemplateID => $once, TemplateData => { n => $_ }) } 1 .. 3;
    my $before = count();
    my $first = send_batch(\@mails, 'Idempotency-Key' => 'templates');
    is(results($first), 'id id id', 'the first time');
    $gw->api('EmailGateway.DeleteTemplate', as => $account, TemplateID => $once);
    my $again = send_batch(\@mails, 'Idempotency-Key' => 'templates');
    is("$again->{headers}{'idempotent-replayed'} $again->{body}", "true $first->{body}", 'again: the same answer, also when the template is gone');
    is(count() - $before, 3, '... and sends nothing');
    is(results(send_batch([ @mails[ 1, 0, 2 ] ], 'Idempotency-Key' => 'templates')), '', 'another order is another batch');

    # It was broken off before it was answered: what was taken keeps its id, whatever has become of the template.
    my $changed = $gw->new_template($account, Subject => 'first {{ n }}', PlainContent => 'P');
    @mails = map { mail(TemplateID => $changed, TemplateData => { n => $_ }) } 1 .. 100;
    $gw->expects('EG0102');
    $gw->accept_with("IF v_subject = 'first 90' THEN RAISE EXCEPTION USING ERRCODE = '57P03', MESSAGE = 'not now'; END IF;");
    $before = count();
    is(send_batch(\@mails, 'Idempotency-Key' => 'broken')->{status}, 503, 'broken off');
    $gw->accept_with('');
    my $taken = count() - $before;
    ok($taken > 0 && $taken < 90, "... when $taken mails were taken");
    $gw->api('EmailGateway.DeleteTemplate', as => $account, TemplateID => $changed);
    my $reply = send_batch(\@mails, 'Idempotency-Key' => 'broken');
    is(results($reply), join(' ', ('id') x $taken, ('15') x (100 - $taken)), 'without the template: those are answered with their ids, the others cannot be made');
    is(scalar(uniq ids($reply)), $taken, '... each with its own');
    is(count() - $before, $taken, '... and are there once');
    my $own = { %{ mail(TemplateID => $both) }, IdempotencyKey => 'own template' };
    my $one = send_batch([ $own ]);
    is_deeply([ ids(send_batch([ $own, mail() ])) ], [ ids($one) ], 'a mail with a key of its own');
    is(results(send_batch([ { %$own, TemplateID => 999999999 } ])), '409', '... which another mail cannot have, whatever is wrong with it');
};

# What became of the template since it was taken must not fill memory: what is filled in for nothing goes at once, and
# of what was taken only the answer is read.
subtest 'taken before, and too large by now' => sub {
    my $grows = $gw->new_template($account, Subject => 'S', HTMLContent => 'small', PlainContent => 'small');
    my $mail = { %{ mail(TemplateID => $grows, TemplateData => { x => 'y' x 24_000 }) }, IdempotencyKey => 'grows' };
    my ($id) = ids(send_batch([ $mail ]));
    my $large = '{{{ x }}}' x 1000 . ' ' x 1_000_000;
    is($gw->api('EmailGateway.UpdateTemplate', as => $account, TemplateID => $grows, HTMLContent => $large, PlainContent => $large)->{json}{ErrorCode}, 0, 'it grows');
    my $reply;
    my $took = memory_for($gw, sub { $reply = send_batch([ ($mail) x 300 ]) });
    is(join(' ', uniq ids($reply)), $id, 'each is the mail that it was');
    is(scalar(ids($reply)), 300, '... all of them');
    cmp_ok($took, '<', $memory, "... and a child needs $took KB for them") if !$ENV{EG_SAN};

    # Those that were taken under a limit that they are beyond by now.
    my @more = map { { %{ mail(TemplateID => $html, TemplateData => { n => $_ }) }, IdempotencyKey => "more $_" } } 1 .. 3;
    my @ids = ids(send_batch(\@more));
    is_deeply([ (ids(send_batch([ (map { mail(TemplateID => $grows, TemplateData => { x => 'y' x 11_000 }) } 1 .. 13), @more ])))[ -3 .. -1 ] ], \@ids,
        'nothing is left to be filled in: what was taken is answered');
};

# The domain is another than it was.
subtest 'taken before, and not of the domain by now' => sub {
    my $it = $gw->new_account;
    my $of = $gw->new_template($it, Subject => 'S {{ n }}', PlainContent => 'P');
    my @mails = map { { %{ mail(TemplateID => $of, TemplateData => { n => $_ }, From => { email => "a\@$it->{domain}", name => '' },
        Headers => { 'List-Unsubscribe' => '<https://x.example/>' }) }, IdempotencyKey => "domain $_" } } 1 .. 2;
    my $send = sub { $gw->call('POST', '/api/v1/email/batch', { key => $it->{key}, json => { Messages => [ @_ ] } }) };
    my ($id) = ids($send->($mails[0]));
    is($gw->api('EmailGateway.UpdateDomain', as => $it, DomainID => $it->{domain_id}, UnsubscribeLink => 1)->{json}{ErrorCode}, 0, 'the gateway writes the header');
    my $reply = $send->(@mails);
    is(results($reply), 'id 102', 'what was taken is answered, what was not is refused');
    is((ids($reply))[0], $id, '... with its id');
};

subtest 'templates are read once' => sub {
    my @ids = ($both, $html, $plain, 999999999);
    is(calls_of(sub { send_batch([ map { mail(TemplateID => $ids[ $_ % 4 ]) } 1 .. 500 ]) }),
        'accept 6 begin_batch 1 get_batch_templates 1', '500 mails of four');
    is(calls_of(sub { send_batch([ map { mail(TemplateID => 999999999) } 1 .. 50 ]) }), 'begin_batch 1 get_batch_templates 1', 'also what is none');
    is(calls_of(sub { send_batch([ mail(Subject => 'S', ContentType => 'plain', PlainContent => 'P') ]) }), 'accept 1 begin_batch 1', 'none where none is named');
    is(calls_of(sub { send_batch([ mail(TemplateID => $both, TemplateData => 7) ]) }), 'begin_batch 1', '... or needed');

    # More than may be in memory at a time: the first one is read again, with those that come next.
    my @large = map { $gw->new_template($account, Subject => "L$_", PlainContent => 'x' x 1_000_000, HTMLContent => 'y' x 1_000_000) } 1 .. 12;
    my $reply;
    is(calls_of(sub { $reply = send_batch([ map { mail(TemplateID => $_) } @large, $large[0] ]) }) =~ s/accept \d+ //r, 'begin_batch 1 get_batch_templates 2',
        '24 MB of templates: some at a time');
    is(results($reply), join(' ', ('id') x 13), '... and each mail has its own');
    is(join(' ', map { stored($gw, $_) =~ /\A(L\d+)/ } ids($reply)), join(' ', map { "L$_" } 1 .. 12, 1), '... by its subject');
};

subtest 'a small batch that would become very large' => sub {
    my $large = $gw->new_template($account, Subject => 'S', PlainContent => '{{ x }}' x 400);
    my $before = count();
    my @mails = map { mail(TemplateID => $large, TemplateData => { x => 'y' x 60_000 }) } 1 .. 13;
    my $reply = send_batch([ @mails, mail(TemplateID => $html), mail(ContentType => 'plain', Subject => 'S', PlainContent => 'P') ]);
    is(results($reply), join(' ', ('id') x 11, ('107') x 3, 'id'), '24 MB each: eleven of them') or diag(substr $reply->{body}, 0, 300);
    like($reply->{json}{Results}[12]{Errors}[0]{Message}, qr/268435456 bytes together/, '... and it is said how much may be filled in');
    is(count() - $before, 12, '... and no more are there');

    # 26 MB: too large also alone. What they cost counts, and nothing more is filled in, or read, then.
    my $larger = $gw->new_template($account, Subject => 'S', PlainContent => '{{ x }}' x 440);
    @mails = map { mail(TemplateID => $larger, TemplateData => { x => 'y' x 60_000 }) } 1 .. 40;
    my $late = $gw->new_template($account, Subject => 'S', PlainContent => 'P');
    is(calls_of(sub { $reply = send_batch([ @mails, mail(TemplateID => $late) ]) }), 'begin_batch 1 get_batch_templates 1', 'forty that are too large alone');
    is(results($reply), join(' ', ('107') x 41), '... use up what may be filled in');
    is(scalar(grep { /together/ } map { $_->{Errors}[0]{Message} } @{ $reply->{json}{Results} }), 30, '... so that the last thirty are not begun');
};

subtest 'as fast as without templates' => sub {
    my @three = map { $gw->new_template($account, Subject => "Order {{ no }} of shop $_", HTMLContent => "<p>Dear {{ name }}, order {{ no }} is on its way.</p>\n" x 10,
        PlainContent => "Dear {{ name }}, order {{ no }} is on its way.\n" x 10) } 1 .. 3;
    my @to = map { (To => [ { email => "r$_\@example.org", name => "R $_" } ]) } 1 .. 500;
    my @templates = map { mail(@to[ 2 * $_ - 2, 2 * $_ - 1 ], TemplateID => $three[ $_ % 3 ], TemplateData => { no => $_ }) } 1 .. 500;
    my @texts = map { mail(@to[ 2 * $_ - 2, 2 * $_ - 1 ], Subject => "Order $_ of shop", ContentType => 'multipart',
        HtmlContent => "<p>Dear R $_, order $_ is on its way.</p>\n" x 10, PlainContent => "Dear R $_, order $_ is on its way.\n" x 10) } 1 .. 500;
    $gw->stop('sender');
    my %took;
    for (1 .. 5) {
        for my $kind ([ templates => \@templates ], [ texts => \@texts ]) {
            my $start = time;
            my $reply = send_batch($kind->[1]);
            push @{ $took{ $kind->[0] } }, time - $start;
            is("$kind->[0] $reply->{json}{Accepted}", "$kind->[0] 500", 'all are taken');
        }
    }
    diag(sprintf '500 mails: of three templates %.3f s, with texts %.3f s, ratio %.2f', (map { min @{ $took{$_} } } qw(templates texts)),
        min(@{ $took{templates} }) / min(@{ $took{texts} }));
    $gw->start('sender');
};

$gw->log_clean;
done_testing;
