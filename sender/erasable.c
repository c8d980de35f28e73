#include "erasable_slots.h"

#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include "addressfold.h"
#include "charset.h"
#include "headerwords.h"
#include "mimecode.h"
#include "pieces.h"
#include "raw.h"
#include "token.h"
#include "utf8.h"

#define NESTED_MAX 5 /* mails within mails */

/* ---- bytes, charsets ----------------------------------------------------------------------------- */

const char *egs_erasable_bytes(eg_bytes bytes, apr_pool_t *pool)
{
    const unsigned char *from = bytes.data, *end = from + bytes.size;
    char *text = apr_palloc(pool, 2 * bytes.size + 1), *to = text;

    for (; from < end; from++) {
        unsigned int code = *from ? *from : NUL_CHARACTER;

        if (code < 0x80) {
            *to++ = (char)code;
        }
        else {
            *to++ = (char)(0xc0 | (code >> 6));
            *to++ = (char)(0x80 | (code & 0x3f));
        }
    }
    *to = '\0';
    return text;
}

static int is_utf8_text(eg_bytes content)
{
    return memchr(content.data, '\0', content.size) == NULL && eg_utf8_valid(content.data, content.size);
}

/* The order of its bytes says more of UTF-16 than its name. */
static const char *charset_of(eg_bytes content, const char *given)
{
    const unsigned char *mark = content.data;

    if (content.size >= 2 && ((mark[0] == 0xff && mark[1] == 0xfe) || (mark[0] == 0xfe && mark[1] == 0xff))) {
        return mark[0] == 0xff ? "utf-16le" : "utf-16be";
    }
    return given != NULL && strcmp(given, "utf-16") == 0 ? "utf-16be" : given; /* RFC 2781 section 4.3 */
}

/* ---- what there is ------------------------------------------------------------------------------- */

static egs_slot *add_slot(egs_erasable *erasable, egs_slot_kind kind, const eg_rawmail *mail)
{
    egs_slot *it = &APR_ARRAY_PUSH(erasable->slots, egs_slot);

    *it = (egs_slot){ .kind = kind, .mail = mail, .first = erasable->texts->nelts };
    return it;
}

/* No text without one of these has an address, however it is written. */
static int may_tell(const char *text)
{
    return strpbrk(text, "@%&") != NULL;
}

static void add_text(egs_erasable *erasable, egs_slot *of, const char *text, int is_bytes)
{
    APR_ARRAY_PUSH(erasable->texts, egs_erasable_text) = (egs_erasable_text){ text, is_bytes, NULL };
    of->count++;
    erasable->left--;
}

/* A content in the charset that it is said to be in. */
static void add_content(egs_erasable *erasable, egs_slot *of, eg_bytes content, const char *given)
{
    const char *charset = charset_of(content, given);
    eg_bytes converted;

    if (is_utf8_text(content)) {
        add_text(erasable, of, apr_pstrmemdup(erasable->pool, content.data, content.size), 0);
    }
    else if (!eg_charset_is_utf8(charset) &&
             eg_charset_read(&converted, content, charset, erasable->pool) == APR_SUCCESS &&
             is_utf8_text(converted)) {
        of->charset = charset;
        add_text(erasable, of, apr_pstrmemdup(erasable->pool, converted.data, converted.size), 0);
    }
    else {
        add_text(erasable, of, egs_erasable_bytes(content, erasable->pool), 1);
    }
}

static void add_bytes(egs_erasable *erasable, const eg_rawmail *mail, apr_size_t at, apr_size_t end)
{
    eg_bytes bytes = eg_rawmail_range(mail, at, end);

    if (bytes.size > 0 && memchr(bytes.data, '\0', bytes.size) == NULL &&
        may_tell(apr_pstrmemdup(erasable->pool, bytes.data, bytes.size))) {
        egs_slot *it = add_slot(erasable, EGS_SLOT_BYTES, mail);

        it->bytes = bytes;
        add_content(erasable, it, bytes, NULL);
    }
}

