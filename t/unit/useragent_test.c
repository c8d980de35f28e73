/* eg_useragent_*: persons and machines; the third-party list of the latter with EG_CORPORA. */
#include "testpool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <apr_file_io.h>
#include <apr_strings.h>

#include "json.h"
#include "useragent.h"
#include "utf8.h"

static const struct {
    const char *what, *agent;
    int machine;
} cases[] = {
    { "Chrome",
      "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 "
      "Safari/537.36",
      0 },
    { "Edge",
      "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 "
      "Safari/537.36 Edg/126.0.0.0",
      0 },
    { "Firefox", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", 0 },
    { "Safari",
      "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 "
      "Safari/605.1.15",
      0 },
    { "a telephone",
      "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
      "Mobile/15E148",
      0 },
    { "a telephone whose maker ends with bot",
      "Mozilla/5.0 (Linux; Android 11; CUBOT X30) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 "
      "Mobile "
      "Safari/537.36",
      0 },
    { "Apple's Mail",
      "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)", 0 },
    { "Thunderbird", "Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Thunderbird/115.12.0", 0 },
    { "Outlook",
      "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; WOW64; Trident/7.0; .NET4.0C; Microsoft Outlook "
      "16.0.17628; "
      "ms-office; MSOffice 16)",
      0 },
    { "Outlook, another of its names",
      "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.10730; Pro)", 0 },
    { "Opera", "Opera/9.80 (Windows NT 6.1; WOW64) Presto/2.12.388 Version/12.18", 0 },
    { "Konqueror", "Mozilla/5.0 (compatible; Konqueror/4.14; Linux) KHTML/4.14.2 (like Gecko)", 0 },
    { "Google's image proxy, which asks when a person looks",
      "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)", 0 },
    { "Yahoo's", "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html", 0 },
    { "Apple's privacy protection", "Mozilla/5.0", 1 },
    { "none", "", 1 },
    { "a crawler", "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", 1 },
    { "in upper case", "MOZILLA/5.0 (COMPATIBLE; EXAMPLEBOT/1.0)", 1 },
    { "a previewer", "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", 1 },
    { "another", "Slack-ImgProxy (+https://api.slack.com/robots)", 1 },
    { "a scanner of mails", "Mozilla/5.0 (Windows NT 10.0) Barracuda Link Protection", 1 },
    { "a program", "curl/7.88.1", 1 },
    { "another program", "python-requests/2.31.0", 1 },
    { "one nobody knows", "Whatever/1.0", 1 },
    { "a browser that nobody sits at",
      "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/126.0.0.0 "
      "Safari/537.36",
      1 },
};

static void tells_machines(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        print_message("# %s\n", cases[i].what);
        assert_int_equal(eg_useragent_is_machine(cases[i].agent), cases[i].machine);
    }
    assert_int_equal(eg_useragent_is_machine(NULL), 1);
}

static const struct {
    const char *what, *agent, *clean;
} texts[] = {
    { "plain", "Mozilla/5.0 (X11)", "Mozilla/5.0 (X11)" },
    { "none", NULL, "" },
    { "control characters",
      "a\x01"
      "b\r\nc\x7f"
      "d\te",
      "abcde" },
    { "what turns the direction",
      "a\xe2\x80\xae"
      "b\xe2\x80\xa8"
      "c\xc2\x85"
      "d",
      "abcd" },
    { "UTF-8", "B\xc3\xbcro \xf0\x9f\x98\x80", "B\xc3\xbcro \xf0\x9f\x98\x80" },
    { "broken UTF-8", "a\xff\xc3(\xe2\x82", "a(" },
};

static void cleans(void **state)
{
    char *longest = apr_palloc(*state, 3 * EG_USERAGENT_MAX + 1);
    const char *clean;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        print_message("# %s\n", texts[i].what);
        assert_string_equal(eg_useragent_clean(texts[i].agent, *state), texts[i].clean);
    }
    for (int i = 0; i < EG_USERAGENT_MAX; i++) {
        memcpy(longest + 3 * i, "\xe2\x82\xac", 4);
    }
    clean = eg_useragent_clean(longest, *state);
    assert_true(strlen(clean) <= EG_USERAGENT_MAX && strlen(clean) > EG_USERAGENT_MAX - 3);
    assert_true(eg_utf8_valid(clean, strlen(clean)));
}

static json_t *read_list(const char *path, apr_pool_t *pool)
{
    const char *problem;
    apr_finfo_t about;
    apr_file_t *file;
    json_t *list;
    char *text;

    assert_int_equal(apr_file_open(&file, path, APR_READ, APR_OS_DEFAULT, pool), APR_SUCCESS);
    assert_int_equal(apr_file_info_get(&about, APR_FINFO_SIZE, file), APR_SUCCESS);
    text = apr_palloc(pool, (apr_size_t)about.size);
    assert_int_equal(apr_file_read_full(file, text, (apr_size_t)about.size, NULL), APR_SUCCESS);
    assert_int_equal(eg_json_parse(&list, &problem, text, (apr_size_t)about.size, pool), APR_SUCCESS);
    return list;
}

/* Of 100 machines of the list 97 are known, by rules that name hardly any of them. */
static void knows_most_of_a_list(void **state)
{
    const char *corpora = getenv("EG_CORPORA");
    int known = 0, all = 0;
    json_t *list, *kind, *agent;
    size_t i, j;

    if (corpora == NULL) {
        print_message("# ran without EG_CORPORA\n");
        return;
    }
    list = read_list(apr_pstrcat(*state, corpora, "/user-agents/crawler-user-agents.json", NULL), *state);
    json_array_foreach(list, i, kind)
    {
        json_array_foreach(json_object_get(kind, "instances"), j, agent)
        {
            known += eg_useragent_is_machine(json_string_value(agent));
            all++;
        }
    }
    print_message("# %d of %d\n", known, all);
    assert_true(all > 1000);
    assert_true(known * 100 >= all * 97);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(tells_machines),
        EG_TEST(cleans),
        EG_TEST(knows_most_of_a_list),
    };

    return EG_TEST_RUN(tests);
}
