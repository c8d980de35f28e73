#include "smtp_submit.h"

#include <stdlib.h>
#include <string.h>

#include <apr_cstr.h>
#include <apr_strings.h>

#include "accept.h"
#include "json.h"
#include "mail.h"
#include "uuid.h"

/* "12" up to the end or another character, in its one spelling: failures are counted by it. @return 0 when it is no id */
static apr_int64_t read_id(const char **text)
{
    char *end;
    apr_int64_t id = **text >= '1' && **text <= '9' ? apr_strtoi64(*text, &end, 10) : 0;

    if (id < 1 || id > EG_ID_MAX) {
        return 0;
    }
    *text = end;
    return id;
}

/* egm_<account>_<id> */
static int read_username(eg_smtp_login *login, const char *username)
{
    if (strncmp(username, "egm_", 4) != 0) {
        return 0;
    }
    username += 4;
    login->account_id = read_id(&username);
    if (login->account_id == 0 || *username++ != '_') {
        return 0;
    }
    login->smtp_id = read_id(&username);
    return login->smtp_id != 0 && *username == '\0';
}

apr_status_t eg_smtp_authenticate(eg_smtp_login *login, int *status, eg_call *call, const char *username,
                                  const char *password)
{
    apr_int64_t only = call->limits->account_id;
    eg_rows *rows;
    apr_status_t rv;

    eg_secret_hash(login->password_hash, password, strlen(password));
    if (!read_username(login, username) || (only != 0 && login->account_id != only)) {
        login->account_id = login->smtp_id = 0; /* asked for all the same: it takes the same time */
    }
    rv = eg_db_call(&rows, call->db, EG_DB_REPEATABLE, "authenticate_smtp",
                    EG_DB_ARGS(eg_db_int(login->account_id), eg_db_int(login->smtp_id),
                               eg_db_bytes(login->password_hash, EG_HASH_SIZE)));
    if (rv == APR_SUCCESS) {
        *status = eg_rows_count(rows) > 0 ? (int)eg_rows_int(rows, 0, "status") : EG_E_KEY;
    }
    return rv;
}

/* ---- the mail ------------------------------------------------------------------------------------------ */

/* A field of the header as it stands, "" without it. */
static const char *field(const char *text, const char *name, apr_pool_t *pool)
{
    const char *line = text, *end = strstr(text, "\r\n\r\n");

    for (; line != NULL && line < end; line = strstr(line, "\r\n")) {
        line += strspn(line, "\r\n");
        if (apr_cstr_casecmpn(line, name, strlen(name)) == 0 && line[strlen(name)] == ':') {
            line += strlen(name) + 1;
            line += strspn(line, " ");
            return apr_pstrmemdup(pool, line, strcspn(line, "\r"));
        }
    }
    return "";
}

/* An address alone, or the one in angle brackets. */
static int read_address(eg_mail_address *address, const char *text, apr_pool_t *pool)
{
    const char *bracket = strchr(text, '<');

    if (bracket != NULL) {
        text = apr_pstrmemdup(pool, bracket + 1, strcspn(bracket + 1, ">"));
    }
    address->name = "";
    return eg_mailbox_parse(&address->box, text, pool) == APR_SUCCESS;
}

static void make_mail(eg_mail *mail, const eg_smtp_envelope *envelope, const char *text, apr_pool_t *pool)
{
    const char *body = strstr(text, "\r\n\r\n");
    const char *subject = field(text, "Subject", pool);

    *mail = (eg_mail){ .subject = *subject != '\0' ? subject : "(none)",
                       .plain = body != NULL ? body + 4 : "",
                       .headers = eg_json_own(json_array(), pool),
                       .size = strlen(text) };
    mail->to = apr_array_make(pool, 1, sizeof(eg_mail_address));
    mail->cc = mail->bcc = mail->reply_to = apr_array_make(pool, 1, sizeof(eg_mail_address));
    mail->tags = apr_array_make(pool, 1, sizeof(const char *));
    mail->attachments = apr_array_make(pool, 1, sizeof(eg_mail_attachment));
    for (int i = 0; i < envelope->recipients->nelts; i++) {
        read_address(&APR_ARRAY_PUSH(mail->to, eg_mail_address),
                     APR_ARRAY_IDX(envelope->recipients, i, const char *), pool);
    }
}

