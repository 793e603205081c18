#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "cli/command.h"
#include "cli/option.h"
#include "server/control.h"

struct values {
    const char *data;
    bool help;
};

/* clang-format off */
static const struct option options[] = {
    {"data", 0, OPTION_TEXT, offsetof(struct values, data), "DIR",
     "the data directory that is copied (.dormouse/data)", 0, 0, NULL},
    {"help", 'h', OPTION_FLAG, offsetof(struct values, help), NULL, "this", 0, 0, NULL},
    {NULL, 0, OPTION_FLAG, 0, NULL, NULL, 0, 0, NULL},
};

/* clang-format on */

static int fail(const char *words)
{
    fprintf(stderr, "dormouse backup: %s\n", words);
    return 1;
}

static int fail_asking(const char *data, int fault)
{
    if (fault == -ENOENT || fault == -ECONNREFUSED)
        fprintf(stderr,
                "dormouse backup: nothing runs on %s: a data directory that nobody uses can be "
                "copied as it is\n",
                data);
    else
        fprintf(stderr, "dormouse backup: %s: %s\n", data, err_describe(fault));
    return 1;
}

static int ask(const char *data, const char *to)
{
    struct buf answer = {0};
    char here[PATH_MAX] = "";
    char *line;
    int status = 0;
    int r;

    if (strchr(to, '\n') != NULL)
        return fail("a path of one line is needed");
    if (to[0] != '/' && getcwd(here, sizeof here) == NULL)
        return fail("the current folder has no name");
    line = to[0] == '/' ? mem_format("backup %s", to) : mem_format("backup %s/%s", here, to);
    r = control_ask(data, line, &answer);
    if (r < 0)
        status = fail_asking(data, r);
    else if (answer.len == 0)
        status = fail("the process ended before the copy was complete");
    else if (strcmp(buf_string(&answer), "ok") != 0)
        status = fail(strncmp(buf_string(&answer), "error ", 6) == 0 ? buf_string(&answer) + 6
                                                                     : buf_string(&answer));
    mem_free(line);
    buf_fini(&answer);
    return status;
}

static void print_help(void)
{
    struct buf text = {0};

    buf_append_format(&text, "dormouse backup %s\n\n%s\n\nOptions:\n", command_backup.arguments,
                      command_backup.help);
    option_help(options, &text);
    fputs(buf_string(&text), stdout);
    buf_fini(&text);
}

static int backup(int argc, char *const *argv)
{
    struct values values = {.data = ".dormouse/data"};
    struct option_texts rest = {0};
    struct err_text why = {""};
    int status;

    if (option_parse(options, argc, argv, &values, &rest, &why) < 0) {
        fprintf(stderr, "dormouse backup: %s\n", why.text);
        status = 2;
    } else if (values.help) {
        print_help();
        status = 0;
    } else if (rest.count != 1) {
        fprintf(stderr, "dormouse backup: one folder to make is needed\n");
        status = 2;
    } else {
        status = ask(values.data, rest.texts[0]);
    }
    option_texts_fini(&rest);
    return status;
}

const struct command command_backup = {
    .name = "backup",
    .arguments = "DIR [--data DIR]",
    .help = "Copies the data directory of a running process to DIR, which is made.",
    .run = backup,
};
