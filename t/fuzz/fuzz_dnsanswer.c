/* eg_dnsanswer_read and eg_domainrecord_judge: whatever a server sends, records are whole and what is shown is clean. */
#include <string.h>

#include <apr_general.h>

#include "dnsanswer.h"
#include "domainrecords.h"
#include "target.h"
#include "utf8.h"

static const eg_domainfacts facts = {
    .name = "example",
    .ownership_token = "emailgw-domain=Token1",
    .dkim_selector = "s1",
    .dkim_record = "v=DKIM1; k=rsa; p=AB",
    .subdomain = "eg",
    .mail_host = "mail.example.net",
    .tracking_host = "links.example.net",
    .tracking_url = "https://track-eg.example",
};

static void must_be_clean(const char *text, size_t most)
{
    size_t length = strlen(text);

    must(length <= most && eg_utf8_valid(text, length));
    for (size_t i = 0; i < length; i++) {
        must((unsigned char)text[i] >= ' ' && text[i] != 0x7F);
    }
}

static void check(const eg_dns_question *question)
{
    must((question->records != NULL) == (question->result == EG_DNS_FOUND));
    must((question->reason != NULL) == (question->result == EG_DNS_TEMPORARY));
    if (question->reason != NULL) {
        must_be_clean(question->reason, 400);
    }
    for (int i = 0; question->records != NULL && i < question->records->nelts; i++) {
        const eg_dns_record *one = &APR_ARRAY_IDX(question->records, i, eg_dns_record);

        must(i < EG_DNSANSWER_RECORDS_MAX && one->text[one->length] == '\0' && one->length < 65536);
        must(question->type == EG_DNS_TXT || strlen(one->text) == one->length);
        must(question->type == EG_DNS_TXT || one->length > 0);
    }
}

static void judge(const eg_dns_question *question, apr_pool_t *pool)
{
    eg_domainrecord records[EG_RECORDS_MAX];
    int count = eg_domainrecords_make(records, &facts, pool);

    for (int i = 0; i < count; i++) {
        if (records[i].type == question->type) {
            eg_domainrecord_judge(&records[i], &facts, question, 1, pool);
            must((records[i].state == EG_RECORD_UNKNOWN) == (question->result == EG_DNS_TEMPORARY));
            must((records[i].state == EG_RECORD_HOLDS) == (records[i].reason[0] == '\0'));
            must_be_clean(records[i].reason, 500);
            must_be_clean(records[i].found, 5000);
        }
    }
}

/* The first byte says which type was asked for; the name is always a.example. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const eg_dns_type types[] = { EG_DNS_A, EG_DNS_CNAME, EG_DNS_MX, EG_DNS_TXT, EG_DNS_AAAA };
    static apr_pool_t *parent;
    apr_pool_t *pool;
    eg_dns_question question = { .name = "a.example" };

    if (size == 0 || size > 65536) {
        return 0;
    }
    if (parent == NULL) {
        must(apr_initialize() == APR_SUCCESS && apr_pool_create(&parent, NULL) == APR_SUCCESS);
    }
    must(apr_pool_create(&pool, parent) == APR_SUCCESS);
    question.type = types[data[0] % 5];
    eg_dnsanswer_read(&question, data + 1, size - 1, pool);
    check(&question);
    judge(&question, pool);
    apr_pool_destroy(pool);
    return 0;
}
