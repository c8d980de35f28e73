/*
 * Replies of an SMTP server, out of bytes as they come.
 */
#include <apr_lib.h>
#include <string.h>

#include "smtp_reply.h"
#include "utf8.h"

void egs_reply_start(egs_reply_reader *reader)
{
    reader->reply.code = 0;
    reader->reply.enhanced[0] = '\0';
    reader->reply.text[0] = '\0';
    reader->length = 0;
    reader->word_length = 0;
    reader->size = 0;
}

/* Length of "5.1.1" at the beginning of a text, which a blank or the end must follow; 0: none. */
static apr_size_t enhanced_length(const char *text, apr_size_t length, char reply_class)
{
    apr_size_t at = 1;

    if (length < 5 || text[0] != reply_class) {
        return 0;
    }
    for (int part = 0; part < 2; part++) {
        apr_size_t digits = 0;

        if (at >= length || text[at++] != '.') {
            return 0;
        }
        while (at < length && digits < 4 && apr_isdigit(text[at])) {
            at++;
            digits++;
        }
        if (digits < 1 || digits > 3) {
            return 0;
        }
    }
    return at == length || text[at] == ' ' ? at : 0;
}

static void add_words(egs_reply_reader *reader, const char *text, apr_size_t length)
{
    apr_size_t room = sizeof reader->words - reader->word_length;

    if (length && reader->word_length && room) {
        reader->words[reader->word_length++] = ' ';
        room--;
    }
    length = length < room ? length : room;
    memcpy(reader->words + reader->word_length, text, length);
    reader->word_length += length;
}

/* Every line repeats the enhanced code: that is kept once, and not in the text. */
static void take_text(egs_reply_reader *reader, const char *text, apr_size_t length)
{
    apr_size_t enhanced = enhanced_length(text, length, reader->line[0]);

    if (enhanced) {
        memcpy(reader->reply.enhanced, text, enhanced);
        reader->reply.enhanced[enhanced] = '\0';
        text += enhanced;
        length -= enhanced;
    }
    while (length && *text == ' ') {
        text++;
        length--;
    }
    add_words(reader, text, length);
}

static void finish_text(egs_reply_reader *reader)
{
    eg_utf8_escape(reader->reply.text, sizeof reader->reply.text, reader->words, reader->word_length);
}

static egs_reply_state garbage(egs_reply_reader *reader)
{
    reader->reply.code = 0;
    reader->reply.enhanced[0] = '\0';
    egs_reply_give_up(reader);
    return EGS_REPLY_GARBAGE;
}

void egs_reply_give_up(egs_reply_reader *reader)
{
    if (reader->length && reader->line[reader->length - 1] == '\r') {
        reader->length--;
    }
    add_words(reader, reader->line, reader->length);
    finish_text(reader);
}

/* "250-text", "250 text" or "250". Where lines differ, the last one counts. */
static egs_reply_state take_line(egs_reply_reader *reader)
{
    const char *line = reader->line;
    apr_size_t length = reader->length;

    if (length && line[length - 1] == '\r') {
        length--;
    }
    if (length < 3 || line[0] < '2' || line[0] > '5' || !apr_isdigit(line[1]) || !apr_isdigit(line[2]) ||
        (length > 3 && line[3] != ' ' && line[3] != '-')) {
        return garbage(reader);
    }
    reader->reply.code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
    if (length > 4) {
        take_text(reader, line + 4, length - 4);
    }
    reader->length = 0;
    if (length > 3 && line[3] == '-') {
        return EGS_REPLY_MORE;
    }
    if (reader->reply.enhanced[0] != line[0]) {
        reader->reply.enhanced[0] = '\0';
    }
    finish_text(reader);
    return EGS_REPLY_DONE;
}

egs_reply_state egs_reply_read(egs_reply_reader *reader, apr_size_t *used, const char *data, apr_size_t size)
{
    for (apr_size_t i = 0; i < size; i++) {
        *used = i + 1;
        if (++reader->size > EGS_REPLY_SIZE_MAX) {
            return garbage(reader);
        }
        if (data[i] == '\n') {
            egs_reply_state state = take_line(reader);

            if (state != EGS_REPLY_MORE) {
                return state;
            }
        }
        else if (reader->length < sizeof reader->line) {
            reader->line[reader->length++] = data[i];
        }
    }
    *used = size;
    return EGS_REPLY_MORE;
}
