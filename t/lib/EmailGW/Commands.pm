# Every command and endpoint with its parameters, as the sources have them, and for
# each a call that goes well: for the tests that go through all of them. They fail
# for a command, or a parameter, that has no place in the table below.
package EmailGW::Commands;
use strict;
use warnings;
use Exporter 'import';
use JSON::PP ();
use Test::More;
use EmailGW;

our @EXPORT = qw(routes complete things ask);
my $json = JSON::PP->new->utf8->canonical->allow_nonref;

# Name => what it is called with, and which of its parameters name something of an
# account: a kind of things() below. others are ids of what is not the gateway's.
# Things come from $_[0], with a fresh one where the command takes it away.
my %row = (
    'User.Login' => { with => sub { (Username => $_[0]{username}, Password => $_[0]{password}) }, slow => 1 },
    'User.Logout' => { with => sub { (SessionID => $_[0]->session) } },

    'EmailGateway.AccountStats' => { with => sub { (StartDate => '2026-01-01', EndDate => '2026-01-31') } },
    'EmailGateway.AddAPI' => { ids => { DomainID => 'domain' }, others => [qw(ListID SubscriberID JourneyID ActionID)],
        with => sub { (Description => 'words', DomainID => $_[0]->id('domain'), Permissions => 'send,events', ListID => 1,
            SubscriberID => 2, JourneyID => 3, ActionID => 4) } },
    'EmailGateway.AddDomain' => { with => sub { (DomainName => sprintf 'a%x.example', int rand 2**40) }, slow => 1 },
    'EmailGateway.AddSMTP' => { ids => { DomainID => 'domain' },
        with => sub { (DomainID => $_[0]->id('domain'), FromEmail => "a\@$_[0]{domain}", FromName => 'A',
            ReplyToEmail => 'r@example.org', ReplyToName => 'R') } },
    'EmailGateway.AddSuppression' => { ids => { DomainID => 'domain' }, absent => ['DomainID'],
        with => sub { (EmailAddress => sprintf('a%x@suppressed.example', int rand 2**40), DomainID => $_[0]->id('domain'), Reason => 'words') } },
    'EmailGateway.AddWebhook' => { ids => { DomainID => 'domain' },
        with => sub { (DomainID => $_[0]->id('domain'), Event => 'bounce', WebhookURL => 'https://hooks.example.org/x',
            Payload => 'mailgun') } },
    'EmailGateway.AggrEvents' => { ids => { DomainID => 'domain' },
        with => sub { (DomainID => $_[0]->id('domain'), StartDate => '2026-01-01', EndDate => '2026-01-31',
            AggregatedField => 'eventType', AggregateSize => 10) } },
    'EmailGateway.CancelMessage' => { ids => { MessageID => 'message' }, with => sub { (MessageID => $_[0]->new_later) } },
    'EmailGateway.ClearDomainQueue' => { ids => { DomainID => 'domain' }, with => sub { (DomainID => $_[0]->id('domain')) } },
    # Without a domain it is about all of them.
    'EmailGateway.DailySeries' => { ids => { DomainID => 'domain' }, absent => ['DomainID'],
        with => sub { (DomainID => $_[0]->id('domain'), StartDate => '2026-01-01', EndDate => '2026-01-31') } },
    'EmailGateway.DeleteAPI' => { ids => { ApiKeyId => 'api_key' }, with => sub { (ApiKeyId => $_[0]->new_api_key) } },
    'EmailGateway.DeleteDomain' => { ids => { DomainID => 'domain' }, with => sub { (DomainID => $_[0]->new_domain) } },
    'EmailGateway.DeleteSMTP' => { ids => { smtpid => 'smtp' }, with => sub { (smtpid => $_[0]->new_smtp) } },
    'EmailGateway.DeleteSuppression' => { ids => { DomainID => 'domain' },
        with => sub { (EmailAddress => $_[0]->new_suppression, DomainID => $_[0]->id('domain')) } },
    'EmailGateway.DeleteWebhook' => { ids => { WebhookID => 'webhook', DomainID => 'domain' },
        with => sub { (WebhookID => $_[0]->new_webhook, DomainID => $_[0]->id('domain')) } },
    'EmailGateway.DomainStats' => { ids => { DomainID => 'domain' },
        with => sub { (DomainID => $_[0]->id('domain'), StartDate => '2026-01-01', EndDate => '2026-01-31') } },
    'EmailGateway.EraseAddress' => { with => sub { (EmailAddress => 'erased@suppressed.example') } },
    'EmailGateway.ExportEvents' => { ids => { DomainID => 'domain' },
        with => sub { (DomainID => $_[0]->id('domain'), Format => 'csv', StartDate => '2026-01-01', EndDate => '2026-01-31',
            Event => 'send', Query => 'subject:welcome', MaxRows => 100) } },
    'EmailGateway.GetAPIs' => { ids => { DomainID => 'domain' }, with => sub { (DomainID => $_[0]->id('domain')) } },
    'EmailGateway.GetDomain' => { ids => { DomainID => 'domain' }, with => sub { (DomainID => $_[0]->id('domain')) } },
    'EmailGateway.GetDomains' => { with => sub { (WithCounts => 1) } },
    'EmailGateway.GetErasure' => { ids => { ErasureID => 'erasure' }, with => sub { (ErasureID => $_[0]->id('erasure')) } },
    'EmailGateway.GetEvents' => { ids => { DomainID => 'domain' },
        with => sub { (DomainID => $_[0]->id('domain'), StartFrom => 0, RetrieveCount => 50, StartDate => '2026-01-01',
            EndDate => '2026-01-31', Event => 'send', Query => 'subject:welcome', After => '019b0000-0000-7000-8000-000000000000') } },
    'EmailGateway.GetMessage' => { ids => { MessageID => 'message' }, with => sub { (MessageID => $_[0]->id('message')) } },
    'EmailGateway.GetSMTPs' => { ids => { DomainID => 'domain' }, with => sub { (DomainID => $_[0]->id('domain')) } },
    'EmailGateway.GetSuppressions' => { ids => { DomainID => 'domain' },
        with => sub { (DomainID => $_[0]->id('domain'), Query => 'example', Reason => 'manual', RetrieveCount => 10,
            After => '0:a@example.org') } },
    'EmailGateway.GetWebhookDeliveries' => { ids => { WebhookID => 'webhook', DomainID => 'domain' },
        with => sub { (WebhookID => $_[0]->id('webhook'), DomainID => $_[0]->id('domain'), State => 'failed', RetrieveCount => 10,
            After => '01890000-0000-7000-8000-000000000001') } },
    'EmailGateway.GetWebhooks' => { ids => { DomainID => 'domain' }, with => sub { (DomainID => $_[0]->id('domain')) } },
    'EmailGateway.ImportSuppressions' => { ids => { DomainID => 'domain' }, absent => ['DomainID'],
        with => sub { (DomainID => $_[0]->id('domain'), Reason => 'words', CSV => "address,reason\na\@suppressed.example,words\nb\@suppressed.example\n") } },
    'EmailGateway.RegenerateSigningKey' => { ids => { DomainID => 'domain' }, with => sub { (DomainID => $_[0]->id('domain', 1)) } },
    'EmailGateway.ReplaceAPI' => { ids => { APIKeyID => 'api_key' }, with => sub { (APIKeyID => $_[0]->new_api_key) } },
    'EmailGateway.ReplayWebhook' => { ids => { WebhookID => 'webhook', DomainID => 'domain' }, absent => ['EventID'],
        with => sub { (WebhookID => $_[0]->id('webhook'), DomainID => $_[0]->id('domain'),
            StartDate => time - 3600, EndDate => time, All => 0, Enable => 1) } },
    'EmailGateway.ListRecipientDomains' => { ids => { DomainID => 'domain' },
        with => sub { (DomainID => $_[0]->id('domain'), StartDate => '2026-01-01', EndDate => '2026-01-31', StartFrom => 0, RetrieveCount => 10) } },
    'EmailGateway.RecipientDomainStats' => { ids => { DomainID => 'domain' },
        with => sub { (DomainID => $_[0]->id('domain'), RecipientDomain => 'example.org', StartDate => '2026-01-01', EndDate => '2026-01-31') } },
    'EmailGateway.ResetSMTPPassword' => { ids => { smtpid => 'smtp' }, with => sub { (smtpid => $_[0]->id('smtp')) } },
    'EmailGateway.TestWebhook' => { ids => { WebhookID => 'webhook', DomainID => 'domain' }, absent => ['DomainID'],
        with => sub { (WebhookID => $_[0]->new_webhook, DomainID => $_[0]->id('domain')) } },
    'EmailGateway.UpdateDomain' => { ids => { DomainID => 'domain' },
        with => sub { (DomainID => $_[0]->id('domain', 1), LinkTracking => 1, OpenTracking => '0', UnsubscribeLink => 0,
            HostingProvider => 'Host', Subdomain => 'eg', TrackingBaseURL => 'https://t.example.org') } },
    'EmailGateway.VerifyDomain' => { ids => { DomainID => 'domain' }, with => sub { (DomainID => $_[0]->id('domain', 1)) } },

    'EmailGateway.AddTemplate' => { with => sub { (Name => 'Welcome', Subject => 'Hello {{ name }}', HTMLContent => '<p>{{ name }}',
        PlainContent => '{{ name }}') } },
    'EmailGateway.DeleteTemplate' => { ids => { TemplateID => 'template' }, with => sub { (TemplateID => $_[0]->new_template) } },
    'EmailGateway.GetTemplates' => { ids => { TemplateID => 'template' },
        with => sub { (TemplateID => $_[0]->id('template'), StartFrom => 0, RetrieveCount => 10) } },
    'EmailGateway.UpdateTemplate' => { ids => { TemplateID => 'template' },
        with => sub { (TemplateID => $_[0]->id('template', 1), Name => 'Other', Subject => 'S', HTMLContent => 'H', PlainContent => 'P') } },
    'EmailGateway.AddList' => { with => sub { (Name => 'News') } },
    'EmailGateway.DeleteList' => { ids => { ListID => 'list' }, with => sub { (ListID => $_[0]->new_list) } },
    'EmailGateway.GetLists' => { with => sub { (StartFrom => 0, RetrieveCount => 10) } },
    'EmailGateway.GetListJob' => { ids => { JobID => 'job' }, others => [qw(After)],
        with => sub { (JobID => $_[0]->id('job'), After => '01890000-0000-7000-8000-000000000000', RetrieveCount => 10) } },
    'EmailGateway.AddSubscribers' => { ids => { ListID => 'list' },
        with => sub { (ListID => $_[0]->id('list', 1), Subscribers => [ { email => 'ann@example.org', name => 'Ann', fields => { town => 'Rome' } } ]) } },
    'EmailGateway.DeleteSubscriber' => { ids => { ListID => 'list', SubscriberID => 'subscriber' },
        with => sub { (ListID => $_[0]->id('list', 1), SubscriberID => $_[0]->new_subscriber) } },
    'EmailGateway.GetSubscribers' => { ids => { ListID => 'list' },
        with => sub { (ListID => $_[0]->id('list'), After => 0, RetrieveCount => 10, Email => 'ann@example.org') } },

    'POST /api/v1/email' => { others => [qw(ListID SubscriberID JourneyID ActionID)],
        # Without them it goes well, and all else of the mail is what it says.
        absent => [qw(TemplateID TargetListID)], ids => { TemplateID => 'template', TargetListID => 'list' },
        with => sub { (From => { email => "a\@$_[0]{domain}", name => 'A' }, To => [ { email => 'to@example.org', name => '' } ],
            CC => [ { email => 'cc@example.org', name => '' } ], BCC => [ { email => 'bcc@example.org', name => '' } ],
            ReplyTo => [ { email => 'r@example.org', name => '' } ], Subject => 'S', ContentType => 'multipart',
            HtmlContent => 'H', PlainContent => 'P', Tags => ['t'], TrackLinks => 1, TrackOpens => 1, SendAt => 1,
            ListID => 1, SubscriberID => 2, JourneyID => 3, ActionID => 4, Headers => { 'X-A' => 'a' },
            Attachments => [ { filename => 'a.txt', content => 'YQ==', type => 'text/plain' } ], TemplateData => { a => 'b' }) } },
    'POST /api/v1/email/batch' => { with => sub { (Messages => [ map { { From => { email => "a\@$_[0]{domain}", name => 'A' },
        To => [ { email => "$_\@example.org", name => '' } ], Subject => 'S', ContentType => 'plain', PlainContent => 'P' } } 1, 2 ]) } },
    # MessageID is a part of their path.
    'GET /api/v1/email/<MessageID>' => { ids => { MessageID => 'message' }, with => sub { (MessageID => $_[0]->id('message')) } },
    'DELETE /api/v1/email/<MessageID>' => { ids => { MessageID => 'message' }, with => sub { (MessageID => $_[0]->new_later) } },
    'PATCH /api/v1/email/<MessageID>' => { ids => { MessageID => 'message' },
        with => sub { (MessageID => $_[0]->new_later, SendAt => time + 7200) } },
    'GET /api/v1/events' => { ids => { MessageID => 'message' },
        with => sub { (StartFrom => 0, RetrieveCount => 5, StartDate => 1767225600, EndDate => '2027-01-01 10:00:00',
            Event => 'send', MessageID => $_[0]->id('message'), After => '019b0000-0000-7000-8000-000000000000') } },
    'POST /api/v1/webhooks' => { with => sub { (Event => 'bounce', WebhookURL => 'https://hooks.example.org/x', Payload => 'postmark') } },
    'GET /api/v1/webhooks' => { with => sub { () } },
    'DELETE /api/v1/webhooks' => { ids => { WebhookID => 'webhook' }, with => sub { (WebhookID => $_[0]->new_webhook) } },
);

