# What comes back from real mail systems: Postfix and Exim as the next hop take a mail, cannot
# deliver it, and hand their bounce to emailgwctl inbound, set up as conf/ shows it.
use EmailGW;
use EmailGW::Exim;
use EmailGW::Peer;
use EmailGW::Postfix;
use EmailGW::Sink;
use Instance;
use IO::Socket::INET;

# Where both of them deliver: by the local part.
my $sink = EmailGW::Sink->start(script => sub {
    my ($step, $c) = @_;
    my ($who) = ($c->{to} // '') =~ /^(\w+)/ or return;
    return '550 5.1.1 No such user here' if $who eq 'unknown' && $step eq 'rcpt';
    return '552 5.2.2 Mailbox is full' if $who eq 'full' && $step eq 'rcpt';
    return '554 5.7.1 This looks like spam' if $who eq 'spam' && $step eq 'dot';
    return;
});

# local part => class, code, enhanced, is the address suppressed?
my %end = (
    unknown => [ 'recipient', 550, '5.1.1', 1 ],
    full => [ 'mailbox-full', 552, '5.2.2', 0 ],
    spam => [ 'policy|content|reputation', 554, '5.7.1', 0 ],
);

sub conf {
    my ($name) = @_;
    open my $file, '<', "$EmailGW::ROOT/conf/$name" or die "$name: $!\n";
    local $/;
    return scalar <$file>;
}

# The paths and users of an instance in place of an installed gateway's.
sub adapted {
    my ($text, $gw, $host) = @_;
    my $ctl = $gw->env('EMAILGWCTL');
    $text =~ s{/usr/sbin/emailgwctl}{$ctl}g;
    $text =~ s/(\buser ?= ?)emailgw\b/$1nobody/g;
    return $text =~ s/eg\.example\.com/$host/gr =~ s/eg\\\.example\\\.com/\Q$host\E/gr;
}

# A table that conf/postfix-inbound.cf shows.
sub table {
    my ($text, $name, $dir) = @_;
    my ($lines) = $text =~ m{^#    /etc/postfix/\Q$name\E\n((?:#  .*\n)+)}m or die "no $name\n";
    Instance::write_file("$dir/$name", $lines =~ s/^#\s+//mgr, 0644);
    return "regexp:$dir/$name";
}

sub postfix {
    my ($gw, $host) = @_;
    my $text = adapted(conf('postfix-inbound.cf'), $gw, $host);
    my ($row) = $text =~ /^#(emailgw +unix.*\n#  .*\n)/m or die "no transport\n";
    my $dir = File::Temp::tempdir('/tmp/emailgw-tables.XXXXXX', CLEANUP => 1);
    chmod 0755, $dir;
    my %settings = $text =~ /^(\w+) = (.*)/mg;
    $settings{transport_maps} = table($text, 'emailgw-transport', $dir);
    $settings{relay_recipient_maps} = table($text, 'emailgw-recipients', $dir);
    my $it = EmailGW::Postfix->new(relay => '127.0.0.1:' . $sink->port, transports => [ $row =~ s/^#//mgr =~ s/\n(?=.)/ /gr =~ s/\n//r ],
        settings => { %settings, smtpd_relay_restrictions => 'permit_mynetworks, reject', smtpd_recipient_restrictions => '',
            relay_recipient_maps => "$settings{relay_recipient_maps}" });
    $it->start(qmgr => 1);
    $it->{peer}->await_port($it->{port});
    return $it;
}

sub exim {
    my ($gw, $host) = @_;
    my $text = adapted(conf('exim-inbound.conf'), $gw, $host);
    my ($main) = $text =~ /^(domainlist .*)/m or die "no domainlist\n";
    my ($rcpt) = $text =~ /^(  accept  domains.*?\n)\n/ms or die "no ACL\n";
    my ($routers) = $text =~ /^(emailgw:\n  driver = accept.*?\n)\n/ms or die "no router\n";
    my ($transports) = $text =~ /^(emailgw:\n  driver = pipe.*?\n)\n/ms or die "no transport\n";
    my $it = EmailGW::Exim->new(next => $sink->port, main => $main, rcpt => $rcpt, routers => $routers, transports => $transports);
    $it->start;
    return $it;
}

# The reply to RCPT of an address.
sub rcpt {
    my ($port, $to) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port") or die "$port: $!\n";
    my $reply = <$socket>;
    for my $line ('HELO x.example', 'MAIL FROM:<>', "RCPT TO:<$to>") {
        print {$socket} "$line\r\n";
        $reply = <$socket>;
    }
    return $reply =~ s/\r\n//r;
}

sub story {
    my ($gw, $id) = @_;
    return join ' ', map { $_->[0] } $gw->sql("SELECT type FROM emailgw.event WHERE message_id = '$id' AND type <> 1 ORDER BY event_id");
}

sub bounces {
    my ($name, $make) = @_;
    my $gw = EmailGW->up(RATE => 'off', TRANSPORT => 'relay:127.0.0.1:' . Instance::free_port(), SENDER_CONF => \"threads = 1\npoll = 20ms\nretry = 1s\nhostname = mail.example.com\n");
    my $account = $gw->new_account;
    my $mta = $make->($gw, "eg.$account->{domain}");
    my $transport = "relay:127.0.0.1:$mta->{port}";
    $gw->reload_sender("threads = 1\npoll = 20ms\nretry = 1s\nhostname = mail.example.com\ntransport = $transport\n");

    my %id;
    for my $who (sort(keys %end), 'known') {
        my $reply = $gw->send_mail(as => $account, To => [ { email => "$who\@example.org", name => '' } ]);
        $id{$who} = $reply->{json}{MessageID} // die $reply->{body};
    }
    for my $who (sort keys %end) {
        my ($class, $code, $enhanced, $suppressed) = @{ $end{$who} };
        $gw->wait_for(sub { story($gw, $id{$who}) eq '2 4' }, 30, "$who: delivered, then a bounce") or do {
            diag(story($gw, $id{$who}), Instance::tail("$mta->{temp}/mail.log")) if $name eq 'Postfix';
            diag($mta->log) if $name eq 'Exim';
            next;
        };
        my $detail = $gw->newest_detail($id{$who});
        is("$detail->{smtp}{code} $detail->{smtp}{enhanced}", "$code $enhanced", "$who: the reply of the server behind it");
        like($detail->{bounce}{class}, qr/^(?:$class)$/, '... its class');
        my @listed = grep { $_->{email} eq "$who\@example.org" } $gw->ctl(qw(suppress list --user), $account->{username});
        is(scalar @listed, $suppressed, $suppressed ? '... suppressed' : '... not suppressed');
    }
    is(story($gw, $id{known}), '2', 'what it could deliver is delivered');
    my ($path) = reverse map { $_->{from} } grep { $_->{to} eq 'known@example.org' } $sink->messages;
    like(rcpt($mta->{port}, $path), qr/^250 /, 'a return path is taken');
    like(rcpt($mta->{port}, "x$path"), qr/^5\d\d /, 'anything else at its host is refused in the dialogue');
    $mta->stop;
    $gw->log_clean;
}

for my $mta ([ 'Postfix', \&postfix, EmailGW::Postfix::unable() ], [ 'Exim', \&exim, EmailGW::Exim::unable() ]) {
    my ($name, $make, $why) = @$mta;
    subtest $name => sub {
        plan(skip_all => $why) if defined $why;
        bounces($name, $make);
    };
}
done_testing;
