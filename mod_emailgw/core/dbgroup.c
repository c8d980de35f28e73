#include "dbgroup.h"

#include <errno.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <apr_thread_mutex.h>
#include <libpq-fe.h>

#include "clock.h"
#include "dbcall.h"

#define SEND_SIZE 65536 /* bytes that can be sent without waiting for the database to read them */

typedef enum {
    WAITING,
    LEADING, /* has to take a batch, which it is part of */
    ALONE,   /* has to make its call by itself */
    DONE
} call_state;

/** A call, on its thread's stack until it is answered. */
typedef struct group_call {
    const eg_group_function *function;
    eg_dbvalues values;
    const eg_group_place *place;
    int listed;       /* it waits for anybody to take it; under the group's mutex */
    call_state state; /* its thread's, or that of the leader who has taken it, until he posts */
    sem_t wake;       /* posted once for each change of state that is not its own thread's */
    int slot;         /* of LEADING */
    PGresult *result; /* of DONE: its row of the batch's, or ... */
    eg_rows *rows;    /* ... in the hands of its own thread's pool, or neither: see rv */
    apr_status_t rv;  /* of DONE */
    int unknown;      /* of ALONE: the batch may have been committed */
    struct group_call *next;
} group_call;

struct eg_group {
    apr_thread_mutex_t *mutex;
    group_call *first, **end;               /* those who wait, in the order in which they came */
    apr_time_t began[EG_GROUP_LEADERS_MAX]; /* of those at work: their batches; 0: nobody's */
};

/** What one leader sends at once. */
typedef struct {
    group_call *calls[EG_GROUP_COUNT_MAX];
    int count;
    apr_size_t size;
    PGconn *conn; /* it is on its way there; NULL: it is not */
    int sent;     /* as a whole */
    eg_dbwait wait;
} batch;

apr_status_t eg_group_make(eg_group **group, apr_pool_t *pool)
{
    *group = apr_pcalloc(pool, sizeof **group);
    (*group)->end = &(*group)->first;
    return apr_thread_mutex_create(&(*group)->mutex, APR_THREAD_MUTEX_DEFAULT, pool);
}

/* ---- who waits, who leads --------------------------------------------------------------------------- */

static void append(eg_group *group, group_call *call)
{
    call->listed = 1;
    call->next = NULL;
    *group->end = call;
    group->end = &call->next;
}

static void unlink_at(eg_group *group, group_call **at)
{
    (*at)->listed = 0;
    if (group->end == &(*at)->next) {
        group->end = at;
    }
    *at = (*at)->next;
}

static void unlink_call(eg_group *group, const group_call *call)
{
    group_call **at = &group->first;

    while (*at != call) {
        at = &(*at)->next;
    }
    unlink_at(group, at);
}

static void add_to_batch(batch *b, group_call *call)
{
    b->calls[b->count++] = call;
    b->size += call->place->size;
}

/* Those who have waited longest. */
static void fill_batch(batch *b, eg_group *group)
{
    for (group_call **at = &group->first; *at != NULL;) {
        group_call *call = *at;

        if (b->count == 0 ||
            (b->count < EG_GROUP_COUNT_MAX && b->size + call->place->size <= EG_GROUP_SIZE_MAX &&
             call->function == b->calls[0]->function)) {
            unlink_at(group, at);
            add_to_batch(b, call);
        }
        else {
            at = &call->next;
        }
    }
}

/* The leader's first one, with itself. */
static void take_first(batch *b, eg_group *group, group_call *leader)
{
    *b = (batch){ .count = 0 };
    add_to_batch(b, leader);
    apr_thread_mutex_lock(group->mutex);
    fill_batch(b, group);
    apr_thread_mutex_unlock(group->mutex);
}

/* One more for a leader that is at it. @return 0 when nobody waits */
static int take_another(batch *b, eg_group *group, int slot)
{
    *b = (batch){ .count = 0 };
    apr_thread_mutex_lock(group->mutex);
    fill_batch(b, group);
    group->began[slot] = eg_clock();
    apr_thread_mutex_unlock(group->mutex);
    return b->count > 0;
}

