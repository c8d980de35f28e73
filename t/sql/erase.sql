-- Erasing a person: which texts hold an address, what is left of an event, and what an
-- erasure does account by account.
\ir lib/setup.psql
SELECT plan(92);

-- In which of these the address is found, and what is left of them.
SELECT is(emailgw_api.erase_found(t.text, emailgw_api.address_pattern(ARRAY['ann.b+c@example.org'])), t.want, t.text)
  FROM (VALUES
    ('ann.b+c@example.org', '[erased]'),
    ('ANN.B+C@Example.ORG', '[erased]'),
    ('<ann.b+c@example.org>', '<[erased]>'),
    ('550 no ann.b+c@example.org.', '550 no [erased].'),
    ('https://x.example/?e=ann.b%2Bc%40example.org&f=1', 'https://x.example/?e=[erased]&f=1'),
    ('?e%3Dann%2eb%2bc%40example%2Eorg', '?e%3D[erased]'),
    ('%61nn.b+c@example.org', '[erased]'),
    ('mailto:ann.b+c@example.org?subject=x', 'mailto:[erased]?subject=x'),
    ('joann.b+c@example.org', 'joann.b+c@example.org'),
    ('x.ann.b+c@example.org', 'x.ann.b+c@example.org'),
    ('ann.b+c@example.org.uk', 'ann.b+c@example.org.uk'),
    ('ann.b+c@example.organic', 'ann.b+c@example.organic'),
    ('ann.b+c@example.org-x', 'ann.b+c@example.org-x'),
    ('ann.b+c@example.org.txt', '[erased].txt'),
    ('ann.b+c@example.org.text', 'ann.b+c@example.org.text'),
    ('annxb+c@example.org', 'annxb+c@example.org'),
    ('ann.b+c@example.org,ann.b+c@example.org', '[erased],[erased]'),
    ('%61nn.b+c@example.or%67%61nn.b+c@example.or%67%61nn.b+c@example.or%67', '[erased][erased][erased]'),
    ('', '')) AS t (text, want);
SELECT is(regexp_replace('a "x y"@b.example z', emailgw_api.address_pattern(ARRAY['"x y"@b.example']), '\1-', 'gi'), 'a - z', 'a quoted local part');
SELECT is('{"t": "\"x\\y\"@b.example"}'::jsonb::text ~* emailgw_api.address_pattern(ARRAY['"x\y"@b.example']), true, '... as JSON quotes it');
SELECT is(regexp_replace(t.text, emailgw_api.address_pattern(ARRAY['ann.o''b@example.org'], true), '\1-', 'gi'), t.want, 'HTML: ' || t.text)
  FROM (VALUES ('&#97;NN.o&#39;b@example.org', '-'), ('ann&#x2E;o&apos;b&commat;example&period;org', '-'),
               ('&#65;nn.o''b&#0064example.org&lt;', '-&lt;'), ('%41nn.o%27b@example.org', '-'),
               ('&lt;ann.o''b@example.org&gt;', '&lt;-&gt;'), ('ann.o''b&amp;example.org', 'ann.o''b&amp;example.org')) AS t (text, want);
SELECT is(regexp_replace('x Ann@B%C3%BCcher.example ANN@XN--bcher-kva.example', emailgw_api.address_pattern('{ann@xn--bcher-kva.example,ann@bücher.example}'), '\1-', 'gi'),
          'x - -', 'each spelling');
SELECT is('ann&#64;example.org' ~* emailgw_api.address_pattern(ARRAY['ann@example.org']), false, '... where it is HTML only');
SELECT is(regexp_replace('?e=%C3%89ve%40x.example É', emailgw_api.address_pattern(ARRAY['éve@x.example']), '\1-', 'gi'), '?e=- É',
          'the other letter case of what is encoded');
SELECT is(emailgw_api.erase_in_text(t.text, emailgw_api.address_letters('{a@b.example}'), emailgw_api.address_pattern('{a@b.example}')), t.want,
          'lines: ' || replace(t.text, E'\n', '/'))
  FROM (VALUES ('', ''), (E'x\n', E'x\n'), (E'\na@b.example\nxa@b.example\n', E'\n[erased]\nxa@b.example\n'), (E'A@b.example,a@B.example\r\n\n', E'[erased],[erased]\r\n\n'))
       AS t (text, want);
