#pragma once

/*
 * Heap
 *
 * What is due first, by a 64-bit key (a time, a sequence number). Intrusive: a node knows its
 * place, so it can leave or change its key from anywhere in O(log n). Equal keys come out in the
 * order they went in, as timers must. One thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Embedded in what waits; zero it before first use. */
struct heap_node {
    uint64_t key;   /* read only while in a heap: change it with heap_update() */
    uint64_t order; /* private: breaks ties */
    size_t place;   /* private: index + 1, 0 while in no heap */
};

struct heap {
    struct heap_node **nodes; /* owned array of borrowed nodes */
    size_t count;
    size_t cap;
    uint64_t order_next;
};

void heap_init(struct heap *heap);

/* Frees the array. Nodes still inside are let go. */
void heap_fini(struct heap *heap);

/* `node` is in no heap. */
void heap_push(struct heap *heap, struct heap_node *node, uint64_t key);

/* The node with the smallest key, which stays; NULL if there is none. */
struct heap_node *heap_peek(const struct heap *heap);

/* The same, taken out. */
struct heap_node *heap_pop(struct heap *heap);

/* Harmless if the node is in no heap. */
void heap_remove(struct heap *heap, struct heap_node *node);

/* Give a node another key, behind those that have the same; pushes it if it is in no heap. */
void heap_update(struct heap *heap, struct heap_node *node, uint64_t key);

static inline bool heap_contains(const struct heap_node *node)
{
    return node->place != 0;
}
