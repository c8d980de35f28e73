/* The pages that people see behind links in mails. */
#include "linkpage.h"

#include <string.h>

#include <apr_base64.h>
#include <apr_escape.h>
#include <apr_strings.h>

#include "secret.h"
#include "utf8.h"

static const char style[] =
    "html{color-scheme:light dark}"
    "body{font:1rem/1.5 system-ui,sans-serif;margin:0}"
    "main{max-width:32rem;margin:0 auto;padding:3rem 1.25rem}"
    "h1{font-size:1.5rem;line-height:1.25}"
    "button{font:inherit;font-weight:600;padding:.75rem 1.5rem;border:0;border-radius:.375rem;"
    "color:#fff;background:#0b57d0;cursor:pointer}"
    "button:focus-visible{outline:3px solid #0b57d0;outline-offset:3px}";

static const char *page(const char *title, const char *body, apr_pool_t *pool)
{
    return apr_pstrcat(pool,
                       "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                       "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                       "<meta name=\"robots\" content=\"noindex\">\n<title>",
                       title, "</title>\n<style>", style, "</style>\n</head>\n<body>\n<main>\n<h1>", title,
                       "</h1>\n", body, "</main>\n</body>\n</html>\n", NULL);
}

/* The first character, whole. */
static const char *initial(const char *text, apr_size_t length, apr_pool_t *pool)
{
    apr_uint32_t code;

    return apr_pstrmemdup(pool, text, eg_utf8_next(&code, text, length));
}

const char *eg_linkpage_mask(const char *email, apr_pool_t *pool)
{
    const char *at = strrchr(email, '@'), *dot = at != NULL ? strrchr(at, '.') : NULL;

    if (at == NULL) {
        return "***";
    }
    return apr_pstrcat(pool, initial(email, (apr_size_t)(at - email), pool), "***@",
                       initial(at + 1, strlen(at + 1), pool), "***", dot, NULL);
}

static const char *emphasized(const char *text, apr_pool_t *pool)
{
    return apr_pstrcat(pool, "<strong>", apr_pescape_entity(pool, text, 0), "</strong>", NULL);
}

/* Whose mails, and whom they are for, as far as that is known. */
static const char *who(const char *email, const char *domain, apr_pool_t *pool)
{
    if (email == NULL || domain == NULL) {
        return "this sender";
    }
    return apr_pstrcat(pool, emphasized(domain, pool), " to ",
                       emphasized(eg_linkpage_mask(email, pool), pool), NULL);
}

const char *eg_linkpage_ask(const char *email, const char *domain, apr_pool_t *pool)
{
    return page("Unsubscribe",
                apr_pstrcat(pool, "<p id=\"what\">Do you want no more mails from ", who(email, domain, pool),
                            "?</p>\n<form method=\"post\" aria-labelledby=\"what\">\n"
                            "<input type=\"hidden\" name=\"" EG_UNSUBSCRIBE_FIELD
                            "\" value=\"" EG_UNSUBSCRIBE_VALUE "\">\n"
                            "<button type=\"submit\">Unsubscribe</button>\n</form>\n",
                            NULL),
                pool);
}

const char *eg_linkpage_done(const char *email, const char *domain, apr_pool_t *pool)
{
    return page("You are unsubscribed",
                apr_pstrcat(pool, "<p role=\"status\">There will be no more mails from ",
                            who(email, domain, pool), ". You can close this page.</p>\n", NULL),
                pool);
}

const char *eg_linkpage_later(apr_pool_t *pool)
{
    return page("Not now",
                "<p role=\"alert\">This could not be done at this moment. Please try again in a few "
                "minutes.</p>\n",
                pool);
}

const char *eg_linkpage_gone(apr_pool_t *pool)
{
    return page("This link is not valid", "<p>It may be too old, or it was not copied as a whole.</p>\n",
                pool);
}

const char *eg_linkpage_policy(apr_pool_t *pool)
{
    unsigned char hash[EG_HASH_SIZE];
    char text[2 * EG_HASH_SIZE];

    eg_secret_hash(hash, style, sizeof style - 1);
    apr_base64_encode_binary(text, hash, sizeof hash);
    return apr_pstrcat(pool, "default-src 'none'; style-src 'sha256-", text,
                       "'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'", NULL);
}
