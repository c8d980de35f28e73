/*
 * What stands in texts that mail systems write for people: SMTP replies,
 * addresses, phrases. Pure.
 */
#ifndef EGS_INBOUND_WORDS_H
#define EGS_INBOUND_WORDS_H

#include <apr_tables.h>

#include "eg.h"

#define EGS_WORDS_TEXT_MAX 512     /* bytes of a reply's text that are kept */
#define EGS_WORDS_ADDRESSES_MAX 32 /* of one text */

/** How sure it is that a piece of text is a server's reply. */
typedef enum {
    EGS_REPLY_NONE,
    EGS_REPLY_LOOSE,        /* a code amid a sentence */
    EGS_REPLY_STATUS,       /* an enhanced code alone */
    EGS_REPLY_LINE,         /* a code where a reply begins */
    EGS_REPLY_ENHANCED_LINE /* with an enhanced code behind it */
} egs_words_surety;

/** "550 5.1.1 No such user" within a text. */
typedef struct {
    egs_words_surety surety;
    int code;             /* 400 to 599; 0: none */
    const char *enhanced; /* "5.1.1"; NULL: none */
    const char *text;     /* where it begins: behind the codes, or the text itself */
} egs_words_reply;

/**
 * The code that a text begins with: 400 to 559, with a second digit of 0 to 5 (RFC 5321 section
 * 4.2.1). What is counted or measured is none. @return 0 for none
 */
int egs_words_reply_code(const char *text);

/** The surest reply in length bytes of text, the first of equals. Its text goes on to the end of text. */
egs_words_reply egs_words_find_reply(const char *text, apr_size_t length, apr_pool_t *pool);

/** How an address stands in a text. */
typedef enum {
    EGS_ADDRESS_OWN,   /* as the sender's, or a message id: not to be taken */
    EGS_ADDRESS_AMID,  /* somewhere */
    EGS_ADDRESS_NAMED, /* behind "recipient", "user", "to" ... */
    EGS_ADDRESS_ALONE  /* at the beginning of a line with nothing or its fault behind it */
} egs_words_place;

typedef struct {
    const char *address;
    const char *at; /* in the text */
    egs_words_place place;
} egs_words_address;

/** Addresses in their order, each as often as it stands there, EGS_ADDRESS_OWN left out. */
apr_array_header_t *egs_words_find_addresses(const char *text, apr_pool_t *pool);

/** The first address in a field's value or the like; NULL when there is none. */
const char *egs_words_address_of(const char *text, apr_pool_t *pool);

/** Lower case, with one blank for all white space: what egs_words_say looks at. */
const char *egs_words_fold(const char *text, apr_pool_t *pool);

/** Is one of the alternatives ("a|b|c", lower case) in a folded text? */
int egs_words_say(const char *folded, const char *alternatives);

/** One line of valid UTF-8 without control characters, of at most EGS_WORDS_TEXT_MAX bytes. */
const char *egs_words_clean(const char *text, apr_size_t length, apr_pool_t *pool);

#endif
