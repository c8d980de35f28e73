# A backup brought into a cluster that knows none of the roles: pg_restore, emailgwctl
# migrate, and mail is accepted and delivered again. The owner is the one of README.md,
# who may make roles and nothing more.
use EmailGW;

my $gw = EmailGW->up(RATE => 'off');
my ($socket) = EmailGW::slurp($gw->env('SENDER_CONF')) =~ /^admin_database = (host=\S+ port=\S+)/m;
my $as_owner = "$socket dbname=emailgw user=emailgw_owner";
my $owner_conf = $gw->file('owner.conf', "database = $as_owner\n");

sub migrate {
    my ($status, $out, $err) = EmailGW::run_command(undef, "$ENV{EG_BUILD}/emailgwctl", '--config', $owner_conf, 'migrate');
    is($status, 0, 'migrate') or diag($err);
    return $out;
}

# The database as a new one, of an owner and without the roles that migrate makes.
sub new_database {
    $gw->sql($_, 'postgres')
        for 'DROP DATABASE emailgw WITH (FORCE)', 'DROP ROLE emailgw_module, emailgw_sender', 'DROP ROLE IF EXISTS emailgw_owner',
        'CREATE ROLE emailgw_owner LOGIN CREATEROLE', 'CREATE DATABASE emailgw OWNER emailgw_owner';
}

sub delivered {
    my ($id) = @_;
    return $gw->wait_for(sub { $gw->outbox($id) }, 10, 'delivery');
}

sub send_one {
    my ($subject) = @_;
    my $reply = $gw->send_mail(Subject => $subject);
    is($reply->{status}, 200, "\"$subject\" is accepted") or diag($reply->{body});
    return $reply->{json}{MessageID};
}

my $before = send_one('before the backup');
delivered($before);
$gw->wait_for(sub { $gw->story($before) eq 'delivery' }, 10, 'its event');
$gw->stop('sender');
my $queued = send_one('queued');
my $dump = $gw->file('dump', '');
my ($status, undef, $err) =
    EmailGW::run_command(undef, qw(pg_dump -Fc -f), $dump, '-d', "$socket dbname=emailgw user=postgres");
is($status, 0, 'pg_dump') or diag($err);
$gw->start('sender');
delivered($queued);
$gw->drained(10);

for my $case ([ 'without privileges', '--no-privileges' ], ['with privileges of roles that are not there']) {
    my ($what, @words) = @$case;
    subtest "restored $what" => sub {
        $gw->stop($_) for qw(sender httpd);
        unlink map { $_->{file} } $gw->outbox;
        new_database();
        my ($status, undef, $err) = EmailGW::run_command(undef, 'pg_restore', '--no-owner', @words, '-d', $as_owner, $dump);
        my @errors = grep { !/role "emailgw_(?:module|sender)" does not exist/ } $err =~ /^pg_restore: error: (.*)/mg;
        is_deeply(\@errors, [], 'nothing fails but the privileges') or diag($err);
        is($status == 0, @words > 0, 'and those only where they are to be restored');
        is($gw->sql("SELECT count(*) FROM pg_roles WHERE rolname IN ('emailgw_module', 'emailgw_sender')"), 0, 'the roles are missing');
        like(migrate(), qr/^built \d+ functions$/m, 'the functions are built anew');
        is(migrate(), "nothing to do\n", 'once');
        ($status, undef, $err) = EmailGW::run_command(undef, qw(pg_dump -Fc -f), $gw->file('next', ''), '-d', $as_owner);
        is($status, 0, 'the owner may make the next backup') or diag($err);

        $gw->start($_) for qw(sender httpd);
        my $after = send_one('after the restore');
        delivered($after);
        delivered($queued);
        is(scalar $gw->outbox($before), 0, 'what was delivered before the backup does not go out again');
        $gw->wait_for(sub { $gw->story($_) eq 'delivery' }, 10, 'an event') for $after, $queued;
        is($gw->story($before), 'delivery', 'and its events are there');
    };
}

$gw->log_clean;
done_testing;