SELECT is(emailgw_api.erase_found(t.text, emailgw_api.address_pattern(ARRAY[emailgw.fold_address(t.address)], true)), t.want, t.address || ' in other letters')
  FROM (VALUES
    ('Νίκος@x.example', 'Νίκος@x.example ΝΊΚΟΣ@x.example νίκοσ@x.example %CE%9D%CE%AF%CE%BA%CE%BF%CF%82@x.example νίκο&#962;@x.example',
     '[erased] [erased] [erased] [erased] [erased]'),
    ('İbo@x.example', U&'\0130bo@x.example ibo@x.example I\0307bo@x.example %C4%B0bo@x.example i%CC%87bo@x.example &#304;bo@x.example I&#x307;bo@x.example',
     '[erased] [erased] [erased] [erased] [erased] [erased] [erased]'),
    ('ibo@x.example', U&'\0130bo@x.example \0131bo@x.example', U&'[erased] \0131bo@x.example'),
    ('kåß@x.example', U&'\212A\212B\1E9E@x.example %E2%84%AAåß@x.example', '[erased] [erased]')) AS t (address, text, want);

-- One long line takes as long as many short ones.
CREATE FUNCTION pg_temp.time_to_erase(p_text text) RETURNS interval LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    c_spellings CONSTANT text[] := '{bob@example.com}';
    c_begin CONSTANT timestamptz := clock_timestamp();
BEGIN
    PERFORM length(emailgw_api.erase_in_text(p_text, emailgw_api.address_letters(c_spellings), emailgw_api.address_pattern(c_spellings)));
    RETURN clock_timestamp() - c_begin;
END
$$;
SELECT pg_temp.time_to_erase(repeat(repeat('bob@example.com ', 64) || E'\n', 256)) AS short_lines \gset
SELECT cmp_ok(least(pg_temp.time_to_erase(repeat('bob@example.com ', 16384)), pg_temp.time_to_erase(repeat('bob@example.com ', 16384))), '<',
              5 * :'short_lines'::interval, 'the length of a line does not matter');
SELECT is(emailgw_api.erase_in_boxes('[{"email": "bob@b.example", "name": "of ANN@b.example"}, {"email": "Ann@b.example", "name": "Ann"},
          {"email": "joann@b.example", "name": ""}]', '{ann@b.example}', emailgw_api.address_pattern(ARRAY['ann@b.example'])),
          '[{"email": "bob@b.example", "name": "of [erased]"}, {"email": "joann@b.example", "name": ""}]', 'mailboxes');
SELECT is(emailgw_api.erase_in_boxes(jsonb_build_array(jsonb_build_object('email', t.email, 'name', 'x')), '{ann@b.example,ann@bü.example}',
                                     emailgw_api.address_pattern('{ann@b.example,ann@bü.example}')) = '[]', t.is_gone, '... ' || t.email)
  FROM (VALUES ('o''ann@b.example', false), ('a=ann@b.example', false), ('a!ann@b.example', false), ('ANN@BÜ.example', true)) AS t (email, is_gone);
SELECT is(emailgw_api.erase_in_boxes('[{"email": "o''ann@b.example", "name": "x"}]', '{ann@b.example}', emailgw_api.address_pattern('{ann@b.example}')),
          '[{"email": "o''ann@b.example", "name": "x"}]', '... that of another as it was');
SELECT is(emailgw_api.erase_in_boxes('[]', '{x}', 'x'), '[]', '... none');
SELECT is(emailgw_api.erase_in_json('{"a": ["x\nann@b.example", 1, null, {"b": "ann@b.example"}], "c": true, "d": [], "e": {}}',
          emailgw_api.address_pattern(ARRAY['ann@b.example'])),
          '{"a": ["x\n[erased]", 1, null, {"b": "[erased]"}], "c": true, "d": [], "e": {}}'::jsonb, 'in the texts of a value');
SELECT is(emailgw_api.erased_detail('{"attempt": 2, "url": "u", "ua": "a", "ip": "i", "machine": false, "smtp": {"code": 550, "text": "t",
          "host": "h", "enhanced": "5.1.1", "seconds": 0.1}, "bounce": {"class": "recipient", "suppress": true, "recipient": "r"}}'),
          '{"attempt": 2, "machine": false, "smtp": {"code": 550, "enhanced": "5.1.1", "seconds": 0.1},
            "bounce": {"class": "recipient", "suppress": true}}'::jsonb, 'what is left of an event');
SELECT is(emailgw_api.add_counts('{"a": 1, "b": 2}', '{"b": 3, "c": 4}'), '{"a": 1, "b": 5, "c": 4}'::jsonb, 'counts add up');

