/*
 * What all fuzzers have: the function that is called with each input, and what ends it
 * with a finding.
 */
#ifndef TARGET_H
#define TARGET_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void must(int holds)
{
    if (!holds) {
        abort();
    }
}

#endif
