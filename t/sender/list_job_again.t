# The database fails while a batch of a list is being made, longer than the sender tries at once: the list goes on
# soon, by the sender's defaults, and each subscriber gets one mail.
use EmailGW;

my $gw = EmailGW->up(SENDER_CONF => \"poll = 20ms\n");
my $account = $gw->new_account;
my ($few, $failures) = (1_500, 6); # more than the tries of one call
my $soon = 60; # seconds

# The first calls of a function lose their connection.
sub break_first_calls {
    my ($function) = @_;
    my $text = $gw->sql("SELECT pg_get_functiondef('emailgw_api.$function'::regproc)");
    $text =~ s/^BEGIN$/BEGIN\n    IF nextval('emailgw.test_calls') <= $failures THEN\n        PERFORM pg_terminate_backend(pg_backend_pid());\n    END IF;/m
        or die "$function() has changed:\n$text\n";
    $text =~ s/ STABLE / VOLATILE /;
    $gw->sql("CREATE SEQUENCE emailgw.test_calls; $text");
    return sub {
        $text =~ s/^ +IF nextval.*?END IF;\n//ms;
        $gw->sql("$text; DROP SEQUENCE emailgw.test_calls");
    };
}

sub job { return $gw->api('EmailGateway.GetListJob', as => $account, JobID => $_[0])->{json}{Job} }

for my $function ('get_list_targets', 'store_list_batch') {
    my $list = $gw->api('EmailGateway.AddList', as => $account, Name => 'News')->{json}{NewListID};
    $gw->sql("INSERT INTO emailgw.subscriber (account_id, list_id, email, address)
        SELECT $account->{account_id}, $list, e, e FROM generate_series(1, $few) AS n, concat('s', n, '\@example.org') AS e;
        UPDATE emailgw.list SET subscribers = $few WHERE list_id = $list");
    my $mend = break_first_calls($function);
    $gw->expects(qw(EG0102));
    my $id = $gw->send_mail(as => $account, To => undef, TargetListID => $list)->{json}{JobID};
    $gw->wait_for(sub { grep { /EG0102: $function/ } $gw->log_lines(qr/sender\.log/) }, 20, "$function fails");
    cmp_ok($gw->sql("SELECT extract(epoch FROM next_at - now()) FROM emailgw.list_job WHERE job_id = '$id'"), '<=', $soon,
        "$function fails: the job is left for no longer than $soon s");
    $gw->sql("UPDATE emailgw.list_job SET next_at = now() WHERE job_id = '$id'"); # as if they had gone by
    $gw->wait_for(sub { job($id)->{Status} eq 'Finished' }, 60, 'the end of it') and pass('... then it goes on to its end');
    is(job($id)->{Done}, $few, '... all are done');
    is($gw->sql("SELECT count(DISTINCT subscriber_id) || ' ' || count(*) FROM emailgw.message WHERE list_id = $list"), "$few $few", '... with one mail for each');
    $mend->();
}

$gw->log_clean;
done_testing;
