/* EmailGateway.UpdateTemplate: other texts for a template; mails that were accepted keep the old ones. */
#include "templatetext.h"

static const eg_param params[] = {
    { "TemplateID", EG_ID, EG_REQUIRED, .error = 1 },
    { "Name", EG_TEXT, EG_OPTIONAL, .error = 2, .max = EG_TITLE_MAX },
    { .name = NULL },
};

/* 3, 4 and 5 are eg_templatetext_parse's. */
static const eg_fault faults[] = {
    { 1, "Missing required parameter 'TemplateID'" },
    { 6, "Template not found" },
    { 7, "A template must keep 'HTMLContent' or 'PlainContent'" },
    { 0, NULL },
};

enum { NO_TEMPLATE = 2, NO_CONTENT = 3 }; /* of emailgw_api.update_template */

/* An empty name changes nothing. */
static const char *new_name(const eg_call *call)
{
    const char *name = eg_param_text(call, "Name");

    return name != NULL && *name != '\0' ? name : NULL;
}

static apr_status_t run(eg_call *call)
{
    eg_templatetext texts;
    eg_rows *rows;
    apr_status_t rv;

    eg_templatetext_parse(&texts, call);
    if (eg_errors_any(&call->errors)) {
        return APR_SUCCESS;
    }
    rv = eg_db_call(&rows, call->db, EG_DB_REPEATABLE, "update_template",
                    EG_DB_ARGS(eg_db_int(call->account_id), eg_param_arg(call, "TemplateID"),
                               eg_db_text(new_name(call)), eg_db_text(texts.subject), eg_db_text(texts.html),
                               eg_db_text(texts.plain)));
    if (rv != APR_SUCCESS) {
        return rv;
    }
    switch (eg_rows_int(rows, 0, "status")) {
    case NO_TEMPLATE:
        eg_call_refuse(call, 6);
        break;
    case NO_CONTENT:
        eg_call_refuse(call, 7);
        break;
    default:
        eg_call_reply(call, json_object());
    }
    return APR_SUCCESS;
}

const eg_command eg_cmd_update_template = { .run = run, .params = params, .faults = faults };
