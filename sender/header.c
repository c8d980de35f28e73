/*
 * Header fields: values that decode to exactly what was given, folded, ASCII
 * alone (RFC 5322 section 2.2, RFC 2047).
 */
#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>

#include "fieldsyntax.h"
#include "header.h"

#define LINE_MAX_PLAIN 78   /* RFC 5322 section 2.1.1: should */
#define LINE_MAX_ENCODED 76 /* RFC 2047 section 2 */
#define PHRASE_MAX 490      /* bytes; quoted it can be twice as long */
#define WORD_FRAME 12       /* columns of "=?utf-8?Q?" and "?=" */
#define WORD_PAYLOAD_MAX 63 /* 75 columns without the frame */
#define WORD_PAYLOAD_MIN 12 /* one character of four bytes in Q */

/* A field under construction: where its last line has got to. */
typedef struct {
    egs_text *text;
    apr_size_t column;
    int words;   /* put so far; a fold never comes before the first */
    int encoded; /* the line has an encoded word: it must be shorter */
} field;

static int is_atext(unsigned char c)
{
    return apr_isalnum(c) || (c && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

/*
 * May it stand as it is? Printable ASCII whose words are parted by one space
 * each, so that folding at them loses nothing; nothing that a reader would
 * take for an encoded word; no word that a line cannot hold.
 */
static int is_plain(const char *value, apr_size_t word_max)
{
    apr_size_t word = 0;
    const char *c;

    if (strstr(value, "=?")) {
        return 0;
    }
    for (c = value; *c; c++) {
        if (*c == ' ') {
            if (word == 0) {
                return 0;
            }
            word = 0;
        }
        else if (*c < ' ' || *c >= 0x7f || ++word > word_max) {
            return 0;
        }
    }
    return word > 0 || c == value;
}

static void begin(field *f, egs_text *text, const char *name)
{
    f->text = text;
    f->words = 0;
    f->encoded = 0;
    f->column = strlen(name) + 1;
    egs_text_puts(text, name);
    egs_text_puts(text, ":");
}

/* The space before a word, as a fold where the line has no room for it. */
static void put_space(field *f, apr_size_t length, int encoded)
{
    apr_size_t line_max = f->encoded || encoded ? LINE_MAX_ENCODED : LINE_MAX_PLAIN;

    if (f->words++ && f->column + 1 + length > line_max) {
        egs_text_puts(f->text, "\r\n");
        f->column = 0;
        f->encoded = 0;
    }
    f->encoded |= encoded;
    egs_text_puts(f->text, " ");
    f->column++;
}

static void put_word(field *f, const char *word, apr_size_t length)
{
    put_space(f, length, 0);
    egs_text_add(f->text, word, length);
    f->column += length;
}

/* The words of a value that is_plain. */
static void put_words(field *f, const char *value)
{
    while (*value) {
        apr_size_t length = strcspn(value, " ");

        put_word(f, value, length);
        value += length + (value[length] == ' ');
    }
}

/* Bytes of the character at text; 1 for a byte that is not UTF-8. */
static apr_size_t character(const char *text)
{
    unsigned char lead = (unsigned char)text[0];
    apr_size_t length = lead < 0xc2 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 1;

    for (apr_size_t i = 1; i < length; i++) {
        if (((unsigned char)text[i] & 0xc0) != 0x80) {
            return 1;
        }
    }
    return length;
}

/* What Q leaves as it is: the set that is allowed in a phrase too (RFC 2047 section 5 (3)). */
static int is_q_safe(unsigned char c)
{
    return apr_isalnum(c) || (c && strchr("!*+-/", c));
}

static apr_size_t q_length(const char *text, apr_size_t length)
{
    apr_size_t total = 0;

    for (apr_size_t i = 0; i < length; i++) {
        total += is_q_safe((unsigned char)text[i]) || text[i] == ' ' ? 1 : 3;
    }
    return total;
}

static apr_size_t b_length(apr_size_t length)
{
    return (length + 2) / 3 * 4;
}

static void put_q(egs_text *text, const char *value, apr_size_t length)
{
    static const char hex[] = "0123456789ABCDEF";

    for (apr_size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)value[i];

        if (is_q_safe(c)) {
            egs_text_add(text, value + i, 1);
        }
        else if (c == ' ') {
            egs_text_puts(text, "_");
        }
        else {
            const char escape[3] = { '=', hex[c >> 4], hex[c & 15] };

            egs_text_add(text, escape, 3);
        }
    }
}

static void put_b(egs_text *text, const char *value, apr_size_t length)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (apr_size_t i = 0; i < length; i += 3) {
        unsigned int bits = (unsigned int)(unsigned char)value[i] << 16;
        char group[4] = "====";

        if (i + 1 < length) {
            bits |= (unsigned int)(unsigned char)value[i + 1] << 8;
        }
        if (i + 2 < length) {
            bits |= (unsigned char)value[i + 2];
        }
        for (apr_size_t j = 0; j < 4 && i + j <= length; j++) {
            group[j] = digits[bits >> (18 - 6 * j) & 63];
        }
        egs_text_add(text, group, 4);
    }
}

