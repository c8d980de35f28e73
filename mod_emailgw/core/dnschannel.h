/*
 * A c-ares channel as all DNS questions here want it: what those who wait for
 * their answers (dns.c) and those who do not have in common.
 */
#ifndef EG_DNSCHANNEL_H
#define EG_DNSCHANNEL_H

#include <ares.h>

#include "dns.h"

/**
 * @param resolver  its timeout is for each question, with all its repetitions
 * @param watch  told of sockets, or NULL
 * @param channel  to be given to ares_destroy
 * @return one of c-ares' status codes
 */
int eg_dnschannel_open(ares_channel *channel, const eg_dns_resolver *resolver, ares_sock_state_cb watch,
                       void *baton, apr_pool_t *pool);

/** Ask. @param answer  called once, perhaps before this returns, and by ares_destroy */
void eg_dnschannel_ask(ares_channel channel, const eg_dns_question *question, ares_callback answer,
                       void *baton);

/**
 * Set the answer by what c-ares gave its callback.
 * @param message  NULL: there is none
 */
void eg_dnschannel_answer(eg_dns_question *question, int status, const unsigned char *message, int size,
                          const eg_dns_resolver *resolver, apr_pool_t *pool);

#endif
