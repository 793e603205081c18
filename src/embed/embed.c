/* libdormouse: a process of server/ on a thread of its own, and what the program asks it. */

#include "dormouse/embed.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "embed/question.h"
#include "native/native.h"
#include "server/process.h"
#include "server/shard_thread.h"

enum {
    HIBERNATE_AFTER_MS = 10000,
    GRACE_MS = 10000,
};

enum state {
    STARTING,
    RUNNING,
    ENDING, /* answers what it has, takes nothing new */
    OVER,   /* the thread has done its work */
};

struct dm_server {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    enum state state; /* under the mutex, as all below */
    bool stop_asked;
    bool joined;
    struct process *process; /* while RUNNING or ENDING */
    unsigned port;
    struct buf words; /* what was said while it started */
    struct dm_server_options options;
    struct native_program program;
    struct process_host host;
    struct process_options given;
    char *texts[5]; /* owned: those of `given` and `host` */
    size_t text_count;
};

/* Whose sink the log has. */
static struct dm_server *logging;

static enum log_level level_in(enum dm_log_level level)
{
    static const enum log_level levels[] = {LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG};

    return (unsigned)level < 4 ? levels[level] : LOG_DEBUG;
}

static void log_to_program(void *arg, enum log_level level, const char *text)
{
    static const enum dm_log_level levels[] = {
        [LOG_ERROR] = DM_LOG_ERROR, [LOG_WARN] = DM_LOG_WARN,   [LOG_INFO] = DM_LOG_INFO,
        [LOG_DEBUG] = DM_LOG_DEBUG, [LOG_TRACE] = DM_LOG_DEBUG,
    };
    const struct dm_server *server = arg;

    server->options.log(server->options.log_data, levels[level], text);
}

/* ---- what the process tells ---- */

static void move(struct dm_server *server, enum state state)
{
    pthread_mutex_lock(&server->mutex);
    server->state = state;
    pthread_cond_broadcast(&server->changed);
    pthread_mutex_unlock(&server->mutex);
}

static void on_say(void *data, const char *text)
{
    struct dm_server *server = data;
    bool starting;

    pthread_mutex_lock(&server->mutex);
    starting = server->state == STARTING;
    if (starting)
        buf_append_string(&server->words, text);
    pthread_mutex_unlock(&server->mutex);
    if (!starting)
        log_error("%s", text);
}

static void on_ready(void *data, struct process *process, uint16_t port)
{
    struct dm_server *server = data;

    server->process = process;
    server->port = port;
    move(server, RUNNING);
}

static void on_ending(void *data)
{
    move(data, ENDING);
}

static void *run(void *arg)
{
    struct dm_server *server = arg;

    process_run(&server->given);
    move(server, OVER);
    return NULL;
}

/* ---- starting ---- */

/* The program's handlers run on the program's threads. */
static void signals_of_ours(sigset_t *blocked)
{
    static const int ours[] = {SIGCHLD, SIGUSR1, SIGSEGV, SIGBUS, SIGFPE,
                               SIGILL,  SIGTRAP, SIGABRT, SIGSYS, SIGPROF};

    sigfillset(blocked);
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        sigdelset(blocked, ours[i]);
}

static const char *nonsense(const struct dm_server_options *options)
{
    if (options->size != sizeof *options)
        return "The options are of another version of dormouse/embed.h.";
    if (options->project == NULL && options->data_dir == NULL)
        return "Without a project a data_dir is needed.";
    if (options->project == NULL && options->class_count == 0)
        return "There is neither a project nor a class.";
    if (options->project == NULL && options->front == NULL && options->port >= 0)
        return "Nothing answers HTTP: give a front or a project, or the port -1.";
    if (options->port > 65535)
        return "There is no such port.";
    return NULL;
}

static const char *keep(struct dm_server *server, const char *text)
{
    if (text == NULL)
        return NULL;
    ASSERT(server->text_count < sizeof server->texts / sizeof *server->texts);
    return server->texts[server->text_count++] = mem_strdup(text);
}

