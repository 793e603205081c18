#include "actor/failure.h"
#include "base/arena.h"
#include "base/limits.h"
#include "test_native_world.h"

/* Workers KV from a class in C. Each test says what its object does. */

#define LONG_BYTES (3 * 1024 * 1024 + 17) /* four pieces */
#define MANY_KEYS  5
#define SETTINGS                                                                                   \
    "{\"bindings\":[{\"name\":\"TEXT\",\"type\":\"plain_text\",\"text\":\"x\"},"                   \
    "{\"name\":\"KV\",\"type\":\"kv_namespace\",\"namespace\":1}]}"

static struct dm_kv *kv;

/* ---- a class that does what it is told ---- */

static int (*task)(struct dm_object *object, struct dm_event *event);

static int construct(struct dm_object *object, void **instance)
{
    *instance = NULL;
    return dm->kv_namespace(object, "KV", &kv);
}

static int call(void *instance, struct dm_object *object, struct dm_event *event,
                const char *method, const struct dm_value *arguments, size_t count)
{
    (void)instance, (void)method, (void)arguments, (void)count;
    return task(object, event);
}

static const struct dm_class test_class = {
    .size = sizeof(struct dm_class), .name = "Test", .construct = construct, .call = call};

static int later(int r)
{
    return r < 0 ? r : DM_LATER;
}

static void noted(void *instance, struct dm_object *object, void *data,
                  const struct dm_reply *reply)
{
    struct dm_bytes json = dm_str("undefined");

    (void)instance;
    if (reply->error != NULL)
        note("!%s", reply->error);
    else if (reply->value->type != DM_UNDEFINED)
        CHECK_EQ(dm->json_write(object, reply->value, &json), 0);
    if (reply->error == NULL)
        note("%.*s", (int)json.len, (const char *)json.data);
    dm->answer(data, NULL);
}

/* What was read: its bytes as text, then its metadata. */
static void noted_read(void *instance, struct dm_object *object, void *data,
                       const struct dm_reply *reply)
{
    const struct dm_value *value = dm_get(reply->value, "value");
    struct dm_bytes json;

    (void)instance;
    CHECK(reply->error == NULL);
    if (value == NULL) {
        CHECK_EQ(reply->value->type, DM_NULL);
        note("none");
    } else {
        CHECK_EQ(value->type, DM_BYTES);
        CHECK_EQ(dm->json_write(object, dm_get(reply->value, "metadata"), &json), 0);
        note("%.*s:%.*s", (int)value->bytes.len, (const char *)value->bytes.data, (int)json.len,
             (const char *)json.data);
    }
    dm->answer(data, NULL);
}

static int read_a(struct dm_object *object, struct dm_event *event)
{
    return later(dm->kv_read(object, kv, dm_str("a"), noted_read, event));
}

static int remove_a(struct dm_object *object, struct dm_event *event)
{
    return later(dm->kv_remove(object, kv, dm_str("a"), noted, event));
}

static int write_one(struct dm_object *object, struct dm_event *event)
{
    struct dm_member member = {dm_str("n"), dm_number(1)};
    struct dm_value metadata = dm_record(&member, 1);
    struct dm_kv_options options = {.metadata = &metadata};

    return later(dm->kv_write(object, kv, dm_str("a"), dm_str("one"), &options, noted, event));
}

static int write_two(struct dm_object *object, struct dm_event *event)
{
    return later(dm->kv_write(object, kv, dm_str("a"), dm_str("two"), NULL, noted, event));
}

/* ---- the world ---- */

static void answered(struct event *event, struct event_result *result)
{
    (void)event;
    if (result->failure != NULL)
        note("!%s", result->failure->message);
    event_result_fini(result);
}

static void begin(void)
{
    static const struct dm_class *const classes[] = {&test_class};

    world_setting = (struct world_setting){
        .keys = {"w-Test", "kv:x"},
        .names = {"Test", "%kv"},
        .program = {classes, 1, NULL},
        .settings = SETTINGS,
        .segment_size_bytes = 8 * 1024 * 1024,
        .answered = answered,
    };
    world_begin();
}

static void tell(int (*what)(struct dm_object *object, struct dm_event *event))
{
    task = what;
    ask("a", "task");
}

