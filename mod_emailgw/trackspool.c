#include "trackspool.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include <apr_hash.h>
#include <apr_strings.h>
#include <http_core.h>
#include <http_log.h>
#include <http_main.h>
#include <mod_watchdog.h>
#include <unixd.h>

#include "config.h"
#include "keyfile.h"
#include "mod_emailgw.h"
#include "spool.h"
#include "store.h"
#include "trackreplay.h"

#define NAME_BYTES 8                     /* of a hash: a virtual host's name in the spool */
#define ALL_AGAIN apr_time_from_sec(10)  /* between looks at files of virtual hosts that are not there */
#define TELL_AGAIN apr_time_from_sec(60) /* between lines that the spool is full */

/** Of this child. */
static struct {
    eg_spool *spool;           /* NULL without EmailGatewayTrackingSpool */
    apr_hash_t *servers;       /* name in the spool -> server_rec, of those with the engine on */
    apr_array_header_t *names; /* theirs */
    apr_time_t all_at;         /* when files of whatever name are looked at */
    apr_int64_t max;           /* bytes that it may have, for opens and clicks */
    int dropped, refused;      /* opens and clicks, unsubscribes, for want of room */
    apr_time_t tell_at;        /* of them again */
    int told;                  /* that there is no spool */
} child;

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

apr_status_t egm_trackspool_add(const eg_trackevent *event, request_rec *r, const eg_log *log)
{
    int is_promise = event->type == EG_EVENT_UNSUBSCRIBE;
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
                      event->type != EG_EVENT_OPEN, is_promise ? 2 * child.max : child.max);
    if (rv == EG_SPOOL_FULL) {
        __atomic_add_fetch(is_promise ? &child.refused : &child.dropped, 1, __ATOMIC_RELAXED);
    }
    else if (rv != APR_SUCCESS) {
        eg_log_at(log, EG_LOG_ERR, rv, EGLOGNO(0171) "EmailGatewayTrackingSpool: a %s cannot be written down",
                  eg_eventtype_name(event->type));
    }
    return rv;
}

static void write_server_log(const eg_log *log, eg_log_level level, apr_status_t rv, const char *line)
{
    ap_log_error(APLOG_MARK, egm_log_level(level), rv, (server_rec *)log->baton, "%s", line);
}

/* Lines go to the log of its virtual host; results live in the pool. */
static eg_db *database_of(server_rec *server, apr_pool_t *pool)
{
    eg_log *log = apr_palloc(pool, sizeof *log);

    *log = (eg_log){ .write = write_server_log, .level = EG_LOG_DEBUG, .baton = server };
    return egm_store_of_server(server, log, pool);
}

static int is_back(eg_db *db)
{
    eg_pgconn *conn = db->take(db);

    if (conn != NULL) {
        db->give(db, conn, EG_DB_UNUSED);
    }
    return conn != NULL;
}

/* Is it worth closing the files that are being written? */
static int is_any_back(apr_pool_t *pool)
{
    for (apr_hash_index_t *i = apr_hash_first(pool, child.servers); i != NULL; i = apr_hash_next(i)) {
        if (is_back(database_of(apr_hash_this_val(i), pool))) {
            return 1;
        }
    }
    return 0;
}

/* ---- a file ---------------------------------------------------------------------------------------- */

/** Which database has the mails of these lines? */
typedef struct {
    eg_trackunknown rest;      /* none that was asked */
    apr_array_header_t *asked; /* databases, of const eg_group * */
    apr_status_t away;         /* why one could not be asked */
    int is_refused;            /* some line */
    apr_pool_t *pool;
} search;

static int was_asked(const search *s, const eg_group *group)
{
    for (int i = 0; group != NULL && i < s->asked->nelts; i++) {
        if (APR_ARRAY_IDX(s->asked, i, const eg_group *) == group) {
            return 1;
        }
    }
    return 0;
}

/* Only a connection tells which database a virtual host has. */
static void ask(search *s, server_rec *server)
{
    eg_db *db = database_of(server, s->pool);
    eg_trackunknown rest;
    apr_status_t rv;

    if (!is_back(db)) {
        s->away = EG_DB_UNREACHABLE;
        return;
    }
    if (was_asked(s, db->group)) {
        return;
    }
    rv = eg_trackreplay(&rest, s->rest.text, s->rest.length, db, s->pool);
    if (rv != APR_SUCCESS && rv != APR_EINVAL) {
        s->away = rv;
        return;
    }
    s->is_refused |= rv == APR_EINVAL;
    s->rest = rest;
    APR_ARRAY_PUSH(s->asked, const eg_group *) = db->group;
}

