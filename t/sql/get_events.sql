-- get_events: pages and totals by the counters, days and types; the search box.
\ir lib/setup.psql
\ir lib/events.psql
SELECT plan(93);

SELECT pg_temp.new_domain(:account, 'example.org') AS second \gset
SELECT pg_temp.new_domain(:account, 'deleted.example') AS deleted \gset
UPDATE emailgw.domain SET deleted_at = now() WHERE account_id = :account AND domain_id = :deleted;
SELECT pg_temp.new_account() AS other \gset
SELECT pg_temp.new_domain(:other, 'example.net') AS other_domain \gset
SELECT pg_temp.new_mail(:account, :domain, 'List') AS listed \gset
-- Events 0 to 39 to r0@ ..., ten a day from day -2 on, of the types 1, 2 and 7 in turn.
SELECT count(pg_temp.add_event(:account, :domain, (ARRAY[1, 2, 7])[1 + n % 3], pg_temp.moment(n / 10 - 2, n % 10),
                               :'listed', 'r' || n || '@example.net')) FROM generate_series(0, 39) AS n \gset
SELECT pg_temp.new_mail(:account, :second) AS elsewhere \gset
SELECT pg_temp.add_event(:account, :second, 1, pg_temp.moment(0), :'elsewhere', 'second@example.net') \gset
SELECT pg_temp.add_event(:account, :deleted, 1, pg_temp.moment(0), :'elsewhere', 'deleted@example.net') \gset
SELECT pg_temp.add_event(:other, :domain, 1, pg_temp.moment(0), :'listed', 'other@example.net') \gset

-- status, total, and the numbers of a page.
CREATE FUNCTION pg_temp.page(p_account_id bigint, p_domain_id bigint, p_start bigint DEFAULT 0,
                             p_count integer DEFAULT 100, p_from integer DEFAULT NULL, p_until integer DEFAULT NULL,
                             p_type integer DEFAULT NULL, p_message_id uuid DEFAULT NULL,
                             p_fields smallint[] DEFAULT '{}', p_texts text[] DEFAULT '{}') RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT format('%s of %s: %s', min(e.status), min(e.total),
                  string_agg(split_part(e.email, '@', 1), ' ' ORDER BY e.no))
      FROM emailgw_api.get_events(p_account_id, p_domain_id, p_start, p_count, pg_temp.day(p_from),
                                  pg_temp.day(p_until), p_type::smallint, p_message_id, p_fields, p_texts)
           WITH ORDINALITY AS e (status, total, event_id, type, at_us, message_id, email, detail, subject, from_email,
                                 from_name, domain_name, tags, list_id, subscriber_id, journey_id, action_id, no)
$$;
\set page 'pg_temp.page(' :account ', ' :domain

-- Pages.
SELECT is(:page, 0, 3), '0 of 40: r39 r38 r37', 'newest first, with the total of all');
SELECT is(:page, 3, 2), '0 of 40: r36 r35', 'the next page');
SELECT is(:page, 9, 3), '0 of 40: r30 r29 r28', 'over the end of a day');
SELECT is(:page, 10, 2), '0 of 40: r29 r28', 'from the end of a day');
SELECT is(:page, 25, 2), '0 of 40: r14 r13', 'in the middle of the third day');
SELECT is(:page, 38, 5), '0 of 40: r1 r0', 'the last page');
SELECT is(:page, 40, 5), '0 of 40: ', 'behind the last');
SELECT is(:page, 9007199254740991, 100), '0 of 40: ', 'far behind');
SELECT is(:page, 0, 0), '0 of 40: ', 'a page of none');
SELECT is(:page, n, 1), '0 of 40: r' || 39 - n, 'one event, ' || n || ' from the newest')
  FROM unnest('{0,11,19,20,21,39}'::bigint[]) AS n;

-- Days and types.
SELECT is(:page, p_from => 0), '0 of 20: ' || string_agg('r' || n, ' ' ORDER BY n DESC), 'from a day on')
  FROM generate_series(20, 39) AS n;
