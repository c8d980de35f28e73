#include <string.h>

#include <apr_strings.h>

#include "charset.h"
#include "erasable_slots.h"
#include "header.h"
#include "raw.h"
#include "rawwire.h"
#include "token.h"
#include "utf8.h"

#define EXTENDED_MAX 600 /* bytes of a parameter's value in RFC 2231's form */
#define CODE_ROOM 100    /* bytes of a header for the encoding of a body that had none */
#define NOBODY "undisclosed-recipients:;"

/** A header whose fields are written anew. */
typedef struct {
    const eg_rawpart *of;
    apr_size_t room; /* bytes that it may grow by */
    int fields;      /* that are left in it */
} header_left;

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

int egs_erasable_is_same(const egs_erasable *erasable)
{
    int is_same = !erasable->is_changed;

    for (int i = 0; i < erasable->texts->nelts && is_same; i++) {
        is_same = EGS_ERASABLE_TEXT(erasable, i).erased == NULL;
    }
    return is_same;
}

/* The one text of a slot, as bytes. In its charset it can be written: what came in is ASCII. */
static eg_bytes content_of(const egs_erasable *erasable, const egs_slot *it)
{
    const egs_erasable_text *text = &EGS_ERASABLE_TEXT(erasable, it->first);
    eg_bytes content = { text->erased, strlen(text->erased) };

    if (text->is_bytes) {
        return back_to_bytes(text->erased, erasable->pool);
    }
    if (it->charset != NULL) {
        eg_charset_convert(&content, content, it->charset, "utf-8", erasable->pool);
    }
    return content;
}

static void put_list(egs_text *field, const egs_slot *it, const char *name, header_left *left)
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

static egs_text written_field(const egs_erasable *erasable, egs_slot *it, header_left *left)
{
    const char *name = egs_raw_field_name(it->mail, it->field, erasable->pool);
    egs_text field;

    egs_text_init(&field, it->field->end - it->field->at, erasable->pool);
    if (it->kind == EGS_SLOT_WORDS) {
        egs_header_text(&field, name, EGS_ERASABLE_TEXT(erasable, it->first).erased);
    }
    else if (it->kind == EGS_SLOT_ADDRESSES) {
        put_list(&field, it, name, left);
    }
    else if (it->kind == EGS_SLOT_PARAMETERS) {
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

/* A name that is none, or could be the person's address, is not told. */
static const char *name_for(const char *name)
{
    return eg_field_name_valid(name) && strchr(name, '@') == NULL ? name : "X-Erased";
}

/* No more of a field than readers must have: no names, no parameters but those that tell how to read a body. */
static egs_text short_field(const egs_erasable *erasable, egs_slot *it, header_left *left)
{
    const char *name = egs_raw_field_name(it->mail, it->field, erasable->pool);
    egs_text field;

    if (it->kind == EGS_SLOT_WORDS || it->kind == EGS_SLOT_BYTES) {
        egs_text_init(&field, 0, erasable->pool);
        egs_header_text(&field, name_for(name), "[erased]");
        return field;
    }
    if (it->kind == EGS_SLOT_PARAMETERS) {
        it->value->parameters = those_of_body(it->value, erasable->pool);
    }
    for (int i = 0; it->kind == EGS_SLOT_ADDRESSES && i < it->list->nelts; i++) {
        APR_ARRAY_IDX(it->list, i, eg_rawaddress).name = "";
    }
    return written_field(erasable, it, left);
}

/* A field as it is to stand there, as long as its header keeps within the bound that it is read with. */
static const char *field_of(const egs_erasable *erasable, egs_slot *it, header_left *left)
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
static int take_texts(const egs_erasable *erasable, egs_slot *it)
{
    int is_changed = it->is_shorter;

    for (int i = 0; i < it->count; i++) {
        const char *erased = EGS_ERASABLE_TEXT(erasable, it->first + i).erased;

        is_changed |= erased != NULL;
        if (erased != NULL && it->targets != NULL && APR_ARRAY_IDX(it->targets, i, const char **) != NULL) {
            *APR_ARRAY_IDX(it->targets, i, const char **) = erased;
        }
    }
    return is_changed;
}

static void write_slot(eg_edits *edits, const egs_erasable *erasable, egs_slot *it, header_left *left)
{
    if (it->header != NULL) {
        enter_header(left, it->header);
        eg_edits_replace(edits, (const char *)it->mail->bytes.data + it->field->at,
                         it->field->end - it->field->at, field_of(erasable, it, left));
    }
    else if (it->kind == EGS_SLOT_BODY) {
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
        egs_slot *it = &APR_ARRAY_IDX(erasable->slots, i, egs_slot);

        if (!take_texts(erasable, it)) {
            continue;
        }
        if (it->kind == EGS_SLOT_WHOLE) {
            return content_of(erasable, it);
        }
        write_slot(&edits, erasable, it, &left);
    }
    return eg_edits_make(&edits, erasable->pool);
}
