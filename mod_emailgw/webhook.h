/*
 * A new webhook out of a call's parameters, the same for both families of commands.
 */
#ifndef EG_WEBHOOK_H
#define EG_WEBHOOK_H

#include "command.h"

typedef struct {
    const char *url;            /* as it is stored */
    apr_array_header_t *events; /* of const char *: eg_eventtype as text, ascending, each once */
    const char *payload;        /* native, mailgun or postmark */
} eg_webhook;

/** Event, WebhookURL and Payload; what is wrong with them goes to call->errors as 2, 3, 5 and EG_E_PAYLOAD. */
void eg_webhook_parse(eg_webhook *hook, eg_call *call);

/** Add Payload and Status to a webhook's JSON, and FailingSince and Reason where they apply: of a row of list_webhooks. */
void eg_webhook_show_state(json_t *hook, const eg_rows *rows, int row);

/** The signing key as it is shown: "whsec_" and base64. @return other than APR_SUCCESS: logged */
apr_status_t eg_webhook_show_key(const char **text, eg_call *call, eg_bytes sealed);

#endif
