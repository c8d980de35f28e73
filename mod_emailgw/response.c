#include "response.h"

#include <stdarg.h>
#include <string.h>

#include <apr_strings.h>
#include <http_core.h>
#include <http_protocol.h>
#include <util_filter.h>

#include "config.h"
#include "json.h"
#include "mod_emailgw.h"
#include "origin.h"

static apr_status_t watch(ap_filter_t *f, apr_bucket_brigade *brigade);

static int send_json(request_rec *r, int status, json_t *body)
{
    const char *text = eg_json_text(eg_json_own(body, r->pool), r->pool);
    apr_size_t length = strlen(text);

    r->status = status;
    r->status_line = NULL;
    ap_set_content_type(r, "application/json");
    apr_table_setn(r->headers_out, "Cache-Control", "no-store");
    ap_set_content_length(r, (apr_off_t)length);
    if (!r->header_only) {
        ap_rwrite(text, (int)length, r);
    }
    return OK;
}

static int status_of(const eg_error *error)
{
    if (error->status != 0) {
        return error->status;
    }
    switch (error->code) {
    case EG_E_MISSING_KEY:
    case EG_E_KEY:
        return HTTP_UNAUTHORIZED;
    case EG_E_DOMAIN_GONE:
    case EG_E_ACCOUNT:
    case EG_E_DOMAIN_INACTIVE:
    case EG_E_ACCOUNT_UNVERIFIED:
        return HTTP_FORBIDDEN;
    case EG_E_LIMIT:
    case EG_E_RATE:
        return HTTP_TOO_MANY_REQUESTS;
    case HTTP_CONFLICT:
        return HTTP_CONFLICT;
    default:
        return HTTP_UNPROCESSABLE_ENTITY;
    }
}

static eg_surface surface_of(request_rec *r)
{
    eg_surface surface = EG_SURFACE_V1;

    eg_surface_of(&surface, egm_path_of_request(r));
    return surface;
}

/* {"Success": true, "ErrorCode": 0, ...} */
static json_t *api_reply(json_t *reply)
{
    json_t *whole = json_pack("{s:b, s:i}", "Success", 1, "ErrorCode", 0);

    json_object_update(whole, reply);
    return whole;
}

static int send_reply(request_rec *r, const eg_call *call)
{
    if (call->replayed) {
        apr_table_setn(r->headers_out, "Idempotent-Replayed", "true");
    }
    return send_json(r, HTTP_OK,
                     surface_of(r) == EG_SURFACE_API_PHP ? api_reply(call->reply) : json_incref(call->reply));
}

/* A reply in chunks without the last of them (RFC 9112 section 8): whoever reads it knows that it is not whole. */
static int break_off(request_rec *r)
{
    apr_bucket_alloc_t *alloc = r->connection->bucket_alloc;
    apr_bucket_brigade *brigade = apr_brigade_create(r->pool, alloc);

    for (ap_filter_t *f = r->output_filters, *next; f != NULL; f = next) {
        next = f->next;
        if (f->frec->filter_func.out_func == watch) {
            ap_remove_output_filter(f); /* the head of an answer is out: there can be no other */
        }
    }
    APR_BRIGADE_INSERT_TAIL(brigade, ap_bucket_error_create(HTTP_BAD_GATEWAY, NULL, r->pool, alloc));
    APR_BRIGADE_INSERT_TAIL(brigade, apr_bucket_eos_create(alloc));
    r->connection->keepalive = AP_CONN_CLOSE;
    ap_pass_brigade(r->output_filters, brigade);
    return OK;
}

/* Is there nobody left who would read it? Writing alone tells that late, or never where nothing is to be written. */
static int has_gone(request_rec *r)
{
    int at_end = 0;

    return r->connection->aborted ||
           (apr_socket_atreadeof(ap_get_conn_socket(r->connection), &at_end) == APR_SUCCESS && at_end);
}

