# Two accounts with everything twice. Every command and endpoint, called by one with
# each id of the other in each form, answers byte for byte as for an id that never
# existed, in the same time, and changes nothing.
use EmailGW;
use EmailGW::ApiPhp qw(id_forms);
use EmailGW::Commands;
use JSON::PP ();
use Time::HiRes qw(time);

my $gw = EmailGW->up;
my $json = JSON::PP->new->utf8->canonical->allow_nonref;
my $mine = things($gw);
my $theirs = things($gw);
my @routes = routes();
complete();

# An id that never existed, of the same kind and length; another each time.
my $never = 0;
sub never {
    my ($id) = @_;
    return sprintf '01890000-0000-7000-8000-%012d', ++$never if $id =~ /-/;
    return 4_000_000_000_000_000 + 64 * ++$never;
}

# What a reply tells: all of it but the time and how long it is, ids that it repeats as one word.
sub told {
    my ($reply, $id) = @_;
    my %headers = %{ $reply->{headers} };
    delete @headers{qw(date content-length keep-alive connection)};
    my $body = $reply->{body} =~ s/\Q$id\E/ID/gr;
    return "$reply->{status} $body " . $json->encode(\%headers);
}

# Parameters of one's own, made once: none of these calls goes well, so none uses them up.
my %own;
sub own {
    my ($route) = @_;
    return %{ $own{ $route->{name} } //= { $route->{with}->($mine) } };
}

# The same, but for one that is given as JSON text.
sub with {
    my ($route, $name, $text) = @_;
    my %params = own($route);
    delete @params{qw(To CC BCC)} if $name eq 'TargetListID';
    return { %params, $name => \$text };
}

# Everything that an account has in the database.
my @tables = map { $_->[0] } $gw->sql("SELECT c.relname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
    WHERE c.relnamespace = 'emailgw'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
      AND a.attname = 'account_id' ORDER BY 1");
sub snapshot {
    my ($it) = @_;
    return { map { $_->[0] => "$_->[1] rows $_->[2]" } $gw->sql(join ' UNION ALL ', map {
        "SELECT '$_', count(*), md5(coalesce(string_agg(t::text, '' ORDER BY t::text), '')) FROM emailgw.$_ AS t"
            . " WHERE account_id = $it->{account_id}" } @tables) };
}

# Until the sender has nothing left to write.
sub settle {
    my ($it) = @_;
    $gw->wait_for(sub { $gw->sql("SELECT NOT EXISTS (SELECT FROM emailgw.queue WHERE account_id = $it->{account_id})
        AND EXISTS (SELECT FROM emailgw.api_key WHERE account_id = $it->{account_id} AND last_used_at IS NOT NULL)
        AND NOT EXISTS (SELECT FROM emailgw.erasure WHERE account_id = $it->{account_id} AND finished_at IS NULL)") eq 't' },
        30, 'the mails are sent');
}

settle($theirs);
my $session = $theirs->session;
my $before = snapshot($theirs);
cmp_ok(scalar(grep { $before->{$_} !~ /^0 / } @tables), '>=', 10, 'the other account has rows in many tables')
    or diag(explain($before));

subtest 'each id in each form' => sub {
    my ($count, $parameters) = (0, 0);
    for my $route (@routes) {
        for my $name (sort keys %{ $route->{ids} // {} }) {
            my @wrong;
            $parameters++;
            for my $id (@{ $theirs->{ids}{ $route->{ids}{$name} } }) {
                my $other = never($id);
                # Where none is needed, what is empty names nobody's.
                my @forms = grep { $_->[0] ne 'absent' || !grep { $_ eq $name } @{ $route->{absent} // [] } } id_forms($id);
                my @texts = map { $_->[1] } @forms;
                my @never = map { $_->[1] =~ s/\Q$id\E/$other/r } @forms;
                for my $i (0 .. $#texts) {
                    my ($here, $there) = (told(ask($gw, $route, $mine, with($route, $name, $texts[$i])), $id),
                        told(ask($gw, $route, $mine, with($route, $name, $never[$i])), $other));
                    push @wrong, "$texts[$i]: $here\nnot $there" if $here ne $there;
                    push @wrong, "$texts[$i]: $here" if $here =~ /^5/;
                    $count++;
                }
            }
            is(join("\n", @wrong), '', "$route->{name}, $name");
        }
    }
    cmp_ok($parameters, '>=', 15, "$count pairs of answers for $parameters parameters");
};

# The greatest chance to hit something: whatever the other account has, wherever an id goes.
subtest 'ids of every kind in every place' => sub {
    own($_) for @routes;
    my %mine = map { $_->[0] => 1 } $gw->sql(join ' UNION ALL ', map {
        "SELECT $_->[1] FROM emailgw.$_->[0] WHERE account_id = $mine->{account_id}" } [ domain => 'domain_id' ],
        [ api_key => 'api_key_id' ], [ smtp_credential => 'smtp_id' ], [ webhook => 'webhook_id' ],
        [ template => 'template_id' ], [ list => 'list_id' ], [ subscriber => 'subscriber_id' ],
        [ erasure => 'erasure_id' ]);
    my @all = grep { !$mine{$_} } map { @$_ } values %{ $theirs->{ids} };
    for my $route (grep { $_->{ids} } @routes) {
        my @wrong;
        for my $name (sort keys %{ $route->{ids} }) {
            for my $id (@all) {
                my $other = never($id);
                my ($here, $there) = map { told(ask($gw, $route, $mine, with($route, $name, "\"$_\"")), $_) } $id, $other;
                push @wrong, "$name $id: $here\nnot $there" if $here ne $there;
            }
        }
        if (keys %{ $route->{ids} } > 1) { # all of them the other's
            my ($here, $there) = map { my $which = $_; ask($gw, $route, $mine, { own($route), map {
                my $id = $theirs->id($route->{ids}{$_}); $_ => $which ? $id : never($id) } keys %{ $route->{ids} } })->{body} } 1, 0;
            push @wrong, "all at once: $here\nnot $there" if $here ne $there;
        }
        is(join("\n", @wrong), '', $route->{name});
    }
};

subtest 'what is not an id' => sub {
    is_deeply(snapshot($theirs), $before, 'nothing of the other account has changed');
    my $from = sub { $gw->send_mail(as => $mine, From => { email => "a\@$_[0]", name => '' }) };
    my $none = $theirs->{domain} =~ s/^t/x/r;
    is(told($from->($theirs->{domain}), $theirs->{domain}), told($from->($none), $none), 'From: the other\'s domain');
    my %key = (headers => { 'Idempotency-Key' => 'shared' });
    my ($first, $second) = map { $gw->send_mail(as => $_, %key, Subject => $_->{domain}) } $theirs, $mine;
    is("$first->{status} $second->{status}", '200 200', 'the same Idempotency-Key: two mails');
    isnt($first->{json}{MessageID}, $second->{json}{MessageID}, '... each its own');
    settle($theirs);
    $gw->wait_for(sub { $gw->events($first->{json}{MessageID}, $theirs) == 2 }, 10, 'both events');
    $before = snapshot($theirs);

    my ($prefix, $secret) = $session =~ /^(egx_\d+_)(.*)/;
    my $unknown = $prefix . reverse $secret;
    for my $route (grep { $_->{path} eq '/api.php' && $_->{name} ne 'User.Login' } @routes) {
        my @told = map { told(ask($gw, $route, $mine, { own($route), SessionID => $_ }), $_) } $session, $unknown;
        is($told[0], $told[1], "$route->{name} with one's own key and the other's session");
        like($told[0], qr/"ErrorCode":\[?99998\b/, '... is not let in');
    }
};

# Lower quartiles of repeats that take turns: others may use the machine, too, and only make it slower. What differs
# in itself does so in the same direction each time that it is measured, and the longer the clearer.
subtest 'time' => sub {
    my $measure = sub {
        my ($route, $name, $turns) = @_;
        my $id = $theirs->id($route->{ids}{$name});
        my %times;
        for my $turn (1 .. $turns) {
            for my $which ($turn % 2 ? qw(theirs never) : qw(never theirs)) {
                my $params = with($route, $name, $json->encode('' . ($which eq 'theirs' ? $id : never($id))));
                my $start = time;
                ask($gw, $route, $mine, $params);
                push @{ $times{$which} }, time - $start;
            }
        }
        return map { 1000 * (sort { $a <=> $b } @{ $times{$_} })[ $turns / 4 ] } qw(theirs never);
    };
    for my $route (@routes) {
        for my $name (sort keys %{ $route->{ids} // {} }) {
            my ($difference, $direction) = ('', 0);
            for my $turns (21, 41, 81, 161) {
                my ($here, $there) = $measure->($route, $name, $turns);
                my $bound = 0.25 * $there > 0.5 ? 0.25 * $there : 0.5;
                my $now = abs($here - $there) < $bound ? 0 : $here <=> $there;
                $difference = $now && $now == ($direction || $now)
                    ? sprintf('%.2f ms for the other\'s, %.2f ms for none', $here, $there) : '';
                $direction = $now;
                last if !$difference;
            }
            is($difference, '', "$route->{name}, $name: the same within a quarter or half a millisecond");
        }
    }
};

is_deeply(snapshot($theirs), $before, 'nothing of the other account has changed');
is($gw->call('GET', '/api/v1/events', { key => $theirs->{key} })->{json}{TotalRecords}, 6, '... and it sees its events');
is($gw->api('EmailGateway.GetDomains', SessionID => $session)->{json}{ErrorCode}, 0, '... in its session');

$gw->log_clean;
done_testing;
