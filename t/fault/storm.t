# 10,000 mails and 100 that are refused over 64 connections to a smart host while the sender, a child of
# httpd and PostgreSQL die. Three ledgers: what the clients were told, what the
# database says, what the smart host took; second copies are counted. And a webhook
# is told of each delivery: at least once, always under the same id.
use EmailGW;
use Digest::SHA qw(hmac_sha256_base64);
use EmailGW::Ledger;
use EmailGW::Receiver;
use EmailGW::SmtpSink;
use EmailGW::Storm;
use JSON::PP qw(decode_json);
use MIME::Base64 qw(decode_base64);

my ($mails, $lease, $threads, $connections) = (10_000, 5, 2, 32);
my $sink = eval { EmailGW::SmtpSink->start(keep => 1) }
    or plan skip_all => "no smtp-sink: $@" =~ s/\n.*//sr;
my $receiver = EmailGW::Receiver->up;
my $gw = EmailGW->up(RATE => 'off', TRANSPORT => 'relay:' . $sink->address,
    WEBHOOK_ALLOW => $receiver->address, SENDER_CONF => \<<"END");
lease = ${lease}s
poll = 20ms
threads = $threads
connections = $connections
retry = 1s
webhook_lease = ${lease}s
webhook_timeout = 4s
webhook_retry = 1s
END
my $hook = $gw->call('POST', '/api/v1/webhooks',
    { key => $gw->env('SENDER_KEY'), json => { WebhookURL => $receiver->url('/ok'), Event => 'delivery' } });
is($hook->{status}, 200, 'a webhook for deliveries');
my $signing_key = $gw->call('GET', '/api/v1/webhooks', { key => $gw->env('SENDER_KEY') })->{json}{SigningKey};

# Ids of the mails at the sink. What a killed sender left in the middle is no mail: it got no reply.
sub came_out {
    my @whole = grep { $_->{raw} =~ /^This is mail number \d+\.\n+\z/m } $sink->mails;
    return map { $_->{raw} =~ /^Message-ID: <([0-9a-f-]{36})\@example\.com>$/m ? $1 : undef } @whole;
}

# With the sender dead: what came out and is not recorded. Only that may come again.
my (%ambiguous, @windows);

sub note_window {
    $sink->wait_alone(EmailGW::allowed(5)) or die "somebody is connected with the sink\n";
    my %recorded = map { $_->[0] => 1 }
        $gw->sql("SELECT message_id FROM emailgw.recipient WHERE status = 'delivered'");
    my %copies;
    $copies{$_}++ for grep { defined && !$recorded{$_} } came_out();
    my @open = grep { $copies{$_} > ($ambiguous{$_} // 0) } keys %copies;
    @ambiguous{@open} = @copies{@open};
    push @windows, scalar @open;
}

my @answers = EmailGW::Storm::run($gw, mails => $mails, connections => 64, killed => \&note_window);
EmailGW::Storm::drain($gw, $lease + 60);
ok($gw->wait_for(sub { !$gw->sql('SELECT count(*) FROM emailgw.webhook_queue') }, $lease + 60, 'all posts'),
    'all webhooks are posted');
$gw->stop('sender');
$sink->stop;

my $ledger = EmailGW::Ledger->new(client => \@answers, database => EmailGW::Ledger::database($gw),
    sink => [ came_out() ]);
diag($_) for $ledger->counts;
diag("came out and not recorded at the kills: @windows; connections: " . $threads * $connections);
my @violations = $ledger->violations(copies => \%ambiguous);
diag($_) for @violations > 50 ? @violations[ 0 .. 49 ] : @violations;
is(scalar @violations, 0, 'what was told, what is stored and what came out agree');
is(scalar keys %{ $ledger->{accepted} }, $mails, 'all mails were taken');
is(scalar keys %{ $ledger->{refused} }, $mails / 100, '... but those that are none');

# Of each post: its id, and the message of a body whose signature holds (Standard Webhooks).
my $secret = decode_base64($signing_key =~ s/^whsec_//r);
my (%told, $forged);
for my $post ($receiver->requests('/ok')) {
    my %header = map { lc $_ => $post->{headers}{$_} } keys %{ $post->{headers} };
    my $id = $header{'webhook-id'};
    my $signature = hmac_sha256_base64("$id.$header{'webhook-timestamp'}.$post->{body}", $secret);
    $forged++ if ($header{'webhook-signature'} // '') !~ /^v1,\Q$signature\E=?\z/;
    $told{ decode_json($post->{body})->{data}{MessageId} }{$id}++;
}
is($forged // 0, 0, 'every signature holds');
is_deeply([ sort keys %told ], [ sort keys %{ $ledger->{accepted} } ], 'the webhook was told of each mail');
is(scalar(grep { keys %$_ != 1 } values %told), 0, 'one webhook id a mail, also where it was told twice');
diag(scalar(grep { (values %$_)[0] > 1 } values %told) . ' webhooks were posted more than once');
EmailGW::Storm::announce($gw);
$gw->log_clean;
done_testing;
