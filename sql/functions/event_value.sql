-- event_value: one property of an event, as AggrEvents has it: NULL or empty where it
-- has none.
CREATE FUNCTION emailgw_api.event_value(p_field text, p_at timestamptz, p_email text, p_detail jsonb)
RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT CASE p_field
           WHEN 'hour' THEN to_char(p_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:00"Z"')
           WHEN 'recipientDomain' THEN split_part(p_email, '@', -1)
           WHEN 'bounceType' THEN p_detail #>> '{bounce,class}'
           WHEN 'bounceReason' THEN coalesce(nullif(emailgw_api.event_reason(p_detail), ''), p_detail #>> '{bounce,class}')
           WHEN 'mxHost' THEN p_detail #>> '{smtp,host}'
           WHEN 'smtpCode' THEN p_detail #>> '{smtp,code}'
           WHEN 'linkURL' THEN p_detail ->> 'url' END
$$;
