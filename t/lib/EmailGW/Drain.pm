# A queue of mails, drained to a smart host: from the start of the sender to the last mail
# at smtp-sink. The peer is Postfix with the same mails in its queue, unsigned, and the
# same sink. Each mail has 5,000 bytes of text.
#
#     EmailGW::Drain::measure('drain-signed', "dkim = yes\n");
#     EmailGW::Drain::measure($name, $conf, html => $html, domain => 'link_tracking = true');    # a text beside, and the domain's columns
package EmailGW::Drain;
use strict;
use warnings;
use EmailGW;
use EmailGW::Bench;
use EmailGW::Postfix;
use EmailGW::SmtpSink;
use Instance;
use List::Util qw(sum0);
use Time::HiRes qw(time);

my ($mails, $patience) = (10_000, 120); # seconds

# Words, so that what stores it compresses as it would real mail.
sub text {
    my @words = qw(order receipt thank you for shopping with us the total of your invoice is shipped today
        from our warehouse parcel number tracking delivery between Monday and Friday address street city
        please keep this message as proof of purchase questions answer support account change 12.50 EUR 2);
    my $text = '';
    srand 1;
    while (length $text < 5_000) {
        $text .= join(' ', map { $words[ rand @words ] } 1 .. 10) . "\n";
    }
    return substr($text, 0, 4_999) . "\n";
}

my $text = text();

sub mail {
    return "From: Shop <shop\@example.com>\nTo: Ann <ann\@example.org>\nSubject: Your order\n"
        . "Date: Mon, 02 Jan 2023 03:04:05 +0000\nMIME-Version: 1.0\n"
        . "Content-Type: text/plain; charset=us-ascii\n\n$text";
}

# The same in HTML, with links in it.
sub html {
    my @lines = split /(?<=\n)/, $text;
    my $no = 0;
    return '<html><body>' . join('', map { ++$no % 10 ? $_ : "<p><a href=\"https://shop.example/item?no=$no&amp;from=mail\">item $no</a></p>\n" } @lines) . '</body></html>';
}

my ($gw, $sink, $instance, %more);

sub ours {
    $gw->queue_mails($mails, plain => "'$text'", size => 5000, $more{html} ? (html => "'$more{html}'") : ());
    $gw->sql('CHECKPOINT'); # what loading has left to write is no part of the drain
    my ($postgres) = $instance->ids('postgres');
    my ($before, $database, $start) = ($sink->count, cpu($postgres), time);
    $instance->start('sender');
    my $end = $sink->wait_count($before + $mails, $patience) // die "the sender takes over $patience s\n";
    # A result is recorded after the reply: that is part of the work.
    $gw->wait_for(sub { !$gw->sql('SELECT count(*) FROM emailgw.queue') }, 10, 'results in the database');
    my $used = { sender => sum0(map { cpu($_) } $instance->ids('sender')),
        PostgreSQL => cpu($postgres) - $database };
    $instance->stop('sender');
    return { count => $mails, seconds => $end - $start, cpu => $used };
}

# Its best form here: with sessions kept for the next mail, as by default, each mail goes
# through one more process, and that costs more than a session over loopback.
sub peer {
    my $postfix = EmailGW::Postfix->new(relay => $sink->address,
        settings => { smtp_connection_cache_on_demand => 'no' });
    $postfix->preload($mails, mail());
    my ($before, $start) = ($sink->count, time);
    $postfix->start(qmgr => 1);
    my $end = $sink->wait_count($before + $mails, $patience) // die "Postfix takes over $patience s\n";
    my $used = { Postfix => cpu($postfix->id) };
    $postfix->stop;
    return { count => $mails, seconds => $end - $start, cpu => $used };
}

sub measure {
    my ($name, $conf) = @_;
    %more = @_[ 2 .. $#_ ];
    skip($name, $_) for EmailGW::Postfix::unable();
    $sink = eval { EmailGW::SmtpSink->start } // skip($name, $@ =~ s/\n.*//sr);
    $gw = EmailGW->up(TRANSPORT => 'relay:' . $sink->address, SENDER_CONF => \$conf);
    $gw->stop('sender');
    $gw->sql("UPDATE emailgw.domain SET $more{domain} WHERE name = 'example.com'") if $more{domain};
    $instance = Instance->attach($gw->{dir});
    compare(name => $name, unit => 'mails', ours => \&ours, peer => \&peer, peer_name => 'Postfix');
}

1;
