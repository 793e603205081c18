#include "http/client.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "http/h1_write.h"
#include "http/transfer.h"
#include "net/loop.h"

/*
 * libcurl calls on_header(), on_write() and on_read() from within curl_multi_socket_action() and
 * curl_easy_pause(), both of which run from the loop only. A handle must not be freed or unpaused
 * from in there: http_fetch_abort(), http_fetch_read_more() and http_fetch_write() only note what
 * is wanted, and the task does it.
 *
 * Receiving: libcurl is paused unless a piece is wanted. Sending: it is paused while `upload` is
 * empty and not ended.
 */
struct http_fetch {
    struct transfer transfer;
    const struct http_fetch_handler *handler; /* borrowed */
    void *ctx;                                /* borrowed */
    struct loop_task task;
    struct curl_slist *request_headers; /* owned */
    struct buf head;                    /* the answer's header lines, while they come */
    struct buf upload;                  /* request body, not yet taken by libcurl */
    size_t upload_at;                   /* of a whole body, which is kept for a second try */
    uint64_t upload_left;               /* of an announced length */
    const char *refusal;                /* what is wrong with the options; static text */
    bool streams;                       /* the body comes through http_fetch_write() */
    bool sized;                         /* its length is announced */
    bool upload_ended;
    bool upload_full; /* on_upload_drain() is owed */
    bool send_paused;
    bool recv_paused;
    bool wanted; /* on_body() is owed */
    bool head_told;
    bool aborted;
};

static void fetch_free(struct http_fetch *fetch)
{
    loop_task_cancel(&fetch->task);
    transfer_fini(&fetch->transfer);
    curl_slist_free_all(fetch->request_headers);
    buf_fini(&fetch->head);
    buf_fini(&fetch->upload);
    mem_free(fetch);
}

static void act_later(struct http_fetch *fetch)
{
    loop_defer(transfer_loop(&fetch->transfer), &fetch->task);
}

/* Answer */

/* "Name: value" lines, each ending in LF, into slices of themselves. */
static void split_headers(struct bytes lines, struct http_header *headers, size_t *count)
{
    *count = 0;
    while (lines.len > 0 && *count < LIMIT_HTTP_HEADERS) {
        size_t end = bytes_find_byte(lines, '\n', 0);
        struct bytes line = bytes_slice(lines, 0, end);
        size_t colon = bytes_find_byte(line, ':', 0);

        if (colon > 0 && colon < line.len) {
            headers[*count].name = bytes_slice(line, 0, colon);
            headers[*count].value = bytes_trim(bytes_slice(line, colon + 1, line.len));
            (*count)++;
        }
        lines = bytes_slice(lines, end + 1, lines.len);
    }
}

static void tell_head(struct http_fetch *fetch)
{
    struct http_header headers[LIMIT_HTTP_HEADERS];
    struct bytes lines = buf_bytes(&fetch->head);
    size_t end = bytes_find_byte(lines, '\n', 0);
    struct bytes status_line = bytes_slice(lines, 0, end);
    size_t space = bytes_find_byte(status_line, ' ', 0);
    struct bytes reason = bytes_slice(status_line, space + 5, status_line.len);
    size_t count;
    long status = 0;

    curl_easy_getinfo(fetch->transfer.easy, CURLINFO_RESPONSE_CODE, &status);
    if (status < 200 && status != 101)
        return; /* the final answer follows */
    split_headers(bytes_slice(lines, end + 1, lines.len), headers, &count);
    fetch->head_told = true;
    fetch->handler->on_head(fetch->ctx, fetch, (unsigned)status, reason, headers, count);
    buf_fini(&fetch->head);
}

static size_t on_header(char *data, size_t size, size_t count, void *ctx)
{
    struct http_fetch *fetch = ctx;
    struct bytes line = bytes_of(data, size * count);

    if (fetch->aborted)
        return 0;
    if (fetch->head_told) /* a trailer */
        return size * count;
    while (line.len > 0 && (line.data[line.len - 1] == '\n' || line.data[line.len - 1] == '\r'))
        line.len--;
    if (line.len == 0) {
        tell_head(fetch);
        return fetch->aborted ? 0 : size * count;
    }
    if (bytes_starts_with(line, BYTES("HTTP/")))
        buf_clear(&fetch->head);
    if (fetch->head.len + line.len > LIMIT_HTTP_HEAD_BYTES)
        return 0;
    buf_append_bytes(&fetch->head, line);
    buf_append_byte(&fetch->head, '\n');
    return size * count;
}

