/* secret.h: key files, sealing, API keys, hashes; RFC 5869 and RFC 7748 by their own vectors. */
#include "testpool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <apr_file_info.h>
#include <apr_md5.h>
#include <apr_strings.h>

#include "keyfile.h"
#include "sealing.h"
#include "addresshash.h"
#include "secret.h"

#define HEX64 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

/* A directory for one test; remove_directory takes its files along. */
static const char *make_directory(apr_pool_t *pool)
{
    char *directory = apr_pstrdup(pool, "/tmp/secret_test.XXXXXX");

    assert_non_null(mkdtemp(directory));
    return directory;
}

static void remove_directory(const char *directory, apr_pool_t *pool)
{
    assert_int_equal(system(apr_pstrcat(pool, "rm -r ", directory, NULL)), 0);
}

static int files_in(const char *directory, apr_pool_t *pool)
{
    apr_finfo_t info;
    apr_dir_t *dir;
    int count = 0;

    assert_int_equal(apr_dir_open(&dir, directory, pool), APR_SUCCESS);
    while (apr_dir_read(&info, APR_FINFO_NAME, dir) == APR_SUCCESS) {
        count += info.name[0] != '.';
    }
    apr_dir_close(dir);
    return count;
}

/* A file of an earlier row may be one that only root could write to. */
static void write_file(const char *path, const char *text, unsigned int mode)
{
    FILE *file;

    unlink(path);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, (mode_t)mode), 0);
}

static unsigned int mode_of(const char *path)
{
    struct stat status;

    assert_int_equal(stat(path, &status), 0);
    return (unsigned int)(status.st_mode & 07777);
}

static void secret_file_is_made_once(void **state)
{
    apr_pool_t *pool = *state;
    const char *directory = make_directory(pool), *path = apr_pstrcat(pool, directory, "/secret", NULL);
    const char *problem, *first, *second;
    eg_secret *secret;

    assert_int_equal(eg_secret_create(path, pool), APR_SUCCESS);
    assert_int_equal(mode_of(path), 0600);
    assert_int_equal(eg_keyfile_read(&first, &problem, path, 1, pool), APR_SUCCESS);
    assert_int_equal(eg_secret_create(path, pool), APR_EEXIST);
    assert_int_equal(eg_keyfile_read(&second, &problem, path, 1, pool), APR_SUCCESS);
    assert_string_equal(first, second);
    assert_int_equal(strlen(first), 2 + 64 + 1);
    assert_int_equal(files_in(directory, pool), 1);
    assert_int_equal(eg_secret_load(&secret, &problem, path, pool), APR_SUCCESS);
    assert_true(APR_STATUS_IS_ENOENT(eg_secret_create("/nowhere/secret", pool)));
    remove_directory(directory, pool);
}

static const struct {
    const char *what, *text;
    unsigned int mode;
    apr_status_t rv;
    const char *says;
} files[] = {
    { "one key", "1 " HEX64 "\n", 0600, APR_SUCCESS, NULL },
    { "read-only", "1 " HEX64 "\n", 0400, APR_SUCCESS, NULL },
    { "without line feed", "255 " HEX64, 0600, APR_SUCCESS, NULL },
    { "CRLF", "1 " HEX64 "\r\n2 " HEX64 "\r\n", 0600, APR_SUCCESS, NULL },
    { "upper case", "1 000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F\n", 0600, APR_SUCCESS,
      NULL },
    { "group may read", "1 " HEX64 "\n", 0640, APR_EACCES, "mode 0640" },
    { "others may write", "1 " HEX64 "\n", 0602, APR_EACCES, "mode 0602" },
    { "empty", "", 0600, APR_EINVAL, "1 to 64 keys" },
    { "id 0", "0 " HEX64 "\n", 0600, APR_EINVAL, ":1: no key id" },
    { "id 256", "256 " HEX64 "\n", 0600, APR_EINVAL, ":1: no key id" },
    { "id of many digits", "1111111111111111111 " HEX64 "\n", 0600, APR_EINVAL, ":1: no key id" },
    { "no id", HEX64 "\n", 0600, APR_EINVAL, ":1: no key id" },
    { "id twice", "1 " HEX64 "\n1 " HEX64 "\n", 0600, APR_EINVAL, ":2: no key id" },
    { "63 digits", "1 00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n", 0600, APR_EINVAL,
      ":1:" },
    { "65 digits", "1 " HEX64 "0\n", 0600, APR_EINVAL, ":1:" },
    { "no hex", "1 g00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n", 0600, APR_EINVAL,
      ":1:" },
    { "a day and a next one", "1 " HEX64 "\n2 " HEX64 " until 2030-02-28\n3 " HEX64 " next\n", 0600,
      APR_SUCCESS, NULL },
    { "the first one ends", "1 " HEX64 " until 2030-02-28\n", 0600, APR_EINVAL, ":1: the first key" },
    { "no such day", "1 " HEX64 "\n2 " HEX64 " until 2030-02-30\n", 0600, APR_EINVAL, ":2:" },
    { "Unix seconds", "1 " HEX64 "\n2 " HEX64 " until 1900000000\n", 0600, APR_EINVAL, ":2:" },
    { "more than a day", "1 " HEX64 "\n2 " HEX64 " until 2030-02-28 12:00:00\n", 0600, APR_EINVAL, ":2:" },
    { "another word", "1 " HEX64 "\n2 " HEX64 " then\n", 0600, APR_EINVAL, ":2:" },
    { "empty line between", "1 " HEX64 "\n\n2 " HEX64 "\n", 0600, APR_EINVAL, ":2:" },
};

