# A mail is refused for a setting of its domain that is changed before the refusal is put into
# words: it is refused all the same, with words, and the child lives on.
use EmailGW;

my $gw = EmailGW->up(RATE => 'off');

sub refused {
    my ($mail, $code, $what) = @_;
    my $reply = $gw->send_mail(%$mail);
    is("$reply->{status} $reply->{json}{Errors}[0]{Code}", "422 $code", $what) or diag($reply->{body} // 'no answer');
    like($reply->{json}{Errors}[0]{Message} // '', qr/changed while the mail was looked at: send it again/, '... in words');
    is($gw->send_mail->{status}, 200, '... and the next mail is taken');
}

$gw->sql('UPDATE emailgw.domain SET unsubscribe_link = true');
my %unsubscribe = (Headers => { 'List-Unsubscribe' => '<https://example.com/u>' });
is($gw->send_mail(%unsubscribe)->{json}{Errors}[0]{Code}, 102, 'a field that is the gateway\'s');

# What the domain is when it is asked for again.
$gw->sql(<<'END');
ALTER FUNCTION emailgw_api.authenticate(bigint, bytea, text) RENAME TO authenticate_before;
CREATE FUNCTION emailgw_api.authenticate(p_account_id bigint, p_key_hash bytea, p_permission text,
                                         OUT status integer, OUT domain_name text, OUT unsubscribe_link boolean)
LANGUAGE sql STABLE SECURITY DEFINER
AS $$
    SELECT b.status, 'example.net', false FROM emailgw_api.authenticate_before(p_account_id, p_key_hash, p_permission) AS b
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.authenticate TO emailgw_module;
END
refused({ %unsubscribe, From => { email => 'a@example.net', name => '' } }, 3, 'From of a domain that is another by now');
$gw->sql(<<'END');
CREATE OR REPLACE FUNCTION emailgw_api.authenticate(p_account_id bigint, p_key_hash bytea, p_permission text,
                                         OUT status integer, OUT domain_name text, OUT unsubscribe_link boolean)
LANGUAGE sql STABLE SECURITY DEFINER
AS $$
    SELECT b.status, b.domain_name, false FROM emailgw_api.authenticate_before(p_account_id, p_key_hash, p_permission) AS b
$$;
END
refused(\%unsubscribe, 102, 'a link that was switched off');
$gw->log_clean;
done_testing;
