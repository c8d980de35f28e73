/* EmailGateway.AddTemplate: a template for mails of the account's domains. */
#include "templatetext.h"

static const eg_param params[] = {
    { "Name", EG_TEXT, EG_REQUIRED, .error = 1, .max = EG_TITLE_MAX },
    { .name = NULL },
};

/* 3, 4 and 5 are eg_templatetext_parse's. */
static const eg_fault faults[] = {
    { 1, "Missing required parameter 'Name'" },
    { 2, "Missing required parameter 'Subject'" },
    { 6, "Missing content: 'HTMLContent' or 'PlainContent' is required" },
    { 0, NULL },
};

static int is_there(const char *text)
{
    return text != NULL && *text != '\0';
}

static apr_status_t add(eg_call *call, const eg_templatetext *texts)
{
    eg_rows *rows;
    /* Not repeatable: a second template would stay. */
    apr_status_t rv = eg_db_call(
        &rows, call->db, EG_DB_ONCE, "add_template",
        EG_DB_ARGS(eg_db_int(call->account_id), eg_param_arg(call, "Name"), eg_db_text(texts->subject),
                   eg_db_text(is_there(texts->html) ? texts->html : NULL),
                   eg_db_text(is_there(texts->plain) ? texts->plain : NULL), eg_db_int(EG_TEMPLATES_MAX)));

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (eg_rows_int(rows, 0, "status") != 0) {
        eg_errors_add(&call->errors, EG_E_TOO_MANY,
                      "The account has %d templates, which is the most: delete one first", EG_TEMPLATES_MAX);
    }
    else {
        eg_call_reply(call, json_pack("{s:s}", "NewTemplateID", eg_rows_text(rows, 0, "template_id")));
    }
    return APR_SUCCESS;
}

static apr_status_t run(eg_call *call)
{
    eg_templatetext texts;

    if (eg_call_arg(call, "Subject") == NULL) {
        eg_call_refuse(call, 2);
        return APR_SUCCESS;
    }
    eg_templatetext_parse(&texts, call);
    if (!eg_errors_any(&call->errors) && !is_there(texts.html) && !is_there(texts.plain)) {
        eg_call_refuse(call, 6);
    }
    return eg_errors_any(&call->errors) ? APR_SUCCESS : add(call, &texts);
}

const eg_command eg_cmd_add_template = { .run = run, .params = params, .faults = faults };
