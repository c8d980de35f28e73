/* egs_options_parse, egs_options_load: every kind of value, every refusal. */
#include "testpool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <apr_file_io.h>
#include <apr_strings.h>

#include "options.h"

static apr_status_t parse(egs_options *options, const char **problem, const char *text, apr_pool_t *pool)
{
    egs_options_defaults(options);
    return egs_options_parse(options, problem, "test.conf", text, strlen(text), pool);
}

static void has_defaults(void **state)
{
    egs_options options;
    const char *problem = NULL;

    assert_int_equal(parse(&options, &problem, "", *state), APR_SUCCESS);
    assert_string_equal(options.database, "dbname=emailgw user=emailgw_sender");
    assert_null(options.admin_database);
    assert_string_equal(options.transport, "outbox");
    assert_int_equal(options.threads, 2);
    assert_int_equal(options.claim_batch, 200);
    assert_int_equal(options.list_ahead, 2000);
    assert_int_equal(options.lease, apr_time_from_sec(15 * 60));
    assert_int_equal(options.poll, 100 * 1000);
    assert_string_equal(options.log_file, "-");
    assert_int_equal(options.log_level, EG_LOG_INFO);
    assert_null(options.pid_file);
    assert_int_equal(options.message_retention, 7);
    assert_int_equal(options.event_retention, 90);
    assert_int_equal(options.webhook_connections, 64);
    assert_int_equal(options.webhook_retry.count, 9);
    assert_int_equal(options.webhook_retry.each[0], apr_time_from_sec(5));
    assert_int_equal(options.webhook_retry.each[8], apr_time_from_sec(86400));
    assert_int_equal(options.webhook_disable_after, apr_time_from_sec(5 * 86400));
    assert_null(options.webhook_allow);
    assert_null(options.webhook_ca_file);
    assert_null(options.resolver);
    assert_int_equal(options.resolver_timeout, apr_time_from_sec(5));
    assert_null(options.mail_host);
    assert_null(options.tracking_url);
    assert_int_equal(options.domain_check_interval, apr_time_from_sec(6 * 3600));
    assert_int_equal(options.domain_warn_after, apr_time_from_sec(24 * 3600));
    assert_int_equal(options.domain_suspend_after, apr_time_from_sec(72 * 3600));
    assert_int_equal(options.sts_interval, apr_time_from_sec(300));
    assert_int_equal(options.sts_timeout, apr_time_from_sec(10));
    assert_null(options.sts_ca_file);
    assert_int_equal(options.sts_port, 443);
    assert_null(options.sts_allow);
    assert_null(options.include);
    assert_null(options.hostname);
    assert_int_equal(options.relay_tls, EGS_TLS_OPPORTUNISTIC);
    assert_null(options.relay_ca_file);
    assert_null(options.relay_user);
    assert_null(options.relay_password_file);
    assert_int_equal(options.relay_connections, 32);
    assert_int_equal(options.connect_timeout, apr_time_from_sec(30));
    assert_int_equal(options.command_timeout, apr_time_from_sec(300));
    assert_int_equal(options.final_timeout, apr_time_from_sec(600));
    assert_int_equal(options.retry.count, 8);
    assert_int_equal(options.retry.each[0], apr_time_from_sec(60));
    assert_int_equal(options.retry.each[7], apr_time_from_sec(8 * 3600));
    assert_int_equal(options.lifetime, apr_time_from_sec(48 * 3600));
    assert_int_equal(options.connections, 128);
    assert_int_equal(options.stop_timeout, apr_time_from_sec(60));
}

