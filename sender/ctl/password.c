/* A password from the command line, a file, or the terminal without an echo. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "ctl.h"
#include "secret.h"

#define LINE_SIZE (EG_PASSWORD_MAX + 3) /* one byte too many is seen; line feed, NUL */

/* The first line without its end. @return 0 when there is none */
static int read_line(char line[LINE_SIZE], FILE *from)
{
    if (fgets(line, LINE_SIZE, from) == NULL) {
        return 0;
    }
    line[strcspn(line, "\r\n")] = '\0';
    return 1;
}

static int read_file(char line[LINE_SIZE], egs_ctl *ctl, const char *path)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    int got;

    if (file == NULL) {
        return egs_ctl_refuse(ctl, "%s: %s", path, strerror(errno));
    }
    setvbuf(file, NULL, _IONBF, 0); /* no second copy stays in a buffer */
    got = read_line(line, file);
    if (file != stdin) {
        fclose(file);
    }
    return got ? 0 : egs_ctl_refuse(ctl, "%s: a line with the password is needed", path);
}

static int ask_once(char line[LINE_SIZE], FILE *terminal, const char *prompt)
{
    int got;

    fprintf(stderr, "%s: ", prompt);
    fflush(stderr);
    got = read_line(line, terminal);
    fprintf(stderr, "\n");
    return got;
}

static int ask_terminal(char line[LINE_SIZE], egs_ctl *ctl)
{
    struct termios before, silent;
    char again[LINE_SIZE];
    FILE *terminal = isatty(STDIN_FILENO) ? stdin : NULL;
    int got;

    if (terminal == NULL || tcgetattr(STDIN_FILENO, &before) != 0) {
        return egs_ctl_misuse(ctl, "a password is needed: --password-file FILE, where - is standard input");
    }
    silent = before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    got = ask_once(line, terminal, "Password") && ask_once(again, terminal, "Again");
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    if (got && strcmp(line, again) != 0) {
        got = 0;
    }
    OPENSSL_cleanse(again, sizeof again);
    return got ? 0 : egs_ctl_refuse(ctl, "the password was not given twice the same");
}

/* From wherever it comes. *given is 0 when it comes from nowhere. */
static int get_password(char line[LINE_SIZE], int *given, egs_ctl *ctl, int ask)
{
    const char *text = egs_ctl_value(ctl, "password"), *path = egs_ctl_value(ctl, "password-file");

    *given = text != NULL || path != NULL || ask;
    if (text != NULL && path != NULL) {
        return egs_ctl_misuse(ctl, "--password and --password-file exclude each other");
    }
    if (text != NULL) {
        snprintf(line, LINE_SIZE, "%s", text);
        return 0;
    }
    if (path != NULL) {
        return read_file(line, ctl, path);
    }
    return ask ? ask_terminal(line, ctl) : 0;
}

int egs_ctl_password(const char **hash, egs_ctl *ctl, int ask)
{
    char line[LINE_SIZE] = "";
    int given, failed;

    *hash = NULL;
    failed = get_password(line, &given, ctl, ask);
    if (!failed && given && eg_password_hash(hash, line, ctl->pool) != APR_SUCCESS) {
        failed = egs_ctl_refuse(ctl, "a password has 1 to %d bytes", EG_PASSWORD_MAX);
    }
    OPENSSL_cleanse(line, sizeof line);
    return failed;
}
