/* eg_form_urlencoded, eg_form_multipart: RFC 7578, RFC 2046 section 5.1.1, bracket names as in PHP. */
#include <stdio.h>
#include <string.h>

#include <apr_strings.h>

#include "form.h"
#include "testpool.h"

static const struct {
    const char *what, *text;
    const char *result; /* JSON, or where it is refused a part of the sentence that says why */
} fields[] = {
    { "nothing", "", "{}" },
    { "one field", "a=b", "{\"a\":\"b\"}" },
    { "order is kept", "b=1&a=2", "{\"b\":\"1\",\"a\":\"2\"}" },
    { "no value", "a=&b", "{\"a\":\"\",\"b\":\"\"}" },
    { "nothing between separators", "&&a=1&&", "{\"a\":\"1\"}" },
    { "equals sign in the value", "a=b=c", "{\"a\":\"b=c\"}" },
    { "semicolon is no separator", "a=1;b=2", "{\"a\":\"1;b=2\"}" },
    { "escapes", "a=%C3%a9%2B+%26%3D%25", "{\"a\":\"\xC3\xA9+ &=%\"}" },
    { "escaped name", "a%5Bb%5D=1", "{\"a\":{\"b\":\"1\"}}" },
    { "line ends are data", "a=x%0D%0ABcc:%20evil@example.net", "{\"a\":\"x\\r\\nBcc: evil@example.net\"}" },
    { "object", "From[email]=a@b.example&From[name]=Ann",
      "{\"From\":{\"email\":\"a@b.example\",\"name\":\"Ann\"}}" },
    { "objects in an array", "To[0][email]=a&To[0][name]=b&To[1][email]=c",
      "{\"To\":[{\"email\":\"a\",\"name\":\"b\"},{\"email\":\"c\"}]}" },
    { "array", "Tags[]=x&Tags[]=y", "{\"Tags\":[\"x\",\"y\"]}" },
    { "numbers in reverse", "a[2]=z&a[1]=y&a[0]=x", "{\"a\":[\"x\",\"y\",\"z\"]}" },
    { "gaps close up", "a[7]=y&a[2]=x", "{\"a\":[\"x\",\"y\"]}" },
    { "ten comes behind nine", "a[10]=y&a[9]=x", "{\"a\":[\"x\",\"y\"]}" },
    { "[] goes on behind a number", "a[5]=x&a[]=y&a[0]=w", "{\"a\":[\"w\",\"x\",\"y\"]}" },
    { "each [] is a new element", "a[][b]=1&a[][b]=2", "{\"a\":[{\"b\":\"1\"},{\"b\":\"2\"}]}" },
    { "array in an array", "a[0][]=1&a[0][]=2&a[1][]=3", "{\"a\":[[\"1\",\"2\"],[\"3\"]]}" },
    { "numbers and names", "a[0]=x&a[b]=y", "{\"a\":{\"0\":\"x\",\"b\":\"y\"}}" },
    { "number with a leading zero is a name", "a[00]=x", "{\"a\":{\"00\":\"x\"}}" },
    { "number too long is a name", "a[1000000000]=x", "{\"a\":{\"1000000000\":\"x\"}}" },
    { "negative number is a name", "a[-1]=x", "{\"a\":{\"-1\":\"x\"}}" },
    { "number as a field's name", "0=x&1=y", "{\"0\":\"x\",\"1\":\"y\"}" },
    { "proto is a name", "__proto__[x]=1", "{\"__proto__\":{\"x\":\"1\"}}" },
    { "space in brackets", "a[ ]=1", "{\"a\":{\" \":\"1\"}}" },
    { "31 brackets",
      "a[b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b]=1",
      "{\"a\":{\"b\":{\"b\":{\"b\":{\"b\":{\"b\":{\"b\":{\"b\":{\"b\":{\"b\":{\"b\":{\"b\":{\"b\":{\"b\":{"
      "\"b\":{\"b\":"
      "{\"b\":{\"b\":{\"b\":{\"b\":{\"b\":{\"b\":{\"b\":{\"b\":{\"b\":{\"b\":{\"b\":{\"b\":{\"b\":{\"b\":{"
      "\"b\":{\"b\":"
      "\"1\"}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}" },
    { "32 brackets",
      "a[b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b][b]=1",
      "is nested more than 32 levels deep" },
    { "name twice", "a=1&a=2", "The form field \"a\" is given twice" },
    { "element twice", "a[0]=1&a[0]=2", "The form field \"a[0]\" is given twice" },
    { "member twice, one escaped", "a[b]=1&a%5bb]=2", "is given twice" },
    { "value, then container", "a=1&a[b]=2", "The form field \"a[b]\" is given both with and without" },
    { "container, then value", "a[b]=2&a=1", "The form field \"a\" is given both with and without" },
    { "value, then container, further in", "a[b]=1&a[b][c]=2", "is given both with and without" },
    { "bracket not closed", "a[b=1", "has a bracket that is not closed" },
    { "second bracket not closed", "a[b][=1", "has a bracket that is not closed" },
    { "text behind brackets", "a[b]c=1", "has text behind or between its brackets" },
    { "text between brackets", "a[b]c[d]=1", "has text behind or between its brackets" },
    { "bracket in brackets", "a[b[c]]=1", "has a bracket that is not closed" },
    { "stray bracket", "a]=1", "has text behind or between its brackets" },
    { "two closing", "a[b]]=1", "has text behind or between its brackets" },
    { "no name", "=1", "has no name" },
    { "brackets without a name", "[a]=1", "has no name in front of its brackets" },
    { "percent at the end", "a=%", "has a '%' without two hexadecimal digits" },
    { "one digit", "a=%4", "has a '%' without two hexadecimal digits" },
    { "no digits", "a=%zz", "has a '%' without two hexadecimal digits" },
    { "sign for a digit", "a=%+4", "has a '%' without two hexadecimal digits" },
    { "broken escape in the name", "%=1", "has a '%' without two hexadecimal digits" },
    { "NUL", "a=b%00c", "contains the character NUL" },
    { "NUL in the name", "a%00=b", "contains the character NUL" },
    { "invalid UTF-8", "a=%FF", "The form field \"a\" is not valid UTF-8" },
    { "overlong", "a=%C0%AF", "is not valid UTF-8" },
    { "surrogate", "a=%ED%A0%80", "is not valid UTF-8" },
    { "Latin-1, raw", "a=\xE9", "is not valid UTF-8" },
    { "invalid UTF-8 in the name", "%FF=1", "is not valid UTF-8" },
    { "controls in a name are not echoed", "a%0D%0Ab[=1", "The form field \"a\\x0d\\x0ab[\" has" },
};

