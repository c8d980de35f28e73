# What an SMTP client writes and what arrives, through the listener: Python's own mail
# package makes the messages, hands them in, and reads them again.
use EmailGW;
use JSON::PP ();
use Socket qw(SOCK_STREAM);
use IO::Socket::IP;

my $gw = EmailGW->up(RATE => 'off');
my $port = $gw->{env}{SUBMISSION_PORT};
plan skip_all => 'nothing listens for SMTP here' if !$port || !IO::Socket::IP->new(PeerHost => 'localhost', PeerPort => $port, Timeout => 5);
my $account = $gw->new_account;
my $smtp = $gw->api('EmailGateway.AddSMTP', as => $account, DomainID => $account->{domain_id})->{json}{SMTP};
my $python = $gw->file('messages.py', <<'END');
import json, smtplib, ssl, sys
from email.message import EmailMessage
port, ca, user, password, domain = sys.argv[1:]

def message(subject, **fields):
    m = EmailMessage()
    m['From'], m['To'], m['Subject'] = 'Jörg <shop@%s>' % domain, 'Ann <ann@example.org>', subject
    for name, value in fields.items():
        m[name.replace('_', '-')] = value
    return m

plain = message('Größe', X_EG_Tags='a, b', Bcc='secret@example.org')
plain.set_content('Grüße\n.\n..dot\nend\n', cte='8bit')
both = message('both')
both.set_content('plain ü\n')
both.add_alternative('<p>html ü</p>\n', subtype='html')
both.add_attachment(bytes(range(256)) * 10, maintype='application', subtype='x-all', filename='ü.bin')
bad = message('bad', X_EG_Track_Links='maybe')
bad.set_content('x\n')

server = smtplib.SMTP('localhost', int(port))
server.starttls(context=ssl.create_default_context(cafile=ca))
server.login(user, password)
answers = []
for m in plain, both, bad:
    server.mail('shop@' + domain, ['body=8bitmime'])
    server.rcpt('ann@example.org')
    code, text = server.data(m.as_bytes(policy=m.policy.clone(linesep='\r\n', cte_type='8bit')))
    answers.append('%d %s' % (code, text.decode()))
print(json.dumps(answers))
END
my ($status, $out, $err) = EmailGW::run_command(undef, 'python3', $python, $port, $gw->env('CA_FILE'), @$smtp{qw(Username Password)}, $account->{domain});
is($status, 0, 'the client is through') or diag($err);
my ($plain, $both, $bad) = @{ JSON::PP::decode_json($out) };
is($bad, '550 5.6.0 Invalid X-EG-Track-Links: it must be true or false', 'a refusal in words');
my $reader = $gw->file('reader.py', <<'END');
import json, sys
from email import message_from_binary_file, policy
m = message_from_binary_file(open(sys.argv[1], 'rb'), policy=policy.default)
parts = [[p.get_content_type(), p.get_filename(), p.get_content() if p.get_content_maintype() == 'text' else list(p.get_content())]
         for p in m.walk() if not p.is_multipart()]
print(json.dumps({'fields': {n.lower(): str(v) for n, v in m.items()}, 'parts': parts, 'defects': len(m.defects)}))
END

sub arrived {
    my ($reply) = @_;
    my ($id) = $reply =~ /\A250 2\.0\.0 Ok: queued as (\S+)\z/ or die "not taken: $reply\n";
    $gw->wait_for(sub { $gw->outbox($id) }, 30, 'delivery');
    my ($mail) = $gw->outbox($id);
    unlike($mail->{raw}, qr/[^\x01-\x7e]/, 'it is 7-bit');
    my (undef, $read) = EmailGW::run_command(undef, 'python3', $reader, $gw->file('mail', $mail->{raw}));
    return JSON::PP::decode_json($read);
}

my $mail = arrived($plain);
is_deeply($mail->{parts}, [ [ 'text/plain', undef, "Gr\x{fc}\x{df}e\n.\n..dot\nend\n" ] ], 'a text in 8 bits arrives') or diag(explain($mail));
is($mail->{fields}{subject}, "Gr\x{f6}\x{df}e", '... with its Subject');
is($mail->{fields}{from}, "J\x{f6}rg <shop\@$account->{domain}>", '... and From');
is_deeply([ grep { exists $mail->{fields}{$_} } 'bcc', 'x-eg-tags' ], [], '... without what was for the gateway');
$mail = arrived($both);
is_deeply([ map { [ @$_[ 0, 1 ] ] } @{ $mail->{parts} } ], [ [ 'text/plain', undef ], [ 'text/html', undef ], [ 'application/x-all', "\x{fc}.bin" ] ],
    'all parts') or diag(explain($mail));
is_deeply([ map { $_->[2] } @{ $mail->{parts} } ], [ "plain \x{fc}\n", "<p>html \x{fc}</p>\n", [ (0 .. 255) x 10 ] ], '... are what they were');
my ($event) = grep { $_->{EventType} eq 'send' } $gw->events(($plain =~ /(\S+)\z/)[0], $account);
is_deeply($event->{Tags}, [ 'a', 'b' ], 'and its tags are in the events');
$gw->log_clean;
done_testing;
