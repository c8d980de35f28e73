/* emailgwctl domain source: the address that a domain's mail is sent from. */
#include <string.h>

#include "ctl.h"
#include "netaddr.h"

/* The address in its one form, or NULL for the system's choice. */
static int read_address(const char **address, egs_ctl *ctl, char buffer[EG_NETADDR_TEXT_SIZE])
{
    eg_netaddr parsed;

    *address = NULL;
    if (strcmp(ctl->second, "default") == 0) {
        return 0;
    }
    if (eg_netaddr_parse(&parsed, ctl->second, 0) != APR_SUCCESS || !eg_netaddr_is_source(&parsed)) {
        return egs_ctl_refuse(ctl,
                              "\"%s\" is no address to send from: an IPv4 or IPv6 address of one host is "
                              "needed, as in 192.0.2.1 or 2001:db8::1, or default",
                              ctl->second);
    }
    *address = eg_netaddr_text(buffer, &parsed);
    return 0;
}

static int set_source(egs_ctl *ctl)
{
    char buffer[EG_NETADDR_TEXT_SIZE];
    const char *name, *address;
    apr_int64_t account_id;
    eg_rows *rows;
    int failed = egs_ctl_domain(&name, ctl, ctl->operand);

    if (!failed) {
        failed = read_address(&address, ctl, buffer);
    }
    if (!failed) {
        failed = egs_ctl_account(&account_id, ctl);
    }
    if (!failed) {
        failed = egs_ctl_act(&rows, ctl, "ctl_domain_source",
                             EG_DB_ARGS(eg_db_int(account_id), eg_db_text(name), eg_db_text(address)));
    }
    if (!failed) {
        egs_ctl_show(ctl,
                     json_pack("{s:I, s:s, s:s?}", "domain_id", (json_int_t)eg_rows_int(rows, 0, "domain_id"),
                               "domain", name, "source_address", eg_rows_text(rows, 0, "source_address")));
    }
    return failed;
}

static const egs_ctl_option options[] = {
    { "user", "NAME", "whose domain", 1 },
    { NULL, NULL, NULL, 0 },
};

const egs_ctl_command egs_ctl_domain_source = {
    .name = "domain source",
    .operand = "NAME",
    .second = "ADDRESS|default",
    .options = options,
    .help = "the address of this machine that a domain's mail is sent from",
    .run = set_source,
};