/* Compares with JSON, or with a part of the sentence where it is none. */
static void expect(apr_status_t rv, const json_t *object, const char *problem, const char *result,
                   apr_pool_t *pool)
{
    if (*result == '{') {
        if (rv != APR_SUCCESS) {
            print_message("#   %s\n", problem);
        }
        assert_int_equal(rv, APR_SUCCESS);
        assert_string_equal(eg_json_text(object, pool), result);
        return;
    }
    assert_int_equal(rv, APR_EINVAL);
    print_message("#   %s\n", problem);
    assert_non_null(strstr(problem, result));
    assert_int_equal(json_object_size(object), 0);
}

static void reads_urlencoded(void **state)
{
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        json_t *object = eg_json_own(json_object(), *state);
        const char *problem = NULL;
        apr_status_t rv =
            eg_form_urlencoded(object, &problem, fields[i].text, strlen(fields[i].text), *state);

        print_message("# %s\n", fields[i].what);
        expect(rv, object, problem, fields[i].result, *state);
    }
}

static void adds_to_what_is_there(void **state)
{
    json_t *object = eg_json_own(json_pack("{s:s}", "a", "1"), *state);
    const char *problem;

    assert_int_equal(eg_form_urlencoded(object, &problem, "b=2", 3, *state), APR_SUCCESS);
    assert_string_equal(eg_json_text(object, *state), "{\"a\":\"1\",\"b\":\"2\"}");
    assert_int_equal(eg_form_urlencoded(object, &problem, "c=3&a=2", 7, *state), APR_EINVAL);
    assert_string_equal(eg_json_text(object, *state), "{\"a\":\"1\",\"b\":\"2\"}");
}

