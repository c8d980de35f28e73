/*
 * The arguments of POST /api/v1/email -> a checked mail. Knows neither httpd
 * nor the database; what only the database can tell is checked by accept().
 */
#ifndef EG_MAIL_H
#define EG_MAIL_H

#include "command.h"
#include "mailbox.h"

typedef struct {
    eg_mailbox box;
    const char *name; /* may be empty */
} eg_mail_address;

typedef struct {
    const char *filename; /* without folders, controls and direction marks; never empty */
    const char *type;     /* type/subtype, lower case, perhaps with a charset */
    const char *disposition;
    const char *content_id; /* without angle brackets, or NULL */
    eg_bytes content;
} eg_mail_attachment;

typedef struct {
    eg_mail_address from;
    apr_array_header_t *to, *cc, *bcc, *reply_to; /* of eg_mail_address */
    const char *subject;
    const char *html, *plain;                                  /* NULL: not of this content type */
    json_t *headers;                                           /* [[name, value]] in the order given */
    apr_array_header_t *tags;                                  /* of const char *, each once */
    const char *track_links, *track_opens;                     /* "t", "f", or NULL: as the domain says */
    apr_time_t send_at;                                        /* 0: now */
    apr_int64_t list_id, subscriber_id, journey_id, action_id; /* 0: as the key says */
    apr_array_header_t *attachments;                           /* of eg_mail_attachment */
    int template_given, list_given;                            /* TemplateID, TargetListID */
    apr_int64_t template_id, target_list_id;                   /* 0: the id of nothing */
    const char *content_type; /* html, plain or multipart; NULL: whatever contents there are */
    json_t *data;             /* TemplateData, an object, or NULL */
    apr_size_t size;          /* bytes of contents and attachments */
    apr_int64_t smtp_id;      /* of its credential; 0: it came with a key */
    const char *endpoint;     /* of Idempotency-Keys; NULL: of this one */
    eg_bytes raw;             /* in the place of contents, or no data */
} eg_mail;

/** Check call->args into mail; every error that applies is added to call->errors. */
void eg_mail_parse(eg_mail *mail, eg_call *call);

/** @name Parts of it, each in a file of its own */
/** @{ */
void eg_mail_parse_template(eg_mail *mail, eg_call *call);
void eg_mail_parse_addresses(eg_mail *mail, eg_call *call);
void eg_mail_parse_headers(eg_mail *mail, eg_call *call);
void eg_mail_parse_attachments(eg_mail *mail, eg_call *call);
/** SendAt alone. @param send_at  set where it is there and valid; 0: it is now or past */
void eg_mail_parse_send_at(apr_time_t *send_at, eg_call *call);
void eg_mail_parse_options(eg_mail *mail, eg_call *call); /* Tags, SendAt, TrackLinks, TrackOpens */
/** @} */

/**
 * A parameter that is an object or array; of a form it may also come as JSON
 * text, whose values are taken from call->values_left. Each call parses it anew.
 * @return other values as they are, NULL when absent or empty text; JSON null, which
 *         no parameter takes, for a text with more values than are left
 */
json_t *eg_mail_structure(eg_call *call, const char *name);

/** TemplateID or TargetListID. @param id  what is no id is 0, the id of nothing. @return is it given? */
int eg_mail_read_id(apr_int64_t *id, const eg_call *call, const char *name);

/** With a template or to a list: are Subject and contents templates that are to be filled in? */
int eg_mail_is_template(const eg_mail *mail);

/**
 * What the request does not have is the template's; what its ContentType asks for and neither has is
 * added to call->errors.
 */
void eg_mail_take_template(eg_mail *mail, eg_call *call, const char *subject, const char *html,
                           const char *plain);

/** Fill Subject and contents in, for the first To; contents that become too large are added to call->errors. */
void eg_mail_fill(eg_mail *mail, eg_call *call);

/** Bytes of all attachments. */
apr_size_t eg_mail_attached(const eg_mail *mail);

/** EG_E_TOO_LARGE where contents and attachments have too many bytes. */
void eg_mail_check_size(eg_mail *mail, eg_call *call);

/** No CR, LF or NUL: fit for a header field. */
int eg_mail_is_line(const char *text);

/** Fit for a display name: a line of at most EG_NAME_MAX bytes. */
int eg_mail_is_name(const char *text);

#endif
