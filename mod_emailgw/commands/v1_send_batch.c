/* POST /api/v1/email/batch: many mails into the queue, each with a result of its own. */
#include <string.h>

#include <apr_cstr.h>
#include <apr_strings.h>

#include "command.h"
#include "json.h"
#include "templated.h"
#include "templates.h"
#include "utf8.h"
#include "uuid.h"

#define PORTION_SIZE (4 * 1024 * 1024) /* bytes of mails from which on no more go into one transaction */
#define INTERNAL 500                   /* code of a mail that the database cannot take */

/** One of the mails, as a call of its own. */
typedef struct {
    size_t index;
    eg_call call;
    eg_send send;
} entry;

/** The mails are taken in portions, one after the other, so that only one of them is in memory as mails. */
typedef struct {
    eg_call *call;
    json_t *messages;
    const eg_rows *domain;        /* of sql begin_batch */
    eg_idempotency hashes;        /* of the whole, where the call has an idempotency_key */
    eg_templates *templates;      /* of messages */
    json_t *results;              /* array, in the order of messages */
    apr_int64_t accepted;         /* of these */
    eg_direct left;               /* what may still be made of mails to lists */
    apr_size_t texts_left;        /* bytes that mails to lists may still have themselves */
    apr_size_t filled_left;       /* bytes that other mails with a template may still become */
    apr_pool_t *pool;             /* of the portion at hand */
    eg_db *db;                    /* ... for what it asks */
    entry entries[EG_ACCEPT_MAX]; /* ... those of it that may be accepted */
    int count;                    /* ... how many */
    apr_size_t size;              /* ... bytes of all of it */
    int committed;                /* some mails are in the queue */
} batch;

/* ---- what it is -------------------------------------------------------------------------------------- */

static int find_messages(batch *b)
{
    eg_call *call = b->call;
    size_t count;

    b->messages = eg_mail_structure(call, "Messages");
    count = json_array_size(b->messages);
    if (!json_is_array(b->messages) || count == 0 || count > (size_t)call->limits->batch_max) {
        eg_errors_add(
            &call->errors, EG_E_MESSAGES,
            "Invalid Messages: it must be an array of 1 to %d objects, each as POST /api/v1/email takes it",
            call->limits->batch_max);
        return 0;
    }
    return 1;
}

/* The hash of the hashes: the text of a batch would be as large as its request. */
static int check_idempotency_key(batch *b)
{
    size_t count = json_array_size(b->messages);
    unsigned char *hashes;

    if (b->call->idempotency_key == NULL) {
        return 1;
    }
    if (!eg_send_hash_key(b->hashes.key, b->call)) {
        return 0;
    }
    hashes = apr_palloc(b->call->pool, count * EG_HASH_SIZE);
    for (size_t i = 0; i < count; i++) {
        eg_send_hash_json(hashes + i * EG_HASH_SIZE, json_array_get(b->messages, i));
    }
    eg_secret_hash(b->hashes.body, hashes, count * EG_HASH_SIZE);
    return 1;
}

static apr_status_t begin(batch *b, eg_rows **rows)
{
    const eg_call *call = b->call;
    apr_status_t rv = eg_db_call(
        rows, call->db, EG_DB_REPEATABLE, "begin_batch",
        EG_DB_ARGS(eg_db_int(call->account_id), eg_db_bytes(call->key_hash, EG_HASH_SIZE),
                   eg_idempotency_arg(b->call, b->hashes.key), eg_idempotency_arg(b->call, b->hashes.body)));

    if (rv == APR_SUCCESS) {
        b->domain = *rows;
    }
    return rv;
}

/* ---- one of its mails ---------------------------------------------------------------------------------- */

/* What it is answered, or what is wrong with it. */
static void set_result(batch *b, entry *e)
{
    if (e->call.reply == NULL) {
        json_array_set_new(b->results, e->index, eg_errors_json(&e->call.errors));
        return;
    }
    json_array_set(b->results, e->index, e->call.reply);
    b->accepted++;
    b->committed = 1;
}

/* The database cannot take it: the others must not suffer. */
static void set_broken(batch *b, entry *e)
{
    eg_errors_add(&e->call.errors, INTERNAL, "Internal error. The server's error log has the details");
    set_result(b, e);
}

