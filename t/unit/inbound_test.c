/*
 * egs_inbound_read: RFC 3464 (delivery status), RFC 5965 (feedback), RFC 3834 section 5 (answers of
 * machines), and notices for people.
 */
#include "testpool.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <apr_cstr.h>
#include <apr_file_io.h>
#include <apr_strings.h>
#include <jansson.h>

#include "classify.h"
#include "inbound.h"
#include "inbound_parts.h"
#include "text.h"

#define DAEMON "From: Mail Delivery System <MAILER-DAEMON@mx.example.org>\nTo: b+x@eg.example.com\n"
#define REPORT                                                                                               \
    DAEMON "Subject: Undelivered\nMIME-Version: 1.0\n"                                                       \
           "Content-Type: multipart/report; report-type=delivery-status; boundary=\"=_1\"\n\n"               \
           "--=_1\n\nIt did not work out.\n\n--=_1\nContent-Type: message/delivery-status\n\n"               \
           "Reporting-MTA: dns; mx.example.org\n\n"
#define ORIGINAL                                                                                             \
    "\n--=_1\nContent-Type: text/rfc822-headers\n\nTo: ann@example.net\nSubject: Hello\n\n--=_1--\n"
#define ANN "Final-Recipient: rfc822; ann@example.net\n"
#define FEEDBACK(type)                                                                                       \
    "From: fbl@example.org\nContent-Type: multipart/report; report-type=feedback-report; boundary=f\n\n"     \
    "--f\n\nComplaint.\n--f\nContent-Type: message/feedback-report\n\nFeedback-Type: " type "\n"             \
    "User-Agent: loop/1\nVersion: 1\n\n--f\nContent-Type: message/rfc822\n\n"                                \
    "Return-Path: <b+token@eg.example.com>\nTo: redacted\n\nHello\n--f--\n"

#define BOUNCE EGS_INBOUND_BOUNCE
#define DELAY EGS_INBOUND_DELAY
#define SUCCESS EGS_INBOUND_SUCCESS
#define COMPLAINT EGS_INBOUND_COMPLAINT
#define ANSWER EGS_INBOUND_ANSWER
#define OTHER EGS_INBOUND_OTHER

static int start(void **state)
{
    egs_inbound_start();
    return testpool_start(state);
}

static void read_text(egs_inbound *inbound, const char *text, apr_pool_t *pool)
{
    egs_inbound_read(inbound, (eg_bytes){ text, strlen(text) }, pool);
}

