#include "smtp_answers.h"

#include <string.h>

#include <apr_strings.h>

#include "inhand.h"
#include "json.h"
#include "mod_emailgw.h"
#include "ratelimit.h"
#include "smtp_returned.h"
#include "store.h"

#define COPIES 4 /* of a mail that are in memory while it is read, rewritten and stored */

static void write_log(const eg_log *log, eg_log_level level, apr_status_t rv, const char *line)
{
    ap_log_cerror(APLOG_MARK, egm_log_level(level), rv, (conn_rec *)log->baton, "%s", line);
}

static void send_text(void *baton, const char *text, apr_size_t size)
{
    apr_brigade_write(((egm_smtp_client *)baton)->out, NULL, NULL, text, size);
}

static void prepare(eg_call *call, egm_smtp_client *client, apr_pool_t *pool)
{
    const egm_server_config *config = client->config;

    *call = (eg_call){
        .pool = pool,
        .log = &client->log,
        .db = egm_store_of_server(client->c->base_server, &client->log, pool),
        .limits = &config->limits,
        .secret = config->secret,
        .rates = config->rates,
        .sender_key = config->sender_key,
        .now = apr_time_now(),
        .args = eg_json_own(json_object(), pool),
        .client = client->c->client_ip,
    };
    eg_errors_init(&call->errors, pool);
}

/* Both together, by which a login that was good lately is known. */
static void hash_login(unsigned char hash[EG_HASH_SIZE], const char *username, const char *password,
                       apr_pool_t *pool)
{
    apr_size_t length = strlen(username);
    unsigned char *both = apr_palloc(pool, EG_HASH_SIZE + length);

    eg_secret_hash(both, password, strlen(password));
    memcpy(both + EG_HASH_SIZE, username, length);
    eg_secret_hash(hash, both, EG_HASH_SIZE + length);
}

/* What the database says to a name and a password. */
static void check_login(eg_smtp_reply *reply, egm_smtp_client *client, eg_call *call, const char *username,
                        const char *password, const unsigned char *login_hash)
{
    int status;

    if (eg_smtp_authenticate(&client->login, &status, call, username, password) != APR_SUCCESS) {
        *reply = (eg_smtp_reply){ 454, "4.7.0", "Nobody can log in now: try again later" };
    }
    else if (status == 0) {
        eg_ratelimit_good(call, login_hash);
        *reply = (eg_smtp_reply){ 235, "2.7.0", "Authentication succeeded" };
    }
    else if (status == EG_E_KEY) {
        eg_ratelimit_login_failed(call, username, login_hash);
    }
    else {
        eg_call_refuse_key(call, status);
        *reply = (eg_smtp_reply){ 535, "5.7.13", eg_errors_first(&call->errors)->message };
    }
}

static void authenticate(eg_smtp_reply *reply, void *baton, const char *username, const char *password,
                         apr_pool_t *pool)
{
    egm_smtp_client *client = baton;
    unsigned char login_hash[EG_HASH_SIZE];
    eg_call call;

    prepare(&call, client, pool);
    hash_login(login_hash, username, password, pool);
    if (eg_ratelimit_login(&call, username, login_hash)) {
        check_login(reply, client, &call, username, password, login_hash);
    }
    else {
        *reply = (eg_smtp_reply){ 454, "4.7.0",
                                  apr_psprintf(pool, "Authentication failed too often: wait %d seconds",
                                               call.retry_after) };
    }
    if (reply->code != 235) {
        eg_log_at(&client->log, EG_LOG_INFO, APR_SUCCESS, EGLOGNO(0176) "SMTP login of '%.100s' refused: %s",
                  username, reply->text);
    }
}

static void recipient(eg_smtp_reply *reply, void *baton, const char *address, apr_pool_t *pool)
{
    egm_smtp_client *client = baton;
    int known = 0;
    eg_call call;

    prepare(&call, client, pool);
    if (eg_smtp_return_path_known(&known, &call, address) != APR_SUCCESS) {
        *reply = (eg_smtp_reply){ 451, "4.3.0", "This cannot be told now: try again later" };
    }
    else if (known) {
        reply->code = 250;
    }
    else {
        eg_log_at(&client->log, EG_LOG_INFO, APR_SUCCESS,
                  EGLOGNO(0177) "SMTP recipient %s refused: no return path of this gateway", address);
    }
}

/* Who hands it over, for the log. */
static const char *name_of(const egm_smtp_client *client, apr_pool_t *pool)
{
    return client->mode == EG_SMTP_BOUNCES ? "a stranger"
                                           : apr_psprintf(pool, "egm_%" APR_INT64_T_FMT "_%" APR_INT64_T_FMT,
                                                          client->login.account_id, client->login.smtp_id);
}

static void refused(void *baton, const eg_smtp_reply *reply, const eg_smtp_envelope *envelope)
{
    egm_smtp_client *client = baton;

    eg_log_at(&client->log, EG_LOG_INFO, APR_SUCCESS,
              EGLOGNO(0178) "SMTP mail of %s from <%s> refused: %d %s %s",
              name_of(client, envelope->recipients->pool), envelope->sender, reply->code, reply->enhanced,
              reply->text);
}

/* What a mail takes until it is stored; the largest that there may be fits where it is alone. */
static apr_int64_t weight(apr_int64_t size, apr_int64_t max)
{
    return size <= max && size * COPIES > max ? max : size * COPIES;
}

static int has_room(void *baton, apr_int64_t size, apr_pool_t *pool)
{
    apr_int64_t *held = NULL, max = ((egm_smtp_client *)baton)->config->limits.body_memory;

    return eg_inhand_grow(&held, weight(size, max), max, pool);
}

static void complete(eg_smtp_reply *reply, void *baton, const eg_smtp_envelope *envelope, eg_bytes message,
                     apr_pool_t *pool)
{
    egm_smtp_client *client = baton;
    eg_smtp_reply said = *reply;
    apr_status_t rv;
    eg_call call;

    prepare(&call, client, pool);
    rv = client->mode == EG_SMTP_BOUNCES ? eg_smtp_returned(&said, &call, envelope, message)
                                         : eg_smtp_submit(&said, &call, &client->login, envelope, message);
    if (rv == APR_SUCCESS) {
        *reply = said;
    }
    if (reply->code == 250) {
        eg_log_at(&client->log, EG_LOG_INFO, APR_SUCCESS, EGLOGNO(0179) "SMTP mail of %s from <%s> taken: %s",
                  name_of(client, pool), envelope->sender, reply->text);
    }
    else {
        refused(client, reply, envelope);
    }
}

void egm_smtp_answers_init(eg_smtp_handler *handler, egm_smtp_client *client)
{
    client->log = (eg_log){ .write = write_log, .level = EG_LOG_DEBUG, .baton = client->c };
    *handler = (eg_smtp_handler){ .baton = client,
                                  .send = send_text,
                                  .authenticate = authenticate,
                                  .recipient = recipient,
                                  .has_room = has_room,
                                  .complete = complete,
                                  .refused = refused };
}