/* count fields made by a format that takes their number. */
static apr_status_t read_many(json_t *object, const char **problem, const char *format, int count,
                              apr_pool_t *pool)
{
    char *text = apr_palloc(pool, (apr_size_t)count * 128 + 1), *at = text;

    for (int i = 0; i < count; i++) {
        at += apr_snprintf(at, 128, format, i);
    }
    return eg_form_urlencoded(object, problem, text, (apr_size_t)(at - text), pool);
}

static void limits_the_number_of_fields(void **state)
{
    json_t *object = eg_json_own(json_object(), *state);
    const char *problem;

    assert_int_equal(read_many(object, &problem, "a%d=1&", 10000, *state), APR_SUCCESS);
    assert_int_equal(json_object_size(object), 10000);
    assert_int_equal(read_many(object, &problem, "b%d=1&", 10001, *state), APR_EINVAL);
    assert_non_null(strstr(problem, "more than 10000 fields"));
    assert_int_equal(read_many(object, &problem, "c[%d]=1&", 10000, *state), APR_SUCCESS);
    assert_int_equal(json_array_size(json_object_get(object, "c")), 10000);
    assert_int_equal(read_many(object, &problem, "d[]=1&", 10000, *state), APR_SUCCESS);
    assert_int_equal(json_array_size(json_object_get(object, "d")), 10000);
    assert_int_equal(read_many(object, &problem, "e[%d][b][c][d][e][f][g][h][i][j]=1&", 2000, *state),
                     APR_EINVAL);
    assert_non_null(strstr(problem, "nests more than 10000"));
    assert_null(json_object_get(object, "e"));
}

#define TYPE "multipart/form-data; boundary=b"
#define NAMED(name) "Content-Disposition: form-data; name=\"" name "\"\r\n"
#define END "--b--\r\n"