SELECT is(:page, p_until => -1, p_count => 2), '0 of 20: r19 r18', 'until the end of a day');
SELECT is(:page, p_from => -1, p_until => -1, p_start => 8), '0 of 10: r11 r10', 'a day: both ends included');
SELECT is(:page, p_from => 5), '0 of 0: ', 'days without events');
SELECT is(:page, p_from => 1, p_until => -1), '0 of 0: ', 'an end before the start');
SELECT is(:page, p_type => 1, p_count => 3), '0 of 14: r39 r36 r33', 'the sends');
SELECT is(:page, p_type => 2, p_start => 11), '0 of 13: r4 r1', 'the oldest deliveries');
SELECT is(:page, p_type => 7, p_start => 4, p_count => 2), '0 of 13: r26 r23', 'opens, which have an index of their own');
SELECT is(:page, p_type => 7, p_from => -1, p_until => 0), '0 of 7: r29 r26 r23 r20 r17 r14 r11', 'opens of two days');
SELECT is(:page, p_type => 9), '0 of 0: ', 'a type that none has');
SELECT is(:page, p_type => 0), '0 of 0: ', 'a type that is none');
SELECT is(:page, p_message_id => :'listed', p_count => 1), '0 of 40: r39', 'of a message');
SELECT is(:page, p_message_id => :'listed', p_type => 7, p_from => 0, p_until => 0), '0 of 4: r29 r26 r23 r20',
          'of a message, a type and a day');
SELECT is(:page, p_message_id => :'elsewhere'), '0 of 0: ', 'a message of another domain');

-- Whose.
SELECT is(pg_temp.page(:account, :second), '0 of 1: second', 'another domain of the account');
SELECT is(pg_temp.page(:account, :deleted), '2 of : ', 'a deleted domain is none');
SELECT is(pg_temp.page(:account, :other_domain), '2 of : ', 'nor is another account''s');
SELECT is(pg_temp.page(:account, 0), '2 of : ', '... or one that never was');
SELECT is(pg_temp.page(:other, :domain), '2 of : ', '... the other way round');
SELECT is(pg_temp.page(:other, :other_domain), '0 of 0: ', 'a domain without events');

-- What is queued is counted there until the sender has tried it.
SELECT s.message_id AS queued FROM pg_temp.send(:account, p_emails => '{a@example.net,b@example.net}') AS s \gset
SELECT is(:page, p_count => 0), '0 of 42: ', 'two recipients in the queue');
SELECT is(:page, p_type => 1, p_count => 0), '0 of 16: ', '... two sends more');
SELECT is(:page, p_type => 1, p_from => 0, p_until => 0, p_count => 0), '0 of 5: ', '... today');
SELECT is(:page, p_type => 1, p_until => -1, p_count => 0), '0 of 7: ', '... and not before');
SELECT jsonb_agg(jsonb_build_object('account_id', c.account_id, 'message_id', c.message_id, 'recipient_no', c.recipient_no,
                                    'attempt', c.attempt, 'result', CASE c.recipient_no WHEN 1 THEN 'delivered'
                                    ELSE 'deferred' END)) AS outcomes
  FROM emailgw_api.claim_messages(1000, 60, 0) AS c WHERE c.account_id = :account \gset
SELECT is(:page, p_count => 0), '0 of 42: ', '... claimed: the same');
SELECT recorded FROM pg_temp.record_outcomes(:'outcomes') \gset
SELECT is(:page, p_count => 0), '0 of 44: ', '... and tried: two events more');
SELECT is(:page, p_type => 1, p_count => 0), '0 of 16: ', '... none of them a send');

