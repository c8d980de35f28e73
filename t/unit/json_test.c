/* eg_json_*: RFC 8259, with duplicate keys and NUL refused and nesting limited. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <apr_file_io.h>
#include <apr_strings.h>

#include "json.h"
#include "testpool.h"
#include "utf8.h"

static const struct {
    const char *what, *text;
    const char *problem; /* how it begins; NULL where the text is taken */
} cases[] = {
    { "object", "{\"a\":1}", NULL },
    { "scalar", "12", NULL },
    { "null", " null ", NULL },
    { "surrogate pair", "\"\\ud83d\\ude00\"", NULL },
    { "U+2028 in a string", "\"a\xE2\x80\xA8\"", NULL },
    { "header injection is a string like any", "\"x\\r\\nBcc: evil@example.net\"", NULL },
    { "proto", "{\"__proto__\":{}}", NULL },
    { "32 brackets in a string", "[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"]", NULL },
    { "escaped quote in a string", "[\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"]", NULL },
    { "a mere minus zero", "-0", NULL },
    { "an id too large for 64 bits", "{\"DomainID\":1180591620717411303424}", NULL },
    { "9223372036854775808", "[9223372036854775808, 12]", NULL },
    { "empty", "", "Invalid JSON: " },
    { "blank", " \r\n\t", "Invalid JSON: " },
    { "byte order mark", "\xEF\xBB\xBF{}", "Invalid JSON: the text begins with a byte order mark" },
    { "cut off", "{\"a\":", "Invalid JSON: " },
    { "string cut off", "{\"a\":\"b",
      "Invalid JSON: the text ends before the value is complete (line 1, column " },
    { "second value", "{} {}", "Invalid JSON: there is more text behind the value (line 1, column 4)" },
    { "comma at the end", "[1,]", "Invalid JSON: " },
    { "single quotes", "{'a':1}", "Invalid JSON: string or '}' expected (line 1, column 2)" },
    { "third line", "{\n\"a\": 1,\n\"b\": x}", "Invalid JSON: invalid token (line 3, column 6)" },
    { "columns are characters", "[\"\xC3\xA9\xC3\xA9\", x]",
      "Invalid JSON: invalid token (line 1, column 8)" },
    { "not a number", "NaN", "Invalid JSON: " },
    { "leading zero", "[012]", "Invalid JSON: " },
    { "comment", "[1 /* x */]", "Invalid JSON: " },
    { "urlencoded", "a=b&c=d", "Invalid JSON: " },
    { "control character in a string", "[\"a\nb\"]", "Invalid JSON: unexpected newline (line 1, column " },
    { "broken escape", "[\"\\x41\"]", "Invalid JSON: invalid escape (line 1, column " },
    { "lone high surrogate", "[\"\\ud800\"]", "Invalid JSON: invalid Unicode" },
    { "lone low surrogate", "[\"\\udc00\"]", "Invalid JSON: invalid Unicode" },
    { "surrogates in UTF-8", "[\"\xED\xA0\x80\"]", "The JSON text is not valid UTF-8 (line 1, column " },
    { "invalid UTF-8", "[\"\xFF\"]", "The JSON text is not valid UTF-8 (line 1, column " },
    { "overlong", "[\"\xC0\xAF\"]", "The JSON text is not valid UTF-8 (line 1, column " },
    { "NUL in a string", "[\"a\\u0000b\"]", "A JSON string contains the character NUL (\\u0000)" },
    { "NUL in a key", "{\"a\\u0000\":1}", "A JSON string contains the character NUL (\\u0000)" },
    { "number with an enormous exponent", "[1e999999]", "A number is too large (line 1, column " },
    { "key twice", "{\"To\":1,\"To\":2}",
      "The key \"To\" is given twice in one JSON object (line 1, column " },
    { "key twice, further in", "{\"a\":[{\"b\":1,\n \"b\":2}]}",
      "The key \"b\" is given twice in one JSON object (line 2, column " },
    { "key twice, written differently", "{\"a\":1,\"\\u0061\":2}", "The key \"\\u0061\" is given twice" },
    { "key twice, with quotes in it", "{\"a\\\"b\":1,\"a\\\"b\":2}", "The key \"a\\\"b\" is given twice" },
    { "key twice, with backslashes at its end", "{\"a\\\\\":1,\"a\\\\\":2}",
      "The key \"a\\\\\" is given twice" },
    { "key twice, behind UTF-8", "{\"\xC3\xA9\":\"\xE2\x82\xAC\",\"\xC3\xA9\":2}",
      "The key \"\xC3\xA9\" is given twice in one JSON object (line 1, column " },
    { "key twice, with DEL", "{\"\x7f\":1,\"\x7f\":2}", "The key \"\\x7f\" is given twice" },
    { "key twice, turning the line", "{\"\xE2\x80\xAE\":1,\"\xE2\x80\xAE\":2}",
      "The key \"\\xe2\\x80\\xae\" is given twice" },
};

