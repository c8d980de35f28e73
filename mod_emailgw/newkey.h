/*
 * A new sender key of a domain, the same for AddAPI and ReplaceAPI.
 */
#ifndef EG_NEWKEY_H
#define EG_NEWKEY_H

#include "command.h"

/** A key of the caller's account, sealed. @return other than APR_SUCCESS: logged */
apr_status_t eg_newkey_make(eg_apikey *key, eg_call *call);

/** Answer as AddAPI does. @param rows  one row: api_key_id and permissions as they were stored */
void eg_newkey_reply(eg_call *call, const eg_apikey *key, const eg_rows *rows, const char *domain_id,
                     const char *description);

#endif
