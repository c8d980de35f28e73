/*
 * Templates of the mails of a batch: what several of them name is read once, with what the next of them name.
 */
#ifndef EG_TEMPLATES_H
#define EG_TEMPLATES_H

#include "command.h"

typedef struct eg_templates eg_templates;

/**
 * @param call  of the batch, which it must not outlive
 * @param messages  array of the parameters of each mail
 */
eg_templates *eg_templates_make(eg_call *call, const json_t *messages);

/**
 * The template that a mail without TargetListID names.
 * @param rows  set on success, of sql get_batch_templates, until the next call; and ...
 * @param row  ... which of them it is
 * @param index  the mail's place in messages; calls are in the order of places
 * @param id  its TemplateID, 0 where it is no id
 * @return as eg_db_call
 */
apr_status_t eg_templates_find(const eg_rows **rows, int *row, eg_templates *templates, size_t index,
                               apr_int64_t id);

#endif