-- One account of two, with a mail to two people.
SELECT pg_temp.new_account() AS other \gset
SELECT pg_temp.new_domain(:other, 'example.net') AS other_domain \gset
SELECT pg_temp.new_key(:other, :other_domain, '\x02') \gset
SELECT message_id AS both FROM pg_temp.send(:account, p_emails => '{Ann@example.net,bob@example.org}', p_tags => '{ann@example.net,x}') \gset
SELECT message_id AS alone FROM pg_temp.send(:account, p_emails => '{ann@example.net}') \gset
SELECT message_id AS foreign FROM pg_temp.send(:other, '\x02', '{ann@example.net}', 'example.net') \gset
INSERT INTO emailgw.suppression (account_id, address, domain_id, reason, reply) VALUES
    (:account, 'ann@example.net', :domain, 'complaint', '550 ann@example.net'), (:account, 'bob@example.org', 0, 'bounce', 'no <ann@example.net>');
UPDATE emailgw.content SET raw = E'To: <Ann@example.net>\n\nx', html = '<a href="mailto:ann&#64;example.net">ann%40example.net</a>',
       reply_to = '[{"email": "ann@example.net", "name": ""}]' WHERE message_id = :'both';
INSERT INTO emailgw.attachment (account_id, message_id, attachment_no, filename, content_type, disposition, content_id, content) VALUES
    (:account, :'both', 1, 'for Ann@example.net.txt', 'text/csv; charset=utf-8', 'attachment', 'ann@example.net', 'a,ann@example.net'),
    (:account, :'both', 2, 'b.pdf', 'application/pdf', 'attachment', NULL, 'ann@example.net');
INSERT INTO emailgw.template (account_id, name, subject, html) VALUES (:account, 'Ask', 's', 'Ask <b>ANN&#64;exämple.net</b>')
RETURNING template_id AS template \gset
INSERT INTO emailgw.template (account_id, name, subject, plain) VALUES
    (:account, 'Other', 's', 'Ask joann@example.net'), (:other, 'Theirs', 'ann@example.net', 'x');
INSERT INTO emailgw.list (account_id, name, subscribers) VALUES (:account, 'News', 2) RETURNING list_id AS list \gset
INSERT INTO emailgw.subscriber (account_id, list_id, email, address) VALUES
    (:account, :list, 'Ann@example.net', 'ann@example.net'), (:account, :list, 'bob@example.org', 'bob@example.org');
INSERT INTO emailgw.returned_queue (account_id, message_id, recipient_no, digest, host, mail) VALUES
    (:account, :'alone', 1, '\x01', 'h', 'To: ANN@example.net'), (:account, :'both', 2, '\x02', 'h', 'To: bob@example.org'),
    (:account, :'both', 1, '\x03', 'h', 'QW5uQGV4YW1wbGUubmV0');
INSERT INTO emailgw.digest (account_id, domain_id, day, events) VALUES (:account, :domain, '2026-01-01', 1), (:account, :domain, '2026-01-02', 1);
INSERT INTO emailgw.digest_day VALUES ('2026-01-01'), ('2026-01-02');
INSERT INTO emailgw.digest_texts (account_id, domain_id, day, part, event_ids, types, emails, subjects, others, email_ends, subject_ends, other_ends) VALUES
    (:account, :domain, '2026-01-01', 0, '{}', '{}', E'\nann@example.net\n', E'\nx\n', E'\nx\n', '{}', '{}', '{}'),
    (:account, :domain, '2026-01-02', 0, '{}', '{}', E'\nbob@example.org\n', E'\nx\n', E'\nx\n', '{}', '{}', '{}');
SELECT pg_advisory_xact_lock(hashtext('emailgw housekeeping')) \gset
SELECT erasure_id AS id FROM emailgw_api.add_erasure(:account, 'Ann@Example.net', 'hash:1:ann', '\x01') \gset
CREATE FUNCTION pg_temp.run(p_account_id bigint, p_id bigint, p_limit integer) RETURNS text LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    v_states text := '';
    v_state text := 'more';
BEGIN
    WHILE v_state = 'more' AND length(v_states) < 1000 LOOP
        v_state := (SELECT s.state FROM emailgw_api.erase_step(p_account_id, p_id, 'ANN@example.net', 'hash:1:ann', p_limit, '{ANN@exämple.net}') AS s);
        v_states := v_states || v_state || ' ';
    END LOOP;
    RETURN v_states;
