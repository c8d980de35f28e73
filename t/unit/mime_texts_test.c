/* egs_mime_texts: the same bytes as of GMime's part tree (RFC 2045, RFC 2046 section 5.1). */
#include "testpool.h"

#include <apr_strings.h>
#include <gmime/gmime.h>
#include <stdlib.h>
#include <string.h>

#include "mime_texts.h"
#include "transfer.h"

#define ID "0198c2f4-0000-7000-8000-000000000001"

static GMimeObject *part_by_gmime(const char *subtype, const char *text, apr_pool_t *pool)
{
    static const GMimeContentEncoding encodings[] = { [EGS_7BIT] = GMIME_CONTENT_ENCODING_7BIT,
                                                      [EGS_QUOTED_PRINTABLE] =
                                                          GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE,
                                                      [EGS_BASE64] = GMIME_CONTENT_ENCODING_BASE64 };
    egs_transfer transfer = egs_transfer_choose(text);
    eg_bytes lines = egs_transfer_lines(text, transfer, pool);
    GMimePart *part = g_mime_part_new_with_type("text", subtype);
    GMimeStream *stream = g_mime_stream_mem_new_with_buffer(lines.data, lines.size);
    GMimeDataWrapper *wrapper = g_mime_data_wrapper_new_with_stream(stream, GMIME_CONTENT_ENCODING_DEFAULT);

    g_mime_object_set_content_type_parameter(GMIME_OBJECT(part), "charset", "utf-8");
    g_mime_part_set_content(part, wrapper);
    g_mime_part_set_content_encoding(part, encodings[transfer]);
    g_object_unref(wrapper);
    g_object_unref(stream);
    return GMIME_OBJECT(part);
}

static void add_by_gmime(GMimeMultipart *parts, const char *subtype, const char *text, apr_pool_t *pool)
{
    GMimeObject *part = part_by_gmime(subtype, text, pool);

    g_mime_multipart_add(parts, part);
    g_object_unref(part);
}

static GMimeObject *tree_by_gmime(const char *plain, const char *html, apr_pool_t *pool)
{
    GMimeMultipart *parts;

    if (!plain || !html) {
        const char *text = plain ? plain : html;
        apr_size_t length = strlen(text);

        return part_by_gmime(
            plain ? "plain" : "html",
            length && strchr("\n\r", text[length - 1]) ? text : apr_pstrcat(pool, text, "\n", NULL), pool);
    }
    parts = g_mime_multipart_new_with_subtype("alternative");
    g_mime_multipart_set_boundary(parts, "=_alternative_" ID);
    add_by_gmime(parts, "plain", plain, pool);
    add_by_gmime(parts, "html", html, pool);
    return GMIME_OBJECT(parts);
}

static eg_bytes write_by_gmime(const char *plain, const char *html, apr_pool_t *pool)
{
    GMimeFormatOptions *options = g_mime_format_options_new();
    GMimeStream *stream = g_mime_stream_mem_new();
    GMimeObject *tree = tree_by_gmime(plain, html, pool);
    const GByteArray *bytes;
    eg_bytes message;

    g_mime_format_options_set_newline_format(options, GMIME_NEWLINE_FORMAT_DOS);
    assert_true(g_mime_object_write_to_stream(tree, options, stream) > 0);
    bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream));
    message = (eg_bytes){ apr_pstrmemdup(pool, (const char *)bytes->data, bytes->len), bytes->len };
    g_object_unref(tree);
    g_object_unref(stream);
    g_mime_format_options_free(options);
    return message;
}

static void compare(const char *plain, const char *html, apr_pool_t *pool)
{
    egs_content content = { .message_id = ID, .plain = plain, .html = html };
    eg_bytes wanted = write_by_gmime(plain, html, pool);
    egs_text made;

    egs_text_init(&made, 0, pool);
    egs_mime_texts(&made, &content, pool);
    assert_int_equal(made.length, wanted.size);
    assert_memory_equal(made.data, wanted.data, wanted.size);
}

static const char *const texts[] = {
    "",
    "x",
    "x\n",
    "\n",
    "\r\n",
    "\n\n\n",
    "a\r\nb\r\n",
    "a\nb\r\nc",
    "a\rb\n",
    "a\r\r\nb",
    "\r",
    "trailing \nspace\t\n",
    "\xc3\xa9=\n",
    " \xc3\xa9",
    "\xc3\xa9 ",
    "\xc3\xa9\t\n",
    "\xc3\xa9\r\n",
    ".\n..\n.x\n",
    "From here\n",
    "--\n",
    "\x7f",
    "a\x01\f\n",
};
#define TEXTS (sizeof texts / sizeof *texts)

static void same_bytes_of_short_texts(void **state)
{
    for (size_t i = 0; i < TEXTS; i++) {
        compare(texts[i], NULL, *state);
        compare(NULL, texts[i], *state);
        for (size_t j = 0; j < TEXTS; j++) {
            compare(texts[i], texts[j], *state);
        }
    }
}

/* Also where a line end behind it would make one of it. */
static void keeps_a_cr_at_the_end(void **state)
{
    egs_content content = { .message_id = ID, .plain = "a\r\nb\r" };
    egs_text made;

    egs_text_init(&made, 0, *state);
    egs_mime_texts(&made, &content, *state);
    assert_non_null(strstr(made.data, "\r\n\r\nYQ0KYg0=\r\n"));
}

/* Pieces in any order, enough of them for several of GMime's own blocks. */
static const char *any_text(int is_ascii, apr_pool_t *pool)
{
    static const char *const pieces[] = {
        "word ",    "two words ",
        "\n",       "\r\n",
        ".",        "=",
        "\t",       " ",
        "From ",    "a line that is as long as they mostly are in a text by hand, or so\n",
        "\xc3\xa9", "\xe6\x97\xa5\xe6\x9c\xac",
        "\x7f",     "\xf0\x9f\x98\x80"
    };
    int count = is_ascii ? 10 : (int)(sizeof pieces / sizeof *pieces);
    egs_text text;

    egs_text_init(&text, 0, pool);
    for (int left = rand() % 3000; left; left--) {
        egs_text_puts(&text, pieces[rand() % (rand() % 8 ? 10 : count)]);
    }
    return text.data;
}

static void same_bytes_of_long_texts(void **state)
{
    srand(1);
    for (int i = 0; i < 400; i++) {
        const char *plain = any_text(i % 2, *state);

        compare(plain, NULL, *state);
        compare(plain, any_text(i % 3, *state), *state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(same_bytes_of_short_texts),
        EG_TEST(same_bytes_of_long_texts),
        EG_TEST(keeps_a_cr_at_the_end),
    };

    g_mime_init();
    return EG_TEST_RUN(tests);
}
