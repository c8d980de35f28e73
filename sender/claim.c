/*
 * Lease due messages in batches, and cut a batch into slices that fit into memory.
 */
#include <apr_strings.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "holds.h"
#include "job.h"

static int by_message(const void *a, const void *b)
{
    const egs_job *left = a, *right = b;
    int order = (left->account_id > right->account_id) - (left->account_id < right->account_id);

    if (!order) {
        order = strcmp(left->message_id, right->message_id);
    }
    return order ? order : left->recipient_no - right->recipient_no;
}

apr_time_t egs_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return apr_time_from_sec(now.tv_sec) + now.tv_nsec / 1000;
}

/* What was never tried while its lane was held is as old as its lifetime, and no younger. */
static apr_interval_time_t age_of(const egs_job *job, apr_interval_time_t since_first_attempt,
                                  const egs_options *options)
{
    return job->overdue && since_first_attempt < options->lifetime ? options->lifetime : since_first_attempt;
}

static void fill(egs_job *job, const eg_rows *rows, int row, apr_time_t start, const egs_options *options)
{
    job->account_id = eg_rows_int(rows, row, "account_id");
    job->message_id = eg_rows_text(rows, row, "message_id");
    job->recipient_no = (int)eg_rows_int(rows, row, "recipient_no");
    job->attempt = (int)eg_rows_int(rows, row, "attempt");
    job->tries = (int)eg_rows_int(rows, row, "tries");
    job->recipient = eg_rows_text(rows, row, "email");
    job->lane = (int)eg_rows_int(rows, row, "lane");
    job->size = (int)eg_rows_int(rows, row, "size_bytes");
    job->overdue = eg_rows_bool(rows, row, "overdue");
    job->age_start = start - age_of(job, eg_rows_int(rows, row, "age_us"), options);
    job->lease_end = start + options->lease;
}

/* How late an account's turn comes in a round that begins behind cursor. */
static apr_int64_t turn_of(apr_int64_t account_id, apr_int64_t cursor)
{
    return account_id > cursor ? account_id : account_id + EG_ID_MAX;
}

/* Rows come in no order: whose turn was the last of them? */
static apr_int64_t last_served(const egs_job *jobs, int count, apr_int64_t cursor)
{
    apr_int64_t last = 0, account_id = cursor;

    for (int i = 0; i < count; i++) {
        if (turn_of(jobs[i].account_id, cursor) > last) {
            account_id = jobs[i].account_id;
            last = turn_of(account_id, cursor);
        }
    }
    return account_id;
}

/* All lanes that are held, or those of dead destinations. */
static eg_dbarg lanes_arg(const apr_array_header_t *held, int only_dead, apr_pool_t *pool)
{
    int count = held ? held->nelts : 0;
    const char **texts = apr_palloc(pool, ((apr_size_t)count + 1) * sizeof *texts);
    apr_size_t taken = 0;

    for (int i = 0; i < count; i++) {
        const egs_hold *hold = &APR_ARRAY_IDX(held, i, egs_hold);

        if (!only_dead || hold->is_dead) {
            texts[taken++] = apr_itoa(pool, hold->lane);
        }
    }
    return eg_db_texts(texts, taken);
}

/* One row without a mail: only whose turn it was. */
static int is_empty(const eg_rows *rows)
{
    return eg_rows_count(rows) == 1 && !eg_rows_text(rows, 0, "message_id");
}

apr_status_t egs_claim(egs_job **jobs, int *count, int limit, const apr_array_header_t *held,
                       apr_int64_t *cursor, eg_db *db, const egs_options *options)
{
    apr_time_t start = egs_clock(); /* before the database's: the lease is over there no sooner than here */
    eg_rows *rows;
    /* Not repeatable: a claim whose answer is lost would be paid for with a second lease. */
    apr_status_t rv =
        eg_db_call(&rows, db, EG_DB_ONCE, "claim_messages",
                   EG_DB_ARGS(eg_db_int(limit), eg_db_int(apr_time_sec(options->lease)), eg_db_int(*cursor),
                              lanes_arg(held, 0, db->pool), lanes_arg(held, 1, db->pool),
                              eg_db_int(apr_time_sec(options->lifetime))));

    if (rv != APR_SUCCESS) {
        return rv;
    }
    *count = 0;
    if (is_empty(rows)) {
        *cursor = eg_rows_int(rows, 0, "account_id");
        return APR_SUCCESS;
    }
    *count = eg_rows_count(rows);
    *jobs = apr_pcalloc(db->pool, ((apr_size_t)*count + 1) * sizeof **jobs);
    for (int i = 0; i < *count; i++) {
        fill(&(*jobs)[i], rows, i, start, options);
    }
    *cursor = last_served(*jobs, *count, *cursor);
    qsort(*jobs, (size_t)*count, sizeof **jobs, by_message);
    return APR_SUCCESS;
}

int egs_slice_count(const egs_job *jobs, int count)
{
    apr_int64_t total = jobs[0].size;
    int i;

    for (i = 1; i < count; i++) {
        if (jobs[i].account_id != jobs[i - 1].account_id ||
            strcmp(jobs[i].message_id, jobs[i - 1].message_id)) {
            total += jobs[i].size;
            if (total > EGS_SLICE_MAX) {
                break;
            }
        }
    }
    return i;
}