static void ask_for(int (*what)(struct dm_object *object, struct dm_event *event))
{
    tell(what);
    run();
}

/* ---- values ---- */

TEST(what_is_written_is_read_with_its_metadata)
{
    begin();
    ask_for(read_a);
    NOTED("none");
    ask_for(write_one);
    ask_for(read_a);
    NOTED("undefined one:{\"n\":1}");
    ask_for(write_two);
    ask_for(read_a);
    NOTED("undefined two:null");
    ask_for(remove_a);
    ask_for(read_a);
    ask_for(remove_a);
    NOTED("undefined none undefined");
    end();
}

TEST(a_write_is_acknowledged_when_it_is_on_disk)
{
    begin();
    tell(write_one);
    turn();
    NOTED("");
    run();
    NOTED("undefined");
    sim_os_crash(sim, 5);
    close_all();
    sim_os_boot(sim);
    open_all();
    ask_for(read_a);
    NOTED("one:{\"n\":1}");
    end();
}

static uint8_t *long_value(void)
{
    uint8_t *value = mem_alloc(LONG_BYTES);

    for (size_t i = 0; i < LONG_BYTES; i++)
        value[i] = (uint8_t)((i * 31) ^ (i >> 12));
    return value;
}

static int write_long(struct dm_object *object, struct dm_event *event)
{
    uint8_t *value = long_value();
    int r = dm->kv_write(object, kv, dm_str("a"), dm_bytes(value, LONG_BYTES), NULL, noted, event);

    mem_free(value);
    return later(r);
}

static void compared(void *instance, struct dm_object *object, void *data,
                     const struct dm_reply *reply)
{
    const struct dm_value *value = dm_get(reply->value, "value");
    uint8_t *expected = long_value();

    (void)instance, (void)object;
    CHECK_EQ(value->bytes.len, LONG_BYTES);
    note("%s", memcmp(value->bytes.data, expected, LONG_BYTES) == 0 ? "same" : "other");
    mem_free(expected);
    dm->answer(data, NULL);
}

static int read_long(struct dm_object *object, struct dm_event *event)
{
    return later(dm->kv_read(object, kv, dm_str("a"), compared, event));
}

TEST(a_long_value_is_read_whole_and_leaves_nothing_behind)
{
    begin();
    ask_for(write_long);
    ask_for(read_long);
    ask_for(write_long);
    ask_for(read_long);
    ask_for(write_two);
    ask_for(read_a);
    ask_for(write_long);
    ask_for(remove_a);
    ask_for(write_long);
    ask_for(read_long);
    NOTED("undefined same undefined same undefined two:null undefined undefined undefined same");
    end();
}

/* Nobody waits for these. */
static int write_unheard(struct dm_object *object, struct dm_event *event)
{
    CHECK_EQ(dm->kv_write(object, kv, dm_str("a"), dm_str(""), NULL, NULL, NULL), 0);
    CHECK_EQ(dm->kv_write(object, kv, dm_str("b"), dm_str("b"), NULL, NULL, NULL), 0);
    CHECK_EQ(dm->kv_remove(object, kv, dm_str("b"), NULL, NULL), 0);
    return dm->answer(event, NULL);
}

TEST(nobody_has_to_wait_for_a_write)
{
    begin();
    ask_for(write_unheard);
    ask_for(read_a);
    NOTED(":null");
    end();
}

/* ---- lists ---- */

static int write_many(struct dm_object *object, struct dm_event *event)
{
    struct dm_kv_options options = {.ttl = 100};
    struct dm_value five = dm_number(5);

    for (int i = 0; i < MANY_KEYS; i++) {
        char key[3] = {'k', (char)('e' - i), '\0'};

        CHECK_EQ(dm->kv_write(object, kv, dm_str(key), dm_str("x"), NULL, NULL, NULL), 0);
    }
    CHECK_EQ(dm->kv_write(object, kv, dm_str("l"), dm_str(""), &options, NULL, NULL), 0);
    options = (struct dm_kv_options){.metadata = &five};
    return later(dm->kv_write(object, kv, dm_str("é"), dm_str(""), &options, noted, event));
}

static struct dm_kv_page page;
static char cursor[64];

