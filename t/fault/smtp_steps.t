# kill -9 of httpd, and of PostgreSQL, at each step of handing in a mail by SMTP, twenty
# sessions at a step: a client that has its 250 finds its mail delivered once, and so does one
# that has none and sends the same message again. Twenty sessions stand at the step, then the
# server dies, once for all of them.
use EmailGW;
use EmailGW::Smtp;
use Instance;
use Time::HiRes qw(sleep time);

my $sessions = 20;
my $port = Instance::free_port();
my $gw = EmailGW->up(RATE => 'off', HTTPD_CONF => \EmailGW::Smtp::plain_port($port), SENDER_CONF => \"threads = 1\npoll = 20ms\n");
$gw->expects_database_away;
my $account = $gw->new_account;
my ($user, $password) = EmailGW::Smtp::login($gw, $account);

# What a client does, one after the other; each says whether it went well.
my @stages = (
    [ connected => sub { my ($c) = @_; $c->{smtp} = eval { EmailGW::Smtp->connect($port) } } ],
    [ 'AUTH done' => sub { my ($c) = @_; ($c->{smtp}->log_in($user, $password) // '') eq '235' } ],
    [ MAIL => sub { my ($c) = @_; ($c->{smtp}->say("MAIL FROM:<shop\@$account->{domain}>") // '') eq '250' } ],
    [ RCPT => sub { my ($c) = @_; ($c->{smtp}->say("RCPT TO:<$c->{to}>") // '') eq '250' } ],
    [ 'half of DATA' => sub { my ($c) = @_; ($c->{smtp}->say('DATA') // '') eq '354' && $c->{smtp}->write(substr $c->{text}, 0, length($c->{text}) / 2) } ],
    [ 'dot sent' => sub { my ($c) = @_; $c->{smtp}->write(substr($c->{text}, length($c->{text}) / 2) . ".\r\n") } ],
    [ answered => sub { my ($c) = @_; ($c->{smtp}->read(30) // '') eq '250' } ],
);
my $dot = 5;

# Each names its message, so that it can be told when it comes again.
sub client {
    my ($to) = @_;
    my $text = join "\r\n", "From: Shop <shop\@$account->{domain}>", "To: <$to>", 'Subject: Order', "Message-ID: <$to>",
        'Date: Sun, 29 Nov 2026 12:00:00 +0000', '', (map { "Line $_ of what was ordered." } 1 .. 40), '';
    return { to => $to, text => $text, next => 0 };
}

# Until that stage, or the first that goes wrong. @return whether it got there
sub go_on {
    my ($c, $last) = @_;
    while ($c->{next} <= $last) {
        return 0 if !$stages[ $c->{next} ][1]->($c);
        $c->{next}++;
    }
    return 1;
}

# ---- the moment between the dot and its answer ---------------------------------

# Mails wait for their place in a table that another transaction holds.
sub lock_messages {
    my $dsn = $gw->env('DSN');
    local $ENV{PGPASSWORD} = $dsn =~ s{^(\w+://[^:@/]+):([^@/]*)@}{$1@} ? $2 : '';
    open my $psql, '|-', 'psql', '-Xqd', $dsn or die "psql: $!\n";
    $psql->autoflush;
    print {$psql} "BEGIN; LOCK TABLE emailgw.message IN SHARE MODE;\n";
    $gw->wait_for(sub { $gw->sql("SELECT count(*) FROM pg_locks WHERE relation = 'emailgw.message'::regclass
        AND mode = 'ShareLock' AND granted") }, 10, 'the lock');
    return $psql;
}

my $accepting = "FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%emailgw_api.accept(%'";

sub wait_in_accept {
    $gw->wait_for(sub { $gw->sql("SELECT count(*) $accepting") }, 20, 'mails on their way into the table');
    sleep 0.3; # until the others wait behind them
}

# ---- how a server dies -----------------------------------------------------------

# accepted: what dead httpd has asked for is done all the same; refused: it is not, as if it had not arrived.
my %kill = (
    'httpd' => sub { $gw->kill('httpd') },
    'httpd, then the commit' => sub { my ($lock) = @_; $gw->kill('httpd'); close $lock },
    'httpd, and no commit' => sub { my ($lock) = @_; $gw->kill('httpd'); $gw->sql("SELECT pg_terminate_backend(pid) $accepting"); close $lock },
    'PostgreSQL' => sub { my ($lock) = @_; $gw->kill('postgres'); local $SIG{PIPE} = 'IGNORE'; close $lock if $lock },
);

sub come_back {
    $gw->start('postgres');
    $gw->start('httpd');
}

# ---- a step ------------------------------------------------------------------------

sub list {
    return join ', ', map { "'$_->{to}'" } @_;
}

# Sends its message from the beginning until it has its 250.
sub insist {
    my ($c, $seconds) = @_;
    my $until = time + EmailGW::allowed($seconds);
    while (time < $until) {
        $c->{next} = 0;
        return 1 if go_on($c, $#stages);
        sleep 0.2;
    }
    return 0;
}

# How many had their 250 of the session that stood there, and how many were queued without.
sub kill_at {
    my ($stage, $how, @clients) = @_;
    my $lock = $stage == $dot ? lock_messages() : undef;
    is(scalar(grep { go_on($_, $stage) } @clients), $sessions, "$sessions sessions stand there");
    wait_in_accept() if $lock;
    $kill{$how}->($lock);
    my @some = splice @{ [@clients] }, 0, $sessions / 2; # these go on while it is away, the others when it is back
    $_->{answered} = go_on($_, $#stages) for @some;
    come_back();
    $_->{answered} //= go_on($_, $#stages) for @clients;
    my @without = grep { !$_->{answered} } @clients;
    my $queued = @without ? $gw->sql('SELECT count(*) FROM emailgw.recipient WHERE email IN (' . list(@without) . ')') : 0;
    return (@clients - @without, $queued);
}

sub run_step {
    my ($stage, $how, @clients) = @_;
    my ($answered, $queued) = kill_at($stage, $how, @clients);
    diag(sprintf '%s, %s: %d answered, %d of the others queued', $stages[$stage][0], $how, $answered, $queued);
    cmp_ok($queued, '>', 0, 'some are in the queue, and their clients do not know') if $how =~ /then the commit/;
    is($queued, 0, 'what was not answered is not there') if $how =~ /no commit/ || $stage < $dot && $how eq 'httpd';
    is(scalar(grep { $_->{answered} || insist($_, 20) } @clients), $sessions, 'all have their 250 in the end');
    $gw->drained(20);
    my %copies;
    $copies{ $_->{to} }++ for $gw->outbox;
    is(scalar(grep { ($copies{ $_->{to} } // 0) == 1 } @clients), $sessions, 'each mail is delivered once');
    is($gw->sql("SELECT count(*) FROM emailgw.recipient WHERE status = 'delivered' AND email IN (" . list(@clients) . ')'), $sessions, '... and in the tables once');
    is($gw->sql('SELECT count(*) FROM emailgw.event WHERE type = 2 AND email IN (' . list(@clients) . ')'), $sessions, '... with one event');
}

my $number = 0;
for my $stage (0 .. $dot) {
    for my $how (sort keys %kill) {
        next if ($stage == $dot) != ($how =~ /commit/) && $how ne 'PostgreSQL';
        my @clients = map { client("step$number-$_\@example.org") } 1 .. $sessions;
        $number++;
        subtest "$stages[$stage][0]: $how" => sub { run_step($stage, $how, @clients) };
    }
}
$gw->log_clean;
done_testing;
