# What a person did with a mail reaches the receiver of webhooks: from the link to the post.
use EmailGW;
use EmailGW::Links;
use EmailGW::Receiver;
use JSON::PP ();

my $receiver = EmailGW::Receiver->up;
my $gw = EmailGW->up(RATE => 'off', WEBHOOK_ALLOW => $receiver->address);
my $account = $gw->new_account;
my $target = 'https://shop.example/a?b=1&c=2';

my $hook = $gw->call('POST', '/api/v1/webhooks', { key => $account->{key},
    json => { Event => 'open,click,unsubscribe', WebhookURL => $receiver->url('/ok') } });
ok($hook->{json}{NewWebhookID}, 'one webhook for all three') or diag($hook->{body});

my $id = sent_mail($gw, $account, Tags => ['news']);
visit($gw, link_to($gw, o => $account->{account_id}, $id, 1), agent => $PERSON);
visit($gw, link_to($gw, c => $account->{account_id}, $id, 1, $target), agent => $PERSON);
visit($gw, link_to($gw, c => $account->{account_id}, $id, 1, $target), agent => 'a-crawler/1.0 (bot)');
visit($gw, link_to($gw, u => $account->{account_id}, $id, 1), agent => $PERSON, method => 'POST',
    headers => { 'Content-Type' => 'application/x-www-form-urlencoded' }, body => 'List-Unsubscribe=One-Click');

$gw->wait_for(sub { $receiver->requests('/ok') >= 4 }, 10, 'four posts');
$gw->wait_for(sub { !$gw->sql('SELECT count(*) FROM emailgw.webhook_queue') }, 10, 'and no more');
my %event = map { $_->{EventId} => $_ } $gw->events($id, $account);
my %told;
for my $request ($receiver->requests('/ok')) {
    my $body = JSON::PP->new->utf8->decode($request->{body});
    my $data = $body->{data};
    my $event = $event{ $data->{EventId} } or fail('an event that the API does not show'), next;
    is($body->{type}, "email.$event->{EventType}", "type of $event->{EventType}");
    is_deeply([ @{$data}{qw(MessageId Recipient IpAddress Tags)} ], [ $id, $event->{Recipient}, '127.0.0.1', ['news'] ], '... whose it is');
    push @{ $told{ $body->{type} } }, $data;
}
is_deeply({ map { $_ => scalar @{ $told{$_} } } keys %told },
    { 'email.open' => 1, 'email.click' => 2, 'email.unsubscribe' => 1 }, 'each was told once');
is($told{'email.open'}[0]{UserAgent}, $PERSON, 'who opened it');
is_deeply([ map { $_->{Click}{URL} // $_->{Click} } @{ $told{'email.click'} } ], [ $target, $target ], 'where they clicked')
    or diag(explain($told{'email.click'}));
is_deeply([ sort map { $_->{Machine} ? 1 : 0 } @{ $told{'email.click'} } ], [ 0, 1 ], '... one of them is a machine');
done_testing;