/* What is compared when it is not NULL; of the first report. */
static const struct {
    const char *what, *mail;
    egs_inbound_kind kind;
    const char *recipient;
    int code;
    const char *enhanced, *class;
    int suppress;
} cases[] = {
    /* Reports. */
    { "a refusal by the next host",
      REPORT ANN "Action: failed\nStatus: 5.1.1\nRemote-MTA: dns; mail.example.net\n"
                 "Diagnostic-Code: smtp; 550 5.1.1 <ann@example.net>: User unknown\n" ORIGINAL,
      BOUNCE, "ann@example.net", 550, "5.1.1", "recipient", 1 },
    { "fields in any case, folded",
      REPORT "final-recipient: RFC822;\n\tann@example.net\nACTION: Failed\nstatus: 5.2.2 (full)\n"
             "diagnostic-code: SMTP; 552-5.2.2 Mailbox\n full\n" ORIGINAL,
      BOUNCE, "ann@example.net", 552, "5.2.2", "mailbox-full", 0 },
    { "the server's code says more than the status",
      REPORT ANN
      "Action: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 550 5.7.26 Unauthenticated\n" ORIGINAL,
      BOUNCE, "ann@example.net", 550, "5.7.26", "authentication", 0 },
    { "the status says more than the server's",
      REPORT ANN "Action: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 User unknown\n" ORIGINAL, BOUNCE,
      "ann@example.net", 550, "5.1.1", "recipient", 1 },
    { "given up after days", REPORT ANN "Action: failed\nStatus: 4.4.7\n" ORIGINAL, BOUNCE, "ann@example.net",
      0, "4.4.7", "expired", 0 },
    { "no action, but a status", REPORT ANN "Status: 5.1.2\n" ORIGINAL, BOUNCE, "ann@example.net", 0, "5.1.2",
      "recipient", 1 },
    { "policy, whatever the words",
      REPORT ANN "Action: failed\nStatus: 5.7.1\nDiagnostic-Code: smtp; 550 5.7.1 User unknown, see our "
                 "policy\n" ORIGINAL,
      BOUNCE, NULL, 550, "5.7.1", "policy", 0 },
    { "a program's words",
      REPORT ANN "Action: failed\nStatus: 5.1.1\nDiagnostic-Code: x-unix; no such user\n" ORIGINAL, BOUNCE,
      NULL, 0, "5.1.1", "recipient", 0 },
    { "a status of another kind than the notice",
      DAEMON "Content-Type: multipart/report; boundary=b\n\n--b\n\nNot enough disk space\n--b\n"
             "Content-Type: message/delivery-status\n\nReporting-MTA: dns; a.example\n\n" ANN
             "Action: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 User unknown\n\n--b--\n",
      BOUNCE, "ann@example.net", 550, "5.1.1", "recipient", 0 },
    { "unknown, to the recipient's command",
      DAEMON "Content-Type: multipart/report; boundary=b\n\n--b\n\n<ann@example.net>: host a.example said: "
             "550 User\n"
             "    unknown (in reply to RCPT TO command)\n--b\nContent-Type: message/delivery-status\n\n"
             "Reporting-MTA: dns; b.example\n\n" ANN
             "Action: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 550 User unknown\n\n--b--\n",
      BOUNCE, "ann@example.net", 550, "5.0.0", "recipient", 1 },
    { "unknown, when the recipient had been taken",
      DAEMON "Content-Type: multipart/report; boundary=b\n\n--b\n\n<ann@example.net>: host a.example said: "
             "550 User\n"
             "    unknown (in reply to end of DATA command)\n--b\nContent-Type: message/delivery-status\n\n"
             "Reporting-MTA: dns; b.example\n\n" ANN
             "Action: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 550 User unknown\n\n--b--\n",
      BOUNCE, "ann@example.net", 550, "5.0.0", "recipient", 0 },
    { "a delay", REPORT ANN "Action: delayed\nStatus: 4.4.1\nWill-Retry-Until: tomorrow\n" ORIGINAL, DELAY,
      "ann@example.net", 0, NULL, NULL, 0 },
    { "a delay with a permanent code",
      REPORT ANN "Action: delayed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 User unknown\n" ORIGINAL,
      DELAY, NULL, 550, NULL, NULL, 0 },
    { "delivered", REPORT ANN "Action: delivered\nStatus: 2.0.0\n" ORIGINAL, SUCCESS, NULL, 0, NULL, NULL,
      0 },
    { "relayed", REPORT ANN "Action: relayed\nStatus: 2.0.0\n" ORIGINAL, SUCCESS, NULL, 0, NULL, NULL, 0 },
    { "expanded", REPORT ANN "Action: expanded (to a list)\nStatus: 2.0.0\n" ORIGINAL, SUCCESS, NULL, 0, NULL,
      NULL, 0 },
    { "one got it, one did not",
      REPORT ANN "Action: relayed\nStatus: 2.0.0\n\n"
                 "Final-Recipient: rfc822; bob@example.net\nAction: failed\nStatus: 5.1.1\n" ORIGINAL,
      BOUNCE, "bob@example.net", 0, "5.1.1", "recipient", 1 },
    { "in base64",
      DAEMON "Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/delivery-status\n"
             "Content-Transfer-Encoding: base64\n\n"
             "UmVwb3J0aW5nLU1UQTogZG5zOyBhLmV4YW1wbGUKCkZpbmFsLVJlY2lwaWVudDogcmZjODIyOyBh\n"
             "bm5AZXhhbXBsZS5uZXQKQWN0aW9uOiBmYWlsZWQKU3RhdHVzOiA1LjEuMQo=\n--b--\n",
      BOUNCE, "ann@example.net", 0, "5.1.1", "recipient", 1 },
    { "below the words, in no part of its own",
      DAEMON "Subject: failure\n\nIt was not delivered.\n\nReporting-MTA: dns; a.example\n\n" ANN
             "Action: failed\nStatus: 5.4.4\n\nReceived: from b.example\nTo: ann@example.net\n",
      BOUNCE, "ann@example.net", 0, "5.4.4", "technical", 0 },

    /* Notices for people. */
    { "qmail's",
      DAEMON
      "Subject: failure notice\n\nHi. I wasn't able to deliver your message to the following addresses.\n\n"
      "<ann@example.net>:\n192.0.2.1 does not like recipient.\nRemote host said: 550 5.1.1 No such user "
      "here\n"
      "Giving up on 192.0.2.1.\n\n--- Below this line is a copy of the message.\n\nReturn-Path: "
      "<b+x@eg.example.com>\n"
      "To: other@example.net\n\nMailbox full\n",
      BOUNCE, "ann@example.net", 550, "5.1.1", "recipient", 1 },
    { "Exim's",
      DAEMON
      "X-Failed-Recipients: ann@example.net\nAuto-Submitted: auto-replied\nSubject: Mail delivery failed\n\n"
      "A message that you sent could not be delivered to one or more of its\nrecipients. This is a permanent "
      "error. "
      "The following address(es) failed:\n\n  ann@example.net\n    host mx.example.net [192.0.2.1]\n"
      "    SMTP error from remote mail server after RCPT TO:<ann@example.net>:\n    550 no such user\n",
      BOUNCE, "ann@example.net", 550, NULL, "recipient", 1 },
    { "Exim's, at the end of data",
      DAEMON
      "X-Failed-Recipients: ann@example.net\nSubject: Mail delivery failed\n\nThis is a permanent error.\n\n"
      "  ann@example.net\n    SMTP error from remote mail server after end of data:\n    host a [192.0.2.1]: "
      "554 5.7.1 blocked using a list\n",
      BOUNCE, "ann@example.net", 554, "5.7.1", "reputation", 0 },
    { "sendmail's of old",
      DAEMON "Subject: Returned mail: Host unknown\n\n   ----- Transcript of session follows -----\n"
             "550 <ann@example.net>... Host unknown\n\n   ----- Unsent message follows -----\nReceived: by "
             "a.example\n",
      BOUNCE, "ann@example.net", 550, NULL, "recipient", 1 },
    { "Exchange's of old",
      DAEMON
      "Subject: Undeliverable: Hello\n\nYour message\n\n  To:      ann@example.net\n  Subject: Hello\n\n"
      "did not reach the following recipient(s):\n\nann@example.net on Thu, 1 Jan 2015 00:00:00 -0000\n"
      "    The recipient name is not recognized\n",
      BOUNCE, "ann@example.net", 0, NULL, "recipient", 1 },
    { "in HTML alone",
      DAEMON
      "Subject: Undeliverable\nContent-Type: text/html\n\n<p>Delivery has failed to these recipients:</p>"
      "<p><a href=\"mailto:ann@example.net\">ann@example.net</a></p><p>552 5.2.2 Mailbox full</p>",
      BOUNCE, "ann@example.net", 552, "5.2.2", "mailbox-full", 0 },
    { "one that names nobody",
      DAEMON "Subject: Undeliverable\n\nYour mail could not be delivered.\n\n----- Original message "
             "-----\n\nTo: ann@example.net\n",
      BOUNCE, "ann@example.net", 0, NULL, "technical", 0 },
    { "a warning",
      DAEMON
      "Subject: Warning: could not send message for past 4 hours\n\nTHIS IS A WARNING MESSAGE ONLY.\n\n"
      "<ann@example.net>... Deferred: 451 4.7.1 Greylisted\nWill keep trying until message is 5 days old\n",
      DELAY, "ann@example.net", 451, NULL, NULL, 0 },
    { "a success",
      DAEMON
      "Subject: Successful Mail Delivery Report\n\nIt was delivered to the following: ann@example.net\n",
      SUCCESS, NULL, 0, NULL, NULL, 0 },

    /* Of the same look, and not to be recorded. */
    { "a vacation",
      "From: Ann <ann@example.net>\nAuto-Submitted: auto-replied\nSubject: I am away\n\n"
      "I could not be delivered from work. My other mailbox is full: 550 5.1.1 user unknown.\n",
      ANSWER, NULL, 0, NULL, NULL, 0 },
    { "an answer by its subject",
      "From: Ann <ann@example.net>\nReturn-Path: <>\nSubject: Out of Office: Hello\n\n"
      "Undeliverable until Monday.\n",
      ANSWER, NULL, 0, NULL, NULL, 0 },
    { "a receipt",
      "From: ann@example.net\nContent-Type: multipart/report; report-type=disposition-notification; "
      "boundary=m\n\n--m\n\nIt could not be delivered, but was displayed.\n--m--\n",
      ANSWER, NULL, 0, NULL, NULL, 0 },
    { "a person's", "From: Ann <ann@example.net>\nSubject: Re: Hello\n\nThank you. 5.1.1 is my room.\n",
      OTHER, NULL, 0, NULL, NULL, 0 },
    { "an order's",
      "From: shop@example.net\nSubject: Your delivery\n\nThe parcel was rejected and could not be delivered "
      "to "
      "ann@example.net.\n",
      OTHER, NULL, 0, NULL, NULL, 0 },
    { "nothing", "", OTHER, NULL, 0, NULL, NULL, 0 },
    { "no header", "\n\n\n", OTHER, NULL, 0, NULL, NULL, 0 },
    { "a report that ends in the middle",
      "Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/deli", OTHER, NULL, 0, NULL,
      NULL, 0 },

    /* Feedback. */
    { "abuse", FEEDBACK("abuse"), COMPLAINT, NULL, 0, NULL, NULL, 0 },
    { "fraud", FEEDBACK("Fraud"), COMPLAINT, NULL, 0, NULL, NULL, 0 },
    { "of a type that is not known", FEEDBACK("x-new"), COMPLAINT, NULL, 0, NULL, NULL, 0 },
    { "not spam", FEEDBACK("not-spam"), OTHER, NULL, 0, NULL, NULL, 0 },
    { "a failed signature", FEEDBACK("auth-failure"), OTHER, NULL, 0, NULL, NULL, 0 },
    { "a virus", FEEDBACK("virus"), OTHER, NULL, 0, NULL, NULL, 0 },
    { "of Microsoft's programme",
      "From: staff@example.com\nSubject: complaint about message from 192.0.2.1\n"
      "Content-Type: multipart/mixed; boundary=f\n\n--f\nContent-Type: message/rfc822\n\nTo: "
      "ann@example.net\n\nHi\n--f--\n",
      COMPLAINT, NULL, 0, NULL, NULL, 0 },
};

