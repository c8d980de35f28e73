/*
 * eg_form_urlencoded and eg_form_multipart. An input that begins with
 * "multipart/" is a content type, a line feed and a body, else urlencoded.
 */
#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "form.h"
#include "target.h"
#include "utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data, *problem = NULL, *line_end, *written;
    json_t *object, *again;
    apr_pool_t *pool;
    apr_status_t rv;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    object = eg_json_own(json_object(), pool);
    line_end = size > 0 ? memchr(text, '\n', size) : NULL;
    if (line_end != NULL && size > 10 && memcmp(text, "multipart/", 10) == 0) {
        apr_size_t head = (apr_size_t)(line_end - text);

        rv = eg_form_multipart(object, &problem, apr_pstrmemdup(pool, text, head), line_end + 1,
                               size - head - 1, pool);
    }
    else {
        rv = eg_form_urlencoded(object, &problem, text, size, pool);
    }
    if (rv == APR_SUCCESS) {
        /* What a form makes is what a JSON body could have made. */
        written = eg_json_text(object, pool);
        must(written != NULL &&
             eg_json_parse(&again, &problem, written, strlen(written), pool) == APR_SUCCESS);
        must(json_equal(object, again));
    }
    else {
        must(problem != NULL && strlen(problem) < 512 && json_object_size(object) == 0);
        must(eg_utf8_valid(problem, strlen(problem)));
    }
    apr_pool_destroy(pool);
    return 0;
}
