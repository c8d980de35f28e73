#include "tracking.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <apr_cstr.h>
#include <apr_hash.h>
#include <apr_strings.h>
#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <mod_watchdog.h>
#include <unixd.h>

#include "config.h"
#include "keyfile.h"
#include "linkpage.h"
#include "mod_emailgw.h"
#include "request.h"
#include "response.h"
#include "spool.h"
#include "store.h"
#include "trackevent.h"
#include "trackreplay.h"
#include "useragent.h"
#include "uuid.h"

#define AWAY_TIME apr_time_from_sec(2) /* for which a database that did not answer is not asked again */
#define FORM_MAX 8192                  /* bytes of a form that unsubscribes */
#define NAME_BYTES 8                   /* of a hash: a virtual host's name in the spool */

/* The smallest image: GIF89a, one pixel, transparent. */
static const unsigned char pixel[] = { 'G', 'I',  'F',  '8',  '9',  'a',  1, 0, 1, 0,    0x80, 0, 0,    0, 0,
                                       0,   0xff, 0xff, 0xff, 0x21, 0xf9, 4, 1, 0, 0,    0,    0, 0x2c, 0, 0,
                                       0,   0,    1,    0,    1,    0,    0, 2, 2, 0x44, 1,    0, 0x3b };

/** Of this child. */
static struct {
    eg_spool *spool;     /* NULL without EmailGatewayTrackingSpool */
    apr_hash_t *servers; /* name in the spool -> server_rec, of those with the engine on */
    int told;            /* that there is no spool */
} child;

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

static int is_away(request_rec *r)
{
    return __atomic_load_n(&egm_config_of_server(r->server)->away_until, __ATOMIC_RELAXED) > apr_time_now();
}

static void note_away(request_rec *r)
{
    __atomic_store_n(&egm_config_of_server(r->server)->away_until, apr_time_now() + AWAY_TIME,
                     __ATOMIC_RELAXED);
}

/* "" where there is nobody to tell servers apart for. */
static const char *name_of(const server_rec *s, apr_pool_t *pool)
{
    unsigned char hash[EG_HASH_SIZE];
    char *name = apr_palloc(pool, 2 * NAME_BYTES + 1);
    const char *text = apr_psprintf(pool, "%s:%d", s->server_hostname != NULL ? s->server_hostname : "",
                                    s->addrs != NULL ? s->addrs->host_port : s->port);

    eg_secret_hash(hash, text, strlen(text));
    eg_keyfile_hex(name, hash, NAME_BYTES);
    return name;
}

static apr_status_t add_to_spool(const eg_trackevent *event, request_rec *r, const eg_log *log)
{
    apr_status_t rv;

    if (child.spool == NULL) {
        if (!__atomic_exchange_n(&child.told, 1, __ATOMIC_RELAXED)) {
            eg_log_at(log, EG_LOG_WARN, APR_SUCCESS,
                      EGLOGNO(0170) "clicks and opens are lost while the database is away: there is no "
                                    "EmailGatewayTrackingSpool");
        }
        return APR_ENOENT;
    }
    rv = eg_spool_add(child.spool, name_of(r->server, r->pool), eg_trackevent_line(event, r->pool),
                      event->type != EG_EVENT_OPEN);
    if (rv != APR_SUCCESS) {
        eg_log_at(log, EG_LOG_ERR, rv, EGLOGNO(0171) "EmailGatewayTrackingSpool: a %s cannot be written down",
                  eg_eventtype_name(event->type));
    }
    return rv;
}