-- All that a page has of an event.
SELECT results_eq(format($$ SELECT e.status, e.total, e.type, to_timestamp(e.at_us / 1000000.0), e.message_id, e.email, e.subject,
                            e.from_email, e.from_name, e.domain_name, e.tags, e.list_id, e.subscriber_id
                       FROM emailgw_api.get_events(%s, %s, 0, 1, NULL, NULL, NULL, NULL, '{}', '{}') AS e $$, :account, :domain),
                  format($$ VALUES (0, 44::bigint, 1, pg_temp.moment(1, 9), %L::uuid, 'r39@example.net', 'List',
                            'shop@example.com', 'Shop', 'example.com', '[]'::jsonb, 7::bigint, NULL::bigint) $$, :'listed'),
                  'an event with its message');
DELETE FROM emailgw.message WHERE account_id = :account AND message_id = :'listed';
SELECT is(:page, 0, 3), '0 of 44: r39 r38 r37', 'an event outlives its message');
SELECT is(:page, 0, 1, p_fields => '{0}', p_texts => '{R39@}'), '0 of 1: r39', '... and can be found by what it has itself');

-- The search box. Fields: 0 any, 1 subject, 2 from, 3 to, 4 domain, 5 tag, 6 url, 7 ip, 8 reason.
SELECT pg_temp.new_domain(:account, 'search.example') AS search \gset
SELECT pg_temp.new_mail(:account, :search, 'Welcome to 100% of_our \service', '{Receipt,größe}') AS m1 \gset
SELECT pg_temp.new_mail(:account, :search, 'GRÜẞE aus der STRASSE, Ὀδυσσεύς', '{receipt-2}', 'ceo@example.com', 'Zoë "Z" O''Hara') AS m2 \gset
SELECT count(pg_temp.add_event(:account, :search, t.type, pg_temp.moment(0, t.n), t.message::uuid, t.email, t.detail::jsonb))
  FROM (VALUES (1, 1, :'m1', 'a1@example.org', NULL), (2, 2, :'m1', 'a2@mail.example.org', '{"smtp": {"text": "queued"}}'),
               (3, 4, :'m1', 'a3@notexample.org', '{"smtp": {"code": 550, "enhanced": "5.1.1", "text": "No such user"}, "bounce": {"class": "permanent"}}'),
               (4, 7, :'m1', 'a4@example.net', '{"ip": "192.0.2.1", "ua": "x"}'),
               (5, 8, :'m1', 'a5@example.net', '{"ip": "192.0.2.10", "url": "https://Shop.example/?a=1&b=%41"}'),
               (6, 1, :'m2', '"b@1"@example.org', NULL), (7, 3, :'m2', 'b2@example.com', '{"smtp": {"code": 451, "text": "Try later"}}')
       ) AS t (n, type, message, email, detail) \gset
CREATE FUNCTION pg_temp.found(p_account_id bigint, p_domain_id bigint, p_fields text, p_texts text[],
                              p_type integer DEFAULT NULL) RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT pg_temp.page(p_account_id, p_domain_id, 0, 100, NULL, NULL, p_type, NULL,
                        CASE WHEN p_fields LIKE '%,%' THEN string_to_array(p_fields, ',')::smallint[]
                             ELSE array_fill(p_fields::smallint, ARRAY[cardinality(p_texts)]) END, p_texts)
