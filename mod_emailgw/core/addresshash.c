#include "addresshash.h"

#include <string.h>

#include <apr_encode.h>
#include <apr_strings.h>

#include "addressfold.h"
#include "lowercase.h"

#define SIZE 16 /* bytes of the MAC that are kept */

static const char *hash_by(const eg_secret *secret, int key_id, const char *folded, apr_pool_t *pool)
{
    unsigned char mac[EG_HASH_SIZE];

    if (eg_secret_mac(mac, secret, key_id, EG_MAC_ADDRESS, folded, strlen(folded)) != APR_SUCCESS) {
        return NULL;
    }
    return apr_psprintf(pool, "hash:%d:%s", key_id,
                        apr_pencode_base64_binary(pool, mac, SIZE, APR_ENCODE_BASE64URL, NULL));
}

const char *eg_addresshash_new(const eg_secret *secret, const char *address, apr_pool_t *pool)
{
    return hash_by(secret, eg_secret_key_id(secret), eg_address_fold(address, pool), pool);
}

/* By each key, behind those that there are. @return NULL when OpenSSL makes none */
static const char *hash_by_all(const char *all, const eg_secret *secret, const char *folded, apr_pool_t *pool)
{
    int id;

    for (int i = 0; (id = eg_secret_key_id_at(secret, i)) != 0; i++) {
        const char *hash = hash_by(secret, id, folded, pool);

        if (hash == NULL) {
            return NULL;
        }
        all = *all != '\0' ? apr_pstrcat(pool, all, " ", hash, NULL) : hash;
    }
    return all;
}

/* Hashes of addresses that are not ASCII were once made with only the letters of ASCII in lower case. */
const char *eg_addresshash_all(const eg_secret *secret, const char *address, apr_pool_t *pool)
{
    const char *folded = eg_address_fold(address, pool), *once = eg_lowercase(apr_pstrdup(pool, address));
    const char *all = hash_by_all("", secret, folded, pool);

    return all == NULL || strcmp(once, folded) == 0 ? all : hash_by_all(all, secret, once, pool);
}
