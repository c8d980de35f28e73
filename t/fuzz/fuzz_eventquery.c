/* eg_eventquery_parse: what it takes is bounded text without control characters. */
#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "eventquery.h"
#include "eventtype.h"
#include "target.h"
#include "utf8.h"
#include "uuid.h"

static void check_term(const eg_eventquery_term *term)
{
    size_t length = strlen(term->text);

    must(term->field >= EG_EVENTQUERY_ANY && term->field <= EG_EVENTQUERY_REASON);
    must(length > 0 && length <= EG_EVENTQUERY_TERM_MAX && eg_utf8_valid(term->text, length));
    for (size_t at = 0, bytes; at < length; at += bytes) {
        apr_uint32_t code = 0;

        bytes = eg_utf8_next(&code, term->text + at, length - at);
        must(!eg_utf8_is_control(code));
    }
}

static void check(const eg_eventquery *query)
{
    must(query->count >= 0 && query->count <= EG_EVENTQUERY_TERMS_MAX);
    for (int i = 0; i < query->count; i++) {
        check_term(&query->terms[i]);
    }
    must(query->type == 0 || eg_eventtype_name(query->type) != NULL);
    must(query->message_id == NULL || eg_uuid_valid(query->message_id));
}

/* All of its terms as a query are the same terms. */
static void check_again(const eg_eventquery *query, apr_pool_t *pool)
{
    static const char *const names[] = { "",     "subject:", "from:", "to:",    "domain:",
                                         "tag:", "url:",     "ip:",   "reason:" };
    eg_eventquery again;
    const char *text = "", *problem;

    for (int i = 0; i < query->count; i++) {
        if (strchr(query->terms[i].text, '"') != NULL ||
            query->terms[i].text[strspn(query->terms[i].text, " ")] == '\0') {
            return; /* no phrase can say it */
        }
        text = apr_psprintf(pool, "%s %s\"%s\"", text, names[query->terms[i].field], query->terms[i].text);
    }
    if (eg_eventquery_parse(&again, &problem, text, pool) != APR_SUCCESS) {
        must(strlen(text) > EG_EVENTQUERY_MAX);
        return;
    }
    must(again.count == query->count && again.type == 0 && again.message_id == NULL && !again.nothing);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    eg_eventquery query;
    const char *problem = NULL;
    apr_pool_t *pool;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    if (eg_eventquery_parse(&query, &problem, apr_pstrmemdup(pool, (const char *)data, size), pool) ==
        APR_SUCCESS) {
        check(&query);
        check_again(&query, pool);
    }
    else {
        must(problem != NULL);
    }
    apr_pool_destroy(pool);
    return 0;
}
