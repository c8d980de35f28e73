#include "webhook_facts.h"

#include <apr_strings.h>
#include <string.h>

#include "json.h"
#include "utf8.h"

/* Bytes; with all of them and the subject, and each escaped, a body stays under 20 kB. */
#define TEXT_MAX 1024
#define URL_MAX 4096
#define AGENT_MAX 512
#define WORD_MAX 255

static const char *text_of(const json_t *object, const char *key, apr_size_t max, apr_pool_t *pool)
{
    return eg_utf8_cut(json_string_value(json_object_get(object, key)), max, pool);
}

static void take_dialogue(egs_facts *facts, const json_t *smtp, apr_pool_t *pool)
{
    facts->code = (int)json_integer_value(json_object_get(smtp, "code"));
    facts->enhanced = text_of(smtp, "enhanced", WORD_MAX, pool);
    facts->text = text_of(smtp, "text", TEXT_MAX, pool);
    facts->host = text_of(smtp, "host", WORD_MAX, pool);
    facts->seconds = json_number_value(json_object_get(smtp, "seconds"));
    facts->tls = json_is_string(json_object_get(smtp, "tls"));
}

void egs_webhook_facts(egs_facts *facts, const egs_event *event, apr_pool_t *pool)
{
    const char *at = event->recipient ? strrchr(event->recipient, '@') : NULL;
    const json_t *detail = eg_json_stored(event->detail, pool), *bounce = json_object_get(detail, "bounce");
    const json_t *tags = eg_json_stored(event->tags, pool);

    memset(facts, 0, sizeof *facts);
    facts->subject = eg_utf8_cut(event->subject, EG_SUBJECT_MAX, pool);
    facts->recipient_domain = at ? at + 1 : NULL;
    facts->tags = json_is_array(tags) ? (json_t *)tags : eg_json_own(json_array(), pool);
    facts->attempt = (int)json_integer_value(json_object_get(detail, "attempt"));
    take_dialogue(facts, json_object_get(detail, "smtp"), pool);
    facts->class = text_of(bounce, "class", WORD_MAX, pool);
    facts->suppress = json_is_true(json_object_get(bounce, "suppress"));
    facts->url = text_of(detail, "url", URL_MAX, pool);
    facts->user_agent = text_of(detail, "ua", AGENT_MAX, pool);
    facts->ip = text_of(detail, "ip", WORD_MAX, pool);
}
