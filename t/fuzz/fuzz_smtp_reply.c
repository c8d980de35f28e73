/* egs_reply_read: whatever comes, in whatever pieces, a reply is short, clean and plausible. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "smtp_reply.h"
#include "utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds)
{
    if (!holds) {
        abort();
    }
}

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

/* The first byte says how large the pieces are. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t piece = size ? (size_t)data[0] + 1 : 1;
    egs_reply_reader reader;

    egs_reply_start(&reader);
    for (size_t at = 1; at < size;) {
        apr_size_t used = 0;
        egs_reply_state state =
            egs_reply_read(&reader, &used, (const char *)data + at, size - at < piece ? size - at : piece);

        must(used > 0 && reader.size <= EGS_REPLY_SIZE_MAX + 1);
        at += used;
        if (state != EGS_REPLY_MORE) {
            check(&reader.reply, state);
            egs_reply_start(&reader);
        }
    }
    egs_reply_give_up(&reader);
    return 0;
}
