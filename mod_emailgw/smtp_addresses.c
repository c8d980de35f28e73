/* Who a message handed in by SMTP is from and who gets it. */
#include <string.h>

#include <apr_hash.h>
#include <apr_strings.h>

#include "addressfold.h"
#include "addresslist.h"
#include "hostname.h"
#include "rawfield.h"
#include "smtp_message.h"
#include "utf8.h"

/* The addresses of a field that may stand once. @return 0 when it is none; without the field the list is empty */
static int read_list(apr_array_header_t **list, const eg_smtp_message *m, const char *name)
{
    const eg_rawfield *field = eg_rawpart_find(&m->raw, m->header, name);

    *list = apr_array_make(m->call->pool, 1, sizeof(eg_rawaddress));
    return field == NULL || eg_rawfield_addresses(list, &m->raw, field, m->call->pool) == APR_SUCCESS;
}

/* Is its one address all that somebody can see in it? @return 0 when it is not, and the message refused */
static int check_clear(eg_smtp_message *m, const char *name)
{
    const eg_rawfield *field = eg_rawpart_find(&m->raw, m->header, name);

    if (eg_addresslist_is_clear(eg_rawfield_value(&m->raw, field, m->call->pool), m->call->pool)) {
        return 1;
    }
    return eg_smtp_refuse(
        m, 550, "5.1.7",
        "%s must have no group, no @ in a comment, and no @ without quotes before its address", name);
}

/* Without one its credential's own stands in. */
static int read_from(eg_smtp_message *m)
{
    apr_array_header_t *list;

    if (eg_rawpart_find(&m->raw, m->header, "From") == NULL) {
        m->mail.from = (eg_mail_address){ .name = NULL };
        return 1;
    }
    if (!read_list(&list, m, "From") || list->nelts != 1) {
        return eg_smtp_refuse(m, 550, "5.1.7", "From must have exactly one valid address");
    }
    if (!check_clear(m, "From")) {
        return 0;
    }
    m->mail.from.box = APR_ARRAY_IDX(list, 0, eg_rawaddress).box;
    m->mail.from.name = APR_ARRAY_IDX(list, 0, eg_rawaddress).name;
    return 1;
}

/*
 * Readers show it beside From as who really sent the mail (RFC 5322 section 3.6.2), so
 * it stays only where it is of From's domain: nobody's name is lent to others.
 */
static int read_sender(eg_smtp_message *m)
{
    apr_array_header_t *list;

    m->has_sender =
        read_list(&list, m, "Sender") && list->nelts == 1 && m->mail.from.box.domain != NULL &&
        eg_hostname_within(APR_ARRAY_IDX(list, 0, eg_rawaddress).box.domain, m->mail.from.box.domain);
    return !m->has_sender || check_clear(m, "Sender");
}

static int read_reply_to(eg_smtp_message *m)
{
    apr_array_header_t *list;

    if (!read_list(&list, m, "Reply-To")) {
        return eg_smtp_refuse(m, 554, "5.6.0", "Reply-To is not a list of valid addresses");
    }
    m->mail.reply_to = apr_array_make(m->call->pool, 1, sizeof(eg_mail_address));
    for (int i = 0; i < list->nelts; i++) {
        const eg_rawaddress *each = &APR_ARRAY_IDX(list, i, eg_rawaddress);

        APR_ARRAY_PUSH(m->mail.reply_to, eg_mail_address) = (eg_mail_address){ each->box, each->name };
    }
    return 1;
}

/* The name of each address that To or Cc shows, by the address. What is no list shows nobody. */
static apr_hash_t *read_shown(const eg_smtp_message *m, const char *field)
{
    apr_hash_t *shown = apr_hash_make(m->call->pool);
    apr_array_header_t *list;

    if (read_list(&list, m, field)) {
        for (int i = 0; i < list->nelts; i++) {
            const eg_rawaddress *each = &APR_ARRAY_IDX(list, i, eg_rawaddress);

            apr_hash_set(shown, eg_address_fold(each->box.address, m->call->pool), APR_HASH_KEY_STRING,
                         each->name);
        }
    }
    return shown;
}

static int add_recipient(eg_smtp_message *m, const char *recipient, apr_hash_t *to, apr_hash_t *cc)
{
    apr_array_header_t *list = m->mail.bcc;
    const char *folded, *name;
    eg_mailbox box;

    if (eg_mailbox_parse(&box, recipient, m->call->pool) != APR_SUCCESS) {
        return eg_smtp_refuse(m, 550, "5.1.3", "Recipient address is invalid: '%s'",
                              eg_utf8_excerpt(recipient, strlen(recipient), m->call->pool));
    }
    folded = eg_address_fold(box.address, m->call->pool);
    if ((name = apr_hash_get(to, folded, APR_HASH_KEY_STRING)) != NULL) {
        list = m->mail.to;
    }
    else if ((name = apr_hash_get(cc, folded, APR_HASH_KEY_STRING)) != NULL) {
        list = m->mail.cc;
    }
    APR_ARRAY_PUSH(list, eg_mail_address) = (eg_mail_address){ box, name != NULL ? name : "" };
    return 1;
}

/* Who gets it is said by the envelope alone; who is shown in To or Cc is that, and all others are Bcc. */
static int read_recipients(eg_smtp_message *m)
{
    apr_pool_t *pool = m->call->pool;
    apr_hash_t *to = read_shown(m, "To"), *cc = read_shown(m, "Cc");
    int count = m->envelope->recipients->nelts;

    m->mail.to = apr_array_make(pool, 1, sizeof(eg_mail_address));
    m->mail.cc = apr_array_make(pool, 1, sizeof(eg_mail_address));
    m->mail.bcc = apr_array_make(pool, 1, sizeof(eg_mail_address));
    if (count == 0) {
        return eg_smtp_refuse(m, 554, "5.5.1", "There is no recipient");
    }
    if (count > EG_RECIPIENTS_MAX_LIMIT) {
        return eg_smtp_refuse(m, 452, "4.5.3", "There are more than %d recipients", EG_RECIPIENTS_MAX_LIMIT);
    }
    for (int i = 0; i < count; i++) {
        if (!add_recipient(m, APR_ARRAY_IDX(m->envelope->recipients, i, const char *), to, cc)) {
            return 0;
        }
    }
    return 1;
}

int eg_smtp_message_addresses(eg_smtp_message *m)
{
    return read_from(m) && read_sender(m) && read_reply_to(m) && read_recipients(m);
}
