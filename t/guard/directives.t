# Directives: directives.c's table and conf/emailgw.conf name the same ones, with the
# same bounds and defaults, and each stands there both explained and as an example.
use strict;
use warnings;
use Test::More;

sub text {
    my ($path) = @_;
    open my $file, '<', $path or die "$path: $!\n";
    return do { local $/; <$file> };
}

# What people read: "1 to 1000", "default 50", "default Off".
sub facts {
    my ($words) = @_;
    my ($bounds) = $words =~ /(\d+ to \d+)/;
    my ($default) = $words =~ /default (\w+)/;
    return join ', ', grep { defined } $bounds, defined $default ? "default $default" : undef;
}

my $code = text('mod_emailgw/directives.c');
my %table;
while ($code =~ /AP_INIT_\w+\(\s*"(\w+)",(.*?)\),?\n(?=\s*AP_INIT|\s*\{ NULL \})/gs) {
    my ($name, $rest) = ($1, $2);
    ok(!$table{$name}, "$name is in the table once");
    my ($slot) = $rest =~ /\(void \*\)&(\w+)/;
    $table{$name} = { slot => $slot // 'none', help => join('', $rest =~ /"([^"]*)"/g),
        directory => $rest =~ /\b(?:ANYWHERE|OR_FILEINFO|ACCESS_CONF)\b/ ? 1 : 0 };
}
cmp_ok(scalar keys %table, '>=', 10, 'there is a table');

# Each has a value of its own, and each value a rule how two levels make one.
my %rule = $code =~ /^static const egm_slot (\w+) = \{ SLOT\(\1, (\w+)\)/mg;
my ($settings) = text('mod_emailgw/config.h') =~ /^typedef struct \{\n((?:    .*\n)+)\} egm_settings;/m;
my @members = map { s{/\*.*}{}r =~ /(\w+)(?=[,;])/g } split /\n/, $settings // '';
is_deeply([ sort map { $_->{slot} } values %table ], [ sort keys %rule ], 'each directive has a value, and no two the same');
is_deeply([ sort keys %rule ], [ sort @members ], 'egm_settings has these, and no others');
# A directory chooses these by itself; all else it can only narrow.
my %choice = map { $_ => 1 } qw(EmailGateway EmailGatewayCompatStatus);
for my $name (sort keys %table) {
    next if !$table{$name}{directory};
    my $is_inner = ($rule{ $table{$name}{slot} } // '') eq 'INNER' ? 1 : 0;
    is($is_inner, $choice{$name} ? 1 : 0, "$name: a directory " . ($choice{$name} ? 'chooses' : 'narrows') . ' it');
}

my (%explained, %example);
for (split /\n/, text('conf/emailgw.conf')) {
    $explained{$1} = $2 if /^# (EmailGateway\w*) (?:On\|Off|[A-Z]+)\s+(.*)/;
    $example{$1}++ if /^#?(EmailGateway\w*) \S/;
}
is_deeply([ sort keys %explained ], [ sort keys %table ],
    'conf/emailgw.conf explains the directives of directives.c, and no other');
is_deeply([ sort keys %example ], [ sort keys %table ], 'and shows each');
for my $name (sort keys %table) {
    my $words = $explained{$name} // '';
    is($words =~ /^directory/ ? 1 : 0, $table{$name}{directory}, "$name: where it may stand");
    like($table{$name}{help}, qr/\S/, "$name: its help text");
    my ($there, $here) = (facts($table{$name}{help}), facts($words));
    s/\Adefault none\z// for $here, $there; # nothing to be said in the help text
    is($here, $there, "$name: bounds and default");
}
done_testing;
