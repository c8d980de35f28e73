/*
 * Texts as they are sent, rewritten and then judged by Python and its HTML parser,
 * which know nothing of ours: t/data/rewrite and the templates of others.
 */
#include "testpool.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <apr_file_io.h>
#include <apr_strings.h>
#include <jansson.h>

#include "rewrite.h"

#define ROUNDS 50

typedef struct {
    apr_pool_t *pool;
    const char *folder;
    int count;
    apr_size_t bytes;
    clock_t took; /* of the processor's time */
} texts;

static const char *track(void *baton, const char *url, apr_pool_t *pool)
{
    json_t *urls = baton;

    json_array_append_new(urls, json_string(url));
    return apr_psprintf(pool, "https://track.invalid/c/%d?a=1&b=2", (int)json_array_size(urls) - 1);
}

static const char *cheap(void *baton, const char *url, apr_pool_t *pool)
{
    (void)url, (void)pool;
    return baton;
}

static egs_rewriting rewriting(json_t *urls)
{
    return (egs_rewriting){ .link = track,
                            .baton = urls,
                            .pixel =
                                "<img src=\"https://track.invalid/o/1\" width=\"1\" height=\"1\" alt=\"\">" };
}

static eg_bytes read_file(const char *path, apr_pool_t *pool)
{
    FILE *file = fopen(path, "rb");
    const apr_size_t most = 1000 * 1000;
    char *data = apr_palloc(pool, most);
    eg_bytes read = { data, 0 };

    assert_non_null(file);
    read.size = fread(data, 1, most, file);
    assert_true(read.size > 0 && read.size < most);
    fclose(file);
    return read;
}

static void write_file(const texts *t, const char *suffix, const void *data, apr_size_t size)
{
    FILE *file = fopen(apr_psprintf(t->pool, "%s/%d.%s", t->folder, t->count, suffix), "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* How long it takes when the addresses cost nothing. */
static void measure(texts *t, eg_bytes html)
{
    egs_rewriting with = rewriting(NULL);
    clock_t before = clock();

    with.link = cheap;
    with.baton =
        "https://track.invalid/c/0123456789012345678901234567890123456789012345678901234567890123456789";
    for (int i = 0; i < ROUNDS; i++) {
        apr_pool_t *pool;

        apr_pool_create(&pool, t->pool);
        egs_rewrite_html(html.data, html.size, &with, pool);
        apr_pool_destroy(pool);
    }
    t->took += clock() - before;
    t->bytes += html.size * ROUNDS;
}

static eg_bytes rewrite_text(texts *t, eg_bytes text, int is_html, json_t *urls)
{
    egs_rewriting with = rewriting(urls);

    if (!is_html) {
        return egs_rewrite_plain(text.data, text.size, &with, t->pool);
    }
    measure(t, text);
    return egs_rewrite_html(text.data, text.size, &with, t->pool);
}

static void rewrite_file(texts *t, const char *path)
{
    json_t *urls = json_array();
    int is_html = strstr(path, ".html") != NULL;
    eg_bytes made = rewrite_text(t, read_file(path, t->pool), is_html, urls);
    json_t *about = json_pack("{s:s, s:o}", "path", path, "urls", urls);
    char *text = json_dumps(about, 0);

    assert_non_null(text);
    t->count++;
    write_file(t, is_html ? "html" : "txt", made.data, made.size);
    write_file(t, "json", text, strlen(text));
    free(text);
    json_decref(about);
}

static void rewrite_files(texts *t, const char *pattern)
{
    glob_t found;

    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        rewrite_file(t, found.gl_pathv[i]);
    }
    globfree(&found);
}

static void judge_by_python(const texts *t)
{
    print_message("# %d texts, %.0f us per 50 kB of HTML\n", t->count,
                  (double)t->took * (1e6 / CLOCKS_PER_SEC) * 50000 / (double)t->bytes);
    /* the interpreter is not built with the sanitizers, and neither is preloaded for it */
    assert_int_equal(
        system(apr_psprintf(t->pool, "LD_PRELOAD= python3 t/unit/rewrite_corpus.py %s", t->folder)), 0);
}

static void links_as_a_foreign_parser_sees_them(void **state)
{
    const char *corpora = getenv("EG_CORPORA");
    texts t = { .pool = *state, .folder = apr_pstrdup(*state, "/tmp/eg-rewrite.XXXXXX") };

    assert_non_null(mkdtemp((char *)t.folder));
    rewrite_files(&t, "t/data/rewrite/*");
    if (corpora && *corpora) {
        rewrite_files(&t,
                      apr_pstrcat(*state, corpora, "/html-postmark/templates-inlined/*/*/content.*", NULL));
        rewrite_files(&t, apr_pstrcat(*state, corpora, "/html-sendwithus/templates/*/*.html", NULL));
    }
    else {
        print_message("# EG_CORPORA is not set: own texts only\n");
    }
    judge_by_python(&t);
    for (int i = 1; i <= t.count; i++) {
        apr_file_remove(apr_psprintf(t.pool, "%s/%d.html", t.folder, i), t.pool);
        apr_file_remove(apr_psprintf(t.pool, "%s/%d.txt", t.folder, i), t.pool);
        apr_file_remove(apr_psprintf(t.pool, "%s/%d.json", t.folder, i), t.pool);
    }
    assert_int_equal(apr_dir_remove(t.folder, t.pool), APR_SUCCESS);
}

int main(void)
{
    const struct CMUnitTest tests[] = { EG_TEST(links_as_a_foreign_parser_sees_them) };

    return EG_TEST_RUN(tests);
}
