/*
 * How often a character stands in a text: whether something was escaped shows there.
 */
#ifndef COUNTOF_H
#define COUNTOF_H

#include <string.h>

static inline int countof_char(const char *text, char c)
{
    int count = 0;

    for (; (text = strchr(text, c)) != NULL; text++) {
        count++;
    }
    return count;
}

#endif