static void ask_all(search *s)
{
    for (apr_hash_index_t *i = apr_hash_first(s->pool, child.servers); i != NULL && s->rest.length > 0;
         i = apr_hash_next(i)) {
        ask(s, apr_hash_this_val(i));
    }
}

static apr_status_t keep(const search *s, const eg_spool_file *file)
{
    const eg_log log = { .write = write_server_log, .level = EG_LOG_DEBUG, .baton = ap_server_conf };

    eg_log_at(&log, EG_LOG_WARN, APR_SUCCESS,
              EGLOGNO(0241) "EmailGatewayTrackingSpool: %d opens and clicks and %d unsubscribes are of mails "
                            "that no virtual host's database has: they are kept in %s" EG_SPOOL_REFUSED
                            ". When one has that database, take " EG_SPOOL_REFUSED
                            " off the name; if none ever will, remove the file",
              s->rest.count - s->rest.unsubscribes, s->rest.unsubscribes, file->path);
    return APR_EINVAL;
}

/*
 * First the database of the virtual host that wrote it. Where that is gone by now, has
 * another name or another database, any other one may have the mails: none is told what is
 * not its own, since ids of mails are unique. Opens and clicks of mails that are not there
 * any more mean nothing; an unsubscribe was promised.
 */
static apr_status_t read_file(void *baton, const eg_spool_file *file, apr_pool_t *pool)
{
    server_rec *own = apr_hash_get(child.servers, file->name, APR_HASH_KEY_STRING);
    search s = { .rest = { .text = file->text, .length = file->length },
                 .asked = apr_array_make(pool, 2, sizeof(const eg_group *)),
                 .pool = pool };

    (void)baton;
    if (own != NULL) {
        ask(&s, own);
        if (s.away != APR_SUCCESS) {
            return s.away;
        }
    }
    if (own == NULL || s.rest.unsubscribes > 0) {
        ask_all(&s);
        if (own == NULL && s.rest.length > 0 && s.away != APR_SUCCESS) {
            return s.away;
        }
        if (s.rest.length > 0) {
            return keep(&s, file);
        }
    }
    return s.is_refused ? APR_EINVAL : APR_SUCCESS;
}

/* ---- a child --------------------------------------------------------------------------------------- */

/* Whoever floods it floods no log. */
static void tell_of_lost(void)
{
    const eg_log log = { .write = write_server_log, .level = EG_LOG_DEBUG, .baton = ap_server_conf };
    int dropped = 0, refused = 0;

    if (apr_time_now() >= child.tell_at) {
        dropped = __atomic_exchange_n(&child.dropped, 0, __ATOMIC_RELAXED);
        refused = __atomic_exchange_n(&child.refused, 0, __ATOMIC_RELAXED);
    }
    if (dropped > 0 || refused > 0) {
        eg_log_at(
            &log, EG_LOG_WARN, APR_SUCCESS,
            EGLOGNO(0242) "EmailGatewayTrackingSpool has no room (EmailGatewayTrackingSpoolMax): %d opens "
                          "and clicks were dropped, %d unsubscribes refused",
            dropped, refused);
        child.tell_at = apr_time_now() + TELL_AGAIN;
    }
}

/* Each second, in a thread of each child. */
static apr_status_t watch_spool(int state, void *data, apr_pool_t *pool)
{
    int is_all = apr_time_now() >= child.all_at;
    const apr_array_header_t *names = is_all ? NULL : child.names;

    (void)data;
    tell_of_lost();
    if (state == AP_WATCHDOG_STATE_RUNNING && child.spool != NULL &&
        eg_spool_waits(child.spool, names, pool) && is_any_back(pool)) {
        eg_spool_close(child.spool);
        eg_spool_read(child.spool, names, read_file, NULL, pool);
        child.all_at = is_all ? apr_time_now() + ALL_AGAIN : child.all_at;
    }
    return APR_SUCCESS;
}

