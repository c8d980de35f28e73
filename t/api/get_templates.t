# EmailGateway.GetTemplates: page by page without contents, one with them, of one's own account alone.
use EmailGW;
use EmailGW::ApiPhp;

my $gw = EmailGW->up;
my $account = $gw->new_account;
my $other = $gw->new_account;

sub get { return $gw->api('EmailGateway.GetTemplates', as => $account, @_) }
sub names { return join ' ', map { $_->{Name} } @{ $_[0]{json}{Templates} } }

is_deeply(get()->{json}, { Success => JSON::PP::true(), ErrorCode => 0, TotalRecords => 0, Templates => [] }, 'none');
my @ids = map { $gw->new_template($account, Name => "T$_", Subject => "S$_", HTMLContent => '<p>{{ x }}') } 1 .. 3;
my $theirs = $gw->new_template($other, Name => 'theirs', Subject => 'S', PlainContent => 'P');

subtest 'the documented example' => sub {
    my $session = session_of($gw, $account);
    my $reply = example($gw, qq({
    "SessionID": "$session",
    "APIKey": "$account->{account_key}",
    "Command": "EmailGateway.GetTemplates",
    "StartFrom": 0,
    "RetrieveCount": 10
}));
    is(outcome($reply), '200 0', 'answered') or diag($reply->{body});
    is($reply->{json}{TotalRecords}, 3, 'how many there are');
    is(names($reply), 'T1 T2 T3', 'the oldest first');
    my $first = $reply->{json}{Templates}[0];
    is(join(' ', sort keys %$first), 'CreationDate Name Subject TemplateID UpdateDate', 'without contents');
    is($first->{TemplateID}, $ids[0], 'by their ids');
    like($reply->{body}, qr/"TemplateID":"\d+"/, 'which are text');
    like($first->{CreationDate}, qr/^\d{4}-\d\d-\d\dT[\d:.]+Z\z/, 'and their times');
};

subtest 'pages' => sub {
    is(names(get(StartFrom => 1, RetrieveCount => 1)), 'T2', 'the second');
    is(get(StartFrom => 9)->{json}{TotalRecords}, 3, 'behind the last one, the total is still told');
    is(names(get(StartFrom => 9)), '', '... and nothing shown');
    is(names(get(RetrieveCount => 0)), '', 'none wanted');
    is(names(get(RetrieveCount => 1_000_000)), 'T1 T2 T3', 'more than a page');
};

subtest 'one of them' => sub {
    my $reply = get(TemplateID => $ids[1]);
    is($reply->{json}{TotalRecords}, 1, 'one');
    is_deeply([ @{ $reply->{json}{Templates}[0] }{qw(Name Subject HTMLContent PlainContent)} ], [ 'T2', 'S2', '<p>{{ x }}', '' ], 'whole');
};

subtest 'errors' => sub {
    refuses(get(StartFrom => 'x'), 1, '1: StartFrom');
    refuses(get(RetrieveCount => -1), 2, '2: RetrieveCount');
    refuses(get(TemplateID => $_), 3, "3: $_") for 999999999, 'x', $theirs;
    is(get(TemplateID => $theirs)->{body}, get(TemplateID => 999999999)->{body}, 'another account\'s, in the same words');
};

common_rules($gw, 'EmailGateway.GetTemplates', $account, sub { (StartFrom => 0, RetrieveCount => 5) });
$gw->log_clean;
done_testing;
