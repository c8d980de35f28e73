# EmailGateway.AggrEvents: the reference's example, every field, sizes, days, its errors.
use EmailGW;
use EmailGW::ApiPhp;
use EmailGW::Events;

my $gw = EmailGW->up;
my ($account, $other) = map { $gw->new_account } 1 .. 2;
my @of = (DomainID => $account->{domain_id});
my ($message) = told_mails($gw, $account);
my $now = time;
my $today = day();
add_event($gw, $account, type => 4, at => $now, message => $message, email => 'eve@example.com',
    detail => { smtp => { host => 'mx.example.com', code => 550, enhanced => '5.1.1', text => 'no such user' }, bounce => { class => 'permanent' } });

sub get { return $gw->api('EmailGateway.AggrEvents', as => $account, @of, @_) }

sub buckets {
    my ($reply) = @_;
    return outcome($reply) eq '200 0' ? join(' ', map { "$_->{key}=$_->{doc_count}" } @{ $reply->{json}{AggBuckets} }) || 'none' : outcome($reply);
}

subtest 'the documented example' => sub {
    my $session = session_of($gw, $account);
    my $reply = example($gw, qq({"SessionID": "$session", "APIKey": "$account->{account_key}", "Command": "EmailGateway.AggrEvents", "DomainID": $account->{domain_id}, "StartDate": "2023-01-01", "EndDate": "$today", "AggregatedField": "eventType", "AggregateSize": 10}));
    is(buckets($reply), 'delivery=3 send=3 open=2 bounce=1 click=1 complaint=1', 'largest first, ties by key') or diag($reply->{body});
    is_deeply([ sort keys %{ $reply->{json} } ], [qw(AggBuckets ErrorCode Success)], 'nothing else');
    like($reply->{body}, qr/\{"key":"delivery","doc_count":3\}/, 'counts are numbers');
};

subtest 'fields' => sub {
    my ($hour) = (gmtime $now)[2];
    my %bucket = (
        eventType => 'delivery=3 send=3 open=2 bounce=1 click=1 complaint=1', recipientDomain => 'example.org=7 mail.example.net=3 example.com=1',
        tag => 'vip=9 welcome=9 receipt=2', bounceType => 'permanent=1', bounceReason => '550 5.1.1 no such user=1',
        mxHost => 'outbox=3 mx.example.com=1', smtpCode => '550=1', linkURL => 'https://shop.example/Prices=1',
    );
    is(buckets(get(AggregatedField => $_)), $bucket{$_}, $_) for sort keys %bucket;
    is(buckets(get(AggregatedField => uc)), $bucket{$_}, "$_ in capitals") for sort keys %bucket;
    like(buckets(get(AggregatedField => 'day')), qr/\A[-\d]+=\d+(?: [-\d]+=\d+)?\z/, 'day'); # midnight may have passed
    like(buckets(get(AggregatedField => 'hour')), qr/(?:\A| )\d{4}-\d\d-\d\dT\d\d:00Z=\d+/, 'hour');
    is(buckets(get(AggregatedField => $_)), $bucket{eventType}, 'eventType is the default') for undef, '';
};

subtest 'sizes and days' => sub {
    my @all = split ' ', buckets(get());
    is(buckets(get(AggregateSize => $_)), join(' ', @all[ 0 .. $_ - 1 ]) || 'none', "$_ at most") for 0, 1, 2, 6;
    is(buckets(get(AggregateSize => $_)), "@all", "$_ at most") for 7, 1000, 5000;
    my $tags = $gw->new_account;
    $gw->send_mail(as => $tags, Tags => [ map { "t$_" } 10 .. 21 ]);
    is(scalar(split ' ', buckets($gw->api('EmailGateway.AggrEvents', as => $tags, DomainID => $tags->{domain_id}, AggregatedField => 'tag'))),
        10, 'ten where nobody says');
    is(buckets(get(@$_)), "@all", "@$_") for [ StartDate => day(-1) ], [ EndDate => day(1) ], [ StartDate => '', EndDate => '' ];
    is(buckets(get(@$_)), 'none', "@$_") for [ StartDate => day(2) ], [ EndDate => day(-2) ], [ StartDate => day(2), AggregatedField => 'mxHost' ];
};

subtest 'errors' => sub {
    refuses(get(DomainID => $_), 1, '1: ' . (defined $_ ? 'empty' : 'missing')) for undef, '';
    for my $field ('colour', 'event_type', "eventType'", 'x' x 200, ['day'], 1) {
        refuses(get(AggregatedField => $field), 1, '1: a field that is not listed') or diag(explain($field));
    }
    like(get(AggregatedField => 'colour')->{json}{ErrorMessage}, qr/eventType.*day.*hour.*linkURL/, '... and which are');
    refuses(get(DomainID => 999999999), 2, '2: no such domain');
    refuses(get(DomainID => $other->{domain_id}), 2, '2: another account\'s');
    refuses(get(StartDate => $_), 108, "108: StartDate $_") for '2026-13-01', 'x', 5;
    refuses(get(EndDate => $_), 109, "109: EndDate $_") for '2026-02-30', 'x', 5;
    refuses(get(StartDate => day(), EndDate => day(-1)), 109, '109: EndDate before StartDate');
    refuses(get(AggregateSize => $_), 117, '117: AggregateSize') for -1, 'x', 1.5, [1], JSON::PP::true;
    too_many($gw, $other, 2_000_000);
    add_event($gw, $other, type => 7, at => $now, message => $message);
    my $ask = sub { $gw->api('EmailGateway.AggrEvents', as => $other, DomainID => $other->{domain_id}, AggregatedField => $_[0]) };
    refuses($ask->('hour'), 116, '116: more would have to be read than one request may');
    is(buckets($ask->('eventType')), 'delivery=2000000 open=1', '... but counters answer for any number');
    takes_ids_only($gw, 'EmailGateway.AggrEvents', $account, 'DomainID', absent => 1, invalid => 2, fresh => sub { @of });
};

common_rules($gw, 'EmailGateway.AggrEvents', $account, sub { @of });
$gw->log_clean;
done_testing;
