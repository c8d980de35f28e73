#include "sts_cache.h"

#include <stdlib.h>
#include <string.h>

#include <apr_hash.h>
#include <apr_ring.h>
#include <apr_strings.h>

#include "hostname.h"

#define AT_ONCE 8 /* names of one organisation that are looked up at once */
#define SHARES 16 /* one organisation's names that are not idle: at most such a part of all */

/* A policy is fetched again after this, whatever its id, lest it be over one day (RFC 8461 section 3.3). */
#define FETCH_AFTER apr_time_from_sec(86400)

/** A policy in one piece. */
typedef struct {
    char id[EGS_STS_ID_MAX + 1];
    egs_sts_mode mode;
    apr_interval_time_t max_age;
    apr_time_t fetched, over;
    int count;
    apr_size_t size; /* of mx */
    char mx[];       /* count texts, each with its NUL */
} held;

/** Where a domain is on its way through a look. */
typedef enum {
    IDLE,
    UNREAD,  /* it is to be read whether a policy is stored */
    READING, /* somebody does so */
    WAITING, /* for its organisation's turn */
    WORKING  /* it is being looked up */
} progress;

typedef struct domain_entry {
    APR_RING_ENTRY(domain_entry) place; /* in the ring of its state; READING and WORKING have none */
    progress state;
    apr_time_t look_at;      /* for IDLE; 0: it was never looked at */
    apr_time_t since;        /* for the others: when it began to wait */
    struct organisation *of; /* for the others */
    held *policy;            /* NULL: none; it may be over */
    char name[];
} domain_entry;

APR_RING_HEAD(domain_ring, domain_entry);

/** What somebody registered, for as long as a name in it is not idle. */
typedef struct organisation {
    APR_RING_ENTRY(organisation) place;
    int has_turn; /* it is in the ring of those whose turn comes */
    struct domain_ring waiting;
    int busy;    /* names that are not idle */
    int working; /* those of them that are being looked up */
    char name[];
} organisation;

APR_RING_HEAD(organisation_ring, organisation);

/* Entries, organisations and policies come and go one by one, so they are malloc's. */
struct egs_sts_cache {
    apr_hash_t *domains;            /* name -> domain_entry */
    apr_hash_t *organisations;      /* name -> organisation */
    struct domain_ring without;     /* idle, of no policy; longest unused first */
    struct domain_ring with;        /* idle, of a policy; the same */
    struct domain_ring unread;      /* first come, first served */
    struct organisation_ring turns; /* those with names that wait, of which one more may be looked up */
    apr_size_t bytes;               /* of policies */
    int domains_max;
    apr_size_t bytes_max;
};

/* ---- organisations ------------------------------------------------------------------ */

static const char *organisation_name(const char *domain)
{
    const char *name = eg_hostname_organisation(domain);

    return name != NULL ? name : domain;
}

static organisation *find_organisation(const egs_sts_cache *cache, const char *domain)
{
    return apr_hash_get(cache->organisations, organisation_name(domain), APR_HASH_KEY_STRING);
}

static organisation *join_organisation(egs_sts_cache *cache, const char *domain)
{
    const char *name = organisation_name(domain);
    organisation *of = apr_hash_get(cache->organisations, name, APR_HASH_KEY_STRING);

    if (of == NULL) {
        of = calloc(1, sizeof *of + strlen(name) + 1);
        if (of == NULL) {
            return NULL;
        }
        strcpy(of->name, name);
        APR_RING_INIT(&of->waiting, domain_entry, place);
        apr_hash_set(cache->organisations, of->name, APR_HASH_KEY_STRING, of);
    }
    of->busy++;
    return of;
}

static void give_turn(egs_sts_cache *cache, organisation *of)
{
    if (!of->has_turn && of->working < AT_ONCE && !APR_RING_EMPTY(&of->waiting, domain_entry, place)) {
        APR_RING_INSERT_TAIL(&cache->turns, of, organisation, place);
        of->has_turn = 1;
    }
}

/* One of its names was looked up. */
static void leave_organisation(egs_sts_cache *cache, organisation *of)
{
    of->working--;
    if (--of->busy > 0) {
        give_turn(cache, of);
        return;
    }
    apr_hash_set(cache->organisations, of->name, APR_HASH_KEY_STRING, NULL);
    free(of);
}

/* ---- entries ------------------------------------------------------------------------ */

static void drop_policy(egs_sts_cache *cache, domain_entry *entry)
{
    if (entry->policy != NULL) {
        cache->bytes -= entry->policy->size;
        free(entry->policy);
        entry->policy = NULL;
    }
}

