#include "sealing.h"

#include <limits.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>

#include "keyfile.h"

static apr_status_t free_kdf(void *kdf)
{
    EVP_KDF_free(kdf);
    return APR_SUCCESS;
}

static apr_status_t free_kdf_context(void *context)
{
    EVP_KDF_CTX_free(context);
    return APR_SUCCESS;
}

static apr_status_t free_cipher_context(void *context)
{
    EVP_CIPHER_CTX_free(context);
    return APR_SUCCESS;
}

apr_status_t eg_sealing_derive(unsigned char *derived, apr_size_t size, eg_bytes from, eg_bytes salt,
                               const char *info, apr_pool_t *pool)
{
    OSSL_PARAM params[5], *param = params;
    EVP_KDF_CTX *context;
    EVP_KDF *kdf;

    kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    apr_pool_cleanup_register(pool, kdf, free_kdf, apr_pool_cleanup_null);
    context = EVP_KDF_CTX_new(kdf);
    apr_pool_cleanup_register(pool, context, free_kdf_context, apr_pool_cleanup_null);
    if (context == NULL) {
        return APR_EGENERAL;
    }
    *param++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0);
    *param++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)from.data, from.size);
    *param++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)info, strlen(info));
    if (salt.data != NULL) {
        *param++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)salt.data, salt.size);
    }
    *param = OSSL_PARAM_construct_end();
    return EVP_KDF_derive(context, derived, size, params) == 1 ? APR_SUCCESS : APR_EGENERAL;
}

/* Ready for the associated data, which are given to it as well. */
static EVP_CIPHER_CTX *start(const unsigned char *key, const unsigned char *nonce, eg_bytes bound, int seals,
                             apr_pool_t *pool)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int length;

    apr_pool_cleanup_register(pool, context, free_cipher_context, apr_pool_cleanup_null);
    if (context == NULL || bound.size > INT_MAX ||
        EVP_CipherInit_ex(context, EVP_aes_256_gcm(), NULL, key, nonce, seals) != 1 ||
        EVP_CipherUpdate(context, NULL, &length, bound.data, (int)bound.size) != 1) {
        return NULL;
    }
    return context;
}

apr_status_t eg_sealing_seal(unsigned char *sealed, const unsigned char *key, const unsigned char *nonce,
                             eg_bytes bound, eg_bytes plain, apr_pool_t *pool)
{
    EVP_CIPHER_CTX *context = start(key, nonce, bound, 1, pool);
    int length = 0, rest;

    /* OpenSSL takes a NULL for the end of the data, so nothing is encrypted by no call. */
    if (context == NULL || plain.size > INT_MAX ||
        (plain.size > 0 && EVP_CipherUpdate(context, sealed, &length, plain.data, (int)plain.size) != 1) ||
        EVP_CipherFinal_ex(context, sealed + length, &rest) != 1 ||
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, EG_SEALING_TAG, sealed + plain.size) != 1) {
        return APR_EGENERAL;
    }
    return APR_SUCCESS;
}

apr_status_t eg_sealing_open(eg_bytes *plain, const unsigned char *key, const unsigned char *nonce,
                             eg_bytes bound, eg_bytes sealed, apr_pool_t *pool)
{
    apr_size_t size = sealed.size - EG_SEALING_TAG;
    const unsigned char *from = sealed.data;
    EVP_CIPHER_CTX *context;
    unsigned char *opened;
    int length, rest;

    if (sealed.size < EG_SEALING_TAG || size > INT_MAX) {
        return APR_EINVAL;
    }
    opened = apr_palloc(pool, size + 1);
    eg_keyfile_wipe_with(pool, opened, size + 1);
    context = start(key, nonce, bound, 0, pool);
    if (context == NULL) {
        return APR_EGENERAL;
    }
    if (EVP_CipherUpdate(context, opened, &length, from, (int)size) != 1 ||
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, EG_SEALING_TAG, (void *)(from + size)) != 1 ||
        EVP_CipherFinal_ex(context, opened + length, &rest) != 1) {
        return APR_EINVAL;
    }
    opened[size] = '\0';
    plain->data = opened;
    plain->size = size;
    return APR_SUCCESS;
}
