/*
 * Signatures by Standard Webhooks 1.0.0: HMAC-SHA256 with the decoded bytes of the key.
 */
#include <apr_encode.h>
#include <apr_strings.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <string.h>

#include "webhook_post.h"

static apr_status_t free_mac(void *mac)
{
    EVP_MAC_free(mac);
    return APR_SUCCESS;
}

static apr_status_t free_context(void *context)
{
    EVP_MAC_CTX_free(context);
    return APR_SUCCESS;
}

egs_signer *egs_webhook_signer(apr_pool_t *pool)
{
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *context;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
        OSSL_PARAM_construct_end(),
    };

    apr_pool_cleanup_register(pool, mac, free_mac, apr_pool_cleanup_null);
    context = EVP_MAC_CTX_new(mac);
    apr_pool_cleanup_register(pool, context, free_context, apr_pool_cleanup_null);
    return context && EVP_MAC_CTX_set_params(context, params) ? (egs_signer *)context : NULL;
}

const char *egs_webhook_sign(egs_signer *signer, eg_bytes key, const char *id, const char *timestamp,
                             const char *body, apr_pool_t *pool)
{
    const char *parts[] = { id, ".", timestamp, ".", body };
    EVP_MAC_CTX *context = (EVP_MAC_CTX *)signer;
    unsigned char mac[EVP_MAX_MD_SIZE];
    size_t size = 0;

    EVP_MAC_init(context, key.data, key.size, NULL);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        EVP_MAC_update(context, (const unsigned char *)parts[i], strlen(parts[i]));
    }
    EVP_MAC_final(context, mac, &size, sizeof mac);
    return apr_pstrcat(pool, "v1,",
                       apr_pencode_base64_binary(pool, mac, (apr_ssize_t)size, APR_ENCODE_NONE, NULL), NULL);
}

const char *egs_webhook_signatures(egs_signer *signer, const egs_post *post, const char *timestamp)
{
    const char *first = egs_webhook_sign(signer, post->key, post->id, timestamp, post->body, post->pool);

    if (!post->former.data) {
        return first;
    }
    return apr_pstrcat(post->pool, first, " ",
                       egs_webhook_sign(signer, post->former, post->id, timestamp, post->body, post->pool),
                       NULL);
}
