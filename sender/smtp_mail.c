/* A mail over a connection: a dialogue over curl_easy_send and curl_easy_recv. */
#include <apr_strings.h>
#include <sys/epoll.h>

#include "smtp_conn.h"

#define IDLE_MAX apr_time_from_sec(10)
#define BODY_RATE 16384 /* bytes a second that a server must at least take of a body, all in all ... */
#define BODY_STALL apr_time_from_sec(3 * 60) /* ... and some within this (RFC 5321 section 4.5.3.2.5) */

static void end_mail(egs_smtp_conn *c)
{
    const egs_dialogue *d = &c->dialogue;
    egs_job *job = c->job;
    int mails = c->peer->mails;

    if (d->failed && c->used && d->stage <= EGS_STAGE_MAIL && (d->broken || d->stage == EGS_STAGE_RSET)) {
        c->clear = 0;
        egs_smtp_conn_open_anew(c);
        return;
    }
    egs_smtp_conn_set_reply(c, d->stage, &d->reply);
    job->outcome.result = d->failed ? EGS_DEFERRED : EGS_DELIVERED;
    job->outcome.ambiguous = egs_dialogue_ambiguous(d);
    egs_smtp_conn_set_peer(c);
    egs_smtp_conn_finish(c);
    if (d->broken) {
        egs_smtp_conn_hang_up(c);
        return;
    }
    c->used++;
    if (mails && c->used >= mails) {
        egs_smtp_conn_quit(c);
        return;
    }
    c->reset = d->failed && d->stage < EGS_STAGE_DOT;
    c->state = EGS_CONN_IDLE;
    c->deadline = egs_clock() + IDLE_MAX;
}

void egs_smtp_conn_lose(egs_smtp_conn *c, const char *problem)
{
    egs_dialogue *d = &c->dialogue;
    int decided = d->failed;

    egs_dialogue_cut(d);
    if (!decided) {
        apr_cpystrn(d->reply.text,
                    d->reply.text[0] ? apr_pstrcat(c->pool, problem, ": ", d->reply.text, NULL) : problem,
                    sizeof d->reply.text);
    }
    end_mail(c);
}

/* Whose lease is over must not say the last word: another may be saying it. */
static int has_lost_lease(const egs_smtp_conn *c)
{
    return egs_dialogue_at_body(&c->dialogue) && egs_clock() >= c->job->lease_end;
}

static void give_way(egs_smtp_conn *c)
{
    c->job->outcome.result = EGS_RELEASED;
    egs_smtp_conn_hang_up(c);
    egs_smtp_conn_finish(c);
}

/* For each block of a body while it goes out. */
static void set_body_deadline(egs_smtp_conn *c)
{
    apr_interval_time_t most = c->peer->command_timeout;

    c->deadline = egs_clock() + (most < BODY_STALL ? most : BODY_STALL);
    if (c->deadline > c->body_deadline) {
        c->deadline = c->body_deadline;
    }
}

static void set_deadline(egs_smtp_conn *c, egs_stage awaited, egs_stage written)
{
    const egs_dialogue *d = &c->dialogue;
    apr_time_t now = egs_clock();

    if (d->awaited == awaited && d->written == written) {
        return;
    }
    if (egs_dialogue_at_body(d)) {
        c->body_deadline =
            now + c->peer->command_timeout + apr_time_from_sec(c->job->message.size / BODY_RATE);
        set_body_deadline(c);
        return;
    }
    c->deadline = now + (d->awaited == EGS_STAGE_DOT ? c->peer->final_timeout : c->peer->command_timeout);
}

static void send_output(egs_smtp_conn *c)
{
    egs_stage awaited = c->dialogue.awaited, written = c->dialogue.written;
    const char *data;
    apr_size_t size, all = 0;
    CURLcode rc = CURLE_OK;

    for (;;) {
        size_t sent = 0;

        if (has_lost_lease(c)) {
            give_way(c);
            return;
        }
        data = egs_dialogue_output(&c->dialogue, &size);
        if (!data) {
            break;
        }
        rc = curl_easy_send(c->easy, data, size, &sent);
        if (rc != CURLE_OK) {
            break;
        }
        egs_dialogue_sent(&c->dialogue, sent);
        all += sent;
    }
    if (rc != CURLE_OK && rc != CURLE_AGAIN) {
        egs_smtp_conn_lose(c, "the connection was lost while sending");
        return;
    }
    if ((rc == CURLE_AGAIN) != c->wants_out) {
        c->wants_out = rc == CURLE_AGAIN;
        egs_smtp_conn_watch(c, c->fd, EPOLLIN | (c->wants_out ? EPOLLOUT : 0));
    }
    set_deadline(c, awaited, written);
    if (all && egs_dialogue_at_body(&c->dialogue)) {
        set_body_deadline(c);
    }
}

/* @return 0 when the mail is over */
static int receive(egs_smtp_conn *c)
{
    egs_stage awaited = c->dialogue.awaited, written = c->dialogue.written;
    size_t size = 0;
    CURLcode rc = curl_easy_recv(c->easy, c->smtp->input, sizeof c->smtp->input, &size);

    if (rc == CURLE_AGAIN) {
        return 1;
    }
    if (rc != CURLE_OK || size == 0) {
        egs_smtp_conn_lose(c, "the connection was closed");
        return 0;
    }
    egs_dialogue_input(&c->dialogue, c->smtp->input, size);
    if (c->dialogue.over) {
        end_mail(c);
        return 0;
    }
    set_deadline(c, awaited, written);
    return 1;
}

void egs_smtp_conn_start_mail(egs_smtp_conn *c)
{
    c->state = EGS_CONN_BUSY;
    c->deadline = egs_clock() + c->peer->command_timeout;
    if (egs_dialogue_start(&c->dialogue, c->job, c->extensions, c->reset) != APR_SUCCESS) {
        egs_smtp_conn_refuse(c->job, "5.6.7", "the server takes no internationalized addresses (SMTPUTF8)");
        egs_smtp_conn_set_peer(c);
        egs_smtp_conn_finish(c);
        c->state = EGS_CONN_IDLE;
        c->deadline = egs_clock() + IDLE_MAX;
        return;
    }
    send_output(c);
}

void egs_smtp_conn_go_on(egs_smtp_conn *c, int readable)
{
    if (readable && !receive(c)) {
        return;
    }
    send_output(c);
}
