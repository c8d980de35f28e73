#include "request.h"

#include <stdlib.h>
#include <string.h>

#include <apr_cstr.h>
#include <apr_strings.h>
#include <http_core.h>
#include <http_protocol.h>
#include <http_request.h>

#include "clock.h"
#include "form.h"
#include "json.h"
#include "inhand.h"
#include "mod_emailgw.h"
#include "response.h"
#include "utf8.h"

#define BODY_START 8192 /* bytes that a body of unknown length begins with */
#define READ_SIZE 65536 /* bytes asked for at a time */

#define STALL_TIME apr_time_from_sec(20) /* in each of these ... */
#define STALL_SIZE (512 * 1024)          /* ... bytes that come at least of a body that is not small */

typedef struct {
    char *data; /* of malloc: it goes with the pool */
    apr_size_t length, size;
    apr_time_t since;        /* when the present window of time began */
    apr_size_t since_length; /* what was there then */
    apr_int64_t *held;       /* see eg_inhand_grow */
} buffer;

static apr_status_t free_buffer(void *body)
{
    free(((buffer *)body)->data);
    return APR_SUCCESS;
}

/* ---- what it is ------------------------------------------------------------------------------------------ */

/* The first byte that is no white space, or NUL. */
static char first_byte(const buffer *body)
{
    for (apr_size_t i = 0; i < body->length; i++) {
        if (strchr(" \t\r\n", body->data[i]) == NULL || body->data[i] == '\0') {
            return body->data[i];
        }
    }
    return '\0';
}

static int is_type(const char *content_type, const char *wanted)
{
    apr_size_t length = strlen(wanted);

    return apr_cstr_casecmpn(content_type, wanted, length) == 0 &&
           strchr("; \t", content_type[length]) != NULL;
}

static const char *type_of(request_rec *r)
{
    const char *type = apr_table_get(r->headers_in, "Content-Type");

    return type != NULL ? type : "";
}

/* By its label; what is labelled as a form but begins with { is JSON, since curl -d labels all bodies so. */
static int is_form(const char *type, const buffer *body)
{
    return is_type(type, "multipart/form-data") ||
           (is_type(type, "application/x-www-form-urlencoded") && first_byte(body) != '{');
}

/*
 * What a whole body counts as: its bytes, or more where it is of very many small
 * values, since what is made of it may not take five times that. In a form's texts
 * each byte may be one: what they are is not seen before they are decoded.
 */
static apr_size_t weight(const buffer *body, const char *type, const eg_limits *limits)
{
    apr_size_t values = 0, bytes;

    if (limits->values_max > EG_JSON_VALUES_MAX) {
        values = is_form(type, body) ? body->length : eg_json_values(body->data, body->length);
    }
    bytes = (values < limits->values_max ? values : limits->values_max) * EG_JSON_VALUE_BYTES / 5;
    return bytes > body->length ? bytes : body->length;
}

/* ---- the body -------------------------------------------------------------------------------------------- */

/* Room for more bytes, where there is none a half more than there was. */
static int reserve(buffer *body, apr_size_t more)
{
    apr_size_t size = body->size;
    char *data;

    if (body->length + more <= size) {
        return 1;
    }
    while (size < body->length + more) {
        size += size / 2;
    }
    data = realloc(body->data, size);
    if (data == NULL) {
        return 0;
    }
    body->data = data;
    body->size = size;
    return 1;
}

/* Who keeps memory of others for as long as a trickle of bytes lasts? mod_reqtimeout gives credit for what came fast. */
static int stalls(buffer *body)
{
    apr_time_t now = eg_clock();
    int is_over = now - body->since >= STALL_TIME;
    int goes_on = body->length - body->since_length >= STALL_SIZE;

    if (body->length <= EG_INHAND_SMALL || (is_over && goes_on)) {
        body->since = now;
        body->since_length = body->length;
        return 0;
    }
    return is_over;
}

