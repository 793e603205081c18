#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

enum {
    EVENTS_MAX = 256,
    OPENING_MAX = 128,         /* connections that are being opened at one time */
    OPEN_SECONDS_MIN = 120,    /* for them to be open, */
    OPEN_PER_SECOND_MIN = 500, /* or longer when they are many */
    COUNT_SECONDS_MAX = 60,
};

_Noreturn void load_die(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

uint64_t load_now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* ---- times ---- */

static unsigned bucket_of(uint64_t ns)
{
    unsigned power = ns < 32 ? 0 : 63 - (unsigned)__builtin_clzll(ns) - 5;

    return power * 32 + (unsigned)(ns >> power);
}

static uint64_t bucket_middle(unsigned bucket)
{
    unsigned power = bucket < 64 ? 0 : bucket / 32 - 1;
    uint64_t low = (uint64_t)(bucket - power * 32) << power;

    return low + ((uint64_t)1 << power) / 2;
}

void load_record(struct load *load, uint64_t since_ns)
{
    uint64_t now = load_now_ns();
    struct load_times *times = &load->result->times;

    if (now < load->measure_from_ns || (load->end_ns != 0 && now > load->end_ns))
        return;
    load->result->operations++;
    times->counts[bucket_of(now - since_ns)]++;
    times->total++;
    if (now - since_ns > times->max)
        times->max = now - since_ns;
}

double load_times_ms(const struct load_times *times, double share)
{
    uint64_t wanted = (uint64_t)((double)times->total * share);
    uint64_t seen = 0;

    for (unsigned bucket = 0; bucket < LOAD_BUCKETS; bucket++) {
        seen += times->counts[bucket];
        if (seen > wanted)
            return (double)bucket_middle(bucket) / 1e6;
    }
    return (double)times->max / 1e6;
}

/* ---- connections ---- */

size_t load_path(const struct load_options *options, unsigned n, char *out, size_t size)
{
    const char *place = strstr(options->path, "{n}");
    int len;

    if (place == NULL)
        len = snprintf(out, size, "%s", options->path);
    else
        len = snprintf(out, size, "%.*s%u%s", (int)(place - options->path), options->path,
                       n % options->objects, place + 3);
    if (len < 0 || (size_t)len >= size)
        load_die("the path is too long");
    return (size_t)len;
}

static void take_buffers(struct load_connection *connection)
{
    if (connection->in != NULL)
        return;
    connection->out = malloc(LOAD_OUT_MAX);
    connection->in = malloc(LOAD_IN_MAX);
    if (connection->in == NULL || connection->out == NULL)
        load_die("no memory for connection %u", connection->index);
}

static void drop_buffers(struct load *load, struct load_connection *connection)
{
    if (!load->protocol->sleeps || connection->in_len > 0 || connection->out_len > 0)
        return;
    free(connection->in);
    free(connection->out);
    connection->in = connection->out = NULL;
}

static void watch(struct load *load, struct load_connection *connection, int operation)
{
    struct epoll_event event = {
        .events = EPOLLIN | (connection->writing ? EPOLLOUT : 0u),
        .data.ptr = connection,
    };

    if (epoll_ctl(load->epoll, operation, connection->fd, &event) != 0)
        load_die("epoll_ctl: %s", strerror(errno));
}

static void flush(struct load *load, struct load_connection *connection)
{
    bool was_writing = connection->writing;

    while (connection->out_done < connection->out_len) {
        ssize_t n = send(connection->fd, connection->out + connection->out_done,
                         connection->out_len - connection->out_done, MSG_NOSIGNAL);
        if (n < 0)
            break;
        connection->out_done += (size_t)n;
    }
    connection->writing = connection->out_done < connection->out_len;
    if (!connection->writing)
        connection->out_done = connection->out_len = 0;
    if (connection->writing != was_writing)
        watch(load, connection, EPOLL_CTL_MOD);
}

void load_send(struct load *load, struct load_connection *connection, const void *data, size_t len)
{
    if (connection->out_len + len > LOAD_OUT_MAX)
        load_die("a connection does not take what is written to it");
    take_buffers(connection);
    memcpy(connection->out + connection->out_len, data, len);
    connection->out_len += len;
    if (connection->state != LOAD_CONNECTING)
        flush(load, connection);
}

static void begin(struct load *load, unsigned index)
{
    struct load_connection *connection = &load->connections[index];
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)load->options->port),
    };
    int one = 1;

    if (inet_pton(AF_INET, load->options->host, &address.sin_addr) != 1)
        load_die("%s is not an address", load->options->host);
    /* One address has some 28,000 ports to connect from; loopback has more addresses. */
    struct sockaddr_in source = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK + index / 20000),
    };

    *connection = (struct load_connection){.index = index, .writing = true};
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connection->fd < 0)
        load_die("connection %u: %s", index, strerror(errno));
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (strncmp(load->options->host, "127.", 4) == 0 && index >= 20000)
        bind(connection->fd, (struct sockaddr *)&source, sizeof source);
    if (connect(connection->fd, (struct sockaddr *)&address, sizeof address) != 0 &&
        errno != EINPROGRESS)
        load_die("connect: %s", strerror(errno));
    watch(load, connection, EPOLL_CTL_ADD);
}

