/* eg_datetime_*: the documented forms, RFC 3339. */
#include <string.h>

#include "datetime.h"
#include "testpool.h"

#define REFUSED APR_INT64_C(-1)

static const struct {
    const char *text;
    apr_int64_t seconds;
    int microseconds;
} cases[] = {
    /* Unix seconds */
    { "1617235200", 1617235200, 0 },
    { "0", 0, 0 },
    { "000", 0, 0 },
    { "253402300799", 253402300799, 0 },
    { "253402300800", REFUSED, 0 },
    { "9223372036854775808", REFUSED, 0 },
    { "99999999999999999999999999999999999999999999999999", REFUSED, 0 },
    { "-1", REFUSED, 0 },
    { "+1", REFUSED, 0 },
    { "1617235200.5", REFUSED, 0 },
    { "1e9", REFUSED, 0 },
    { " 1617235200", REFUSED, 0 },
    { "1617235200 ", REFUSED, 0 },
    { "0x60652c00", REFUSED, 0 },
    /* dates */
    { "1970-01-01", 0, 0 },
    { "2021-04-01", 1617235200, 0 },
    { "2000-02-29", 951782400, 0 },
    { "2024-02-29", 1709164800, 0 },
    { "9999-12-31", 253402214400, 0 },
    { "2023-02-29", REFUSED, 0 },
    { "2100-02-29", REFUSED, 0 },
    { "2021-04-31", REFUSED, 0 },
    { "2021-00-01", REFUSED, 0 },
    { "2021-13-01", REFUSED, 0 },
    { "2021-01-00", REFUSED, 0 },
    { "2021-01-32", REFUSED, 0 },
    { "0000-01-01", REFUSED, 0 },
    { "1969-12-31", REFUSED, 0 },
    { "10000-01-01", REFUSED, 0 },
    { "2021-4-1", REFUSED, 0 },
    { "21-04-01", REFUSED, 0 },
    { "2021/04/01", REFUSED, 0 },
    { "01-04-2021", REFUSED, 0 },
    { "2021-04", REFUSED, 0 },
    { "2021-04-01Z", REFUSED, 0 },
    { "2021-04-01x", REFUSED, 0 },
    { "2021-04-01 ", REFUSED, 0 },
    { "2021-04-01T", REFUSED, 0 },
    { "", REFUSED, 0 },
    { " ", REFUSED, 0 },
    { "now", REFUSED, 0 },
    { "infinity", REFUSED, 0 },
    { "2021-04-01'; DROP TABLE event;--", REFUSED, 0 },
    /* YYYY-MM-DD HH:MM:SS */
    { "2021-04-01 12:30:59", 1617280259, 0 },
    { "2021-04-01 00:00:00", 1617235200, 0 },
    { "2021-04-01 23:59:59", 1617321599, 0 },
    { "2021-04-01 24:00:00", REFUSED, 0 },
    { "2021-04-01 12:60:00", REFUSED, 0 },
    { "2021-04-01 12:30:61", REFUSED, 0 },
    { "2021-04-01 12:30", REFUSED, 0 },
    { "2021-04-01 12", REFUSED, 0 },
    { "2021-04-01  12:30:59", REFUSED, 0 },
    { "2021-04-01 12:30:59 ", REFUSED, 0 },
    { "2021-04-01 1:30:59", REFUSED, 0 },
    { "2021-04-01 12:30:59 PM", REFUSED, 0 },
    { "2021-04-01\n12:30:59", REFUSED, 0 },
    { "2021-02-30 12:30:59", REFUSED, 0 },
    /* RFC 3339 and ISO 8601 */
    { "2026-01-31T08:00:00Z", 1769846400, 0 },
    { "2026-01-31t08:00:00z", 1769846400, 0 },
    { "2026-01-31T08:00:00", 1769846400, 0 },
    { "2026-01-31T08:00Z", 1769846400, 0 },
    { "2026-01-31T08:00:00.5Z", 1769846400, 500000 },
    { "2026-01-31T08:00:00,25Z", 1769846400, 250000 },
    { "2026-01-31T08:00:00.123456789Z", 1769846400, 123456 },
    { "2026-01-31T08:00:00.000000Z", 1769846400, 0 },
    { "2026-01-31T08:00:00+05:30", 1769826600, 0 },
    { "2026-01-31T08:00:00-08:00", 1769875200, 0 },
    { "2026-01-31T08:00:00-0800", 1769875200, 0 },
    { "2026-01-31T08:00:00+02", 1769839200, 0 },
    { "2026-01-31T08:00:00-00:00", 1769846400, 0 },
    { "2026-01-31 08:00:00+00:00", 1769846400, 0 },
    { "1969-12-31T23:30:00-01:00", 1800, 0 },
    { "1970-01-01T00:30:00+01:00", REFUSED, 0 },
    { "9999-12-31T23:59:59Z", 253402300799, 0 },
    { "9999-12-31T23:59:59-00:01", REFUSED, 0 },
    { "2016-12-31T23:59:60Z", 1483228800, 0 },
    { "2017-01-01T00:59:60+01:00", 1483228800, 0 },
    { "2016-12-31T12:00:60Z", REFUSED, 0 },
    { "2026-01-31T08:00:00.Z", REFUSED, 0 },
    { "2026-01-31T08:00:00.5.5Z", REFUSED, 0 },
    { "2026-01-31T08:00.5Z", REFUSED, 0 },
    { "2026-01-31T08:00:00ZZ", REFUSED, 0 },
    { "2026-01-31T08:00:00 Z", REFUSED, 0 },
    { "2026-01-31T08:00:00+24:00", REFUSED, 0 },
    { "2026-01-31T08:00:00+05:60", REFUSED, 0 },
    { "2026-01-31T08:00:00+5", REFUSED, 0 },
    { "2026-01-31T08:00:00+05:3", REFUSED, 0 },
    { "2026-01-31T08:00:00+05:", REFUSED, 0 },
    { "2026-01-31T08:00:00+", REFUSED, 0 },
    { "2026-01-31T08:00:00GMT", REFUSED, 0 },
    { "2026-01-31T25:00:00Z", REFUSED, 0 },
    { "2026-W05-6", REFUSED, 0 },
    { "20260131T080000Z", REFUSED, 0 },
    { "Sat, 31 Jan 2026 08:00:00 GMT", REFUSED, 0 },
    { "\xD9\xA2\xD9\xA0\xD9\xA2\xD9\xA6-01-31", REFUSED, 0 },
};