static void takes_values(void **state)
{
    static const char text[] = "# a comment\r\n"
                               "\n"
                               "  threads=8\r\n"
                               "threads = 16\n"
                               "database = \"host=/run user=a options='-c a=\\\"b\\\\c\\\"' \" # quoted\n"
                               "admin_database = host=db dbname=a#b\n"
                               "lease = 90 s\n"
                               "poll=10ms\n"
                               "message_retention = 30\n"
                               "event_retention = 1d\n"
                               "log_level = debug\n"
                               "pid_file = /run/one.pid\n"
                               "pid_file = \"\"\n"
                               "transport = relay:[2001:db8::1]:2525";
    egs_options options;
    const char *problem = NULL;

    assert_int_equal(parse(&options, &problem, text, *state), APR_SUCCESS);
    assert_int_equal(options.threads, 16);
    assert_string_equal(options.database, "host=/run user=a options='-c a=\"b\\c\"' ");
    assert_string_equal(options.admin_database, "host=db dbname=a#b");
    assert_int_equal(options.lease, apr_time_from_sec(90));
    assert_int_equal(options.poll, 10 * 1000);
    assert_int_equal(options.message_retention, 30);
    assert_int_equal(options.event_retention, 1);
    assert_int_equal(options.log_level, EG_LOG_DEBUG);
    assert_null(options.pid_file);
    assert_string_equal(options.transport, "relay:[2001:db8::1]:2525");
}

