/* Event types and the synonyms that the API reference uses for them. */
#include "eventtype.h"

#include <apr_cstr.h>

static const struct {
    eg_eventtype type;
    const char *name;
    const char *synonym; /* NULL where webhooks are not told */
} types[] = {
    { EG_EVENT_SEND, "send", "sent" },
    { EG_EVENT_DELIVERY, "delivery", "delivered" },
    { EG_EVENT_DEFERRED, "deferred", NULL },
    { EG_EVENT_BOUNCE, "bounce", "bounced" },
    { EG_EVENT_SUPPRESSED, "suppressed", NULL },
    { EG_EVENT_CANCELLED, "cancelled", NULL },
    { EG_EVENT_OPEN, "open", "opened" },
    { EG_EVENT_CLICK, "click", "clicked" },
    { EG_EVENT_UNSUBSCRIBE, "unsubscribe", "unsubscribed" },
    { EG_EVENT_COMPLAINT, "complaint", "complained" },
};

eg_eventtype eg_eventtype_parse(const char *name)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (apr_cstr_casecmp(name, types[i].name) == 0 ||
            (types[i].synonym != NULL && apr_cstr_casecmp(name, types[i].synonym) == 0)) {
            return types[i].type;
        }
    }
    return 0;
}

const char *eg_eventtype_name(int type)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if ((int)types[i].type == type) {
            return types[i].name;
        }
    }
    return NULL;
}

const char *eg_eventtype_list(void)
{
    return "send, delivery, deferred, bounce, suppressed, cancelled, open, click, unsubscribe, complaint";
}

const char *eg_eventtype_synonym(int type)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if ((int)types[i].type == type) {
            return types[i].synonym;
        }
    }
    return NULL;
}

const char *eg_eventtype_webhook_list(void)
{
    return "send, delivery, bounce, open, click, unsubscribe, complaint";
}
