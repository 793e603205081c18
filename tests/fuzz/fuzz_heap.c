/*
 * Heap: the input is a history of pushes, updates, removals and pops over a few nodes; a plain
 * search says what must come out.
 */

#include "base/assert.h"
#include "base/heap.h"

enum {
    NODES = 32,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct heap_node *first_of(struct heap_node *nodes)
{
    struct heap_node *best = NULL;

    for (int i = 0; i < NODES; i++) {
        if (!heap_contains(&nodes[i]))
            continue;
        if (best == NULL || nodes[i].key < best->key ||
            (nodes[i].key == best->key && nodes[i].order < best->order))
            best = &nodes[i];
    }
    return best;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct heap_node nodes[NODES] = {0};
    struct heap_node *expected;
    struct heap heap;

    heap_init(&heap);
    for (size_t i = 0; i + 1 < size; i += 2) {
        struct heap_node *node = &nodes[data[i] % NODES];

        switch (data[i] / NODES % 4) {
        case 0: heap_remove(&heap, node); break;
        case 1: heap_update(&heap, node, data[i + 1]); break;
        case 2:
            if (!heap_contains(node))
                heap_push(&heap, node, data[i + 1]);
            break;
        default:
            expected = first_of(nodes);
            ASSERT(heap_pop(&heap) == expected);
            break;
        }
        ASSERT(heap_peek(&heap) == first_of(nodes));
    }
    heap_fini(&heap);
    return 0;
}
