/* eg_template_check, eg_template_fill: what is taken is filled in within its bound, and a subject stays one line. */
#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "countof.h"
#include "json.h"
#include "target.h"
#include "template.h"
#include "utf8.h"

#define MAX 2000

static void must_be_line(const char *text)
{
    size_t length = strlen(text);

    for (size_t at = 0, bytes; at < length; at += bytes) {
        apr_uint32_t code = 0;

        bytes = eg_utf8_next(&code, text + at, length - at);
        must(bytes > 0 && !eg_utf8_is_control(code));
    }
}

/* A template without a raw field has no more of what means something than it brings itself, and no field is left. */
static void must_be_escaped(const char *out, const char *text)
{
    if (strstr(text, "{{{") != NULL) {
        return;
    }
    for (const char *c = "<>\"'"; *c != '\0'; c++) {
        must(countof_char(out, *c) <= countof_char(text, *c));
    }
    while ((out = strstr(out, "{{")) != NULL) {
        out += strspn(out, "{");
        must(strncmp(out + strspn(out, " \t\r\n"), "unsubscribe", 11) == 0);
    }
}

static void fill(const char *text, const eg_template_fields *fields, apr_pool_t *pool)
{
    for (int kind = EG_TEMPLATE_LINE; kind <= EG_TEMPLATE_PLAIN; kind++) {
        const char *out = NULL;
        apr_status_t rv = eg_template_fill(&out, text, (eg_template_kind)kind, fields, MAX, pool);

        must(rv == APR_SUCCESS || (rv == APR_ENOSPC && kind != EG_TEMPLATE_LINE));
        must(rv != APR_SUCCESS || strlen(out) <= MAX);
        if (kind == EG_TEMPLATE_LINE) {
            must_be_line(out);
        }
        if (rv == APR_SUCCESS && kind == EG_TEMPLATE_HTML) {
            must_be_escaped(out, text);
        }
    }
}

/* The first line is the fields, as JSON; the rest is the template. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    eg_template_fields fields = { { NULL } };
    eg_template_fault fault = { 0 };
    const char *text, *problem;
    json_t *values = NULL;
    apr_pool_t *pool;
    char *line;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    line = apr_pstrmemdup(pool, (const char *)data, size);
    text = line + strcspn(line, "\n");
    if (eg_json_parse(&values, &problem, line, (apr_size_t)(text - line), pool) == APR_SUCCESS) {
        fields.scopes[1] = values;
    }
    if (eg_template_check(&fault, text) == APR_SUCCESS) {
        fill(text, &fields, pool);
    }
    else {
        const char *out;

        must(fault.line >= 1 && fault.column >= 1 && fault.problem != NULL);
        must(eg_template_fill(&out, text, EG_TEMPLATE_PLAIN, &fields, MAX, pool) != APR_SUCCESS);
    }
    apr_pool_destroy(pool);
    return 0;
}
