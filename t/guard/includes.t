# Which file may include what: so that all else is built and tested without httpd,
# a server or a network.
use strict;
use warnings;
use Test::More;

# Header pattern => the files that may include it.
my @rules = (
    [ qr{^(?:httpd|http_\w+|ap_\w+|mod_dbd|mod_ssl|mod_status|mpm_common|scoreboard|util_\w+)\.h$}, 'httpd',
        qr{^mod_emailgw/(?:mod_emailgw|config|conftree|directives|request|response|store|limiter|tracking|trackspool|smtp_listener|smtp_answers|smtp_start|smtp_tls)\.[ch]$} ],
    [ qr{^(?:libpq-fe|libpq/\S+|pg_config\w*)\.h$}, 'libpq', qr{^mod_emailgw/core/db(?:group|wire)?\.c$} ],
    [ qr{^curl/}, 'libcurl', qr{^sender/(?:smtp_conn\.h|webhook_http\.c|sts_fetch\.c)$} ],
    [ qr{^smtp_conn\.h$}, 'the inside of an SMTP connection and libcurl with it',
        qr{^sender/smtp(?:_conn|_connect|_mail|_source)?\.c$} ],
    [ qr{^smtp_state\.h$}, 'the inside of an SMTP session', qr{^mod_emailgw/smtp_(?:session|state|lines|verbs|auth|mail|data)\.c$} ],
    [ qr{^(?:gmime/|glib)}, 'GMime', qr{^sender/(?:mime|mime_texts|inbound_parts|main)\.c$} ],
);
my %httpd_header = map { $_ => 1 } qw(config.h conftree.h directives.h request.h response.h store.h limiter.h tracking.h
    trackspool.h smtp_listener.h smtp_answers.h smtp_start.h smtp_tls.h);

my @files = sort map { glob } qw(mod_emailgw/*.[ch] mod_emailgw/commands/*.[ch] mod_emailgw/core/*.[ch]
    sender/*.[ch] sender/ctl/*.[ch]);
ok(scalar @files, 'there are sources');
for my $path (@files) {
    my @wrong;
    for my $header (includes($path)) {
        for my $rule (@rules) {
            my ($pattern, $what, $allowed) = @$rule;
            push @wrong, "$header: only " . readable($allowed) . " may know $what"
                if $header =~ $pattern && $path !~ $allowed;
        }
        push @wrong, "$header: core and sender know no httpd"
            if $path =~ m{^(?:mod_emailgw/core|sender)/} && $httpd_header{$header} && !-e dir($path) . "/$header";
        push @wrong, "$header: say \"" . ($header =~ s{.*/}{}r) . '"' if $header =~ m{^(?:core|mod_emailgw|\.\.)/};
        push @wrong, "$header: core knows neither module nor sender"
            if $path =~ m{^mod_emailgw/core/} && (-e "mod_emailgw/$header" || -e "sender/$header")
            && !-e "mod_emailgw/core/$header";
    }
    is("@wrong", '', $path);
}
done_testing;

sub includes {
    my ($path) = @_;
    open my $file, '<', $path or die "$path: $!\n";
    return map { /^\s*#\s*include\s*[<"]([^>"]+)[>"]/ ? $1 : () } <$file>;
}

sub dir {
    return $_[0] =~ m{^(.*)/} ? $1 : '.';
}

sub readable {
    return "$_[0]" =~ s/^\(\?\^:\^?//r =~ s/\\|\$\)$|\?://gr;
}
