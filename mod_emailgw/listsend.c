/* POST /api/v1/email with TargetListID. */
#include "listsend.h"

#include <string.h>

#include "json.h"
#include "uuid.h"

#define NUMBER_DIGITS 8 /* of a mail's id, the last: its number within the job; 0 in the job's */

static apr_status_t new_job_id(char id[EG_UUID_SIZE], apr_time_t now)
{
    apr_status_t rv = eg_uuid_new(id, now);

    memset(id + EG_UUID_SIZE - 1 - NUMBER_DIGITS, '0', NUMBER_DIGITS);
    return rv;
}

static void take_from(eg_direct *direct, int subscribers, apr_size_t bytes)
{
    direct->subscribers -= subscribers < direct->subscribers ? subscribers : direct->subscribers;
    direct->bytes -= bytes < direct->bytes ? bytes : direct->bytes;
}

/*
 * The mails of a short list.
 * @param made  set where they are few and small enough to be taken with the request
 */
static apr_status_t make_mails(int *made, eg_listbatch *batch, eg_call *call, eg_send *send,
                               apr_int64_t domain_id)
{
    const eg_mail *mail = &send->mail;
    eg_direct *direct = &send->direct;
    const eg_listmail texts = { mail->subject, mail->html, mail->plain, mail->data, eg_mail_attached(mail) };
    eg_rows *rows;
    apr_status_t rv = eg_db_call(&rows, call->db, EG_DB_REPEATABLE, "get_list_targets",
                                 EG_DB_ARGS(eg_db_int(call->account_id), eg_db_int(mail->target_list_id),
                                            eg_db_int(domain_id), eg_db_int(0), eg_db_int(EG_ID_MAX),
                                            eg_db_int(direct->subscribers + 1)));

    if (rv != APR_SUCCESS) {
        return rv;
    }
    eg_listbatch_init(batch, 0, call->pool);
    if (eg_rows_count(rows) <= direct->subscribers) {
        eg_listbatch_add(batch, &texts, rows, direct->bytes, call->pool);
        *made = batch->bytes <= direct->bytes;
    }
    take_from(direct, eg_rows_count(rows), batch->bytes);
    return APR_SUCCESS;
}

static void check_contents(eg_call *call, const eg_mail *mail)
{
    if ((mail->html != NULL && strlen(mail->html) > EG_TEMPLATE_BYTES_MAX) ||
        (mail->plain != NULL && strlen(mail->plain) > EG_TEMPLATE_BYTES_MAX)) {
        eg_errors_add(&call->errors, EG_E_TOO_LARGE,
                      "The mail is too large: to a list, HtmlContent and PlainContent may have %d bytes each",
                      EG_TEMPLATE_BYTES_MAX);
    }
}

/* What accept_list() refused with, in words. */
static apr_status_t refuse(eg_call *call, const eg_send *send, const eg_rows *rows)
{
    switch (eg_rows_int(rows, 0, "status")) {
    case EG_E_LIST:
        eg_errors_add(&call->errors, EG_E_LIST, "Invalid TargetListID: there is none with this id");
        return APR_SUCCESS;
    case EG_E_NO_RECIPIENT:
        eg_errors_add(&call->errors, EG_E_NO_RECIPIENT,
                      "There is no recipient set for the email: the list has no subscribers");
        return APR_SUCCESS;
    default:
        return eg_send_refuse(call, send, rows, 0);
    }
}

static json_t *make_reply(const eg_rows *rows, const char *job_id, int with_ids, apr_pool_t *pool)
{
    json_t *ids = with_ids ? eg_json_stored(eg_rows_text(rows, 0, "message_ids"), pool)
                           : eg_json_own(json_array(), pool);
    json_t *reply = json_pack("{s:O, s:I}", "MessageID", ids, "Recipients",
                              (json_int_t)eg_rows_int(rows, 0, "recipients"));

    if (eg_rows_bool(rows, 0, "direct")) {
        json_object_set_new(reply, "Suppressed", json_integer(eg_rows_int(rows, 0, "suppressed")));
        json_object_set_new(reply, "Failed", json_integer(eg_rows_int(rows, 0, "failed")));
    }
    if (!with_ids) {
        json_object_set_new(reply, "JobID", json_string(job_id));
    }
    return reply;
}

apr_status_t eg_listsend_answer(eg_call *call, eg_direct *direct, const char *job_id)
{
    int recipients, with_ids;
    eg_rows *rows;
    apr_status_t rv = eg_db_call(&rows, call->db, EG_DB_REPEATABLE, "get_list_answer",
                                 EG_DB_ARGS(eg_db_int(call->account_id), eg_db_text(job_id)));

    if (rv != APR_SUCCESS) {
        return EG_DB_UNKNOWN;
    }
    if (eg_rows_count(rows) == 0) {
        eg_log_at(call->log, EG_LOG_WARN, APR_SUCCESS,
                  EGLOGNO(0240) "list job %s was taken, and is not there to be told of", job_id);
        return EG_DB_UNKNOWN;
    }
    recipients = (int)eg_rows_int(rows, 0, "recipients");
    with_ids = eg_rows_bool(rows, 0, "direct") && recipients <= direct->subscribers;
    if (with_ids) {
        take_from(direct, recipients, 0);
    }
    eg_call_reply(call, make_reply(rows, job_id, with_ids, call->pool));
    return APR_SUCCESS;
}

/*
 * The mails of a short list with the request, or all that the sender needs to make them: also where the mails
 * are too many for any hour, day or month of the account's.
 * @param direct  set where the mails are taken themselves
 * @param rows  of sql accept_list
 */
static apr_status_t take(eg_rows **rows, int *direct, eg_call *call, eg_send *send, const char *job_id,
                         apr_int64_t domain_id, int subscribers)
{
    eg_listbatch batch;
    apr_status_t rv = APR_SUCCESS;

    if (subscribers <= send->direct.subscribers && send->direct.bytes > 0) {
        rv = make_mails(direct, &batch, call, send, domain_id);
    }
    if (rv == APR_SUCCESS && *direct) {
        rv = eg_accept_list(rows, call, &send->mail, job_id, &send->hashes, &batch);
        *direct = rv != APR_SUCCESS || !eg_accept_never_fits(*rows, 0);
    }
    if (rv == APR_SUCCESS && !*direct) {
        rv = eg_accept_list(rows, call, &send->mail, job_id, &send->hashes, NULL);
    }
    return rv;
}

apr_status_t eg_listsend_run(eg_call *call, eg_send *send, apr_int64_t domain_id, int subscribers)
{
    eg_direct told = { EG_LIST_DIRECT_MAX, 0 }; /* what was made counts already */
    char job_id[EG_UUID_SIZE];
    eg_rows *rows;
    int direct = 0;
    apr_status_t rv;

    check_contents(call, &send->mail);
    if (eg_errors_any(&call->errors)) {
        return eg_send_report_all(call, send);
    }
    rv = new_job_id(job_id, call->now);
    if (rv == APR_SUCCESS) {
        rv = take(&rows, &direct, call, send, job_id, domain_id, subscribers);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (eg_rows_int(rows, 0, "status") != 0) {
        return refuse(call, send, rows);
    }
    call->replayed = eg_rows_bool(rows, 0, "replayed");
    return eg_listsend_answer(call, direct ? &told : &send->direct, eg_rows_text(rows, 0, "message_id"));
}
