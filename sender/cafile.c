#include "cafile.h"

#include <apr_strings.h>
#include <openssl/err.h>
#include <openssl/x509.h>

apr_status_t egs_cafile_check(const char **problem, const char *option, const char *path, apr_pool_t *pool)
{
    X509_STORE *store = path != NULL ? X509_STORE_new() : NULL;
    int loaded = store != NULL && X509_STORE_load_file(store, path) == 1;

    X509_STORE_free(store);
    if (path != NULL && !loaded) {
        ERR_clear_error();
        *problem =
            apr_psprintf(pool, "%s = %s: no file of certificates (PEM) that can be read", option, path);
        return APR_EINVAL;
    }
    return APR_SUCCESS;
}
