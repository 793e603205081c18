#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "test.h"

struct seen {
    int lines;
    enum log_level level;
    char text[8192];
};

static void keep(void *arg, enum log_level level, const char *text)
{
    struct seen *seen = arg;

    seen->lines++;
    seen->level = level;
    snprintf(seen->text, sizeof seen->text, "%s", text);
}

static int evaluated;

static int evaluate(void)
{
    return ++evaluated;
}

TEST(a_line_that_is_not_wanted_costs_nothing)
{
    struct seen seen = {0};

    log_set_sink(keep, &seen);
    log_set_level(LOG_WARN);
    log_info("%d", evaluate());
    CHECK_EQ(evaluated, 0);
    log_warn("%d", evaluate());
    CHECK_EQ(evaluated, 1);
    CHECK_EQ(seen.lines, 1);
    CHECK_EQ(seen.level, LOG_WARN);
    CHECK_STR_EQ(seen.text, "1");
    log_set_sink(NULL, NULL);
}

TEST(a_long_line_is_cut)
{
    static struct seen seen;

    log_set_sink(keep, &seen);
    log_set_level(LOG_TRACE);
    log_trace("%09000d", 1);
    CHECK_EQ(strlen(seen.text), 4095);
    CHECK_STR_EQ(seen.text + 4092, "...");
    log_set_sink(NULL, NULL);
}

TEST(levels_have_names)
{
    enum log_level level = LOG_INFO;

    CHECK_STR_EQ(log_level_name(LOG_DEBUG), "debug");
    CHECK(log_level_parse("error", &level));
    CHECK_EQ(level, LOG_ERROR);
    CHECK(!log_level_parse("loud", &level));
    CHECK_EQ(level, LOG_ERROR);
}

static void *talk(void *arg)
{
    for (int i = 0; i < 500; i++)
        log_info("%s %d", (const char *)arg, i);
    return NULL;
}

TEST(threads_take_turns)
{
    static struct seen seen;
    pthread_t threads[4];
    char name[] = "thread";

    log_set_level(LOG_INFO);
    log_set_sink(keep, &seen);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, talk, name), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    log_set_sink(NULL, NULL);
    CHECK_EQ(seen.lines, 2000);
}