static const struct {
    const char *text;
    const char *says; /* part of the problem; NULL: taken */
} lines[] = {
    { "threads = 1", NULL },
    { "threads = 64", NULL },
    { "threads = 0", "\"0\" given, allowed is 1 to 64" },
    { "threads = 65", "allowed is 1 to 64" },
    { "threads = -1", "allowed is 1 to 64" },
    { "threads = 2x", "allowed is 1 to 64" },
    { "threads = 2d", "allowed is 1 to 64" },
    { "threads =", "\"\" given" },
    { "threads = 99999999999999999999", "allowed is 1 to 64" },
    { "claim_batch = 1001", "1 to 1000" },
    { "list_ahead = 0", "1 to 1000000" },
    { "lease = 5s", NULL },
    { "lease = 1h", NULL },
    { "lease = 60min", NULL },
    { "lease = 61min", "5s to 1h, with a unit" },
    { "lease = 4999ms", "5s to 1h" },
    { "lease = 900", "with a unit" },
    { "lease = 15 minutes", "with a unit" },
    { "lease = 999999999999999d", "5s to 1h" },
    { "poll = 9ms", "10ms to 10s" },
    { "poll = 10s", NULL },
    { "webhook_connections = 0", "1 to 1000" },
    { "webhook_timeout = 99ms", "100ms to 5min" },
    { "webhook_lease = 4s", "5s to 1h" },
    { "webhook_disable_after = 31d", "1s to 30d" },
    { "webhook_retry = 1s", NULL },
    { "webhook_retry = 5s, 5min,2h", NULL },
    { "webhook_retry =", "\"\" given" },
    { "webhook_retry = 5s,", "up to 32 waits" },
    { "webhook_retry = 5s,,6s", "up to 32 waits" },
    { "webhook_retry = 5s;6s", "up to 32 waits" },
    { "webhook_retry = 9ms", "up to 32 waits" },
    { "webhook_retry = 31d", "up to 32 waits" },
    { "webhook_retry = "
      "1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s",
      NULL },
    { "webhook_retry = "
      "1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s",
      "up to 32 waits" },
    { "webhook_retry = 000000000000000000000000000000000000000005s", "up to 32 waits" },
    { "webhook_allow = 127.0.0.1:80,[::1]:8080", NULL },
    { "webhook_allow =", NULL },
    { "webhook_allow = 127.0.0.1", "literal addresses with ports" },
    { "webhook_allow = localhost:80", "literal addresses with ports" },
    { "resolver = 127.0.0.1:53,[::1]:5353", NULL },
    { "resolver =", NULL },
    { "resolver = 127.0.0.1", "literal addresses with ports, such as 127.0.0.1:53" },
    { "resolver = dns.example.net:53", "literal addresses with ports" },
    { "resolver_timeout = 100ms", NULL },
    { "resolver_timeout = 99ms", "100ms to 60s" },
    { "resolver_timeout = 61s", "100ms to 60s" },
    { "mail_host = mail.example.net", NULL },
    { "mail_host =", NULL },
    { "mail_host = mail", "a full host name" },
    { "mail_host = 192.0.2.1", "a full host name" },
    { "tracking_url = https://links.example.net", NULL },
    { "tracking_url =", NULL },
    { "tracking_url = links.example.net", "http or https, a host" },
    { "tracking_url = https://links.example.net/?x", "http or https, a host" },
    { "domain_check_interval = 99ms", "100ms to 30d" },
    { "domain_check_interval = 31d", "100ms to 30d" },
    { "domain_warn_after = 0s", NULL },
    { "domain_warn_after = 366d", "0s to 365d" },
    { "domain_suspend_after = 0s", NULL },
    { "domain_suspend_after = 366d", "0s to 365d" },
    { "message_retention = 0d", "1d to 3650d" },
    { "message_retention = 7h", "1d to 3650d" },
    { "message_retention = 7dd", "1d to 3650d" },
    { "retry = 1s", NULL },
    { "retry = 1s,2 min , 10ms", NULL },
    { "retry = ", "1 to 32 times of 10ms to 7d" },
    { "retry = 1s,", "1 to 32 times" },
    { "retry = ,1s", "1 to 32 times" },
    { "retry = 1s 2s", "1 to 32 times" },
    { "retry = 1s;2s", "1 to 32 times" },
    { "retry = 9ms", "1 to 32 times" },
    { "retry = 8d", "1 to 32 times" },
    { "retry = "
      "1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s",
      NULL },
    { "retry = "
      "1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s",
      "1 to 32 times" },
    { "relay_tls = required", NULL },
    { "relay_tls = yes", "none, opportunistic, always or required" },
    { "connections = 257", "1 to 256" },
    { "stop_timeout = 0s", NULL },
    { "transport = mx", NULL },
    { "transport = relay:mail.example.com:25", NULL },
    { "transport = relay:mail.example.com", "outbox, relay:HOST:PORT or mx" },
    { "transport = relay::25", "outbox, relay:HOST:PORT or mx" },
    { "transport = relay:a b:25", "outbox, relay:HOST:PORT or mx" },
    { "transport = relay:a:0", "outbox, relay:HOST:PORT or mx" },
    { "transport = relay:a:65536", "outbox, relay:HOST:PORT or mx" },
    { "transport = relay:a:", "outbox, relay:HOST:PORT or mx" },
    { "transport = OUTBOX", "outbox, relay:HOST:PORT or mx" },
    { "transport = smtp", "\"smtp\" given" },
    { "log_level = warn", NULL },
    { "log_level = loud", "err, warn, info or debug" },
    { "outbox = ", "path of a directory" },
    { "outbox = \"/a b\"", NULL },
    { "outbox = \"/a b", "does not end with its line" },
    { "outbox = \"/a b\" c", "does not end with its line" },
    { "outbox = \"/a\\", "does not end with its line" },
    { "outbox = \"/a\\\"", "does not end with its line" },
    { "database = postgresql://a:s3cret@[::1]:5432,h/db?connect_timeout=2", NULL },
    { "database = host=/run,@abstract port=5432,5433 password='s3cret word'", NULL },
    { "admin_database =", NULL },
    { "database =", "database (libpq connection string of the sender): allowed is settings such as" },
    { "database = emailgw", "database (libpq connection string of the sender): allowed is settings" },
    { "database = host=db password=a s3cret user=b", "a value that has blanks in '', or a URI" },
    { "database = host=db passwort=s3cret", "of names that libpq knows" },
    { "admin_database = postgresql://a:s3cret/b@h/db", "admin_database (libpq connection string of" },
    { "admin_database = postgresql://a:b@s3cret@h/db", "with %XX for what has a meaning there" },
    { "database host=db password=s3cret", "unknown option \"database host\"" },
    { "databse = password=s3cret", "unknown option \"databse\"" },
    { "colour = red", "unknown option \"colour\"; known are database," },
    { "Threads = 2", "unknown option" },
    { "= 2", "unknown option \"\"" },
    { "threads 2", "no line of the form name = value" },
    { "\001\002", "\"\\x01\\x02\" is no line" },
};

static void takes_or_refuses_lines(void **state)
{
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        egs_options options;
        const char *problem = NULL;
        apr_status_t rv = parse(&options, &problem, apr_pstrcat(*state, "#\n", lines[i].text, NULL), *state);

        print_message("# %s\n", lines[i].text);
        if (lines[i].says == NULL) {
            assert_int_equal(rv, APR_SUCCESS);
            continue;
        }
        assert_int_equal(rv, APR_EINVAL);
        assert_non_null(strstr(problem, lines[i].says));
        assert_memory_equal(problem, "test.conf:", strlen("test.conf:"));
        assert_null(strstr(problem, "s3cret"));
    }
}

