/* Field names (RFC 5322 section 2.2), media types (RFC 2045 section 5.1), content ids (RFC 2392). */
#include "testpool.h"

#include <string.h>

#include "token.h"

static const struct {
    const char *text, *formatted; /* NULL: refused */
} types[] = {
    { "text/plain", "text/plain" },
    { "Application/PDF", "application/pdf" },
    { "text/csv; charset=UTF-8", "text/csv; charset=utf-8" },
    { "text/csv;charset=\"iso-8859-1\"", "text/csv; charset=iso-8859-1" },
    { "application/vnd.ms-excel.sheet+xml", "application/vnd.ms-excel.sheet+xml" },
    { "", NULL },
    { "text", NULL },
    { "text/", NULL },
    { "/plain", NULL },
    { "text/plain/x", NULL },
    { "text/plain;", NULL },
    { "text/plain; charset=", NULL },
    { "text/plain; charset=\"utf-8", NULL },
    { "text/plain; charset=utf-8; name=x", NULL },
    { "multipart/mixed; boundary=x", NULL },
    { "text/html\r\nX: y", NULL },
    { "text/html\tx", NULL },
    { "te xt/html", NULL },
    { "text/\xc3\xa9", NULL },
};

static void reads_media_types(void **state)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        eg_media_type media;
        apr_status_t rv = eg_media_type_parse(&media, types[i].text, *state);

        print_message("# case %d\n", (int)i);
        assert_int_equal(rv, types[i].formatted != NULL ? APR_SUCCESS : APR_EINVAL);
        if (rv == APR_SUCCESS) {
            assert_string_equal(eg_media_type_format(&media, *state), types[i].formatted);
        }
    }
}

static void judges_names_and_ids(void **state)
{
    char name[EG_FIELD_NAME_MAX + 2], id[EG_CONTENT_ID_MAX + 2];

    (void)state;
    assert_true(eg_field_name_valid("X-Order"));
    assert_true(eg_field_name_valid("__proto__"));
    assert_false(eg_field_name_valid(""));
    assert_false(eg_field_name_valid("X: y"));
    assert_false(eg_field_name_valid("a b"));
    assert_false(eg_field_name_valid("a\r\nb"));
    assert_false(eg_field_name_valid("a\x7f"));
    assert_false(eg_field_name_valid("a\t"));
    assert_false(eg_field_name_valid("\xc3\xa9"));
    memset(name, 'x', sizeof name);
    name[EG_FIELD_NAME_MAX + 1] = '\0';
    assert_false(eg_field_name_valid(name));
    assert_true(eg_field_name_valid(name + 1));

    assert_true(eg_content_id_valid("logo@example.com"));
    assert_true(eg_content_id_valid("a=b+c"));
    assert_false(eg_content_id_valid(""));
    assert_false(eg_content_id_valid("a>b"));
    assert_false(eg_content_id_valid("a b"));
    assert_false(eg_content_id_valid("a\nb"));
    memset(id, 'x', sizeof id);
    id[EG_CONTENT_ID_MAX + 1] = '\0';
    assert_false(eg_content_id_valid(id));
    assert_true(eg_content_id_valid(id + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = { EG_TEST(reads_media_types), EG_TEST(judges_names_and_ids) };

    return EG_TEST_RUN(tests);
}
