/*
 * Mails, and attachments, that are looked through for a person: without the person they stay
 * as they are; otherwise the person is gone, what was erased stays so, and the rest is as readable.
 */

#include <apr_general.h>

#include "../unit/erasing.h"
#include "cpubound.h"
#include "headerwords.h"
#include "lineends.h"
#include "rawmail.h"
#include "target.h"

#define UMLAUT_PERSON "\xc3\xa4nn@example.org"

static void require_same(eg_bytes a, eg_bytes b)
{
    must(a.size == b.size && memcmp(a.data, b.data, a.size) == 0);
}

/* ---- mails --------------------------------------------------------------------------------------- */

static eg_bytes erase(eg_bytes raw, const char *person, apr_pool_t *pool)
{
    egs_erasable *erasable = egs_erasable_mail(raw, person, pool);
    eg_bytes erased;

    if (!erasable->is_changed) {
        must(egs_erasable_is_same(erasable));
        require_same(egs_erasable_write(erasable), raw);
    }
    erasing_look_through(erasable, person, pool);
    erased = egs_erasable_write(erasable);
    must(!egs_erasable_is_same(erasable) || erased.data == raw.data);
    return erased;
}

/* Is it a mail that the person sent? Such a mail keeps its sender. */
static int is_by(const eg_rawmail *mail, const char *person, apr_pool_t *pool)
{
    static const char *const names[] = { "From", "Sender", "Resent-From", "Resent-Sender" };
    const eg_rawpart *root = eg_rawmail_part(mail, 0);

    for (int i = 0; i < root->fields->nelts; i++) {
        const eg_rawfield *field = eg_rawpart_field(root, i);

        for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
            if (eg_rawfield_is(mail, field, names[n]) &&
                strcasestr(eg_headerwords_decode(eg_rawfield_value(mail, field, pool), field->end, pool),
                           person) != NULL) {
                return 1;
            }
        }
    }
    return 0;
}

/* Boundaries do not change; "/ann@example.org" and "ann@example.org.png" in a list are somebody else's. */
static void require_gone(eg_bytes erased, const char *given, apr_pool_t *pool)
{
    const egs_erasable *again = egs_erasable_mail(erased, given, pool);

    for (int i = 0; i < again->texts->nelts; i++) {
        const egs_erasable_text *text = &APR_ARRAY_IDX(again->texts, i, egs_erasable_text);
        const char *person = erasing_spelled(given, text, pool), *at = erasing_find(text->text, person);

        for (; at != NULL && strcasestr(text->text, "boundary") == NULL; at = erasing_find(at + 1, person)) {
            must(at[strlen(person)] == '.' ||
                 (at > text->text && ((at[-1] & 0x80) != 0 || strchr("!#$%&'*/=?^`{|}~", at[-1]) != NULL)));
        }
    }
}

static void check_mail(eg_bytes raw, const char *person, apr_pool_t *pool)
{
    const char *problem;
    eg_bytes erased = erase(raw, person, pool);
    eg_bytes again = erase(erased, person, pool); /* a field that was no list can have become one */
    eg_rawmail before, after;

    require_same(erase(again, person, pool), again);
    if (eg_rawmail_parse(&before, &problem, raw, pool) != APR_SUCCESS) {
        return; /* no such mail is stored */
    }
    must(eg_rawmail_parse(&after, &problem, erased, pool) == APR_SUCCESS);
    must(eg_rawmail_open(&before, &problem, raw, pool) == APR_SUCCESS);
    must(eg_rawmail_open(&after, &problem, erased, pool) == APR_SUCCESS);
    must(before.parts->nelts == after.parts->nelts);
    if (!is_by(&before, person, pool)) {
        require_gone(again, person, pool);
    }
}

/* ---- attachments --------------------------------------------------------------------------------- */

static eg_bytes erase_content(eg_bytes content, const char *type, const char *person, apr_pool_t *pool)
{
    egs_erasable *erasable = egs_erasable_attachment(content, type, pool);

    require_same(egs_erasable_write(erasable), content);
    erasing_look_through(erasable, person, pool);
    return egs_erasable_write(erasable);
}

/* The first line is the media type. */
static void check_attachment(const uint8_t *data, size_t size, const char *person, apr_pool_t *pool)
{
    const uint8_t *feed = size > 0 ? memchr(data, '\n', size) : NULL;
    size_t head = feed != NULL ? (size_t)(feed - data) : size;
    const char *type = apr_pstrmemdup(pool, (const char *)data, head);
    eg_bytes content = { data + head, size - head }, erased = erase_content(content, type, person, pool);
    const egs_erasable *again = egs_erasable_attachment(erased, type, pool);
    const egs_erasable_text *text = &APR_ARRAY_IDX(again->texts, 0, egs_erasable_text);

    must(again->texts->nelts == 1);
    must(erasing_find(text->text, erasing_spelled(person, text, pool)) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const persons[] = { ERASING_PERSON, UMLAUT_PERSON };
    static apr_pool_t *all;
    clock_t begun = clock();
    apr_pool_t *pool;
    eg_bytes raw;

    if (!all) {
        apr_initialize();
        apr_pool_create(&all, NULL);
    }
    apr_pool_create(&pool, all);
    raw = lineends_of(data, size, pool);
    for (size_t i = 0; i < sizeof persons / sizeof *persons; i++) {
        check_mail(raw, persons[i], pool);
        check_attachment(data, size, persons[i], pool);
    }
    apr_pool_destroy(pool);
    cpubound_check(begun, size);
    return 0;
}
