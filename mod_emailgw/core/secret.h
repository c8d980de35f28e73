/*
 * The instance's secret file, keys derived from it, random keys, hashes,
 * constant-time compare, sealing.
 *
 * Two files, made by emailgwctl init: "secret" (module and sender) and
 * "sender.key" (sender only). Everything that the database holds of a
 * customer's secret is either a hash of full entropy or sealed by one of them.
 *
 * A line of the secret file is a key id, 1 to 255, and 64 hex digits, and may end in
 * " until YYYY-MM-DD" or " next". The first line seals and makes MACs; all of them open
 * and verify, but for MACs of a key whose day (UTC) has come, where they are no
 * hashes of erased addresses. secretfile.h changes it.
 * sender.key and its public half are one line of 64 hex digits each.
 */
#ifndef EG_SECRET_H
#define EG_SECRET_H

#include "db.h"

/** The secret file's content, with the keys derived from it. */
typedef struct eg_secret eg_secret;

/** What a sealed value is for: associated data, so that one cannot be used as another. */
typedef enum {
    EG_SEAL_SENDER_KEY = 1,  /* POST /api/v1 keys, shown again by GetAPIs */
    EG_SEAL_ACCOUNT_KEY = 2, /* an account's APIKey */
    EG_SEAL_WEBHOOK_KEY = 3, /* a domain's webhook signing key */
    EG_SEAL_ERASURE = 4      /* an address, as long as it is being erased */
} eg_seal_purpose;

/** What a MAC is for: each purpose has keys of its own. */
typedef enum { EG_MAC_RETURN_PATH, EG_MAC_TRACKING, EG_MAC_ADDRESS } eg_mac_purpose;

#define EG_HASH_SIZE 32
#define EG_SECRET_KEYS_MAX 64 /* lines of the secret file */

/** What may stand behind a key in the secret file. */
#define EG_SECRET_UNTIL " until " /* YYYY-MM-DD */
#define EG_SECRET_NEXT " next"

/** Make a new secret file, mode 0600. @return APR_EEXIST when it is there */
apr_status_t eg_secret_create(const char *path, apr_pool_t *pool);

/**
 * Read it and derive the keys (HKDF-SHA256, RFC 5869). Refused when others
 * than the owner may read it.
 * @param problem  on failure: what is wrong, for the log
 */
apr_status_t eg_secret_load(eg_secret **secret, const char **problem, const char *path, apr_pool_t *pool);

/** The same from the text of such a file. @param name  what problem calls it */
apr_status_t eg_secret_parse(eg_secret **secret, const char **problem, const char *name, const char *text,
                             apr_pool_t *pool);

/**
 * The sender's key pair (X25519): the private half to path, mode 0600, the
 * public half to path with ".pub" behind it, mode 0644, both in hex. A public
 * half that is missing or of another key is written anew also when path is there.
 * @return APR_EEXIST when path is there
 */
apr_status_t eg_senderkey_create(const char *path, apr_pool_t *pool);

/** The public half alone, as the module and emailgwctl read it: 32 bytes. */
apr_status_t eg_senderkey_load_public(eg_bytes *key, const char **problem, const char *path_pub,
                                      apr_pool_t *pool);

typedef struct eg_senderkey eg_senderkey;
apr_status_t eg_senderkey_load(eg_senderkey **key, const char **problem, const char *path, apr_pool_t *pool);

/**
 * AES-256-GCM under the instance's secret: key id, nonce, ciphertext, tag.
 * @param account_id  part of the associated data
 */
apr_status_t eg_seal(eg_bytes *sealed, const eg_secret *secret, eg_seal_purpose purpose,
                     apr_int64_t account_id, const void *plain, apr_size_t size, apr_pool_t *pool);
/** @return APR_EINVAL when it was not sealed by this secret for this purpose and account */
apr_status_t eg_unseal(eg_bytes *plain, const eg_secret *secret, eg_seal_purpose purpose,
                       apr_int64_t account_id, eg_bytes sealed, apr_pool_t *pool);

/**
 * To the sender's public key (X25519, HKDF-SHA256, AES-256-GCM): only the
 * owner of sender.key can open it. Used for DKIM private keys.
 */
apr_status_t eg_seal_to_sender(eg_bytes *sealed, eg_bytes public_key, apr_int64_t account_id,
                               const void *plain, apr_size_t size, apr_pool_t *pool);
apr_status_t eg_unseal_by_sender(eg_bytes *plain, const eg_senderkey *key, apr_int64_t account_id,
                                 eg_bytes sealed, apr_pool_t *pool);

#define EG_KEY_SENDER "egs"
#define EG_KEY_ACCOUNT "ega"
#define EG_KEY_SESSION "egx"

/**
 * A new key that carries its account: "egs_<account>_<43 characters>" for a
 * sender domain, "ega_..." for an account, "egx_..." for a session; 256 random bits.
 * @param prefix  EG_KEY_SENDER, EG_KEY_ACCOUNT or EG_KEY_SESSION
 * @return NULL when the system gives no random bytes
 */
const char *eg_apikey_new(const char *prefix, apr_int64_t account_id, apr_pool_t *pool);

/** A new key with all that is stored of it. */
typedef struct {
    const char *text;                 /* shown to its owner */
    unsigned char hash[EG_HASH_SIZE]; /* what it is looked up by */
    eg_bytes sealed;                  /* what it can be shown from again */
} eg_apikey;

/** eg_apikey_new with its hash, and sealed. @return other than APR_SUCCESS: OpenSSL made none */
apr_status_t eg_apikey_make(eg_apikey *key, const eg_secret *secret, const char *prefix,
                            eg_seal_purpose purpose, apr_int64_t account_id, apr_pool_t *pool);

/**
 * The account that a key carries, by its form alone.
 * @return 0 when it has not the form of a key with that prefix
 */
apr_int64_t eg_apikey_account(const char *prefix, const char *key);

/** SHA-256 of a full-entropy secret: what it is looked up by. */
void eg_secret_hash(unsigned char hash[EG_HASH_SIZE], const void *data, apr_size_t size);

/** The id, 1 to 255, of the key that new MACs are made with. */
int eg_secret_key_id(const eg_secret *secret);

/** The ids of all keys, that one first; 0 beyond the last. @param at  from 0 on */
int eg_secret_key_id_at(const eg_secret *secret, int at);

/**
 * HMAC-SHA256 (RFC 2104) under the key of this id.
 * @return APR_NOTFOUND when the secret file has no such key, or its time is over
 */
apr_status_t eg_secret_mac(unsigned char mac[EG_HASH_SIZE], const eg_secret *secret, int key_id,
                           eg_mac_purpose purpose, const void *data, apr_size_t size);

/** Equal, in time that depends on the size only. */
int eg_secret_equal(const void *a, const void *b, apr_size_t size);

#define EG_PASSWORD_MAX 72 /* bytes: bcrypt looks at no more */

/**
 * A person's password by bcrypt, cost 10 (about 50 ms); apr_password_validate
 * compares. @return APR_EINVAL when it is empty or longer than EG_PASSWORD_MAX
 */
apr_status_t eg_password_hash(const char **hash, const char *password, apr_pool_t *pool);

/** size random bytes. */
apr_status_t eg_random(void *data, apr_size_t size);

/** size random bytes as base64url without padding; NULL when the system gives none. */
const char *eg_random_text(apr_size_t size, apr_pool_t *pool);

#endif
