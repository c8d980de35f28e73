/* eg_params_read: each kind of parameter, what is absent, in which order faults are told. */
#include "testpool.h"

#include <string.h>

#include <apr_strings.h>

#include "command.h"
#include "json.h"
#include "uuid.h"

/* One parameter of each kind, optional and required; its codes tell which rule spoke. */
enum { MISSING = 1, INVALID = 2 };

static const eg_param text[] = { { "P", EG_TEXT, EG_OPTIONAL, .error = INVALID, .max = 8 },
                                 { .name = NULL } };
static const eg_param text_required[] = {
    { "P", EG_TEXT, EG_REQUIRED, .error = MISSING, .invalid = INVALID, .max = 8 }, { .name = NULL }
};
static const eg_param id[] = { { "P", EG_ID, EG_OPTIONAL, .invalid = INVALID }, { .name = NULL } };
static const eg_param id_required[] = { { "P", EG_ID, EG_REQUIRED, .error = MISSING, .invalid = INVALID },
                                        { .name = NULL } };
static const eg_param id_of_nothing[] = { { "P", EG_ID, EG_REQUIRED, .error = MISSING }, { .name = NULL } };
static const eg_param count[] = { { "P", EG_COUNT, EG_REQUIRED, .error = MISSING, .invalid = INVALID },
                                  { .name = NULL } };
static const eg_param count_optional[] = { { "P", EG_COUNT, EG_OPTIONAL, .error = INVALID },
                                           { .name = NULL } };
static const eg_param flag[] = { { "P", EG_BOOL, EG_OPTIONAL, .error = INVALID }, { .name = NULL } };
static const eg_param day[] = { { "P", EG_DAY, EG_OPTIONAL, .error = INVALID }, { .name = NULL } };
static const eg_param mailbox[] = { { "P", EG_MAILBOX, EG_OPTIONAL, .error = INVALID }, { .name = NULL } };
static const eg_param uuid[] = { { "P", EG_UUID, EG_OPTIONAL, .error = INVALID, .invalid = INVALID },
                                 { .name = NULL } };
static const eg_param at[] = { { "P", EG_TIME, EG_OPTIONAL, .error = INVALID }, { .name = NULL } };
static const eg_param name[] = { { "P", EG_NAME, EG_OPTIONAL, .error = INVALID }, { .name = NULL } };

static const eg_param uuid_required[] = { { "P", EG_UUID, EG_REQUIRED, .error = MISSING }, { .name = NULL } };

static const eg_fault faults[] = { { MISSING, "missing" }, { INVALID, "invalid" }, { 0, NULL } };

#define ABSENT NULL

