#include "store/alarm_table.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/assert.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "os/os.h"
#include "store/alarm_index.h"
#include "store/alarm_note.h"
#include "store/alarm_shard.h"
#include "store/database_state.h"
#include "store/journal.h"
#include "store/keeper.h"
#include "store/log.h"
#include "store/rule.h"
#include "store/shard.h"
#include "store/store_parts.h"

/*
 * Of a round:
 *
 *     take the notes -> one transaction per APPLY_MAX of them, with the LSN
 *     -> wait until its record is durable -> move the pin -> tell the shards
 *
 * The pin moves only after that wait: were the records of the notes overwritten by the very batch
 * that carries the table's change, a torn write could lose both.
 *
 * The horizon is a place in the order of (run_ms, namespace, id): what stands before it has been
 * delivered. It moves forward only, by at most LOAD_ROWS at a time and AHEAD_MS ahead of the clock;
 * what is set to a time before it reaches the shard as news.
 */

#define APPLY_MAX    1024
#define APPLY_MANY   4096 /* notes that are worth a round of their own */
#define APPLY_AGE_NS INT64_C(1000000000)
#define AHEAD_MS     60000
#define REFRESH_MS   30000 /* load more when the horizon is nearer than this */
#define LOAD_ROWS    8192
#define LOADED_LOW   16384 /* alarms in memory, of all shards, below which more are loaded */

struct alarm_table {
    struct store *store; /* borrowed */
    struct database *db; /* the keeper's shard owns it */
    struct journal_pin pin;

    pthread_mutex_t mutex; /* over what follows */
    struct list notes;     /* alarm_note.base.link, durable, not applied, in the order of LSNs */
    struct map newest;     /* key -> the object's note in `notes`: there is one at most */
    uint64_t accepted_lsn; /* every note up to here is in `notes` or applied */
    uint64_t first_ns;     /* when the oldest note came */

    pthread_mutex_t shards_mutex; /* over what follows; held while rows are delivered */
    struct alarm_shard **shards;  /* owned; by index, NULL while there is none */
    int64_t horizon_ms;
    uint32_t horizon_namespace;
    uint8_t horizon_id[STORE_ID_SIZE];
    bool drained; /* nothing stands between the horizon and AHEAD_MS */
    int64_t drained_ms;