/* The oldest sender key of the credential's domain. @return status of the credential, 32 without a key */
static apr_status_t find_key(int *status, eg_call *call, const eg_smtp_login *login)
{
    eg_rows *rows;
    eg_bytes key;
    apr_status_t rv = eg_db_call(&rows, call->db, EG_DB_REPEATABLE, "authenticate_smtp",
                                 EG_DB_ARGS(eg_db_int(login->account_id), eg_db_int(login->smtp_id),
                                            eg_db_bytes(login->password_hash, EG_HASH_SIZE)));

    if (rv != APR_SUCCESS) {
        return rv;
    }
    *status = eg_rows_count(rows) > 0 ? (int)eg_rows_int(rows, 0, "status") : EG_E_KEY;
    if (*status != 0) {
        return APR_SUCCESS;
    }
    rv = eg_db_call(&rows, call->db, EG_DB_REPEATABLE, "get_apis",
                    EG_DB_ARGS(eg_db_int(login->account_id), eg_db_int(eg_rows_int(rows, 0, "domain_id"))));
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (eg_rows_text(rows, 0, "api_key_id") == NULL ||
        eg_unseal(&key, call->secret, EG_SEAL_SENDER_KEY, login->account_id,
                  eg_rows_bytes(rows, 0, "key_sealed", call->pool), call->pool) != APR_SUCCESS) {
        *status = EG_E_DOMAIN_INACTIVE;
        return APR_SUCCESS;
    }
    eg_secret_hash(call->key_hash, key.data, key.size);
    return APR_SUCCESS;
}

static void answer(eg_smtp_reply *reply, eg_call *call, int status, const eg_rows *rows)
{
    const char *detail = rows != NULL ? eg_rows_text(rows, 0, "detail") : NULL;

    switch (status) {
    case 0:
        *reply = (eg_smtp_reply){
            250, "2.0.0", apr_pstrcat(call->pool, "Ok: queued as ", eg_rows_text(rows, 0, "message_id"), NULL)
        };
        break;
    case EG_E_FROM:
        *reply = (eg_smtp_reply){ 550, "5.7.1", "From is not an address of the domain" };
        break;
    case EG_E_SUPPRESSED:
        *reply = (eg_smtp_reply){
            550, "5.7.1", apr_pstrcat(call->pool, "Email address is in the suppression list: ", detail, NULL)
        };
        break;
    case EG_E_LIMIT:
        *reply = (eg_smtp_reply){ 452, "4.7.1",
                                  apr_pstrcat(call->pool, "Email sending limit reached: ", detail, NULL) };
        break;
    default:
        eg_call_refuse_key(call, status);
        *reply = (eg_smtp_reply){ 550, "5.7.1", eg_errors_first(&call->errors)->message };
    }
}

apr_status_t eg_smtp_submit(eg_smtp_reply *reply, eg_call *call, const eg_smtp_login *login,
                            const eg_smtp_envelope *envelope, eg_bytes message)
{
    const char *text = apr_pstrmemdup(call->pool, message.data, message.size);
    char message_id[EG_UUID_SIZE];
    eg_idempotency none = { .key = { 0 } };
    eg_rows *rows;
    eg_mail mail;
    apr_status_t rv;
    int status;

    make_mail(&mail, envelope, text, call->pool);
    if (!read_address(&mail.from, field(text, "From", call->pool), call->pool)) {
        answer(reply, call, EG_E_FROM, NULL);
        return APR_SUCCESS;
    }
    call->account_id = login->account_id;
    rv = find_key(&status, call, login);
    if (rv == APR_SUCCESS && status != 0) {
        answer(reply, call, status, NULL);
        return APR_SUCCESS;
    }
    if (rv == APR_SUCCESS) {
        rv = eg_uuid_new(message_id, call->now);
    }
    if (rv == APR_SUCCESS) {
        rv = eg_accept_mail(&rows, call, &mail, message_id, &none);
    }
    if (rv == APR_SUCCESS) {
        answer(reply, call, (int)eg_rows_int(rows, 0, "status"), rows);
    }
    return rv;
}
