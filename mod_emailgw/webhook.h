/*
 * A new webhook out of a call's parameters, the same for both families of commands.
 */
#ifndef EG_WEBHOOK_H
#define EG_WEBHOOK_H

#include "command.h"

typedef struct {
    const char *url;            /* as it is stored */
    apr_array_header_t *events; /* of const char *: eg_eventtype as text, ascending, each once */
} eg_webhook;

/** Event and WebhookURL; what is wrong with them goes to call->errors as 2, 3 and 5. */
void eg_webhook_parse(eg_webhook *hook, eg_call *call);

/** Add Status to a webhook's JSON, and FailingSince and Reason where they apply: of a row of list_webhooks. */
void eg_webhook_show_state(json_t *hook, const eg_rows *rows, int row);

/** The signing key as it is shown: "whsec_" and base64. @return other than APR_SUCCESS: logged */
apr_status_t eg_webhook_show_key(const char **text, eg_call *call, eg_bytes sealed);

#endif
