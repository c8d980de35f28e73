#include "rawmail.h"

#include <string.h>

#include <apr_cstr.h>
#include <apr_strings.h>

#include "headervalue.h"
#include "lowercase.h"
#include "rawsplit.h"

/* Behind the line that begins at an offset. */
static apr_size_t behind_line(const char *data, apr_size_t at, apr_size_t end)
{
    const char *feed = memchr(data + at, '\n', end - at);

    return feed != NULL ? (apr_size_t)(feed - data) + 1 : end;
}

static int is_empty_line(const char *data, apr_size_t at, apr_size_t end)
{
    return data[at] == '\n' || (end - at >= 2 && data[at] == '\r' && data[at + 1] == '\n');
}

/* Printable ASCII, perhaps blanks, a colon (RFC 5322 sections 2.2 and 4.5). @return 0 when it is no field */
static int find_colon(eg_rawfield *field, const char *data, apr_size_t end)
{
    apr_size_t at = field->at, name_end;

    while (at < end && data[at] > ' ' && data[at] < 0x7f && data[at] != ':') {
        at++;
    }
    name_end = at;
    while (at < end && (data[at] == ' ' || data[at] == '\t')) {
        at++;
    }
    field->colon = at;
    return name_end > field->at && at < end && data[at] == ':';
}

/* No NUL, and CR and LF only as the ends of lines: what is neither could be a field more to somebody. */
static int has_clean_lines(const char *data, apr_size_t at, apr_size_t end)
{
    for (; at < end; at++) {
        if (data[at] == '\0' || data[at] == '\n' ||
            (data[at] == '\r' && (end - at < 2 || data[++at] != '\n'))) {
            return 0;
        }
    }
    return 1;
}

/*
 * The fields of a header, to the empty line or the end. What is none, behind one, stands
 * for a field without a name where readers pass over it. @return what is wrong, or NULL
 */
static const char *read_fields(eg_rawpart *part, const char *data, apr_size_t end, int is_open)
{
    apr_size_t at = part->at, limit = end - at > EG_RAW_HEADER_MAX ? at + EG_RAW_HEADER_MAX : end;

    while (at < limit && !is_empty_line(data, at, end)) {
        eg_rawfield field = { .at = at };

        if (!find_colon(&field, data, limit)) {
            if (!is_open || part->fields->nelts == 0) {
                return "its header has a line that is no header field";
            }
            field.colon = at;
        }
        do {
            at = behind_line(data, at, end);
        } while (at < limit && (data[at] == ' ' || data[at] == '\t'));
        field.end = at;
        if (!has_clean_lines(data, field.at, field.end)) {
            return "its header has a NUL, or a CR or LF alone";
        }
        if (part->fields->nelts == EG_RAW_FIELDS_MAX) {
            return "its header has too many fields";
        }
        APR_ARRAY_PUSH(part->fields, eg_rawfield) = field;
    }
    if (at > limit || (at == limit && limit < end)) {
        return "its header is too long";
    }
    part->header_end = at;
    part->body = at < end ? behind_line(data, at, end) : end;
    return NULL;
}

int eg_rawfield_is(const eg_rawmail *mail, const eg_rawfield *field, const char *name)
{
    const char *own = (const char *)mail->bytes.data + field->at;
    apr_size_t length = strcspn(name, "*"), own_length = field->colon - field->at;

    while (own_length > 0 && (own[own_length - 1] == ' ' || own[own_length - 1] == '\t')) {
        own_length--;
    }
    return (name[length] == '*' ? own_length >= length : own_length == length) &&
           apr_cstr_casecmpn(own, name, length) == 0;
}

const eg_rawfield *eg_rawpart_find(const eg_rawmail *mail, const eg_rawpart *part, const char *name)
{
    for (int i = 0; i < part->fields->nelts; i++) {
        if (eg_rawfield_is(mail, eg_rawpart_field(part, i), name)) {
            return eg_rawpart_field(part, i);
        }
    }
    return NULL;
}

int eg_rawpart_count(const eg_rawmail *mail, const eg_rawpart *part, const char *name)
{
    int count = 0;

    for (int i = 0; i < part->fields->nelts; i++) {
        count += eg_rawfield_is(mail, eg_rawpart_field(part, i), name);
    }
    return count;
}

