#include "base/sm.h"
#include "test.h"

enum door {
    DOOR_OPEN,
    DOOR_SHUT,
    DOOR_LOCKED,
};

static const struct sm_state states[] = {
    [DOOR_OPEN] = {"open", SM_TO(DOOR_SHUT)},
    [DOOR_SHUT] = {"shut", SM_TO(DOOR_OPEN) | SM_TO(DOOR_LOCKED)},
    [DOOR_LOCKED] = {"locked", SM_TO(DOOR_SHUT)},
};
static const struct sm door = SM("door", states);

TEST(moves_in_the_table_are_made)
{
    CHECK_EQ(sm_move(&door, DOOR_OPEN, DOOR_SHUT), DOOR_SHUT);
    CHECK_EQ(sm_move(&door, DOOR_SHUT, DOOR_LOCKED), DOOR_LOCKED);
    CHECK(sm_allows(&door, DOOR_SHUT, DOOR_OPEN));
    CHECK(!sm_allows(&door, DOOR_OPEN, DOOR_OPEN));
    CHECK_STR_EQ(sm_name(&door, DOOR_LOCKED), "locked");
    CHECK_STR_EQ(sm_name(&door, 99), "?");
}

static void lock_open_door(void *arg)
{
    (void)arg;
    sm_move(&door, DOOR_OPEN, DOOR_LOCKED);
}

TEST(a_move_that_is_not_in_the_table_aborts)
{
    CHECK(test_aborts(lock_open_door, NULL));
}