static void drop(egs_sts_cache *cache, domain_entry *entry)
{
    apr_hash_set(cache->domains, entry->name, APR_HASH_KEY_STRING, NULL);
    APR_RING_REMOVE(entry, place);
    drop_policy(cache, entry);
    free(entry);
}

static void put_idle(egs_sts_cache *cache, domain_entry *entry)
{
    struct domain_ring *ring = entry->policy != NULL ? &cache->with : &cache->without;

    entry->state = IDLE;
    APR_RING_INSERT_TAIL(ring, entry, domain_entry, place);
}

static void put_unread(egs_sts_cache *cache, domain_entry *entry)
{
    entry->state = UNREAD;
    APR_RING_INSERT_TAIL(&cache->unread, entry, domain_entry, place);
}

static void put_waiting(egs_sts_cache *cache, domain_entry *entry)
{
    entry->state = WAITING;
    APR_RING_INSERT_TAIL(&entry->of->waiting, entry, domain_entry, place);
    give_turn(cache, entry->of);
}

/* @return 0 when there is none that could go */
static int drop_first(egs_sts_cache *cache, struct domain_ring *ring)
{
    if (APR_RING_EMPTY(ring, domain_entry, place)) {
        return 0;
    }
    drop(cache, APR_RING_FIRST(ring));
    return 1;
}

static domain_entry *add(egs_sts_cache *cache, const char *name)
{
    domain_entry *entry;

    if ((int)apr_hash_count(cache->domains) >= cache->domains_max && !drop_first(cache, &cache->without) &&
        !drop_first(cache, &cache->with)) {
        return NULL;
    }
    entry = calloc(1, sizeof *entry + strlen(name) + 1);
    if (entry != NULL) {
        strcpy(entry->name, name);
        apr_hash_set(cache->domains, entry->name, APR_HASH_KEY_STRING, entry);
        put_idle(cache, entry);
    }
    return entry;
}

static domain_entry *get(const egs_sts_cache *cache, const char *name)
{
    return apr_hash_get(cache->domains, name, APR_HASH_KEY_STRING);
}

/* ---- policies ----------------------------------------------------------------------- */

static const held *current(const domain_entry *entry, apr_time_t now)
{
    return entry->policy != NULL && now < entry->policy->over ? entry->policy : NULL;
}

static held *hold(const char *id, const egs_sts_policy *policy)
{
    apr_size_t size = 0;
    char *to;
    held *made;

    for (int i = 0; i < policy->mx->nelts; i++) {
        size += strlen(APR_ARRAY_IDX(policy->mx, i, const char *)) + 1;
    }
    made = calloc(1, sizeof *made + size);
    if (made == NULL) {
        return NULL;
    }
    apr_cpystrn(made->id, id, sizeof made->id);
    made->mode = policy->mode;
    made->max_age = policy->max_age;
    made->count = policy->mx->nelts;
    made->size = size;
    to = made->mx;
    for (int i = 0; i < policy->mx->nelts; i++) {
        to = stpcpy(to, APR_ARRAY_IDX(policy->mx, i, const char *)) + 1;
    }
    return made;
}

static void copy_out(egs_sts_policy *policy, const held *from, apr_pool_t *pool)
{
    apr_array_header_t *mx = apr_array_make(pool, from->count, sizeof(const char *));
    const char *text = apr_pmemdup(pool, from->mx, from->size);

    for (int i = 0; i < from->count; i++) {
        APR_ARRAY_PUSH(mx, const char *) = text;
        text += strlen(text) + 1;
    }
    policy->mode = from->mode;
    policy->max_age = from->max_age;
    policy->mx = mx;
}

static int is_same(const held *a, const held *b)
{
    return strcmp(a->id, b->id) == 0 && a->mode == b->mode && a->max_age == b->max_age &&
           a->size == b->size && memcmp(a->mx, b->mx, a->size) == 0;
}

static void set_policy(egs_sts_cache *cache, domain_entry *entry, held *policy)
{
    drop_policy(cache, entry);
    entry->policy = policy;
    cache->bytes += policy->size;
}

/* The id with which nothing is to be fetched: not where the policy should be renewed by now. */
static const char *known_id(const domain_entry *entry, apr_time_t now, apr_pool_t *pool)
{
    const held *policy = current(entry, now);
    apr_interval_time_t fresh;

    if (policy == NULL) {
        return NULL;
    }
    fresh = (policy->over - policy->fetched) / 2;
    return now - policy->fetched < (fresh < FETCH_AFTER ? fresh : FETCH_AFTER) ? apr_pstrdup(pool, policy->id)
                                                                               : NULL;
}

