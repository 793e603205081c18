#include "cli/command.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "cli/option.h"
#include "server/control.h"

static void complain(const struct command *command, const char *format, va_list args)
{
    fprintf(stderr, "dormouse %s: ", command->name);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
}

int command_misuse(const struct command *command, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    complain(command, format, args);
    va_end(args);
    return 2;
}

int command_fail(const struct command *command, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    complain(command, format, args);
    va_end(args);
    return 1;
}

int command_ask(const struct command *command, const char *data_dir, const char *line,
                struct buf *words)
{
    int r = control_ask(data_dir, line, words);

    if (r == -ENOENT || r == -ECONNREFUSED)
        command_fail(command, "nothing runs on %s", data_dir);
    else if (r < 0)
        command_fail(command, "%s: %s", data_dir, err_describe(r));
    return r;
}

static void print_help(const struct command *command)
{
    struct buf text = {0};

    buf_append_format(&text, "dormouse %s %s\n\n%s\n\n%sOptions:\n", command->name,
                      command->arguments, command->help,
                      command->more != NULL ? command->more : "");
    option_help(command->options, &text);
    fputs(buf_string(&text), stdout);
    buf_fini(&text);
}

int command_run(const struct command *command, int argc, char *const *argv)
{
    void *values = mem_dup(command->defaults, command->values_size);
    struct option_texts rest = {0};
    struct err_text why = {""};
    int r = option_parse(command->options, argc, argv, values, &rest, &why);
    int status = 0;

    if (r < 0)
        status = command_misuse(command, "%s", why.text);
    else if (r == OPTION_HELP)
        print_help(command);
    else
        status = command->run(values, &rest);
    option_values_fini(command->options, values);
    option_texts_fini(&rest);
    mem_free(values);
    return status;
}
