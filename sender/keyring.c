/*
 * The DKIM keys of the process, opened and parsed.
 */
#include <apr_hash.h>
#include <apr_ring.h>
#include <apr_strings.h>
#include <apr_thread_mutex.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>

#include "keyring.h"

#define KEYS_MAX 4096 /* some 5 KB each */
#define SELECTOR_SIZE 64
#define TRY_AGAIN apr_time_from_sec(60) /* a key that cannot be opened */

/* A domain's key, or that it has none that can be opened. */
typedef struct entry {
    APR_RING_ENTRY(entry) neighbors;
    struct {
        apr_int64_t account_id, domain_id;
    } id;
    char selector[SELECTOR_SIZE];
    EVP_PKEY *pair;
    apr_time_t made; /* by egs_clock */
} entry;

struct egs_keyring {
    apr_thread_mutex_t *mutex; /* for all that follows */
    apr_hash_t *by_id;
    APR_RING_HEAD(entries, entry) by_use; /* the one used last is the first */
    apr_pool_t *pool; /* its own: it grows under the mutex, and the caller's is used by others meanwhile */
};

static apr_status_t free_keys(void *baton)
{
    egs_keyring *keyring = baton;
    entry *e;

    APR_RING_FOREACH(e, &keyring->by_use, entry, neighbors)
    {
        EVP_PKEY_free(e->pair);
    }
    return APR_SUCCESS;
}

