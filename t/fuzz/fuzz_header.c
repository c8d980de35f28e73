/* Header fields: whatever the value, one field of safe lines comes out, and readers find in it what was given. */
#include <apr_general.h>
#include <apr_pools.h>
#include <apr_strings.h>
#include <string.h>

#include "addresslist.h"
#include "fieldsyntax.h"
#include "fieldvalue.h"
#include "header.h"
#include "headerwords.h"
#include "target.h"
#include "utf8.h"

/* Printable ASCII in folded lines; an address is taken as it is but for what could end a line. */
static void check(const egs_text *field, int address)
{
    apr_size_t column = 0;

    must(field->length > 2 && !strcmp(field->data + field->length - 2, "\r\n"));
    must(strlen(field->data) == field->length);
    for (apr_size_t i = 0; i < field->length; i++) {
        unsigned char c = (unsigned char)field->data[i];

        if (c == '\r') {
            must(field->data[i + 1] == '\n' && column);
            must(i + 2 == field->length || field->data[i + 2] == ' ');
            must(address || (column <= 998 && field->data[i - 1] != ' '));
            column = 0;
            i++;
            continue;
        }
        must(c >= ' ' && c != 0x7f && (address || c < 0x7f));
        column++;
    }
}

/* The text as it can be shown: a blank for each control character, U+FFFD for what is no UTF-8. */
static const char *shown(const char *text, apr_pool_t *pool)
{
    apr_size_t left = strlen(text);
    egs_text out;

    egs_text_init(&out, 3 * left, pool);
    while (left > 0) {
        apr_uint32_t code;
        apr_size_t step = eg_utf8_next(&code, text, left);

        if (step == 0) {
            egs_text_puts(&out, "\xef\xbf\xbd");
            step = 1;
        }
        else if (eg_utf8_is_control(code)) {
            egs_text_puts(&out, " ");
        }
        else {
            egs_text_add(&out, text, step);
        }
        text += step;
        left -= step;
    }
    return out.data;
}

static void check_text(const egs_text *field, const char *text, apr_pool_t *pool)
{
    check(field, 0);
    must(!strcmp(eg_headerwords_decode(fieldvalue_of(field, pool), 9 * strlen(text) + 9, pool),
                 shown(text, pool)));
}

/* Of a field with a syntax nothing is encoded but a phrase. */
static void check_structured(const egs_text *field, const char *name, const char *text, apr_pool_t *pool)
{
    eg_fieldsyntax parts;
    const char *value;

    check(field, 0);
    if (eg_fieldsyntax_read(&parts, name, text, pool) != APR_SUCCESS) {
        return;
    }
    value = fieldvalue_of(field, pool);
    must(strlen(value) >= strlen(parts.rest));
    must(!strcmp(value + strlen(value) - strlen(parts.rest), parts.rest));
    must(parts.phrase || !strcmp(value, parts.rest));
}

/* No name can make an address more, or one less. */
static void check_list(const egs_text *field, apr_pool_t *pool)
{
    apr_array_header_t *list;

    check(field, 0);
    must(eg_addresslist_parse(&list, fieldvalue_of(field, pool), pool) == APR_SUCCESS && list->nelts == 2);
    must(!strcmp(APR_ARRAY_IDX(list, 0, eg_address).address, "a@example.com"));
    must(!strcmp(APR_ARRAY_IDX(list, 1, eg_address).address, "b@example.com"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool;
    char *text;
    egs_text field;

    apr_initialize();
    must(apr_pool_create(&pool, NULL) == APR_SUCCESS);
    text = apr_pstrmemdup(pool, (const char *)data, size);

    egs_text_init(&field, 0, pool);
    egs_header_text(&field, "Subject", text);
    check_text(&field, text, pool);

    for (int i = 0; i < 2; i++) {
        const char *name = i ? "List-Id" : "References";

        egs_text_init(&field, 0, pool);
        egs_header_text(&field, name, text);
        check_structured(&field, name, text, pool);
    }

    egs_text_init(&field, 0, pool);
    egs_header_addresses(&field, "To",
                         (const egs_address[]){ { "a@example.com", text }, { "b@example.com", text } }, 2);
    check_list(&field, pool);

    egs_text_init(&field, 0, pool);
    egs_header_addresses(&field, "Cc", (const egs_address[]){ { text, "name" }, { text, NULL } }, 2);
    check(&field, 1);

    apr_pool_destroy(pool);
    return 0;
}
