/* Will what DNS has in a record's place do? See domainrecords.h. */
#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "domainrecords.h"
#include "spf.h"
#include "taglist.h"
#include "utf8.h"

#define SHOWN_MAX 4      /* records in found */
#define SHOWN_BYTES 1024 /* of one of them, escaped */
#define BETWEEN " | "

/* ---- what was found, as people may see it ------------------------------------------------- */

static const char *shown(const eg_dns_record *one, eg_dns_type type, apr_pool_t *pool)
{
    char *text = apr_palloc(pool, SHOWN_BYTES + 1);
    apr_size_t taken = eg_utf8_escape(text, SHOWN_BYTES + 1, one->text, one->length);

    if (type == EG_DNS_MX) {
        return apr_psprintf(pool, "%d %s", one->preference, text);
    }
    return taken < one->length ? apr_pstrcat(pool, text, "...", NULL) : text;
}

static const char *shown_all(const apr_array_header_t *list, eg_dns_type type, apr_pool_t *pool)
{
    const char *text = "";

    for (int i = 0; i < list->nelts && i < SHOWN_MAX; i++) {
        text = apr_pstrcat(pool, text, i > 0 ? BETWEEN : "",
                           shown(&APR_ARRAY_IDX(list, i, eg_dns_record), type, pool), NULL);
    }
    return list->nelts <= SHOWN_MAX
               ? text
               : apr_psprintf(pool, "%s" BETWEEN "%d more", text, list->nelts - SHOWN_MAX);
}

static void set(eg_domainrecord *record, const char *problem)
{
    record->state = problem == NULL ? EG_RECORD_HOLDS : EG_RECORD_FAILS;
    record->reason = problem == NULL ? "" : problem;
}

/* No fact about the name: nothing of it may count. */
static void set_unknown(eg_domainrecord *record, const char *why, apr_pool_t *pool)
{
    record->state = EG_RECORD_UNKNOWN;
    record->reason = apr_pstrcat(pool, "temporary: ", why, NULL);
}

static const char *no_record(const eg_dns_question *answer, apr_pool_t *pool)
{
    return answer->result == EG_DNS_NO_NAME
               ? "there is no such name"
               : apr_psprintf(pool, "the name has no %s record", eg_dns_type_name(answer->type));
}

/* ---- TXT -------------------------------------------------------------------------------- */

/* Those that begin like one of the kind that is looked for: a name may have others beside it. */
static apr_array_header_t *select_texts(const apr_array_header_t *list,
                                        int (*is_kind)(const char *, apr_size_t), apr_pool_t *pool)
{
    apr_array_header_t *found = apr_array_make(pool, 1, sizeof(eg_dns_record));

    for (int i = 0; i < list->nelts; i++) {
        const eg_dns_record *one = &APR_ARRAY_IDX(list, i, eg_dns_record);

        if (is_kind(one->text, one->length)) {
            APR_ARRAY_PUSH(found, eg_dns_record) = *one;
        }
    }
    return found;
}

static const char *judge_ownership(const apr_array_header_t *list, const eg_domainfacts *facts)
{
    for (int i = 0; i < list->nelts; i++) {
        const eg_dns_record *one = &APR_ARRAY_IDX(list, i, eg_dns_record);
        apr_size_t length = one->length, before = 0;

        while (before < length && apr_isspace(one->text[before])) {
            before++;
        }
        while (length > before && apr_isspace(one->text[length - 1])) {
            length--;
        }
        if (length - before == strlen(facts->ownership_token) &&
            memcmp(one->text + before, facts->ownership_token, length - before) == 0) {
            return NULL;
        }
    }
    return "the value is another one";
}

/* Base64 compares without the blanks in it (RFC 6376 section 3.6.1). */
static int is_same_key(const char *a, const char *b)
{
    while (1) {
        a += strspn(a, " \t\r\n");
        b += strspn(b, " \t\r\n");
        if (*a != *b || *a == '\0') {
            return *a == *b;
        }
        a++;
        b++;
    }
}

/*
 * Tags in any order, and others than ours, are fine. Testing mode (t=y) is too: in
 * practice it changes nothing. RFC 6376 sections 3.6.1 and 6.1.2.
 */
static const char *judge_key(const eg_dns_record *one, const eg_domainfacts *facts, apr_pool_t *pool)
{
    apr_array_header_t *tags, *ours;
    const char *key, *type, *hashes, *services;

    if (eg_taglist_parse(&tags, one->text, one->length, pool) != APR_SUCCESS ||
        eg_taglist_parse(&ours, facts->dkim_record, strlen(facts->dkim_record), pool) != APR_SUCCESS) {
        return "it is no DKIM key record";
    }
    key = eg_taglist_get(tags, "p");
    type = eg_taglist_get(tags, "k");
    hashes = eg_taglist_get(tags, "h");
    services = eg_taglist_get(tags, "s");
    if (key == NULL || (eg_taglist_get(tags, "v") != NULL && !eg_taglist_begins(tags, "v", "DKIM1"))) {
        return "it is no DKIM key record";
    }
    if (*key == '\0') {
        return "the key is revoked: p= is empty";
    }
    if (type != NULL && strcmp(type, "rsa") != 0) {
        return "k= names another kind of key than rsa";
    }
    if (hashes != NULL && !eg_taglist_has_word(hashes, "sha256")) {
        return "h= leaves out sha256";
    }
    if (services != NULL && !eg_taglist_has_word(services, "email") && !eg_taglist_has_word(services, "*")) {
        return "s= leaves out email";
    }
    return is_same_key(key, eg_taglist_get(ours, "p")) ? NULL : "p= is another key";
}

