/* Links that say whose mail they stand in. */
#include "tracktoken.h"

#include <string.h>

#include <apr_cstr.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include "bigendian.h"
#include "utf8.h"
#include "uuid.h"

#define ACCOUNT_BYTES 7 /* ids are below 2^53 */
#define RECIPIENT_BYTES 2
#define MAC_BYTES 16

/* Where things are in the token's bytes: three of them are four letters, and none is left over. */
#define AT_ACCOUNT 1
#define AT_MESSAGE (AT_ACCOUNT + ACCOUNT_BYTES)
#define AT_RECIPIENT (AT_MESSAGE + EG_UUID_BYTES)
#define AT_MAC (AT_RECIPIENT + RECIPIENT_BYTES)
#define BYTES (AT_MAC + MAC_BYTES)

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* ---- letters -------------------------------------------------------------------------------------- */

static void encode(char text[EG_TRACKTOKEN_LETTERS + 1], const unsigned char bytes[BYTES])
{
    for (int i = 0; i < BYTES / 3; i++) {
        unsigned int bits =
            (unsigned int)bytes[3 * i] << 16 | (unsigned int)bytes[3 * i + 1] << 8 | bytes[3 * i + 2];

        for (int j = 0; j < 4; j++) {
            text[4 * i + j] = alphabet[bits >> (18 - 6 * j) & 63];
        }
    }
    text[EG_TRACKTOKEN_LETTERS] = '\0';
}

static apr_status_t decode(unsigned char bytes[BYTES], const char *text)
{
    unsigned int bits = 0;

    for (int i = 0; i < EG_TRACKTOKEN_LETTERS; i++) {
        const char *letter = text[i] != '\0' ? strchr(alphabet, text[i]) : NULL;

        if (letter == NULL) {
            return APR_EINVAL;
        }
        bits = bits << 6 | (unsigned int)(letter - alphabet);
        if (i % 4 == 3) {
            bytes[i / 4 * 3] = (unsigned char)(bits >> 16);
            bytes[i / 4 * 3 + 1] = (unsigned char)(bits >> 8);
            bytes[i / 4 * 3 + 2] = (unsigned char)bits;
        }
    }
    return text[EG_TRACKTOKEN_LETTERS] == '\0' ? APR_SUCCESS : APR_EINVAL;
}

/* ---- targets -------------------------------------------------------------------------------------- */

int eg_track_target_valid(const char *target)
{
    apr_size_t scheme = apr_cstr_casecmpn(target, "https://", 8) == 0  ? 8
                        : apr_cstr_casecmpn(target, "http://", 7) == 0 ? 7
                                                                       : 0;
    apr_size_t length = strlen(target), taken;

    if (scheme == 0 || (target[scheme] != '\0' && strchr("/?# ", target[scheme]) != NULL) ||
        target[length - 1] == ' ') {
        return 0;
    }
    for (apr_size_t at = 0; at < length; at += taken) {
        apr_uint32_t code;

        taken = eg_utf8_next(&code, target + at, length - at);
        if (taken == 0 || code == '\\' || eg_utf8_is_control(code)) {
            return 0;
        }
    }
    return 1;
}

/* Every byte but those that no URL changes the meaning of (RFC 3986 section 2.3). */
static void escape(char *out, const char *text)
{
    static const char hex[] = "0123456789ABCDEF";

    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;

        if (apr_isalnum(byte) || strchr("-._~", byte) != NULL) {
            *out++ = *text;
        }
        else {
            *out++ = '%';
            *out++ = hex[byte >> 4];
            *out++ = hex[byte & 15];
        }
    }
    *out = '\0';
}

static int hex_value(char digit)
{
    return apr_isdigit(digit) ? digit - '0' : apr_isxdigit(digit) ? apr_tolower(digit) - 'a' + 10 : -1;
}

static const char *unescape(const char *text, apr_size_t length, apr_pool_t *pool)
{
    char *decoded = apr_palloc(pool, length + 1), *out = decoded;

    for (const char *end = text + length; text < end; text++) {
        int byte = (unsigned char)*text;

        if (byte == '%') {
            if (end - text < 3 || hex_value(text[1]) < 0 || hex_value(text[2]) < 0) {
                return NULL;
            }
            byte = hex_value(text[1]) << 4 | hex_value(text[2]);
            text += 2;
        }
        if (byte == '\0') {
            return NULL;
        }
        *out++ = (char)byte;
    }
    *out = '\0';
    return decoded;
}

const char *eg_tracktoken_target(const char *query, apr_pool_t *pool)
{
    while (query != NULL && *query != '\0') {
        apr_size_t length = strcspn(query, "&");

        if (strncmp(query, "u=", 2) == 0) {
            return unescape(query + 2, length - 2, pool);
        }
        query += length + (query[length] == '&');
    }
    return NULL;
}