/* ---- what callers do ---------------------------------------------------------------- */

static apr_status_t drop_all(void *baton)
{
    egs_sts_cache *cache = baton;

    for (apr_hash_index_t *at = apr_hash_first(NULL, cache->domains); at != NULL; at = apr_hash_next(at)) {
        domain_entry *entry = apr_hash_this_val(at);

        drop_policy(cache, entry);
        free(entry);
    }
    for (apr_hash_index_t *at = apr_hash_first(NULL, cache->organisations); at != NULL;
         at = apr_hash_next(at)) {
        free(apr_hash_this_val(at));
    }
    return APR_SUCCESS;
}

egs_sts_cache *egs_sts_cache_new(int domains_max, apr_size_t bytes_max, apr_pool_t *pool)
{
    egs_sts_cache *cache = apr_pcalloc(pool, sizeof *cache);

    cache->domains = apr_hash_make(pool);
    cache->organisations = apr_hash_make(pool);
    cache->domains_max = domains_max;
    cache->bytes_max = bytes_max;
    APR_RING_INIT(&cache->without, domain_entry, place);
    APR_RING_INIT(&cache->with, domain_entry, place);
    APR_RING_INIT(&cache->unread, domain_entry, place);
    APR_RING_INIT(&cache->turns, organisation, place);
    apr_pool_cleanup_register(pool, cache, drop_all, apr_pool_cleanup_null);
    return cache;
}

/* Another sender may have stored a policy since: that is read before anything else is said. */
static int is_unread(const domain_entry *entry)
{
    return entry->state == UNREAD || entry->state == READING;
}

/* What had no policy at the last look has none until the next one is over: nobody waits for that. */
static int had_none(const domain_entry *entry)
{
    return entry->look_at != 0 && entry->policy == NULL && !is_unread(entry);
}

/* None is stored, and the look takes too long to be waited for. */
static int is_late(const domain_entry *entry, apr_interval_time_t patience, apr_time_t now)
{
    return (entry->state == WAITING || entry->state == WORKING) && now - entry->since >= patience;
}

/* The look that was asked for first is given up, where nobody waits for it any more: others of its organisation do. */
static int give_up_late(egs_sts_cache *cache, organisation *of, apr_interval_time_t patience, apr_time_t now)
{
    domain_entry *first = APR_RING_FIRST(&of->waiting);

    if (APR_RING_EMPTY(&of->waiting, domain_entry, place) || !is_late(first, patience, now)) {
        return 0;
    }
    APR_RING_REMOVE(first, place);
    if (APR_RING_EMPTY(&of->waiting, domain_entry, place) && of->has_turn) {
        APR_RING_REMOVE(of, place);
        of->has_turn = 0;
    }
    of->busy--;
    if (current(first, now) == NULL) {
        drop_policy(cache, first);
    }
    first->look_at = now;
    put_idle(cache, first);
    return 1;
}

/* May one more of its organisation's names be on the way to a look? */
static int has_share(egs_sts_cache *cache, const char *domain, apr_interval_time_t patience, apr_time_t now)
{
    organisation *of = find_organisation(cache, domain);

    return of == NULL || of->busy <= cache->domains_max / SHARES || give_up_late(cache, of, patience, now);
}

/* @return has it begun to wait for a look? */
static int begin_look(egs_sts_cache *cache, domain_entry *entry, apr_time_t now)
{
    organisation *of = join_organisation(cache, entry->name);

    if (of == NULL) {
        return 0;
    }
    entry->of = of;
    entry->since = now;
    if (current(entry, now) != NULL) {
        put_waiting(cache, entry);
    }
    else {
        put_unread(cache, entry);
    }
    return 1;
}

/* One that is idle was asked for. @return has it begun to wait for a look? */
static int touch(egs_sts_cache *cache, domain_entry *entry, apr_interval_time_t patience, apr_time_t now)
{
    APR_RING_REMOVE(entry, place);
    if (now >= entry->look_at && has_share(cache, entry->name, patience, now) &&
        begin_look(cache, entry, now)) {
        return 1;
    }
    put_idle(cache, entry);
    return 0;
}

