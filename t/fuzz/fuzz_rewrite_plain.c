/* egs_rewrite_plain: what it does can be undone, and what it was asked for is a link. */
#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "rewrite.h"
#include "target.h"
#include "utf8.h"

#define MARK "http://m.invalid/1" /* in none of the texts */

/* What was asked for, one URL behind the other. */
typedef struct {
    char *urls;
    size_t length;
    int count;
} links;

static const char *leave(void *baton, const char *url, apr_pool_t *pool)
{
    (void)baton, (void)url, (void)pool;
    return NULL;
}

static const char *mark(void *baton, const char *url, apr_pool_t *pool)
{
    links *seen = baton;

    must(strncasecmp(url, "http", 4) == 0 && strpbrk(url, " \r\n\t<>\"") == NULL);
    must(eg_utf8_valid(url, strlen(url)) && strstr(url, "://")[3] != '\0');
    if (seen->urls != NULL) {
        memcpy(seen->urls + seen->length, url, strlen(url) + 1);
        seen->length += strlen(url) + 1;
    }
    seen->count++;
    return apr_pstrdup(pool, MARK);
}

static void check_undone(eg_bytes made, const char *text, const char *end, const links *seen)
{
    const char *at = made.data, *url = seen->urls;

    while (text < end) {
        if (strncmp(at, MARK, strlen(MARK)) == 0) {
            must((size_t)(end - text) >= strlen(url) && memcmp(text, url, strlen(url)) == 0);
            at += strlen(MARK);
            text += strlen(url);
            url += strlen(url) + 1;
        }
        else {
            must(*at++ == *text++);
        }
    }
    must(at == (const char *)made.data + made.size && *at == '\0' && url == seen->urls + seen->length);
}

static void check_marks(const char *text, size_t size, apr_pool_t *pool)
{
    links seen = { .urls = apr_palloc(pool, 2 * size + 1) };
    egs_rewriting with = { .link = mark, .baton = &seen };
    eg_bytes made = egs_rewrite_plain(text, size, &with, pool);

    if (seen.count == 0) {
        must(made.data == text && made.size == size);
        return;
    }
    check_undone(made, text, text + size, &seen);
}

static void check_all(const char *text, size_t size, apr_pool_t *pool)
{
    links seen = { 0 };
    egs_rewriting with = { .link = mark, .baton = &seen, .unsubscribe_url = "http://u.invalid/" };
    eg_bytes made;

    with.footer_plain = "-- \n{{unsubscribe}}";
    made = egs_rewrite_plain(text, size, &with, pool);
    must(((const char *)made.data)[made.size] == '\0');
    must(memmem(made.data, made.size, "http://u.invalid/", 17) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static apr_pool_t *all;
    apr_pool_t *pool;
    const char *text = (const char *)data;
    egs_rewriting left = { .link = leave };

    if (all == NULL) {
        apr_initialize();
        apr_pool_create(&all, NULL);
    }
    apr_pool_create(&pool, all);
    must(egs_rewrite_plain(text, size, &left, pool).data == text);
    if (memmem(text, size, MARK, strlen(MARK)) == NULL) {
        check_marks(text, size, pool);
        check_all(text, size, pool);
    }
    apr_pool_destroy(pool);
    return 0;
}