static void names_the_line(void **state)
{
    egs_options options;
    const char *problem = NULL;

    assert_int_equal(parse(&options, &problem, "threads = 2\n\n# x\n  poll = soon\n", *state), APR_EINVAL);
    assert_memory_equal(problem, "test.conf:4: poll", strlen("test.conf:4: poll"));
    assert_int_equal(parse(&options, &problem, "include = /a\ninclude = /b", *state), APR_EINVAL);
    assert_memory_equal(problem, "test.conf:2: include: one file", strlen("test.conf:2: include: one file"));
    assert_int_equal(egs_options_parse(&options, &problem, "test.conf", "a\0b", 3, *state), APR_EINVAL);
    assert_non_null(strstr(problem, "NUL"));
}

static const char *write_file(const char *directory, const char *name, const char *text, apr_pool_t *pool)
{
    const char *path = apr_pstrcat(pool, directory, "/", name, NULL);
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    return path;
}

static void loads_the_included_file_last(void **state)
{
    apr_pool_t *pool = *state;
    char directory[] = "/tmp/options_test.XXXXXX";
    const egs_options *options = NULL;
    const char *problem = NULL, *more, *first;

    assert_non_null(mkdtemp(directory));
    more = write_file(directory, "more.conf", "threads = 3\n", pool);
    first = write_file(directory, "first.conf",
                       apr_pstrcat(pool, "include = ", more, "\nthreads = 4\nclaim_batch = 5\n", NULL), pool);
    assert_int_equal(egs_options_load(&options, &problem, first, pool), APR_SUCCESS);
    assert_int_equal(options->threads, 3);
    assert_int_equal(options->claim_batch, 5);

    write_file(directory, "more.conf", "include = /x\n", pool);
    assert_int_equal(egs_options_load(&options, &problem, first, pool), APR_EINVAL);
    assert_non_null(strstr(problem, "more.conf:1: include"));
    assert_int_equal(unlink(more), 0);
    assert_true(APR_STATUS_IS_ENOENT(egs_options_load(&options, &problem, first, pool)));
    assert_non_null(strstr(problem, "more.conf"));
    assert_int_equal(options->threads, 3);

    assert_int_equal(unlink(first), 0);
    assert_int_equal(rmdir(directory), 0);
}

/* Each line is allowed by itself, but a post must come to its end within its lease. */
static const struct {
    const char *text, *says; /* NULL: it is taken */
} times[] = {
    { "webhook_timeout = 4s\nwebhook_lease = 5s\n", NULL },
    { "webhook_lease = 18750ms\n", NULL }, /* a timeout of 15 s is the default */
    { "webhook_timeout = 5min\nwebhook_lease = 375s\n", NULL },
    { "webhook_timeout = 4001ms\nwebhook_lease = 5s\n",
      ": webhook_timeout (longest time of a webhook post): 4.001s given, allowed is four fifths of "
      "webhook_lease at most, which are 4s here" },
    { "webhook_lease = 18749ms\n", ": 15s given, " },
    { "webhook_timeout = 5min\n", "four fifths of webhook_lease at most, which are 96s here" },
};

static void wants_posts_within_their_lease(void **state)
{
    apr_pool_t *pool = *state;
    char directory[] = "/tmp/options_test.XXXXXX";

    assert_non_null(mkdtemp(directory));
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        const char *path = write_file(directory, "times.conf", times[i].text, pool), *problem = NULL;
        const egs_options *options;
        apr_status_t rv = egs_options_load(&options, &problem, path, pool);

        print_message("# %s", times[i].text);
        assert_int_equal(unlink(path), 0);
        if (times[i].says == NULL) {
            assert_int_equal(rv, APR_SUCCESS);
            assert_int_equal(apr_time_usec(options->webhook_lease), 0); /* the database's has whole seconds */
            continue;
        }
        assert_int_equal(rv, APR_EINVAL);
        assert_memory_equal(problem, path, strlen(path));
        assert_non_null(strstr(problem, times[i].says));
    }
    assert_int_equal(rmdir(directory), 0);
}