/* How much of text fits into one word in Q: whole characters, at least one. */
static apr_size_t q_fits(const char *text, apr_size_t room)
{
    apr_size_t taken = character(text);

    while (text[taken]) {
        apr_size_t next = taken + character(text + taken);

        if (q_length(text, next) > room) {
            break;
        }
        taken = next;
    }
    return taken;
}

/*
 * How much of text fits into one word in B: whole characters, without padding
 * unless the text ends there. There are readers that decode adjacent words of
 * one kind as one stream, and padding inside it would end it.
 * @return 0 when there is no such place to cut
 */
static apr_size_t b_fits(const char *text, apr_size_t room)
{
    apr_size_t fits = 0;

    for (apr_size_t next = 0; text[next];) {
        next += character(text + next);
        if (b_length(next) > room) {
            break;
        }
        if (next % 3 == 0 || !text[next]) {
            fits = next;
        }
    }
    return fits;
}

/*
 * Any value as encoded words, in B where that is shorter. Readers drop the
 * space between two encoded words, so all spaces of the value are inside.
 */
static void put_encoded(field *f, const char *value)
{
    apr_size_t length = strlen(value);
    int prefer_b = b_length(length) < q_length(value, length);

    while (*value) {
        apr_size_t used = 0, room = 0;
        int use_b;

        put_space(f, WORD_FRAME + WORD_PAYLOAD_MIN, 1);
        if (f->column + WORD_FRAME < LINE_MAX_ENCODED) {
            room = LINE_MAX_ENCODED - f->column - WORD_FRAME;
            room = room < WORD_PAYLOAD_MAX ? room : WORD_PAYLOAD_MAX;
        }
        use_b = prefer_b && (used = b_fits(value, room)) > 0;
        if (!use_b) {
            used = q_fits(value, room);
        }
        f->column += WORD_FRAME + (use_b ? b_length(used) : q_length(value, used));
        egs_text_puts(f->text, use_b ? "=?utf-8?B?" : "=?utf-8?Q?");
        (use_b ? put_b : put_q)(f->text, value, used);
        egs_text_puts(f->text, "?=");
        value += used;
    }
}

/* @return 0 when it is no field with a syntax, or has another value than the syntax allows */
static int put_structured(field *f, const char *name, const char *value)
{
    eg_fieldsyntax parts;

    if (!eg_fieldsyntax_has(name) || eg_fieldsyntax_read(&parts, name, value, f->text->pool) != APR_SUCCESS) {
        return 0;
    }
    if (parts.phrase) {
        put_encoded(f, parts.phrase);
    }
    put_words(f, parts.rest);
    return 1;
}

void egs_header_text(egs_text *text, const char *name, const char *value)
{
    field f;

    begin(&f, text, name);
    if (put_structured(&f, name, value)) {
        /* an encoded word in place of an id or a URL would be none to any reader */
    }
    else if (is_plain(value, EG_WIRE_LINE_MAX - f.column - 1)) {
        put_words(&f, value);
    }
    else {
        put_encoded(&f, value);
    }
    egs_text_puts(text, "\r\n");
}

static void put_quoted(field *f, const char *name, apr_pool_t *pool)
{
    egs_text quoted;

    egs_text_init(&quoted, strlen(name) + 16, pool);
    egs_text_puts(&quoted, "\"");
    for (const char *c = name; *c; c++) {
        if (*c == '"' || *c == '\\') {
            egs_text_puts(&quoted, "\\");
        }
        egs_text_add(&quoted, c, 1);
    }
    egs_text_puts(&quoted, "\"");
    put_word(f, quoted.data, quoted.length);
}

static int is_atoms(const char *name)
{
    for (; *name; name++) {
        if (!is_atext((unsigned char)*name) && *name != ' ') {
            return 0;
        }
    }
    return 1;
}

/*
 * A display name that stands as it is stays in one line, which may be longer
 * than 78 then: there are readers that leave a fold within it in the name.
 */
static void put_phrase(field *f, const char *name, apr_pool_t *pool)
{
    if (!is_plain(name, PHRASE_MAX) || strlen(name) > PHRASE_MAX) {
        put_encoded(f, name);
    }
    else if (is_atoms(name)) {
        put_word(f, name, strlen(name));
    }
    else {
        put_quoted(f, name, pool);
    }
}

/* An address as one word that no byte of it can break. */
static const char *address_word(const char *email, const char *left, const char *right, apr_pool_t *pool)
{
    char *word = apr_pstrcat(pool, left, email, right, NULL);

    for (char *c = word; *c; c++) {
        if (apr_iscntrl(*c)) {
            *c = '?';
        }
    }
    return word;
}

void egs_header_addresses(egs_text *text, const char *name, const egs_address *addresses, int count)
{
    apr_pool_t *pool = text->pool;
    field f;

    begin(&f, text, name);
    for (int i = 0; i < count; i++) {
        const char *comma = i + 1 < count ? "," : "";
        const char *word;

        if (addresses[i].name && *addresses[i].name) {
            put_phrase(&f, addresses[i].name, pool);
            word = address_word(addresses[i].email, "<", apr_pstrcat(pool, ">", comma, NULL), pool);
        }
        else {
            word = address_word(addresses[i].email, "", comma, pool);
        }
        put_word(&f, word, strlen(word));
    }
    egs_text_puts(text, "\r\n");
}
