/* Address lists and encoded words: names come out as one clean line, addresses without blanks outside of quotes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "addresslist.h"
#include "headervalue.h"
#include "headerwords.h"
#include "utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
    if (!holds) {
        abort();
    }
}

static void check_line(const char *text, apr_size_t max)
{
    apr_size_t length = strlen(text);
    apr_uint32_t code;

    require(length <= max && eg_utf8_valid(text, length));
    for (apr_size_t step; *text; text += step) {
        step = eg_utf8_next(&code, text, strlen(text) < 4 ? strlen(text) : 4);
        require(step > 0 && !eg_utf8_is_control(code));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static apr_pool_t *all;
    apr_array_header_t *list;
    eg_headervalue value;
    const char *text;
    apr_pool_t *pool;

    if (!all) {
        apr_initialize();
        apr_pool_create(&all, NULL);
    }
    apr_pool_create(&pool, all);
    text = apr_pstrmemdup(pool, (const char *)data, size);
    check_line(eg_headerwords_decode(text, 998, pool), 998);
    if (eg_addresslist_parse(&list, text, pool) == APR_SUCCESS) {
        for (int i = 0; i < list->nelts; i++) {
            const eg_address *address = &APR_ARRAY_IDX(list, i, eg_address);

            check_line(address->name, EG_NAME_MAX);
            require(strchr(address->address, '@') && strlen(address->address) <= size);
            require(strpbrk(address->address, "\"[") || !strpbrk(address->address, " \t"));
        }
    }
    if (eg_headervalue_parse(&value, (const char *)data, size, pool) == APR_SUCCESS) {
        require(*value.word && value.parameters->nelts <= EG_HEADERVALUE_PARAMETERS_MAX);
    }
    apr_pool_destroy(pool);
    return 0;
}
