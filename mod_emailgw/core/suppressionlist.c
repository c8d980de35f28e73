#include "suppressionlist.h"

#include <string.h>

#include <apr_cstr.h>

#include "mailbox.h"
#include "utf8.h"

void eg_suppressionlist_open(eg_suppressionlist *list, const char *text, apr_size_t length)
{
    eg_csv_open(&list->csv, text, length);
    list->address_column = 0;
    list->reason_column = 1;
    list->begun = 0;
}

int eg_suppressionlist_is_reason(const char *text)
{
    return *text != '\0' && strlen(text) <= EG_SUPPRESSION_REASON_MAX && eg_utf8_is_line(text);
}

static int is_address_name(const char *text)
{
    static const char *const names[] = { "address",      "email",         "e-mail",
                                         "emailaddress", "email address", "recipient" };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (apr_cstr_casecmp(text, names[i]) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Does it name its columns? Then they are where it says. */
static int take_header(eg_suppressionlist *list, const eg_csv_record *record)
{
    int address = -1, reason = EG_CSV_FIELDS_MAX;

    for (int i = 0; i < record->count; i++) {
        if (address < 0 && is_address_name(record->fields[i])) {
            address = i;
        }
        else if (apr_cstr_casecmp(record->fields[i], "reason") == 0) {
            reason = i;
        }
    }
    if (address < 0) {
        return 0;
    }
    list->address_column = address;
    list->reason_column = reason;
    return 1;
}

static void read_entry(eg_suppressionlist_entry *entry, const eg_suppressionlist *list,
                       const eg_csv_record *record, apr_pool_t *pool)
{
    const char *reason = list->reason_column < record->count ? record->fields[list->reason_column] : NULL;
    eg_mailbox box;

    if (record->count <= list->address_column) {
        entry->problem = "the address is missing";
        return;
    }
    if (eg_mailbox_parse(&box, record->fields[list->address_column], pool) != APR_SUCCESS) {
        entry->problem = "it is no address: local@domain is needed, without name or brackets";
        return;
    }
    if (reason != NULL && *reason != '\0' && !eg_suppressionlist_is_reason(reason)) {
        entry->problem = "the reason is too long, or has control characters";
        return;
    }
    entry->address = box.address;
    entry->reason = reason != NULL && *reason != '\0' ? reason : NULL;
}

int eg_suppressionlist_next(eg_suppressionlist_entry *entry, eg_suppressionlist *list, apr_pool_t *pool)
{
    eg_csv_record record;
    int is_first = !list->begun;

    list->begun = 1;
    if (!eg_csv_next(&record, &list->csv, pool) ||
        (is_first && record.problem == NULL && take_header(list, &record) &&
         !eg_csv_next(&record, &list->csv, pool))) {
        return 0;
    }
    *entry = (eg_suppressionlist_entry){ .line = record.line, .problem = record.problem };
    if (record.problem == NULL) {
        read_entry(entry, list, &record, pool);
    }
    return 1;
}