static void parses_or_refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        apr_time_t time = 4711;
        apr_status_t rv = eg_datetime_parse(&time, cases[i].text);

        print_message("# %s\n",
                      cases[i].text[0] != '\0' && strchr(cases[i].text, '\n') == NULL ? cases[i].text : "-");
        assert_int_equal(rv, cases[i].seconds == REFUSED ? APR_EINVAL : APR_SUCCESS);
        assert_true(time ==
                    (rv == APR_SUCCESS ? cases[i].seconds * APR_USEC_PER_SEC + cases[i].microseconds : 4711));
    }
}

static void writes_rfc_3339(void **state)
{
    static const struct {
        apr_time_t time;
        const char *text;
    } times[] = {
        { 0, "1970-01-01T00:00:00Z" },
        { 1, "1970-01-01T00:00:00.000001Z" },
        { APR_INT64_C(1769846400) * APR_USEC_PER_SEC, "2026-01-31T08:00:00Z" },
        { APR_INT64_C(1769846400) * APR_USEC_PER_SEC + 250000, "2026-01-31T08:00:00.250000Z" },
        { APR_INT64_C(951782400) * APR_USEC_PER_SEC, "2000-02-29T00:00:00Z" },
        { APR_INT64_C(253402300800) * APR_USEC_PER_SEC - 1, "9999-12-31T23:59:59.999999Z" },
    };
    char buffer[EG_DATETIME_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        apr_time_t again;

        assert_string_equal(eg_datetime_format(buffer, times[i].time), times[i].text);
        assert_int_equal(eg_datetime_parse(&again, buffer), APR_SUCCESS);
        assert_true(again == times[i].time);
    }
}

/* Each day of four centuries, written by APR, must be read as itself. */
static void agrees_with_the_calendar(void **state)
{
    char buffer[EG_DATETIME_SIZE];

    (void)state;
    for (apr_int64_t day = 0; day < 146097 + 3; day++) {
        apr_time_t time = day * 86400 * APR_USEC_PER_SEC, again = -1;

        assert_int_equal(eg_datetime_parse(&again, eg_datetime_format(buffer, time)), APR_SUCCESS);
        assert_true(again == time);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(parses_or_refuses),
        EG_TEST(writes_rfc_3339),
        EG_TEST(agrees_with_the_calendar),
    };

    return EG_TEST_RUN(tests);
}
