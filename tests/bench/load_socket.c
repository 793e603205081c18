#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

enum {
    MESSAGE_MAX = 8192
};

static const uint8_t mask[4] = {0x5a, 0xc3, 0x17, 0x6e};

/* ---- frames ---- */

/* A text message of options->size bytes that begins with `number`. */
static void send_message(struct load *load, struct load_connection *connection, uint32_t number)
{
    uint8_t frame[MESSAGE_MAX + 8];
    size_t size = load->options->size, head;
    char digits[16];

    frame[0] = 0x81;
    if (size < 126) {
        frame[1] = (uint8_t)(0x80 | size);
        head = 2;
    } else {
        frame[1] = 0x80 | 126;
        frame[2] = (uint8_t)(size >> 8);
        frame[3] = (uint8_t)size;
        head = 4;
    }
    memcpy(frame + head, mask, 4);
    head += 4;
    snprintf(digits, sizeof digits, "%08x", number);
    memset(frame + head, '.', size);
    memcpy(frame + head, digits, 8);
    for (size_t i = 0; i < size; i++)
        frame[head + i] ^= mask[i % 4];
    load_send(load, connection, frame, head + size);
}

struct message {
    uint32_t number;
    size_t frame_len;
};

/* The frame at the front of what came; false if it is not there as a whole. */
static bool read_message(const struct load_connection *connection, struct message *message)
{
    const uint8_t *in = connection->in;
    size_t head = 2;
    uint64_t len;
    char digits[9] = "";

    if (connection->in_len < 2)
        return false;
    len = in[1] & 127;
    if (len == 126) {
        head = 4;
        if (connection->in_len < head)
            return false;
        len = (uint64_t)in[2] << 8 | in[3];
    } else if (len == 127) {
        load_die("a message is too long");
    }
    if (connection->in_len < head + len)
        return false;
    if ((in[0] & 15) == 8)
        load_die("connection %u was closed with %u", connection->index,
                 len >= 2 ? (unsigned)(in[head] << 8 | in[head + 1]) : 1005);
    memcpy(digits, in + head, len < 8 ? len : 8);
    message->number = (uint32_t)strtoul(digits, NULL, 16);
    message->frame_len = head + len;
    return true;
}

/* ---- the handshake ---- */

static void on_open(struct load *load, struct load_connection *connection)
{
    char path[512], text[1024];
    int len;

    load_path(load->options, connection->index, path, sizeof path);
    len = snprintf(text, sizeof text,
                   "GET %s HTTP/1.1\r\nHost: bench\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                   "Sec-WebSocket-Version: 13\r\n\r\n",
                   path);
    load_send(load, connection, text, (size_t)len);
}

/* True once the connection is open; *done is what the handshake took of the input. */
static bool shake_hands(struct load *load, struct load_connection *connection, size_t *done)
{
    const uint8_t *end = memmem(connection->in, connection->in_len, "\r\n\r\n", 4);

    *done = 0;
    if (end == NULL)
        return false;
    if (memcmp(connection->in, "HTTP/1.1 101 ", 13) != 0)
        load_die("no upgrade: %.*s", (int)(end - connection->in), (char *)connection->in);
    connection->state = LOAD_OPEN;
    load->open_count++;
    *done = (size_t)(end + 4 - connection->in);
    return true;
}

/* ---- echo ---- */

static size_t take_echo(struct load *load, struct load_connection *connection)
{
    struct message message;
    size_t done;

    if (connection->state == LOAD_UPGRADING) {
        if (!shake_hands(load, connection, &done))
            return 0;
    } else {
        if (!read_message(connection, &message))
            return 0;
        load_record(load, connection->sent_ns[0]);
        done = message.frame_len;
    }
    connection->sent_ns[0] = load_now_ns();
    send_message(load, connection, connection->index);
    return done;
}

/* ---- broadcast ---- */

static void send_broadcast(struct load *load)
{
    uint32_t number = load->next_message++;
    unsigned slot = number % LOAD_PIPELINE_MAX;

    load->message_sent_ns[slot] = load_now_ns();
    load->deliveries_left[slot] = load->options->connections;
    send_message(load, &load->connections[number % load->options->senders], number);
}

static size_t take_broadcast(struct load *load, struct load_connection *connection)
{
    struct message message;
    size_t done;
    unsigned slot;

    if (connection->state == LOAD_UPGRADING) {
        if (shake_hands(load, connection, &done) && load->open_count == load->options->connections)
            for (unsigned i = 0; i < load->options->pipeline; i++)
                send_broadcast(load);
        return done;
    }
    if (!read_message(connection, &message))
        return 0;
    slot = message.number % LOAD_PIPELINE_MAX;
    if (load->deliveries_left[slot] == 0)
        load_die("message %u came once too often", message.number);
    load_record(load, load->message_sent_ns[slot]);
    if (--load->deliveries_left[slot] == 0)
        send_broadcast(load);
    return message.frame_len;
}

/* ---- idle ---- */

/* Which one is next: far from the last, so that nothing of it is in a cache. */
#define STRIDE 7919

void load_wake(struct load *load, unsigned count)
{
    struct load_connection *connection;

    for (unsigned i = 0; i < count; i++) {
        uint64_t before = load->result->operations;

        connection = &load->connections[(uint64_t)i * STRIDE % load->options->connections];
        connection->sent_ns[0] = load_now_ns();
        send_message(load, connection, connection->index);
        while (load->result->operations == before && load->result->errors == 0)
            load_wait(load, 1000);
    }
}

static size_t take_idle(struct load *load, struct load_connection *connection)
{
    struct message message;
    size_t done;

    if (connection->state == LOAD_UPGRADING) {
        shake_hands(load, connection, &done);
        return done;
    }
    if (!read_message(connection, &message))
        return 0;
    load_record(load, connection->sent_ns[0]);
    return message.frame_len;
}

const struct load_protocol load_echo = {.open = on_open, .take = take_echo};
const struct load_protocol load_broadcast = {.open = on_open, .take = take_broadcast};
const struct load_protocol load_idle = {.open = on_open, .take = take_idle, .sleeps = true};
