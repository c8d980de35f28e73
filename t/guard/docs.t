# conf/API.md has each command of commands.c in its table and in a section of its own, and every link of the
# documents leads somewhere.
use strict;
use warnings;
use File::Basename qw(dirname);
use Test::More;

sub text_of {
    my ($path) = @_;
    open my $file, '<', $path or die "$path: $!\n";
    local $/;
    return scalar <$file>;
}

# Without blocks of code, in which a # is no heading.
sub prose_of { return text_of($_[0]) =~ s/^```.*?^```$//gmsr }

# As a page's anchors are made: lower case, without punctuation, a hyphen for each blank.
sub anchors_of {
    my ($path) = @_;
    my (%anchors, %seen);
    for my $heading (prose_of($path) =~ /^#+ +(.*)$/mg) {
        my $anchor = lc $heading =~ s/`//gr;
        $anchor =~ s/\[([^\]]*)\]\([^)]*\)/$1/g;
        $anchor =~ s/[^\w -]//g;
        $anchor =~ tr/ /-/;
        $anchors{ $seen{$anchor}++ ? "$anchor-" . ($seen{$anchor} - 1) : $anchor } = 1;
    }
    return \%anchors;
}

my $api = 'conf/API.md';
my @commands = text_of('mod_emailgw/commands.c') =~ /\{ API_PHP, "([\w.]+)"/g;
cmp_ok(scalar @commands, '>', 50, 'commands are found');
my %row = map { $_ => 1 } text_of($api) =~ /^\| \[`([\w.]+)`\]\(#/mg;
my %section = map { $_ => 1 } text_of($api) =~ /^\| Command \| ((?:User|EmailGateway)\.\w+) /mg;
for my $command (@commands) {
    my $short = $command =~ s/^EmailGateway\.//r;
    ok(delete $row{$short}, "$command: a row in the table of $api");
    ok(delete $section{$command}, "$command: a section of $api");
}
is_deeply([ sort keys %row, keys %section ], [], 'none that is not there');

for my $path ('README.md', $api) {
    for my $link (prose_of($path) =~ /\]\(([^)\s]+)\)/g) {
        next if $link =~ /^https?:/;
        my ($file, $anchor) = $link =~ /^([^#]*)(?:#(.*))?\z/;
        my $target = $file eq '' ? $path : dirname($path) . "/$file";
        my $leads = -e $target && (!defined $anchor || anchors_of($target)->{$anchor});
        ok($leads, "$path: $link leads somewhere") if !$leads;
    }
}
done_testing;
