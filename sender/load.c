/*
 * The contents of a slice of jobs, out of the database.
 */
#include <apr_strings.h>
#include <string.h>

#include "addresshash.h"
#include "fieldlist.h"
#include "job.h"
#include "json.h"

/* The distinct messages of a slice, as the arguments of get_contents. */
typedef struct {
    const char **account_ids;
    const char **message_ids;
    const char **hashes; /* {"recipient_no": what its address is known by if it was erased} */
    apr_size_t count;
} wanted;

/* Behind the members that are there; the hashes need no escape. */
static const char *add_hash(const char *object, const egs_job *job, const eg_secret *secret, apr_pool_t *pool)
{
    const char *hash = eg_addresshash_all(secret, job->recipient, pool);

    return apr_psprintf(pool, "%.*s%s\"%d\":\"%s\"}", (int)strlen(object) - 1, object,
                        object[1] == '}' ? "" : ",", job->recipient_no, hash ? hash : "");
}

static wanted list_messages(const egs_job *jobs, int count, const eg_secret *secret, apr_pool_t *pool)
{
    wanted list = { apr_palloc(pool, (apr_size_t)count * sizeof(char *)),
                    apr_palloc(pool, (apr_size_t)count * sizeof(char *)),
                    apr_palloc(pool, (apr_size_t)count * sizeof(char *)), 0 };

    for (int i = 0; i < count; i++) {
        if (i && jobs[i].account_id == jobs[i - 1].account_id &&
            !strcmp(jobs[i].message_id, jobs[i - 1].message_id)) {
            list.hashes[list.count - 1] = add_hash(list.hashes[list.count - 1], &jobs[i], secret, pool);
            continue;
        }
        list.account_ids[list.count] = apr_psprintf(pool, "%" APR_INT64_T_FMT, jobs[i].account_id);
        list.message_ids[list.count] = jobs[i].message_id;
        list.hashes[list.count] = add_hash("{}", &jobs[i], secret, pool);
        list.count++;
    }
    return list;
}

static json_t *json_column(const eg_rows *rows, int row, const char *column, apr_pool_t *pool)
{
    return eg_json_stored(eg_rows_text(rows, row, column), pool);
}

static egs_content *read_content(const eg_rows *rows, int row, apr_pool_t *pool)
{
    egs_content *content = apr_pcalloc(pool, sizeof *content);

    content->account_id = eg_rows_int(rows, row, "account_id");
    content->message_id = eg_rows_text(rows, row, "message_id");
    content->domain = eg_rows_text(rows, row, "domain");
    content->from_email = eg_rows_text(rows, row, "from_email");
    content->from_name = eg_rows_text(rows, row, "from_name");
    content->subject = eg_rows_text(rows, row, "subject");
    content->to = json_column(rows, row, "mail_to", pool);
    content->cc = json_column(rows, row, "mail_cc", pool);
    content->reply_to = json_column(rows, row, "reply_to", pool);
    content->headers = json_column(rows, row, "headers", pool);
    content->needs_tls = eg_fieldlist_has(content->headers, EG_TLS_FIELD);
    content->html = eg_rows_text(rows, row, "html");
    content->plain = eg_rows_text(rows, row, "plain");
    content->raw = eg_rows_bytes(rows, row, "raw", pool);
    content->date = eg_rows_int(rows, row, "first_attempt_us");
    content->domain_id = eg_rows_int(rows, row, "domain_id");
    content->list_id = eg_rows_int(rows, row, "list_id");
    content->return_host = eg_rows_text(rows, row, "return_host");
    content->source = eg_rows_text(rows, row, "source_address");
    content->tracking_url = eg_rows_text(rows, row, "tracking_url");
    content->track_links = eg_rows_bool(rows, row, "track_links");
    content->track_opens = eg_rows_bool(rows, row, "track_opens");
    content->unsubscribe_link = eg_rows_bool(rows, row, "unsubscribe_link");
    content->signer.domain = content->domain;
    content->signer.selector = eg_rows_text(rows, row, "dkim_selector");
    return content;
}

