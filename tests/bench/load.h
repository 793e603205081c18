#pragma once

/*
 * Load
 *
 * A load generator that is not the bottleneck: one thread, epoll, no allocation once it runs. It
 * measures one thing per run and prints one JSON object:
 *
 *     load http      requests on kept connections, `pipeline` under way on each
 *     load echo      WebSockets that each send a message and wait for one
 *     load broadcast some WebSockets send, all of them receive
 *     load idle      opens WebSockets, says how long that took, holds them until stdin ends; for
 *                    each line "wake N" there, N of them send a message, one after the other
 *     load start     runs a command until its server answers 200
 *
 * Where a path has {n}, the number of an object is put, below `objects`: for requests the next one
 * each time, for sockets one each.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LOAD_CONNECTIONS_MAX = 1 << 20, /* a process has no more files */
    LOAD_PIPELINE_MAX = 64,
    LOAD_OUT_MAX = 16384,
    LOAD_IN_MAX = 65536,
    LOAD_BUCKETS = 64 * 32,
};

struct load_options {
    const char *host;
    int port;
    const char *path;
    const char *body; /* NULL: GET */
    unsigned connections;
    unsigned pipeline; /* http: requests, broadcast: messages under way */
    unsigned senders;  /* broadcast */
    unsigned objects;
    unsigned first; /* number of the first object that is asked for */
    unsigned count; /* http: ends after so many operations; 0: after the seconds */
    unsigned size;  /* bytes of a message */
    double seconds;
    double warmup;
};

/* Times in nanoseconds, in buckets that are three percent wide. */
struct load_times {
    uint64_t counts[LOAD_BUCKETS];
    uint64_t total;
    uint64_t max;
};

struct load_result {
    struct load_times times;
    uint64_t operations;
    uint64_t errors;
    double seconds;
};

enum load_state {
    LOAD_CONNECTING, /* the TCP connection */
    LOAD_UPGRADING,  /* waiting for the 101 */
    LOAD_OPEN,
};

struct load_connection {
    int fd;
    enum load_state state;
    unsigned index;
    uint64_t sent_ns[LOAD_PIPELINE_MAX]; /* http: of the requests under way, a ring; echo: [0] */
    unsigned sent_first, sent_count;
    uint8_t *out; /* LOAD_OUT_MAX; both NULL while a sleeper has nothing to say */
    size_t out_len, out_done;
    bool writing; /* epoll watches for room */
    uint8_t *in;  /* LOAD_IN_MAX */
    size_t in_len;
    uint64_t skip; /* bytes of a body or message that are not looked at */
};

struct load;

struct load_protocol {
    /* The connection is open; the first bytes may be queued. */
    void (*open)(struct load *load, struct load_connection *connection);
    /* Something came: how much of it is done with. 0 means more is needed. */
    size_t (*take)(struct load *load, struct load_connection *connection);
    bool sleeps; /* there may be a million of them: buffers only while they are in use */
};

struct load {
    const struct load_options *options;
    const struct load_protocol *protocol;
    struct load_connection *connections;
    struct load_result *result;
    int epoll;
    unsigned open_count;
    unsigned next_object;
    uint64_t measure_from_ns, end_ns; /* 0: until `stopped` */
    bool stopped;
    /* broadcast */
    uint64_t message_sent_ns[LOAD_PIPELINE_MAX];
    unsigned deliveries_left[LOAD_PIPELINE_MAX];
    uint32_t next_message;
};

uint64_t load_now_ns(void);

/* Opens the connections and runs the protocol until its time is over. Ends the process when
 * nothing can be reached. */
void load_run(struct load *load);

/* What happens within `ms` milliseconds at the most. */
void load_wait(struct load *load, unsigned ms);

/* Lets `count` of the sleepers send a message and waits for it to come back, one by one. */
void load_wake(struct load *load, unsigned count);

/* Opens all connections and returns. */
void load_open_all(struct load *load);

/* Appends to what will be written to the connection, and writes what can be. */
void load_send(struct load *load, struct load_connection *connection, const void *data, size_t len);

/* Writes the path with the object's number. */
size_t load_path(const struct load_options *options, unsigned n, char *out, size_t size);

/* One operation ended that began at `since_ns`. */
void load_record(struct load *load, uint64_t since_ns);

double load_times_ms(const struct load_times *times, double share);

_Noreturn void load_die(const char *format, ...) __attribute__((format(printf, 1, 2)));

extern const struct load_protocol load_http;
extern const struct load_protocol load_echo;
extern const struct load_protocol load_broadcast;
extern const struct load_protocol load_idle;
