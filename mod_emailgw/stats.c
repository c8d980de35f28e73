/*
 * Counters as the API shows them.
 */
#include "stats.h"

#include <apr_strings.h>

#include "event.h"
#include "eventtype.h"

/* Counted beside the events: the first open and click of a recipient (emailgw_api.count_events). */
enum { FIRST_OPEN = 100 + EG_EVENT_OPEN, FIRST_CLICK = 100 + EG_EVENT_CLICK };

static const struct {
    int type;
    const char *name;
} shown[] = {
    { EG_EVENT_SEND, "Sent" },
    { EG_EVENT_DELIVERY, "Delivered" },
    { EG_EVENT_BOUNCE, "Bounced" },
    { EG_EVENT_DEFERRED, "Deferred" },
    { EG_EVENT_OPEN, "Opened" },
    { FIRST_OPEN, "UniqueOpened" },
    { EG_EVENT_CLICK, "Clicked" },
    { FIRST_CLICK, "UniqueClicked" },
    { EG_EVENT_UNSUBSCRIBE, "Unsubscribed" },
    { EG_EVENT_COMPLAINT, "Complained" },
    { EG_EVENT_SUPPRESSED, "Suppressed" },
    { EG_EVENT_CANCELLED, "Cancelled" },
};

/* Each is a part of those that could have come to it: of sends, or of deliveries. */
static const struct {
    int type;
    const char *name;
    int of;
} rates[] = {
    { EG_EVENT_DELIVERY, "DeliveryRate", EG_EVENT_SEND },
    { EG_EVENT_BOUNCE, "BounceRate", EG_EVENT_SEND },
    { EG_EVENT_DEFERRED, "DeferralRate", EG_EVENT_SEND },
    { EG_EVENT_OPEN, "OpenRate", EG_EVENT_DELIVERY },
    { FIRST_OPEN, "UniqueOpenRate", EG_EVENT_DELIVERY },
    { EG_EVENT_CLICK, "ClickRate", EG_EVENT_DELIVERY },
    { FIRST_CLICK, "UniqueClickRate", EG_EVENT_DELIVERY },
    { EG_EVENT_UNSUBSCRIBE, "UnsubscribeRate", EG_EVENT_DELIVERY },
    { EG_EVENT_COMPLAINT, "ComplaintRate", EG_EVENT_DELIVERY },
};

/* Out of {"1": 5, "2": 4}. */
static json_int_t count_of(const json_t *counts, int type)
{
    char key[16];

    apr_snprintf(key, sizeof key, "%d", type);
    return json_integer_value(json_object_get(counts, key));
}

/* To six digits; of nothing it is 0. */
static double rate(json_int_t part, json_int_t whole)
{
    return whole > 0 ? (double)((part * 1000000 + whole / 2) / whole) / 1e6 : 0;
}

/* Each type with its number, as counts has them. */
static json_t *numbers(const json_t *counts)
{
    json_t *stats = json_object();

    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
        json_object_set_new(stats, shown[i].name, json_integer(count_of(counts, shown[i].type)));
    }
    return stats;
}

json_t *eg_stats_numbers_json(const eg_rows *rows, int row, apr_pool_t *pool)
{
    return numbers(eg_event_column(rows, row, "counts", pool));
}

json_t *eg_stats_json(const eg_rows *rows, int row, apr_pool_t *pool)
{
    const json_t *counts = eg_event_column(rows, row, "counts", pool);
    json_t *stats = numbers(counts);

    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        json_object_set_new(stats, rates[i].name,
                            json_real(rate(count_of(counts, rates[i].type), count_of(counts, rates[i].of))));
    }
    return stats;
}
