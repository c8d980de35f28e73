/*
 * Destinations: the mail hosts of one operator, to whom all threads of this
 * process together open so many connections and send so fast as they like. How
 * much that is they tell by what they answer.
 */
#ifndef EGS_DESTINATION_H
#define EGS_DESTINATION_H

#include "job.h"

/** What is allowed towards hosts of a name. */
typedef struct {
    const char *suffix; /* of the host's name: "google.com" is mx.google.com, too; "" is any */
    int connections;    /* at once, 1 or more */
    int mails;          /* over one connection, 1 or more */
    int rate;           /* mails begun in a second; 0: any number */
    egs_tls tls;
    int new_connections; /* opened in a minute; 0: any number */
} egs_shape;

/** The first shape of the list whose suffix a name has; its last one has the suffix "". */
const egs_shape *egs_shape_find(const egs_shape *shapes, const char *host);

typedef struct egs_destinations egs_destinations;
typedef struct egs_destination egs_destination;

/** @param suspensions  how long one is left alone that cannot be reached: the first time, the second ... */
egs_destinations *egs_destinations_new(const egs_durations *suspensions, apr_pool_t *pool);

/** One destination, from the first mail for it to the last: to be given back. @param key  whose hosts they are */
egs_destination *egs_destination_take(egs_destinations *all, const char *key, const egs_shape *shape);
void egs_destination_give_back(egs_destinations *all, egs_destination *d);

typedef enum {
    EGS_DESTINATION_OPEN,     /* a mail may begin, and is counted until egs_destination_leave */
    EGS_DESTINATION_BUSY,     /* not now, but soon */
    EGS_DESTINATION_SUSPENDED /* it cannot be reached */
} egs_destination_state;

/**
 * May one more mail begin?
 * @param opens  would it open a connection?
 * @param when  if not: not before that, by egs_clock
 * @param why  of a suspension: what the last attempt met with, in pool
 */
egs_destination_state egs_destination_enter(egs_destination *d, int opens, apr_time_t *when, const char **why,
                                            apr_pool_t *pool);

/** From one mail to the next, as it wants it now. */
apr_interval_time_t egs_destination_gap(egs_destination *d);

/** Has it answered a mail since it last could not be reached? */
int egs_destination_has_answered(egs_destination *d);

typedef enum {
    EGS_LEFT_WELL,        /* it took the mail, or refused that mail alone */
    EGS_LEFT_SLOW_DOWN,   /* it wants less */
    EGS_LEFT_UNREACHABLE, /* no dialogue came about */
    EGS_LEFT_UNTRIED      /* nothing can be said */
} egs_left;

/**
 * A mail that had begun is over.
 * @param begun  when, by egs_clock: not before egs_destination_enter said that it may
 * @param why  of what was unreachable: a sentence
 */
void egs_destination_leave(egs_destination *d, egs_left how, apr_time_t begun, const char *why);

#endif
