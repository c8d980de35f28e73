# Events as the sender and the tracking write them, at times of one's own and with
# their counters: for the tests of what reads them.
package EmailGW::Events;
use strict;
use warnings;
use Exporter 'import';
use JSON::PP ();
use EmailGW;

our @EXPORT = qw(add_event told_mails day too_many);
my $json = JSON::PP->new->utf8->canonical;

# Of a message of the account: at => seconds since 1970, type => as core/eventtype.h
# numbers it, message => id, email, detail => {...}, first => the recipient's first of
# that type. Its id comes back.
sub add_event {
    my ($gw, $account, %event) = @_;
    my $detail = $event{detail} ? "'" . $json->encode($event{detail}) =~ s/'/''/gr . "'" : 'NULL';
    my $email = $event{email} // 'recipient@example.org';
    my $first = $event{first} ? 'true' : 'false';
    return scalar $gw->sql(<<"END");
WITH e AS (INSERT INTO emailgw.event (account_id, domain_id, event_id, type, at, message_id, recipient_no, email, detail)
    VALUES ($account->{account_id}, $account->{domain_id}, emailgw.uuid7(to_timestamp($event{at})), $event{type},
            to_timestamp($event{at}), '$event{message}', 1, '$email', $detail) RETURNING *)
SELECT e.event_id, emailgw_api.count_events(ARRAY[e.account_id], ARRAY[e.domain_id], ARRAY[e.type::integer],
    ARRAY[e.at], ARRAY[e.message_id], ARRAY[$first]) FROM e
END
}

# Two mails that are delivered, to three recipients, and what these did then: ann opened
# twice and clicked, bob complained. The messages' ids.
sub told_mails {
    my ($gw, $account) = @_;
    my @ids = map { $gw->send_mail(as => $account, %$_)->{json}{MessageID} // die "no mail was taken\n" }
        { Subject => 'Welcome to 100% of it', Tags => [ 'welcome', 'vip' ], JourneyID => 5,
            To => [ map { { email => $_, name => '' } } 'ann@example.org', 'bob@mail.example.net' ] },
        { Subject => 'Your r_ceipt', Tags => ['receipt'], To => [ { email => 'cid@example.org', name => '' } ],
            From => { email => "billing\@$account->{domain}", name => 'Büro' } };
    $gw->wait_for(sub { 6 == $gw->events(undef, $account) }, 20, 'three deliveries') or die "no deliveries\n";
    my $now = time;
    my %ann = (message => $ids[0], email => 'ann@example.org');
    add_event($gw, $account, %ann, type => 7, at => $now, first => 1, detail => { ip => '192.0.2.1', ua => 'Reader/1' });
    add_event($gw, $account, %ann, type => 7, at => $now, detail => { ip => '192.0.2.2' });
    add_event($gw, $account, %ann, type => 8, at => $now, first => 1, detail => { ip => '192.0.2.1', url => 'https://shop.example/Prices' });
    add_event($gw, $account, message => $ids[0], email => 'bob@mail.example.net', type => 10, at => $now);
    return @ids;
}

# Today (UTC), or a day from there.
sub day {
    my ($from_today) = @_;
    my (undef, undef, undef, $day, $month, $year) = gmtime(time + 86400 * ($from_today // 0));
    return sprintf '%04d-%02d-%02d', $year + 1900, $month + 1, $day;
}

# As if the account's domain had had so many events today.
sub too_many {
    my ($gw, $account, $count) = @_;
    $gw->sql("INSERT INTO emailgw.daily_count (account_id, domain_id, day, type, tag, slot, count)
        VALUES ($account->{account_id}, $account->{domain_id}, '@{[ day() ]}', 2, '', 99, $count)");
}

1;