static void noted_page(void *instance, struct dm_object *object, void *data,
                       const struct dm_reply *reply)
{
    const struct dm_value *next = dm_get(reply->value, "cursor");

    cursor[0] = '\0';
    if (next != NULL)
        snprintf(cursor, sizeof cursor, "%s", (const char *)next->bytes.data);
    noted(instance, object, data, reply);
}

static int list(struct dm_object *object, struct dm_event *event)
{
    return later(dm->kv_keys(object, kv, &page, noted_page, event));
}

static int list_all(struct dm_object *object, struct dm_event *event)
{
    return later(dm->kv_keys(object, kv, NULL, noted, event));
}

TEST(keys_are_listed_in_pages)
{
    begin();
    ask_for(write_many);
    NOTED("undefined");
    page = (struct dm_kv_page){.prefix = dm_str("k"), .limit = 2};
    ask_for(list);
    NOTED("{\"keys\":[{\"name\":\"ka\"},{\"name\":\"kb\"}],\"cursor\":\"a2I=\"}");
    page.cursor = dm_str(cursor);
    ask_for(list);
    NOTED("{\"keys\":[{\"name\":\"kc\"},{\"name\":\"kd\"}],\"cursor\":\"a2Q=\"}");
    page.cursor = dm_str(cursor);
    ask_for(list);
    NOTED("{\"keys\":[{\"name\":\"ke\"}]}");
    page = (struct dm_kv_page){.prefix = dm_str("kz")};
    ask_for(list);
    NOTED("{\"keys\":[]}");
    ask_for(list_all);
    NOTED("{\"keys\":[{\"name\":\"ka\"},{\"name\":\"kb\"},{\"name\":\"kc\"},{\"name\":\"kd\"},"
          "{\"name\":\"ke\"},{\"name\":\"l\",\"expiration\":1767225700},"
          "{\"name\":\"é\",\"metadata\":5}]}");
    end();
}

/* ---- expiration ---- */

static int write_short_lived(struct dm_object *object, struct dm_event *event)
{
    struct dm_kv_options options = {.ttl = 60};

    CHECK_EQ(dm->kv_write(object, kv, dm_str("a"), dm_str("ttl"), &options, NULL, NULL), 0);
    options = (struct dm_kv_options){.expiration = dm->now_ms(object) / 1000 + 70};
    return later(dm->kv_write(object, kv, dm_str("b"), dm_str("at"), &options, noted, event));
}

TEST(keys_expire)
{
    begin();
    ask_for(write_short_lived);
    pass_ms(50000, 1000);
    ask_for(read_a);
    NOTED("undefined ttl:null");
    pass_ms(12000, 1000);
    ask_for(read_a);
    NOTED("none");
    ask_for(list_all);
    NOTED("{\"keys\":[{\"name\":\"b\",\"expiration\":1767225670}]}");
    ask_for(write_two);
    pass_ms(12000, 1000);
    ask_for(list_all);
    NOTED("undefined {\"keys\":[{\"name\":\"a\"}]}");
    end();
}

/* ---- what is refused ---- */

static const char *name_refused(struct dm_object *object, const char *name)
{
    CHECK_EQ(dm->kv_read(object, kv, dm_str(name), noted, NULL), DM_ERROR);
    return dm->why(object);
}

static const char *options_refused(struct dm_object *object, int64_t ttl, int64_t expiration)
{
    struct dm_kv_options options = {.ttl = ttl, .expiration = expiration};

    CHECK_EQ(dm->kv_write(object, kv, dm_str("k"), dm_str("v"), &options, NULL, NULL), DM_ERROR);
    return dm->why(object);
}

static const char *page_refused(struct dm_object *object, const char *from, unsigned limit)
{
    struct dm_kv_page asked = {.cursor = dm_str(from), .limit = limit};

    CHECK_EQ(dm->kv_keys(object, kv, &asked, noted, NULL), DM_ERROR);
    return dm->why(object);
}

