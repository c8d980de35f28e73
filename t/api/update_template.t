# EmailGateway.UpdateTemplate: changes what is given, keeps the rest, and a template keeps a content.
use EmailGW;
use EmailGW::ApiPhp;

my $gw = EmailGW->up;
my $account = $gw->new_account;
my $other = $gw->new_account;
my ($id, $theirs) = map { $gw->api('EmailGateway.AddTemplate', as => $_, Name => 'N', Subject => 'S', HTMLContent => 'H',
    PlainContent => 'P')->{json}{NewTemplateID} } $account, $other;

sub update { return $gw->api('EmailGateway.UpdateTemplate', as => $account, TemplateID => $id, @_) }
sub stored { return join '|', map { $_ // '-' } @{ ($gw->sql("SELECT name, subject, html, plain FROM emailgw.template
    WHERE template_id = @{[ $_[0] // $id ]}"))[0] } }

subtest 'the documented example' => sub {
    my $session = session_of($gw, $account);
    my $reply = example($gw, qq({
    "SessionID": "$session",
    "APIKey": "$account->{account_key}",
    "Command": "EmailGateway.UpdateTemplate",
    "TemplateID": "$id",
    "Subject": "Good morning, {{ name }}"
}));
    is($reply->{body} =~ s/\s+\z//r, '{"Success":true,"ErrorCode":0}', 'changed');
    is(stored(), 'N|Good morning, {{ name }}|H|P', 'the rest is as it was');
    ok($gw->sql("SELECT updated_at > created_at FROM emailgw.template WHERE template_id = $id") eq 't', 'when, too');
};

subtest 'parts' => sub {
    my @cases = ([ [ Name => 'Other' ], 'Other|S|H|P' ], [ [ Name => '' ], 'Other|S|H|P' ], [ [ HTMLContent => '' ], 'Other|S|-|P' ],
        [ [ HTMLContent => '<b>', PlainContent => '' ], 'Other|S|<b>|-' ], [ [ PlainContent => 'p' ], 'Other|S|<b>|p' ], [ [], 'Other|S|<b>|p' ]);
    update(Subject => 'S');
    for my $case (@cases) {
        is(outcome(update(@{ $case->[0] })), '200 0', join(' ', @{ $case->[0] }) || 'nothing');
        is(stored(), $case->[1], '... stored');
    }
};

subtest 'errors' => sub {
    my $before = stored();
    refuses(update(TemplateID => $_), 1, '1: no id') for undef, '';
    refuses(update(Name => $_), 2, '2: Name') for 'x' x 256, "a\n";
    refuses(update(Subject => $_), 3, '3: Subject') for '', "a\nb", '{{';
    refuses(update(HTMLContent => $_), 4, '4: HTMLContent') for '{{', 1;
    refuses(update(PlainContent => $_), 5, '5: PlainContent') for '{{ a', ['x'];
    refuses(update(TemplateID => $_, Name => 'mine'), 6, "6: $_") for 999999999, 'x', $theirs;
    is(update(TemplateID => $theirs)->{body}, update(TemplateID => 999999999)->{body}, 'another account\'s, in the same words');
    refuses(update(HTMLContent => '', PlainContent => ''), 7, '7: no content left');
    is(stored(), $before, 'nothing of all that is done');
    is(stored($theirs), 'N|S|H|P', '... to another\'s');
};

common_rules($gw, 'EmailGateway.UpdateTemplate', $account, sub { (TemplateID => $id, Name => 'N') });
$gw->log_clean;
done_testing;
