-- ctl_returned_count: mails that came back and are not read yet: those that wait for a
-- sender, and those that were set aside.
CREATE FUNCTION emailgw_api.ctl_returned_count(OUT waiting bigint, OUT set_aside bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
    SELECT (SELECT count(*) FROM returned_queue AS q WHERE q.set_aside_at IS NULL),
           (SELECT count(*) FROM returned_queue AS q WHERE q.set_aside_at IS NOT NULL)
$$;
