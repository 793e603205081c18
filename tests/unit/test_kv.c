#include "store/kv.h"
#include "store_world.h"

static struct store_world *world;

static struct database *fresh(void)
{
    world = store_world_create();
    return store_world_object(world, 1);
}

static void end(struct database *db)
{
    database_close(db);
    store_world_end(world);
}

static void put(struct database *db, const char *key, const char *value)
{
    CHECK_EQ(kv_put(db, bytes_of_string(key), bytes_of_string(value), NULL), 0);
}

/* "a=1 b=2 " */
static const char *listed(struct database *db, const struct kv_range *range)
{
    static char text[512];
    struct kv_list *list;
    struct bytes key;
    struct bytes value;
    size_t len = 0;
    int r;

    text[0] = '\0';
    CHECK_EQ(kv_list_open(db, range, &list, NULL), 0);
    while ((r = kv_list_next(list, &key, &value, NULL)) == 0)
        len += (size_t)snprintf(text + len, sizeof text - len, "%.*s=%.*s ", (int)key.len, key.data,
                                (int)value.len, value.data);
    CHECK_EQ(r, KV_LIST_END);
    kv_list_close(list);
    return text;
}

TEST(a_missing_key_makes_no_table)
{
    struct database *db = fresh();
    struct bytes value;
    bool existed = true;

    CHECK_EQ(kv_get(db, BYTES("a"), &value, NULL), KV_GET_MISSING);
    CHECK_EQ(kv_delete(db, BYTES("a"), &existed, NULL), 0);
    CHECK(!existed);
    CHECK_STR_EQ(listed(db, &(struct kv_range){0}), "");
    CHECK_EQ(check_commits(db), 0);
    end(db);
}

TEST(a_put_is_found_replaced_and_deleted)
{
    struct database *db = fresh();
    struct bytes value;
    bool existed;

    put(db, "a", "1");
    put(db, "a", "2");
    CHECK_EQ(kv_get(db, BYTES("a"), &value, NULL), 0);
    CHECK_BYTES_EQ(value, BYTES("2"));
    CHECK_EQ(kv_delete(db, BYTES("a"), &existed, NULL), 0);
    CHECK(existed);
    CHECK_EQ(kv_get(db, BYTES("a"), &value, NULL), KV_GET_MISSING);
    end(db);
}

TEST(an_empty_value_is_not_a_missing_one)
{
    struct database *db = fresh();
    struct bytes value = BYTES("x");

    put(db, "", "");
    CHECK_EQ(kv_get(db, BYTES(""), &value, NULL), 0);
    CHECK_EQ(value.len, 0);
    end(db);
}

TEST(lists_are_in_byte_order_and_keep_to_their_range)
{
    struct database *db = fresh();

    put(db, "b", "2");
    put(db, "a", "1");
    put(db, "\xc3\xa4", "4");
    put(db, "c", "3");
    CHECK_STR_EQ(listed(db, &(struct kv_range){0}), "a=1 b=2 c=3 \xc3\xa4=4 ");
    CHECK_STR_EQ(listed(db, &(struct kv_range){.reverse = true, .limit = 2}), "\xc3\xa4=4 c=3 ");
    CHECK_STR_EQ(listed(db, &(struct kv_range){.start = BYTES("b")}), "b=2 c=3 \xc3\xa4=4 ");
    CHECK_STR_EQ(listed(db, &(struct kv_range){.end = BYTES("c")}), "a=1 b=2 ");
    CHECK_STR_EQ(listed(db, &(struct kv_range){.start = BYTES("b"), .end = BYTES("c")}), "b=2 ");
    CHECK_STR_EQ(listed(db, &(struct kv_range){.start = BYTES("c"), .end = BYTES("a")}), "");
    end(db);
}

TEST(a_list_may_be_open_while_something_is_written)
{
    struct database *db = fresh();
    struct kv_range all = {0};
    struct kv_list *list;
    struct bytes key;
    struct bytes value;

    put(db, "a", "1");
    put(db, "b", "2");
    CHECK_EQ(kv_list_open(db, &all, &list, NULL), 0);
    CHECK_EQ(kv_list_next(list, &key, &value, NULL), 0);
    put(db, "c", "3");
    check_commits(db);
    store_world_settle(world);
    CHECK_EQ(kv_list_next(list, &key, &value, NULL), 0);
    CHECK_BYTES_EQ(key, BYTES("b"));
    kv_list_close(list);
    end(db);
}

TEST(a_value_too_large_is_the_platforms_error)
{
    struct database *db = fresh();
    struct err_text why = {""};
    uint8_t *large = calloc(1, 9 * 1024 * 1024);

    CHECK_EQ(kv_put(db, BYTES("a"), bytes_of(large, 9 * 1024 * 1024), &why), DATABASE_ERROR);
    CHECK_STR_EQ(why.text, "string or blob too big: SQLITE_TOOBIG");
    free(large);
    end(db);
}

TEST(keys_are_gone_after_a_rollback_and_there_again_after_a_put)
{
    struct database *db = fresh();
    struct bytes value;

    put(db, "a", "1");
    database_rollback(db);
    CHECK_EQ(kv_get(db, BYTES("a"), &value, NULL), KV_GET_MISSING);
    put(db, "a", "2");
    check_commits(db);
    CHECK_EQ(kv_get(db, BYTES("a"), &value, NULL), 0);
    CHECK_BYTES_EQ(value, BYTES("2"));
    end(db);
}
