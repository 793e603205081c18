#include "http/transfer.h"

#include <errno.h>
#include <uv.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "http/client.h"
#include "net/loop.h"
#include "net/timer.h"

/*
 * libcurl tells us what it waits for: sockets through on_socket(), a time through on_timeout().
 * When one of them comes, curl_multi_socket_action() lets it go on, and whatever has finished is
 * picked up. It is called from the loop only, so that no callback comes from inside a call of the
 * embedder.
 */
struct http_client {
    struct loop *loop; /* borrowed */
    CURLM *multi;      /* owned */
    struct timer timer;
    struct list transfers;
};

/* A socket libcurl waits for. */
struct watch {
    uv_poll_t poll;
    struct http_client *client; /* borrowed; gone once closing */
    curl_socket_t fd;           /* libcurl's */
};

static void collect_done(struct http_client *client)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(client->multi, &left)) != NULL) {
        CURLcode result = message->data.result;
        struct transfer *transfer;
        char *owner;

        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &owner);
        transfer = (struct transfer *)(void *)owner;
        transfer->on_done(transfer, result);
    }
}

static void act(struct http_client *client, curl_socket_t fd, int what)
{
    int running;

    curl_multi_socket_action(client->multi, fd, what, &running);
    collect_done(client);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct watch *watch = container_of(poll, struct watch, poll);
    int what = 0;

    if (status < 0)
        what = CURL_CSELECT_ERR;
    if ((events & UV_READABLE) != 0)
        what |= CURL_CSELECT_IN;
    if ((events & UV_WRITABLE) != 0)
        what |= CURL_CSELECT_OUT;
    act(watch->client, watch->fd, what);
}

static void on_watch_closed(uv_handle_t *handle)
{
    mem_free(container_of(handle, struct watch, poll));
}

static struct watch *watch_create(struct http_client *client, curl_socket_t fd)
{
    struct watch *watch = mem_new(struct watch);

    if (uv_poll_init_socket(&client->loop->uv, &watch->poll, fd) < 0) {
        mem_free(watch);
        return NULL;
    }
    watch->client = client;
    watch->fd = fd;
    curl_multi_assign(client->multi, fd, watch);
    return watch;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *assigned)
{
    struct http_client *client = ctx;
    struct watch *watch = assigned;
    int events = 0;

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (watch != NULL)
            uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
        curl_multi_assign(client->multi, fd, NULL);
        return 0;
    }
    if (watch == NULL)
        watch = watch_create(client, fd);
    if (watch == NULL)
        return -1;
    if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
        events |= UV_READABLE;
    if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
        events |= UV_WRITABLE;
    return uv_poll_start(&watch->poll, events, on_poll) < 0 ? -1 : 0;
}

static int on_timeout(CURLM *multi, long timeout_ms, void *ctx)
{
    struct http_client *client = ctx;

    (void)multi;
    if (timeout_ms < 0)
        timer_stop(&client->timer);
    else
        timer_start(&client->timer, client->loop, (uint64_t)timeout_ms);
    return 0;
}

static void on_timer(struct timer *timer)
{
    act(container_of(timer, struct http_client, timer), CURL_SOCKET_TIMEOUT, 0);
}

int http_client_create(struct http_client **out, struct loop *loop)
{
    struct http_client *client;
    int r = curl_load();

    if (r < 0)
        return err_pass(r);
    client = mem_new(struct http_client);
    client->multi = curl_multi_init();
    if (client->multi == NULL) {
        mem_free(client);
        return err_raise(-ENOMEM);
    }
    client->loop = loop;
    client->timer.cb = on_timer;
    list_init(&client->transfers);
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, on_timeout);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)LIMIT_HTTP_FETCHES);
    *out = client;
    return 0;
}

void http_client_destroy(struct http_client *client)
{
    struct list *link;

    if (client == NULL)
        return;
    while ((link = list_first(&client->transfers)) != NULL) {
        struct transfer *transfer = container_of(link, struct transfer, link);

        transfer->on_abandon(transfer);
    }
    curl_multi_cleanup(client->multi);
    timer_stop(&client->timer);
    mem_free(client);
}

void transfer_init(struct transfer *transfer, struct http_client *client)
{
    CURL *easy = curl_easy_init();

    ASSERT(easy != NULL);
    transfer->easy = easy;
    transfer->client = client;
    list_push_back(&client->transfers, &transfer->link);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)LIMIT_HTTP_BODY_CHUNK_BYTES);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)LIMIT_HTTP_CONNECT_TIMEOUT_MS);
}

void transfer_start(struct transfer *transfer)
{
    CURLMcode r = curl_multi_add_handle(transfer->client->multi, transfer->easy);

    ASSERT(r == CURLM_OK);
    transfer->running = true;
}

void transfer_fini(struct transfer *transfer)
{
    if (transfer->running)
        curl_multi_remove_handle(transfer->client->multi, transfer->easy);
    transfer->running = false;
    curl_easy_cleanup(transfer->easy);
    transfer->easy = NULL;
    list_remove(&transfer->link);
}

struct loop *http_client_loop(const struct http_client *client)
{
    return client->loop;
}

struct loop *transfer_loop(const struct transfer *transfer)
{
    return transfer->client->loop;
}
