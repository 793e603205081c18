#pragma once

/*
 * Commands
 *
 * What `dormouse <command>` can be; one file each. A command is a table of options, what they are
 * by default, and a function that is called with what was asked for.
 */

#include <stddef.h>

struct buf;
struct option;
struct option_texts;

struct command {
    const char *name;
    const char *arguments;
    const char *help;             /* a line */
    const char *more;             /* what --help says before the options, or NULL */
    const struct option *options; /* NULL: none */
    const void *defaults;         /* the command's own struct of values, copied for run() */
    size_t values_size;           /* bytes */

    /* `rest` is what was no option. Returns the exit status: 0, 1 when it did not work, 2 for a
     * command line that makes no sense. */
    int (*run)(void *values, const struct option_texts *rest);
};

/* Parses what follows the command's name, runs it or prints its help, and returns the exit
 * status. */
int command_run(const struct command *command, int argc, char *const *argv);

/* Says what is wrong with the command line, and returns the exit status for it. */
int command_misuse(const struct command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Says why it did not work, and returns the exit status for it. */
int command_fail(const struct command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* control_ask(); a fault is complained about. */
int command_ask(const struct command *command, const char *data_dir, const char *line,
                struct buf *words);

extern const struct command command_backup;
extern const struct command command_deploy;
extern const struct command command_dev;
extern const struct command command_export;
extern const struct command command_import;
extern const struct command command_inspect;
extern const struct command command_restore;
extern const struct command command_serve;
extern const struct command command_status;
extern const struct command command_version;
