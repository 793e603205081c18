#pragma once

/*
 * Options
 *
 * One table says which options a command has; it parses the command line and prints the help.
 * `--name value`, `--name=value` and, where there is a letter, `-n value`.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct err_text;

enum option_kind {
    OPTION_TEXT,   /* const char * */
    OPTION_TEXTS,  /* struct option_texts: may be given more than once */
    OPTION_NUMBER, /* int64_t, within min and max */
    OPTION_CHOICE, /* const char *, one of `choices` */
    OPTION_FLAG,   /* bool */
};

struct option_texts {
    const char **texts; /* owned array of borrowed texts */
    size_t count;
};

struct option {
    const char *name; /* without dashes */
    char letter;      /* 0: none */
    enum option_kind kind;
    size_t offset;     /* of the value in the command's struct */
    const char *value; /* what help calls it; NULL for a flag */
    const char *help;
    int64_t min, max;           /* OPTION_NUMBER */
    const char *const *choices; /* OPTION_CHOICE: ended by NULL */
};

enum {
    OPTION_HELP = 1, /* --help or -h, which every table has without saying so */
};

/* Parses argv[0..argc) into `values`; what is no option goes into `rest`, in order. OPTION_HELP as
 * soon as help is asked for; -EINVAL with words for the user in `why`. `options` ends with a NULL
 * name, and may be NULL. */
int option_parse(const struct option *options, int argc, char *const *argv, void *values,
                 struct option_texts *rest, struct err_text *why);

/* The help for each option, one line or more. */
void option_help(const struct option *options, struct buf *out);

void option_texts_fini(struct option_texts *texts);

/* Frees what option_parse() has put into `values`. */
void option_values_fini(const struct option *options, void *values);

/* The one of `names` (ended by NULL) that `word` was probably meant to be, or NULL. */
const char *option_nearest(const char *const *names, const char *word);
