#include "erasing.h"

#include <string.h>

#include <apr_strings.h>

#include "addressfold.h"
#include "addresshash.h"
#include "erasable.h"
#include "hostname.h"
#include "job.h"

#define INTERVAL apr_time_from_sec(1) /* while nobody is to be erased */
#define LEASE 60                      /* seconds: then another sender goes on with it */
#define BATCH 1000                    /* events of one part */
#define AT_ONCE apr_time_from_sec(1)  /* parts that follow each other, before other work has its turn */

/* A row of claim_erasure, opened. @return NULL, told, when it cannot be */
static const char *open_address(eg_db *db, const eg_secret *secret, const eg_rows *rows, const eg_log *log)
{
    apr_int64_t account_id = eg_rows_int(rows, 0, "account_id");
    eg_bytes address;
    apr_status_t rv = eg_unseal(&address, secret, EG_SEAL_ERASURE, account_id,
                                eg_rows_bytes(rows, 0, "address_sealed", db->pool), db->pool);

    if (rv != APR_SUCCESS) {
        eg_log_at(log, EG_LOG_ERR, rv,
                  EGLOGNO(0465) "account=%" APR_INT64_T_FMT
                                " erasure=%s: the address cannot be opened: it was "
                                "sealed with another secret file",
                  account_id, eg_rows_text(rows, 0, "erasure_id"));
        return NULL;
    }
    return address.data;
}

/* An address first as it is stored, then as people may write it. */
typedef struct {
    const char *each[2];
    apr_size_t count;
} spellings;

static spellings spell(const char *address, apr_pool_t *pool)
{
    const char *domain = strrchr(address, '@') + 1, *own = eg_hostname_unicode(domain, pool);
    const char *local = apr_pstrmemdup(pool, address, (apr_size_t)(domain - address));

    return (spellings){ { address, apr_pstrcat(pool, local, own, NULL) }, strcmp(own, domain) == 0 ? 1 : 2 };
}

/* In the form in which texts are that no charset makes sense of. */
static spellings spell_in_bytes(spellings person, apr_pool_t *pool)
{
    for (apr_size_t i = 0; i < person.count; i++) {
        person.each[i] = egs_erasable_bytes((eg_bytes){ person.each[i], strlen(person.each[i]) }, pool);
    }
    return person;
}

/* ---- parts of mails ------------------------------------------------------------------------------ */

/* Have the texts of one kind looked through for the person, who is known in the same kind. */
static apr_status_t look_through(const egs_erasable *erasable, int is_bytes, spellings person, eg_db *db)
{
    apr_array_header_t *asked = apr_array_make(db->pool, 8, sizeof(const char *));
    apr_array_header_t *texts = apr_array_make(db->pool, 8, sizeof(egs_erasable_text *));
    eg_rows *rows;
    apr_status_t rv;

    for (int i = 0; i < erasable->texts->nelts; i++) {
        egs_erasable_text *text = &APR_ARRAY_IDX(erasable->texts, i, egs_erasable_text);

        if (text->is_bytes == is_bytes) {
            APR_ARRAY_PUSH(asked, const char *) = text->text;
            APR_ARRAY_PUSH(texts, egs_erasable_text *) = text;
        }
    }
    if (asked->nelts == 0) {
        return APR_SUCCESS;
    }
    rv = eg_db_call(&rows, db, EG_DB_REPEATABLE, "erase_texts",
                    EG_DB_ARGS(eg_db_texts(person.each, person.count),
                               eg_db_texts((const char *const *)asked->elts, (apr_size_t)asked->nelts)));
    for (int i = 0; rv == APR_SUCCESS && i < eg_rows_count(rows); i++) {
        int no = (int)eg_rows_int(rows, i, "no") - 1;

        APR_ARRAY_IDX(texts, no, egs_erasable_text *)->erased = eg_rows_text(rows, i, "erased");
    }
    return rv;
}

/* What next_erasure_part gave. */
static egs_erasable *read_part(const eg_rows *part, eg_bytes content, const char *address, apr_pool_t *pool)
{
    return eg_rows_int(part, 0, "part_no") == 0
               ? egs_erasable_mail(content, eg_address_fold(address, pool), pool)
               : egs_erasable_attachment(content, eg_rows_text(part, 0, "content_type"), pool);
}

