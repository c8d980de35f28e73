#include "submission.h"

#include <string.h>

#define PASSWORD_SIZE 24 /* random bytes: 32 characters, since some devices take no more */

apr_status_t eg_submission_password_new(eg_submission_password *password, const eg_call *call)
{
    const char *text = eg_random_text(PASSWORD_SIZE, call->pool);

    if (text == NULL) {
        eg_log_at(call->log, EG_LOG_ERR, APR_EGENERAL,
                  EGLOGNO(0152) "a password for SMTP could not be made: no random bytes");
        return APR_EGENERAL;
    }
    password->text = text;
    eg_secret_hash(password->hash, text, strlen(text));
    return APR_SUCCESS;
}

json_t *eg_submission_ports(const eg_call *call)
{
    json_t *ports = json_array();

    for (int i = 0; i < call->limits->submission_ports->nelts; i++) {
        json_array_append_new(ports,
                              json_string(APR_ARRAY_IDX(call->limits->submission_ports, i, const char *)));
    }
    return ports;
}
