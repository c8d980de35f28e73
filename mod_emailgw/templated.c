/* A request with TemplateID or TargetListID: template and list looked up, texts filled in. */
#include "templated.h"

#include <string.h>

#include "listsend.h"

static eg_dbarg id_arg(int given, apr_int64_t id)
{
    return given ? eg_db_int(id) : eg_db_text(NULL);
}

static apr_status_t look_up(eg_rows **rows, eg_call *call, const eg_send *send, eg_dbarg template_id,
                            eg_dbarg list_id)
{
    return eg_db_call(rows, call->db, EG_DB_REPEATABLE, "prepare_mail",
                      EG_DB_ARGS(eg_db_int(call->account_id), eg_db_bytes(call->key_hash, EG_HASH_SIZE),
                                 eg_idempotency_arg(call, send->hashes.key),
                                 eg_idempotency_arg(call, send->hashes.body), template_id, list_id));
}

/* The answer that the same request had; or the key is another's. It takes the place of all errors. */
static apr_status_t answer_again(eg_call *call, eg_send *send, const eg_rows *rows)
{
    const char *id = eg_rows_text(rows, 0, "answer_id");

    eg_errors_init(&call->errors, call->pool);
    if (eg_rows_int(rows, 0, "answer") != 0) {
        eg_send_refuse_reuse(call);
        return APR_SUCCESS;
    }
    call->replayed = 1;
    if (send->mail.list_given) {
        return eg_listsend_answer(call, &send->direct, id);
    }
    eg_call_reply(call, json_pack("{s:s}", "MessageID", id));
    return APR_SUCCESS;
}

static void take_template(eg_mail *mail, eg_call *call, const eg_rows *rows, int row)
{
    if (!eg_rows_bool(rows, row, "template_known")) {
        eg_errors_add(&call->errors, EG_E_TEMPLATE, "Invalid TemplateID: there is none with this id");
        return;
    }
    eg_mail_take_template(mail, call, eg_rows_text(rows, row, "subject"), eg_rows_text(rows, row, "html"),
                          eg_rows_text(rows, row, "plain"));
}

/*
 * What a list's mails are made of counts also where they are made already: a batch that comes again, or twice
 * at once, must be refused the same mails.
 */
static void check_list(eg_call *call, eg_send *send, const eg_rows *rows)
{
    const eg_mail *mail = &send->mail;
    apr_size_t bytes = eg_mail_attached(mail) + (mail->html != NULL ? strlen(mail->html) : 0) +
                       (mail->plain != NULL ? strlen(mail->plain) : 0);

    if (bytes > send->list_texts) {
        eg_errors_add(
            &call->errors, EG_E_TOO_LARGE,
            "The mail is too large: contents and attachments of mails of a batch that go to lists may "
            "have %d bytes together",
            EG_BATCH_TEXTS_MAX);
    }
    else {
        send->list_texts -= bytes;
    }
    if (!eg_rows_bool(rows, 0, "list_known")) {
        eg_errors_add(&call->errors, EG_E_LIST, "Invalid TargetListID: there is none with this id");
    }
}

static apr_status_t go_on(int *done, eg_call *call, eg_send *send, const eg_rows *rows)
{
    if (!eg_errors_any(&call->errors) && send->mail.list_given) {
        return eg_listsend_run(call, send, eg_rows_int(rows, 0, "domain_id"),
                               (int)eg_rows_int(rows, 0, "subscribers"));
    }
    if (!eg_errors_any(&call->errors)) {
        eg_mail_fill(&send->mail, call);
    }
    *done = eg_errors_any(&call->errors);
    return *done ? eg_send_report_all(call, send) : APR_SUCCESS;
}

apr_status_t eg_templated_run(int *done, eg_call *call, eg_send *send)
{
    eg_mail *mail = &send->mail;
    eg_rows *rows;
    apr_status_t rv;

    if (!eg_mail_is_template(mail)) {
        return APR_SUCCESS;
    }
    rv = look_up(&rows, call, send, id_arg(mail->template_given, mail->template_id),
                 id_arg(mail->list_given, mail->target_list_id));
    if (rv != APR_SUCCESS) {
        return rv;
    }
    *done = 1;
    if (eg_rows_int(rows, 0, "status") != 0) {
        eg_call_refuse_key(call, (int)eg_rows_int(rows, 0, "status"));
        return APR_SUCCESS;
    }
    if (mail->template_given) {
        take_template(mail, call, rows, 0);
    }
    if (mail->list_given) {
        check_list(call, send, rows);
    }
    return eg_rows_text(rows, 0, "answer") != NULL ? answer_again(call, send, rows)
                                                   : go_on(done, call, send, rows);
}

void eg_templated_fill(eg_call *call, eg_mail *mail, const eg_rows *rows, int row)
{
    take_template(mail, call, rows, row);
    if (!eg_errors_any(&call->errors)) {
        eg_mail_fill(mail, call);
    }
}

apr_status_t eg_templated_replay(eg_call *call, eg_send *send)
{
    eg_rows *rows;
    apr_status_t rv;

    if (call->idempotency_key == NULL) {
        return APR_SUCCESS;
    }
    /* The texts of its template are not asked for: a batch may have hundreds of such mails. */
    rv = look_up(&rows, call, send, eg_db_text(NULL), eg_db_text(NULL));
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (eg_rows_int(rows, 0, "status") == 0 && eg_rows_text(rows, 0, "answer") != NULL) {
        rv = answer_again(call, send, rows);
    }
    eg_rows_free(rows);
    return rv;
}
