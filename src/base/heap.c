#include "base/heap.h"

#include "base/assert.h"
#include "base/mem.h"

/*
 * nodes[0] is the first; the children of i are 2i + 1 and 2i + 2, and come after it. Moving a
 * node writes its place, so place == index + 1 holds for every node at any time.
 */

void heap_init(struct heap *heap)
{
    *heap = (struct heap){0};
}

void heap_fini(struct heap *heap)
{
    for (size_t i = 0; i < heap->count; i++)
        heap->nodes[i]->place = 0;
    mem_free(heap->nodes);
    heap_init(heap);
}

static bool before(const struct heap_node *a, const struct heap_node *b)
{
    return a->key != b->key ? a->key < b->key : a->order < b->order;
}

static void put(struct heap *heap, size_t index, struct heap_node *node)
{
    heap->nodes[index] = node;
    node->place = index + 1;
}

static void sift_up(struct heap *heap, size_t index, struct heap_node *node)
{
    while (index > 0) {
        size_t parent = (index - 1) / 2;

        if (!before(node, heap->nodes[parent]))
            break;
        put(heap, index, heap->nodes[parent]);
        index = parent;
    }
    put(heap, index, node);
}

static void sift_down(struct heap *heap, size_t index, struct heap_node *node)
{
    for (;;) {
        size_t child = 2 * index + 1;

        if (child >= heap->count)
            break;
        if (child + 1 < heap->count && before(heap->nodes[child + 1], heap->nodes[child]))
            child++;
        if (!before(heap->nodes[child], node))
            break;
        put(heap, index, heap->nodes[child]);
        index = child;
    }
    put(heap, index, node);
}

/* `node` belongs at `index` or somewhere above or below it. */
static void settle(struct heap *heap, size_t index, struct heap_node *node)
{
    if (index > 0 && before(node, heap->nodes[(index - 1) / 2]))
        sift_up(heap, index, node);
    else
        sift_down(heap, index, node);
}

void heap_push(struct heap *heap, struct heap_node *node, uint64_t key)
{
    ASSERT(!heap_contains(node));
    if (heap->count == heap->cap) {
        heap->cap = heap->cap > 0 ? heap->cap * 2 : 16;
        heap->nodes = mem_realloc_array(heap->nodes, heap->cap, sizeof(struct heap_node *));
    }
    node->key = key;
    node->order = heap->order_next++;
    sift_up(heap, heap->count++, node);
}

struct heap_node *heap_peek(const struct heap *heap)
{
    return heap->count > 0 ? heap->nodes[0] : NULL;
}

struct heap_node *heap_pop(struct heap *heap)
{
    struct heap_node *node = heap_peek(heap);

    if (node != NULL)
        heap_remove(heap, node);
    return node;
}

void heap_remove(struct heap *heap, struct heap_node *node)
{
    size_t index = node->place - 1;
    struct heap_node *moved;

    if (!heap_contains(node))
        return;
    ASSERT(index < heap->count && heap->nodes[index] == node);
    moved = heap->nodes[--heap->count];
    node->place = 0;
    if (moved != node)
        settle(heap, index, moved);
}

void heap_update(struct heap *heap, struct heap_node *node, uint64_t key)
{
    if (!heap_contains(node)) {
        heap_push(heap, node, key);
        return;
    }
    node->key = key;
    node->order = heap->order_next++;
    settle(heap, node->place - 1, node);
}