static void compare_text(const char *found, const char *wanted)
{
    if (wanted) {
        assert_non_null(found);
        assert_string_equal(found, wanted);
    }
}

static void tells_kinds_apart(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        egs_inbound inbound;

        read_text(&inbound, cases[i].mail, *state);
        print_message("# %s: %s\n", cases[i].what, egs_inbound_kind_name(inbound.kind));
        assert_int_equal(inbound.kind, cases[i].kind);
        assert_true(inbound.kind != BOUNCE || inbound.count > 0);
        if (cases[i].recipient || cases[i].class) {
            assert_true(inbound.count > 0);
            compare_text(inbound.reports[0].recipient, cases[i].recipient);
            compare_text(inbound.reports[0].enhanced, cases[i].enhanced);
            compare_text(egs_class_name(inbound.reports[0].class), cases[i].class);
            assert_int_equal(inbound.reports[0].code, cases[i].code);
            assert_int_equal(inbound.reports[0].suppress, cases[i].suppress);
        }
    }
}

/* The same with the line ends of the wire. */
static void takes_either_line_end(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        egs_text text;
        egs_inbound inbound;

        egs_text_init(&text, 1024, *state);
        for (const char *at = cases[i].mail; *at; at++) {
            egs_text_add(&text, *at == '\n' ? "\r\n" : at, *at == '\n' ? 2 : 1);
        }
        read_text(&inbound, text.data, *state);
        assert_int_equal(inbound.kind, cases[i].kind);
        if (cases[i].class) {
            assert_int_equal(inbound.reports[0].suppress, cases[i].suppress);
        }
    }
}

