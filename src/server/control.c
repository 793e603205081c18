#include "server/control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "actor/shard.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "server/deploy.h"
#include "server/restore_tool.h"
#include "server/status.h"
#include "store/backup.h"
#include "store/restore.h"

enum {
    LINE_MAX_BYTES = 8192,
    CLIENT_WAIT_S = 5, /* for its line, or to take the answer */
};

struct control {
    struct store *store;                 /* borrowed */
    struct deploy *deploy;               /* borrowed */
    struct status *status;               /* borrowed */
    _Atomic(struct shard_group *) group; /* borrowed; NULL: no objects yet */
    pthread_t thread;
    int dir;      /* the data directory */
    int listener; /* -1: none */
    int stop[2];  /* a pipe: its end of file ends the thread */
};

/* A socket's path is short; through the folder's descriptor any data directory will do. */
static struct sockaddr_un address_in(int dir)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/control", dir);
    return address;
}

static int send_all(int fd, const char *text)
{
    size_t len = strlen(text);

    while (len > 0) {
        ssize_t sent = send(fd, text, len, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return err_raise(-errno);
        text += sent;
        len -= (size_t)sent;
    }
    return 0;
}

/* Up to a newline or the end. */
static int read_line(int fd, struct buf *line)
{
    char byte;

    while (line->len < LINE_MAX_BYTES) {
        ssize_t got = recv(fd, &byte, 1, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_raise(-errno);
        if (got == 0 || byte == '\n')
            return 0;
        buf_append_byte(line, (uint8_t)byte);
    }
    return err_raise(-EMSGSIZE);
}

static int order_restore(struct control *control, const char *line, struct err_text *why)
{
    struct shard_group *group = atomic_load(&control->group);
    struct restore_request request = {0};
    int r = restore_tool_read(control->store, line, &request, why);

    if (r == 0)
        r = restore_order(control->store, &request, why);
    if (r == 0 && group != NULL)
        shard_group_reset(group, request.target_namespace, request.target_id,
                          "Durable Object reset because its storage was restored.");
    if (r < 0)
        err_text_set(why, "%s", err_trail());
    return r;
}

static int order_backup(struct control *control, const char *path, struct err_text *why)
{
    if (path[0] != '/') {
        err_text_set(why, "an absolute path is needed");
        return CONTROL_REFUSED;
    }
    return store_backup(control->store, path, why);
}

static int order_deploy(struct control *control, const char *path, struct buf *words)
{
    enum deploy_result result = deploy_order(control->deploy, path[0] != '\0' ? path : NULL, words);

    if (result == DEPLOY_STOPPING)
        buf_append_string(words, "the process is stopping");
    return result == DEPLOY_DONE ? 0 : CONTROL_REFUSED;
}

static int order_status(struct control *control, bool metrics, struct buf *words)
{
    struct shard_group *group = atomic_load(&control->group);

    if (metrics)
        status_print_metrics(control->status, control->store, group, words);
    else
        status_print(control->status, control->store, group, words);
    return 0;
}

/* What stands behind `command` on the line; NULL: it is another command. */
static const char *behind(const char *line, const char *command)
{
    size_t len = strlen(command);

    return strncmp(line, command, len) == 0 ? line + len : NULL;
}

static void obey(struct control *control, const char *line, struct buf *answer)
{
    struct err_text why = {""};
    struct buf words = {0};
    const char *rest;
    int r = CONTROL_REFUSED;

    if ((rest = behind(line, RESTORE_TOOL_LINE)) != NULL)
        r = order_restore(control, rest, &why);
    else if ((rest = behind(line, "backup ")) != NULL)
        r = order_backup(control, rest, &why);
    else if ((rest = behind(line, "deploy ")) != NULL)
        r = order_deploy(control, rest, &words);
    else if (strcmp(line, "status") == 0 || strcmp(line, "metrics") == 0)
        r = order_status(control, line[0] == 'm', &words);
    else
        err_text_set(&why, "this version does not know that command");
    buf_append_format(answer, "%s %s%s", r == 0 ? "ok" : "error", why.text, buf_string(&words));
    buf_fini(&words);
}

static void attend(struct control *control, int client)
{
    struct timeval wait = {.tv_sec = CLIENT_WAIT_S};
    struct buf line = {0};
    struct buf answer = {0};

    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
    if (read_line(client, &line) == 0 && line.len > 0) {
        obey(control, buf_string(&line), &answer);
        send_all(client, buf_string(&answer));
    }
    buf_fini(&answer);
    buf_fini(&line);
}

static void *control_run(void *arg)
{
    struct control *control = arg;
    struct pollfd fds[2] = {{.fd = control->stop[0], .events = POLLIN},
                            {.fd = control->listener, .events = POLLIN}};

    for (;;) {
        int client;

        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            break;
        if (fds[0].revents != 0)
            break;
        if ((fds[1].revents & POLLIN) == 0)
            continue;
        client = accept4(control->listener, NULL, NULL, SOCK_CLOEXEC);
        if (client < 0)
            continue;
        attend(control, client);
        close(client);
    }
    return NULL;
}

static int start_listening(struct control *control)
{
    struct sockaddr_un address = address_in(control->dir);

    unlinkat(control->dir, "control", 0);
    control->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (control->listener < 0 || fchmod(control->listener, 0600) < 0 ||
        bind(control->listener, (const struct sockaddr *)&address, sizeof address) < 0 ||
        fchmodat(control->dir, "control", 0600, 0) < 0 || listen(control->listener, 4) < 0)
        return err_raise(-errno);
    return 0;
}

static void control_free(struct control *control)
{
    if (control->listener >= 0)
        close(control->listener);
    if (control->dir >= 0)
        close(control->dir);
    for (unsigned i = 0; i < 2; i++) {
        if (control->stop[i] >= 0)
            close(control->stop[i]);
    }
    mem_free(control);
}

int control_create(struct control **out, struct store *store, struct deploy *deploy,
                   struct status *status, const char *data_dir)
{
    struct control *control = mem_new(struct control);
    int r;

    control->store = store;
    control->deploy = deploy;
    control->status = status;
    control->listener = -1;
    control->stop[0] = control->stop[1] = -1;
    control->dir = open(data_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (control->dir < 0 || pipe2(control->stop, O_CLOEXEC) < 0) {
        r = err_raise(-errno);
        goto out;
    }
    r = start_listening(control);
    if (r == 0)
        r = -pthread_create(&control->thread, NULL, control_run, control);
    if (r < 0)
        goto out;
    *out = control;
    return 0;

out:
    control_free(control);
    return err_pass(r);
}

void control_set_group(struct control *control, struct shard_group *group)
{
    if (control != NULL)
        atomic_store(&control->group, group);
}

void control_destroy(struct control *control)
{
    if (control == NULL)
        return;
    close(control->stop[1]);
    control->stop[1] = -1;
    pthread_join(control->thread, NULL);
    unlinkat(control->dir, "control", 0);
    control_free(control);
}

/* ---- the other side ---- */

static int read_all(int fd, struct buf *out)
{
    for (;;) {
        ssize_t got = recv(fd, buf_reserve(out, LINE_MAX_BYTES), LINE_MAX_BYTES, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_raise(-errno);
        if (got == 0)
            return 0;
        buf_added(out, (size_t)got);
    }
}

static int take_answer(const struct buf *answer, struct buf *words)
{
    struct bytes all = buf_bytes(answer);
    size_t space = bytes_find(all, BYTES(" "), 0);

    buf_append_bytes(words, bytes_slice(all, space + 1, all.len));
    if (bytes_equal(bytes_slice(all, 0, space), BYTES("ok")))
        return CONTROL_DONE;
    if (all.len == 0)
        buf_append_string(words, "the process ended before it was done");
    return CONTROL_REFUSED;
}

int control_ask(const char *data_dir, const char *line, struct buf *words)
{
    int dir = open(data_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct sockaddr_un address;
    struct buf answer = {0};
    int fd = -1;
    int r = 0;

    if (dir < 0)
        return err_raise(-errno);
    address = address_in(dir);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) < 0)
        r = err_raise(-errno);
    if (r == 0)
        r = send_all(fd, line);
    if (r == 0)
        r = send_all(fd, "\n");
    if (r == 0)
        r = read_all(fd, &answer);
    if (r == 0)
        r = take_answer(&answer, words);
    if (fd >= 0)
        close(fd);
    close(dir);
    buf_fini(&answer);
    return r < 0 ? err_pass(r) : r;
}