static void parses_or_explains(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *problem = NULL;
        json_t *value = NULL;
        apr_status_t rv = eg_json_parse(&value, &problem, cases[i].text, strlen(cases[i].text), *state);

        print_message("# %s\n", cases[i].what);
        assert_int_equal(rv, cases[i].problem == NULL ? APR_SUCCESS : APR_EINVAL);
        if (rv == APR_SUCCESS) {
            assert_non_null(value);
            continue;
        }
        assert_null(value);
        print_message("#   %s\n", problem);
        assert_int_equal(strncmp(problem, cases[i].problem, strlen(cases[i].problem)), 0);
    }
}

static void refuses_nul_bytes(void **state)
{
    static const char *const texts[] = { "[\"a\0b\"]", "[1,\0 22]", "[1\0,22]", "{}\0\0\0\0\0", "123456\0" };
    const char *problem;
    json_t *value;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(eg_json_parse(&value, &problem, texts[i], 7, *state), APR_EINVAL);
    }
}

static void echoes_little(void **state)
{
    apr_size_t size = 10 * 1024 * 1024;
    char *text = apr_pcalloc(*state, 2 * size + 20), *at = text;
    const char *problem;
    json_t *value;

    at += sprintf(at, "{\"");
    memset(at, 'k', size);
    at += size;
    at += sprintf(at, "\":1,\"");
    memset(at, 'k', size);
    at += size;
    at += sprintf(at, "\":2}");
    assert_int_equal(eg_json_parse(&value, &problem, text, (apr_size_t)(at - text), *state), APR_EINVAL);
    assert_true(strlen(problem) < 200);
    assert_non_null(strstr(problem, "kkk...\""));
}

/* depth times opening, then a 1, then depth times closing. */
static const char *nested(const char *opening, const char *closing, int depth, apr_pool_t *pool)
{
    size_t open = strlen(opening), close = strlen(closing), count = (size_t)depth;
    char *text = apr_palloc(pool, count * (open + close) + 2);

    for (size_t i = 0; i < count; i++) {
        memcpy(text + i * open, opening, open);
        memcpy(text + count * open + 1 + i * close, closing, close);
    }
    text[count * open] = '1';
    text[count * (open + close) + 1] = '\0';
    return text;
}

static void limits_nesting(void **state)
{
    static const struct {
        const char *opening, *closing;
        int depth;
        const char *place; /* of the bracket too many, or NULL */
    } depths[] = {
        { "[", "]", 32, NULL },
        { "[", "]", 33, "(line 1, column 33)" },
        { "{\"a\":", "}", 32, NULL },
        { "{\"a\":", "}", 33, "(line 1, column 161)" },
        { "[\"[\\\"\",", "]", 32, NULL },
        { "[\n", "]", 33, "(line 33, column 1)" },
        { "[", "", 100000, "(line 1, column 33)" },
        { "{\"a\":", "", 50000, "(line 1, column 161)" },
    };

    for (size_t i = 0; i < sizeof depths / sizeof *depths; i++) {
        const char *text = nested(depths[i].opening, depths[i].closing, depths[i].depth, *state),
                   *problem = "";
        json_t *value;
        apr_status_t rv = eg_json_parse(&value, &problem, text, strlen(text), *state);

        assert_int_equal(rv, depths[i].place == NULL ? APR_SUCCESS : APR_EINVAL);
        if (rv != APR_SUCCESS) {
            assert_string_equal(problem,
                                apr_pstrcat(*state, "The JSON text is nested more than 32 levels deep ",
                                            depths[i].place, NULL));
        }
    }
    /* Side by side is not nested. */
    {
        const char *problem;
        char *text = apr_pstrdup(*state, "[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],"
                                         "[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[]]");
        json_t *value;

        assert_int_equal(eg_json_parse(&value, &problem, text, strlen(text), *state), APR_SUCCESS);
    }
}

