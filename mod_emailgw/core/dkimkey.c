#include "dkimkey.h"

#include <apr_strings.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "keyfile.h"

#define BITS 2048

static apr_status_t free_pkey(void *pkey)
{
    EVP_PKEY_free(pkey);
    return APR_SUCCESS;
}

static apr_status_t free_pkcs8(void *info)
{
    PKCS8_PRIV_KEY_INFO_free(info);
    return APR_SUCCESS;
}

static apr_status_t free_der(void *data)
{
    OPENSSL_free(data);
    return APR_SUCCESS;
}

/* PKCS#8 into the pool; OpenSSL's own copy is wiped here. */
static apr_status_t encode_private(eg_bytes *private_der, EVP_PKEY *pair, apr_pool_t *pool)
{
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(pair);
    unsigned char *der = NULL;
    void *copy;
    int size;

    apr_pool_cleanup_register(pool, info, free_pkcs8, apr_pool_cleanup_null);
    size = info != NULL ? i2d_PKCS8_PRIV_KEY_INFO(info, &der) : -1;
    if (size <= 0) {
        return APR_EGENERAL;
    }
    copy = apr_pmemdup(pool, der, (apr_size_t)size);
    eg_keyfile_wipe_with(pool, copy, (apr_size_t)size);
    OPENSSL_clear_free(der, (size_t)size);
    private_der->data = copy;
    private_der->size = (apr_size_t)size;
    return APR_SUCCESS;
}

/* The tags of RFC 6376 section 3.6.1; p is the SubjectPublicKeyInfo in base64. */
static apr_status_t encode_record(const char **record, EVP_PKEY *pair, apr_pool_t *pool)
{
    unsigned char *der = NULL, *base64;
    int size = i2d_PUBKEY(pair, &der);

    apr_pool_cleanup_register(pool, der, free_der, apr_pool_cleanup_null);
    if (size <= 0) {
        return APR_EGENERAL;
    }
    base64 = apr_palloc(pool, 4 * (((apr_size_t)size + 2) / 3) + 1);
    EVP_EncodeBlock(base64, der, size);
    *record = apr_pstrcat(pool, "v=DKIM1; k=rsa; p=", base64, NULL);
    return APR_SUCCESS;
}

apr_status_t eg_dkimkey_new(eg_dkimkey *key, apr_time_t now, apr_pool_t *pool)
{
    EVP_PKEY *pair = EVP_RSA_gen(BITS);
    eg_dkimkey made;
    apr_time_exp_t date;
    apr_status_t rv;

    apr_pool_cleanup_register(pool, pair, free_pkey, apr_pool_cleanup_null);
    if (pair == NULL) {
        return APR_EGENERAL;
    }
    rv = apr_time_exp_gmt(&date, now);
    if (rv == APR_SUCCESS) {
        rv = encode_private(&made.private_der, pair, pool);
    }
    if (rv == APR_SUCCESS) {
        rv = encode_record(&made.record, pair, pool);
    }
    if (rv == APR_SUCCESS) {
        made.selector = apr_psprintf(pool, "eg%04d%02d", date.tm_year + 1900, date.tm_mon + 1);
        *key = made;
    }
    return rv;
}
