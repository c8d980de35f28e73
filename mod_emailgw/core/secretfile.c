#include "secretfile.h"

#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>
#include <apr_tables.h>

#include "datetime.h"
#include "keyfile.h"
#include "secret.h"

#define KEY_SIZE 32 /* bytes */
#define ID_MAX 255

/* The file's lines, without their line ends; wiped with the pool. */
static apr_status_t read_lines(apr_array_header_t **lines, const char **problem, const char *path,
                               apr_pool_t *pool)
{
    const char *text;
    char *rest, *line;
    apr_status_t rv = eg_keyfile_read(&text, problem, path, 1, pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    *lines = apr_array_make(pool, 4, sizeof(const char *));
    rest = apr_pstrdup(pool, text);
    eg_keyfile_wipe_with(pool, rest, strlen(text));
    while ((line = apr_strtok(rest, "\r\n", &rest)) != NULL) {
        APR_ARRAY_PUSH(*lines, const char *) = line;
    }
    return APR_SUCCESS;
}

static const char *line_at(const apr_array_header_t *lines, int i)
{
    return APR_ARRAY_IDX(lines, i, const char *);
}

/* The day on which a line's MACs end; 0: it has none. */
static apr_time_t until_of(const char *line)
{
    const char *at = strstr(line, EG_SECRET_UNTIL);
    apr_time_t until = 0;

    return at != NULL && eg_datetime_parse(&until, at + strlen(EG_SECRET_UNTIL)) == APR_SUCCESS ? until : 0;
}

/* In place of the file. */
static apr_status_t write_lines(const char **problem, const char *path, const apr_array_header_t *lines,
                                apr_pool_t *pool)
{
    char *text = apr_pstrcat(pool, apr_array_pstrcat(pool, lines, '\n'), "\n", NULL), why[120];
    apr_status_t rv = eg_keyfile_replace(path, text, pool);

    eg_keyfile_wipe_with(pool, text, strlen(text));
    if (rv != APR_SUCCESS) {
        *problem = apr_psprintf(pool, "%s cannot be written: %s", path, apr_strerror(rv, why, sizeof why));
    }
    return rv;
}

apr_status_t eg_secretfile_read(eg_secretfile *file, const char **problem, const char *path, apr_pool_t *pool)
{
    apr_array_header_t *lines;
    apr_status_t rv = read_lines(&lines, problem, path, pool);
    const char *last;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    last = line_at(lines, lines->nelts - 1);
    file->current = atoi(line_at(lines, 0));
    file->next = lines->nelts > 1 && strstr(last, EG_SECRET_NEXT) != NULL ? atoi(last) : 0;
    return APR_SUCCESS;
}

/* An id that no line has; 0 when there is none left. */
static int free_id(const apr_array_header_t *lines)
{
    for (int id = 1; id <= ID_MAX; id++) {
        int taken = 0;

        for (int i = 0; i < lines->nelts; i++) {
            taken |= atoi(line_at(lines, i)) == id;
        }
        if (!taken) {
            return id;
        }
    }
    return 0;
}

apr_status_t eg_secretfile_add(const char **problem, const char *path, apr_pool_t *pool)
{
    char *hex = apr_palloc(pool, 2 * KEY_SIZE + 1);
    unsigned char *key = apr_palloc(pool, KEY_SIZE);
    apr_array_header_t *lines;
    apr_status_t rv = read_lines(&lines, problem, path, pool);
    int id;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    id = free_id(lines);
    eg_keyfile_wipe_with(pool, key, KEY_SIZE);
    eg_keyfile_wipe_with(pool, hex, 2 * KEY_SIZE + 1);
    if (lines->nelts >= EG_SECRET_KEYS_MAX || id == 0 || eg_random(key, KEY_SIZE) != APR_SUCCESS) {
        *problem =
            apr_pstrcat(pool, path, ": it has as many keys as it may, or there are no random bytes", NULL);
        return APR_EGENERAL;
    }
    eg_keyfile_hex(hex, key, KEY_SIZE);
    APR_ARRAY_PUSH(lines, const char *) = apr_psprintf(pool, "%d %s" EG_SECRET_NEXT, id, hex);
    return write_lines(problem, path, lines, pool);
}

apr_status_t eg_secretfile_use(const char **problem, const char *path, apr_time_t until, apr_pool_t *pool)
{
    apr_array_header_t *lines, *ordered;
    apr_status_t rv = read_lines(&lines, problem, path, pool);
    char day[EG_DATETIME_SIZE];
    const char *next;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    eg_datetime_format(day, until);
    *strchr(day, 'T') = '\0';
    ordered = apr_array_make(pool, lines->nelts, sizeof(const char *));
    next = line_at(lines, lines->nelts - 1);
    APR_ARRAY_PUSH(ordered, const char *) =
        apr_pstrmemdup(pool, next, (apr_size_t)(strstr(next, EG_SECRET_NEXT) - next));
    for (int i = 0; i < lines->nelts - 1; i++) {
        const char *line = line_at(lines, i);

        APR_ARRAY_PUSH(ordered, const char *) =
            until_of(line) != 0 ? line : apr_pstrcat(pool, line, EG_SECRET_UNTIL, day, NULL);
    }
    return write_lines(problem, path, ordered, pool);
}
