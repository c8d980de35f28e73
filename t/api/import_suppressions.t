# EmailGateway.ImportSuppressions: CSV as text and as a file of a form, with and without a
# header; what is wrong is told by its line and stops nothing; 100,000 lines in batches.
use EmailGW;
use EmailGW::ApiPhp;
use Time::HiRes qw(time);

my $gw = EmailGW->up;
my $account = $gw->new_account;
my $other = $gw->new_account;

sub import_list { my %with = @_; return $gw->api('EmailGateway.ImportSuppressions', as => $account, %with) }
sub counts { my ($json) = $_[0]{json}; return "$json->{Lines} lines, $json->{Added} added, $json->{Duplicates} duplicates, $json->{Invalid} invalid" }
sub stored { return [ map { join ' ', @$_ } $gw->sql("SELECT address, domain_id, reason FROM emailgw.suppression
    WHERE account_id = $account->{account_id} ORDER BY 1, 2") ] }
sub clear { $gw->sql("DELETE FROM emailgw.suppression WHERE account_id = $account->{account_id}") }

subtest 'text' => sub {
    my $reply = import_list(CSV => "ann\@example.org,bounce\r\n\"Bob\@Example.org\",\"said \"\"no\"\", twice\"\r\n\r\ncid\@example.org\r\n");
    is(outcome($reply), '200 0', 'taken') or diag($reply->{body});
    is(counts($reply), '3 lines, 3 added, 0 duplicates, 0 invalid', 'blank lines are none');
    is_deeply(stored(), [ 'ann@example.org 0 bounce', 'bob@example.org 0 said "no", twice', 'cid@example.org 0 import' ], 'as it says');
    is(counts(import_list(CSV => "ANN\@example.org,complaint\ndan\@example.org\ndan\@example.org,x", DomainID => undef)),
        '3 lines, 1 added, 2 duplicates, 0 invalid', 'what is there stays as it is');
    is(stored()->[0], 'ann@example.org 0 bounce', '... with its reason');
    clear();
};

subtest 'a header says where the columns are' => sub {
    is(counts(import_list(CSV => "\x{feff}created;,Reason, E-Mail \n2026,spam,ann\@example.org\n2026,,bob\@example.org\n", Reason => 'old list')),
        '2 lines, 2 added, 0 duplicates, 0 invalid', 'three columns');
    is_deeply(stored(), [ 'ann@example.org 0 spam', 'bob@example.org 0 old list' ], 'the call\'s reason where a line has none');
    clear();
    is(counts(import_list(CSV => "address\nemail\n")), '1 lines, 0 added, 0 duplicates, 1 invalid', 'only the first line is one');
};

subtest 'a file, a domain\'s list' => sub {
    my $body = join '', map { "--b\r\nContent-Disposition: form-data; name=\"$_->[0]\"$_->[2]\r\n\r\n$_->[1]\r\n" }
        [ Command => 'EmailGateway.ImportSuppressions', '' ], [ APIKey => $account->{account_key}, '' ], [ DomainID => $account->{domain_id}, '' ],
        [ CSV => "email\nann\@example.org\n", '; filename="list.csv"' . "\r\nContent-Type: text/csv" ];
    my $reply = $gw->call('POST', '/api.php', { type => 'multipart/form-data; boundary=b', body => "$body--b--\r\n" });
    is(counts($reply), '1 lines, 1 added, 0 duplicates, 0 invalid', 'a file of a form') or diag($reply->{body});
    is_deeply(stored(), [ "ann\@example.org $account->{domain_id} import" ], 'of one domain');
    clear();
};

subtest 'what is wrong' => sub {
    my $reply = import_list(CSV => join "\n", 'ann@example.org', 'no address', '"bob@example.org', 'cid@example.org,' . 'x' x 256, ',x',
        '"dan@example.org"x', 'eve@example.org' . 'e' x 2000, '"fay@example.org","over
two lines"', 'gus@example.org');
    is(counts($reply), '9 lines, 2 added, 0 duplicates, 7 invalid', 'the others are taken') or diag($reply->{body});
    is_deeply([ map { $_->{Line} } @{ $reply->{json}{InvalidLines} } ], [ 2 .. 8 ], 'each by its line');
    like($reply->{json}{InvalidLines}[1]{Reason}, qr/quotation mark/, '... and why');
    is_deeply(stored(), [ 'ann@example.org 0 import', 'gus@example.org 0 import' ], 'what is stored');
    clear();
    my $many = import_list(CSV => join "\n", ('x') x 5000);
    is(counts($many), '5000 lines, 0 added, 0 duplicates, 5000 invalid', 'all of them');
    is(scalar @{ $many->{json}{InvalidLines} }, 100, '... of which a hundred are told');
};

subtest 'many' => sub {
    my $list = join "\n", map { "user$_\@" . ($_ % 100) . '.example.org,bounce' } 1 .. 100_000;
    my $start = time;
    my $reply = import_list(CSV => $list);
    my $took = time - $start;
    is(counts($reply), '100000 lines, 100000 added, 0 duplicates, 0 invalid', sprintf '100,000 lines in %.1f s', $took);
    is(counts(import_list(CSV => $list)), '100000 lines, 0 added, 100000 duplicates, 0 invalid', 'once more');
    $start = time;
    my $page = $gw->api('EmailGateway.GetSuppressions', as => $account, Query => 'user777')->{json};
    is($page->{TotalRecords}, 111, sprintf 'a search among them in %.0f ms', 1000 * (time - $start));
    clear();
};

subtest 'errors' => sub {
    refuses(import_list(), 1, '1: no CSV');
    refuses(import_list(CSV => ''), 1, '1: an empty one');
    refuses(import_list(CSV => $_), 2, '2: what is no text') for 7, [], {}, { content => 7 }, { content => '%' }, { content => '/w==' };
    refuses(import_list(CSV => 'a@example.org', DomainID => $_), 3, "3: domain $_") for 999999999, $other->{domain_id}, 'x';
    refuses(import_list(CSV => 'a@example.org', Reason => 'x' x 256), 4, '4: Reason');
    refuses(import_list(CSV => "\n" x 1_000_001), 5, '5: too many lines');
    is_deeply(stored(), [], 'nothing came of all that');
};

common_rules($gw, 'EmailGateway.ImportSuppressions', $account, sub { (CSV => 'a@example.org') });

$gw->log_clean;
done_testing;
