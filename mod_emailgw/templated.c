/* A request with TemplateID or TargetListID: template and list looked up, texts filled in. */
#include "templated.h"

#include "listsend.h"

static eg_dbarg id_arg(int given, apr_int64_t id)
{
    return given ? eg_db_int(id) : eg_db_text(NULL);
}

static apr_status_t look_up(eg_rows **rows, eg_call *call, const eg_send *send)
{
    const eg_mail *mail = &send->mail;

    return eg_db_call(rows, call->db, EG_DB_REPEATABLE, "prepare_mail",
                      EG_DB_ARGS(eg_db_int(call->account_id), eg_db_bytes(call->key_hash, EG_HASH_SIZE),
                                 eg_idempotency_arg(call, send->hashes.key),
                                 eg_idempotency_arg(call, send->hashes.body),
                                 id_arg(mail->template_given, mail->template_id),
                                 id_arg(mail->list_given, mail->target_list_id)));
}

/* The answer that the same request had; or the key is another's. */
static apr_status_t answer_again(eg_call *call, const eg_send *send, const eg_rows *rows)
{
    const char *id = eg_rows_text(rows, 0, "answer_id");

    if (eg_rows_int(rows, 0, "answer") != 0) {
        eg_send_refuse_reuse(call);
        return APR_SUCCESS;
    }
    call->replayed = 1;
    if (send->mail.list_given) {
        return eg_listsend_answer(call, id);
    }
    eg_call_reply(call, json_pack("{s:s}", "MessageID", id));
    return APR_SUCCESS;
}

static void check_template(eg_call *call, const eg_rows *rows, int row)
{
    if (!eg_rows_bool(rows, row, "template_known")) {
        eg_errors_add(&call->errors, EG_E_TEMPLATE, "Invalid TemplateID: there is none with this id");
    }
}

/* What the request names must be there. */
static void check_ids(eg_call *call, const eg_mail *mail, const eg_rows *rows)
{
    if (mail->template_given) {
        check_template(call, rows, 0);
    }
    if (mail->list_given && !eg_rows_bool(rows, 0, "list_known")) {
        eg_errors_add(&call->errors, EG_E_LIST, "Invalid TargetListID: there is none with this id");
    }
}

static void take_template(eg_mail *mail, eg_call *call, const eg_rows *rows, int row)
{
    eg_mail_take_template(mail, call, eg_rows_text(rows, row, "subject"), eg_rows_text(rows, row, "html"),
                          eg_rows_text(rows, row, "plain"));
}

static apr_status_t go_on(int *done, eg_call *call, eg_send *send, const eg_rows *rows)
{
    eg_mail *mail = &send->mail;

    if (mail->template_given) {
        take_template(mail, call, rows, 0);
    }
    if (!mail->list_given) {
        eg_mail_fill(mail, call);
        *done = eg_errors_any(&call->errors);
    }
    else if (!eg_errors_any(&call->errors)) {
        return eg_listsend_run(call, send, eg_rows_int(rows, 0, "domain_id"),
                               (int)eg_rows_int(rows, 0, "subscribers"));
    }
    return eg_errors_any(&call->errors) ? eg_send_report_all(call, send) : APR_SUCCESS;
}

apr_status_t eg_templated_run(int *done, eg_call *call, eg_send *send)
{
    eg_rows *rows;
    apr_status_t rv;

    if (!eg_mail_is_template(&send->mail)) {
        return APR_SUCCESS;
    }
    rv = look_up(&rows, call, send);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    *done = 1;
    if (eg_rows_int(rows, 0, "status") != 0) {
        eg_call_refuse_key(call, (int)eg_rows_int(rows, 0, "status"));
        return APR_SUCCESS;
    }
    if (eg_rows_text(rows, 0, "answer") != NULL) {
        return answer_again(call, send, rows);
    }
    check_ids(call, &send->mail, rows);
    if (eg_errors_any(&call->errors)) {
        return eg_send_report_all(call, send);
    }
    return go_on(done, call, send, rows);
}

void eg_templated_fill(eg_call *call, eg_mail *mail, const eg_rows *rows, int row)
{
    check_template(call, rows, row);
    if (!eg_errors_any(&call->errors)) {
        take_template(mail, call, rows, row);
        eg_mail_fill(mail, call);
    }
}

apr_status_t eg_templated_replay(int *done, eg_call *call, const eg_send *send)
{
    eg_rows *rows;
    apr_status_t rv = APR_SUCCESS;

    if (call->idempotency_key == NULL) {
        return rv;
    }
    rv = look_up(&rows, call, send);
    if (rv != APR_SUCCESS || eg_rows_int(rows, 0, "status") != 0 || eg_rows_text(rows, 0, "answer") == NULL) {
        return rv;
    }
    *done = 1;
    eg_errors_init(&call->errors, call->pool);
    return answer_again(call, send, rows);
}
