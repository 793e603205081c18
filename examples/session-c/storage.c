#include "storage.h"

/* Enough that a player who was away for a moment gets what was missed rather than a snapshot. */
#define CHANGES_KEPT 200
#define CLIENTS_KEPT 100

/* In order, each once; never change one that was released. */
static const char *const migrations[SCHEMA_VERSION] = {
    "CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE changes (serverSeq INTEGER PRIMARY KEY, player TEXT NOT NULL,"
    "  clientSeq INTEGER NOT NULL, patch TEXT NOT NULL);"
    "CREATE TABLE saved (one INTEGER PRIMARY KEY CHECK (one = 1), snapshot TEXT NOT NULL)",
    "CREATE TABLE clients (player TEXT PRIMARY KEY, clientSeq INTEGER NOT NULL,"
    "  serverSeq INTEGER NOT NULL) WITHOUT ROWID",
};

static int migrate_one(struct dm_object *object, void *data)
{
    const int64_t *version = data;
    int r = dm->sql_exec(object, migrations[*version], NULL, 0);

    if (r == 0)
        r = dm->sql_exec(object, "INSERT INTO migrations VALUES (?)",
                         DM_VALUES(dm_integer(*version)));
    return r;
}

int storage_migrate(struct dm_object *object)
{
    int64_t version = 0;
    int r = dm->sql_exec(
        object, "CREATE TABLE IF NOT EXISTS migrations (version INTEGER PRIMARY KEY)", NULL, 0);

    if (r == 0)
        r = sql_first_integer(object, &version, "SELECT count(*) FROM migrations", NULL, 0);
    for (; r == 0 && version < SCHEMA_VERSION; version++)
        r = dm->transaction(object, migrate_one, &version);
    return r;
}

/* ---- counters ---- */

static int counter(struct dm_object *object, const char *name, int64_t *value)
{
    int r = sql_first_integer(object, value, "SELECT value FROM counters WHERE name = ?",
                              DM_VALUES(dm_text(dm_str(name))));

    if (r == DM_NONE)
        *value = 0;
    return r < 0 ? r : 0;
}

static int raise_to(struct dm_object *object, const char *name, int64_t value)
{
    return dm->sql_exec(object,
                        "INSERT INTO counters VALUES (?, ?) ON CONFLICT (name) "
                        "DO UPDATE SET value = max(value, excluded.value)",
                        DM_VALUES(dm_text(dm_str(name)), dm_integer(value > 0 ? value : 0)));
}

int storage_next_seq(struct dm_object *object, int64_t *seq)
{
    return sql_first_integer(object, seq,
                             "INSERT INTO counters VALUES ('serverSeq', 1) ON CONFLICT (name) "
                             "DO UPDATE SET value = value + 1 RETURNING value",
                             NULL, 0);
}

int storage_last_seq(struct dm_object *object, int64_t *seq)
{
    return counter(object, "serverSeq", seq);
}

int storage_mark_unsaved(struct dm_object *object, int64_t server_seq)
{
    return raise_to(object, "unsaved", server_seq);
}

int storage_needs_saving(struct dm_object *object, bool *needs)
{
    int64_t unsaved = 0;
    int64_t saved = 0;
    int r = counter(object, "unsaved", &unsaved);

    if (r == 0)
        r = counter(object, "saved", &saved);
    *needs = unsaved > saved;
    return r;
}

/* ---- snapshots ---- */

static void copy_id(char id[SESSION_ID_SIZE], const struct dm_value *from)
{
    size_t len = from != NULL && from->type == DM_STRING ? from->bytes.len : 0;

    if (len >= SESSION_ID_SIZE)
        len = SESSION_ID_SIZE - 1;
    if (len > 0)
        memcpy(id, from->bytes.data, len);
    id[len] = '\0';
}

void snapshot_new(struct snapshot *snapshot, struct dm_object *object, const char *id)
{
    struct dm_value value = dm_string(id);
    int64_t now = dm->now_ms(object);

    *snapshot = (struct snapshot){.created_ms = now, .updated_ms = now};
    copy_id(snapshot->id, &value);
    state_new(&snapshot->state);
}

struct dm_value snapshot_show(const struct snapshot *snapshot, struct snapshot_view *view)
{
    struct dm_member *members = view->members;
    struct dm_value from =
        snapshot->remixed_from[0] != '\0' ? dm_string(snapshot->remixed_from) : dm_null();

    members[0] = (struct dm_member){dm_str("id"), dm_string(snapshot->id)};
    members[1] = (struct dm_member){dm_str("state"), state_show(&snapshot->state, &view->state)};
    members[2] = (struct dm_member){dm_str("serverSeq"), dm_number((double)snapshot->server_seq)};
    members[3] = (struct dm_member){dm_str("published"), dm_boolean(snapshot->published)};
    members[4] = (struct dm_member){dm_str("createdAt"), dm_number((double)snapshot->created_ms)};
    members[5] = (struct dm_member){dm_str("updatedAt"), dm_number((double)snapshot->updated_ms)};
    members[6] = (struct dm_member){dm_str("remixedFrom"), from};
    return dm_record(members, 7);
}

static int64_t count_in(const struct dm_value *from, const char *name)
{
    int64_t count;

    return web_integer(dm_get(from, name), 0, INT64_C(1) << 53, &count) ? count : 0;
}

static void snapshot_read(const struct dm_value *from, struct snapshot *snapshot,
                          struct repairs *repairs)
{
    const struct dm_value *published = dm_get(from, "published");

    copy_id(snapshot->id, dm_get(from, "id"));
    copy_id(snapshot->remixed_from, dm_get(from, "remixedFrom"));
    snapshot->server_seq = count_in(from, "serverSeq");
    snapshot->created_ms = count_in(from, "createdAt");
    snapshot->updated_ms = count_in(from, "updatedAt");
    snapshot->published = published != NULL && published->type == DM_BOOLEAN && published->boolean;
    state_repair(dm_get(from, "state"), &snapshot->state, repairs);
}

