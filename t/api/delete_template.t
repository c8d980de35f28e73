# EmailGateway.DeleteTemplate: once, and one's own alone.
use EmailGW;
use EmailGW::ApiPhp;

my $gw = EmailGW->up;
my $account = $gw->new_account;
my $other = $gw->new_account;

sub new_id { return $gw->api('EmailGateway.AddTemplate', as => $_[0], Name => 'N', Subject => 'S', PlainContent => 'P')->{json}{NewTemplateID} }
sub delete_it { return $gw->api('EmailGateway.DeleteTemplate', as => $account, TemplateID => $_[0]) }

my ($id, $theirs) = map { new_id($_) } $account, $other;
my $session = session_of($gw, $account);
my $reply = example($gw, qq({
    "SessionID": "$session",
    "APIKey": "$account->{account_key}",
    "Command": "EmailGateway.DeleteTemplate",
    "TemplateID": "$id"
}));
is($reply->{body} =~ s/\s+\z//r, '{"Success":true,"ErrorCode":0}', 'the documented example');
is($gw->sql("SELECT count(*) FROM emailgw.template WHERE template_id = $id"), 0, 'it is gone');
refuses(delete_it($id), 2, '2: it is gone');
refuses(delete_it($_), 1, '1: no id') for undef, '';
refuses(delete_it($theirs), 2, '2: another account\'s');
is(delete_it($theirs)->{body}, delete_it(999999999)->{body}, '... in the same words as for none');
is($gw->sql("SELECT count(*) FROM emailgw.template WHERE template_id = $theirs"), 1, '... and it is still there');
my $fresh = sub { (TemplateID => new_id($account)) };
takes_ids_only($gw, 'EmailGateway.DeleteTemplate', $account, 'TemplateID', absent => 1, invalid => 2, fresh => $fresh);
common_rules($gw, 'EmailGateway.DeleteTemplate', $account, $fresh);
$gw->log_clean;
done_testing;