END
$$;
SELECT is((SELECT string_agg(concat_ws(' ', s.address, s.domain_id = 0, s.reason, s.reply), ', ' ORDER BY s.address, s.domain_id)
             FROM emailgw.suppression AS s WHERE s.account_id = :account),
          'bob@example.org t bounce no <ann@example.net>, hash:1:ann t erased, hash:1:ann f complaint', 'the list, at once');
SELECT is((SELECT a.status FROM pg_temp.send(:account, p_emails => '{ann@example.net}', p_hashes => '{hash:2:x hash:1:ann}') AS a), 14,
          'it gets no more mail');
SELECT is((SELECT a.status FROM pg_temp.send(:account, p_emails => '{ann@example.net}', p_hashes => '{hash:1:bob}') AS a), 0,
          '... by the hash alone');
UPDATE emailgw.queue SET ready = false, leased = true WHERE message_id = :'both' AND recipient_no = 1;
SELECT matches(pg_temp.run(:account, :id, 1), '^(more ){5,}waiting $', 'part by part, and again while a sender has a mail in hand');
SELECT is((SELECT r.email FROM emailgw.recipient AS r WHERE r.message_id = :'both' AND r.recipient_no = 1), 'Ann@example.net',
          '... which is left to it');
SELECT is((SELECT count(*) FROM emailgw.queue AS q WHERE q.message_id = :'alone'), 0::bigint, 'what is queued is cancelled');
UPDATE emailgw.queue SET ready = true, leased = false WHERE message_id = :'both' AND recipient_no = 1;
SELECT matches(pg_temp.run(:account, :id, 1000), '^(more )+$', 'not while parts of mails are still to be looked through');
SELECT is((SELECT s.state FROM emailgw_api.erase_step(:account, :id, 'ANN@example.net', 'hash:1:ann', 1000) AS s), 'waiting',
          '... which a sender of before leaves to others');
SELECT is((SELECT concat_ws(' ', e.next_at - now(), e.again) FROM emailgw.erasure AS e WHERE e.erasure_id = :id), '00:00:03 t', '... for a while');
SELECT is((SELECT string_agg(concat_ws(' ', p.message_id = :'both', p.part_no), ', ' ORDER BY p.part_no) FROM emailgw.erasure_part AS p
            WHERE p.asked_by = :account AND p.erasure_id = :id), 't 0, t 1', '... the mail as it was handed in, attachments that are text');
SELECT is((SELECT concat_ws(' ', n.message_id = :'both', n.part_no, n.content_type IS NULL, convert_from(n.content, 'UTF8'))
             FROM emailgw_api.next_erasure_part(:account, :id) AS n), E't 0 t To: <Ann@example.net>\n\nx', 'the first of them');
SELECT is((SELECT string_agg(t.no || ' ' || t.erased, ', ') FROM emailgw_api.erase_texts('{Ann@example.net}', '{x,"a ann&#64;EXAMPLE.net b",joann@example.net}') AS t),
          '2 a [erased] b', 'what is to stand there');
SELECT emailgw_api.put_erasure_part(:account, :id, :account, :'both', 0, '\x00', 'lost') \gset
SELECT is((SELECT n.part_no FROM emailgw_api.next_erasure_part(:account, :id) AS n), 0, 'not in the place of what was changed meanwhile');
SELECT emailgw_api.put_erasure_part(:account, :id, :account, :'both', 0, sha256(E'To: <Ann@example.net>\n\nx'), E'To: <[erased]>\n\nx') \gset
SELECT is((SELECT concat_ws(' ', n.part_no, n.content_type, convert_from(n.content, 'UTF8')) FROM emailgw_api.next_erasure_part(:account, :id) AS n),
          '1 text/csv; charset=utf-8 a,ann@example.net', 'the next');
