# conf/API.md has each command of commands.c in its table and in a section of its own, both with the parameters
# that it takes, and every link of the documents leads somewhere.
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

# Parameter => may it be left out? As the three places have it: the command's own table in C, its row in the
# table of all (brackets), and its section.
sub taken_by {
    my ($source) = @_;
    return map { $_->[0] => $_->[1] eq 'OPTIONAL' } pairs($source =~ /\{ "(\w+)", EG_\w+, EG_(OPTIONAL|REQUIRED)\b/g);
}

sub listed_in_row {
    my ($short) = @_;
    my ($text) = text_of($api) =~ /^\| \[`\Q$short\E`\]\(#\S+\) \| ([^|]*) \|/m;
    my $optional = $text =~ s/,? *\[([^\]]*)\]// ? $1 : '';
    my @required = map { my @one_of = split / or /; map { [ $_ => @one_of > 1 ] } @one_of } split /, /, $text;
    return map { @$_ } @required, map { [ $_ => 1 ] } split /, /, $optional;
}

sub listed_in_section {
    my ($command) = @_;
    my ($rows) = text_of($api) =~ /^\| Command \| \Q$command\E \|.*\n((?:\|.*\n)*)/m;
    return map { my (undef, $names, undef, $need) = split /\s*\|\s*/; map { $_ => $need !~ /^Yes/ } split /, /, $names }
        split /\n/, $rows;
}

sub pairs { return map { [ @_[ 2 * $_, 2 * $_ + 1 ] ] } 0 .. @_ / 2 - 1 }

sub as_text {
    my (%left_out) = @_;
    return join ', ', map { $left_out{$_} ? "[$_]" : $_ } sort keys %left_out;
}

my $shared = join '', map { text_of($_) } glob 'mod_emailgw/*.c'; # what several commands read
my %file = text_of('mod_emailgw/commands.c') =~ /\{ API_PHP, "([\w.]+)", \w+, &eg_cmd_(\w+) \}/g;
for my $command (@commands) {
    my $source = text_of("mod_emailgw/commands/$file{$command}.c");
    my %taken = taken_by($source);
    my %section = listed_in_section($command);
    is(as_text(listed_in_row($command =~ s/^EmailGateway\.//r)), as_text(%section), "$command: row and section have the same parameters");
    is(as_text(map { exists $section{$_} ? ($_ => $section{$_}) : () } keys %taken), as_text(%taken), '... those that it takes');
    is_deeply([ grep { !exists $taken{$_} && "$source$shared" !~ /"$_"/ } sort keys %section ], [], '... and no others');
}

my ($recipe) = text_of('Makefile') =~ /^install: .*\n((?:\t.*\n)+)/m;
for my $path ('README.md', $api) {
    for my $link (prose_of($path) =~ /\]\(([^)\s]+)\)/g) {
        next if $link =~ /^https?:/;
        my ($file, $anchor) = $link =~ /^([^#]*)(?:#(.*))?\z/;
        my $target = $file eq '' ? $path : dirname($path) . "/$file";
        my $leads = -e $target && (!defined $anchor || anchors_of($target)->{$anchor});
        ok($leads, "$path: $link leads somewhere") if !$leads;
        like($recipe, qr/\(DOCDIR\)\/\Q@{[ dirname($file) ]}\E" .*\Q$file\E/, "$path: $file is installed, too") if $path eq 'README.md' && $file ne '';
    }
}

# "user add" stands as such, or as "user add|set|list".
my @ctl = sort map { text_of($_) =~ /^ *\.name = "([^"]+)",$/mg } glob 'sender/ctl/*.c';
cmp_ok(scalar @ctl, '>=', 30, 'commands of emailgwctl are found');
for my $command (@ctl) {
    my ($group, $verb) = split / /, $command;
    my $as_listed = defined $verb ? qr/$group (?:[a-z-]+\|)*$verb\b/ : qr/$group\b/;
    like(text_of('README.md'), qr/^    emailgwctl $as_listed/m, "emailgwctl $command is in README.md");
}
done_testing;