/* A slot for one more leader, where all at work have been so for too long; else -1. */
static int slot_to_lead(const eg_group *group)
{
    apr_time_t now = eg_clock();
    int slot = -1;

    for (int i = 0; i < EG_GROUP_LEADERS_MAX; i++) {
        if (group->began[i] == 0) {
            slot = i;
        }
        else if (now - group->began[i] <= EG_GROUP_PATIENCE) {
            return -1;
        }
    }
    return slot;
}

static void make_leader(eg_group *group, group_call *call, int slot)
{
    group->began[slot] = eg_clock();
    call->slot = slot;
    call->state = LEADING;
}

/* One that waits leads where that may be now. @return 1 when it does; else somebody has it, or will */
static int try_to_lead(eg_group *group, group_call *call)
{
    int slot;

    apr_thread_mutex_lock(group->mutex);
    slot = call->listed ? slot_to_lead(group) : -1;
    if (slot >= 0) {
        unlink_call(group, call);
        make_leader(group, call, slot);
    }
    apr_thread_mutex_unlock(group->mutex);
    return slot >= 0;
}

/* Until a leader posts, or all of them have been at work for too long. */
static void wait_for_turn(eg_group *group, group_call *call)
{
    int posted = 0;

    while (!posted) {
        apr_time_t end = apr_time_now() + EG_GROUP_PATIENCE;
        struct timespec until = { (time_t)apr_time_sec(end), (long)apr_time_usec(end) * 1000 };

        posted = sem_timedwait(&call->wake, &until) == 0;
        if (!posted && errno == ETIMEDOUT && try_to_lead(group, call)) {
            return;
        }
    }
}

/* @return 1 when it leads at once */
static int come(eg_group *group, group_call *call)
{
    int slot;

    apr_thread_mutex_lock(group->mutex);
    slot = slot_to_lead(group);
    if (slot >= 0) {
        make_leader(group, call, slot);
    }
    else {
        append(group, call);
    }
    apr_thread_mutex_unlock(group->mutex);
    return slot >= 0;
}

/* The next batch begins before those of this one are told: the database is idle. */
static void hand_over(eg_group *group, int slot)
{
    apr_thread_mutex_lock(group->mutex);
    group->began[slot] = 0;
    slot = slot_to_lead(group);
    if (group->first != NULL && slot >= 0) {
        group_call *next = group->first;

        unlink_at(group, &group->first);
        make_leader(group, next, slot);
        sem_post(&next->wake);
    }
    apr_thread_mutex_unlock(group->mutex);
}

/* ---- a batch on the wire ---------------------------------------------------------------------------- */

int eg_group_compare(const eg_group_place *x, const eg_group_place *y)
{
    apr_size_t common = x->order_size < y->order_size ? x->order_size : y->order_size;
    int order = memcmp(x->order, y->order, common);

    return order != 0 ? order : (x->order_size > y->order_size) - (x->order_size < y->order_size);
}

static int compare_calls(const void *a, const void *b)
{
    return eg_group_compare((*(group_call *const *)a)->place, (*(group_call *const *)b)->place);
}

static void make_statement(eg_statement *s, group_call *const *calls, int count, apr_pool_t *pool)
{
    const eg_dbvalues *items[EG_GROUP_COUNT_MAX];

    for (int i = 0; i < count; i++) {
        items[i] = &calls[i]->values;
    }
    eg_statement_make_many(s, calls[0]->function->name, calls[0]->function->row, items, count, pool);
}

static int send_batch(const batch *b, apr_pool_t *pool)
{
    eg_statement s;

    make_statement(&s, b->calls, b->count, pool);
    return eg_pgconn_send(b->conn, &s);
}

