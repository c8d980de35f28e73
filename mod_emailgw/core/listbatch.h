/*
 * Mails to subscribers of a list: one for each, out of the same templates. What the
 * module does at once for a short list, the sender does bit by bit for a long one.
 */
#ifndef EG_LISTBATCH_H
#define EG_LISTBATCH_H

#include "db.h"
#include "json.h"

/** What all of them are made of. */
typedef struct {
    const char *subject, *html, *plain; /* templates; html or plain may be NULL */
    const json_t *data;                 /* TemplateData, an object, or NULL */
    apr_size_t attached;                /* bytes of attachments, which each mail has */
} eg_listmail;

/** How far it has come. */
typedef struct {
    json_t *mails;     /* as sql store_list_mails takes them; the pool's */
    apr_int64_t after; /* id of the last subscriber */
    int passed;        /* number of the last mail */
    int suppressed,
        failed;       /* subscribers without one: on the suppression list; a mail over EG_LIST_MAIL_MAX */
    apr_size_t bytes; /* contents that were filled in; one over EG_LIST_MAIL_MAX counts as that */
} eg_listbatch;

/** @param passed  number of the last mail before it */
void eg_listbatch_init(eg_listbatch *batch, int passed, apr_pool_t *pool);

/**
 * Add a mail for each subscriber, in their order, until batch->bytes is more than max.
 * A field of a subscriber comes before one of the data, and that before the subscriber's email and name.
 * @param rows  of sql get_list_targets
 * @return how many subscribers were done: all of rows but where max was reached
 */
int eg_listbatch_add(eg_listbatch *batch, const eg_listmail *mail, const eg_rows *rows, apr_size_t max,
                     apr_pool_t *pool);

#endif
