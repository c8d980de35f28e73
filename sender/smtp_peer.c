/* What the options say of all SMTP servers that the sender talks to. */
#include <apr_strings.h>
#include <string.h>

#include "hostname.h"
#include "smtp_peer.h"

apr_status_t egs_peer_read_name(const char **name, const char **problem, const egs_options *options,
                                apr_pool_t *pool)
{
    *name = options->hostname ? options->hostname : eg_hostname_own(pool);
    if (strspn(*name, EG_HOST_NAME_BYTES) != strlen(*name)) {
        *problem = apr_psprintf(pool, "hostname = %s: letters, digits, dots and hyphens are allowed", *name);
        return APR_EINVAL;
    }
    return APR_SUCCESS;
}

void egs_peer_set_timeouts(egs_smtp_peer *peer, const egs_options *options)
{
    peer->connect_timeout = options->connect_timeout;
    peer->command_timeout = options->command_timeout;
    peer->final_timeout = options->final_timeout;
}
