# One mail with every feature at once, through all of the gateway: it parses to
# exactly what was asked, one file a recipient, and nowhere shows the Bcc.
use EmailGW;
use MIME::Base64 qw(encode_base64);
use JSON::PP;

my $gw = EmailGW->up;
my $account = $gw->new_account;
my $png = pack 'H*', '89504e470d0a1a0a0000000d49484452';
my @attachments = (
    { filename => 'логотип 🖼.png', type => 'image/png', disposition => 'inline', contentid => 'logo@example.com',
        content => $png },
    { filename => 'a"; name="b.exe', type => 'application/pdf', disposition => 'attachment', content => "%PDF\r\n\0" },
    { filename => "Rechnung; größe=日本語 ' %41.txt", type => 'text/plain', disposition => 'attachment',
        content => "one\ntwo\r\n" },
);
my %mail = (
    From => { email => "shop\@$account->{domain}", name => 'Größe & Söhne, Inc. 🚀' },
    To => [ { email => 'ann@example.org', name => 'Änn "A" Müller' }, { email => 'bob@example.net', name => 'Bob Q. Public' } ],
    CC => [ { email => 'cc@example.net', name => '漢字' } ],
    BCC => [ { email => 'hidden@example.net', name => 'Hidden' } ],
    ReplyTo => [ { email => 'reply@example.com', name => 'Reply, Please' } ],
    Subject => 'Ваш заказ № 42 🎉 is on its way', ContentType => 'multipart',
    HTMLContent => "<p>Grüße 🚀 <img src=\"cid:logo\@example.com\"></p>\n", PlainContent => "Grüße 🚀\r\n\r\n.\r\n-- \r\nShop",
    Headers => { 'X-Order' => '42', 'X-Note' => 'ümläut =?utf-8?q?x?=' },
    Attachments => [ map { { %$_, content => encode_base64($_->{content}, '') } } @attachments ],
);

my $reply = $gw->send_mail(as => $account, %mail);
is($reply->{status}, 200, 'accepted') or BAIL_OUT($reply->{body});
my $id = $reply->{json}{MessageID};
$gw->wait_for(sub { @{[ $gw->outbox($id) ]} == 4 }, 10, 'four files');

my @files = $gw->outbox($id);
is_deeply([ sort map { $_->{to} } @files ],
    [ sort map { $_->{email} } @{ $mail{To} }, @{ $mail{CC} }, @{ $mail{BCC} } ], 'one file a recipient, Bcc too');
is(scalar(grep { $_->{raw} =~ /bcc|hidden/i } @files), 0, 'no file shows the Bcc');
is(scalar(grep { $_->{raw} ne $files[0]{raw} } @files), 0, 'all see the same mail');
like($files[0]{raw}, qr/^Message-ID: <\Q$id\E\@\Q$account->{domain}\E>\r$/m, 'its id is the MessageID');

my %wanted = (
    subject => $mail{Subject}, From => [ $mail{From} ], 'Reply-To' => $mail{ReplyTo}, To => $mail{To}, Cc => $mail{CC},
    headers => [ map { [ $_, $mail{Headers}{$_} ] } sort keys %{ $mail{Headers} } ],
    plain => $mail{PlainContent}, html => $mail{HTMLContent},
    attachments => [ map { { %$_, hex => unpack('H*', $_->{content}), content => '' } } @attachments ],
);
my $eml = $gw->file('1.eml', $files[0]{raw});
$gw->file('1.json', JSON::PP->new->utf8->encode(\%wanted));
is(system('python3', "$EmailGW::ROOT/t/unit/roundtrip.py", $eml =~ s{/[^/]*\z}{}r), 0,
    "Python's email package reads exactly what was asked");
like(join(' ', $files[0]{raw} =~ m{^Content-Type: (multipart/\w+)}mg),
    qr{^multipart/mixed multipart/alternative multipart/related$}, 'mixed, alternative, related, from the outside in');
ok($gw->wait_for(sub { 4 == grep { $_->{EventType} eq 'delivery' } $gw->events($id, $account) }, 10, 'four events'),
    'four delivery events');
$gw->log_clean;
done_testing;