/* The next part of a mail to several, one of whom is erased. @return APR_EOF when there is none */
static apr_status_t erase_part(eg_db *db, eg_dbarg account_id, eg_dbarg erasure_id, spellings person)
{
    unsigned char before[EG_HASH_SIZE];
    egs_erasable *erasable;
    eg_bytes content, erased = { NULL, 0 };
    eg_rows *part, *put;
    apr_status_t rv =
        eg_db_call(&part, db, EG_DB_REPEATABLE, "next_erasure_part", EG_DB_ARGS(account_id, erasure_id));

    if (rv != APR_SUCCESS || eg_rows_count(part) == 0) {
        return rv != APR_SUCCESS ? rv : APR_EOF;
    }
    content = eg_rows_bytes(part, 0, "content", db->pool);
    eg_secret_hash(before, content.data, content.size);
    erasable = read_part(part, content, person.each[0], db->pool);
    rv = look_through(erasable, 0, person, db);
    rv = rv == APR_SUCCESS ? look_through(erasable, 1, spell_in_bytes(person, db->pool), db) : rv;
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (!egs_erasable_is_same(erasable)) {
        erased = egs_erasable_write(erasable);
    }
    return eg_db_call(&put, db, EG_DB_REPEATABLE, "put_erasure_part",
                      EG_DB_ARGS(account_id, erasure_id, eg_db_text(eg_rows_text(part, 0, "account_id")),
                                 eg_db_text(eg_rows_text(part, 0, "message_id")),
                                 eg_db_text(eg_rows_text(part, 0, "part_no")),
                                 eg_db_bytes(before, sizeof before), eg_db_bytes(erased.data, erased.size)));
}

/* Those that steps have noted, each with memory of its own, until there is none or it takes too long. */
static apr_status_t erase_parts(eg_db *db, eg_dbarg account_id, eg_dbarg erasure_id, spellings person,
                                apr_time_t end)
{
    apr_status_t rv = APR_SUCCESS;

    while (rv == APR_SUCCESS && egs_clock() < end) {
        apr_pool_t *pool;

        rv = apr_pool_create(&pool, db->pool);
        if (rv == APR_SUCCESS) {
            rv = erase_part(eg_db_with_pool(db, pool), account_id, erasure_id, person);
            apr_pool_destroy(pool);
        }
    }
    return rv == APR_EOF ? APR_SUCCESS : rv;
}

/* ---- steps --------------------------------------------------------------------------------------- */

/* One after the other, as long as there are any and it does not take too long. */
static void erase(eg_db *db, const eg_rows *claimed, const char *address, const char *hash, const eg_log *log)
{
    eg_dbarg account_id = eg_db_int(eg_rows_int(claimed, 0, "account_id"));
    eg_dbarg erasure_id = eg_db_int(eg_rows_int(claimed, 0, "erasure_id"));
    spellings person = spell(address, db->pool);
    apr_time_t end = egs_clock() + AT_ONCE;
    const char *state = "more";

    while (strcmp(state, "more") == 0 && egs_clock() < end) {
        eg_rows *rows;

        if (erase_parts(db, account_id, erasure_id, person, end) != APR_SUCCESS ||
            eg_db_call(&rows, db, EG_DB_REPEATABLE, "erase_step",
                       EG_DB_ARGS(account_id, erasure_id, eg_db_text(address), eg_db_text(hash),
                                  eg_db_int(BATCH), eg_db_texts(person.each + 1, person.count - 1))) !=
                APR_SUCCESS) {
            return;
        }
        state = eg_rows_text(rows, 0, "state");
        if (strcmp(state, "done") == 0 && eg_rows_text(rows, 0, "counts") != NULL) {
            eg_log_at(log, EG_LOG_INFO, APR_SUCCESS, EGLOGNO(0466) "account=%s erasure=%s is done: %s",
                      eg_rows_text(claimed, 0, "account_id"), eg_rows_text(claimed, 0, "erasure_id"),
                      eg_rows_text(rows, 0, "counts"));
        }
    }
}

apr_interval_time_t egs_erase_some(eg_db *db, const eg_secret *secret, const eg_log *log)
{
    const char *address, *hash;
    eg_rows *rows;

    if (eg_db_call(&rows, db, EG_DB_ONCE, "claim_erasure", EG_DB_ARGS(eg_db_int(LEASE))) != APR_SUCCESS ||
        eg_rows_count(rows) == 0) {
        return INTERVAL;
    }
    address = open_address(db, secret, rows, log);
    hash = address != NULL ? eg_addresshash_new(secret, address, db->pool) : NULL;
    if (hash == NULL) {
        return INTERVAL;
    }
    erase(db, rows, address, hash, log);
    return 0;
}
