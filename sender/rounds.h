/*
 * A thread that does the same again and again: rounds with pauses between them.
 */
#ifndef EGS_ROUNDS_H
#define EGS_ROUNDS_H

#include "control.h"

/**
 * One round.
 * @param db  of the thread; what it answers lives until the round ends
 * @param settings  those in force
 * @param log  at their level
 * @return how long until the next round
 */
typedef apr_interval_time_t (*egs_round)(void *baton, eg_db *db, const egs_settings *settings,
                                         const eg_log *log);

/**
 * Rounds until the sender is to stop. To be called on a thread of its own.
 * @param dsn  for the connection of this thread
 * @param away  pause where a round could not begin
 */
void egs_rounds_run(egs_control *control, const char *dsn, egs_round round, void *baton,
                    apr_interval_time_t away);

#endif
