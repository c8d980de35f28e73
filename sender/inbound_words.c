/*
 * What stands in texts that mail systems write for people.
 */
#include "inbound_words.h"

#include <apr_cstr.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <string.h>

#include "lowercase.h"
#include "utf8.h"

#define ENHANCED_WITHIN 256 /* bytes behind a code that are looked at for the enhanced one */

/* ---- replies ------------------------------------------------------------------- */

/* Length of "5.1.1" at the beginning of a text; 0: none. A fourth number makes it an address of IPv4 or a version. */
static apr_size_t enhanced_length(const char *text)
{
    apr_size_t at = 1;

    if (text[0] != '4' && text[0] != '5') {
        return 0;
    }
    for (int part = 0; part < 2; part++) {
        apr_size_t digits;

        if (text[at++] != '.') {
            return 0;
        }
        digits = strspn(text + at, "0123456789");
        if (digits < 1 || digits > 3) {
            return 0;
        }
        at += digits;
    }
    return apr_isalnum(text[at]) || (text[at] == '.' && apr_isdigit(text[at + 1])) || text[at] == '/' ? 0
                                                                                                      : at;
}

int egs_words_reply_code(const char *text)
{
    static const char *const units[] = { "min", "hour", "day", "sec",     "byte",
                                         "kb",  "mb",   "k ",  "message", "recipient" };

    if ((text[0] != '4' && text[0] != '5') || text[1] < '0' || text[1] > '5' || !apr_isdigit(text[2]) ||
        (text[3] && !strchr(" -\t\n#:;,()<>\"'", text[3]))) {
        return 0;
    }
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (text[3] && !apr_cstr_casecmpn(text + 4, units[i], strlen(units[i]))) {
            return 0;
        }
    }
    return (text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0');
}

/* Does a number at this place begin there? */
static int is_start(const char *text, const char *at)
{
    return at == text || !(apr_isalnum(at[-1]) || strchr(".-@_/", at[-1]));
}

/* Is what is before a code what introduces replies: a line's beginning, "said:", "<<<"? */
static int introduces(const char *text, const char *at)
{
    while (at > text && strchr(" \t\"'(", at[-1])) {
        at--;
    }
    return at == text || strchr("\n:;>=[", at[-1]);
}

/* What is between two codes that belong together. */
static apr_size_t gap_length(const char *text)
{
    return strspn(text, " \t-#(:[");
}

/* An enhanced code further on in a reply's paragraph: "550 no mailbox here by that name (#5.1.1)". */
static const char *enhanced_behind(const char *text, char reply_class, apr_pool_t *pool)
{
    for (const char *at = text; *at && at - text < ENHANCED_WITHIN && strncmp(at, "\n\n", 2); at++) {
        apr_size_t length = *at == reply_class && is_start(text, at) ? enhanced_length(at) : 0;

        if (length) {
            return apr_pstrmemdup(pool, at, length);
        }
    }
    return NULL;
}

/* "550 5.1.1 ", "550-5.1.1 ", "550 #5.1.1", "550 550 5.1.1". */
static egs_words_reply read_reply(const char *text, const char *at, apr_pool_t *pool)
{
    egs_words_reply reply = { EGS_REPLY_NONE, egs_words_reply_code(at), NULL, text };
    apr_size_t length;

    if (reply.code) {
        reply.surety = introduces(text, at) ? EGS_REPLY_LINE : EGS_REPLY_LOOSE;
        at += 3 + gap_length(at + 3);
        at += egs_words_reply_code(at) ? 3 + gap_length(at + 3) : 0;
        reply.text = at;
    }
    length = enhanced_length(at);
    if (length) {
        reply.enhanced = apr_pstrmemdup(pool, at, length);
        reply.surety = reply.code ? EGS_REPLY_ENHANCED_LINE : EGS_REPLY_STATUS;
        reply.text = reply.code ? at + length : text;
    }
    return reply;
}

