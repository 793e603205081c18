#include "cli/option.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

enum {
    WORD_MAX = 32,    /* longer words are not guessed at */
    HELP_COLUMN = 26, /* where the words of the help begin */
};

static const struct option none = {NULL, 0, OPTION_FLAG, 0, NULL, NULL, 0, 0, NULL};
static const struct option help = {"help", 'h', OPTION_FLAG, 0, NULL, "this", 0, 0, NULL};

/* ---- suggestions ---- */

/* How many letters differ, are missing or too many. */
static size_t distance(const char *a, const char *b)
{
    size_t row[WORD_MAX + 1];
    size_t len_a = strlen(a), len_b = strlen(b);

    if (len_a > WORD_MAX || len_b > WORD_MAX)
        return WORD_MAX;
    for (size_t j = 0; j <= len_b; j++)
        row[j] = j;
    for (size_t i = 1; i <= len_a; i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t j = 1; j <= len_b; j++) {
            size_t best = corner + (a[i - 1] != b[j - 1]);
            corner = row[j];
            best = row[j] + 1 < best ? row[j] + 1 : best;
            row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
        }
    }
    return row[len_b];
}

const char *option_nearest(const char *const *names, const char *word)
{
    const char *nearest = NULL;
    size_t least = strlen(word) > 4 ? 4 : 3; /* farther than this is no slip of the finger */

    for (; *names != NULL; names++) {
        size_t d = distance(word, *names);
        bool start = strlen(word) >= 2 && strncmp(word, *names, strlen(word)) == 0;
        if (start)
            d = 1;
        if (d < least) {
            least = d;
            nearest = *names;
        }
    }
    return nearest;
}

static int fail_unknown(const struct option *options, const char *name, struct err_text *why)
{
    const char *names[64];
    const char *nearest;
    size_t count = 0;

    for (; options[count].name != NULL && count < 62; count++)
        names[count] = options[count].name;
    names[count++] = help.name;
    names[count] = NULL;
    nearest = option_nearest(names, name);
    if (nearest != NULL)
        err_text_set(why, "there is no option --%s; did you mean --%s?", name, nearest);
    else
        err_text_set(why, "there is no option --%s; see --help", name);
    return err_raise(-EINVAL);
}

/* ---- parsing ---- */

static void texts_add(struct option_texts *list, const char *text)
{
    list->texts = mem_realloc_array(list->texts, list->count + 1, sizeof *list->texts);
    list->texts[list->count++] = text;
}

void option_texts_fini(struct option_texts *list)
{
    mem_free(list->texts);
    *list = (struct option_texts){0};
}

static int take_number(const struct option *option, const char *text, int64_t *out,
                       struct err_text *why)
{
    char *end;
    long long number;

    errno = 0;
    number = strtoll(text, &end, 10);
    if (*text == '\0' || *end != '\0' || errno != 0 || number < option->min ||
        number > option->max) {
        err_text_set(why, "--%s wants a number from %lld to %lld, not \"%s\"", option->name,
                     (long long)option->min, (long long)option->max, text);
        return err_raise(-EINVAL);
    }
    *out = number;
    return 0;
}

static int take_choice(const struct option *option, const char *text, const char **out,
                       struct err_text *why)
{
    struct buf list = {0};

    for (const char *const *choice = option->choices; *choice != NULL; choice++) {
        if (strcmp(*choice, text) == 0) {
            *out = *choice;
            buf_fini(&list);
            return 0;
        }
        buf_append_format(&list, "%s%s", list.len > 0 ? ", " : "", *choice);
    }
    err_text_set(why, "--%s wants one of %s, not \"%s\"", option->name, buf_string(&list), text);
    buf_fini(&list);
    return err_raise(-EINVAL);
}

static int take(const struct option *option, const char *text, void *values, struct err_text *why)
{
    void *place = (char *)values + option->offset;
    int r = 0;

    switch (option->kind) {
    case OPTION_TEXT: *(const char **)place = text; break;
    case OPTION_TEXTS: texts_add(place, text); break;
    case OPTION_NUMBER: r = take_number(option, text, place, why); break;
    case OPTION_CHOICE: r = take_choice(option, text, place, why); break;
    case OPTION_FLAG: *(bool *)place = true; break;
    }
    return r < 0 ? err_pass(r) : 0;
}