/* Its own IdempotencyKey, taken out of it: the same mail by POST /api/v1/email has it in the header. */
static const char *take_key(const batch *b, entry *e)
{
    json_t *value;
    const char *name, *key = NULL;
    void *next;

    json_object_foreach_safe(e->call.args, next, name, value)
    {
        if (apr_cstr_casecmp(name, "IdempotencyKey") == 0) {
            if (!json_is_null(value)) {
                key = json_is_string(value) ? apr_pstrdup(b->pool, json_string_value(value)) : "";
            }
            json_object_del(e->call.args, name);
        }
    }
    return key;
}

/*
 * A key for one without, so that a batch that was broken off goes on where it was. No
 * client's key has a NUL in it; and they are in the order of the mails, as accept() takes
 * them: so those that come first are within a limit.
 */
static void derive_key(const batch *b, entry *e)
{
    unsigned char source[6 + EG_HASH_SIZE] = "batch", *key = e->send.hashes.key;

    memcpy(source + 6, b->hashes.key, EG_HASH_SIZE);
    eg_secret_hash(key, source, sizeof source);
    key[EG_HASH_SIZE - 2] = (unsigned char)(e->index >> 8);
    key[EG_HASH_SIZE - 1] = (unsigned char)e->index;
}

/* A mail's parameters are those of a request: an object, with as many as a request may have, each once. */
static int is_request(entry *e)
{
    const char *twice = eg_json_twice(e->call.args);

    if (!json_is_object(e->call.args) || json_object_size(e->call.args) > EG_PARAMETERS_MAX) {
        eg_errors_add(&e->call.errors, EG_E_MESSAGES,
                      "Each of Messages must be an object with at most %d members", EG_PARAMETERS_MAX);
        return 0;
    }
    if (twice != NULL) {
        eg_errors_add(&e->call.errors, EG_E_MESSAGES, "The parameter '%s' is given twice",
                      eg_utf8_excerpt(twice, strlen(twice), e->call.pool));
        return 0;
    }
    return 1;
}

/* A form's texts in one mail may have what they may have in a mail alone, as long as the batch has it left. */
static apr_size_t most_values(const eg_call *call)
{
    return call->values_left < call->limits->values_max ? call->values_left : call->limits->values_max;
}

static void start_entry(entry *e, const batch *b, size_t index)
{
    e->index = index;
    e->call = *b->call;
    e->call.pool = b->pool;
    e->call.db = b->db;
    e->call.args = json_array_get(b->messages, index);
    e->call.rates = NULL; /* one request is one failure of its key at most */
    e->call.values_left = most_values(b->call);
    eg_errors_init(&e->call.errors, b->pool);
}

/* What a form's texts became stays until the portion ends, whatever becomes of the mail: it counts. */
static void take_values(batch *b, apr_size_t values)
{
    b->call->values_left -= values;
    b->size += values * EG_JSON_VALUE_BYTES;
}

/* @return 1 when nothing is wrong with it in itself */
static int read_entry(batch *b, entry *e)
{
    const char *own = take_key(b, e);
    apr_size_t values = e->call.values_left;
    int is_well;

    e->call.idempotency_key = own != NULL ? own : b->call->idempotency_key;
    is_well = eg_send_read(&e->send, &e->call);
    take_values(b, values - e->call.values_left);
    if (own == NULL && e->call.idempotency_key != NULL) {
        derive_key(b, e);
    }
    return is_well;
}

static void refuse_large(entry *e)
{
    eg_errors_add(
        &e->call.errors, EG_E_TOO_LARGE,
        "The mail is too large: mails of a batch that fields are filled in may have %d bytes together",
        EG_BATCH_FILLED_MAX);
}

/* A batch of a few bytes can fill large templates in, again and again: what is not kept counts, too. */
static void take_filled(batch *b, entry *e)
{
    apr_size_t size = e->send.mail.size;

    if (size > b->filled_left && !eg_errors_any(&e->call.errors)) {
        refuse_large(e);
    }
    b->filled_left -= size < b->filled_left ? size : b->filled_left;
}

static apr_status_t fill_in(batch *b, entry *e)
{
    const eg_rows *rows;
    int row;
    apr_status_t rv;

    if (b->filled_left == 0) {
        refuse_large(e);
        return APR_SUCCESS;
    }
    rv = eg_templates_find(&rows, &row, b->templates, e->index, e->send.mail.template_id);
    if (rv == APR_SUCCESS) {
        eg_templated_fill(&e->call, &e->send.mail, rows, row);
        take_filled(b, e);
    }
    return rv;
}

/* ---- a portion ----------------------------------------------------------------------------------------- */

