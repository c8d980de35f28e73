-- People who are being erased, and what came of it; the list that holds for all accounts.

SET LOCAL search_path = emailgw, pg_temp;

COMMENT ON COLUMN suppression.account_id IS '0: of the system, for all accounts';
COMMENT ON COLUMN suppression.address IS 'folded; "hash:..." of one that was erased (core/addresshash.h)';
