/*
 * accept(): a checked mail into the queue.
 */
#ifndef EG_ACCEPT_H
#define EG_ACCEPT_H

#include "dbgroup.h"
#include "listbatch.h"
#include "mail.h"

/** SHA-256 of the Idempotency-Key and of the parameters, in their own order of names. */
typedef struct {
    unsigned char key[EG_HASH_SIZE], body[EG_HASH_SIZE];
} eg_idempotency;

/** One of these hashes as an argument of SQL: NULL where the call has no Idempotency-Key. */
eg_dbarg eg_idempotency_arg(const eg_call *call, const unsigned char *hash);

/**
 * One mail for accept(). It is idempotent in the message id, so it may be repeated
 * after a commit whose outcome is unknown. Where no partition holds the id (the
 * sender has been away for weeks) they are made, and it is called once more.
 * @param rows  one, of sql accept: status is 0 when the mail is in the queue, and on disk
 * @param message_id  UUIDv7, made for this call
 * @param hashes  read only where call->idempotency_key is set
 * @return as eg_db_call; whatever it is but APR_SUCCESS is logged
 */
apr_status_t eg_accept_mail(eg_rows **rows, eg_call *call, const eg_mail *mail, const char *message_id,
                            const eg_idempotency *hashes);

#define EG_ACCEPT_MAX EG_GROUP_COUNT_MAX /* mails of one eg_accept_mails */

/** One of several mails, all of the same account: what eg_accept_mail takes. */
typedef struct {
    eg_call *call;
    const eg_mail *mail;
    const char *message_id;
    const eg_idempotency *hashes;
} eg_accept;

/**
 * The same for several mails in one transaction: none is in the queue where this fails.
 * @param rows  one a mail, of sql accept
 * @param row_of  count numbers: where each mail's row is
 * @param count  1 to EG_ACCEPT_MAX
 */
apr_status_t eg_accept_mails(eg_rows **rows, int *row_of, eg_db *db, const eg_accept *mails, int count);
/**
 * One mail to a list for accept_list(). Idempotent in the job id, like eg_accept_mail.
 * @param rows  one, of sql accept_list
 * @param job_id  UUIDv7 made for this call, its last 8 digits 0
 * @param direct  all its mails, or NULL: the sender is to make them
 */
apr_status_t eg_accept_list(eg_rows **rows, eg_call *call, const eg_mail *mail, const char *job_id,
                            const eg_idempotency *hashes, const eg_listbatch *direct);

/**
 * What was refused with EG_E_LIMIT is more than the account may send in a whole period: it does not help
 * to send it again later.
 */
int eg_accept_never_fits(const eg_rows *rows, int row);

#endif