static void secret_file_is_read_strictly(void **state)
{
    apr_pool_t *pool = *state;
    const char *directory = make_directory(pool), *path = apr_pstrcat(pool, directory, "/secret", NULL);
    eg_secret *secret = NULL;
    const char *problem;

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        print_message("# %s\n", files[i].what);
        write_file(path, files[i].text, files[i].mode);
        assert_int_equal(eg_secret_load(&secret, &problem, path, pool), files[i].rv);
        if (files[i].rv != APR_SUCCESS) {
            assert_non_null(strstr(problem, files[i].says));
            assert_non_null(strstr(problem, path));
        }
    }
    assert_true(APR_STATUS_IS_ENOENT(eg_secret_load(&secret, &problem, "/nowhere/secret", pool)));
    assert_int_equal(eg_secret_load(&secret, &problem, directory, pool), APR_EINVAL);
    assert_non_null(strstr(problem, "not a regular file"));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(eg_secret_load(&secret, &problem, path, pool), APR_EINVAL);
    remove_directory(directory, pool);
}

static eg_secret *secret_of(const char *path, const char *text, apr_pool_t *pool)
{
    const char *problem;
    eg_secret *secret;

    write_file(path, text, 0600);
    assert_int_equal(eg_secret_load(&secret, &problem, path, pool), APR_SUCCESS);
    return secret;
}

#define OTHER64 "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static void seals_for_one_purpose_and_account(void **state)
{
    apr_pool_t *pool = *state;
    const char *directory = make_directory(pool), *path = apr_pstrcat(pool, directory, "/secret", NULL);
    eg_secret *secret = secret_of(path, "7 " HEX64 "\n", pool);
    eg_bytes sealed, again, plain;

    assert_int_equal(eg_seal(&sealed, secret, EG_SEAL_SENDER_KEY, 42, "key", 3, pool), APR_SUCCESS);
    assert_int_equal(sealed.size, 1 + 12 + 3 + 16);
    assert_int_equal(*(const unsigned char *)sealed.data, 7);
    assert_int_equal(eg_unseal(&plain, secret, EG_SEAL_SENDER_KEY, 42, sealed, pool), APR_SUCCESS);
    assert_int_equal(plain.size, 3);
    assert_string_equal(plain.data, "key");
    assert_int_equal(eg_unseal(&plain, secret, EG_SEAL_ACCOUNT_KEY, 42, sealed, pool), APR_EINVAL);
    assert_int_equal(eg_unseal(&plain, secret, EG_SEAL_SENDER_KEY, 43, sealed, pool), APR_EINVAL);

    assert_int_equal(eg_seal(&again, secret, EG_SEAL_SENDER_KEY, 42, "key", 3, pool), APR_SUCCESS);
    assert_memory_not_equal(again.data, sealed.data, sealed.size);
    assert_int_equal(eg_seal(&sealed, secret, EG_SEAL_SENDER_KEY, 42, "", 0, pool), APR_SUCCESS);
    assert_int_equal(eg_unseal(&plain, secret, EG_SEAL_SENDER_KEY, 42, sealed, pool), APR_SUCCESS);
    assert_int_equal(plain.size, 0);
    assert_int_equal(eg_seal(&sealed, secret, EG_SEAL_SENDER_KEY, 42, NULL, 0, pool), APR_SUCCESS);
    assert_int_equal(eg_unseal(&plain, secret, EG_SEAL_SENDER_KEY, 42, sealed, pool), APR_SUCCESS);
    remove_directory(directory, pool);
}