egs_words_reply egs_words_find_reply(const char *text, apr_size_t length, apr_pool_t *pool)
{
    egs_words_reply best = { EGS_REPLY_NONE, 0, NULL, text };

    for (const char *at = text; at < text + length && best.surety < EGS_REPLY_ENHANCED_LINE; at++) {
        if ((*at == '4' || *at == '5') && is_start(text, at)) {
            egs_words_reply reply = read_reply(text, at, pool);

            best = reply.surety > best.surety ? reply : best;
        }
    }
    if (best.code && !best.enhanced) {
        best.enhanced = enhanced_behind(best.text, (char)('0' + best.code / 100), pool);
    }
    return best;
}

/* ---- addresses ------------------------------------------------------------------- */

static int is_of_local(char c)
{
    return apr_isalnum(c) || (unsigned char)c >= 0x80 || (c && strchr("!#$%&'*+-/=?^_`{|}~.", c));
}

static int is_of_domain(char c)
{
    return apr_isalnum(c) || (unsigned char)c >= 0x80 || c == '-' || c == '.';
}

/* The beginning of the local part before an @, quoted or not; at itself where there is none. */
static const char *local_start(const char *text, const char *at)
{
    const char *from = at;

    if (from > text && from[-1] == '"') {
        do {
            from--;
        } while (from > text && at - from < 64 && from[-1] != '"' && from[-1] != '\n');
        return from > text && from[-1] == '"' ? from - 1 : at;
    }
    while (from > text && is_of_local(from[-1]) && at - from < 128) {
        from--;
    }
    while (from < at && strchr("'`*|=", *from)) {
        from++;
    }
    return from;
}

/* Words of a language that puts no blank before them end a domain that could end there. */
static int ends_domain(const char *at, const char *end)
{
    return (unsigned char)*end >= 0x80 && end - at > 4 && apr_isalpha(end[-1]) && apr_isalpha(end[-2]) &&
           memchr(at, '.', (apr_size_t)(end - at));
}

static const char *domain_end(const char *at)
{
    const char *end = at + 1;

    while (is_of_domain(*end) && end - at < 256 && !ends_domain(at, end)) {
        end++;
    }
    while (end > at + 1 && (end[-1] == '.' || end[-1] == '-')) {
        end--;
    }
    return end;
}

/* The last words of a line before the address, lower case, without marks at their end. */
static const char *words_before(const char *text, const char *from, const char *marks, apr_pool_t *pool)
{
    const char *begin = from;

    while (begin > text && begin[-1] != '\n' && from - begin < 40) {
        begin--;
    }
    while (from > begin && strchr(marks, from[-1])) {
        from--;
    }
    return eg_lowercase(apr_pstrmemdup(pool, begin, (apr_size_t)(from - begin)));
}

static int ends_in(const char *words, const char *const *endings)
{
    apr_size_t length = strlen(words);

    for (; *endings; endings++) {
        apr_size_t size = strlen(*endings);

        if (length >= size && !strcmp(words + length - size, *endings) &&
            (length == size || !apr_isalnum(words[length - size - 1]))) {
            return 1;
        }
    }
    return 0;
}

/* Before a code that stands at the beginning of a line, if one does here: "550 5.1.1 <ann@example.org>... ". */
static const char *before_code(const char *text, const char *from)
{
    const char *at = from;

    while (at > text && (apr_isdigit(at[-1]) || at[-1] == '.' || at[-1] == ' ')) {
        at--;
    }
    return (at == text || at[-1] == '\n') && egs_words_reply_code(at) ? at : from;
}

/* Nothing but marks or a code before it on its line, and behind it the end or what begins a remark. */
static int is_alone(const char *text, const char *from, const char *end)
{
    while (from > text && strchr(" \t<>\"'([*+-", from[-1])) {
        from--;
    }
    from = before_code(text, from);
    end += strspn(end, ">\"')],.;");
    return (from == text || from[-1] == '\n') && (!*end || strchr(" \t\n:(", *end));
}

