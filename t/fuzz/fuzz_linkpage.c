/* eg_linkpage_*: whatever an address and a domain hold, the page has no markup but its own, and not the address. */
#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "countof.h"
#include "linkpage.h"
#include "target.h"

static void must_have_same_markup(const char *page, const char *plain)
{
    for (const char *c = "<>\""; *c != '\0'; c++) {
        must(countof_char(page, *c) == countof_char(plain, *c));
    }
}

/* The address, a line feed, the domain. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *domain;
    apr_pool_t *pool;
    char *email;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    email = apr_pstrmemdup(pool, (const char *)data, size);
    domain = email + strcspn(email, "\n");
    domain = apr_pstrdup(pool, domain + (*domain != '\0'));
    email[strcspn(email, "\n")] = '\0';
    must_have_same_markup(eg_linkpage_ask(email, domain, pool), eg_linkpage_ask("a@b.c", "d.e", pool));
    must_have_same_markup(eg_linkpage_done(email, domain, pool), eg_linkpage_done("a@b.c", "d.e", pool));
    must(eg_linkpage_ask(NULL, domain, pool) != NULL);
    if (strchr(email, '@') > email + 4 && strchr(email, '*') == NULL) {
        must(strstr(eg_linkpage_ask(email, "d.e", pool), email) == NULL);
    }
    apr_pool_destroy(pool);
    return 0;
}
