#include <string.h>

#include "actor/namespace.h"
#include "fake_store.h"
#include "sim_os.h"
#include "test.h"

/* The expected ids were computed with node:crypto from the rules in platform.md §2.2. */

static struct store *store;

static struct namespace *fresh(const char *unique_key)
{
    struct namespace *ns;

    if (store == NULL)
        store = fake_store_create(1);
    CHECK(namespace_create(&ns, store, unique_key, "Room", 0) == 0);
    return ns;
}

static void done(struct namespace *ns)
{
    namespace_destroy(ns);
    fake_store_destroy(store);
    store = NULL;
}

static const char *named(const struct namespace *ns, const char *name)
{
    static char hex[OBJECT_ID_HEX + 1];
    struct object_id id;

    object_id_from_name(ns, bytes_of_string(name), &id);
    object_id_format(&id, hex);
    return hex;
}

TEST(a_named_id_is_what_workerd_derives)
{
    struct namespace *ns = fresh("chat-Room");
    char longest[301];

    memset(longest, 'x', 300);
    longest[300] = '\0';
    CHECK_STR_EQ(named(ns, "lobby"),
                 "760d68f668df019193e4826d1aa3927398d54a3289861a21ac13a471ae4c203f");
    CHECK_STR_EQ(named(ns, ""), "936ba089a161aa0d1ec15047f1c13b664fd3530f1325c5133d0346cfa8641d2a");
    CHECK_STR_EQ(named(ns, "naïve ☃"),
                 "667ce24a5cce1adff93d0b9eb84c05e199d653e89832135e2dbb5ddd72a5bced");
    CHECK_STR_EQ(named(ns, longest),
                 "b08a9252416479073a2945f4944e917f37fe553b400dafadf085302c0710863a");
    done(ns);
}

TEST(an_id_is_read_back_in_either_case)
{
    struct namespace *ns = fresh("chat-Room");
    struct object_id id;
    char hex[OBJECT_ID_HEX + 1];

    CHECK(object_id_from_string(
              ns,
              bytes_of_string("abababababababababababababababab3c1b976b8b0a2fdfe75cda6b05afab60"),
              &id) == 0);
    object_id_format(&id, hex);
    CHECK_STR_EQ(hex, "abababababababababababababababab3c1b976b8b0a2fdfe75cda6b05afab60");
    for (char *c = hex; *c != '\0'; c++)
        *c = *c >= 'a' ? (char)(*c - 32) : *c;
    CHECK(object_id_from_string(ns, bytes_of_string(hex), &id) == 0);
    done(ns);
}

TEST(what_is_not_64_hex_digits_is_no_id)
{
    struct namespace *ns = fresh("chat-Room");
    struct object_id id;
    char hex[OBJECT_ID_HEX + 2] =
        "760d68f668df019193e4826d1aa3927398d54a3289861a21ac13a471ae4c203f";

    CHECK(object_id_from_string(ns, bytes_of(hex, 63), &id) == OBJECT_ID_NOT_HEX);
    hex[64] = '0';
    CHECK(object_id_from_string(ns, bytes_of(hex, 65), &id) == OBJECT_ID_NOT_HEX);
    hex[3] = 'g';
    CHECK(object_id_from_string(ns, bytes_of(hex, 64), &id) == OBJECT_ID_NOT_HEX);
    CHECK(object_id_from_string(ns, BYTES(""), &id) == OBJECT_ID_NOT_HEX);
    done(ns);
}

TEST(an_id_of_another_namespace_is_foreign)
{
    struct namespace *ns = fresh("chat-Room");
    struct namespace *other = fresh("chat-User");
    struct object_id id;

    CHECK(object_id_from_string(other, bytes_of_string(named(ns, "lobby")), &id) ==
          OBJECT_ID_FOREIGN);
    namespace_destroy(other);
    done(ns);
}

TEST(unique_ids_differ_and_check)
{
    struct namespace *ns = fresh("chat-Room");
    struct sim_os *sim = sim_os_create(1);
    struct object_id a;
    struct object_id b;
    struct object_id back;
    char hex[OBJECT_ID_HEX + 1];

    object_id_unique(ns, sim_os_base(sim), &a);
    object_id_unique(ns, sim_os_base(sim), &b);
    CHECK(!object_id_equal(&a, &b));
    object_id_format(&a, hex);
    CHECK(object_id_from_string(ns, bytes_of_string(hex), &back) == 0);
    CHECK(object_id_equal(&a, &back));
    sim_os_destroy(sim);
    done(ns);
}

TEST(a_namespace_keeps_its_number_in_the_store)
{
    struct namespace *ns = fresh("chat-Room");
    struct namespace *other = fresh("chat-User");
    struct namespace *again = fresh("chat-Room");

    CHECK_EQ(namespace_number(ns), namespace_number(again));
    CHECK(namespace_number(ns) != namespace_number(other));
    CHECK_STR_EQ(namespace_class_name(ns), "Room");
    CHECK(!namespace_sql(ns));
    namespace_set_sql(ns, true);
    CHECK(namespace_sql(ns));
    namespace_destroy(again);
    namespace_destroy(other);
    done(ns);
}
