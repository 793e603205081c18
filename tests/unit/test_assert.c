#include "base/assert.h"
#include "test.h"

static void state(void *arg)
{
    ASSERT(*(int *)arg == 1);
}

static void reach(void *arg)
{
    (void)arg;
    UNREACHABLE();
}

TEST(a_true_assertion_is_silent_and_a_false_one_aborts)
{
    int one = 1;
    int two = 2;

    CHECK(!test_aborts(state, &one));
    CHECK(test_aborts(state, &two));
}

TEST(reaching_the_unreachable_aborts)
{
    CHECK(test_aborts(reach, NULL));
}
