#include "rawfield.h"

#include <string.h>

#include <apr_lib.h>

#include "addresslist.h"
#include "mimecode.h"
#include "utf8.h"

#define WORD_MAX 255 /* bytes of a media type; RFC 6838 section 4.2 has 127 for each half */

static int is_among(const eg_rawmail *mail, const eg_rawfield *field, const char *const *names)
{
    for (; *names != NULL; names++) {
        if (eg_rawfield_is(mail, field, *names)) {
            return 1;
        }
    }
    return 0;
}

eg_fieldkind eg_rawfield_kind(const eg_rawmail *mail, const eg_rawfield *field)
{
    static const char *const addresses[] = { "From",        "Sender",        "Reply-To",  "To",        "Cc",
                                             "Resent-From", "Resent-Sender", "Resent-To", "Resent-Cc", NULL };
    static const char *const parameters[] = { "Content-Type", "Content-Disposition", NULL };
    static const char *const tokens[] = { "Content-Transfer-Encoding", NULL };

    return is_among(mail, field, addresses)    ? EG_FIELD_ADDRESSES
           : is_among(mail, field, parameters) ? EG_FIELD_PARAMETERS
           : is_among(mail, field, tokens)     ? EG_FIELD_TOKEN
                                               : EG_FIELD_TEXT;
}

apr_status_t eg_rawfield_addresses(apr_array_header_t **list, const eg_rawmail *mail,
                                   const eg_rawfield *field, apr_pool_t *pool)
{
    apr_array_header_t *found, *addresses = apr_array_make(pool, 4, sizeof(eg_rawaddress));
    apr_status_t rv = eg_addresslist_parse(&found, eg_rawfield_value(mail, field, pool), pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    for (int i = 0; i < found->nelts; i++) {
        const eg_address *each = &APR_ARRAY_IDX(found, i, eg_address);
        eg_rawaddress *address = &APR_ARRAY_PUSH(addresses, eg_rawaddress);

        address->name = each->name;
        rv = eg_mailbox_parse(&address->box, each->address, pool);
        if (rv != APR_SUCCESS) {
            return rv;
        }
    }
    *list = addresses;
    return APR_SUCCESS;
}

int eg_rawfield_fits(const eg_rawmail *mail, const eg_rawfield *field)
{
    return eg_mimecode_check(eg_rawmail_range(mail, field->at, field->end)) == EG_MIME_FITS;
}

/* What has no other form must go as it is, and leave room in the line. */
static int is_short_ascii(const char *word, apr_size_t length_max)
{
    return strlen(word) <= length_max && eg_mimecode_check((eg_bytes){ word, strlen(word) }) == EG_MIME_FITS;
}

int eg_rawfield_is_safe(char c)
{
    return apr_isalnum(c) || (c && strchr("!#$&+-.^_`|~", c));
}

int eg_rawfield_is_extended(const eg_parameter *parameter)
{
    apr_size_t length = strlen(parameter->name);

    if (length == 0 || parameter->name[length - 1] != '*') {
        return 0;
    }
    for (const char *at = parameter->value; *at; at++) {
        if (!eg_rawfield_is_safe(*at) && *at != '%' && *at != '\'') {
            return 0;
        }
    }
    return strlen(parameter->value) <= 3 * EG_RAW_PIECE_MAX;
}

int eg_rawfield_is_piece(const eg_parameter *parameter)
{
    return strchr(parameter->name, '*') != NULL;
}

static int is_parameter(const eg_parameter *parameter)
{
    if (!is_short_ascii(parameter->name, EG_FIELD_NAME_MAX)) {
        return 0;
    }
    if (strcmp(parameter->name, "boundary") == 0) {
        return is_short_ascii(parameter->value, EG_RAW_BOUNDARY_MAX);
    }
    return !eg_rawfield_is_piece(parameter) || strlen(parameter->value) <= EG_RAW_PIECE_MAX ||
           eg_rawfield_is_extended(parameter);
}

static int has_usable_words(const eg_headervalue *value)
{
    for (int i = 0; i < value->parameters->nelts; i++) {
        if (!is_parameter(&APR_ARRAY_IDX(value->parameters, i, eg_parameter))) {
            return 0;
        }
    }
    return is_short_ascii(value->word, WORD_MAX);
}

int eg_rawfield_is_writable(const eg_rawmail *mail, const eg_rawfield *field, apr_pool_t *pool)
{
    const char *value = eg_rawfield_value(mail, field, pool);
    apr_array_header_t *list;
    eg_headervalue parsed;

    if (!eg_utf8_valid(value, strlen(value)) || field->colon - field->at > EG_FIELD_NAME_MAX) {
        return 0;
    }
    switch (eg_rawfield_kind(mail, field)) {
    case EG_FIELD_ADDRESSES:
        return eg_rawfield_addresses(&list, mail, field, pool) == APR_SUCCESS && list->nelts > 0;
    case EG_FIELD_PARAMETERS:
        return eg_headervalue_parse(&parsed, value, strlen(value), pool) == APR_SUCCESS &&
               has_usable_words(&parsed);
    case EG_FIELD_TOKEN:
        return 0;
    default:
        return 1;
    }
}
