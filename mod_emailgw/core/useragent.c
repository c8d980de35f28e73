/* Is it a person who opened or clicked, or a machine. */
#include "useragent.h"

#include <string.h>

#include <apr_strings.h>

#include "lowercase.h"
#include "utf8.h"

/* They fetch an image when a person looks at the mail, and not before; a maker of telephones. */
static const char *const persons[] = { "googleimageproxy", "yahoomailproxy", "cubot" };

/* What browsers and mail readers begin with: others are programs. */
static const char *const readers[] = {
    "mozilla/",
    "opera/",
    "dalvik/",
    "mobilesafari/",
    "ucweb/",
    "blackberry",
    "nokia",
    "samsung",
    "lg-",
    "htc_",
    "sonyericsson",
    "microsoft office",
    "microsoft outlook",
    "outlook",
    "macoutlook",
    "windowslivemail",
    "mail/",
    "thunderbird",
    "evolution",
    "kmail",
    "claws mail",
    "lotus-notes",
    "the bat!",
    "airmail",
    "em client",
    "emclient",
    "postbox",
    "spark/",
    "canary",
    "k-9 mail",
};

/*
 * Parts of names, in lower case. An address in it says where to complain: browsers have
 * none. Then what machines call themselves, what they are built with, what looks into
 * mails on their way, and those that show previews of links.
 */
static const char *const machines[] = {
    "http://",
    "https://",
    "www.",
    ".com",
    "@",
    "bot",
    "crawl",
    "spider",
    "scan",
    "scrap",
    "preview",
    "fetch",
    "proxy",
    "monitor",
    "check",
    "agent",
    "feed",
    "archive",
    "validator",
    "verif",
    "inspect",
    "probe",
    "audit",
    "survey",
    "uptime",
    "capture",
    "screenshot",
    "synthetics",
    "favicon",
    "generator",
    "indexer",
    "slurp",
    "headless",
    "phantom",
    "puppeteer",
    "playwright",
    "selenium",
    "lighthouse",
    "splash",
    "httpclient",
    "python",
    "java/",
    "curl",
    "wget",
    "grab",
    "httrack",
    "libwww",
    "library",
    "okhttp",
    "barracuda",
    "proofpoint",
    "mimecast",
    "fireeye",
    "forcepoint",
    "trendmicro",
    "symantec",
    "bitdefender",
    "sophos",
    "virustotal",
    "safelinks",
    "ms-office existence",
    "openvas",
    "facebookexternalhit",
    "whatsapp",
    "telegram",
    "slack",
    "discord",
    "skypeuri",
    "google-",
    "mediapartners",
    "pingdom",
};

#define COUNT(list) (sizeof(list) / sizeof *(list))

static int has_any(const char *text, const char *const *parts, apr_size_t count)
{
    for (apr_size_t i = 0; i < count; i++) {
        if (strstr(text, parts[i]) != NULL) {
            return 1;
        }
    }
    return 0;
}

static int begins_with_any(const char *text, const char *const *starts, apr_size_t count)
{
    for (apr_size_t i = 0; i < count; i++) {
        if (strncmp(text, starts[i], strlen(starts[i])) == 0) {
            return 1;
        }
    }
    return 0;
}

/* "Mozilla/5.0 (compatible; X": of browsers only the old ones of two makers were. */
static int claims_compatibility(const char *text)
{
    return strstr(text, "(compatible") != NULL && strstr(text, "msie ") == NULL &&
           strstr(text, "konqueror") == NULL;
}

int eg_useragent_is_machine(const char *agent)
{
    char text[EG_USERAGENT_MAX + 1];

    if (agent == NULL || *agent == '\0') {
        return 1;
    }
    apr_cpystrn(text, agent, sizeof text);
    eg_lowercase(text);
    if (has_any(text, persons, COUNT(persons))) {
        return 0;
    }
    /* Apple's Mail Privacy Protection fetches all images when a mail arrives, as this and no more. */
    if (strcmp(text, "mozilla/5.0") == 0) {
        return 1;
    }
    return !begins_with_any(text, readers, COUNT(readers)) || claims_compatibility(text) ||
           has_any(text, machines, COUNT(machines));
}

const char *eg_useragent_clean(const char *agent, apr_pool_t *pool)
{
    apr_size_t length = agent != NULL ? strlen(agent) : 0, used = 0, taken;
    char *clean = apr_palloc(pool, EG_USERAGENT_MAX + 1);

    for (apr_size_t at = 0; at<length; at += taken> 0 ? taken : 1) {
        apr_uint32_t code;

        taken = eg_utf8_next(&code, agent + at, length - at);
        if (used + taken > EG_USERAGENT_MAX) {
            break;
        }
        if (taken > 0 && !eg_utf8_is_control(code)) {
            memcpy(clean + used, agent + at, taken);
            used += taken;
        }
    }
    clean[used] = '\0';
    return clean;
}
