#include <errno.h>

#include "actor/alarm.h"
#include "actor/commit.h"
#include "actor/failure.h"
#include "actor/object_state.h"
#include "actor/output_gate.h"
#include "actor/vault.h"
#include "base/assert.h"
#include "base/err.h"
#include "store/database.h"

/*
 * A turn is one entry into a class. What its code writes is one transaction: the first write takes
 * a ticket of the output gate, the end of the turn commits and hands the ticket to the commit,
 * which settles it when the journal has it.
 *
 * Objects of one class share a realm, so the microtasks of a turn may continue code of another
 * object, and so may those of a stateless Worker, which runs in no turn. Whatever object wrote or
 * spoke is in the shard's list of touched ones; they are settled when the turn is over, or else
 * with the next one.
 */

void turn_begin(struct life *life, struct section *section)
{
    struct shard *shard = life->object->shard;

    ASSERT(shard->turn == NULL);
    ASSERT(life->section == NULL);
    shard->turn = life->object;
    life->unconfirmed = false;
    life->section = section;
    list_remove(&life->rest_link);
    if (section != NULL)
        section_enter(life, section);
}

void turn_touch(struct life *life)
{
    struct shard *shard = life->object->shard;

    if (!list_empty(&life->touched_link))
        return;
    list_push_back(&shard->touched, &life->touched_link);
    if (shard->turn == NULL)
        shard_poke(shard);
}

void turn_writing(struct life *life)
{
    turn_touch(life);
    life->writing = true;
    if (!life->unconfirmed)
        life->ticket = output_gate_lock(life->output);
    else if (life->unsynced == NULL)
        life->unsynced = output_gate_create();
    if (life->unsynced != NULL)
        life->unsynced_ticket = output_gate_lock(life->unsynced);
}

/* A confirmed write may follow unconfirmed ones in the same transaction, and the database speaks up
 * only for the first: close the gate for whatever comes. */
static void confirm(struct life *life)
{
    if (life->writing && !life->unconfirmed && life->ticket == 0)
        life->ticket = output_gate_lock(life->output);
}

/* Nothing was written after all, or what was needs no record: the tickets wait for what was on its
 * way before, since they settle in order. */
static void settle_unwritten(struct life *life, uint64_t ticket, uint64_t unsynced_ticket)
{
    struct list *last = list_last(&life->commits);

    if (last != NULL) {
        commit_wait(life, container_of(last, struct commit, life_link)->lsn, ticket,
                    unsynced_ticket);
        return;
    }
    if (ticket != 0)
        output_gate_settle(life->output, ticket, 0);
    if (unsynced_ticket != 0)
        output_gate_settle(life->unsynced, unsynced_ticket, 0);
}

static void commit_failed(struct life *life, int r, const struct err_text *why)
{
    struct failure *failure =
        r > 0 ? failure_create("Error", why->text, NULL, 0) : object_internal_failure(life->object);

    object_abort(life->object, failure);
    failure_unref(failure);
    output_gate_settle(life->output, 0, -EIO);
}

static void commit(struct life *life)
{
    struct object *object = life->object;
    uint64_t ticket = life->ticket;
    uint64_t unsynced_ticket = life->unsynced_ticket;
    struct err_text why = {""};
    uint64_t lsn = 0;
    int r;

    life->unconfirmed = false;
    if (!life->writing)
        return;
    if (life->transactions > 0 && life->failure == NULL)
        return;
    life->writing = false;
    life->ticket = 0;
    life->unsynced_ticket = 0;
    if (life->failure != NULL) {
        database_rollback(vault_database(object->vault));
        return;
    }
    r = database_commit(vault_database(object->vault), &lsn, &why);
    if (r != 0) {
        commit_failed(life, r, &why);
        return;
    }
    if (lsn == 0) {
        settle_unwritten(life, ticket, unsynced_ticket);
        return;
    }
    object->lsn = lsn;
    commit_wait(life, lsn, ticket, unsynced_ticket);
}

