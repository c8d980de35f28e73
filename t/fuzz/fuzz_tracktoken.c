/* eg_tracktoken_*: a path's end and its query: nothing but what was made is taken, and no target but a web address. */
#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "bigendian.h"
#include "target.h"
#include "testsecret.h"
#include "tracktoken.h"
#include "uuid.h"

/* What is taken is what would be made. */
static void check(eg_track_purpose purpose, const char *token, const char *target, const eg_secret *secret,
                  apr_pool_t *pool)
{
    eg_track_mail mail;

    if (eg_tracktoken_verify(&mail, purpose, token, target, secret, pool) == APR_SUCCESS) {
        const char *link = eg_tracktoken_link(purpose, "", &mail, target, secret, pool);

        must(target == NULL || strncasecmp(target, "http", 4) == 0);
        must(link == NULL || strncmp(link + strlen("/e/o/"), token, EG_TRACKTOKEN_LETTERS) == 0);
    }
}

/* A round trip of any text through the query string. */
static void check_query(const char *text, const eg_secret *secret, apr_pool_t *pool)
{
    static const eg_track_mail mail = { 65, "0198c2f4-5b1e-7c3a-9d2e-0123456789ab", 2 };
    const char *link = eg_tracktoken_link(EG_TRACK_CLICK, "", &mail, text, secret, pool);

    must(link == NULL || strcmp(eg_tracktoken_target(strchr(link, '?') + 1, pool), text) == 0);
}

#define IDS_SIZE (8 + EG_UUID_BYTES + 2 + 2)

/* A token of these ids gives them, and with one bit another nothing. */
static void check_made(const uint8_t *data, const char *target, const eg_secret *secret, apr_pool_t *pool)
{
    char message_id[EG_UUID_SIZE];
    eg_track_mail mail = { .account_id = (apr_int64_t)(eg_bigendian_get(data, 8) & EG_ID_MAX),
                           .message_id = message_id,
                           .recipient_no = (int)eg_bigendian_get(data + 8 + EG_UUID_BYTES, 2) };
    unsigned int bit = (unsigned int)eg_bigendian_get(data + IDS_SIZE - 2, 2) % (8 * EG_TRACKTOKEN_LETTERS);
    eg_track_purpose purpose = target == NULL ? EG_TRACK_OPEN : EG_TRACK_CLICK;
    eg_track_mail found;
    const char *link;
    char *token;

    eg_uuid_from_bytes(message_id, data + 8);
    link = eg_tracktoken_link(purpose, "", &mail, target, secret, pool);
    if (link == NULL) {
        must(target != NULL);
        return;
    }
    token = apr_pstrmemdup(pool, link + strlen("/e/o/"), EG_TRACKTOKEN_LETTERS);
    must(eg_tracktoken_verify(&found, purpose, token, target, secret, pool) == APR_SUCCESS);
    must(found.account_id == mail.account_id && found.recipient_no == mail.recipient_no &&
         strcmp(found.message_id, message_id) == 0);
    must(eg_tracktoken_verify(&found, EG_TRACK_UNSUBSCRIBE, token, target, secret, pool) != APR_SUCCESS);
    token[bit / 8] = (char)(token[bit / 8] ^ 1 << bit % 8);
    must(eg_tracktoken_verify(&found, purpose, token, target, secret, pool) != APR_SUCCESS);
}

/* "/e/c/<token>": a path of its own. */
static void check_path(const char *text, apr_pool_t *pool)
{
    eg_track_purpose purpose;
    const char *token;

    if (eg_tracktoken_path(&purpose, &token, text, EG_TRACK_PREFIX)) {
        must(strchr("ocu", (int)purpose) != NULL);
        must(strcmp(text, apr_psprintf(pool, EG_TRACK_PREFIX "/%c/%s", (int)purpose, token)) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const eg_secret *secret;
    apr_pool_t *pool;
    char *text, *query;

    apr_initialize();
    must(apr_pool_create(&pool, NULL) == APR_SUCCESS);
    secret = testsecret_make(pool);
    text = apr_pstrmemdup(pool, (const char *)data, size);
    check_query(text, secret, pool);
    check_path(text, pool);
    if (size >= IDS_SIZE) {
        check_made(data, NULL, secret, pool);
        check_made(data, apr_pstrcat(pool, "https://a.example/", text + IDS_SIZE, NULL), secret, pool);
    }
    query = strchr(text, '?');
    if (query != NULL) {
        const char *target = eg_tracktoken_target(query + 1, pool);

        *query = '\0';
        if (target != NULL) {
            check(EG_TRACK_CLICK, text, target, secret, pool);
        }
    }
    check(EG_TRACK_OPEN, text, NULL, secret, pool);
    check(EG_TRACK_UNSUBSCRIBE, text, NULL, secret, pool);
    apr_pool_destroy(pool);
    return 0;
}
