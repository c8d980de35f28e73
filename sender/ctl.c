/* emailgwctl: finds the command, reads its arguments, opens what it needs, runs it. */
#include "ctl.h"

#include <stdio.h>
#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

static const egs_ctl_command *const commands[] = {
    &egs_ctl_init,          &egs_ctl_migrate,        &egs_ctl_status,
    &egs_ctl_user_add,      &egs_ctl_user_set,       &egs_ctl_user_list,
    &egs_ctl_user_limits,   &egs_ctl_domain_add,     &egs_ctl_domain_enable,
    &egs_ctl_domain_list,   &egs_ctl_domain_dns,     &egs_ctl_domain_rotate,
    &egs_ctl_domain_source, &egs_ctl_key_add,        &egs_ctl_key_list,
    &egs_ctl_key_delete,    &egs_ctl_suppress_add,   &egs_ctl_suppress_remove,
    &egs_ctl_suppress_list, &egs_ctl_queue_list,     &egs_ctl_queue_cancel,
    &egs_ctl_sts,           &egs_ctl_webhook_list,   &egs_ctl_webhook_replay,
    &egs_ctl_returned_list, &egs_ctl_returned_retry, &egs_ctl_returned_drop,
    &egs_ctl_inbound,       &egs_ctl_rotate_secret,  &egs_ctl_erase,
};

#define COMMANDS (sizeof commands / sizeof *commands)

/* The command line, cut up. */
typedef struct {
    const char *config;
    const char *group; /* first word, where no command is named by it alone */
    int help;
} invocation;

/* In the group "user" are "user add", "user set" ...; NULL is the group of all. */
static int in_group(const egs_ctl_command *command, const char *group)
{
    apr_size_t length = group != NULL ? strlen(group) : 0;

    return group == NULL || (strncmp(command->name, group, length) == 0 && command->name[length] == ' ');
}

static int help_commands(const char *group)
{
    printf("usage: emailgwctl [--config FILE] [--json] COMMAND ...\n\n");
    for (size_t i = 0; i < COMMANDS; i++) {
        if (in_group(commands[i], group)) {
            printf("  %-20s%s\n", commands[i]->name, commands[i]->help);
        }
    }
    printf("\n  --config FILE       default %s\n", EGS_OPTIONS_PATH);
    printf("  --json              one JSON object a line instead of text\n");
    printf("  COMMAND --help      arguments of a command\n\n");
    printf("Exit status: 0 done, 1 refused, 2 called wrongly.\n");
    return 0;
}

static int help_command(const egs_ctl *ctl)
{
    printf("usage: %s\n\n%s\n", egs_ctl_synopsis(ctl->command, ctl->pool), ctl->command->help);
    for (const egs_ctl_option *option = ctl->command->options; option != NULL && option->name != NULL;
         option++) {
        const char *left = apr_pstrcat(ctl->pool, "--", option->name, option->value != NULL ? " " : "",
                                       option->value != NULL ? option->value : "", NULL);

        printf("%s  %-24s%s%s\n", option == ctl->command->options ? "\n" : "", left, option->help,
               option->required ? " (required)" : "");
    }
    return 0;
}

static const egs_ctl_command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i]->name, name) == 0) {
            return commands[i];
        }
    }
    return NULL;
}

static int is_group(const char *word)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        if (in_group(commands[i], word)) {
            return 1;
        }
    }
    return 0;
}

/* A word that is no option: names the command, or is one of its operands. */
static int take_word(egs_ctl *ctl, invocation *called, const char *word)
{
    if (ctl->command == NULL) {
        const char *name =
            called->group == NULL ? word : apr_pstrcat(ctl->pool, called->group, " ", word, NULL);

        ctl->command = find_command(name);
        if (ctl->command != NULL) {
            return 0;
        }
        if (called->group == NULL && is_group(word)) {
            called->group = word;
            return 0;
        }
        return egs_ctl_misuse(ctl, "there is no command \"%s\"", name);
    }
    if (ctl->command->operand != NULL && ctl->operand == NULL) {
        ctl->operand = word;
    }
    else if (ctl->command->second != NULL && ctl->second == NULL) {
        ctl->second = word;
    }
    else {
        return egs_ctl_misuse(ctl, "\"%s\" is one argument too many", word);
    }
    return 0;
}

/* Where the value of "--name" goes, or NULL; what is found tells --json from --config FILE. */
static const char **find_option(egs_ctl *ctl, invocation *called, const char *name,
                                const egs_ctl_option **found)
{
    static const egs_ctl_option config = { .name = "config", .value = "FILE" };

    *found = &config;
    if (strcmp(name, config.name) == 0) {
        return &called->config;
    }
    for (int i = 0; ctl->command != NULL && ctl->command->options != NULL; i++) {
        if (ctl->command->options[i].name == NULL) {
            break;
        }
        if (strcmp(ctl->command->options[i].name, name) == 0) {
            *found = &ctl->command->options[i];
            return &ctl->values[i];
        }
    }
    return NULL;
}

static int is_many(const egs_ctl *ctl, const char *name)
{
    return ctl->command != NULL && ctl->command->many != NULL && strcmp(ctl->command->many, name) == 0;
}

