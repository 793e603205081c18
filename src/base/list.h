#pragma once

/*
 * List
 *
 * Doubly linked, circular, intrusive: the link is embedded in what is listed, so that nothing is
 * allocated and an element leaves in constant time knowing only itself. A head and a link are
 * the same struct; both are initialised with list_init(), after which list_remove() is harmless
 * on a link that is in no list.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct list {
    struct list *prev;
    struct list *next;
};

/* The struct around an embedded member. */
#define container_of(ptr, type, member) ((type *)((uintptr_t)(ptr)-offsetof(type, member)))

static inline void list_init(struct list *list)
{
    list->prev = list;
    list->next = list;
}

/* As a head: nothing listed. As a link: in no list. */
static inline bool list_empty(const struct list *list)
{
    return list->next == list;
}

/* Put `link`, which is in no list, right before `place`. */
static inline void list_insert_before(struct list *place, struct list *link)
{
    link->prev = place->prev;
    link->next = place;
    place->prev->next = link;
    place->prev = link;
}

static inline void list_push_front(struct list *head, struct list *link)
{
    list_insert_before(head->next, link);
}

static inline void list_push_back(struct list *head, struct list *link)
{
    list_insert_before(head, link);
}

/* Take `link` out of whatever list it is in; it is ready to be pushed again. */
static inline void list_remove(struct list *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    list_init(link);
}

/* NULL if there is none. */
static inline struct list *list_first(const struct list *head)
{
    return head->next == head ? NULL : head->next;
}

static inline struct list *list_last(const struct list *head)
{
    return head->prev == head ? NULL : head->prev;
}

/* Take out the first and return it; NULL if there is none. */
static inline struct list *list_pop_front(struct list *head)
{
    struct list *link = list_first(head);

    if (link != NULL)
        list_remove(link);
    return link;
}

/* Move everything of `from` to the end of `to`; `from` is empty afterwards. */
void list_splice_back(struct list *to, struct list *from);

/* Counts by walking: for tests and dumps. */
size_t list_count(const struct list *head);

/* `it` is a struct list *; the list must not change. */
#define list_for_each(it, head) for ((it) = (head)->next; (it) != (head); (it) = (it)->next)

/* As above, but `it` itself may be removed and freed. `tmp` is another struct list *. */
#define list_for_each_safe(it, tmp, head)                                                          \
    for ((it) = (head)->next, (tmp) = (it)->next; (it) != (head); (it) = (tmp), (tmp) = (it)->next)
