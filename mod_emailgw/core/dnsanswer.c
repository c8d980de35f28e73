/* A DNS message as the answer to a question. */
#include "dnsanswer.h"

#include <ares.h>
#include <arpa/inet.h>
#include <string.h>

#include <apr_strings.h>

#include "utf8.h"

#define HEADER_SIZE 12
#define FIXED_SIZE 10 /* of a record behind its name: type, class, TTL, length */
#define CLASS_IN 1
#define TYPE_NS 2
#define TYPE_SOA 6
#define RCODE_NXDOMAIN 3

/* One message on its way through. */
typedef struct {
    const unsigned char *message, *at, *end;
    apr_pool_t *pool;
} reader;

typedef struct {
    const char *owner;
    int type, class;
    const unsigned char *data;
    apr_size_t size;
} raw_record;

static int number_at(const unsigned char *byte)
{
    return byte[0] << 8 | byte[1];
}

static eg_dns_result fail(eg_dns_question *question, const char *reason)
{
    question->reason = reason;
    return EG_DNS_TEMPORARY;
}

static eg_dns_result fail_malformed(eg_dns_question *question)
{
    return fail(question, "the server's answer is malformed");
}

/* The name at "at", which may point back into the message. @return its bytes there; 0: it is none */
static apr_size_t read_name(const char **name, const reader *from, const unsigned char *at)
{
    char *expanded;
    long length;

    if (at >= from->end || ares_expand_name(at, from->message, (int)(from->end - from->message), &expanded,
                                            &length) != ARES_SUCCESS) {
        return 0;
    }
    *name = *expanded != '\0' ? apr_pstrdup(from->pool, expanded) : ".";
    ares_free_string(expanded);
    return (apr_size_t)length;
}

static int skip_question(reader *from)
{
    const char *name;
    apr_size_t length = read_name(&name, from, from->at);

    if (length == 0 || (apr_size_t)(from->end - from->at) < length + 4) {
        return 0;
    }
    from->at += length + 4;
    return 1;
}

static int read_record(raw_record *record, reader *from)
{
    apr_size_t length = read_name(&record->owner, from, from->at);

    if (length == 0 || (apr_size_t)(from->end - from->at) < length + FIXED_SIZE) {
        return 0;
    }
    from->at += length;
    record->type = number_at(from->at);
    record->class = number_at(from->at + 2);
    record->size = (apr_size_t)number_at(from->at + 8);
    record->data = from->at + FIXED_SIZE;
    if ((apr_size_t)(from->end - record->data) < record->size) {
        return 0;
    }
    from->at += FIXED_SIZE + record->size;
    return 1;
}

/* The strings of one TXT record, joined (RFC 7208 section 3.3, RFC 6376 section 3.6.2.2). */
static int read_strings(eg_dns_record *made, const raw_record *record, apr_pool_t *pool)
{
    char *text = apr_palloc(pool, record->size + 1);
    apr_size_t length = 0, at = 0;

    while (at < record->size) {
        apr_size_t piece = record->data[at++];

        if (record->size - at < piece) {
            return 0;
        }
        memcpy(text + length, record->data + at, piece);
        length += piece;
        at += piece;
    }
    text[length] = '\0';
    made->text = text;
    made->length = length;
    return 1;
}

static int read_address(eg_dns_record *made, int family, const raw_record *record, apr_pool_t *pool)
{
    char text[INET6_ADDRSTRLEN];

    if (record->size != (family == AF_INET ? 4 : 16) ||
        inet_ntop(family, record->data, text, sizeof text) == NULL) {
        return 0;
    }
    made->text = apr_pstrdup(pool, text);
    made->length = strlen(made->text);
    return 1;
}

/* A host, behind so many other bytes. */
static int read_host(eg_dns_record *made, apr_size_t before, const raw_record *record, const reader *from)
{
    if (record->size <= before ||
        read_name(&made->text, from, record->data + before) != record->size - before) {
        return 0;
    }
    made->length = strlen(made->text);
    return 1;
}

static int read_data(eg_dns_record *made, const raw_record *record, const reader *from)
{
    made->preference = 0;
    switch (record->type) {
    case EG_DNS_A:
        return read_address(made, AF_INET, record, from->pool);
    case EG_DNS_AAAA:
        return read_address(made, AF_INET6, record, from->pool);
    case EG_DNS_TXT:
        return read_strings(made, record, from->pool);
    case EG_DNS_MX:
        made->preference = record->size >= 2 ? number_at(record->data) : 0;
        return read_host(made, 2, record, from);
    default:
        return read_host(made, 0, record, from);
    }
}

