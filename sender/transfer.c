/*
 * How a text travels: its line ends and its transfer encoding (RFC 2045
 * section 6, RFC 2046 section 4.1.1).
 */
#include <string.h>

#include "transfer.h"

#define LINE_MAX_WIRE 998 /* RFC 5322 section 2.1.1 */
#define QP_COLUMNS 73     /* of content in a quoted-printable line that was broken */
#define BASE64_COLUMNS 72 /* of a base64 line */

typedef struct {
    apr_size_t length;
    apr_size_t longest; /* line, without its end */
    apr_size_t escapes; /* bytes that quoted-printable writes as three */
    int bare_cr;
    int eight_bit; /* or a NUL or DEL: nothing for 7bit */
} measures;

/* Of a line: nearly all bytes are as plain as the next one, so no byte is asked what it is. */
static void measure_line(measures *m, const char *line, apr_size_t length)
{
    apr_size_t escapes = 0;
    int eight_bit = 0, cr = 0;

    for (apr_size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)line[i];

        eight_bit |= c >= 0x7f;
        cr |= c == '\r';
        escapes += (c >= 0x7f) | (c == '=') | ((c < ' ') & (c != '\t'));
    }
    m->eight_bit |= eight_bit;
    m->bare_cr |= cr;
    m->escapes += escapes;
    m->longest = length > m->longest ? length : m->longest;
}

static measures measure(const char *text)
{
    measures m = { 0 };
    const char *feed;

    for (const char *line = text; *line; line = *feed ? feed + 1 : feed) {
        apr_size_t length;

        feed = strchrnul(line, '\n');
        length = (apr_size_t)(feed - line);
        measure_line(&m, line, length - (*feed && length && feed[-1] == '\r'));
        m.length = (apr_size_t)(feed - text) + (*feed != '\0');
    }
    return m;
}

egs_transfer egs_transfer_choose(const char *text)
{
    measures m = measure(text);
    apr_size_t printable = m.length + 2 * m.escapes;
    apr_size_t base64 = (m.length + 2) / 3 * 4;

    if (m.bare_cr) {
        return EGS_BASE64;
    }
    if (!m.eight_bit && m.longest <= LINE_MAX_WIRE) {
        return EGS_7BIT;
    }
    printable += printable / QP_COLUMNS * 3;
    base64 += base64 / BASE64_COLUMNS * 2;
    return printable <= base64 ? EGS_QUOTED_PRINTABLE : EGS_BASE64;
}

eg_bytes egs_transfer_lines(const char *text, egs_transfer transfer, apr_pool_t *pool)
{
    apr_size_t length = strlen(text), feeds = 0, size = 0;
    char *lines;

    for (const char *c = text; (c = strchr(c, '\n')); c++) {
        feeds++;
    }
    lines = apr_palloc(pool, length + feeds + 1);
    for (const char *line = text, *feed; *line; line = *feed ? feed + 1 : feed) {
        apr_size_t kept;

        feed = strchrnul(line, '\n');
        kept = (apr_size_t)(feed - line);
        kept -= *feed && kept && feed[-1] == '\r';
        memcpy(lines + size, line, kept);
        size += kept;
        if (*feed && transfer == EGS_BASE64) {
            lines[size++] = '\r';
        }
        if (*feed) {
            lines[size++] = '\n';
        }
    }
    lines[size] = '\0';
    return (eg_bytes){ lines, size };
}