/* ---- tokens --------------------------------------------------------------------------------------- */

static apr_status_t make_mac(unsigned char mac[EG_HASH_SIZE], const unsigned char bytes[BYTES],
                             eg_track_purpose purpose, const char *target, const eg_secret *secret,
                             apr_pool_t *pool)
{
    apr_size_t length = target != NULL ? strlen(target) : 0;
    unsigned char *covered = apr_palloc(pool, AT_MAC + 1 + length);

    memcpy(covered, bytes, AT_MAC);
    covered[AT_MAC] = (unsigned char)purpose;
    if (length > 0) {
        memcpy(covered + AT_MAC + 1, target, length);
    }
    return eg_secret_mac(mac, secret, bytes[0], EG_MAC_TRACKING, covered, AT_MAC + 1 + length);
}

static apr_status_t make_token(char token[EG_TRACKTOKEN_LETTERS + 1], eg_track_purpose purpose,
                               const eg_track_mail *mail, const char *target, const eg_secret *secret,
                               apr_pool_t *pool)
{
    unsigned char bytes[BYTES], mac[EG_HASH_SIZE];
    apr_status_t rv;

    if (!eg_uuid_valid(mail->message_id)) {
        return APR_EINVAL;
    }
    bytes[0] = (unsigned char)eg_secret_key_id(secret);
    eg_bigendian_put(bytes + AT_ACCOUNT, ACCOUNT_BYTES, (apr_uint64_t)mail->account_id);
    eg_uuid_to_bytes(bytes + AT_MESSAGE, mail->message_id);
    eg_bigendian_put(bytes + AT_RECIPIENT, RECIPIENT_BYTES, (apr_uint64_t)mail->recipient_no);
    rv = make_mac(mac, bytes, purpose, target, secret, pool);
    if (rv == APR_SUCCESS) {
        memcpy(bytes + AT_MAC, mac, MAC_BYTES);
        encode(token, bytes);
    }
    return rv;
}

const char *eg_tracktoken_link(eg_track_purpose purpose, const char *base, const eg_track_mail *mail,
                               const char *target, const eg_secret *secret, apr_pool_t *pool)
{
    char token[EG_TRACKTOKEN_LETTERS + 1], *escaped = NULL;
    const char path[] = { '/', (char)purpose, '/', '\0' }, *link;

    if (target != NULL) {
        if (strlen(target) > EG_TRACKLINK_MAX || !eg_track_target_valid(target)) {
            return NULL;
        }
        escaped = apr_palloc(pool, 3 * strlen(target) + 1);
        escape(escaped, target);
    }
    if (make_token(token, purpose, mail, target, secret, pool) != APR_SUCCESS) {
        return NULL;
    }
    link =
        apr_pstrcat(pool, base, EG_TRACK_PREFIX, path, token, escaped != NULL ? "?u=" : NULL, escaped, NULL);
    return strlen(link) <= EG_TRACKLINK_MAX ? link : NULL;
}

apr_status_t eg_tracktoken_verify(eg_track_mail *mail, eg_track_purpose purpose, const char *token,
                                  const char *target, const eg_secret *secret, apr_pool_t *pool)
{
    unsigned char bytes[BYTES], mac[EG_HASH_SIZE];
    char *message_id;

    if ((purpose == EG_TRACK_CLICK) != (target != NULL) ||
        (target != NULL && !eg_track_target_valid(target)) || decode(bytes, token) != APR_SUCCESS ||
        make_mac(mac, bytes, purpose, target, secret, pool) != APR_SUCCESS ||
        !eg_secret_equal(mac, bytes + AT_MAC, MAC_BYTES)) {
        return APR_EINVAL;
    }
    message_id = apr_palloc(pool, EG_UUID_SIZE);
    eg_uuid_from_bytes(message_id, bytes + AT_MESSAGE);
    *mail = (eg_track_mail){ .account_id = (apr_int64_t)eg_bigendian_get(bytes + AT_ACCOUNT, ACCOUNT_BYTES),
                             .message_id = message_id,
                             .recipient_no = (int)eg_bigendian_get(bytes + AT_RECIPIENT, RECIPIENT_BYTES) };
    return APR_SUCCESS;
}

int eg_tracktoken_path(eg_track_purpose *purpose, const char **token, const char *path, const char *prefix)
{
    static const char letters[] = { EG_TRACK_OPEN, EG_TRACK_CLICK, EG_TRACK_UNSUBSCRIBE, '\0' };
    apr_size_t length = strlen(prefix);

    if (strncmp(path, prefix, length) != 0) {
        return 0;
    }
    path += length;
    if (path[0] != '/' || path[1] == '\0' || strchr(letters, path[1]) == NULL || path[2] != '/') {
        return 0;
    }
    *purpose = (eg_track_purpose)path[1];
    *token = path + 3;
    return 1;
}