static void refuse_long_ones(struct dm_object *object)
{
    static char name[LIMIT_KV_NAME_BYTES + 2];
    static char words[LIMIT_KV_METADATA_BYTES];
    struct dm_kv_options options = {0};
    struct dm_value metadata;
    size_t too_long = LIMIT_KV_CONTENT_BYTES + 1;
    char *value = mem_alloc_zero(too_long);

    memset(name, 'n', sizeof name - 1);
    memset(words, 'w', sizeof words - 1);
    metadata = dm_string(words);
    options.metadata = &metadata;
    CHECK_STR_EQ(name_refused(object, name),
                 "KV GET failed: 414 UTF-8 encoded length of 513 exceeds key length limit of 512.");
    CHECK_EQ(dm->kv_write(object, kv, dm_str("k"), dm_str(""), &options, NULL, NULL), DM_ERROR);
    CHECK_STR_EQ(dm->why(object),
                 "KV PUT failed: 413 Metadata length of 1025 exceeds limit of 1024.");
    CHECK_EQ(dm->kv_write(object, kv, dm_str("k"), dm_bytes(value, too_long), NULL, NULL, NULL),
             DM_ERROR);
    CHECK_STR_EQ(dm->why(object),
                 "KV PUT failed: 413 Value length of 26214401 exceeds limit of 26214400.");
    mem_free(value);
}

static int be_refused(struct dm_object *object, struct dm_event *event)
{
    int64_t now = dm->now_ms(object) / 1000;
    struct dm_kv *other;

    CHECK_STR_EQ(name_refused(object, ""), "Key name cannot be empty.");
    CHECK_STR_EQ(name_refused(object, "."), "\".\" is not allowed as a key name.");
    CHECK_STR_EQ(name_refused(object, ".."), "\"..\" is not allowed as a key name.");
    CHECK_STR_EQ(name_refused(object, "\xff"), "Key name is not UTF-8.");
    CHECK_STR_EQ(options_refused(object, -1, 0), "KV PUT failed: 400 Invalid expiration_ttl of -1. "
                                                 "Please specify integer greater than 0.");
    CHECK_STR_EQ(options_refused(object, 59, 0), "KV PUT failed: 400 Invalid expiration_ttl of 59. "
                                                 "Expiration TTL must be at least 60.");
    CHECK(strstr(options_refused(object, 0, now), "greater than the current number of seconds"));
    CHECK(strstr(options_refused(object, 0, now + 59), "at least 60 seconds in the future."));
    CHECK_STR_EQ(page_refused(object, "", 1001),
                 "KV GET failed: 400 Invalid key_count_limit of 1001. Please specify an integer "
                 "less than 1000.");
    CHECK_STR_EQ(page_refused(object, "!", 0), "KV GET failed: 400 Invalid cursor.");
    refuse_long_ones(object);
    CHECK_EQ(dm->kv_namespace(object, "TEXT", &other), DM_ERROR);
    CHECK_STR_EQ(dm->why(object), "There is no KV namespace TEXT in this project.");
    CHECK_EQ(dm->kv_namespace(object, "%kv", &other), DM_ERROR);
    return dm->answer(event, NULL);
}

TEST(what_is_refused_has_the_words_of_the_platform)
{
    begin();
    ask_for(be_refused);
    ask_for(list_all);
    NOTED("{\"keys\":[]}");
    end();
}

static int ask_for_the_store(struct dm_object *object, struct dm_event *event)
{
    struct dm_ns *ns;

    CHECK_EQ(dm->ns(object, "%kv", &ns), DM_ERROR);
    return dm->answer(event, NULL);
}

TEST(the_class_that_keeps_the_keys_has_no_name_for_others)
{
    begin();
    ask_for(ask_for_the_store);
    NOTED("");
    end();
}

/* ---- randomness ---- */

TEST(a_uuid_is_of_version_4_and_never_the_same)
{
    char first[DM_UUID_TEXT], second[DM_UUID_TEXT];
    uint8_t bytes[64] = {0};
    unsigned zeros = 0;

    native_table()->uuid(first);
    native_table()->uuid(second);
    CHECK_EQ(strlen(first), 36);
    CHECK_EQ(strspn(first, "0123456789abcdef-"), 36);
    CHECK(first[8] == '-' && first[13] == '-' && first[18] == '-' && first[23] == '-');
    CHECK(first[14] == '4' && strchr("89ab", first[19]) != NULL);
    CHECK(strcmp(first, second) != 0);
    native_table()->random(bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        zeros += bytes[i] == 0;
    CHECK(zeros < 16);
}
