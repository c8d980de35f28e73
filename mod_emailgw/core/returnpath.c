/* Return paths that say which mail has come back. */
#include "returnpath.h"

#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "bigendian.h"
#include "hostname.h"
#include "lowercase.h"
#include "uuid.h"

#define PREFIX "b+"
#define PREFIX_LENGTH 2
#define ACCOUNT_BYTES 7 /* ids are below 2^53 */
#define MAC_BYTES 10

/* Where things are in the token's bytes. */
#define AT_ACCOUNT 1
#define AT_MESSAGE (AT_ACCOUNT + ACCOUNT_BYTES)
#define AT_RECIPIENT (AT_MESSAGE + EG_UUID_BYTES)
#define AT_MAC (AT_RECIPIENT + 2)
#define BYTES (AT_MAC + MAC_BYTES)
#define LETTERS ((BYTES * 8 + 4) / 5)

static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";

/* The bits behind the last byte are 0. */
static void encode(char text[LETTERS + 1], const unsigned char bytes[BYTES])
{
    for (int i = 0; i < LETTERS; i++) {
        int bit = 5 * i, at = bit / 8;
        unsigned int pair = (unsigned int)bytes[at] << 8 | (at + 1 < BYTES ? bytes[at + 1] : 0);

        text[i] = alphabet[pair >> (11 - bit % 8) & 31];
    }
    text[LETTERS] = '\0';
}

/* One text for each value: bits behind the last byte that are not 0 are refused. */
static apr_status_t decode(unsigned char bytes[BYTES], const char *text)
{
    unsigned int bits = 0;
    int count = 0, used = 0;

    for (int i = 0; i < LETTERS; i++) {
        const char *digit = text[i] != '\0' ? strchr(alphabet, apr_tolower(text[i])) : NULL;

        if (digit == NULL) {
            return APR_EINVAL;
        }
        bits = (bits << 5 | (unsigned int)(digit - alphabet)) & 0xFFFF;
        count += 5;
        if (count >= 8) {
            count -= 8;
            bytes[used++] = (unsigned char)(bits >> count);
        }
    }
    return text[LETTERS] == '\0' && (bits & ((1U << count) - 1)) == 0 ? APR_SUCCESS : APR_EINVAL;
}

static apr_status_t make_mac(unsigned char mac[EG_HASH_SIZE], const unsigned char bytes[BYTES],
                             const eg_secret *secret)
{
    return eg_secret_mac(mac, secret, bytes[0], EG_MAC_RETURN_PATH, bytes, AT_MAC);
}

const char *eg_returnpath_make(const eg_returnpath *path, const eg_secret *secret, apr_pool_t *pool)
{
    unsigned char bytes[BYTES], mac[EG_HASH_SIZE];
    char *local;

    if (!eg_uuid_valid(path->message_id)) {
        return NULL;
    }
    bytes[0] = (unsigned char)eg_secret_key_id(secret);
    eg_bigendian_put(bytes + AT_ACCOUNT, ACCOUNT_BYTES, (apr_uint64_t)path->account_id);
    eg_uuid_to_bytes(bytes + AT_MESSAGE, path->message_id);
    eg_bigendian_put(bytes + AT_RECIPIENT, 2, (apr_uint64_t)path->recipient_no);
    if (make_mac(mac, bytes, secret) != APR_SUCCESS) {
        return NULL;
    }
    memcpy(bytes + AT_MAC, mac, MAC_BYTES);
    local = apr_palloc(pool, PREFIX_LENGTH + LETTERS + 1);
    memcpy(local, PREFIX, PREFIX_LENGTH);
    encode(local + PREFIX_LENGTH, bytes);
    return local;
}

apr_status_t eg_returnpath_parse(eg_returnpath *path, const char *local, const eg_secret *secret,
                                 apr_pool_t *pool)
{
    unsigned char bytes[BYTES], mac[EG_HASH_SIZE];
    char *message_id;

    if (strncasecmp(local, PREFIX, PREFIX_LENGTH) != 0 ||
        decode(bytes, local + PREFIX_LENGTH) != APR_SUCCESS || make_mac(mac, bytes, secret) != APR_SUCCESS ||
        !eg_secret_equal(mac, bytes + AT_MAC, MAC_BYTES)) {
        return APR_EINVAL;
    }
    message_id = apr_palloc(pool, EG_UUID_SIZE);
    eg_uuid_from_bytes(message_id, bytes + AT_MESSAGE);
    *path = (eg_returnpath){ .account_id = (apr_int64_t)eg_bigendian_get(bytes + AT_ACCOUNT, ACCOUNT_BYTES),
                             .message_id = message_id,
                             .recipient_no = (int)eg_bigendian_get(bytes + AT_RECIPIENT, 2) };
    return APR_SUCCESS;
}

apr_status_t eg_returnpath_parse_address(eg_returnpath *path, const char **host, const char *address,
                                         const eg_secret *secret, apr_pool_t *pool)
{
    apr_size_t local, length;
    const char *domain;

    address += *address == '<';
    local = strcspn(address, "@>");
    domain = address + local + (address[local] == '@');
    length = strspn(domain, EG_HOST_NAME_BYTES);
    if (local > EG_LOCAL_PART_MAX || length == 0 || length > EG_DOMAIN_MAX ||
        (domain[length] != '\0' && domain[length] != '>') ||
        eg_returnpath_parse(path, apr_pstrmemdup(pool, address, local), secret, pool) != APR_SUCCESS) {
        return APR_EINVAL;
    }
    *host = eg_lowercase(apr_pstrmemdup(pool, domain, length));
    return APR_SUCCESS;
}
