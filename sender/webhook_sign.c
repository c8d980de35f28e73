/*
 * Signatures by Standard Webhooks 1.0.0: HMAC-SHA256 with the decoded bytes of the key.
 */
#include <apr_encode.h>
#include <apr_strings.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "webhook_post.h"

const char *egs_webhook_sign(eg_bytes key, const char *id, const char *timestamp, const char *body,
                             apr_pool_t *pool)
{
    const char *content = apr_pstrcat(pool, id, ".", timestamp, ".", body, NULL);
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned int size = 0;

    HMAC(EVP_sha256(), key.data, (int)key.size, (const unsigned char *)content, strlen(content), mac, &size);
    return apr_pstrcat(pool, "v1,",
                       apr_pencode_base64_binary(pool, mac, (apr_ssize_t)size, APR_ENCODE_NONE, NULL), NULL);
}
