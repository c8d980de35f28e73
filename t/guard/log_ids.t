# Log ids: each names one place, has four digits, and is explained in the
# log-ids.txt of its folder with the level that the code gives it.
use strict;
use warnings;
use Test::More;

my %list = ('mod_emailgw' => 'mod_emailgw/core/log-ids.txt', 'sender' => 'sender/log-ids.txt');
my (%listed, %place);
for my $folder (sort keys %list) {
    open my $file, '<', $list{$folder} or next;
    while (<$file>) {
        next if /^\s*(?:#|$)/;
        my ($id, $level, $meaning) = /^(?:EG)?(\d{4}),?\s+(\w+),?\s+(\S.*)/;
        ok(defined $id && $level =~ /^(?:emerg|err|warn|info|retired)$/, "$list{$folder}:$.: id, level, meaning")
            or diag($_);
        next if !defined $id;
        unlike($meaning, qr/%/, "EG$id is explained in words");
        ok(!exists $listed{$id}, "EG$id is listed once");
        $listed{$id} = { level => $level, folder => $folder };
    }
}

for my $path (map { glob } qw(mod_emailgw/*.c mod_emailgw/commands/*.c mod_emailgw/core/*.c sender/*.c sender/ctl/*.c)) {
    open my $file, '<', $path or die "$path: $!\n";
    my $text = do { local $/; <$file> };
    $text =~ s{"((?:[^"\\\n]|\\.)*)"}{'"' . ('x' x length $1) . '"'}ge; # what strings say must not look like code
    my ($folder) = $path =~ m{^([^/]+)/};
    while ($text =~ /([^;{}]*)\bEGLOGNO\((\w*)\)/g) {
        my ($before, $id) = ($1, $2);
        my $where = "$path:" . (1 + substr($text, 0, $-[2]) =~ tr/\n//);
        like($id, qr/^\d{4}$/, "$where: an id of four digits (make log-ids gives one)") or next;
        ok(!$place{$id}, "$where: EG$id is used here only") or diag("also at $place{$id}");
        $place{$id} = $where;
        my $entry = $listed{$id};
        ok($entry && $entry->{folder} eq $folder, "$where: EG$id is in $list{$folder}") or next;
        isnt($entry->{level}, 'retired', "$where: EG$id is not retired");
        is($entry->{level}, lc $1, "$where: EG$id has the level that the list says")
            if $before =~ /\b(?:EG_LOG|APLOG)_(EMERG|ERR|WARN|INFO|DEBUG)\b(?!.*\b(?:EG_LOG|APLOG)_)/s;
    }
    while ($text =~ /\beg_log_at\s*\(([^;]*)\);/g) {
        my ($call, $line) = ($1, 1 + substr($text, 0, $-[0]) =~ tr/\n//);
        ok($call =~ /EGLOGNO/ || $call =~ /EG_LOG_DEBUG/, "$path:$line: a line at info or above has an id");
    }
}
for my $id (sort grep { $listed{$_}{level} ne 'retired' } keys %listed) {
    ok(exists $place{$id}, "EG$id is still written somewhere, or marked retired");
}
done_testing;
