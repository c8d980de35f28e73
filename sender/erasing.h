/*
 * People who are to be erased: a part of one of them at a time. The database looks through
 * its rows by itself; of mails in forms that it does not read the sender gives it the texts.
 */
#ifndef EGS_ERASING_H
#define EGS_ERASING_H

#include "db.h"
#include "secret.h"

/**
 * The next part of whose turn it is, if any.
 * @return how long until it should be called again
 */
apr_interval_time_t egs_erase_some(eg_db *db, const eg_secret *secret, const eg_log *log);

#endif
