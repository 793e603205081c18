#pragma once

/*
 * Journal
 *
 * Group commit. Shards append finished records; a thread of its own takes what has gathered, gives
 * it to the log as one batch, and while that is being flushed the next batch gathers. When the log
 * says that a batch is durable, the durable LSN moves and the shards that had records in it are
 * woken. A listener that is about to append many records holds the flush back until it has, so that
 * they share one.
 *
 * A pin says from which LSN on its owner still needs the journal: an object that is not yet in its
 * file, the alarm index that is not yet brought up to date. What no pin holds is released to the
 * log (rule 2). Pins are made in the order of their LSNs, so the oldest is the first of a list.
 *
 * A fault of the log is final. The durable LSN never moves again, appends are refused, everybody is
 * woken and told. Any thread.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/list.h"

struct journal;
struct log;

/* Called by the journal's thread, or by whoever calls journal_step(). */
struct journal_listener {
    /* One of the listener's records became durable, or the journal failed. */
    void (*wake)(void *data);
    void *data;
};

struct journal_pin {
    struct list link;
    uint64_t lsn;
    bool abandoned; /* the journal's own */
};

/* Rides on a record and is handed out when that is durable, in the order of LSNs. */
struct journal_note {
    struct list link;
    uint64_t lsn;
};

struct journal_options {
    struct log *log; /* owned from here on */
    unsigned listener_count;
    bool stepped; /* no thread: tests call journal_step() */
    /* Everything up to `lsn` is durable; the callee takes the notes. Also when there are none. */
    void (*durable)(void *data, uint64_t lsn, struct list *notes);
    /* Room has become scarce: something must be released or the log must grow. */
    void (*scarce)(void *data);
    void *data;
    uint64_t reserve_bytes; /* of the log's room: only for records marked `vital` */
};

/* Never NULL. */
struct journal *journal_create(const struct journal_options *options);

/* Writes what has gathered, ends the thread, destroys the log. NULL is allowed. */
void journal_destroy(struct journal *journal);

void journal_listen(struct journal *journal, unsigned index,
                    const struct journal_listener *listener);

struct journal_entry {
    struct bytes record;
    unsigned listener;
    bool vital;                /* what frees room must not wait for room */
    struct journal_pin *pin;   /* pinned at this record's LSN; NULL: pinned already */
    struct journal_note *note; /* owned by the journal when the append worked; or NULL */
};

/* Hands over one record and numbers it. Blocks while the gathering batch is full or room is being
 * made. -ENOSPC: no room and none to be had; nothing was appended. Another fault is final. */
int journal_append(struct journal *journal, const struct journal_entry *entry, uint64_t *lsn);

/* From now on the listener's records alone start no flush, until there are many of them or it lets
 * go. Not counted: one hold, one let go. */
void journal_hold(struct journal *journal, unsigned listener);
void journal_let_go(struct journal *journal, unsigned listener);

uint64_t journal_durable_lsn(const struct journal *journal);

/* 0 while all is well. */
int journal_fault(const struct journal *journal);

/* Have every listener woken: there is something to do for all. */
void journal_wake_all(struct journal *journal);

/* Something else has failed so that nothing may be acknowledged any more. */
void journal_fail(struct journal *journal, int fault);

/* Blocks until `lsn` is durable or the journal has failed (that fault). */
int journal_wait(struct journal *journal, uint64_t lsn);

/* The same for everything appended so far. */
int journal_flush(struct journal *journal);

void journal_unpin(struct journal *journal, struct journal_pin *pin);
/* Moves a pin forward; from 0 (not pinned) too if it is the newest. */
void journal_repin(struct journal *journal, struct journal_pin *pin, uint64_t lsn);

/* Nobody will bring the record into its file in this run: it stays for the recovery of the next.
 * The pin is taken over. */
void journal_abandon(struct journal *journal, struct journal_pin *pin);

/* Nothing is pinned: a clean stop leaves nothing behind. */
bool journal_is_unpinned(struct journal *journal);

/* Everything below is needed by nobody. */
uint64_t journal_needed_lsn(struct journal *journal);

/* The same, were it not for this pin. */
uint64_t journal_needed_beside(struct journal *journal, const struct journal_pin *pin);

/* Tells the log what is needed no more, and those who wait for room. `hopeless`: there will be no
 * room soon (disk full), so appends that find none are refused at once. */
void journal_release(struct journal *journal, bool hopeless);

uint64_t journal_record_bytes_max(const struct journal *journal);

/* Without a thread: writes what has gathered. */
void journal_step(struct journal *journal);

/* Clean stop: all pins are gone, nobody appends any more. Ends the thread. */
int journal_stop(struct journal *journal);
