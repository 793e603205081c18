#include <stddef.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "cli/option.h"
#include "test.h"

struct values {
    int64_t port;
    const char *host;
    struct option_texts vars;
    const char *mode;
    bool loud;
};

static const char *const modes[] = {"idle", "always", NULL};

static const struct option options[] = {
    {"port", 'p', OPTION_NUMBER, offsetof(struct values, port), "N", "the port", 0, 65535, NULL},
    {"host", 0, OPTION_TEXT, offsetof(struct values, host), "ADDRESS", "the host", 0, 0, NULL},
    {"var", 0, OPTION_TEXTS, offsetof(struct values, vars), "NAME:VALUE", "a variable\nmore", 0, 0,
     NULL},
    {"evict", 0, OPTION_CHOICE, offsetof(struct values, mode), "MODE", "when", 0, 0, modes},
    {"loud", 'l', OPTION_FLAG, offsetof(struct values, loud), NULL, "be loud", 0, 0, NULL},
    {NULL, 0, OPTION_FLAG, 0, NULL, NULL, 0, 0, NULL},
};

static struct values values;
static struct option_texts rest;
static struct err_text why;

/* Up to six words, the first NULL ends them. */
static int parse(const char *a, const char *b, const char *c, const char *d, const char *e)
{
    const char *words[] = {a, b, c, d, e, NULL};
    char copies[5][64];
    char *argv[6] = {0};
    static char kept[5][64];
    int argc = 0;

    for (; words[argc] != NULL; argc++) {
        memcpy(copies[argc], words[argc], strlen(words[argc]) + 1);
        memcpy(kept[argc], copies[argc], sizeof kept[argc]);
        argv[argc] = kept[argc];
    }
    option_texts_fini(&values.vars);
    option_texts_fini(&rest);
    values = (struct values){.port = -1};
    why.text[0] = '\0';
    return option_parse(options, argc, argv, &values, &rest, &why);
}

TEST(values_come_behind_a_space_or_an_equals_sign)
{
    CHECK(parse("--port", "80", "--host=::1", NULL, NULL) == 0);
    CHECK_EQ(values.port, 80);
    CHECK_STR_EQ(values.host, "::1");
    CHECK(parse("-p", "81", "-l", NULL, NULL) == 0);
    CHECK_EQ(values.port, 81);
    CHECK(values.loud);
}

TEST(what_is_no_option_is_kept_in_order)
{
    CHECK(parse("a", "--loud", "b", "--", "--port") == 0);
    CHECK_EQ(rest.count, 3);
    CHECK_STR_EQ(rest.texts[0], "a");
    CHECK_STR_EQ(rest.texts[2], "--port");
}

TEST(an_option_may_be_repeated_if_it_collects)
{
    CHECK(parse("--var", "A:1", "--var=B:2=3", NULL, NULL) == 0);
    CHECK_EQ(values.vars.count, 2);
    CHECK_STR_EQ(values.vars.texts[0], "A:1");
    CHECK_STR_EQ(values.vars.texts[1], "B:2=3");
}

TEST(an_unknown_option_is_answered_with_the_nearest)
{
    CHECK(parse("--prot", "1", NULL, NULL, NULL) < 0);
    CHECK_STR_EQ(why.text, "there is no option --prot; did you mean --port?");
    CHECK(parse("--something", NULL, NULL, NULL, NULL) < 0);
    CHECK_STR_EQ(why.text, "there is no option --something; see --help");
}

TEST(numbers_have_bounds_and_nothing_behind_them)
{
    CHECK(parse("--port", "65536", NULL, NULL, NULL) < 0);
    CHECK_STR_EQ(why.text, "--port wants a number from 0 to 65535, not \"65536\"");
    CHECK(parse("--port", "8x", NULL, NULL, NULL) < 0);
    CHECK(parse("--port=", NULL, NULL, NULL, NULL) < 0);
    CHECK(parse("--port", NULL, NULL, NULL, NULL) < 0);
    CHECK_STR_EQ(why.text, "--port wants a value: --port N");
}

TEST(a_choice_is_one_of_its_words)
{
    CHECK(parse("--evict=always", NULL, NULL, NULL, NULL) == 0);
    CHECK_STR_EQ(values.mode, "always");
    CHECK(parse("--evict=never", NULL, NULL, NULL, NULL) < 0);
    CHECK_STR_EQ(why.text, "--evict wants one of idle, always, not \"never\"");
    CHECK(parse("--loud=1", NULL, NULL, NULL, NULL) < 0);
}

TEST(help_lists_every_option_in_columns)
{
    struct buf text = {0};

    option_help(options, &text);
    CHECK(strstr(buf_string(&text), "  -p, --port N            the port\n") != NULL);
    CHECK(strstr(buf_string(&text), "      --var NAME:VALUE    a variable\n"
                                    "                          more\n") != NULL);
    buf_fini(&text);
    option_texts_fini(&values.vars);
    option_texts_fini(&rest);
}
