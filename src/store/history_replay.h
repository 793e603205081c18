#pragma once

/*
 * History replay
 *
 * The database of one object in memory, made by applying its records in order to what it was
 * before them, up to a point in time. Commits whose end is not there, or comes after that point,
 * are left out.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "store/bookmark.h"

struct err_text;
struct record;

/* What the functions of history can find out. */
enum history_result {
    HISTORY_MISSING = 1, /* it does not reach back that far, or is damaged: `why` */
};

struct history_image {
    uint8_t *data; /* owned: pages */
    uint32_t size_pages;
    uint32_t cap_pages;
};

struct history_replay {
    struct history_image image;
    struct bookmark until; /* undo_of does not count here */
    uint64_t last_lsn;     /* of the last record taken, whole commit or not */
    bool beyond;           /* a record after that point was seen */
    struct buf pending;    /* records of a commit whose last one has not been seen */
};

void history_image_fini(struct history_image *image);

/* The point is reached by everything with these numbers. */
bool history_reached(const struct bookmark *until, uint64_t lsn, int64_t written_ms);

/* Room for so many pages, new ones zero. HISTORY_MISSING: more than memory is given to it. */
int history_image_resize(struct history_image *image, uint32_t size_pages, struct err_text *why);

/* `encoded`: one record as record_parse() takes it. */
int history_replay_take(struct history_replay *replay, uint64_t lsn, int64_t written_ms,
                        struct bytes encoded, struct err_text *why);

void history_replay_fini(struct history_replay *replay);

/* What histories are of one piece with: a gap begins another one. As the file `epoch` has it. */
struct history_epoch {
    uint64_t number;  /* random */
    int64_t since_ms; /* what was before is not known; INT64_MIN: nothing was */
    int64_t gap_ms;   /* until then files were given up: who has none may have had one; 0: none */
};

/* Whether nothing that happened after that point is missing: an object that begins later did not
 * exist then, and has not merely begun again. */
bool history_knows(const struct history_epoch *epoch, const struct bookmark *until);

/* Whether an object of which there is no record from that point on was the same then as now. */
bool history_rested(const struct history_epoch *epoch, const struct bookmark *until);

/* Whether an object's first commit, of which its first record is given and then the others, builds
 * on nothing before it: then the object began here. All zero at first. */
enum history_birth_state {
    BIRTH_OPEN, /* so far it does; its last record is to come */
    BIRTH_TRUE,
    BIRTH_FALSE,
};

struct history_birth {
    enum history_birth_state state;
    bool begun;
    uint32_t pages; /* so far, each comes once */
};

enum history_birth_state history_birth_take(struct history_birth *birth,
                                            const struct record *record);
