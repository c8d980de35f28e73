/* Checked mails -> accept() calls, in a group with those of other threads or of one request. */
#include <stdlib.h>
#include <string.h>

#include <apr_hash.h>
#include <apr_strings.h>

#include "accept.h"
#include "addressfold.h"
#include "addresshash.h"
#include "datetime.h"
#include "json.h"

/** Who gets a copy: each address once, whatever lists it is in. */
typedef struct {
    apr_array_header_t *kinds, *emails, *domains; /* of const char * */
    apr_array_header_t *hashes;                   /* what an address is known by if it was erased */
} envelope;

/* Mailboxes that differ in letter case only are taken for one, as everywhere here. */
static void add_recipients(envelope *env, apr_hash_t *seen, const apr_array_header_t *list, const char *kind,
                           const eg_secret *secret, apr_pool_t *pool)
{
    for (int i = 0; i < list->nelts; i++) {
        const eg_mailbox *box = &APR_ARRAY_IDX(list, i, eg_mail_address).box;
        const char *folded = eg_address_fold(box->address, pool), *hashes;

        if (apr_hash_get(seen, folded, APR_HASH_KEY_STRING) != NULL) {
            continue;
        }
        apr_hash_set(seen, folded, APR_HASH_KEY_STRING, folded);
        hashes = eg_addresshash_all(secret, box->address, pool);
        APR_ARRAY_PUSH(env->kinds, const char *) = kind;
        APR_ARRAY_PUSH(env->emails, const char *) = box->address;
        APR_ARRAY_PUSH(env->domains, const char *) = box->domain;
        APR_ARRAY_PUSH(env->hashes, const char *) = hashes != NULL ? hashes : "";
    }
}

static void make_envelope(envelope *env, const eg_mail *mail, const eg_secret *secret, apr_pool_t *pool)
{
    apr_hash_t *seen = apr_hash_make(pool);

    env->kinds = apr_array_make(pool, mail->to->nelts, sizeof(const char *));
    env->emails = apr_array_make(pool, mail->to->nelts, sizeof(const char *));
    env->domains = apr_array_make(pool, mail->to->nelts, sizeof(const char *));
    env->hashes = apr_array_make(pool, mail->to->nelts, sizeof(const char *));
    add_recipients(env, seen, mail->to, "to", secret, pool);
    add_recipients(env, seen, mail->cc, "cc", secret, pool);
    add_recipients(env, seen, mail->bcc, "bcc", secret, pool);
}

/* [{"email", "name"}], as all recipients see it. */
static eg_dbarg address_json(const apr_array_header_t *list, apr_pool_t *pool)
{
    json_t *array = eg_json_own(json_array(), pool);

    for (int i = 0; i < list->nelts; i++) {
        const eg_mail_address *address = &APR_ARRAY_IDX(list, i, eg_mail_address);

        json_array_append_new(array,
                              json_pack("{s:s, s:s}", "email", address->box.address, "name", address->name));
    }
    return eg_db_text(eg_json_text(array, pool));
}

static eg_dbarg texts(const apr_array_header_t *list)
{
    return eg_db_texts((const char *const *)list->elts, (apr_size_t)list->nelts);
}

static eg_dbarg optional_id(apr_int64_t id)
{
    return id != 0 ? eg_db_int(id) : eg_db_text(NULL);
}

static eg_dbarg attachment_json(const eg_mail *mail, apr_pool_t *pool)
{
    json_t *array = eg_json_own(json_array(), pool);

    for (int i = 0; i < mail->attachments->nelts; i++) {
        const eg_mail_attachment *a = &APR_ARRAY_IDX(mail->attachments, i, eg_mail_attachment);

        json_array_append_new(array,
                              json_pack("{s:s, s:s, s:s, s:s?}", "filename", a->filename, "type", a->type,
                                        "disposition", a->disposition, "contentid", a->content_id));
    }
    return eg_db_text(mail->attachments->nelts > 0 ? eg_json_text(array, pool) : NULL);
}

