#include "sts_fetch.h"

#include <string.h>
#include <sys/socket.h>

#include <apr_cstr.h>
#include <apr_strings.h>
#include <curl/curl.h>

#include "dns.h"
#include "netaddr.h"

#define USER_AGENT "mod_emailgw-mta-sts/1"
#define HTTPS_PORT 443
#define HEADER_MAX (16 * 1024) /* bytes of the header of an answer that are read */
#define ADDRESSES_MAX 8        /* of a policy host that are tried */
#define LOOK_AROUND 100        /* milliseconds after which it asks whether to leave off */

/** One fetch in the hands of libcurl. */
typedef struct {
    egs_sts_lookup *lookup;
    const egs_options *options;
    CURL *easy;
    struct curl_slist pinned;
    char *body; /* EGS_STS_SIZE_MAX bytes */
    apr_size_t size, header_size;
    const char *problem; /* why we ended it, or NULL */
    char error[CURL_ERROR_SIZE];
    apr_pool_t *pool;
} fetch;

/* All of one call. */
typedef struct {
    const egs_options *options;
    const egs_sts_observer *observer;
    CURLM *multi;
    apr_pool_t *pool;
} inquiry;

static void finish(const inquiry *all, egs_sts_lookup *lookup, egs_sts_outcome outcome, const char *problem)
{
    lookup->outcome = outcome;
    lookup->problem = problem;
    all->observer->done(all->observer->baton, lookup);
}

/* ---- the record --------------------------------------------------------------------- */

/* @return is a policy to be fetched? */
static int judge_record(const inquiry *all, egs_sts_lookup *lookup, const eg_dns_question *question)
{
    const char *problem = "it has no MTA-STS record";
    apr_status_t rv = APR_NOTFOUND;

    lookup->id = NULL;
    if (question->result == EG_DNS_TEMPORARY) {
        finish(all, lookup, EGS_STS_UNKNOWN,
               apr_psprintf(all->pool, "%s: %s", question->name, question->reason));
        return 0;
    }
    if (question->result == EG_DNS_FOUND) {
        rv = egs_sts_record_parse(&lookup->id, &problem, question->records, all->pool);
    }
    if (rv != APR_SUCCESS) {
        finish(all, lookup, EGS_STS_ABSENT, problem);
        return 0;
    }
    if (lookup->known_id != NULL && strcmp(lookup->known_id, lookup->id) == 0) {
        finish(all, lookup, EGS_STS_UNCHANGED, NULL);
        return 0;
    }
    return 1;
}

/* Those that have a record are left in list. @return how many */
static int ask_records(egs_sts_lookup **list, egs_sts_lookup *lookups, int count, const inquiry *all,
                       const eg_dns_resolver *resolver)
{
    eg_dns_question *questions = apr_pcalloc(all->pool, (apr_size_t)count * sizeof *questions);
    int left = 0;

    for (int i = 0; i < count; i++) {
        questions[i].name = apr_pstrcat(all->pool, "_mta-sts.", lookups[i].domain, NULL);
        questions[i].type = EG_DNS_TXT;
    }
    eg_dns_ask(questions, count, resolver, all->pool);
    for (int i = 0; i < count; i++) {
        if (judge_record(all, &lookups[i], &questions[i])) {
            list[left++] = &lookups[i];
        }
    }
    return left;
}

/* ---- the addresses ------------------------------------------------------------------ */

static const char *policy_host(const char *domain, apr_pool_t *pool)
{
    return apr_pstrcat(pool, "mta-sts.", domain, NULL);
}

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

/* ---- one fetch ---------------------------------------------------------------------- */