# ---- the sources --------------------------------------------------------------

sub source {
    my ($path) = @_;
    open my $file, '<', "$EmailGW::ROOT/mod_emailgw/$path" or die "$path: $!\n";
    return do { local $/; <$file> };
}

# {name, path, method, params => {name => kind, "" for those that the command reads itself}, and what the row says}.
sub routes {
    my $table = source('commands.c');
    my @routes;
    while ($table =~ m{^    \{ (API_PHP|"/[^"]+"), "([^"]+)", EG_AUTH_\w+, &eg_cmd_(\w+) \},}mg) {
        my ($path, $name, $stem) = ($1, $2, $3);
        my $api = $path eq 'API_PHP';
        $path = $api ? '/api.php' : $path =~ tr/"//dr;
        my $full = $api ? $name : "$name $path";
        push @routes, { name => $full, path => $path, method => $api ? 'POST' : $name, params => params_of($stem),
            %{ $row{$full} // {} }, known => $row{$full} ? 1 : 0 };
    }
    die "commands.c has no table any more that this reads\n" if @routes < 10;
    return @routes;
}

# The list that params.c goes through, and what run() asks for by itself, also in the files that parse for it.
sub params_of {
    my ($stem) = @_;
    my $text = source("commands/$stem.c");
    my %params = $text =~ /^    \{ "(\w+)", EG_(\w+), EG_(?:REQUIRED|OPTIONAL)\b/mg;
    # One call for the whole of a request's mail: those of a batch are not the request's.
    $text .= source("$_.c") for $text =~ /\beg_(\w+)_check\(&\w+, call\)/g;
    for my $part ($text =~ /\beg_(\w+)_parse\(/g) {
        $text .= source($_ =~ s{.*/mod_emailgw/}{}r) for glob "$EmailGW::ROOT/mod_emailgw/$part*.c";
    }
    $params{$_} //= '' for $text =~ /\bcall, "([A-Z]\w+)"/g, $text =~ /\blist_rules \w+ = \{\s*"(\w+)"/g;
    return \%params;
}

# Each has a row, and the row each parameter; ids are known as such.
sub complete {
    my @lacking;
    for my $route (routes()) {
        push(@lacking, "$route->{name} has no row in t/lib/EmailGW/Commands.pm"), next if !$route->{known};
        my %with = map { $_ => 1 } row_params($route);
        my %id = map { $_ => 1 } keys %{ $route->{ids} // {} }, @{ $route->{others} // [] };
        for my $name (sort keys %{ $route->{params} }) {
            push @lacking, "$route->{name}: its row lacks the parameter $name" if !$with{$name};
            push @lacking, "$route->{name}: whose id is $name?" if $route->{params}{$name} eq 'ID' && !$id{$name};
        }
    }
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is(join("\n", @lacking), '', 'every command and parameter of the sources is in the table');
}

sub row_params {
    my ($route) = @_;
    my %with = $route->{with}->(bless { domain => 'x.example' }, 'EmailGW::Commands::Nothing');
    return keys %with, @{ $route->{absent} // [] };
}

sub EmailGW::Commands::Nothing::AUTOLOAD { return 1 }

# ---- an account with everything, twice --------------------------------------------

# What new_account gives, with {ids}{kind} of all that it has.
sub things {
    my ($gw) = @_;
    my $it = bless { %{ $gw->new_account }, gw => $gw }, __PACKAGE__;
    my $first = $gw->sql("SELECT api_key_id FROM emailgw.api_key WHERE account_id = $it->{account_id}");
    $it->{ids} = { domain => [ $it->{domain_id} ], api_key => [$first], };
    push @{ $it->{ids}{domain} }, $it->new_domain;
    push @{ $it->{ids}{api_key} }, $it->new_api_key;
    for my $kind (qw(smtp webhook template list)) {
        my $make = "new_$kind";
        $it->{ids}{$kind} = [ map { $it->$make } 1 .. 2 ];
    }
    $it->{ids}{subscriber} = [ map { $it->new_subscriber($_) } 0, 1 ];
    $it->{ids}{job} = [ map { $it->new_job } 1 .. 2 ];
    $it->{ids}{erasure} = [ map { $it->made('EraseAddress', 'ErasureID', EmailAddress => "erased$_\@suppressed.example") } 1 .. 2 ];
    $it->{ids}{message} = [ map { $gw->send_mail(as => $it, Subject => "Mail $_", Tags => ["t$_"])->{json}{MessageID} } 1 .. 2 ];
    return $it;
}

sub id {
    my ($it, $kind, $which) = @_;
    return $it->{ids}{$kind}[ $which // 0 ];
}

sub made {
    my ($it, $command, $member, %with) = @_;
    my $reply = $it->{gw}->api("EmailGateway.$command", as => $it, DomainID => $it->{domain_id}, %with);
    return $reply->{json}{$member} // die "$command: $reply->{body}\n";
}

sub new_api_key { return $_[0]->made('AddAPI', 'NewAPIKeyID', Description => 'words') }
sub new_smtp { return $_[0]->made('AddSMTP', 'NewSMTPID', FromName => 'Name') }
sub new_webhook { return $_[0]->made('AddWebhook', 'NewWebhookID', Event => 'complaint', WebhookURL => 'https://hooks.example.org/y') }

sub new_later { return $_[0]{gw}->send_mail(as => $_[0], SendAt => time + 3600)->{json}{MessageID} }
sub new_template { return $_[0]->made('AddTemplate', 'NewTemplateID', Name => 'Welcome', Subject => 'Hello {{ name }}', PlainContent => 'Hi') }
sub new_list { return $_[0]->made('AddList', 'NewListID', Name => 'News') }

# On the first of its lists, or another: a new one each time.
sub new_subscriber {
    my ($it, $which) = @_;
    my $email = sprintf 's%x@example.org', int rand 2**40;
    $it->made('AddSubscribers', 'Added', ListID => $it->id('list', $which // 1), Subscribers => [ { email => $email, name => 'Ann' } ]);
    return scalar $it->{gw}->sql("SELECT subscriber_id FROM emailgw.subscriber WHERE account_id = $it->{account_id} AND email = '$email'");
}

# A mail to a list of nobody but one whose address is suppressed, so that nothing of it is sent.
sub new_job {
    my ($it) = @_;
    my $list = $it->new_list;
    $it->{gw}->sql("INSERT INTO emailgw.suppression (account_id, address, reason) VALUES ($it->{account_id}, 'nobody\@example.org', 'test')
        ON CONFLICT DO NOTHING");
    $it->made('AddSubscribers', 'Added', ListID => $list, Subscribers => [ { email => 'nobody@example.org' } ]);
    $it->{gw}->send_mail(as => $it, To => undef, TargetListID => $list);
    return scalar $it->{gw}->sql("SELECT job_id FROM emailgw.list_job WHERE account_id = $it->{account_id} ORDER BY job_id DESC LIMIT 1");
}

sub new_suppression {
    my ($it) = @_;
    my $address = sprintf 'a%x@suppressed.example', int rand 2**40;
    $it->made('AddSuppression', 'Added', EmailAddress => $address);
    return $address;
}

sub new_domain {
    my ($it) = @_;
    return $it->{gw}->ctl(qw(domain add), sprintf('d%x.%s', int rand 2**40, $it->{domain}), '--user', $it->{username})->{domain_id};
}

sub session {
    my ($it) = @_;
    return $it->{gw}->api('User.Login', Username => $it->{username}, Password => $it->{password})->{json}{SessionID};
}

# An id as a path has it, its bytes escaped: of JSON text what it is, or the text itself where it is no string.
sub part_of_path {
    my ($value) = @_;
    return 'none' if !defined $value;
    my $decoded = ref $value ? eval { $json->decode($$value) } : $value;
    $decoded = $$value if ref $value && (ref $decoded || !length($decoded // ''));
    utf8::encode($decoded) if utf8::is_utf8($decoded);
    return $decoded =~ s/([^A-Za-z0-9_-])/sprintf '%%%02X', ord $1/egr;
}

# A call as an account, parameters as data, or as JSON text where a reference to it is given.
# form => 1: as a form does.
sub ask {
    my ($gw, $route, $as, $params, $form) = @_;
    my $api = $route->{path} eq '/api.php';
    my %all = ($api && $route->{name} ne 'User.Login' ? (APIKey => $as->{account_key}) : (), %$params);
    my $path = $route->{path} =~ s{<(\w+)>}{part_of_path(delete $all{$1})}er;
    my %key = $api ? () : (key => $as->{key});
    $all{Command} //= $route->{name} if $api;
    return $gw->call($route->{method}, $path, { %key, form => { map { $_ => ref $all{$_} ? $json->encode($all{$_})
        : $all{$_} } keys %all } }) if $form;
    my $body = join ', ', map { $json->encode($_) . ': ' . (ref $all{$_} eq 'SCALAR' ? ${ $all{$_} } : $json->encode($all{$_})) }
        sort keys %all;
    return $gw->call($route->{method}, $path, { %key, type => 'application/json', body => "{$body}" });
}

1;
