/*
 * Signs one mail over and over on one thread: sign_loop FILE SECONDS. FILE has the mail
 * with CRLF line ends. Prints how many signatures it made, and in how many seconds.
 */
#include <apr_file_io.h>
#include <apr_general.h>
#include <apr_strings.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>

#include "dkim.h"

static void fail(const char *what)
{
    fprintf(stderr, "sign_loop: %s\n", what);
    exit(1);
}

static eg_bytes read_mail(const char *path, apr_pool_t *pool)
{
    apr_file_t *file;
    apr_finfo_t info;
    apr_size_t size;
    char *data;

    if (apr_file_open(&file, path, APR_FOPEN_READ, APR_OS_DEFAULT, pool) != APR_SUCCESS ||
        apr_file_info_get(&info, APR_FINFO_SIZE, file) != APR_SUCCESS) {
        fail("cannot open the mail");
    }
    size = (apr_size_t)info.size;
    data = apr_palloc(pool, size);
    if (apr_file_read_full(file, data, size, NULL) != APR_SUCCESS) {
        fail("cannot read the mail");
    }
    return (eg_bytes){ data, size };
}

static void sign(const egs_dkim_signer *signer, eg_bytes mail, apr_pool_t *pool)
{
    egs_text field;

    egs_text_init(&field, 2048, pool);
    if (egs_dkim_sign(&field, signer, mail, apr_time_now()) != APR_SUCCESS) {
        fail("no signature");
    }
}

int main(int argc, const char *const *argv)
{
    egs_dkim_signer signer = { "example.com", "eg202601", EVP_RSA_gen(2048) };
    apr_pool_t *pool, *each;
    apr_time_t start, end;
    eg_bytes mail;
    int count = 0;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    apr_pool_create(&each, pool);
    if (argc != 3 || !signer.pair) {
        fail("usage: sign_loop FILE SECONDS");
    }
    mail = read_mail(argv[1], pool);
    start = apr_time_now();
    end = start + apr_time_from_sec(apr_atoi64(argv[2]));
    while (apr_time_now() < end) {
        sign(&signer, mail, each);
        apr_pool_clear(each);
        count++;
    }
    printf("%d %.6f\n", count, (double)(apr_time_now() - start) / APR_USEC_PER_SEC);
    EVP_PKEY_free(signer.pair);
    apr_pool_destroy(pool);
    apr_terminate();
    return 0;
}