/* What accept() says of a mail. @param row  its */
static apr_status_t settle(batch *b, entry *e, const eg_rows *rows, int row)
{
    apr_status_t rv = APR_SUCCESS;

    if (eg_rows_int(rows, row, "status") == 0) {
        eg_call_reply(&e->call, json_pack("{s:s}", "MessageID", eg_rows_text(rows, row, "message_id")));
    }
    else {
        rv = eg_send_refuse(&e->call, &e->send, rows, row);
    }
    set_result(b, e);
    return rv;
}

/* The database cannot take one of them: the others must not suffer. */
static apr_status_t accept_one(batch *b, entry *e)
{
    eg_rows *rows;
    apr_status_t rv = eg_accept_mail(&rows, &e->call, &e->send.mail, e->send.message_id, &e->send.hashes);

    if (rv == APR_SUCCESS) {
        b->committed = 1;
        return settle(b, e, rows, 0);
    }
    if (rv != EG_DB_REFUSED) {
        return rv;
    }
    set_broken(b, e);
    return APR_SUCCESS;
}

static apr_status_t accept_portion(batch *b)
{
    eg_accept mails[EG_ACCEPT_MAX];
    int row_of[EG_ACCEPT_MAX];
    eg_rows *rows;
    apr_status_t rv;

    if (b->count == 0) {
        return APR_SUCCESS;
    }
    for (int i = 0; i < b->count; i++) {
        entry *e = &b->entries[i];

        mails[i] = (eg_accept){ &e->call, &e->send.mail, e->send.message_id, &e->send.hashes };
    }
    rv = eg_accept_mails(&rows, row_of, b->db, mails, b->count);
    if (rv != APR_SUCCESS && rv != EG_DB_REFUSED) {
        return rv;
    }
    b->committed |= rv == APR_SUCCESS;
    for (int i = 0, refused = rv == EG_DB_REFUSED; i < b->count; i++) {
        rv = refused ? accept_one(b, &b->entries[i]) : settle(b, &b->entries[i], rows, row_of[i]);
        if (rv != APR_SUCCESS) {
            return rv;
        }
    }
    return APR_SUCCESS;
}

static void start_portion(batch *b)
{
    apr_pool_clear(b->pool);
    b->db = eg_db_with_pool(b->call->db, b->pool);
    b->count = 0;
    b->size = 0;
}

/* What a list takes is taken from all that the batch has. */
static apr_status_t run_list(batch *b, entry *e)
{
    eg_direct *direct = &e->send.direct, all;
    int done = 0;
    apr_status_t rv;

    direct->subscribers =
        direct->subscribers < b->left.subscribers ? direct->subscribers : b->left.subscribers;
    direct->bytes = direct->bytes < b->left.bytes ? direct->bytes : b->left.bytes;
    all = *direct;
    e->send.list_texts = b->texts_left;
    rv = eg_templated_run(&done, &e->call, &e->send);
    b->left.subscribers -= all.subscribers - direct->subscribers;
    b->left.bytes -= all.bytes - direct->bytes;
    b->texts_left = e->send.list_texts;
    return rv;
}

/* A mail to a list has a transaction of its own, after those of the mails before it. */
static apr_status_t send_to_list(batch *b, entry *e)
{
    apr_status_t rv = accept_portion(b);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    /* Less of a job's id is random than of others: two of one batch must not be able to meet. */
    e->call.now += apr_time_from_msec((apr_time_t)e->index);
    rv = run_list(b, e);
    if (rv == APR_SUCCESS) {
        set_result(b, e);
    }
    else if (rv == EG_DB_REFUSED) {
        set_broken(b, e);
        rv = APR_SUCCESS;
    }
    start_portion(b);
    return rv;
}

/*
 * One more into the portion, or what it is answered already, or is wrong with it, into the results.
 * What was filled in stays until the portion ends, whatever became of the mail: so all of it counts.
 */
static apr_status_t add_to_portion(batch *b, entry *e)
{
    apr_status_t rv;

    b->size += e->send.mail.size;
    if (e->call.reply != NULL || eg_errors_any(&e->call.errors)) {
        set_result(b, e);
        return APR_SUCCESS;
    }
    rv = eg_uuid_new(e->send.message_id, e->call.now);
    b->count += rv == APR_SUCCESS;
    return rv;
}

static apr_status_t add(batch *b, size_t index)
{
    entry *e = &b->entries[b->count];
    apr_status_t rv = APR_SUCCESS;
    int is_well, is_filled;

    start_entry(e, b, index);
    if (!is_request(e)) {
        set_result(b, e);
        return rv;
    }
    is_well = read_entry(b, e);
    if (is_well && e->send.mail.list_given) {
        return send_to_list(b, e);
    }
    is_filled = is_well && e->send.mail.template_given;
    if (is_filled) {
        rv = fill_in(b, e);
    }
    eg_send_check_domain(&e->call, &e->send, b->domain);
    if (rv == APR_SUCCESS && is_filled && eg_errors_any(&e->call.errors)) {
        rv = eg_templated_replay(&e->call, &e->send);
    }
    return rv == APR_SUCCESS ? add_to_portion(b, e) : rv;
}

