# EmailGateway.ListRecipientDomains and RecipientDomainStats: what became of mails to each
# domain and how fast, pages, periods, their errors.
use EmailGW;
use EmailGW::ApiPhp;
use EmailGW::Events;

my $gw = EmailGW->up;
my ($account, $other) = map { $gw->new_account } 1 .. 2;
my @of = (DomainID => $account->{domain_id});
my $now = time;

sub list { return $gw->api('EmailGateway.ListRecipientDomains', as => $account, @of, @_) }
sub stats { return $gw->api('EmailGateway.RecipientDomainStats', as => $account, @of, RecipientDomain => 'slow.example', @_) }

# "slow.example 9 sent ..." of each.
sub told {
    my ($reply) = @_;
    return outcome($reply) if outcome($reply) ne '200 0';
    return join ', ', map { "$_->{RecipientDomain} $_->{Sent}/$_->{Delivered}/$_->{Failed}/$_->{Pending}" } @{ $reply->{json}{RecipientDomains} };
}

# A mail that was accepted at the beginning of today, and delivered after so many seconds.
my $midnight = $now - $now % 86_400;
sub mail {
    my ($domain, $type, $seconds, $send_at) = @_;
    my $due = $send_at ? "to_timestamp($send_at)" : 'NULL';
    my $id = $gw->sql("INSERT INTO emailgw.message (account_id, message_id, domain_id, api_key_id, from_email, from_name, subject, tags, size_bytes, accepted_at, send_at)
        VALUES ($account->{account_id}, emailgw.uuid7(to_timestamp($midnight)), $account->{domain_id}, 1, 'a\@example.com', '', '', '{}', 1, to_timestamp($midnight), $due)
        RETURNING message_id");
    add_event($gw, $account, type => 1, at => $midnight, message => $id, email => "ann\@$domain");
    add_event($gw, $account, type => $type, at => $midnight + $seconds, message => $id, email => "ann\@$domain") if $type;
}

my %slot = (0.5 => 1, 1 => 1, 1.5 => 5, 7 => 10, 30 => 30, 31 => 60, 300 => 300, 301 => 900, 3600 => 3600, 20_000 => 21_600, 80_000 => 86_400);
mail('slow.example', 2, $_) for keys %slot;
mail('slow.example', 4, 5);
mail('later.example', 2, 7205, $midnight + 7200);
mail('Fast.example' =~ tr/F/f/r, 2, 1) for 1 .. 3;
$gw->sql("INSERT INTO emailgw.queue (account_id, message_id, recipient_no, domain_id, email, lane, ready, next_at, counted, size_bytes)
    VALUES ($account->{account_id}, emailgw.uuid7(now()), 1, $account->{domain_id}, 'x\@$_', 1, false, now() + interval '1 day', true, 1)") for 'slow.example', 'waiting.example';

subtest 'one domain' => sub {
    my $session = session_of($gw, $account);
    my $reply = example($gw, qq({"SessionID": "$session", "APIKey": "$account->{account_key}", "Command": "EmailGateway.RecipientDomainStats", "DomainID": $account->{domain_id}, "RecipientDomain": "SLOW.example"}));
    is(outcome($reply), '200 0', 'answered') or diag($reply->{body});
    my $stats = $reply->{json}{Stats};
    my %slots;
    $slots{$_}++ for values %slot;
    is_deeply({ map { $_->{UpToSeconds} // 'more' => $_->{Delivered} } @{ delete $stats->{Histogram} } }, { 5 => 1, more => 0, %slots }, 'the histogram');
    my $average = 0;
    $average += $_ / keys %slot for keys %slot;
    is_deeply($stats, { RecipientDomain => 'slow.example', Sent => 12, Delivered => 11, Failed => 1, Pending => 1, AverageSeconds => sprintf('%.3f', $average) + 0,
        MinSeconds => 0.5, MaxSeconds => 80_000 }, 'the numbers');
    is_deeply([ map { $_->{UpToSeconds} } @{ $reply = stats()->{json}{Stats}{Histogram} } ], [ 1, 5, 10, 30, 60, 300, 900, 3600, 21_600, 86_400, undef ], 'in order');
    is(stats(RecipientDomain => 'later.example')->{json}{Stats}{MaxSeconds}, 5, 'seconds are from when it was to be sent');
    my $none = stats(RecipientDomain => 'nowhere.example')->{json}{Stats};
    is_deeply([ @$none{qw(RecipientDomain Sent Delivered Failed Pending AverageSeconds MinSeconds MaxSeconds)} ], [ 'nowhere.example', 0, 0, 0, 0, undef, undef, undef ], 'nothing went there');
    is(scalar(grep { $_->{Delivered} == 0 } @{ $none->{Histogram} }), 11, '... in any time');
    is(stats(RecipientDomain => 'waiting.example')->{json}{Stats}{Pending}, 1, 'what waits');
    is(stats(StartDate => day(1), EndDate => day(2))->{json}{Stats}{Sent}, 0, 'another period');
};

subtest 'all of them' => sub {
    my $session = session_of($gw, $account);
    my $reply = example($gw, qq({"SessionID": "$session", "APIKey": "$account->{account_key}", "Command": "EmailGateway.ListRecipientDomains", "DomainID": $account->{domain_id}, "StartFrom": 0, "RetrieveCount": 10}));
    my $all = 'slow.example 12/11/1/1, fast.example 3/3/0/0, later.example 1/1/0/0, waiting.example 0/0/0/1';
    is(told($reply), $all, 'most sends first') or diag($reply->{body});
    is($reply->{json}{TotalRecords}, 4, 'how many');
    is_deeply([ sort keys %{ $reply->{json}{RecipientDomains}[0] } ], [qw(AverageSeconds Delivered Failed MaxSeconds MinSeconds Pending RecipientDomain Sent)], 'what of each');
    is($reply->{json}{RecipientDomains}[1]{AverageSeconds}, 1, 'seconds');
    my @all = split /, /, $all;
    for my $case ([ 0, 2 ], [ 1, 2 ], [ 3, 5 ]) {
        my ($start, $count) = @$case;
        my $last = $start + $count > 4 ? 3 : $start + $count - 1;
        is(told(list(StartFrom => $start, RetrieveCount => $count)), join(', ', @all[ $start .. $last ]), "$count from $start on");
    }
    is(told(list(StartFrom => 4)) . list(StartFrom => 4)->{json}{TotalRecords}, '4', 'a page beyond, with the total');
    is(told(list(@$_)), $all, "@$_") for [], [ RetrieveCount => 5000 ], [ StartDate => day(-1), EndDate => day(1) ];
    is(told(list(StartDate => day(1))), 'slow.example 0/0/0/1, waiting.example 0/0/0/1', 'of another period: what waits now');
    is(told($gw->api('EmailGateway.ListRecipientDomains', as => $other, DomainID => $other->{domain_id})), '', 'of another account');
};

subtest 'errors' => sub {
    for my $ask (\&list, \&stats) {
        refuses($ask->(DomainID => $_), 1, '1: ' . (defined $_ ? 'empty' : 'missing')) for undef, '';
        refuses($ask->(DomainID => 999999999), 2, '2: no such domain');
        refuses($ask->(DomainID => $other->{domain_id}), 2, '2: another account\'s');
        refuses($ask->(StartDate => $_), 108, "108: StartDate $_") for '2026-13-01', 'x', 5;
        refuses($ask->(EndDate => $_), 109, "109: EndDate $_") for '2026-02-30', 'x', 5;
        refuses($ask->(StartDate => day(), EndDate => day(-1)), 109, '109: EndDate before StartDate');
    }
    refuses(stats(RecipientDomain => $_), 3, '3: RecipientDomain') for undef, '', 'a b', '-x.example', 'a@b.example', 'x' x 300, ['a.example'];
    refuses(list(StartFrom => $_), 4, '4: StartFrom') for -1, 'x', 1.5;
    refuses(list(RetrieveCount => $_), 5, '5: RetrieveCount') for -1, 'x', 1.5;
    too_many($gw, $other, 2_000_000);
    add_event($gw, $other, type => 2, at => $now, message => '01900000-0000-7000-8000-000000000001');
    refuses($gw->api("EmailGateway.$_->[0]", as => $other, DomainID => $other->{domain_id}, @{ $_->[1] }), 116, "116: $_->[0]: more than may be read")
        for [ ListRecipientDomains => [] ], [ RecipientDomainStats => [ RecipientDomain => 'a.example' ] ];
    takes_ids_only($gw, 'EmailGateway.ListRecipientDomains', $account, 'DomainID', absent => 1, invalid => 2, fresh => sub { @of });
};

common_rules($gw, 'EmailGateway.ListRecipientDomains', $account, sub { @of });
common_rules($gw, 'EmailGateway.RecipientDomainStats', $account, sub { (@of, RecipientDomain => 'slow.example') });
$gw->log_clean;
done_testing;
