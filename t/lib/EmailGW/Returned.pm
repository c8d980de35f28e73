# Mails that come back, as tests make them.
#
#     use EmailGW::Returned qw(sent report feedback);
#     my ($mail) = sent($gw, $account, 'ann@example.net');
#     report('ann@example.net', Status => '5.2.2');    # undef leaves a field out
#     feedback('abuse', "Original-Mail-From: <x\@example.com>\n");
#     while_recording($gw, $mail, "RAISE 'no';");      # recording what it says fails; no_trouble($gw) ends that
#     end_leases($gw);                                 # of senders that have died
package EmailGW::Returned;
use strict;
use warnings;
use Exporter qw(import);

our @EXPORT_OK = qw(sent report feedback while_recording no_trouble end_leases);

# Mails that were delivered into the outbox: {id, to, return_path} each, of one message.
sub sent {
    my ($gw, $as, @to) = @_;
    my $reply = $gw->send_mail(as => $as, To => [ map { { email => $_, name => '' } } @to ]);
    my $id = $reply->{json}{MessageID} // die "@to: $reply->{body}\n";
    $gw->wait_for(sub { @to == $gw->sql("SELECT count(*) FROM emailgw.event WHERE message_id = '$id' AND type = 2") }, 20, 'deliveries');
    return map { { id => $id, to => $_->{to}, return_path => $_->{from} } } $gw->outbox($id);
}

# A report on an address: fields of its group.
sub report {
    my ($to, %field) = @_;
    %field = ('Final-Recipient' => "rfc822; $to", Action => 'failed', Status => '5.1.1',
        'Remote-MTA' => 'dns; mx.example.net', 'Diagnostic-Code' => "smtp; 550 5.1.1 <$to>: User unknown", %field);
    my $group = join '', map { defined $field{$_} ? "$_: $field{$_}\n" : () } sort keys %field;
    return <<"END";
From: Mail Delivery System <MAILER-DAEMON\@mx.example.org>
To: undisclosed
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
Content-Type: multipart/report; report-type=delivery-status; boundary="=_r"

--=_r

It could not be delivered.

--=_r
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org

$group
--=_r
Content-Type: message/rfc822

To: $to
Subject: Hello

Hello
--=_r--
END
}

# A feedback report of that type, maybe with more fields.
sub feedback {
    my ($type, $more) = @_;
    $more //= '';
    return <<"END";
From: feedback\@example.org
Content-Type: multipart/report; report-type=feedback-report; boundary="=_f"

--=_f

A complaint.
--=_f
Content-Type: message/feedback-report

Feedback-Type: $type
User-Agent: loop/1.0
Version: 1
$more
--=_f
Content-Type: text/rfc822-headers

Subject: Hello

--=_f--
END
}

# What happens while a sender records a bounce of that mail, {id, to}, or of any with undef.
sub while_recording {
    my ($gw, $mail, $statement) = @_;
    my $which = $mail ? "NEW.message_id = '$mail->{id}' AND NEW.email = '$mail->{to}'" : 'NEW.type = 4';
    $gw->sql("CREATE OR REPLACE FUNCTION public.poison() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN
        IF $which THEN $statement END IF; RETURN NEW; END \$\$");
    $gw->sql('DROP TRIGGER IF EXISTS poison ON emailgw.event; CREATE TRIGGER poison BEFORE INSERT ON emailgw.event FOR EACH ROW EXECUTE FUNCTION public.poison()');
}

sub no_trouble {
    my ($gw) = @_;
    $gw->sql('DROP TRIGGER poison ON emailgw.event');
}

sub end_leases {
    my ($gw) = @_;
    $gw->sql('UPDATE emailgw.returned_queue SET due_at = now() WHERE due_at > now()');
}

1;