static apr_status_t send_all(batch *b)
{
    size_t count = json_array_size(b->messages);
    apr_status_t rv = APR_SUCCESS;

    start_portion(b);
    for (size_t i = 0; i < count && rv == APR_SUCCESS; i++) {
        json_array_append_new(b->results, json_null());
        rv = add(b, i);
        if (rv == APR_SUCCESS && (b->count == EG_ACCEPT_MAX || b->size >= PORTION_SIZE || i + 1 == count)) {
            rv = accept_portion(b);
            start_portion(b);
        }
    }
    return rv;
}

/* ---- the whole ------------------------------------------------------------------------------------------- */

/* The answer as it was given before, or by the same batch at the same time. */
static apr_status_t answer_again(eg_call *call, const char *text)
{
    const char *problem;
    json_t *answer;
    apr_status_t rv = eg_json_parse_many(&answer, &problem, text, strlen(text), APR_SIZE_MAX, call->pool);

    if (rv == APR_SUCCESS) {
        call->replayed = 1;
        call->reply = answer;
    }
    return rv;
}

static apr_status_t answer(batch *b)
{
    eg_call *call = b->call;
    json_int_t refused = (json_int_t)json_array_size(b->results) - b->accepted;
    const char *text, *kept;
    eg_rows *rows;
    apr_status_t rv;

    eg_call_reply(call, json_pack("{s:O, s:I, s:I}", "Results", b->results, "Accepted",
                                  (json_int_t)b->accepted, "Refused", refused));
    if (call->idempotency_key == NULL) {
        return APR_SUCCESS;
    }
    text = eg_json_text(call->reply, call->pool);
    rv = eg_db_call(&rows, call->db, EG_DB_REPEATABLE, "end_batch",
                    EG_DB_ARGS(eg_db_int(call->account_id), eg_db_bytes(call->key_hash, EG_HASH_SIZE),
                               eg_idempotency_arg(b->call, b->hashes.key),
                               eg_idempotency_arg(b->call, b->hashes.body), eg_db_text(text)));
    if (rv != APR_SUCCESS) {
        return rv;
    }
    kept = eg_rows_text(rows, 0, "answer");
    return strcmp(kept, text) == 0 ? APR_SUCCESS : answer_again(call, kept);
}

/* @return 1 when its mails are to be looked at */
static int may_go_on(eg_call *call, const eg_rows *rows)
{
    int status = (int)eg_rows_int(rows, 0, "status");

    if (status == 409) {
        eg_send_refuse_reuse(call);
    }
    else if (status != 0) {
        eg_call_refuse_key(call, status);
    }
    return status == 0 && eg_rows_text(rows, 0, "answer") == NULL;
}

/* The key and the Idempotency-Key -> the mails, portion by portion -> the answer, which is kept. */
static apr_status_t run(eg_call *call)
{
    batch *b = apr_pcalloc(call->pool, sizeof *b);
    eg_rows *rows;
    apr_status_t rv;

    b->call = call;
    if (!find_messages(b) || !check_idempotency_key(b)) {
        return eg_call_authenticate(call, "send");
    }
    rv = begin(b, &rows);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (!may_go_on(call, rows)) {
        return eg_errors_any(&call->errors) ? APR_SUCCESS
                                            : answer_again(call, eg_rows_text(rows, 0, "answer"));
    }
    b->templates = eg_templates_make(call, b->messages);
    b->results = eg_json_own(json_array(), call->pool);
    b->left = (eg_direct){ EG_BATCH_DIRECT_MAX, EG_BATCH_DIRECT_BYTES_MAX };
    b->texts_left = EG_BATCH_TEXTS_MAX;
    b->filled_left = EG_BATCH_FILLED_MAX;
    apr_pool_create(&b->pool, call->pool);
    rv = send_all(b);
    if (rv == APR_SUCCESS) {
        rv = answer(b);
    }
    /* "Nothing was carried out" would be wrong. */
    return rv != APR_SUCCESS && b->committed ? EG_DB_UNKNOWN : rv;
}

const eg_command eg_cmd_v1_send_batch = { .run = run, .takes_batch = 1 };