/* A result of one row of a result. @return NULL without memory */
static PGresult *copy_row(const PGresult *all, int row)
{
    PGresult *one = PQcopyResult(all, PG_COPYRES_ATTRS);

    for (int i = 0; one != NULL && i < PQnfields(all); i++) {
        int is_null = PQgetisnull(all, row, i);

        if (!PQsetvalue(one, 0, i, is_null ? NULL : PQgetvalue(all, row, i),
                        is_null ? -1 : PQgetlength(all, row, i))) {
            PQclear(one);
            one = NULL;
        }
    }
    return one;
}

/* Who asked with this id: mostly the one whose turn it is. @return NULL: nobody, or answered already */
static group_call *find_call(const batch *b, const char *id, int turn)
{
    for (int i = 0; i < b->count; i++) {
        group_call *call = b->calls[(turn + i) % b->count];

        if (call->result == NULL && strcmp(call->place->id, id) == 0) {
            return call;
        }
    }
    return NULL;
}

/* To each its row. @return 0 when somebody has none */
static int share_out(batch *b, const PGresult *all)
{
    int column = PQfnumber(all, "for_id");
    int whole = column >= 0 && PQntuples(all) == b->count;

    for (int i = 0; whole && i < b->count; i++) {
        group_call *call = find_call(b, PQgetvalue(all, i, column), i);

        whole = call != NULL && (call->result = copy_row(all, i)) != NULL;
    }
    return whole;
}

/* What came of it. @return 1 when all is committed; 0 with why not in failed */
static int read_results(eg_dbfailure *failed, batch *b, apr_pool_t *pool)
{
    int shared_out = 0;

    /* The rows may come before the commit, which has been made when nothing more comes. */
    for (PGresult *result; (result = eg_pgconn_result(b->conn, &b->wait)) != NULL; PQclear(result)) {
        if (PQresultStatus(result) == PGRES_TUPLES_OK) {
            shared_out = share_out(b, result);
        }
        else if (failed->message == NULL) {
            eg_dbfailure_set(failed, b->conn, result, &b->wait, pool);
        }
    }
    if (!shared_out && failed->message == NULL) {
        failed->message = "it answered with another number of rows";
    }
    return shared_out && failed->message == NULL && PQtransactionStatus(b->conn) == PQTRANS_IDLE;
}

static void drop_result(group_call *call)
{
    PQclear(call->result);
    call->result = NULL;
}

/* Nothing of it counts: each has to try by itself. */
static void dissolve(batch *b, const eg_dbfailure *failed, const eg_db *db)
{
    eg_log_at(db->log, EG_LOG_INFO, APR_SUCCESS,
              EGLOGNO(0153) "%s: %d calls could not be committed together, each is made by itself: %s",
              b->calls[0]->function->name, b->count, failed->message);
    for (int i = 0; i < b->count; i++) {
        drop_result(b->calls[i]);
        b->calls[i]->unknown = failed->rv == EG_DB_UNKNOWN;
        b->calls[i]->state = ALONE;
    }
}

static void finish(batch *b, apr_status_t rv)
{
    for (int i = 0; i < b->count; i++) {
        if (rv != APR_SUCCESS) {
            drop_result(b->calls[i]);
        }
        b->calls[i]->rv = rv;
        b->calls[i]->state = DONE;
    }
}

static void begin(batch *b, eg_db *db)
{
    b->conn = db->take(db);
    if (b->conn == NULL) {
        return;
    }
    qsort(b->calls, (size_t)b->count, sizeof *b->calls, compare_calls);
    eg_dbwait_begin(&b->wait, db);
    b->sent = send_batch(b, db->pool);
}

static void end(batch *b, eg_db *db)
{
    eg_dbfailure failed = { EG_DB_UNKNOWN, 0, NULL };
    int committed = 0;

    if (b->conn == NULL) {
        finish(b, EG_DB_UNREACHABLE);
        return;
    }
    if (b->sent) {
        committed = read_results(&failed, b, db->pool);
    }
    else {
        eg_dbfailure_set(&failed, b->conn, NULL, &b->wait, db->pool);
    }
    eg_pgconn_settle(b->conn, &b->wait, db);
    if (committed) {
        finish(b, APR_SUCCESS);
    }
    else if (b->wait.late) { /* each by itself would be, too */
        eg_dbfailure_log(&failed, db, b->calls[0]->function->name);
        finish(b, EG_DB_UNKNOWN);
    }
    else {
        dissolve(b, &failed, db);
    }
}

