#pragma once

/*
 * Transfers
 *
 * libcurl's multi interface driven by a loop: which sockets to poll, when to time out, what has
 * finished. http_fetch (client.c) and ws_client are the two kinds of transfer. Only these files
 * know libcurl. Own thread.
 */

#include <stdbool.h>

#include "base/list.h"
#include "http/curl.h"

struct http_client;
struct loop;

struct transfer {
    CURL *easy;                 /* owned */
    struct http_client *client; /* borrowed: outlives it */
    struct list link;           /* private: in the client's transfers */
    bool running;               /* private: known to the multi handle */
    char error[CURL_ERROR_SIZE];

    /* It is over, from the loop; `error` has words for a failure. */
    void (*on_done)(struct transfer *transfer, CURLcode result);
    /* The client is being destroyed: free it without a word to its owner. */
    void (*on_abandon)(struct transfer *transfer);
};

/* A new easy handle with what all transfers have in common: names, protocols, no proxy, no
 * signals. */
void transfer_init(struct transfer *transfer, struct http_client *client);

/* Begin. Callbacks come from the loop. */
void transfer_start(struct transfer *transfer);

/* Stop and free the easy handle. Not from inside a libcurl callback. */
void transfer_fini(struct transfer *transfer);

struct loop *transfer_loop(const struct transfer *transfer);
