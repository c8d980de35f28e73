#include "erasable.h"

#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include "addressfold.h"
#include "charset.h"
#include "header.h"
#include "headerwords.h"
#include "raw.h"
#include "rawfield.h"
#include "rawwire.h"
#include "token.h"
#include "utf8.h"

#define NESTED_MAX 5        /* mails within mails */
#define NUL_CHARACTER 0x100 /* that stands for a byte 0 */
#define EXTENDED_MAX 600    /* bytes of a parameter's value in RFC 2231's form */
#define CODE_ROOM 100       /* bytes of a header for the encoding of a body that had none */
#define NOBODY "undisclosed-recipients:;"

typedef enum {
    SLOT_WHOLE,     /* an attachment */
    SLOT_BYTES,     /* as they are */
    SLOT_BODY,      /* of a part, decoded */
    SLOT_WORDS,     /* a field of text */
    SLOT_ADDRESSES, /* a field of addresses: their names */
    SLOT_PARAMETERS /* a field of parameters: each of them */
} slot_kind;

/** A place of the mail that texts are of. */
typedef struct {
    slot_kind kind;
    const eg_rawmail *mail;
    const eg_rawpart *part;   /* whose body it is */
    const eg_rawpart *header; /* in which it is a field; NULL: it is none */
    const eg_rawfield *field;
    eg_bytes bytes;
    const char *charset;         /* to be written in; NULL: UTF-8 */
    apr_array_header_t *targets; /* of const char **: where the text of a name or value is to go */
    apr_array_header_t *list;    /* of eg_rawaddress, without the person's */
    int is_shorter;              /* the person's were taken out of it */
    eg_headervalue *value;
    int first, count; /* of its texts */
} slot;

/** A header whose fields are written anew. */
typedef struct {
    const eg_rawpart *of;
    apr_size_t room; /* bytes that it may grow by */
    int fields;      /* that are left in it */
} header_left;

#define TEXT(erasable, i) APR_ARRAY_IDX((erasable)->texts, i, egs_erasable_text)

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