static void no_changed_byte_opens(void **state)
{
    apr_pool_t *pool = *state;
    const char *directory = make_directory(pool), *path = apr_pstrcat(pool, directory, "/secret", NULL);
    eg_secret *secret = secret_of(path, "1 " HEX64 "\n2 " OTHER64 "\n", pool);
    eg_bytes sealed, plain, cut;

    assert_int_equal(eg_seal(&sealed, secret, EG_SEAL_WEBHOOK_KEY, 1, "whsec", 5, pool), APR_SUCCESS);
    for (apr_size_t i = 0; i < sealed.size; i++) {
        unsigned char *bytes = apr_pmemdup(pool, sealed.data, sealed.size);
        eg_bytes changed = { bytes, sealed.size };

        for (int bit = 0; bit < 8; bit++) {
            bytes[i] ^= (unsigned char)(1 << bit);
            assert_int_equal(eg_unseal(&plain, secret, EG_SEAL_WEBHOOK_KEY, 1, changed, pool), APR_EINVAL);
            bytes[i] ^= (unsigned char)(1 << bit);
        }
        cut.data = sealed.data;
        cut.size = i;
        assert_int_equal(eg_unseal(&plain, secret, EG_SEAL_WEBHOOK_KEY, 1, cut, pool), APR_EINVAL);
    }
    cut.data = NULL;
    cut.size = 0;
    assert_int_equal(eg_unseal(&plain, secret, EG_SEAL_WEBHOOK_KEY, 1, cut, pool), APR_EINVAL);
    remove_directory(directory, pool);
}

static void a_new_key_seals_and_the_old_one_opens(void **state)
{
    apr_pool_t *pool = *state;
    const char *directory = make_directory(pool), *path = apr_pstrcat(pool, directory, "/secret", NULL);
    eg_secret *before = secret_of(path, "1 " HEX64 "\n", pool);
    eg_secret *after = secret_of(path, "2 " OTHER64 "\n1 " HEX64 "\n", pool);
    eg_secret *foreign = secret_of(path, "1 " OTHER64 "\n", pool);
    eg_bytes old, new, plain;

    assert_int_equal(eg_seal(&old, before, EG_SEAL_SENDER_KEY, 5, "a", 1, pool), APR_SUCCESS);
    assert_int_equal(eg_seal(&new, after, EG_SEAL_SENDER_KEY, 5, "b", 1, pool), APR_SUCCESS);
    assert_int_equal(*(const unsigned char *)new.data, 2);
    assert_int_equal(eg_unseal(&plain, after, EG_SEAL_SENDER_KEY, 5, old, pool), APR_SUCCESS);
    assert_string_equal(plain.data, "a");
    assert_int_equal(eg_unseal(&plain, after, EG_SEAL_SENDER_KEY, 5, new, pool), APR_SUCCESS);
    assert_string_equal(plain.data, "b");
    assert_int_equal(eg_unseal(&plain, before, EG_SEAL_SENDER_KEY, 5, new, pool), APR_EINVAL);
    assert_int_equal(eg_unseal(&plain, foreign, EG_SEAL_SENDER_KEY, 5, old, pool), APR_EINVAL);
    remove_directory(directory, pool);
}

static void macs_end_with_their_key(void **state)
{
    static const struct {
        const char *state;
        apr_status_t verifies;
    } rows[] = {
        { "", APR_SUCCESS },
        { " next", APR_SUCCESS },
        { " until 9999-12-31", APR_SUCCESS },
        { " until 2001-01-01", APR_NOTFOUND },
    };
    apr_pool_t *pool = *state;
    const char *directory = make_directory(pool), *path = apr_pstrcat(pool, directory, "/secret", NULL);

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *text = apr_pstrcat(pool, "2 " OTHER64 "\n1 " HEX64, rows[i].state, "\n", NULL);
        eg_secret *secret = secret_of(path, text, pool);
        unsigned char mac[EG_HASH_SIZE];

        assert_int_equal(eg_secret_key_id(secret), 2);
        assert_int_equal(eg_secret_mac(mac, secret, 2, EG_MAC_TRACKING, "a", 1), APR_SUCCESS);
        assert_int_equal(eg_secret_mac(mac, secret, 1, EG_MAC_TRACKING, "a", 1), rows[i].verifies);
        /* Who was erased while it was in use is known by it for ever. */
        assert_int_equal(eg_secret_mac(mac, secret, 1, EG_MAC_ADDRESS, "a", 1), APR_SUCCESS);
    }
    remove_directory(directory, pool);
}

