#include <poll.h>
#include <sys/socket.h>

#include <libpq-fe.h>

#include "clock.h"
#include "dbcall.h"

#define POLL_MAX apr_time_from_sec(60) /* of one poll(), whose milliseconds are an int */

void eg_dbwait_begin(eg_dbwait *wait, const eg_db *db)
{
    *wait = (eg_dbwait){ .limit = db->limit, .end = db->limit > 0 ? eg_clock() + db->limit : 0 };
}

int eg_pgconn_send(PGconn *conn, const eg_statement *s)
{
    const eg_dbvalues *v = &s->values;

    /* Else a statement that does not fit into the socket's buffers waits for as long as nobody reads it. */
    return PQsetnonblocking(conn, 1) == 0 &&
           PQsendQueryParams(conn, s->text, v->count, NULL, v->values, v->lengths, v->formats, 0);
}

/* @return milliseconds for poll(); 0: it is too late */
static int time_left(const eg_dbwait *wait)
{
    apr_interval_time_t left = wait->end > 0 ? wait->end - eg_clock() : POLL_MAX;

    if (left <= 0) {
        return 0;
    }
    return (int)apr_time_as_msec(left < POLL_MAX ? left : POLL_MAX) + 1;
}

/* Until PQgetResult() need not wait. @return 0 when it is too late */
static int wait_for_result(PGconn *conn, const eg_dbwait *wait)
{
    int unsent = PQflush(conn); /* below 0 the connection is lost, which PQgetResult() tells */

    while (PQstatus(conn) == CONNECTION_OK && (unsent > 0 || (unsent == 0 && PQisBusy(conn)))) {
        struct pollfd look = { PQsocket(conn), (short)(POLLIN | (unsent > 0 ? POLLOUT : 0)), 0 };
        int left = time_left(wait);

        if (left == 0) {
            return 0;
        }
        /* It is read also while it is written to: the database may wait for that. */
        if (poll(&look, 1, left) > 0 && !PQconsumeInput(conn)) {
            return 1;
        }
        unsent = PQflush(conn);
    }
    return 1;
}

PGresult *eg_pgconn_result(PGconn *conn, eg_dbwait *wait)
{
    if (!wait->late && !wait_for_result(conn, wait)) {
        wait->late = 1;
        shutdown(PQsocket(conn), SHUT_RDWR); /* PQgetResult() finds its end, and does not wait */
    }
    return PQgetResult(conn);
}