static eg_bytes back_to_bytes(const char *text, apr_pool_t *pool)
{
    apr_size_t left = strlen(text), step, length = 0;
    char *bytes = apr_palloc(pool, left + 1);
    apr_uint32_t code;

    for (; (step = eg_utf8_next(&code, text, left)) > 0; text += step, left -= step) {
        bytes[length++] = code == NUL_CHARACTER ? '\0' : (char)code;
    }
    bytes[length] = '\0';
    return (eg_bytes){ bytes, length };
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

static slot *add_slot(egs_erasable *erasable, slot_kind kind, const eg_rawmail *mail)
{
    slot *it = &APR_ARRAY_PUSH(erasable->slots, slot);

    *it = (slot){ .kind = kind, .mail = mail, .first = erasable->texts->nelts };
    return it;
}

/* No text without one of these has an address, however it is written. */
static int may_tell(const char *text)
{
    return strpbrk(text, "@%&") != NULL;
}

static void add_text(egs_erasable *erasable, slot *of, const char *text, int is_bytes)
{
    APR_ARRAY_PUSH(erasable->texts, egs_erasable_text) = (egs_erasable_text){ text, is_bytes, NULL };
    of->count++;
    erasable->left--;
}

/* A content in the charset that it is said to be in. */
static void add_content(egs_erasable *erasable, slot *of, eg_bytes content, const char *given)
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
        slot *it = add_slot(erasable, SLOT_BYTES, mail);

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
static void add_target(egs_erasable *erasable, slot *of, const char **target, const char *text)
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
    slot *it;

    if (eg_rawfield_addresses(&list, mail, field, erasable->pool) != APR_SUCCESS) {
        return 0;
    }
    it = add_slot(erasable, SLOT_ADDRESSES, mail);
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

/* Which piece of a value is it, "name*2" or "name*2*" (RFC 2231 section 3)? @return -1: it is none */
static int piece_number(const char *name)
{
    const char *digits = name + strcspn(name, "*") + 1;
    apr_size_t length = digits[-1] == '*' ? strspn(digits, "0123456789") : 0;

    if (length == 0 || length > 9 || strcmp(digits + length, digits[length] == '*' ? "*" : "") != 0) {
        return -1;
    }
    return atoi(digits);
}

static int is_piece_of(const eg_parameter *each, const eg_parameter *other)
{
    apr_size_t length = strcspn(other->name, "*");

    return piece_number(each->name) >= 0 && strcspn(each->name, "*") == length &&
           strncmp(each->name, other->name, length) == 0;
}

/* The pieces of one value by their numbers. @return how many */
static int sort_pieces(const eg_parameter **pieces, const eg_headervalue *value, const eg_parameter *of)
{
    int count = 0;

    for (int i = 0; i < value->parameters->nelts; i++) {
        const eg_parameter *each = &APR_ARRAY_IDX(value->parameters, i, eg_parameter);
        int at = count;

        if (!is_piece_of(each, of)) {
            continue;
        }
        for (; at > 0 && piece_number(pieces[at - 1]->name) > piece_number(each->name); at--) {
            pieces[at] = pieces[at - 1];
        }
        pieces[at] = each;
        count++;
    }
    return count;
}

/* The name of a whole value whose first piece this is; its own where another parameter has that name. */
static const char *whole_name(const eg_headervalue *value, const eg_parameter *first, apr_pool_t *pool)
{
    const char *name = apr_pstrcat(pool, apr_pstrndup(pool, first->name, strcspn(first->name, "*")),
                                   first->name[strlen(first->name) - 1] == '*' ? "*" : "", NULL);

    return piece_number(first->name) == 0 && eg_headervalue_get(value, name) == NULL ? name : first->name;
}

/* All pieces of the value that one is a piece of, as readers put them together. */
static eg_parameter join_pieces_of(const eg_headervalue *value, const eg_parameter *one, apr_pool_t *pool)
{
    const eg_parameter *pieces[EG_HEADERVALUE_PARAMETERS_MAX];
    struct iovec texts[EG_HEADERVALUE_PARAMETERS_MAX];
    int count = sort_pieces(pieces, value, one);

    for (int i = 0; i < count; i++) {
        texts[i] = (struct iovec){ (void *)pieces[i]->value, strlen(pieces[i]->value) };
    }
    return (eg_parameter){ whole_name(value, pieces[0], pool),
                           apr_pstrcatv(pool, texts, (apr_size_t)count, NULL) };
}

/* Each value in pieces as one, where its first piece stands; without those whose name could be an address. */
static void join_pieces(eg_headervalue *value, apr_pool_t *pool)
{
    apr_array_header_t *joined = apr_array_make(pool, value->parameters->nelts + 1, sizeof(eg_parameter));

    for (int i = 0; i < value->parameters->nelts; i++) {
        const eg_parameter *each = &APR_ARRAY_IDX(value->parameters, i, eg_parameter);
        int earlier = 0;

        if (may_tell(each->name)) {
            continue;
        }
        if (piece_number(each->name) < 0) {
            APR_ARRAY_PUSH(joined, eg_parameter) = *each;
            continue;
        }
        while (!is_piece_of(&APR_ARRAY_IDX(value->parameters, earlier, eg_parameter), each)) {
            earlier++;
        }
        if (earlier == i) {
            APR_ARRAY_PUSH(joined, eg_parameter) = join_pieces_of(value, each, pool);
        }
    }
    value->parameters = joined;
}

/* Values as readers take them, who know encoded words in them, too. @return 0 when it has not that form */
static int add_parameters(egs_erasable *erasable, const eg_rawmail *mail, const eg_rawfield *field)
{
    const char *text = eg_rawfield_value(mail, field, erasable->pool);
    eg_headervalue *value = apr_palloc(erasable->pool, sizeof *value);
    slot *it;

    if (eg_headervalue_parse(value, text, strlen(text), erasable->pool) != APR_SUCCESS) {
        return 0;
    }
    join_pieces(value, erasable->pool);
    it = add_slot(erasable, SLOT_PARAMETERS, mail);
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
    const char *text = decoded_value(erasable, mail, field);

    if (!eg_field_name_valid(egs_raw_field_name(mail, field, erasable->pool))) {
        add_bytes(erasable, mail, field->at, field->end);
    }
    else if (may_tell(text)) {
        add_text(erasable, add_slot(erasable, SLOT_WORDS, mail), text, 0);
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
        slot *it = &APR_ARRAY_IDX(erasable->slots, count, slot);

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
    slot *it = add_slot(erasable, SLOT_BODY, mail);

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
                                .slots = apr_array_make(pool, 32, sizeof(slot)),
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
    add_content(erasable, add_slot(erasable, SLOT_WHOLE, NULL), content, media.charset);
    return erasable;
}

/* ---- what is to stand there ---------------------------------------------------------------------- */

int egs_erasable_is_same(const egs_erasable *erasable)
{
    int is_same = !erasable->is_changed;

    for (int i = 0; i < erasable->texts->nelts && is_same; i++) {
        is_same = TEXT(erasable, i).erased == NULL;
    }
    return is_same;
}

/* The one text of a slot, as bytes. In its charset it can be written: what came in is ASCII. */
static eg_bytes content_of(const egs_erasable *erasable, const slot *it)
{
    const egs_erasable_text *text = &TEXT(erasable, it->first);
    eg_bytes content = { text->erased, strlen(text->erased) };

    if (text->is_bytes) {
        return back_to_bytes(text->erased, erasable->pool);
    }
    if (it->charset != NULL) {
        eg_charset_convert(&content, content, it->charset, "utf-8", erasable->pool);
    }
    return content;
}

static void put_list(egs_text *field, const slot *it, const char *name, header_left *left)
{
    if (it->list->nelts > 0) {
        egs_raw_put_addresses(field, name, it->list);
    }
    else if (eg_rawfield_is(it->mail, it->field, "To") || left->fields == 1) {
        egs_text_puts(field, "To: " NOBODY "\r\n"); /* a mail without any field would be none */
    }
    else {
        left->fields--;
    }
}

/* In RFC 2231's form, which knows no brackets and no blanks. */
static void tidy_extended(eg_headervalue *value, apr_pool_t *pool)
{
    for (int i = 0; i < value->parameters->nelts; i++) {
        eg_parameter *each = &APR_ARRAY_IDX(value->parameters, i, eg_parameter);
        char *tidy = apr_pstrdup(pool, each->value), *to = tidy;

        if (!*each->name || each->name[strlen(each->name) - 1] != '*') {
            continue;
        }
        for (const char *from = each->value; *from; from++) {
            if (*from != '[' && *from != ']') {
                *to++ = *from;
            }
        }
        *to = '\0';
        each->value = strlen(tidy) <= EXTENDED_MAX ? tidy : "utf-8''erased";
    }
}

static egs_text written_field(const egs_erasable *erasable, slot *it, header_left *left)
{
    const char *name = egs_raw_field_name(it->mail, it->field, erasable->pool);
    egs_text field;

    egs_text_init(&field, it->field->end - it->field->at, erasable->pool);
    if (it->kind == SLOT_WORDS) {
        egs_header_text(&field, name, TEXT(erasable, it->first).erased);
    }
    else if (it->kind == SLOT_ADDRESSES) {
        put_list(&field, it, name, left);
    }
    else if (it->kind == SLOT_PARAMETERS) {
        tidy_extended(it->value, erasable->pool);
        egs_raw_put_parameters(&field, name, it->value);
    }
    else {
        eg_bytes content = content_of(erasable, it);

        egs_text_add(&field, content.data, content.size);
    }
    return field;
}

/* Parameters that tell how to read a body. */
static apr_array_header_t *those_of_body(const eg_headervalue *value, apr_pool_t *pool)
{
    apr_array_header_t *kept = apr_array_make(pool, 2, sizeof(eg_parameter));

    for (int i = 0; i < value->parameters->nelts; i++) {
        const eg_parameter *each = &APR_ARRAY_IDX(value->parameters, i, eg_parameter);

        if (strcmp(each->name, "boundary") == 0 || strcmp(each->name, "charset") == 0) {
            APR_ARRAY_PUSH(kept, eg_parameter) = *each;
        }
    }
    return kept;
}

/* No more of a field than readers must have: no names, no parameters but those that tell how to read a body. */
static egs_text short_field(const egs_erasable *erasable, slot *it, header_left *left)
{
    const char *name = egs_raw_field_name(it->mail, it->field, erasable->pool);
    egs_text field;

    if (it->kind == SLOT_WORDS || it->kind == SLOT_BYTES) {
        egs_text_init(&field, 0, erasable->pool);
        egs_header_text(&field, name, "[erased]");
        return field;
    }
    if (it->kind == SLOT_PARAMETERS) {
        it->value->parameters = those_of_body(it->value, erasable->pool);
    }
    for (int i = 0; it->kind == SLOT_ADDRESSES && i < it->list->nelts; i++) {
        APR_ARRAY_IDX(it->list, i, eg_rawaddress).name = "";
    }
    return written_field(erasable, it, left);
}

/* A field as it is to stand there, as long as its header keeps within the bound that it is read with. */
static const char *field_of(const egs_erasable *erasable, slot *it, header_left *left)
{
    apr_size_t before = it->field->end - it->field->at;
    egs_text field = written_field(erasable, it, left);

    if (field.length > before + left->room) {
        field = short_field(erasable, it, left);
    }
    left->room += before;
    left->room -= field.length < left->room ? field.length : left->room;
    return field.data;
}

/* Fields stand in the order of their headers. */
static void enter_header(header_left *left, const eg_rawpart *header)
{
    apr_size_t size = header->header_end - header->at + CODE_ROOM;

    if (left->of != header) {
        *left = (header_left){ header, size < EG_RAW_HEADER_MAX ? EG_RAW_HEADER_MAX - size : 0,
                               header->fields->nelts };
    }
}

/* Put the texts of a slot where they belong. @return is anything in it to be changed? */
static int take_texts(const egs_erasable *erasable, slot *it)
{
    int is_changed = it->is_shorter;

    for (int i = 0; i < it->count; i++) {
        const char *erased = TEXT(erasable, it->first + i).erased;

        is_changed |= erased != NULL;
        if (erased != NULL && it->targets != NULL && APR_ARRAY_IDX(it->targets, i, const char **) != NULL) {
            *APR_ARRAY_IDX(it->targets, i, const char **) = erased;
        }
    }
    return is_changed;
}

static void write_slot(eg_edits *edits, const egs_erasable *erasable, slot *it, header_left *left)
{
    if (it->header != NULL) {
        enter_header(left, it->header);
        eg_edits_replace(edits, (const char *)it->mail->bytes.data + it->field->at,
                         it->field->end - it->field->at, field_of(erasable, it, left));
    }
    else if (it->kind == SLOT_BODY) {
        eg_rawwire_replace(edits, it->mail, it->part, content_of(erasable, it), erasable->pool);
    }
    else {
        eg_bytes content = content_of(erasable, it);

        eg_edits_replace(edits, it->bytes.data, it->bytes.size,
                         apr_pstrmemdup(erasable->pool, content.data, content.size));
    }
}

eg_bytes egs_erasable_write(const egs_erasable *erasable)
{
    header_left left = { NULL, 0, 0 };
    eg_edits edits;

    eg_edits_init(&edits, erasable->bytes.data, erasable->bytes.size, erasable->pool);
    for (int i = 0; i < erasable->slots->nelts; i++) {
        slot *it = &APR_ARRAY_IDX(erasable->slots, i, slot);

        if (!take_texts(erasable, it)) {
            continue;
        }
        if (it->kind == SLOT_WHOLE) {
            return content_of(erasable, it);
        }
        write_slot(&edits, erasable, it, &left);
    }
    return eg_edits_make(&edits, erasable->pool);
}
