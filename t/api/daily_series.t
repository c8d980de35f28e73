# EmailGateway.DailySeries: each day of a period, of a domain and of all, its errors.
use EmailGW;
use EmailGW::ApiPhp;
use EmailGW::Events;

my $gw = EmailGW->up;
my ($account, $other) = map { $gw->new_account } 1 .. 2;
my $second = $gw->ctl(qw(domain add), "second-$account->{domain}", '--user', $account->{username}, '--enable')->{domain_id};
my @of = (DomainID => $account->{domain_id});
told_mails($gw, $account);
my %nothing = map { $_ => 0 } qw(Sent Delivered Bounced Deferred Opened UniqueOpened Clicked UniqueClicked Unsubscribed Complained Suppressed Cancelled);
my %today = (%nothing, Sent => 3, Delivered => 3, Opened => 2, UniqueOpened => 1, Clicked => 1, UniqueClicked => 1, Complained => 1);
$gw->sql("INSERT INTO emailgw.daily_count (account_id, domain_id, day, type, tag, slot, count)
    VALUES ($account->{account_id}, $_->[0], '$_->[1]', 1, '', 77, $_->[2])") for [ $second, day(), 40 ], [ $account->{domain_id}, day(-40), 7 ], [ $second, day(-40), 8 ];

sub get { return $gw->api('EmailGateway.DailySeries', as => $account, @_) }
sub sent { return join ' ', map { $_->{Sent} } @{ $_[0]{json}{Days} } }

subtest 'days' => sub {
    my $session = session_of($gw, $account);
    my ($from, $until) = (day(-1), day(1));
    my $reply = example($gw, qq({"SessionID": "$session", "APIKey": "$account->{account_key}", "Command": "EmailGateway.DailySeries", "DomainID": $account->{domain_id}, "StartDate": "$from", "EndDate": "$until"}));
    is(outcome($reply), '200 0', 'answered') or diag($reply->{body});
    is_deeply($reply->{json}{Days}, [ { Date => day(-1), %nothing }, { Date => day(), %today }, { Date => day(1), %nothing } ],
        'one after the other, also those without events');
    is_deeply([ sort keys %{ $reply->{json} } ], [qw(Days ErrorCode Success)], 'nothing else');
    is(sent(get(@of)), '0 ' x 27 . '3', 'without dates, the last 28 days');
    is(sent(get()), '0 ' x 27 . '43', 'without a domain, of all');
    is(sent(get(DomainID => $_)), '0 ' x 27 . '43', 'an empty one is none') for '', undef;
    is(sent(get(@of, StartDate => day(-41), EndDate => day(-39))), '0 7 0', 'long ago');
    is(sent(get(StartDate => day(-41), EndDate => day(-39))), '0 15 0', '... of all');
    is(sent(get(StartDate => day(5), EndDate => day(6))), '0 0', 'days to come');
    is(scalar @{ get(StartDate => day(-1099), EndDate => day())->{json}{Days} }, 1100, 'as many days as there may be');
    is(sent($gw->api('EmailGateway.DailySeries', as => $other, EndDate => day(), StartDate => day())), '0', 'of another account');
};

subtest 'errors' => sub {
    refuses(get(DomainID => 999999999), 2, '2: no such domain');
    refuses(get(DomainID => $other->{domain_id}), 2, '2: another account\'s');
    refuses(get(StartDate => $_), 108, "108: StartDate $_") for '2026-13-01', 'x', 5;
    refuses(get(EndDate => $_), 109, "109: EndDate $_") for '2026-02-30', 'x', 5;
    refuses(get(StartDate => day(), EndDate => day(-1)), 109, '109: EndDate before StartDate');
    my $reply = get(StartDate => day(-1100), EndDate => day());
    refuses($reply, 109, '109: more days than there may be');
    like($reply->{json}{ErrorMessage}, qr/1100 days/, '... and how many');
    refuses(get(StartDate => '1970-01-01', @$_), 109, '109: far too many') for [], [ EndDate => '9999-12-31' ];
    refuses(get(DomainID => 999999999, StartDate => '1970-01-01'), 2, '2 before 109');
    takes_ids_only($gw, 'EmailGateway.DailySeries', $account, 'DomainID', absent => 0, invalid => 2, fresh => sub { @of });
};

common_rules($gw, 'EmailGateway.DailySeries', $account, sub { @of });
$gw->log_clean;
done_testing;
