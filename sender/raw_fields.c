/* Header fields of a message that its client wrote, in a form that every server takes (RFC 2047, RFC 2231). */
#include <apr_strings.h>
#include <string.h>

#include "header.h"
#include "headerwords.h"
#include "raw.h"
#include "rawfield.h"

/* A value may go as it is, in quotes. */
static int is_plain(const char *value)
{
    for (; *value; value++) {
        if (*value < ' ' || *value >= 0x7f) {
            return 0;
        }
    }
    return 1;
}

static void put_quoted(egs_text *text, const char *value)
{
    egs_text_puts(text, "\"");
    for (; *value; value++) {
        if (*value == '"' || *value == '\\') {
            egs_text_puts(text, "\\");
        }
        egs_text_add(text, value, 1);
    }
    egs_text_puts(text, "\"");
}

/* @param as_well  what else stays as it is */
static void put_percent(egs_text *text, const char *value, apr_size_t length, const char *as_well)
{
    for (; length > 0; value++, length--) {
        if (eg_rawfield_is_safe(*value) || strchr(as_well, *value)) {
            egs_text_add(text, value, 1);
        }
        else {
            egs_text_puts(text, apr_psprintf(text->pool, "%%%02X", (unsigned char)*value));
        }
    }
}

/* RFC 2231 section 4, in pieces only where it must be (section 3): not all readers know them. */
static void put_extended(egs_text *text, const char *name, const char *value)
{
    apr_size_t length = strlen(value);
    int in_pieces = length > EG_RAW_PIECE_MAX;

    for (int i = 0; i == 0 || length > 0; i++) {
        apr_size_t taken = length < EG_RAW_PIECE_MAX ? length : EG_RAW_PIECE_MAX;

        egs_text_puts(text, apr_pstrcat(text->pool, ";\r\n ", name,
                                        in_pieces ? apr_psprintf(text->pool, "*%d", i) : "",
                                        "*=", i == 0 ? "utf-8''" : "", NULL));
        put_percent(text, value, taken, "");
        value += taken;
        length -= taken;
    }
}

/* Lines of the body have it as it is, so that it is no word in a charset for any reader. */
static int is_boundary(const eg_parameter *parameter)
{
    return strcmp(parameter->name, "boundary") == 0 && strlen(parameter->value) <= EG_RAW_BOUNDARY_MAX;
}

/* Has the field this value in the form of RFC 2231 as well, whole or in pieces? Readers prefer that one. */
static int has_extended(const eg_headervalue *value, const char *name)
{
    apr_size_t length = strlen(name);

    for (int i = 0; i < value->parameters->nelts; i++) {
        const char *other = APR_ARRAY_IDX(value->parameters, i, eg_parameter).name;

        if (strncmp(other, name, length) == 0 && other[length] == '*') {
            return 1;
        }
    }
    return 0;
}

/* A piece of a value, or one that is extended already: it keeps its place, and has no charset of its own. */
static void put_piece(egs_text *text, const eg_parameter *parameter)
{
    int is_extended = parameter->name[strlen(parameter->name) - 1] == '*';

    egs_text_puts(text, apr_pstrcat(text->pool, ";\r\n ", parameter->name, is_extended ? "=" : "*=", NULL));
    put_percent(text, parameter->value, strlen(parameter->value), is_extended ? "%'" : "");
}

static void put_parameter(egs_text *text, const eg_headervalue *value, const eg_parameter *parameter)
{
    if (eg_rawfield_is_extended(parameter)) {
        put_piece(text, parameter);
    }
    else if (is_boundary(parameter) ||
             (is_plain(parameter->value) && strlen(parameter->value) <= EG_RAW_PIECE_MAX)) {
        egs_text_puts(text, apr_pstrcat(text->pool, ";\r\n ", parameter->name, "=", NULL));
        put_quoted(text, parameter->value);
    }
    else if (has_extended(value, parameter->name)) {
        return;
    }
    else if (eg_rawfield_is_piece(parameter)) {
        put_piece(text, parameter);
    }
    else {
        put_extended(text, parameter->name, parameter->value);
    }
}

void egs_raw_put_parameters(egs_text *text, const char *name, const eg_headervalue *value)
{
    egs_text_puts(text, apr_pstrcat(text->pool, name, ": ", value->word, NULL));
    for (int i = 0; i < value->parameters->nelts; i++) {
        put_parameter(text, value, &APR_ARRAY_IDX(value->parameters, i, eg_parameter));
    }
    egs_text_puts(text, "\r\n");
}

void egs_raw_put_addresses(egs_text *text, const char *name, const apr_array_header_t *list)
{
    egs_address *addresses = apr_palloc(text->pool, sizeof *addresses * (apr_size_t)(list->nelts + 1));

    for (int i = 0; i < list->nelts; i++) {
        const eg_rawaddress *each = &APR_ARRAY_IDX(list, i, eg_rawaddress);

        addresses[i] = (egs_address){ apr_pstrcat(text->pool, each->box.local, "@", each->box.domain, NULL),
                                      each->name };
    }
    egs_header_addresses(text, name, addresses, list->nelts);
}

const char *egs_raw_field_name(const eg_rawmail *mail, const eg_rawfield *field, apr_pool_t *pool)
{
    const char *name = (const char *)mail->bytes.data + field->at;
    apr_size_t length = field->colon - field->at;

    while (length > 0 && (name[length - 1] == ' ' || name[length - 1] == '\t')) {
        length--;
    }
    return apr_pstrmemdup(pool, name, length);
}

/* @return 0 when it has not its form, and stays as it is */
static int put_field(egs_text *text, const eg_rawmail *mail, const eg_rawfield *field, apr_pool_t *pool)
{
    const char *name = egs_raw_field_name(mail, field, pool);
    const char *value = eg_rawfield_value(mail, field, pool);
    apr_array_header_t *list;
    eg_headervalue parsed;

    switch (eg_rawfield_kind(mail, field)) {
    case EG_FIELD_ADDRESSES:
        if (eg_rawfield_addresses(&list, mail, field, pool) != APR_SUCCESS || list->nelts == 0) {
            return 0;
        }
        egs_raw_put_addresses(text, name, list);
        return 1;
    case EG_FIELD_PARAMETERS:
        if (eg_headervalue_parse(&parsed, value, strlen(value), pool) != APR_SUCCESS) {
            return 0;
        }
        egs_raw_put_parameters(text, name, &parsed);
        return 1;
    case EG_FIELD_TOKEN:
        return 0;
    default:
        egs_header_text(text, name, eg_headerwords_decode(value, EG_RAW_HEADER_MAX, pool));
        return 1;
    }
}

void egs_raw_encode_fields(eg_edits *edits, const eg_rawmail *mail, apr_pool_t *pool)
{
    for (int i = 0; i < mail->parts->nelts; i++) {
        const eg_rawpart *part = eg_rawmail_part(mail, i);

        for (int n = 0; n < part->fields->nelts; n++) {
            const eg_rawfield *field = eg_rawpart_field(part, n);
            egs_text text;

            if (eg_rawfield_fits(mail, field)) {
                continue;
            }
            egs_text_init(&text, 2 * (field->end - field->at), pool);
            if (put_field(&text, mail, field, pool)) {
                eg_edits_replace(edits, (const char *)mail->bytes.data + field->at, field->end - field->at,
                                 text.data);
            }
        }
    }
}
