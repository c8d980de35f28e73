/* eg_mailbox_parse: what it takes is safe on an SMTP command line and parses to itself. */
#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "mailbox.h"
#include "target.h"
#include "utf8.h"

static void check(const eg_mailbox *box, apr_pool_t *pool)
{
    size_t local = strlen(box->local);
    eg_mailbox again = { 0 };

    must(local > 0 && local <= EG_LOCAL_PART_MAX && strlen(box->address) <= EG_MAILBOX_MAX);
    must(eg_utf8_valid(box->address, strlen(box->address)));
    for (const char *c = box->address; *c != '\0'; c++) {
        must((unsigned char)*c >= ' ' && *c != 0x7F);
        must(box->local[0] == '"' || strchr(" <>()[]:;,\\\"", *c) == NULL);
    }
    must(strspn(box->domain, "abcdefghijklmnopqrstuvwxyz0123456789-.") == strlen(box->domain));
    must(eg_mailbox_parse(&again, box->address, pool) == APR_SUCCESS);
    must(strcmp(again.address, box->address) == 0 && strcmp(again.local, box->local) == 0 &&
         strcmp(again.domain, box->domain) == 0 && again.utf8_local == box->utf8_local);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    eg_mailbox box = { 0 };
    apr_pool_t *pool;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    if (eg_mailbox_parse(&box, apr_pstrmemdup(pool, (const char *)data, size), pool) == APR_SUCCESS) {
        check(&box, pool);
    }
    apr_pool_destroy(pool);
    return 0;
}
