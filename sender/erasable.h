/*
 * The texts of a stored mail as its readers see them, decoded, to be looked through for
 * a person; and the mail with other texts in their place. Pure, and bounded in time and
 * memory whatever the mail.
 */
#ifndef EGS_ERASABLE_H
#define EGS_ERASABLE_H

#include <apr_tables.h>

#include "db.h"

#define EGS_ERASABLE_MAX 50000 /* of a mail, with those within it */

typedef struct {
    const char *text;   /* UTF-8 */
    int is_bytes;       /* no charset makes sense of it: each character is a byte (egs_erasable_bytes) */
    const char *erased; /* NULL; set by who looks through it: what is to stand there instead */
} egs_erasable_text;

typedef struct {
    apr_array_header_t *texts; /* of egs_erasable_text */
    int is_changed;            /* by what was left out, whatever becomes of the texts */
    /* its own */
    eg_bytes bytes;
    apr_array_header_t *slots;
    int left; /* of what is looked at one by one: fields, their values, texts */
    const char *person;
    apr_pool_t *pool;
} egs_erasable;

/**
 * A mail as it was handed in: its header fields, texts in base64 and quoted-printable and
 * in all charsets that are known, signed parts and mails within it. Fields that are lists
 * of addresses lose the person's; but not From and Sender of the mail itself, which are
 * the account's own. What is behind EGS_ERASABLE_MAX of fields, of values in them and of
 * texts is one text as it stands: so a mail cannot take more memory than ten times its
 * size and some 50 MB.
 * @param raw  kept, not copied
 * @param person  an address, folded (addressfold.h)
 */
egs_erasable *egs_erasable_mail(eg_bytes raw, const char *person, apr_pool_t *pool);

/**
 * An attachment that is text.
 * @param media_type  as it is stored
 */
egs_erasable *egs_erasable_attachment(eg_bytes content, const char *media_type, apr_pool_t *pool);

/** Nothing is to be changed? */
int egs_erasable_is_same(const egs_erasable *erasable);

/** With what is to stand there instead; all that is the same stays byte for byte. */
eg_bytes egs_erasable_write(const egs_erasable *erasable);

/** Bytes as a text has them that is_bytes: a character each, U+0100 for NUL. */
const char *egs_erasable_bytes(eg_bytes bytes, apr_pool_t *pool);

#endif
