/* EmailGateway.ExportEvents: the events of a domain as one file, read and sent part by part. */
#include <apr_cstr.h>
#include <apr_strings.h>

#include "csvwrite.h"
#include "datetime.h"
#include "eventfilter.h"
#include "eventtype.h"
#include "json.h"
#include "utf8.h"

static const eg_param params[] = {
    { "DomainID", EG_ID, EG_REQUIRED, .error = 1 },
    { "Format", EG_TEXT, EG_OPTIONAL, .error = EG_E_FORMAT, .max = 20 },
    { "MaxRows", EG_COUNT, EG_OPTIONAL, .error = EG_E_MAX_ROWS },
    { "StartDate", EG_DAY, EG_OPTIONAL, .error = EG_E_START_DATE },
    { "EndDate", EG_DAY, EG_OPTIONAL, .error = EG_E_END_DATE },
    { "Event", EG_TEXT, EG_OPTIONAL, .error = EG_E_EVENT, .max = 20 },
    { "Query", EG_TEXT, EG_OPTIONAL, .error = EG_E_QUERY, .max = EG_EVENTQUERY_MAX },
    { NULL },
};

static const eg_fault faults[] = {
    { 1, "Required parameter missing: DomainID" },
    { 2, "Failed to retrieve sender domain" },
    { 0, NULL },
};

/* What is in the file, and how far it has come. */
typedef struct {
    eg_eventfilter filter;
    int is_csv, begun, is_last;
    apr_int64_t left;         /* rows that may still come */
    char after[EG_UUID_SIZE]; /* the event that the next part begins behind; empty: there is none yet */
    eg_rows *rows;            /* a part that is not sent yet, or NULL */
} export;

/* ---- CSV ------------------------------------------------------------------------------------------------ */

/* Where a cell comes from. */
typedef enum {
    COLUMN, /* of the row, as text */
    TYPE,   /* the event's name */
    TIME,   /* when it was */
    TAGS,   /* with commas between */
    DETAIL, /* a member of detail */
    SMTP,   /* of its smtp */
    BOUNCE, /* of its bounce */
} source;

static const struct {
    const char *name; /* in the first row */
    source from;
    const char *stored;
} columns[] = {
    { "event_id", COLUMN, "event_id" },
    { "event_type", TYPE, "type" },
    { "timestamp", TIME, "at_us" },
    { "recipient", COLUMN, "email" },
    { "message_id", COLUMN, "message_id" },
    { "subject", COLUMN, "subject" },
    { "from_email", COLUMN, "from_email" },
    { "from_name", COLUMN, "from_name" },
    { "tags", TAGS, "tags" },
    { "list_id", COLUMN, "list_id" },
    { "subscriber_id", COLUMN, "subscriber_id" },
    { "journey_id", COLUMN, "journey_id" },
    { "action_id", COLUMN, "action_id" },
    { "attempt", DETAIL, "attempt" },
    { "smtp_code", SMTP, "code" },
    { "smtp_enhanced_code", SMTP, "enhanced" },
    { "smtp_text", SMTP, "text" },
    { "smtp_host", SMTP, "host" },
    { "smtp_tls", SMTP, "tls" },
    { "smtp_seconds", SMTP, "seconds" },
    { "bounce_class", BOUNCE, "class" },
    { "url", DETAIL, "url" },
    { "ip", DETAIL, "ip" },
    { "user_agent", DETAIL, "ua" },
    { "machine", DETAIL, "machine" },
};

#define COLUMN_COUNT (sizeof columns / sizeof *columns)

/* A text as it is, anything else as JSON has it. */
static const char *value_cell(const json_t *value, apr_pool_t *pool)
{
    if (value == NULL || json_is_null(value)) {
        return NULL;
    }
    return json_is_string(value) ? json_string_value(value) : eg_json_text(value, pool);
}