apr_status_t egs_keyring_new(egs_keyring **keyring, apr_pool_t *pool)
{
    egs_keyring *made = apr_pcalloc(pool, sizeof *made);
    apr_status_t rv = apr_thread_mutex_create(&made->mutex, APR_THREAD_MUTEX_DEFAULT, pool);

    if (rv == APR_SUCCESS) {
        rv = apr_pool_create(&made->pool, pool);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    made->by_id = apr_hash_make(made->pool);
    APR_RING_INIT(&made->by_use, entry, neighbors);
    apr_pool_cleanup_register(pool, made, free_keys, apr_pool_cleanup_null);
    *keyring = made;
    return APR_SUCCESS;
}

/* ---- under the mutex ------------------------------------------------------------------ */

static entry *find(egs_keyring *keyring, apr_int64_t account_id, apr_int64_t domain_id)
{
    entry wanted = { .id = { account_id, domain_id } };
    entry *e = apr_hash_get(keyring->by_id, &wanted.id, sizeof wanted.id);

    if (e) {
        APR_RING_REMOVE(e, neighbors);
        APR_RING_INSERT_HEAD(&keyring->by_use, e, entry, neighbors);
    }
    return e;
}

/* An entry for another key: that of the domain's former one, a new one, or that of the key used longest ago. */
static entry *make_room(egs_keyring *keyring, apr_int64_t account_id, apr_int64_t domain_id)
{
    entry *e = find(keyring, account_id, domain_id);

    if (e) {
        EVP_PKEY_free(e->pair);
        return e;
    }
    if (apr_hash_count(keyring->by_id) < KEYS_MAX) {
        e = apr_palloc(keyring->pool, sizeof *e);
    }
    else {
        e = APR_RING_LAST(&keyring->by_use);
        apr_hash_set(keyring->by_id, &e->id, sizeof e->id, NULL);
        APR_RING_REMOVE(e, neighbors);
        EVP_PKEY_free(e->pair);
    }
    e->id.account_id = account_id;
    e->id.domain_id = domain_id;
    apr_hash_set(keyring->by_id, &e->id, sizeof e->id, e);
    APR_RING_INSERT_HEAD(&keyring->by_use, e, entry, neighbors);
    return e;
}

static apr_status_t free_pair(void *pair)
{
    EVP_PKEY_free(pair);
    return APR_SUCCESS;
}

/* Is this what is known of a domain's key? @param e May be NULL. */
static int answers(const entry *e, const char *selector)
{
    return e && !strcmp(e->selector, selector) && (e->pair || egs_clock() - e->made < TRY_AGAIN);
}

/* @return is the answer here? It may be that there is no key. */
static int lend(egs_keyring *keyring, egs_content *content, apr_pool_t *pool)
{
    const entry *e = find(keyring, content->account_id, content->domain_id);

    if (!answers(e, content->signer.selector)) {
        return 0;
    }
    if (e->pair && EVP_PKEY_up_ref(e->pair) == 1) {
        content->signer.pair = e->pair;
        apr_pool_cleanup_register(pool, e->pair, free_pair, apr_pool_cleanup_null);
    }
    return 1;
}

/* ---- what the database has ------------------------------------------------------------ */

/* An RSA key out of what was sealed; NULL where it is none, or was sealed to another sender. */
static EVP_PKEY *open_key(eg_bytes sealed, apr_int64_t account_id, const eg_senderkey *opener,
                          apr_pool_t *pool)
{
    EVP_PKEY *pair = NULL;
    eg_bytes der;

    if (eg_unseal_by_sender(&der, opener, account_id, sealed, pool) == APR_SUCCESS) {
        const unsigned char *at = der.data;

        pair = d2i_AutoPrivateKey(NULL, &at, (long)der.size);
    }
    if (pair && !EVP_PKEY_is_a(pair, "RSA")) {
        EVP_PKEY_free(pair);
        pair = NULL;
    }
    return pair;
}

static void take_key(egs_keyring *keyring, const eg_rows *rows, int row, const eg_senderkey *opener,
                     apr_pool_t *pool, const eg_log *log)
{
    apr_int64_t account_id = eg_rows_int(rows, row, "account_id");
    apr_int64_t domain_id = eg_rows_int(rows, row, "domain_id");
    const char *selector = eg_rows_text(rows, row, "selector");
    EVP_PKEY *pair = open_key(eg_rows_bytes(rows, row, "sealed", pool), account_id, opener, pool);
    int told; /* by another thread, that asked at the same time */
    entry *e;

    apr_thread_mutex_lock(keyring->mutex);
    e = find(keyring, account_id, domain_id);
    told = answers(e, selector) && !e->pair;
    e = make_room(keyring, account_id, domain_id);
    e->pair = pair;
    e->made = egs_clock();
    apr_cpystrn(e->selector, selector, SELECTOR_SIZE);
    apr_thread_mutex_unlock(keyring->mutex);
    if (!pair && !told) {
        eg_log_at(log, EG_LOG_ERR, APR_SUCCESS,
                  EGLOGNO(0408) "the DKIM key of domain %s of account %" APR_INT64_T_FMT
                                " cannot be opened with sender_key_file: its mail is put off",
                  eg_rows_text(rows, row, "name"), account_id);
    }
}

/* The domains whose keys are asked for. */
typedef struct {
    egs_content **contents; /* that wait for them */
    const char **account_ids, **domain_ids;
    apr_size_t count, domains;
} wanted;

static void want(wanted *list, egs_content *content, apr_pool_t *pool)
{
    list->contents[list->count++] = content;
    for (apr_size_t i = 0; i + 1 < list->count; i++) {
        if (list->contents[i]->account_id == content->account_id &&
            list->contents[i]->domain_id == content->domain_id) {
            return;
        }
    }
    list->account_ids[list->domains] = apr_psprintf(pool, "%" APR_INT64_T_FMT, content->account_id);
    list->domain_ids[list->domains] = apr_psprintf(pool, "%" APR_INT64_T_FMT, content->domain_id);
    list->domains++;
}

static apr_status_t fetch(egs_keyring *keyring, const wanted *list, const eg_senderkey *opener, eg_db *db,
                          const eg_log *log)
{
    eg_rows *rows;
    apr_pool_t *scratch; /* wiped of keys when it goes */
    apr_status_t rv = eg_db_call(&rows, db, EG_DB_REPEATABLE, "get_dkim_keys",
                                 EG_DB_ARGS(eg_db_texts(list->account_ids, list->domains),
                                            eg_db_texts(list->domain_ids, list->domains)));

    if (rv == APR_SUCCESS) {
        rv = apr_pool_create(&scratch, db->pool);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    for (int row = 0; row < eg_rows_count(rows); row++) {
        take_key(keyring, rows, row, opener, scratch, log);
    }
    /* The key may have changed since the contents were read. */
    for (apr_size_t i = 0; i < list->count; i++) {
        for (int row = 0; row < eg_rows_count(rows); row++) {
            if (eg_rows_int(rows, row, "account_id") == list->contents[i]->account_id &&
                eg_rows_int(rows, row, "domain_id") == list->contents[i]->domain_id) {
                list->contents[i]->signer.selector = eg_rows_text(rows, row, "selector");
            }
        }
    }
    apr_pool_destroy(scratch);
    return APR_SUCCESS;
}

static void lend_all(egs_keyring *keyring, egs_content **contents, apr_size_t count, wanted *lacking,
                     apr_pool_t *pool)
{
    apr_thread_mutex_lock(keyring->mutex);
    for (apr_size_t i = 0; i < count; i++) {
        if (!lend(keyring, contents[i], pool) && lacking) {
            want(lacking, contents[i], pool);
        }
    }
    apr_thread_mutex_unlock(keyring->mutex);
}

apr_status_t egs_keyring_serve(egs_keyring *keyring, egs_job *jobs, int count, const eg_senderkey *opener,
                               eg_db *db, const eg_log *log)
{
    apr_pool_t *pool = db->pool;
    apr_size_t size = (apr_size_t)count * sizeof(void *), used = 0;
    egs_content **contents = apr_palloc(pool, size);
    wanted lacking = { apr_palloc(pool, size), apr_palloc(pool, size), apr_palloc(pool, size), 0, 0 };
    apr_status_t rv;

    for (int i = 0; i < count; i++) {
        if (jobs[i].content && (!i || jobs[i].content != jobs[i - 1].content)) {
            contents[used++] = jobs[i].content;
        }
    }
    lend_all(keyring, contents, used, &lacking, pool);
    if (!lacking.count) {
        return APR_SUCCESS;
    }
    rv = fetch(keyring, &lacking, opener, db, log);
    if (rv == APR_SUCCESS) {
        lend_all(keyring, lacking.contents, lacking.count, NULL, pool);
    }
    return rv;
}
