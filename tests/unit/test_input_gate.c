#include <string.h>

#include "actor/input_gate.h"
#include "test.h"

/* Something that waits for the gate and writes down its letter when it is admitted. */
struct waiter {
    struct input_gate_wait wait;
    char letter;
};

static char admitted[32];

static void admit(struct input_gate_wait *wait)
{
    const struct waiter *waiter = container_of(wait, struct waiter, wait);
    size_t len = strlen(admitted);

    admitted[len] = waiter->letter;
    admitted[len + 1] = '\0';
    section_unref(wait->origin);
    wait->origin = NULL;
}

static struct input_gate *fresh_gate(void)
{
    admitted[0] = '\0';
    return input_gate_create();
}

static void wait_in(struct input_gate *gate, struct waiter *waiter, char letter,
                    struct section *origin)
{
    waiter->letter = letter;
    waiter->wait.admit = admit;
    waiter->wait.origin = section_ref(origin);
    input_gate_wait(gate, &waiter->wait);
}

static void pump_all(struct input_gate *gate)
{
    while (input_gate_pump(gate))
        ;
}

TEST(an_open_gate_admits_in_order_of_arrival)
{
    struct input_gate *gate = fresh_gate();
    struct waiter w[3];

    for (int i = 0; i < 3; i++)
        wait_in(gate, &w[i], (char)('a' + i), NULL);
    CHECK(input_gate_waiting(gate));
    pump_all(gate);
    CHECK_STR_EQ(admitted, "abc");
    CHECK(!input_gate_waiting(gate));
    input_gate_destroy(gate);
}

TEST(only_what_was_started_inside_a_running_section_is_admitted)
{
    struct input_gate *gate = fresh_gate();
    struct section *section = section_open(gate, NULL);
    struct waiter outside;
    struct waiter inside;

    CHECK(section_running(section));
    CHECK(!input_gate_admits(gate, NULL));
    CHECK(input_gate_admits(gate, section));
    wait_in(gate, &outside, 'o', NULL);
    wait_in(gate, &inside, 'i', section);
    pump_all(gate);
    CHECK_STR_EQ(admitted, "i");
    section_close(gate, section);
    pump_all(gate);
    CHECK_STR_EQ(admitted, "io");
    section_unref(section);
    input_gate_destroy(gate);
}

TEST(a_section_opened_while_a_sibling_runs_waits_for_it_and_goes_before_other_waiters)
{
    struct input_gate *gate = fresh_gate();
    struct section *first = section_open(gate, NULL);
    struct section *second = section_open(gate, NULL);
    struct waiter outside;
    struct waiter inside;

    CHECK(!section_running(second));
    wait_in(gate, &outside, 'o', NULL);
    wait_in(gate, &inside, '2', second);
    pump_all(gate);
    CHECK_STR_EQ(admitted, "");
    section_close(gate, first);
    CHECK(section_running(second));
    pump_all(gate);
    CHECK_STR_EQ(admitted, "2");
    section_close(gate, second);
    pump_all(gate);
    CHECK_STR_EQ(admitted, "2o");
    section_unref(first);
    section_unref(second);
    input_gate_destroy(gate);
}

TEST(a_nested_section_holds_back_the_one_around_it)
{
    struct input_gate *gate = fresh_gate();
    struct section *outer = section_open(gate, NULL);
    struct section *inner = section_open(gate, outer);
    struct waiter in_outer;
    struct waiter in_inner;

    CHECK_EQ(section_depth(inner), 2);
    wait_in(gate, &in_outer, 'o', outer);
    wait_in(gate, &in_inner, 'i', inner);
    pump_all(gate);
    CHECK_STR_EQ(admitted, "i");
    section_close(gate, inner);
    pump_all(gate);
    CHECK_STR_EQ(admitted, "io");
    section_close(gate, outer);
    section_unref(inner);
    section_unref(outer);
    input_gate_destroy(gate);
}

TEST(waiters_of_a_section_that_ended_join_the_level_around_it)
{
    struct input_gate *gate = fresh_gate();
    struct section *outer = section_open(gate, NULL);
    struct section *inner = section_open(gate, outer);
    struct waiter early;
    struct waiter late;

    wait_in(gate, &early, 'e', inner);
    section_close(gate, inner);
    wait_in(gate, &late, 'l', inner);
    CHECK_EQ(section_depth(inner), 1);
    CHECK(input_gate_admits(gate, inner));
    pump_all(gate);
    CHECK_STR_EQ(admitted, "el");
    section_close(gate, outer);
    CHECK(input_gate_admits(gate, inner));
    section_unref(inner);
    section_unref(outer);
    input_gate_destroy(gate);
}

TEST(a_section_may_end_before_one_inside_it)
{
    struct input_gate *gate = fresh_gate();
    struct section *outer = section_open(gate, NULL);
    struct section *inner = section_open(gate, outer);
    struct section *pending = section_open(gate, outer);
    struct waiter outside;

    wait_in(gate, &outside, 'o', NULL);
    section_close(gate, outer);
    CHECK(section_running(inner));
    CHECK(!section_running(pending));
    pump_all(gate);
    CHECK_STR_EQ(admitted, "");
    section_close(gate, inner);
    CHECK(section_running(pending));
    section_close(gate, pending);
    pump_all(gate);
    CHECK_STR_EQ(admitted, "o");
    section_unref(outer);
    section_unref(inner);
    section_unref(pending);
    input_gate_destroy(gate);
}

TEST(a_cancelled_waiter_is_not_admitted)
{
    struct input_gate *gate = fresh_gate();
    struct section *section = section_open(gate, NULL);
    struct waiter w;

    wait_in(gate, &w, 'x', section);
    input_gate_cancel(&w.wait);
    pump_all(gate);
    CHECK_STR_EQ(admitted, "");
    section_unref(section);
    input_gate_destroy(gate);
}

TEST(sections_outlive_their_gate_as_ended_ones)
{
    struct input_gate *gate = fresh_gate();
    struct section *outer = section_open(gate, NULL);
    struct section *inner = section_open(gate, outer);
    struct section *pending = section_open(gate, outer);
    struct waiter w;

    wait_in(gate, &w, 'x', inner);
    input_gate_destroy(gate);
    CHECK(section_closed(outer) && section_closed(inner) && section_closed(pending));
    CHECK_EQ(section_depth(inner), 0);
    section_unref(inner);
    section_unref(pending);
    section_unref(outer);
}