static void hashes_of_addresses_are_keyed(void **state)
{
    apr_pool_t *pool = *state;
    const char *directory = make_directory(pool), *path = apr_pstrcat(pool, directory, "/secret", NULL);
    eg_secret *before = secret_of(path, "1 " HEX64 "\n", pool);
    eg_secret *after = secret_of(path, "2 " OTHER64 "\n1 " HEX64 "\n", pool);
    eg_secret *foreign = secret_of(path, "1 " OTHER64 "\n", pool);
    const char *old = eg_addresshash_new(before, "Ann@Example.org", pool);
    const char *new = eg_addresshash_new(after, "ann@example.org", pool);

    assert_int_equal(strlen(old), strlen("hash:1:") + 22);
    assert_true(strncmp(old, "hash:1:", 7) == 0 && strncmp(new, "hash:2:", 7) == 0);
    assert_string_equal(eg_addresshash_all(before, "ann@EXAMPLE.org", pool), old);
    assert_string_equal(eg_addresshash_all(after, "ann@example.org", pool),
                        apr_pstrcat(pool, new, " ", old, NULL));
    assert_string_not_equal(eg_addresshash_new(foreign, "ann@example.org", pool), old);
    assert_string_not_equal(eg_addresshash_new(before, "bob@example.org", pool), old);
    remove_directory(directory, pool);
}

/* "hash:1:" and what was made of Emile's address, whose E had an acute and was capital, by ASCII alone. */
#define EMILE "\xc3\x89mile@example.org"
#define EMILE_ONCE "hash:1:EepRQV7z7LlUjMThd2Mzgg"

static void hashes_of_addresses_fold_all_letters(void **state)
{
    apr_pool_t *pool = *state;
    const char *directory = make_directory(pool), *path = apr_pstrcat(pool, directory, "/secret", NULL);
    eg_secret *secret = secret_of(path, "1 " HEX64 "\n", pool);
    const char *hash = eg_addresshash_new(secret, EMILE, pool);

    assert_string_equal(eg_addresshash_new(secret, "\xc3\xa9mile@EXAMPLE.org", pool), hash);
    assert_string_equal(eg_addresshash_all(secret, "\xc3\xa9mile@example.org", pool), hash);
    assert_string_equal(eg_addresshash_all(secret, EMILE, pool),
                        apr_pstrcat(pool, hash, " " EMILE_ONCE, NULL));
    remove_directory(directory, pool);
}

static void sender_key_is_made_once(void **state)
{
    apr_pool_t *pool = *state;
    const char *directory = make_directory(pool), *path = apr_pstrcat(pool, directory, "/sender.key", NULL);
    const char *path_pub = apr_pstrcat(pool, path, ".pub", NULL), *problem;
    eg_senderkey *key;
    eg_bytes half, again;

    write_file(path_pub, HEX64 "\n", 0644); /* left over from a lost key */
    assert_int_equal(eg_senderkey_create(path, pool), APR_SUCCESS);
    assert_int_equal(mode_of(path), 0600);
    assert_int_equal(mode_of(path_pub), 0644);
    assert_int_equal(eg_senderkey_load(&key, &problem, path, pool), APR_SUCCESS);
    assert_int_equal(eg_senderkey_load_public(&half, &problem, path_pub, pool), APR_SUCCESS);
    assert_int_equal(half.size, 32);

    assert_int_equal(unlink(path_pub), 0);
    assert_int_equal(eg_senderkey_create(path, pool), APR_EEXIST);
    assert_int_equal(eg_senderkey_load_public(&again, &problem, path_pub, pool), APR_SUCCESS);
    assert_memory_equal(half.data, again.data, 32);
    assert_int_equal(files_in(directory, pool), 2);

    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(eg_senderkey_load(&key, &problem, path, pool), APR_EACCES);
    write_file(path, HEX64 "00\n", 0600);
    assert_int_equal(eg_senderkey_load(&key, &problem, path, pool), APR_EINVAL);
    write_file(path_pub, "public\n", 0644);
    assert_int_equal(eg_senderkey_load_public(&again, &problem, path_pub, pool), APR_EINVAL);
    assert_non_null(strstr(problem, "64 hex digits"));
    remove_directory(directory, pool);
}

