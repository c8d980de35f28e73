/* Log lines with a level and a message id; the host decides where they go. */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "utf8.h"

#define LINE_MAX_BYTES 4000 /* escaped */

void eg_log_at(const eg_log *log, eg_log_level level, apr_status_t rv, const char *format, ...)
{
    char raw[LINE_MAX_BYTES + 4]; /* a character that begins before the cut is whole */
    char line[LINE_MAX_BYTES + 1];
    va_list args;
    int length;

    if (log == NULL || level > log->level) {
        return;
    }
    va_start(args, format);
    length = vsnprintf(raw, sizeof raw, format, args);
    va_end(args);
    /* What cannot be formatted is still logged, with its id, as it stands in the source. */
    eg_utf8_escape(line, sizeof line, length < 0 ? format : raw, strlen(length < 0 ? format : raw));
    log->write(log, level, rv, line);
}
