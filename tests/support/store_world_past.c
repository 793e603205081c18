#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "sim_os.h"
#include "store/database.h"
#include "store/journal.h"
#include "store/restore.h"
#include "store/store_parts.h"
#include "store_world_state.h"
#include "test.h"

/*
 * Restores, and the model of them: bookmarks with what the object was there, and which of them one
 * will go back to. An order that failed may have been given or not, so several can be wanted.
 */

/* What of the object is durable. */
static struct world_version durable_state(const struct world *world,
                                          const struct world_object *object)
{
    struct world_object past = *object;

    while (past.count > 0 && past.versions[past.count - 1].lsn > world->acknowledged_lsn)
        past.count--;
    return world_newest(&past);
}

/* It is so old that it need not be there any more. */
static bool is_old(struct world *world, const struct world_mark *mark)
{
    return mark->time_ms < world_now_ms(world) - WORLD_HISTORY_DAYS * INT64_C(86400000);
}

void world_mark(struct world *world, struct world_object *object)
{
    struct world_mark mark = {.text = "", .time_ms = world_now_ms(world)};
    bool by_time = rng_below(&world->rng, 3) == 0;
    struct err_text why = {""};
    int r;

    if (world->broken || !world_begin(world, object))
        return;
    if (by_time)
        store_step(world->store);
    world_note_durable(world);
    mark.state = durable_state(world, object);
    if (by_time)
        r = restore_bookmark_at(object->db, world_now_ms(world), mark.text, &why);
    else
        r = restore_bookmark_now(object->db, mark.text, &why);
    if (by_time)
        sim_os_advance(world->sim, 1000000);
    if (r == 0)
        object->marks[rng_below(&world->rng, WORLD_MARKS)] = mark;
    else if (!world->forgetful)
        world_fail(world, "has no bookmark", 0);
}

void world_order(struct world *world, struct world_object *object)
{
    const struct world_mark *mark = &object->marks[rng_below(&world->rng, WORLD_MARKS)];
    struct world_mark *wanted = &object->wanted[object->wanted_count];
    struct err_text why = {""};
    char undo[BOOKMARK_TEXT_SIZE];
    int r;

    if (world->broken || mark->text[0] == '\0' || object->wanted_count == WORLD_WANTED ||
        !world_begin(world, object))
        return;
    wanted = &object->wanted[object->wanted_count];
    if (object->wanted_count == WORLD_WANTED)
        return;
    *wanted = (struct world_mark){.state = mark->state, .time_ms = mark->time_ms};
    object->wanted_count++; /* from here on it may happen */
    r = restore_later(object->db, bytes_of_string(mark->text), undo, &why);
    if (r < 0)
        return;
    if (r == RESTORE_REFUSED) {
        object->wanted_count--;
        if (!world->forgetful && !mark->undo && !is_old(world, mark)) {
            test_note("%s", why.text);
            world_fail(world, "cannot go back to a bookmark", (unsigned)(object - world->objects));
        }
        return;
    }
    object->wanted[0] = *wanted;
    memcpy(object->wanted[0].text, undo, sizeof undo);
    object->wanted_count = 1;
    object->wanted_surely = true;
}

/* Which of those that are wanted it is, or -1. */
static int find_wanted(const struct world_object *object, const struct world_version *now)
{
    for (unsigned i = 0; i < object->wanted_count; i++)
        if (world_same(&object->wanted[i].state, now))
            return (int)i;
    return -1;
}

/* It was looked for an order: what became of the object. `failed`: if it is as it was, the order
 * still stands. */
static void note_session(struct world *world, struct world_object *object, bool failed)
{
    struct world_version before = world_newest(object);
    struct world_version now = {0};
    unsigned number = (unsigned)(object - world->objects);
    int found;

    if (!world_describe(object->db, &now)) {
        world_close_object(object); /* the call that fails fails once */
        if (!world->child || !world_open_object(world, object) || !world_describe(object->db, &now))
            world_fail(world, "cannot be read in its session", number);
    }
    found = find_wanted(object, &now);
    if (failed && world_same(&before, &now))
        return;
    if (found >= 0) {
        struct world_mark undo = object->wanted[found];

        undo.state = before;
        undo.undo = true;
        undo.time_ms = world_now_ms(world);
        if (undo.text[0] != '\0')
            object->marks[rng_below(&world->rng, WORLD_MARKS)] = undo;
        now.lsn = journal_durable_lsn(world->store->journal);
        object->versions[object->count++] = now;
        world->last_lsn = now.lsn;
        world->restores++;
    } else if (!world_same(&before, &now)) {
        test_note("%u wanted, %u versions, judging %d, alarms %" PRId64 " %" PRId64,
                  object->wanted_count, object->count, world->judging, before.alarm_ms,
                  now.alarm_ms);
        world_fail(world, "was restored to what nobody wanted", number);
    } else if (object->wanted_surely && !world->forgetful && !is_old(world, &object->wanted[0])) {
        test_note("judging %d, restores %u", world->judging, (unsigned)world->restores);
        world_fail(world, "was not restored", number);
    }
    object->wanted_count = 0;
    object->wanted_surely = false;
}

bool world_begin(struct world *world, struct world_object *object)
{
    struct err_text why = {""};
    unsigned count = object->count;
    int r;

    if (object->db != NULL)
        return true;
    if (!world_open_object(world, object))
        return false;
    if (count + WORLD_WANTED >= WORLD_VERSIONS)
        world_fail(world, "WORLD_VERSIONS is too small", 0);
    for (unsigned i = 0; i < object->wanted_count; i++) {
        object->versions[object->count] = object->wanted[i].state;
        object->versions[object->count++].lsn = UINT64_MAX;
    }
    r = restore_if_ordered(object->db, &why);
    if (r < 0 && journal_fault(world->store->journal) < 0) {
        world->broken = true; /* the commit may have arrived or not */
        world_close_object(object);
        return false;
    }
    object->count = count;
    if (r == 0 && (object->wanted_count > 0 || rng_below(&world->rng, 8) == 0))
        note_session(world, object, false);
    if (r == 0)
        return true;
    if (object->wanted_count > 0)
        note_session(world, object, true); /* it was made, but its order may still be there */
    world_close_object(object);
    return false;
}

void world_check_sessions(struct world *world)
{
    for (unsigned i = 0; i < WORLD_OBJECTS; i++) {
        struct world_object *object = &world->objects[i];

        if (object->wanted_count == 0)
            continue;
        if (!world_begin(world, object))
            world_fail(world, "its session does not begin", i);
        if (!world_write(world, object) || !world_commit(world, object))
            world_fail(world, "cannot be written after its restore", i);
        store_step(world->store);
        world_close_object(object);
        if (!world_begin(world, object))
            world_fail(world, "its session does not begin again", i);
        note_session(world, object, false); /* once */
        world_close_object(object);
    }
}
