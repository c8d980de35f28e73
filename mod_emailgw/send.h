/*
 * One mail of a request: what its arguments come to, and what is wrong with it.
 */
#ifndef EG_SEND_H
#define EG_SEND_H

#include "accept.h"

/** What may be made of mails to a list with the request itself, and not by the sender. */
typedef struct {
    int subscribers;
    apr_size_t bytes; /* contents that are filled in for them */
} eg_direct;

/** On its way from its arguments into the queue. */
typedef struct {
    eg_mail mail;
    eg_idempotency hashes; /* where the call has an idempotency_key */
    eg_direct direct;      /* of a mail to a list: less by what was done, kept or not */
    apr_size_t list_texts; /* ... bytes that its own contents and attachments may have; less by them */
    char message_id[EG_UUID_SIZE];
} eg_send;

/**
 * Read a mail from call->args and call->idempotency_key; every error that applies and
 * can be told without the database is added to call->errors.
 * @return 1 when there is none: accept() may be asked for it, or, with a template or to a list, templated.h
 */
int eg_send_read(eg_send *send, eg_call *call);

/** Add what only the key's domain can tell of a mail's faults. @param rows  one, of sql authenticate */
void eg_send_check_domain(eg_call *call, const eg_send *send, const eg_rows *rows);

/**
 * A mail with faults: a key that does not authenticate comes before all of them, alone;
 * else those that only the key's domain can tell are added.
 */
apr_status_t eg_send_report_all(eg_call *call, const eg_send *send);

/** What accept() refused a mail with, in words. @param row  the mail's, of sql accept */
apr_status_t eg_send_refuse(eg_call *call, const eg_send *send, const eg_rows *rows, int row);

/** Its Idempotency-Key was used for another body. */
void eg_send_refuse_reuse(eg_call *call);

/** Hash call->idempotency_key. @return 0 when it is none: the error is added */
int eg_send_hash_key(unsigned char hash[EG_HASH_SIZE], eg_call *call);

/** The hash of a body, the order of names left aside. */
void eg_send_hash_json(unsigned char hash[EG_HASH_SIZE], const json_t *value);

#endif
