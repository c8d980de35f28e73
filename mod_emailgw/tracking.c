#include "tracking.h"

#include <string.h>

#include <apr_cstr.h>
#include <apr_strings.h>
#include <http_core.h>
#include <http_protocol.h>

#include "config.h"
#include "linkpage.h"
#include "request.h"
#include "response.h"
#include "trackevent.h"
#include "trackspool.h"
#include "useragent.h"
#include "uuid.h"

#define PATIENCE apr_time_from_sec(3) /* with the database: somebody waits for what is behind the link */
#define FORM_MAX 8192                 /* bytes of a form that unsubscribes */

/* The smallest image: GIF89a, one pixel, transparent. */
static const unsigned char pixel[] = { 'G', 'I',  'F',  '8',  '9',  'a',  1, 0, 1, 0,    0x80, 0, 0,    0, 0,
                                       0,   0xff, 0xff, 0xff, 0x21, 0xf9, 4, 1, 0, 0,    0,    0, 0x2c, 0, 0,
                                       0,   0,    1,    0,    1,    0,    0, 2, 2, 0x44, 1,    0, 0x3b };

int egm_tracking_owns(const request_rec *r, const char *path)
{
    eg_track_purpose purpose;
    const char *token;

    return eg_tracktoken_path(&purpose, &token, path,
                              egm_config_of_server(r->server)->settings.tracking_path);
}

/* ---- answers -------------------------------------------------------------------------------------- */

static int send_bytes(request_rec *r, int status, const char *type, const void *bytes, apr_size_t size)
{
    r->status = status;
    r->status_line = NULL;
    ap_set_content_type(r, type);
    ap_set_content_length(r, (apr_off_t)size);
    if (!r->header_only) {
        ap_rwrite(bytes, (int)size, r);
    }
    return OK;
}

static int send_page(request_rec *r, int status, const char *page)
{
    apr_table_setn(r->headers_out, "Content-Security-Policy", eg_linkpage_policy(r->pool));
    apr_table_setn(r->headers_out, "X-Content-Type-Options", "nosniff");
    return send_bytes(r, status, "text/html; charset=utf-8", page, strlen(page));
}

static int send_gone(request_rec *r)
{
    return send_page(r, HTTP_NOT_FOUND, eg_linkpage_gone(r->pool));
}

/* ---- what has happened goes to the database, or to the spool --------------------------------------- */

/* @param known  stays as it is where only the database knows @return other than APR_SUCCESS: it is lost */
static apr_status_t record(int *known, const eg_trackevent *event, request_rec *r, const eg_call *call)
{
    if (eg_trackevent_record(known, event, call->db) == APR_SUCCESS) {
        return APR_SUCCESS;
    }
    return egm_trackspool_add(event, r, call->log);
}

static apr_status_t tell(int *known, eg_eventtype type, const eg_track_mail *mail, const char *url,
                         request_rec *r, const eg_call *call)
{
    const char *agent = apr_table_get(r->headers_in, "User-Agent");
    char *event_id = apr_palloc(r->pool, EG_UUID_SIZE);
    eg_trackevent event = { .event_id = event_id,
                            .mail = *mail,
                            .type = type,
                            .at = r->request_time,
                            .machine = r->header_only || eg_useragent_is_machine(agent),
                            .detail = eg_trackevent_detail(r->useragent_ip, agent, url, r->pool) };
    apr_status_t rv = eg_uuid_new(event_id, r->request_time);

    return rv == APR_SUCCESS ? record(known, &event, r, call) : rv;
}

/* ---- links ---------------------------------------------------------------------------------------- */

/* Another account's tokens are unknown in a virtual host that is bound to one. */
static int verify(eg_track_mail *mail, eg_track_purpose purpose, const char *token, const char *target,
                  const eg_call *call)
{
    return eg_tracktoken_verify(mail, purpose, token, target, call->secret, call->pool) == APR_SUCCESS &&
           (call->limits->account_id == 0 || call->limits->account_id == mail->account_id);
}

/* Whoever asks gets the image: it must not tell which tokens are good. */
static int answer_open(request_rec *r, const eg_call *call, const char *token)
{
    eg_track_mail mail;
    int known;

    if (verify(&mail, EG_TRACK_OPEN, token, NULL, call)) {
        tell(&known, EG_EVENT_OPEN, &mail, NULL, r, call);
    }
    return send_bytes(r, HTTP_OK, "image/gif", pixel, sizeof pixel);
}

