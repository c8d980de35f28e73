#include "secret.h"

#include <stdlib.h>
#include <string.h>

#include <apr_lib.h>
#include <apr_md5.h>
#include <apr_strings.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include "datetime.h"
#include "keyfile.h"
#include "sealing.h"

#define KEY_SIZE 32    /* bytes of each */
#define DAY_LENGTH 10  /* of YYYY-MM-DD */
#define KEY_TEXT 43    /* characters of 32 bytes in base64url */
#define BCRYPT_COST 10 /* 2^10 rounds */
#define BCRYPT_SIZE 61 /* characters and NUL */

typedef struct {
    unsigned char id;
    apr_time_t until;                     /* from then on its MACs hold no more; 0: they do */
    unsigned char seal[EG_SEALING_KEY];   /* derived, as the next ones are */
    EVP_MAC_CTX *mac[EG_MAC_ADDRESS + 1]; /* keyed; copied for each use, so threads can share it */
} secret_key;

struct eg_secret {
    int count;
    secret_key keys[EG_SECRET_KEYS_MAX]; /* the first one seals */
};

apr_status_t eg_secret_create(const char *path, apr_pool_t *pool)
{
    unsigned char key[KEY_SIZE];
    char text[2 + 2 * KEY_SIZE + 2] = "1 ";
    apr_status_t rv = eg_random(key, sizeof key);

    if (rv == APR_SUCCESS) {
        eg_keyfile_hex(text + 2, key, sizeof key);
        strcat(text, "\n");
        rv = eg_keyfile_create(path, text, pool);
    }
    OPENSSL_cleanse(key, sizeof key);
    OPENSSL_cleanse(text, sizeof text);
    return rv;
}

static const secret_key *find_key(const eg_secret *secret, unsigned char id)
{
    for (int i = 0; i < secret->count; i++) {
        if (secret->keys[i].id == id) {
            return &secret->keys[i];
        }
    }
    return NULL;
}

static apr_status_t free_mac(void *context)
{
    EVP_MAC_CTX_free(context);
    return APR_SUCCESS;
}

/* HMAC-SHA256. */
static apr_status_t make_mac(EVP_MAC_CTX **context, const unsigned char key[KEY_SIZE], apr_pool_t *pool)
{
    char digest[] = OSSL_DIGEST_NAME_SHA2_256;
    const OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                  OSSL_PARAM_construct_end() };
    EVP_MAC *mac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);

    *context = EVP_MAC_CTX_new(mac);
    EVP_MAC_free(mac);
    if (*context == NULL) {
        return APR_EGENERAL;
    }
    apr_pool_cleanup_register(pool, *context, free_mac, apr_pool_cleanup_null);
    return EVP_MAC_init(*context, key, KEY_SIZE, params) == 1 ? APR_SUCCESS : APR_EGENERAL;
}

static apr_status_t derive_keys(secret_key *key, eg_bytes from, apr_pool_t *pool)
{
    static const char *const mac_names[] = {
        [EG_MAC_RETURN_PATH] = "emailgw return path",
        [EG_MAC_TRACKING] = "emailgw tracking",
        [EG_MAC_ADDRESS] = "emailgw address",
    };
    eg_bytes no_salt = { NULL, 0 };
    unsigned char derived[KEY_SIZE];
    apr_status_t rv = eg_sealing_derive(key->seal, sizeof key->seal, from, no_salt, "emailgw seal", pool);

    for (size_t i = 0; i < sizeof mac_names / sizeof *mac_names && rv == APR_SUCCESS; i++) {
        rv = eg_sealing_derive(derived, KEY_SIZE, from, no_salt, mac_names[i], pool);
        if (rv == APR_SUCCESS) {
            rv = make_mac(&key->mac[i], derived, pool);
        }
    }
    OPENSSL_cleanse(derived, sizeof derived);
    return rv;
}

/* What may stand behind a key: the day on which its MACs end, or that it is not used yet. */
static apr_status_t parse_state(apr_time_t *until, const char **text)
{
    const char *at = *text;
    char day[DAY_LENGTH + 1];

    if (strncmp(at, EG_SECRET_NEXT, strlen(EG_SECRET_NEXT)) == 0) {
        *text = at + strlen(EG_SECRET_NEXT);
        return APR_SUCCESS;
    }
    if (strncmp(at, EG_SECRET_UNTIL, strlen(EG_SECRET_UNTIL)) != 0) {
        return APR_SUCCESS;
    }
    apr_cpystrn(day, at + strlen(EG_SECRET_UNTIL), sizeof day);
    if (strlen(day) != DAY_LENGTH || strspn(day, "0123456789-") != DAY_LENGTH || day[4] != '-') {
        return APR_EINVAL;
    }
    *text = at + strlen(EG_SECRET_UNTIL) + DAY_LENGTH;
    return eg_datetime_parse(until, day);
}