static int send_stream(request_rec *r, eg_call *call)
{
    eg_stream *stream = call->stream;
    apr_status_t rv;
    apr_pool_t *pool;
    const char *data;
    apr_size_t size;

    ap_set_content_type(r, stream->type);
    apr_table_setn(r->headers_out, "Cache-Control", "no-store");
    apr_table_setn(r->headers_out, "Content-Disposition",
                   apr_pstrcat(r->pool, "attachment; filename=\"", stream->file, "\"", NULL));
    apr_pool_create(&pool, r->pool);
    while ((rv = stream->next(&data, &size, call, pool)) == APR_SUCCESS && data != NULL) {
        if (has_gone(r) || ap_rwrite(data, (int)size, r) < 0 || ap_rflush(r) < 0) {
            break;
        }
        apr_pool_clear(pool);
    }
    apr_pool_destroy(pool);
    return rv == APR_SUCCESS ? OK : break_off(r);
}

void egm_response_quota(request_rec *r, const eg_call *call)
{
    const eg_rate_state *quota = &call->quota;

    if (quota->limit > 0) {
        apr_table_setn(r->headers_out, "RateLimit-Limit", apr_itoa(r->pool, quota->limit));
        apr_table_setn(r->headers_out, "RateLimit-Remaining", apr_itoa(r->pool, quota->remaining));
        apr_table_setn(r->headers_out, "RateLimit-Reset", apr_itoa(r->pool, eg_rate_seconds(quota->reset)));
    }
}

int egm_response_send(request_rec *r, eg_call *call)
{
    int status = HTTP_OK;

    if (!eg_errors_any(&call->errors)) {
        return call->stream != NULL ? send_stream(r, call) : send_reply(r, call);
    }
    if (call->retry_after > 0) {
        apr_table_setn(r->headers_out, "Retry-After", apr_itoa(r->pool, call->retry_after));
    }
    if (surface_of(r) == EG_SURFACE_API_PHP) {
        return send_json(r, HTTP_OK, eg_errors_api_json(&call->errors, call->command->all_faults));
    }
    if (!egm_config_compat_status(r)) {
        status = status_of(eg_errors_first(&call->errors));
    }
    if (status == HTTP_UNAUTHORIZED) {
        apr_table_setn(r->err_headers_out, "WWW-Authenticate", "Bearer");
    }
    return send_json(r, status, eg_errors_json(&call->errors));
}

/* /api.php has numbers of its own for what never reached a command, and 400 for those a client can mend. */
static int api_code(int *status)
{
    switch (*status) {
    case HTTP_BAD_REQUEST:
        return EG_E_BODY;
    case HTTP_METHOD_NOT_ALLOWED:
        *status = HTTP_BAD_REQUEST;
        return EG_E_METHOD;
    case HTTP_NOT_FOUND:
        *status = HTTP_BAD_REQUEST;
        return EG_E_COMMAND;
    default:
        return EG_E_OTHER;
    }
}

int egm_response_fail(request_rec *r, int status, const char *format, ...)
{
    int is_api = surface_of(r) == EG_SURFACE_API_PHP, code = is_api ? api_code(&status) : status;
    eg_errors errors;
    va_list args;

    eg_errors_init(&errors, r->pool);
    va_start(args, format);
    eg_errors_add(&errors, code, "%s", apr_pvsprintf(r->pool, format, args));
    va_end(args);
    return send_json(r, status, is_api ? eg_errors_api_json(&errors, 0) : eg_errors_json(&errors));
}

/* ---- pages of other origins (the Fetch standard's CORS protocol) ------------------------------------ */

/* Never with credentials: cookies and the like are none of ours, and a key is sent by the page itself. */
#define REQUEST_HEADERS "Authorization, Content-Type, Idempotency-Key"
#define ANSWER_HEADERS                                                                                       \
    "Idempotent-Replayed, Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset"
#define PREFLIGHT_SECONDS "3600" /* for which a browser may keep the answer */

int egm_response_share(request_rec *r, const eg_limits *limits)
{
    const char *origin = apr_table_get(r->headers_in, "Origin");

    if (limits->origins->nelts == 0) {
        return 0;
    }
    /* Among those that errors keep, too: a page must be able to read them. */
    apr_table_mergen(r->err_headers_out, "Vary", "Origin");
    if (origin == NULL || !eg_origin_in(limits->origins, origin)) {
        return 0;
    }
    apr_table_setn(r->err_headers_out, "Access-Control-Allow-Origin", origin);
    apr_table_setn(r->err_headers_out, "Access-Control-Expose-Headers", ANSWER_HEADERS);
    return 1;
}