/* JSON of a value, and what is kept of it as JSON; ABSENT: nothing, or the code that is told. */
static const struct {
    const char *what;
    const eg_param *params;
    const char *json, *kept;
    int code;
} cases[] = {
    { "text", text, "\"abc\"", "\"abc\"", 0 },
    { "text that is set to nothing", text, "\"\"", "\"\"", 0 },
    { "text not given", text, NULL, ABSENT, 0 },
    { "text as null", text, "null", ABSENT, 0 },
    { "text of the most bytes", text, "\"\\u00e9\\u00e9\\u00e9\\u00e9\"",
      "\"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\"", 0 },
    { "text of one more", text, "\"\\u00e9\\u00e9\\u00e9\\u00e9a\"", ABSENT, INVALID },
    { "text with a line feed", text, "\"a\\nb\"", ABSENT, INVALID },
    { "text with a tab", text, "\"a\\tb\"", ABSENT, INVALID },
    { "text with U+2028", text, "\"a\\u2028\"", ABSENT, INVALID },
    { "text with U+202E", text, "\"a\\u202e\"", ABSENT, INVALID },
    { "text that is a number", text, "1", ABSENT, INVALID },
    { "text that is true", text, "true", ABSENT, INVALID },
    { "text that is a list", text, "[\"a\"]", ABSENT, INVALID },
    { "text that is an object", text, "{}", ABSENT, INVALID },
    { "uuid", uuid, "\"01890000-0000-7000-8000-00000000000A\"", "\"01890000-0000-7000-8000-00000000000A\"",
      0 },
    { "uuid not given", uuid, NULL, ABSENT, 0 },
    { "empty uuid", uuid, "\"\"", ABSENT, 0 },
    { "required uuid not given", uuid_required, NULL, ABSENT, MISSING },
    { "empty required uuid", uuid_required, "\"\"", ABSENT, MISSING },
    { "text that is no uuid", uuid_required, "\"01890000\"", "\"" EG_UUID_NONE "\"", 0 },
    { "number for a uuid", uuid_required, "1", "\"" EG_UUID_NONE "\"", 0 },
    { "required text", text_required, "\"abc\"", "\"abc\"", 0 },
    { "required text set to nothing", text_required, "\"\"", ABSENT, MISSING },
    { "required text not given", text_required, NULL, ABSENT, MISSING },
    { "required text as null", text_required, "null", ABSENT, MISSING },
    { "required text with CR", text_required, "\"a\\rb\"", ABSENT, INVALID },

    { "a UUID", uuid, "\"01890000-0000-7000-8000-000000000001\"", "\"01890000-0000-7000-8000-000000000001\"",
      0 },
    { "an empty UUID", uuid, "\"\"", ABSENT, 0 },
    { "a UUID without hyphens", uuid, "\"01890000000070008000000000000001\"", ABSENT, INVALID },
    { "a UUID that is a number", uuid, "1", ABSENT, INVALID },

    { "a time", at, "\"2026-01-31 08:00:00\"", "\"2026-01-31T08:00:00Z\"", 0 },
    { "a time in seconds", at, "1617235200", "\"2021-04-01T00:00:00Z\"", 0 },
    { "a time in seconds as text", at, "\"1617235200\"", "\"2021-04-01T00:00:00Z\"", 0 },
    { "no time", at, "\"\"", ABSENT, 0 },
    { "a time that does not exist", at, "\"2026-02-30\"", ABSENT, INVALID },
    { "a time in words", at, "\"now\"", ABSENT, INVALID },
    { "a time that is true", at, "true", ABSENT, INVALID },
    { "a time below 0", at, "-1", ABSENT, INVALID },

    { "an id", id, "12", "12", 0 },
    { "an id as text", id, "\"12\"", "12", 0 },
    { "the greatest id", id, "9007199254740991", "9007199254740991", 0 },
    { "no id", id, NULL, ABSENT, 0 },
    { "an empty id", id, "\"\"", ABSENT, 0 },
    { "an id as null", id, "null", ABSENT, 0 },
    { "id 0", id, "0", ABSENT, INVALID },
    { "a negative id", id, "-1", ABSENT, INVALID },
    { "an id beyond a double", id, "9007199254740992", ABSENT, INVALID },
    { "an id beyond 64 bits as text", id, "\"1180591620717411303424\"", ABSENT, INVALID },
    { "an id with a fraction", id, "1.5", ABSENT, INVALID },
    { "an id as a real", id, "12.0", ABSENT, INVALID },
    { "an id with more behind it", id, "\"12abc\"", ABSENT, INVALID },
    { "an id with a blank", id, "\" 12\"", ABSENT, INVALID },
    { "an id in a list", id, "[12]", ABSENT, INVALID },
    { "an id that is true", id, "true", ABSENT, INVALID },
    { "a message id", uuid_required, "\"0190a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b\"",
      "\"0190a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b\"", 0 },
    { "no message id", uuid_required, NULL, ABSENT, MISSING },
    { "an empty message id", uuid_required, "\"\"", ABSENT, MISSING },
    { "a message id that is none", uuid_required, "\"0190a0b1\"", "\"00000000-0000-0000-0000-000000000000\"",
      0 },
    { "a message id that is a number", uuid_required, "7", "\"00000000-0000-0000-0000-000000000000\"", 0 },
    { "a message id in a list", uuid_required, "[\"0190a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b\"]",
      "\"00000000-0000-0000-0000-000000000000\"", 0 },
    { "a required id", id_required, "\"12\"", "12", 0 },
    { "a required id not given", id_required, NULL, ABSENT, MISSING },
    { "a required id that is empty", id_required, "\"\"", ABSENT, MISSING },
    { "a required id that is none", id_required, "\"x\"", ABSENT, INVALID },
    { "an id of nothing", id_of_nothing, "\"x\"", "0", 0 },
    { "an id of nothing: negative", id_of_nothing, "-1", "0", 0 },
    { "an id of nothing: a list", id_of_nothing, "[1]", "0", 0 },
    { "an id of nothing: not given", id_of_nothing, NULL, ABSENT, MISSING },
    { "an id of nothing: empty", id_of_nothing, "\"\"", ABSENT, MISSING },

    { "a count", count, "0", "0", 0 },
    { "a count as text", count, "\"50\"", "50", 0 },
    { "a count not given", count, NULL, ABSENT, MISSING },
    { "an empty count", count, "\"\"", ABSENT, MISSING },
    { "a negative count", count, "-1", ABSENT, INVALID },
    { "a count with a fraction", count, "0.5", ABSENT, INVALID },
    { "a count that is a word", count, "\"x\"", ABSENT, INVALID },
    { "an optional count that is empty", count_optional, "\"\"", ABSENT, 0 },
    { "an optional count", count_optional, "7", "7", 0 },

    { "a flag", flag, "true", "1", 0 },
    { "a flag as text", flag, "\"Off\"", "0", 0 },
    { "a flag as a number", flag, "1", "1", 0 },
    { "a flag not given", flag, NULL, ABSENT, 0 },
    { "an empty flag", flag, "\"\"", ABSENT, 0 },
    { "a flag of 2", flag, "2", ABSENT, INVALID },
    { "a flag that is a word", flag, "\"maybe\"", ABSENT, INVALID },

    { "a day", day, "\"2026-02-28\"", "\"2026-02-28\"", 0 },
    { "a day not given", day, NULL, ABSENT, 0 },
    { "an empty day", day, "\"\"", ABSENT, 0 },
    { "a day that is not", day, "\"2026-02-29\"", ABSENT, INVALID },
    { "a day with a time", day, "\"2026-02-28 10:00:00\"", ABSENT, INVALID },
    { "a day as seconds", day, "1767225600", ABSENT, INVALID },
    { "ten digits that are seconds", day, "\"1767225600\"", ABSENT, INVALID },
    { "a day without zeros", day, "\"2026-2-28\"", ABSENT, INVALID },

    { "an address", mailbox, "\"Ann@EXAMPLE.org\"", "\"Ann@example.org\"", 0 },
    { "an address not given", mailbox, NULL, ABSENT, 0 },
    { "an empty address", mailbox, "\"\"", ABSENT, 0 },
    { "an address with a name", mailbox, "\"Ann <ann@example.org>\"", ABSENT, INVALID },
    { "an address with a line feed", mailbox, "\"ann@example.org\\n\"", ABSENT, INVALID },
    { "an address that is a list", mailbox, "[\"ann@example.org\"]", ABSENT, INVALID },

    { "a name", name, "\"Ann \\\"A\\\" \\u202e\\t\"", "\"Ann \\\"A\\\" \xe2\x80\xae\\t\"", 0 },
    { "an empty name", name, "\"\"", ABSENT, 0 },
    { "a name with a line feed", name, "\"a\\nb\"", ABSENT, INVALID },
    { "a name that is a number", name, "1", ABSENT, INVALID },
};

