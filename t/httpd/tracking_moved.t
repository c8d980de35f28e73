# What was written down for a virtual host that has another name, another database or none when the
# database is back: it gets where its mails are, or the log says which file has it.
use EmailGW;
use EmailGW::Httpd;
use EmailGW::Links;
use Time::HiRes qw(sleep);

my ($gw, $other) = map { EmailGW->up(RATE => 'off') } 1, 2; # of its own: databases are stopped
$_->expects_database_away for $gw, $other;
my ($here, $there) = map { { gw => $_, account => $_->new_account } } $gw, $other;
$_->{id} = sent_mail($_->{gw}, $_->{account}, To => [ map { { email => "r$_\@example.org", name => '' } } 1 .. 9 ]) for $here, $there;
my $spool = "$gw->{dir}/moved";
my $site = site_dir();

sub files { return map { s{.*/}{}r } glob "$spool/*$_[0]" }
sub line_of { my ($from, $name) = @_; return EmailGW::slurp($from->env('HTTPD_CONF')) =~ /^($name .*)/m }

# httpd with the first database, and virtual hosts by name: those of the second one are said so.
sub httpd {
    my (%hosts) = @_;
    my $httpd = EmailGW::Httpd->start($gw, sub {
        $_[0] =~ s/^EmailGatewayTrackingSpool .*/EmailGatewayTrackingSpool $spool/m;
        $_[0] .= vhost($_, "$site", 'EmailGatewayEngine On', 'EmailGateway On',
            $hosts{$_} eq 'second' ? (line_of($other, 'DBDParams'), line_of($other, 'EmailGatewaySecretFile')) : ()) for sort keys %hosts;
    });
    is($httpd->state, 'runs', join(', ', sort keys %hosts) . ': httpd') or diag($httpd->log);
    return $httpd;
}

# Recipient $no unsubscribes while no database answers.
sub leave {
    my ($httpd, $host, $of, $no, $id) = @_;
    my $reply = visit($of->{gw}, link_to($of->{gw}, u => $of->{account}{account_id}, $id // $of->{id}, $no), at => $httpd->address, host => $host,
        method => 'POST', body => 'List-Unsubscribe=One-Click', headers => { 'Content-Type' => 'application/x-www-form-urlencoded' });
    return is($reply->{status}, 200, "$host takes an unsubscribe");
}

sub open_of {
    my ($httpd, $host, $of, $no) = @_;
    return visit($of->{gw}, link_to($of->{gw}, o => $of->{account}{account_id}, $of->{id}, $no), agent => $PERSON, at => $httpd->address, host => $host);
}

sub has_left {
    my ($of, $no, $what) = @_;
    return is($of->{gw}->sql("SELECT count(*) FROM emailgw.suppression WHERE account_id = $of->{account}{account_id} AND address = 'r$no\@example.org'"), 1, $what);
}

sub away { $_->stop('postgres') for $gw, $other }
sub back { $_->start('postgres') for @_ }

subtest 'other names' => sub {
    my $httpd = httpd('old.test' => 'first', 'two.test' => 'second');
    away();
    leave($httpd, 'old.test', $here, 1);
    leave($httpd, 'two.test', $there, 1);
    open_of($httpd, 'two.test', $there, 2);
    cmp_ok(scalar files('.spool'), '>=', 2, 'a file each');
    $httpd->stop;
    $httpd = httpd('new.test' => 'first', 'second.test' => 'second');
    back($gw, $other);
    $gw->wait_for(sub { !files('.spool') }, 30, 'an empty spool');
    has_left($here, 1, 'who left by one of that database');
    has_left($there, 1, '... and of the other one');
    is($other->sql("SELECT count(*) FROM emailgw.event WHERE message_id = '$there->{id}' AND type = 7 AND recipient_no = 2"), 1, 'an open, too');
    is(scalar files(''), 0, 'nothing is left');
    unlike($httpd->log, qr/EG0241/, '... to be told of');
    $httpd->stop;
};

subtest 'a database that is not there' => sub {
    my $httpd = httpd('two.test' => 'second');
    away();
    leave($httpd, 'two.test', $there, 3);
    $httpd->stop;
    back($gw, $other);
    $httpd = httpd('two.test' => 'first');
    $gw->wait_for(sub { $httpd->log =~ /EG0241/ }, 20, 'a warning');
    my ($file) = files('.refused');
    like($httpd->log, qr{emailgw:warn.*EG0241: .*\b0 opens and clicks and 1 unsubscribes .* \Q$spool/$file\E}, 'its own name, another database: the log tells the file');
    is(scalar files('.spool'), 0, '... once');
    $httpd->stop;
    rename "$spool/$file", "$spool/" . ($file =~ s/\.refused\z//r) or die "$file: $!\n";
    $httpd = httpd('new.test' => 'first');
    $gw->wait_for(sub { $httpd->log =~ /EG0241/ }, 20, 'a warning');
    is((files('.refused'))[0], $file, 'another name, another database: the same');
    $httpd->stop;
    rename "$spool/$file", "$spool/" . ($file =~ s/\.refused\z//r) or die "$file: $!\n";
    $httpd = httpd('second.test' => 'second');
    $gw->wait_for(sub { !files('') }, 20, 'an empty spool');
    has_left($there, 3, 'when the database is there and the name as it was, it comes in');
    $httpd->stop;
};

subtest 'one of two databases is back' => sub {
    my $httpd = httpd('two.test' => 'second');
    away();
    leave($httpd, 'two.test', $there, 4);
    $httpd->stop;
    back($gw);
    $httpd = httpd('second.test' => 'second');
    sleep 4;
    is(scalar files('.spool'), 1, 'the file waits for the other one');
    back($other);
    $gw->wait_for(sub { !files('') }, 30, 'an empty spool');
    has_left($there, 4, '... which has it');
    $httpd->stop;
};

subtest 'a mail that is gone' => sub {
    my $httpd = httpd('old.test' => 'first');
    away();
    my $gone = '01980000-0000-7000-8000-000000000001';
    leave($httpd, 'old.test', $here, 5);
    leave($httpd, 'old.test', $here, 6, $gone);
    visit($gw, link_to($gw, o => $here->{account}{account_id}, $gone, 1), agent => $PERSON, at => $httpd->address, host => 'old.test');
    back($gw, $other);
    $gw->wait_for(sub { !files('.spool') }, 20, 'a spool that was read');
    has_left($here, 5, 'what can be done is done');
    like($httpd->log, qr/EG0241: .*\b1 unsubscribes /, '... what was promised and cannot is told');
    is(scalar files('.refused'), 1, '... and kept');
    unlink glob "$spool/*";
    away();
    visit($gw, link_to($gw, o => $here->{account}{account_id}, $gone, 1), agent => $PERSON, at => $httpd->address, host => 'old.test');
    back($gw, $other);
    $gw->wait_for(sub { !files('.spool') }, 20, 'a spool that was read');
    is(scalar files(''), 0, 'an open alone is not');
    $httpd->stop;
};
$_->log_clean for $gw, $other;
done_testing;
