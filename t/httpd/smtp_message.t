# What an SMTP client writes and what arrives, through the listener: Python's own mail
# package makes the messages, hands them in, and reads them again. So it does with mails of
# others, and with such as have a Content-Type that not everybody can read.
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

# ---- whole mails -------------------------------------------------------------------------

# Each name on its standard input is that of a file to be handed in over STARTTLS; the replies go out, one a line.
my $sender = $gw->file('sender.py', <<'END');
import smtplib, ssl, sys
port, ca, user, password, domain = sys.argv[1:]
server = smtplib.SMTP('localhost', int(port))
server.starttls(context=ssl.create_default_context(cafile=ca))
server.login(user, password)
for name in sys.stdin.read().split():
    server.mail('shop@' + domain, ['body=8bitmime'])
    server.rcpt('ann@example.org')
    code, text = server.data(open(name, 'rb').read())
    print(code, text.decode())
END

# The same of two mails: types, fields of parts, and the bytes of all that is no multipart; else where they differ. Of the
# whole mail fields may be added; the encoding of a part may be another one, and what has no type may get one.
my $comparer = $gw->file('comparer.py', <<'END');
import sys
from email import message_from_bytes

def fields(part):
    return [(n.lower(), v) for n, v in part.items() if n.lower() != 'content-transfer-encoding']

def leaves(mail):
    return [None if p.is_multipart() else p.get_payload(decode=True) for p in mail.walk()]

def compare(old, new):
    olds, news = list(old.walk()), list(new.walk())
    if [p.get_content_type() for p in olds] != [p.get_content_type() for p in news]:
        return 'types: %s, %s' % ([p.get_content_type() for p in olds], [p.get_content_type() for p in news])
    for i, (a, b) in enumerate(zip(olds, news)):
        lost = [f for f in fields(a) if f not in fields(b)]
        more = [f for f in fields(b) if f not in fields(a) and (f[0] != 'content-type' or 'content-type' in a)]
        if lost or (more and i > 0):
            return 'part %d: lost %s, new %s' % (i, lost, more)
    for i, (a, b) in enumerate(zip(leaves(old), leaves(new))):
        if a != b:
            return 'part %d: %r became %r' % (i, a[:200], b[:200])
    return 'the same in %d parts' % len(olds)

names = sys.stdin.read().split()
for old, new in zip(names[::2], names[1::2]):
    print(compare(*[message_from_bytes(open(name, 'rb').read()) for name in (old, new)]))
END

sub python {
    my ($program, $words, @names) = @_;
    my ($status, $out, $err) = EmailGW::run_command(join("\n", @names), 'python3', $program, @$words);
    is($status, 0, 'the client is through') or diag($err);
    return split /\n/, $out;
}

