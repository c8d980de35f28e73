/* Lines that wait in files until they can be handed on. */
#include "spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <apr_file_io.h>
#include <apr_hash.h>
#include <apr_strings.h>
#include <apr_thread_mutex.h>

#include "textlist.h"
#include "uuid.h"

#define SUFFIX ".spool"
#define MEASURE_AGAIN apr_time_from_sec(1)

/** A file that this process writes. */
typedef struct {
    int fd; /* -1: none is open */
    apr_size_t size;
} writer;

struct eg_spool {
    const char *directory;
    apr_pool_t *pool;
    apr_thread_mutex_t *mutex;
    apr_hash_t *writers; /* name -> writer */
    apr_int64_t size;    /* of all files in the directory, as it was measured, and what was added since */
    apr_time_t measured;
};

static apr_status_t close_all(void *spool)
{
    eg_spool_close(spool);
    return APR_SUCCESS;
}

apr_status_t eg_spool_make(eg_spool **spool, const char *directory, apr_pool_t *pool)
{
    eg_spool *made = apr_pcalloc(pool, sizeof *made);

    made->directory = apr_pstrdup(pool, directory);
    made->pool = pool;
    made->writers = apr_hash_make(pool);
    apr_pool_cleanup_register(pool, made, close_all, apr_pool_cleanup_null);
    *spool = made;
    return apr_thread_mutex_create(&made->mutex, APR_THREAD_MUTEX_DEFAULT, pool);
}

/* ---- writing -------------------------------------------------------------------------------------- */

static writer *writer_of(eg_spool *spool, const char *name)
{
    writer *w = apr_hash_get(spool->writers, name, APR_HASH_KEY_STRING);

    if (w == NULL) {
        w = apr_palloc(spool->pool, sizeof *w);
        w->fd = -1;
        apr_hash_set(spool->writers, apr_pstrdup(spool->pool, name), APR_HASH_KEY_STRING, w);
    }
    return w;
}

static void close_writer(writer *w)
{
    if (w->fd >= 0) {
        close(w->fd);
        w->fd = -1;
    }
}

/* A name that stands in a directory for good only when that is on disk, too. */
static int sync_directory(const char *directory)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC), failed;

    if (fd < 0) {
        return -1;
    }
    failed = fsync(fd);
    close(fd);
    return failed;
}

