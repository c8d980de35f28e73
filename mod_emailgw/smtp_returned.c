#include "smtp_returned.h"

#include <string.h>

#include "mailbox.h"
#include "returnpath.h"

int eg_smtp_return_path_valid(const eg_secret *secret, const char *address, apr_pool_t *pool)
{
    eg_returnpath path;
    eg_mailbox box;

    return eg_mailbox_parse(&box, address, pool) == APR_SUCCESS &&
           eg_returnpath_parse(&path, box.local, secret, pool) == APR_SUCCESS;
}

apr_status_t eg_smtp_returned(eg_smtp_reply *reply, eg_call *call, const eg_smtp_envelope *envelope,
                              eg_bytes message)
{
    (void)call;
    (void)envelope;
    (void)message;
    *reply = (eg_smtp_reply){ 451, "4.3.0", "There is no place for returned mails yet: try again later" };
    return APR_SUCCESS;
}
