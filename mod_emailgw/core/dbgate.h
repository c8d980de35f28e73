/*
 * Who may ask a database that does not answer. A connection to a host that is gone, or to a
 * server that hangs, costs seconds, in which a thread serves nobody: while that is so one at a
 * time finds out whether it still is, and all others are told at once.
 */
#ifndef EG_DBGATE_H
#define EG_DBGATE_H

#include "eg.h"

/** Of one database and one process. Safe for any number of threads. */
typedef struct eg_dbgate eg_dbgate;

/** One that is on its way through. */
typedef struct {
    apr_time_t began; /* of eg_clock() */
    int is_probe;     /* it finds out for the others */
} eg_dbpass;

apr_status_t eg_dbgate_make(eg_dbgate **gate, apr_pool_t *pool);

/** May a connection be asked for? Who is let in calls eg_dbgate_leave once. @return 0: the database is away */
int eg_dbgate_enter(eg_dbpass *pass, eg_dbgate *gate);

/**
 * The door behind it, where connections are made one at a time: eg_dbgate_shut() it at once when there is one.
 * @return 0: it was not free for EG_DBGATE_PATIENCE, or by then the database is away
 */
int eg_dbgate_open(eg_dbgate *gate, const eg_dbpass *pass);
void eg_dbgate_shut(eg_dbgate *gate);
#define EG_DBGATE_PATIENCE apr_time_from_sec(5)

typedef enum {
    EG_DBGATE_ANSWERED,
    EG_DBGATE_SILENT, /* no connection, or no answer in time */
    EG_DBGATE_UNTOLD  /* neither: it was not asked, or the connection was lost */
} eg_dbgate_end;

/** @return 1 when by this the database is away, -1 when it is back, 0 when nothing changed */
int eg_dbgate_leave(eg_dbgate *gate, const eg_dbpass *pass, eg_dbgate_end end);

#endif
