/*
 * What is wrong with a call: numbered errors, all that apply, in the order of
 * the API reference.
 */
#ifndef EG_ERRORS_H
#define EG_ERRORS_H

#include <apr_tables.h>
#include <jansson.h>

#include "eg.h"

/* Codes of POST /api/v1/email and the other /api/v1 calls, as the reference numbers them. */
enum {
    EG_E_MISSING_KEY = 1,
    EG_E_DOMAIN_GONE = 2,
    EG_E_FROM = 3,
    EG_E_START_FROM = 4,     /* GET /api/v1/events */
    EG_E_RETRIEVE_COUNT = 5, /* GET /api/v1/events */
    EG_E_SUBJECT = 8,
    EG_E_CONTENT_TYPE = 9,
    EG_E_HTML = 10,
    EG_E_PLAIN = 11,
    EG_E_ACCOUNT = 12,
    EG_E_KEY = 13,
    EG_E_SUPPRESSED = 14,
    EG_E_TEMPLATE = 15,
    EG_E_LIST = 16,
    EG_E_LIMIT = 17,
    EG_E_TO_INCOMPLETE = 18,
    EG_E_TO_ADDRESS = 19,
    EG_E_NO_RECIPIENT = 20,
    EG_E_CC_INCOMPLETE = 21,
    EG_E_CC_ADDRESS = 22,
    EG_E_FROM_ADDRESS = 23,
    EG_E_BCC_NO_ARRAY = 24,
    EG_E_BCC_INCOMPLETE = 25,
    EG_E_BCC_ADDRESS = 26,
    EG_E_BCC_COUNT = 27,
    EG_E_REPLY_TO_NO_ARRAY = 28,
    EG_E_REPLY_TO_INCOMPLETE = 29,
    EG_E_REPLY_TO_ADDRESS = 30,
    EG_E_REPLY_TO_COUNT = 31,
    EG_E_DOMAIN_INACTIVE = 32,
    EG_E_ACCOUNT_UNVERIFIED = 34,
    /* Ours, for what the reference asks for but gives no number. */
    EG_E_ATTACHMENT = 101,
    EG_E_HEADER = 102,
    EG_E_SEND_AT = 103,
    EG_E_TAG = 104,
    EG_E_TRACKING = 105,
    EG_E_CONTEXT = 106,
    EG_E_TOO_LARGE = 107,
    EG_E_START_DATE = 108,
    EG_E_END_DATE = 109,
    EG_E_EVENT = 110,
    EG_E_IDEMPOTENCY_KEY = 111,
    EG_E_TOO_MANY = 112,       /* the domain has as many of these as it may */
    EG_E_PERMISSIONS = 113,    /* EmailGateway.AddAPI */
    EG_E_DEFAULTS = 114,       /* EmailGateway.AddSMTP: FromEmail, FromName, ReplyToEmail, ReplyToName */
    EG_E_QUERY = 115,          /* of EmailGateway.GetEvents */
    EG_E_TOO_BROAD = 116,      /* more events would have to be read than one request may */
    EG_E_AGGREGATE_SIZE = 117, /* of EmailGateway.AggrEvents */
    EG_E_AFTER = 118,          /* of lists of events */
    EG_E_WITH_COUNTS = 119,    /* of EmailGateway.GetDomains */
    EG_E_FORMAT = 120,         /* of EmailGateway.ExportEvents, and ... */
    EG_E_MAX_ROWS = 121,       /* ... its rows */
    EG_E_MESSAGES = 130,       /* Messages of a batch, or one of them, is not what it must be */
    EG_E_MESSAGE_ID = 131,     /* there is no such message */
    EG_E_TEMPLATE_DATA = 132,  /* TemplateData is no object, or too large */
    EG_E_PAYLOAD = 141         /* of webhooks */
};

/* Where /api/v1/webhooks gives another meaning to a number. */
enum {
    EG_E_WEBHOOK_ID_MISSING = 1,
    EG_E_WEBHOOK_EVENT_MISSING = 2,
    EG_E_WEBHOOK_EVENT = 3,
    EG_E_WEBHOOK_ID = 4,
    EG_E_WEBHOOK_URL = 5
};

/* Too many requests: of a sender key, or of an address that fails to authenticate. */
enum { EG_E_RATE = 429 };

/* Of every command of /api.php, and of what never reached one. */
enum {
    EG_E_NOT_AUTHENTICATED = 99998,
    EG_E_SESSION_EXPIRED = 99999,
    EG_E_BODY = 100000,
    EG_E_METHOD = 100001,
    EG_E_COMMAND = 100003,
    EG_E_OTHER = 100005
};

typedef struct {
    int code;
    int status;          /* of HTTP; 0: as the code has it */
    const char *message; /* a sentence for a person */
} eg_error;

typedef struct {
    apr_array_header_t *list; /* of eg_error */
    apr_pool_t *pool;
} eg_errors;

void eg_errors_init(eg_errors *errors, apr_pool_t *pool);

/** Note an error; a second one of the same code and message is dropped, and so are those beyond 20 of a code. */
void eg_errors_add(eg_errors *errors, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** The same where the code does not tell the HTTP status. @param status  of HTTP */
void eg_errors_add_as(eg_errors *errors, int status, int code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/** Forget what was noted and keep this one alone: a failure to authenticate stops everything. */
void eg_errors_only(eg_errors *errors, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** Where anything else is wrong, forget what had to be looked up: EG_E_SUPPRESSED to EG_E_LIMIT. */
void eg_errors_drop_looked_up(eg_errors *errors);

int eg_errors_any(const eg_errors *errors);

/** What the HTTP status goes by: the first in the reference's order; NULL without errors. */
const eg_error *eg_errors_first(const eg_errors *errors);

/** {"Errors": [{"Code", "Message"}]} in the reference's order; the caller owns it. */
json_t *eg_errors_json(eg_errors *errors);

/**
 * {"Success": false, "ErrorCode", "ErrorMessage"} of the first that was noted; the caller owns it.
 * @param all  ErrorCode is an array of all codes in the reference's order, once
 *             each, the messages one after the other
 */
json_t *eg_errors_api_json(eg_errors *errors, int all);

#endif
