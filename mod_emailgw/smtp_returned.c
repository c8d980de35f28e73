/* Mail that comes back by SMTP: kept as it is, for the sender to read. */
#include "smtp_returned.h"

#include <string.h>

#include <apr_strings.h>

#include "returnpath.h"

apr_status_t eg_smtp_return_path_known(int *known, eg_call *call, const char *address)
{
    eg_returnpath path;
    const char *host;
    eg_rows *rows;
    apr_status_t rv;

    if (eg_returnpath_parse_address(&path, &host, address, call->secret, call->pool) != APR_SUCCESS) {
        *known = 0;
        return APR_SUCCESS;
    }
    rv = eg_db_call(&rows, call->db, EG_DB_REPEATABLE, "return_path_state",
                    EG_DB_ARGS(eg_db_int(path.account_id), eg_db_text(path.message_id),
                               eg_db_int(path.recipient_no), eg_db_text(host)));
    if (rv == APR_SUCCESS) {
        *known = strcmp(eg_rows_text(rows, 0, "return_path_state"), "unknown") != 0;
    }
    return rv;
}

/* ---- a mail ------------------------------------------------------------------------------------- */

/* The arguments of add_returned: its arrays, one element a return path. */
typedef struct {
    const char **account_ids, **message_ids, **recipient_nos, **hosts;
    apr_size_t count;
} columns;

static columns make_columns(const apr_array_header_t *addresses, const eg_secret *secret, apr_pool_t *pool)
{
    apr_size_t size = (apr_size_t)addresses->nelts;
    const char **all = apr_palloc(pool, 4 * size * sizeof *all);
    columns to = { all, all + size, all + 2 * size, all + 3 * size, 0 };
    eg_returnpath path;

    for (int i = 0; i < addresses->nelts; i++) {
        if (eg_returnpath_parse_address(&path, &to.hosts[to.count], APR_ARRAY_IDX(addresses, i, const char *),
                                        secret, pool) == APR_SUCCESS) {
            to.account_ids[to.count] = apr_psprintf(pool, "%" APR_INT64_T_FMT, path.account_id);
            to.message_ids[to.count] = path.message_id;
            to.recipient_nos[to.count++] = apr_itoa(pool, path.recipient_no);
        }
    }
    return to;
}

/* One that is full makes the client send all of it again: what was kept already is recorded once. */
static eg_smtp_reply find_reply(const eg_rows *rows, const eg_log *log)
{
    int taken = 0;

    for (int row = 0; row < eg_rows_count(rows); row++) {
        const char *status = eg_rows_text(rows, row, "status");

        if (strcmp(status, "full") == 0) {
            eg_log_at(log, EG_LOG_INFO, APR_SUCCESS,
                      EGLOGNO(0206) "a mail that came back was put off: too many wait for a sender to read");
            return (eg_smtp_reply){ 452, "4.3.1", "Too many returned mails are waiting, try again later" };
        }
        taken |= strcmp(status, "unknown") != 0;
    }
    return taken ? (eg_smtp_reply){ 250, "2.0.0", "Ok: taken" }
                 : (eg_smtp_reply){ 550, "5.1.1", "No such address here" };
}

apr_status_t eg_smtp_returned(eg_smtp_reply *reply, eg_call *call, const eg_smtp_envelope *envelope,
                              eg_bytes message)
{
    const columns to = make_columns(envelope->recipients, call->secret, call->pool);
    eg_rows *rows;
    /* Repeatable: the same mail at the same return path is one row. Its answer comes after the commit. */
    apr_status_t rv =
        eg_db_call(&rows, call->db, EG_DB_REPEATABLE, "add_returned",
                   EG_DB_ARGS(eg_db_texts(to.account_ids, to.count), eg_db_texts(to.message_ids, to.count),
                              eg_db_texts(to.recipient_nos, to.count), eg_db_texts(to.hosts, to.count),
                              eg_db_bytes(message.data, message.size < EG_RETURNED_SIZE ? message.size
                                                                                        : EG_RETURNED_SIZE)));

    if (rv == APR_SUCCESS) {
        *reply = find_reply(rows, call->log);
    }
    return rv;
}
