#include "actor/outbox.h"

#include "actor/failure.h"
#include "actor/object_state.h"
#include "actor/output_gate.h"
#include "actor/parcel.h"
#include "actor/socket_state.h"
#include "base/assert.h"
#include "base/blob.h"
#include "base/limits.h"
#include "base/mem.h"

/*
 * A batch takes letters while it is the last in line at the gate and no write came after it. Inside
 * a turn the gate is corked by the first letter, so that a batch is complete before it leaves, and
 * nothing leaves while code of a class runs.
 */

enum letter_kind {
    LETTER_TEXT,
    LETTER_BINARY,
    LETTER_CLOSE,
    LETTER_REPLY
};

struct letter {
    union {
        struct socket *socket; /* owned reference */
        struct parcel *parcel;
    };
    struct blob *data; /* owned reference; NULL */
    uint16_t code;
    uint8_t kind; /* enum letter_kind */
};

struct batch {
    struct output_gate_wait wait;
    struct life *life;
    struct letter *letters; /* owned */
    size_t count;
    size_t cap;
};

void batch_destroy(struct batch *batch)
{
    if (batch == NULL)
        return;

    ASSERT(batch->count == 0);
    mem_free(batch->letters);
    mem_free(batch);
}

/* Kept for the next turn if it is not too large. */
static void give_back(struct shard *shard, struct batch *batch)
{
    batch->count = 0;
    batch->life = NULL;
    if (shard->spare != NULL || batch->cap > LIMIT_OUTBOX_SPARE_LETTERS) {
        batch_destroy(batch);
        return;
    }
    shard->spare = batch;
}

static void deliver_letter(struct life *life, struct letter *letter, bool go)
{
    switch ((enum letter_kind)letter->kind) {
    case LETTER_TEXT:
    case LETTER_BINARY:
        life->outbox_bytes -= blob_bytes(letter->data).len;
        if (go)
            socket_put_frame(letter->socket, letter->data, letter->kind == LETTER_TEXT);
        break;
    case LETTER_CLOSE:
        if (go)
            socket_put_close(letter->socket, letter->code, blob_bytes(letter->data));
        break;
    case LETTER_REPLY:
        /* Never confirm what was lost. */
        if (!go) {
            event_result_fini(&letter->parcel->result);
            letter->parcel->result.failure = failure_ref(life->failure);
        }
        parcel_answer(letter->parcel, life->object->shard);
        return;
    }
    blob_unref(letter->data);
    socket_unref(letter->socket);
}

static void leave(struct output_gate_wait *wait, enum output_gate_verdict verdict)
{
    struct batch *batch = container_of(wait, struct batch, wait);
    struct life *life = batch->life;
    struct shard *shard = life->object->shard;

    if (life->batch == batch)
        life->batch = NULL;
    for (size_t i = 0; i < batch->count; i++)
        deliver_letter(life, &batch->letters[i], verdict == OUTPUT_GATE_GO);
    give_back(shard, batch);
}

static struct batch *take_batch(struct life *life)
{
    struct shard *shard = life->object->shard;
    struct batch *batch = shard->spare;

    shard->spare = NULL;
    if (batch == NULL)
        batch = mem_new(struct batch);
    batch->life = life;
    batch->wait.cb = leave;
    return batch;
}

static void add(struct batch *batch, struct letter letter)
{
    if (batch->count == batch->cap) {
        batch->cap = batch->cap == 0 ? 4 : batch->cap * 2;
        batch->letters = mem_realloc_array(batch->letters, batch->cap, sizeof(struct letter));
    }
    batch->letters[batch->count++] = letter;
}

static void put(struct life *life, struct letter letter)
{
    struct batch *batch = life->batch;

    if (batch != NULL && output_gate_is_last(life->output, &batch->wait)) {
        add(batch, letter);
        return;
    }
    if (life->object->shard->turn != NULL && !life->corked) {
        life->corked = true;
        output_gate_cork(life->output);
        turn_touch(life);
    }
    batch = take_batch(life);
    add(batch, letter);
    life->batch = batch;
    output_gate_pass(life->output, &batch->wait);
}

void outbox_send(struct life *life, struct socket *socket, struct blob *data, bool text)
{
    life->outbox_bytes += blob_bytes(data).len;
    if (life->outbox_bytes > LIMIT_OUTBOX_BYTES && life->failure == NULL) {
        struct failure *failure = failure_format(
            FAILURE_OVERLOADED, "Durable Object is overloaded. Too much data queued.");

        object_abort(life->object, failure);
        failure_unref(failure);
    }
    put(life, (struct letter){.kind = text ? LETTER_TEXT : LETTER_BINARY,
                              .socket = socket_ref(socket),
                              .data = blob_ref(data)});
}

void outbox_close(struct life *life, struct socket *socket, uint16_t code, struct blob *reason)
{
    put(life, (struct letter){.kind = LETTER_CLOSE,
                              .socket = socket_ref(socket),
                              .data = reason != NULL ? blob_ref(reason) : NULL,
                              .code = code});
}

void outbox_reply(struct life *life, struct parcel *parcel)
{
    put(life, (struct letter){.kind = LETTER_REPLY, .parcel = parcel});
}
