#include "base/list.h"
#include "test.h"

struct item {
    int value;
    struct list link;
};

static int value_of(const struct list *link)
{
    return link != NULL ? container_of(link, struct item, link)->value : -1;
}

TEST(both_ends_take_and_give_in_order)
{
    struct item items[4] = {{.value = 0}, {.value = 1}, {.value = 2}, {.value = 3}};
    struct list head;

    list_init(&head);
    CHECK(list_empty(&head));
    CHECK(list_first(&head) == NULL && list_last(&head) == NULL);
    list_push_back(&head, &items[1].link);
    list_push_back(&head, &items[2].link);
    list_push_front(&head, &items[0].link);
    list_insert_before(&items[2].link, &items[3].link);
    CHECK_EQ(list_count(&head), 4);
    CHECK_EQ(value_of(list_last(&head)), 2);
    CHECK_EQ(value_of(list_pop_front(&head)), 0);
    CHECK_EQ(value_of(list_pop_front(&head)), 1);
    CHECK_EQ(value_of(list_pop_front(&head)), 3);
    CHECK_EQ(value_of(list_pop_front(&head)), 2);
    CHECK_EQ(value_of(list_pop_front(&head)), -1);
}

TEST(a_removed_link_may_be_removed_again_and_pushed_again)
{
    struct item item = {.value = 5};
    struct list head;

    list_init(&head);
    list_init(&item.link);
    list_remove(&item.link);
    list_push_back(&head, &item.link);
    list_remove(&item.link);
    list_remove(&item.link);
    CHECK(list_empty(&head));
    list_push_back(&head, &item.link);
    CHECK_EQ(value_of(list_first(&head)), 5);
}

TEST(elements_may_leave_while_the_list_is_walked)
{
    struct item items[6];
    struct list head;
    struct list *it;
    struct list *tmp;
    int sum = 0;

    list_init(&head);
    for (int i = 0; i < 6; i++) {
        items[i].value = i;
        list_push_back(&head, &items[i].link);
    }
    list_for_each_safe (it, tmp, &head) {
        if (value_of(it) % 2 == 0)
            list_remove(it);
    }
    list_for_each (it, &head)
        sum = sum * 10 + value_of(it);
    CHECK_EQ(sum, 135);
}

TEST(splicing_moves_everything)
{
    struct item items[4] = {{.value = 1}, {.value = 2}, {.value = 3}, {.value = 4}};
    struct list a;
    struct list b;

    list_init(&a);
    list_init(&b);
    list_splice_back(&a, &b);
    CHECK(list_empty(&a));
    list_push_back(&a, &items[0].link);
    list_push_back(&a, &items[1].link);
    list_push_back(&b, &items[2].link);
    list_push_back(&b, &items[3].link);
    list_splice_back(&a, &b);
    CHECK(list_empty(&b));
    for (int i = 1; i <= 4; i++)
        CHECK_EQ(value_of(list_pop_front(&a)), i);
    CHECK(list_empty(&a));
}
