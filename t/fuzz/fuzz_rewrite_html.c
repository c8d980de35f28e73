/* egs_rewrite_html: what it does can be undone, and what it has made reads as it was meant. */
#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "cpubound.h"
#include "html_scan.h"
#include "rewrite.h"
#include "target.h"

#define HOST "m.invalid" /* in none of the texts */
#define MARK "http://" HOST "/'\"<>&amp"
#define WRITTEN "http://" HOST "/&#39;&quot;&lt;&gt;&amp;amp"
#define FOOTER "<p>{{unsubscribe}}</p>"

typedef struct {
    int asked, marks;
} links;

static const char *leave(void *baton, const char *url, apr_pool_t *pool)
{
    (void)baton, (void)url, (void)pool;
    return NULL;
}

static const char *mark(void *baton, const char *url, apr_pool_t *pool)
{
    links *seen = baton;

    must(strncasecmp(url, "http", 4) == 0 && strpbrk(url, "\r\n\t") == NULL);
    seen->asked++;
    seen->marks += strcmp(url, MARK) == 0;
    return apr_pstrdup(pool, MARK);
}

/* The tokens are the text. */
static void check_tokens(const char *text, size_t size)
{
    const char *at = text;
    egs_html_scan scan;
    egs_html_token token;

    egs_html_scan_start(&scan, text, size);
    while (egs_html_scan_next(&token, &scan)) {
        must(token.length > 0);
        must(token.data == at || (token.kind == EGS_HTML_UNFINISHED && token.data < at));
        at = token.data + token.length;
    }
    must(at == text + size);
}

/* Behind the value of the text at which a mark stands in what was made; *made is set behind the mark. */
static const char *skip_value(const char **made, const char *text, const char *end)
{
    char quote = **made;

    if (*text == quote) {
        text = memchr(text + 1, quote, (size_t)(end - text - 1));
        must(text != NULL);
    }
    else {
        must(quote == '"');
        while (text < end && memchr(" \t\r\n\f>", *text, 6) == NULL) {
            text++;
        }
        text--;
    }
    *made += strlen(WRITTEN) + 1;
    must(**made == quote);
    ++*made;
    return text + 1;
}

static void check_undone(eg_bytes made, const char *text, const char *end, int count)
{
    const char *at = made.data;
    int found = 0;

    while (text < end) {
        if ((*at == '"' || *at == '\'') && strncmp(at + 1, WRITTEN, strlen(WRITTEN)) == 0) {
            text = skip_value(&at, text, end);
            found++;
        }
        else {
            must(*at++ == *text++);
        }
    }
    must(text == end && at == (const char *)made.data + made.size && *at == '\0');
    must(found == count);
}

static void check_marks(const char *text, size_t size, apr_pool_t *pool)
{
    links seen = { 0 }, again = { 0 };
    egs_rewriting with = { .link = mark, .baton = &seen };
    eg_bytes made = egs_rewrite_html(text, size, &with, pool);

    if (seen.asked == 0) {
        must(made.data == text && made.size == size);
        return;
    }
    must(made.size <= size + (size_t)seen.asked * (6 * strlen(MARK) + 15));
    check_undone(made, text, text + size, seen.asked);
    with.baton = &again;
    egs_rewrite_html(made.data, made.size, &with, pool);
    must(again.asked == seen.asked && again.marks == seen.asked);
}

static void check_all(const char *text, size_t size, apr_pool_t *pool)
{
    links seen = { 0 }, again = { 0 };
    egs_rewriting with = {
        .link = mark, .baton = &seen, .pixel = "<img>", .unsubscribe_url = "http://u.invalid/?a&b"
    };
    eg_bytes made;

    with.footer_html = FOOTER;
    made = egs_rewrite_html(text, size, &with, pool);
    must(((const char *)made.data)[made.size] == '\0');
    must(memmem(made.data, made.size, "<img>", 5) != NULL &&
         memmem(made.data, made.size, "http://u.invalid/?a&amp;b", 25) != NULL);
    with = (egs_rewriting){ .link = mark, .baton = &again };
    egs_rewrite_html(made.data, made.size, &with, pool);
    must(again.marks == seen.asked);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static apr_pool_t *all;
    clock_t begun = clock();
    apr_pool_t *pool;
    const char *text = (const char *)data;
    egs_rewriting left = { .link = leave };

    if (all == NULL) {
        apr_initialize();
        apr_pool_create(&all, NULL);
    }
    apr_pool_create(&pool, all);
    check_tokens(text, size);
    must(egs_rewrite_html(text, size, &left, pool).data == text);
    if (memmem(text, size, HOST, strlen(HOST)) == NULL) {
        check_marks(text, size, pool);
        check_all(text, size, pool);
    }
    apr_pool_destroy(pool);
    cpubound_check(begun, size);
    return 0;
}