/* Those of one owner and type. @return 0 when one of them is malformed */
static int collect(apr_array_header_t *found, const apr_array_header_t *answer, const char *owner, int type,
                   const reader *from)
{
    for (int i = 0; i < answer->nelts; i++) {
        const raw_record *record = &APR_ARRAY_IDX(answer, i, raw_record);

        if (record->class == CLASS_IN && record->type == type && strcasecmp(record->owner, owner) == 0 &&
            !read_data(apr_array_push(found), record, from)) {
            return 0;
        }
    }
    return 1;
}

/*
 * Nobody's answer but a pointer to servers that may have one: NS and no SOA in
 * the authority section (RFC 2308 section 2.2). That is what a lame server says.
 */
static int is_referral(reader *from, int count)
{
    int servers = 0;
    raw_record record;

    for (int i = 0; i < count && i < EG_DNSANSWER_RECORDS_MAX && read_record(&record, from); i++) {
        if (record.type == TYPE_SOA) {
            return 0;
        }
        servers += record.type == TYPE_NS;
    }
    return servers > 0;
}

/* No record at the end of the aliases that there are. */
static eg_dns_result judge_empty(eg_dns_question *question, int aliases, reader *from, const char *last)
{
    const unsigned char *header = from->message;

    if ((header[3] & 0x0f) == RCODE_NXDOMAIN) {
        return EG_DNS_NO_NAME;
    }
    if (aliases == 0) {
        return is_referral(from, number_at(header + 8))
                   ? fail(question, "the server passes the question on to others (lame)")
                   : EG_DNS_NO_DATA;
    }
    /* Recursion available: then it has followed them to their end. */
    return header[3] & 0x80
               ? EG_DNS_NO_DATA
               : fail(question, apr_pstrcat(from->pool, "the server does not follow the alias to ",
                                            eg_utf8_excerpt(last, strlen(last), from->pool), NULL));
}

static eg_dns_result follow(eg_dns_question *question, const apr_array_header_t *answer, reader *from)
{
    const char *owner = question->name;

    for (int aliases = 0; aliases <= EG_DNSANSWER_ALIASES_MAX; aliases++) {
        apr_array_header_t *found = apr_array_make(from->pool, 1, sizeof(eg_dns_record));
        apr_array_header_t *alias = apr_array_make(from->pool, 1, sizeof(eg_dns_record));

        if (!collect(found, answer, owner, question->type, from) ||
            !collect(alias, answer, owner, EG_DNS_CNAME, from)) {
            return fail_malformed(question);
        }
        if (found->nelts > 0) {
            question->records = found;
            return EG_DNS_FOUND;
        }
        if (alias->nelts == 0) {
            return judge_empty(question, aliases, from, owner);
        }
        owner = APR_ARRAY_IDX(alias, 0, eg_dns_record).text;
    }
    return fail(question, "the name is an alias of an alias of an alias, without end");
}

static const char *name_of_code(int code, apr_pool_t *pool)
{
    switch (code) {
    case 1:
        return "FORMERR";
    case 2:
        return "SERVFAIL";
    case 4:
        return "NOTIMP";
    case 5:
        return "REFUSED";
    default:
        return apr_psprintf(pool, "response code %d", code);
    }
}

static eg_dns_result read_message(eg_dns_question *question, reader *from)
{
    const unsigned char *header = from->message;
    apr_array_header_t *answer = apr_array_make(from->pool, 4, sizeof(raw_record));
    int code, questions, count;

    if (from->end - header < HEADER_SIZE || !(header[2] & 0x80)) {
        return fail_malformed(question);
    }
    code = header[3] & 0x0f;
    if (code != 0 && code != RCODE_NXDOMAIN) {
        return fail(question,
                    apr_pstrcat(from->pool, "the server answers ", name_of_code(code, from->pool), NULL));
    }
    if (header[2] & 0x02) {
        return fail(question, "the server's answer is cut off");
    }
    from->at = header + HEADER_SIZE;
    questions = number_at(header + 4);
    count = number_at(header + 6);
    while (questions-- > 0) {
        if (!skip_question(from)) {
            return fail_malformed(question);
        }
    }
    for (int i = 0; i < count && i < EG_DNSANSWER_RECORDS_MAX; i++) {
        if (!read_record(apr_array_push(answer), from)) {
            return fail_malformed(question);
        }
    }
    return follow(question, answer, from);
}

void eg_dnsanswer_read(eg_dns_question *question, const unsigned char *message, apr_size_t size,
                       apr_pool_t *pool)
{
    reader from = { .message = message, .at = message, .end = message + size, .pool = pool };

    question->reason = NULL;
    question->records = NULL;
    question->result = read_message(question, &from);
}