static void tells_several_recipients(void **state)
{
    egs_inbound inbound;

    read_text(&inbound,
              REPORT ANN "Original-Recipient: rfc822; Ann@example.com\nAction: failed\nStatus: 5.1.1\n\n"
                         "Final-Recipient: rfc822; bob@example.net\nAction: failed\nStatus: 5.2.2\n" ORIGINAL,
              *state);
    assert_int_equal(inbound.count, 2);
    assert_string_equal(inbound.reports[0].original, "Ann@example.com");
    assert_true(inbound.reports[0].suppress);
    assert_string_equal(inbound.reports[1].recipient, "bob@example.net");
    assert_false(inbound.reports[1].suppress);
    assert_false(inbound.mixed);
    read_text(
        &inbound,
        DAEMON
        "Subject: failure\n\nThis is a permanent error:\n\n<ann@example.net>:\n550 5.1.1 unknown user\n\n"
        "<bob@example.net>:\n552 5.2.2 mailbox full\n",
        *state);
    assert_int_equal(inbound.count, 2);
    assert_string_equal(inbound.reports[0].enhanced, "5.1.1");
    assert_true(inbound.reports[0].suppress);
    assert_string_equal(inbound.reports[1].enhanced, "5.2.2");
}

/* What a report says goes into events: one clean line, of bounded length. */
static void cleans_what_it_tells(void **state)
{
    char *words = apr_pcalloc(*state, 5001);
    egs_inbound inbound;

    memset(words, 'x', 5000);
    read_text(
        &inbound,
        apr_pstrcat(*state,
                    REPORT ANN
                    "Action: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 \033[31m\xff\xe2\x80\xae ",
                    words, ORIGINAL, NULL),
        *state);
    assert_int_equal(inbound.kind, BOUNCE);
    assert_true(strlen(inbound.reports[0].text) <= 512);
    assert_int_equal(strncmp(inbound.reports[0].text, "\\x1b[31m\\xff\\xe2\\x80\\xae x", 24), 0);
    read_text(&inbound, REPORT "Final-Recipient: rfc822; a\xff@example.net\nAction: failed\n" ORIGINAL,
              *state);
    assert_int_equal(inbound.kind, BOUNCE);
    assert_string_equal(inbound.reports[0].recipient, "ann@example.net");
    read_text(&inbound, DAEMON "Subject: failure\n\n<a\xff@example.net>: failed permanently\n", *state);
    assert_int_equal(inbound.kind, BOUNCE);
    assert_null(inbound.reports[0].recipient);
}

