/*
 * Group commit: calls of several threads in one transaction.
 *
 * There is no thread for it and no timer. A call that finds nobody at work takes
 * all that waits, itself included, sends it as one statement, which is one transaction, and
 * answers only after that; whatever comes meanwhile is the next batch, which it leads,
 * too, or after some of them the first of those who wait. So one transaction follows
 * the other, and nobody waits for more callers to come.
 *
 * A call that fails takes the others of its batch back with it: each is then made
 * by itself, by its own thread.
 */
#ifndef EG_DBGROUP_H
#define EG_DBGROUP_H

#include "db.h"

#define EG_GROUP_COUNT_MAX 64                     /* calls of a batch */
#define EG_GROUP_SIZE_MAX (4 * 1024 * 1024)       /* bytes of all of them */
#define EG_GROUP_ALONE_SIZE (512 * 1024)          /* bytes from which on a call goes by itself */
#define EG_GROUP_PATIENCE apr_time_from_msec(100) /* a batch that takes longer holds up nobody else */
#define EG_GROUP_ROUNDS 3      /* batches that one leads before it answers its own client */
#define EG_GROUP_LEADERS_MAX 4 /* ... with as many at work, each on a connection of its own */

/** Callers of one database. Safe for any number of threads; no caller may outlive the pool. */
apr_status_t eg_group_make(eg_group **group, apr_pool_t *pool);

/** A function that takes many calls at once. */
typedef struct {
    const char *name;
    const char *row; /* type of what it takes beside the routing key */
} eg_group_function;

/** What decides where a call goes. */
typedef struct {
    const char *id; /* in the answer, for_id says whose row it is */
    /**
     * Rows that calls of different processes may both want are locked in the order of
     * these bytes (memcmp), so that two batches never wait for each other.
     */
    const void *order;
    apr_size_t order_size;
    apr_size_t size; /* bytes of its arguments, roughly */
} eg_group_place;

/** In which order two calls lock: below 0, 0 or above, as memcmp. */
int eg_group_compare(const eg_group_place *x, const eg_group_place *y);

/**
 * Call emailgw_api.<function>, a call that may be repeated (EG_DB_REPEATABLE).
 * Without db->group it is made by itself.
 * @param function  the same one, not a copy, for calls that may go together
 * @param rows  set on success, to one row
 * @param args  the routing key, then the row's columns
 * @return as eg_db_call
 */
apr_status_t eg_group_call(eg_rows **rows, eg_db *db, const eg_group_place *place,
                           const eg_group_function *function, const eg_dbarg *args, apr_size_t count);

/** One of several calls that somebody makes at once. */
typedef struct {
    eg_group_place place;
    const eg_dbarg *args; /* as of eg_group_call */
    apr_size_t count;
} eg_group_item;

/**
 * Calls of one caller in one transaction of their own: all are made, or none is.
 * @param items  1 to EG_GROUP_COUNT_MAX, in the order of their places
 * @param rows  set on success: one an item, in their order
 */
apr_status_t eg_group_call_many(eg_rows **rows, eg_db *db, const eg_group_function *function,
                                const eg_group_item *const *items, int count);

#endif