static size_t on_write(char *data, size_t size, size_t count, void *ctx)
{
    struct http_fetch *fetch = ctx;

    if (fetch->aborted)
        return 0;
    if (!fetch->wanted) {
        fetch->recv_paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    fetch->wanted = false;
    fetch->handler->on_body(fetch->ctx, fetch, bytes_of(data, size * count));
    return fetch->aborted ? 0 : size * count;
}

void http_fetch_read_more(struct http_fetch *fetch)
{
    ASSERT(fetch->head_told);
    fetch->wanted = true;
    if (fetch->recv_paused)
        act_later(fetch);
}

/* Request body */

static size_t on_read(char *out, size_t size, size_t count, void *ctx)
{
    struct http_fetch *fetch = ctx;
    struct bytes waiting = bytes_slice(buf_bytes(&fetch->upload), fetch->upload_at, SIZE_MAX);
    size_t len = waiting.len < size * count ? waiting.len : size * count;

    if (fetch->aborted)
        return CURL_READFUNC_ABORT;
    if (len == 0) {
        if (fetch->upload_ended)
            return fetch->sized && fetch->upload_left > 0 ? CURL_READFUNC_ABORT : 0;
        fetch->send_paused = true;
        return CURL_READFUNC_PAUSE;
    }
    memcpy(out, waiting.data, len);
    if (fetch->streams)
        buf_consume(&fetch->upload, len);
    else
        fetch->upload_at += len;
    if (fetch->upload_full && fetch->upload.len <= LIMIT_STREAM_LOW_BYTES) {
        fetch->upload_full = false;
        fetch->handler->on_upload_drain(fetch->ctx, fetch);
    }
    return len;
}

/* A kept-alive connection was dead: begin again, if the body is still there. */
static int on_seek(void *ctx, curl_off_t offset, int origin)
{
    struct http_fetch *fetch = ctx;

    if (fetch->streams || origin != SEEK_SET || offset < 0 || (uint64_t)offset > fetch->upload.len)
        return CURL_SEEKFUNC_FAIL;
    fetch->upload_at = (size_t)offset;
    return CURL_SEEKFUNC_OK;
}

bool http_fetch_write(struct http_fetch *fetch, struct bytes piece)
{
    ASSERT(fetch->streams && !fetch->upload_ended);
    if (fetch->sized) {
        if (piece.len > fetch->upload_left) {
            fetch->refusal = "The request's body is longer than its Content-Length.";
            act_later(fetch);
            return false;
        }
        fetch->upload_left -= piece.len;
    }
    buf_append_bytes(&fetch->upload, piece);
    if (fetch->send_paused)
        act_later(fetch);
    if (fetch->upload.len >= LIMIT_STREAM_HIGH_BYTES)
        fetch->upload_full = true;
    return fetch->upload_full;
}

void http_fetch_write_end(struct http_fetch *fetch)
{
    fetch->upload_ended = true;
    if (fetch->sized && fetch->upload_left > 0 && fetch->refusal == NULL) {
        fetch->refusal = "The request's body is shorter than its Content-Length.";
        act_later(fetch);
    }
    if (fetch->send_paused)
        act_later(fetch);
}

/* Life */

static void on_done(struct transfer *transfer, CURLcode result)
{
    struct http_fetch *fetch = container_of(transfer, struct http_fetch, transfer);

    if (!fetch->aborted) {
        if (result == CURLE_OK && fetch->head_told)
            fetch->handler->on_end(fetch->ctx, fetch);
        else
            fetch->handler->on_error(fetch->ctx, fetch,
                                     transfer->error[0] != '\0' ? transfer->error
                                                                : curl_easy_strerror(result));
    }
    fetch_free(fetch);
}

static void on_abandon(struct transfer *transfer)
{
    fetch_free(container_of(transfer, struct http_fetch, transfer));
}

static void on_task(struct loop_task *task)
{
    struct http_fetch *fetch = container_of(task, struct http_fetch, task);
    int pause = CURLPAUSE_CONT;

    if (fetch->aborted) {
        fetch_free(fetch);
        return;
    }
    if (fetch->refusal != NULL) {
        fetch->handler->on_error(fetch->ctx, fetch, fetch->refusal);
        fetch_free(fetch);
        return;
    }
    if (fetch->wanted)
        fetch->recv_paused = false;
    if (fetch->upload.len > 0 || fetch->upload_ended)
        fetch->send_paused = false;
    pause |= fetch->recv_paused ? CURLPAUSE_RECV : 0;
    pause |= fetch->send_paused ? CURLPAUSE_SEND : 0;
    curl_easy_pause(fetch->transfer.easy, pause);
}

static bool add_header(struct http_fetch *fetch, const struct http_header *header)
{
    struct buf line = {0};
    struct curl_slist *list;

    if (!h1_token_valid(header->name) || !h1_value_valid(header->value))
        return false;
    buf_append_bytes(&line, header->name);
    if (header->value.len > 0) {
        buf_append_string(&line, ": ");
        buf_append_bytes(&line, header->value);
    } else {
        buf_append_byte(&line, ';'); /* libcurl's way to send an empty header */
    }
    list = curl_slist_append(fetch->request_headers, buf_string(&line));
    buf_fini(&line);
    ASSERT(list != NULL);
    fetch->request_headers = list;
    return true;
}

/* What libcurl would add by itself, switched off. */
static void add_silencer(struct http_fetch *fetch, const char *line)
{
    struct curl_slist *list = curl_slist_append(fetch->request_headers, line);

    ASSERT(list != NULL);
    fetch->request_headers = list;
}

static bool set_headers(struct http_fetch *fetch, const struct http_fetch_options *options)
{
    bool accepts = false;

    for (size_t i = 0; i < options->header_count; i++) {
        const struct http_header *header = &options->headers[i];

        if (h1_header_framing(header->name) || bytes_equal_nocase(header->name, BYTES("expect")))
            continue;
        if (!add_header(fetch, header))
            return false;
        accepts |= bytes_equal_nocase(header->name, BYTES("accept"));
    }
    if (!accepts)
        add_silencer(fetch, "Accept:");
    add_silencer(fetch, "Expect:");
    if (options->body_kind == HTTP_BODY_NONE &&
        (bytes_equal(options->method, BYTES("POST")) || bytes_equal(options->method, BYTES("PUT"))))
        add_silencer(fetch, "Content-Length: 0");
    curl_easy_setopt(fetch->transfer.easy, CURLOPT_HTTPHEADER, fetch->request_headers);
    return true;
}

static void set_body(struct http_fetch *fetch, const struct http_fetch_options *options)
{
    CURL *easy = fetch->transfer.easy;
    curl_off_t size = -1;

    if (options->body_kind == HTTP_BODY_NONE)
        return;
    fetch->streams = options->stream || options->body_kind == HTTP_BODY_CHUNKED;
    fetch->sized = fetch->streams && options->body_kind == HTTP_BODY_LENGTH;
    if (fetch->sized) {
        fetch->upload_left = options->body_length;
        size = (curl_off_t)options->body_length;
    } else if (!fetch->streams) {
        buf_append_bytes(&fetch->upload, options->body);
        fetch->upload_ended = true;
        size = (curl_off_t)options->body.len;
    }
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, size);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(easy, CURLOPT_READDATA, fetch);
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
    curl_easy_setopt(easy, CURLOPT_SEEKDATA, fetch);
}

