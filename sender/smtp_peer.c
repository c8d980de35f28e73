/* What the options say of all SMTP servers that the sender talks to. */
#include <apr_file_io.h>
#include <apr_strings.h>
#include <string.h>

#include "hostname.h"
#include "smtp_peer.h"

apr_status_t egs_peer_read_name(const char **name, const char **problem, const egs_options *options,
                                apr_pool_t *pool)
{
    *name = options->hostname ? options->hostname : eg_hostname_own(pool);
    if (strspn(*name, EGS_NAME_BYTES) != strlen(*name)) {
        *problem = apr_psprintf(pool, "hostname = %s: letters, digits, dots and hyphens are allowed", *name);
        return APR_EINVAL;
    }
    return APR_SUCCESS;
}

apr_status_t egs_peer_check_ca_file(const char **problem, const char *option, const char *path,
                                    apr_pool_t *pool)
{
    apr_file_t *file;
    char why[200];
    apr_status_t rv;

    if (!path) {
        return APR_SUCCESS;
    }
    rv = apr_file_open(&file, path, APR_FOPEN_READ, APR_OS_DEFAULT, pool);
    if (rv != APR_SUCCESS) {
        *problem = apr_psprintf(pool, "%s = %s: %s", option, path, apr_strerror(rv, why, sizeof why));
        return APR_EINVAL;
    }
    return apr_file_close(file);
}

void egs_peer_set_timeouts(egs_smtp_peer *peer, const egs_options *options)
{
    peer->connect_timeout = options->connect_timeout;
    peer->command_timeout = options->command_timeout;
    peer->final_timeout = options->final_timeout;
}
