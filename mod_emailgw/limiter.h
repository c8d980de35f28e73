/*
 * The shared memory that requests are counted in, over all children.
 */
#ifndef EGM_LIMITER_H
#define EGM_LIMITER_H

#include <httpd.h>

/**
 * Give every server its tables. The memory is made at the first start and
 * lasts as long as httpd's parent: a graceful restart, also with other
 * directives, goes on with the same counts. It has no name or file.
 * @return OK, or what stops the start, with the reason logged
 */
int egm_limiter_start(server_rec *main_server);

#endif
