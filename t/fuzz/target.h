/*
 * What all fuzzers have: the function that is called with each input, and what ends it
 * with a finding.
 */
#ifndef TARGET_H
#define TARGET_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline _Noreturn void target_end(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
    abort();
}

#define must(holds) ((holds) ? (void)0 : target_end(__FILE__, __LINE__, #holds))

#endif