const char *eg_rawfield_value(const eg_rawmail *mail, const eg_rawfield *field, apr_pool_t *pool)
{
    const char *from = (const char *)mail->bytes.data + field->colon + 1;
    const char *end = (const char *)mail->bytes.data + field->end;
    char *value = apr_palloc(pool, (apr_size_t)(end - from) + 1), *to = value;

    for (; from < end; from++) {
        if (*from != '\r' && *from != '\n') {
            *to++ = *from == '\0' ? ' ' : *from;
        }
    }
    while (to > value && (to[-1] == ' ' || to[-1] == '\t')) {
        to--;
    }
    *to = '\0';
    return value + strspn(value, " \t");
}

int eg_rawfield_is_empty(const eg_rawmail *mail, const eg_rawfield *field)
{
    eg_bytes value = eg_rawmail_range(mail, field->colon + 1, field->end);
    const char *text = value.data;
    apr_size_t at = 0;

    while (at < value.size && text[at] != '\0' && strchr(" \t\r\n", text[at]) != NULL) {
        at++;
    }
    return at == value.size;
}

/* ---- what a header says of its body -------------------------------------------------------------- */

/* The value of a field that may stand once. @return 0 when it cannot be read; without the field word is NULL */
static int read_value(eg_headervalue *value, const eg_rawmail *mail, const eg_rawpart *part, const char *name,
                      apr_pool_t *pool)
{
    const eg_rawfield *field = eg_rawpart_find(mail, part, name);
    const char *text;

    *value = (eg_headervalue){ NULL, apr_array_make(pool, 1, sizeof(eg_parameter)) };
    if (field == NULL) {
        return 1;
    }
    text = eg_rawfield_value(mail, field, pool);
    return (eg_rawpart_count(mail, part, name) == 1 || mail->is_open) && /* most readers take the first */
           eg_headervalue_parse(value, text, strlen(text), pool) == APR_SUCCESS;
}

static eg_rawcode read_code(const eg_rawmail *mail, const eg_rawpart *part, apr_pool_t *pool)
{
    eg_headervalue value;

    if (!read_value(&value, mail, part, "Content-Transfer-Encoding", pool)) {
        return EG_RAW_UNKNOWN;
    }
    if (value.word == NULL || strcmp(value.word, "7bit") == 0 || strcmp(value.word, "8bit") == 0 ||
        strcmp(value.word, "binary") == 0) {
        return EG_RAW_PLAIN;
    }
    return strcmp(value.word, "quoted-printable") == 0 ? EG_RAW_QUOTED_PRINTABLE
           : strcmp(value.word, "base64") == 0         ? EG_RAW_BASE64
                                                       : EG_RAW_UNKNOWN;
}

static int has_file_name(const eg_headervalue *value)
{
    for (int i = 0; i < value->parameters->nelts; i++) {
        const char *name = APR_ARRAY_IDX(value->parameters, i, eg_parameter).name;
        apr_size_t length = strcspn(name, "*");

        if ((length == 4 && memcmp(name, "name", 4) == 0) ||
            (length == 8 && memcmp(name, "filename", 8) == 0)) {
            return 1;
        }
    }
    return 0;
}

static int is_attachment(const eg_rawmail *mail, const eg_rawpart *part, const eg_headervalue *type,
                         apr_pool_t *pool)
{
    eg_headervalue value;

    return !read_value(&value, mail, part, "Content-Disposition", pool) ||
           (value.word != NULL && strcmp(value.word, "inline") != 0) || has_file_name(&value) ||
           has_file_name(type);
}

/* The types whose bodies are signed, encrypted, or another mail. */
static int is_sealed(const eg_rawmail *mail, const char *type)
{
    return (strcmp(type, "multipart/signed") == 0 && !mail->is_open) ||
           strcmp(type, "multipart/encrypted") == 0 || strncmp(type, "message/", 8) == 0;
}

/*
 * A type that cannot be read: may it be a multipart's or a mail's? A reader who can read it
 * would find its parts gone, were they written anew.
 */
static int may_have_parts(const eg_headervalue *type)
{
    return type->word == NULL || strncmp(type->word, "multipart", 9) == 0 ||
           strncmp(type->word, "message", 7) == 0;
}

/*
 * @param boundary  set where the part is to be taken apart
 * @param usual     the type of a part that is given none
 * @return what is wrong, or NULL
 */
