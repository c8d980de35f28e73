# Webhook posts before the verifier of Standard Webhooks itself: it takes them as they
# are, and nothing that differs from them by one bit, or is older than five minutes.
use EmailGW;
use EmailGW::Peer;
use EmailGW::Receiver;
use JSON::PP ();
use MIME::Base64 qw(encode_base64);

EmailGW::Peer::in_path('node', 'npm') or plan skip_all => 'node and npm are not there';
my $package = eval { EmailGW::Peer::dir('standardwebhooks') } or plan skip_all => 'npm gives no standardwebhooks';

my $receiver = EmailGW::Receiver->up;
my $gw = EmailGW->up(WEBHOOK_ALLOW => $receiver->address, SENDER_CONF => \"poll = 20ms\n");
my $account = $gw->new_account;
$gw->call('POST', '/api/v1/webhooks',
    { key => $account->{key}, json => { Event => 'sent,delivered', WebhookURL => $receiver->url('/ok') } });
$gw->send_mail(as => $account, Subject => $_) for 'Hello', "Gr\x{fc}\x{df}e \x{1F98A}", 'a "quoted" \\ subject';
my @posts = $gw->wait_for(sub { (my @got = $receiver->requests('/ok')) == 6 }, 20, 'six posts')
    ? $receiver->requests('/ok') : BAIL_OUT('no posts');
my $key = $gw->call('GET', '/api/v1/webhooks', { key => $account->{key} })->{json}{SigningKey};

# What the verifier says to each of these posts, at that second: 'verified', or why not.
sub verdicts {
    my (@questions) = @_;
    my $script = <<'END';
const { Webhook } = require(process.argv[1] + '/node_modules/standardwebhooks');
for (const line of require('fs').readFileSync(0, 'utf8').split('\n').filter(Boolean)) {
    const { key, headers, body, now } = JSON.parse(line);
    Date.now = () => now * 1000;
    try {
        new Webhook(key).verify(Buffer.from(body, 'base64').toString('utf8'), headers);
        console.log('verified');
    } catch (error) {
        console.log(error.message);
    }
}
END
    my $input = join '', map { JSON::PP->new->utf8->canonical->encode($_) . "\n" } @questions;
    my ($status, $out, $err) = EmailGW::run_command($input, 'node', '-e', $script, $package);
    die "node: $err" if $status != 0;
    return split /\n/, $out;
}

# One post as a question, with another value for one of its parts.
sub question {
    my ($post, %change) = @_;
    my %header = map { $_ => $change{$_} // $post->{headers}{$_} } qw(webhook-id webhook-timestamp webhook-signature);
    return { key => $change{key} // $key, headers => \%header, body => encode_base64($change{body} // $post->{body}, ''),
        now => ($change{after} // 0) + $post->{headers}{'webhook-timestamp'} };
}

is_deeply([ verdicts(map { question($_) } @posts) ], [ ('verified') x 6 ], 'posts as they came: verified');
for my $part (qw(webhook-id webhook-timestamp webhook-signature body)) {
    my $value = $part eq 'body' ? $posts[-1]{body} : $posts[-1]{headers}{$part};
    my @changed = map { my $other = $value; substr($other, $_, 1) ^= "\1"; question($posts[-1], $part => $other) }
        0 .. length($value) - 1;
    is(scalar(grep { $_ eq 'verified' } verdicts(@changed)), 0, "$part: one bit of one byte, any of " . @changed . ': refused');
}
is_deeply([ verdicts(map { question($posts[0], after => $_) } -300, 300) ], [ ('verified') x 2 ], 'five minutes: verified');
is_deeply([ verdicts(map { question($posts[0], after => $_) } 301, -301) ],
    [ 'Message timestamp too old', 'Message timestamp too new' ], 'a second more, either way: refused');
is_deeply([ verdicts(question($posts[0], key => 'whsec_' . encode_base64('x' x 32, ''))) ],
    ['No matching signature found'], 'another key: refused');
# A new signing key: for a day both sign, the new one first; then it alone.
subtest 'while a key is replaced' => sub {
    my $former = $key;
    my $reply = $gw->api('EmailGateway.RegenerateSigningKey', as => $account, DomainID => $account->{domain_id});
    my $new = $reply->{json}{SigningKey};
    my $post = sub {
        my ($subject) = @_;
        $gw->send_mail(as => $account, Subject => $subject);
        my @got;
        $gw->wait_for(sub { @got = grep { $_->{body} =~ /"$subject"/ } $receiver->requests('/ok') }, 20, "a post of $subject");
        return $got[0];
    };
    my $both = $post->('Both');
    my @signatures = split / /, $both->{headers}{'webhook-signature'};
    is(scalar @signatures, 2, 'two signatures');
    is_deeply([ verdicts(map { question($both, key => $_) } $new, $former) ], [ ('verified') x 2 ], 'either key verifies the post');
    is_deeply([ verdicts(map { question($both, key => $new, 'webhook-signature' => $_) } @signatures) ],
        [ 'verified', 'No matching signature found' ], 'the new key\'s comes first');
    $gw->sql("UPDATE emailgw.domain SET former_webhook_key_until = now() WHERE domain_id = $account->{domain_id}");
    my $after = $post->('After');
    is_deeply([ verdicts(map { question($after, key => $_) } $new, $former) ], [ 'verified', 'No matching signature found' ],
        'after that the new key alone');
    unlike($after->{headers}{'webhook-signature'}, qr/ /, '... signs');
};

$gw->log_clean;
done_testing;
