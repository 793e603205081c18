#ifndef DORMOUSE_EMBED_H
#define DORMOUSE_EMBED_H

/*
 * Dormouse: a server inside your program
 *
 * Link with libdormouse (`pkg-config --cflags --libs dormouse`), start a server, call its objects
 * from any thread, stop it. The objects are those of dormouse.h, given as they are, without a class
 * library; those of a project in JavaScript; or both at once.
 *
 *     struct dm_server_options options = {.size = sizeof options, .data_dir = "data", .port = -1};
 *     options.classes = classes, options.class_count = 1;
 *     if (dm_server_start(&server, &options, why, sizeof why) != 0)
 *         die(why);
 *     answer = dm_call_wait(server, &target, "increment", NULL, 0);
 *
 * Threads. The server runs on threads of its own, which leave your program's signals alone (all are
 * blocked there but SIGCHLD, faults, and SIGUSR1, which the JavaScript engine uses). Every function
 * here may be called from any thread of yours; dm_server_free() when no other one uses the server.
 * Callbacks come on the server's threads: be quick, and ask with callbacks only: the functions that
 * wait refuse there. In classes use struct dm_api, not this.
 *
 * Order. What one thread asks one object arrives in the order asked.
 *
 * Ownership. What you pass in is copied, but for classes, fronts and what they point to, which must
 * live as long as the process, and `data`, which is yours.
 *
 * Errors. Starting says in words why it failed. Asking never fails by itself: every question gets
 * exactly one answer, and what went wrong stands in its `error`. An answer without `error` says
 * that all it tells of is on disk. When the journal cannot be written the process ends at once with
 * status 2, because nothing it could say would be true after the next start; the same happens when
 * the server's threads cannot be made (status 1) and when memory runs out (SIGABRT).
 *
 * A process may run several servers, on different data directories. fork() is not for a process
 * that runs one.
 */

#include "dormouse.h"

#ifdef __cplusplus
extern "C" {
#endif

struct dm_server;

/* Zero what you do not want to say: `struct dm_server_options options = {.size = …, …}`. */
struct dm_server_options {
    size_t size; /* sizeof(struct dm_server_options) */

    /* A folder with a wrangler file (or the file): its Worker, its classes, its class libraries.
     * NULL: none; then what there is is what you give below. */
    const char *project;
    const char *env;      /* named environment of the project; NULL: none */
    const char *data_dir; /* NULL: .dormouse/data in the project; without a project it is needed */

    /* Objects in C. A binding of the project to a class of the same name is a binding to this one.
     * Their ids are made from `name` (NULL: "app") and the class's name: keep both. In a project it
     * is the project's. */
    const char *name;
    const struct dm_class *const *classes;
    size_t class_count;
    const struct dm_front *front; /* HTTP requests, if there is no Worker; NULL: none */

    const char *host; /* NULL: the project's, or 127.0.0.1 */
    int port;         /* 0: any that is free; -1: nobody listens, there is no HTTP */
    unsigned shards;  /* threads that run objects; 0: one per core */

    int64_t hibernate_after_ms; /* idle objects leave memory; 0: 10,000 */
    int64_t cpu_limit_ms;       /* of one event in JavaScript; 0: 30,000 */
    bool evict_always;          /* tests: drop the instance after every event */

    /* Each line that the server logs, without its end; on any thread, one at a time. There is one
     * log for the process: start servers one after the other, and give it to one of them. NULL:
     * stderr. What JavaScript prints goes to stdout and stderr. */
    void (*log)(void *data, enum dm_log_level level, const char *text);
    void *log_data;
    enum dm_log_level log_level; /* nothing beyond; 0 with `log`: errors only */
};

/* The functions that classes call: what dm_library_init() of a class library gets. */
DM_EXPORT const struct dm_api *dm_table(void);

/* Returns when the server is ready. DM_ERROR, with words in `why` (cut to why_size bytes). */
DM_EXPORT int dm_server_start(struct dm_server **server, const struct dm_server_options *options,
                              char *why, size_t why_size);

/* Where it listens; 0: nowhere. */
DM_EXPORT unsigned dm_server_port(const struct dm_server *server);

/* In an orderly way: no new connections; requests under way have `grace_ms` to end; all is durable,
 * WebSockets are closed with 1001, databases are ordinary SQLite files. Questions that are not
 * answered by then, and later ones, are answered with an error. Returns when all that is done; a
 * second call does nothing. Not from the server's threads. */
DM_EXPORT void dm_server_stop(struct dm_server *server, int64_t grace_ms);

/* Stops it if it runs (with 10 s of grace). NULL is allowed. */
DM_EXPORT void dm_server_free(struct dm_server *server);

/* ---- asking ---- */

/* An object: of this class, with this name; or with this id, if `id` is not NULL. */
struct dm_target {
    const char *class_name;
    const char *name;
    const struct dm_id *id;
};

/* What came of it, borrowed until the callback returns. A response has its body in `content`, whole
 * (at most 32 MiB). */
typedef void dm_answer_fn(void *data, const struct dm_reply *reply);

/* A method of the object: of a class in C call(), of one in JavaScript the method. answer() comes
 * once, on a thread of the server; or on yours, inside the call, if the server has stopped or what
 * you ask makes no sense. */
DM_EXPORT void dm_call(struct dm_server *server, const struct dm_target *target, const char *method,
                       const struct dm_value *arguments, size_t count, dm_answer_fn *answer,
                       void *data);

/* fetch() of the object. `url` is absolute; its host is for the object to look at. */
DM_EXPORT void dm_fetch(struct dm_server *server, const struct dm_target *target,
                        const struct dm_request *request, dm_answer_fn *answer, void *data);

/* The same, waiting. Never NULL; dm_reply_free() it. */
DM_EXPORT const struct dm_reply *dm_call_wait(struct dm_server *server,
                                              const struct dm_target *target, const char *method,
                                              const struct dm_value *arguments, size_t count);
DM_EXPORT const struct dm_reply *dm_fetch_wait(struct dm_server *server,
                                               const struct dm_target *target,
                                               const struct dm_request *request);
DM_EXPORT void dm_reply_free(const struct dm_reply *reply); /* NULL is allowed */

#ifdef __cplusplus
}
#endif

#endif
