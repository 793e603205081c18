#pragma once

/*
 * Commands
 *
 * What `dormouse <command>` can be; one file each. run() gets what follows the command's name and
 * returns the exit status: 0, 1 when it did not work, 2 for a command line that makes no sense.
 */

struct command {
    const char *name;
    const char *arguments;
    const char *help;
    int (*run)(int argc, char *const *argv);
};

extern const struct command command_backup;
extern const struct command command_dev;
extern const struct command command_export;
extern const struct command command_import;
extern const struct command command_inspect;
extern const struct command command_restore;
extern const struct command command_serve;
extern const struct command command_version;