static eg_dbarg attachment_contents(const eg_mail *mail, apr_pool_t *pool)
{
    eg_bytes *contents = apr_palloc(pool, sizeof *contents * (apr_size_t)(mail->attachments->nelts + 1));

    for (int i = 0; i < mail->attachments->nelts; i++) {
        contents[i] = APR_ARRAY_IDX(mail->attachments, i, eg_mail_attachment).content;
    }
    return eg_db_bytes_array(mail->attachments->nelts > 0 ? contents : NULL,
                             (apr_size_t)mail->attachments->nelts);
}

static eg_dbarg send_at_text(const eg_mail *mail, apr_pool_t *pool)
{
    char *text = apr_palloc(pool, EG_DATETIME_SIZE);

    return eg_db_text(mail->send_at != 0 ? eg_datetime_format(text, mail->send_at) : NULL);
}

eg_dbarg eg_idempotency_arg(const eg_call *call, const unsigned char *hash)
{
    return eg_db_bytes(call->idempotency_key != NULL ? hash : NULL, EG_HASH_SIZE);
}

static const eg_group_function function = { .name = "accept", .row = "mail" };

/* Where accept() stands among others: in the order in which it locks what other processes may want, too. */
static eg_group_place find_place(const eg_accept *mail, apr_pool_t *pool)
{
    const eg_call *call = mail->call;
    unsigned char *order = apr_palloc(pool, 8 + EG_HASH_SIZE); /* account, Idempotency-Key */

    for (int i = 0; i < 8; i++) {
        order[i] = (unsigned char)(call->account_id >> (56 - 8 * i));
    }
    if (call->idempotency_key != NULL) {
        memcpy(order + 8, mail->hashes->key, EG_HASH_SIZE);
    }
    return (eg_group_place){ .id = mail->message_id,
                             .order = order,
                             .order_size = call->idempotency_key != NULL ? 8 + EG_HASH_SIZE : 8,
                             .size = mail->mail->size };
}

static void set_args(eg_group_item *item, const eg_dbarg *args, apr_size_t count, apr_pool_t *pool)
{
    item->args = apr_pmemdup(pool, args, count * sizeof *args);
    item->count = count;
}

/* The routing key, then the columns of sql mail. */
static void make_item(eg_group_item *item, const eg_accept *accept)
{
    const eg_call *call = accept->call;
    const eg_mail *mail = accept->mail;
    apr_pool_t *pool = call->pool;
    envelope env;

    make_envelope(&env, mail, call->secret, pool);
    item->place = find_place(accept, pool);
    set_args(
        item,
        EG_DB_ARGS(eg_db_int(call->account_id), eg_db_text(accept->message_id),
                   eg_db_bytes(call->key_hash, EG_HASH_SIZE), eg_idempotency_arg(call, accept->hashes->key),
                   eg_idempotency_arg(call, accept->hashes->body), eg_db_text(mail->from.box.address),
                   eg_db_text(mail->from.name), eg_db_text(mail->from.box.domain), eg_db_text(mail->subject),
                   texts(mail->tags), eg_db_text(mail->track_links), eg_db_text(mail->track_opens),
                   send_at_text(mail, pool), optional_id(mail->list_id), optional_id(mail->subscriber_id),
                   optional_id(mail->journey_id), optional_id(mail->action_id), texts(env.kinds),
                   texts(env.emails), texts(env.domains), address_json(mail->to, pool),
                   address_json(mail->cc, pool), address_json(mail->reply_to, pool),
                   eg_db_text(eg_json_text(mail->headers, pool)), eg_db_text(mail->html),
                   eg_db_text(mail->plain), attachment_json(mail, pool), attachment_contents(mail, pool),
                   eg_db_int((apr_int64_t)mail->size), optional_id(mail->smtp_id), eg_db_text(mail->endpoint),
                   eg_db_bytes(mail->raw.data, mail->raw.size), texts(env.hashes)),
        pool);
}

/* Is a call worth a second one, now that there are partitions for it? */
static int may_repeat(apr_status_t rv, eg_db *db)
{
    eg_rows *made;

    return rv == EG_DB_NO_PARTITION &&
           eg_db_call(&made, db, EG_DB_REPEATABLE, "make_partitions", NULL, 0) == APR_SUCCESS;
}

