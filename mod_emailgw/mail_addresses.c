/* From, To, CC, BCC and ReplyTo: who a mail is from and who gets it. */
#include <string.h>

#include "json.h"
#include "mail.h"
#include "utf8.h"

/** One address list of the request and the codes that its faults have. */
typedef struct {
    const char *name;
    int max;
    int array_only; /* code when it is no array, 0 where one object will do */
    int incomplete; /* name or email missing */
    int address;    /* email is no address */
    int count;      /* too many */
} list_rules;

int eg_mail_is_name(const char *text)
{
    return strlen(text) <= EG_NAME_MAX && eg_mail_is_line(text);
}

/* One {email, name}. Both must be there; the name may be empty. */
static int parse_address(eg_mail_address *address, eg_call *call, const list_rules *rules,
                         const json_t *value)
{
    json_t *email = eg_json_get(value, "email"), *name = eg_json_get(value, "name");
    const char *twice = eg_json_twice(value);

    if (!json_is_string(email) || !json_is_string(name) || json_string_length(email) == 0 || twice != NULL) {
        eg_errors_add(&call->errors, rules->incomplete,
                      twice != NULL
                          ? "%s: 'email' or 'name' is given twice in one address"
                          : "%s name or email address is missing: each address needs both 'email' and "
                            "'name', the name may be empty",
                      rules->name);
        return 0;
    }
    if (!eg_mail_is_name(json_string_value(name))) {
        eg_errors_add(&call->errors, rules->incomplete,
                      "%s name is invalid: it must have at most %d bytes, without CR or LF", rules->name,
                      EG_NAME_MAX);
        return 0;
    }
    if (eg_mailbox_parse(&address->box, json_string_value(email), call->pool) != APR_SUCCESS) {
        eg_errors_add(&call->errors, rules->address, "%s email address is invalid: '%s'", rules->name,
                      eg_utf8_excerpt(json_string_value(email), json_string_length(email), call->pool));
        return 0;
    }
    address->name = json_string_value(name);
    return 1;
}

/* @param value  of this list's parameter, NULL: it has none */
static apr_array_header_t *parse_list(eg_call *call, const list_rules *rules, const json_t *value)
{
    apr_array_header_t *list = apr_array_make(call->pool, 1, sizeof(eg_mail_address));
    const json_t *item;
    eg_mail_address address;
    size_t i;

    if (value == NULL) {
        return list;
    }
    if (!json_is_array(value)) {
        if (rules->array_only != 0) {
            eg_errors_add(&call->errors, rules->array_only, "%s email addresses must be set as an array",
                          rules->name);
        }
        else if (parse_address(&address, call, rules, value)) {
            APR_ARRAY_PUSH(list, eg_mail_address) = address;
        }
        return list;
    }
    if (json_array_size(value) > (size_t)rules->max) {
        eg_errors_add(&call->errors, rules->count,
                      "The number of %s email addresses exceeds the allowed count: %d given, %d allowed",
                      rules->name, (int)json_array_size(value), rules->max);
        return list;
    }
    json_array_foreach(value, i, item)
    {
        if (parse_address(&address, call, rules, item)) {
            APR_ARRAY_PUSH(list, eg_mail_address) = address;
        }
    }
    return list;
}

static void parse_from(eg_mail *mail, eg_call *call)
{
    static const list_rules rules = { "From", 1, 0, EG_E_FROM, EG_E_FROM_ADDRESS, EG_E_FROM };
    json_t *value = eg_mail_structure(call, "From");

    if (!json_is_object(value)) {
        eg_errors_add(&call->errors, EG_E_FROM,
                      "From parameter is either missing or invalid. Make sure you pass both name and email "
                      "address for the from field");
        return;
    }
    parse_address(&mail->from, call, &rules, value);
}

static void parse_to(eg_mail *mail, eg_call *call)
{
    const list_rules rules = {
        "To", call->limits->to_max, 0, EG_E_TO_INCOMPLETE, EG_E_TO_ADDRESS, EG_E_NO_RECIPIENT
    };
    json_t *value = eg_mail_structure(call, "To");
    int none = value == NULL || (json_is_array(value) && json_array_size(value) == 0);

    mail->to = apr_array_make(call->pool, 1, sizeof(eg_mail_address));
    if (mail->list_given && !none) {
        eg_errors_add(&call->errors, EG_E_NO_RECIPIENT,
                      "To and TargetListID are both given: TargetListID stands in place of To");
    }
    else if (!mail->list_given && none) {
        eg_errors_add(&call->errors, EG_E_NO_RECIPIENT, "There is no recipient set for the email.");
    }
    else {
        mail->to = parse_list(call, &rules, value);
    }
}

void eg_mail_parse_addresses(eg_mail *mail, eg_call *call)
{
    const list_rules cc = {
        "CC", call->limits->cc_max, 0, EG_E_CC_INCOMPLETE, EG_E_CC_ADDRESS, EG_E_NO_RECIPIENT
    };
    const list_rules bcc = {
        "BCC", call->limits->bcc_max, EG_E_BCC_NO_ARRAY, EG_E_BCC_INCOMPLETE, EG_E_BCC_ADDRESS, EG_E_BCC_COUNT
    };
    const list_rules reply_to = { "ReplyTo",
                                  call->limits->reply_to_max,
                                  EG_E_REPLY_TO_NO_ARRAY,
                                  EG_E_REPLY_TO_INCOMPLETE,
                                  EG_E_REPLY_TO_ADDRESS,
                                  EG_E_REPLY_TO_COUNT };

    parse_from(mail, call);
    parse_to(mail, call);
    mail->cc = parse_list(call, &cc, eg_mail_structure(call, "CC"));
    mail->bcc = parse_list(call, &bcc, eg_mail_structure(call, "BCC"));
    if (mail->list_given && mail->cc->nelts + mail->bcc->nelts > 0) {
        eg_errors_add(
            &call->errors, EG_E_NO_RECIPIENT,
            "CC and BCC cannot be given with TargetListID: they would get a copy of each of its mails");
    }
    mail->reply_to = parse_list(call, &reply_to, eg_mail_structure(call, "ReplyTo"));
}
