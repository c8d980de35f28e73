#include "keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <apr_lib.h>
#include <apr_strings.h>
#include <openssl/crypto.h>

#include "secret.h"

#define KEYFILE_MAX 16384 /* bytes: some two hundred keys */

typedef struct {
    void *data;
    apr_size_t size;
} wiped;

static apr_status_t wipe(void *data)
{
    const wiped *area = data;

    OPENSSL_cleanse(area->data, area->size);
    return APR_SUCCESS;
}

void eg_keyfile_wipe_with(apr_pool_t *pool, void *data, apr_size_t size)
{
    wiped *area = apr_palloc(pool, sizeof *area);

    area->data = data;
    area->size = size;
    apr_pool_cleanup_register(pool, area, wipe, apr_pool_cleanup_null);
}

static apr_status_t write_all(int fd, const char *text)
{
    apr_size_t left = strlen(text);

    while (left > 0) {
        ssize_t written = write(fd, text, left);

        if (written < 0 && errno != EINTR) {
            return errno;
        }
        if (written > 0) {
            text += written;
            left -= (apr_size_t)written;
        }
    }
    return APR_SUCCESS;
}

/* A new file with this text, on the disk. It is gone again on failure. */
static apr_status_t write_new(const char *path, const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    apr_status_t rv;

    if (fd < 0) {
        return errno;
    }
    rv = write_all(fd, text);
    if (rv == APR_SUCCESS && (fchmod(fd, mode) != 0 || fsync(fd) != 0)) {
        rv = errno;
    }
    if (close(fd) != 0 && rv == APR_SUCCESS) {
        rv = errno;
    }
    if (rv != APR_SUCCESS) {
        unlink(path);
    }
    return rv;
}

/* A new name lasts only when its directory is on the disk too. */
static apr_status_t sync_directory(const char *path, apr_pool_t *pool)
{
    const char *slash = strrchr(path, '/');
    const char *directory = slash == NULL   ? "."
                            : slash == path ? "/"
                                            : apr_pstrmemdup(pool, path, (apr_size_t)(slash - path));
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    apr_status_t rv = APR_SUCCESS;

    if (fd < 0) {
        return errno;
    }
    if (fsync(fd) != 0) {
        rv = errno;
    }
    close(fd);
    return rv;
}

/* Beside path, a name that nobody else has. */
static const char *temporary(const char *path, apr_pool_t *pool)
{
    const char *unique = eg_random_text(12, pool);

    return unique != NULL ? apr_pstrcat(pool, path, ".new-", unique, NULL) : NULL;
}

apr_status_t eg_keyfile_create(const char *path, const char *text, apr_pool_t *pool)
{
    const char *beside = temporary(path, pool);
    apr_status_t rv;

    if (beside == NULL) {
        return APR_EGENERAL;
    }
    if (access(path, F_OK) == 0) {
        return APR_EEXIST;
    }
    rv = write_new(beside, text, 0600);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    /* link() gives the name at once or not at all, and never takes one that is in use. */
    rv = link(beside, path) == 0 ? APR_SUCCESS : errno;
    unlink(beside);
    return rv == APR_SUCCESS ? sync_directory(path, pool) : rv;
}

/* Who could read what is there can read what takes its place. */
static apr_status_t keep_owner(const char *beside, const char *path)
{
    struct stat status;

    return stat(path, &status) != 0 || chown(beside, status.st_uid, status.st_gid) == 0 ? APR_SUCCESS : errno;
}

static apr_status_t replace(const char *path, const char *text, mode_t mode, apr_pool_t *pool)
{
    const char *beside = temporary(path, pool);
    apr_status_t rv;

    if (beside == NULL) {
        return APR_EGENERAL;
    }
    rv = write_new(beside, text, mode);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = keep_owner(beside, path);
    if (rv != APR_SUCCESS) {
        unlink(beside);
        return rv;
    }
    if (rename(beside, path) != 0) {
        rv = errno;
        unlink(beside);
        return rv;
    }
    return sync_directory(path, pool);
}

apr_status_t eg_keyfile_replace_public(const char *path, const char *text, apr_pool_t *pool)
{
    return replace(path, text, 0644, pool);
}

apr_status_t eg_keyfile_replace(const char *path, const char *text, apr_pool_t *pool)
{
    return replace(path, text, 0600, pool);
}

/* From an open file: its permissions are those of what is read, not of what had its name before. */
static apr_status_t read_open(const char **text, const char **problem, int fd, const char *path, int private,
                              apr_pool_t *pool)
{
    char *buffer = apr_palloc(pool, KEYFILE_MAX + 1);
    apr_size_t length = 0;
    struct stat status;
    ssize_t got = 1;

    eg_keyfile_wipe_with(pool, buffer, KEYFILE_MAX + 1);
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        *problem = apr_pstrcat(pool, path, ": not a regular file", NULL);
        return APR_EINVAL;
    }
    if (private && (status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        *problem = apr_psprintf(pool, "%s: mode %04o lets others than its owner at it; mode 0600 is needed",
                                path, (unsigned int)(status.st_mode & 07777));
        return APR_EACCES;
    }
    while (got > 0 && length <= KEYFILE_MAX) {
        got = read(fd, buffer + length, KEYFILE_MAX + 1 - length);
        if (got < 0) {
            apr_status_t rv = errno;

            *problem = apr_pstrcat(pool, path, ": ", strerror(rv), NULL);
            return rv;
        }
        length += (apr_size_t)got;
    }
    if (length > KEYFILE_MAX || memchr(buffer, '\0', length) != NULL) {
        *problem = apr_pstrcat(pool, path, ": no key file: too long, or with NUL bytes", NULL);
        return APR_EINVAL;
    }
    buffer[length] = '\0';
    *text = buffer;
    return APR_SUCCESS;
}

apr_status_t eg_keyfile_read(const char **text, const char **problem, const char *path, int private,
                             apr_pool_t *pool)
{
    /* O_NONBLOCK: a pipe of that name is refused rather than waited for. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    apr_status_t rv;

    if (fd < 0) {
        rv = errno;
        *problem = apr_pstrcat(pool, path, ": ", strerror(rv), NULL);
        return rv;
    }
    rv = read_open(text, problem, fd, path, private, pool);
    close(fd);
    return rv;
}

apr_status_t eg_keyfile_unhex(unsigned char *data, apr_size_t size, const char *text)
{
    for (apr_size_t i = 0; i < size; i++) {
        int high = apr_isxdigit(text[2 * i]) ? OPENSSL_hexchar2int((unsigned char)text[2 * i]) : -1;
        int low = high < 0 ? -1 : OPENSSL_hexchar2int((unsigned char)text[2 * i + 1]);

        if (low < 0) {
            return APR_EINVAL;
        }
        data[i] = (unsigned char)(high << 4 | low);
    }
    return APR_SUCCESS;
}

void eg_keyfile_hex(char *text, const unsigned char *data, apr_size_t size)
{
    for (apr_size_t i = 0; i < size; i++) {
        snprintf(text + 2 * i, 3, "%02x", data[i]);
    }
}
