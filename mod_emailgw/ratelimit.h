/*
 * Which calls are counted, by what, and what a refusal says: requests by their
 * sender key, failed authentications by the client's address. Both before the
 * database is asked.
 *
 * An address (of IPv6: its /64) that has failed too often gets no answer from
 * the database until its window ends, not even for a good credential: a guess
 * that may be right must not be told from one that is wrong. A key, or a login for
 * SMTP, that was good lately passes all the same, since many may share an address with
 * one whose key is stale: keys and these passwords are random, and who has one need not
 * guess. Sessions and passwords that people choose do not. Nothing else is counted
 * against an address.
 */
#ifndef EG_RATELIMIT_H
#define EG_RATELIMIT_H

#include "command.h"

/**
 * May the client's address try to authenticate?
 * @param key_hash  of the only credential, EG_HASH_SIZE bytes, where that is a key; else NULL
 * @param code  of the error that says no: EG_E_RATE or EG_E_NOT_AUTHENTICATED
 * @return 0 when not: the only error then says how long to wait
 */
int eg_ratelimit_client(eg_call *call, const unsigned char *key_hash, int code);

/** The client's address has tried with a credential that nobody has. @param key_hash  as above */
void eg_ratelimit_failed(eg_call *call, const unsigned char *key_hash);

/** The database knows this key. */
void eg_ratelimit_good(eg_call *call, const unsigned char *key_hash);

/**
 * May the client's address try to log in by this name over SMTP? Not when the address
 * has failed too often; nor when the name has, from whatever addresses, and this
 * address is one of them: others can still log in by it. A good login is told by
 * eg_ratelimit_good.
 * @param login_hash  of the name and the password together, EG_HASH_SIZE bytes
 * @return 0 when not: call->retry_after then says how long to wait
 */
int eg_ratelimit_login(eg_call *call, const char *username, const unsigned char *login_hash);

/** It has tried with a wrong name or password. @param login_hash  as above */
void eg_ratelimit_login_failed(eg_call *call, const char *username, const unsigned char *login_hash);

/**
 * Count the call on call->key_hash, whether or not the database will know it.
 * @return 0 when there were too many: the only error then says how long to wait
 */
int eg_ratelimit_key(eg_call *call);

#endif