void egm_trackspool_child_init(apr_pool_t *pool, server_rec *main_server)
{
    const egm_settings *settings = &egm_config_of_server(main_server)->settings;
    eg_spool *spool;

    child.max = settings->tracking_spool_max;
    child.servers = apr_hash_make(pool);
    child.names = apr_array_make(pool, 4, sizeof(const char *));
    for (server_rec *s = main_server; s != NULL; s = s->next) {
        if (egm_config_of_server(s)->settings.engine == EGM_ON) {
            const char *name = name_of(s, pool);

            apr_hash_set(child.servers, name, APR_HASH_KEY_STRING, s);
            APR_ARRAY_PUSH(child.names, const char *) = name;
        }
    }
    if (settings->tracking_spool != NULL &&
        eg_spool_make(&spool, settings->tracking_spool, pool) == APR_SUCCESS) {
        child.spool = spool;
    }
}

/* ---- the start ------------------------------------------------------------------------------------- */

/* One that is there is none of ours to give away. */
static apr_status_t judge_directory(const char *directory)
{
    struct stat about;

    if (stat(directory, &about) != 0) {
        return errno;
    }
    if (!S_ISDIR(about.st_mode)) {
        return ENOTDIR;
    }
    return about.st_uid == (geteuid() == 0 ? ap_unixd_config.user_id : geteuid()) ? APR_SUCCESS : EACCES;
}

/* As root, for the user that the children will be. */
static apr_status_t make_directory(const char *directory)
{
    if (mkdir(directory, 0700) == 0) {
        return geteuid() != 0 || chown(directory, ap_unixd_config.user_id, ap_unixd_config.group_id) == 0
                   ? APR_SUCCESS
                   : errno;
    }
    return errno == EEXIST ? judge_directory(directory) : errno;
}

/* What make_directory() would say. Nothing is made: a test of the configuration changes nothing. */
static apr_status_t check_directory(const char *directory, apr_pool_t *pool)
{
    apr_status_t rv = judge_directory(directory);
    apr_size_t length = strlen(directory);
    struct stat about;

    if (rv != ENOENT || lstat(directory, &about) == 0) {
        return rv;
    }
    while (length > 1 && directory[length - 1] == '/') {
        length--;
    }
    if (stat(ap_make_dirstr_parent(pool, apr_pstrmemdup(pool, directory, length)), &about) != 0) {
        return errno;
    }
    return S_ISDIR(about.st_mode) ? APR_SUCCESS : ENOTDIR;
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

/* Both complaints come from a test of the configuration already: a reload that fails ends httpd. */
static int judge_spool(apr_status_t rv, const char *directory, server_rec *s)
{
    if (rv == APR_SUCCESS) {
        return OK;
    }
    ap_log_error(
        APLOG_MARK, APLOG_EMERG, rv, s,
        EGLOGNO(0174) "EmailGatewayTrackingSpool: %s must be a directory of the user that httpd runs "
                      "as, or one to be made in a directory that is there",
        directory);
    return HTTP_INTERNAL_SERVER_ERROR;
}

static int judge_watchdog(apr_status_t rv, server_rec *s)
{
    if (rv == APR_SUCCESS) {
        return OK;
    }
    ap_log_error(APLOG_MARK, APLOG_EMERG, rv, s,
                 EGLOGNO(0175) "EmailGatewayTrackingSpool needs mod_watchdog: load it");
    return HTTP_INTERNAL_SERVER_ERROR;
}

int egm_trackspool_check(apr_pool_t *pool, apr_pool_t *log_pool, apr_pool_t *scratch, server_rec *main_server)
{
    const char *directory = egm_config_of_server(main_server)->settings.tracking_spool;
    int has_watchdog = ap_find_linked_module("mod_watchdog.c") != NULL;

    (void)pool;
    (void)log_pool;
    if (directory == NULL) {
        return OK;
    }
    return judge_watchdog(has_watchdog ? APR_SUCCESS : APR_ENOTIMPL, main_server) == OK
               ? judge_spool(check_directory(directory, scratch), directory, main_server)
               : HTTP_INTERNAL_SERVER_ERROR;
}

int egm_trackspool_start(apr_pool_t *pool, server_rec *main_server)
{
    const char *directory = egm_config_of_server(main_server)->settings.tracking_spool;

    if (directory == NULL || ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        return OK;
    }
    if (judge_spool(make_directory(directory), directory, main_server) != OK) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    return judge_watchdog(start_watching(pool), main_server);
}
