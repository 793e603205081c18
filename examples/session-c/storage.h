#pragma once

/*
 * What a session keeps, and where
 *
 * Workers KV has the snapshots: it is read by whoever lists or shares sessions, without waking an
 * object. The object's SQLite has what must not be lost between two saves: the changes since, the
 * sequence numbers, and a copy of the last snapshot. All return what functions of the API return.
 */

#include "state.h"

#define SESSION_ID_SIZE 37
#define SCHEMA_VERSION  2

struct snapshot {
    char id[SESSION_ID_SIZE];
    struct state state;
    int64_t server_seq;
    bool published;
    int64_t created_ms;
    int64_t updated_ms;
    char remixed_from[SESSION_ID_SIZE]; /* "": from none */
};

struct snapshot_view {
    struct state_view state;
    struct dm_member members[7];
};

struct dm_value snapshot_show(const struct snapshot *snapshot, struct snapshot_view *view);
void snapshot_new(struct snapshot *snapshot, struct dm_object *object, const char *id);

int storage_migrate(struct dm_object *object);

/* The newest snapshot there is, with the changes that came after it. `stored`: what KV has, NULL if
 * nothing. DM_NONE: the session was never created. */
int storage_load(struct dm_object *object, const struct dm_value *stored, struct snapshot *snapshot,
                 struct repairs *repairs, size_t *replayed);
int storage_keep(struct dm_object *object, const struct snapshot *snapshot);
/* It is in KV. */
int storage_saved(struct dm_object *object, const struct snapshot *snapshot);

/* A number that was never given out before, whatever happened meanwhile. */
int storage_next_seq(struct dm_object *object, int64_t *seq);
int storage_last_seq(struct dm_object *object, int64_t *seq);
int storage_add_change(struct dm_object *object, int64_t server_seq, struct dm_bytes player,
                       int64_t client_seq, const struct dm_value *patch);
/* The last number of a player that was taken; 0: none. */
int storage_last_client_seq(struct dm_object *object, struct dm_bytes player, int64_t *seq);
/* Everything after `server_seq`, as a list for the turn. DM_NONE: some of it has been trimmed. */
int storage_missed_since(struct dm_object *object, int64_t server_seq,
                         const struct dm_value **changes);

/* Something happened at `server_seq` that KV must learn of. */
int storage_mark_unsaved(struct dm_object *object, int64_t server_seq);
int storage_needs_saving(struct dm_object *object, bool *needs);
