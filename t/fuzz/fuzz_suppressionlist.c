/* eg_suppressionlist_next: each entry is an address or a problem, lines go up, and the text comes to its end. */
#include <string.h>

#include <apr_general.h>

#include "mailbox.h"
#include "suppressionlist.h"
#include "target.h"

static void check(const eg_suppressionlist_entry *entry, apr_pool_t *pool)
{
    eg_mailbox box;

    must((entry->address == NULL) != (entry->problem == NULL));
    if (entry->address != NULL) {
        must(eg_mailbox_parse(&box, entry->address, pool) == APR_SUCCESS);
        must(strcmp(box.address, entry->address) == 0);
    }
    must(entry->reason == NULL || eg_suppressionlist_is_reason(entry->reason));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    eg_suppressionlist_entry entry;
    eg_suppressionlist list;
    size_t count = 0;
    apr_pool_t *pool;
    int line = 0;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    eg_suppressionlist_open(&list, (const char *)data, size);
    while (eg_suppressionlist_next(&entry, &list, pool)) {
        must(entry.line > line && ++count <= size);
        line = entry.line;
        check(&entry, pool);
    }
    must(list.csv.at == list.csv.end);
    apr_pool_destroy(pool);
    return 0;
}
