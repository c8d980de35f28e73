/*
 * Feeds every file of the directories (or files) named as arguments to the
 * parser that this is linked with, in the order of their names. TAP output.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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

/* Feeds a directory's files or one file. @return how many were read, -1 on failure */
static int feed_all(const char *path, int number)
{
    struct dirent **entries;
    int count = scandir(path, &entries, is_visible, alphasort), failed = 0;

    if (count < 0) {
        failed = feed(path) != 0;
        printf("%s %d - %s\n", failed ? "not ok" : "ok", number + 1, path);
        return failed ? -1 : 1;
    }
    for (int i = 0; i < count; i++) {
        char file[4096];

        snprintf(file, sizeof file, "%s/%s", path, entries[i]->d_name);
        if (feed(file) != 0) {
            failed = 1;
        }
        printf("%s %d - %s\n", failed ? "not ok" : "ok", number + i + 1, file);
        free(entries[i]);
    }
    free(entries);
    return failed ? -1 : count;
}

int main(int argc, char **argv)
{
    int number = 0, failed = 0;

    for (int i = 1; i < argc; i++) {
        int count = feed_all(argv[i], number);

        if (count < 0) {
            failed = 1;
        }
        number += count > 0 ? count : 0;
    }
    printf("1..%d\n", number);
    return failed || number == 0;
}