static egs_words_place find_place(const char *text, const char *from, const char *end, apr_pool_t *pool)
{
    static const char *const own[] = { "from",        "sender",  "id",          "message-id",
                                       "by",          "contact", "reply-to",    "references",
                                       "in-reply-to", "mailto",  "return-path", NULL };
    static const char *const failed[] = { "recipient address:", "failed recipient:", "final recipient:",
                                          "rcpt to:", NULL };
    static const char *const named[] = { "to",        "recipient", "recipients", "rfc822",  "address",
                                         "mailbox",   "user",      "userid",     "account", "for",
                                         "addressee", "user name", "username",   NULL };
    const char *words;

    if (is_alone(text, from, end) || ends_in(words_before(text, from, " \t<\"", pool), failed)) {
        return EGS_ADDRESS_ALONE;
    }
    words = words_before(text, from, " \t<>\"'(:=;,[", pool);
    return ends_in(words, own)     ? EGS_ADDRESS_OWN
           : ends_in(words, named) ? EGS_ADDRESS_NAMED
                                   : EGS_ADDRESS_AMID;
}

apr_array_header_t *egs_words_find_addresses(const char *text, apr_pool_t *pool)
{
    apr_array_header_t *found = apr_array_make(pool, 4, sizeof(egs_words_address));

    for (const char *at = strchr(text, '@'); at && found->nelts < EGS_WORDS_ADDRESSES_MAX;
         at = strchr(at + 1, '@')) {
        const char *from = local_start(text, at), *end = domain_end(at);
        egs_words_place place;

        if (from == at || end == at + 1) {
            continue;
        }
        place = find_place(text, from, end, pool);
        if (place != EGS_ADDRESS_OWN && eg_utf8_valid(from, (apr_size_t)(end - from))) {
            APR_ARRAY_PUSH(found, egs_words_address) =
                (egs_words_address){ apr_pstrmemdup(pool, from, (apr_size_t)(end - from)), from, place };
        }
    }
    return found;
}

const char *egs_words_address_of(const char *text, apr_pool_t *pool)
{
    for (const char *at = text ? strchr(text, '@') : NULL; at; at = strchr(at + 1, '@')) {
        const char *from = local_start(text, at), *end = domain_end(at);

        if (from < at && end > at + 1 && eg_utf8_valid(from, (apr_size_t)(end - from))) {
            return apr_pstrmemdup(pool, from, (apr_size_t)(end - from));
        }
    }
    return NULL;
}

/* ---- phrases ------------------------------------------------------------------- */

const char *egs_words_fold(const char *text, apr_pool_t *pool)
{
    char *folded = apr_palloc(pool, strlen(text) + 1), *to = folded;

    for (; *text; text++) {
        char c = apr_isspace(*text) ? ' ' : (char)apr_tolower(*text);

        if (c != ' ' || to == folded || to[-1] != ' ') {
            *to++ = c;
        }
    }
    *to = '\0';
    return folded;
}

int egs_words_say(const char *folded, const char *alternatives)
{
    char phrase[128];

    while (*alternatives) {
        apr_size_t length = strcspn(alternatives, "|");

        apr_cpystrn(phrase, alternatives, length + 1 < sizeof phrase ? length + 1 : sizeof phrase);
        if (strstr(folded, phrase)) {
            return 1;
        }
        alternatives += length + (alternatives[length] == '|');
    }
    return 0;
}

const char *egs_words_clean(const char *text, apr_size_t length, apr_pool_t *pool)
{
    char line[EGS_WORDS_TEXT_MAX], *clean = apr_palloc(pool, EGS_WORDS_TEXT_MAX + 1);
    apr_size_t used = 0;

    for (apr_size_t i = 0; i < length && used < sizeof line; i++) {
        char c = apr_isspace(text[i]) ? ' ' : text[i];

        if (c != ' ' || (used && line[used - 1] != ' ')) {
            line[used++] = c;
        }
    }
    while (used && line[used - 1] == ' ') {
        used--;
    }
    eg_utf8_escape(clean, EGS_WORDS_TEXT_MAX + 1, line, used);
    return clean;
}