# Hands all of them in: what => the reply, as it should be, and the mail. Those that are taken arrive with the same parts.
sub whole_mails {
    my (@mails) = @_;
    my @files = map { $gw->file("given$_", $mails[$_][2]) } 0 .. $#mails;
    my @replies = python($sender, [ $port, $gw->env('CA_FILE'), @$smtp{qw(Username Password)}, $account->{domain} ], @files);
    my (@taken, @pairs);
    for my $i (0 .. $#mails) {
        like($replies[$i], $mails[$i][1], "$mails[$i][0]: the reply");
        my ($id) = ($replies[$i] // '') =~ /\A250 .*queued as (\S+)/ or next;
        my ($mail) = $gw->wait_for(sub { $gw->outbox($id) }, 30, 'delivery') && $gw->outbox($id);
        unlike($mail->{raw}, qr/[^\x01-\x7e]/, '... 7-bit on the way');
        push @taken, $mails[$i][0];
        push @pairs, $files[$i], $gw->file("arrived$i", $mail->{raw});
    }
    my @said = python($comparer, [], @pairs);
    like($said[$_], qr/\Athe same in \d+ parts\z/, "$taken[$_]: $said[$_]") for 0 .. $#taken;
    return scalar @taken;
}

my $from = "From: Shop <shop\@$account->{domain}>\r\nMIME-Version: 1.0\r\n";
my $ue = "\xc3\xbc";

subtest 'types that not everybody can read' => sub {
    my $part = sub { "--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGr$_[0]\r\n--b--\r\n" };
    my $outer = sub { "Content-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n$_[0]--c--\r\n" };
    my ($taken, $refused) = (qr/\A250 /, qr/\A554 5\.6\.3 /);
    my %shape = (
        'a semicolon less' => [ sub { "Content-Type: multipart/mixed; boundary=\"b\" charset=utf-8\r\n\r\n" . $part->(@_) }, $refused ],
        'a parameter twice' => [ sub { "Content-Type: multipart/mixed; charset=utf-8; boundary=\"b\"; charset=utf-8\r\n\r\n" . $part->(@_) }, $taken ],
        'signed, its boundary twice' => [ sub { "Content-Type: multipart/signed; boundary=\"b\"; boundary=\"b\"\r\n\r\n" . $part->(@_) }, $refused ],
        'a mail with a name without quotes' => [ sub { $outer->("Content-Type: message/rfc822; name=Re Hello.eml\r\n\r\nFrom: x\@y.example\r\n\r\n$_[0]\r\n") },
            $refused ],
        'a type twice within' => [ sub { $outer->("Content-Type: multipart/mixed; boundary=b\r\n" x 2 . "\r\n" . $part->(@_)) }, $refused ],
        'a mail in a digest' => [ sub { $outer->('') =~ s/mixed/digest/r =~ s/(?=--c--)/\r\nFrom: x\@y.example\r\n\r\nSee https:\/\/shop.example\/ $_[0]\r\n/r }, $refused ],
        'a file with a name without quotes' => [ sub { $outer->("Content-Type: application/pdf; name=my bill.pdf\r\n\r\n$_[0]\r\n") }, $taken ],
    );
    my $count = whole_mails(map { my $what = $_; ([ $what, $taken, $from . $shape{$what}[0]->('u') ],
        [ "$what, 8-bit", $shape{$what}[1], $from . $shape{$what}[0]->($ue) ]) } sort keys %shape);
    is($count, 9, 'those that must not change, and the others, are taken');
};

subtest 'mails of others' => sub {
    my @names = $ENV{EG_CORPORA} ? map { glob "$ENV{EG_CORPORA}/mime-mail-parser/$_/*.eml" } qw(rfc malformed) : ();
    diag('ran without EG_CORPORA: mails of others are left out') if !@names;
    my @mails;
    for my $name (@names) {
        my ($header, $body) = split /(?<=\r\n)\r\n/, EmailGW::slurp($name) =~ s/\r*\n/\r\n/gr, 2;
        $header =~ s/^From:.*\r\n(?:[ \t].*\r\n)*//im;
        $body = ($body // '') =~ s/(?<!\r\n)\z/\r\n/r;
        my $whole = sub { $from =~ s/MIME.*\r\n//r . "$header\r\n$_[0]" };
        my ($what) = $name =~ m{(\w+/\d+)\.eml};
        push @mails, [ $what, qr/\A(?:250|55[04] 5)/, $whole->($body) ];
        while ($body =~ /^(?!--)[^:=\r\n]*?[a-z](e)(?=[^:=\r\n]*\r$)/mg) { # a letter in a line of some part, or between parts
            push @mails, [ "$what, 8-bit at $-[1]", qr/\A(?:250|554 5)/, $whole->(substr($body, 0, $-[1]) . $ue . substr $body, $+[1]) ];
        }
    }
    my $count = whole_mails(@mails);
    ok(!@names || $count >= 50, "$count of " . @mails . ' were taken, and are the same');
};

$gw->log_clean;
done_testing;
