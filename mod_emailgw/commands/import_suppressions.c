/*
 * EmailGateway.ImportSuppressions: many addresses at once, as CSV text or as a file of a
 * form. Batches are committed one by one: what was taken before a failure stays, and the
 * same list again puts nothing there twice.
 */
#include <string.h>

#include "base64.h"
#include "json.h"
#include "suppression.h"
#include "suppressionlist.h"
#include "utf8.h"

#define REASON "import" /* where neither line nor call gives one */
#define BATCH 5000      /* entries of one statement */
#define SHOWN_MAX 100   /* invalid lines that are told one by one */

static const eg_param params[] = {
    { "DomainID", EG_ID, EG_OPTIONAL, .invalid = 3 },
    { "Reason", EG_TEXT, EG_OPTIONAL, .error = 4, .max = EG_SUPPRESSION_REASON_MAX },
    { .name = NULL },
};

static const eg_fault faults[] = {
    { 1, "Missing required parameter: CSV" },
    { 2, "Invalid parameter 'CSV': it must be UTF-8 text, or a file of a form" },
    { 3, "Invalid DomainID or DomainID not found" },
    { 5, "Too many lines: 500000 at once are taken" },
    { 0, NULL },
};

typedef struct {
    eg_call *call;
    const char *reason;
    json_t *invalid; /* the first SHOWN_MAX */
    int lines, added, duplicates, invalid_count;
    int status; /* of put_suppressions */
} import_state;

/* Text, or what a file's part of a form became: {"content": base64}. @return 0 when it is refused */
static int read_text(eg_bytes *text, eg_call *call)
{
    json_t *value = eg_call_arg(call, "CSV"), *content = json_object_get(value, "content");

    *text = (eg_bytes){ json_string_value(value), json_string_length(value) };
    if (value == NULL || (json_is_string(value) && text->size == 0)) {
        eg_call_refuse(call, 1);
        return 0;
    }
    if (!json_is_string(value) &&
        (!json_is_string(content) ||
         eg_base64_decode(text, json_string_value(content), json_string_length(content), call->pool) !=
             APR_SUCCESS)) {
        eg_call_refuse(call, 2);
        return 0;
    }
    if (memchr(text->data, '\0', text->size) != NULL || !eg_utf8_valid(text->data, text->size)) {
        eg_call_refuse(call, 2);
        return 0;
    }
    return 1;
}

static void note_invalid(import_state *import, const eg_suppressionlist_entry *entry)
{
    if (import->invalid_count++ < SHOWN_MAX) {
        json_array_append_new(import->invalid,
                              json_pack("{s:i, s:s}", "Line", entry->line, "Reason", entry->problem));
    }
}

/* Up to BATCH entries, and what became of them. @return is there more? rv is the database's */
static int take_batch(apr_status_t *rv, import_state *import, eg_suppressionlist *list, apr_pool_t *pool)
{
    eg_suppressionlist_entry entry;
    eg_suppression_batch batch;
    int more = 1, added = 0;

    eg_suppression_batch_make(&batch, BATCH, pool);
    while (batch.addresses->nelts < BATCH && (more = eg_suppressionlist_next(&entry, list, pool)) != 0) {
        import->lines++;
        if (entry.address == NULL) {
            note_invalid(import, &entry);
            continue;
        }
        eg_suppression_batch_add(&batch, import->call, entry.address,
                                 entry.reason != NULL ? entry.reason : import->reason, pool);
    }
    /* An empty one, too: it tells whether there is the domain. */
    *rv = eg_suppression_put(&added, &import->status, import->call, &batch, pool);
    import->added += added;
    import->duplicates += batch.addresses->nelts - added;
    return more && *rv == APR_SUCCESS && import->status == 0;
}

/* Ends of lines, of which CR LF is two: so many in any case. */
static int has_too_many_lines(eg_bytes text)
{
    const char *at = text.data, *end = at + text.size;
    int ends = 0;

    for (; at < end && ends <= 2 * EG_IMPORT_LINES_MAX; at++) {
        ends += *at == '\n' || *at == '\r';
    }
    return ends > 2 * EG_IMPORT_LINES_MAX;
}

static apr_status_t take_all(import_state *import, eg_bytes text)
{
    eg_suppressionlist list;
    apr_pool_t *pool;
    apr_status_t rv = apr_pool_create(&pool, import->call->pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    eg_suppressionlist_open(&list, text.data, text.size);
    while (take_batch(&rv, import, &list, pool)) {
        apr_pool_clear(pool);
    }
    apr_pool_destroy(pool);
    return rv;
}

static apr_status_t run(eg_call *call)
{
    const char *reason = eg_param_text(call, "Reason");
    import_state import = { .call = call, .reason = reason != NULL && *reason != '\0' ? reason : REASON };
    eg_bytes text;
    apr_status_t rv;

    if (!read_text(&text, call)) {
        return APR_SUCCESS;
    }
    if (has_too_many_lines(text)) {
        eg_call_refuse(call, 5);
        return APR_SUCCESS;
    }
    import.invalid = eg_json_own(json_array(), call->pool);
    rv = take_all(&import, text);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (import.status != 0) {
        eg_call_refuse(call, import.status);
        return APR_SUCCESS;
    }
    eg_call_reply(call, json_pack("{s:i, s:i, s:i, s:i, s:O}", "Lines", import.lines, "Added", import.added,
                                  "Duplicates", import.duplicates, "Invalid", import.invalid_count,
                                  "InvalidLines", import.invalid));
    return APR_SUCCESS;
}

const eg_command eg_cmd_import_suppressions = { .run = run, .params = params, .faults = faults };
