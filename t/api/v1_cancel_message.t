# DELETE /api/v1/email/<MessageID>: what of a mail waits ends as cancelled, at once and once;
# what is in hand or has an end is left. Against senders at work it is t/sender/cancel_message.t.
use EmailGW;
use EmailGW::Sink;
use JSON::PP ();

my $gw = EmailGW->up;
my $account = $gw->new_account;
my $other = $gw->new_account;

sub to { return [ map { { email => $_, name => '' } } @_ ] }

sub cancel {
    my ($as, $id, %with) = @_;
    return ($with{on} // $gw)->call('DELETE', "/api/v1/email/$id", { key => $as->{key}, type => $with{type} });
}

# "2 0 1": Cancelled, InFlight, Finished.
sub counts { return join ' ', map { $_ // '-' } @{ $_[0]{json} // {} }{qw(Cancelled InFlight Finished)} }

sub codes { return join ' ', $_[0]{status}, map { $_->{Code} } @{ ($_[0]{json} // {})->{Errors} // [] } }

sub send_later {
    my ($as, %with) = @_;
    return $gw->send_mail(as => $as, SendAt => time + 3600, %with)->{json}{MessageID};
}

sub told {
    my ($as, $id) = @_;
    return join ' ', map { $_->{EventType} } $gw->events($id, $as);
}

subtest 'a body that is not there, but labelled, as many clients do' => sub {
    my $reply = cancel($account, send_later($account), type => 'application/json');
    is("$reply->{status} " . counts($reply), '200 1 0 0', 'is none') or diag($reply->{body});
};

subtest 'what is scheduled' => sub {
    my $id = send_later($account, To => to(qw(a@example.org b@example.org)), BCC => to('c@example.org'));
    my $beside = send_later($account);
    my $reply = cancel($account, $id);
    is("$reply->{status} " . counts($reply), '200 3 0 0', 'each recipient is cancelled') or diag($reply->{body});
    is_deeply([ sort keys %{ $reply->{json} } ], [qw(Cancelled Finished InFlight)], 'which is all that it says');
    is(told($account, $id), 'cancelled cancelled cancelled send send send', 'one event each, at once');
    is($gw->sql("SELECT count(*) FROM emailgw.queue WHERE message_id = '$id'"), 0, 'nothing is left in the queue');
    is(join(' ', map { "$_->{State} $_->{Attempts}" } @{ $gw->call('GET', "/api/v1/email/$id", { key => $account->{key} })->{json}{Recipients} }),
        'cancelled 0 cancelled 0 cancelled 0', 'the recipients say so');
    $reply = cancel($account, $id);
    is("$reply->{status} " . counts($reply), '200 0 0 3', 'again: they have their end');
    is(told($account, $id), 'cancelled cancelled cancelled send send send', '... and no more events');
    is(told($account, $beside), 'send', 'the mail beside it waits');
    is(counts(cancel($account, $beside)), '1 0 0', '... until it is cancelled itself');
};

subtest 'what was sent' => sub {
    my $id = $gw->send_mail(as => $account)->{json}{MessageID};
    $gw->wait_for(sub { told($account, $id) eq 'delivery send' }, 10, 'delivery');
    is(counts(cancel($account, $id)), '0 0 1', 'is finished');
    is(told($account, $id), 'delivery send', '... and stays so');
};

subtest 'what is in hand, and what is deferred' => sub {
    my $sink = EmailGW::Sink->start(script => sub {
        my ($step, $c) = @_;
        return { wait => 2, reply => '250 2.0.0 ok' } if $step eq 'dot' && $c->{to} =~ /^slow/;
        return $step eq 'rcpt' && $c->{to} =~ /^busy/ ? '451 4.3.0 later' : undef;
    });
    my $own = EmailGW->up(TRANSPORT => $sink->transport, RATE => 'off', SENDER_CONF => \"retry = 300ms\npoll = 20ms\n");
    my $it = $own->new_account;
    my $id = $own->send_mail(as => $it, To => to(qw(slow@example.org busy@example.org fast@example.org)))->{json}{MessageID};
    $own->wait_for(sub { grep { $_->{to} =~ /^slow/ } $sink->ledger('dot') } , 10, 'one in flight')
        && $own->wait_for(sub { (grep { $_->{EventType} =~ /^(?:deferred|delivery)\z/ } $own->events($id, $it)) >= 2 }, 10, 'the others were tried');
    # Deferred, it is in hand for a moment again and again.
    my $reply;
    $own->wait_for(sub { $reply = cancel($it, $id, on => $own); $reply->{json}{Cancelled} }, 5, 'the deferred one is cancelled');
    is(counts($reply), '1 1 1', 'one of each') or diag($reply->{body});
    $own->wait_for(sub { !$own->sql('SELECT count(*) FROM emailgw.queue') }, 10, 'an empty queue');
    my %end = map { $_->{Recipient} =~ s/@.*//r => $_->{EventType} } grep { $_->{EventType} =~ /^(?:delivery|cancelled)\z/ } $own->events($id, $it);
    is_deeply(\%end, { slow => 'delivery', busy => 'cancelled', fast => 'delivery' }, 'what was in hand has finished');
    is(counts(cancel($it, $id, on => $own)), '0 0 3', 'at the end all have one');
    $own->log_clean;
};

subtest 'what was cut off' => sub {
    $gw->stop('sender');
    my $id = send_later($account);
    $gw->api('EmailGateway.ClearDomainQueue', as => $account, DomainID => $account->{domain_id});
    is(counts(cancel($account, $id)), '1 0 0', 'is cancelled before the sender comes to it');
    $gw->start('sender');
    my $next = $gw->send_mail(as => $account)->{json}{MessageID};
    $gw->wait_for(sub { told($account, $next) eq 'delivery send' }, 20, 'the next mail');
    is(told($account, $id), 'cancelled send', '... and has one end');
};

subtest 'whose: 1, 13, 131' => sub {
    my $id = send_later($account);
    my $none = cancel($account, '01890000-0000-7000-8000-000000000001');
    is(codes($none), '404 131', 'an id that nothing has');
    for my $case ([ 'another account', $other, $id ], [ 'what is none', $account, 'x' ]) {
        my ($what, $as, $asked) = @$case;
        my $reply = cancel($as, $asked);
        is("$reply->{status} $reply->{body}", "404 $none->{body}", "$what: the same answer");
    }
    is(codes(cancel({ key => '' }, $id)), '401 1', 'no key');
    is(codes(cancel({ key => "$account->{key}x" }, $id)), '401 13', 'a wrong key');
    $gw->sql("UPDATE emailgw.api_key SET permissions = 'events' WHERE account_id = $account->{account_id}");
    is(codes(cancel($account, $id)), '401 13', 'a key that may not send');
    $gw->sql("UPDATE emailgw.api_key SET permissions = 'send,webhooks,events' WHERE account_id = $account->{account_id}");
    is(told($account, $id), 'send', 'nothing of it was cancelled');
};

subtest 'limits' => sub {
    my $it = $gw->new_account;
    $gw->ctl(qw(user limits), $it->{username}, qw(--hour 2));
    my $id = send_later($it);
    cancel($it, $id);
    is(join(' ', map { $gw->send_mail(as => $it)->{status} } 1, 2), '200 429', 'what was cancelled counts as sent');
};

$gw->log_clean;
done_testing;
