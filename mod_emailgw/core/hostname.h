/*
 * Domain names: labels, lengths, A-labels (libidn2), public suffixes (libpsl).
 */
#ifndef EG_HOSTNAME_H
#define EG_HOSTNAME_H

#include "eg.h"

/** Bytes that the name of a host may have, by strspn: more than eg_hostname_parse takes. */
#define EG_HOST_NAME_BYTES "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._"

/**
 * A host or domain name, Unicode or A-labels, to lower-case A-labels (IDNA2008,
 * UTS 46 non-transitional). At least two labels of letters, digits and inner
 * hyphens, 1 to 63 octets each, 253 in all; the last one no number, be it
 * decimal or 0x and hexadecimal (inet_aton would take it for an address). No
 * trailing dot, no address literal, no localhost nor anything below it.
 * @return APR_EINVAL
 */
apr_status_t eg_hostname_parse(const char **ascii, const char *text, apr_pool_t *pool);

/**
 * A name of A-labels as people write it, in its own alphabet; itself where it has no other
 * form. Not for looking it up, and not for telling who it is.
 */
const char *eg_hostname_unicode(const char *ascii, apr_pool_t *pool);

/** Is name (A-labels) domain itself or below it? */
int eg_hostname_within(const char *name, const char *domain);

/** A public suffix such as "com" or "co.uk" (ICANN section): nobody's sender domain. */
int eg_hostname_is_public_suffix(const char *ascii);

/**
 * The part that somebody registered: "example.co.uk" of "a.b.example.co.uk". A
 * suffix of name, or NULL when name is a public suffix.
 */
const char *eg_hostname_organisation(const char *ascii);

/**
 * This machine's own, as it calls itself: a full one where it knows that, and
 * not judged. May look it up, once.
 */
const char *eg_hostname_own(apr_pool_t *pool);

#endif
