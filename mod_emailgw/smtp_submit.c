#include "smtp_submit.h"

#include <stdlib.h>
#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "accept.h"
#include "addressfold.h"
#include "ratelimit.h"
#include "smtp_message.h"
#include "utf8.h"
#include "uuid.h"

#define USERNAME "egm_"

/* ---- who it is ------------------------------------------------------------------------------------ */

/* A number from 1 on, up to what is no digit. @return behind it, NULL when there is none */
static const char *read_id(apr_int64_t *id, const char *text)
{
    for (*id = 0; apr_isdigit(*text); text++) {
        *id = *id * 10 + (*text - '0');
        if (*id > EG_ID_MAX || *id == 0) {
            return NULL;
        }
    }
    return *id != 0 ? text : NULL;
}

/* By its form alone. @return 0 when it has not that of a user name */
static int read_username(eg_smtp_login *login, const char *username)
{
    const char *rest = username;

    if (strncmp(rest, USERNAME, strlen(USERNAME)) != 0) {
        return 0;
    }
    rest = read_id(&login->account_id, rest + strlen(USERNAME));
    if (rest == NULL || *rest != '_') {
        return 0;
    }
    rest = read_id(&login->smtp_id, rest + 1);
    return rest != NULL && *rest == '\0';
}

/* @param rows  one, of sql authenticate_smtp */
static apr_status_t look_up(eg_rows **rows, eg_call *call, const eg_smtp_login *login)
{
    return eg_db_call(rows, call->db, EG_DB_REPEATABLE, "authenticate_smtp",
                      EG_DB_ARGS(eg_db_int(login->account_id), eg_db_int(login->smtp_id),
                                 eg_db_bytes(login->password_hash, EG_HASH_SIZE)));
}

apr_status_t eg_smtp_authenticate(eg_smtp_login *login, int *status, eg_call *call, const char *username,
                                  const char *password)
{
    apr_int64_t only = call->limits->account_id;
    eg_smtp_login given = { 0 };
    eg_rows *rows;
    apr_status_t rv;

    eg_secret_hash(given.password_hash, password, strlen(password));
    if (!read_username(&given, username) || (only != 0 && given.account_id != only)) {
        given.account_id = given.smtp_id = 0; /* asked for all the same: it takes the same time */
    }
    rv = look_up(&rows, call, &given);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    *status = (int)eg_rows_int(rows, 0, "status");
    *login = given;
    return APR_SUCCESS;
}

/* ---- the same mail again --------------------------------------------------------------------------- */

/* What is added to becomes the hash of all that was added. */
static void add_hash(unsigned char hash[EG_HASH_SIZE], const void *data, apr_size_t size)
{
    unsigned char both[2 * EG_HASH_SIZE];

    memcpy(both, hash, EG_HASH_SIZE);
    eg_secret_hash(both + EG_HASH_SIZE, data, size);
    eg_secret_hash(hash, both, sizeof both);
}

/* The message but for fields that a program may make anew, or fold anew, when it tries again. */
static void hash_content(unsigned char hash[EG_HASH_SIZE], const eg_smtp_message *m,
                         const char *const *without)
{
    eg_bytes body = eg_rawmail_range(&m->raw, m->header->body, m->raw.bytes.size);

    for (int i = 0; i < m->header->fields->nelts; i++) {
        const eg_rawfield *field = eg_rawpart_field(m->header, i);
        const char *const *name = without;

        while (*name != NULL && !eg_rawfield_is(&m->raw, field, *name)) {
            name++;
        }
        if (*name == NULL) {
            eg_bytes bytes = eg_rawmail_range(&m->raw, field->at, field->end);

            add_hash(hash, bytes.data, bytes.size);
        }
    }
    add_hash(hash, body.data, body.size);
}

static int in_order(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Who gets it, in whatever order and spelling they were given, and however often. */
static void hash_recipients(unsigned char hash[EG_HASH_SIZE], const eg_smtp_message *m)
{
    const apr_array_header_t *lists[] = { m->mail.to, m->mail.cc, m->mail.bcc };
    apr_array_header_t *folded = apr_array_make(m->call->pool, 100, sizeof(const char *));

    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        for (int n = 0; n < lists[i]->nelts; n++) {
            APR_ARRAY_PUSH(folded, const char *) =
                eg_address_fold(APR_ARRAY_IDX(lists[i], n, eg_mail_address).box.address, m->call->pool);
        }
    }
    qsort(folded->elts, (size_t)folded->nelts, sizeof(const char *), in_order);
    for (int i = 0; i < folded->nelts; i++) {
        const char *each = APR_ARRAY_IDX(folded, i, const char *);

        if (i == 0 || strcmp(each, APR_ARRAY_IDX(folded, i - 1, const char *)) != 0) {
            add_hash(hash, each, strlen(each));
        }
    }
}

static int has_message_id(const eg_smtp_message *m)
{
    const eg_rawfield *field = eg_rawpart_find(&m->raw, m->header, "Message-ID");

    return field != NULL && !eg_rawfield_is_empty(&m->raw, field);
}

/*
 * By its Idempotency-Key, as requests are, and by its recipients: a client with more of
 * them than a mail may have sends the same message again to the others. Without a key
 * a message with a Message-ID is known by all that it is: a client that was cut off before
 * the answer sends it again.
 */
