/* Header fields: whatever the value, one field of safe lines comes out. */
#include <apr_general.h>
#include <apr_pools.h>
#include <apr_strings.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
    if (!holds) {
        abort();
    }
}

/* Printable ASCII in folded lines; an address is taken as it is but for what could end a line. */
static void check(const egs_text *field, int address)
{
    apr_size_t column = 0;

    require(field->length > 2 && !strcmp(field->data + field->length - 2, "\r\n"));
    require(strlen(field->data) == field->length);
    for (apr_size_t i = 0; i < field->length; i++) {
        unsigned char c = (unsigned char)field->data[i];

        if (c == '\r') {
            require(field->data[i + 1] == '\n' && column);
            require(i + 2 == field->length || field->data[i + 2] == ' ');
            require(address || (column <= 998 && field->data[i - 1] != ' '));
            column = 0;
            i++;
            continue;
        }
        require(c >= ' ' && c != 0x7f && (address || c < 0x7f));
        column++;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    apr_pool_t *pool;
    char *text;
    egs_text field;

    apr_initialize();
    require(apr_pool_create(&pool, NULL) == APR_SUCCESS);
    text = apr_pstrmemdup(pool, (const char *)data, size);

    egs_text_init(&field, 0, pool);
    egs_header_text(&field, "Subject", text);
    check(&field, 0);

    egs_text_init(&field, 0, pool);
    egs_header_addresses(&field, "To",
                         (const egs_address[]){ { "a@example.com", text }, { "b@example.com", text } }, 2);
    check(&field, 0);

    egs_text_init(&field, 0, pool);
    egs_header_addresses(&field, "Cc", (const egs_address[]){ { text, "name" }, { text, NULL } }, 2);
    check(&field, 1);

    apr_pool_destroy(pool);
    return 0;
}
