/*
 * dormouse <command> …
 */

#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/option.h"

static const struct command *const commands[] = {
    &command_dev,    &command_serve,  &command_deploy,  &command_backup, &command_restore,
    &command_export, &command_import, &command_inspect, &command_status, &command_version};

enum {
    COMMANDS = sizeof commands / sizeof *commands,
};

static void print_help(FILE *out)
{
    fputs("Dormouse runs Durable Objects on your own machine.\n\nCommands:\n", out);
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(out, "  dormouse %-8s %-26s %s\n", commands[i]->name, commands[i]->arguments,
                commands[i]->help);
    fputs("\ndormouse <command> --help tells more.\n", out);
}

static int fail_unknown(const char *word)
{
    const char *names[COMMANDS + 1] = {0};
    const char *nearest;

    for (size_t i = 0; i < COMMANDS; i++)
        names[i] = commands[i]->name;
    nearest = option_nearest(names, word);
    fprintf(stderr, "dormouse: there is no command %s", word);
    if (nearest != NULL)
        fprintf(stderr, "; did you mean %s?\n", nearest);
    else
        fputs("; see dormouse --help\n", stderr);
    return 2;
}

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "--help";

    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(word, commands[i]->name) == 0)
            return command_run(commands[i], argc - 2, argv + 2);
    }
    if (strcmp(word, "--version") == 0 || strcmp(word, "-v") == 0)
        return command_run(&command_version, 0, NULL);
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
        print_help(argc > 1 ? stdout : stderr);
        return argc > 1 ? 0 : 2;
    }
    return fail_unknown(word);
}
