/* A new sender domain: its name judged, its keys made, its records decided. */
#include "newdomain.h"

#include <string.h>

#include <apr_strings.h>

#include "hostname.h"
#include "trackurl.h"

#define TOKEN_SIZE 24       /* random bytes of the ownership record */
#define WEBHOOK_KEY_SIZE 32 /* bytes */
#define BEFORE_NAME_MAX                                                                                      \
    21 /* octets of the longest fixed thing before a domain's name: "eg202611a._domainkey." */
#define TRACK_PREFIX "track-"

void eg_domain_settings_make(eg_domain_settings *settings, const char *mail_host, const char *tracking_url,
                             apr_pool_t *pool)
{
    if (mail_host == NULL && eg_hostname_parse(&mail_host, eg_hostname_own(pool), pool) != APR_SUCCESS) {
        mail_host = "";
    }
    settings->mail_host = mail_host;
    settings->tracking_url = tracking_url;
    settings->tracking_host = tracking_url != NULL ? eg_trackurl_host(tracking_url, pool) : mail_host;
}

apr_status_t eg_newdomain_parse(const char **name, const char **problem, const char *text, apr_pool_t *pool)
{
    const char *parsed;

    if (eg_hostname_parse(&parsed, text, pool) != APR_SUCCESS) {
        *problem = "two labels or more of letters, digits and inner hyphens are needed, as in example.com";
        return APR_EINVAL;
    }
    if (eg_hostname_is_public_suffix(parsed)) {
        *problem = "it is a public suffix: a domain below it is needed";
        return APR_EINVAL;
    }
    if (strlen(parsed) > EG_DOMAIN_MAX - BEFORE_NAME_MAX) {
        *problem = "it is too long for the names of its DNS records";
        return APR_EINVAL;
    }
    *name = parsed;
    return APR_SUCCESS;
}

apr_status_t eg_subdomain_parse(const char **label, const char *text, const char *name, apr_pool_t *pool)
{
    const char *whole;
    apr_size_t length;

    if (strchr(text, '.') != NULL ||
        eg_hostname_parse(&whole, apr_pstrcat(pool, text, ".", name, NULL), pool) != APR_SUCCESS) {
        return APR_EINVAL;
    }
    length = strcspn(whole, ".");
    if (strcmp(whole + length + 1, name) != 0 || strlen(TRACK_PREFIX) + length > EG_LABEL_MAX ||
        strlen(TRACK_PREFIX) + strlen(whole) > EG_DOMAIN_MAX) {
        return APR_EINVAL;
    }
    *label = apr_pstrmemdup(pool, whole, length);
    return APR_SUCCESS;
}

apr_status_t eg_newdomain_make_key(eg_dkimkey *key, eg_bytes *sealed, eg_bytes sender_key,
                                   apr_int64_t account_id, apr_pool_t *pool)
{
    apr_status_t rv = eg_dkimkey_new(key, apr_time_now(), pool);

    if (rv == APR_SUCCESS) {
        rv = eg_seal_to_sender(sealed, sender_key, account_id, key->private_der.data, key->private_der.size,
                               pool);
    }
    return rv;
}

apr_status_t eg_newdomain_make(eg_newdomain *made, const char *name, const char *subdomain,
                               const char *tracking_url, const eg_domain_settings *settings,
                               const eg_secret *secret, eg_bytes sender_key, apr_int64_t account_id,
                               apr_pool_t *pool)
{
    const char *token = eg_random_text(TOKEN_SIZE, pool);
    unsigned char webhook_key[WEBHOOK_KEY_SIZE];
    eg_dkimkey dkim;
    apr_status_t rv;

    if (token == NULL) {
        return APR_EGENERAL;
    }
    rv = eg_random(webhook_key, sizeof webhook_key);
    if (rv == APR_SUCCESS) {
        rv = eg_seal(&made->webhook_key_sealed, secret, EG_SEAL_WEBHOOK_KEY, account_id, webhook_key,
                     sizeof webhook_key, pool);
    }
    if (rv == APR_SUCCESS) {
        rv = eg_newdomain_make_key(&dkim, &made->dkim_sealed, sender_key, account_id, pool);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    made->facts = (eg_domainfacts){
        .name = name,
        .ownership_token = apr_pstrcat(pool, "emailgw-domain=", token, NULL),
        .dkim_selector = dkim.selector,
        .dkim_record = dkim.record,
        .subdomain = subdomain,
        .mail_host = settings->mail_host,
        .tracking_host = settings->tracking_host,
        .tracking_url = tracking_url != NULL ? tracking_url : settings->tracking_url,
    };
    return APR_SUCCESS;
}