static void set_idempotency(eg_idempotency *hashes, eg_smtp_message *m)
{
    static const char *const made_anew[] = { "Date", "Idempotency-Key", "Message-ID", "Received", NULL };
    static const char *const none[] = { NULL };

    memset(hashes, 0, sizeof *hashes);
    if (m->idempotency_key != NULL) {
        m->mail.endpoint = "smtp";
        m->call->idempotency_key = m->idempotency_key;
        eg_secret_hash(hashes->key, m->idempotency_key, strlen(m->idempotency_key));
        hash_recipients(hashes->key, m);
        hash_content(hashes->body, m, made_anew);
    }
    else if (has_message_id(m)) {
        m->mail.endpoint = "smtp content";
        m->call->idempotency_key = "";
        add_hash(hashes->key, &m->login->smtp_id, sizeof m->login->smtp_id);
        add_hash(hashes->key, m->envelope->sender, strlen(m->envelope->sender));
        hash_recipients(hashes->key, m);
        hash_content(hashes->key, m, none);
        memcpy(hashes->body, hashes->key, EG_HASH_SIZE);
    }
    else {
        m->call->idempotency_key = NULL;
    }
}

/* ---- the reply -------------------------------------------------------------------------------------- */

/* accept() does not say which domain it should have been. */
static apr_status_t refuse_from(eg_smtp_message *m)
{
    eg_rows *rows;
    apr_status_t rv;

    if (m->mail.from.box.address == NULL) {
        eg_smtp_refuse(m, 550, "5.1.7", "The message has no From, and this credential no FromEmail");
        return APR_SUCCESS;
    }
    rv = look_up(&rows, m->call, m->login);
    if (rv == APR_SUCCESS) {
        const char *domain = eg_rows_text(rows, 0, "domain_name");

        eg_smtp_refuse(m, 550, "5.7.1",
                       "From is invalid: '%s' is not an address of this credential's domain %s",
                       m->mail.from.box.address, domain != NULL ? domain : "");
    }
    return rv;
}

/* What accept() refused with, in the words of the API. */
static apr_status_t refuse(eg_smtp_message *m, int status, const eg_rows *rows)
{
    const char *detail = eg_rows_text(rows, 0, "detail");

    switch (status) {
    case EG_E_FROM:
        return refuse_from(m);
    case EG_E_SUPPRESSED:
        eg_smtp_refuse(m, 550, "5.7.1",
                       "Email address is in the suppression list. Email delivery is blocked: %s", detail);
        break;
    case EG_E_LIMIT:
        if (eg_accept_never_fits(rows, 0)) {
            eg_smtp_refuse(m, 550, "5.5.3", "Email sending limit reached: %s", detail);
        }
        else {
            eg_smtp_refuse(m, 451, "4.7.1", "Email sending limit reached: %s", detail);
        }
        break;
    case 409:
        eg_smtp_refuse(m, 554, "5.7.0", "This Idempotency-Key was used for a different message");
        break;
    case EG_E_KEY:
        eg_smtp_refuse(m, 550, "5.7.8", "User name or password are not valid any more");
        break;
    case EG_E_DOMAIN_GONE:
        eg_smtp_refuse(m, 550, "5.7.1", "The domain of this credential does not exist any more");
        break;
    default:
        eg_call_refuse_key(m->call, status);
        eg_smtp_refuse(m, 550, "5.7.1", "%s", eg_errors_first(&m->call->errors)->message);
    }
    return APR_SUCCESS;
}

static int check_rate(eg_smtp_message *m)
{
    return eg_ratelimit_key(m->call)
               ? 1
               : eg_smtp_refuse(m, 450, "4.7.1", "%s", eg_errors_first(&m->call->errors)->message);
}

static apr_status_t store(eg_smtp_message *m)
{
    eg_idempotency hashes;
    eg_rows *rows;
    apr_status_t rv;

    set_idempotency(&hashes, m);
    m->mail.smtp_id = m->login->smtp_id;
    rv = eg_accept_mail(&rows, m->call, &m->mail, m->message_id, &hashes);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (eg_rows_int(rows, 0, "status") != 0) {
        return refuse(m, (int)eg_rows_int(rows, 0, "status"), rows);
    }
    m->reply = (eg_smtp_reply){
        250, "2.0.0", apr_pstrcat(m->call->pool, "Ok: queued as ", eg_rows_text(rows, 0, "message_id"), NULL)
    };
    return APR_SUCCESS;
}

apr_status_t eg_smtp_submit(eg_smtp_reply *reply, eg_call *call, const eg_smtp_login *login,
                            const eg_smtp_envelope *envelope, eg_bytes message)
{
    eg_smtp_message m = { .call = call, .envelope = envelope, .login = login };
    char message_id[EG_UUID_SIZE];
    apr_status_t rv = eg_uuid_new(message_id, call->now);

    *reply = (eg_smtp_reply){ 451, "4.3.0", "The message cannot be stored now: try again later" };
    if (rv != APR_SUCCESS) {
        return rv;
    }
    m.message_id = message_id;
    call->account_id = login->account_id;
    memcpy(call->key_hash, login->password_hash, EG_HASH_SIZE);
    eg_errors_init(&call->errors, call->pool);
    if (check_rate(&m) && eg_smtp_message_read(&m, message) && eg_smtp_message_addresses(&m) &&
        eg_smtp_message_options(&m) && eg_smtp_message_make(&m)) {
        rv = store(&m);
    }
    if (rv == APR_SUCCESS) {
        *reply = m.reply;
    }
    return rv;
}
