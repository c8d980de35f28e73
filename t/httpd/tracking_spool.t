# What is answered while the database is away comes into it when it is back: nothing
# lost, nothing twice, whoever is killed on the way.
use EmailGW;
use EmailGW::Httpd;
use EmailGW::Links;
use POSIX ();
use Time::HiRes qw(sleep time);

my $gw = EmailGW->up(RATE => 'off'); # of its own: it is maltreated
my $account = $gw->new_account;
my $target = 'https://shop.example/?a=1';
my $id = sent_mail($gw, $account, To => [ map { { email => "r$_\@example.org", name => '' } } 1 .. 50 ]);
my ($spool) = EmailGW::slurp($gw->env('HTTPD_CONF')) =~ /^EmailGatewayTrackingSpool (\S+)/m;

sub click_of { return link_to($gw, c => $account->{account_id}, $id, $_[0], $target) }
sub files { return my @found = glob "$spool/*$_[0]" } # in scalar context how many
sub count_of { return scalar $gw->sql("SELECT count(*) FROM emailgw.event WHERE message_id = '$id' AND type = $_[0]") }

# The counters say of persons what the events say.
sub stats_hold {
    my $stats = $gw->api('EmailGateway.DomainStats', as => $account, DomainID => $account->{domain_id})->{json}{Stats};
    my ($counts) = $gw->sql("SELECT count(*) FILTER (WHERE type = 7), count(*) FILTER (WHERE type = 8), count(*) FILTER (WHERE type = 9),
        count(DISTINCT recipient_no) FILTER (WHERE type = 8 AND detail ->> 'machine' = 'false') FROM emailgw.event WHERE message_id = '$id'");
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return is_deeply([ @{$stats}{qw(Opened Clicked Unsubscribed UniqueClicked)} ], $counts, 'DomainStats counts what the events say');
}

# Many clicks at once, each of some recipient: how many were answered.
sub many_clicks {
    my ($each, $processes) = @_;
    my ($address) = $gw->env('BASE_URL') =~ m{//([^/]+)};
    my @links = map { click_of($_) } 1 .. 50;
    my @pipes = map {
        pipe my $out, my $in or die "pipe: $!\n";
        my $pid = fork() // die "fork: $!\n";
        if ($pid == 0) {
            my $answered = 0;
            for my $n (1 .. $each) {
                my $reply = eval { visit($gw, $links[$n % 50], agent => $PERSON, at => $address) } // {};
                $answered++ if ($reply->{status} // 0) == 302;
            }
            print {$in} "$answered\n";
            close $in;
            POSIX::_exit(0);
        }
        close $in;
        [ $out, $pid ];
    } 1 .. $processes;
    my $sum = 0;
    $sum += readline($_->[0]) for @pipes;
    waitpid $_->[1], 0 for @pipes;
    return $sum;
}

subtest 'away and back' => sub {
    $gw->expects_database_away;
    $gw->stop('postgres');
    my $begin = time;
    is(visit($gw, click_of(1), agent => $PERSON)->{headers}{location}, $target, 'a click leads on');
    is(visit($gw, link_to($gw, o => $account->{account_id}, $id, 2), agent => $PERSON)->{body}, $PIXEL, 'an image is there');
    my $link = link_to($gw, u => $account->{account_id}, $id, 3);
    like(visit($gw, $link, agent => $PERSON)->{body}, qr/no more mails from this sender\?/, 'the page to unsubscribe speaks of the sender');
    my %post = (method => 'POST', body => 'List-Unsubscribe=One-Click', headers => { 'Content-Type' => 'application/x-www-form-urlencoded' });
    my $reply = visit($gw, $link, agent => $PERSON, %post);
    is($reply->{status}, 200, 'unsubscribing is taken');
    like($reply->{body}, qr/You are unsubscribed/, '... and says so');
    is(visit($gw, '/e/c/x', agent => $PERSON)->{status}, 404, 'no link is none as ever');
    cmp_ok(time - $begin, '<', EmailGW::allowed(5), 'nobody waited long');
    is(visit($gw, click_of(1), agent => $PERSON)->{status}, 302, 'another click') for 1 .. 20;
    cmp_ok(scalar files('.spool'), '>=', 1, 'there are files');
    is((stat((files('.spool'))[0]))[2] & 07777, 0600, '... for their owner alone');
    $gw->start('postgres');
    $gw->wait_for(sub { !files('.spool') }, 30, 'an empty spool');
    is_deeply([ map { count_of($_) } 7, 8, 9 ], [ 1, 21, 1 ], 'all of it is there');
    is_deeply([ map { join ' ', @$_[0 .. 2] } grep { $_->[1] > 1 } @{ tracked($gw, $id) } ], [ '7 2 false', '9 3 false' ], '... as what it was');
    is($gw->sql("SELECT count(*) FROM emailgw.suppression WHERE account_id = $account->{account_id} AND address = 'r3\@example.org'"), 1,
        '... and who unsubscribed gets no more');
    stats_hold();
};

subtest 'httpd is killed while the database is away' => sub {
    my $before = count_of(8);
    $gw->stop('postgres');
    my $answered = many_clicks(50, 4);
    is($answered, 200, 'all are answered');
    $gw->kill('httpd');
    $gw->start('postgres');
    $gw->start('httpd');
    $gw->wait_for(sub { !files('.spool') }, 30, 'an empty spool');
    is(count_of(8) - $before, 200, 'none is lost, none is there twice');
    stats_hold();
};

subtest 'httpd is killed while they come back' => sub {
    for my $round (1 .. 4) {
        my $before = count_of(8);
        $gw->stop('postgres');
        my $answered = many_clicks(300, 4);
        is($answered, 1200, "round $round: all are answered");
        $gw->start('postgres');
        my $moment = 0.3 * $round;
        sleep $moment;
        $gw->kill('httpd');
        my $left = count_of(8) - $before;
        $gw->start('httpd');
        $gw->wait_for(sub { !files('.spool') }, 30, 'an empty spool');
        is(count_of(8) - $before, 1200, "... none is lost, none is there twice, killed after $moment s with $left of them there");
        stats_hold();
    }
};

subtest 'PostgreSQL is killed while they come' => sub {
    my $before = count_of(8);
    my $pid = fork() // die "fork: $!\n";
    if ($pid == 0) {
        POSIX::_exit(many_clicks(400, 4) == 1600 ? 0 : 1);
    }
    sleep 0.5;
    $gw->kill('postgres');
    sleep 0.5;
    $gw->start('postgres');
    waitpid $pid, 0;
    is($?, 0, 'all are answered');
    $gw->wait_for(sub { !files('.spool') }, 30, 'an empty spool');
    is(count_of(8) - $before, 1600, '... none is lost, none is there twice');
    stats_hold();
};

subtest 'what is found there' => sub {
    my $before = count_of(8);
    my ($name) = map { m{/([0-9a-f]{16})-} } do {
        $gw->stop('postgres');
        visit($gw, click_of(7), agent => $PERSON);
        files('.spool');
    };
    my $line = EmailGW::slurp((files('.spool'))[0]);
    like($line, qr/\A\{"event":"[^\n]*\}\n\z/, 'a line each');
    unlike($line, qr/\@example\.org/, '... that names nobody');
    my $event = sub { $line =~ s/"event":"[0-9a-f-]{12}\K\d/$_[0]/r =~ s/"event":"(.{24})(.{12})/'"event":"' . $1 . sprintf '%012x', $_[0]/er };
    my %file = (
        'torn' => [ $event->(1) . substr($line, 0, 50), 'gone' ], # what a crash cut off was not answered
        'broken' => [ "x\n" . $event->(2) . '{"event":1}' . "\n", 'refused' ],
        'empty' => [ '', 'gone' ],
    );
    my $no = 0;
    for my $what (sort keys %file) {
        $file{$what}[2] = sprintf "$name-%08x-0000-7000-8000-000000000000.spool", ++$no;
        put($spool, $file{$what}[2], $file{$what}[0]);
        chown +(stat $spool)[4, 5], "$spool/$file{$what}[2]";
    }
    my $foreign = '0123456789abcdef-00000009-0000-7000-8000-000000000000.spool';
    put($spool, $foreign, $event->(9));
    chown +(stat $spool)[4, 5], "$spool/$foreign";
    $gw->expects('EG0172');
    $gw->start('postgres');
    $gw->wait_for(sub { !files('.spool') }, 30, 'an empty spool, also of what another virtual host wrote');
    is(join(' ', map { s{.*/}{}r } files('.refused')), "$file{broken}[2].refused", 'what cannot be read is kept');
    is(count_of(8) - $before, 4, 'all lines that can be read are there');
};

subtest 'no room' => sub {
    my $small = "$gw->{dir}/small";
    my $httpd = EmailGW::Httpd->start($gw, sub { $_[0] =~ s/^EmailGatewayTrackingSpool .*/EmailGatewayTrackingSpool $small\nEmailGatewayTrackingSpoolMax 1048576/m });
    is($httpd->state, 'runs', 'a small spool') or diag($httpd->log);
    my $fill = sub {
        put($small, 'old.refused', '');
        truncate "$small/old.refused", $_[0] or die "truncate: $!\n";
        sleep 1.1; # as long as what it has is remembered
    };
    my $spooled = sub { my $size = 0; $size += -s for glob "$small/*.spool"; return $size };
    my $leave = sub { visit($gw, link_to($gw, u => $account->{account_id}, $id, $_[0]), at => $httpd->address, method => 'POST', body => 'List-Unsubscribe=One-Click',
        headers => { 'Content-Type' => 'application/x-www-form-urlencoded' })->{status} };
    my $before = count_of(8);
    $gw->stop('postgres');
    is(visit($gw, click_of(1), agent => $PERSON, at => $httpd->address)->{status}, 302, 'a click');
    cmp_ok(my $size = $spooled->(), '>', 0, '... is written down');
    $fill->(2097152);
    is(visit($gw, click_of(1), agent => $PERSON, at => $httpd->address)->{headers}{location}, $target, 'one that has no room leads on');
    is(visit($gw, link_to($gw, o => $account->{account_id}, $id, 2), agent => $PERSON, at => $httpd->address)->{body}, $PIXEL, 'so does an open');
    is($leave->(6), 503, 'an unsubscribe is refused');
    $fill->(1048576 - $size);
    is(visit($gw, click_of(1), agent => $PERSON, at => $httpd->address)->{status}, 302, 'with half as much still no click');
    is($spooled->(), $size, '... is written down');
    is($leave->(5), 200, '... but an unsubscribe');
    cmp_ok($spooled->(), '>', $size, '... is');
    $gw->wait_for(sub { my ($log, $dropped, $refused) = ($httpd->log, 0, 0);
        ($dropped, $refused) = ($dropped + $1, $refused + $2) while $log =~ /emailgw:warn.*EG0242: .* (\d+) opens and clicks were dropped, (\d+) unsub/g;
        return $dropped >= 2 && $refused == 1 }, 75, 'lines that tell what was lost');
    unlike($httpd->log, qr/EG0171/, '... and none for each');
    unlink "$small/old.refused";
    $gw->start('postgres');
    $gw->wait_for(sub { my @left = glob "$small/*"; !@left }, 30, 'an empty spool');
    is(count_of(8) - $before, 1, 'the click that had room is there');
    is($gw->sql("SELECT string_agg(address, ' ') FROM emailgw.suppression WHERE account_id = $account->{account_id} AND address ~ '^r[56]\@'"), 'r5@example.org', '... and who was told to be off the list');
    $httpd->stop;
};

# What `httpd -t` says of a spool.
sub test_of {
    my ($directory) = @_;
    my $text = EmailGW::slurp($gw->env('HTTPD_CONF')) =~ s/^EmailGatewayTrackingSpool.*/EmailGatewayTrackingSpool $directory/mr;
    return ($gw->test_config(-f => $gw->file('tested.conf', $text)))[1];
}

subtest 'without a spool' => sub {
    my $httpd = EmailGW::Httpd->start($gw, sub { $_[0] =~ s/^EmailGatewayTrackingSpool.*\n//m });
    $gw->stop('postgres');
    is(visit($gw, click_of(1), agent => $PERSON, at => $httpd->address)->{headers}{location}, $target, 'a click leads on');
    my $reply = visit($gw, link_to($gw, u => $account->{account_id}, $id, 4), at => $httpd->address, method => 'POST', body => 'List-Unsubscribe=One-Click',
        headers => { 'Content-Type' => 'application/x-www-form-urlencoded' });
    is($reply->{status}, 503, 'unsubscribing is not taken');
    like($reply->{body}, qr/try again/, '... and says so');
    ok($reply->{headers}{'retry-after'}, '... and when');
    like($httpd->log, qr/EG0170/, 'the log says what is missing');
    $httpd->stop;
    $gw->start('postgres');
    my $others = site_dir(); # of the user who runs the test: as root, not the one that httpd's children are
    put($others, 'file', '');
    for my $bad ("$others/none/of/this", "$others/file", $> == 0 ? "$others" : ()) {
        my $refused = EmailGW::Httpd->start($gw, sub { $_[0] =~ s/^EmailGatewayTrackingSpool.*/EmailGatewayTrackingSpool $bad/m });
        isnt($refused->state, 'runs', "$bad is refused");
        like($refused->log, qr/EG0174/, '... and the log says so');
        $refused->stop;
        like(test_of($bad), qr/EG0174: EmailGatewayTrackingSpool: \Q$bad\E must be/, '... by httpd -t already');
    }
    like(test_of("$others/$_"), qr/Syntax OK/, "$_ can be made") for 'new', 'new/';
    ok(!-e "$others/new", '... and httpd -t does not make it');
    is((stat "$others")[4], $>, 'a directory that was there is not given away');
};
$gw->log_clean;
done_testing;
