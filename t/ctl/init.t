# emailgwctl init: the key files are made once, whole, and for their owner alone.
use FindBin;
use lib "$FindBin::Bin/../lib";
use EmailGW;
use File::Temp ();

my $ctl = ($ENV{EG_BUILD} // 'build') . '/emailgwctl';
my $dir = File::Temp::tempdir('/tmp/emailgw-test.XXXXXX', CLEANUP => 1);
my ($conf, $secret, $key) = map { "$dir/$_" } qw(test.conf secret sender.key);

sub spew {
    my ($path, $text, $mode) = @_;
    open my $file, '>', $path or die "$path: $!\n";
    print {$file} $text;
    close $file or die "$path: $!\n";
    chmod $mode // 0644, $path;
}

sub slurp {
    my ($path) = @_;
    open my $file, '<', $path or die "$path: $!\n";
    local $/;
    return scalar <$file>;
}

sub init {
    my ($status, $out, $err) = EmailGW::run_command(undef, $ctl, '--config', $conf, 'init', @_);
    return { exit => $status >> 8, out => $out, err => $err };
}

spew($conf, "secret_file = $secret\nsender_key_file = $key\n");

subtest 'new files' => sub {
    my $result = init('--json');
    is($result->{exit}, 0) or diag($result->{err});
    is($result->{out}, qq({"file":"$secret","result":"created"}\n{"file":"$key","result":"created"}\n));
    like(slurp($secret), qr/\A1 [0-9a-f]{64}\n\z/);
    like(slurp($_), qr/\A[0-9a-f]{64}\n\z/) for $key, "$key.pub";
    is(sprintf('%04o', (stat $_)[2] & 07777), '0600', $_) for $secret, $key;
    is(sprintf('%04o', (stat "$key.pub")[2] & 07777), '0644', 'the public half is for all');
    is_deeply([ sort map { s{.*/}{}r } glob "$dir/*" ], [ qw(secret sender.key sender.key.pub test.conf) ]);
};

subtest 'files that are there are kept' => sub {
    my @before = map { slurp($_) } $secret, $key, "$key.pub";
    my $result = init();
    is($result->{exit}, 0);
    is($result->{out}, "$secret: shared secret is there, kept\n$key: sender's key is there, kept\n");
    is_deeply([ map { slurp($_) } $secret, $key, "$key.pub" ], \@before);
    unlink "$key.pub";
    is(init()->{exit}, 0);
    is(slurp("$key.pub"), $before[2], 'a public half that was lost comes back');
};

subtest 'eight at once agree' => sub {
    for my $round (1 .. 5) {
        unlink $secret, $key, "$key.pub";
        my @pids = map {
            my $pid = fork // die "fork: $!\n";
            if ($pid == 0) {
                open STDOUT, '>', '/dev/null';
                exec $ctl, '--config', $conf, 'init' or POSIX::_exit(127);
            }
            $pid;
        } 1 .. 8;
        my $failed = grep { waitpid $_, 0; $? != 0 } @pids;
        is($failed, 0, "round $round");
        my $public = slurp("$key.pub");
        init();
        is(slurp("$key.pub"), $public, 'the two halves belong together');
    }
};

subtest 'what is wrong is told' => sub {
    chmod 0640, $secret;
    my $result = init();
    is($result->{exit}, 1);
    like($result->{err}, qr/\Q$secret\E: mode 0640 lets others than its owner at it/);
    spew($secret, "not a key\n", 0600);
    like(init()->{err}, qr/\Q$secret\E:1: no key id/);
    spew($conf, "secret_file = $dir/none/secret\n");
    like(init()->{err}, qr{\Q$dir/none/secret\E cannot be made: No such file or directory});
    spew($conf, "secret_file = $secret\ncolour = red\n");
    $result = init();
    is($result->{exit}, 1);
    like($result->{err}, qr/\Q$conf\E:2: unknown option "colour"/);
};

done_testing;
