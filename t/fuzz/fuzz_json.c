/*
 * eg_json_parse: what it takes can be written and read again; what it refuses
 * is explained in printable text.
 */
#include <string.h>

#include <apr_general.h>

#include "json.h"
#include "target.h"
#include "utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *problem = NULL, *text;
    json_t *value = NULL, *again = NULL;
    apr_int64_t number;
    apr_pool_t *pool;
    int flag;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    if (eg_json_parse(&value, &problem, (const char *)data, size, pool) == APR_SUCCESS) {
        text = eg_json_text(value, pool);
        must(text != NULL && eg_json_parse(&again, &problem, text, strlen(text), pool) == APR_SUCCESS);
        must(json_equal(value, again) || strpbrk(text, ".eE") != NULL); /* reals may round */
        eg_json_twice(value);
        must(eg_json_values((const char *)data, size) <= size + 1);
        eg_json_get(value, "subject");
        eg_json_int(&number, value, 0, EG_ID_MAX);
        eg_json_bool(&flag, value);
    }
    else {
        must(value == NULL && problem != NULL && strlen(problem) < 512);
        for (const char *c = problem; *c != '\0'; c++) {
            must((unsigned char)*c >= ' ' && *c != 0x7F);
        }
        must(eg_utf8_valid(problem, strlen(problem)));
    }
    apr_pool_destroy(pool);
    return 0;
}
