/* EmailGateway.GetSuppressions: who gets nothing, and why, page by page. */
#include <string.h>

#include <apr_strings.h>

#include "command.h"
#include "hostname.h"
#include "suppressionlist.h"

#define QUERY_MAX EG_MAILBOX_MAX
#define AFTER_MAX (EG_MAILBOX_MAX + 20) /* a number and a colon before it */

static const eg_param params[] = {
    { "DomainID", EG_ID, EG_OPTIONAL, .invalid = 2 },
    { "Query", EG_TEXT, EG_OPTIONAL, .error = 3, .max = QUERY_MAX },
    { "Reason", EG_TEXT, EG_OPTIONAL, .error = 4, .max = EG_SUPPRESSION_REASON_MAX },
    { "RetrieveCount", EG_COUNT, EG_OPTIONAL, .error = 5 },
    { "After", EG_TEXT, EG_OPTIONAL, .error = 6, .max = AFTER_MAX },
    { .name = NULL },
};

static const eg_fault faults[] = {
    { 2, "Invalid DomainID or DomainID not found" },
    { 6, "Invalid parameter 'After': it must be Next of the page before" },
    { 0, NULL },
};

/* An empty one is none. */
static const char *given(const eg_call *call, const char *name)
{
    const char *text = eg_param_text(call, name);

    return text != NULL && *text != '\0' ? text : NULL;
}

/*
 * What is searched for with the labels of its domain as they are kept; NULL where they are none. It may be a
 * part of a name, one label or more, so it is judged as the begin of a name.
 */
static const char *with_a_labels(const char *query, apr_pool_t *pool)
{
    static const char rest[] = ".example";
    const char *at, *domain, *name;

    if (query == NULL) {
        return NULL;
    }
    at = strrchr(query, '@');
    domain = at != NULL ? at + 1 : query;
    if (eg_hostname_parse(&name, apr_pstrcat(pool, domain, rest, NULL), pool) != APR_SUCCESS) {
        return NULL;
    }
    return apr_psprintf(pool, "%.*s%.*s", (int)(domain - query), query, (int)(strlen(name) - strlen(rest)),
                        name);
}

/* "64:ann@example.org": where the page before ended. @return 0 when it is refused */
static int read_after(apr_int64_t *domain_id, const char **address, eg_call *call)
{
    const char *text = given(call, "After");
    apr_size_t digits = text != NULL ? strspn(text, "0123456789") : 0;

    *domain_id = 0;
    *address = NULL;
    if (text == NULL) {
        return 1;
    }
    if (digits < 1 || digits > 16 || text[digits] != ':' || text[digits + 1] == '\0') {
        eg_call_refuse(call, 6);
        return 0;
    }
    *domain_id = apr_atoi64(text);
    *address = text + digits + 1;
    return 1;
}

static json_t *entry_json(const eg_rows *rows, int row)
{
    const char *address = eg_rows_text(rows, row, "address");
    const char *domain_id = eg_rows_text(rows, row, "entry_domain_id");
    int erased = strchr(address, '@') == NULL;

    return json_pack("{s:s?, s:b, s:s?, s:s, s:o, s:s?, s:s?}", "EmailAddress", erased ? NULL : address,
                     "Erased", erased, "DomainID", strcmp(domain_id, "0") != 0 ? domain_id : NULL, "Reason",
                     eg_rows_text(rows, row, "reason"), "CreationDate",
                     eg_call_time(eg_rows_int(rows, row, "created_us")), "MessageID",
                     eg_rows_text(rows, row, "message_id"), "Reply", eg_rows_text(rows, row, "reply"));
}

/* One row more than the page was asked for tells that there is another page. */
static void answer(eg_call *call, const eg_rows *rows, int count)
{
    json_t *entries = json_array();
    const char *next = NULL;

    for (int row = 0; row < eg_rows_count(rows) && eg_rows_text(rows, row, "address") != NULL; row++) {
        if (row == count) {
            next = count > 0 ? apr_pstrcat(call->pool, eg_rows_text(rows, row - 1, "entry_domain_id"), ":",
                                           eg_rows_text(rows, row - 1, "address"), NULL)
                             : NULL;
            break;
        }
        json_array_append_new(entries, entry_json(rows, row));
    }
    eg_call_reply(call,
                  json_pack("{s:I, s:o, s:s?}", "TotalRecords", (json_int_t)eg_rows_int(rows, 0, "total"),
                            "Suppressions", entries, "Next", next));
}

static apr_status_t run(eg_call *call)
{
    int count = eg_param_page(call), status;
    apr_int64_t after_domain_id;
    const char *after;
    eg_rows *rows;
    apr_status_t rv;

    if (!read_after(&after_domain_id, &after, call)) {
        return APR_SUCCESS;
    }
    rv = eg_db_call(&rows, call->db, EG_DB_REPEATABLE, "get_suppressions",
                    EG_DB_ARGS(eg_db_int(call->account_id), eg_param_arg(call, "DomainID"),
                               eg_db_text(given(call, "Query")), eg_db_text(given(call, "Reason")),
                               eg_db_int(count + 1), eg_db_text(after), eg_db_int(after_domain_id),
                               eg_db_text(with_a_labels(given(call, "Query"), call->pool))));
    if (rv != APR_SUCCESS) {
        return rv;
    }
    status = (int)eg_rows_int(rows, 0, "status");
    if (status != 0) {
        eg_call_refuse(call, status);
    }
    else {
        answer(call, rows, count);
    }
    return APR_SUCCESS;
}

const eg_command eg_cmd_get_suppressions = { .run = run, .params = params, .faults = faults };
