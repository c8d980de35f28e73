#include "addressfold.h"

#include <string.h>

#include <apr_strings.h>
#include <unicase.h>
#include <unistr.h>

#include "lowercase.h"
#include "utf8.h"

#define SIGMA 0x3c3
#define FINAL_SIGMA 0x3c2
#define DOTTED_I 0x130  /* capital */
#define DOT_ABOVE 0x307 /* what lower case leaves of its dot */
#define ROOM 6          /* bytes that a character may need at most */

static int is_ascii(const char *text)
{
    while (*text != '\0' && (unsigned char)*text < 0x80) {
        text++;
    }
    return *text == '\0';
}

/* A sigma is one letter, wherever in a word it stands. */
static ucs4_t fold_letter(ucs4_t letter)
{
    ucs4_t lower = uc_tolower(letter);

    return lower == FINAL_SIGMA ? SIGMA : lower;
}

static const char *fold_letters(const char *text, apr_pool_t *pool)
{
    apr_size_t left = strlen(text), step;
    char *folded = apr_palloc(pool, ROOM * left + 1), *to = folded;
    apr_uint32_t letter, before = 0;

    for (; (step = eg_utf8_next(&letter, text, left)) > 0; text += step, left -= step) {
        if (letter == DOT_ABOVE && before == 'i') {
            before = 0;
            continue;
        }
        before = letter == DOTTED_I ? 0 : fold_letter(letter); /* its one dot is gone with it */
        to += u8_uctomb((uint8_t *)to, fold_letter(letter), ROOM);
    }
    memcpy(to, text, left + 1);
    return folded;
}

const char *eg_address_fold(const char *address, apr_pool_t *pool)
{
    return is_ascii(address) ? eg_lowercase(apr_pstrdup(pool, address)) : fold_letters(address, pool);
}
