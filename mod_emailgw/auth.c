#include "auth.h"

#include <string.h>

#include <apr_cstr.h>
#include <apr_strings.h>

#include "json.h"
#include "ratelimit.h"

/*
 * An argument's text, copied and taken out of the arguments, so that no log,
 * hash or echo of them has it. NULL when absent or empty; "" for what is no text:
 * that is a credential, too, only never a good one.
 */
static const char *take_arg(eg_call *call, const char *wanted)
{
    const char *name, *text = NULL;
    json_t *value;
    void *next;

    json_object_foreach_safe(call->args, next, name, value)
    {
        if (apr_cstr_casecmp(name, wanted) != 0) {
            continue;
        }
        if (json_is_string(value) && json_string_length(value) > 0) {
            text = apr_pstrdup(call->pool, json_string_value(value));
        }
        else if (!json_is_string(value) && !json_is_null(value)) {
            text = "";
        }
        json_object_del(call->args, name);
    }
    return text;
}

static const char *bearer_of(const eg_call *call)
{
    return call->bearer != NULL && *call->bearer != '\0' ? call->bearer : NULL;
}

/*
 * The account that a credential says it is of, 0 when it cannot be one, and its
 * hash. Where the virtual host is of one account, those of others are looked for
 * among that one's, by the hash of what is no credential: so whatever is kept of
 * them under their own, they are unknown there in every respect.
 */
static apr_int64_t read_key(unsigned char hash[EG_HASH_SIZE], const eg_call *call, const char *prefix,
                            const char *text)
{
    apr_int64_t account_id = eg_apikey_account(prefix, text), only = call->limits->account_id;

    if (account_id != 0 && only != 0 && account_id != only) {
        text = apr_pstrcat(call->pool, "another account's ", text, NULL);
        account_id = only;
    }
    eg_secret_hash(hash, text, strlen(text));
    return account_id;
}

/* ---- a sender key ---------------------------------------------------------------------------------- */

static void find_sender_key(eg_call *call)
{
    const char *key = take_arg(call, "SenderAPIKey");

    if (bearer_of(call) != NULL) {
        key = bearer_of(call);
    }
    if (key == NULL || *key == '\0') {
        eg_errors_only(&call->errors, EG_E_MISSING_KEY, "Missing SenderAPIKey");
        return;
    }
    call->account_id = read_key(call->key_hash, call, EG_KEY_SENDER, key);
    if (!eg_ratelimit_client(call, call->key_hash, EG_E_RATE)) {
        return;
    }
    if (call->account_id == 0) {
        eg_call_refuse_key(call, EG_E_KEY);
        return;
    }
    eg_ratelimit_key(call);
}

/* ---- an account -------------------------------------------------------------------------------------- */

static void refuse_account(eg_call *call, int code)
{
    eg_errors_only(&call->errors, code, "%s",
                   code == EG_E_SESSION_EXPIRED
                       ? "The session has expired: log in again"
                       : "Authentication failed: a valid SessionID or APIKey is needed");
}

/* One credential, if there is one. @return 0 when it cannot be one, or is of another account than the one before */
static int read_credential(const unsigned char **hash, eg_call *call, const char *prefix, const char *text)
{
    unsigned char *made;
    apr_int64_t account_id;

    *hash = NULL;
    if (text == NULL) {
        return 1;
    }
    made = apr_palloc(call->pool, EG_HASH_SIZE);
    account_id = read_key(made, call, prefix, text);
    if (account_id == 0 || (call->account_id != 0 && call->account_id != account_id)) {
        return 0;
    }
    call->account_id = account_id;
    *hash = made;
    return 1;
}

/* @param status  0, EG_E_NOT_AUTHENTICATED or EG_E_SESSION_EXPIRED */
static apr_status_t check_credentials(int *status, eg_call *call, const unsigned char *key_hash)
{
    eg_rows *rows;
    apr_status_t rv = eg_db_call(&rows, call->db, EG_DB_REPEATABLE, "authenticate_account",
                                 EG_DB_ARGS(eg_db_int(call->account_id), eg_db_bytes(key_hash, EG_HASH_SIZE),
                                            eg_db_bytes(call->session_hash, EG_HASH_SIZE),
                                            eg_db_int(apr_time_sec(call->limits->session_idle))));

    if (rv == APR_SUCCESS) {
        *status = (int)eg_rows_int(rows, 0, "authenticate_account");
    }
    return rv;
}

static apr_status_t authenticate_account(eg_call *call)
{
    const char *session = take_arg(call, "SessionID"), *key = take_arg(call, "APIKey");
    const unsigned char *key_hash = NULL, *alone; /* the key's where there is no session, too */
    int status = EG_E_NOT_AUTHENTICATED, can_be;
    apr_status_t rv = APR_SUCCESS;

    if (key == NULL) {
        key = bearer_of(call);
    }
    if (session == NULL && key == NULL) {
        refuse_account(call, EG_E_NOT_AUTHENTICATED);
        return APR_SUCCESS;
    }
    can_be = read_credential(&call->session_hash, call, EG_KEY_SESSION, session) &&
             read_credential(&key_hash, call, EG_KEY_ACCOUNT, key);
    alone = session == NULL ? key_hash : NULL;
    if (!eg_ratelimit_client(call, alone, EG_E_NOT_AUTHENTICATED)) {
        return APR_SUCCESS;
    }
    if (can_be) {
        rv = check_credentials(&status, call, key_hash);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (status == 0) {
        eg_ratelimit_good(call, alone);
        return APR_SUCCESS;
    }
    if (status == EG_E_NOT_AUTHENTICATED) {
        eg_ratelimit_failed(call, alone);
    }
    refuse_account(call, status);
    return APR_SUCCESS;
}

apr_status_t eg_authorize(eg_call *call, eg_authority authority)
{
    switch (authority) {
    case EG_AUTH_NOBODY:
        break;
    case EG_AUTH_SENDER_KEY:
        find_sender_key(call);
        break;
    case EG_AUTH_ACCOUNT:
        return authenticate_account(call);
    }
    return APR_SUCCESS;
}

void eg_authorized(eg_call *call, eg_authority authority)
{
    if (authority == EG_AUTH_SENDER_KEY) {
        eg_ratelimit_good(call, call->key_hash);
    }
}
