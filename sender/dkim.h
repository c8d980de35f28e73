/*
 * DKIM signatures (RFC 6376): rsa-sha256, relaxed/relaxed. Pure, and safe to be
 * called by several threads with one key.
 */
#ifndef EGS_DKIM_H
#define EGS_DKIM_H

#include <openssl/types.h>

#include "db.h"
#include "text.h"

/** Who signs. */
typedef struct {
    const char *domain;   /* d=, A-labels */
    const char *selector; /* s= */
    EVP_PKEY *pair;       /* RSA; kept parsed, since that costs as much as a signature */
} egs_dkim_signer;

/** Takes canonical bytes, piece by piece. */
typedef void egs_dkim_sink(void *baton, const char *data, apr_size_t size);

/**
 * The relaxed form of a body (RFC 6376 section 3.4.4), in one pass and without a copy.
 * CRLF ends a line; a CR or an LF alone is a byte like any other.
 */
void egs_dkim_relax_body(eg_bytes body, egs_dkim_sink *sink, void *baton);

/**
 * Append the relaxed form of a header field (RFC 6376 section 3.4.2), without a CRLF at its end.
 * @param field  name, colon and value, folded or not
 */
void egs_dkim_relax_field(egs_text *relaxed, const char *field, apr_size_t length);

/**
 * The DKIM-Signature field of a message, to stand before it: lines of at most 78
 * columns (but for a domain too long for that), CRLF at the end of each.
 *
 * Each field that matters to readers or receivers is named once more than it is
 * there, so that none can be added under the signature (section 5.4.2).
 * @param message  header, empty line, body: the bytes that go out
 * @param now  the signing time, t=
 * @return APR_EGENERAL when OpenSSL makes no signature
 */
apr_status_t egs_dkim_sign(egs_text *field, const egs_dkim_signer *signer, eg_bytes message, apr_time_t now);

#endif
