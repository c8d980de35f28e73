/* eg_eventtype_*: ruling of the API on event names and their synonyms. */
#include <string.h>

#include "eventtype.h"
#include "testpool.h"

static const struct {
    const char *text;
    eg_eventtype type;
} cases[] = {
    { "send", EG_EVENT_SEND },
    { "sent", EG_EVENT_SEND },
    { "delivery", EG_EVENT_DELIVERY },
    { "Delivered", EG_EVENT_DELIVERY },
    { "deferred", EG_EVENT_DEFERRED },
    { "bounce", EG_EVENT_BOUNCE },
    { "BOUNCED", EG_EVENT_BOUNCE },
    { "suppressed", EG_EVENT_SUPPRESSED },
    { "cancelled", EG_EVENT_CANCELLED },
    { "open", EG_EVENT_OPEN },
    { "opened", EG_EVENT_OPEN },
    { "click", EG_EVENT_CLICK },
    { "clicked", EG_EVENT_CLICK },
    { "unsubscribe", EG_EVENT_UNSUBSCRIBE },
    { "unsubscribed", EG_EVENT_UNSUBSCRIBE },
    { "complaint", EG_EVENT_COMPLAINT },
    { "complained", EG_EVENT_COMPLAINT },
    { "", 0 },
    { " open", 0 },
    { "open ", 0 },
    { "opens", 0 },
    { "ope", 0 },
    { "1", 0 },
    { "open,click", 0 },
    { "' OR 1=1--", 0 },
    { "b\xC3\xB6unce", 0 },
};

static void knows_names_and_synonyms(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        print_message("# %s\n", cases[i].text);
        assert_int_equal(eg_eventtype_parse(cases[i].text), cases[i].type);
    }
}

/* The numbers are in the database. */
static void keeps_its_numbers(void **state)
{
    static const char *const names[] = { "send",      "delivery", "deferred", "bounce",      "suppressed",
                                         "cancelled", "open",     "click",    "unsubscribe", "complaint" };

    (void)state;
    for (int i = 0; i < 10; i++) {
        assert_string_equal(eg_eventtype_name(i + 1), names[i]);
        assert_int_equal(eg_eventtype_parse(names[i]), i + 1);
        assert_non_null(strstr(eg_eventtype_list(), names[i]));
    }
    assert_null(eg_eventtype_name(0));
    assert_null(eg_eventtype_name(11));
    assert_null(eg_eventtype_name(-1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(knows_names_and_synonyms),
        EG_TEST(keeps_its_numbers),
    };

    return EG_TEST_RUN(tests);
}