/* ---- a call ----------------------------------------------------------------------------------------- */

static apr_status_t make_alone(eg_rows **rows, group_call *call, eg_db *db)
{
    eg_statement s;
    apr_status_t rv;

    make_statement(&s, &call, 1, db->pool);
    rv = eg_statement_run(rows, db, EG_DB_REPEATABLE, &s);
    return call->unknown && rv != APR_SUCCESS ? EG_DB_UNKNOWN : rv;
}

static void tell(const batch *b, const group_call *leader)
{
    for (int i = 0; i < b->count; i++) {
        if (b->calls[i] != leader) {
            sem_post(&b->calls[i]->wake); /* it may be gone at once */
        }
    }
}

/* Its own batch, and some more, so that the database need not wait for another thread to wake up. */
static void lead_batches(eg_group *group, eg_db *db, batch *own, const group_call *leader)
{
    batch other, *now = own, *next = &other;

    begin(now, db);
    for (int round = 1, more = 1; more; round++) {
        batch *done = now;

        end(now, db);
        more = round < EG_GROUP_ROUNDS && take_another(next, group, leader->slot);
        if (!more) {
            hand_over(group, leader->slot);
        }
        else if (next->size <= SEND_SIZE) {
            begin(next, db);
        }
        tell(done, leader);
        if (more && next->size > SEND_SIZE) {
            begin(next, db);
        }
        now = next;
        next = done;
    }
}

static void lead(eg_group *group, eg_db *db, group_call *leader)
{
    batch b;

    take_first(&b, group, leader);
    if (b.count > 1) {
        lead_batches(group, db, &b, leader);
        return;
    }
    leader->rv = make_alone(&leader->rows, leader, db);
    leader->state = DONE;
    hand_over(group, leader->slot);
}

static apr_status_t answer(eg_rows **rows, group_call *call, eg_db *db)
{
    if (call->state == ALONE) {
        return make_alone(rows, call, db);
    }
    if (call->rv == APR_SUCCESS) {
        *rows = call->result != NULL ? eg_rows_own(call->result, db->pool) : call->rows;
    }
    return call->rv;
}

apr_status_t eg_group_call(eg_rows **rows, eg_db *db, const eg_group_place *place,
                           const eg_group_function *function, const eg_dbarg *args, apr_size_t count)
{
    group_call call = { .function = function, .place = place, .state = WAITING };

    eg_dbvalues_make(&call.values, args, count, db->pool);
    if (db->group == NULL || place->size >= EG_GROUP_ALONE_SIZE || sem_init(&call.wake, 0, 0) != 0) {
        return make_alone(rows, &call, db);
    }
    if (!come(db->group, &call)) {
        wait_for_turn(db->group, &call);
    }
    if (call.state == LEADING) {
        lead(db->group, db, &call);
    }
    sem_destroy(&call.wake);
    return answer(rows, &call, db);
}

apr_status_t eg_group_call_many(eg_rows **rows, eg_db *db, const eg_group_function *function,
                                const eg_group_item *const *items, int count)
{
    eg_dbvalues values[EG_GROUP_COUNT_MAX];
    const eg_dbvalues *all[EG_GROUP_COUNT_MAX];
    eg_statement s;

    for (int i = 0; i < count; i++) {
        eg_dbvalues_make(&values[i], items[i]->args, items[i]->count, db->pool);
        all[i] = &values[i];
    }
    eg_statement_make_many(&s, function->name, function->row, all, count, db->pool);
    return eg_statement_run(rows, db, EG_DB_REPEATABLE, &s);
}