/* What read_some came to. The rest of the body is not read. @return as a handler's status */
static int refuse_body(request_rec *r, apr_status_t rv, apr_int64_t max)
{
    r->connection->keepalive = AP_CONN_CLOSE;
    if (rv == AP_FILTER_ERROR) {
        return egm_response_failed_in_filter(r);
    }
    if (rv == APR_ENOSPC) {
        return egm_response_fail(r, HTTP_REQUEST_ENTITY_TOO_LARGE,
                                 "The request is too large: at most %" APR_INT64_T_FMT " bytes are allowed",
                                 max);
    }
    if (rv == APR_EBUSY) {
        apr_table_setn(r->err_headers_out, "Retry-After", EGM_RETRY_AFTER);
        return egm_response_fail(
            r, HTTP_SERVICE_UNAVAILABLE,
            "There are too many large requests at this moment: try again in a few seconds");
    }
    if (APR_STATUS_IS_TIMEUP(rv)) {
        return egm_response_fail(r, HTTP_REQUEST_TIME_OUT, "The request's body did not come in time");
    }
    return egm_response_fail(r, HTTP_BAD_REQUEST, "The request's body could not be read");
}

/* Append one brigade. @return APR_ENOSPC when it would go over max */
static apr_status_t append(buffer *body, apr_bucket_brigade *brigade, apr_int64_t max, int *end)
{
    for (apr_bucket *b = APR_BRIGADE_FIRST(brigade); b != APR_BRIGADE_SENTINEL(brigade);
         b = APR_BUCKET_NEXT(b)) {
        const char *data;
        apr_size_t length;
        apr_status_t rv;

        if (APR_BUCKET_IS_EOS(b)) {
            *end = 1;
            break;
        }
        if (APR_BUCKET_IS_METADATA(b)) {
            continue;
        }
        rv = apr_bucket_read(b, &data, &length, APR_BLOCK_READ);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        if (body->length + length > (apr_size_t)max) {
            return APR_ENOSPC;
        }
        if (!reserve(body, length)) {
            return APR_ENOMEM;
        }
        memcpy(body->data + body->length, data, length);
        body->length += length;
    }
    return APR_SUCCESS;
}

/* What comes next of it. @return APR_ENOSPC: it is too large, APR_EBUSY: so are too many, APR_TIMEUP: it stalls */
static apr_status_t read_some(buffer *body, int *end, request_rec *r, apr_bucket_brigade *brigade,
                              apr_int64_t max, const eg_limits *limits)
{
    apr_status_t rv = ap_get_brigade(r->input_filters, brigade, AP_MODE_READBYTES, APR_BLOCK_READ, READ_SIZE);

    if (rv == APR_SUCCESS) {
        rv = append(body, brigade, max, end);
    }
    apr_brigade_cleanup(brigade);
    if (rv == APR_SUCCESS &&
        !eg_inhand_grow(&body->held, (apr_int64_t)body->length, limits->body_memory, r->pool)) {
        return APR_EBUSY; /* by what has come, not by what was announced */
    }
    return rv == APR_SUCCESS && !*end && stalls(body) ? APR_TIMEUP : rv;
}

/* Room for as many bytes as are announced, or for some. */
static apr_status_t start_buffer(buffer *body, apr_off_t length, apr_pool_t *pool)
{
    *body = (buffer){ .size = length > 0 ? (apr_size_t)length + 1 : BODY_START, .since = eg_clock() };
    body->data = malloc(body->size);
    apr_pool_cleanup_register(pool, body, free_buffer, apr_pool_cleanup_null);
    return body->data != NULL ? APR_SUCCESS : APR_ENOMEM;
}

/* The whole body. What httpd's filter refuses (its own cap, bad chunks) it answers itself: see response.c. */
static int read_body(buffer *body, int *status, request_rec *r, const eg_limits *limits, apr_pool_t *pool)
{
    apr_int64_t max = limits->body_max;
    const char *length_text = apr_table_get(r->headers_in, "Content-Length");
    int chunked = apr_table_get(r->headers_in, "Transfer-Encoding") != NULL, end = 0;
    apr_off_t core_max = ap_get_limit_req_body(r), length = 0;
    apr_bucket_brigade *brigade = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    apr_status_t rv;

    if (core_max > 0 && core_max < max) {
        max = core_max;
    }
    if (!chunked && length_text != NULL && !ap_parse_strict_length(&length, length_text)) {
        *status = egm_response_fail(r, HTTP_BAD_REQUEST, "Invalid Content-Length");
        return 0;
    }
    rv = length > max ? APR_ENOSPC : start_buffer(body, length, pool);
    while (rv == APR_SUCCESS && !end) {
        rv = read_some(body, &end, r, brigade, max, limits);
    }
    if (rv == APR_SUCCESS && !eg_inhand_grow(&body->held, (apr_int64_t)weight(body, type_of(r), limits),
                                             limits->body_memory, r->pool)) {
        rv = APR_EBUSY;
    }
    if (rv != APR_SUCCESS) {
        *status = refuse_body(r, rv, max);
    }
    return rv == APR_SUCCESS;
}