static void finds_the_return_path_of_feedback(void **state)
{
    egs_inbound inbound;

    read_text(&inbound, FEEDBACK("abuse"), *state);
    assert_string_equal(inbound.sender, "b+token@eg.example.com");
    assert_string_equal(inbound.feedback, "abuse");
    read_text(&inbound, FEEDBACK("abuse\nOriginal-Mail-From: <b+other@eg.example.com>"), *state);
    assert_string_equal(inbound.sender, "b+other@eg.example.com");
}

static void finds_whom_it_came_to(void **state)
{
    static const char mail[] =
        "To: a@example.com\nDelivered-To: b@example.com\nX-Original-To: <c@example.com>\n\nTo: d@x.example\n";
    static const char bare[] = "To: Ann <a@example.com>, b@example.com\n\n";
    const apr_array_header_t *to = egs_inbound_recipients((eg_bytes){ mail, strlen(mail) }, *state);

    assert_int_equal(to->nelts, 2);
    assert_string_equal(APR_ARRAY_IDX(to, 0, const char *), "b@example.com");
    assert_string_equal(APR_ARRAY_IDX(to, 1, const char *), "c@example.com");
    to = egs_inbound_recipients((eg_bytes){ bare, strlen(bare) }, *state);
    assert_int_equal(to->nelts, 2);
    assert_string_equal(APR_ARRAY_IDX(to, 1, const char *), "b@example.com");
}

/* ---- bombs ------------------------------------------------------------------------ */

#ifdef __SANITIZE_ADDRESS__
#define BOMB_SECONDS 10
#else
#define BOMB_SECONDS 0.5
#endif

/* count times a text with a number in it. */
static char *repeated(const char *format, int count, apr_pool_t *pool)
{
    egs_text text;
    char one[256];

    egs_text_init(&text, 1 << 20, pool);
    for (int i = 0; i < count; i++) {
        egs_text_add(&text, one, (apr_size_t)apr_snprintf(one, sizeof one, format, i, i));
    }
    return text.data;
}

