# An authority of a test's own: a root, an authority below it, and certificates that
# either of them gives. Keys and certificates are files of the test's.
#
#     my $authority = EmailGW::Certificates->new;
#     my ($chain, $key) = $authority->give('DNS:localhost,IP:127.0.0.1');
#     $authority->root;                                # what is to be trusted
#     $authority->give('DNS:localhost', days => -1);   # over since yesterday
#     $authority->give('DNS:localhost', alone => 1);   # without the authority between
#     $authority->self('DNS:localhost');               # signed by itself
package EmailGW::Certificates;
use strict;
use warnings;
use File::Temp ();

sub new {
    my ($class) = @_;
    my $it = bless { dir => File::Temp->newdir('/tmp/emailgw-certificates.XXXXXX'), count => 0 }, $class;
    chmod 0755, "$it->{dir}";
    my $may_sign = 'keyUsage=critical,keyCertSign';
    $it->key('root');
    $it->openssl(qw(req -x509 -days 2 -subj), '/CN=Root of a test', '-key', $it->path('root.key'),
        '-addext', $may_sign, '-out', $it->path('root.pem'));
    $it->key('between');
    $it->sign('between', 'root', 2, "basicConstraints=critical,CA:TRUE\n$may_sign\n");
    return $it;
}

sub root { return $_[0]->path('root.pem') }

# Paths of the chain and of the key, for a server.
sub give {
    my ($it, $names, %with) = @_;
    my $name = 'leaf' . ++$it->{count};
    $it->key($name);
    $it->sign($name, 'between', $with{days} // 2, "subjectAltName=$names\n");
    $it->append("$name.pem", 'between.pem') if !$with{alone};
    return map { $it->path("$name.$_") } qw(pem key);
}

sub self {
    my ($it, $names) = @_;
    my $name = 'self' . ++$it->{count};
    $it->key($name);
    $it->openssl(qw(req -x509 -days 2 -subj), "/CN=$name", '-key', $it->path("$name.key"), '-addext',
        "subjectAltName=$names", '-out', $it->path("$name.pem"));
    return map { $it->path("$name.$_") } qw(pem key);
}

sub path {
    my ($it, $name) = @_;
    return "$it->{dir}/$name";
}

sub key {
    my ($it, $name) = @_;
    $it->openssl(qw(genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out), $it->path("$name.key"));
}

sub sign {
    my ($it, $name, $by, $days, $extensions) = @_;
    open my $file, '>', $it->path('extensions') or die "extensions: $!\n";
    print {$file} $extensions;
    close $file;
    $it->openssl(qw(req -new -subj), "/CN=$name of a test", '-key', $it->path("$name.key"), '-out', $it->path('request'));
    $it->openssl(qw(x509 -req -CAcreateserial -days), $days, '-in', $it->path('request'), '-CA', $it->path("$by.pem"),
        '-CAkey', $it->path("$by.key"), '-extfile', $it->path('extensions'), '-out', $it->path("$name.pem"));
}

sub append {
    my ($it, $to, $from) = @_;
    open my $in, '<', $it->path($from) or die "$from: $!\n";
    open my $out, '>>', $it->path($to) or die "$to: $!\n";
    print {$out} <$in>;
}

sub openssl {
    my ($it, @words) = @_;
    my $said = $it->path('said');
    system('openssl ' . join(' ', map { "'$_'" } @words) . " >$said 2>&1") == 0
        or die "openssl @words\n" . `cat $said`;
}

1;
