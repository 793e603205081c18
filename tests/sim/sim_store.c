#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/rng.h"
#include "sim_os.h"
#include "store_world.h"
#include "test.h"

/*
 * Histories of a store on a simulated disk.
 *
 * Before every call that changes the disk, the history stops and the power fails on copies of the
 * disk: each copy keeps another part of what was not synced, is recovered (which may be interrupted
 * in the same way, at each of its own calls too) and compared with the model (store_world.h). Each
 * disk that comes up and is right is a crash point.
 *
 * At some calls the process forks, and in the child this one call fails, once: the child goes on
 * for some steps, must still tell the truth, and loses power, too.
 *
 * DORMOUSE_SIM_POINTS sets how many crash points there are, DORMOUSE_SIM_SEED replays one history,
 * DORMOUSE_SIM_FIRST begins with another one.
 */

#define PHASE_STEPS    400  /* then the history itself loses power and goes on */
#define HEAVY_STEPS    2000 /* to go around the journal's segments several times */
#define HEAVY_ONE_IN   4    /* calls of these at which the power fails */
#define HISTORY_PHASES 4
#define CHILD_STEPS    25
#define FORK_ONE_IN    250
#define INNER_ONE_IN   400

struct story {
    struct world *world;
    uint64_t faults;     /* calls that failed, once each */
    unsigned steps_left; /* of a child */
};

/* A crash in the middle of a recovery. */
static void watch_recovery(void *data, unsigned kind)
{
    if (kind != SIM_OS_READ)
        world_try_crash(data, NULL);
}

/* In a process of its own the call that is about to be made fails. */
static void fail_one_call(struct story *story)
{
    struct world *world = story->world;
    uint64_t luck = rng_next(&world->rng);
    int status;
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (pid < 0)
        test_fail(__FILE__, __LINE__, "fork: %d", errno);
    if (pid == 0) {
        world->child = true;
        world->forgetful = true;
        story->steps_left = CHILD_STEPS;
        rng_init(&world->rng, luck);
        sim_os_watch(world->sim, NULL, NULL);
        sim_os_fail_at(world->sim, SIM_OS_ANY, 1, luck % 4 == 0 ? -ENOSPC : -EIO, false);
        return;
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (status != 0)
        test_fail(__FILE__, __LINE__, "DORMOUSE_SIM_SEED=%" PRIu64 ": call that fails, status %d",
                  world->seed, status);
    story->faults++;
}

static void watch(void *data, unsigned kind)
{
    struct story *story = data;
    struct world *world = story->world;

    if (kind != SIM_OS_READ && (!world->heavy || rng_below(&world->rng, HEAVY_ONE_IN) == 0))
        world_try_crash(world, rng_below(&world->rng, INNER_ONE_IN) == 0 ? watch_recovery : NULL);
    if (!world->reading &&
        rng_below(&world->rng, world->heavy ? FORK_ONE_IN * HEAVY_ONE_IN : FORK_ONE_IN) == 0)
        fail_one_call(story);
}

/* The child has seen enough. */
_Noreturn static void end_child(struct world *world)
{
    if (!world->broken)
        world_check_live(world);
    world_crash(world);
    world_check_live(world);
    _exit(0);
}

static void tell_phase(struct story *story)
{
    struct world *world = story->world;

    unsigned steps_max = world->heavy ? HEAVY_STEPS : PHASE_STEPS;

    for (unsigned steps = 0; steps < steps_max && !world->broken; steps++) {
        world_step(world);
        if (world->child && --story->steps_left == 0)
            break;
    }
    if (world->child)
        end_child(world);
    world_crash(world);
}

/* Returns crash points. */
static void tell(struct story *story, uint64_t seed, unsigned phases)
{
    story->world = world_create(seed);
    sim_os_watch(story->world->sim, watch, story);
    world_start(story->world);
    for (unsigned i = 0; i < phases; i++)
        tell_phase(story);
    sim_os_watch(story->world->sim, NULL, NULL);
    if (story->world->child)
        end_child(story->world);
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

TEST(no_crash_at_any_call_loses_an_acknowledged_commit)
{
    uint64_t points = from_environment("DORMOUSE_SIM_POINTS", 25000);
    uint64_t only = from_environment("DORMOUSE_SIM_SEED", 0);
    uint64_t seed = only > 0 ? only : from_environment("DORMOUSE_SIM_FIRST", 1);
    uint64_t histories = 0;
    uint64_t done = 0;
    uint64_t commits = 0;
    uint64_t faults = 0;
    uint64_t restores = 0;

    for (; done < points; seed++) { /* every eighth is heavy */
        struct story story = {0};

        tell(&story, seed, HISTORY_PHASES);
        done += story.world->verified;
        commits += story.world->commits;
        faults += story.faults;
        restores += story.world->restores;
        histories++;
        world_destroy(story.world);
        if (only > 0)
            break;
    }
    test_note("%" PRIu64 " crash points, %" PRIu64 " failed calls, %" PRIu64 " commits, %" PRIu64
              " restores, %" PRIu64 " histories",
              done, faults, commits, restores, histories);
}
