# What holds for every command of /api.php, for the tests of the single ones.
package EmailGW::ApiPhp;
use strict;
use warnings;
use Exporter 'import';
use JSON::PP ();
use Test::More;

our @EXPORT = qw(outcome refuses example id_forms takes_ids_only common_rules session_of);
my $json = JSON::PP->new->utf8->canonical->allow_nonref;

# "200 0", "200 3", "200 1,2,5": the status and ErrorCode.
sub outcome {
    my ($reply) = @_;
    my $code = ($reply->{json} // {})->{ErrorCode} // 'no ErrorCode';
    return join ' ', $reply->{status}, ref $code ? join(',', @$code) : $code;
}

# A command refuses with this ErrorCode, a number, and says why.
sub refuses {
    my ($reply, $code, $what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is(outcome($reply), "200 $code", $what) or return diag($reply->{body});
    like($reply->{body}, qr/^\{"Success":false,"ErrorCode":$code,"ErrorMessage":"[^"]/, '... and says why');
}

# A request body as the reference prints it, its ids and keys replaced, as curl
# sends it with this header.
sub example {
    my ($gw, $body) = @_;
    return $gw->call('POST', '/api.php', { type => 'application/json', body => $body });
}

sub session_of {
    my ($gw, $account) = @_;
    return $gw->api('User.Login', Username => $account->{username}, Password => $account->{password})->{json}{SessionID};
}

# An id in every form, as JSON text: [good | absent | invalid, text].
sub id_forms {
    my ($id) = @_;
    return (
        [ good => "$id" ], [ good => "\"$id\"" ],
        [ absent => 'null' ], [ absent => '""' ],
        map { [ invalid => $_ ] }
            "\"${id}abc\"", "\"abc\"", "$id.5", "$id.0", "${id}e0", "-$id", "\"-$id\"", '0', '-0', '1.5', '-1',
            '1180591620717411303424', '"1180591620717411303424"', '9007199254740992', '9223372036854775807',
            '9223372036854775808', "[$id]", "[\"$id\"]", "{\"id\": $id}", 'true', 'false', "\" $id\"", "\"$id \"",
            "\"+$id\"", "\"${id}e0\"", '"0x41"', "\"$id OR 1=1\"", "\"$id'\"", "\"$id\\n\"", '"\u0661"',
    );
}

# One parameter with JSON text in it, beside others.
sub with_text {
    my ($gw, $command, $account, $name, $text, %others) = @_;
    my $rest = $json->encode({ Command => $command, APIKey => $account->{account_key}, %others });
    return example($gw, $rest =~ s/\}\z/, "$name": $text}/r);
}

# The forms that are no id of anything are refused with one code, those that are
# empty with another. A good id is taken: others come from a function, fresh each time.
sub takes_ids_only {
    my ($gw, $command, $account, $name, %about) = @_;
    my $fresh = $about{fresh};
    my @wrong;
    my $count = 0;
    for my $form (id_forms({ $fresh->() }->{$name})) {
        my ($kind, $text) = @$form;
        my %params = $fresh->();
        my $id = delete $params{$name};
        $text = $text =~ /^"/ ? "\"$id\"" : $id if $kind eq 'good';
        my $got = outcome(with_text($gw, $command, $account, $name, $text, %params));
        my $want = '200 ' . { good => 0, absent => $about{absent}, invalid => $about{invalid} }->{$kind};
        push @wrong, "$text: $got, not $want" if $got ne $want;
        $count++;
    }
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is(join("\n", @wrong), '', "$name in $count forms");
}

# Bodies in every form, names in any letter case but once, and whose call it is.
# fresh gives parameters with which the command goes well.
sub common_rules {
    my ($gw, $command, $account, $fresh) = @_;
    my %base = (Command => $command, APIKey => $account->{account_key});
    my $post = sub { $gw->call('POST', '/api.php', $_[0]) };
    my $text = sub { my %all = map { $_ => ref $_[0]{$_} ? $json->encode($_[0]{$_}) : $_[0]{$_} } keys %{ $_[0] }; \%all };

    subtest "$command: bodies, names, credentials" => sub {
        my %form = (
            'JSON' => sub { { json => $_[0] } },
            'JSON labelled as a form' => sub { { body => ' ' . $json->encode($_[0]), type => 'application/x-www-form-urlencoded' } },
            'a form' => sub { { form => $text->($_[0]) } },
            'multipart' => sub { multipart($text->($_[0])) },
            'the query string' => sub { { query => $text->($_[0]) } },
            'JSON over the query string' => sub { { json => $_[0], query => { map { $_ => 'x' } keys %{ $_[0] } } } },
        );
        is(outcome($post->($form{$_}->({ %base, $fresh->() }))), '200 0', $_) for sort keys %form;
        for my $case ([ 'lower case', sub { lc $_[0] } ], [ 'upper case', sub { uc $_[0] } ]) {
            my %all = (%base, $fresh->());
            my %named = map { $case->[1]->($_) => $all{$_} } keys %all;
            is(outcome($post->({ json => { %named, $case->[1]->('Command') => $case->[1]->($command) } })), '200 0',
                "names in $case->[0]");
        }
        for my $name (sort keys %{ { $fresh->() } }) {
            my %all = (%base, $fresh->());
            my $again = uc $name eq $name ? lc $name : uc $name;
            is(outcome($post->({ json => { %all, $again => $all{$name} } })), '400 100000', "$name in two spellings");
            my $body = $json->encode(\%all);
            is(outcome($post->({ type => 'application/json', body => $body =~ s/\}\z/, "$name": "x"}/r })), '400 100000',
                "$name twice");
            is(outcome($post->({ form => [ %{ $text->(\%all) }, $name => 'x' ] })), '400 100000', "$name twice in a form");
        }
        is(outcome($post->({ json => { Command => $command, $fresh->() } })), '200 99998', 'without credentials');
        is(outcome($post->({ json => { %base, APIKey => $account->{key}, $fresh->() } })), '200 99998', 'with a sender key');
        is(outcome($post->({ json => { Command => $command, SessionID => session_of($gw, $account), $fresh->() } })), '200 0',
            'with a session');
        is(outcome($post->({ key => $account->{account_key}, json => { Command => $command, $fresh->() } })), '200 0',
            'with the key as a bearer');
    };
}

sub multipart {
    my ($fields) = @_;
    my $body = join '', map { "--b\r\nContent-Disposition: form-data; name=\"$_\"\r\n\r\n$fields->{$_}\r\n" } sort keys %$fields;
    return { type => 'multipart/form-data; boundary=b', body => "$body--b--\r\n" };
}

1;