static void take_options(struct dm_server *server, const struct dm_server_options *options)
{
    server->options = *options;
    server->program =
        (struct native_program){options->classes, options->class_count, options->front};
    server->host = (struct process_host){
        .program = &server->program,
        .name = keep(server, options->name != NULL ? options->name : "app"),
        .say = on_say,
        .ready = on_ready,
        .ending = on_ending,
        .data = server,
    };
    server->given = (struct process_options){
        .host_program = &server->host,
        .path = keep(server, options->project),
        .env = keep(server, options->env),
        .data_dir = keep(server, options->data_dir),
        .host = keep(server, options->host),
        .port = options->port,
        .shards = options->shards,
        .production = true,
        .evict_always = options->evict_always,
        .hibernate_after_ms =
            options->hibernate_after_ms > 0 ? options->hibernate_after_ms : HIBERNATE_AFTER_MS,
        .cpu_limit_ms = options->cpu_limit_ms > 0 ? options->cpu_limit_ms : LIMIT_CPU_MS,
        .history_days = LIMIT_HISTORY_DAYS,
        .grace_ms = GRACE_MS,
    };
    if (options->log == NULL)
        return;
    __atomic_store_n(&logging, server, __ATOMIC_RELEASE);
    log_set_sink(log_to_program, server);
    log_set_level(level_in(options->log_level));
}

static void destroy(struct dm_server *server)
{
    struct dm_server *ours = server;

    if (__atomic_compare_exchange_n(&logging, &ours, NULL, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_RELAXED)) {
        log_set_sink(NULL, NULL);
        log_set_level(LOG_INFO);
    }
    for (size_t i = 0; i < server->text_count; i++)
        mem_free(server->texts[i]);
    buf_fini(&server->words);
    pthread_cond_destroy(&server->changed);
    pthread_mutex_destroy(&server->mutex);
    mem_free(server);
}

static int refuse(char *why, size_t why_size, const char *words)
{
    int len = (int)strlen(words);

    while (len > 0 && words[len - 1] == '\n')
        len--;
    if (why_size > 0)
        snprintf(why, why_size, "%.*s", len, words);
    return DM_ERROR;
}

static bool started(struct dm_server *server)
{
    sigset_t blocked, before;
    bool running;
    int r;

    signals_of_ours(&blocked);
    pthread_sigmask(SIG_BLOCK, &blocked, &before);
    r = pthread_create(&server->thread, NULL, run, server);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r != 0) {
        buf_append_string(&server->words, "no thread for the server");
        return false;
    }
    pthread_mutex_lock(&server->mutex);
    while (server->state == STARTING)
        pthread_cond_wait(&server->changed, &server->mutex);
    running = server->state == RUNNING;
    pthread_mutex_unlock(&server->mutex);
    if (!running)
        pthread_join(server->thread, NULL);
    return running;
}

int dm_server_start(struct dm_server **out, const struct dm_server_options *options, char *why,
                    size_t why_size)
{
    const char *words = nonsense(options);
    struct dm_server *server;
    int r;

    if (words != NULL)
        return refuse(why, why_size, words);
    server = mem_new(struct dm_server);
    pthread_mutex_init(&server->mutex, NULL);
    pthread_cond_init(&server->changed, NULL);
    take_options(server, options);
    if (started(server)) {
        *out = server;
        return 0;
    }
    r = refuse(why, why_size, buf_string(&server->words));
    destroy(server);
    return r;
}

const struct dm_api *dm_table(void)
{
    return native_table();
}

unsigned dm_server_port(const struct dm_server *server)
{
    return server->port;
}

/* ---- stopping ---- */

void dm_server_stop(struct dm_server *server, int64_t grace_ms)
{
    ASSERT(!shard_thread_here());
    pthread_mutex_lock(&server->mutex);
    if (!server->stop_asked) {
        server->stop_asked = true;
        process_stop(server->process, grace_ms > 0 ? grace_ms : 0);
        pthread_mutex_unlock(&server->mutex);
        pthread_join(server->thread, NULL);
        pthread_mutex_lock(&server->mutex);
        server->joined = true;
        pthread_cond_broadcast(&server->changed);
    }
    while (!server->joined)
        pthread_cond_wait(&server->changed, &server->mutex);
    pthread_mutex_unlock(&server->mutex);
}

void dm_server_free(struct dm_server *server)
{
    if (server == NULL)
        return;
    dm_server_stop(server, GRACE_MS);
    destroy(server);
}

/* ---- asking ---- */

static const char *const over = "The server has stopped.";

