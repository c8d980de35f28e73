# EmailGateway.AccountStats: sums, the period before, each domain, its errors.
use EmailGW;
use EmailGW::ApiPhp;
use EmailGW::Events;

my $gw = EmailGW->up;
my ($account, $other) = map { $gw->new_account } 1 .. 2;
my ($second, $deleted) = map { $gw->ctl(qw(domain add), "$_-$account->{domain}", '--user', $account->{username}, '--enable')->{domain_id} } qw(second deleted);
told_mails($gw, $account);
my @nothing = map { $_ => 0 } qw(Sent Delivered Bounced Deferred Opened UniqueOpened Clicked UniqueClicked Unsubscribed Complained
    Suppressed Cancelled DeliveryRate BounceRate DeferralRate OpenRate UniqueOpenRate ClickRate UniqueClickRate UnsubscribeRate ComplaintRate);
my %first = (@nothing, Sent => 3, Delivered => 3, Opened => 2, UniqueOpened => 1, Clicked => 1, UniqueClicked => 1, Complained => 1,
    DeliveryRate => 1, OpenRate => 0.666667, UniqueOpenRate => 0.333333, ClickRate => 0.333333, UniqueClickRate => 0.333333,
    ComplaintRate => 0.333333);

sub count {
    my ($it, $domain_id, $day, $type, $count) = @_;
    $gw->sql("INSERT INTO emailgw.daily_count (account_id, domain_id, day, type, tag, slot, count)
        VALUES ($it->{account_id}, $domain_id, '$day', $type, '', 77, $count)");
}
sub get { return $gw->api('EmailGateway.AccountStats', as => $account, @_) }

subtest 'one domain' => sub {
    my $session = session_of($gw, $account);
    my ($from, $until) = (day(-1), day(1));
    my $reply = example($gw, qq({"SessionID": "$session", "APIKey": "$account->{account_key}", "Command": "EmailGateway.AccountStats", "StartDate": "$from", "EndDate": "$until"}));
    is(outcome($reply), '200 0', 'answered') or diag($reply->{body});
    is_deeply([ sort keys %{ $reply->{json} } ], [qw(ComparisonStats Domains ErrorCode Stats Success)], 'three parts');
    is_deeply($reply->{json}{Stats}, \%first, 'the sums');
    is_deeply($reply->{json}{ComparisonStats}, {@nothing}, 'nothing before it');
    is_deeply($reply->{json}{Domains}, [ { DomainID => "$account->{domain_id}", DomainName => $account->{domain}, Stats => \%first },
        map { { DomainID => $_->[0], DomainName => "$_->[1]-$account->{domain}", Stats => {@nothing} } } [ $deleted, 'deleted' ], [ $second, 'second' ] ],
        'each domain, most sends first');
};

subtest 'several, and periods' => sub {
    count($account, $second, day(), 1, 100);
    count($account, $second, day(-400), 1, 1000);
    count($account, $deleted, day(), 1, 10_000);
    count($other, $other->{domain_id}, day(), 1, 100_000);
    is(outcome($gw->api('EmailGateway.DeleteDomain', as => $account, DomainID => $deleted)), '200 0', 'a domain is deleted');
    my $json = get()->{json};
    is($json->{Stats}{Sent}, 10_103, 'sums are of all, also of what is deleted');
    is_deeply([ map { "$_->{DomainID} $_->{Stats}{Sent}" } @{ $json->{Domains} } ], [ "$second 100", "$account->{domain_id} 3" ], '... which is not shown');
    $json = get(StartDate => day(-400), EndDate => day(-300))->{json};
    is("$json->{Stats}{Sent} $json->{ComparisonStats}{Sent}", '1000 0', 'a period long ago');
    $json = get(StartDate => day(-399), EndDate => day())->{json};
    is("$json->{Stats}{Sent} $json->{ComparisonStats}{Sent}", '10103 1000', 'and the one before');
    is(get(StartDate => '1970-01-01', EndDate => '9999-12-31')->{json}{Stats}{Sent}, 11_103, 'all of time');
    $json = get(StartDate => day(2), EndDate => day(9))->{json};
    is("$json->{Stats}{Sent} $json->{ComparisonStats}{Sent} $json->{Domains}[0]{Stats}{Sent}", '0 10103 0', 'a period to come');
};

subtest 'errors' => sub {
    refuses(get(StartDate => $_), 108, "108: StartDate $_") for '2026-13-01', 'x', 5;
    refuses(get(EndDate => $_), 109, "109: EndDate $_") for '2026-02-30', 'x', 5;
    refuses(get(StartDate => day(), EndDate => day(-1)), 109, '109: EndDate before StartDate');
};

common_rules($gw, 'EmailGateway.AccountStats', $account, sub { (StartDate => day(-1)) });
$gw->log_clean;
done_testing;