$$;
\set found 'pg_temp.found(' :account ', ' :search
\set all1 'a5 a4 a3 a2 a1'
\set all2 'b2 "b'
SELECT is(:found, t.fields, t.texts), format('0 of %s: %s', cardinality(string_to_array(t.emails, ' ')), t.emails), t.what)
  FROM (VALUES
    ('1', '{welcome}', :'all1', 'subject, letter case ignored'),
    ('1', '{"Welcome to"}', :'all1', 'subject: a phrase'),
    ('1', '{to,welcome}', :'all1', 'subject: two words in any order'),
    ('1', '{welcome,straße}', '', 'subject: both words'),
    ('1', '{grüße}', :'all2', 'subject: a capital sharp s'),
    ('1', '{GRÜSSE,Straße}', :'all2', 'subject: sharp s and SS'),
    ('1', '{ὈΔΥΣΣΕΎΣ}', :'all2', 'subject: both sigmas'),
    ('1', '{ὀδυσσεύσ}', :'all2', 'subject: the wrong sigma'),
    ('1', '{100%}', :'all1', 'a percent sign is one'),
    ('1', '{1%service}', '', '... and stands for nothing else'),
    ('1', '{of_our}', :'all1', 'an underscore is one'),
    ('1', '{"o__our"}', '', '... and stands for nothing else'),
    ('1', ARRAY['\service'], :'all1', 'a backslash is one'),
    ('1', ARRAY['\\service'], '', '... and two are two'),
    ('1', ARRAY[''''], '', 'a quote'),
    ('2', ARRAY['o''HARA'], :'all2', 'from: the name'),
    ('2', '{ceo@}', :'all2', 'from: the address'),
    ('2', '{ZOË}', :'all2', 'from: the name, not in ASCII'),
    ('3', '{A2@}', 'a2', 'to'),
    ('3', '{@example.net}', 'a5 a4', 'to: a domain'),
    ('4', '{example.org}', '"b a2 a1', 'domain: it and what is below it'),
    ('4', '{mail.example.org}', 'a2', 'domain: below'),
    ('4', '{example}', '', 'domain: no part of a name'),
    ('5', '{receipt}', :'all1', 'tag: the whole of it'),
    ('5', '{GRÖSSE,RECEIPT}', :'all1', 'tag: two'),
    ('5', '{%}', '', 'tag: nothing stands for all'),
    ('6', '{shop.example/?A=1}', 'a5', 'url'),
    ('6', '{%41}', 'a5', 'url: a percent sign'),
    ('7', '{192.0.2.1}', 'a4', 'ip: the whole of it'),
    ('8', '{"550 5.1.1 no such"}', 'a3', 'reason: code, enhanced code and text'),
    ('8', '{permanent}', 'a3', 'reason: the class'),
    ('8', '{later}', 'b2', 'reason: of a deferral'),
    ('8', '{queued}', '', 'reason: not of a delivery'),
    ('0', '{RECEIPT-2}', :'all2', 'a word: in a tag'),
    ('0', '{zoë,b2@}', 'b2', 'a word in the message, one in the event'),
    ('0', '{welcome,a3@,shop@}', 'a3', 'three words, each somewhere else'),
    ('0', ARRAY[:'m2'], :'all2', 'a word: the message''s id'),
    ('0', '{zzz}', '', 'a word that is nowhere'),
    ('0,4', '{welcome,example.net}', 'a5 a4', 'a word and a domain'),
    ('6,7', '{shop,192.0.2.10}', 'a5', 'a URL and an address'),
    ('7,8', '{192.0.2.1,permanent}', '', 'what no event has both of')) AS t (fields, texts, emails, what);

-- More than may be read is refused before it is: unless it is known to be less.
INSERT INTO emailgw.daily_count VALUES (:account, :search, pg_temp.day(0), 2, '', 17, 999995);
SELECT is(:found, '1', '{welcome}'), '116 of 1000002: ', 'a search in more than a million events');
SELECT is(:found, '8', '{later}'), '0 of 1: b2', '... but few of them are failures');
SELECT is(:found, '1', '{welcome}', 8), '0 of 1: a5', '... or clicks');
SELECT is(pg_temp.page(:account, :search, p_fields => '{1}', p_texts => '{welcome}', p_until => -1), '0 of 0: ',
          '... or in the period');
SELECT is(pg_temp.page(:account, :search, p_fields => '{1}', p_texts => '{welcome}', p_message_id => :'m1', p_count => 1),
          '0 of 5: a5', '... or of one message');
DELETE FROM emailgw.event WHERE account_id = :account AND domain_id = :search;
SELECT is(:found, '1', '{welcome}'), '0 of 0: ', 'what is counted but not there any more need not be read');
SELECT is(pg_temp.page(:account, :search), '0 of 0: ', '... nor does the total have it');

SELECT * FROM finish();
ROLLBACK;