/* What is between parts: boundaries stay what they are, as long as there is not too much. */
static void add_lines(egs_erasable *erasable, const eg_rawmail *mail, apr_size_t at, apr_size_t end)
{
    const char *data = mail->bytes.data;
    apr_size_t begin = at;

    while (at < end && erasable->left > 0) {
        const char *feed = memchr(data + at, '\n', end - at);
        apr_size_t next = feed != NULL ? (apr_size_t)(feed - data) + 1 : end;

        if (next - at >= 2 && memcmp(data + at, "--", 2) == 0) {
            add_bytes(erasable, mail, begin, at);
            begin = next;
        }
        at = next;
    }
    add_bytes(erasable, mail, begin, end);
}

/* ---- fields -------------------------------------------------------------------------------------- */

/* @param target  where what is to stand there instead goes; NULL: the field is written anew without it */
static void add_target(egs_erasable *erasable, egs_slot *of, const char **target, const char *text)
{
    if (may_tell(text)) {
        APR_ARRAY_PUSH(of->targets, const char **) = target;
        add_text(erasable, of, text, 0);
    }
}

static const char *decoded_value(const egs_erasable *erasable, const eg_rawmail *mail,
                                 const eg_rawfield *field)
{
    return eg_headerwords_decode(eg_rawfield_value(mail, field, erasable->pool), EG_RAW_HEADER_MAX,
                                 erasable->pool);
}

/* Who sends it: not so of a part or a mail within it, which may be the person's. */
static int is_own(const egs_erasable *erasable, const eg_rawmail *mail, const eg_rawfield *field)
{
    return mail->bytes.data == erasable->bytes.data && field->at < eg_rawmail_part(mail, 0)->header_end &&
           (eg_rawfield_is(mail, field, "From") || eg_rawfield_is(mail, field, "Sender") ||
            eg_rawfield_is(mail, field, "Resent-From") || eg_rawfield_is(mail, field, "Resent-Sender"));
}

/* @return 0 when it is no list of addresses */
static int add_addresses(egs_erasable *erasable, const eg_rawmail *mail, const eg_rawfield *field)
{
    apr_array_header_t *list;
    egs_slot *it;

    if (eg_rawfield_addresses(&list, mail, field, erasable->pool) != APR_SUCCESS) {
        return 0;
    }
    it = add_slot(erasable, EGS_SLOT_ADDRESSES, mail);
    it->targets = apr_array_make(erasable->pool, 1, sizeof(const char **));
    it->list = apr_array_make(erasable->pool, list->nelts + 1, sizeof(eg_rawaddress));
    for (int i = 0; i < list->nelts; i++) {
        const eg_rawaddress *each = &APR_ARRAY_IDX(list, i, eg_rawaddress);
        eg_rawaddress *kept;

        if (!is_own(erasable, mail, field) &&
            strcmp(eg_address_fold(each->box.address, erasable->pool), erasable->person) == 0) {
            it->is_shorter = erasable->is_changed = 1;
            continue;
        }
        kept = &APR_ARRAY_PUSH(it->list, eg_rawaddress);
        *kept = *each;
        add_target(erasable, it, &kept->name, each->name);
    }
    add_target(erasable, it, NULL, decoded_value(erasable, mail, field)); /* comments, names of groups */
    return 1;
}

/* Those whose name could be an address go. */
static void drop_telling(eg_headervalue *value, apr_pool_t *pool)
{
    apr_array_header_t *kept = apr_array_make(pool, value->parameters->nelts + 1, sizeof(eg_parameter));

    for (int i = 0; i < value->parameters->nelts; i++) {
        const eg_parameter *each = &APR_ARRAY_IDX(value->parameters, i, eg_parameter);

        if (!may_tell(each->name)) {
            APR_ARRAY_PUSH(kept, eg_parameter) = *each;
        }
    }
    value->parameters = kept;
}