/* "--name VALUE", "--name=VALUE" or "--flag" at argv[*at]. */
static int take_option(egs_ctl *ctl, invocation *called, int argc, const char *const *argv, int *at)
{
    const char *equals = strchr(argv[*at], '=');
    const char *name = equals == NULL
                           ? argv[*at] + 2
                           : apr_pstrmemdup(ctl->pool, argv[*at] + 2, (apr_size_t)(equals - argv[*at] - 2));
    const egs_ctl_option *option;
    const char **value, *given;

    if (strcmp(name, "json") == 0 && equals == NULL) {
        ctl->json = 1;
        return 0;
    }
    if (strcmp(name, "help") == 0 && equals == NULL) {
        called->help = 1;
        return 0;
    }
    value = find_option(ctl, called, name, &option);
    if (value == NULL) {
        return egs_ctl_misuse(ctl, "there is no option --%s here", name);
    }
    if (*value != NULL && !is_many(ctl, name)) {
        return egs_ctl_misuse(ctl, "--%s stands twice", name);
    }
    if (option->value == NULL && equals != NULL) {
        return egs_ctl_misuse(ctl, "--%s takes no value", name);
    }
    if (option->value != NULL && equals == NULL && *at + 1 >= argc) {
        return egs_ctl_misuse(ctl, "--%s needs a value", name);
    }
    given = option->value == NULL ? "" : equals != NULL ? equals + 1 : argv[++*at];
    *value = *value != NULL ? apr_pstrcat(ctl->pool, *value, "\n", given, NULL) : given;
    return 0;
}

static int parse_arguments(egs_ctl *ctl, invocation *called, int argc, const char *const *argv)
{
    int operands_only = 0, wrong = 0;

    for (int at = 1; at < argc && !wrong; at++) {
        if (!operands_only && strcmp(argv[at], "--") == 0) {
            operands_only = 1;
        }
        else if (!operands_only && argv[at][0] == '-' && argv[at][1] != '\0') {
            wrong = argv[at][1] == '-' ? take_option(ctl, called, argc, argv, &at)
                                       : egs_ctl_misuse(ctl, "there is no option %s", argv[at]);
        }
        else {
            wrong = take_word(ctl, called, argv[at]);
        }
    }
    return wrong;
}

/* All that must be there is there. */
static int check_arguments(const egs_ctl *ctl)
{
    const egs_ctl_option *options = ctl->command->options;

    if (ctl->command->operand != NULL && ctl->operand == NULL && !ctl->command->operand_optional) {
        return egs_ctl_misuse(ctl, "%s is missing", ctl->command->operand);
    }
    if (ctl->command->second != NULL && ctl->second == NULL) {
        return egs_ctl_misuse(ctl, "%s is missing", ctl->command->second);
    }
    for (int i = 0; options != NULL && options[i].name != NULL; i++) {
        if (options[i].required && ctl->values[i] == NULL) {
            return egs_ctl_misuse(ctl, "--%s is missing", options[i].name);
        }
    }
    return 0;
}

static void write_line(const eg_log *log, eg_log_level level, apr_status_t rv, const char *line)
{
    (void)log;
    (void)level;
    (void)rv;
    fprintf(stderr, "emailgwctl: %s\n", line);
}

static int run_command(egs_ctl *ctl, const char *config)
{
    /* At debug level libpq's reasons for a connection that failed are told as well. */
    static const eg_log log = { .write = write_line, .level = EG_LOG_DEBUG };
    const char *problem;

    if (egs_options_load(&ctl->options, &problem, config, ctl->pool) != APR_SUCCESS) {
        return egs_ctl_refuse(ctl, "%s; --config FILE names another file", problem);
    }
    ctl->db = eg_db_dedicated(ctl->options->admin_database != NULL ? ctl->options->admin_database
                                                                   : ctl->options->database,
                              0, &log, ctl->pool);
    return ctl->command->run(ctl);
}

static int run(egs_ctl *ctl, int argc, const char *const *argv)
{
    invocation called = { .config = NULL };
    int wrong = parse_arguments(ctl, &called, argc, argv);

    if (wrong) {
        return wrong;
    }
    if (called.help) {
        return ctl->command != NULL ? help_command(ctl) : help_commands(called.group);
    }
    if (ctl->command == NULL) {
        return egs_ctl_misuse(ctl, "a command is missing%s%s", called.group != NULL ? " after " : "",
                              called.group != NULL ? called.group : "");
    }
    wrong = check_arguments(ctl);
    return wrong ? wrong : run_command(ctl, called.config != NULL ? called.config : EGS_OPTIONS_PATH);
}

int main(int argc, const char *const *argv)
{
    egs_ctl ctl = { .json = 0 };
    int status;

    if (apr_initialize() != APR_SUCCESS || apr_pool_create(&ctl.pool, NULL) != APR_SUCCESS) {
        fprintf(stderr, "emailgwctl: APR does not start\n");
        return 1;
    }
    status = run(&ctl, argc, argv);
    if ((fflush(stdout) != 0 || ferror(stdout)) && status == 0) {
        status = egs_ctl_refuse(&ctl, "standard output cannot be written");
    }
    if ((status == 1 || status == 2) && ctl.command != NULL && ctl.command->failure) {
        status = ctl.command->failure;
    }
    apr_pool_destroy(ctl.pool);
    apr_terminate();
    return status;
}