static curl_socket_t open_socket(void *baton, curlsocktype purpose, struct curl_sockaddr *address)
{
    fetch *f = baton;
    eg_netaddr addr;

    (void)purpose;
    if (eg_netaddr_of_socket(&addr, &address->addr) != APR_SUCCESS ||
        (!eg_netaddr_is_public(&addr) && !eg_netaddr_in(f->options->sts_allow, &addr))) {
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

/* libcurl looks nothing up: the name leads to these addresses. @return is it on its way? */
static int begin(const inquiry *all, egs_sts_lookup *lookup, const char *addresses)
{
    fetch *f = apr_pcalloc(all->pool, sizeof *f);

    f->lookup = lookup;
    f->options = all->options;
    f->pool = all->pool;
    f->body = apr_palloc(all->pool, EGS_STS_SIZE_MAX);
    f->easy = curl_easy_init();
    if (f->easy == NULL) {
        return 0;
    }
    apr_pool_cleanup_register(all->pool, f->easy, free_easy, apr_pool_cleanup_null);
    f->pinned.data = apr_psprintf(all->pool, "%s:%d:%s", policy_host(lookup->domain, all->pool),
                                  all->options->sts_port, addresses);
    curl_easy_setopt(f->easy, CURLOPT_RESOLVE, &f->pinned);
    curl_easy_setopt(f->easy, CURLOPT_URL, egs_sts_url(lookup->domain, all->options, all->pool));
    set_bounds(f->easy, all->options);
    set_callbacks(f);
    return curl_multi_add_handle(all->multi, f->easy) == CURLM_OK;
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

static void end(const inquiry *all, fetch *f, CURLcode code)
{
    egs_sts_lookup *lookup = f->lookup;
    const char *problem = judge_answer(f, code), *why;

    curl_multi_remove_handle(all->multi, f->easy);
    if (problem == NULL &&
        egs_sts_policy_parse(&lookup->policy, &why, f->body, f->size, all->pool) != APR_SUCCESS) {
        problem = apr_pstrcat(all->pool, "the policy is not valid: ", why, NULL);
    }
    finish(all, lookup, problem == NULL ? EGS_STS_FETCHED : EGS_STS_FAILED, problem);
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
            end(all, f, code);
        }
    }
}

/* ---- all of them -------------------------------------------------------------------- */

static void begin_all(egs_sts_lookup **list, int count, const inquiry *all, const eg_dns_resolver *resolver)
{
    eg_dns_question *questions = apr_pcalloc(all->pool, 2 * (apr_size_t)count * sizeof *questions);

    for (int i = 0; i < count; i++) {
        questions[2 * i].name = questions[2 * i + 1].name = policy_host(list[i]->domain, all->pool);
        questions[2 * i].type = EG_DNS_A;
        questions[2 * i + 1].type = EG_DNS_AAAA;
    }
    eg_dns_ask(questions, 2 * count, resolver, all->pool);
    for (int i = 0; i < count; i++) {
        const char *addresses = list_addresses(&questions[2 * i], all->pool);

        if (addresses == NULL) {
            finish(all, list[i], EGS_STS_FAILED, missing_address(&questions[2 * i], all->pool));
        }
        else if (!begin(all, list[i], addresses)) {
            finish(all, list[i], EGS_STS_FAILED, "out of memory");
        }
    }
}

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

/* record -> addresses -> policy, each for all that have got so far */
void egs_sts_fetch(egs_sts_lookup *lookups, int count, const egs_options *options,
                   const egs_sts_observer *observer, apr_pool_t *pool)
{
    const eg_dns_resolver resolver = { .servers = options->resolver, .timeout = options->resolver_timeout };
    egs_sts_lookup **list = apr_palloc(pool, (apr_size_t)count * sizeof(egs_sts_lookup *));
    inquiry all = { .options = options, .observer = observer, .pool = pool };
    int left = ask_records(list, lookups, count, &all, &resolver), running = 1;

    if (left == 0 || observer->stopping(observer->baton)) {
        return;
    }
    all.multi = curl_multi_init();
    if (all.multi == NULL) {
        for (int i = 0; i < left; i++) {
            finish(&all, list[i], EGS_STS_FAILED, "out of memory");
        }
        return;
    }
    apr_pool_cleanup_register(pool, all.multi, free_multi, apr_pool_cleanup_null);
    begin_all(list, left, &all, &resolver);
    while (running > 0 && !observer->stopping(observer->baton)) {
        curl_multi_perform(all.multi, &running);
        take_ended(&all);
        if (running > 0) {
            curl_multi_poll(all.multi, NULL, 0, LOOK_AROUND, NULL);
        }
    }
}

const char *egs_sts_url(const char *domain, const egs_options *options, apr_pool_t *pool)
{
    const char *port = options->sts_port != HTTPS_PORT ? apr_psprintf(pool, ":%d", options->sts_port) : "";

    return apr_pstrcat(pool, "https://", policy_host(domain, pool), port, "/.well-known/mta-sts.txt", NULL);
}
