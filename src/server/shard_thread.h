#pragma once

/*
 * Shard thread
 *
 * A thread with everything a shard needs: loop, JavaScript machine, shard, Worker, HTTP front. It
 * does what the control thread orders, one order at a time, and reports back; in between it serves.
 *
 *   started ──DEPLOY──SWAP──► has a Worker ──LISTEN──► serves ──DRAIN──► quiet ──STOP──► gone
 *                  └─DISCARD: keeps the Worker it had
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actor/shard.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/list.h"
#include "net/listener.h"
#include "server/wire.h"

struct inbox;
struct loop;
struct native;
struct shard_group;
struct shard_thread;
struct worker_bundle;

enum order_kind {
    ORDER_DEPLOY,  /* make a Worker of `bundle` beside the one that runs */
    ORDER_SWAP,    /* it takes over; the old one retires */
    ORDER_DISCARD, /* it goes again */
    ORDER_LISTEN,
    ORDER_DRAIN, /* finish what runs, take nothing new, make all durable */
    ORDER_HURRY, /* of what still drains: let go */
    ORDER_STOP,  /* the thread ends; shard_thread_join() is the answer */
};

struct order {
    struct message message; /* private */
    struct list link;       /* private: inbox.answers */
    struct shard_thread *thread;
    enum order_kind kind;

    union {
        struct {
            const struct worker_bundle *bundle; /* its script is empty: no Worker */
            const struct native *native;        /* NULL: no classes in C */
        } deploy;

        struct {
            const char *host;
            uint16_t port; /* in and out */
            enum listener_sharing sharing;
        } listen;
    };

    int result; /* 0, < 0 a fault, > 0 an outcome; with words in `why` */
    struct err_text why;
};

struct shard_thread_options {
    struct shard_group *group;  /* borrowed */
    struct wires *const *wires; /* borrowed: every shard's, by index, filled before LISTEN */
    struct inbox *inbox;        /* borrowed: where answers go */
    unsigned index;
    int64_t cpu_limit_ms;
    bool proxied;
    bool scripted; /* there is JavaScript, or may be: what the platform has of it is read ahead */
};

/* It gets ready as far as it can without settings and the group's store. */
int shard_thread_start(struct shard_thread **out, const struct shard_thread_options *options);

/* Once, after start: the settings of the first DEPLOY's bundle, borrowed until then, for which the
 * platform gets ready; NULL: there is none, or it is not known. */
void shard_thread_prepare(struct shard_thread *thread, const char *settings);

/* Once, after prepare: the group has its store; or it will not have one, and the thread ends. */
void shard_thread_go(struct shard_thread *thread, bool called_off);

/* Once, after go: returns when the thread is ready for orders, or could not get ready. */
int shard_thread_wait(struct shard_thread *thread);

/* Any thread, until STOP was answered: have it done; the answer comes to the inbox. `order` stays
 * valid until then. */
void shard_thread_order(struct shard_thread *thread, struct order *order);

struct wires *shard_thread_wires(struct shard_thread *thread);

/* Whether the calling thread is one. */
bool shard_thread_here(void);

/* Waits for the end of a thread that was told to stop, and frees it. */
void shard_thread_join(struct shard_thread *thread);
