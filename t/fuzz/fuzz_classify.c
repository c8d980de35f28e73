/* Replies: whatever a server says, nobody is suppressed for less than a permanent refusal of the address. */
#include <apr_general.h>
#include <stdlib.h>
#include <string.h>

#include "classify.h"
#include "target.h"

static void check(const egs_verdict *verdict, egs_stage stage, int code, const char *enhanced)
{
    must(verdict->action != EGS_ACTION_BOUNCE || (code / 100 == 5 && stage >= EGS_STAGE_MAIL));
    must((verdict->action == EGS_ACTION_DELIVERED) == (egs_class_name(verdict->class) == NULL));
    must(verdict->class != EGS_CLASS_EXPIRED);
    must(verdict->slow_down || code != 421 || verdict->class == EGS_CLASS_POLICY);
    if (verdict->suppress) {
        must(verdict->class == EGS_CLASS_RECIPIENT && (stage == EGS_STAGE_NONE || stage >= EGS_STAGE_RCPT));
        must(code / 100 == 5 || (code == 0 && stage == EGS_STAGE_NONE && enhanced[0] == '5'));
        must(strncmp(enhanced, "5.3.", 4) && strncmp(enhanced, "5.4.", 4) && strncmp(enhanced, "5.7.", 4));
    }
}

/* Provider, stage, two bytes of code; "5.1.1" up to a line feed; the text. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    egs_provider provider;
    egs_stage stage;
    egs_verdict verdict;
    char *enhanced, *text;
    int code;

    if (size < 4) {
        return 0;
    }
    provider = (egs_provider)(data[0] % (EGS_PROVIDER_COMCAST + 1));
    stage = (egs_stage)(data[1] % (EGS_STAGE_DOT + 1));
    code = (data[2] * 256 + data[3]) % 600;
    enhanced = calloc(1, size);
    must(enhanced != NULL);
    memcpy(enhanced, data + 4, size - 4);
    text = strchr(enhanced, '\n');
    if (text) {
        *text++ = '\0';
    }
    verdict = egs_classify(provider, stage, code, *enhanced ? enhanced : NULL, text);
    check(&verdict, stage, code, enhanced);
    (void)egs_provider_of(text);
    free(enhanced);
    return 0;
}
