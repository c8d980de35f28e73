/*
 * Links that say whose mail they stand in: an open pixel, a tracked link, a link to
 * unsubscribe. Pure.
 *
 *     <base>/e/o/<token>   <base>/e/c/<token>?u=<target>   <base>/e/u/<token>
 *
 * base is the domain's TrackingBaseURL. The token is base64url (RFC 4648 section 5)
 * of: key id, account, message, recipient number, the first 128 bits of a MAC of all
 * that, of what the link is for and of its target. So no link can be used as one of
 * another kind, and none leads where the mail did not.
 */
#ifndef EG_TRACKTOKEN_H
#define EG_TRACKTOKEN_H

#include "secret.h"

#define EG_TRACKTOKEN_LETTERS 56
#define EG_TRACKLINK_MAX 4096 /* bytes of a whole link */
#define EG_TRACK_PREFIX "/e"  /* between the base and what the link is for */

/** What a link is for: the letter that its path has before the token. */
typedef enum { EG_TRACK_OPEN = 'o', EG_TRACK_CLICK = 'c', EG_TRACK_UNSUBSCRIBE = 'u' } eg_track_purpose;

/** Whose mail. */
typedef struct {
    apr_int64_t account_id;
    const char *message_id;
    int recipient_no; /* 0 to 65535 */
} eg_track_mail;

/**
 * A link under the secret's newest key.
 * @param base  as eg_trackurl_parse makes it
 * @param target  of EG_TRACK_CLICK, else NULL
 * @return NULL when the target is none that eg_track_target_valid takes, the link
 *         would be longer than EG_TRACKLINK_MAX, message_id is no UUID or OpenSSL
 *         makes no MAC
 */
const char *eg_tracktoken_link(eg_track_purpose purpose, const char *base, const eg_track_mail *mail,
                               const char *target, const eg_secret *secret, apr_pool_t *pool);

/**
 * Whose mail a token stands in, if this gateway made it for this purpose and target.
 * @param token  EG_TRACKTOKEN_LETTERS letters, and the end of the text
 * @param target  decoded, of EG_TRACK_CLICK, else NULL
 * @return APR_EINVAL when it did not, or its key is no longer in the secret file
 */
apr_status_t eg_tracktoken_verify(eg_track_mail *mail, eg_track_purpose purpose, const char *token,
                                  const char *target, const eg_secret *secret, apr_pool_t *pool);

/**
 * "<prefix>/c/<token>": what a path's link is for, and the token, which may be any text.
 * @return 0 when it is no path of a link
 */
int eg_tracktoken_path(eg_track_purpose *purpose, const char **token, const char *path, const char *prefix);

/**
 * Can a link lead there? http or https with a host, or with nothing at all, as templates
 * have it that wait to be filled; no backslash, no control character, no blank at its end,
 * valid UTF-8. Blanks within go to the browser as they are: it knows what to do with them.
 */
int eg_track_target_valid(const char *target);

/**
 * The target in the query string of a click: the value of its parameter u, decoded.
 * Others beside it, which mail programs and scanners put there, mean nothing.
 * @param query  without the question mark, or NULL
 * @return NULL without one, and where its escapes are broken or give a NUL
 */
const char *eg_tracktoken_target(const char *query, apr_pool_t *pool);

#endif
