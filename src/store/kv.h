#pragma once

/*
 * Key-value
 *
 * Table `_cf_KV` behind `storage.get/put/delete/list` and `storage.kv` (platform.md §3.2, 3.3,
 * 3.7). Keys are UTF-8 in byte order, values are bytes that somebody else has serialised. Own
 * thread; results as database.h.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct database;
struct err_text;
struct kv_list;

enum kv_get_result {
    KV_GET_MISSING = 3, /* no such key */
};

/* *value is borrowed: valid until the next call on this database. */
int kv_get(struct database *db, struct bytes key, struct bytes *value, struct err_text *why);
int kv_put(struct database *db, struct bytes key, struct bytes value, struct err_text *why);
int kv_delete(struct database *db, struct bytes key, bool *existed, struct err_text *why);

struct kv_range {
    struct bytes start; /* inclusive; data NULL: from the first key */
    struct bytes end;   /* exclusive; data NULL: to the last key */
    bool reverse;
    uint64_t limit; /* 0: none */
};

/* A cursor over the range, in key order or backwards. A write while it is open is allowed; what it
 * then still shows of the written key is unspecified. Free with kv_list_close(). */
int kv_list_open(struct database *db, const struct kv_range *range, struct kv_list **out,
                 struct err_text *why);

enum kv_list_result {
    KV_LIST_END = 3,
};

/* The next pair; both borrowed until the next call on the list. */
int kv_list_next(struct kv_list *list, struct bytes *key, struct bytes *value,
                 struct err_text *why);

/* There was nothing to look for: no key has ever been put, or the range is none. */
bool kv_list_is_void(const struct kv_list *list);

void kv_list_close(struct kv_list *list);
