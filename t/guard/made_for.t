# What the functions say they are made for, and what the sender asks them for, is the newest
# migration: a new one is named in both places.
use strict;
use warnings;
use Test::More;

sub number_in {
    my ($path, $pattern) = @_;
    open my $file, '<', $path or die "$path: $!\n";
    local $/;
    return readline($file) =~ $pattern ? $1 : "none in $path";
}

my ($newest) = (sort glob 'sql/migrations/*.sql')[-1] =~ m{/0*(\d+)_};
is(number_in('sql/functions/made_for.sql', qr/^ *SELECT (\d+)$/m), $newest, 'sql/functions/made_for.sql');
is(number_in('mod_emailgw/core/db.h', qr/^#define EG_DB_MIGRATION (\d+)\b/m), $newest, 'EG_DB_MIGRATION in mod_emailgw/core/db.h');
done_testing;
