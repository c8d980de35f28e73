/* eg_base64_decode: RFC 4648 section 4, strict. */
#include "testpool.h"

#include <string.h>

#include "base64.h"

static const struct {
    const char *text;
    apr_status_t rv;
    const char *plain;
} cases[] = {
    { "", APR_SUCCESS, "" },
    { "Zg==", APR_SUCCESS, "f" },
    { "Zm8=", APR_SUCCESS, "fo" },
    { "Zm9v", APR_SUCCESS, "foo" },
    { "Zm9vYmFy", APR_SUCCESS, "foobar" },
    { "Zm9v\r\nYmFy\r\n", APR_SUCCESS, "foobar" },
    { " Z m 8 = \t", APR_SUCCESS, "fo" },
    { "Z", APR_EINVAL, NULL },
    { "Zg", APR_EINVAL, NULL },
    { "Zg=", APR_EINVAL, NULL },
    { "Zg===", APR_EINVAL, NULL },
    { "Zm9v=", APR_EINVAL, NULL },
    { "====", APR_EINVAL, NULL },
    { "=", APR_EINVAL, NULL },
    { "Zg==Zg==", APR_EINVAL, NULL },
    { "Zh==", APR_EINVAL, NULL }, /* stray bits */
    { "Zm9=", APR_EINVAL, NULL },
    { "Zm9-", APR_EINVAL, NULL },
    { "Zm9_", APR_EINVAL, NULL },
    { "Zm!v", APR_EINVAL, NULL },
    { "data:text/plain;base64,Zm9v", APR_EINVAL, NULL },
    { "Zm9v\x80", APR_EINVAL, NULL },
};

static void decodes_or_refuses(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        eg_bytes bytes = { NULL, 0 };

        print_message("# case %d\n", (int)i);
        assert_int_equal(eg_base64_decode(&bytes, cases[i].text, strlen(cases[i].text), *state), cases[i].rv);
        if (cases[i].rv == APR_SUCCESS) {
            assert_int_equal(bytes.size, strlen(cases[i].plain));
            assert_memory_equal(bytes.data, cases[i].plain, bytes.size);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { EG_TEST(decodes_or_refuses) };

    return EG_TEST_RUN(tests);
}
