/* eg_useragent_clean, eg_useragent_is_machine: what is kept is short, can be shown, and is judged in little time. */
#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "cpubound.h"
#include "target.h"
#include "useragent.h"
#include "utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    clock_t begun = clock();
    const char *agent, *clean;
    apr_pool_t *pool;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    agent = apr_pstrmemdup(pool, (const char *)data, size);
    clean = eg_useragent_clean(agent, pool);
    must(strlen(clean) <= EG_USERAGENT_MAX && strlen(clean) <= strlen(agent));
    for (size_t at = 0, bytes; clean[at] != '\0'; at += bytes) {
        apr_uint32_t code = 0;

        bytes = eg_utf8_next(&code, clean + at, strlen(clean + at));
        must(bytes > 0 && !eg_utf8_is_control(code));
    }
    must(strcmp(eg_useragent_clean(clean, pool), clean) == 0);
    eg_useragent_is_machine(agent);
    must(eg_useragent_is_machine(clean) || *clean != '\0');
    apr_pool_destroy(pool);
    cpubound_check(begun, size);
    return 0;
}
