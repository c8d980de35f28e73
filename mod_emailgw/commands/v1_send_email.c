/* POST /api/v1/email: one mail into the queue. */
#include <stdlib.h>
#include <string.h>

#include <apr_cstr.h>

#include "accept.h"
#include "command.h"
#include "hostname.h"
#include "mail.h"
#include "uuid.h"

static int check_idempotency_key(eg_call *call, eg_idempotency *hashes)
{
    const char *key = call->idempotency_key;
    apr_size_t length;
    char *body;

    if (key == NULL) {
        return 1;
    }
    length = strlen(key);
    if (length == 0 || length > EG_IDEMPOTENCY_KEY_MAX) {
        eg_errors_add(&call->errors, EG_E_IDEMPOTENCY_KEY,
                      "Invalid Idempotency-Key: it must have 1 to %d characters", EG_IDEMPOTENCY_KEY_MAX);
        return 0;
    }
    body = json_dumps(call->args, JSON_COMPACT | JSON_SORT_KEYS);
    eg_secret_hash(hashes->key, key, length);
    eg_secret_hash(hashes->body, body, strlen(body));
    free(body);
    return 1;
}

/* Does the mail bring List-Unsubscribe headers of its own? */
static int brings_unsubscribe(const eg_mail *mail)
{
    json_t *header;
    size_t i;

    json_array_foreach(mail->headers, i, header)
    {
        if (apr_cstr_casecmpn(json_string_value(json_array_get(header, 0)), "List-Unsubscribe", 16) == 0) {
            return 1;
        }
    }
    return 0;
}

/* What only the key's domain can tell of a mail's faults. */
static void check_against_domain(eg_call *call, const eg_mail *mail, const eg_rows *rows)
{
    const char *domain = eg_rows_text(rows, 0, "domain_name");

    if (mail->from.box.domain != NULL && !eg_hostname_within(mail->from.box.domain, domain)) {
        eg_errors_add(&call->errors, EG_E_FROM,
                      "From parameter is invalid: '%s' is not an address of this key's domain %s",
                      mail->from.box.address, domain);
    }
    if (eg_rows_bool(rows, 0, "unsubscribe_link") && brings_unsubscribe(mail)) {
        eg_errors_add(
            &call->errors, EG_E_HEADER,
            "List-Unsubscribe headers cannot be set in Headers while the domain's UnsubscribeLink is on: "
            "the gateway writes them");
    }
}

/*
 * The mail has faults. A key that does not authenticate comes before all of
 * them; else those that only the key's domain can tell are added.
 */
static apr_status_t report_all(eg_call *call, const eg_mail *mail)
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
        check_against_domain(call, mail, rows);
    }
    return APR_SUCCESS;
}

/* What accept() refused with, in words. */
static apr_status_t refuse(eg_call *call, const eg_mail *mail, int status, const eg_rows *rows)
{
    const char *detail = eg_rows_text(rows, 0, "detail");

    switch (status) {
    case EG_E_FROM:
    case EG_E_HEADER:
        return report_all(call, mail);
    case EG_E_SUPPRESSED:
        eg_errors_add(&call->errors, EG_E_SUPPRESSED,
                      "Email address is in the suppression list. Email delivery is blocked: %s", detail);
        break;
    case EG_E_LIMIT:
        call->retry_after = (int)eg_rows_int(rows, 0, "retry_seconds");
        eg_errors_add(&call->errors, EG_E_LIMIT, "Email sending limit reached: %s", detail);
        break;
    case 409:
        eg_errors_add(&call->errors, 409, "This Idempotency-Key was used for a different request");
        break;
    default:
        eg_call_refuse_key(call, status);
    }
    return APR_SUCCESS;
}

/* No template and no list exists. */
static void refuse_ids(eg_call *call, const eg_mail *mail)
{
    if (mail->template_given) {
        eg_errors_add(&call->errors, EG_E_TEMPLATE, "Invalid TemplateID: there is none with this id");
    }
    if (mail->list_given) {
        eg_errors_add(&call->errors, EG_E_LIST, "Invalid TargetListID: there is none with this id");
    }
}

static apr_status_t run(eg_call *call)
{
    char message_id[EG_UUID_SIZE];
    eg_idempotency hashes;
    eg_mail mail;
    eg_rows *rows;
    apr_status_t rv;
    int status;

    eg_mail_parse(&mail, call);
    if (!check_idempotency_key(call, &hashes) || eg_errors_any(&call->errors)) {
        return report_all(call, &mail);
    }
    if (mail.template_given || mail.list_given) {
        refuse_ids(call, &mail);
        return report_all(call, &mail);
    }
    rv = eg_uuid_new(message_id, call->now);
    if (rv == APR_SUCCESS) {
        rv = eg_accept_mail(&rows, call, &mail, message_id, &hashes);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    status = (int)eg_rows_int(rows, 0, "status");
    if (status != 0) {
        return refuse(call, &mail, status, rows);
    }
    call->replayed = eg_rows_bool(rows, 0, "replayed");
    eg_call_reply(call, json_pack("{s:s}", "MessageID", eg_rows_text(rows, 0, "message_id")));
    return APR_SUCCESS;
}

const eg_command eg_cmd_v1_send_email = { .run = run };
