/*
 * Feeds every file of the directories (or files) named as arguments to the
 * parser that this is linked with, in the order of their names. TAP output.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "target.h"

/* The input is a heap block of its very size, so that a sanitizer sees one byte too many. */
static int feed(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat about;
    uint8_t *data;
    size_t size;

    if (file == NULL || fstat(fileno(file), &about) != 0) {
        perror(path);
        return -1;
    }
    size = (size_t)about.st_size;
    data = malloc(size > 0 ? size : 1);
    if (data == NULL || fread(data, 1, size, file) != size) {
        perror(path);
        return -1;
    }
    fclose(file);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    return 0;
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void report(int *number, int *failed, const char *path)
{
    int wrong = feed(path) != 0;

    *failed |= wrong;
    printf("%s %d - %s\n", wrong ? "not ok" : "ok", ++*number, path);
}

/* Feeds a directory's files or one file. */
static void feed_all(int *number, int *failed, const char *path)
{
    struct dirent **entries;
    int count = scandir(path, &entries, is_visible, alphasort);

    if (count < 0) {
        report(number, failed, path);
        return;
    }
    for (int i = 0; i < count; i++) {
        char file[4096];

        snprintf(file, sizeof file, "%s/%s", path, entries[i]->d_name);
        report(number, failed, file);
        free(entries[i]);
    }
    free(entries);
}

int main(int argc, char **argv)
{
    int number = 0, failed = 0;

    for (int i = 1; i < argc; i++) {
        feed_all(&number, &failed, argv[i]);
    }
    printf("1..%d\n", number);
    return failed || number == 0;
}