static void stays_within_bounds(void **state)
{
    const char *named = repeated("<a%d@x.example>\n", 32, *state);
    const struct {
        const char *what, *mail;
    } bombs[] = {
        { "100 000 parts", apr_pstrcat(*state, "Content-Type: multipart/report; boundary=b\n\n",
                                       repeated("--b\nX: %d\n\n\n", 100000, *state), NULL) },
        { "20 000 levels",
          repeated("Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", 20000, *state) },
        { "a long header", apr_pstrcat(*state, repeated("X-%d: y\n", 800000, *state), "\nbody", NULL) },
        { "a long line", apr_pstrcat(*state, "Subject: ", repeated("%d@", 1000000, *state), NULL) },
        { "100 000 recipients",
          apr_pstrcat(*state, REPORT,
                      repeated("Final-Recipient: rfc822; a%d@x.example\nAction: failed\n\n", 100000, *state),
                      NULL) },
        { "addresses and codes",
          apr_pstrcat(*state, DAEMON "Subject: failure\n\n",
                      repeated("<a%d@x.example>: 550 5.1.%d failed\n", 200000, *state), NULL) },
        { "one address over and over",
          apr_pstrcat(*state, DAEMON "Subject: failure\n\n",
                      repeated("<a@x.example>: 450 %d\nfrom b@x.example to c@x.example\n", 100000, *state),
                      NULL) },
        { "dividers", apr_pstrcat(*state, DAEMON "Subject: failure\n\n",
                                  repeated("--- original message %d was received\n", 200000, *state), NULL) },
        { "open tags",
          apr_pstrcat(*state, "Content-Type: text/html\n\n", repeated("<%d ", 500000, *state), ">", NULL) },
        { "many recipients and one line of codes",
          apr_pstrcat(*state, DAEMON "Subject: failure\n\ncould not be delivered\n", named, named, named,
                      named, named, named, named, named, "x ", repeated("450 ", 15000, *state), NULL) },
        { "a long line before each of many recipients",
          apr_pstrcat(*state, DAEMON "Subject: failure\n\ncould not be delivered\n", named,
                      repeated("x ", 10000, *state), repeated("mailbox a%d@x.example ", 1500, *state),
                      NULL) },
    };

    for (size_t i = 0; i < sizeof bombs / sizeof *bombs; i++) {
        clock_t begun = clock();
        egs_inbound *inbound = apr_palloc(*state, sizeof *inbound);
        double seconds;

        read_text(inbound, bombs[i].mail, *state);
        seconds = (double)(clock() - begun) / CLOCKS_PER_SEC;
        print_message("# %s, %lu bytes: %s in %.3f s of CPU\n", bombs[i].what,
                      (unsigned long)strlen(bombs[i].mail), egs_inbound_kind_name(inbound->kind), seconds);
        assert_true(inbound->count <= EGS_INBOUND_REPORTS_MAX);
        assert_true(seconds < BOMB_SECONDS);
    }
}

/* A text within so many multiparts. */
static const char *nested(int levels, const char *text, apr_pool_t *pool)
{
    const char *mail = text;

    for (int i = 0; i < levels; i++) {
        mail = apr_psprintf(pool, "Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n%s\n--b%d--\n", i, i,
                            mail, i);
    }
    return mail;
}

static void looks_no_further_than_it_says(void **state)
{
    const char *report =
        "Content-Type: message/delivery-status\n\nFinal-Recipient: rfc822; a@x.example\nAction: failed\n";
    const char *many = repeated("--b\nContent-Type: image/x%d\n\n\n", 100000, *state);
    egs_inbound inbound;
    egs_parts parts;

    read_text(&inbound, nested(8, report, *state), *state);
    assert_int_equal(inbound.kind, BOUNCE);
    read_text(&inbound, nested(9, report, *state), *state);
    assert_int_equal(inbound.count, 0);
    many = apr_pstrcat(*state, "Content-Type: multipart/mixed; boundary=b\n\n", many, NULL);
    egs_parts_read(&parts, (eg_bytes){ many, strlen(many) }, *state);
    assert_true(parts.seen <= 256);
    assert_int_equal(parts.count, 0);
}

