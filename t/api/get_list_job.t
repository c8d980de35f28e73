# EmailGateway.GetListJob: how far a mail to a list has come, its ids page by page, why it waits, and what ends it.
use EmailGW;
use EmailGW::ApiPhp;

my $gw = EmailGW->up(SENDER_CONF => \"poll = 20ms\n");
my $account = $gw->new_account;
my $other = $gw->new_account;

sub job { return $gw->api('EmailGateway.GetListJob', as => $account, JobID => @_) }
sub status { my ($job) = job($_[0])->{json}{Job}; return join ' ', grep { defined } @$job{qw(Status Done Suppressed Reason)} }

# A list of so many, put there at once.
sub list {
    my ($as, $count) = @_;
    my $id = $gw->api('EmailGateway.AddList', as => $as, Name => 'News')->{json}{NewListID};
    $gw->sql("INSERT INTO emailgw.subscriber (account_id, list_id, email, address)
        SELECT $as->{account_id}, $id, e, e FROM generate_series(1, $count) AS n, concat('s', n, '\@example.org') AS e;
        UPDATE emailgw.list SET subscribers = $count WHERE list_id = $id");
    return $id;
}

sub send_to { my ($as, $list, @with) = @_; return $gw->send_mail(as => $as, To => undef, TargetListID => $list, @with)->{json}{JobID} // die "no job\n" }

my $list = list($account, 1200);
$gw->sql("INSERT INTO emailgw.suppression (account_id, address, reason) SELECT $account->{account_id}, concat('s', n, '\@example.org'), 'test'
    FROM generate_series(100, 1200, 100) AS n");
my ($id, $theirs) = (send_to($account, $list), send_to($other, list($other, 1001)));

subtest 'the documented example' => sub {
    $gw->wait_for(sub { status($id) =~ /^Finished/ }, 60, 'the end of it');
    my $session = session_of($gw, $account);
    my $reply = example($gw, qq({
    "SessionID": "$session",
    "APIKey": "$account->{account_key}",
    "Command": "EmailGateway.GetListJob",
    "JobID": "$id",
    "RetrieveCount": 1000
}));
    is(outcome($reply), '200 0', 'answered') or diag($reply->{body});
    my $job = $reply->{json}{Job};
    like($reply->{body}, qr/"Job":\{"JobID":"$id","ListID":"$list","DomainID":"$account->{domain_id}","Status":"Finished","Recipients":1200,"Done":1188,"Suppressed":12,"Failed":0,"CreationDate":"[^"]+Z","FinishDate":"[^"]+Z"\}/,
        'as documented') or diag($reply->{body});
    my @ids = @{ $reply->{json}{MessageIDs} };
    is(scalar @ids, 1000, 'a page of ids');
    push @ids, @{ job($id, After => $ids[-1], RetrieveCount => 1000)->{json}{MessageIDs} };
    my %ids = map { $_ => 1 } @ids;
    is(scalar @ids . ' ' . keys %ids, '1188 1188', 'and the rest of them, each once');
    is($gw->sql("SELECT count(*) FROM emailgw.message WHERE account_id = $account->{account_id} AND message_id IN ('" . join("', '", @ids) . "')"),
        1188, 'which are the mails');
    is(scalar @{ job($id)->{json}{MessageIDs} }, 100, 'a hundred, unless said otherwise');
    refuses(job($id, After => $_), 4, "behind what is no id: $_") for 'x', 7;
    is(scalar @{ job($id, After => $ids[-1])->{json}{MessageIDs} }, 0, 'behind the last one: none');
    is(scalar @{ job($id, After => 'ffffffff-ffff-7fff-bfff-ffffffffffff')->{json}{MessageIDs} }, 0, '... as behind any later id');
};

subtest 'errors' => sub {
    refuses(job($_), 1, '1: no id') for undef, '';
    refuses(job($id, RetrieveCount => 'x'), 2, '2: RetrieveCount');
    refuses(job($_), 3, "3: $_") for '01890000-0000-7000-8000-000000000000', 'x', 7, $theirs;
    is(job($theirs)->{body}, job('01890000-0000-7000-8000-000000000000')->{body}, 'another account\'s, in the same words');
};

subtest 'what it waits for' => sub {
    my $later = send_to($account, $list, SendAt => time + 3600);
    is(status($later), 'Waiting 0 0 SendAt', 'SendAt');
    $gw->sql("UPDATE emailgw.list_job SET send_at = NULL, next_at = now() WHERE job_id = '$later'");
    $gw->wait_for(sub { status($later) =~ /^Finished 1188 12/ }, 60, 'then it is sent') and pass('then it is sent');

    my $limited = $gw->new_account;
    $gw->ctl(qw(user limits), $limited->{username}, '--hour', 700);
    my $limited_job = send_to($limited, list($limited, 1001));
    my $state = sub { $gw->api('EmailGateway.GetListJob', as => $limited, JobID => $limited_job)->{json}{Job} };
    $gw->wait_for(sub { $state->()->{Status} eq 'Waiting' }, 60, 'a limit that is used up');
    is($state->()->{Done}, 700, 'as many as the limit allows');
    like($state->()->{Reason}, qr/^700 emails per hour, until 2.* UTC\z/, 'and which it is');
    is($gw->sql("SELECT sum(sent) FROM emailgw.usage WHERE account_id = $limited->{account_id} AND period = 'h'"), 700, 'all of it is counted');
    is($gw->send_mail(as => $limited)->{status}, 429, 'nothing else goes meanwhile');
    $gw->ctl(qw(user limits), $limited->{username}, '--hour', 'none');
    $gw->sql("UPDATE emailgw.list_job SET next_at = now() WHERE job_id = '$limited_job'"); # a minute passes
    $gw->wait_for(sub { $state->()->{Status} eq 'Finished' }, 60, 'the rest, when the limit is gone');
    is($state->()->{Done}, 1001, 'then it goes on');
};

subtest 'what ends it' => sub {
    my %end = (
        'ClearDomainQueue' => sub { my ($as) = @_; $gw->api('EmailGateway.ClearDomainQueue', as => $as, DomainID => $as->{domain_id}) },
        'DeleteDomain' => sub { my ($as) = @_; $gw->api('EmailGateway.DeleteDomain', as => $as, DomainID => $as->{domain_id}) },
        'DeleteList' => sub { my ($as, $of) = @_; $gw->api('EmailGateway.DeleteList', as => $as, ListID => $of) },
        'a disabled account' => sub { my ($as) = @_; $gw->ctl(qw(user set), $as->{username}, qw(--status disabled)) },
    );
    for my $what (sort keys %end) {
        my $as = $gw->new_account;
        my $of = list($as, 1001);
        my $ended = send_to($as, $of, SendAt => time + 3600);
        $end{$what}->($as, $of);
        is($gw->api('EmailGateway.GetListJob', as => $as, JobID => $ended)->{json}{Job}{Status}, 'Cancelled', "$what, at once")
            if $what ne 'a disabled account';
        $gw->sql("UPDATE emailgw.list_job SET next_at = now() WHERE job_id = '$ended'");
        $gw->wait_for(sub { $gw->sql("SELECT status FROM emailgw.list_job WHERE job_id = '$ended'") eq 'cancelled' }, 30, $what) and pass("$what, for good");
        is($gw->sql("SELECT count(*) FROM emailgw.message WHERE account_id = $as->{account_id}"), 0, '... and nothing is sent');
    }
};

subtest 'what ClearDomainQueue says of it' => sub {
    my $as = $gw->new_account;
    my $of = list($as, 1002);
    my $clear = sub { $gw->api('EmailGateway.ClearDomainQueue', as => $as, DomainID => $as->{domain_id})->{json}{ClearedEmails} };
    my $job = sub { $gw->api('EmailGateway.GetListJob', as => $as, JobID => $_[0])->{json}{Job} };
    send_to($as, $of, SendAt => time + 3600) for 1 .. 2;
    $gw->send_mail(as => $as, SendAt => time + 3600);
    is($clear->(), 2005, 'two jobs that have not begun, and a mail');
    is($clear->(), 0, '... once');

    $gw->sql("INSERT INTO emailgw.suppression (account_id, address, reason) VALUES ($as->{account_id}, 's7\@example.org', 'test')");
    $gw->ctl(qw(user limits), $as->{username}, '--hour', 700);
    my $begun = send_to($as, $of);
    $gw->wait_for(sub { $job->($begun)->{Status} eq 'Waiting' }, 60, 'a job that cannot go on');
    is(join(' ', @{ $job->($begun) }{qw(Done Suppressed)}), '700 1', 'a part of it is made');
    $gw->drained(60);
    is($clear->(), 301, '... and the rest is what is cleared');
    is($gw->sql("SELECT count(*) FROM emailgw.event WHERE account_id = $as->{account_id} AND type = 6"), 1, '... without events: the one is the mail\'s');
    my $gone = send_to($as, $of, SendAt => time + 3600);
    $gw->api('EmailGateway.DeleteList', as => $as, ListID => $of);
    is($clear->(), 0, 'what has no list any more would not have been sent: it does not count');
};

common_rules($gw, 'EmailGateway.GetListJob', $account, sub { (JobID => $id, RetrieveCount => 5) });
$gw->log_clean;
done_testing;