/* Who clicks wants to get there, whatever becomes of the event. */
static int answer_click(request_rec *r, const eg_call *call, const char *token)
{
    const char *target = eg_tracktoken_target(r->args, r->pool);
    eg_track_mail mail;
    int known;

    if (target == NULL || !verify(&mail, EG_TRACK_CLICK, token, target, call)) {
        return send_gone(r);
    }
    tell(&known, EG_EVENT_CLICK, &mail, target, r, call);
    apr_table_setn(r->headers_out, "Location", target);
    return send_bytes(r, HTTP_MOVED_TEMPORARILY, "text/html; charset=utf-8", "", 0);
}

/** Whom a page speaks of. */
typedef struct {
    const char *email, *domain; /* NULL where the database cannot say */
    int gone;                   /* the mail is */
} subject;

static subject look_up(const eg_track_mail *mail, const eg_call *call)
{
    subject found = { NULL, NULL, 0 };
    eg_rows *rows;

    if (eg_db_call(&rows, call->db, EG_DB_REPEATABLE, "get_unsubscribe",
                   EG_DB_ARGS(eg_db_int(mail->account_id), eg_db_text(mail->message_id),
                              eg_db_int(mail->recipient_no))) != APR_SUCCESS) {
        return found;
    }
    found.gone = eg_rows_count(rows) == 0;
    if (!found.gone) {
        found.email = eg_rows_text(rows, 0, "email");
        found.domain = eg_rows_text(rows, 0, "domain");
    }
    return found;
}

/* RFC 8058 section 3.2: List-Unsubscribe=One-Click, in a form of either kind. */
static int asks_to_unsubscribe(const eg_call *call)
{
    const char *value = json_string_value(eg_call_arg(call, EG_UNSUBSCRIBE_FIELD));

    return value != NULL && apr_cstr_casecmp(value, EG_UNSUBSCRIBE_VALUE) == 0;
}

static int unsubscribe(request_rec *r, eg_call *call, const eg_track_mail *mail)
{
    eg_limits limits = *call->limits;
    int known = 1, status;
    subject found;

    limits.body_max = FORM_MAX;
    egm_response_watch_filters(r);
    if (!egm_request_read(call, &status, r, &limits)) {
        return status;
    }
    found = look_up(mail, call);
    if (!asks_to_unsubscribe(call)) {
        return send_page(r, HTTP_BAD_REQUEST, eg_linkpage_ask(found.email, found.domain, r->pool));
    }
    if (tell(&known, EG_EVENT_UNSUBSCRIBE, mail, NULL, r, call) != APR_SUCCESS) {
        apr_table_setn(r->headers_out, "Retry-After", EGM_RETRY_AFTER);
        return send_page(r, HTTP_SERVICE_UNAVAILABLE, eg_linkpage_later(r->pool));
    }
    return known ? send_page(r, HTTP_OK, eg_linkpage_done(found.email, found.domain, r->pool)) : send_gone(r);
}

/* Looking at the page changes nothing: scanners do that to each link. */
static int answer_unsubscribe(request_rec *r, eg_call *call, const char *token)
{
    eg_track_mail mail;
    subject found;

    if (!verify(&mail, EG_TRACK_UNSUBSCRIBE, token, NULL, call)) {
        return send_gone(r);
    }
    if (r->method_number == M_POST) {
        return unsubscribe(r, call, &mail);
    }
    found = look_up(&mail, call);
    return found.gone ? send_gone(r)
                      : send_page(r, HTTP_OK, eg_linkpage_ask(found.email, found.domain, r->pool));
}

int egm_tracking_answer(request_rec *r, eg_call *call, const char *path)
{
    eg_track_purpose purpose;
    const char *token, *methods;

    eg_tracktoken_path(&purpose, &token, path, egm_config_of_server(r->server)->settings.tracking_path);
    methods = purpose == EG_TRACK_UNSUBSCRIBE ? "GET, HEAD, POST" : "GET, HEAD";
    apr_table_setn(r->headers_out, "Cache-Control", "no-store");
    apr_table_setn(r->headers_out, "Referrer-Policy", "no-referrer");
    apr_table_setn(r->headers_out, "X-Robots-Tag", "noindex");
    if (r->method_number != M_GET && (r->method_number != M_POST || purpose != EG_TRACK_UNSUBSCRIBE)) {
        apr_table_setn(r->err_headers_out, "Allow", methods);
        return egm_response_fail(r, HTTP_METHOD_NOT_ALLOWED, "This link takes the methods %s only", methods);
    }
    if (call->db->limit > PATIENCE) {
        call->db->limit = PATIENCE;
    }
    return purpose == EG_TRACK_OPEN    ? answer_open(r, call, token)
           : purpose == EG_TRACK_CLICK ? answer_click(r, call, token)
                                       : answer_unsubscribe(r, call, token);
}
