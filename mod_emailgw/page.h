/*
 * Pages of a list: what StartFrom and RetrieveCount, two optional EG_COUNTs, ask for.
 */
#ifndef EG_PAGE_H
#define EG_PAGE_H

#include "command.h"

/** How many to show: RetrieveCount, EG_PAGE_DEFAULT without it, EG_PAGE_MAX at most. */
eg_dbarg eg_page_count(const eg_call *call);

/** How many to pass over: StartFrom, 0 without it. */
eg_dbarg eg_page_start(const eg_call *call);

#endif