static apr_status_t parse_body(eg_call *call, const char **problem, request_rec *r, const buffer *body,
                               apr_size_t values_max)
{
    const char *type = type_of(r),
               *coding =
                   apr_table_get(r->headers_in, "Content-Encoding"); /* gone where a filter has decoded it */
    json_t *object = call->args;
    apr_status_t rv;

    if (body->length == 0 && (r->method_number == M_GET || r->method_number == M_DELETE || r->args != NULL ||
                              !is_type(type, "application/json"))) {
        return APR_SUCCESS; /* many clients label also the body that a request has not */
    }
    if (coding != NULL && *coding != '\0' && apr_cstr_casecmp(coding, "identity") != 0) {
        *problem = "A body with a Content-Encoding is not read: send it as it is";
        return APR_EINVAL;
    }
    call->from_form = is_form(type, body);
    if (call->from_form) {
        return is_type(type, "multipart/form-data")
                   ? eg_form_multipart(object, problem, type, body->data, body->length, call->pool)
                   : eg_form_urlencoded(object, problem, body->data, body->length, call->pool);
    }
    rv = eg_json_parse_many(&object, problem, body->data, body->length, values_max, call->pool);
    if (rv == APR_SUCCESS && !json_is_object(object)) {
        *problem = "The request's body must be a JSON object";
        rv = APR_EINVAL;
    }
    call->args = object;
    return rv;
}

/* Query parameters, where the body has none of that name. */
static apr_status_t add_query(eg_call *call, const char **problem, request_rec *r)
{
    json_t *query = eg_json_own(json_object(), call->pool), *value;
    const char *name, *twice;
    apr_status_t rv;

    if (r->args == NULL) {
        return APR_SUCCESS;
    }
    rv = eg_form_urlencoded(query, problem, r->args, strlen(r->args), call->pool);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    twice = eg_json_twice(query);
    if (twice != NULL) {
        *problem = apr_psprintf(call->pool, "The parameter '%s' is given twice in the query string",
                                eg_utf8_excerpt(twice, strlen(twice), call->pool));
        return APR_EINVAL;
    }
    call->from_form |= json_object_size(call->args) == 0;
    json_object_foreach(query, name, value)
    {
        if (eg_json_get(call->args, name) == NULL) {
            json_object_set(call->args, name, value);
        }
    }
    return APR_SUCCESS;
}

static const char *bearer(request_rec *r)
{
    const char *value = apr_table_get(r->headers_in, "Authorization");

    if (value == NULL || apr_cstr_casecmpn(value, "Bearer", 6) != 0 ||
        (value[6] != ' ' && value[6] != '\t')) {
        return NULL;
    }
    value += 6;
    value += strspn(value, " \t");
    return value;
}

int egm_request_read(eg_call *call, int *status, request_rec *r, const eg_limits *limits)
{
    const char *problem = NULL, *twice;
    apr_pool_t *pool; /* what came goes when it is parsed: large mails are in memory often enough */
    buffer *body;
    apr_status_t rv;

    apr_pool_create(&pool, r->pool);
    body = apr_palloc(pool, sizeof *body);
    if (!read_body(body, status, r, limits, pool)) {
        return 0;
    }
    call->args = eg_json_own(json_object(), r->pool);
    call->values_left = limits->values_max;
    rv = parse_body(call, &problem, r, body, limits->values_max);
    apr_pool_destroy(pool);
    if (rv == APR_SUCCESS && json_object_size(call->args) > EG_PARAMETERS_MAX) {
        problem = apr_psprintf(r->pool, "There are more than %d parameters", EG_PARAMETERS_MAX);
        rv = APR_EINVAL;
    }
    if (rv == APR_SUCCESS && (twice = eg_json_twice(call->args)) != NULL) {
        problem = apr_psprintf(r->pool, "The parameter '%s' is given twice",
                               eg_utf8_excerpt(twice, strlen(twice), r->pool));
        rv = APR_EINVAL;
    }
    if (rv == APR_SUCCESS) {
        rv = add_query(call, &problem, r);
    }
    if (rv != APR_SUCCESS) {
        *status = egm_response_fail(r, HTTP_BAD_REQUEST, "%s", problem);
        return 0;
    }
    call->bearer = bearer(r);
    call->client = r->useragent_ip;
    call->idempotency_key = apr_table_get(r->headers_in, "Idempotency-Key");
    return 1;
}
