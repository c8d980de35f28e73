/*
 * A bound on the CPU time that an input takes: many times what work takes that goes once
 * over the bytes, and a part of what it would take to look at all bytes for each byte.
 */
#ifndef CPUBOUND_H
#define CPUBOUND_H

#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CPUBOUND_TIMES 20
#endif
#endif
#if !defined(CPUBOUND_TIMES) && defined(__SANITIZE_ADDRESS__)
#define CPUBOUND_TIMES 20
#endif
#ifndef CPUBOUND_TIMES
#define CPUBOUND_TIMES 1
#endif

/* Since begun, by clock(), for so many bytes: 0.1 s, and 0.4 s more for 70 000. */
static inline void cpubound_check(clock_t begun, size_t size)
{
    double seconds = (double)(clock() - begun) / CLOCKS_PER_SEC;

    if (seconds > CPUBOUND_TIMES * (0.1 + 0.4 * (double)size / 70000)) {
        abort();
    }
}

#endif
