#pragma once

/*
 * KV store
 *
 * A Workers KV namespace is one Durable Object of a class that the runtime brings and no project
 * can name: so a put is durable before it is acknowledged, and leaves another object's handler
 * through that object's output gate. Who asks it (js/cf_kv.js, kv_namespace.c) has checked
 * everything before.
 *
 * Its methods: get(keys, most), put(key, bytes, expiration, metadata), remove(key) and
 * list(prefix, after, limit). Expirations are seconds since 1970, metadata is JSON text; each may
 * be undefined or null: none.
 */

struct dm_class;

/* The name of its only object. */
#define KV_STORE_OBJECT "kv"

extern const struct dm_class kv_store_class;
