/*
 * A program with a server in it
 *
 * Counts visits, per page, and never loses one: each page is an object, and the counter of a page
 * is in its storage. The program asks its objects from threads of its own; browsers ask them over
 * HTTP; both see the same.
 *
 *     visits DIR          asks a little, says what it heard, and ends
 *     visits DIR serve    listens as well, until SIGINT or SIGTERM
 */

#include <dormouse/embed.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define ASKERS 4
#define VISITS 250

static const struct dm_api *dm;

/* ---- the class: one object for each page ---- */

static int construct(struct dm_object *page, void **instance)
{
    *instance = NULL; /* all of it is in storage */
    return dm->sql_exec(page, "CREATE TABLE IF NOT EXISTS visit (who TEXT PRIMARY KEY, n INTEGER)",
                        NULL, 0);
}

static int count(struct dm_object *page, const char *sql, double *result)
{
    struct dm_rows *rows;
    int r = dm->sql_query(page, &rows, sql, NULL, 0);

    if (r == 0)
        r = dm->sql_step(rows);
    if (r != 0)
        return r < 0 ? r : dm->error(page, "there is no count");
    *result = dm->sql_real(rows, 0);
    return 0;
}

/* visit(who) and visits() */
static int call(void *instance, struct dm_object *page, struct dm_event *event, const char *method,
                const struct dm_value *arguments, size_t argument_count)
{
    struct dm_value answer;
    double visits = 0;
    int r = 0;
    (void)instance;

    if (strcmp(method, "visit") == 0) {
        if (argument_count < 1 || arguments[0].type != DM_STRING)
            return dm->error(page, "visit() wants to know who");
        r = dm->sql_exec(page,
                         "INSERT INTO visit VALUES (?, 1) ON CONFLICT DO UPDATE SET n = n + 1",
                         DM_VALUES(dm_text(arguments[0].bytes)));
    } else if (strcmp(method, "visits") != 0) {
        return dm->unknown_method(event);
    }
    if (r == 0)
        r = count(page, "SELECT coalesce(sum(n), 0) FROM visit", &visits);
    if (r < 0)
        return r;
    answer = dm_number(visits);
    return dm->answer(event, &answer);
}

static int fetch(void *instance, struct dm_object *page, struct dm_event *event,
                 const struct dm_request *request)
{
    char text[128];
    double visits;
    int r = count(page, "SELECT coalesce(sum(n), 0) FROM visit", &visits);
    (void)instance, (void)request;

    if (r < 0)
        return r;
    snprintf(text, sizeof text, "%.0f visits\n", visits);
    return dm->respond_text(event, 200, text);
}

static const struct dm_class page_class = {
    .size = sizeof(struct dm_class),
    .name = "Page",
    .construct = construct,
    .call = call,
    .fetch = fetch,
};

/* ---- the front: GET /<page> ---- */

static int front_fetch(void *instance, struct dm_object *front, struct dm_event *event,
                       const struct dm_request *request)
{
    const char *path = strchr(strstr(request->url, "://") + 3, '/');
    struct dm_ns *pages;
    struct dm_id id;
    int r = dm->ns(front, "Page", &pages);
    (void)instance;

    if (r < 0)
        return r;
    if (path == NULL || path[1] == '\0')
        return dm->respond_text(event, 404, "GET /<page>\n");
    dm->id_from_name(pages, path + 1, &id);
    return dm->forward(event, pages, &id, path + 1, NULL);
}

static const struct dm_front front = {.size = sizeof(struct dm_front), .fetch = front_fetch};

/* ---- the program ---- */

struct asker {
    pthread_t thread;
    struct dm_server *server;
    unsigned failures;
};

/* One after the other, waiting for each. */
static void *ask(void *data)
{
    const struct dm_target home = {.class_name = "Page", .name = "home"};
    struct asker *asker = data;
    struct dm_value who = dm_string("somebody");

    for (unsigned i = 0; i < VISITS; i++) {
        const struct dm_reply *reply = dm_call_wait(asker->server, &home, "visit", &who, 1);

        if (reply->error != NULL) {
            fprintf(stderr, "a visit failed: %s\n", reply->error);
            asker->failures++;
        }
        dm_reply_free(reply);
    }
    return NULL;
}

static unsigned ask_from_threads(struct dm_server *server)
{
    struct asker askers[ASKERS] = {0};
    unsigned failures = 0;

    for (unsigned i = 0; i < ASKERS; i++) {
        askers[i].server = server;
        pthread_create(&askers[i].thread, NULL, ask, &askers[i]);
    }
    for (unsigned i = 0; i < ASKERS; i++) {
        pthread_join(askers[i].thread, NULL);
        failures += askers[i].failures;
    }
    return failures;
}

/* All at once, without waiting in between: they reach the disk together. */
struct crowd {
    pthread_mutex_t mutex;
    pthread_cond_t all_there;
    unsigned left;
    double highest;
};

static void on_visit(void *data, const struct dm_reply *reply)
{
    struct crowd *crowd = data;

    pthread_mutex_lock(&crowd->mutex);
    if (reply->value != NULL && reply->value->number > crowd->highest)
        crowd->highest = reply->value->number;
    if (--crowd->left == 0)
        pthread_cond_signal(&crowd->all_there);
    pthread_mutex_unlock(&crowd->mutex);
}

static double ask_all_at_once(struct dm_server *server)
{
    const struct dm_target home = {.class_name = "Page", .name = "home"};
    struct crowd crowd = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, VISITS, 0};
    struct dm_value who = dm_string("a crowd");

    for (unsigned i = 0; i < VISITS; i++)
        dm_call(server, &home, "visit", &who, 1, on_visit, &crowd);
    pthread_mutex_lock(&crowd.mutex);
    while (crowd.left > 0)
        pthread_cond_wait(&crowd.all_there, &crowd.mutex);
    pthread_mutex_unlock(&crowd.mutex);
    return crowd.highest;
}

static void show(struct dm_server *server)
{
    const struct dm_target home = {.class_name = "Page", .name = "home"};
    const struct dm_request request = {.url = "http://inside/home"};
    const struct dm_reply *reply = dm_fetch_wait(server, &home, &request);

    if (reply->error != NULL)
        printf("home: %s\n", reply->error);
    else
        printf("home: %u, %.*s", reply->response->status, (int)reply->response->content.len,
               (const char *)reply->response->content.data);
    dm_reply_free(reply);
}

int main(int argc, char **argv)
{
    static const struct dm_class *const classes[] = {&page_class};
    struct dm_server_options options = {
        .size = sizeof options,
        .data_dir = argc > 1 ? argv[1] : NULL,
        .classes = classes,
        .class_count = 1,
        .front = &front,
        .port = argc > 2 ? 0 : -1,
    };
    struct dm_server *server;
    unsigned failures;
    sigset_t ends;
    char why[256];
    int number;

    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    dm = dm_table();
    if (dm_server_start(&server, &options, why, sizeof why) != 0) {
        fprintf(stderr, "%s\n", why);
        return 1;
    }
    failures = ask_from_threads(server);
    printf("%.0f visits after a crowd of %d\n", ask_all_at_once(server), VISITS);
    show(server);
    if (options.port == 0) {
        printf("listening on http://127.0.0.1:%u\n", dm_server_port(server));
        fflush(stdout);
        sigwait(&ends, &number);
    }
    dm_server_free(server);
    return failures > 0;
}