/* An integer over 64 bits is valid JSON: only who wants an id refuses it, and the text around it stays. */
static void keeps_what_stands_beside_a_wide_integer(void **state)
{
    const char *text = "{\"a\":[36893488147419103232,-36893488147419103232,7,12345678901234567890123456789.5,"
                       "1234567890123456789012e2,0.12345678901234567890123],\"12345678901234567890123\":"
                       "\"12345678901234567890123 \\\" 12345678901234567890123\"}";
    const char *problem = NULL;
    json_t *value = NULL, *array;
    apr_int64_t number;

    assert_int_equal(eg_json_parse(&value, &problem, text, strlen(text), *state), APR_SUCCESS);
    array = json_object_get(value, "a");
    assert_int_equal(json_array_size(array), 6);
    assert_true(json_real_value(json_array_get(array, 0)) == 36893488147419103232.0);
    assert_true(json_real_value(json_array_get(array, 1)) == -36893488147419103232.0);
    assert_int_equal(json_integer_value(json_array_get(array, 2)), 7);
    assert_string_equal(json_string_value(json_object_get(value, "12345678901234567890123")),
                        "12345678901234567890123 \" 12345678901234567890123");
    assert_int_equal(eg_json_int(&number, json_array_get(array, 0), 0, APR_INT64_MAX), APR_EINVAL);
    assert_int_equal(eg_json_int(&number, json_array_get(array, 1), APR_INT64_MIN, 0), APR_EINVAL);

    text = "[1000000000000000000000000000000000000000000000000000000000000000000000000000,{\"a\":1,\"a\":2}]";
    assert_int_equal(eg_json_parse(&value, &problem, text, strlen(text), *state), APR_EINVAL);
    assert_non_null(strstr(problem, "\"a\" is given twice"));
}

static void refuses_a_number_of_400_digits(void **state)
{
    char text[402];
    const char *problem = "";
    json_t *value;

    memset(text, '7', 400);
    text[400] = '\0';
    assert_int_equal(eg_json_parse(&value, &problem, text, 400, *state), APR_EINVAL);
    assert_non_null(strstr(problem, "too large"));
}

static void finds_members_in_any_case(void **state)
{
    json_t *object =
        eg_json_own(json_pack("{s:i, s:i, s:i}", "HtmlContent", 1, "subject", 2, "\xC3\x89", 3), *state);

    assert_int_equal(json_integer_value(eg_json_get(object, "HTMLContent")), 1);
    assert_int_equal(json_integer_value(eg_json_get(object, "Subject")), 2);
    assert_int_equal(json_integer_value(eg_json_get(object, "\xC3\x89")), 3);
    assert_null(eg_json_get(object, "\xC3\xA9")); /* ASCII only */
    assert_null(eg_json_get(object, "Html"));
    assert_null(eg_json_get(object, ""));
    assert_null(eg_json_get(NULL, "a"));
    assert_null(eg_json_get(eg_json_own(json_array(), *state), "a"));
    assert_null(eg_json_get(eg_json_own(json_string("a"), *state), "a"));
    assert_null(eg_json_own(NULL, *state));
}

