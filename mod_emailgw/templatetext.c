/* Subject, HTMLContent and PlainContent of a template: read, and checked as templates. */
#include "templatetext.h"

#include <string.h>

#include <apr_strings.h>

#include "mail.h"

/** A text and its faults. */
typedef struct {
    const char *name;
    int code;
    int max;  /* bytes */
    int line; /* on one line, and never empty */
} text_rules;

static const char *find_problem(const text_rules *rules, const json_t *value, apr_pool_t *pool)
{
    const char *text = json_string_value(value);
    eg_template_fault fault;

    if (text == NULL) {
        return "it must be a string";
    }
    if (strlen(text) > (size_t)rules->max) {
        return apr_psprintf(pool, "it has more than %d bytes", rules->max);
    }
    if (rules->line && (*text == '\0' || !eg_mail_is_line(text))) {
        return "it must not be empty, or contain CR or LF";
    }
    if (eg_template_check(&fault, text) != APR_SUCCESS) {
        return apr_psprintf(pool, "line %d, column %d: %s", fault.line, fault.column, fault.problem);
    }
    return NULL;
}

/* NULL when it is not there; with its fault noted, when it is no template. */
static const char *read_text(eg_call *call, const text_rules *rules)
{
    json_t *value = eg_call_arg(call, rules->name);
    const char *problem = value != NULL ? find_problem(rules, value, call->pool) : NULL;

    if (problem != NULL && !eg_errors_any(&call->errors)) {
        eg_errors_add(&call->errors, rules->code, "Invalid parameter '%s': %s", rules->name, problem);
    }
    return problem == NULL ? json_string_value(value) : NULL;
}

void eg_templatetext_parse(eg_templatetext *texts, eg_call *call)
{
    static const text_rules subject = { "Subject", EG_TEMPLATETEXT_SUBJECT, EG_SUBJECT_MAX, 1 };
    static const text_rules html = { "HTMLContent", EG_TEMPLATETEXT_HTML, EG_TEMPLATE_BYTES_MAX, 0 };
    static const text_rules plain = { "PlainContent", EG_TEMPLATETEXT_PLAIN, EG_TEMPLATE_BYTES_MAX, 0 };

    texts->subject = read_text(call, &subject);
    texts->html = read_text(call, &html);
    texts->plain = read_text(call, &plain);
}