egs_sts_state egs_sts_cache_find(egs_sts_cache *cache, int *due, const char *domain, egs_sts_policy *policy,
                                 apr_interval_time_t patience, apr_time_t now, apr_pool_t *pool)
{
    domain_entry *entry = get(cache, domain);
    const held *found;

    *due = 0;
    if (entry == NULL && has_share(cache, domain, patience, now)) {
        entry = add(cache, domain);
    }
    if (entry == NULL) {
        return EGS_STS_CROWDED;
    }
    if (entry->state == IDLE) {
        *due = touch(cache, entry, patience, now);
    }
    found = current(entry, now);
    if (found == NULL) {
        return had_none(entry) || is_late(entry, patience, now) ? EGS_STS_NONE
               : entry->state == IDLE                           ? EGS_STS_CROWDED
                                                                : EGS_STS_PENDING;
    }
    if (found->mode == EGS_STS_MODE_NONE) {
        return EGS_STS_NONE;
    }
    copy_out(policy, found, pool);
    return EGS_STS_POLICY;
}

int egs_sts_cache_is_wanted(const egs_sts_cache *cache)
{
    return !APR_RING_EMPTY(&cache->unread, domain_entry, place) ||
           !APR_RING_EMPTY(&cache->turns, organisation, place);
}

int egs_sts_cache_unread(egs_sts_cache *cache, const char **domains, int most, apr_pool_t *pool)
{
    int count = 0;

    while (count < most && !APR_RING_EMPTY(&cache->unread, domain_entry, place)) {
        domain_entry *entry = APR_RING_FIRST(&cache->unread);

        APR_RING_REMOVE(entry, place);
        entry->state = READING;
        domains[count++] = apr_pstrdup(pool, entry->name);
    }
    return count;
}

void egs_sts_cache_read(egs_sts_cache *cache, const char *domain, const egs_sts_kept *kept, apr_time_t now)
{
    domain_entry *entry = get(cache, domain);
    held *policy = kept != NULL ? hold(kept->id, &kept->policy) : NULL;

    if (policy != NULL) {
        policy->fetched = now - kept->age;
        policy->over = now + kept->left;
        set_policy(cache, entry, policy);
    }
    put_waiting(cache, entry);
}

void egs_sts_cache_reread(egs_sts_cache *cache, const char *domain)
{
    put_unread(cache, get(cache, domain));
}

egs_sts_lookup *egs_sts_cache_take(egs_sts_cache *cache, apr_time_t now, apr_pool_t *pool)
{
    egs_sts_lookup *lookup;
    organisation *of;
    domain_entry *entry;
    apr_pool_t *own;

    if (APR_RING_EMPTY(&cache->turns, organisation, place) || apr_pool_create(&own, pool) != APR_SUCCESS) {
        return NULL;
    }
    of = APR_RING_FIRST(&cache->turns);
    APR_RING_REMOVE(of, place);
    of->has_turn = 0;
    entry = APR_RING_FIRST(&of->waiting);
    APR_RING_REMOVE(entry, place);
    entry->state = WORKING;
    of->working++;
    give_turn(cache, of);
    lookup = apr_pcalloc(own, sizeof *lookup);
    lookup->pool = own;
    lookup->domain = apr_pstrdup(own, entry->name);
    lookup->known_id = known_id(entry, now, own);
    return lookup;
}

/* It holds until the next look at least, though its max_age be shorter: none comes before. */
static egs_sts_change take_fetched(egs_sts_cache *cache, domain_entry *entry, const egs_sts_lookup *lookup,
                                   apr_interval_time_t interval, apr_time_t now)
{
    held *policy = hold(lookup->id, &lookup->policy);
    const held *former = current(entry, now);
    egs_sts_change change;

    if (policy == NULL) {
        return EGS_STS_SAME;
    }
    change = former == NULL ? EGS_STS_NEW : is_same(former, policy) ? EGS_STS_SAME : EGS_STS_CHANGED;
    policy->fetched = now;
    policy->over = now + (policy->max_age > interval ? policy->max_age : interval);
    set_policy(cache, entry, policy);
    return change;
}

egs_sts_change egs_sts_cache_answer(egs_sts_cache *cache, const egs_sts_lookup *lookup,
                                    apr_interval_time_t interval, apr_time_t now)
{
    domain_entry *entry = get(cache, lookup->domain);
    egs_sts_change change = EGS_STS_SAME;

    if (lookup->outcome == EGS_STS_FETCHED) {
        change = take_fetched(cache, entry, lookup, interval, now);
    }
    else if (entry->policy != NULL && current(entry, now) == NULL) {
        drop_policy(cache, entry);
        change = EGS_STS_LOST;
    }
    entry->look_at = now + interval;
    if (entry->policy != NULL && entry->policy->over < entry->look_at) {
        entry->look_at = entry->policy->over;
    }
    leave_organisation(cache, entry->of);
    put_idle(cache, entry);
    while (cache->bytes > cache->bytes_max && drop_first(cache, &cache->with)) {
    }
    return change;
}
