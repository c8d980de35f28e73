/*
 * Mails of others out of which people who stand in them are erased, judged by Python's
 * parser of mails, which knows nothing of ours.
 */
#include "testpool.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <apr_file_io.h>
#include <apr_lib.h>

#include "../fuzz/lineends.h"
#include "erasing.h"

#define PEOPLE 3 /* of one mail */

typedef struct {
    apr_pool_t *pool;
    const char *folder;
    int count;
} erasures;

static eg_bytes read_file(const char *path, apr_pool_t *pool)
{
    FILE *file = fopen(path, "rb");
    const apr_size_t most = 4000 * 1000;
    uint8_t *data = apr_palloc(pool, most);
    apr_size_t size;

    assert_non_null(file);
    size = fread(data, 1, most, file);
    fclose(file);
    return size < most ? lineends_of(data, size, pool) : (eg_bytes){ "", 0 };
}

static void write_file(const erasures *e, const char *suffix, const void *data, apr_size_t size)
{
    FILE *file = fopen(apr_psprintf(e->pool, "%s/%d.%s", e->folder, e->count, suffix), "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static int is_part(char c)
{
    return apr_isalnum(c) || c == '.' || c == '-';
}

/* The next address from here on, or NULL. @param from  moved behind it */
static const char *next_person(const char **from, apr_pool_t *pool)
{
    for (const char *at = strchr(*from, '@'); at != NULL; at = strchr(at + 1, '@')) {
        const char *begin = at, *end = at + 1;

        while (begin > *from && is_part(begin[-1])) {
            begin--;
        }
        while (is_part(*end)) {
            end++;
        }
        if (begin < at && apr_isalnum(*begin) && apr_isalnum(end[-1]) && (unsigned char)*end < 0x80 &&
            (begin == *from || (unsigned char)begin[-1] < 0x80) && memchr(at, '.', (size_t)(end - at))) {
            *from = end;
            return apr_pstrmemdup(pool, begin, (apr_size_t)(end - begin));
        }
    }
    return NULL;
}

static void erase_person(erasures *e, eg_bytes mail, const char *person, const char *path)
{
    egs_erasable *erasable = egs_erasable_mail(mail, person, e->pool);
    eg_bytes erased;

    erasing_look_through(erasable, person, e->pool);
    erased = egs_erasable_write(erasable);
    e->count++;
    write_file(e, "person", apr_pstrcat(e->pool, person, "\n", path, NULL),
               strlen(person) + 1 + strlen(path));
    write_file(e, "before", mail.data, mail.size);
    write_file(e, "after", erased.data, erased.size);
}

static void erase_people(erasures *e, const char *pattern)
{
    glob_t found;

    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        eg_bytes mail = read_file(found.gl_pathv[i], e->pool);
        const char *from = apr_pstrmemdup(e->pool, mail.data, mail.size), *person;

        for (int n = 0; n < PEOPLE && (person = next_person(&from, e->pool)) != NULL; n++) {
            erase_person(e, mail, person, found.gl_pathv[i]);
        }
    }
    globfree(&found);
}

static void as_a_foreign_parser_sees_them(void **state)
{
    static const char *const suffixes[] = { "person", "before", "after" };
    const char *corpora = getenv("EG_CORPORA");
    erasures e = { .pool = *state, .folder = apr_pstrdup(*state, "/tmp/eg-erase.XXXXXX") };

    assert_non_null(mkdtemp((char *)e.folder));
    erase_people(&e, "t/fuzz/corpus/erasable/*");
    if (corpora && *corpora) {
        erase_people(&e, apr_pstrcat(*state, corpora, "/mime-mail-parser/*/*.eml", NULL));
        erase_people(&e, apr_pstrcat(*state, corpora, "/bounces-sisimai/eml/*.eml", NULL));
    }
    else {
        print_message("# EG_CORPORA is not set: own mails only\n");
    }
    /* the interpreter is not built with the sanitizers, and neither is preloaded for it */
    assert_int_equal(
        system(apr_psprintf(*state, "LD_PRELOAD= python3 t/unit/erasable_corpus.py %s", e.folder)), 0);
    for (int i = 1; i <= e.count; i++) {
        for (size_t n = 0; n < sizeof suffixes / sizeof *suffixes; n++) {
            apr_file_remove(apr_psprintf(*state, "%s/%d.%s", e.folder, i, suffixes[n]), *state);
        }
    }
    assert_int_equal(apr_dir_remove(e.folder, *state), APR_SUCCESS);
}

int main(void)
{
    const struct CMUnitTest tests[] = { EG_TEST(as_a_foreign_parser_sees_them) };

    return EG_TEST_RUN(tests);
}
