# Links of tracked mails, made of the instance's secret by another implementation than
# the gateway's; and requests to them.
#
#     my $path = link_to($gw, c => $account->{account_id}, $message_id, 1, 'https://shop.example/');
#     my $reply = visit($gw, $path, agent => $PERSON);
#     delivered_before($gw, $message_id, 60);     # as if it had been delivered a minute ago
package EmailGW::Links;
use strict;
use warnings;
use Digest::SHA qw(hmac_sha256);
use Exporter 'import';
use MIME::Base64 ();
use EmailGW;
use EmailGW::Httpd qw(ask);

our @EXPORT = qw(link_to token_of visit delivered_before sent_mail tracked $PERSON $PIXEL);
our $PERSON = 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0';
our $PIXEL = pack 'H*', '47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b';

# HKDF-SHA256 without a salt (RFC 5869), one block of it.
sub mac_key {
    my ($gw) = @_;
    my ($path) = EmailGW::slurp($gw->env('HTTPD_CONF')) =~ /^\s*EmailGatewaySecretFile (\S+)/m;
    my ($id, $key) = EmailGW::slurp($path) =~ /\A(\d+) ([0-9a-f]{64})/ or die "$path has no key\n";
    return ($id, hmac_sha256("emailgw tracking\x01", hmac_sha256(pack('H*', $key), "\0" x 32)));
}

sub token_of {
    my ($gw, $purpose, $account_id, $message_id, $recipient_no, $target) = @_;
    my ($id, $key) = mac_key($gw);
    my $bytes = pack 'C', $id;
    $bytes .= substr pack('Q>', $account_id), 1;
    $bytes .= pack 'H*', $message_id =~ s/-//gr;
    $bytes .= pack 'n', $recipient_no;
    my $mac = substr hmac_sha256($bytes . $purpose . ($target // ''), $key), 0, 16;
    return MIME::Base64::encode_base64url($bytes . $mac);
}

# Below the base, with what a click leads to.
sub link_to {
    my ($gw, $purpose, $account_id, $message_id, $recipient_no, $target) = @_;
    my $path = "/e/$purpose/" . token_of(@_);
    $path .= '?u=' . $target =~ s/([^A-Za-z0-9._~-])/sprintf '%%%02X', ord $1/ger if defined $target;
    return $path;
}

# One request on a connection of its own, as EmailGW::Httpd::ask returns it: method,
# agent => User-Agent, at => address, host => virtual host, and what ask takes.
sub visit {
    my ($gw, $path, %with) = @_;
    my ($address) = $with{at} // ($gw->env('BASE_URL') =~ m{//([^/]+)});
    $with{headers} = { 'User-Agent' => $with{agent}, %{ $with{headers} // {} } } if defined $with{agent};
    return ask($address, $with{host} // 'localhost', $with{method} // 'GET', $path, %with);
}

# A mail of an account, delivered: its id.
sub sent_mail {
    my ($gw, $account, %with) = @_;
    my $id = $gw->send_mail(as => $account, %with)->{json}{MessageID} // die "no mail was taken\n";
    $gw->wait_for(sub { !$gw->sql("SELECT count(*) FROM emailgw.queue WHERE message_id = '$id'") }, 20, 'delivery');
    delivered_before($gw, $id, 60);
    return $id;
}

sub delivered_before {
    my ($gw, $id, $seconds) = @_;
    $gw->sql("UPDATE emailgw.recipient SET finished_at = now() - $seconds * interval '1 s' WHERE message_id = '$id'");
}

# The events of a mail that a recipient made: [type, recipient's number, machine, detail], oldest first.
sub tracked {
    my ($gw, $id) = @_;
    return [ map { [ $_->[0], $_->[1], $_->[2], JSON::PP::decode_json($_->[3]) ] } $gw->sql("SELECT type, recipient_no,
        detail ->> 'machine', detail::text FROM emailgw.event WHERE message_id = '$id' AND type > 6 ORDER BY at, event_id") ];
}

1;