int egm_response_is_preflight(request_rec *r)
{
    return r->method_number == M_OPTIONS &&
           apr_table_get(r->headers_in, "Access-Control-Request-Method") != NULL;
}

int egm_response_preflight(request_rec *r, const char *methods)
{
    r->status = HTTP_NO_CONTENT;
    apr_table_setn(r->headers_out, "Access-Control-Allow-Methods", methods);
    apr_table_setn(r->headers_out, "Access-Control-Allow-Headers", REQUEST_HEADERS);
    apr_table_setn(r->headers_out, "Access-Control-Max-Age", PREFLIGHT_SECONDS);
    return OK;
}

/* ---- errors that httpd finds ---------------------------------------------------------------------- */

#define WATCH "EMAILGW_ERRORS"

static const char *words_for(int status)
{
    return status == HTTP_REQUEST_ENTITY_TOO_LARGE ? "The request is too large for this server"
                                                   : "The request's body could not be read";
}

/*
 * httpd's input filter reports an error by sending an error bucket down the
 * output filters, where the header filter makes an HTML page of it. This one
 * stands before that, answers in JSON, and is gone then.
 */
static apr_status_t watch(ap_filter_t *f, apr_bucket_brigade *brigade)
{
    for (apr_bucket *b = APR_BRIGADE_FIRST(brigade); b != APR_BRIGADE_SENTINEL(brigade);
         b = APR_BUCKET_NEXT(b)) {
        if (AP_BUCKET_IS_ERROR(b)) {
            int status = ((ap_bucket_error *)b->data)->status;
            request_rec *r = f->r;

            ap_remove_output_filter(f);
            apr_brigade_cleanup(brigade);
            r->eos_sent = 0; /* the end that came with the error is not ours */
            egm_response_fail(r, status, "%s", words_for(status));
            return AP_FILTER_ERROR;
        }
    }
    return ap_pass_brigade(f->next, brigade);
}

void egm_response_watch_filters(request_rec *r)
{
    ap_add_output_filter(WATCH, NULL, r, r->connection);
}

int egm_response_failed_in_filter(request_rec *r)
{
    for (ap_filter_t *f = r->output_filters; f != NULL; f = f->next) {
        if (f->frec->filter_func.out_func == watch) {
            return AP_FILTER_ERROR; /* it was not asked: httpd has answered */
        }
    }
    return OK;
}

void egm_response_register(void)
{
    ap_register_output_filter(WATCH, watch, NULL, AP_FTYPE_CONTENT_SET);
}

/* What a client is told where the database failed, and may try again. */
static const char *away(const request_rec *r, apr_status_t rv)
{
    if (rv == EG_DB_MISSING) {
        return "The service is not set up completely: its database schema is missing";
    }
    if (rv == EG_DB_UNREACHABLE) {
        return "The service is temporarily unavailable. Nothing was carried out: try again";
    }
    return apr_table_get(r->headers_in, "Idempotency-Key") != NULL
               ? "The service is temporarily unavailable. Whether this request was carried out is not known: "
                 "repeat it with the same Idempotency-Key"
               : "The service is temporarily unavailable. Whether this request was carried out is not known: "
                 "look whether it was before you repeat it, which may do it twice";
}

int egm_response_broken(request_rec *r, apr_status_t rv)
{
    if (rv == EG_DB_UNREACHABLE || rv == EG_DB_UNKNOWN || rv == EG_DB_MISSING) {
        apr_table_setn(r->headers_out, "Retry-After", EGM_RETRY_AFTER);
        return egm_response_fail(r, HTTP_SERVICE_UNAVAILABLE, "%s", away(r, rv));
    }
    return egm_response_fail(r, HTTP_INTERNAL_SERVER_ERROR,
                             "Internal error. The server's error log has the details");
}
