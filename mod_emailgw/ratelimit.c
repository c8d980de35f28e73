#include "ratelimit.h"

#include <string.h>

#include <apr_strings.h>

#include "clock.h"
#include "netaddr.h"

#define TOO_MANY "Too many requests. Wait for {seconds} seconds for another {attempts} attempts."
#define V6_NET 8 /* bytes: a /64 is what one client may choose addresses from */

/* A key was good lately, so long after it was used: two days, since many programs run once a day. */
static const eg_rate lately = { 1, apr_time_from_sec(2 * 24 * 3600) };

/* ---- keys ---------------------------------------------------------------------------------------- */

static eg_rate_key key_of_hash(const unsigned char *hash)
{
    eg_rate_key key;

    memcpy(key.bytes, hash, sizeof key.bytes);
    return key;
}

/* What is no address (a unix socket has none, a zone may stand behind one) counts by its text. */
static eg_rate_key key_of_client(const eg_call *call)
{
    const char *text = call->client != NULL ? call->client : "";
    unsigned char hash[EG_HASH_SIZE];
    eg_netaddr addr;

    if (eg_netaddr_parse(&addr, text, 0) != APR_SUCCESS) {
        eg_secret_hash(hash, text, strlen(text));
        return key_of_hash(hash);
    }
    if (eg_netaddr_v4(&addr) == NULL) {
        memset(addr.bytes + V6_NET, 0, sizeof addr.bytes - V6_NET);
    }
    return key_of_hash(addr.bytes);
}

/* ---- words --------------------------------------------------------------------------------------- */

static const char *fill(const char *text, const char *name, int value, apr_pool_t *pool)
{
    const char *at = strstr(text, name);

    return at == NULL ? text
                      : apr_psprintf(pool, "%.*s%d%s", (int)(at - text), text, value, at + strlen(name));
}

/* The endpoint's own sentence with the real numbers. */
static const char *words_of(const eg_call *call, const eg_rate_state *state)
{
    const char *text =
        call->command != NULL && call->command->too_many != NULL ? call->command->too_many : TOO_MANY;

    text = fill(text, "{seconds}", eg_rate_seconds(state->reset), call->pool);
    return fill(text, "{attempts}", state->limit, call->pool);
}

/* ---- the two rates ------------------------------------------------------------------------------- */

static int counts(const eg_call *call, const eg_rate *rate)
{
    return call->rates != NULL && rate->limit > 0;
}

static int was_good(const eg_call *call, const unsigned char *key_hash)
{
    eg_rate_key key;

    if (key_hash == NULL) {
        return 0;
    }
    key = key_of_hash(key_hash);
    return !eg_rates_look(call->rates->good, &key, &lately, eg_clock()).allowed;
}

int eg_ratelimit_client(eg_call *call, const unsigned char *key_hash, int code)
{
    const eg_rate *rate = &call->limits->auth_failures;
    eg_rate_key key;
    eg_rate_state state;

    if (!counts(call, rate)) {
        return 1;
    }
    key = key_of_client(call);
    state = eg_rates_look(call->rates->failures, &key, rate, eg_clock());
    if (state.allowed || was_good(call, key_hash)) {
        return 1;
    }
    call->quota = state;
    call->retry_after = eg_rate_seconds(state.reset);
    if (code == EG_E_RATE) {
        eg_errors_only(&call->errors, code, "%s Too many from this address had an invalid SenderAPIKey",
                       words_of(call, &state));
    }
    else {
        eg_errors_only(&call->errors, code,
                       "Authentication failed too often from this address: wait %d seconds",
                       call->retry_after);
    }
    return 0;
}

static void mark(const eg_call *call, const unsigned char *key_hash, int is_good)
{
    if (key_hash != NULL && counts(call, &call->limits->auth_failures)) {
        eg_rate_key key = key_of_hash(key_hash);

        eg_rates_set(call->rates->good, &key, &lately, eg_clock(), is_good);
    }
}

void eg_ratelimit_failed(eg_call *call, const unsigned char *key_hash)
{
    const eg_rate *rate = &call->limits->auth_failures;

    if (counts(call, rate)) {
        eg_rate_key key = key_of_client(call);

        eg_rates_take(call->rates->failures, &key, rate, eg_clock());
    }
    mark(call, key_hash, 0);
}

void eg_ratelimit_good(eg_call *call, const unsigned char *key_hash)
{
    mark(call, key_hash, 1);
}

/* Of a name for SMTP, or of what one address has tried with it. */
static eg_rate_key key_of_login(const eg_call *call, const char *username, const eg_rate_key *client)
{
    const char *text = apr_pstrcat(call->pool, client != NULL ? "smtp from " : "smtp ", username, NULL);
    apr_size_t length = strlen(text);
    char *named = apr_palloc(call->pool, length + sizeof *client);
    unsigned char hash[EG_HASH_SIZE];

    memcpy(named, text, length);
    if (client != NULL) {
        memcpy(named + length, client, sizeof *client);
        length += sizeof *client;
    }
    eg_secret_hash(hash, named, length);
    return key_of_hash(hash);
}

int eg_ratelimit_login(eg_call *call, const char *username, const unsigned char *login_hash)
{
    const eg_rate *rate = &call->limits->auth_failures;
    eg_rate_key client, login, both;
    eg_rate_state state, tried;

    if (!counts(call, rate) || was_good(call, login_hash)) {
        return 1;
    }
    if (!eg_ratelimit_client(call, NULL, EG_E_NOT_AUTHENTICATED)) {
        return 0;
    }
    client = key_of_client(call);
    login = key_of_login(call, username, NULL);
    both = key_of_login(call, username, &client);
    state = eg_rates_look(call->rates->failures, &login, rate, eg_clock());
    tried = eg_rates_look(call->rates->failures, &both, rate, eg_clock());
    if (!state.allowed && tried.remaining < tried.limit) {
        call->retry_after = eg_rate_seconds(state.reset);
        return 0;
    }
    return 1;
}

void eg_ratelimit_login_failed(eg_call *call, const char *username, const unsigned char *login_hash)
{
    const eg_rate *rate = &call->limits->auth_failures;
    eg_rate_key client, login, both;

    eg_ratelimit_failed(call, login_hash);
    if (!counts(call, rate)) {
        return;
    }
    client = key_of_client(call);
    login = key_of_login(call, username, NULL);
    both = key_of_login(call, username, &client);
    eg_rates_take(call->rates->failures, &login, rate, eg_clock());
    eg_rates_take(call->rates->failures, &both, rate, eg_clock());
}

int eg_ratelimit_key(eg_call *call)
{
    const eg_rate *rate = &call->limits->rate;
    eg_rate_key key;

    if (!counts(call, rate)) {
        return 1;
    }
    key = key_of_hash(call->key_hash);
    call->quota = eg_rates_take(call->rates->keys, &key, rate, eg_clock());
    if (!call->quota.allowed) {
        call->retry_after = eg_rate_seconds(call->quota.reset);
        eg_errors_only(&call->errors, EG_E_RATE, "%s", words_of(call, &call->quota));
    }
    return call->quota.allowed;
}
