# Children of httpd are killed in the middle of batches. Whoever has no answer, or one that
# says that the outcome is not known, sends the same again under the same Idempotency-Key,
# until there is one: each mail is there once, with the MessageID that is answered, and goes
# out once. Some of a batch have a template, and some go to a list.
use EmailGW;
use Instance::Process;
use JSON::PP ();
use List::Util qw(uniq);
use POSIX ();
use Time::HiRes qw(sleep time);

my ($clients, $batches, $mails, $kills) = (4, 9, 250, 10);
my $to_list = 3;                                                       # subscribers of the list
my $good = $clients * $batches * ($mails + $mails / 50 * ($to_list - 2)); # mails without a fault, a list's each
my $gw = EmailGW->up(RATE => 'off');
$gw->expects(qw(AH00052 AH10392 EG0102));
my $account = $gw->new_account;
my $json = JSON::PP->new->utf8->canonical;

my $list = $gw->api('EmailGateway.AddList', as => $account, Name => 'News')->{json}{NewListID};
$gw->api('EmailGateway.AddSubscribers', as => $account, ListID => $list, Subscribers => [ map { { email => "s$_\@example.org", name => '' } } 1 .. $to_list ]);
my $template = $gw->new_template($account, Subject => '{{ subject }}', PlainContent => 'Hello.');

# The first of fifty goes to the list, the last is not good, and each third has a template.
sub body {
    my ($name) = @_;
    return $json->encode({ Messages => [ map { my $no = $_; {
        From => { email => "a\@$account->{domain}", name => '' },
        $no % 50 == 1 ? (TargetListID => $list) : (To => [ { email => "r$no\@example.org", name => '' } ]),
        $no % 3 == 0 && $no % 50 ? (TemplateID => $template, TemplateData => { subject => "$name $no" })
            : (Subject => $no % 50 ? "$name $no" : '', ContentType => 'plain', PlainContent => 'Hello.'),
    } } 1 .. $mails ] });
}

# The ids of one result: a list's are several.
sub ids_of { my ($result) = @_; my $ids = $result->{MessageID} // return; return ref $ids ? @$ids : $ids }

# One client: each of its batches until it is answered with 200; how often it took, and the answer.
sub client {
    my ($no) = @_;
    my $said = '';
    for my $name (map { "batch-$no-$_" } 1 .. $batches) {
        my ($body, $tries) = (body($name), 0);
        while (1) {
            $tries++;
            my $reply = $gw->call('POST', '/api/v1/email/batch', { key => $account->{key}, type => 'application/json', body => $body,
                headers => { 'Idempotency-Key' => $name } });
            if ($reply->{status} == 200) {
                $said .= "$name $tries $reply->{body}\n";
                last;
            }
            $said .= "$name said $reply->{status}\n" if $reply->{status} !~ /^(?:503|599)\z/;
            delete $gw->{agent};
            sleep 0.1;
        }
    }
    $gw->file("client-$no", $said);
}

$gw->file('clients', ''); # the folder that they write to is there before them
my @clients = map {
    my $no = $_;
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        delete $gw->{agent};
        client($no);
        POSIX::_exit(0);
    }
    $pid;
} 1 .. $clients;

my $parent = Instance::Process::id($gw->env('HTTPD_PID'));
my $taken = sub { scalar $gw->sql("SELECT count(*) FROM emailgw.message WHERE account_id = $account->{account_id}") };
my ($killed, $before) = (0, 0);
my $going = sub { grep { waitpid($_, POSIX::WNOHANG()) == 0 } @clients };
while ($killed < $kills && $going->()) {
    sleep 0.05;
    # In the middle of some: mails have been taken since the last time.
    next if $taken->() <= $before;
    Instance::Process::signal('KILL', grep { $_ ne $parent } Instance::Process::family($parent));
    $killed++;
    $before = $taken->();
}
cmp_ok($killed, '>=', 3, "httpd's children were killed $killed times");

waitpid $_, 0 for @clients;
my @said = map { open my $in, '<', "$gw->{temp}/client-$_" or die "client-$_: $!\n"; <$in> } 1 .. $clients;
is(join('', grep { !/^batch-\d+-\d+ \d+ \{/ } @said), '', 'no other answer than 200, or none');
my %answer = map { /^(\S+) (\d+) (.*)/ ? ($1 => { tries => $2, json => $json->decode($3) }) : () } @said;
is(scalar(keys %answer), $clients * $batches, 'each batch is answered in the end');
cmp_ok(scalar(grep { $_->{tries} > 1 } values %answer), '>=', 3, 'some only when they came again');
my @ids = map { map { ids_of($_) } @{ $_->{json}{Results} } } values %answer;
is(scalar(uniq @ids), $good, 'each mail has an id of its own');
is($taken->(), $good, '... and is there once');
my %subject = map { $_->[0] => $_->[1] } $gw->sql("SELECT message_id, subject FROM emailgw.message WHERE account_id = $account->{account_id}");
my @wrong = map { my $name = $_; my $no = 0; map { $no++; my $said = join '|', map { $subject{$_} // 'none' } ids_of($_);
    $said eq join('|', ("$name $no") x ($no % 50 == 1 ? $to_list : $no % 50 ? 1 : 0)) ? () : "$name $no" } @{ $answer{$name}{json}{Results} } } keys %answer;
is(scalar(@wrong), 0, '... which is that of its place') or diag(join ' ', @wrong[ 0 .. ($#wrong > 9 ? 9 : $#wrong) ]);
ok($gw->drained(90), 'all are sent');
is(scalar($gw->sql("SELECT count(*) FROM emailgw.event WHERE account_id = $account->{account_id} AND type = 2")), $good, 'each once');
is(scalar($gw->sql("SELECT count(*) FROM emailgw.list_job WHERE account_id = $account->{account_id}")), $clients * $batches * $mails / 50, 'so was each list');
is(scalar(uniq map { $_->{raw} =~ /^Message-ID: <([^@]+)@/mi } $gw->mails_of($account)), $good, '... which the outbox says, too');
is(scalar($gw->mails_of($account)), $good, '... that has no more');
$gw->log_clean;
done_testing;
