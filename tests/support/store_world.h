#pragma once

/*
 * Store world
 *
 * A store on a simulated disk, a handful of objects of two classes on two shards, and the model of
 * what they must be after a power failure: the list of commits of each object, with LSN, a digest
 * of its rows and keys, and its alarm. For tests/sim: it takes random steps and judges disks.
 *
 * A disk is right when, after recovery,
 *
 *   - each object is as one of its commits left it, and not as one before the last acknowledged;
 *   - what was committed before anything that is there is there, too;
 *   - each database passes SQLite's quick_check;
 *   - the alarm index and the objects say the same;
 *   - a restore that was ordered is made when the next session begins, and not again; only one to
 *     what is older than is kept may be refused.
 *
 * One thread. What fails is printed with the seed and ends the test.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/rng.h"
#include "store/alarm_index.h"
#include "store/bookmark.h"
#include "store/store.h"

struct database;
struct sim_os;
struct sql_cursor;

enum {
    WORLD_OBJECTS = 6,
    WORLD_NAMESPACES = 2,
    WORLD_SHARDS = 2,
    WORLD_VERSIONS = 256,
    WORLD_KEYS = 24,
    WORLD_MARKS = 4,
    WORLD_WANTED = 3,
    WORLD_HISTORY_DAYS = 30,
};

struct world_version {
    uint64_t lsn; /* UINT64_MAX: under way, may have arrived or not */
    uint64_t digest;
    int64_t alarm_ms;
};

/* A bookmark, and what the object was there. */
struct world_mark {
    char text[BOOKMARK_TEXT_SIZE]; /* empty: none */
    struct world_version state;
    int64_t time_ms;
    bool undo; /* of a restore that was made */
};

struct world_object {
    unsigned name; /* number of its namespace among the world's */
    unsigned shard;
    uint8_t id[STORE_ID_SIZE];
    struct database *db; /* NULL while closed */
    struct sql_cursor *cursor;
    bool dirty;
    struct world_version versions[WORLD_VERSIONS]; /* from the last acknowledged on */
    unsigned count;

    struct world_mark marks[WORLD_MARKS];
    struct world_mark wanted[WORLD_WANTED]; /* one of these restores is ordered; text: its undo */
    unsigned wanted_count;
    bool wanted_surely; /* an order was acknowledged */

    bool running; /* its alarm was handed out */
    struct alarm alarm;
    uint64_t finish_lsn; /* the run is over when this is durable; 0: it goes on */
    unsigned retries;    /* most that were ever counted */
};

struct world {
    uint64_t seed;
    struct rng rng;
    struct sim_os *sim;
    struct store *store;
    struct store_shard *shards[WORLD_SHARDS];
    uint32_t namespaces[WORLD_NAMESPACES];
    struct world_object objects[WORLD_OBJECTS];
    uint64_t acknowledged_lsn;
    uint64_t last_lsn; /* of a commit */
    bool is_open;
    bool heavy;     /* large rows: the journal is full all the time */
    bool scarce;    /* the disk is full at the moment */
    bool broken;    /* the journal has said that nothing becomes durable any more */
    bool child;     /* in a process of its own: ends it instead of the test */
    bool judging;   /* after a failure: what becomes durable now is none of the history's */
    bool reading;   /* the judge's own calls should not fail */
    bool twice;     /* judging: close and open once more, read everything anew */
    bool forgetful; /* a disk may be full or a call fail: history may be given up */
    uint64_t commits;
    uint64_t restores;
    uint64_t verified; /* disks that were recovered and found right */
};

struct world *world_create(uint64_t seed);

/* Opens the store in an empty folder. */
void world_start(struct world *world);
void world_destroy(struct world *world);

_Noreturn void world_fail(const struct world *world, const char *what, unsigned object);

/* Something that an actor or an operator might do. */
void world_step(struct world *world);

/* The store goes on after an error: every object is what its last commit made it. */
void world_check_live(struct world *world);

/* The disk as it is now, on a machine of its own: the power fails, maybe again while it recovers,
 * and what comes up is judged. `inner`, or NULL, watches the calls of the recovery: data is the
 * other machine's world. */
void world_try_crash(struct world *world, void (*inner)(void *data, unsigned kind));

/* The power fails here; the history goes on from what is found. */
void world_crash(struct world *world);

/* What has been acknowledged by now. */
void world_note_durable(struct world *world);