/* One line, "ID HEX" with what may stand behind it: text is left behind its line feed. */
static apr_status_t parse_key(eg_secret *secret, const char **text, apr_pool_t *pool)
{
    secret_key *key = &secret->keys[secret->count];
    unsigned char raw[KEY_SIZE];
    const char *at = *text;
    apr_status_t rv;
    int id = 0;

    while (apr_isdigit(*at) && id <= 255) {
        id = id * 10 + (*at++ - '0');
    }
    if (id < 1 || id > 255 || *at++ != ' ' || find_key(secret, (unsigned char)id) != NULL) {
        return APR_EINVAL;
    }
    rv = eg_keyfile_unhex(raw, sizeof raw, at);
    if (rv == APR_SUCCESS) {
        at += 2 * KEY_SIZE;
        rv = parse_state(&key->until, &at);
    }
    if (rv == APR_SUCCESS) {
        at += *at == '\r';
        rv = *at == '\n' || *at == '\0' ? APR_SUCCESS : APR_EINVAL;
    }
    if (rv == APR_SUCCESS) {
        rv = derive_keys(key, (eg_bytes){ raw, sizeof raw }, pool);
        key->id = (unsigned char)id;
        secret->count++;
        *text = *at == '\n' ? at + 1 : at;
    }
    OPENSSL_cleanse(raw, sizeof raw);
    return rv;
}

apr_status_t eg_secret_parse(eg_secret **secret, const char **problem, const char *name, const char *text,
                             apr_pool_t *pool)
{
    eg_secret *parsed = apr_pcalloc(pool, sizeof *parsed);
    int line = 1;

    eg_keyfile_wipe_with(pool, parsed, sizeof *parsed);
    while (*text != '\0' && parsed->count < EG_SECRET_KEYS_MAX) {
        apr_status_t rv = parse_key(parsed, &text, pool);

        if (rv != APR_SUCCESS) {
            *problem = apr_psprintf(pool,
                                    "%s:%d: no key id of its own from 1 to 255 and 64 hex digits, perhaps "
                                    "with \" until YYYY-MM-DD\" or \" next\"",
                                    name, line);
            return rv;
        }
        line++;
    }
    if (parsed->count > 0 && parsed->keys[0].until != 0) {
        *problem = apr_pstrcat(pool, name, ":1: the first key is in use, so it can have no \"until\"", NULL);
        return APR_EINVAL;
    }
    if (*text != '\0' || parsed->count == 0) {
        *problem =
            apr_psprintf(pool, "%s: 1 to %d keys are needed, one in each line", name, EG_SECRET_KEYS_MAX);
        return APR_EINVAL;
    }
    *secret = parsed;
    return APR_SUCCESS;
}

apr_status_t eg_secret_load(eg_secret **secret, const char **problem, const char *path, apr_pool_t *pool)
{
    const char *text;
    apr_status_t rv = eg_keyfile_read(&text, problem, path, 1, pool);

    return rv == APR_SUCCESS ? eg_secret_parse(secret, problem, path, text, pool) : rv;
}

#define BOUND_SIZE 17

/* Associated data: a value sealed for one purpose and account opens for no other. */
static eg_bytes bind_to(unsigned char bound[BOUND_SIZE], unsigned char id, eg_seal_purpose purpose,
                        apr_int64_t account_id)
{
    eg_bytes bytes = { bound, BOUND_SIZE };

    memcpy(bound, "emailgw", 7);
    bound[7] = id;
    bound[8] = (unsigned char)purpose;
    for (int i = 0; i < 8; i++) {
        bound[9 + i] = (unsigned char)((apr_uint64_t)account_id >> (56 - 8 * i));
    }
    return bytes;
}

/* Sealed: key id, nonce, ciphertext, tag. The nonces are random, which is good for 2^32 values under one key. */
apr_status_t eg_seal(eg_bytes *sealed, const eg_secret *secret, eg_seal_purpose purpose,
                     apr_int64_t account_id, const void *plain, apr_size_t size, apr_pool_t *pool)
{
    const secret_key *key = &secret->keys[0];
    apr_size_t whole = 1 + EG_SEALING_NONCE + size + EG_SEALING_TAG;
    unsigned char *bytes = apr_palloc(pool, whole);
    unsigned char bound[BOUND_SIZE];
    eg_bytes clear = { plain, size };
    apr_status_t rv;

    bytes[0] = key->id;
    rv = eg_random(bytes + 1, EG_SEALING_NONCE);
    if (rv == APR_SUCCESS) {
        rv = eg_sealing_seal(bytes + 1 + EG_SEALING_NONCE, key->seal, bytes + 1,
                             bind_to(bound, key->id, purpose, account_id), clear, pool);
    }
    if (rv == APR_SUCCESS) {
        sealed->data = bytes;
        sealed->size = whole;
    }
    return rv;
}

apr_status_t eg_unseal(eg_bytes *plain, const eg_secret *secret, eg_seal_purpose purpose,
                       apr_int64_t account_id, eg_bytes sealed, apr_pool_t *pool)
{
    const unsigned char *bytes = sealed.data;
    unsigned char bound[BOUND_SIZE];
    const secret_key *key;
    eg_bytes body;

    if (bytes == NULL || sealed.size < 1 + EG_SEALING_NONCE + EG_SEALING_TAG) {
        return APR_EINVAL;
    }
    key = find_key(secret, bytes[0]);
    if (key == NULL) {
        return APR_EINVAL;
    }
    body.data = bytes + 1 + EG_SEALING_NONCE;
    body.size = sealed.size - 1 - EG_SEALING_NONCE;
    return eg_sealing_open(plain, key->seal, bytes + 1, bind_to(bound, key->id, purpose, account_id), body,
                           pool);
}