/* With several records at a selector, each receiver may take another one (section 3.6.2.2). */
static const char *judge_dkim(const apr_array_header_t *list, const eg_domainfacts *facts, apr_pool_t *pool)
{
    if (list->nelts > 1) {
        return apr_psprintf(pool, "%d TXT records: there may be only one", list->nelts);
    }
    return judge_key(&APR_ARRAY_IDX(list, 0, eg_dns_record), facts, pool);
}

static const char *judge_spf(const apr_array_header_t *list, const eg_domainfacts *facts, apr_pool_t *pool)
{
    apr_array_header_t *spf = select_texts(list, eg_spf_is_record, pool);
    const eg_dns_record *one = &APR_ARRAY_IDX(spf, 0, eg_dns_record);

    if (spf->nelts == 0) {
        return "none of the TXT records is one of SPF";
    }
    if (spf->nelts > 1) {
        return apr_psprintf(pool, "a permanent error: %d SPF records, and one is allowed", spf->nelts);
    }
    return eg_spf_problem(one->text, one->length, facts->mail_host, pool);
}

/* ---- MX, CNAME ------------------------------------------------------------------------------ */

/* Bounces go to the most preferred hosts: that is ours, and ours alone. */
static const char *judge_return_path(const apr_array_header_t *list, const eg_domainfacts *facts,
                                     apr_pool_t *pool)
{
    const eg_dns_record *best = NULL;
    int ours = 0;

    for (int i = 0; i < list->nelts; i++) {
        const eg_dns_record *one = &APR_ARRAY_IDX(list, i, eg_dns_record);
        int is_ours = strcasecmp(one->text, facts->mail_host) == 0;

        ours += is_ours;
        if (best == NULL || one->preference < best->preference ||
            (one->preference == best->preference && !is_ours)) {
            best = one;
        }
    }
    if (ours == 0) {
        return apr_pstrcat(pool, "none leads to ", facts->mail_host, NULL);
    }
    return strcasecmp(best->text, facts->mail_host) == 0
               ? NULL
               : apr_pstrcat(pool, "another host is not behind ", facts->mail_host, NULL);
}

static const char *judge_tracking(const apr_array_header_t *list, const eg_domainfacts *facts,
                                  apr_pool_t *pool)
{
    const eg_dns_record *one = &APR_ARRAY_IDX(list, 0, eg_dns_record);

    return list->nelts == 1 && strcasecmp(one->text, facts->tracking_host) == 0
               ? NULL
               : apr_pstrcat(pool, "it is not an alias for ", facts->tracking_host, NULL);
}

/* ---- DMARC ------------------------------------------------------------------------------------ */

static int is_dmarc(const char *text, apr_size_t length)
{
    apr_size_t version = strlen("v=DMARC1");

    return length >= version && strncmp(text, "v=DMARC1", version) == 0 &&
           (length == version || strchr("; \t", text[version]) != NULL);
}

static const char *judge_policy(const eg_dns_record *one, apr_pool_t *pool)
{
    static const char *const policies[] = { "none", "quarantine", "reject" };
    apr_array_header_t *tags;
    const char *policy;

    if (eg_taglist_parse(&tags, one->text, one->length, pool) != APR_SUCCESS) {
        return "it is no list of tags";
    }
    policy = eg_taglist_get(tags, "p");
    for (size_t i = 0; policy != NULL && i < sizeof policies / sizeof *policies; i++) {
        if (strcasecmp(policy, policies[i]) == 0) {
            return NULL;
        }
    }
    return "p= is none of none, quarantine, reject";
}

/* At the domain, and only if there is nothing at the organisational one. More than one counts as nothing. */
static void judge_dmarc(eg_domainrecord *record, const eg_dns_question *answers, int count, apr_pool_t *pool)
{
    set(record, "there is no DMARC record");
    for (int i = 0; i < count; i++) {
        apr_array_header_t *found;

        if (answers[i].result == EG_DNS_TEMPORARY) {
            set_unknown(record, answers[i].reason, pool);
            return;
        }
        if (answers[i].result != EG_DNS_FOUND) {
            continue;
        }
        found = select_texts(answers[i].records, is_dmarc, pool);
        if (found->nelts > 0) {
            record->found = shown_all(found, EG_DNS_TXT, pool);
            set(record, found->nelts == 1
                            ? judge_policy(&APR_ARRAY_IDX(found, 0, eg_dns_record), pool)
                            : apr_psprintf(pool, "%d DMARC records: there may be only one", found->nelts));
            return;
        }
    }
}

/* ---- all ----------------------------------------------------------------------------------------- */

static const char *judge_found(const eg_domainrecord *record, const eg_domainfacts *facts,
                               const apr_array_header_t *list, apr_pool_t *pool)
{
    switch (record->purpose) {
    case EG_RECORD_OWNERSHIP:
        return judge_ownership(list, facts);
    case EG_RECORD_DKIM:
        return judge_dkim(list, facts, pool);
    case EG_RECORD_RETURN_PATH:
        return judge_return_path(list, facts, pool);
    case EG_RECORD_SPF:
        return judge_spf(list, facts, pool);
    default:
        return judge_tracking(list, facts, pool);
    }
}

void eg_domainrecord_judge(eg_domainrecord *record, const eg_domainfacts *facts,
                           const eg_dns_question *answers, int count, apr_pool_t *pool)
{
    record->found = "";
    if (record->purpose == EG_RECORD_DMARC) {
        judge_dmarc(record, answers, count, pool);
        return;
    }
    switch (answers->result) {
    case EG_DNS_FOUND:
        record->found = shown_all(answers->records, answers->type, pool);
        set(record, judge_found(record, facts, answers->records, pool));
        return;
    case EG_DNS_TEMPORARY:
        set_unknown(record, answers->reason, pool);
        return;
    default:
        set(record, no_record(answers, pool));
    }
}
