#include "store/statement_cache.h"

#include <string.h>

#include "base/assert.h"
#include "base/mem.h"

void statement_cache_init(struct statement_cache *cache, size_t size_bytes_max)
{
    *cache = (struct statement_cache){.size_bytes_max = size_bytes_max};
    list_init(&cache->idle);
}

static void statement_destroy(struct statement *statement)
{
    sqlite3_finalize(statement->sql);
    column_names_unref(statement->columns);
    mem_free((void *)(uintptr_t)statement->text.data);
    mem_free(statement);
}

static void shrink(struct statement_cache *cache, size_t size_bytes)
{
    while (cache->size_bytes > size_bytes) {
        struct list *oldest = list_last(&cache->idle);
        struct statement *statement = container_of(oldest, struct statement, link);

        map_remove(&cache->by_text, statement->text);
        list_remove(oldest);
        cache->size_bytes -= statement->size_bytes;
        statement_destroy(statement);
    }
}

void statement_cache_clear(struct statement_cache *cache)
{
    shrink(cache, 0);
}

void statement_cache_fini(struct statement_cache *cache)
{
    if (cache->idle.next == NULL)
        return; /* never initialised */
    shrink(cache, 0);
    ASSERT(list_empty(&cache->idle));
    map_fini(&cache->by_text);
}

/* What an object runs it often runs again: that the last one used is asked first spares, with many
 * objects, the map's way through cold memory. */
static struct statement *find(const struct statement_cache *cache, struct bytes text)
{
    struct list *newest = list_first(&cache->idle);

    if (newest != NULL) {
        struct statement *statement = container_of(newest, struct statement, link);

        if (bytes_equal(statement->text, text))
            return statement;
    }
    return map_get(&cache->by_text, text);
}

struct statement *statement_cache_take(struct statement_cache *cache, struct bytes text)
{
    struct statement *statement = find(cache, text);

    if (statement == NULL || statement->out)
        return NULL;
    list_remove(&statement->link);
    cache->size_bytes -= statement->size_bytes;
    statement->out = true;
    return statement;
}

struct statement *statement_create(sqlite3_stmt *sql, struct bytes text)
{
    struct statement *statement = mem_new(struct statement);

    statement->sql = sql;
    statement->out = true;
    list_init(&statement->link);
    if (text.data != NULL) {
        statement->text = bytes_of(mem_dup(text.data, text.len), text.len);
        statement->size_bytes = sizeof *statement + text.len +
                                (size_t)sqlite3_stmt_status(sql, SQLITE_STMTSTATUS_MEMUSED, 0);
    }
    return statement;
}

void statement_cache_give(struct statement_cache *cache, struct statement *statement)
{
    sqlite3_reset(statement->sql);
    sqlite3_clear_bindings(statement->sql);
    if (!statement->kept) {
        if (statement->text.data == NULL || statement->size_bytes > cache->size_bytes_max ||
            map_get(&cache->by_text, statement->text) != NULL) {
            statement_destroy(statement);
            return;
        }
        map_put(&cache->by_text, statement->text, statement);
        statement->kept = true;
    }
    statement->out = false;
    list_push_front(&cache->idle, &statement->link);
    cache->size_bytes += statement->size_bytes;
    shrink(cache, cache->size_bytes_max);
}

static struct column_names *read_columns(sqlite3_stmt *sql)
{
    size_t count = (size_t)sqlite3_column_count(sql);
    size_t bytes = 0;
    struct column_names *columns;
    char *text;

    for (size_t i = 0; i < count; i++)
        bytes += strlen(sqlite3_column_name(sql, (int)i)) + 1;
    columns = mem_alloc(sizeof *columns + count * sizeof(char *) + bytes);
    columns->refs = 1;
    columns->count = count;
    text = (char *)&columns->names[count];
    for (size_t i = 0; i < count; i++) {
        const char *name = sqlite3_column_name(sql, (int)i);
        size_t len = strlen(name) + 1;

        memcpy(text, name, len);
        columns->names[i] = text;
        text += len;
    }
    return columns;
}

struct column_names *statement_columns(struct statement *statement)
{
    int prepared = sqlite3_stmt_status(statement->sql, SQLITE_STMTSTATUS_REPREPARE, 0);

    if (statement->columns == NULL || statement->columns_prepared != prepared) {
        column_names_unref(statement->columns);
        statement->columns = read_columns(statement->sql);
        statement->columns_prepared = prepared;
    }
    statement->columns->refs++;
    return statement->columns;
}

void column_names_unref(struct column_names *columns)
{
    if (columns != NULL && --columns->refs == 0)
        mem_free(columns);
}