/* The option that `word` ("--port=1", "-p") names; *value is behind its "=", or NULL. */
static const struct option *find(const struct option *options, const char *word, const char **value)
{
    const char *name = word + (word[1] == '-' ? 2 : 1);
    const char *equals = strchr(name, '=');
    size_t len = equals != NULL ? (size_t)(equals - name) : strlen(name);

    *value = equals != NULL ? equals + 1 : NULL;
    for (; options->name != NULL; options++) {
        if (word[1] == '-' ? strlen(options->name) == len && memcmp(options->name, name, len) == 0
                           : len == 1 && options->letter == name[0])
            return options;
    }
    return NULL;
}

static int parse_one(const struct option *options, int argc, char *const *argv, int *at,
                     void *values, struct err_text *why)
{
    const char *word = argv[*at];
    const char *value;
    const struct option *option = find(options, word, &value);
    char name[64];
    int r;

    if (option == NULL) {
        size_t len = strcspn(word + 1 + (word[1] == '-'), "=");
        len = len < sizeof name - 1 ? len : sizeof name - 1;
        memcpy(name, word + 1 + (word[1] == '-'), len);
        name[len] = '\0';
        return fail_unknown(options, name, why);
    }
    if (option->kind == OPTION_FLAG && value != NULL) {
        err_text_set(why, "--%s takes no value", option->name);
        return err_raise(-EINVAL);
    }
    if (option->kind != OPTION_FLAG && value == NULL) {
        if (*at + 1 >= argc) {
            err_text_set(why, "--%s wants a value: --%s %s", option->name, option->name,
                         option->value);
            return err_raise(-EINVAL);
        }
        value = argv[++*at];
    }
    r = take(option, value, values, why);
    return r < 0 ? err_pass(r) : 0;
}

void option_values_fini(const struct option *options, void *values)
{
    for (; options != NULL && options->name != NULL; options++)
        if (options->kind == OPTION_TEXTS)
            option_texts_fini((struct option_texts *)((char *)values + options->offset));
}

int option_parse(const struct option *options, int argc, char *const *argv, void *values,
                 struct option_texts *rest, struct err_text *why)
{
    bool plain = false; /* behind "--" */

    if (options == NULL)
        options = &none;
    for (int at = 0; at < argc; at++) {
        int r = 0;
        if (!plain && strcmp(argv[at], "--") == 0)
            plain = true;
        else if (plain || argv[at][0] != '-' || argv[at][1] == '\0')
            texts_add(rest, argv[at]);
        else if (strcmp(argv[at], "--help") == 0 || strcmp(argv[at], "-h") == 0)
            return OPTION_HELP;
        else
            r = parse_one(options, argc, argv, &at, values, why);
        if (r < 0)
            return err_pass(r);
    }
    return 0;
}

/* ---- help ---- */

static void help_one(const struct option *option, struct buf *out)
{
    size_t start = out->len;

    if (option->letter != 0)
        buf_append_format(out, "  -%c, --%s", option->letter, option->name);
    else
        buf_append_format(out, "      --%s", option->name);
    if (option->value != NULL)
        buf_append_format(out, " %s", option->value);
    if (out->len - start >= HELP_COLUMN) {
        buf_append_byte(out, '\n');
        start = out->len;
    }
    while (out->len - start < HELP_COLUMN)
        buf_append_byte(out, ' ');
    for (const char *at = option->help; *at != '\0'; at++) {
        buf_append_byte(out, (uint8_t)*at);
        for (size_t i = 0; *at == '\n' && i < HELP_COLUMN; i++)
            buf_append_byte(out, ' ');
    }
    buf_append_byte(out, '\n');
}

void option_help(const struct option *options, struct buf *out)
{
    for (; options != NULL && options->name != NULL; options++)
        help_one(options, out);
    help_one(&help, out);
}