static void finds_two_spellings(void **state)
{
    static const struct {
        const char *text;
        int twice;
    } objects[] = {
        { "{}", 0 },
        { "{\"a\":1}", 0 },
        { "{\"a\":1,\"b\":2}", 0 },
        { "{\"Subject\":1,\"From\":0,\"SUBJECT\":2}", 1 },
        { "{\"a\":1,\"A\":2}", 1 },
        { "{\"a\":1,\"aa\":2,\"AAA\":3}", 0 },
        { "{\"[\":1,\"{\":2}", 0 },
        { "{\"\xC3\xA9\":1,\"\xC3\x89\":2}", 0 },
        { "{\"a\":{\"b\":1,\"B\":2}}", 0 }, /* looks at this level only */
        { "[1,2]", 0 },
        { "\"a\"", 0 },
    };

    for (size_t i = 0; i < sizeof objects / sizeof *objects; i++) {
        const char *problem, *twice;
        json_t *value;

        assert_int_equal(eg_json_parse(&value, &problem, objects[i].text, strlen(objects[i].text), *state),
                         0);
        twice = eg_json_twice(value);
        print_message("# %s: %s\n", objects[i].text, twice != NULL ? twice : "-");
        assert_int_equal(twice != NULL, objects[i].twice);
    }
}

/* Each value costs memory: a small body must not become a large tree. */
static void limits_values(void **state)
{
    static const char *const shapes[] = { "0,", "[],", "{},", "{\"a\":0}," };

    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        for (int many = 0; many < 2; many++) {
            /* The most that a shape needs is three marks an element. */
            int count = many ? EG_JSON_VALUES_MAX + 1 : EG_JSON_VALUES_MAX / 3 - 2;
            char *text = apr_palloc(*state, (size_t)count * strlen(shapes[i]) + 3), *at = text;
            const char *problem = "";
            json_t *value;

            *at++ = '[';
            for (int n = 0; n < count; n++) {
                at += sprintf(at, "%s", shapes[i]);
            }
            at[-1] = ']';
            print_message("# %d of %s\n", count, shapes[i]);
            assert_int_equal(eg_json_parse(&value, &problem, text, (apr_size_t)(at - text), *state),
                             many ? APR_EINVAL : APR_SUCCESS);
            assert_true(!many || strstr(problem, "more than 50000 values") != NULL);
        }
    }
}

/* A caller may allow more, or fewer, and count before. */
static void counts_values(void **state)
{
    static const struct {
        const char *text;
        apr_size_t values;
    } texts[] = {
        { "1", 1 },     { "\"[{,:\"", 1 },  { "[]", 2 },
        { "[1,2]", 3 }, { "{\"a\":1}", 3 }, { "{\"a\":[1,2],\"b\":{}}", 8 },
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *problem = "";
        apr_size_t length = strlen(texts[i].text);
        json_t *value;

        print_message("# %s\n", texts[i].text);
        assert_int_equal(eg_json_values(texts[i].text, length), texts[i].values);
        assert_int_equal(eg_json_parse_many(&value, &problem, texts[i].text, length, texts[i].values, *state),
                         0);
        if (texts[i].values > 1) {
            assert_int_equal(
                eg_json_parse_many(&value, &problem, texts[i].text, length, texts[i].values - 1, *state),
                APR_EINVAL);
            assert_non_null(strstr(problem, "more than"));
        }
    }
}

/* Quadratic, this would take hours. */
static void finds_one_of_a_million_keys(void **state)
{
    json_t *object = eg_json_own(json_object(), *state);
    char key[16];

    for (int i = 0; i < 1000000; i++) {
        sprintf(key, "k%d", i);
        json_object_set_new(object, key, json_null());
    }
    assert_null(eg_json_twice(object));
    json_object_set_new(object, "K500000", json_null());
    assert_string_equal(apr_pstrdup(*state, eg_json_twice(object)) + 1, "500000");
}

