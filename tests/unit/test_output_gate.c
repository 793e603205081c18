#include "actor/output_gate.h"
#include "test.h"

/* A message that notes what the gate said, and in what order messages were answered. */
struct message {
    struct output_gate_wait wait;
    enum output_gate_verdict verdict;
    int order; /* 0 until answered */
};

static int answered;

static void answer(struct output_gate_wait *wait, enum output_gate_verdict verdict)
{
    struct message *m = container_of(wait, struct message, wait);

    m->verdict = verdict;
    m->order = ++answered;
}

static void send_through(struct output_gate *gate, struct message *m)
{
    m->wait.cb = answer;
    output_gate_pass(gate, &m->wait);
}

static struct output_gate *fresh_gate(void)
{
    answered = 0;
    return output_gate_create();
}

TEST(a_clear_gate_lets_a_message_through_at_once)
{
    struct output_gate *gate = fresh_gate();
    struct message m = {0};

    send_through(gate, &m);
    CHECK(m.order == 1 && m.verdict == OUTPUT_GATE_GO);
    output_gate_destroy(gate);
}

TEST(a_message_waits_for_the_writes_before_it_and_for_no_later_ones)
{
    struct output_gate *gate = fresh_gate();
    struct message first = {0};
    struct message second = {0};
    uint64_t write_a = output_gate_lock(gate);

    send_through(gate, &first);
    uint64_t write_b = output_gate_lock(gate);
    send_through(gate, &second);

    CHECK(first.order == 0 && second.order == 0);
    output_gate_settle(gate, write_a, 0);
    CHECK(first.order == 1 && second.order == 0);
    output_gate_settle(gate, write_b, 0);
    CHECK(second.order == 2);
    output_gate_destroy(gate);
}

TEST(a_lost_write_discards_every_message_now_and_later)
{
    struct output_gate *gate = fresh_gate();
    struct message waiting = {0};
    struct message later = {0};
    uint64_t write = output_gate_lock(gate);

    send_through(gate, &waiting);
    output_gate_settle(gate, write, -5);
    CHECK(waiting.order == 1 && waiting.verdict == OUTPUT_GATE_DISCARD);
    output_gate_lock(gate);
    send_through(gate, &later);
    CHECK(later.order == 2 && later.verdict == OUTPUT_GATE_DISCARD);
    output_gate_destroy(gate);
}

/* A message whose answer makes another one. */
struct chatty {
    struct output_gate_wait wait;
    struct output_gate *gate;
    struct message *next;
};

static void answer_and_send(struct output_gate_wait *wait, enum output_gate_verdict verdict)
{
    struct chatty *chatty = container_of(wait, struct chatty, wait);

    (void)verdict;
    answered++;
    send_through(chatty->gate, chatty->next);
}

TEST(a_message_sent_while_others_are_let_through_goes_behind_them)
{
    struct output_gate *gate = fresh_gate();
    struct message next = {0};
    struct message last = {0};
    struct chatty chatty = {.wait.cb = answer_and_send, .gate = gate, .next = &next};
    uint64_t write = output_gate_lock(gate);

    output_gate_pass(gate, &chatty.wait);
    send_through(gate, &last);
    output_gate_settle(gate, write, 0);
    CHECK(last.order == 2);
    CHECK(next.order == 3);
    output_gate_destroy(gate);
}

TEST(a_cancelled_message_is_never_answered)
{
    struct output_gate *gate = fresh_gate();
    struct message m = {0};
    uint64_t write = output_gate_lock(gate);

    send_through(gate, &m);
    output_gate_cancel(&m.wait);
    output_gate_cancel(&m.wait);
    output_gate_settle(gate, write, 0);
    CHECK(m.order == 0);
    output_gate_destroy(gate);
}

TEST(a_gate_that_goes_discards_who_waits)
{
    struct output_gate *gate = fresh_gate();
    struct message m = {0};

    output_gate_lock(gate);
    send_through(gate, &m);
    output_gate_destroy(gate);
    CHECK(m.order == 1 && m.verdict == OUTPUT_GATE_DISCARD);
}

TEST(a_corked_gate_answers_in_order_when_it_is_uncorked)
{
    struct output_gate *gate = fresh_gate();
    struct message before = {0};
    struct message after = {0};
    uint64_t write;

    output_gate_cork(gate);
    send_through(gate, &before);
    write = output_gate_lock(gate);
    send_through(gate, &after);
    CHECK(answered == 0);
    output_gate_uncork(gate);
    CHECK(before.order == 1 && after.order == 0);
    output_gate_settle(gate, write, 0);
    CHECK(after.order == 2);
    output_gate_destroy(gate);
}

TEST(a_write_that_settles_under_the_cork_lets_nobody_through_before_it_is_drawn)
{
    struct output_gate *gate = fresh_gate();
    struct message m = {0};
    uint64_t write = output_gate_lock(gate);

    output_gate_cork(gate);
    send_through(gate, &m);
    output_gate_settle(gate, write, 0);
    CHECK(m.order == 0);
    output_gate_uncork(gate);
    CHECK(m.order == 1);
    output_gate_destroy(gate);
}

TEST(more_may_leave_with_the_last_message_until_something_is_written_or_said)
{
    struct output_gate *gate = fresh_gate();
    struct message m = {0};
    struct message other = {0};

    output_gate_lock(gate);
    send_through(gate, &m);
    CHECK(output_gate_is_last(gate, &m.wait));
    output_gate_lock(gate);
    CHECK(!output_gate_is_last(gate, &m.wait));
    send_through(gate, &other);
    CHECK(!output_gate_is_last(gate, &m.wait));
    CHECK(output_gate_is_last(gate, &other.wait));
    output_gate_destroy(gate);
}
