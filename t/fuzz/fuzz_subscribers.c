/* eg_subscribers_parse: each of an array is taken, fit for a statement, or told by its index. */
#include <string.h>

#include <apr_general.h>

#include "json.h"
#include "mail.h"
#include "subscribers.h"
#include "target.h"

static void check(const eg_subscribers *subscribers, size_t given, apr_pool_t *pool)
{
    json_t *one;
    size_t i;

    must(json_array_size(subscribers->good) + json_array_size(subscribers->failed) == given);
    json_array_foreach(subscribers->good, i, one)
    {
        const char *name = json_string_value(json_object_get(one, "name"));
        const json_t *fields = json_object_get(one, "fields");
        eg_mailbox box;

        must(eg_mailbox_parse(&box, json_string_value(json_object_get(one, "email")), pool) == APR_SUCCESS);
        must(name == NULL || eg_mail_is_name(name));
        must(fields == NULL || json_is_object(fields));
    }
    json_array_foreach(subscribers->failed, i, one)
    {
        must((size_t)json_integer_value(json_object_get(one, "Index")) < given);
        must(json_string_length(json_object_get(one, "ErrorMessage")) > 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const eg_fault faults[] = { { 2, "missing" }, { 3, "invalid" }, { 0, NULL } };
    static const eg_command command = { .faults = faults };
    eg_call call = { .command = &command };
    const char *problem;
    json_t *value;
    apr_pool_t *pool;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    call.pool = pool;
    eg_errors_init(&call.errors, pool);
    if (eg_json_parse(&value, &problem, (const char *)data, size, pool) == APR_SUCCESS) {
        eg_subscribers subscribers;

        call.args = eg_json_own(json_pack("{s:O}", "Subscribers", value), pool);
        eg_subscribers_parse(&subscribers, &call);
        if (!eg_errors_any(&call.errors)) {
            check(&subscribers, json_array_size(value), pool);
        }
    }
    apr_pool_destroy(pool);
    return 0;
}