static void read_json(eg_call *call, const eg_command *command, const char *json, apr_pool_t *pool)
{
    const char *problem;

    memset(call, 0, sizeof *call);
    call->pool = pool;
    call->command = command;
    eg_errors_init(&call->errors, pool);
    if (eg_json_parse(&call->args, &problem, json, strlen(json), pool) != APR_SUCCESS) {
        fail_msg("test's own JSON: %s: %s", problem, json);
    }
    eg_params_read(call);
}

/* ErrorCode as it is answered; NULL without errors. */
static const char *codes_of(eg_call *call, int all)
{
    json_t *reply;

    if (!eg_errors_any(&call->errors)) {
        return NULL;
    }
    reply = eg_json_own(eg_errors_api_json(&call->errors, all), call->pool);
    assert_true(json_string_length(json_object_get(reply, "ErrorMessage")) > 5);
    return eg_json_text(json_object_get(reply, "ErrorCode"), call->pool);
}

static void keeps_or_refuses(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const eg_command command = { .params = cases[i].params, .faults = faults };
        json_t *kept;
        eg_call call;

        print_message("# %s\n", cases[i].what);
        read_json(&call, &command,
                  cases[i].json != NULL ? apr_psprintf(*state, "{\"p\": %s}", cases[i].json) : "{}", *state);
        kept = json_object_get(call.params, "P");
        assert_int_equal(eg_errors_any(&call.errors), cases[i].code != 0);
        if (cases[i].code != 0) {
            assert_string_equal(codes_of(&call, 0), apr_itoa(*state, cases[i].code));
        }
        assert_int_equal(eg_param_given(&call, "P"), cases[i].kept != ABSENT);
        if (cases[i].kept != ABSENT) {
            assert_string_equal(eg_json_text(kept, *state), cases[i].kept);
        }
    }
}

