#include "base/list.h"

void list_splice_back(struct list *to, struct list *from)
{
    if (list_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

size_t list_count(const struct list *head)
{
    size_t count = 0;

    for (const struct list *it = head->next; it != head; it = it->next)
        count++;
    return count;
}
