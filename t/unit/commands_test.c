/* eg_route_path, eg_route_id, eg_route_of_method, eg_route_methods: which paths are the gateway's. */
#include "testpool.h"

#include <string.h>

#include "command.h"

#define MESSAGE "/api/v1/email/<MessageID>"

/* A path, the table's word for it, what stands in it, and the methods that it takes; NULL: none of the gateway's. */
static const struct {
    const char *path, *pattern, *id, *methods;
} paths[] = {
    { "/api.php", "/api.php", NULL, "POST" },
    { "/api/v1/email", "/api/v1/email", NULL, "POST" },
    { "/api/v1/events", "/api/v1/events", NULL, "GET, HEAD" },
    { "/api/v1/webhooks", "/api/v1/webhooks", NULL, "POST, GET, HEAD, DELETE" },
    { "/api/v1/email/batch", "/api/v1/email/batch", NULL, "POST" },
    { "/api/v1/email/batc", MESSAGE, "batc", "GET, HEAD, DELETE, PATCH" },
    { "/api/v1/email/batch2", MESSAGE, "batch2", "GET, HEAD, DELETE, PATCH" },
    { "/api/v1/email/0190a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b", MESSAGE, "0190a0b1-c2d3-7e4f-8a5b-6c7d8e9f0a1b",
      "GET, HEAD, DELETE, PATCH" },
    { "/api/v1/email/<MessageID>", MESSAGE, "<MessageID>", "GET, HEAD, DELETE, PATCH" },
    { "/api/v1/email/\xff", MESSAGE, "\xff", "GET, HEAD, DELETE, PATCH" },
    { "/api/v1/email/", NULL, NULL, NULL },
    { "/api/v1/email/x/", NULL, NULL, NULL },
    { "/api/v1/email/x/y", NULL, NULL, NULL },
    { "/api/v1/email//", NULL, NULL, NULL },
    { "/api/v1/emails/x", NULL, NULL, NULL },
    { "/API/v1/email/x", NULL, NULL, NULL },
    { "/x/api/v1/email/x", NULL, NULL, NULL },
    { "/api/v1/events/x", NULL, NULL, NULL },
    { "/api/v1", NULL, NULL, NULL },
    { "/", NULL, NULL, NULL },
    { "", NULL, NULL, NULL },
};

static void is_text(const char *text, const char *wanted)
{
    assert_int_equal(text == NULL, wanted == NULL);
    if (wanted != NULL) {
        assert_string_equal(text, wanted);
    }
}

static void knows_its_paths(void **state)
{
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        eg_surface surface;

        print_message("# %s\n", paths[i].path);
        is_text(eg_route_path(paths[i].path), paths[i].pattern);
        is_text(eg_route_id(paths[i].path), paths[i].id);
        is_text(eg_route_methods(paths[i].path, *state), paths[i].methods);
        assert_int_equal(eg_surface_of(&surface, paths[i].path), paths[i].pattern != NULL);
        assert_int_equal(eg_route_of_method(paths[i].path, "PUT") != NULL, 0);
        assert_int_equal(eg_route_of_method(paths[i].path, "HEAD") != NULL,
                         paths[i].methods != NULL && strstr(paths[i].methods, "HEAD") != NULL);
        assert_int_equal(eg_route_of_method(paths[i].path, "PATCH") != NULL,
                         paths[i].pattern != NULL && strcmp(paths[i].pattern, MESSAGE) == 0);
    }
}

/* A request for one is read as such before anything else is known of it. */
static void knows_a_batch(void **state)
{
    (void)state;
    assert_true(eg_route_of_method("/api/v1/email/batch", "POST")->command->takes_batch);
    assert_false(eg_route_of_method("/api/v1/email", "POST")->command->takes_batch);
    assert_null(eg_route_of_method("/api/v1/email/batch", "GET"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(knows_its_paths),
        EG_TEST(knows_a_batch),
    };

    return EG_TEST_RUN(tests);
}
