/* egs_reply_read: whatever comes, a reply is short, clean and plausible, and the same in whatever pieces it came. */
#include <string.h>

#include "smtp_reply.h"
#include "target.h"
#include "utf8.h"

static void check(const egs_reply *reply, egs_reply_state state)
{
    size_t length = strlen(reply->text);

    must(length <= EGS_REPLY_TEXT_MAX && eg_utf8_valid(reply->text, length));
    for (size_t i = 0; i < length; i++) {
        must((unsigned char)reply->text[i] >= ' ' && reply->text[i] != 0x7F);
    }
    must(state == EGS_REPLY_DONE ? reply->code >= 200 && reply->code <= 599 : reply->code == 0);
    must(!reply->enhanced[0] || (reply->enhanced[0] == '0' + reply->code / 100 && reply->enhanced[1] == '.'));
}

/** Two readers of the same bytes, in pieces of different sizes. */
typedef struct {
    egs_reply_reader reader;
    const char *at, *end;
    size_t piece;
} stream;

static void start(stream *s, const uint8_t *data, size_t size, size_t piece)
{
    *s = (stream){ .at = (const char *)data, .end = (const char *)data + size, .piece = piece };
    egs_reply_start(&s->reader);
}

/* Up to the end of a reply, or of all bytes. */
static egs_reply_state read_reply(stream *s)
{
    egs_reply_state state = EGS_REPLY_MORE;

    egs_reply_start(&s->reader);
    while (s->at < s->end && state == EGS_REPLY_MORE) {
        size_t left = (size_t)(s->end - s->at);
        apr_size_t used = 0;

        state = egs_reply_read(&s->reader, &used, s->at, left < s->piece ? left : s->piece);
        must(used > 0 && s->reader.size <= EGS_REPLY_SIZE_MAX + 1);
        s->at += used;
    }
    return state;
}

static void must_be_same(const egs_reply *a, const egs_reply *b)
{
    must(a->code == b->code && strcmp(a->enhanced, b->enhanced) == 0 && strcmp(a->text, b->text) == 0);
}

/* The first byte says how large the pieces are; beside it single bytes, and the whole. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    stream each[3];

    if (size == 0) {
        return 0;
    }
    start(&each[0], data + 1, size - 1, size);
    start(&each[1], data + 1, size - 1, (size_t)data[0] + 1);
    start(&each[2], data + 1, size - 1, 1);
    while (each[0].at < each[0].end) {
        egs_reply_state state = read_reply(&each[0]);

        for (int i = 1; i < 3; i++) {
            must(read_reply(&each[i]) == state && each[i].at == each[0].at);
        }
        if (state == EGS_REPLY_MORE) {
            egs_reply_give_up(&each[0].reader);
        }
        else {
            check(&each[0].reader.reply, state);
        }
        for (int i = 1; i < 3; i++) {
            if (state == EGS_REPLY_MORE) {
                egs_reply_give_up(&each[i].reader);
            }
            must_be_same(&each[0].reader.reply, &each[i].reader.reply);
        }
    }
    return 0;
}
