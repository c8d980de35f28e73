#include "sts_fetch.h"

#include <string.h>
#include <sys/socket.h>

#include <apr_cstr.h>
#include <apr_strings.h>
#include <curl/curl.h>

#include "lookup.h"
#include "netaddr.h"

#define USER_AGENT "mod_emailgw-mta-sts/1"
#define HTTPS_PORT 443
#define HEADER_MAX (16 * 1024) /* bytes of the header of an answer that are read */
#define ADDRESSES_MAX 8        /* of a policy host that are tried */
#define LOOK_AROUND 100        /* milliseconds after which it asks for more, and whether to leave off */
#define AT_ONCE 64             /* domains */

/* All of one call. */
typedef struct {
    const egs_options *options;
    const egs_sts_observer *observer;
    eg_dns_resolver resolver;
    egs_lookup *dns;
    CURLM *multi;
    int running; /* lookups that are not over */
} inquiry;

/** One lookup. */
typedef struct {
    inquiry *all;
    egs_sts_lookup *lookup;
    eg_dns_question questions[2]; /* the record; then both families of addresses */
    int unanswered;               /* of them */
    CURL *easy;
    struct curl_slist pinned;
    char *body; /* EGS_STS_SIZE_MAX bytes */
    apr_size_t size, header_size;
    const char *problem; /* why we ended it, or NULL */
    char error[CURL_ERROR_SIZE];
    apr_pool_t *pool; /* the lookup's */
} fetch;

/* Its pool may be gone then. */
static void finish(const fetch *f, egs_sts_outcome outcome, const char *problem)
{
    const egs_sts_observer *observer = f->all->observer;

    f->all->running--;
    f->lookup->outcome = outcome;
    f->lookup->problem = problem;
    observer->done(observer->baton, f->lookup);
}

static const char *policy_host(const char *domain, apr_pool_t *pool)
{
    return apr_pstrcat(pool, "mta-sts.", domain, NULL);
}

/* ---- one fetch ---------------------------------------------------------------------- */

static curl_socket_t open_socket(void *baton, curlsocktype purpose, struct curl_sockaddr *address)
{
    fetch *f = baton;
    eg_netaddr addr;

    (void)purpose;
    if (eg_netaddr_of_socket(&addr, &address->addr) != APR_SUCCESS ||
        (!eg_netaddr_is_public(&addr) && !eg_netaddr_in(f->all->options->sts_allow, &addr))) {
        f->problem = "the address is not allowed";
        return CURL_SOCKET_BAD;
    }
    f->problem = NULL; /* of several addresses this one is allowed */
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t take_body(char *data, size_t size, size_t count, void *baton)
{
    fetch *f = baton;

    size *= count;
    if (size > EGS_STS_SIZE_MAX - f->size) {
        f->problem = "the policy is over 64 KiB long";
        return 0;
    }
    memcpy(f->body + f->size, data, size);
    f->size += size;
    return size;
}

static size_t take_header(char *data, size_t size, size_t count, void *baton)
{
    fetch *f = baton;

    (void)data;
    size *= count;
    f->header_size += size;
    if (f->header_size > HEADER_MAX) {
        f->problem = "the header of the answer is too long";
        return 0;
    }
    return size;
}

static apr_status_t free_easy(void *easy)
{
    curl_easy_cleanup(easy);
    return APR_SUCCESS;
}

/* Whatever the other side or the environment say: straight to the address, no further. */
static void set_bounds(CURL *easy, const egs_options *options)
{
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L); /* nobody comes again soon */
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)apr_time_as_msec(options->sts_timeout));
    if (options->sts_ca_file != NULL) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, options->sts_ca_file); /* the system's folder stays */
    }
}

