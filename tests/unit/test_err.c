#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "test.h"

static int disk(void)
{
    return err_raise(-EIO);
}

static int journal(void)
{
    int r = disk();

    return r < 0 ? err_pass(r) : 0;
}

TEST(a_fault_leaves_a_trail_on_its_way_up)
{
    CHECK_EQ(journal(), -EIO);
    CHECK(strstr(err_trail(), "Input/output error (EIO) at disk test_err.c:") == err_trail());
    CHECK(strstr(err_trail(), " via journal test_err.c:") != NULL);
}

TEST(a_new_fault_starts_a_new_trail)
{
    journal();
    err_raise(-ENOSPC);
    CHECK(strstr(err_trail(), "EIO") == NULL);
    CHECK(strstr(err_trail(), "ENOSPC") != NULL);
}

TEST(a_very_long_trail_keeps_its_start)
{
    disk();
    for (int i = 0; i < 1000; i++)
        err_pass(-EIO);
    CHECK(strlen(err_trail()) < 512);
    CHECK(strstr(err_trail(), "at disk") != NULL);
}

static void raise_outcome(void *arg)
{
    err_raise(*(int *)arg);
}

TEST(an_outcome_is_not_a_fault)
{
    int outcome = 1;

    CHECK(test_aborts(raise_outcome, &outcome));
}

TEST(faults_have_names_and_descriptions_of_either_sign)
{
    CHECK_STR_EQ(err_name(-EIO), "EIO");
    CHECK_STR_EQ(err_name(ECONNRESET), "ECONNRESET");
    CHECK_STR_EQ(err_name(-99999), "EUNKNOWN");
    CHECK_STR_EQ(err_name(0), "OK");
    CHECK_STR_EQ(err_describe(-ENOENT), "No such file or directory");
}

TEST(a_message_for_people_is_formatted_and_cut)
{
    struct err_text err = {0};

    err_text_set(NULL, "nobody listens");
    err_text_set(&err, "no class %s", "Room");
    CHECK_STR_EQ(err.text, "no class Room");
    err_text_set(&err, "%01000d", 1);
    CHECK_EQ(strlen(err.text), sizeof err.text - 1);
}
