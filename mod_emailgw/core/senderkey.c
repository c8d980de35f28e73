/*
 * The sender's X25519 pair and what is sealed to it: see secret.h.
 *
 * Sealed: version, an ephemeral public key, ciphertext, tag. Key and nonce are
 * derived from the shared point and both public halves, so each is used once.
 */
#include "secret.h"

#include <string.h>

#include <apr_strings.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "keyfile.h"
#include "sealing.h"

#define HALF 32 /* bytes of either half, and of the shared point */
#define VERSION 1
#define BOUND_SIZE 16

struct eg_senderkey {
    EVP_PKEY *pair;
    unsigned char public_half[HALF];
};

static apr_status_t free_pkey(void *pkey)
{
    EVP_PKEY_free(pkey);
    return APR_SUCCESS;
}

static apr_status_t free_pkey_context(void *context)
{
    EVP_PKEY_CTX_free(context);
    return APR_SUCCESS;
}

/* A pair from its private half. */
static apr_status_t make_pair(eg_senderkey *key, const unsigned char *private_half, apr_pool_t *pool)
{
    size_t size = HALF;

    key->pair = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private_half, HALF);
    apr_pool_cleanup_register(pool, key->pair, free_pkey, apr_pool_cleanup_null);
    if (key->pair == NULL || EVP_PKEY_get_raw_public_key(key->pair, key->public_half, &size) != 1) {
        return APR_EGENERAL;
    }
    return APR_SUCCESS;
}

/* Any 32 bytes are a private half (RFC 7748 section 5). */
static apr_status_t make_random_pair(eg_senderkey *key, unsigned char private_half[HALF], apr_pool_t *pool)
{
    apr_status_t rv = eg_random(private_half, HALF);

    return rv == APR_SUCCESS ? make_pair(key, private_half, pool) : rv;
}