static const char *tags_cell(const eg_rows *rows, int row, apr_pool_t *pool)
{
    json_t *tags = eg_event_column(rows, row, "tags", pool), *tag;
    apr_array_header_t *texts = apr_array_make(pool, 8, sizeof(const char *));
    size_t i;

    json_array_foreach(tags, i, tag)
    {
        APR_ARRAY_PUSH(texts, const char *) = json_string_value(tag);
    }
    return apr_array_pstrcat(pool, texts, ',');
}

static const char *time_cell(apr_time_t time, apr_pool_t *pool)
{
    return eg_datetime_format(apr_palloc(pool, EG_DATETIME_SIZE), time);
}

static const char *cell(const eg_rows *rows, int row, apr_size_t column, const json_t *detail,
                        apr_pool_t *pool)
{
    const char *stored = columns[column].stored;

    switch (columns[column].from) {
    case COLUMN:
        return eg_rows_text(rows, row, stored);
    case TYPE:
        return eg_eventtype_name((int)eg_rows_int(rows, row, stored));
    case TIME:
        return time_cell(eg_rows_int(rows, row, stored), pool);
    case TAGS:
        return tags_cell(rows, row, pool);
    case DETAIL:
        return value_cell(json_object_get(detail, stored), pool);
    case SMTP:
        return value_cell(json_object_get(json_object_get(detail, "smtp"), stored), pool);
    case BOUNCE:
        return value_cell(json_object_get(json_object_get(detail, "bounce"), stored), pool);
    }
    return NULL;
}

static void push_names(apr_array_header_t *cells)
{
    for (apr_size_t i = 0; i < COLUMN_COUNT; i++) {
        APR_ARRAY_PUSH(cells, const char *) = columns[i].name;
    }
}

static void push_row(apr_array_header_t *cells, const eg_rows *rows, int row, apr_pool_t *pool)
{
    const json_t *detail = eg_event_column(rows, row, "detail", pool);

    for (apr_size_t i = 0; i < COLUMN_COUNT; i++) {
        APR_ARRAY_PUSH(cells, const char *) = cell(rows, row, i, detail, pool);
    }
}

/* As wide as the others, for readers that count. */
static void push_cut(apr_array_header_t *cells)
{
    APR_ARRAY_PUSH(cells, const char *) = "truncated";
    for (apr_size_t i = 1; i < COLUMN_COUNT; i++) {
        APR_ARRAY_PUSH(cells, const char *) = NULL;
    }
}

static const char *csv_part(apr_size_t *size, const export *e, int count, int cut, apr_pool_t *pool)
{
    apr_array_header_t *cells = apr_array_make(pool, (count + 2) * (int)COLUMN_COUNT, sizeof(const char *));
    const char *rows;

    if (!e->begun) {
        push_names(cells);
    }
    for (int row = 0; row < count; row++) {
        push_row(cells, e->rows, row, pool);
    }
    if (cut) {
        push_cut(cells);
    }
    rows = eg_csv_rows(size, (const char *const *)cells->elts, (apr_size_t)cells->nelts, COLUMN_COUNT, pool);
    if (e->begun) {
        return rows;
    }
    *size += sizeof EG_UTF8_BOM - 1;
    return apr_pstrcat(pool, EG_UTF8_BOM, apr_pstrmemdup(pool, rows, *size - (sizeof EG_UTF8_BOM - 1)), NULL);
}

/* ---- NDJSON ---------------------------------------------------------------------------------------------- */

static const char *ndjson_part(apr_size_t *size, const export *e, int count, int cut, apr_pool_t *pool)
{
    apr_array_header_t *lines = apr_array_make(pool, count + 2, sizeof(const char *));
    const char *text;

    for (int row = 0; row < count; row++) {
        json_t *event = eg_event_json(e->rows, row, EG_SURFACE_API_PHP, pool);

        APR_ARRAY_PUSH(lines, const char *) = eg_json_text(event, pool);
        json_decref(event);
    }
    if (cut) {
        APR_ARRAY_PUSH(lines, const char *) = "{\"truncated\":true}";
    }
    APR_ARRAY_PUSH(lines, const char *) = "";
    text = apr_array_pstrcat(pool, lines, '\n');
    *size = strlen(text);
    return text;
}

/* ---- part by part ------------------------------------------------------------------------------------------ */