/* Each "#name = value" of the reference is a default: with the # taken away nothing changes. */
static void reference_gives_the_defaults(void **state)
{
    apr_pool_t *pool = *state;
    const char *problem = NULL;
    egs_options told, defaults;
    char line[1024];
    int names = 0;
    FILE *file = fopen("conf/emailgw-sender.conf", "r");

    assert_non_null(file);
    egs_options_defaults(&defaults);
    while (fgets(line, sizeof line, file) != NULL) {
        if (line[0] == '#' && line[1] >= 'a' && line[1] <= 'z') {
            egs_options_defaults(&told);
            print_message("# %s", line + 1);
            assert_int_equal(egs_options_parse(&told, &problem, "conf", line + 1, strlen(line + 1), pool),
                             APR_SUCCESS);
            names++;
            if (told.include != NULL) {
                continue;
            }
            assert_string_equal(told.database, defaults.database);
            assert_null(told.admin_database);
            assert_string_equal(told.secret_file, defaults.secret_file);
            assert_string_equal(told.sender_key_file, defaults.sender_key_file);
            assert_string_equal(told.transport, defaults.transport);
            assert_string_equal(told.outbox, defaults.outbox);
            assert_int_equal(told.threads, defaults.threads);
            assert_int_equal(told.claim_batch, defaults.claim_batch);
            assert_int_equal(told.list_ahead, defaults.list_ahead);
            assert_int_equal(told.lease, defaults.lease);
            assert_int_equal(told.poll, defaults.poll);
            assert_string_equal(told.log_file, defaults.log_file);
            assert_int_equal(told.log_level, defaults.log_level);
            assert_null(told.pid_file);
            assert_int_equal(told.message_retention, defaults.message_retention);
            assert_int_equal(told.event_retention, defaults.event_retention);
            assert_int_equal(told.webhook_connections, defaults.webhook_connections);
            assert_int_equal(told.webhook_timeout, defaults.webhook_timeout);
            assert_int_equal(told.webhook_lease, defaults.webhook_lease);
            assert_memory_equal(&told.webhook_retry, &defaults.webhook_retry, sizeof told.webhook_retry);
            assert_int_equal(told.webhook_disable_after, defaults.webhook_disable_after);
            assert_null(told.webhook_allow);
            assert_null(told.webhook_ca_file);
            assert_null(told.resolver);
            assert_int_equal(told.resolver_timeout, defaults.resolver_timeout);
            assert_int_equal(told.dkim, defaults.dkim);
            assert_null(told.mail_host);
            assert_int_equal(told.mx_port, defaults.mx_port);
            assert_int_equal(told.mx_private, defaults.mx_private);
            assert_int_equal(told.mx_connections, defaults.mx_connections);
            assert_int_equal(told.mx_mails, defaults.mx_mails);
            assert_int_equal(told.mx_new_connections, defaults.mx_new_connections);
            assert_int_equal(told.mx_rate, defaults.mx_rate);
            assert_int_equal(told.mx_tls, defaults.mx_tls);
            assert_null(told.mx_ca_file);
            assert_null(told.mx_destinations);
            assert_null(told.tracking_url);
            assert_int_equal(told.domain_check_interval, defaults.domain_check_interval);
            assert_int_equal(told.domain_warn_after, defaults.domain_warn_after);
            assert_int_equal(told.domain_suspend_after, defaults.domain_suspend_after);
            assert_int_equal(told.sts_interval, defaults.sts_interval);
            assert_int_equal(told.sts_timeout, defaults.sts_timeout);
            assert_null(told.sts_ca_file);
            assert_int_equal(told.sts_port, defaults.sts_port);
            assert_null(told.sts_allow);
        }
    }
    fclose(file);
    assert_int_equal(names, 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(has_defaults),
        EG_TEST(takes_values),
        EG_TEST(takes_or_refuses_lines),
        EG_TEST(names_the_line),
        EG_TEST(loads_the_included_file_last),
        EG_TEST(wants_posts_within_their_lease),
        EG_TEST(reference_gives_the_defaults),
    };

    return EG_TEST_RUN(tests);
}
