/* eg_params_read: whatever it keeps is of its parameter's kind and fit for a statement; one fault at most is told. */
#include <string.h>

#include <apr_general.h>

#include "command.h"
#include "json.h"
#include "mailbox.h"
#include "target.h"
#include "utf8.h"
#include "uuid.h"

#define TEXT_MAX 20

static const eg_param params[] = {
    { "Text", EG_TEXT, EG_OPTIONAL, .error = 1, .max = TEXT_MAX },
    { "Must", EG_TEXT, EG_REQUIRED, .error = 2, .max = TEXT_MAX },
    { "ID", EG_ID, EG_OPTIONAL, .invalid = 3 },
    { "Any", EG_ID, EG_REQUIRED, .error = 4 },
    { "Count", EG_COUNT, EG_OPTIONAL, .error = 5 },
    { "Flag", EG_BOOL, EG_OPTIONAL, .error = 6 },
    { "Day", EG_DAY, EG_OPTIONAL, .error = 7 },
    { "Mailbox", EG_MAILBOX, EG_OPTIONAL, .error = 8 },
    { "Name", EG_NAME, EG_OPTIONAL, .error = 9 },
    { "Uuid", EG_UUID, EG_OPTIONAL, .error = 10 },
    { .name = NULL },
};

static const eg_fault faults[] = { { 2, "no Must" }, { 4, "no Any" }, { 0, NULL } };

static int is_one_line(const char *text)
{
    return strpbrk(text, "\r\n") == NULL && eg_utf8_valid(text, strlen(text));
}

static void must_be_text(const eg_call *call, const char *name, size_t max)
{
    const char *text = eg_param_text(call, name);

    must(!eg_param_given(call, name) || (text != NULL && strlen(text) <= max && is_one_line(text)));
}

static void must_be_number(const eg_call *call, const char *name, apr_int64_t min, apr_int64_t max)
{
    apr_int64_t number = eg_param_int(call, name);

    must(!eg_param_given(call, name) ||
         (json_is_integer(json_object_get(call->params, name)) && number >= min && number <= max));
}

static void check(const eg_call *call)
{
    const char *address = eg_param_text(call, "Mailbox");
    eg_mailbox box;

    must_be_text(call, "Text", TEXT_MAX);
    must_be_text(call, "Must", TEXT_MAX);
    must_be_text(call, "Day", 10);
    must_be_text(call, "Mailbox", EG_MAILBOX_MAX);
    must_be_text(call, "Name", EG_NAME_MAX);
    must(!eg_param_given(call, "Uuid") || eg_uuid_valid(eg_param_text(call, "Uuid")));
    must_be_number(call, "ID", 1, EG_ID_MAX);
    must_be_number(call, "Any", 0, EG_ID_MAX);
    must_be_number(call, "Count", 0, EG_ID_MAX);
    must_be_number(call, "Flag", 0, 1);
    must(!eg_param_given(call, "Day") || strlen(eg_param_text(call, "Day")) == 10);
    /* An address that was taken is taken again, as it is. */
    must(address == NULL ||
         (eg_mailbox_parse(&box, address, call->pool) == APR_SUCCESS && strcmp(box.address, address) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const eg_command command = { .params = params, .faults = faults, .all_faults = size % 2 };
    eg_call call = { .command = &command };
    const char *problem;
    apr_pool_t *pool;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    call.pool = pool;
    eg_errors_init(&call.errors, pool);
    if (eg_json_parse(&call.args, &problem, (const char *)data, size, pool) == APR_SUCCESS &&
        json_is_object(call.args)) {
        eg_params_read(&call);
        check(&call);
        must(eg_errors_any(&call.errors) || (eg_param_given(&call, "Must") && eg_param_given(&call, "Any")));
        must(command.all_faults || call.errors.list->nelts <= 1);
        if (eg_errors_any(&call.errors)) {
            json_decref(eg_errors_api_json(&call.errors, command.all_faults));
        }
    }
    apr_pool_destroy(pool);
    return 0;
}