SELECT is((SELECT count(*) FROM emailgw_api.next_erasure_part(:other, :id)), 0::bigint, '... for whose erasure it is');
SELECT emailgw_api.put_erasure_part(:account, :id, :account, :'both', 1, sha256('a,ann@example.net'), 'a,[erased]') \gset
INSERT INTO emailgw.erasure_part VALUES (:account, :id, :account, :'both', 7), (:account, :id, :account, gen_random_uuid(), 0);
SELECT is((SELECT count(*) FROM emailgw_api.next_erasure_part(:account, :id)), 0::bigint, 'what is gone meanwhile is forgotten');
SELECT is((SELECT count(*) FROM emailgw.erasure_part AS p WHERE p.erasure_id = :id), 0::bigint, '... for good');
SELECT is(pg_temp.run(:account, :id, 1000), 'waiting ', 'not yet: what was on its way in may have come meanwhile');
UPDATE emailgw.erasure SET created_at = now() - interval '1 minute';
SELECT is(pg_temp.run(:account, :id, 1000), 'done ', 'done');
SELECT is((SELECT string_agg(t.what, ' ' ORDER BY t.what) FROM (
              SELECT 'recipient' FROM emailgw.recipient WHERE account_id = :account AND email ILIKE 'ann@%' UNION ALL
              SELECT 'event' FROM emailgw.event AS e WHERE account_id = :account AND e::text ILIKE '%ann@%' UNION ALL
              SELECT 'message' FROM emailgw.message AS m WHERE account_id = :account AND m::text ILIKE '%ann@%' UNION ALL
              SELECT 'queue' FROM emailgw.queue WHERE account_id = :account AND email ILIKE 'ann@%' UNION ALL
              SELECT 'reply' FROM emailgw.suppression WHERE account_id = :account AND reply ILIKE '%ann@%' UNION ALL
              SELECT 'tag' FROM emailgw.daily_count WHERE account_id = :account AND tag ILIKE 'ann@%') AS t (what)), NULL,
          'nowhere is anything left');
SELECT is((SELECT string_agg(c.plain, ' ') FROM emailgw.content AS c WHERE c.message_id IN (:'both', :'alone')), 'text',
          'what others are still to get stays');
SELECT is((SELECT convert_from(c.raw, 'UTF8') FROM emailgw.content AS c WHERE c.message_id = :'both'), E'To: <[erased]>\n\nx',
          '... and the message as it was handed in');
SELECT is((SELECT concat_ws(' ', c.html, c.reply_to) FROM emailgw.content AS c WHERE c.message_id = :'both'),
          '<a href="mailto:[erased]">[erased]</a> []', '... without references of HTML, and with nobody to reply to');
SELECT is((SELECT string_agg(concat_ws(' ', a.filename, a.content_id, convert_from(a.content, 'UTF8')), ', ' ORDER BY a.attachment_no)
             FROM emailgw.attachment AS a WHERE a.message_id = :'both'),
          'for [erased].txt erased a,[erased], b.pdf ann@example.net', '... attachments that are text, and the names of all');
SELECT is((SELECT g.templates - 'user' FROM emailgw_api.get_erasure(:account, :id) AS g) #- '{0,user}',
          jsonb_build_array(jsonb_build_object('template_id', :template, 'name', 'Ask')), 'templates are named');
SELECT is((SELECT t.html FROM emailgw.template AS t WHERE t.template_id = :template), 'Ask <b>ANN&#64;exämple.net</b>', '... and left to the account');
SELECT is((SELECT string_agg(s.email, ' ') || ' ' || min(l.subscribers) FROM emailgw.subscriber AS s
             JOIN emailgw.list AS l USING (account_id, list_id) WHERE s.account_id = :account), 'bob@example.org 1', 'lists have the others');
SELECT is((SELECT string_agg(q.digest::text, ' ') FROM emailgw.returned_queue AS q WHERE q.account_id = :account), '\x02',
          'mails that came back, too');
SELECT is((SELECT string_agg(d.day::text, ' ') || ' ' || (SELECT string_agg(t.day::text, ' ') FROM emailgw.digest_day AS t)
             FROM emailgw.digest AS d WHERE d.account_id = :account), '2026-01-02 2026-01-02', 'digests are made anew');
SELECT is((SELECT e.address_sealed IS NULL FROM emailgw.erasure AS e WHERE e.erasure_id = :id), true, 'who it was is known no more');
SELECT is((SELECT counts - 'events_read' FROM emailgw_api.get_erasure(:account, :id)),
          '{"events": 6, "messages": 3, "mentions": 1, "contents": 2, "cancelled": 3, "recipients": 3, "tag_counts": 2, "attachments": 0,
            "suppressions": 0, "idempotency_keys": 0, "subscribers": 1, "returned_mails": 2, "digests": 1, "parts": 2}'::jsonb, 'the report');
SELECT is((SELECT count(*) FROM emailgw.event AS e WHERE e.account_id = :other AND e.email = 'ann@example.net'), 1::bigint,
          'the other account has all of it');