/* ---- third-party mails --------------------------------------------------------------- */

static eg_bytes file_of(const char *path, apr_pool_t *pool)
{
    apr_file_t *file;
    apr_finfo_t info;
    char *data;

    assert_int_equal(apr_file_open(&file, path, APR_FOPEN_READ, APR_OS_DEFAULT, pool), APR_SUCCESS);
    assert_int_equal(apr_file_info_get(&info, APR_FINFO_SIZE, file), APR_SUCCESS);
    data = apr_pcalloc(pool, (apr_size_t)info.size + 1);
    assert_int_equal(apr_file_read_full(file, data, (apr_size_t)info.size, NULL), APR_SUCCESS);
    assert_int_equal(apr_file_close(file), APR_SUCCESS);
    return (eg_bytes){ data, (apr_size_t)info.size };
}

/* $EG_CORPORA/folder; NULL, and a word about it, where there is none. */
static const char *corpus(const char *folder, apr_pool_t *pool)
{
    const char *corpora = getenv("EG_CORPORA");

    if (!corpora) {
        print_message("# ran without EG_CORPORA\n");
        return NULL;
    }
    return apr_pstrcat(pool, corpora, "/", folder, NULL);
}

typedef struct {
    int rows, found, status_rows, status_found, judged, hard, missed, wrong;
} score;

static int same(const char *address, const char *wanted)
{
    return address && !apr_cstr_casecmp(address, wanted);
}

/* The report of that recipient, else the first: what stands where none names the recipient. */
static const egs_inbound_report *report_of(int *found, const egs_inbound *inbound, const char *recipient)
{
    *found = 0;
    for (int i = 0; i < inbound->count; i++) {
        if (same(inbound->reports[i].recipient, recipient) || same(inbound->reports[i].original, recipient)) {
            *found = 1;
            return &inbound->reports[i];
        }
    }
    return inbound->count ? &inbound->reports[0] : NULL;
}

static void compare_row(score *sum, const egs_inbound *inbound, const char *name, const json_t *row,
                        int has_status)
{
    int hard = json_is_true(json_object_get(row, "hardbounce")), found, suppress;
    const char *recipient = json_string_value(json_object_get(row, "recipient"));
    const egs_inbound_report *report = report_of(&found, inbound, recipient ? recipient : "");

    suppress = report && report->suppress;
    sum->rows++;
    sum->found += found;
    sum->status_rows += has_status;
    sum->status_found += has_status && found;
    sum->hard += hard;
    sum->judged += hard == suppress;
    sum->missed += hard && !suppress;
    if (suppress && !hard) {
        print_message("# suppressed, and no hard bounce: %s: %s\n", name, report->text);
        sum->wrong++;
    }
}

/* Feedback and answers have no recipients that bounced. */
static void compare_kind(const char *name, const char *reason, const json_t *row, egs_inbound_kind kind)
{
    const char *type = json_string_value(json_object_get(row, "feedbacktype"));

    if (kind == BOUNCE || (!strcmp(reason, "vacation") && kind != ANSWER) ||
        (type && !strcmp(type, "auth-failure") && kind != OTHER)) {
        print_message("# %s (%s): %s\n", name, reason, egs_inbound_kind_name(kind));
        fail();
    }
}

static void agrees_with_those_who_know_bounces(void **state)
{
    const char *folder = corpus("bounces-sisimai", *state), *name;
    score sum = { 0 };
    json_t *expected, *rows, *row;
    size_t i;

    if (!folder) {
        return;
    }
    expected = json_loads(file_of(apr_pstrcat(*state, folder, "/expected.json", NULL), *state).data, 0, NULL);
    json_object_foreach(expected, name, rows)
    {
        eg_bytes mail = file_of(apr_pstrcat(*state, folder, "/eml/", name, NULL), *state);
        egs_inbound *inbound = apr_palloc(*state, sizeof *inbound);

        egs_inbound_read(inbound, mail, *state);
        json_array_foreach(rows, i, row)
        {
            const char *reason = json_string_value(json_object_get(row, "reason"));

            if (!strcmp(reason, "feedback") || !strcmp(reason, "vacation")) {
                compare_kind(name, reason, row, inbound->kind);
            }
            else {
                compare_row(&sum, inbound, name, row, strstr(mail.data, "essage/delivery-status") != NULL);
            }
        }
    }
    json_decref(expected);
    print_message(
        "# recipient: %d of %d, of those with a status part %d of %d; hard or not: %d of %d, %d of %d hard "
        "ones are not suppressed, and %d that are not hard are\n",
        sum.found, sum.rows, sum.status_found, sum.status_rows, sum.judged, sum.rows, sum.missed, sum.hard,
        sum.wrong);
    assert_true(sum.rows >= 300);
    assert_true(sum.found * 100 >= sum.rows * 85);
    assert_true(sum.status_found * 100 >= sum.status_rows * 95);
    assert_true(sum.judged * 100 >= sum.rows * 90);
    assert_int_equal(sum.wrong, 0);
}