/* Values as readers take them, who know encoded words in them, too. @return 0 when it has not that form */
static int add_parameters(egs_erasable *erasable, const eg_rawmail *mail, const eg_rawfield *field)
{
    const char *text = eg_rawfield_value(mail, field, erasable->pool);
    eg_headervalue *value = apr_palloc(erasable->pool, sizeof *value);
    egs_slot *it;

    if (eg_headervalue_parse(value, text, strlen(text), erasable->pool) != APR_SUCCESS) {
        return 0;
    }
    egs_pieces_join(value, erasable->pool);
    drop_telling(value, erasable->pool);
    it = add_slot(erasable, EGS_SLOT_PARAMETERS, mail);
    it->targets = apr_array_make(erasable->pool, 1, sizeof(const char **));
    it->value = value;
    add_target(erasable, it, &value->word,
               eg_headerwords_decode(value->word, EG_RAW_HEADER_MAX, erasable->pool));
    for (int i = 0; i < value->parameters->nelts; i++) {
        eg_parameter *each = &APR_ARRAY_IDX(value->parameters, i, eg_parameter);

        if (strcmp(each->name, "boundary") != 0) {
            add_target(erasable, it, &each->value,
                       eg_headerwords_decode(each->value, EG_RAW_HEADER_MAX, erasable->pool));
        }
    }
    add_target(erasable, it, NULL,
               eg_headerwords_decode(text, EG_RAW_HEADER_MAX, erasable->pool)); /* comments */
    return 1;
}

static void add_words(egs_erasable *erasable, const eg_rawmail *mail, const eg_rawfield *field)
{
    const char *name = egs_raw_field_name(mail, field, erasable->pool);
    const char *text = decoded_value(erasable, mail, field);

    if (!eg_field_name_valid(name) || may_tell(name)) {
        add_bytes(erasable, mail, field->at, field->end);
    }
    else if (may_tell(text)) {
        add_text(erasable, add_slot(erasable, EGS_SLOT_WORDS, mail), text, 0);
    }
}

/* Of a list or of parameters, readable or not. */
static int most_values(const eg_rawmail *mail, const eg_rawfield *field)
{
    const char *data = mail->bytes.data;
    int count = 1;

    for (apr_size_t at = field->at; at < field->end; at++) {
        count += data[at] == ',' || data[at] == ';';
    }
    return count;
}

static void add_field(egs_erasable *erasable, const eg_rawmail *mail, const eg_rawpart *part,
                      const eg_rawfield *field)
{
    eg_fieldkind kind = eg_rawfield_kind(mail, field);
    int count = erasable->slots->nelts;

    erasable->left -= most_values(mail, field);
    if (kind == EG_FIELD_TOKEN) {
        add_bytes(erasable, mail, field->at, field->end);
    }
    else if ((kind != EG_FIELD_ADDRESSES || !add_addresses(erasable, mail, field)) &&
             (kind != EG_FIELD_PARAMETERS || !add_parameters(erasable, mail, field))) {
        add_words(erasable, mail, field);
    }
    if (erasable->slots->nelts > count) {
        egs_slot *it = &APR_ARRAY_IDX(erasable->slots, count, egs_slot);

        it->header = part;
        it->field = field;
    }
}

/* ---- parts --------------------------------------------------------------------------------------- */

/* What so many digits of base64 stand for, cut to whole bytes. @return behind it */
static char *put_digits(char *to, unsigned int bits, int digits)
{
    bits <<= 6 * (4 - digits);
    for (int i = 0; i < digits * 6 / 8; i++) {
        *to++ = (char)(bits >> (16 - 8 * i));
    }
    return to;
}

/* As readers do, who pass over what is no base64, and go on behind its end. */
static eg_bytes decode_leniently(eg_bytes body, apr_pool_t *pool)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *from = body.data;
    char *content = apr_palloc(pool, body.size + 1), *to = content;
    unsigned int bits = 0;
    int digits = 0;

    for (apr_size_t i = 0; i < body.size; i++) {
        const char *digit = memchr(alphabet, from[i], sizeof alphabet - 1);

        if (digit != NULL) {
            bits = (bits << 6) | (unsigned int)(digit - alphabet);
            digits++;
        }
        if (digits == 4 || (from[i] == '=' && digits > 0)) {
            to = put_digits(to, bits, digits);
            bits = 0;
            digits = 0;
        }
    }
    to = put_digits(to, bits, digits);
    return (eg_bytes){ content, (apr_size_t)(to - content) };
}

