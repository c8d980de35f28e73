/*
 * A new sender domain: its name judged, its keys made, its records decided.
 */
#ifndef EG_NEWDOMAIN_H
#define EG_NEWDOMAIN_H

#include "dkimkey.h"
#include "domainrecords.h"
#include "secret.h"

#define EG_SUBDOMAIN_DEFAULT "eg"

/** What the operator has set for all domains; each keeps what it was given. */
typedef struct {
    const char *mail_host;     /* "": the return path has no host here */
    const char *tracking_url;  /* where a domain names none; NULL: none */
    const char *tracking_host; /* what tracking hosts are aliases for; "": there are none */
} eg_domain_settings;

/**
 * The settings, or what stands for them.
 * @param mail_host  NULL: this machine's own name, if that is a full one
 * @param tracking_url  of eg_trackurl_parse; its host, or mail_host, is tracking_host
 */
void eg_domain_settings_make(eg_domain_settings *settings, const char *mail_host, const char *tracking_url,
                             apr_pool_t *pool);

/**
 * A name that may be a sender domain: no public suffix, and short enough for its records.
 * @param problem  on APR_EINVAL: the end of a sentence, such as "it is a public suffix"
 */
apr_status_t eg_newdomain_parse(const char **name, const char **problem, const char *text, apr_pool_t *pool);

/** The label below the domain that its return path and tracking host use. @return APR_EINVAL */
apr_status_t eg_subdomain_parse(const char **label, const char *text, const char *name, apr_pool_t *pool);

typedef struct {
    eg_domainfacts facts;
    eg_bytes dkim_sealed;        /* to the sender */
    eg_bytes webhook_key_sealed; /* with the secret */
} eg_newdomain;

/**
 * A DKIM key of a domain of this account, sealed to the sender.
 * @param sender_key  the public half
 */
apr_status_t eg_newdomain_make_key(eg_dkimkey *key, eg_bytes *sealed, eg_bytes sender_key,
                                   apr_int64_t account_id, apr_pool_t *pool);

/**
 * Keys and tokens of a domain of this account.
 * @param tracking_url  NULL: that of the settings
 * @param sender_key  the public half
 */
apr_status_t eg_newdomain_make(eg_newdomain *made, const char *name, const char *subdomain,
                               const char *tracking_url, const eg_domain_settings *settings,
                               const eg_secret *secret, eg_bytes sender_key, apr_int64_t account_id,
                               apr_pool_t *pool);

#endif
