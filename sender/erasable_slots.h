/*
 * The places of a mail that is looked through for a person: for erasable.c, which finds
 * them, and erasable_write.c, which writes what is to stand there.
 */
#ifndef EGS_ERASABLE_SLOTS_H
#define EGS_ERASABLE_SLOTS_H

#include "erasable.h"
#include "rawfield.h"

#define NUL_CHARACTER 0x100 /* that stands for a byte 0 where each character is a byte */

typedef enum {
    EGS_SLOT_WHOLE,     /* an attachment */
    EGS_SLOT_BYTES,     /* as they are */
    EGS_SLOT_BODY,      /* of a part, decoded */
    EGS_SLOT_WORDS,     /* a field of text */
    EGS_SLOT_ADDRESSES, /* a field of addresses: their names */
    EGS_SLOT_PARAMETERS /* a field of parameters: each of them */
} egs_slot_kind;

/** A place of the mail that texts are of. */
typedef struct {
    egs_slot_kind kind;
    const eg_rawmail *mail;
    const eg_rawpart *part;   /* whose body it is */
    const eg_rawpart *header; /* in which it is a field; NULL: it is none */
    const eg_rawfield *field;
    eg_bytes bytes;
    const char *charset;         /* to be written in; NULL: UTF-8 */
    apr_array_header_t *targets; /* of const char **: where the text of a name or value is to go */
    apr_array_header_t *list;    /* of eg_rawaddress, without the person's */
    int is_shorter;              /* the person's were taken out of it */
    eg_headervalue *value;
    int first, count; /* of its texts */
} egs_slot;

#define EGS_ERASABLE_TEXT(erasable, i) APR_ARRAY_IDX((erasable)->texts, i, egs_erasable_text)

#endif