static void add_text_body(egs_erasable *erasable, const eg_rawmail *mail, const eg_rawpart *part)
{
    eg_bytes body = eg_rawmail_range(mail, part->body, part->end), content;
    egs_slot *it = add_slot(erasable, EGS_SLOT_BODY, mail);

    it->part = part;
    if (eg_mimecode_decode(&content, body, part->code, erasable->pool) != APR_SUCCESS) {
        content = decode_leniently(body, erasable->pool);
    }
    add_content(erasable, it, content, part->charset);
}

static void add_mail(egs_erasable *erasable, eg_bytes bytes, int depth);

static void add_body(egs_erasable *erasable, const eg_rawmail *mail, const eg_rawpart *part, int depth)
{
    int is_mail = strcmp(part->type, "message/rfc822") == 0 || strcmp(part->type, "message/global") == 0;
    int is_text = *part->type == '\0' || strncmp(part->type, "text/", 5) == 0 ||
                  strncmp(part->type, "message/", 8) == 0;

    if (is_mail && part->code == EG_RAW_PLAIN) {
        add_mail(erasable, eg_rawmail_range(mail, part->body, part->end), depth + 1);
    }
    else if (part->code == EG_RAW_UNKNOWN || (part->code == EG_RAW_PLAIN && !is_text)) {
        add_bytes(erasable, mail, part->body, part->end);
    }
    else if (is_text || part->code == EG_RAW_QUOTED_PRINTABLE) {
        add_text_body(erasable, mail, part);
    }
}

/* @return behind what of it is added: that can be less than all, when there is too much */
static apr_size_t add_part(egs_erasable *erasable, const eg_rawmail *mail, const eg_rawpart *part, int depth)
{
    for (int i = 0; i < part->fields->nelts; i++) {
        const eg_rawfield *field = eg_rawpart_field(part, i);

        if (erasable->left <= 0) {
            return field->at;
        }
        add_field(erasable, mail, part, field);
    }
    if (part->is_multipart) {
        return part->body;
    }
    add_body(erasable, mail, part, depth);
    return part->end;
}

static void add_mail(egs_erasable *erasable, eg_bytes bytes, int depth)
{
    eg_rawmail *mail = apr_palloc(erasable->pool, sizeof *mail);
    const char *problem;
    apr_size_t at = 0;

    if (depth > NESTED_MAX || eg_rawmail_open(mail, &problem, bytes, erasable->pool) != APR_SUCCESS) {
        mail->bytes = bytes;
        add_bytes(erasable, mail, 0, bytes.size);
        return;
    }
    for (int i = 0; i < mail->parts->nelts && erasable->left > 0; i++) {
        const eg_rawpart *part = eg_rawmail_part(mail, i);

        add_lines(erasable, mail, at, part->at);
        at = add_part(erasable, mail, part, depth);
    }
    add_lines(erasable, mail, at, bytes.size);
}

static egs_erasable *make(eg_bytes bytes, const char *person, apr_pool_t *pool)
{
    egs_erasable *erasable = apr_palloc(pool, sizeof *erasable);

    *erasable = (egs_erasable){ .texts = apr_array_make(pool, 32, sizeof(egs_erasable_text)),
                                .slots = apr_array_make(pool, 32, sizeof(egs_slot)),
                                .left = EGS_ERASABLE_MAX,
                                .bytes = bytes,
                                .person = person,
                                .pool = pool };
    return erasable;
}

egs_erasable *egs_erasable_mail(eg_bytes raw, const char *person, apr_pool_t *pool)
{
    egs_erasable *erasable = make(raw, person, pool);

    add_mail(erasable, raw, 0);
    return erasable;
}

egs_erasable *egs_erasable_attachment(eg_bytes content, const char *media_type, apr_pool_t *pool)
{
    egs_erasable *erasable = make(content, "", pool);
    eg_media_type media = { .charset = NULL };

    eg_media_type_parse(&media, media_type, pool);
    add_content(erasable, add_slot(erasable, EGS_SLOT_WHOLE, NULL), content, media.charset);
    return erasable;
}