static const struct {
    const char *text;
    apr_status_t rv;
    apr_int64_t number;
} numbers[] = {
    { "12", APR_SUCCESS, 12 },
    { "\"12\"", APR_SUCCESS, 12 },
    { "0", APR_SUCCESS, 0 },
    { "\"0\"", APR_SUCCESS, 0 },
    { "-5", APR_SUCCESS, -5 },
    { "\"-5\"", APR_SUCCESS, -5 },
    { "\"007\"", APR_SUCCESS, 7 },
    { "9007199254740991", APR_SUCCESS, EG_ID_MAX },
    { "\"9007199254740991\"", APR_SUCCESS, EG_ID_MAX },
    { "9007199254740992", APR_EINVAL, 0 },
    { "\"9007199254740992\"", APR_EINVAL, 0 },
    { "-6", APR_EINVAL, 0 },
    { "\"9223372036854775808\"", APR_EINVAL, 0 },
    { "\"-9223372036854775808\"", APR_EINVAL, 0 },
    { "\"-9223372036854775809\"", APR_EINVAL, 0 },
    { "1180591620717411303424", APR_EINVAL, 0 },
    { "\"1180591620717411303424\"", APR_EINVAL, 0 },
    { "\"\"", APR_EINVAL, 0 },
    { "\"-\"", APR_EINVAL, 0 },
    { "\"--1\"", APR_EINVAL, 0 },
    { "\" 12\"", APR_EINVAL, 0 },
    { "\"12 \"", APR_EINVAL, 0 },
    { "\"12\\n\"", APR_EINVAL, 0 },
    { "\"+1\"", APR_EINVAL, 0 },
    { "\"12abc\"", APR_EINVAL, 0 },
    { "\"0x10\"", APR_EINVAL, 0 },
    { "\"1e3\"", APR_EINVAL, 0 },
    { "1e3", APR_EINVAL, 0 },
    { "1.5", APR_EINVAL, 0 },
    { "1.0", APR_EINVAL, 0 },
    { "\"1,000\"", APR_EINVAL, 0 },
    { "\"\xD9\xA1\xD9\xA2\"", APR_EINVAL, 0 }, /* Arabic digits */
    { "\"1;SELECT pg_sleep(5)\"", APR_EINVAL, 0 },
    { "true", APR_EINVAL, 0 },
    { "null", APR_EINVAL, 0 },
    { "[1]", APR_EINVAL, 0 },
    { "{\"a\":1}", APR_EINVAL, 0 },
};

static void reads_whole_numbers(void **state)
{
    apr_int64_t number;

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        const char *problem;
        json_t *value;

        number = 4711;
        print_message("# %s\n", numbers[i].text);
        assert_int_equal(eg_json_parse(&value, &problem, numbers[i].text, strlen(numbers[i].text), *state),
                         0);
        assert_int_equal(eg_json_int(&number, value, -5, EG_ID_MAX), numbers[i].rv);
        assert_int_equal(number, numbers[i].rv == APR_SUCCESS ? numbers[i].number : 4711);
    }
    assert_int_equal(eg_json_int(&number, NULL, 0, 1), APR_EINVAL);
    assert_int_equal(eg_json_int(&number, eg_json_own(json_string("-9223372036854775808"), *state),
                                 APR_INT64_MIN, APR_INT64_MAX),
                     APR_SUCCESS);
    assert_true(number == APR_INT64_MIN);
    assert_int_equal(eg_json_int(&number,
                                 eg_json_own(json_stringn("1\0"
                                                          "2",
                                                          3),
                                             *state),
                                 0, 100),
                     APR_EINVAL);
}

static const struct {
    const char *text;
    int flag; /* -1: none */
} flags[] = {
    { "true", 1 },   { "false", 0 },    { "1", 1 },          { "0", 0 },          { "\"1\"", 1 },
    { "\"0\"", 0 },  { "\"true\"", 1 }, { "\"FALSE\"", 0 },  { "\"Yes\"", 1 },    { "\"no\"", 0 },
    { "\"ON\"", 1 }, { "\"off\"", 0 },  { "2", -1 },         { "-1", -1 },        { "1.0", -1 },
    { "\"\"", -1 },  { "\"2\"", -1 },   { "\"y\"", -1 },     { "\" true\"", -1 }, { "null", -1 },
    { "[]", -1 },    { "{}", -1 },      { "\"truex\"", -1 },
};

