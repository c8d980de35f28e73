/*
 * Ways for a rendered message to leave.
 */
#include <apr_strings.h>
#include <string.h>

#include "transport.h"

static const egs_transport *const transports[] = { &egs_transport_outbox, &egs_transport_relay,
                                                   &egs_transport_mx };

apr_status_t egs_transport_choose(const egs_transport **transport, const egs_plan **plan,
                                  const char **problem, const egs_options *options, apr_pool_t *pool)
{
    apr_size_t length = strcspn(options->transport, ":");

    for (apr_size_t i = 0; i < sizeof transports / sizeof *transports; i++) {
        if (strlen(transports[i]->name) == length &&
            !strncmp(transports[i]->name, options->transport, length)) {
            apr_status_t rv = transports[i]->prepare(plan, problem, options, pool);

            if (rv == APR_SUCCESS) {
                *transport = transports[i];
            }
            return rv;
        }
    }
    *problem = apr_psprintf(pool, "transport = %s: there is no such transport", options->transport);
    return APR_EINVAL;
}
