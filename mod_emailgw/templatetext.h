/*
 * The three texts of a template as commands take them.
 */
#ifndef EG_TEMPLATETEXT_H
#define EG_TEMPLATETEXT_H

#include "command.h"
#include "template.h"

/** NULL: not given. */
typedef struct {
    const char *subject;      /* never empty */
    const char *html, *plain; /* may be empty: there is to be none */
} eg_templatetext;

/** Codes that its faults have, the same for all commands. */
enum { EG_TEMPLATETEXT_SUBJECT = 3, EG_TEMPLATETEXT_HTML = 4, EG_TEMPLATETEXT_PLAIN = 5 };

/** Read Subject, HTMLContent and PlainContent of call->args; the first fault goes to call->errors. */
void eg_templatetext_parse(eg_templatetext *texts, eg_call *call);

#endif