static void lose(struct load *load, struct load_connection *connection, const char *why)
{
    if (connection->state == LOAD_CONNECTING)
        load_die("connection %u: %s", connection->index, why);
    if (load->result->errors == 0)
        fprintf(stderr, "load: connection %u: %s\n", connection->index, why);
    load->result->errors++;
    close(connection->fd);
    connection->fd = -1;
}

static void consume(struct load *load, struct load_connection *connection)
{
    for (;;) {
        size_t done;

        if (connection->skip > 0) {
            done = connection->in_len < connection->skip ? connection->in_len : connection->skip;
            connection->skip -= done;
        } else {
            done = connection->in_len > 0 ? load->protocol->take(load, connection) : 0;
        }
        if (done == 0)
            return;
        memmove(connection->in, connection->in + done, connection->in_len - done);
        connection->in_len -= done;
    }
}

static void on_readable(struct load *load, struct load_connection *connection)
{
    take_buffers(connection);
    for (;;) {
        size_t room = LOAD_IN_MAX - connection->in_len;
        ssize_t n = recv(connection->fd, connection->in + connection->in_len, room, 0);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) {
            lose(load, connection, n == 0 ? "closed by the server" : strerror(errno));
            return;
        }
        connection->in_len += (size_t)n;
        consume(load, connection);
        if (connection->in_len == LOAD_IN_MAX)
            load_die("an answer is longer than %d bytes", LOAD_IN_MAX);
        if ((size_t)n < room)
            return;
    }
}

static void on_event(struct load *load, const struct epoll_event *event)
{
    struct load_connection *connection = event->data.ptr;

    if (connection->fd < 0)
        return;
    if (connection->state == LOAD_CONNECTING) {
        int fault = 0;
        socklen_t size = sizeof fault;

        getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &fault, &size);
        if (fault != 0)
            load_die("connection %u: %s", connection->index, strerror(fault));
        connection->state = LOAD_UPGRADING;
        load->protocol->open(load, connection);
        flush(load, connection);
        return;
    }
    if (event->events & (EPOLLIN | EPOLLERR | EPOLLHUP))
        on_readable(load, connection);
    if (connection->fd >= 0 && event->events & EPOLLOUT)
        flush(load, connection);
    drop_buffers(load, connection);
}

/* Until something happens, but not longer than until `until_ns`. */
static void turn(struct load *load, uint64_t until_ns)
{
    struct epoll_event events[EVENTS_MAX];
    uint64_t now = load_now_ns();
    int wait_ms = now >= until_ns ? 0 : (int)((until_ns - now) / 1000000) + 1;
    int n = epoll_wait(load->epoll, events, EVENTS_MAX, wait_ms);

    for (int i = 0; i < n; i++)
        on_event(load, &events[i]);
}

void load_wait(struct load *load, unsigned ms)
{
    turn(load, load_now_ns() + ms * 1000000ull);
}

void load_open_all(struct load *load)
{
    uint64_t seconds = OPEN_SECONDS_MIN + load->options->connections / OPEN_PER_SECOND_MIN;
    uint64_t end_ns = load_now_ns() + seconds * 1000000000ull;
    unsigned begun = 0;

    load->epoll = epoll_create1(EPOLL_CLOEXEC);
    load->connections = calloc(load->options->connections, sizeof *load->connections);
    if (load->epoll < 0 || load->connections == NULL)
        load_die("no memory for the connections");
    while (load->open_count < load->options->connections) {
        while (begun < load->options->connections && begun < load->open_count + OPENING_MAX)
            begin(load, begun++);
        load_wait(load, 100);
        if (load_now_ns() > end_ns || load->result->errors > 0)
            load_die("only %u of %u connections could be opened", load->open_count,
                     load->options->connections);
    }
}

static bool counted_all(const struct load *load)
{
    return load->options->count > 0 && load->result->operations >= load->options->count;
}

void load_run(struct load *load)
{
    const struct load_options *options = load->options;
    uint64_t start_ns;

    load->measure_from_ns = options->count > 0 ? 0 : UINT64_MAX;
    load->next_object = options->first;
    load_open_all(load);
    start_ns = load_now_ns();
    if (options->count == 0)
        load->measure_from_ns = start_ns + (uint64_t)(options->warmup * 1e9);
    load->end_ns = load->measure_from_ns + (uint64_t)(options->seconds * 1e9);
    if (options->count > 0)
        load->end_ns = start_ns + COUNT_SECONDS_MAX * 1000000000ull;
    while (load_now_ns() < load->end_ns && !counted_all(load))
        turn(load, load->end_ns);
    load->result->seconds =
        options->count > 0 ? (double)(load_now_ns() - start_ns) / 1e9 : options->seconds;
}