int storage_keep(struct dm_object *object, const struct snapshot *snapshot)
{
    struct snapshot_view view;
    struct dm_value value = snapshot_show(snapshot, &view);
    struct dm_bytes text;
    int r = dm->json_write(object, &value, &text);

    if (r == 0)
        r = dm->sql_exec(object, "INSERT OR REPLACE INTO saved VALUES (1, ?)",
                         DM_VALUES(dm_text(text)));
    return r;
}

int storage_saved(struct dm_object *object, const struct snapshot *snapshot)
{
    /* Only what is in the snapshot and in KV may go. */
    int64_t trimmed = snapshot->server_seq - CHANGES_KEPT;
    int r = storage_keep(object, snapshot);

    if (r == 0)
        r = raise_to(object, "saved", snapshot->server_seq);
    if (r == 0)
        r = raise_to(object, "trimmed", trimmed);
    if (r == 0)
        r = dm->sql_exec(object, "DELETE FROM changes WHERE serverSeq <= ?",
                         DM_VALUES(dm_integer(trimmed)));
    return r;
}

/* NULL in *snapshot: there is none. */
static int own_snapshot(struct dm_object *object, const struct dm_value **snapshot)
{
    struct dm_rows *rows;
    int r = sql_first(object, &rows, "SELECT snapshot FROM saved", NULL, 0);

    *snapshot = NULL;
    if (r != 0)
        return r < 0 ? r : 0;
    return dm->json_read(object, dm_str(dm->sql_text(rows, 0)), snapshot);
}

static int replay(struct dm_object *object, struct snapshot *snapshot, size_t *replayed)
{
    struct dm_rows *rows;
    int r = dm->sql_query(object, &rows,
                          "SELECT patch FROM changes WHERE serverSeq > ? ORDER BY serverSeq",
                          DM_VALUES(dm_integer(snapshot->server_seq)));

    for (*replayed = 0; r == 0 && (r = dm->sql_step(rows)) == 0; ++*replayed) {
        const struct dm_value *value;
        struct patch patch;

        r = dm->json_read(object, dm_str(dm->sql_text(rows, 0)), &value);
        if (r == 0 && !patch_read(value, &patch))
            r = dm->error(object, "The log of changes is damaged.");
        if (r == 0)
            state_apply(&snapshot->state, &patch);
    }
    return r < 0 ? r : 0;
}

int storage_load(struct dm_object *object, const struct dm_value *stored, struct snapshot *snapshot,
                 struct repairs *repairs, size_t *replayed)
{
    const struct dm_value *own;
    int r = own_snapshot(object, &own);

    if (r < 0)
        return r;
    if (own == NULL && stored == NULL)
        return DM_NONE;
    if (own == NULL ||
        (stored != NULL && count_in(own, "serverSeq") < count_in(stored, "serverSeq")))
        own = stored;
    snapshot_read(own, snapshot, repairs);
    r = replay(object, snapshot, replayed);
    return r == 0 ? raise_to(object, "serverSeq", snapshot->server_seq) : r;
}

/* ---- changes ---- */

int storage_add_change(struct dm_object *object, int64_t server_seq, struct dm_bytes player,
                       int64_t client_seq, const struct dm_value *patch)
{
    struct dm_bytes text;
    int r = dm->json_write(object, patch, &text);

    if (r == 0)
        r = dm->sql_exec(object, "INSERT INTO changes VALUES (?, ?, ?, ?)",
                         DM_VALUES(dm_integer(server_seq), dm_text(player), dm_integer(client_seq),
                                   dm_text(text)));
    if (r == 0)
        r = storage_mark_unsaved(object, server_seq);
    if (r != 0 || client_seq == 0)
        return r;
    r = dm->sql_exec(object, "INSERT OR REPLACE INTO clients VALUES (?, ?, ?)",
                     DM_VALUES(dm_text(player), dm_integer(client_seq), dm_integer(server_seq)));
    if (r == 0)
        r = dm->sql_exec(object,
                         "DELETE FROM clients WHERE player NOT IN "
                         "(SELECT player FROM clients ORDER BY serverSeq DESC LIMIT ?)",
                         DM_VALUES(dm_integer(CLIENTS_KEPT)));
    return r;
}

int storage_last_client_seq(struct dm_object *object, struct dm_bytes player, int64_t *seq)
{
    int r = sql_first_integer(object, seq, "SELECT clientSeq FROM clients WHERE player = ?",
                              DM_VALUES(dm_text(player)));

    if (r == DM_NONE)
        *seq = 0;
    return r < 0 ? r : 0;
}

int storage_missed_since(struct dm_object *object, int64_t server_seq,
                         const struct dm_value **changes)
{
    int64_t trimmed = 0;
    int64_t last = 0;
    struct dm_rows *rows;
    int r = counter(object, "trimmed", &trimmed);

    if (r == 0)
        r = storage_last_seq(object, &last);
    if (r == 0 && (server_seq < trimmed || server_seq > last))
        return DM_NONE;
    if (r == 0)
        r = sql_first(object, &rows,
                      "SELECT json_group_array(json_object('serverSeq', serverSeq,"
                      " 'player', player, 'clientSeq', clientSeq, 'patch', json(patch))) FROM"
                      " (SELECT * FROM changes WHERE serverSeq > ? ORDER BY serverSeq)",
                      DM_VALUES(dm_integer(server_seq)));
    if (r == 0)
        r = dm->json_read(object, dm_str(dm->sql_text(rows, 0)), changes);
    return r;
}