static void set_callbacks(fetch *f)
{
    curl_easy_setopt(f->easy, CURLOPT_PRIVATE, f);
    curl_easy_setopt(f->easy, CURLOPT_ERRORBUFFER, f->error);
    curl_easy_setopt(f->easy, CURLOPT_USERAGENT, USER_AGENT);
    curl_easy_setopt(f->easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(f->easy, CURLOPT_OPENSOCKETDATA, f);
    curl_easy_setopt(f->easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(f->easy, CURLOPT_WRITEDATA, f);
    curl_easy_setopt(f->easy, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(f->easy, CURLOPT_HEADERDATA, f);
}

/*
 * libcurl looks nothing up: the name leads to these addresses, and is soon forgotten ("+").
 * @return is it on its way?
 */
static int begin_fetch(fetch *f, const char *addresses)
{
    const egs_options *options = f->all->options;
    const char *domain = f->lookup->domain;

    f->body = apr_palloc(f->pool, EGS_STS_SIZE_MAX);
    f->easy = curl_easy_init();
    if (f->easy == NULL) {
        return 0;
    }
    apr_pool_cleanup_register(f->pool, f->easy, free_easy, apr_pool_cleanup_null);
    f->pinned.data =
        apr_psprintf(f->pool, "+%s:%d:%s", policy_host(domain, f->pool), options->sts_port, addresses);
    curl_easy_setopt(f->easy, CURLOPT_RESOLVE, &f->pinned);
    curl_easy_setopt(f->easy, CURLOPT_URL, egs_sts_url(domain, options, f->pool));
    set_bounds(f->easy, options);
    set_callbacks(f);
    return curl_multi_add_handle(f->all->multi, f->easy) == CURLM_OK;
}

/* ---- the addresses ------------------------------------------------------------------ */

/* "1.2.3.4,[::1]" of both families, or NULL. */
static const char *list_addresses(const eg_dns_question *both, apr_pool_t *pool)
{
    const char *text = NULL;
    int count = 0;

    for (int i = 0; i < 2; i++) {
        for (int j = 0; both[i].records != NULL && j < both[i].records->nelts && count < ADDRESSES_MAX; j++) {
            const char *address = APR_ARRAY_IDX(both[i].records, j, eg_dns_record).text;
            const char *form = strchr(address, ':') != NULL ? "[%s]" : "%s";

            address = apr_psprintf(pool, form, address);
            text = text == NULL ? address : apr_pstrcat(pool, text, ",", address, NULL);
            count++;
        }
    }
    return text;
}

static const char *missing_address(const eg_dns_question *both, apr_pool_t *pool)
{
    for (int i = 0; i < 2; i++) {
        if (both[i].result == EG_DNS_TEMPORARY) {
            return apr_psprintf(pool, "%s: %s", both[i].name, both[i].reason);
        }
    }
    return apr_psprintf(pool, "%s has no address", both[0].name);
}

static void take_address(void *baton)
{
    fetch *f = baton;
    const char *addresses;

    if (--f->unanswered > 0) {
        return;
    }
    addresses = list_addresses(f->questions, f->pool);
    if (addresses == NULL) {
        finish(f, EGS_STS_FAILED, missing_address(f->questions, f->pool));
    }
    else if (!begin_fetch(f, addresses)) {
        finish(f, EGS_STS_FAILED, "out of memory");
    }
}

static void ask_addresses(fetch *f)
{
    static const eg_dns_type types[] = { EG_DNS_A, EG_DNS_AAAA };
    const char *host = policy_host(f->lookup->domain, f->pool);

    f->unanswered = 2;
    for (int i = 0; i < 2; i++) {
        f->questions[i] = (eg_dns_question){ .name = host, .type = types[i] };
    }
    egs_lookup_ask(f->all->dns, &f->questions[0], take_address, f, f->pool);
    egs_lookup_ask(f->all->dns, &f->questions[1], take_address, f, f->pool); /* f may be gone then */
}

/* ---- the record --------------------------------------------------------------------- */

static void take_record(void *baton)
{
    fetch *f = baton;
    egs_sts_lookup *lookup = f->lookup;
    const eg_dns_question *question = &f->questions[0];
    const char *problem = "it has no MTA-STS record";
    apr_status_t rv = APR_NOTFOUND;

    if (question->result == EG_DNS_TEMPORARY) {
        finish(f, EGS_STS_UNKNOWN, apr_psprintf(f->pool, "%s: %s", question->name, question->reason));
        return;
    }
    if (question->result == EG_DNS_FOUND) {
        rv = egs_sts_record_parse(&lookup->id, &problem, question->records, f->pool);
    }
    if (rv != APR_SUCCESS) {
        finish(f, EGS_STS_ABSENT, problem);
    }
    else if (lookup->known_id != NULL && strcmp(lookup->known_id, lookup->id) == 0) {
        finish(f, EGS_STS_UNCHANGED, NULL);
    }
    else {
        ask_addresses(f);
    }
}

static void begin(inquiry *all, egs_sts_lookup *lookup)
{
    fetch *f = apr_pcalloc(lookup->pool, sizeof *f);

    f->all = all;
    f->lookup = lookup;
    f->pool = lookup->pool;
    lookup->id = NULL;
    f->questions[0].name = apr_pstrcat(f->pool, "_mta-sts.", lookup->domain, NULL);
    f->questions[0].type = EG_DNS_TXT;
    all->running++;
    egs_lookup_ask(all->dns, &f->questions[0], take_record, f, f->pool);
}

/* ---- what came ---------------------------------------------------------------------- */

/* text/plain, whatever parameters are behind it. */
static int is_plain(const char *type)
{
    static const char plain[] = "text/plain";

    return type != NULL && apr_cstr_casecmpn(type, plain, strlen(plain)) == 0 &&
           strchr("; \t", type[strlen(plain)]) != NULL;
}

/* @return what is wrong with the answer, or NULL */
static const char *judge_answer(const fetch *f, CURLcode code)
{
    const char *type = NULL;
    long status = 0;

    if (f->problem != NULL) {
        return f->problem;
    }
    if (code == CURLE_PEER_FAILED_VERIFICATION && f->error[0] != '\0') {
        return apr_pstrdup(f->pool, f->error); /* what is wrong with the certificate */
    }
    if (code != CURLE_OK) {
        return curl_easy_strerror(code);
    }
    curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(f->easy, CURLINFO_CONTENT_TYPE, &type);
    if (status != 200) {
        return apr_psprintf(f->pool, "the answer has status %ld", status);
    }
    return is_plain(type) ? NULL : "the answer is not text/plain";
}

static void end(fetch *f, CURLcode code)
{
    egs_sts_lookup *lookup = f->lookup;
    const char *problem = judge_answer(f, code), *why;

    curl_multi_remove_handle(f->all->multi, f->easy);
    if (problem == NULL &&
        egs_sts_policy_parse(&lookup->policy, &why, f->body, f->size, f->pool) != APR_SUCCESS) {
        problem = apr_pstrcat(f->pool, "the policy is not valid: ", why, NULL);
    }
    finish(f, problem == NULL ? EGS_STS_FETCHED : EGS_STS_FAILED, problem);
}

static void take_ended(const inquiry *all)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(all->multi, &left)) != NULL) {
        if (message->msg == CURLMSG_DONE) {
            CURLcode code = message->data.result;
            fetch *f;

            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&f);
            end(f, code);
        }
    }
}