static void read_attachment(egs_attachment *attachment, const eg_rows *rows, int row, apr_pool_t *pool)
{
    attachment->filename = apr_pstrdup(pool, eg_rows_text(rows, row, "filename"));
    attachment->content_type = apr_pstrdup(pool, eg_rows_text(rows, row, "content_type"));
    attachment->disposition = apr_pstrdup(pool, eg_rows_text(rows, row, "disposition"));
    attachment->content_id = apr_pstrdup(pool, eg_rows_text(rows, row, "content_id"));
    attachment->content = eg_rows_bytes(rows, row, "content", pool);
}

static int is_of(const egs_content *content, apr_int64_t account_id, const char *message_id)
{
    return content && content->account_id == account_id && !strcmp(content->message_id, message_id);
}

/* Rows come in order of message, so those of one content are a run. */
static void take_attachments(egs_content *content, const eg_rows *rows, apr_pool_t *pool)
{
    int first = 0, end, count = eg_rows_count(rows);

    while (first < count &&
           !is_of(content, eg_rows_int(rows, first, "account_id"), eg_rows_text(rows, first, "message_id"))) {
        first++;
    }
    for (end = first; end < count && is_of(content, eg_rows_int(rows, end, "account_id"),
                                           eg_rows_text(rows, end, "message_id"));) {
        end++;
    }
    content->attachment_count = end - first;
    content->attachments = apr_palloc(pool, (apr_size_t)(end - first + 1) * sizeof *content->attachments);
    for (int i = first; i < end; i++) {
        read_attachment(&content->attachments[i - first], rows, i, pool);
    }
}

/* @param numbers  an array, or NULL for none */
static int is_among(const json_t *numbers, int number)
{
    const json_t *one;
    size_t i;

    json_array_foreach(numbers, i, one)
    {
        if (json_integer_value(one) == number) {
            return 1;
        }
    }
    return 0;
}

/* What became suppressed since it was accepted, or since its last attempt, is not begun. */
static void hand_out(egs_job *jobs, int count, egs_content *content, const json_t *suppressed)
{
    for (int i = 0; i < count; i++) {
        if (is_of(content, jobs[i].account_id, jobs[i].message_id)) {
            jobs[i].content = content;
            if (is_among(suppressed, jobs[i].recipient_no)) {
                jobs[i].outcome.result = EGS_SUPPRESSED;
            }
        }
    }
}

/*
 * Most mails have no attachments, and are not asked for.
 * @param attachments  set to NULL where there is no other
 */
static apr_status_t load_attachments(eg_rows **attachments, const eg_rows *contents, eg_db *db)
{
    int count = eg_rows_count(contents);
    const char **account_ids = apr_palloc(db->pool, ((apr_size_t)count + 1) * sizeof(char *));
    const char **message_ids = apr_palloc(db->pool, ((apr_size_t)count + 1) * sizeof(char *));
    apr_size_t taken = 0;

    for (int i = 0; i < count; i++) {
        if (eg_rows_bool(contents, i, "attached")) {
            account_ids[taken] = eg_rows_text(contents, i, "account_id");
            message_ids[taken++] = eg_rows_text(contents, i, "message_id");
        }
    }
    *attachments = NULL;
    return taken ? eg_db_call(attachments, db, EG_DB_REPEATABLE, "get_attachments",
                              EG_DB_ARGS(eg_db_texts(account_ids, taken), eg_db_texts(message_ids, taken)))
                 : APR_SUCCESS;
}

apr_status_t egs_load(egs_job *jobs, int count, const eg_secret *secret, eg_db *db)
{
    wanted list = list_messages(jobs, count, secret, db->pool);
    eg_rows *contents, *attachments;
    apr_status_t rv = eg_db_call(&contents, db, EG_DB_REPEATABLE, "get_contents",
                                 EG_DB_ARGS(eg_db_texts(list.account_ids, list.count),
                                            eg_db_texts(list.message_ids, list.count),
                                            eg_db_texts(list.hashes, list.count)));

    if (rv == APR_SUCCESS) {
        rv = load_attachments(&attachments, contents, db);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    for (int i = 0; i < eg_rows_count(contents); i++) {
        egs_content *content = read_content(contents, i, db->pool);

        if (attachments) {
            take_attachments(content, attachments, db->pool);
        }
        hand_out(jobs, count, content, json_column(contents, i, "suppressed", db->pool));
    }
    if (attachments) {
        eg_rows_free(attachments); /* twice the size of what they hold */
    }
    return APR_SUCCESS;
}
