/*
 * A DNS message (RFC 1035 section 4) as the answer to a question. Pure.
 */
#ifndef EG_DNSANSWER_H
#define EG_DNSANSWER_H

#include "dns.h"

#define EG_DNSANSWER_RECORDS_MAX 256 /* of one answer; those beyond are not looked at */
#define EG_DNSANSWER_ALIASES_MAX 8   /* one after the other */

/** Set the question's result, reason and records by a whole message that came for it. */
void eg_dnsanswer_read(eg_dns_question *question, const unsigned char *message, apr_size_t size,
                       apr_pool_t *pool);

#endif