/* ---- all of them -------------------------------------------------------------------- */

static apr_status_t free_multi(void *multi)
{
    curl_multi_cleanup(multi);
    return APR_SUCCESS;
}

static apr_status_t stop_library(void *unused)
{
    (void)unused;
    curl_global_cleanup();
    return APR_SUCCESS;
}

apr_status_t egs_sts_fetch_start(apr_pool_t *pool)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return APR_EGENERAL;
    }
    apr_pool_cleanup_register(pool, NULL, stop_library, apr_pool_cleanup_null);
    return APR_SUCCESS;
}

static apr_status_t open_inquiry(inquiry *all, apr_pool_t *pool)
{
    all->multi = curl_multi_init();
    if (all->multi == NULL) {
        return APR_ENOMEM;
    }
    apr_pool_cleanup_register(pool, all->multi, free_multi, apr_pool_cleanup_null);
    return egs_lookup_open(&all->dns, &all->resolver, pool);
}

static void begin_more(inquiry *all)
{
    const egs_sts_observer *observer = all->observer;
    egs_sts_lookup *lookup;

    while (all->running < AT_ONCE && (lookup = observer->next(observer->baton)) != NULL) {
        begin(all, lookup);
    }
}

static void wait_for_something(const inquiry *all)
{
    struct curl_waitfd answers = { .fd = egs_lookup_descriptor(all->dns), .events = CURL_WAIT_POLLIN };
    apr_interval_time_t wait = egs_lookup_wait(all->dns, apr_time_from_msec(LOOK_AROUND));

    curl_multi_poll(all->multi, &answers, 1, (int)((wait + 999) / 1000), NULL);
}

/* Each goes its way: record -> addresses -> policy. */
apr_status_t egs_sts_fetch(const egs_options *options, const egs_sts_observer *observer, apr_pool_t *pool)
{
    inquiry all = { .options = options,
                    .observer = observer,
                    .resolver = { .servers = options->resolver, .timeout = options->resolver_timeout } };
    apr_status_t rv = open_inquiry(&all, pool);
    int running;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    begin_more(&all);
    while (all.running > 0 && !observer->stopping(observer->baton)) {
        wait_for_something(&all);
        egs_lookup_work(all.dns);
        curl_multi_perform(all.multi, &running);
        take_ended(&all);
        begin_more(&all);
    }
    return APR_SUCCESS;
}

const char *egs_sts_url(const char *domain, const egs_options *options, apr_pool_t *pool)
{
    const char *port = options->sts_port != HTTPS_PORT ? apr_psprintf(pool, ":%d", options->sts_port) : "";

    return apr_pstrcat(pool, "https://", policy_host(domain, pool), port, "/.well-known/mta-sts.txt", NULL);
}