static const eg_param several[] = {
    { "A", EG_TEXT, EG_REQUIRED, .error = 5, .max = 9 },
    { "B", EG_ID, EG_REQUIRED, .error = 4, .invalid = 7 },
    { "C", EG_ID, EG_REQUIRED, .error = 4, .invalid = 7 },
    { "D", EG_DAY, EG_OPTIONAL, .error = 1 },
    { .name = NULL },
};

static const eg_fault several_faults[] = { { 4, "4 words" }, { 5, "5 words" }, { 0, NULL } };

/* The first in the list's order alone, or all, in the order of their numbers, each once. */
static void tells_faults_in_order(void **state)
{
    static const struct {
        const char *json, *first, *all;
    } orders[] = {
        { "{\"A\": \"a\", \"B\": 1, \"C\": 2, \"D\": \"2026-01-01\"}", NULL, NULL },
        { "{}", "5", "[4,5]" },
        { "{\"A\": \"a\"}", "4", "[4]" },
        { "{\"A\": 1, \"B\": \"x\", \"C\": 1, \"D\": 1}", "5", "[1,5,7]" },
        { "{\"A\": \"a\", \"B\": \"x\", \"D\": \"x\"}", "7", "[1,4,7]" },
        { "{\"A\": \"a\", \"B\": \"x\", \"C\": -1, \"D\": \"\"}", "7", "[7]" },
    };

    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        for (int all = 0; all < 2; all++) {
            const eg_command command = { .params = several, .faults = several_faults, .all_faults = all };
            const char *want = all ? orders[i].all : orders[i].first, *got;
            eg_call call;

            print_message("# %s\n", orders[i].json);
            read_json(&call, &command, orders[i].json, *state);
            got = codes_of(&call, all);
            assert_string_equal(got != NULL ? got : "none", want != NULL ? want : "none");
        }
    }
}

/* What handlers and SQL get. */
static void gives_values(void **state)
{
    const eg_command command = { .params = several, .faults = several_faults };
    eg_dbarg arg;
    eg_call call;

    read_json(&call, &command, "{\"a\": \"text\", \"b\": \"12\", \"C\": 13, \"E\": \"nobody asked\"}",
              *state);
    assert_null(codes_of(&call, 0));
    assert_string_equal(eg_param_text(&call, "A"), "text");
    assert_int_equal(eg_param_int(&call, "B"), 12);
    assert_null(eg_param_text(&call, "B"));
    assert_int_equal(eg_param_int(&call, "D"), 0);
    assert_null(eg_param_text(&call, "D"));
    assert_int_equal(json_object_size(call.params), 3);
    arg = eg_param_arg(&call, "A");
    assert_int_equal(arg.type, EG_DB_TEXT);
    assert_string_equal(arg.data, "text");
    arg = eg_param_arg(&call, "C");
    assert_int_equal(arg.type, EG_DB_INT);
    assert_int_equal(arg.number, 13);
    assert_null(eg_param_arg(&call, "D").data);
}

/* Those of one code are told up to a bound, and no code goes missing for it. */
static void bounds_what_is_told(void **state)
{
    eg_errors errors;
    json_t *list;

    eg_errors_init(&errors, *state);
    for (int i = 0; i < 50000; i++) {
        eg_errors_add(&errors, 3, "word %d is none", i);
    }
    eg_errors_add(&errors, 1, "another");
    list = json_object_get(eg_json_own(eg_errors_json(&errors), *state), "Errors");
    assert_int_equal(json_array_size(list), 21);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 0), "Code")), 1);
    assert_string_equal(json_string_value(json_object_get(json_array_get(list, 20), "Message")),
                        "word 19 is none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(keeps_or_refuses),
        EG_TEST(tells_faults_in_order),
        EG_TEST(gives_values),
        EG_TEST(bounds_what_is_told),
    };

    return EG_TEST_RUN(tests);
}
