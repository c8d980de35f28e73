# Mails that are filled in, as tests send them and see them stored.
#
#     use EmailGW::Templates;
#     my ($both, $html, $plain, $theirs) = templates($gw, $account, $other);    # their ids
#     $gw->send_mail(as => $account, bare(TemplateID => $both));
#     stored($gw, $message_id);    # "subject|html|plain size"
package EmailGW::Templates;
use strict;
use warnings;
use Exporter qw(import);

our @EXPORT = qw(templates bare stored);

# With both contents, with HTML alone, with plain text alone; and one of the other account.
sub templates {
    my ($gw, $account, $other) = @_;
    return (
        $gw->new_template($account, Subject => 'Hi {{ name }}', HTMLContent => '<p>{{ name }}: {{ code }} {{{ code }}} {{unsubscribe}}',
            PlainContent => '{{ email }}: {{ code }} {{ deep.er }} {{ missing }}.'),
        $gw->new_template($account, Subject => 'H', HTMLContent => '<b>{{ name }}'),
        $gw->new_template($account, Subject => '{{ subject }}', PlainContent => 'P {{ name }}'),
        $gw->new_template($other, Subject => 'S', PlainContent => 'theirs'),
    );
}

# What send_mail and mail_body send: only From and To, unless said otherwise.
sub bare {
    my (%with) = @_;
    return (To => [ { email => 'ann@example.org', name => 'Ann' } ], Subject => undef, ContentType => undef, PlainContent => undef, %with);
}

# Its subject, its contents, "-" for one that it has not, and how large it is.
sub stored {
    my ($gw, $id) = @_;
    return 'none' if !defined $id;
    my ($row) = $gw->sql("SELECT m.size_bytes, m.subject, c.html, c.plain FROM emailgw.message AS m
        JOIN emailgw.content AS c USING (account_id, message_id) WHERE m.message_id = '$id'");
    my ($size, @texts) = @$row;
    return join('|', map { $_ // '-' } @texts) . " $size";
}

1;
