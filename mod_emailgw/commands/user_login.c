/* User.Login: a session for a user name and a password. */
#include <string.h>

#include <apr_md5.h>
#include <apr_strings.h>
#include <openssl/crypto.h>

#include "command.h"
#include "json.h"

#define USERNAME_MAX 255

/*
 * bcrypt of nothing that anybody knows, at the cost of eg_password_hash: so that
 * a name that nobody has takes as long as a wrong password.
 */
#define NOBODYS_HASH "$2y$10$xziMVT44u786Wua9iBX7vu9wRq/YPZzZCcUnxL4spMFJB8RcAaozG"

static const eg_param params[] = {
    { "Username", EG_TEXT, EG_REQUIRED, .error = 1, .max = USERNAME_MAX },
    { .name = NULL },
};

static const eg_fault faults[] = {
    { 1, "Missing required parameter: Username" },
    { 2, "Missing required parameter: Password" },
    { 3, "Invalid user name or password" },
    { 4, "Too many attempts to log in" },
    { 0, NULL },
};

/* Out of the arguments and into this copy alone, which is wiped. NULL when there is none. */
static char *take_password(eg_call *call)
{
    json_t *value = eg_call_arg(call, "Password");

    return json_string_length(value) > 0 ? apr_pstrdup(call->pool, json_string_value(value)) : NULL;
}

static void wipe(eg_call *call, char *password)
{
    char *given = (char *)json_string_value(eg_call_arg(call, "Password"));

    OPENSSL_cleanse(password, strlen(password));
    OPENSSL_cleanse(given, strlen(given));
}

/* bcrypt looks at EG_PASSWORD_MAX bytes: a longer password is none that was ever set. */
static int is_right(const char *password, const char *hash)
{
    int equal = apr_password_validate(password, hash) == APR_SUCCESS;

    return equal && strlen(password) <= EG_PASSWORD_MAX;
}

/* The password was right. @return other than APR_SUCCESS: our fault */
static apr_status_t begin_session(eg_call *call, apr_int64_t account_id, const char *hash)
{
    const char *id = eg_apikey_new(EG_KEY_SESSION, account_id, call->pool),
               *username = eg_param_text(call, "Username");
    unsigned char id_hash[EG_HASH_SIZE];
    eg_rows *rows;
    apr_status_t rv;

    if (id == NULL) {
        return APR_EGENERAL;
    }
    eg_secret_hash(id_hash, id, strlen(id));
    rv = eg_db_call(&rows, call->db, EG_DB_ONCE, "add_session",
                    EG_DB_ARGS(eg_db_int(account_id), eg_db_bytes(id_hash, sizeof id_hash), eg_db_text(hash),
                               eg_db_int(apr_time_sec(call->limits->session_max))));
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (!eg_rows_bool(rows, 0, "add_session")) {
        eg_call_refuse(call, 3);
        return APR_SUCCESS;
    }
    eg_call_reply(call, json_pack("{s:s, s:s, s:s}", "SessionID", id, "UserID", eg_call_id(call, account_id),
                                  "Username", username));
    return eg_db_call(&rows, call->db, EG_DB_REPEATABLE, "login_end",
                      EG_DB_ARGS(eg_db_int(0), eg_db_text(username), eg_db_text(call->client)));
}

/* Whose name it is; 0 for one that nobody has, and for others than the virtual host's account. */
static apr_int64_t account_of(const eg_call *call, const eg_rows *rows)
{
    apr_int64_t account_id = eg_rows_int(rows, 0, "account_id"), only = call->limits->account_id;

    return only == 0 || only == account_id ? account_id : 0;
}

/* The same steps for a name that nobody has: its account is 0. */
static apr_status_t try_password(eg_call *call, apr_int64_t account_id, const char *password)
{
    const char *hash = NOBODYS_HASH;
    int disabled = 1;
    eg_rows *rows;
    apr_status_t rv =
        eg_db_call(&rows, call->db, EG_DB_REPEATABLE, "login_account", EG_DB_ARGS(eg_db_int(account_id)));

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (eg_rows_count(rows) > 0) {
        hash = eg_rows_text(rows, 0, "password_hash");
        disabled = strcmp(eg_rows_text(rows, 0, "status"), "disabled") == 0;
    }
    if (!is_right(password, hash) || disabled) {
        eg_call_refuse(call, 3);
        return APR_SUCCESS;
    }
    return begin_session(call, account_id, hash);
}

static apr_status_t run(eg_call *call)
{
    char *password = take_password(call);
    eg_rows *rows;
    apr_status_t rv;

    if (password == NULL) {
        eg_call_refuse(call, 2);
        return APR_SUCCESS;
    }
    /* Not repeatable: each call counts a try. */
    rv = eg_db_call(
        &rows, call->db, EG_DB_ONCE, "login_begin",
        EG_DB_ARGS(eg_db_int(0), eg_db_text(eg_param_text(call, "Username")), eg_db_text(call->client)));
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (eg_rows_text(rows, 0, "wait_seconds") != NULL) {
        eg_call_refuse_for(call, 4, "wait %d seconds", (int)eg_rows_int(rows, 0, "wait_seconds"));
    }
    else {
        rv = try_password(call, account_of(call, rows), password);
    }
    wipe(call, password);
    return rv;
}

const eg_command eg_cmd_user_login = { .run = run, .params = params, .faults = faults };
