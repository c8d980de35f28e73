-- aggr_events: each field, the order of buckets, sizes, days, and whose events.
\ir lib/setup.psql
\ir lib/events.psql
SELECT plan(33);

SELECT pg_temp.new_domain(:account, 'deleted.example') AS deleted \gset
UPDATE emailgw.domain SET deleted_at = now() WHERE account_id = :account AND domain_id = :deleted;
SELECT pg_temp.new_domain(:account, 'empty.example') AS empty \gset
SELECT pg_temp.new_account() AS other \gset
SELECT pg_temp.new_domain(:other, 'example.net') AS other_domain \gset
SELECT pg_temp.new_mail(:account, :domain, p_tags => '{shop,b}') AS m1 \gset
SELECT pg_temp.new_mail(:account, :domain, p_tags => '{shop}') AS m2 \gset
SELECT pg_temp.new_mail(:account, :domain, p_tags => '{a}') AS m3 \gset
SELECT count(pg_temp.add_event(:account, :domain, t.type, t.at, t.message::uuid, t.email, t.detail::jsonb))
  FROM (VALUES
    (1, pg_temp.moment(0, 0), :'m1', 'a@example.org', NULL), (1, pg_temp.moment(0, 3599.9), :'m1', 'b@example.org', NULL),
    (1, pg_temp.moment(0, 3600), :'m2', '"c@x"@example.net', NULL), (1, pg_temp.moment(1, 0), :'m3', 'd@example.com', NULL),
    (2, pg_temp.moment(0, 7200), :'m1', 'a@example.org', '{"smtp": {"code": 250, "host": "mx1", "text": "ok"}}'),
    (3, pg_temp.moment(0, 7200), :'m1', 'b@example.org', '{"smtp": {"code": 451, "host": "mx2", "text": "later"}}'),
    (2, pg_temp.moment(0, 7201), :'m1', 'b@example.org', '{"smtp": {"code": 250, "host": "mx2", "text": "ok"}}'),
    (4, pg_temp.moment(0, 7200), :'m2', '"c@x"@example.net', '{"smtp": {"code": 550, "enhanced": "5.1.1", "text": "no such user"}, "bounce": {"class": "permanent"}}'),
    (4, pg_temp.moment(1, 7200), :'m3', 'd@example.com', '{"bounce": {"class": "expired"}}'),
    (7, pg_temp.moment(1, 1), :'m1', 'a@example.org', '{"ip": "192.0.2.1"}'),
    (8, pg_temp.moment(1, 2), :'m1', 'a@example.org', '{"url": "https://example.org/b"}'),
    (8, pg_temp.moment(1, 3), :'m1', 'a@example.org', '{"url": "https://example.org/a"}')) AS t (type, at, message, email, detail) \gset
SELECT pg_temp.add_event(:other, :domain, 1, pg_temp.moment(0), :'m1') \gset

CREATE FUNCTION pg_temp.buckets(p_account_id bigint, p_domain_id bigint, p_field text, p_size integer DEFAULT 10,
                                p_from integer DEFAULT NULL, p_until integer DEFAULT NULL) RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT string_agg(CASE a.status WHEN 0 THEN coalesce(a.key || '=' || a.doc_count, '-')
                                    ELSE 'status ' || a.status || coalesce(' ' || a.doc_count, '') END, ' ' ORDER BY a.no)
      FROM emailgw_api.aggr_events(p_account_id, p_domain_id, p_field, pg_temp.day(p_from), pg_temp.day(p_until), p_size,
                                   '{send,delivery,deferred,bounce,suppressed,cancelled,open,click,unsubscribe,complaint}')
           WITH ORDINALITY AS a (status, key, doc_count, no)
$$;
\set of 'pg_temp.buckets(' :account ', ' :domain ', '
SELECT pg_temp.day(0) AS today, pg_temp.day(1) AS tomorrow \gset

SELECT is(:of 'eventType'), 'send=4 bounce=2 click=2 delivery=2 deferred=1 open=1', 'eventType: largest first, ties by name');
SELECT is(:of 'day'), format('%s=7 %s=5', :'today', :'tomorrow'), 'day');
SELECT is(:of 'tag'), 'shop=10 b=8 a=2', 'tag');
SELECT is(:of 'hour'), format('%1$sT02:00Z=4 %2$sT00:00Z=4 %1$sT00:00Z=2 %1$sT01:00Z=1 %2$sT02:00Z=1', :'today', :'tomorrow'), 'hour');
SELECT is(:of 'recipientDomain'), 'example.org=8 example.com=2 example.net=2', 'recipientDomain');
SELECT is(:of 'bounceType'), 'expired=1 permanent=1', 'bounceType');
SELECT is(:of 'bounceReason'), '550 5.1.1 no such user=1 expired=1', 'bounceReason: what the other side said, or the class');
SELECT is(:of 'mxHost'), 'mx2=2 mx1=1', 'mxHost: of attempts with a dialogue');
SELECT is(:of 'smtpCode'), '250=2 451=1 550=1', 'smtpCode');
SELECT is(:of 'linkURL'), 'https://example.org/a=1 https://example.org/b=1', 'linkURL');

SELECT is(:of 'eventType', 2), 'send=4 bounce=2', 'as many as are wanted');
SELECT is(:of 'recipientDomain', 1), 'example.org=8', '... of events, too');
SELECT is(:of 'eventType', 0), '-', 'none');
SELECT is(:of 'eventType', p_from => 1), 'click=2 bounce=1 open=1 send=1', 'from a day on');
SELECT is(:of 'day', p_until => 0), :'today' || '=7', 'until a day');
SELECT is(:of 'tag', p_from => 1, p_until => 1), 'b=3 shop=3 a=2', 'tags of a day, ties by name');
SELECT is(:of 'recipientDomain', p_from => 1, p_until => 1), 'example.org=3 example.com=2', 'domains of a day');
SELECT is(:of 'linkURL', p_until => 0), '-', 'nothing in the period');
SELECT is(:of f, p_from => 2), '-', 'no events: ' || f) FROM unnest('{eventType,day,tag,hour,smtpCode}'::text[]) AS f;

SELECT is(pg_temp.buckets(:account, :empty, 'eventType'), '-', 'a domain without events');
SELECT is(pg_temp.buckets(:account, d, 'eventType'), 'status 2', 'no domain of the account') FROM unnest(ARRAY[:deleted, :other_domain, 0]) AS d;
SELECT is(pg_temp.buckets(:account, :other_domain, 'hour'), 'status 2', '... for every field');

-- What waits in the queue is counted there.
SELECT message_id FROM pg_temp.send(:account, p_tags => '{b}') \gset
SELECT is(:of 'eventType', 1), 'send=5', 'a mail in the queue');
SELECT is(:of 'tag', 2), 'shop=10 b=9', '... and its tag');

-- The bound on what is read.
INSERT INTO emailgw.daily_count VALUES (:account, :domain, pg_temp.day(0), 2, '', 17, 999990);
SELECT is(:of 'hour'), 'status 116 1000003', 'more than a million events to read');
SELECT is(:of 'bounceType'), 'expired=1 permanent=1', '... of which few are bounces');
SELECT is(:of 'eventType', 1), 'delivery=999992', '... and counters are not read one by one');

SELECT * FROM finish();
ROLLBACK;
