/* eg_returnpath_parse: nothing but what was made is taken, and that in one spelling. */
#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "bigendian.h"
#include "hostname.h"
#include "mailbox.h"
#include "returnpath.h"
#include "target.h"
#include "testsecret.h"
#include "uuid.h"

#define IDS_SIZE (8 + EG_UUID_BYTES + 2 + 2)

/* A return path of these ids gives them, and with one bit another nothing, but where only the letter case is another. */
static void check_made(const uint8_t *data, const eg_secret *secret, apr_pool_t *pool)
{
    char message_id[EG_UUID_SIZE];
    eg_returnpath path = { .account_id = (apr_int64_t)(eg_bigendian_get(data, 8) & EG_ID_MAX),
                           .message_id = message_id,
                           .recipient_no = (int)eg_bigendian_get(data + 8 + EG_UUID_BYTES, 2) };
    eg_returnpath found;
    const char *made, *host;
    char *other;
    size_t bit;

    eg_uuid_from_bytes(message_id, data + 8);
    made = eg_returnpath_make(&path, secret, pool);
    must(made != NULL && strlen(made) <= EG_LOCAL_PART_MAX);
    must(eg_returnpath_parse_address(&found, &host, apr_pstrcat(pool, made, "@r.example", NULL), secret,
                                     pool) == APR_SUCCESS);
    must(found.account_id == path.account_id && found.recipient_no == path.recipient_no &&
         strcmp(found.message_id, message_id) == 0 && strcmp(host, "r.example") == 0);
    bit = eg_bigendian_get(data + IDS_SIZE - 2, 2) % (8 * strlen(made));
    other = apr_pstrdup(pool, made);
    other[bit / 8] = (char)(other[bit / 8] ^ 1 << bit % 8);
    must((eg_returnpath_parse(&found, other, secret, pool) == APR_SUCCESS) == (strcasecmp(other, made) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const eg_secret *secret;
    const char *text, *host;
    eg_returnpath path;
    apr_pool_t *pool;

    apr_initialize();
    must(apr_pool_create(&pool, NULL) == APR_SUCCESS);
    secret = testsecret_make(pool);
    text = apr_pstrmemdup(pool, (const char *)data, size);
    if (size >= IDS_SIZE) {
        check_made(data, secret, pool);
    }
    if (eg_returnpath_parse_address(&path, &host, text, secret, pool) == APR_SUCCESS) {
        must(*host != '\0' && strspn(host, EG_HOST_NAME_BYTES) == strlen(host));
        must(strcasestr(text, eg_returnpath_make(&path, secret, pool)) != NULL);
    }
    if (eg_returnpath_parse(&path, text, secret, pool) == APR_SUCCESS) {
        const char *again = eg_returnpath_make(&path, secret, pool);

        must(strlen(again) <= size && strncasecmp(again, (const char *)data, strlen(again)) == 0);
    }
    apr_pool_destroy(pool);
    return 0;
}
