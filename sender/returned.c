/*
 * A mail that has come back, recorded.
 */
#include "returned.h"

#include <string.h>

#include "classify.h"
#include "json.h"

#define WAIT apr_time_from_msec(200) /* between looks whether the sender has recorded its part */
#define LOOKS 25

static const char *const names[] = {
    [EGS_RETURNED_UNKNOWN] = "unknown",   [EGS_RETURNED_GONE] = "gone",
    [EGS_RETURNED_RECORDED] = "recorded", [EGS_RETURNED_AGAIN] = "again",
    [EGS_RETURNED_IGNORED] = "ignored",   [EGS_RETURNED_EARLY] = "early",
    [EGS_RETURNED_FENCED] = "fenced",
};

const char *egs_returned_name(egs_returned_result result)
{
    return names[result];
}

static json_t *dialogue(const egs_inbound_report *report)
{
    json_t *smtp = json_pack("{s:s*, s:s*, s:s*}", "host", report->host, "enhanced", report->enhanced, "text",
                             report->text);

    if (report->code) {
        json_object_set_new(smtp, "code", json_integer(report->code));
    }
    return smtp;
}

const char *egs_returned_detail(const egs_inbound_report *report, int suppress, apr_pool_t *pool)
{
    json_t *detail = json_pack("{s:o, s:{s:s, s:b, s:s*}}", "smtp", dialogue(report), "bounce", "class",
                               egs_class_name(report->class), "reported", 1, "recipient", report->recipient);

    if (suppress) {
        json_object_set_new(json_object_get(detail, "bounce"), "suppress", json_true());
    }
    return eg_json_text(eg_json_own(detail, pool), pool);
}

/* Names of recipients and what is said of each: the arrays of record_returned. */
typedef struct {
    const char *emails[1 + 2 * EGS_INBOUND_REPORTS_MAX], *details[1 + 2 * EGS_INBOUND_REPORTS_MAX];
    apr_size_t count;
} columns;

static void add(columns *to, const char *email, const char *detail)
{
    to->emails[to->count] = email ? email : "";
    to->details[to->count++] = detail;
}

/* Where no report names the recipient, all of them must agree that the address takes no mail. */
static int all_suppress(const egs_inbound *inbound)
{
    int all = !inbound->mixed;

    for (int i = 0; i < inbound->count; i++) {
        all = all && inbound->reports[i].suppress;
    }
    return all;
}

static void fill(columns *to, const egs_inbound *inbound, apr_pool_t *pool)
{
    to->count = 0;
    if (inbound->kind == EGS_INBOUND_COMPLAINT) {
        add(to, NULL,
            eg_json_text(eg_json_own(json_pack("{s:{s:s}}", "complaint", "type", inbound->feedback), pool),
                         pool));
        return;
    }
    if (inbound->kind != EGS_INBOUND_BOUNCE) {
        return;
    }
    add(to, NULL, egs_returned_detail(&inbound->reports[0], all_suppress(inbound), pool));
    for (int i = 0; i < inbound->count; i++) {
        const egs_inbound_report *report = &inbound->reports[i];
        const char *detail = egs_returned_detail(report, report->suppress, pool);

        add(to, report->recipient, detail);
        add(to, report->original, detail);
    }
}

static egs_returned_result find_result(const char *name)
{
    int result = EGS_RETURNED_FENCED;

    while (result > EGS_RETURNED_UNKNOWN && strcmp(names[result], name) != 0) {
        result--;
    }
    return (egs_returned_result)result;
}

static egs_returned returned_of(const eg_rows *rows)
{
    return (egs_returned){ .result = find_result(eg_rows_text(rows, 0, "status")),
                           .recipient = eg_rows_text(rows, 0, "email"),
                           .detail = eg_rows_text(rows, 0, "detail") };
}

apr_status_t egs_returned_record(egs_returned *returned, const eg_returnpath *path, const char *host,
                                 const egs_inbound *inbound, eg_db *db)
{
    columns arrays;
    eg_rows *rows;
    apr_status_t rv;

    fill(&arrays, inbound, db->pool);
    for (int look = 1;; look++) {
        rv = eg_db_call(&rows, db, EG_DB_REPEATABLE, "record_returned",
                        EG_DB_ARGS(eg_db_int(path->account_id), eg_db_text(path->message_id),
                                   eg_db_int(path->recipient_no), eg_db_text(host),
                                   eg_db_text(egs_inbound_kind_name(inbound->kind)),
                                   eg_db_texts(arrays.emails, arrays.count),
                                   eg_db_texts(arrays.details, arrays.count),
                                   eg_db_text(look < LOOKS ? "f" : "t")));
        if (rv != APR_SUCCESS) {
            return rv;
        }
        *returned = returned_of(rows);
        if (returned->result != EGS_RETURNED_EARLY) {
            return APR_SUCCESS;
        }
        apr_sleep(WAIT);
    }
}

apr_status_t egs_returned_finish(egs_returned *returned, const egs_returned_claim *claim,
                                 const egs_inbound *inbound, eg_db *db)
{
    const eg_returnpath *path = &claim->path;
    columns arrays;
    eg_rows *rows;
    apr_status_t rv;

    fill(&arrays, inbound, db->pool);
    /* Repeatable: where the first call was committed, the second one is fenced. */
    rv = eg_db_call(
        &rows, db, EG_DB_REPEATABLE, "finish_returned",
        EG_DB_ARGS(eg_db_int(path->account_id), eg_db_text(path->message_id), eg_db_int(path->recipient_no),
                   eg_db_bytes(claim->digest.data, claim->digest.size), eg_db_text(claim->lease),
                   eg_db_text(egs_inbound_kind_name(inbound->kind)), eg_db_texts(arrays.emails, arrays.count),
                   eg_db_texts(arrays.details, arrays.count)));
    if (rv == APR_SUCCESS) {
        *returned = returned_of(rows);
    }
    return rv;
}

apr_status_t egs_returned_note(const egs_returned_claim *claim, const char *problem, eg_db *db)
{
    const eg_returnpath *path = &claim->path;
    eg_rows *rows;

    return eg_db_call(&rows, db, EG_DB_REPEATABLE, "note_returned",
                      EG_DB_ARGS(eg_db_int(path->account_id), eg_db_text(path->message_id),
                                 eg_db_int(path->recipient_no),
                                 eg_db_bytes(claim->digest.data, claim->digest.size),
                                 eg_db_text(claim->lease), eg_db_text(problem)));
}
