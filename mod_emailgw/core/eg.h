/*
 * Ids, enums and every documented limit with its unit: what the module, the
 * sender and emailgwctl must agree on.
 */
#ifndef EG_H
#define EG_H

#include <apr.h>
#include <apr_errno.h>
#include <apr_pools.h>
#include <apr_time.h>

/* Ids are decimal in JSON and must survive a double: 1 to 2^53 - 1. */
#define EG_ID_MAX APR_INT64_C(9007199254740991)

/* A message id is a UUIDv7 in text: 36 characters and the NUL. */
#define EG_UUID_SIZE 37

/* Request bodies. */
#define EG_BODY_MAX_DEFAULT (36 * 1024 * 1024) /* bytes; base64 of 25 MB fits */
#define EG_BODY_MAX_LIMIT (64 * 1024 * 1024)   /* bytes; largest settable */
#define EG_JSON_DEPTH_MAX 32                   /* levels of nesting */
#define EG_JSON_VALUES_MAX 50000               /* values in one text: each costs about 80 bytes of memory */
#define EG_JSON_VALUE_BYTES 80                 /* ... these */
#define EG_PARAMETERS_MAX 200                  /* parameters of one request, at the top level */
#define EG_FORM_FIELDS_MAX 10000               /* fields of one form body */

/* One mail. Lengths are in bytes of UTF-8 where not said otherwise. */
#define EG_MAIL_BYTES_MAX (25 * 1024 * 1024) /* contents and decoded attachments together */
#define EG_WIRE_LINE_MAX 998                 /* without the line end (RFC 5322 section 2.1.1) */
#define EG_SUBJECT_MAX 998
#define EG_NAME_MAX 320      /* a display name */
#define EG_HEADERS_MAX 16384 /* all custom header names and values together */
#define EG_HEADER_COUNT_MAX 100
#define EG_FIELD_NAME_MAX 76 /* of a custom header: leaves room for a value in its first line */
#define EG_UNSUBSCRIBE_FIELDS "List-Unsubscribe*"
#define EG_TLS_FIELD "X-EG-TLS" /* in Headers: how a mail is to be delivered; not sent along */
#define EG_CONTENT_ID_MAX 200
#define EG_TAG_MAX 128
#define EG_TAG_COUNT_MAX 20
#define EG_ATTACHMENT_COUNT_MAX 100
#define EG_FILENAME_MAX 255
#define EG_SEND_AT_MAX_DAYS 30
#define EG_TO_MAX_DEFAULT 50
#define EG_CC_MAX_DEFAULT 50
#define EG_BCC_MAX_DEFAULT 50
#define EG_REPLY_TO_MAX_DEFAULT 10
#define EG_RECIPIENTS_MAX_LIMIT 1000 /* largest settable of the four above */

/* Addresses (RFC 5321 section 4.5.3.1). */
#define EG_LOCAL_PART_MAX 64
#define EG_DOMAIN_MAX 253 /* without the trailing dot, as A-labels */
#define EG_LABEL_MAX 63   /* RFC 1035 section 2.3.4 */
#define EG_MAILBOX_MAX 254

#define EG_RETURNED_SIZE                                                                                     \
    (10 * 1024 * 1024) /* bytes of a mail that has come back: no more is kept or looked at */

#define EG_IDEMPOTENCY_KEY_MAX 256 /* characters */

/* POST /api/v1/email/batch. */
#define EG_BATCH_MAX_DEFAULT 500                      /* mails */
#define EG_BATCH_MAX_LIMIT 1000                       /* ... largest settable */
#define EG_BATCH_BODY_MAX_DEFAULT (50 * 1024 * 1024)  /* bytes */
#define EG_BATCH_VALUES_MAX 500000                    /* values in its JSON text */
#define EG_BATCH_DIRECT_MAX 10000                     /* subscribers that get their mails with the request */
#define EG_BATCH_DIRECT_BYTES_MAX (256 * 1024 * 1024) /* ... and contents of their mails */
#define EG_BATCH_TEXTS_MAX (256 * 1024 * 1024)  /* bytes of contents and attachments of all mails to lists */
#define EG_BATCH_FILLED_MAX (256 * 1024 * 1024) /* ... of mails with a template, filled in */

/* What one sender domain may have. */
#define EG_KEYS_MAX 100
#define EG_KEY_DESCRIPTION_MAX 255 /* bytes */
#define EG_SMTPS_MAX 100
#define EG_WEBHOOKS_MAX 100

/* What one account may have. */
#define EG_TEMPLATES_MAX 1000
#define EG_LISTS_MAX 1000
#define EG_TITLE_MAX 255 /* bytes: what one of them is called */

/* Templates and lists; pages of them and of what is on them. */
#define EG_TEMPLATE_BYTES_MAX (1024 * 1024) /* of HTML, and of plain text */
#define EG_TEMPLATE_DATA_MAX 65536          /* bytes of TemplateData as JSON */
#define EG_SUBSCRIBERS_ADD_MAX 1000         /* in one request */
#define EG_SUBSCRIBER_FIELDS_MAX 8192       /* bytes of one's fields as JSON */
#define EG_PAGE_DEFAULT 100
#define EG_PAGE_MAX 1000
#define EG_LIST_DIRECT_MAX 1000 /* subscribers that get their mails with the request itself */
#define EG_LIST_DIRECT_BYTES_MAX (8 * 1024 * 1024) /* ... and contents of them all */
#define EG_LIST_MAIL_MAX (2 * 1024 * 1024)         /* bytes of each content of a list's mail, filled in */

/* GET /api/v1/events and EmailGateway.GetEvents. */
#define EG_EVENTS_COUNT_DEFAULT 5
#define EG_EVENTS_COUNT_MAX 100
#define EG_EVENTS_READ_MAX 1000000 /* what one request may look through, as in emailgw_api.events_to_read */

/* EmailGateway.ExportEvents. */
#define EG_EXPORT_ROWS_MAX 5000000 /* events of one export */
#define EG_EXPORT_PART 2000        /* events that are looked at in one call */

/* EmailGateway.DailySeries. */
#define EG_SERIES_DAYS_MAX 1100 /* days: three years */
/* A page of EmailGateway.GetWebhookDeliveries and GetSuppressions. */
#define EG_PAGE_COUNT_DEFAULT 50
#define EG_PAGE_COUNT_MAX 100

#define EG_IMPORT_LINES_MAX 500000 /* of one EmailGateway.ImportSuppressions */
#define EG_REPLAY_MAX 100000       /* posts that one call or command repeats */

/* EmailGateway.ListRecipientDomains. */
#define EG_RECIPIENT_DOMAINS_DEFAULT 100
#define EG_RECIPIENT_DOMAINS_MAX 1000

/* EmailGateway.AggrEvents. */
#define EG_AGGREGATE_DEFAULT 10
#define EG_AGGREGATE_MAX 1000

#endif
