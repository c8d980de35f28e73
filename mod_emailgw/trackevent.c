/* What a recipient has done with a mail: to the database, to a line of the spool and back. */
#include "trackevent.h"

#include <string.h>

#include <apr_strings.h>

#include "bigendian.h"
#include "datetime.h"
#include "dbcall.h"
#include "dbgroup.h"
#include "json.h"
#include "useragent.h"
#include "uuid.h"

#define FUNCTION "record_tracks"
#define ROW "track"

const char *eg_trackevent_detail(const char *ip, const char *agent, const char *url, apr_pool_t *pool)
{
    json_t *detail =
        eg_json_own(json_pack("{s:s, s:s}", "ip", ip, "ua", eg_useragent_clean(agent, pool)), pool);

    if (url != NULL) {
        json_object_set_new(detail, "url", json_string(url));
    }
    return eg_json_text(detail, pool);
}

/* ---- to the database ------------------------------------------------------------------------------ */

#define ARGS 8 /* of a call: the routing key, and a row of ROW */

static void make_args(eg_dbarg args[ARGS], const eg_trackevent *event, apr_pool_t *pool)
{
    char *at = apr_palloc(pool, EG_DATETIME_SIZE);

    args[0] = eg_db_int(event->mail.account_id);
    args[1] = eg_db_text(event->event_id);
    args[2] = eg_db_text(event->mail.message_id);
    args[3] = eg_db_int(event->mail.recipient_no);
    args[4] = eg_db_int(event->type);
    args[5] = eg_db_text(eg_datetime_format(at, event->at));
    args[6] = eg_db_text(event->machine ? "t" : "f");
    args[7] = eg_db_text(event->detail);
}

/* Recipients' rows are locked in the order of account, message and number. */
static void find_order(unsigned char order[8 + EG_UUID_BYTES + 2], const eg_track_mail *mail)
{
    eg_bigendian_put(order, 8, (apr_uint64_t)mail->account_id);
    eg_uuid_to_bytes(order + 8, mail->message_id);
    eg_bigendian_put(order + 8 + EG_UUID_BYTES, 2, (apr_uint64_t)mail->recipient_no);
}

apr_status_t eg_trackevent_record(int *known, const eg_trackevent *event, eg_db *db)
{
    /* Opens do not wait for the disk, so they wait for none that must. */
    static const eg_group_function opens = { .name = FUNCTION, .row = ROW },
                                   others = { .name = FUNCTION, .row = ROW };
    unsigned char order[8 + EG_UUID_BYTES + 2];
    eg_group_place place = {
        .id = event->event_id, .order = order, .order_size = sizeof order, .size = strlen(event->detail) + 200
    };
    eg_dbarg args[ARGS];
    eg_rows *rows;
    apr_status_t rv = APR_SUCCESS;

    find_order(order, &event->mail);
    make_args(args, event, db->pool);
    for (int tries = 0; tries < 2; tries++) {
        rv = eg_group_call(&rows, db, &place, event->type == EG_EVENT_OPEN ? &opens : &others, args, ARGS);
        if (rv != EG_DB_NO_PARTITION ||
            eg_db_call(&rows, db, EG_DB_REPEATABLE, "make_partitions", NULL, 0) != APR_SUCCESS) {
            break;
        }
    }
    if (rv == APR_SUCCESS) {
        *known = eg_rows_bool(rows, 0, "known");
    }
    return rv;
}

static void note_unknown(int *known, const eg_trackevent *events, int count, const char *event_id)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(events[i].event_id, event_id) == 0) {
            known[i] = 0;
        }
    }
}

/* Rows come in an order of their own; few are of mails that are not there. */
static void find_known(int *known, const eg_trackevent *events, int count, const eg_rows *rows)
{
    for (int i = 0; i < count; i++) {
        known[i] = 1;
    }
    for (int row = 0; row < eg_rows_count(rows); row++) {
        if (!eg_rows_bool(rows, row, "known")) {
            note_unknown(known, events, count, eg_rows_text(rows, row, "for_id"));
        }
    }
}

apr_status_t eg_trackevents_record(int *known, const eg_trackevent *events, int count, eg_db *db)
{
    eg_dbvalues *values = apr_palloc(db->pool, (apr_size_t)count * sizeof *values);
    const eg_dbvalues *items[EG_TRACKEVENTS_MAX];
    eg_statement s;
    eg_rows *rows;
    apr_status_t rv;

    for (int i = 0; i < count; i++) {
        eg_dbarg args[ARGS];

        make_args(args, &events[i], db->pool);
        eg_dbvalues_make(&values[i], args, ARGS, db->pool);
        items[i] = &values[i];
    }
    eg_statement_make_many(&s, FUNCTION, ROW, items, count, db->pool);
    rv = eg_statement_run(&rows, db, EG_DB_REPEATABLE, &s);
    if (rv == APR_SUCCESS) {
        find_known(known, events, count, rows);
    }
    return rv;
}

/* ---- lines of the spool --------------------------------------------------------------------------- */

#define RECIPIENT_MAX 32767                   /* smallint */
#define AT_MAX APR_TIME_C(253402300799999999) /* the end of the year 9999 */

const char *eg_trackevent_line(const eg_trackevent *event, apr_pool_t *pool)
{
    json_t *line = json_pack("{s:s, s:I, s:s, s:i, s:s, s:I, s:b, s:s}", "event", event->event_id, "account",
                             (json_int_t)event->mail.account_id, "message", event->mail.message_id,
                             "recipient", event->mail.recipient_no, "type", eg_eventtype_name(event->type),
                             "at", (json_int_t)event->at, "machine", event->machine, "detail", event->detail);

    return apr_pstrcat(pool, eg_json_text(eg_json_own(line, pool), pool), "\n", NULL);
}

static int is_tracked(eg_eventtype type)
{
    return type == EG_EVENT_OPEN || type == EG_EVENT_CLICK || type == EG_EVENT_UNSUBSCRIBE;
}

/* The detail is a text within: it is checked here, so that the database need not refuse it. */
static int is_object(const char *text, apr_pool_t *pool)
{
    const char *problem;
    json_t *value;

    return eg_json_parse(&value, &problem, text, strlen(text), pool) == APR_SUCCESS && json_is_object(value);
}

apr_status_t eg_trackevent_parse(eg_trackevent *event, const char *line, apr_size_t length, apr_pool_t *pool)
{
    const char *event_id, *message_id, *type, *detail, *problem;
    json_int_t account_id, recipient_no, at;
    json_t *value;
    int machine;

    if (eg_json_parse(&value, &problem, line, length, pool) != APR_SUCCESS ||
        json_unpack(value, "{s:s, s:I, s:s, s:I, s:s, s:I, s:b, s:s}", "event", &event_id, "account",
                    &account_id, "message", &message_id, "recipient", &recipient_no, "type", &type, "at", &at,
                    "machine", &machine, "detail", &detail) != 0 ||
        !eg_uuid_valid(event_id) || !eg_uuid_valid(message_id) || account_id < 1 || account_id > EG_ID_MAX ||
        recipient_no < 0 || recipient_no > RECIPIENT_MAX || at < 0 || at > AT_MAX ||
        !is_tracked(eg_eventtype_parse(type)) || !is_object(detail, pool)) {
        return APR_EINVAL;
    }
    *event = (eg_trackevent){ .event_id = event_id,
                              .mail = { account_id, message_id, (int)recipient_no },
                              .type = eg_eventtype_parse(type),
                              .at = at,
                              .machine = machine,
                              .detail = detail };
    return APR_SUCCESS;
}