/* "<name>-<id that carries the time>.spool", so that the order of names is that of age. */
static apr_status_t open_writer(writer *w, const eg_spool *spool, const char *name)
{
    char id[EG_UUID_SIZE], path[APR_PATH_MAX], hidden[APR_PATH_MAX];
    apr_status_t rv = eg_uuid_new(id, apr_time_now());

    if (rv != APR_SUCCESS) {
        return rv;
    }
    apr_snprintf(path, sizeof path, "%s/%s-%s" SUFFIX, spool->directory, name, id);
    apr_snprintf(hidden, sizeof hidden, "%s.new", path); /* until it is locked, so that no reader is faster */
    w->size = 0;
    w->fd = open(hidden, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (w->fd < 0) {
        return errno;
    }
    if (flock(w->fd, LOCK_EX | LOCK_NB) != 0 || rename(hidden, path) != 0 ||
        sync_directory(spool->directory) != 0) {
        rv = errno;
        close_writer(w);
    }
    return rv;
}

/* A line that came in parts is the file's last one: nothing may be glued to it. */
static apr_status_t append(writer *w, const char *line, int durable)
{
    apr_size_t length = strlen(line);
    ssize_t written = write(w->fd, line, length);
    apr_status_t rv = APR_SUCCESS;

    if (written != (ssize_t)length) {
        rv = written < 0 ? errno : ENOSPC;
    }
    else if (durable && fdatasync(w->fd) != 0) {
        rv = errno;
    }
    w->size += length;
    if (rv != APR_SUCCESS || w->size >= EG_SPOOL_FILE_MAX) {
        close_writer(w);
    }
    return rv;
}

static apr_int64_t measure(const char *directory)
{
    DIR *dir = opendir(directory);
    struct dirent *entry;
    struct stat about;
    apr_int64_t size = 0;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (fstatat(dirfd(dir), entry->d_name, &about, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(about.st_mode)) {
            size += about.st_size;
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return size;
}

/* Other processes write and read, too. */
static int has_room(eg_spool *spool, apr_size_t length, apr_int64_t max)
{
    apr_time_t now = apr_time_now();

    if (now < spool->measured || now - spool->measured >= MEASURE_AGAIN) {
        spool->size = measure(spool->directory);
        spool->measured = now;
    }
    return spool->size + (apr_int64_t)length <= max;
}

static apr_status_t add(eg_spool *spool, const char *name, const char *line, int durable)
{
    writer *w = writer_of(spool, name);
    apr_status_t rv = w->fd < 0 ? open_writer(w, spool, name) : APR_SUCCESS;

    spool->size += (apr_int64_t)strlen(line);
    return rv == APR_SUCCESS ? append(w, line, durable) : rv;
}

apr_status_t eg_spool_add(eg_spool *spool, const char *name, const char *line, int durable, apr_int64_t max)
{
    apr_status_t rv = EG_SPOOL_FULL;

    apr_thread_mutex_lock(spool->mutex);
    if (has_room(spool, strlen(line), max)) {
        rv = add(spool, name, line, durable);
    }
    apr_thread_mutex_unlock(spool->mutex);
    return rv;
}

void eg_spool_close(eg_spool *spool)
{
    apr_thread_mutex_lock(spool->mutex);
    for (apr_hash_index_t *i = apr_hash_first(NULL, spool->writers); i != NULL; i = apr_hash_next(i)) {
        close_writer(apr_hash_this_val(i));
    }
    apr_thread_mutex_unlock(spool->mutex);
}

/* ---- reading -------------------------------------------------------------------------------------- */

static int has_suffix(const char *name)
{
    apr_size_t length = strlen(name);

    return length > strlen(SUFFIX) + EG_UUID_SIZE && strcmp(name + length - strlen(SUFFIX), SUFFIX) == 0;
}

static const char *name_of(const char *file, apr_pool_t *pool)
{
    return apr_pstrndup(pool, file, strlen(file) - strlen(SUFFIX) - EG_UUID_SIZE);
}

/* The time in the id is what their order goes by, whatever name they have. */
static int compare_ages(const void *a, const void *b)
{
    const char *first = *(const char *const *)a, *second = *(const char *const *)b;

    return strcmp(first + strlen(first) - strlen(SUFFIX) - EG_UUID_SIZE + 1,
                  second + strlen(second) - strlen(SUFFIX) - EG_UUID_SIZE + 1);
}

static apr_array_header_t *list_files(const eg_spool *spool, const apr_array_header_t *names,
                                      apr_pool_t *pool)
{
    apr_array_header_t *files = apr_array_make(pool, 8, sizeof(const char *));
    apr_finfo_t about;
    apr_dir_t *dir;

    if (apr_dir_open(&dir, spool->directory, pool) != APR_SUCCESS) {
        return files;
    }
    while (apr_dir_read(&about, APR_FINFO_NAME, dir) == APR_SUCCESS) {
        if (has_suffix(about.name) && (names == NULL || eg_textlist_has(names, name_of(about.name, pool)))) {
            APR_ARRAY_PUSH(files, const char *) = apr_pstrdup(pool, about.name);
        }
    }
    apr_dir_close(dir);
    qsort(files->elts, (size_t)files->nelts, sizeof(const char *), compare_ages);
    return files;
}

int eg_spool_waits(eg_spool *spool, const apr_array_header_t *names, apr_pool_t *pool)
{
    return list_files(spool, names, pool)->nelts > 0;
}

/* Ours now, and not the one that another reader has just done with? */
static int open_reader(const char *path, struct stat *about)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd >= 0 && (flock(fd, LOCK_EX | LOCK_NB) != 0 || fstat(fd, about) != 0 || about->st_nlink == 0)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* @return bytes of whole lines: what a crash cut off was never answered */
static apr_size_t read_lines(char *text, apr_size_t size, int fd)
{
    apr_size_t length = 0;
    ssize_t got;

    while (length < size && (got = read(fd, text + length, size - length)) > 0) {
        length += (apr_size_t)got;
    }
    while (length > 0 && text[length - 1] != '\n') {
        length--;
    }
    return length;
}

static apr_status_t read_file(eg_spool_file *file, eg_spool_reader *reader, void *baton, apr_pool_t *pool)
{
    struct stat about;
    int fd = open_reader(file->path, &about);
    apr_status_t rv;
    char *text;

    if (fd < 0) {
        return APR_SUCCESS; /* another has it */
    }
    text = apr_palloc(pool, (apr_size_t)about.st_size + 1);
    file->length = read_lines(text, (apr_size_t)about.st_size, fd);
    file->text = text;
    rv = reader(baton, file, pool);
    if (rv == APR_SUCCESS) {
        unlink(file->path);
    }
    else if (rv == APR_EINVAL &&
             rename(file->path, apr_pstrcat(pool, file->path, EG_SPOOL_REFUSED, NULL)) == 0) {
        rv = APR_SUCCESS;
    }
    close(fd);
    return rv;
}

void eg_spool_read(eg_spool *spool, const apr_array_header_t *names, eg_spool_reader *reader, void *baton,
                   apr_pool_t *pool)
{
    apr_array_header_t *files = list_files(spool, names, pool);
    apr_array_header_t *failed = apr_array_make(pool, 2, sizeof(const char *)); /* names */
    apr_pool_t *scratch;

    if (apr_pool_create(&scratch, pool) != APR_SUCCESS) {
        return;
    }
    for (int i = 0; i < files->nelts; i++) {
        const char *entry = APR_ARRAY_IDX(files, i, const char *);
        eg_spool_file file = { .path = apr_pstrcat(scratch, spool->directory, "/", entry, NULL),
                               .name = name_of(entry, pool) };

        if (!eg_textlist_has(failed, file.name) && read_file(&file, reader, baton, scratch) != APR_SUCCESS) {
            APR_ARRAY_PUSH(failed, const char *) = file.name;
        }
        apr_pool_clear(scratch);
    }
}
