# What the database holds, as somebody reads it who has nothing but pg_dump and wants to
# find a person in it, in whatever encoding.
#
#     my $dump = dump_of($gw);
#     is(join("\n", lines_with($dump, qr/ann\@example\.org/i)), '', 'nowhere');
package EmailGW::Dump;
use strict;
use warnings;
use EmailGW ();
use Exporter qw(import);
use MIME::Base64 qw(decode_base64);
use MIME::QuotedPrint qw(decode_qp);

our @EXPORT = qw(dump_of lines_with);
my $depth = 4; # encodings within each other

sub dump_of {
    my ($gw) = @_;
    my $dsn = $gw->env('DSN');
    local $ENV{PGPASSWORD} = $dsn =~ s{^(\w+://[^:@/]+):([^@/]*)@}{$1@} ? $2 : '';
    my ($status, $out, $err) = EmailGW::run_command(undef, 'pg_dump', '-d', $dsn);
    die "pg_dump: $err\n" if $status;
    return $out;
}

sub lines_with {
    my ($dump, $pattern) = @_;
    return grep { tells($_, $pattern, $depth) } split /\n/, $dump;
}

sub tells {
    my ($text, $pattern, $left) = @_;
    return 1 if $text =~ $pattern;
    return 0 if $left == 0;
    for (decoded($text)) {
        return 1 if tells($_, $pattern, $left - 1);
    }
    return 0;
}

my %named = (commat => '@', period => '.', lowbar => '_', plus => '+', amp => '&');

# What a text may stand for: all of it, and pieces of it.
sub decoded {
    my ($text) = @_;
    my @ways = (
        $text =~ s/%([0-9a-fA-F]{2})/chr hex $1/ger,
        $text =~ s/&#(?:x([0-9a-fA-F]{1,4})|([0-9]{1,5}));?/chr(($2 \/\/ hex $1) % 256)/ger =~ s/&(\w+);/$named{$1} \/\/ "&$1;"/ger,
        decode_qp($text =~ s/\?=\s+=\?[\w-]+\?[Qq]\?//gr),
        $text =~ tr/\0//dr,
        $text =~ s/\\[nrt]/ /gr,
    );
    push @ways, map { pack 'H*', $_ } $text =~ /\\x((?:[0-9a-f]{2}){6,})/g;
    push @ways, map { decode_base64($_) } $text =~ m{([A-Za-z0-9+/]{8}[A-Za-z0-9+/\r\n]*)}g;
    return grep { $_ ne $text } @ways;
}

1;
