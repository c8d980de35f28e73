# Three ledgers of the same mails, compared: what the clients were told, what the
# database says, what came out at the far end.
#
#     my $ledger = EmailGW::Ledger->new(client => [$load->finish], database => database($gw), sink => [...]);
#     diag($_) for $ledger->counts;
#     is_deeply([ $ledger->violations ], [], 'nothing is lost, nothing made up');
#
# What must hold, for mails with one recipient each:
#   I1  what was accepted is in the database and came out
#   I2  what was refused is in neither; and nothing came out that nobody accepted
#   I3  each recipient has one final state, with the one final event of that state
#   I4  a second copy only of what had come out and was not recorded when its sender died
package EmailGW::Ledger;
use strict;
use warnings;

# client => [[number, status, id]], database => as below, sink => [id of each mail
# that came out; undef for one without]. A sink that keeps one copy only (the
# outbox) sees no second ones.
sub new {
    my ($class, %ledger) = @_;
    my $it = bless { database => $ledger{database}, accepted => {}, refused => {}, out => {}, strangers => 0,
        told => {}, status => {} }, $class;
    for my $line (@{ $ledger{client} }) {
        my ($number, $status, $id) = @$line;
        $it->{status}{$status}++;
        $it->{told}{$number}{$id} = 1 if $status =~ /^2/;
        $it->{refused}{$number} = $status if $status =~ /^4/ && $status !~ /^4(?:09|29)\z/;
    }
    $it->{accepted}{$_} = 1 for map { keys %$_ } values %{ $it->{told} };
    for my $id (@{ $ledger{sink} }) {
        defined $id ? $it->{out}{$id}++ : $it->{strangers}++;
    }
    return $it;
}

# The database's side of an instance: message id => {queued, status, finals, subject}, finals
# being the types of its final events.
sub database {
    my ($gw) = @_;
    my @rows = $gw->sql(<<'END');
SELECT r.message_id, (q.message_id IS NOT NULL)::integer, r.status, coalesce(e.types, ''), m.subject
  FROM emailgw.recipient AS r
  JOIN emailgw.message AS m USING (account_id, message_id)
  LEFT JOIN emailgw.queue AS q USING (account_id, message_id, recipient_no)
  LEFT JOIN (SELECT account_id, message_id, recipient_no, string_agg(type::text, ',') AS types
               FROM emailgw.event WHERE type IN (2, 4, 5, 6)
              GROUP BY account_id, message_id, recipient_no) AS e USING (account_id, message_id, recipient_no)
END
    my %mail;
    @{ $mail{ $_->[0] } }{qw(queued status finals subject)} = @$_[ 1 .. 4 ] for @rows;
    return \%mail;
}

# Final state => type of its event (core/eventtype.h).
my %final = (delivered => 2, bounced => 4, expired => 4, suppressed => 5, cancelled => 6);

sub counts {
    my ($it) = @_;
    my (%state, %copies);
    $state{ $_->{status} }++ for values %{ $it->{database} };
    $copies{$_}++ for values %{ $it->{out} };
    my ($accepted, $refused, $stored, $out) =
        map { scalar keys %{ $it->{$_} } } qw(told refused database out);
    return (
        'answers by status (0: none came): ' . list($it->{status}),
        "clients: $accepted accepted, $refused refused",
        "database: $stored mails, " . list(\%state),
        "sink: $out mails, copies " . list(\%copies),
    );
}

sub list {
    my ($of) = @_;
    return join ', ', map { "$_: $of->{$_}" } sort keys %$of;
}

# Every violation as a line. copies => {id => how many second copies of it may be}.
sub violations {
    my ($it, %allowed) = @_;
    return ($it->lost, $it->made_up, $it->unfinished, $it->copied($allowed{copies} // {}));
}

sub lost {
    my ($it) = @_;
    my @lines;
    for my $id (sort keys %{ $it->{accepted} }) {
        my $stored = $it->{database}{$id};
        push @lines, "I1: $id was accepted and is not in the database" if !$stored;
        push @lines, "I1: $id was accepted and never came out"
            if !$it->{out}{$id} && ($stored ? $stored->{status} : 'lost') =~ /^(?:delivered|queued|lost)\z/;
    }
    return @lines;
}

sub made_up {
    my ($it) = @_;
    my %number = map { $_->{subject} =~ /(\d+)\z/ ? ($1 => 1) : () } values %{ $it->{database} };
    return (
        $it->{strangers} ? "I2: $it->{strangers} mails without a message id came out" : (),
        (map { "I2: $_ came out and nobody was told that it was accepted" }
            grep { !$it->{accepted}{$_} } sort keys %{ $it->{out} }),
        (map { "I2: $_ is in the database and nobody was told so" }
            grep { !$it->{accepted}{$_} } sort keys %{ $it->{database} }),
        (map { "I2: mail $_ was refused ($it->{refused}{$_}) and is in the database" }
            grep { $number{$_} } sort keys %{ $it->{refused} }),
        (map { "I2: mail $_ has the ids @{[ sort keys %{ $it->{told}{$_} } ]}" }
            grep { keys %{ $it->{told}{$_} } > 1 } sort keys %{ $it->{told} }),
    );
}

sub unfinished {
    my ($it) = @_;
    my @lines;
    for my $id (sort keys %{ $it->{database} }) {
        my ($queued, $status, $finals) = @{ $it->{database}{$id} }{qw(queued status finals)};
        push @lines, "I3: $id is $status and " . ($queued ? 'in the queue' : 'not in the queue')
            if $queued != ($status eq 'queued');
        push @lines, "I3: $id is $status with the final events '$finals'"
            if $finals ne ($final{$status} // '');
        push @lines, "I3: $id is still in the queue" if $queued;
        push @lines, "I3: $id is $status and came out"
            if $status !~ /^(?:delivered|queued)\z/ && $it->{out}{$id};
    }
    return @lines;
}

sub copied {
    my ($it, $allowed) = @_;
    my $out = $it->{out};
    return map { "I4: $_ came out $out->{$_} times, @{[ 1 + ($allowed->{$_} // 0) ]} times could be" }
        grep { $out->{$_} > 1 + ($allowed->{$_} // 0) } sort keys %$out;
}

1;