static const char *read_header(eg_rawpart *part, const char **boundary, const eg_rawmail *mail,
                               apr_size_t end, const char *usual, apr_pool_t *pool)
{
    eg_headervalue type;
    const char *problem = read_fields(part, mail->bytes.data, end, mail->is_open), *charset;
    int readable;

    *boundary = NULL;
    part->end = end;
    if (problem != NULL) {
        return problem;
    }
    readable = read_value(&type, mail, part, "Content-Type", pool);
    part->type_given = !readable || type.word != NULL;
    part->type = !part->type_given ? usual : readable && strchr(type.word, '/') ? type.word : "";
    charset = readable ? eg_headervalue_get(&type, "charset") : NULL;
    part->charset = charset != NULL ? eg_lowercase(apr_pstrdup(pool, charset)) : NULL;
    part->code = read_code(mail, part, pool);
    part->is_attachment = is_attachment(mail, part, &type, pool);
    part->is_fixed = is_sealed(mail, part->type) || (part->code == EG_RAW_UNKNOWN && !mail->is_open) ||
                     (*part->type == '\0' && may_have_parts(&type));
    if (!part->is_fixed && strncmp(part->type, "multipart/", 10) == 0) {
        *boundary = eg_headervalue_get(&type, "boundary");
        part->is_multipart = 1;
    }
    return NULL;
}

/* ---- the tree -------------------------------------------------------------------------------------- */

static int read_part(eg_rawmail *mail, apr_size_t at, apr_size_t end, const char *usual, int depth,
                     apr_pool_t *pool);

/* What a multipart is made of. @return is it whole? */
static int read_parts(eg_rawmail *mail, eg_rawsplit *split, apr_size_t end, const char *type, int depth,
                      apr_pool_t *pool)
{
    /* RFC 2046 section 5.1.5. */
    const char *usual = strcmp(type, "multipart/digest") == 0 ? "message/rfc822" : "text/plain";

    while (eg_rawsplit_next(split)) {
        if (!read_part(mail, split->at, split->end, usual, depth, pool) && !mail->is_open) {
            return 0;
        }
    }
    if (mail->is_open && !split->is_closed) {
        read_part(mail, eg_rawsplit_rest(split), end, usual, depth, pool);
    }
    return mail->is_open || split->is_closed;
}

/* @return is it whole? Its parts stand behind it then */
static int read_part(eg_rawmail *mail, apr_size_t at, apr_size_t end, const char *usual, int depth,
                     apr_pool_t *pool)
{
    eg_rawpart part = { .at = at, .fields = apr_array_make(pool, 8, sizeof(eg_rawfield)) };
    eg_rawsplit split;
    const char *boundary;
    int is_split;

    if (mail->parts->nelts == EG_RAW_PARTS_MAX || depth > EG_RAW_DEPTH_MAX ||
        read_header(&part, &boundary, mail, end, usual, pool) != NULL) {
        return 0;
    }
    is_split = part.is_multipart && (part.code == EG_RAW_PLAIN || mail->is_open) && boundary != NULL &&
               eg_rawsplit_start(&split, boundary, eg_rawmail_range(mail, 0, end), part.body);
    if (part.is_multipart && !is_split) {
        part.is_multipart = 0;
        part.is_fixed = 1;
        APR_ARRAY_PUSH(mail->parts, eg_rawpart) = part;
        return mail->is_open;
    }
    APR_ARRAY_PUSH(mail->parts, eg_rawpart) = part;
    return !is_split || read_parts(mail, &split, end, part.type, depth + 1, pool);
}

static apr_status_t parse(eg_rawmail *mail, const char **problem, eg_bytes bytes, int is_open,
                          apr_pool_t *pool)
{
    eg_rawpart root = { .fields = apr_array_make(pool, 16, sizeof(eg_rawfield)) };
    const char *boundary;

    mail->bytes = bytes;
    mail->parts = apr_array_make(pool, 8, sizeof(eg_rawpart));
    mail->is_open = is_open;
    *problem = read_header(&root, &boundary, mail, bytes.size, "text/plain", pool);
    if (*problem == NULL && root.fields->nelts == 0) {
        *problem = "it has no header";
    }
    if (*problem != NULL) {
        return APR_EINVAL;
    }
    if (!read_part(mail, 0, bytes.size, "text/plain", 0, pool)) {
        root.is_fixed = 1;
        root.is_multipart = 0;
        apr_array_clear(mail->parts);
        APR_ARRAY_PUSH(mail->parts, eg_rawpart) = root;
    }
    return APR_SUCCESS;
}

apr_status_t eg_rawmail_parse(eg_rawmail *mail, const char **problem, eg_bytes bytes, apr_pool_t *pool)
{
    return parse(mail, problem, bytes, 0, pool);
}

apr_status_t eg_rawmail_open(eg_rawmail *mail, const char **problem, eg_bytes bytes, apr_pool_t *pool)
{
    return parse(mail, problem, bytes, 1, pool);
}
