/*
 * A recipient that says a mail is spam.
 */
#ifndef EGS_COMPLAINT_H
#define EGS_COMPLAINT_H

#include "db.h"

/**
 * Its event, webhook posts and suppression, in a transaction of their own. Again
 * for the same recipient: nothing.
 * @param message_id  UUIDv7; of an unknown one nothing is recorded
 */
apr_status_t egs_complaint_record(apr_int64_t account_id, const char *message_id, int recipient_no,
                                  eg_db *db);

#endif
