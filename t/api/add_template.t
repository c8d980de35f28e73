# EmailGateway.AddTemplate: the documented example, and every refusal; a broken template is told with its place.
use EmailGW;
use EmailGW::ApiPhp;

my $gw = EmailGW->up;
my $account = $gw->new_account;
my @good = (Name => 'Welcome', Subject => 'Hello {{ name }}', HTMLContent => '<p>Hello {{ name }}</p>', PlainContent => 'Hello {{ name }}');

sub add { return $gw->api('EmailGateway.AddTemplate', as => $account, @_) }
sub stored { return join '|', map { $_ // '-' } @{ ($gw->sql("SELECT name, subject, html, plain FROM emailgw.template
    WHERE account_id = $account->{account_id} AND template_id = $_[0]"))[0] } }

subtest 'the documented example' => sub {
    my $session = session_of($gw, $account);
    my $reply = example($gw, qq({
    "SessionID": "$session",
    "APIKey": "$account->{account_key}",
    "Command": "EmailGateway.AddTemplate",
    "Name": "Welcome",
    "Subject": "Welcome, {{ name }}",
    "HTMLContent": "<p>Hello {{ name }}, your code is <b>{{ code }}</b>.</p>",
    "PlainContent": "Hello {{ name }}, your code is {{ code }}."
}));
    is(outcome($reply), '200 0', 'added') or diag($reply->{body});
    like($reply->{body}, qr/^\{"Success":true,"ErrorCode":0,"NewTemplateID":"\d+"\}\s*\z/, 'its id is text');
    is(stored($reply->{json}{NewTemplateID}), 'Welcome|Welcome, {{ name }}|<p>Hello {{ name }}, your code is <b>{{ code }}</b>.</p>|'
        . 'Hello {{ name }}, your code is {{ code }}.', 'stored as it is');
};

subtest 'one content is enough' => sub {
    is(stored(add(@good, HTMLContent => undef)->{json}{NewTemplateID}), 'Welcome|Hello {{ name }}|-|Hello {{ name }}', 'plain text');
    is(stored(add(@good, PlainContent => '')->{json}{NewTemplateID}), 'Welcome|Hello {{ name }}|<p>Hello {{ name }}</p>|-', 'HTML');
    is(outcome(add(@good, HTMLContent => "a\n\tb {{{ raw }}} {{ deep.field }} {{unsubscribe}} {x}")), '200 0', 'all that a template may have');
    is(outcome(add(@good, HTMLContent => 'x' x 1_048_576)), '200 0', 'of 1 MiB');
};

subtest 'errors' => sub {
    my $count = "SELECT count(*) FROM emailgw.template WHERE account_id = $account->{account_id}";
    my $before = $gw->sql($count);
    refuses(add(@good, Name => $_), 1, '1: ' . (defined $_ ? 'an empty name' : 'no name')) for undef, '';
    refuses(add(@good, Name => $_), 1, '1: a name that is none') for 'x' x 256, "a\nb", ['x'];
    refuses(add(@good, Subject => undef), 2, '2: no subject');
    refuses(add(@good, Subject => $_), 3, '3: a subject that is none') for '', "a\r\nBcc: x\@y.example", 'x' x 999, 7, '{{ open';
    refuses(add(@good, HTMLContent => $_), 4, '4: HTML that is none') for ['x'], 'x' x 1_048_577, '{{#each}}';
    refuses(add(@good, PlainContent => $_), 5, '5: text that is none') for { a => 1 }, 'x' x 1_048_577, '{{ a b }}';
    refuses(add(@good, HTMLContent => undef, PlainContent => $_), 6, '6: no content') for undef, '';
    like(add(@good, HTMLContent => "<p>\n  {{ name }</p>")->{json}{ErrorMessage}, qr/'HTMLContent': line 2, column 3: .*closed by '\}\}'/,
        'the place where it is broken');
    is($gw->sql($count), $before, 'nothing of all that is stored');
};

common_rules($gw, 'EmailGateway.AddTemplate', $account, sub { @good });

subtest 'how many' => sub {
    $gw->sql("INSERT INTO emailgw.template (account_id, name, subject, plain) SELECT $account->{account_id}, 'x', 'x', 'x'
        FROM generate_series(1, 999 - (SELECT count(*) FROM emailgw.template WHERE account_id = $account->{account_id}))");
    is(outcome(add(@good)), '200 0', 'the thousandth of an account');
    refuses(add(@good), 112, 'and no more');
};

$gw->log_clean;
done_testing;
