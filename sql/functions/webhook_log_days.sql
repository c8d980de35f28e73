-- webhook_log_days: for how many days it is known what became of posts to webhooks. One
-- place for this rule, but for the words that say it (ReplayWebhook error 7, conf/API.md).
CREATE FUNCTION emailgw_api.webhook_log_days() RETURNS integer
LANGUAGE sql IMMUTABLE
AS $$ SELECT 14 $$;