/* @param known  stays as it is where only the database knows @return other than APR_SUCCESS: it is lost */
static apr_status_t record(int *known, const eg_trackevent *event, request_rec *r, const eg_call *call)
{
    if (!is_away(r)) {
        if (eg_trackevent_record(known, event, call->db) == APR_SUCCESS) {
            return APR_SUCCESS;
        }
        note_away(r);
    }
    return add_to_spool(event, r, call->log);
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

static subject look_up(const eg_track_mail *mail, request_rec *r, const eg_call *call)
{
    subject found = { NULL, NULL, 0 };
    eg_rows *rows;

    if (is_away(r) || eg_db_call(&rows, call->db, EG_DB_REPEATABLE, "get_unsubscribe",
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
    found = look_up(mail, r, call);
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
    found = look_up(&mail, r, call);
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
    return purpose == EG_TRACK_OPEN    ? answer_open(r, call, token)
           : purpose == EG_TRACK_CLICK ? answer_click(r, call, token)
                                       : answer_unsubscribe(r, call, token);
}

/* ---- the spool ------------------------------------------------------------------------------------ */

static void write_server_log(const eg_log *log, eg_log_level level, apr_status_t rv, const char *line)
{
    static const int levels[] = { APLOG_ERR, APLOG_WARNING, APLOG_INFO, APLOG_DEBUG };

    ap_log_error(APLOG_MARK, levels[level], rv, (server_rec *)log->baton, "%s", line);
}

static apr_status_t read_spool_file(void *baton, const char *name, const char *text, apr_size_t length,
                                    apr_pool_t *pool)
{
    server_rec *server = apr_hash_get(child.servers, name, APR_HASH_KEY_STRING);
    const eg_log log = { .write = write_server_log, .level = EG_LOG_DEBUG, .baton = server };

    (void)baton;
    return eg_trackreplay(text, length, egm_store_of_server(server, &log, pool), pool);
}

/* Is it worth closing the files that are being written? */
static int is_any_back(apr_pool_t *pool)
{
    for (apr_hash_index_t *i = apr_hash_first(pool, child.servers); i != NULL; i = apr_hash_next(i)) {
        server_rec *server = apr_hash_this_val(i);
        const eg_log log = { .write = write_server_log, .level = EG_LOG_DEBUG, .baton = server };
        eg_db *db = egm_store_of_server(server, &log, pool);
        eg_pgconn *conn = db->take(db);

        if (conn != NULL) {
            db->give(db, conn, 0);
            return 1;
        }
    }
    return 0;
}

/* Each second, in a thread of each child. */
static apr_status_t watch_spool(int state, void *data, apr_pool_t *pool)
{
    (void)data;
    if (state == AP_WATCHDOG_STATE_RUNNING && child.spool != NULL && eg_spool_waits(child.spool, pool) &&
        is_any_back(pool)) {
        eg_spool_close(child.spool);
        eg_spool_read(child.spool, read_spool_file, NULL, pool);
    }
    return APR_SUCCESS;
}

void egm_tracking_child_init(apr_pool_t *pool, server_rec *main_server)
{
    const char *directory = egm_config_of_server(main_server)->settings.tracking_spool;
    apr_array_header_t *names = apr_array_make(pool, 4, sizeof(const char *));
    eg_spool *spool;

    child.servers = apr_hash_make(pool);
    for (server_rec *s = main_server; s != NULL; s = s->next) {
        if (egm_config_of_server(s)->settings.engine == EGM_ON) {
            const char *name = name_of(s, pool);

            apr_hash_set(child.servers, name, APR_HASH_KEY_STRING, s);
            APR_ARRAY_PUSH(names, const char *) = name;
        }
    }
    if (directory != NULL && eg_spool_make(&spool, directory, names, pool) == APR_SUCCESS) {
        child.spool = spool;
    }
}

/* As root, for the user that the children will be. One that is there is none of ours to give away. */
static apr_status_t make_directory(const char *directory)
{
    struct stat about;

    if (mkdir(directory, 0700) == 0) {
        return geteuid() != 0 || chown(directory, ap_unixd_config.user_id, ap_unixd_config.group_id) == 0
                   ? APR_SUCCESS
                   : errno;
    }
    if (errno != EEXIST || stat(directory, &about) != 0) {
        return errno;
    }
    if (!S_ISDIR(about.st_mode)) {
        return ENOTDIR;
    }
    return about.st_uid == (geteuid() == 0 ? ap_unixd_config.user_id : geteuid()) ? APR_SUCCESS : EACCES;
}

static apr_status_t start_watching(apr_pool_t *pool)
{
    APR_OPTIONAL_FN_TYPE(ap_watchdog_get_instance) *get = APR_RETRIEVE_OPTIONAL_FN(ap_watchdog_get_instance);
    APR_OPTIONAL_FN_TYPE(ap_watchdog_register_callback) *add =
        APR_RETRIEVE_OPTIONAL_FN(ap_watchdog_register_callback);
    ap_watchdog_t *watchdog;
    apr_status_t rv;

    if (get == NULL || add == NULL) {
        return APR_ENOTIMPL;
    }
    rv = get(&watchdog, "_emailgw_tracking_", 0, 0, pool);
    return rv == APR_SUCCESS ? add(watchdog, AP_WD_TM_INTERVAL, NULL, watch_spool) : rv;
}

int egm_tracking_start(apr_pool_t *pool, server_rec *main_server)
{
    const char *directory = egm_config_of_server(main_server)->settings.tracking_spool;
    apr_status_t rv;

    if (directory == NULL || ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        return OK;
    }
    rv = make_directory(directory);
    if (rv != APR_SUCCESS) {
        ap_log_error(
            APLOG_MARK, APLOG_EMERG, rv, main_server,
            EGLOGNO(0174) "EmailGatewayTrackingSpool: %s must be a directory of the user that httpd runs as",
            directory);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    rv = start_watching(pool);
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_EMERG, rv, main_server,
                     EGLOGNO(0175) "EmailGatewayTrackingSpool needs mod_watchdog: load it");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    return OK;
}
