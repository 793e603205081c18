#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actor/failure.h"
#include "actor/fetch.h"
#include "base/arena.h"
#include "base/limits.h"
#include "test_native_world.h"

/* What a class gives to other threads: on real ones, held until the test lets them go. */

enum {
    ROUNDS = 30000, /* of a millisecond, until it must have happened */
};

static atomic_uint running, dropped;
static atomic_bool held; /* works wait while it is */
static pthread_t shard_thread;

struct job {
    struct dm_event *event;
    double value;
};

static void square(void *data)
{
    struct job *job = data;

    atomic_fetch_add(&running, 1);
    while (atomic_load(&held))
        usleep(100);
    job->value = pthread_equal(pthread_self(), shard_thread) ? -1 : job->value * job->value;
    atomic_fetch_sub(&running, 1);
}

static void drop(void *data)
{
    atomic_fetch_add(&dropped, 1);
    mem_free(data);
}

static void done(void *instance, struct dm_object *object, void *data)
{
    struct job *job = data;
    struct dm_value value = dm_number(job->value);
    (void)instance;

    CHECK_EQ(dm->sql_exec(object, "INSERT INTO t VALUES (1)", NULL, 0), 0);
    CHECK_EQ(dm->answer(job->event, &value), 0);
    mem_free(job);
}

static int start(struct dm_object *object, struct dm_event *event)
{
    struct job *job = mem_new(struct job);
    int r;

    job->event = event;
    job->value = 7;
    r = dm->work(object, square, done, drop, job);
    if (r < 0)
        mem_free(job);
    return r < 0 ? r : DM_LATER;
}

/* In a section: what else comes waits. */
static void in_section_done(void *instance, struct dm_object *object, void *data)
{
    done(instance, object, data);
    note("end");
}

static struct dm_section *open_section;

static void section_done(void *instance, struct dm_object *object, void *data)
{
    in_section_done(instance, object, data);
    CHECK_EQ(dm->section_end(open_section, NULL), 0);
}

static void section_start(void *instance, struct dm_object *object, struct dm_section *section,
                          void *data)
{
    struct job *job = mem_new(struct job);
    (void)instance;

    open_section = section;
    job->event = data;
    job->value = 3;
    CHECK_EQ(dm->work(object, square, section_done, drop, job), 0);
}

static void nothing(void *data)
{
    while (atomic_load(&held))
        usleep(100);
    (void)data;
}

static void counted(void *instance, struct dm_object *object, void *data)
{
    (void)instance, (void)object;
    ++*(unsigned *)data;
}

static unsigned counter;
static struct dm_object *strayed; /* an object whose turn is over */

static int fill(struct dm_object *object, struct dm_event *event)
{
    int r = 0;

    for (unsigned i = 0; r == 0 && i <= LIMIT_WORKS; i++)
        r = dm->work(object, nothing, counted, NULL, &counter);
    return r < 0 ? r : dm->answer(event, NULL);
}

static int construct(struct dm_object *object, void **instance)
{
    *instance = NULL;
    return dm->sql_exec(object, "CREATE TABLE IF NOT EXISTS t (n)", NULL, 0);
}

static void destroy(void *instance)
{
    (void)instance;
    note("gone");
}

static int call(void *instance, struct dm_object *object, struct dm_event *event,
                const char *method, const struct dm_value *arguments, size_t count)
{
    (void)instance, (void)arguments, (void)count;
    if (strcmp(method, "start") == 0)
        return start(object, event);
    if (strcmp(method, "fill") == 0)
        return fill(object, event);
    if (strcmp(method, "stray") == 0)
        strayed = object;
    if (strcmp(method, "none") == 0)
        return dm->work(object, NULL, counted, NULL, NULL);
    if (strcmp(method, "abort") == 0)
        return dm->abort(object, "enough");
    if (strcmp(method, "section") == 0)
        return dm->block(object, section_start, event) < 0 ? DM_ERROR : DM_LATER;
    note("ping");
    return dm->answer(event, NULL);
}

static const struct dm_class test_class = {.size = sizeof(struct dm_class),
                                           .name = "Test",
                                           .construct = construct,
                                           .destroy = destroy,
                                           .call = call};

/* ---- a front ---- */

static void front_done(void *instance, struct dm_object *front, void *data)
{
    struct job *job = data;
    (void)instance, (void)front;

    CHECK_EQ(dm->respond_text(job->event, 200 + (unsigned)job->value, ""), 0);
    mem_free(job);
}

static int front_fetch(void *instance, struct dm_object *front, struct dm_event *event,
                       const struct dm_request *request)
{
    struct job *job = mem_new(struct job);
    int r;
    (void)instance, (void)request;

    job->event = event;
    job->value = 2;
    r = dm->work(front, square, front_done, drop, job);
    return r < 0 ? r : DM_LATER;
}

static const struct dm_front test_front = {.size = sizeof(struct dm_front), .fetch = front_fetch};

/* ---- the world ---- */

static void note_answer(struct event *event, struct event_result *result)
{
    struct arena arena = {0};
    const struct dm_value *value = NULL;
    struct err_text why = {0};
    (void)event;

    if (result->failure != NULL)
        note("!%s", result->failure->message);
    else if (result->response != NULL)
        note("%u", result->response->status);
    else if (result->value != NULL &&
             value_read(blob_bytes(result->value), &arena, &value, &why) == 0)
        note("=%.0f", value->type == DM_NUMBER ? value->number : 0.0);
    arena_fini(&arena);
    event_result_fini(result);
}

static void replied(void *data, struct event_result *result)
{
    (void)data;
    note_answer(NULL, result);
}

