#include "send.h"

#include <stdlib.h>
#include <string.h>

#include "fieldlist.h"
#include "hostname.h"

int eg_send_hash_key(unsigned char hash[EG_HASH_SIZE], eg_call *call)
{
    apr_size_t length = strlen(call->idempotency_key);

    if (length == 0 || length > EG_IDEMPOTENCY_KEY_MAX) {
        eg_errors_add(&call->errors, EG_E_IDEMPOTENCY_KEY,
                      "Invalid Idempotency-Key: it must have 1 to %d characters", EG_IDEMPOTENCY_KEY_MAX);
        return 0;
    }
    eg_secret_hash(hash, call->idempotency_key, length);
    return 1;
}

void eg_send_hash_json(unsigned char hash[EG_HASH_SIZE], const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);

    eg_secret_hash(hash, text, strlen(text));
    free(text);
}

int eg_send_read(eg_send *send, eg_call *call)
{
    send->direct = (eg_direct){ EG_LIST_DIRECT_MAX, EG_LIST_DIRECT_BYTES_MAX };
    send->list_texts = EG_BATCH_TEXTS_MAX;
    eg_mail_parse(&send->mail, call);
    if (call->idempotency_key != NULL && eg_send_hash_key(send->hashes.key, call)) {
        eg_send_hash_json(send->hashes.body, call->args);
    }
    return !eg_errors_any(&call->errors);
}

void eg_send_check_domain(eg_call *call, const eg_send *send, const eg_rows *rows)
{
    const char *domain = eg_rows_text(rows, 0, "domain_name");
    const eg_mailbox *from = &send->mail.from.box;

    if (from->domain != NULL && !eg_hostname_within(from->domain, domain)) {
        eg_errors_add(&call->errors, EG_E_FROM,
                      "From parameter is invalid: '%s' is not an address of this key's domain %s",
                      from->address, domain);
    }
    if (eg_rows_bool(rows, 0, "unsubscribe_link") &&
        eg_fieldlist_has(send->mail.headers, EG_UNSUBSCRIBE_FIELDS)) {
        eg_errors_add(
            &call->errors, EG_E_HEADER,
            "List-Unsubscribe headers cannot be set in Headers while the domain's UnsubscribeLink is on: "
            "the gateway writes them");
    }
    eg_errors_drop_looked_up(&call->errors);
}

apr_status_t eg_send_report_all(eg_call *call, const eg_send *send)
{
    eg_rows *rows;
    apr_status_t rv;
    int status;

    rv = eg_db_call(&rows, call->db, EG_DB_REPEATABLE, "authenticate",
                    EG_DB_ARGS(eg_db_int(call->account_id), eg_db_bytes(call->key_hash, EG_HASH_SIZE),
                               eg_db_text("send")));
    if (rv != APR_SUCCESS) {
        return rv;
    }
    status = (int)eg_rows_int(rows, 0, "status");
    if (status != 0) {
        eg_call_refuse_key(call, status);
    }
    else {
        eg_send_check_domain(call, send, rows);
    }
    return APR_SUCCESS;
}

void eg_send_refuse_reuse(eg_call *call)
{
    eg_errors_add(&call->errors, 409, "This Idempotency-Key was used for a different request");
}

/* All that is wrong; what accept() refused and the domain allows by now is an error all the same. */
static apr_status_t report_again(eg_call *call, const eg_send *send, int status)
{
    apr_status_t rv = eg_send_report_all(call, send);

    if (rv == APR_SUCCESS && !eg_errors_any(&call->errors)) {
        eg_errors_add(&call->errors, status,
                      "The domain's settings were changed while the mail was looked at: send it again");
    }
    return rv;
}

apr_status_t eg_send_refuse(eg_call *call, const eg_send *send, const eg_rows *rows, int row)
{
    int status = (int)eg_rows_int(rows, row, "status");
    const char *detail = eg_rows_text(rows, row, "detail");

    switch (status) {
    case EG_E_FROM:
    case EG_E_HEADER:
        return report_again(call, send, status);
    case EG_E_SUPPRESSED:
        eg_errors_add(&call->errors, EG_E_SUPPRESSED,
                      "Email address is in the suppression list. Email delivery is blocked: %s", detail);
        break;
    case EG_E_LIMIT:
        call->retry_after = (int)eg_rows_int(rows, row, "retry_seconds");
        eg_errors_add(&call->errors, EG_E_LIMIT, "Email sending limit reached: %s", detail);
        break;
    case 409:
        eg_send_refuse_reuse(call);
        break;
    default:
        eg_call_refuse_key(call, status);
    }
    return APR_SUCCESS;
}
