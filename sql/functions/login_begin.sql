-- login_begin: somebody is about to try a password. In the directory.
--   p_account_id  0: whose it is is what is asked
--   p_client      IP address
-- account_id is the user's, NULL for a name that nobody has. With wait_seconds
-- the try is not allowed: for so long none is.
-- The try is counted before its outcome is known, so that many at once count
-- too; login_end takes it back when it went well. Some are free, then each must
-- wait twice as long as the one before it.
CREATE FUNCTION emailgw_api.login_begin(p_account_id bigint, p_username text, p_client text,
                                        OUT account_id bigint, OUT wait_seconds integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = emailgw, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    c_forget CONSTANT interval := '1 hour'; -- without a try
    v_subjects CONSTANT bytea[] := ARRAY(SELECT s.subject FROM emailgw_api.login_subjects(p_username, p_client) AS s);
    v_until timestamptz;
BEGIN
    -- Who is blocked leaves no row behind, whatever names they think of.
    SELECT max(f.blocked_until) INTO v_until FROM login_failure AS f WHERE f.subject = ANY (v_subjects);
    IF v_until > clock_timestamp() THEN
        wait_seconds := ceil(extract(epoch FROM v_until - clock_timestamp()));
        RETURN;
    END IF;

    INSERT INTO login_failure AS f (subject, tries, blocked_until)
    SELECT s, 0, '-infinity' FROM unnest(v_subjects) AS s ORDER BY s
    ON CONFLICT (subject) DO NOTHING;
    PERFORM FROM login_failure AS f WHERE f.subject = ANY (v_subjects) ORDER BY f.subject FOR UPDATE;
    -- Another try may have come first meanwhile.
    SELECT max(f.blocked_until) INTO v_until FROM login_failure AS f WHERE f.subject = ANY (v_subjects);
    IF v_until > clock_timestamp() THEN
        wait_seconds := ceil(extract(epoch FROM v_until - clock_timestamp()));
        RETURN;
    END IF;

    UPDATE login_failure AS f
       SET tries = t.tries, last_at = clock_timestamp(),
           blocked_until = CASE WHEN t.tries < s.free THEN '-infinity'
                           ELSE clock_timestamp()
                                + make_interval(secs => least(s.longest, power(2, least(t.tries - s.free, 30)))) END
      FROM emailgw_api.login_subjects(p_username, p_client) AS s
      JOIN login_failure AS o ON o.subject = s.subject
     CROSS JOIN LATERAL (SELECT CASE WHEN o.last_at < clock_timestamp() - c_forget THEN 1 ELSE o.tries + 1 END AS tries) AS t
     WHERE f.subject = s.subject;
    SELECT u.account_id INTO account_id FROM directory_username AS u WHERE u.username = p_username;
END
$$;
GRANT EXECUTE ON FUNCTION emailgw_api.login_begin TO emailgw_module;
