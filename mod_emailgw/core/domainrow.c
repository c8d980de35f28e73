/* A domain as SQL gives and takes it. */
#include "domainrow.h"

#include <string.h>

void eg_domainrow_facts(eg_domainfacts *facts, const eg_rows *rows, int row)
{
    *facts = (eg_domainfacts){
        .name = eg_rows_text(rows, row, "name"),
        .ownership_token = eg_rows_text(rows, row, "ownership_token"),
        .dkim_selector = eg_rows_text(rows, row, "dkim_selector"),
        .dkim_record = eg_rows_text(rows, row, "dkim_record"),
        .subdomain = eg_rows_text(rows, row, "subdomain"),
        .mail_host = eg_rows_text(rows, row, "mail_host"),
        .tracking_host = eg_rows_text(rows, row, "tracking_host"),
        .tracking_url = eg_rows_text(rows, row, "tracking_base_url"),
    };
}

/* Is this word among those with commas between them? */
static int has(const char *list, const char *word)
{
    apr_size_t length = strlen(word);

    for (const char *at = list; at != NULL; at = strchr(at, ',') != NULL ? strchr(at, ',') + 1 : NULL) {
        if (strncmp(at, word, length) == 0 && (at[length] == ',' || at[length] == '\0')) {
            return 1;
        }
    }
    return 0;
}

void eg_domainrow_recall(eg_domainrecord *records, int count, const eg_rows *rows, int row)
{
    const char *verified = eg_rows_text(rows, row, "records_verified");
    const char *failed = eg_rows_text(rows, row, "records_failed");

    for (int i = 0; i < count; i++) {
        const char *purpose = eg_record_purpose_name(records[i].purpose);

        records[i].state = has(verified, purpose) ? EG_RECORD_HOLDS
                           : has(failed, purpose) ? EG_RECORD_FAILS
                                                  : EG_RECORD_UNKNOWN;
    }
}

const char *eg_domainrow_outcome(eg_record_state state)
{
    return state == EG_RECORD_HOLDS ? "holds" : state == EG_RECORD_FAILS ? "fails" : "unknown";
}

apr_size_t eg_domainrow_purposes(const char *purposes[EG_RECORDS_MAX], const eg_domaincheck *check,
                                 eg_record_state state)
{
    apr_size_t count = 0;

    for (int i = 0; i < check->count; i++) {
        if (check->records[i].state == state) {
            purposes[count++] = eg_record_purpose_name(check->records[i].purpose);
        }
    }
    return count;
}