/* One line of 64 hex digits. */
static apr_status_t read_half(unsigned char half[HALF], const char **problem, const char *path, int private,
                              apr_pool_t *pool)
{
    const char *text, *end;
    apr_status_t rv;

    rv = eg_keyfile_read(&text, problem, path, private, pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = eg_keyfile_unhex(half, HALF, text);
    end = rv == APR_SUCCESS ? text + 2 * HALF : text;
    if (rv != APR_SUCCESS || end[strspn(end, "\r\n")] != '\0') {
        *problem = apr_pstrcat(pool, path, ": one line of 64 hex digits is needed", NULL);
        return APR_EINVAL;
    }
    return APR_SUCCESS;
}

/* The public half beside path, unless it is there already. */
static apr_status_t publish(const eg_senderkey *key, const char *path, apr_pool_t *pool)
{
    const char *path_pub = apr_pstrcat(pool, path, ".pub", NULL), *problem;
    char text[2 * HALF + 2];
    eg_bytes there;

    if (eg_senderkey_load_public(&there, &problem, path_pub, pool) == APR_SUCCESS &&
        memcmp(there.data, key->public_half, HALF) == 0) {
        return APR_SUCCESS;
    }
    eg_keyfile_hex(text, key->public_half, HALF);
    strcat(text, "\n");
    return eg_keyfile_replace_public(path_pub, text, pool);
}

apr_status_t eg_senderkey_create(const char *path, apr_pool_t *pool)
{
    unsigned char private_half[HALF];
    char text[2 * HALF + 2];
    eg_senderkey made, *there;
    const char *problem;
    apr_status_t rv;

    rv = make_random_pair(&made, private_half, pool);
    if (rv == APR_SUCCESS) {
        eg_keyfile_hex(text, private_half, HALF);
        strcat(text, "\n");
        rv = eg_keyfile_create(path, text, pool);
        OPENSSL_cleanse(text, sizeof text);
    }
    OPENSSL_cleanse(private_half, sizeof private_half);
    if (rv == APR_SUCCESS) {
        return publish(&made, path, pool);
    }
    /* A crash may have come between the two files: the private one tells the other. */
    if (APR_STATUS_IS_EEXIST(rv) && eg_senderkey_load(&there, &problem, path, pool) == APR_SUCCESS) {
        apr_status_t published = publish(there, path, pool);

        return published == APR_SUCCESS ? rv : published;
    }
    return rv;
}

apr_status_t eg_senderkey_load_public(eg_bytes *key, const char **problem, const char *path_pub,
                                      apr_pool_t *pool)
{
    unsigned char *half = apr_palloc(pool, HALF);
    apr_status_t rv = read_half(half, problem, path_pub, 0, pool);

    if (rv == APR_SUCCESS) {
        key->data = half;
        key->size = HALF;
    }
    return rv;
}

apr_status_t eg_senderkey_load(eg_senderkey **key, const char **problem, const char *path, apr_pool_t *pool)
{
    eg_senderkey *loaded = apr_palloc(pool, sizeof *loaded);
    unsigned char private_half[HALF];
    apr_status_t rv;

    rv = read_half(private_half, problem, path, 1, pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = make_pair(loaded, private_half, pool);
    OPENSSL_cleanse(private_half, sizeof private_half);
    if (rv != APR_SUCCESS) {
        *problem = apr_pstrcat(pool, path, ": OpenSSL does not take this key", NULL);
        return rv;
    }
    *key = loaded;
    return APR_SUCCESS;
}

/* What both sides come to. EVP_PKEY_derive refuses the points of small order that make it all zero. */
static apr_status_t share(unsigned char shared[HALF], EVP_PKEY *own, const unsigned char *other_half,
                          apr_pool_t *pool)
{
    EVP_PKEY_CTX *context;
    size_t size = HALF;
    EVP_PKEY *other;

    other = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, other_half, HALF);
    apr_pool_cleanup_register(pool, other, free_pkey, apr_pool_cleanup_null);
    context = EVP_PKEY_CTX_new(own, NULL);
    apr_pool_cleanup_register(pool, context, free_pkey_context, apr_pool_cleanup_null);
    if (other == NULL || context == NULL || EVP_PKEY_derive_init(context) != 1 ||
        EVP_PKEY_derive_set_peer(context, other) != 1 || EVP_PKEY_derive(context, shared, &size) != 1) {
        return APR_EINVAL;
    }
    return APR_SUCCESS;
}

/* Key and nonce of one sealing, in one piece. */
static apr_status_t derive(unsigned char derived[EG_SEALING_KEY + EG_SEALING_NONCE], EVP_PKEY *own,
                           const unsigned char *other_half, const unsigned char *ephemeral,
                           const unsigned char *recipient, apr_pool_t *pool)
{
    unsigned char shared[HALF], halves[2 * HALF];
    eg_bytes from = { shared, sizeof shared }, salt = { halves, sizeof halves };
    apr_status_t rv;

    memcpy(halves, ephemeral, HALF);
    memcpy(halves + HALF, recipient, HALF);
    rv = share(shared, own, other_half, pool);
    if (rv == APR_SUCCESS) {
        rv = eg_sealing_derive(derived, EG_SEALING_KEY + EG_SEALING_NONCE, from, salt, "emailgw to sender",
                               pool);
    }
    OPENSSL_cleanse(shared, sizeof shared);
    return rv;
}

static eg_bytes bind_to(unsigned char bound[BOUND_SIZE], apr_int64_t account_id)
{
    eg_bytes bytes = { bound, BOUND_SIZE };

    memcpy(bound, "emailgw\001", 8);
    for (int i = 0; i < 8; i++) {
        bound[8 + i] = (unsigned char)((apr_uint64_t)account_id >> (56 - 8 * i));
    }
    return bytes;
}

apr_status_t eg_seal_to_sender(eg_bytes *sealed, eg_bytes public_key, apr_int64_t account_id,
                               const void *plain, apr_size_t size, apr_pool_t *pool)
{
    unsigned char derived[EG_SEALING_KEY + EG_SEALING_NONCE], private_half[HALF], bound[BOUND_SIZE];
    apr_size_t whole = 1 + HALF + size + EG_SEALING_TAG;
    unsigned char *bytes = apr_palloc(pool, whole);
    eg_bytes clear = { plain, size };
    eg_senderkey ephemeral;
    apr_status_t rv;

    if (public_key.size != HALF) {
        return APR_EINVAL;
    }
    rv = make_random_pair(&ephemeral, private_half, pool);
    OPENSSL_cleanse(private_half, sizeof private_half);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    bytes[0] = VERSION;
    memcpy(bytes + 1, ephemeral.public_half, HALF);
    rv = derive(derived, ephemeral.pair, public_key.data, ephemeral.public_half, public_key.data, pool);
    if (rv == APR_SUCCESS) {
        rv = eg_sealing_seal(bytes + 1 + HALF, derived, derived + EG_SEALING_KEY, bind_to(bound, account_id),
                             clear, pool);
    }
    OPENSSL_cleanse(derived, sizeof derived);
    if (rv == APR_SUCCESS) {
        sealed->data = bytes;
        sealed->size = whole;
    }
    return rv;
}

apr_status_t eg_unseal_by_sender(eg_bytes *plain, const eg_senderkey *key, apr_int64_t account_id,
                                 eg_bytes sealed, apr_pool_t *pool)
{
    unsigned char derived[EG_SEALING_KEY + EG_SEALING_NONCE], bound[BOUND_SIZE];
    const unsigned char *bytes = sealed.data;
    eg_bytes body;
    apr_status_t rv;

    if (bytes == NULL || sealed.size < 1 + HALF + EG_SEALING_TAG || bytes[0] != VERSION) {
        return APR_EINVAL;
    }
    body.data = bytes + 1 + HALF;
    body.size = sealed.size - 1 - HALF;
    rv = derive(derived, key->pair, bytes + 1, bytes + 1, key->public_half, pool);
    if (rv == APR_SUCCESS) {
        rv =
            eg_sealing_open(plain, derived, derived + EG_SEALING_KEY, bind_to(bound, account_id), body, pool);
    }
    OPENSSL_cleanse(derived, sizeof derived);
    return rv;
}