void turn_settle(struct shard *shard)
{
    struct list *link;

    ASSERT(shard->turn == NULL);
    while ((link = list_pop_front(&shard->touched)) != NULL) {
        struct life *life = container_of(link, struct life, touched_link);

        commit(life);
        if (life->corked) {
            life->corked = false;
            output_gate_uncork(life->output);
        }
        life_review(life);
    }
}

void turn_end(struct shard *shard)
{
    struct life *life = shard->turn->life;
    struct section *section = life->section;

    shard->turn = NULL;
    life->section = NULL;
    section_unref(section);
    life_review(life);
    turn_settle(shard);
}

/* ---- what the class asks for ---- */

int object_database(struct object *object, struct database **db, struct err_text *why)
{
    struct life *life = object->life;
    int r;

    ASSERT(life != NULL);
    if (life->failure != NULL) {
        err_text_set(why, "Durable Object storage is no longer accessible.");
        return DATABASE_ERROR;
    }
    r = vault_open(object, db, why);
    if (r != 0)
        return r;
    confirm(life);
    return 0;
}

/* In the middle of a turn: an abort later in the turn does not undo it. */
static void commit_now(struct life *life)
{
    output_gate_cork(life->output); /* nobody is answered in the middle of a turn */
    life->corked = true;
    turn_touch(life);
    commit(life);
}

void object_transaction_begin(struct object *object)
{
    ASSERT(object->life != NULL && object->shard->turn != NULL);
    if (object->life->transactions == 0)
        commit_now(object->life);
    object->life->transactions++;
}

void object_transaction_end(struct object *object)
{
    struct life *life = object->life;

    ASSERT(life != NULL && life->transactions > 0);
    life->transactions--;
    if (life->transactions == 0)
        commit_now(life);
    turn_touch(life);
}

void object_allow_unconfirmed(struct object *object, bool unconfirmed)
{
    if (object->life != NULL)
        object->life->unconfirmed = unconfirmed;
}

void object_say(struct object *object, struct output_gate_wait *wait)
{
    struct life *life = object->life;

    if (life == NULL || life->failure != NULL) {
        wait->ticket = 0;
        list_init(&wait->link);
        wait->cb(wait, OUTPUT_GATE_DISCARD);
        return;
    }
    output_gate_pass(life->output, wait);
}

void object_sync(struct object *object, struct output_gate_wait *wait)
{
    struct life *life = object->life;
    bool unsynced;

    if (life == NULL || life->failure != NULL) {
        object_say(object, wait);
        return;
    }
    unsynced = life->unsynced != NULL && !output_gate_open(life->unsynced);
    /* The writes of an open transaction() are not on their way before it ends, and it may be the
     * one that waits here. */
    if (life->transactions > 0 && (unsynced ? life->unsynced_ticket : life->ticket) != 0)
        output_gate_pass_behind(unsynced ? life->unsynced : life->output, wait,
                                (unsynced ? life->unsynced_ticket : life->ticket) - 1);
    else
        output_gate_pass(unsynced ? life->unsynced : life->output, wait);
}

void object_commit(struct object *object)
{
    ASSERT(object->life != NULL && object->shard->turn != NULL);
    if (object->life->transactions == 0)
        commit_now(object->life);
}

int object_alarm(struct object *object, int64_t *time_ms, struct err_text *why)
{
    struct database *db;
    int r = object_database(object, &db, why);

    if (r == 0)
        r = database_alarm(db, time_ms, why);
    if (r == 0)
        *time_ms = alarm_seen(object->life, *time_ms);
    return r;
}

int object_set_alarm(struct object *object, int64_t time_ms, struct err_text *why)
{
    struct database *db;
    int r = object_database(object, &db, why);

    if (r == 0)
        r = database_set_alarm(db, time_ms, object->name, why);
    if (r == 0)
        alarm_was_set(object->life, time_ms);
    return r;
}
