/* EmailGateway.GetTemplates: the account's templates page by page, or one of them with its contents. */
#include "page.h"

static const eg_param params[] = {
    { "TemplateID", EG_ID, EG_OPTIONAL, .error = 3 },
    { "StartFrom", EG_COUNT, EG_OPTIONAL, .error = 1 },
    { "RetrieveCount", EG_COUNT, EG_OPTIONAL, .error = 2 },
    { .name = NULL },
};

static const eg_fault faults[] = {
    { 3, "Template not found" },
    { 0, NULL },
};

static json_t *template_json(const eg_rows *rows, int row, int whole)
{
    json_t *shown =
        json_pack("{s:s, s:s, s:s, s:o, s:o}", "TemplateID", eg_rows_text(rows, row, "template_id"), "Name",
                  eg_rows_text(rows, row, "name"), "Subject", eg_rows_text(rows, row, "subject"),
                  "CreationDate", eg_call_time(eg_rows_int(rows, row, "created_us")), "UpdateDate",
                  eg_call_time(eg_rows_int(rows, row, "updated_us")));

    if (whole) {
        const char *html = eg_rows_text(rows, row, "html"), *plain = eg_rows_text(rows, row, "plain");

        json_object_set_new(shown, "HTMLContent", json_string(html != NULL ? html : ""));
        json_object_set_new(shown, "PlainContent", json_string(plain != NULL ? plain : ""));
    }
    return shown;
}

static apr_status_t run(eg_call *call)
{
    int whole = eg_param_given(call, "TemplateID");
    json_t *templates;
    eg_rows *rows;
    apr_status_t rv = eg_db_call(&rows, call->db, EG_DB_REPEATABLE, "get_templates",
                                 EG_DB_ARGS(eg_db_int(call->account_id), eg_param_arg(call, "TemplateID"),
                                            eg_page_start(call), eg_page_count(call)));

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (whole && eg_rows_text(rows, 0, "template_id") == NULL) {
        eg_call_refuse(call, 3);
        return APR_SUCCESS;
    }
    templates = json_array();
    for (int row = 0; row < eg_rows_count(rows) && eg_rows_text(rows, row, "template_id") != NULL; row++) {
        json_array_append_new(templates, template_json(rows, row, whole));
    }
    eg_call_reply(call,
                  json_pack("{s:I, s:o}", "TotalRecords",
                            whole ? 1 : (json_int_t)eg_rows_int(rows, 0, "total"), "Templates", templates));
    return APR_SUCCESS;
}

const eg_command eg_cmd_get_templates = { .run = run, .params = params, .faults = faults };