apr_status_t eg_accept_mail(eg_rows **rows, eg_call *call, const eg_mail *mail, const char *message_id,
                            const eg_idempotency *hashes)
{
    eg_accept accept = { call, mail, message_id, hashes };
    eg_group_item item;
    apr_status_t rv;

    make_item(&item, &accept);
    rv = eg_group_call(rows, call->db, &item.place, &function, item.args, item.count);
    return may_repeat(rv, call->db)
               ? eg_group_call(rows, call->db, &item.place, &function, item.args, item.count)
               : rv;
}

/* Those that lock the same stay in the order in which they are given. */
static int compare_items(const void *a, const void *b)
{
    const eg_group_item *x = *(const eg_group_item *const *)a, *y = *(const eg_group_item *const *)b;
    int order = eg_group_compare(&x->place, &y->place);

    return order != 0 ? order : (x > y) - (x < y);
}

apr_status_t eg_accept_mails(eg_rows **rows, int *row_of, eg_db *db, const eg_accept *mails, int count)
{
    eg_group_item items[EG_ACCEPT_MAX];
    const eg_group_item *sorted[EG_ACCEPT_MAX];
    apr_status_t rv;

    for (int i = 0; i < count; i++) {
        make_item(&items[i], &mails[i]);
        sorted[i] = &items[i];
    }
    qsort(sorted, (size_t)count, sizeof *sorted, compare_items);
    rv = eg_group_call_many(rows, db, &function, sorted, count);
    if (may_repeat(rv, db)) {
        rv = eg_group_call_many(rows, db, &function, sorted, count);
    }
    for (int i = 0; i < count; i++) {
        row_of[sorted[i] - items] = i;
    }
    return rv;
}

int eg_accept_never_fits(const eg_rows *rows, int row)
{
    return eg_rows_int(rows, row, "status") == EG_E_LIMIT && eg_rows_text(rows, row, "retry_seconds") == NULL;
}

/* With the mails themselves nobody needs what they were made of. */
static apr_status_t call_accept_list(eg_rows **rows, eg_call *call, const eg_mail *mail, const char *job_id,
                                     const eg_idempotency *hashes, const eg_listbatch *direct)
{
    apr_pool_t *pool = call->pool;

    return eg_db_call(
        rows, call->db, EG_DB_REPEATABLE, "accept_list",
        EG_DB_ARGS(eg_db_int(call->account_id), eg_db_text(job_id), eg_db_bytes(call->key_hash, EG_HASH_SIZE),
                   eg_idempotency_arg(call, hashes->key), eg_idempotency_arg(call, hashes->body),
                   eg_db_int(mail->target_list_id), eg_db_text(mail->from.box.address),
                   eg_db_text(mail->from.name), eg_db_text(mail->from.box.domain), texts(mail->tags),
                   eg_db_text(mail->track_links), eg_db_text(mail->track_opens), send_at_text(mail, pool),
                   optional_id(mail->journey_id), optional_id(mail->action_id),
                   address_json(mail->reply_to, pool), eg_db_text(eg_json_text(mail->headers, pool)),
                   eg_db_text(direct ? NULL : mail->subject), eg_db_text(direct ? NULL : mail->html),
                   eg_db_text(direct ? NULL : mail->plain),
                   eg_db_text(direct || mail->data == NULL ? NULL : eg_json_text(mail->data, pool)),
                   attachment_json(mail, pool), attachment_contents(mail, pool),
                   eg_db_int((apr_int64_t)eg_mail_attached(mail)),
                   eg_db_text(direct ? eg_json_text(direct->mails, pool) : NULL),
                   eg_db_int(direct ? direct->suppressed : 0), eg_db_int(direct ? direct->failed : 0)));
}

apr_status_t eg_accept_list(eg_rows **rows, eg_call *call, const eg_mail *mail, const char *job_id,
                            const eg_idempotency *hashes, const eg_listbatch *direct)
{
    apr_status_t rv = call_accept_list(rows, call, mail, job_id, hashes, direct);

    return may_repeat(rv, call->db) ? call_accept_list(rows, call, mail, job_id, hashes, direct) : rv;
}