/* Each file of a folder. @return how many there were */
static int read_all(const char *folder, egs_inbound_kind wanted, int any, apr_pool_t *pool)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    int count = 0;

    assert_non_null(dir);
    while ((entry = readdir(dir))) {
        apr_size_t length = strlen(entry->d_name);
        egs_inbound *inbound = apr_palloc(pool, sizeof *inbound);

        if (length < 4 || strcmp(entry->d_name + length - 4, ".eml") != 0) {
            continue;
        }
        egs_inbound_read(inbound, file_of(apr_pstrcat(pool, folder, "/", entry->d_name, NULL), pool), pool);
        if (!any && inbound->kind != wanted) {
            print_message("# %s: %s\n", entry->d_name, egs_inbound_kind_name(inbound->kind));
        }
        assert_true(any || inbound->kind == wanted);
        count++;
    }
    closedir(dir);
    return count;
}

static void takes_ordinary_mails_for_none(void **state)
{
    const char *folder = corpus("bounces-sisimai/not-a-bounce", *state);

    if (folder) {
        assert_true(read_all(folder, OTHER, 0, *state) > 0);
    }
}

static void survives_broken_mails(void **state)
{
    static const char *const folders[] = { "mime-mail-parser/rfc", "mime-mail-parser/malformed" };
    int count = 0;

    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        const char *folder = corpus(folders[i], *state);

        count += folder ? read_all(folder, OTHER, 1, *state) : 0;
    }
    print_message("# %d mails\n", count);
    assert_true(count > 20 || !getenv("EG_CORPORA"));
}

/* By the feedback type that each file's table has. */
static void knows_feedback_reports(void **state)
{
    static const char *const names[] = { "001", "003", "005" };
    const char *folder = corpus("arf-mail-auth", *state);

    for (size_t i = 0; folder && i < sizeof names / sizeof *names; i++) {
        const char *path = apr_pstrcat(*state, folder, "/", names[i], NULL);
        json_t *table = json_loads(file_of(apr_pstrcat(*state, path, ".json", NULL), *state).data, 0, NULL);
        const char *type = json_string_value(json_object_get(table, "feedback_type"));
        const char *sender = json_string_value(json_object_get(table, "original_mail_from"));
        egs_inbound inbound;

        egs_inbound_read(&inbound, file_of(apr_pstrcat(*state, path, ".eml", NULL), *state), *state);
        assert_int_equal(inbound.kind, strcmp(type, "Abuse") == 0 ? COMPLAINT : OTHER);
        assert_string_equal(inbound.feedback, strcmp(type, "Abuse") == 0 ? "abuse" : "auth-failure");
        if (sender) {
            assert_non_null(strstr(sender, inbound.sender));
        }
        json_decref(table);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EG_TEST(tells_kinds_apart),
        EG_TEST(takes_either_line_end),
        EG_TEST(tells_several_recipients),
        EG_TEST(cleans_what_it_tells),
        EG_TEST(finds_the_return_path_of_feedback),
        EG_TEST(finds_whom_it_came_to),
        EG_TEST(stays_within_bounds),
        EG_TEST(looks_no_further_than_it_says),
        EG_TEST(agrees_with_those_who_know_bounces),
        EG_TEST(takes_ordinary_mails_for_none),
        EG_TEST(survives_broken_mails),
        EG_TEST(knows_feedback_reports),
    };

    return cmocka_run_group_tests(tests, start, testpool_stop);
}