static void begin(void)
{
    static const struct dm_class *const classes[] = {&test_class};

    shard_thread = pthread_self();
    atomic_store(&held, true);
    atomic_store(&dropped, 0);
    counter = 0;
    world_setting = (struct world_setting){
        .keys = {"w-Test", "w-Other"},
        .names = {"Test", "Other"},
        .program = {classes, 1, &test_front},
        .segment_size_bytes = 256 * 1024,
        .answered = note_answer,
    };
    world_begin();
}

#define UNTIL(condition)                                                                           \
    do {                                                                                           \
        unsigned round = 0;                                                                        \
        while (!(condition) && round++ < ROUNDS) {                                                 \
            run();                                                                                 \
            usleep(1000);                                                                          \
        }                                                                                          \
        CHECK(condition);                                                                          \
    } while (0)

TEST(work_runs_on_another_thread_and_its_end_is_a_turn)
{
    begin();
    ask("a", "start");
    UNTIL(atomic_load(&running) == 1);
    ask("a", "ping"); /* the object goes on meanwhile */
    run();
    NOTED("ping =0");
    atomic_store(&held, false);
    UNTIL(notes.len > 0);
    NOTED("=49");
    CHECK_EQ(atomic_load(&dropped), 0);
    end();
}

TEST(an_object_with_work_under_way_stays_in_memory)
{
    begin();
    ask("a", "start");
    UNTIL(atomic_load(&running) == 1);
    pass_ms(60000, 1000);
    NOTED("");
    atomic_store(&held, false);
    UNTIL(notes.len > 0);
    NOTED("=49");
    pass_ms(11000, 1000);
    NOTED("gone");
    end();
}

TEST(in_a_critical_section_the_end_of_work_is_part_of_it)
{
    begin();
    ask("a", "section");
    UNTIL(atomic_load(&running) == 1);
    ask("a", "ping");
    run();
    NOTED("");
    atomic_store(&held, false);
    UNTIL(strstr(notes.len > 0 ? buf_string(&notes) : "", "ping") != NULL);
    CHECK(strncmp(buf_string(&notes), "end ", 4) == 0);
    end();
}

TEST(what_a_reset_object_waited_for_is_dropped)
{
    begin();
    ask("a", "start");
    UNTIL(atomic_load(&running) == 1);
    ask("a", "abort");
    run();
    NOTED("gone !enough !enough");
    CHECK_EQ(atomic_load(&dropped), 0);
    atomic_store(&held, false);
    UNTIL(atomic_load(&dropped) == 1);
    ask("a", "ping");
    run();
    NOTED("ping =0");
    end();
}

TEST(work_that_ended_before_the_reset_is_dropped_as_well)
{
    begin();
    atomic_store(&held, false);
    for (unsigned i = 0; i < 20; i++) {
        ask("a", "start");
        turn();
        usleep(100 * i); /* it ends before, while and after */
        ask("a", "abort");
        run();
        buf_clear(&notes);
    }
    end();
}

TEST(work_that_has_not_begun_is_taken_back)
{
    begin();
    for (unsigned i = 0; i < LIMIT_WORK_THREADS + 3; i++)
        ask("a", "start");
    run();
    ask("a", "abort");
    run();
    CHECK(atomic_load(&dropped) >= 3);
    atomic_store(&held, false);
    UNTIL(atomic_load(&dropped) == LIMIT_WORK_THREADS + 3);
    end();
}

TEST(an_object_has_so_many_works_and_no_more)
{
    begin();
    ask("a", "fill");
    run();
    NOTED("!More than 128 works of the object are under way.");
    atomic_store(&held, false);
    UNTIL(counter == LIMIT_WORKS);
    end();
}

TEST(all_objects_together_have_a_queue_with_an_end)
{
    char name[16];

    begin();
    for (unsigned i = 0; i < (LIMIT_WORK_QUEUE + LIMIT_WORK_THREADS) / LIMIT_WORKS + 1; i++) {
        snprintf(name, sizeof name, "%u", i);
        ask(name, "fill");
        run();
    }
    CHECK(strstr(buf_string(&notes), "!More than 1024 works are waiting for a thread.") != NULL);
    atomic_store(&held, false);
    buf_clear(&notes);
    UNTIL(counter >= LIMIT_WORK_QUEUE);
    ask("a", "start");
    UNTIL(notes.len > 0);
    NOTED("=49");
    end();
}

TEST(work_needs_its_functions)
{
    begin();
    ask("a", "none");
    run();
    NOTED("!work() needs a function to run and one to call when it has run.");
    end();
}

static void *stray(void *object)
{
    dm->set_alarm(object, 1);
    return NULL;
}

TEST(the_table_is_not_for_other_threads)
{
    int status;
    pid_t child;

    begin();
    atomic_store(&held, false);
    ask("a", "stray");
    run();
    NOTED("ping =0");
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        pthread_t thread;

        close(2);
        pthread_create(&thread, NULL, stray, strayed);
        pthread_join(thread, NULL);
        _exit(0);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    end();
}

TEST(a_front_gives_work_away_too)
{
    begin();
    native_fetch(home, fetch_request_create("GET", "http://x/"), replied, NULL);
    UNTIL(atomic_load(&running) == 1);
    atomic_store(&held, false);
    UNTIL(notes.len > 0);
    NOTED("204");
    end();
}

TEST(the_end_waits_for_what_runs)
{
    begin();
    ask("a", "start");
    UNTIL(atomic_load(&running) == 1);
    atomic_store(&held, false);
    end();
    CHECK_EQ(atomic_load(&running), 0);
}