SELECT is((SELECT count(*) FROM emailgw_api.get_erasure(:other, :id)), 0::bigint, '... and does not see the erasure');

-- The operator's.
SELECT erasure_id AS all_id FROM emailgw_api.ctl_erasure_add(0, 'ann@example.net', 'hash:1:ann', '\x01') \gset
SELECT emailgw_api.put_erasure_part(0, :all_id, :account, gen_random_uuid(), 0, '\x00', 'x') \gset
SELECT is((SELECT e.xmax <> 0 FROM emailgw.erasure AS e WHERE e.erasure_id = :all_id), true, 'locked before it is known that nothing is to be changed');
UPDATE emailgw.erasure SET created_at = now() - interval '1 minute';
SELECT is(right(pg_temp.run(0, :all_id, 1000), 5), 'done ', 'all accounts');
SELECT is((SELECT string_agg(t.value ->> 'name', ' ' ORDER BY t.value ->> 'name') FROM emailgw_api.ctl_erasure_get(0, :all_id) AS g
            CROSS JOIN jsonb_array_elements(g.templates) AS t WHERE t.value ->> 'user' IS NOT NULL), 'Ask Theirs', '... with the templates of all');
SELECT is((SELECT count(*) FROM emailgw.event AS e WHERE e.account_id = :other AND e.email = 'ann@example.net'), 0::bigint, '... the other one, too');

-- What holds others up ends its step: a mail that is cancelled, as all workers count; a second that has gone by.
SELECT pg_temp.new_account() AS third \gset
SELECT pg_temp.new_domain(:third, 'example.edu') AS third_domain \gset
SELECT pg_temp.new_key(:third, :third_domain, '\x03') \gset
SELECT count(*) FROM generate_series(1, 2) AS n, LATERAL pg_temp.send(:third, '\x03', '{eve@example.net}', 'example.edu', p_tags => ARRAY['t' || n]) AS a \gset
SELECT erasure_id AS third_id FROM emailgw_api.add_erasure(:third, 'eve@example.net', 'hash:1:eve', '\x01') \gset
PREPARE step AS SELECT state FROM emailgw_api.erase_step($1, $2, 'eve@example.net', 'hash:1:eve', 1000, '{}');
CREATE FUNCTION pg_temp.left_of(p_account_id bigint) RETURNS text LANGUAGE sql STABLE
AS $$
    SELECT concat_ws(' ', (SELECT count(*) FROM emailgw.queue WHERE account_id = p_account_id),
                          (SELECT count(*) FROM emailgw.recipient WHERE account_id = p_account_id AND email LIKE 'eve@%'),
                          (SELECT count(*) FROM emailgw.event WHERE account_id = p_account_id AND type = 6 AND email LIKE 'eve@%'))
$$;
EXECUTE step(:third, :third_id) \gset
SELECT is(pg_temp.left_of(:third), '1 2 0', 'a step cancels one mail, and does no more');
EXECUTE step(:third, :third_id) \gset
SELECT is(pg_temp.left_of(:third), '0 1 0', '... the next erases it, and cancels another');
EXECUTE step(:third, :third_id) \gset
SELECT is(concat_ws(' ', :'state', pg_temp.left_of(:third)), 'waiting 0 0 0', '... until none is left');
SELECT is((SELECT e.counts ->> 'cancelled' FROM emailgw.erasure AS e WHERE e.erasure_id = :third_id), '2', '... each is counted once');
SELECT count(*) FROM generate_series(1, 2) AS n, LATERAL pg_temp.send(:third, '\x03', '{eve@example.net}', 'example.edu', p_tags => ARRAY['t' || n]) AS a \gset
DELETE FROM emailgw.queue WHERE account_id = :third;
CREATE OR REPLACE FUNCTION emailgw_api.erase_mail(p_asked_by bigint, p_erasure_id bigint, p_account_id bigint, p_message_id uuid, p_spellings text[],
                                                  p_pattern text) RETURNS jsonb LANGUAGE sql VOLATILE
AS $$ SELECT '{}'::jsonb FROM pg_sleep(1.1) $$; -- a large one
EXECUTE step(:third, :third_id) \gset
SELECT is(concat_ws(' ', :'state', pg_temp.left_of(:third)), 'more 0 1 0', 'large mails: no more than a second of them');
EXECUTE step(:third, :third_id) \gset
SELECT is(pg_temp.left_of(:third), '0 0 0', '... the next step goes on with the others');

SELECT * FROM finish();
ROLLBACK;
