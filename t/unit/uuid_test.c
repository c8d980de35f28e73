/* eg_uuid_*: RFC 9562 section 5.7. */
#include <stdlib.h>
#include <string.h>

#include <apr_hash.h>
#include <apr_strings.h>

#include "testpool.h"
#include "uuid.h"

static const struct {
    const char *what, *text;
    int valid;
} cases[] = {
    { "version 7", "0190a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b", 1 },
    { "upper case", "0190A0B1-C2D3-7E4F-8A5B-6C7D8E9F0A1B", 1 },
    { "version 4", "f47ac10b-58cc-4372-a567-0e02b2c3d479", 1 },
    { "nil", "00000000-0000-0000-0000-000000000000", 1 },
    { "empty", "", 0 },
    { "no hyphens", "0190a0b1c2d37e4f8a5b6c7d8e9f0a1b", 0 },
    { "hyphen misplaced", "0190a0b-1c2d3-7e4f-8a5b-6c7d8e9f0a1b", 0 },
    { "35 characters", "0190a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1", 0 },
    { "37 characters", "0190a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b0", 0 },
    { "line feed behind", "0190a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b\n", 0 },
    { "no hexadecimal digit", "0190a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1g", 0 },
    { "hyphen for a digit", "0190a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1-", 0 },
    { "braces", "{0190a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a}", 0 },
    { "SQL", "0190a0b1-c2d3-7e4f-8a5b-6c7d8e9f'--x", 0 },
    { "high bytes", "\xE9\xE9\xE9\xE9\xE9\xE9\xE9\xE9-c2d3-7e4f-8a5b-6c7d8e9f0a1b", 0 },
};

static void knows_its_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        print_message("# %s\n", cases[i].what);
        assert_int_equal(eg_uuid_valid(cases[i].text), cases[i].valid);
    }
}

/* The example of RFC 9562 appendix A.6: Tuesday, February 22, 2022 2:22:22.00 PM GMT-05:00. */
static void carries_time_version_and_variant(void **state)
{
    char text[EG_UUID_SIZE];

    (void)state;
    assert_int_equal(eg_uuid_new(text, APR_INT64_C(1645557742000) * 1000), APR_SUCCESS);
    assert_true(eg_uuid_valid(text));
    assert_memory_equal(text, "017f22e2-79b0-7", 15);
    assert_non_null(strchr("89ab", text[19]));
}

static void grows_with_time(void **state)
{
    char earlier[EG_UUID_SIZE], later[EG_UUID_SIZE];

    (void)state;
    for (apr_time_t now = 1000; now < APR_INT64_C(253402300799) * APR_USEC_PER_SEC; now *= 3) {
        assert_int_equal(eg_uuid_new(earlier, now), APR_SUCCESS);
        assert_int_equal(eg_uuid_new(later, now + 1000), APR_SUCCESS);
        assert_true(strcmp(earlier, later) < 0);
    }
}

static void never_repeats(void **state)
{
    apr_hash_t *seen = apr_hash_make(*state);

    for (int i = 0; i < 20000; i++) {
        char text[EG_UUID_SIZE];

        assert_int_equal(eg_uuid_new(text, 0), APR_SUCCESS);
        assert_null(apr_hash_get(seen, text, APR_HASH_KEY_STRING));
        apr_hash_set(seen, apr_pstrdup(*state, text), APR_HASH_KEY_STRING, "");
    }
}

static void bytes_and_back(void **state)
{
    static const unsigned char wanted[EG_UUID_BYTES] = { 0x01, 0x90, 0xa0, 0xb1, 0xc2, 0xd3, 0x7e, 0x4f,
                                                         0x8a, 0x5b, 0x6c, 0x7d, 0x8e, 0x9f, 0x0a, 0x1b };
    unsigned char bytes[EG_UUID_BYTES];
    char text[EG_UUID_SIZE];

    (void)state;
    eg_uuid_to_bytes(bytes, "0190A0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b");
    assert_memory_equal(bytes, wanted, sizeof wanted);
    eg_uuid_from_bytes(text, bytes);
    assert_string_equal(text, "0190a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(knows_its_form),  EG_TEST(bytes_and_back), EG_TEST(carries_time_version_and_variant),
        EG_TEST(grows_with_time), EG_TEST(never_repeats),
    };

    return EG_TEST_RUN(tests);
}