/* RFC 7748 section 6.1: the public half of a known private one. */
static void public_half_is_that_of_rfc_7748(void **state)
{
    apr_pool_t *pool = *state;
    const char *directory = make_directory(pool), *path = apr_pstrcat(pool, directory, "/sender.key", NULL);
    const char *problem;
    eg_bytes half;
    char hex[65];

    write_file(path, "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb\n", 0600);
    assert_int_equal(eg_senderkey_create(path, pool), APR_EEXIST);
    assert_int_equal(eg_senderkey_load_public(&half, &problem, apr_pstrcat(pool, path, ".pub", NULL), pool),
                     APR_SUCCESS);
    eg_keyfile_hex(hex, half.data, 32);
    assert_string_equal(hex, "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
    remove_directory(directory, pool);
}

static void only_the_sender_opens(void **state)
{
    apr_pool_t *pool = *state;
    const char *directory = make_directory(pool), *path = apr_pstrcat(pool, directory, "/one.key", NULL);
    const char *path_other = apr_pstrcat(pool, directory, "/other.key", NULL), *problem;
    eg_bytes sealed, again, plain, half, zero = { apr_pcalloc(pool, 32), 32 };
    eg_senderkey *key, *other;

    assert_int_equal(eg_senderkey_create(path, pool), APR_SUCCESS);
    assert_int_equal(eg_senderkey_create(path_other, pool), APR_SUCCESS);
    assert_int_equal(eg_senderkey_load(&key, &problem, path, pool), APR_SUCCESS);
    assert_int_equal(eg_senderkey_load(&other, &problem, path_other, pool), APR_SUCCESS);
    assert_int_equal(eg_senderkey_load_public(&half, &problem, apr_pstrcat(pool, path, ".pub", NULL), pool),
                     APR_SUCCESS);

    assert_int_equal(eg_seal_to_sender(&sealed, half, 9, "der", 3, pool), APR_SUCCESS);
    assert_int_equal(eg_seal_to_sender(&again, half, 9, "der", 3, pool), APR_SUCCESS);
    assert_memory_not_equal(sealed.data, again.data, sealed.size);
    assert_int_equal(eg_unseal_by_sender(&plain, key, 9, sealed, pool), APR_SUCCESS);
    assert_int_equal(plain.size, 3);
    assert_string_equal(plain.data, "der");
    assert_int_equal(eg_unseal_by_sender(&plain, key, 10, sealed, pool), APR_EINVAL);
    assert_int_equal(eg_unseal_by_sender(&plain, other, 9, sealed, pool), APR_EINVAL);
    for (apr_size_t i = 0; i < sealed.size; i++) {
        unsigned char *bytes = apr_pmemdup(pool, sealed.data, sealed.size);
        eg_bytes changed = { bytes, sealed.size }, cut = { sealed.data, i };

        bytes[i] ^= 1;
        assert_int_equal(eg_unseal_by_sender(&plain, key, 9, changed, pool), APR_EINVAL);
        assert_int_equal(eg_unseal_by_sender(&plain, key, 9, cut, pool), APR_EINVAL);
    }
    assert_int_equal(eg_seal_to_sender(&sealed, zero, 9, "der", 3, pool), APR_EINVAL);
    half.size = 31;
    assert_int_equal(eg_seal_to_sender(&sealed, half, 9, "der", 3, pool), APR_EINVAL);
    remove_directory(directory, pool);
}

/* RFC 5869 appendix A.1. */
static void derives_as_rfc_5869(void **state)
{
    unsigned char from[22], salt[13], derived[42], expected[42];
    eg_bytes key = { from, sizeof from }, salted = { salt, sizeof salt };

    memset(from, 0x0b, sizeof from);
    assert_int_equal(eg_keyfile_unhex(salt, sizeof salt, "000102030405060708090a0b0c"), APR_SUCCESS);
    assert_int_equal(eg_keyfile_unhex(expected, sizeof expected,
                                      "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
                                      "34007208d5b887185865"),
                     APR_SUCCESS);
    assert_int_equal(eg_sealing_derive(derived, sizeof derived, key, salted,
                                       "\xf0\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9", *state),
                     APR_SUCCESS);
    assert_memory_equal(derived, expected, sizeof expected);
}

#define X43 "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMN-_9"

static const struct {
    const char *key;
    apr_int64_t account_id;
} apikeys[] = {
    { "egs_1_" X43, 1 },
    { "egs_9007199254740991_" X43, EG_ID_MAX },
    { "egs_9007199254740992_" X43, 0 },
    { "egs_99999999999999999999_" X43, 0 },
    { "egs_0_" X43, 0 },
    { "egs_01_" X43, 0 },
    { "egs_-1_" X43, 0 },
    { "egs__" X43, 0 },
    { "egs_1_" X43 "a", 0 },
    { "egs_1_bcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMN-_9", 0 },
    { "egs_1_=bcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMN-_9", 0 },
    { "egs_1_" X43 " ", 0 },
    { "egs_1", 0 },
    { "egs_1_", 0 },
    { "egs_", 0 },
    { "egs", 0 },
    { "", 0 },
    { "ega_1_" X43, 0 },
    { "EGS_1_" X43, 0 },
    { "egs_1x_" X43, 0 },
};

static void keys_carry_their_account(void **state)
{
    const char *key = eg_apikey_new(EG_KEY_ACCOUNT, EG_ID_MAX, *state);

    assert_int_equal(eg_apikey_account(EG_KEY_ACCOUNT, key), EG_ID_MAX);
    assert_int_equal(eg_apikey_account(EG_KEY_SENDER, key), 0);
    assert_string_not_equal(key, eg_apikey_new(EG_KEY_ACCOUNT, EG_ID_MAX, *state));
    for (size_t i = 0; i < sizeof apikeys / sizeof *apikeys; i++) {
        print_message("# %s\n", apikeys[i].key);
        assert_int_equal(eg_apikey_account(EG_KEY_SENDER, apikeys[i].key), apikeys[i].account_id);
    }
}

static void hashes_compare(void **state)
{
    unsigned char hash[EG_HASH_SIZE], expected[EG_HASH_SIZE];

    (void)state;
    /* FIPS 180-2 appendix B.1 */
    eg_keyfile_unhex(expected, sizeof expected,
                     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    eg_secret_hash(hash, "abc", 3);
    assert_true(eg_secret_equal(hash, expected, sizeof hash));
    hash[31] ^= 1;
    assert_false(eg_secret_equal(hash, expected, sizeof hash));
}

static void passwords_are_bcrypt(void **state)
{
    apr_pool_t *pool = *state;
    char *longest = apr_pcalloc(pool, EG_PASSWORD_MAX + 2);
    const char *hash, *again;

    assert_int_equal(eg_password_hash(&hash, "p\xc3\xa4ss word", pool), APR_SUCCESS);
    assert_int_equal(strlen(hash), 60);
    assert_memory_equal(hash, "$2y$10$", 7);
    assert_int_equal(apr_password_validate("p\xc3\xa4ss word", hash), APR_SUCCESS);
    assert_int_not_equal(apr_password_validate("pass word", hash), APR_SUCCESS);
    assert_int_equal(eg_password_hash(&again, "p\xc3\xa4ss word", pool), APR_SUCCESS);
    assert_string_not_equal(hash, again);
    assert_int_equal(eg_password_hash(&hash, "", pool), APR_EINVAL);
    memset(longest, 'x', EG_PASSWORD_MAX);
    assert_int_equal(eg_password_hash(&hash, longest, pool), APR_SUCCESS);
    longest[EG_PASSWORD_MAX] = 'x';
    assert_int_equal(eg_password_hash(&hash, longest, pool), APR_EINVAL);
}

static void random_text_is_base64url(void **state)
{
    static const size_t lengths[] = { 2, 3, 4, 6, 7, 8 };

    for (apr_size_t size = 1; size <= 6; size++) {
        for (int i = 0; i < 200; i++) {
            const char *text = eg_random_text(size, *state);

            assert_int_equal(strlen(text), lengths[size - 1]);
            assert_int_equal(strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
                             lengths[size - 1]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(secret_file_is_made_once),
        EG_TEST(secret_file_is_read_strictly),
        EG_TEST(seals_for_one_purpose_and_account),
        EG_TEST(no_changed_byte_opens),
        EG_TEST(a_new_key_seals_and_the_old_one_opens),
        EG_TEST(macs_end_with_their_key),
        EG_TEST(hashes_of_addresses_are_keyed),
        EG_TEST(hashes_of_addresses_fold_all_letters),
        EG_TEST(sender_key_is_made_once),
        EG_TEST(public_half_is_that_of_rfc_7748),
        EG_TEST(only_the_sender_opens),
        EG_TEST(derives_as_rfc_5869),
        EG_TEST(keys_carry_their_account),
        EG_TEST(hashes_compare),
        EG_TEST(passwords_are_bcrypt),
        EG_TEST(random_text_is_base64url),
    };

    return EG_TEST_RUN(tests);
}