/* The connection is given back before anything of it is sent: a slow client holds none. */
static apr_status_t fetch(export *e, eg_call *call, apr_pool_t *pool)
{
    const eg_eventfilter *f = &e->filter;

    return eg_db_call(&e->rows, eg_db_with_pool(call->db, pool), EG_DB_REPEATABLE, "export_events",
                      EG_DB_ARGS(eg_db_int(call->account_id), eg_param_arg(call, "DomainID"),
                                 eg_db_int(EG_EXPORT_PART), eg_param_arg(call, "StartDate"),
                                 eg_param_arg(call, "EndDate"), f->type, f->message_id, f->fields, f->texts,
                                 eg_db_text(*e->after != '\0' ? e->after : NULL)));
}

/* What was fetched as bytes, and where the next part begins. */
static const char *take_part(apr_size_t *size, export *e, apr_pool_t *pool)
{
    int count = eg_rows_text(e->rows, 0, "event_id") != NULL ? eg_rows_count(e->rows) : 0;
    int cut = count > e->left;
    const char *next = eg_rows_text(e->rows, 0, "next"), *data;

    count = cut ? (int)e->left : count;
    data = e->is_csv ? csv_part(size, e, count, cut, pool) : ndjson_part(size, e, count, cut, pool);
    e->begun = 1;
    e->left -= count;
    e->is_last = cut || next == NULL;
    apr_cpystrn(e->after, next != NULL ? next : "", sizeof e->after);
    eg_rows_free(e->rows);
    e->rows = NULL;
    return data;
}

static apr_status_t next_part(const char **data, apr_size_t *size, eg_call *call, apr_pool_t *pool)
{
    export *e = call->stream->baton;
    apr_status_t rv = APR_SUCCESS;

    *data = NULL;
    if (e->rows == NULL && !e->is_last) {
        rv = fetch(e, call, pool);
    }
    if (rv == APR_SUCCESS && e->rows != NULL) {
        *data = take_part(size, e, pool);
    }
    return rv;
}

static eg_stream *stream_of(export *e, const eg_call *call)
{
    eg_stream *stream = apr_palloc(call->pool, sizeof *stream);

    *stream = (eg_stream){
        .type = e->is_csv ? "text/csv; charset=utf-8; header=present" : "application/x-ndjson",
        .file = apr_psprintf(call->pool, "events-%" APR_INT64_T_FMT ".%s", eg_param_int(call, "DomainID"),
                             e->is_csv ? "csv" : "ndjson"),
        .next = next_part,
        .baton = e,
    };
    return stream;
}

static void read_params(export *e, eg_call *call)
{
    const char *format = eg_param_text(call, "Format");
    int is_named = format != NULL && *format != '\0';

    e->left = eg_param_given(call, "MaxRows") ? eg_param_int(call, "MaxRows") : EG_EXPORT_ROWS_MAX;
    e->left = e->left > EG_EXPORT_ROWS_MAX ? EG_EXPORT_ROWS_MAX : e->left;
    e->is_csv = !is_named || apr_cstr_casecmp(format, "csv") == 0;
    if (!e->is_csv && apr_cstr_casecmp(format, "ndjson") != 0) {
        eg_errors_add(&call->errors, EG_E_FORMAT, "Invalid parameter 'Format': it must be csv or ndjson");
    }
    eg_eventfilter_read(&e->filter, call);
}

/* The first part is read before anything is sent: what is wrong is still answered as an error. */
static apr_status_t run(eg_call *call)
{
    export *e = apr_pcalloc(call->pool, sizeof *e);
    apr_status_t rv;

    read_params(e, call);
    if (eg_errors_any(&call->errors)) {
        return APR_SUCCESS;
    }
    rv = fetch(e, call, call->pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (eg_rows_int(e->rows, 0, "status") != 0) {
        eg_call_refuse(call, 2);
        return APR_SUCCESS;
    }
    call->stream = stream_of(e, call);
    return APR_SUCCESS;
}

const eg_command eg_cmd_export_events = { .run = run, .params = params, .faults = faults };
