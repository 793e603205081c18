#include "base/heap.h"
#include "base/rng.h"
#include "test.h"

enum {
    NODES = 300,
};

TEST(the_smallest_key_leaves_first)
{
    struct heap_node nodes[5] = {0};
    const uint64_t keys[5] = {50, 10, UINT64_MAX, 0, 30};
    struct heap heap;

    heap_init(&heap);
    CHECK(heap_peek(&heap) == NULL && heap_pop(&heap) == NULL);
    for (int i = 0; i < 5; i++)
        heap_push(&heap, &nodes[i], keys[i]);
    CHECK(heap_peek(&heap) == &nodes[3]);
    CHECK(heap_pop(&heap) == &nodes[3]);
    CHECK(heap_pop(&heap) == &nodes[1]);
    CHECK(heap_pop(&heap) == &nodes[4]);
    CHECK(heap_pop(&heap) == &nodes[0]);
    CHECK(heap_pop(&heap) == &nodes[2]);
    CHECK(heap_pop(&heap) == NULL);
    heap_fini(&heap);
}

TEST(equal_keys_leave_in_the_order_they_came)
{
    static struct heap_node nodes[NODES];
    struct heap heap;

    heap_init(&heap);
    for (int i = 0; i < NODES; i++)
        heap_push(&heap, &nodes[i], (uint64_t)(i % 3));
    for (int key = 0; key < 3; key++) {
        for (int i = key; i < NODES; i += 3)
            CHECK(heap_pop(&heap) == &nodes[i]);
    }
    heap_fini(&heap);
}

TEST(removing_what_is_not_there_does_nothing)
{
    struct heap_node node = {0};
    struct heap heap;

    heap_init(&heap);
    heap_remove(&heap, &node);
    heap_update(&heap, &node, 4);
    CHECK(heap_contains(&node));
    heap_remove(&heap, &node);
    heap_remove(&heap, &node);
    CHECK(!heap_contains(&node));
    heap_push(&heap, &node, 1);
    heap_fini(&heap);
    CHECK(!heap_contains(&node));
}

static struct heap_node *smallest(struct heap_node *nodes)
{
    struct heap_node *best = NULL;

    for (int i = 0; i < NODES; i++) {
        if (heap_contains(&nodes[i]) &&
            (best == NULL || nodes[i].key < best->key ||
             (nodes[i].key == best->key && nodes[i].order < best->order)))
            best = &nodes[i];
    }
    return best;
}

TEST(any_history_agrees_with_a_plain_search)
{
    static struct heap_node nodes[NODES];
    struct heap heap;
    struct rng rng;

    heap_init(&heap);
    rng_init(&rng, 42);
    for (int i = 0; i < 20000; i++) {
        struct heap_node *node = &nodes[rng_below(&rng, NODES)];

        switch (rng_below(&rng, 4)) {
        case 0: heap_remove(&heap, node); break;
        case 1: CHECK(heap_peek(&heap) == smallest(nodes)); break;
        case 2: heap_pop(&heap); break;
        default: heap_update(&heap, node, rng_below(&rng, 50)); break;
        }
    }
    while (heap.count > 0) {
        struct heap_node *expected = smallest(nodes);

        CHECK(heap_pop(&heap) == expected);
    }
    heap_fini(&heap);
}
