/*
 * Address lists and encoded words: names come out as one clean line, addresses without blanks
 * outside of quotes, and a list that is written from what was read is read as the same.
 */
#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "addresslist.h"
#include "fieldvalue.h"
#include "header.h"
#include "headervalue.h"
#include "headerwords.h"
#include "mailbox.h"
#include "target.h"
#include "utf8.h"

static void check_line(const char *text, apr_size_t max)
{
    apr_size_t length = strlen(text);
    apr_uint32_t code;

    must(length <= max && eg_utf8_valid(text, length));
    for (apr_size_t step; *text; text += step) {
        step = eg_utf8_next(&code, text, strlen(text) < 4 ? strlen(text) : 4);
        must(step > 0 && !eg_utf8_is_control(code));
    }
}

static void check_list(const apr_array_header_t *list, size_t size)
{
    for (int i = 0; i < list->nelts; i++) {
        const eg_address *address = &APR_ARRAY_IDX(list, i, eg_address);

        check_line(address->name, EG_NAME_MAX);
        must(strchr(address->address, '@') && strlen(address->address) <= size);
        must(strpbrk(address->address, "\"[") || !strpbrk(address->address, " \t"));
    }
}

/* What can be sent to, as a header field has it, in one line. */
static const char *write_list(const apr_array_header_t *list, apr_pool_t *pool)
{
    egs_address *each = apr_palloc(pool, sizeof *each * (apr_size_t)(list->nelts + 1));
    egs_text field;

    egs_text_init(&field, 0, pool);
    for (int i = 0; i < list->nelts; i++) {
        const eg_address *one = &APR_ARRAY_IDX(list, i, eg_address);
        eg_mailbox box;

        if (eg_mailbox_parse(&box, one->address, pool) != APR_SUCCESS) {
            return NULL;
        }
        each[i] = (egs_address){ one->address, one->name };
    }
    egs_header_addresses(&field, "To", each, list->nelts);
    return fieldvalue_of(&field, pool);
}

static void check_again(const apr_array_header_t *list, apr_pool_t *pool)
{
    const char *written = list->nelts > 0 ? write_list(list, pool) : NULL;
    apr_array_header_t *again;

    if (written == NULL) {
        return;
    }
    must(eg_addresslist_parse(&again, written, pool) == APR_SUCCESS && again->nelts == list->nelts);
    for (int i = 0; i < list->nelts; i++) {
        const eg_address *a = &APR_ARRAY_IDX(list, i, eg_address), *b = &APR_ARRAY_IDX(again, i, eg_address);

        must(strcmp(a->address, b->address) == 0 && strcmp(a->name, b->name) == 0);
    }
}

/* The text without blanks, and what stands in angle brackets where there are some. */
static const char *seen_by_simple_readers(const char *piece, apr_pool_t *pool)
{
    const char *open = strchr(piece, '<');
    char *address = apr_pstrdup(pool, open != NULL ? open + 1 : piece), *to = address;

    for (const char *from = address; *from && *from != '>'; from++) {
        if (*from != ' ' && *from != '\t') {
            *to++ = *from;
        }
    }
    *to = '\0';
    return address;
}

/* Of a list that is clear, programs that only look for commas and angle brackets find the same addresses. */
static void check_clear(const apr_array_header_t *list, const char *text, apr_pool_t *pool)
{
    char *pieces = apr_pstrdup(pool, text), *last;
    int count = 0;

    if (strpbrk(text, "\"()\\[\r\n") || !eg_addresslist_is_clear(text, pool)) {
        return;
    }
    for (char *piece = apr_strtok(pieces, ",", &last); piece; piece = apr_strtok(NULL, ",", &last)) {
        if (piece[strspn(piece, " \t\r\n")]) {
            must(count < list->nelts);
            must(
                !strcmp(seen_by_simple_readers(piece, pool), APR_ARRAY_IDX(list, count, eg_address).address));
            count++;
        }
    }
    must(count == list->nelts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static apr_pool_t *all;
    apr_array_header_t *list;
    eg_headervalue value;
    const char *text;
    apr_pool_t *pool;

    if (!all) {
        apr_initialize();
        apr_pool_create(&all, NULL);
    }
    apr_pool_create(&pool, all);
    text = apr_pstrmemdup(pool, (const char *)data, size);
    check_line(eg_headerwords_decode(text, 998, pool), 998);
    if (eg_addresslist_parse(&list, text, pool) == APR_SUCCESS) {
        check_list(list, size);
        check_again(list, pool);
        check_clear(list, text, pool);
    }
    else {
        must(!eg_addresslist_is_clear(text, pool));
    }
    if (eg_headervalue_parse(&value, (const char *)data, size, pool) == APR_SUCCESS) {
        must(*value.word && value.parameters->nelts <= EG_HEADERVALUE_PARAMETERS_MAX);
    }
    apr_pool_destroy(pool);
    return 0;
}
