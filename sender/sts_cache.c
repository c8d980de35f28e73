#include "sts_cache.h"

#include <stdlib.h>
#include <string.h>

#include <apr_hash.h>
#include <apr_ring.h>
#include <apr_strings.h>

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

typedef struct domain_entry {
    APR_RING_ENTRY(domain_entry) place;
    enum { IDLE, WAITING, WORKING } state; /* in a ring of their own but for WORKING */
    apr_time_t look_at;                    /* for IDLE; 0: it was never looked at */
    held *policy;                          /* NULL: none; it may be over */
    char name[];
} domain_entry;

APR_RING_HEAD(domain_ring, domain_entry);

/* Entries and policies come and go one by one, so they are malloc's. */
struct egs_sts_cache {
    apr_hash_t *domains;        /* name -> domain_entry */
    struct domain_ring without; /* idle, of no policy; longest unused first */
    struct domain_ring with;    /* idle, of a policy; the same */
    struct domain_ring waiting; /* first come, first served */
    apr_size_t bytes;           /* of policies */
    int domains_max;
    apr_size_t bytes_max;
};

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

static void put(egs_sts_cache *cache, domain_entry *entry)
{
    struct domain_ring *ring = entry->state == WAITING ? &cache->waiting
                               : entry->policy != NULL ? &cache->with
                                                       : &cache->without;

    APR_RING_INSERT_TAIL(ring, entry, domain_entry, place);
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
        put(cache, entry);
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
    return APR_SUCCESS;
}

egs_sts_cache *egs_sts_cache_new(int domains_max, apr_size_t bytes_max, apr_pool_t *pool)
{
    egs_sts_cache *cache = apr_pcalloc(pool, sizeof *cache);

    cache->domains = apr_hash_make(pool);
    cache->domains_max = domains_max;
    cache->bytes_max = bytes_max;
    APR_RING_INIT(&cache->without, domain_entry, place);
    APR_RING_INIT(&cache->with, domain_entry, place);
    APR_RING_INIT(&cache->waiting, domain_entry, place);
    apr_pool_cleanup_register(pool, cache, drop_all, apr_pool_cleanup_null);
    return cache;
}

/* What was looked at and had none has none until the next look is over: nobody waits for that one. */
static int is_known(const domain_entry *entry)
{
    return entry->state == IDLE || (entry->look_at != 0 && entry->policy == NULL);
}

egs_sts_state egs_sts_cache_find(egs_sts_cache *cache, int *due, const char *domain, egs_sts_policy *policy,
                                 apr_time_t now, apr_pool_t *pool)
{
    domain_entry *entry = get(cache, domain);
    const held *found;

    *due = 0;
    if (entry == NULL) {
        entry = add(cache, domain);
    }
    if (entry == NULL) {
        return EGS_STS_PENDING; /* all are being looked up: there is room soon */
    }
    if (entry->state == IDLE) {
        *due = now >= entry->look_at;
        entry->state = *due ? WAITING : IDLE;
        APR_RING_REMOVE(entry, place);
        put(cache, entry);
    }
    found = current(entry, now);
    if (found == NULL) {
        return is_known(entry) ? EGS_STS_NONE : EGS_STS_PENDING;
    }
    if (found->mode == EGS_STS_MODE_NONE) {
        return EGS_STS_NONE;
    }
    copy_out(policy, found, pool);
    return EGS_STS_POLICY;
}

int egs_sts_cache_take(egs_sts_cache *cache, egs_sts_lookup *lookups, int most, apr_time_t now,
                       apr_pool_t *pool)
{
    int count = 0;

    while (count < most && !APR_RING_EMPTY(&cache->waiting, domain_entry, place)) {
        domain_entry *entry = APR_RING_FIRST(&cache->waiting);

        APR_RING_REMOVE(entry, place);
        entry->state = WORKING;
        lookups[count++] = (egs_sts_lookup){ .domain = apr_pstrdup(pool, entry->name),
                                             .known_id = known_id(entry, now, pool) };
    }
    return count;
}

int egs_sts_cache_lacks(egs_sts_cache *cache, const char *domain, apr_time_t now)
{
    const domain_entry *entry = get(cache, domain);

    return entry == NULL || current(entry, now) == NULL;
}

void egs_sts_cache_keep(egs_sts_cache *cache, egs_sts_lookup *lookup, const egs_sts_kept *kept,
                        apr_time_t now)
{
    domain_entry *entry = get(cache, lookup->domain);
    held *policy = hold(kept->id, &kept->policy);

    if (policy != NULL) {
        policy->fetched = now - kept->age;
        policy->over = now + kept->left;
        set_policy(cache, entry, policy);
        lookup->known_id = policy->over > now ? kept->id : NULL;
    }
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
    entry->state = IDLE;
    put(cache, entry);
    while (cache->bytes > cache->bytes_max && drop_first(cache, &cache->with)) {
    }
    return change;
}
