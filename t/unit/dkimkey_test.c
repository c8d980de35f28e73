/* eg_dkimkey_new: RFC 6376 section 3.6.1 (the record), PKCS#8 (the private half). */
#include "testpool.h"

#include <string.h>

#include <apr_strings.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "dkimkey.h"

static void makes_a_pair_and_its_record(void **state)
{
    apr_pool_t *pool = *state;
    static const char start[] = "v=DKIM1; k=rsa; p=";
    unsigned char der[512];
    const unsigned char *at = der;
    eg_dkimkey key;
    EVP_PKEY *private_half, *public_half;
    const char *base64;
    int size;

    assert_int_equal(eg_dkimkey_new(&key, apr_time_from_sec(1795478400), pool), APR_SUCCESS);
    assert_string_equal(key.selector, "eg202611");
    assert_memory_equal(key.record, start, strlen(start));
    base64 = key.record + strlen(start);
    assert_int_equal(strspn(base64, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="),
                     strlen(base64));
    size = EVP_DecodeBlock(der, (const unsigned char *)base64, (int)strlen(base64));
    assert_true(size > 0);
    public_half = d2i_PUBKEY(NULL, &at, size);
    assert_non_null(public_half);

    at = key.private_der.data;
    private_half = d2i_AutoPrivateKey(NULL, &at, (long)key.private_der.size);
    assert_non_null(private_half);
    assert_ptr_equal(at, (const unsigned char *)key.private_der.data + key.private_der.size);
    assert_int_equal(EVP_PKEY_get_bits(private_half), 2048);
    assert_int_equal(EVP_PKEY_eq(private_half, public_half), 1);
    EVP_PKEY_free(private_half);
    EVP_PKEY_free(public_half);
}

/* The month is UTC's, whatever the machine's own zone. */
static void selector_is_the_month(void **state)
{
    eg_dkimkey key, next;

    assert_int_equal(eg_dkimkey_new(&key, apr_time_from_sec(1798761599), *state), APR_SUCCESS);
    assert_string_equal(key.selector, "eg202612");
    assert_int_equal(eg_dkimkey_new(&next, apr_time_from_sec(1798761600), *state), APR_SUCCESS);
    assert_string_equal(next.selector, "eg202701");
    assert_string_not_equal(key.record, next.record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(makes_a_pair_and_its_record),
        EG_TEST(selector_is_the_month),
    };

    return EG_TEST_RUN(tests);
}
