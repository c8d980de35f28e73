# The connection to PostgreSQL is cut after accept's commit and before its answer:
# the mail is in the queue, and nobody has told httpd. Between the two stands a
# proxy that loses the answer.
use lib 't/lib';
use EmailGW;
use File::Temp qw(tempdir);
use IO::Select;
use IO::Socket::UNIX;

my $dir = tempdir(CLEANUP => 1);
chmod 0755, $dir;
my $socket = "$dir/.s.PGSQL.5432";
my $extra = "$dir/extra.conf";
write_file($extra, '');
my $gw = EmailGW->up(HTTPD_CONF => $extra);
my ($real_dir, $real_port) = real_server();
write_file($extra, <<"END"); # one connection a child: what is repeated goes over a new one
DBDParams "host=$dir port=5432 dbname=emailgw user=emailgw_module connect_timeout=2"
DBDMin 1
DBDKeep 1
DBDMax 1
END
my $proxy = start_proxy();
$gw->instance($_ => 'httpd') for qw(stop start);

sub flag {
    my ($name, $on) = @_;
    $on ? write_file("$dir/$name", '') : unlink "$dir/$name";
}

sub write_file {
    my ($path, $text) = @_;
    open my $out, '>', $path or die "$path: $!";
    print {$out} $text;
    close $out or die "$path: $!";
}

# Where the instance's own DBDParams point to.
sub real_server {
    open my $in, '<', $gw->env('HTTPD_CONF') or die $!;
    my ($params) = map { /^DBDParams "(.*)"/ ? $1 : () } <$in>;
    return $params =~ /host=(\S+) port=(\d+)/;
}

sub start_proxy {
    my $listener = IO::Socket::UNIX->new(Local => $socket, Listen => 64) or die "$socket: $!";
    chmod 0777, $socket;
    my $pid = fork // die $!;
    return $pid if $pid;
    $SIG{$_} = 'DEFAULT' for qw(TERM INT);
    $SIG{CHLD} = 'IGNORE';
    while (1) {
        my $client = $listener->accept or next;
        if (-e "$dir/refuse" || fork) { close $client; next }
        serve($client);
        require POSIX;
        POSIX::_exit(0);
    }
}

# Passes all on, until an accept() has been answered while the flag "cut" is set.
sub serve {
    my ($client) = @_;
    my $server = IO::Socket::UNIX->new(Peer => "$real_dir/.s.PGSQL.$real_port") or return;
    my $both = IO::Select->new($client, $server);
    my $cutting = 0;

    while (1) {
        for my $from ($both->can_read) {
            sysread($from, my $data, 65536) or return;
            if ($from == $client) {
                $cutting ||= -e "$dir/cut" && $data =~ /emailgw_api\.accept\(/;
            } elsif ($cutting) {
                next if $data !~ /Z\0\0\0\x05I\z/; # ReadyForQuery, idle: it is committed
                unlink "$dir/cut";
                return;
            }
            my $to = $from == $client ? $server : $client;
            syswrite($to, $data) or return;
        }
    }
}

# What the database has of mails with this subject.
sub stored { my ($subject) = @_; return scalar $gw->sql("SELECT count(*) FROM emailgw.message WHERE subject = '$subject'") }

is($gw->send_mail(Subject => 'through the proxy')->{status}, 200, 'the proxy passes a mail on');

subtest 'httpd reaches the database again at once: it repeats the call' => sub {
    flag(cut => 1);
    my $reply = $gw->send_mail(Subject => 'cut once');
    ok(!-e "$dir/cut", 'the answer was lost');
    is($reply->{status}, 200, 'the client learns that it is taken');
    is(stored('cut once'), 1, 'once');
    $gw->wait_for(sub { $gw->outbox($reply->{json}{MessageID}) == 1 }, 10, 'its delivery, by the id that was answered');
};

subtest 'httpd cannot reach it: nobody can say' => sub {
    my %mail = (Subject => 'cut and gone', headers => { 'Idempotency-Key' => 'cut and gone' });

    flag(cut => 1);
    flag(refuse => 1);
    my $reply = $gw->send_mail(%mail);
    is($reply->{status}, 503, 'the client is told to try again');
    ok($reply->{headers}{'retry-after'}, '... and when');
    like($reply->{body}, qr/not known.*Idempotency-Key/, '... that the outcome is not known');
    unlike($reply->{body}, qr/Nothing was carried out/, '... and no lie');
    is(stored('cut and gone'), 1, 'it was taken');

    flag(refuse => 0);
    my $again = $gw->send_mail(%mail);
    is($again->{status}, 200, 'repeated with its key');
    is($again->{headers}{'idempotent-replayed'}, 'true', '... it is the first answer');
    is(stored('cut and gone'), 1, '... and no second mail');
    $gw->wait_for(sub { $gw->outbox($again->{json}{MessageID}) == 1 }, 10, 'its delivery');
};

subtest 'httpd reaches a server that takes no writes, as after a failover' => sub {
    $gw->sql('ALTER ROLE emailgw_module SET default_transaction_read_only = on'); # for connections to come
    flag(cut => 1);
    my $reply = $gw->send_mail(Subject => 'cut and read-only');
    is($reply->{status}, 503, 'the client is told to try again');
    like($reply->{body}, qr/not known: look/, '... that the outcome is not known: the refusal says nothing of the first try');
    unlike($reply->{body}, qr/Idempotency-Key/, '... and not to repeat a key that it did not have');
    is(stored('cut and read-only'), 1, 'it was taken');
    $gw->sql('ALTER ROLE emailgw_module RESET default_transaction_read_only');
};

$gw->wait_for(sub { $gw->sql('SELECT count(*) FROM emailgw.queue') == 0 }, 10, 'an empty queue');
is(scalar(() = $gw->outbox), 4, 'four mails were taken, four files are there');
kill TERM => $proxy;
waitpid $proxy, 0;
$gw->expects_database_away;
$gw->log_clean;
done_testing;
