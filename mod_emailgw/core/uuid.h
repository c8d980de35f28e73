/*
 * Message ids: UUIDv7 (RFC 9562 section 5.7), so that an id carries its time.
 */
#ifndef EG_UUID_H
#define EG_UUID_H

#include "eg.h"

/** A new id: 48 bits of milliseconds, 74 random bits. */
apr_status_t eg_uuid_new(char text[EG_UUID_SIZE], apr_time_t now);

/** Any UUID in its 36-character form, either letter case. */
int eg_uuid_valid(const char *text);

#endif