    /* the keeper's */
    uint64_t applied_lsn;
    sqlite3_stmt *upsert; /* owned, as the others */
    sqlite3_stmt *remove;
    sqlite3_stmt *mark;
    sqlite3_stmt *load;
};

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS alarm (namespace INTEGER, id BLOB, scheduled_ms INTEGER, "
    "run_ms INTEGER, retry_count INTEGER, name TEXT, PRIMARY KEY (namespace, id)) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS alarm_due ON alarm (run_ms, namespace, id);"
    "CREATE TABLE IF NOT EXISTS applied (one INTEGER PRIMARY KEY CHECK (one = 1), lsn INTEGER)";

struct alarm_table *alarm_table_create(struct store *store)
{
    struct alarm_table *table = mem_new(struct alarm_table);

    table->store = store;
    list_init(&table->notes);
    list_init(&table->pin.link);
    table->shards = mem_new_array(struct alarm_shard *, store->options.shard_count + 1);
    table->horizon_ms = INT64_MIN;
    pthread_mutex_init(&table->mutex, NULL);
    pthread_mutex_init(&table->shards_mutex, NULL);
    return table;
}

static void free_notes(struct list *notes)
{
    struct list *link;

    while ((link = list_pop_front(notes)) != NULL)
        mem_free(container_of(link, struct alarm_note, base.link));
}

static void finalize(struct alarm_table *table)
{
    sqlite3_finalize(table->upsert);
    sqlite3_finalize(table->remove);
    sqlite3_finalize(table->mark);
    sqlite3_finalize(table->load);
    table->upsert = table->remove = table->mark = table->load = NULL;
}

void alarm_table_destroy(struct alarm_table *table)
{
    if (table == NULL)
        return;
    finalize(table);
    free_notes(&table->notes);
    map_fini(&table->newest);
    pthread_mutex_destroy(&table->mutex);
    pthread_mutex_destroy(&table->shards_mutex);
    mem_free(table->shards);
    mem_free(table);
}

void alarm_table_unpin(struct alarm_table *table)
{
    finalize(table);
    if (table->store->journal != NULL)
        journal_unpin(table->store->journal, &table->pin);
}

bool alarm_table_is_done(struct alarm_table *table)
{
    bool done;

    pthread_mutex_lock(&table->mutex);
    done = list_empty(&table->notes);
    pthread_mutex_unlock(&table->mutex);
    return done;
}

/* ---- opening ---- */

static int sqlite_check(struct alarm_table *table, int rc)
{
    if (rc == SQLITE_OK || rc == SQLITE_DONE || rc == SQLITE_ROW)
        return 0;
    if (journal_fault(table->store->journal) < 0)
        return journal_fault(table->store->journal);
    return err_raise((rc & 0xff) == SQLITE_FULL ? -ENOSPC : -EIO);
}

static int prepare(struct alarm_table *table, sqlite3_stmt **statement, const char *text)
{
    return sqlite_check(table, sqlite3_prepare_v3(table->db->sql, text, -1,
                                                  SQLITE_PREPARE_PERSISTENT, statement, NULL));
}

static int prepare_all(struct alarm_table *table)
{
    int r = prepare(table, &table->upsert,
                    "INSERT INTO alarm VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET "
                    "scheduled_ms = ?3, run_ms = ?4, retry_count = ?5, name = ?6");

    if (r == 0)
        r = prepare(table, &table->remove, "DELETE FROM alarm WHERE namespace = ?1 AND id = ?2");
    if (r == 0)
        r = prepare(table, &table->mark,
                    "INSERT INTO applied VALUES (1, ?1) ON CONFLICT DO UPDATE SET lsn = ?1");
    if (r == 0)
        r = prepare(table, &table->load,
                    "SELECT namespace, id, scheduled_ms, run_ms, retry_count, name FROM alarm "
                    "WHERE (run_ms, namespace, id) > (?1, ?2, ?3) AND run_ms < ?4 "
                    "ORDER BY run_ms, namespace, id LIMIT ?5");
    return r;
}

static int read_applied(struct alarm_table *table)
{
    sqlite3_stmt *statement = NULL;
    int r = prepare(table, &statement, "SELECT lsn FROM applied");
    int rc = SQLITE_ERROR;

    if (r == 0) {
        rc = sqlite3_step(statement);
        r = sqlite_check(table, rc);
    }
    if (rc == SQLITE_ROW)
        table->applied_lsn = (uint64_t)sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return r;
}

int alarm_table_open(struct alarm_table *table)
{
    static const uint8_t no_id[STORE_ID_SIZE];
    struct store *store = table->store;
    char *path = mem_format("%s/alarms.sqlite", store->dir);
    uint64_t lsn = 0;
    int r;

    r = database_open_at(&table->db, keeper_shard(store->keeper), STORE_NAMESPACE, no_id,
                         store->dir, path, NULL);
    mem_free(path);
    if (r < 0)
        return err_pass(r);
    table->db->trusted = true; /* all of it is ours */
    sqlite3_exec(table->db->sql, "PRAGMA cache_size = -16384", NULL, NULL, NULL);
    r = database_begin(table->db, NULL) == 0 ? 0 : err_raise(-EIO);
    table->db->trusted = true;
    if (r == 0)
        r = sqlite_check(table, sqlite3_exec(table->db->sql, schema, NULL, NULL, NULL));
    if (r == 0 && database_commit(table->db, &lsn, NULL) != 0)
        r = err_raise(-EIO);
    table->db->trusted = true;
    if (r == 0)
        r = prepare_all(table);
    if (r == 0)
        r = read_applied(table);
    if (r < 0)
        return err_pass(r);
    /* Nothing below the journal's own start will be asked for. */
    journal_repin(store->journal, &table->pin,
                  table->applied_lsn + 1 > store->log->needed_lsn ? table->applied_lsn + 1
                                                                  : store->log->needed_lsn);
    return 0;
}

/* ---- from the journal ---- */

/* Takes the place of what was known of the object before: a table that followed up to somewhere in
 * between misses the older one, but then the newer stands behind the pin, in the journal. */
static void add_note(struct alarm_table *table, struct alarm_note *note)
{
    struct bytes key = bytes_of(note->key, sizeof note->key);
    struct alarm_note *older = map_remove(&table->newest, key);

    if (older != NULL) {
        ASSERT(older->base.lsn <= note->base.lsn);
        list_remove(&older->base.link);
        mem_free(older);
    }
    map_put(&table->newest, key, note);
    list_push_back(&table->notes, &note->base.link);
}

void alarm_table_accept(struct alarm_table *table, uint64_t lsn, struct list *notes)
{
    struct list *link;
    bool many;

    pthread_mutex_lock(&table->mutex);
    if (list_empty(&table->notes) && !list_empty(notes))
        table->first_ns = os_monotonic_ns(table->store->os);
    while ((link = list_pop_front(notes)) != NULL)
        add_note(table, container_of(link, struct alarm_note, base.link));
    if (lsn > table->accepted_lsn)
        table->accepted_lsn = lsn;
    many = table->newest.count >= APPLY_MANY;
    pthread_mutex_unlock(&table->mutex);
    if (many)
        keeper_ask(table->store->keeper, false);
}

/* ---- applying ---- */

/* Takes up to APPLY_MAX notes; *lsn is what the table will have followed to. */
static void take_notes(struct alarm_table *table, struct list *taken, uint64_t *lsn)
{
    struct list *link;

    pthread_mutex_lock(&table->mutex);
    for (unsigned i = 0; i < APPLY_MAX && (link = list_pop_front(&table->notes)) != NULL; i++) {
        struct alarm_note *note = container_of(link, struct alarm_note, base.link);

        list_push_back(taken, link);
        map_remove(&table->newest, bytes_of(note->key, sizeof note->key));
        *lsn = note->base.lsn;
    }
    if (list_empty(&table->notes))
        *lsn = table->accepted_lsn;
    pthread_mutex_unlock(&table->mutex);
}

/* They could not be applied: back to the front, but for those that there are newer ones of. */
static void return_notes(struct alarm_table *table, struct list *taken)
{
    struct list *link;

    pthread_mutex_lock(&table->mutex);
    while ((link = list_last(taken)) != NULL) {
        struct alarm_note *note = container_of(link, struct alarm_note, base.link);
        struct bytes key = bytes_of(note->key, sizeof note->key);

        list_remove(link);
        if (map_get(&table->newest, key) != NULL) {
            mem_free(note);
            continue;
        }
        map_put(&table->newest, key, note);
        list_push_front(&table->notes, link);
    }
    pthread_mutex_unlock(&table->mutex);
}

static int write_note(struct alarm_table *table, const struct alarm_note *note)
{
    const struct record_alarm *alarm = &note->alarm;
    sqlite3_stmt *statement = alarm->scheduled_ms == 0 ? table->remove : table->upsert;
    int rc;

    sqlite3_bind_int64(statement, 1, note->namespace_number);
    sqlite3_bind_blob(statement, 2, note->id, STORE_ID_SIZE, SQLITE_STATIC);
    if (alarm->scheduled_ms != 0) {
        sqlite3_bind_int64(statement, 3, alarm->scheduled_ms);
        sqlite3_bind_int64(statement, 4, alarm->run_ms);
        sqlite3_bind_int64(statement, 5, alarm->retry_count);
        if (alarm->name.data != NULL)
            sqlite3_bind_text(statement, 6, note->text, (int)alarm->name.len, SQLITE_STATIC);
        else
            sqlite3_bind_null(statement, 6);
    }
    rc = sqlite3_step(statement);
    sqlite3_reset(statement);
    return sqlite_check(table, rc);
}

static int write_notes(struct alarm_table *table, const struct list *taken)
{
    struct list *it;
    int r = 0;

    list_for_each (it, taken) {
        const struct alarm_note *note = container_of(it, struct alarm_note, base.link);

        if (r == 0 && note->base.lsn > table->applied_lsn)
            r = write_note(table, note);
    }
    return r;
}

static int write_mark(struct alarm_table *table, uint64_t lsn)
{
    int rc;

    sqlite3_bind_int64(table->mark, 1, (int64_t)lsn);
    rc = sqlite3_step(table->mark);
    sqlite3_reset(table->mark);
    return sqlite_check(table, rc);
}

/* shards_mutex is held. At the horizon itself some rows may be delivered and others not: a shard
 * keeps what it knows of them. */
static void tell_shards(struct alarm_table *table)
{
    int64_t horizon_ms = table->horizon_ms < INT64_MAX ? table->horizon_ms + 1 : INT64_MAX;

    for (unsigned i = 0; i < table->store->options.shard_count; i++) {
        if (table->shards[i] != NULL)
            alarm_shard_deliver_marks(table->shards[i], table->applied_lsn, horizon_ms);
    }
}

static int apply_some(struct alarm_table *table, bool *more)
{
    struct store *store = table->store;
    struct list taken;
    uint64_t upto = 0;
    uint64_t lsn = 0;
    int r = 0;

    list_init(&taken);
    take_notes(table, &taken, &upto);
    *more = !list_empty(&taken);
    if (*more) {
        r = database_begin(table->db, NULL) == 0 ? 0 : err_raise(-EIO);
        table->db->trusted = true;
        if (r == 0)
            r = write_notes(table, &taken);
        if (r == 0)
            r = write_mark(table, upto);
        if (r == 0 && database_commit(table->db, &lsn, NULL) != 0)
            r = err_raise(journal_fault(store->journal) < 0 ? -EIO : -ENOSPC);
        if (r == 0 && !MUTANT(42))
            r = journal_wait(store->journal, lsn);
        if (r < 0) {
            database_rollback(table->db);
            return_notes(table, &taken);
        }
        table->db->trusted = true;
        free_notes(&taken);
    }
    if (r == 0 && upto > table->applied_lsn) {
        RULE(4, lsn <= journal_durable_lsn(store->journal));
        table->applied_lsn = upto;
        journal_repin(store->journal, &table->pin, upto + 1);
        if (*more) {
            pthread_mutex_lock(&table->shards_mutex);
            tell_shards(table);
            pthread_mutex_unlock(&table->shards_mutex);
        }
    }
    return r < 0 ? err_pass(r) : 0;
}

/* ---- delivering ---- */

void alarm_table_attach(struct alarm_table *table, unsigned shard, struct alarm_shard *alarms)
{
    pthread_mutex_lock(&table->shards_mutex);
    table->shards[shard] = alarms;
    /* What was delivered so far went to others, or to nobody: begin again. */
    table->horizon_ms = INT64_MIN;
    table->drained = false;
    pthread_mutex_unlock(&table->shards_mutex);
    if (alarms != NULL)
        keeper_ask(table->store->keeper, false);
}

void alarm_table_taken(struct alarm_table *table)
{
    keeper_ask(table->store->keeper, false);
}

static unsigned loaded(struct alarm_table *table)
{
    unsigned sum = 0;

    for (unsigned i = 0; i < table->store->options.shard_count; i++)
        sum += table->shards[i] != NULL ? alarm_shard_loaded(table->shards[i]) : 0;
    return sum;
}

static struct alarm_note *row_note(sqlite3_stmt *row)
{
    struct record_alarm alarm = {
        .scheduled_ms = sqlite3_column_int64(row, 2),
        .run_ms = sqlite3_column_int64(row, 3),
        .retry_count = (uint32_t)sqlite3_column_int64(row, 4),
    };

    if (sqlite3_column_bytes(row, 1) != STORE_ID_SIZE)
        return NULL;
    if (sqlite3_column_type(row, 5) == SQLITE_TEXT) {
        alarm.name = bytes_of(sqlite3_column_text(row, 5), 0);
        alarm.name.len = (size_t)sqlite3_column_bytes(row, 5);
    }
    return alarm_note_create((uint32_t)sqlite3_column_int64(row, 0), sqlite3_column_blob(row, 1),
                             &alarm);
}

static void deliver_row(struct alarm_table *table, struct alarm_note *note)
{
    struct alarm_shard *to = table->shards[store_shard_of(table->store, note->id)];

    table->horizon_ms = note->alarm.run_ms;
    table->horizon_namespace = note->namespace_number;
    memcpy(table->horizon_id, note->id, STORE_ID_SIZE);
    if (to != NULL)
        alarm_shard_deliver_row(to, note);
    else
        mem_free(note);
}

/* One portion; shards_mutex is held, so that no shard comes or goes. */
static int load_some(struct alarm_table *table, int64_t until_ms, unsigned *count)
{
    sqlite3_stmt *load = table->load;
    int rc;

    *count = 0;
    sqlite3_bind_int64(load, 1, table->horizon_ms);
    sqlite3_bind_int64(load, 2, table->horizon_namespace);
    sqlite3_bind_blob(load, 3, table->horizon_id, STORE_ID_SIZE, SQLITE_TRANSIENT);
    sqlite3_bind_int64(load, 4, until_ms);
    sqlite3_bind_int64(load, 5, LOAD_ROWS);
    while ((rc = sqlite3_step(load)) == SQLITE_ROW) {
        struct alarm_note *note = row_note(load);

        if (note != NULL)
            deliver_row(table, note);
        ++*count;
    }
    sqlite3_reset(load);
    return sqlite_check(table, rc);
}

static int load(struct alarm_table *table)
{
    int64_t now_ms = os_wall_ns(table->store->os) / 1000000;
    int64_t until_ms = now_ms + AHEAD_MS;
    unsigned count = 0;
    bool wanted;
    int r = 0;

    pthread_mutex_lock(&table->shards_mutex);
    wanted = table->drained ? table->drained_ms < now_ms + REFRESH_MS : loaded(table) < LOADED_LOW;
    if (wanted) {
        r = load_some(table, until_ms, &count);
        table->drained = r == 0 && count < LOAD_ROWS;
        if (table->drained) {
            table->drained_ms = until_ms;
            table->horizon_ms = until_ms - 1;
            table->horizon_namespace = UINT32_MAX;
            memset(table->horizon_id, 0xff, STORE_ID_SIZE);
        }
        tell_shards(table);
    }
    pthread_mutex_unlock(&table->shards_mutex);
    if (wanted)
        journal_wake_all(table->store->journal);
    return r;
}

int alarm_table_round(struct alarm_table *table, bool all)
{
    bool due;
    bool more = true;
    int r = 0;

    pthread_mutex_lock(&table->mutex);
    due = all || table->newest.count >= APPLY_MANY ||
          (table->newest.count > 0 &&
           os_monotonic_ns(table->store->os) - table->first_ns > APPLY_AGE_NS);
    pthread_mutex_unlock(&table->mutex);
    while (due && more && r == 0)
        r = apply_some(table, &more);
    if (r == 0)
        r = load(table);
    if (r == -ENOSPC && journal_fault(table->store->journal) == 0)
        return 0; /* the notes are kept, and the journal with them */
    return r < 0 ? err_pass(r) : 0;
}