/* False: `refusal` says what is wrong. */
static bool configure(struct http_fetch *fetch, const struct http_fetch_options *options)
{
    CURL *easy = fetch->transfer.easy;
    char *text;

    if (!h1_token_valid(options->method)) {
        fetch->refusal = "The request's method is not a token.";
        return false;
    }
    if (memchr(options->url.data, '\0', options->url.len) != NULL) {
        fetch->refusal = "The URL has a NUL in it.";
        return false;
    }
    text = mem_strndup((const char *)options->url.data, options->url.len);
    curl_easy_setopt(easy, CURLOPT_URL, text);
    mem_free(text);
    set_body(fetch, options);
    text = mem_strndup((const char *)options->method.data, options->method.len);
    if (bytes_equal(options->method, BYTES("HEAD")))
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    else
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, text);
    mem_free(text);
    if (!set_headers(fetch, options)) {
        fetch->refusal = "A request header has a character that cannot be sent.";
        return false;
    }
    if (options->decompress)
        curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, fetch);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_write);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, fetch);
    return true;
}

struct http_fetch *http_fetch_start(struct http_client *client,
                                    const struct http_fetch_options *options,
                                    const struct http_fetch_handler *handler, void *ctx)
{
    struct http_fetch *fetch = mem_new(struct http_fetch);

    fetch->handler = handler;
    fetch->ctx = ctx;
    fetch->task.cb = on_task;
    fetch->transfer.on_done = on_done;
    fetch->transfer.on_abandon = on_abandon;
    transfer_init(&fetch->transfer, client);
    if (configure(fetch, options))
        transfer_start(&fetch->transfer);
    else
        act_later(fetch);
    return fetch;
}

void http_fetch_abort(struct http_fetch *fetch)
{
    ASSERT(!fetch->aborted);
    fetch->aborted = true;
    act_later(fetch);
}
