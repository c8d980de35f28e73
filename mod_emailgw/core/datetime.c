/* The documented date forms <-> UTC apr_time_t. */
#include "datetime.h"

#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

#define DAY_SECONDS 86400
#define SECONDS_MAX APR_INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

/* What is left to be read; each step moves it on, or fails and leaves it. */
typedef struct {
    const char *at;
} scanner;

/* Exactly count digits as a number. */
static int take_digits(scanner *in, int count, int *number)
{
    int sum = 0;

    for (int i = 0; i < count; i++) {
        if (!apr_isdigit(in->at[i])) {
            return 0;
        }
        sum = sum * 10 + (in->at[i] - '0');
    }
    in->at += count;
    *number = sum;
    return 1;
}

static int take_any(scanner *in, const char *set)
{
    if (*in->at == '\0' || strchr(set, *in->at) == NULL) {
        return 0;
    }
    in->at++;
    return 1;
}

static int days_in(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && leap);
}

/* Days since 1970-01-01 of a date in the Gregorian calendar. */
static apr_int64_t days_since_1970(int year, int month, int day)
{
    int past = year - 1; /* whole years since the year 1 */
    apr_int64_t days = past * APR_INT64_C(365) + past / 4 - past / 100 + past / 400;

    for (int m = 1; m < month; m++) {
        days += days_in(year, m);
    }
    return days + day - 1 - 719162; /* from 0001-01-01 to 1970-01-01 */
}

static int take_date(scanner *in, apr_int64_t *seconds)
{
    int year, month, day;

    if (!take_digits(in, 4, &year) || !take_any(in, "-") || !take_digits(in, 2, &month) ||
        !take_any(in, "-") || !take_digits(in, 2, &day) || year < 1 || month < 1 || month > 12 || day < 1 ||
        day > days_in(year, month)) {
        return 0;
    }
    *seconds = days_since_1970(year, month, day) * DAY_SECONDS;
    return 1;
}

/* ".25": kept to the microsecond, the rest is cut off. */
static int take_fraction(scanner *in, apr_int64_t *microseconds)
{
    apr_int64_t unit = APR_USEC_PER_SEC / 10, sum = 0;

    *microseconds = 0;
    if (!take_any(in, ".,")) {
        return 1;
    }
    if (!apr_isdigit(*in->at)) {
        return 0;
    }
    for (; apr_isdigit(*in->at); in->at++, unit /= 10) {
        sum += (*in->at - '0') * unit;
    }
    *microseconds = sum;
    return 1;
}

/* "Z", "+02:00", "+0200", "+02" or nothing, which is UTC too. Seconds east of UTC. */
static int take_offset(scanner *in, int *east)
{
    int sign = *in->at == '-' ? -1 : 1, hours, minutes = 0;

    *east = 0;
    if (*in->at == '\0' || take_any(in, "Zz")) {
        return 1;
    }
    if (!take_any(in, "+-") || !take_digits(in, 2, &hours)) {
        return 0;
    }
    if (*in->at != '\0') {
        take_any(in, ":");
        if (!take_digits(in, 2, &minutes)) {
            return 0;
        }
    }
    *east = sign * (hours * 3600 + minutes * 60);
    return hours <= 23 && minutes <= 59;
}

/*
 * What follows a date: the time of day, added to both parts. ISO 8601 lets
 * seconds be absent, the form with a space does not.
 */
static int take_time(scanner *in, apr_int64_t *seconds, apr_int64_t *microseconds)
{
    int iso = *in->at != ' ', hour, minute, second = 0, east;

    if (!take_any(in, "Tt ") || !take_digits(in, 2, &hour) || !take_any(in, ":") ||
        !take_digits(in, 2, &minute) || hour > 23 || minute > 59) {
        return 0;
    }
    if (take_any(in, ":")) {
        if (!take_digits(in, 2, &second) || second > 60 || !take_fraction(in, microseconds)) {
            return 0;
        }
    }
    else if (!iso) {
        return 0;
    }
    if (!take_offset(in, &east)) {
        return 0;
    }
    *seconds += hour * 3600 + minute * 60 + second - east;
    /* A leap second ends a day of UTC, and is the first second of the next one here. */
    return second < 60 || *seconds % DAY_SECONDS == 0;
}

static int take_unix_seconds(scanner *in, apr_int64_t *seconds)
{
    apr_int64_t sum = 0;

    for (; apr_isdigit(*in->at) && sum <= SECONDS_MAX; in->at++) {
        sum = sum * 10 + (*in->at - '0');
    }
    *seconds = sum;
    return *in->at == '\0';
}

apr_status_t eg_datetime_parse(apr_time_t *time, const char *text)
{
    scanner in = { text };
    apr_int64_t seconds, microseconds = 0;

    if (*text == '\0') {
        return APR_EINVAL;
    }
    if (text[strspn(text, "0123456789")] == '\0') {
        if (!take_unix_seconds(&in, &seconds)) {
            return APR_EINVAL;
        }
    }
    else if (!take_date(&in, &seconds) || (*in.at != '\0' && !take_time(&in, &seconds, &microseconds))) {
        return APR_EINVAL;
    }
    if (*in.at != '\0' || seconds < 0 || seconds > SECONDS_MAX) {
        return APR_EINVAL;
    }
    *time = seconds * APR_USEC_PER_SEC + microseconds;
    return APR_SUCCESS;
}

int eg_datetime_is_day(const char *text)
{
    apr_time_t time;

    return strlen(text) == 10 && text[4] == '-' && eg_datetime_parse(&time, text) == APR_SUCCESS;
}

const char *eg_datetime_format(char buffer[EG_DATETIME_SIZE], apr_time_t time)
{
    apr_time_exp_t at;
    int length;

    apr_time_exp_gmt(&at, time);
    length = apr_snprintf(buffer, EG_DATETIME_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d", at.tm_year + 1900,
                          at.tm_mon + 1, at.tm_mday, at.tm_hour, at.tm_min, at.tm_sec);
    if (at.tm_usec != 0) {
        apr_snprintf(buffer + length, EG_DATETIME_SIZE - (apr_size_t)length, ".%06dZ", at.tm_usec);
    }
    else {
        apr_snprintf(buffer + length, EG_DATETIME_SIZE - (apr_size_t)length, "Z");
    }
    return buffer;
}

const char *eg_datetime_format_mail(char buffer[EG_DATETIME_MAIL_SIZE], apr_time_t time)
{
    apr_time_exp_t utc;

    apr_time_exp_gmt(&utc, time);
    apr_snprintf(buffer, EG_DATETIME_MAIL_SIZE, "%s, %d %s %d %02d:%02d:%02d +0000",
                 apr_day_snames[utc.tm_wday], utc.tm_mday, apr_month_snames[utc.tm_mon], utc.tm_year + 1900,
                 utc.tm_hour, utc.tm_min, utc.tm_sec);
    return buffer;
}
