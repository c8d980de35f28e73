# EmailGateway.DomainStats: the reference's example, counts and rates, the period before,
# tags, its errors.
use EmailGW;
use EmailGW::ApiPhp;
use EmailGW::Events;

my $gw = EmailGW->up;
my ($account, $other) = map { $gw->new_account } 1 .. 2;
my @of = (DomainID => $account->{domain_id});
my ($message) = told_mails($gw, $account);
my @nothing = map { $_ => 0 } qw(Sent Delivered Bounced Deferred Opened UniqueOpened Clicked UniqueClicked Unsubscribed Complained
    Suppressed Cancelled DeliveryRate BounceRate DeferralRate OpenRate UniqueOpenRate ClickRate UniqueClickRate UnsubscribeRate ComplaintRate);
my %all = (@nothing, Sent => 3, Delivered => 3, Opened => 2, UniqueOpened => 1, Clicked => 1, UniqueClicked => 1, Complained => 1,
    DeliveryRate => 1, OpenRate => 0.666667, UniqueOpenRate => 0.333333, ClickRate => 0.333333, UniqueClickRate => 0.333333,
    ComplaintRate => 0.333333);

sub get { return $gw->api('EmailGateway.DomainStats', as => $account, @of, @_) }

subtest 'the documented example' => sub {
    my $session = session_of($gw, $account);
    my ($from, $until) = (day(-1), day(1));
    my $reply = example($gw, qq({"SessionID": "$session", "APIKey": "$account->{account_key}", "Command": "EmailGateway.DomainStats", "DomainID": "$account->{domain_id}", "StartDate": "$from", "EndDate": "$until"}));
    is(outcome($reply), '200 0', 'answered') or diag($reply->{body});
    is_deeply([ sort keys %{ $reply->{json} } ], [qw(ComparisonStats ErrorCode Stats Success TagStats)], 'three parts');
    is_deeply($reply->{json}{Stats}, \%all, 'of the period');
    is_deeply($reply->{json}{ComparisonStats}, {@nothing}, 'nothing before it');
    is_deeply([ sort keys %{ $reply->{json}{TagStats} } ], [qw(receipt vip welcome)], 'each tag');
    is_deeply($reply->{json}{TagStats}{receipt}, { @nothing, Sent => 1, Delivered => 1, DeliveryRate => 1 }, 'of one of them');
    is_deeply($reply->{json}{TagStats}{vip}, { %all, Sent => 2, Delivered => 2, OpenRate => 1, UniqueOpenRate => 0.5, ClickRate => 0.5,
        UniqueClickRate => 0.5, ComplaintRate => 0.5 }, 'of another');
};

subtest 'periods' => sub {
    is_deeply(get(@$_)->{json}{Stats}, \%all, "@$_ has it") for [], [ StartDate => '', EndDate => '' ], [ StartDate => day(-1) ],
        [ EndDate => day(1) ], [ StartDate => '1970-01-01', EndDate => '9999-12-31' ];
    is_deeply(get(@$_)->{json}{Stats}, {@nothing}, "@$_ has not") for [ EndDate => day(-2) ], [ StartDate => day(2) ];
    # Four days, and the four before: what was today is in the second.
    my $json = get(StartDate => day(2), EndDate => day(5))->{json};
    is_deeply([ $json->{Stats}{Sent}, $json->{ComparisonStats}{Sent} ], [ 0, 3 ], 'the period of equal length just before');
    is_deeply($json->{TagStats}, {}, 'no tags in it');
    is(get(StartDate => day(3), EndDate => day(3))->{json}{ComparisonStats}{Sent}, 0, 'one day before one day');
    # 28 days are today and 27 before.
    $gw->sql("INSERT INTO emailgw.daily_count (account_id, domain_id, day, type, tag, slot, count)
        VALUES ($other->{account_id}, $other->{domain_id}, '$_->[0]', 1, '', 98, $_->[1])") for [ day(-27), 5 ], [ day(-28), 70 ], [ day(-55), 900 ], [ day(-56), 10_000 ];
    $json = $gw->api('EmailGateway.DomainStats', as => $other, DomainID => $other->{domain_id})->{json};
    is_deeply([ map { $json->{$_}{Sent} } qw(Stats ComparisonStats) ], [ 5, 970 ], 'without dates, the last 28 days and the 28 before');
};

subtest 'errors' => sub {
    refuses(get(DomainID => $_), 1, '1: ' . (defined $_ ? 'empty' : 'missing')) for undef, '';
    refuses(get(DomainID => 999999999), 2, '2: no such domain');
    refuses(get(DomainID => $other->{domain_id}), 2, '2: another account\'s');
    refuses(get(StartDate => $_), 108, "108: StartDate $_") for '2026-13-01', 'x', 5;
    refuses(get(EndDate => $_), 109, "109: EndDate $_") for '2026-02-30', 'x', 5;
    refuses(get(StartDate => day(), EndDate => day(-1)), 109, '109: EndDate before StartDate');
    takes_ids_only($gw, 'EmailGateway.DomainStats', $account, 'DomainID', absent => 1, invalid => 2, fresh => sub { @of });
};

common_rules($gw, 'EmailGateway.DomainStats', $account, sub { @of });
$gw->log_clean;
done_testing;
