# POST, GET and DELETE /api/v1/webhooks: what the reference documents, each of its
# errors by its cause, and that a refusal changes nothing.
use EmailGW;
use MIME::Base64 qw(decode_base64);

my $gw = EmailGW->up;
my $account = $gw->new_account;
my $other = $gw->new_account;
my $url = 'https://hooks.example.org/x';

sub add {
    my ($as, %with) = @_;
    return $gw->call('POST', '/api/v1/webhooks', { key => $as->{key}, json => \%with });
}

sub list {
    my ($as) = @_;
    return $gw->call('GET', '/api/v1/webhooks', { key => $as->{key} });
}

sub remove {
    my ($as, $id) = @_;
    return $gw->call('DELETE', '/api/v1/webhooks', { key => $as->{key}, json => defined $id ? { WebhookID => $id } : {} });
}

# The status, and the codes of the errors.
sub outcome {
    my ($reply) = @_;
    return join ' ', $reply->{status}, map { $_->{Code} } @{ $reply->{json}{Errors} // [] };
}

sub rows {
    return join ' ', map { "$_->{Event}=$_->{URL}=$_->{Status}" } @{ list($_[0])->{json}{Webhooks} };
}

# What the domain asks for, as the queue sees it.
sub wanted {
    return $gw->sql("SELECT webhook_events FROM emailgw.domain WHERE account_id = $_[0]{account_id}");
}

subtest 'the documented examples' => sub {
    my $reply = $gw->call('POST', '/api/v1/webhooks', { key => $account->{key}, type => 'application/json',
        body => '{"Event": "delivered", "WebhookURL": "https://yourdomain.com/webhook"}' });
    is($reply->{status}, 200, 'added') or diag($reply->{body});
    like($reply->{body}, qr/^\{"NewWebhookID":\s*"\d+"\}\s*$/, 'with its id as text');
    my $id = $reply->{json}{NewWebhookID};
    $reply = list($account);
    is($reply->{status}, 200, 'listed');
    is_deeply($reply->{json}{Webhooks}, [ { WebhookID => $id, Event => 'delivered', Payload => 'native',
        URL => 'https://yourdomain.com/webhook', Status => 'Active' } ], 'as it is');
    like($reply->{json}{SigningKey}, qr/^whsec_/, 'with the signing key');
    is(length decode_base64($reply->{json}{SigningKey} =~ s/^whsec_//r), 32, '... of 32 bytes');
    is(list($account)->{json}{SigningKey}, $reply->{json}{SigningKey}, '... the same each time');
    isnt(list($other)->{json}{SigningKey}, $reply->{json}{SigningKey}, '... and each domain\'s own');
    my $sealed = $gw->sql("SELECT encode(webhook_key_sealed, 'base64') FROM emailgw.domain WHERE domain_id = $account->{domain_id}");
    isnt($sealed, $reply->{json}{SigningKey} =~ s/^whsec_//r, '... which the database does not have');

    # curl -d labels its body as a form.
    $reply = $gw->call('DELETE', '/api/v1/webhooks', { key => $account->{key}, type => 'application/x-www-form-urlencoded',
        body => qq({"WebhookID":"$id"}) });
    is($reply->{status}, 200, 'deleted') or diag($reply->{body});
    is_deeply($reply->{json}, { Message => 'Webhook successfully deleted.' }, 'and so said');
    is_deeply(list($account)->{json}{Webhooks}, [], 'gone from the list');
    is(outcome(remove($account, $id)), '404 4', 'deleted again: unknown');
};

subtest 'events' => sub {
    my @id;
    for my $case (
        [ 'delivery', 'delivered' ], [ 'Sent', 'sent' ], [ 'bounce, Opened,click', 'bounced opened clicked' ],
        [ [ 'unsubscribed', 'complaint', 'complained' ], 'unsubscribed complained' ],
    ) {
        my ($event, $want) = @$case;
        push @id, add($account, Event => $event, WebhookURL => $url)->{json}{NewWebhookID};
        my @got = map { $_->{Event} } grep { $_->{WebhookID} eq $id[-1] } @{ list($account)->{json}{Webhooks} };
        is("@got", $want, ref $event ? "@$event" : $event);
    }
    is(wanted($account), '{1,2,4,7,8,9,10}', 'the domain asks for all of them');
    remove($account, $_) for @id[0, 2];
    is(wanted($account), '{1,9,10}', 'and for less when they go');
    remove($account, $_) for @id[1, 3];
    is(wanted($account), '{}', 'in the end for nothing');
};

subtest 'errors of POST' => sub {
    my $before = rows($account);
    my @cases = (
        [ 'no Event', '422 2', { WebhookURL => $url } ],
        [ 'an empty Event', '422 2', { Event => '', WebhookURL => $url } ],
        [ 'an empty list', '422 2', { Event => [], WebhookURL => $url } ],
        [ 'an unknown Event', '422 3', { Event => 'teleport', WebhookURL => $url } ],
        [ 'one unknown of two', '422 3', { Event => 'bounce,teleport', WebhookURL => $url } ],
        [ 'an event that webhooks are not told of', '422 3', { Event => 'deferred', WebhookURL => $url } ],
        [ 'an Event that is no text', '422 3', { Event => { a => 1 }, WebhookURL => $url } ],
        [ 'a list with a number', '422 3', { Event => [ 'bounce', 7 ], WebhookURL => $url } ],
        [ 'no WebhookURL', '422 5', { Event => 'bounce' } ],
        [ 'a WebhookURL that is no text', '422 5', { Event => 'bounce', WebhookURL => [ $url ] } ],
        [ 'no URL', '422 5', { Event => 'bounce', WebhookURL => 'hooks' } ],
        [ 'a private address', '422 5', { Event => 'bounce', WebhookURL => 'http://10.0.0.1/' } ],
        [ 'localhost', '422 5', { Event => 'bounce', WebhookURL => 'http://localhost:8080/' } ],
        [ 'the gateway itself', '422 5', { Event => 'bounce', WebhookURL => $gw->env('BASE_URL') } ],
        [ 'nothing', '422 2 5', {} ],
        [ 'both wrong', '422 3 5', { Event => 'x', WebhookURL => 'x' } ],
    );
    is(outcome(add($account, %{ $_->[2] })), $_->[1], $_->[0]) for @cases;
    is(rows($account), $before, 'nothing was added');
    is(wanted($account), '{}', 'nothing is asked for');
    my $reply = add($account, Event => 'bounce', WebhookURL => 'http://127.1/');
    like($reply->{json}{Errors}[0]{Message}, qr/^WebhookURL is invalid: its host/, 'the message says why');
};

subtest 'authentication stands alone' => sub {
    for my $method (qw(POST GET DELETE)) {
        is(outcome($gw->call($method, '/api/v1/webhooks', { json => {} })), '401 1', "$method without a key");
        is(outcome($gw->call($method, '/api/v1/webhooks', { key => 'nonsense', json => {} })), '401 13', "$method with a wrong one");
        is(outcome($gw->call($method, '/api/v1/webhooks', { key => $account->{key} =~ s/.\z/-/r, json => {} })), '401 13', "$method with an unknown one");
    }
    $gw->sql("UPDATE emailgw.api_key SET permissions = 'send,events' WHERE account_id = $other->{account_id}");
    is(outcome(add($other, Event => 'bounce', WebhookURL => $url)), '401 13', 'a key without the permission adds nothing');
    is(outcome(list($other)), '401 13', '... sees nothing');
    is(outcome(remove($other, 1)), '401 13', '... deletes nothing');
    $gw->sql("UPDATE emailgw.api_key SET permissions = 'webhooks' WHERE account_id = $other->{account_id}");
    is(outcome(list($other)), '200', 'with it alone: it does');
    $gw->sql("UPDATE emailgw.account SET status = 'disabled' WHERE account_id = $other->{account_id}");
    is(outcome(add($other)), '403 12', 'a disabled account');
    $gw->sql("UPDATE emailgw.account SET status = 'active' WHERE account_id = $other->{account_id}");
};

subtest 'DELETE' => sub {
    my $id = add($account, Event => 'bounce', WebhookURL => $url)->{json}{NewWebhookID};
    is(outcome(remove($account)), '422 1', 'no WebhookID');
    is(outcome(remove($account, '')), '422 1', 'an empty one');
    is(outcome(remove($account, $_)), '404 4', "WebhookID $_") for '999999999', '12abc', '-1', '1.5', "${id}0", '1' . '0' x 30;
    is(outcome(remove($other, $id)), '404 4', 'another account\'s');
    my $second = $gw->new_account;
    is(outcome(remove($second, 0 + $id)), '404 4', 'and as a number');
    is(rows($account), "bounced=$url=Active", 'it is still there');
    is(outcome(remove($account, 0 + $id)), '200', 'its owner\'s number is taken');
};

subtest 'methods' => sub {
    my $reply = $gw->call('PUT', '/api/v1/webhooks', { key => $account->{key}, json => {} });
    is($reply->{status}, 405, 'PUT is refused');
    is($reply->{headers}{allow}, 'POST, GET, HEAD, DELETE', 'with what is allowed');
    ok($reply->{json}{Errors}[0]{Message}, 'in JSON');
    is($gw->call('HEAD', '/api/v1/webhooks', { key => $account->{key} })->{status}, 200, 'HEAD is a GET');
    is($gw->call('GET', '/api/v1/email', { key => $account->{key} })->{headers}{allow}, 'POST', 'other paths keep theirs');
};

subtest 'how many' => sub {
    $gw->sql("INSERT INTO emailgw.webhook (account_id, domain_id, url, events)
              SELECT $account->{account_id}, $account->{domain_id}, '$url', '{4}' FROM generate_series(1, 99)");
    is(outcome(add($account, Event => 'bounce', WebhookURL => $url)), '200', 'the hundredth');
    is(outcome(add($account, Event => 'bounce', WebhookURL => $url)), '422 112', 'and no more');
    $gw->sql("UPDATE emailgw.webhook SET deleted_at = now() WHERE account_id = $account->{account_id}");
};

SKIP: {
    my $path = ($ENV{EG_CORPORA} // '') . '/url-ssrf/ssrf-urls.txt';
    skip 'EG_CORPORA has no url-ssrf', 1 if !-r $path;
    open my $file, '<', $path or die "$path: $!\n";
    my @lines = map { chomp; $_ } grep { /\S/ } <$file>;
    my @taken = grep { add($account, Event => 'bounce', WebhookURL => Encode::decode('UTF-8', $_))->{status} != 422 } @lines;
    is("@taken", '', scalar(@lines) . ' URLs of the corpus: all refused');
}

$gw->log_clean;
done_testing;
