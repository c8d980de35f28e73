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

/** An id that no message has. */
#define EG_UUID_NONE "00000000-0000-0000-0000-000000000000"

#define EG_UUID_BYTES 16

/** Its bytes. @param text  one that eg_uuid_valid takes */
void eg_uuid_to_bytes(unsigned char bytes[EG_UUID_BYTES], const char *text);

/** And back, in lower case. */
void eg_uuid_from_bytes(char text[EG_UUID_SIZE], const unsigned char bytes[EG_UUID_BYTES]);

#endif