static void reads_booleans(void **state)
{
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        const char *problem;
        json_t *value;
        int flag = -1;

        print_message("# %s\n", flags[i].text);
        assert_int_equal(eg_json_parse(&value, &problem, flags[i].text, strlen(flags[i].text), *state), 0);
        assert_int_equal(eg_json_bool(&flag, value), flags[i].flag < 0 ? APR_EINVAL : APR_SUCCESS);
        assert_int_equal(flag, flags[i].flag);
    }
}

static void writes_compactly(void **state)
{
    json_t *value = eg_json_own(json_pack("{s:[i,n], s:s}", "b", 1, "a", "\xC3\xA9\n"), *state);

    assert_string_equal(eg_json_text(value, *state), "{\"b\":[1,null],\"a\":\"\xC3\xA9\\n\"}");
    assert_string_equal(eg_json_text(eg_json_own(json_string("x"), *state), *state), "\"x\"");
    assert_null(eg_json_text(NULL, *state));
}

static void read_file(const char **text, apr_size_t *length, const char *path, apr_pool_t *pool)
{
    apr_finfo_t about;
    apr_file_t *file;
    char *data;

    assert_int_equal(apr_file_open(&file, path, APR_FOPEN_READ | APR_FOPEN_BINARY, 0, pool), APR_SUCCESS);
    assert_int_equal(apr_file_info_get(&about, APR_FINFO_SIZE, file), APR_SUCCESS);
    *length = (apr_size_t)about.size;
    data = apr_palloc(pool, *length + 1);
    assert_int_equal(apr_file_read_full(file, data, *length, NULL), APR_SUCCESS);
    apr_file_close(file);
    *text = data;
}

/*
 * The JSON parsing test suite: n_ is invalid, y_ is valid, i_ is left to the
 * parser. Valid texts that are refused: a key twice and NUL.
 */
static void agrees_with_the_test_suite(void **state)
{
    const char *corpora = getenv("EG_CORPORA"), *folder;
    int refused = 0, taken = 0, own_words = 0, open_cases = 0;
    struct dirent *entry;
    DIR *directory;

    if (corpora == NULL) {
        print_message("# ran without EG_CORPORA\n");
        return;
    }
    folder = apr_pstrcat(*state, corpora, "/json-testsuite/test_parsing", NULL);
    directory = opendir(folder);
    assert_non_null(directory);
    while ((entry = readdir(directory)) != NULL) {
        const char *text, *problem = NULL;
        apr_size_t length;
        json_t *value;
        apr_status_t rv;

        if (entry->d_name[0] == '.') {
            continue;
        }
        read_file(&text, &length, apr_pstrcat(*state, folder, "/", entry->d_name, NULL), *state);
        rv = eg_json_parse(&value, &problem, text, length, *state);
        if (entry->d_name[0] == 'n') {
            if (rv != APR_EINVAL) {
                fail_msg("%s was taken", entry->d_name);
            }
            refused++;
        }
        else if (entry->d_name[0] == 'i') {
            open_cases++;
        }
        else if (rv == APR_SUCCESS) {
            taken++;
        }
        else {
            print_message("# %s: %s\n", entry->d_name, problem);
            assert_true(strstr(problem, "is given twice") != NULL ||
                        strstr(problem, "character NUL") != NULL);
            own_words++;
        }
    }
    closedir(directory);
    print_message("# n_: %d refused; y_: %d taken, %d refused for a key twice or NUL; i_: %d\n", refused,
                  taken, own_words, open_cases);
    assert_true(refused >= 180 && taken >= 90);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(parses_or_explains),
        EG_TEST(refuses_nul_bytes),
        EG_TEST(echoes_little),
        EG_TEST(limits_nesting),
        EG_TEST(keeps_what_stands_beside_a_wide_integer),
        EG_TEST(refuses_a_number_of_400_digits),
        EG_TEST(finds_members_in_any_case),
        EG_TEST(finds_two_spellings),
        EG_TEST(limits_values),
        EG_TEST(counts_values),
        EG_TEST(finds_one_of_a_million_keys),
        EG_TEST(reads_whole_numbers),
        EG_TEST(reads_booleans),
        EG_TEST(writes_compactly),
        EG_TEST(agrees_with_the_test_suite),
    };

    return EG_TEST_RUN(tests);
}