static const struct {
    const char *what, *type, *body, *result;
} parts[] = {
    { "one field", TYPE, "--b\r\n" NAMED("a") "\r\nx\r\n" END, "{\"a\":\"x\"}" },
    { "no field", TYPE, END, "{}" },
    { "nothing behind the last boundary", TYPE, "--b\r\n" NAMED("a") "\r\nx\r\n--b--", "{\"a\":\"x\"}" },
    { "empty value", TYPE, "--b\r\n" NAMED("a") "\r\n\r\n" END, "{\"a\":\"\"}" },
    { "line ends in the value", TYPE, "--b\r\n" NAMED("a") "\r\n\r\nx\r\n\r\n\r\n" END,
      "{\"a\":\"\\r\\nx\\r\\n\\r\\n\"}" },
    { "brackets", TYPE,
      "--b\r\n" NAMED("To[0][email]") "\r\na@b.example\r\n--b\r\n" NAMED("To[0][name]") "\r\n\r\n" END,
      "{\"To\":[{\"email\":\"a@b.example\",\"name\":\"\"}]}" },
    { "preamble and epilogue", TYPE,
      "text\r\n--bx is not it\n\r\n--b\r\n" NAMED("a") "\r\nx\r\n" END "--b\r\nmore",
      "has a boundary that is not alone on its line" },
    { "harmless preamble and epilogue", TYPE, "text\r\n--b\r\n" NAMED("a") "\r\nx\r\n" END "--b\r\nmore",
      "{\"a\":\"x\"}" },
    { "boundary with blanks behind", TYPE, "--b \t\r\n" NAMED("a") "\r\nx\r\n--b--  \r\n", "{\"a\":\"x\"}" },
    { "hyphens that are no boundary", TYPE, "--b\r\n" NAMED("a") "\r\n--b\n--\r\n-b\r\n" END,
      "{\"a\":\"--b\\n--\\r\\n-b\"}" },
    { "quoted boundary", "Multipart/Form-Data; charset=utf-8; Boundary=\"b c:d\"",
      "--b c:d\r\n" NAMED("a") "\r\nx\r\n--b c:d--", "{\"a\":\"x\"}" },
    { "file", TYPE,
      "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.txt\"\r\nContent-Type: "
      "text/plain\r\n\r\n\xFF\r\n\r\n" END,
      "{\"f\":{\"filename\":\"a.txt\",\"type\":\"text/plain\",\"content\":\"/w0K\"}}" },
    { "file without a type", TYPE,
      "--b\r\nContent-Disposition: form-data; name=f; filename=a.txt\r\n\r\nx\r\n" END,
      "{\"f\":{\"filename\":\"a.txt\",\"type\":\"application/octet-stream\",\"content\":\"eA==\"}}" },
    { "empty file", TYPE, "--b\r\nContent-Disposition: form-data; name=f; filename=a.txt\r\n\r\n\r\n" END,
      "{\"f\":{\"filename\":\"a.txt\",\"type\":\"application/octet-stream\",\"content\":\"\"}}" },
    { "no file chosen", TYPE, "--b\r\nContent-Disposition: form-data; name=f; filename=\"\"\r\n\r\n\r\n" END,
      "{}" },
    { "files in an array", TYPE,
      "--b\r\nContent-Disposition: form-data; name=\"f[]\"; filename=1\r\n\r\nx\r\n"
      "--b\r\nContent-Disposition: form-data; name=\"f[]\"; filename=2\r\n\r\ny\r\n" END,
      "{\"f\":[{\"filename\":\"1\",\"type\":\"application/octet-stream\",\"content\":\"eA==\"},"
      "{\"filename\":\"2\",\"type\":\"application/octet-stream\",\"content\":\"eQ==\"}]}" },
    { "escapes in a filename", TYPE,
      "--b\r\nContent-Disposition: form-data; name=f; filename=\"a\\\"; name=\\\"b.exe\\\\ %22q%22 "
      "C:\\dir\"\r\n\r\nx\r\n" END,
      "{\"f\":{\"filename\":\"a\\\"; name=\\\"b.exe\\\\ \\\"q\\\" "
      "C:\\\\dir\",\"type\":\"application/octet-stream\","
      "\"content\":\"eA==\"}}" },
    { "filename in UTF-8", TYPE,
      "--b\r\nContent-Disposition: form-data; name=f; filename=\"na\xC3\xAFve.txt\"\r\n\r\nx\r\n" END,
      "{\"f\":{\"filename\":\"na\xC3\xAFve.txt\",\"type\":\"application/"
      "octet-stream\",\"content\":\"eA==\"}}" },
    { "filename*", TYPE,
      "--b\r\nContent-Disposition: form-data; name=f; filename=\"x\"; "
      "filename*=utf-8'en'na%C3%AFve.txt\r\n\r\nx\r\n" END,
      "{\"f\":{\"filename\":\"na\xC3\xAFve.txt\",\"type\":\"application/"
      "octet-stream\",\"content\":\"eA==\"}}" },
    { "header names in any case, others ignored", TYPE,
      "--b\r\nX-A: b\r\ncontent-DISPOSITION:form-data;name=a\r\nContent-Transfer-Encoding: "
      "8BIT\r\n\r\nx\r\n" END,
      "{\"a\":\"x\"}" },
    { "a file is no container", TYPE,
      "--b\r\nContent-Disposition: form-data; name=f; filename=a\r\n\r\nx\r\n--b\r\n" NAMED(
          "f[type]") "\r\ny\r\n" END,
      "is given both with and without" },
    { "name twice", TYPE, "--b\r\n" NAMED("a") "\r\nx\r\n--b\r\n" NAMED("a") "\r\ny\r\n" END,
      "is given twice" },
    { "another type", "text/plain; boundary=b", END, "not multipart/form-data" },
    { "a longer type", "multipart/form-datax; boundary=b", END, "not multipart/form-data" },
    { "no boundary", "multipart/form-data", END, "gives no valid boundary" },
    { "empty boundary", "multipart/form-data; boundary=\"\"", END, "gives no valid boundary" },
    { "boundary of 71",
      "multipart/form-data; boundary="
      "01234567890123456789012345678901234567890123456789012345678901234567890",
      END, "gives no valid boundary" },
    { "boundary with a line end", "multipart/form-data; boundary=\"a\r\nb\"", END,
      "gives no valid boundary" },
    { "boundary with a space at its end", "multipart/form-data; boundary=\"b \"", END,
      "gives no valid boundary" },
    { "boundary twice", "multipart/form-data; boundary=b; boundary=c", END, "more than one boundary" },
    { "boundary not closed", "multipart/form-data; boundary=\"b", END, "are malformed" },
    { "empty body", TYPE, "", "without its closing boundary" },
    { "another boundary", TYPE, "--c--\r\n", "without its closing boundary" },
    { "boundary in mid-line", TYPE, "x--b--\r\n", "without its closing boundary" },
    { "no last boundary", TYPE, "--b\r\n" NAMED("a") "\r\nx\r\n", "without its closing boundary" },
    { "one hyphen missing", TYPE, "--b\r\n" NAMED("a") "\r\nx\r\n--b-", "not alone on its line" },
    { "line feeds only", TYPE, "--b\nContent-Disposition: form-data; name=a\n\nx\n--b--\n",
      "not alone on its line" },
    { "boundary in a longer line", TYPE, "--b\r\n" NAMED("a") "\r\nx\r\n--by\r\n" END,
      "not alone on its line" },
    { "header does not end", TYPE, "--b\r\n" NAMED("a"), "header that does not end" },
    { "no header", TYPE, "--b\r\n\r\nx\r\n" END, "has no Content-Disposition" },
    { "other headers only", TYPE, "--b\r\nContent-Type: text/plain\r\n\r\nx\r\n" END,
      "has no Content-Disposition" },
    { "no form-data", TYPE, "--b\r\nContent-Disposition: attachment; name=a\r\n\r\nx\r\n" END,
      "that is not one form-data" },
    { "two Content-Dispositions", TYPE, "--b\r\n" NAMED("a") NAMED("b") "\r\nx\r\n" END,
      "that is not one form-data" },
    { "no name", TYPE, "--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n" END, "has no name in its" },
    { "name in one part twice", TYPE,
      "--b\r\nContent-Disposition: form-data; name=a; Name=b\r\n\r\nx\r\n" END, "twice" },
    { "filename twice", TYPE,
      "--b\r\nContent-Disposition: form-data; name=a; filename=b; filename=c\r\n\r\nx\r\n" END, "twice" },
    { "parameter without a value", TYPE, "--b\r\nContent-Disposition: form-data; name\r\n\r\nx\r\n" END,
      "malformed" },
    { "name not closed", TYPE, "--b\r\nContent-Disposition: form-data; name=\"a\r\n\r\nx\r\n" END,
      "malformed" },
    { "text behind a quoted name", TYPE,
      "--b\r\nContent-Disposition: form-data; name=\"a\"b\r\n\r\nx\r\n" END, "malformed" },
    { "header without a colon", TYPE, "--b\r\nContent-Disposition\r\n\r\nx\r\n" END, "not \"Name: value\"" },
    { "folded header", TYPE, "--b\r\nContent-Disposition: form-data; name=a;\r\n filename=b\r\n\r\nx\r\n" END,
      "not \"Name: value\"" },
    { "line feed in a header", TYPE, "--b\r\nContent-Disposition: form-data; name=\"a\nb\"\r\n\r\nx\r\n" END,
      "control characters" },
    { "Latin-1 in a header", TYPE, "--b\r\nContent-Disposition: form-data; name=\"\xE9\"\r\n\r\nx\r\n" END,
      "invalid UTF-8 in its header" },
    { "Latin-1 in a value", TYPE, "--b\r\n" NAMED("a") "\r\n\xE9\r\n" END,
      "contains NUL or is not valid UTF-8" },
    { "base64", TYPE, "--b\r\n" NAMED("a") "Content-Transfer-Encoding: base64\r\n\r\neA==\r\n" END,
      "is encoded" },
    { "filename* in Latin-1", TYPE,
      "--b\r\nContent-Disposition: form-data; name=f; filename*=iso-8859-1''%E9\r\n\r\nx\r\n" END,
      "filename* that is not" },
    { "filename* with a broken escape", TYPE,
      "--b\r\nContent-Disposition: form-data; name=f; filename*=UTF-8''a%4\r\n\r\nx\r\n" END,
      "filename* that is not" },
    { "filename* with NUL", TYPE,
      "--b\r\nContent-Disposition: form-data; name=f; filename*=UTF-8''a%00b\r\n\r\nx\r\n" END,
      "filename* that is not" },
    { "filename* with invalid UTF-8", TYPE,
      "--b\r\nContent-Disposition: form-data; name=f; filename*=UTF-8''%FF\r\n\r\nx\r\n" END,
      "filename* that is not" },
};

