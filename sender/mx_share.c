/*
 * The places of a thread that strangers may have: destinations that have not answered yet. Names
 * cost nothing, and one host that says nothing can have any number of them, so the names of
 * one organisation have a part of the places, and those who have answered keep some for themselves.
 */
#include <string.h>

#include "hostname.h"
#include "mx_carrier.h"

static const char *organisation_of(const egs_transit *t)
{
    const char *name = eg_hostname_organisation(t->domain);

    return name ? name : t->domain;
}

egs_mx_admission egs_mx_admit(const egs_carrier *carrier, egs_transit *t)
{
    int connections = t->plan->connections, all = 0, own = 0;

    if (egs_destination_has_answered(t->destination)) {
        return EGS_MX_ADMITTED;
    }
    if (!t->organisation) {
        t->organisation = organisation_of(t);
    }
    for (const egs_transit *other = carrier->strangers; other; other = other->next) {
        all++;
        own += !strcmp(other->organisation, t->organisation);
    }
    if (own >= (connections + 1) / 2) {
        return EGS_MX_TOO_MANY;
    }
    return all < (connections * 3 + 3) / 4 ? EGS_MX_ADMITTED : EGS_MX_CROWDED;
}

void egs_mx_note_start(egs_carrier *carrier, egs_transit *t)
{
    t->is_stranger = !egs_destination_has_answered(t->destination) && t->organisation;
    if (t->is_stranger) {
        t->next = carrier->strangers;
        carrier->strangers = t;
    }
}

void egs_mx_note_end(egs_carrier *carrier, const egs_transit *t)
{
    egs_transit **at = &carrier->strangers;

    if (!t->is_stranger) {
        return;
    }
    while (*at != t) {
        at = &(*at)->next;
    }
    *at = t->next;
}
