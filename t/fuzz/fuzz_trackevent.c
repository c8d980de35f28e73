/* eg_trackevent_parse: a line that is taken comes out as one that is taken again, in one line. */
#include <string.h>

#include <apr_general.h>

#include "target.h"
#include "trackevent.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    eg_trackevent event, again;
    apr_pool_t *pool;

    apr_initialize();
    must(apr_pool_create(&pool, NULL) == APR_SUCCESS);
    if (eg_trackevent_parse(&event, (const char *)data, size, pool) == APR_SUCCESS) {
        const char *line = eg_trackevent_line(&event, pool);

        must(strchr(line, '\n') == line + strlen(line) - 1);
        must(eg_trackevent_parse(&again, line, strlen(line) - 1, pool) == APR_SUCCESS);
        must(event.type == again.type && event.at == again.at && strcmp(event.detail, again.detail) == 0);
    }
    apr_pool_destroy(pool);
    return 0;
}
