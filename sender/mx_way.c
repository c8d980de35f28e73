/* A mail on its way to the addresses of its route, and its end. */
#include <apr_strings.h>

#include "classify.h"
#include "mx_carrier.h"

#define ADDRESSES_MAX 5 /* that one attempt goes to */

void egs_mx_finish(egs_carrier *carrier, egs_transit *t)
{
    carrier->begun--;
    if (t->route) {
        egs_routes_give_back(t->route);
    }
    if (t->destination) {
        egs_destination_give_back(t->plan->destinations, t->destination);
    }
    t->job->carried = NULL;
    egs_jobs_add(&carrier->finished, t->job);
}

void egs_mx_finish_as(egs_carrier *carrier, egs_transit *t, egs_result result, const char *enhanced,
                      const char *text)
{
    egs_outcome *outcome = &t->job->outcome;

    outcome->result = result;
    outcome->enhanced = enhanced;
    outcome->text = apr_pstrdup(t->job->pool, text);
    egs_mx_finish(carrier, t);
}

/* By its domain's policy, or its own client's wish. */
static int needs_tls(const egs_transit *t)
{
    return t->is_enforced || t->job->content->needs_tls;
}

/* Where it is to go next, and how. Once for each address, however often it is asked for a place there. */
static void aim(egs_transit *t)
{
    const egs_route_host *host = egs_route_host_at(t->route, t->host, t->dice);
    egs_job *job = t->job;

    if (t->peer.key) {
        return;
    }
    t->shape = egs_shape_find(t->plan->shapes, host->name);
    t->peer = t->plan->peer;
    t->peer.host = apr_pstrdup(job->pool, host->name); /* the outcome outlives the route */
    t->peer.address = host->addresses[t->address];
    t->peer.tls = needs_tls(t) ? EGS_TLS_REQUIRED : t->shape->tls;
    t->peer.mails = t->shape->mails;
    t->peer.key =
        apr_psprintf(job->pool, "%s\n%s\n%d\n%s\n%d\n%s", t->peer.host, t->peer.address, t->peer.port,
                     t->peer.helo, t->peer.tls, t->peer.ca_file ? t->peer.ca_file : "");
}

static void send_to_host(egs_carrier *carrier, egs_transit *t)
{
    aim(t);
    t->tries++;
    t->job->outcome = (egs_outcome){ .result = EGS_RELEASED };
    egs_smtp_begin(carrier->smtp, t->job, &t->peer);
}

int egs_mx_opens(const egs_carrier *carrier, egs_transit *t)
{
    aim(t);
    return !egs_smtp_has_idle(carrier->smtp, &t->peer, t->job->content->source);
}

void egs_mx_start(egs_carrier *carrier, egs_transit *t)
{
    carrier->under_way++;
    carrier->places--;
    t->job->begun = egs_clock();
    egs_mx_note_start(carrier, t);
    send_to_host(carrier, t);
}

int egs_mx_skip_forbidden(egs_transit *t)
{
    while (t->host < t->route->host_count && t->is_enforced &&
           !egs_sts_allows(&t->policy, egs_route_host_at(t->route, t->host, t->dice)->name)) {
        t->host++;
    }
    return t->host < t->route->host_count;
}

/* The next address, of the same host or of the next one. */
static int move_on(egs_transit *t)
{
    if (t->tries >= ADDRESSES_MAX || egs_clock() >= t->job->lease_end) {
        return 0;
    }
    t->peer.key = NULL;
    if (++t->address >= egs_route_host_at(t->route, t->host, t->dice)->address_count) {
        t->address = 0;
        t->host++;
    }
    return egs_mx_skip_forbidden(t);
}

/* No mail could be offered there. */
static int is_unreachable(const egs_outcome *outcome)
{
    return outcome->result == EGS_DEFERRED && outcome->stage != EGS_STAGE_NONE &&
           outcome->stage < EGS_STAGE_RSET;
}

static int wants_less(const egs_outcome *outcome)
{
    return egs_classify(egs_provider_of(outcome->host), outcome->stage, outcome->smtp_code, outcome->enhanced,
                        outcome->text)
        .slow_down;
}

/*
 * Only what speaks of the whole destination is held against it: not one domain's bad
 * host among all those of a provider, nor what a policy or a mail asks of a host.
 */
static int speaks_of_all(const egs_transit *t)
{
    return !needs_tls(t) && !t->is_at_provider;
}

static egs_left judge(const egs_transit *t)
{
    const egs_outcome *outcome = &t->job->outcome;

    if (t->wants_less) {
        return EGS_LEFT_SLOW_DOWN;
    }
    if (is_unreachable(outcome)) {
        return speaks_of_all(t) ? EGS_LEFT_UNREACHABLE : EGS_LEFT_UNTRIED;
    }
    return outcome->smtp_code ? EGS_LEFT_WELL : EGS_LEFT_UNTRIED;
}

void egs_mx_settle(egs_carrier *carrier, egs_job *job)
{
    egs_transit *t = job->carried;

    t->wants_less |= wants_less(&job->outcome);
    if (is_unreachable(&job->outcome) && move_on(t)) {
        send_to_host(carrier, t);
        return;
    }
    carrier->under_way--;
    egs_mx_note_end(carrier, t);
    egs_destination_leave(t->destination, judge(t), job->begun, job->outcome.text ? job->outcome.text : "");
    egs_mx_wake_queue(carrier, t->destination);
    egs_mx_finish(carrier, t);
}