static void reads_multipart(void **state)
{
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        json_t *object = eg_json_own(json_object(), *state);
        const char *problem = NULL;
        apr_status_t rv =
            eg_form_multipart(object, &problem, parts[i].type, parts[i].body, strlen(parts[i].body), *state);

        print_message("# %s\n", parts[i].what);
        expect(rv, object, problem, parts[i].result, *state);
    }
}

static void refuses_nul_in_parts(void **state)
{
    static const char in_value[] = "--b\r\n" NAMED("a") "\r\nx\0y\r\n" END;
    static const char in_header[] = "--b\r\nContent-Disposition: form-data; name=\"a\0b\"\r\n\r\nx\r\n" END;
    json_t *object = eg_json_own(json_object(), *state);
    const char *problem;

    assert_int_equal(eg_form_multipart(object, &problem, TYPE, in_value, sizeof in_value - 1, *state),
                     APR_EINVAL);
    assert_non_null(strstr(problem, "contains NUL"));
    assert_int_equal(eg_form_multipart(object, &problem, TYPE, in_header, sizeof in_header - 1, *state),
                     APR_EINVAL);
    assert_non_null(strstr(problem, "control characters"));
}

static void refuses_a_long_header(void **state)
{
    char *body = apr_palloc(*state, 10000), *at = body;
    json_t *object = eg_json_own(json_object(), *state);
    const char *problem;

    at += sprintf(at, "--b\r\n" NAMED("a"));
    for (int i = 0; i < 900; i++) {
        at += sprintf(at, "X-A: abc\r\n");
    }
    at += sprintf(at, "\r\nx\r\n" END);
    assert_int_equal(eg_form_multipart(object, &problem, TYPE, body, (apr_size_t)(at - body), *state),
                     APR_EINVAL);
    assert_non_null(strstr(problem, "too long"));
}

/* Each file is copied once; what looks like a boundary in it must not cost more than reading it. */
static void takes_a_large_file(void **state)
{
    apr_size_t size = 25 * 1024 * 1024, head;
    char *body = apr_palloc(*state, size + 200);
    json_t *object = eg_json_own(json_object(), *state);
    const char *problem;

    head = (apr_size_t)sprintf(body, "--b\r\nContent-Disposition: form-data; name=f; filename=a\r\n\r\n");
    for (apr_size_t i = 0; i < size; i++) {
        body[head + i] = "\r\n--"[i % 4];
    }
    memcpy(body + head + size, "\r\n--b--", 7);
    assert_int_equal(eg_form_multipart(object, &problem, TYPE, body, head + size + 7, *state), APR_SUCCESS);
    assert_int_equal(json_string_length(json_object_get(json_object_get(object, "f"), "content")),
                     (size + 2) / 3 * 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(reads_urlencoded),   EG_TEST(adds_to_what_is_there), EG_TEST(limits_the_number_of_fields),
        EG_TEST(reads_multipart),    EG_TEST(refuses_nul_in_parts),  EG_TEST(refuses_a_long_header),
        EG_TEST(takes_a_large_file),
    };

    return EG_TEST_RUN(tests);
}
