/* eg_address_fold: the same as emailgw.fold_address (t/sql/fold_address.sql has these cases too). */
#include "testpool.h"

#include "addressfold.h"

static const struct {
    const char *address, *folded;
} cases[] = {
    { "", "" },
    { "Ann@Example.ORG", "ann@example.org" },
    { "\xc3\x89mile@x.example", "\xc3\xa9mile@x.example" },         /* E acute */
    { "\xd0\x9f\xd0\x90@x.example", "\xd0\xbf\xd0\xb0@x.example" }, /* Cyrillic */
    { "\xce\x9f\xce\xa3@x.example", "\xce\xbf\xcf\x83@x.example" }, /* sigma, capital */
    { "\xce\xbf\xcf\x82@x.example", "\xce\xbf\xcf\x83@x.example" }, /* ... at the end of a word */
    { "\xc3\x9f@x.example", "\xc3\x9f@x.example" },                 /* sharp s */
    { "\xe1\xba\x9e@x.example", "\xc3\x9f@x.example" },             /* ... capital */
    { "\xc4\xb0@x.example", "i@x.example" },                        /* I with dot */
    { "I\xcc\x87@x.example", "i@x.example" },                       /* ... in two parts */
    { "a\xcc\x87@x.example", "a\xcc\x87@x.example" },               /* another letter's dot */
    { "\xc4\xb1@x.example", "\xc4\xb1@x.example" },                 /* dotless i */
    { "\xf0\x90\x90\x80@x.example", "\xf0\x90\x90\xa8@x.example" }, /* beyond 16 bits */
    { "\xe6\xb3\xa8@x.example", "\xe6\xb3\xa8@x.example" },         /* no case */
    /* These two are not the same when they are folded again. */
    { "\xc4\xb0\xcc\x87@x.example", "i\xcc\x87@x.example" }, /* I with dot, with another one */
    { "\xc3\x89\xff\xc3\x89@X", "\xc3\xa9\xff\xc3\x89@X" },  /* no UTF-8 */
};

static void letter_case_does_not_matter(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *folded = eg_address_fold(cases[i].address, *state);

        assert_string_equal(folded, cases[i].folded);
        if (i + 2 < sizeof cases / sizeof *cases) {
            assert_string_equal(eg_address_fold(folded, *state), folded);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(letter_case_does_not_matter),
    };

    return EG_TEST_RUN(tests);
}