const char *eg_apikey_new(const char *prefix, apr_int64_t account_id, apr_pool_t *pool)
{
    const char *unique = eg_random_text(KEY_SIZE, pool);

    return unique == NULL ? NULL
                          : apr_psprintf(pool, "%s_%" APR_INT64_T_FMT "_%s", prefix, account_id, unique);
}

apr_status_t eg_apikey_make(eg_apikey *key, const eg_secret *secret, const char *prefix,
                            eg_seal_purpose purpose, apr_int64_t account_id, apr_pool_t *pool)
{
    const char *text = eg_apikey_new(prefix, account_id, pool);

    if (text == NULL) {
        return APR_EGENERAL;
    }
    key->text = text;
    eg_secret_hash(key->hash, text, strlen(text));
    return eg_seal(&key->sealed, secret, purpose, account_id, text, strlen(text), pool);
}

apr_int64_t eg_apikey_account(const char *prefix, const char *key)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    apr_size_t length = strlen(prefix);
    apr_int64_t account_id = 0;

    if (strncmp(key, prefix, length) != 0 || key[length] != '_' || key[length + 1] == '0') {
        return 0;
    }
    key += length + 1;
    while (apr_isdigit(*key) && account_id <= EG_ID_MAX / 10) {
        account_id = account_id * 10 + (*key++ - '0');
    }
    if (account_id > EG_ID_MAX || *key != '_') {
        return 0;
    }
    key++;
    return strspn(key, alphabet) == KEY_TEXT && key[KEY_TEXT] == '\0' ? account_id : 0;
}

void eg_secret_hash(unsigned char hash[EG_HASH_SIZE], const void *data, apr_size_t size)
{
    unsigned int length = 0;

    /* It can only fail for want of memory, where APR's pools abort as well. */
    if (EVP_Digest(data, size, hash, &length, EVP_sha256(), NULL) != 1 || length != EG_HASH_SIZE) {
        abort();
    }
}

int eg_secret_key_id_at(const eg_secret *secret, int at)
{
    return at < secret->count ? secret->keys[at].id : 0;
}

int eg_secret_key_id(const eg_secret *secret)
{
    return secret->keys[0].id;
}

apr_status_t eg_secret_mac(unsigned char mac[EG_HASH_SIZE], const eg_secret *secret, int key_id,
                           eg_mac_purpose purpose, const void *data, apr_size_t size)
{
    const secret_key *key = find_key(secret, (unsigned char)key_id);

    EVP_MAC_CTX *context;
    apr_size_t length;
    apr_status_t rv = APR_EGENERAL;

    if (key == NULL || (purpose != EG_MAC_ADDRESS && key->until != 0 && apr_time_now() >= key->until)) {
        return APR_NOTFOUND;
    }
    context = EVP_MAC_CTX_dup(key->mac[purpose]);
    if (context != NULL && EVP_MAC_update(context, data, size) == 1 &&
        EVP_MAC_final(context, mac, &length, EG_HASH_SIZE) == 1) {
        rv = APR_SUCCESS;
    }
    EVP_MAC_CTX_free(context);
    return rv;
}

int eg_secret_equal(const void *a, const void *b, apr_size_t size)
{
    return CRYPTO_memcmp(a, b, size) == 0;
}

apr_status_t eg_password_hash(const char **hash, const char *password, apr_pool_t *pool)
{
    unsigned char salt[16];
    apr_size_t length = strlen(password);
    char *text;
    apr_status_t rv;

    if (length == 0 || length > EG_PASSWORD_MAX) {
        return APR_EINVAL;
    }
    rv = eg_random(salt, sizeof salt);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    text = apr_palloc(pool, BCRYPT_SIZE);
    rv = apr_bcrypt_encode(password, BCRYPT_COST, salt, sizeof salt, text, BCRYPT_SIZE);
    if (rv == APR_SUCCESS) {
        *hash = text;
    }
    return rv;
}

apr_status_t eg_random(void *data, apr_size_t size)
{
    return RAND_bytes_ex(NULL, data, size, 0) == 1 ? APR_SUCCESS : APR_EGENERAL;
}

const char *eg_random_text(apr_size_t size, apr_pool_t *pool)
{
    unsigned char *data = apr_palloc(pool, size);
    char *text = apr_palloc(pool, 4 * ((size + 2) / 3) + 1);

    eg_keyfile_wipe_with(pool, data, size);
    if (eg_random(data, size) != APR_SUCCESS) {
        return NULL;
    }
    EVP_EncodeBlock((unsigned char *)text, data, (int)size);
    for (char *at = text; *at != '\0'; at++) {
        if (*at == '+') {
            *at = '-';
        }
        else if (*at == '/') {
            *at = '_';
        }
        else if (*at == '=') {
            *at = '\0';
            break;
        }
    }
    return text;
}
