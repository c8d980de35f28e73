# EmailGateway.ExportEvents: CSV that two readers take for the same rows, whatever is in
# them, NDJSON with the events of GetEvents, filters, parts, where it is cut, its errors.
use EmailGW;
use EmailGW::ApiPhp;
use EmailGW::Events;
use JSON::PP ();
use Text::CSV ();

my $gw = EmailGW->up;
my ($account, $other) = map { $gw->new_account } 1 .. 2;
my @of = (DomainID => $account->{domain_id});
my $json = JSON::PP->new->utf8->canonical;
my ($welcome, $receipt) = told_mails($gw, $account);
my @names = qw(event_id event_type timestamp recipient message_id subject from_email from_name tags list_id subscriber_id journey_id
    action_id attempt smtp_code smtp_enhanced_code smtp_text smtp_host smtp_tls smtp_seconds bounce_class url ip user_agent machine);
diag('ran without EG_CORPORA: csv-spectrum is left out') if !$ENV{EG_CORPORA};

sub export { return $gw->api('EmailGateway.ExportEvents', as => $account, @of, @_) }

# The rows of a reply as both readers have them, names first.
sub rows {
    my ($reply) = @_;
    my $path = $gw->file('export.csv', $reply->{body});
    my ($status, $out, $err) = EmailGW::run_command(undef, 'python3', "$EmailGW::ROOT/t/data/read_csv.py", $path);
    is($status, 0, 'Python reads it') or diag($err);
    open my $file, '<:encoding(UTF-8)', \($reply->{body} =~ s/\A\xEF\xBB\xBF//r) or die $!;
    my $reader = Text::CSV->new({ binary => 1, strict => 1 });
    my @rows;
    while (my $row = $reader->getline($file)) {
        push @rows, $row;
    }
    ok($reader->eof, 'Perl reads it') or diag($reader->error_diag);
    is_deeply(\@rows, $json->decode($out), '... and both the same') if $status == 0;
    return @rows;
}

# ... as a hash for each event.
sub events_of {
    my ($names, @rows) = rows(@_);
    is_deeply($names, \@names, 'the names of the columns');
    return map { my %of; @of{@$names} = @$_; \%of } @rows;
}

subtest 'CSV' => sub {
    my $reply = export();
    is($reply->{status}, 200, 'answered');
    is($reply->{headers}{'content-type'}, 'text/csv; charset=utf-8; header=present', 'its type');
    is($reply->{headers}{'content-disposition'}, "attachment; filename=\"events-$account->{domain_id}.csv\"", 'its name');
    is($reply->{headers}{'cache-control'}, 'no-store', 'nobody keeps it');
    like($reply->{body}, qr/\A\xEF\xBB\xBFevent_id,event_type,timestamp,.*\r\n\z/s, 'with a BOM; lines end with CRLF');
    my @events = events_of($reply);
    my @shown = @{ $gw->api('EmailGateway.GetEvents', as => $account, @of, StartFrom => 0, RetrieveCount => 100)->{json}{Events} };
    is(scalar @events, 10, 'ten events');
    my $plain = sub {
        my ($e) = @_;
        my %smtp = %{ $e->{smtp} // {} };
        return { event_id => $e->{event_id}, event_type => $e->{event_type}, timestamp => $e->{timestamp}, recipient => $e->{recipient},
            message_id => $e->{message}{id}, subject => $e->{message}{headers}{subject}, tags => join(',', @{ $e->{tags} }),
            journey_id => $e->{journey_id} // '', attempt => $e->{attempt} // '', url => $e->{url} // '', ip => $e->{ip},
            user_agent => $e->{user_agent}, smtp_host => $smtp{host} // '', smtp_text => $smtp{text} // '' };
    };
    my @wanted = map { $plain->($_) } @shown;
    is_deeply([ map { my $e = $_; +{ map { $_ => $e->{$_} } keys %{ $wanted[0] } } } @events ], \@wanted, 'those of GetEvents, newest first');
    my ($billing) = grep { $_->{message_id} eq $receipt } @events;
    is("$billing->{from_name} <$billing->{from_email}>", "Büro <billing\@$account->{domain}>", 'its sender');
};

subtest 'NDJSON' => sub {
    my $reply = export(Format => 'NDJSON');
    is($reply->{headers}{'content-type'}, 'application/x-ndjson', 'its type');
    like($reply->{headers}{'content-disposition'}, qr/\.ndjson"\z/, 'its name');
    like($reply->{body}, qr/\}\n\z/, 'each line ends');
    is_deeply([ map { $json->decode($_) } split /\n/, $reply->{body} ],
        $gw->api('EmailGateway.GetEvents', as => $account, @of, StartFrom => 0, RetrieveCount => 100)->{json}{Events}, 'the events of GetEvents');
};

subtest 'filters' => sub {
    for my $case ([ [], 10 ], [ [ Event => 'open' ], 2 ], [ [ Event => 'bounce' ], 0 ], [ [ Query => 'welcome' ], 8 ], [ [ Query => 'zzzz' ], 0 ],
        [ [ Query => 'welcome event:open ip:192.0.2.1' ], 1 ], [ [ Query => "messageid:$receipt" ], 2 ], [ [ Query => 'event:dance' ], 0 ],
        [ [ StartDate => day(-1), EndDate => day() ], 10 ], [ [ StartDate => day(1) ], 0 ], [ [ EndDate => day(-2) ], 0 ], [ [ Format => '' ], 10 ]) {
        my ($with, $count) = @$case;
        is(scalar(my @lines = split /\n/, export(@$with, Format => 'ndjson')->{body}), $count, "@$with: $count events");
        is(scalar(my @rows = split /\r\n/, export(@$with)->{body}), 1 + $count, '... and rows');
    }
    is(export(Event => 'bounce', Format => 'ndjson')->{body}, '', 'nothing is an empty file');
};

subtest 'where it is cut' => sub {
    my @all = map { $_->{event_id} } events_of(export());
    for my $count (0, 1, 9) {
        my @rows = events_of(export(MaxRows => $count));
        is(join(' ', map { $_->{event_id} } @rows), join(' ', @all[ 0 .. $count - 1 ], 'truncated'), "$count rows, and a last one that says so");
        my @lines = split /\n/, export(MaxRows => $count, Format => 'ndjson')->{body};
        is("$lines[-1] " . @lines, '{"truncated":true} ' . ($count + 1), '... and a last line');
    }
    is(scalar(my @rows = events_of(export(MaxRows => $_))), 10, "$_ rows are all") for 10, 11, 9_007_199_254_740_991;
};

# Strings that a spreadsheet would calculate, with what must come out of it.
my %formula = map { $_ => "'$_" } '=1+1', '+1', '-1', '@SUM(A1)', "\t=1", "\r=1", ' =1', "  +1", "\"=1\"", "'=1", '=HYPERLINK("http://x.example","y")',
    "=cmd|' /C calc'!A0", "-2+3+cmd|' /C calc'!A0", '@';
my %harmless = map { $_ => $_ } 'a=1', 'x,y', 'say "hi"', "two\r\nlines", "two\nlines", " blanks ", '1', '', '""', ',', "\"", 'Grüße 注文 🚀';

subtest 'what is in the cells' => sub {
    my $it = $gw->new_account;
    my %wanted = (%formula, %harmless);
    my @cells = map { @$_ } spectrum();
    $wanted{$_} //= /^[\s"']*[=+\-@]/ ? "'$_" : $_ for @cells;
    my @subjects = sort keys %wanted;
    for my $subject (@subjects) {
        my $quoted = $subject =~ s/'/''/gr;
        $gw->sql("WITH m AS (INSERT INTO emailgw.message (account_id, message_id, domain_id, api_key_id, from_email, from_name, subject, tags, size_bytes)
            VALUES ($it->{account_id}, emailgw.uuid7(now()), $it->{domain_id}, 1, 'a\@example.com', '$quoted', '$quoted', ARRAY['$quoted'], 1) RETURNING *)
            INSERT INTO emailgw.event (account_id, domain_id, event_id, type, at, message_id, recipient_no, email, detail)
            SELECT account_id, domain_id, emailgw.uuid7(now()), 1, now(), message_id, 1, 'b\@example.org', jsonb_build_object('url', subject, 'ua', subject) FROM m");
    }
    my @events = events_of($gw->api('EmailGateway.ExportEvents', as => $it, DomainID => $it->{domain_id}));
    is(scalar @events, scalar @subjects, 'as many rows as events');
    for my $column (qw(subject from_name tags url user_agent)) {
        is_deeply([ sort map { $_->{$column} } @events ], [ sort @wanted{@subjects} ], "$column: each as it was, but for what would be calculated");
    }
};

# The rows of a corpus of CSV files.
sub spectrum {
    my @rows;
    for my $path (map { glob "$_/csv-spectrum/json/*.json" } $ENV{EG_CORPORA} // ()) {
        open my $file, '<:raw', $path or die "$path: $!\n";
        push @rows, map { [ %$_ ] } map { ref eq 'ARRAY' ? @$_ : $_ } $json->decode(do { local $/; <$file> });
    }
    return @rows;
}

subtest 'parts' => sub {
    my $it = $gw->new_account;
    $gw->sql("INSERT INTO emailgw.event (account_id, domain_id, event_id, type, at, message_id, recipient_no, email)
        SELECT $it->{account_id}, $it->{domain_id}, emailgw.uuid7(now() - n * interval '1 second'), 1 + n % 2, now() - n * interval '1 second',
               emailgw.uuid7(now()), 1, 'r' || n || '\@example.org' FROM generate_series(1, 5000) AS n");
    my $get = sub { my $reply = $gw->api('EmailGateway.ExportEvents', as => $it, DomainID => $it->{domain_id}, @_);
        return join ' ', map { /^[^,]+,[^,]+,[^,]+,r(\d+)/ ? $1 : /^(truncated)/ ? $1 : () } split /\r\n/, $reply->{body} };
    is($get->(), join(' ', 1 .. 5000), 'each event once, newest first');
    is($get->(Event => 'send'), join(' ', map { 2 * $_ } 1 .. 2500), 'of a type');
    is($get->(Query => 'to:r4999@'), 4999, 'the only one, in the last part');
    is($get->(MaxRows => 2000), join(' ', 1 .. 2000, 'truncated'), 'cut between two parts');
    is($get->(MaxRows => 2001), join(' ', 1 .. 2001, 'truncated'), 'cut behind that');
    is($get->(MaxRows => 5000), join(' ', 1 .. 5000), 'not cut');
};

subtest 'errors' => sub {
    refuses(export(DomainID => $_), 1, '1: ' . (defined $_ ? 'empty' : 'missing')) for undef, '';
    refuses(export(DomainID => 999999999), 2, '2: no such domain');
    refuses(export(DomainID => $other->{domain_id}), 2, '2: another account\'s');
    refuses(export(StartDate => $_), 108, "108: StartDate $_") for '2026-13-01', 'x', 5;
    refuses(export(EndDate => $_), 109, "109: EndDate $_") for '2026-02-30', 'x', 5;
    refuses(export(StartDate => day(), EndDate => day(-1)), 109, '109: EndDate before StartDate');
    refuses(export(Event => $_), 110, "110: Event $_") for 'dance', 'open,click';
    refuses(export(Query => $_), 115, '115: Query') for 'x' x 1001, join(' ', 1 .. 17);
    refuses(export(Format => $_), 120, '120: Format') for 'xml', 'csv ', 5, ['csv'];
    refuses(export(MaxRows => $_), 121, '121: MaxRows') for -1, 'x', 1.5, [1];
    takes_ids_only_here();
};

# As takes_ids_only does it: a good id answers with a file.
sub takes_ids_only_here {
    my @wrong;
    for my $form (id_forms($account->{domain_id})) {
        my ($kind, $text) = @$form;
        my $reply = example($gw, qq({"Command": "EmailGateway.ExportEvents", "APIKey": "$account->{account_key}", "DomainID": $text}));
        my $code = $reply->{json} ? $reply->{json}{ErrorCode} : 0;
        push @wrong, "$text: $code" if $code != { good => 0, absent => 1, invalid => 2 }->{$kind};
    }
    is(join("\n", @wrong), '', 'DomainID in all forms');
}

subtest 'who may ask' => sub {
    refuses($gw->call('POST', '/api.php', { json => { Command => 'EmailGateway.ExportEvents', @of } }), 99998, 'without credentials');
    refuses($gw->call('POST', '/api.php', { json => { Command => 'EmailGateway.ExportEvents', @of, APIKey => $account->{key} } }), 99998, 'with a sender key');
    my $reply = $gw->call('POST', '/api.php', { form => { Command => 'EmailGateway.ExportEvents', @of, SessionID => session_of($gw, $account) } });
    like($reply->{body}, qr/\A\xEF\xBB\xBFevent_id,/, 'a form with a session');
};

$gw->log_clean;
done_testing;
