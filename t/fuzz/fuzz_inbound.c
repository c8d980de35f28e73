/* Mails that come back: whatever they hold, what is told of them is bounded, clean, and suppresses with a reason. */
#include <apr_general.h>
#include <string.h>

#include "classify.h"
#include "cpubound.h"
#include "inbound.h"
#include "json.h"
#include "returned.h"
#include "target.h"
#include "utf8.h"

/* One line of UTF-8 that is not too long. */
static void check_text(const char *text, apr_size_t max)
{
    if (text) {
        must(strlen(text) <= max && eg_utf8_valid(text, strlen(text)) && !strpbrk(text, "\r\n"));
    }
}

static void check_report(const egs_inbound_report *report, egs_inbound_kind kind)
{
    must(report->kind == kind && egs_class_name(report->class));
    must(!report->code || (report->code >= 400 && report->code < 560));
    check_text(report->text, 512);
    check_text(report->recipient, 400);
    check_text(report->original, 400);
    check_text(report->host, 253);
    check_text(report->enhanced, 9);
    if (report->suppress) {
        must(kind == EGS_INBOUND_BOUNCE && report->class == EGS_CLASS_RECIPIENT && report->code / 100 != 4);
        must(!report->enhanced || (report->enhanced[0] == '5' && report->enhanced[2] != '7'));
    }
}

/* What is stored of it says the same. */
static void check_detail(const egs_inbound_report *report, apr_pool_t *pool)
{
    const json_t *detail = eg_json_stored(egs_returned_detail(report, report->suppress, pool), pool);
    const json_t *bounce = json_object_get(detail, "bounce");
    const char *text = json_string_value(json_object_get(json_object_get(detail, "smtp"), "text"));

    must(!strcmp(json_string_value(json_object_get(bounce, "class")), egs_class_name(report->class)));
    must(!json_object_get(bounce, "suppress") == !report->suppress);
    must(report->text ? text && !strcmp(text, report->text) : !text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static apr_pool_t *all;
    egs_inbound inbound;
    clock_t begun = clock();
    apr_pool_t *pool;

    if (!all) {
        apr_initialize();
        apr_pool_create(&all, NULL);
        egs_inbound_start();
    }
    apr_pool_create(&pool, all);
    egs_inbound_read(&inbound, (eg_bytes){ data, size }, pool);
    must(inbound.kind != EGS_INBOUND_BOUNCE || inbound.count > 0);
    must(inbound.count <= EGS_INBOUND_REPORTS_MAX);
    for (int i = 0; i < inbound.count; i++) {
        check_report(&inbound.reports[i], inbound.kind);
        check_detail(&inbound.reports[i], pool);
    }
    check_text(inbound.feedback, 512);
    check_text(inbound.sender, 400);
    must(egs_inbound_recipients((eg_bytes){ data, size }, pool)->nelts >= 0);
    apr_pool_destroy(pool);
    cpubound_check(begun, size);
    return 0;
}
