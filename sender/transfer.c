/*
 * How a text travels: its line ends and its transfer encoding (RFC 2045
 * section 6, RFC 2046 section 4.1.1).
 */
#include <string.h>

#include "transfer.h"

#define QP_COLUMNS 73     /* of content in a quoted-printable line that was broken */
#define BASE64_COLUMNS 72 /* of a base64 line */

typedef struct {
    apr_size_t length;
    apr_size_t longest; /* line, without its end */
    apr_size_t escapes; /* bytes that quoted-printable writes as three, and the CRs of line ends */
    apr_size_t cr, crlf;
    int eight_bit; /* or a NUL or DEL: nothing for 7bit */
} measures;

#define BLOCK 64 /* bytes; few enough for its counts to fit into one */

/* Nearly all bytes are as plain as the next one, so no byte is asked what it is. */
static void measure_block(measures *m, const char *block)
{
    unsigned char escapes = 0, eight_bit = 0, cr = 0;

    for (int i = 0; i < BLOCK; i++) {
        unsigned char c = (unsigned char)block[i];

        eight_bit |= c >= 0x7f;
        cr = (unsigned char)(cr + (c == '\r'));
        escapes =
            (unsigned char)(escapes + ((c >= 0x7f) | (c == '=') | ((c < ' ') & (c != '\t') & (c != '\n'))));
    }
    m->eight_bit |= eight_bit;
    m->cr += cr;
    m->escapes += escapes;
}

static void measure_bytes(measures *m, const char *text)
{
    char last[BLOCK];
    apr_size_t done = 0;

    for (; done + BLOCK <= m->length; done += BLOCK) {
        measure_block(m, text + done);
    }
    memset(last, ' ', sizeof last);
    memcpy(last, text + done, m->length - done);
    measure_block(m, last);
}

static void measure_lines(measures *m, const char *text)
{
    const char *end = text + m->length, *feed;

    for (const char *line = text; line < end; line = feed + 1) {
        apr_size_t length;
        int crlf;

        feed = memchr(line, '\n', (apr_size_t)(end - line));
        feed = feed ? feed : end;
        crlf = feed < end && feed > line && feed[-1] == '\r';
        length = (apr_size_t)(feed - line) - (apr_size_t)crlf;
        m->crlf += (apr_size_t)crlf;
        m->longest = length > m->longest ? length : m->longest;
    }
}

egs_transfer egs_transfer_choose(const char *text)
{
    measures m = { .length = strlen(text) };
    apr_size_t printable, base64;

    measure_bytes(&m, text);
    measure_lines(&m, text);
    if (m.cr > m.crlf) {
        return EGS_BASE64;
    }
    if (!m.eight_bit && m.longest <= EG_WIRE_LINE_MAX) {
        return EGS_7BIT;
    }
    printable = m.length + 2 * (m.escapes - m.crlf);
    base64 = (m.length + 2) / 3 * 4;
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

void egs_transfer_wire(egs_text *wire, const char *text)
{
    const char *end = text + strlen(text), *feed;

    while ((feed = memchr(text, '\n', (apr_size_t)(end - text)))) {
        egs_text_add(wire, text, (apr_size_t)(feed - text) - (feed > text && feed[-1] == '\r'));
        egs_text_add(wire, "\r\n", 2);
        text = feed + 1;
    }
    egs_text_add(wire, text, (apr_size_t)(end - text));
}
