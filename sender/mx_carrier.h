/*
 * What the files of the transport mx share, and nobody else: a thread's carrier and
 * the mails that it has. mx.c finds their routes, mx_policy.c whether MTA-STS binds
 * them, mx_queue.c has them wait for a place, mx_share.c keeps some of the places from
 * strangers, mx_way.c takes them there.
 */
#ifndef EGS_MX_CARRIER_H
#define EGS_MX_CARRIER_H

#include "mx_plan.h"
#include "routes.h"
#include "sts.h"

/** A mail, from its beginning to its end. */
typedef struct egs_transit {
    egs_job *job;
    const egs_plan *plan;
    const char *domain;
    const char *organisation; /* that the domain belongs to; NULL: nobody has asked */
    int is_stranger;          /* it is under way, and among carrier->strangers */
    const egs_route *route;
    int is_enforced; /* only to hosts of the policy, whose certificates hold */
    egs_sts_policy policy;
    egs_destination *destination;
    int is_at_provider; /* the destination is all hosts of a provider, whatever domain's */
    int has_waited;
    double dice;       /* which of equal hosts is the first */
    int host, address; /* of the route: where it is or was under way to */
    int tries;
    int wants_less;         /* of those it went to, one asked to be spared */
    const egs_shape *shape; /* of the host it is or was under way to */
    egs_smtp_peer peer;
    struct egs_transit *next;
} egs_transit;

typedef struct egs_mx_queue egs_mx_queue;

/** A lane whose mails cannot wait here: left alone so long, unless there is room before. */
#define EGS_MX_HOLD apr_time_from_sec(1)

struct egs_carrier {
    const eg_log *log;
    apr_pool_t *pool;
    egs_smtp *smtp;
    eg_dns_resolver resolver; /* copied: a plan does not stay as long */
    egs_routes_rules rules;
    egs_lookup *lookup; /* NULL before the first mail */
    apr_pool_t *lookup_pool;
    egs_routes *routes;
    int answers;                   /* an eventfd: there are answers about policies */
    egs_transit *uncertain;        /* those that wait for them */
    apr_time_t ask_again;          /* for those: without an answer */
    egs_transit *strangers;        /* under way to destinations that had not answered */
    egs_mx_queue *queues, *unused; /* with mails, and without */
    int queued;                    /* in all of them */
    int begun, under_way;          /* mails that are not finished; those of them that have a place */
    int places;                    /* for others to get under way just now */
    egs_jobs finished;
};

/* mx_way.c */

/** Its outcome is known. */
void egs_mx_finish(egs_carrier *carrier, egs_transit *t);

/** The same, and this is the outcome. @param enhanced  a literal, or NULL */
void egs_mx_finish_as(egs_carrier *carrier, egs_transit *t, egs_result result, const char *enhanced,
                      const char *text);

/** From its host on to one that its policy allows. @return 0 when there is none */
int egs_mx_skip_forbidden(egs_transit *t);

/** Would it open a connection? */
int egs_mx_opens(const egs_carrier *carrier, egs_transit *t);

/** Get it under way to its host's address; a place at the destination is taken. */
void egs_mx_start(egs_carrier *carrier, egs_transit *t);

/** An address has had it: finish it, or send it to the next one. */
void egs_mx_settle(egs_carrier *carrier, egs_job *job);

/* mx_queue.c */

/** How many wait: for a route, a policy, a place. */
int egs_mx_waiting(const egs_carrier *carrier);

/** Is there room for it to wait for a route or a policy, or has it waited already? */
int egs_mx_may_wait(const egs_carrier *carrier, egs_transit *t);

/** There is none: back into the queue in the database. @param hold  how long its lane is left alone */
void egs_mx_turn_away(egs_carrier *carrier, egs_transit *t, apr_interval_time_t hold);

/** All that wait end, released. */
void egs_mx_recall(egs_carrier *carrier);

/** Have it wait for a place at its destination. */
void egs_mx_enqueue(egs_carrier *carrier, egs_transit *t);

/** Start those for whom there is one now. */
void egs_mx_serve_all(egs_carrier *carrier);

/** A place at a destination may be free. */
void egs_mx_wake_queue(egs_carrier *carrier, egs_destination *destination);

/** When there may be one. @return at most wait */
apr_interval_time_t egs_mx_queue_wait(const egs_carrier *carrier, apr_interval_time_t wait);

/* mx_share.c */

typedef enum {
    EGS_MX_ADMITTED,
    EGS_MX_TOO_MANY, /* of its organisation */
    EGS_MX_CROWDED   /* of all that go to destinations that have not answered */
} egs_mx_admission;

/** May one of the thread's places be used for it? */
egs_mx_admission egs_mx_admit(const egs_carrier *carrier, egs_transit *t);

/** It has got one. */
void egs_mx_note_start(egs_carrier *carrier, egs_transit *t);

/** It has given it up. */
void egs_mx_note_end(egs_carrier *carrier, const egs_transit *t);

/* mx_policy.c */

/** Does MTA-STS bind it? Then it goes on to the queue, perhaps later. */
void egs_mx_find_policy(egs_carrier *carrier, egs_transit *t);

/** There may be answers, or some wait no longer. */
void egs_mx_take_answers(egs_carrier *carrier);

/** When some may wait no longer. @return at most wait */
apr_interval_time_t egs_mx_policy_wait(const egs_carrier *carrier, apr_interval_time_t wait);

/** Before the first mail. */
apr_status_t egs_mx_open_answers(egs_carrier *carrier);

#endif
