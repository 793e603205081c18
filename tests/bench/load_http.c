#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "load.h"

static void request(struct load *load, struct load_connection *connection)
{
    const struct load_options *options = load->options;
    char path[512], text[2048];
    int len;

    load_path(options, load->next_object++, path, sizeof path);
    if (options->body == NULL)
        len = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: bench\r\n\r\n", path);
    else
        len = snprintf(text, sizeof text,
                       "POST %s HTTP/1.1\r\nHost: bench\r\nContent-Length: %zu\r\n\r\n%s", path,
                       strlen(options->body), options->body);
    if (len < 0 || (size_t)len >= sizeof text)
        load_die("the request is too long");
    connection->sent_ns[(connection->sent_first + connection->sent_count++) % LOAD_PIPELINE_MAX] =
        load_now_ns();
    load_send(load, connection, text, (size_t)len);
}

static void on_open(struct load *load, struct load_connection *connection)
{
    connection->state = LOAD_OPEN;
    load->open_count++;
    for (unsigned i = 0; i < load->options->pipeline; i++)
        request(load, connection);
}

/* The header's value, or NULL. `head` ends with an empty line and a NUL. */
static const char *header(const char *head, const char *name)
{
    size_t len = strlen(name);

    for (const char *line = strstr(head, "\r\n"); line != NULL; line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, name, len) == 0 && line[2 + len] == ':')
            return line + 2 + len + 1;
    }
    return NULL;
}

static size_t take(struct load *load, struct load_connection *connection)
{
    uint8_t *end = memmem(connection->in, connection->in_len, "\r\n\r\n", 4);
    const char *head = (const char *)connection->in;
    const char *length;
    uint64_t since_ns;

    if (end == NULL)
        return 0;
    end[2] = '\0'; /* what is asked about lies before */
    length = header(head, "Content-Length");
    if (length == NULL)
        load_die("an answer has no Content-Length:\n%s", head);
    connection->skip = strtoull(length, NULL, 10);
    since_ns = connection->sent_ns[connection->sent_first];
    connection->sent_first = (connection->sent_first + 1) % LOAD_PIPELINE_MAX;
    connection->sent_count--;
    if (memcmp(head, "HTTP/1.1 200 ", 13) == 0) {
        load_record(load, since_ns);
    } else {
        if (load->result->errors++ == 0)
            fprintf(stderr, "load: %s\n", head);
    }
    request(load, connection);
    return (size_t)(end + 4 - connection->in);
}

const struct load_protocol load_http = {.open = on_open, .take = take};