/* Where it goes; words if there is no such place. */
static const char *address(struct question *question, struct dm_server *server,
                           const struct dm_target *target)
{
    char hex[OBJECT_ID_HEX + 1];
    struct object_id id;

    question->ns = process_namespace(server->process, target->class_name);
    if (question->ns == NULL)
        return "There is no class of this name.";
    if (target->id != NULL) {
        memcpy(id.bytes, target->id->bytes, sizeof id.bytes);
        object_id_format(&id, hex);
        if (object_id_from_string(question->ns, bytes_of_string(hex), &question->id) != 0)
            return "The id is not one of this class.";
    } else if (target->name != NULL) {
        object_id_from_name(question->ns, bytes_of_string(target->name), &question->id);
        question->name = mem_strdup(target->name);
    } else {
        return "The object has neither a name nor an id.";
    }
    question->shard = shard_of(process_shards(server->process), &question->id);
    return NULL;
}

/* Under the mutex, so that nothing is sent once the shards are about to end. */
static void ask(struct dm_server *server, struct question *question, const struct dm_target *target)
{
    const char *why = over;

    pthread_mutex_lock(&server->mutex);
    if (server->state == RUNNING)
        why = address(question, server, target);
    if (why == NULL)
        question_send(question);
    pthread_mutex_unlock(&server->mutex);
    if (why != NULL)
        question_refuse(question, why);
}

void dm_call(struct dm_server *server, const struct dm_target *target, const char *method,
             const struct dm_value *arguments, size_t count, dm_answer_fn *answer, void *data)
{
    struct question *question = question_create(answer, data);

    if (question_call(question, method, arguments, count))
        ask(server, question, target);
}

void dm_fetch(struct dm_server *server, const struct dm_target *target,
              const struct dm_request *request, dm_answer_fn *answer, void *data)
{
    struct question *question = question_create(answer, data);

    if (question_fetch(question, request))
        ask(server, question, target);
}

/* ---- waiting ---- */

struct waiter {
    pthread_mutex_t mutex;
    pthread_cond_t answered;
    const struct dm_reply *reply; /* under the mutex */
};

static void wake(void *data, const struct dm_reply *reply)
{
    struct waiter *waiter = data;

    pthread_mutex_lock(&waiter->mutex);
    waiter->reply = reply;
    pthread_cond_signal(&waiter->answered);
    pthread_mutex_unlock(&waiter->mutex);
}

static struct question *question_to_wait_for(struct waiter *waiter)
{
    struct question *question = question_create(wake, waiter);

    question->kept = true;
    waiter->reply = NULL;
    pthread_mutex_init(&waiter->mutex, NULL);
    pthread_cond_init(&waiter->answered, NULL);
    return question;
}

/* Refuses where waiting would be for ever. */
static bool may_wait(struct question *question)
{
    if (!shard_thread_here())
        return true;
    question_refuse(question, "A thread of the server cannot wait: ask with a callback.");
    return false;
}

static const struct dm_reply *await(struct waiter *waiter)
{
    const struct dm_reply *reply;

    pthread_mutex_lock(&waiter->mutex);
    while (waiter->reply == NULL)
        pthread_cond_wait(&waiter->answered, &waiter->mutex);
    reply = waiter->reply;
    pthread_mutex_unlock(&waiter->mutex);
    pthread_cond_destroy(&waiter->answered);
    pthread_mutex_destroy(&waiter->mutex);
    return reply;
}

const struct dm_reply *dm_call_wait(struct dm_server *server, const struct dm_target *target,
                                    const char *method, const struct dm_value *arguments,
                                    size_t count)
{
    struct waiter waiter;
    struct question *question = question_to_wait_for(&waiter);

    if (may_wait(question) && question_call(question, method, arguments, count))
        ask(server, question, target);
    return await(&waiter);
}

const struct dm_reply *dm_fetch_wait(struct dm_server *server, const struct dm_target *target,
                                     const struct dm_request *request)
{
    struct waiter waiter;
    struct question *question = question_to_wait_for(&waiter);

    if (may_wait(question) && question_fetch(question, request))
        ask(server, question, target);
    return await(&waiter);
}

void dm_reply_free(const struct dm_reply *reply)
{
    if (reply != NULL)
        question_free(container_of(reply, struct question, reply));
}
