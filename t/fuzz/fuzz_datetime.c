/* eg_datetime_parse: what it takes is in range and survives being written and read again. */
#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "datetime.h"
#include "target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char buffer[EG_DATETIME_SIZE];
    apr_time_t time = -1, again = -1;
    apr_pool_t *pool;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    if (eg_datetime_parse(&time, apr_pstrmemdup(pool, (const char *)data, size)) == APR_SUCCESS) {
        must(time >= 0 && time < APR_INT64_C(253402300800) * APR_USEC_PER_SEC);
        must(eg_datetime_parse(&again, eg_datetime_format(buffer, time)) == APR_SUCCESS && again == time);
        must(strlen(buffer) < sizeof buffer && strchr("Z", buffer[strlen(buffer) - 1]) != NULL);
    }
    else {
        must(time == -1);
    }
    apr_pool_destroy(pool);
    return 0;
}
