#include "store/sql_policy.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "store/database_state.h"

static const char transaction_reason[] =
    "To execute a transaction, please use the state.storage.transaction() or "
    "state.storage.transactionSync() APIs instead of the SQL BEGIN TRANSACTION or SAVEPOINT "
    "statements. The JavaScript API is safer because it will automatically roll back on "
    "exceptions, and because it interacts correctly with Durable Objects' automatic atomic write "
    "coalescing.";

/* Sorted for bsearch(); a unit test checks that. */
static const char *const functions[] = {
    "->",
    "->>",
    "abs",
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "avg",
    "bm25",
    "ceil",
    "changes",
    "char",
    "coalesce",
    "concat",
    "concat_ws",
    "cos",
    "cosh",
    "count",
    "cume_dist",
    "current_date",
    "current_time",
    "current_timestamp",
    "date",
    "datetime",
    "degrees",
    "dense_rank",
    "exp",
    "first_value",
    "floor",
    "format",
    "glob",
    "group_concat",
    "hex",
    "highlight",
    "ifnull",
    "iif",
    "instr",
    "json",
    "json_array",
    "json_array_length",
    "json_each",
    "json_extract",
    "json_group_array",
    "json_group_object",
    "json_insert",
    "json_object",
    "json_patch",
    "json_quote",
    "json_remove",
    "json_replace",
    "json_set",
    "json_tree",
    "json_type",
    "json_valid",
    "jsonb",
    "jsonb_array",
    "jsonb_extract",
    "jsonb_group_array",
    "jsonb_group_object",
    "jsonb_insert",
    "jsonb_object",
    "jsonb_patch",
    "jsonb_remove",
    "jsonb_replace",
    "jsonb_set",
    "julianday",
    "lag",
    "last_insert_rowid",
    "last_value",
    "lead",
    "length",
    "like",
    "likelihood",
    "likely",
    "ln",
    "load_extension",
    "log",
    "log2",
    "lower",
    "ltrim",
    "match",
    "max",
    "min",
    "mod",
    "nth_value",
    "ntile",
    "nullif",
    "octet_length",
    "percent_rank",
    "pi",
    "pow",
    "printf",
    "quote",
    "radians",
    "random",
    "randomblob",
    "rank",
    "replace",
    "round",
    "row_number",
    "rtreecheck",
    "rtrim",
    "sign",
    "sin",
    "sinh",
    "snippet",
    "soundex",
    "sqlite_drop_column",
    "sqlite_rename_column",
    "sqlite_rename_quotefix",
    "sqlite_rename_table",
    "sqlite_rename_test",
    "sqrt",
    "strftime",
    "string_agg",
    "substr",
    "substring",
    "sum",
    "tan",
    "tanh",
    "time",
    "timediff",
    "total",
    "total_changes",
    "trim",
    "trunc",
    "typeof",
    "unhex",
    "unicode",
    "unixepoch",
    "unlikely",
    "upper",
    "zeroblob",
};

enum pragma_argument {
    PRAGMA_NONE,    /* read only */
    PRAGMA_ANY,     /* or none: what it is about may be seen anyway */
    PRAGMA_BOOLEAN, /* or read */
    PRAGMA_NAME,    /* of a table or an index that may be seen */
    PRAGMA_NAME_OR_NONE,
    PRAGMA_NAME_OR_NUMBER, /* or none */
    PRAGMA_NUMBER,         /* or none */
};

/* clang-format off */
static const struct {
    const char *name;
    enum pragma_argument argument;
} pragmas[] = {
    {"table_list", PRAGMA_ANY},
    {"table_info", PRAGMA_NAME},
    {"table_xinfo", PRAGMA_NAME},
    {"data_version", PRAGMA_NONE},
    {"page_size", PRAGMA_NONE},
    {"case_sensitive_like", PRAGMA_BOOLEAN},
    {"foreign_keys", PRAGMA_BOOLEAN},
    {"defer_foreign_keys", PRAGMA_BOOLEAN},
    {"ignore_check_constraints", PRAGMA_BOOLEAN},
    {"legacy_alter_table", PRAGMA_BOOLEAN},
    {"recursive_triggers", PRAGMA_BOOLEAN},
    {"reverse_unordered_selects", PRAGMA_BOOLEAN},
    {"foreign_key_check", PRAGMA_NAME_OR_NONE},
    {"foreign_key_list", PRAGMA_NAME},
    {"index_info", PRAGMA_NAME},
    {"index_list", PRAGMA_NAME},
    {"index_xinfo", PRAGMA_NAME},
    {"quick_check", PRAGMA_NAME_OR_NUMBER},
    {"optimize", PRAGMA_NUMBER},
};

static const char *const virtual_tables[] = {"fts5", "fts5vocab", "rtree", "rtree_i32"};
static const char *const booleans[] = {"true", "false", "on", "off", "yes", "no", "1", "0"};
/* clang-format on */

#define COUNT(array) (sizeof(array) / sizeof *(array))

bool sql_policy_name_is_allowed(const char *name)
{
    return name == NULL || strncasecmp(name, "_cf_", 4) != 0;
}

static int compare_function(const void *key, const void *element)
{
    return strcasecmp(key, *(const char *const *)element);
}

bool sql_policy_function_is_allowed(const char *name)
{
    return bsearch(name, functions, COUNT(functions), sizeof *functions, compare_function) != NULL;
}

static bool listed(const char *const *list, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (name != NULL && strcasecmp(list[i], name) == 0)
            return true;
    }
    return false;
}

/* Begins like a boolean, in any case: workerd looks no further. */
static bool is_boolean(const char *text)
{
    for (size_t i = 0; i < COUNT(booleans); i++) {
        if (strncasecmp(booleans[i], text, strlen(booleans[i])) == 0)
            return true;
    }
    return false;
}

static bool is_number(const char *text)
{
    char *end;

    if (*text == '\0')
        return false;
    strtoll(text, &end, 0);
    return *end == '\0';
}

bool sql_policy_pragma_is_allowed(const char *name, const char *argument)
{
    for (size_t i = 0; i < COUNT(pragmas); i++) {
        if (strcasecmp(pragmas[i].name, name) != 0)
            continue;
        switch (pragmas[i].argument) {
        case PRAGMA_NONE: return argument == NULL;
        case PRAGMA_ANY: return true;
        case PRAGMA_BOOLEAN: return argument == NULL || is_boolean(argument);
        case PRAGMA_NAME: return argument != NULL && sql_policy_name_is_allowed(argument);
        case PRAGMA_NAME_OR_NONE:
        case PRAGMA_NAME_OR_NUMBER: return sql_policy_name_is_allowed(argument);
        case PRAGMA_NUMBER: return argument == NULL || is_number(argument);
        }
    }
    return false;
}

static bool is_allowed(struct database *db, int action, const char *first, const char *second,
                       const char *third)
{
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_RECURSIVE:
    case SQLITE_ANALYZE: /* these two of every table, also when none is named */
    case SQLITE_REINDEX: return true;

    case SQLITE_CREATE_TABLE:
    case SQLITE_CREATE_VIEW:
    case SQLITE_DROP_TABLE:
    case SQLITE_DROP_VIEW:
    case SQLITE_DELETE:
    case SQLITE_INSERT:
    case SQLITE_READ:
    case SQLITE_UPDATE: /* the second is a column */ return sql_policy_name_is_allowed(first);

    case SQLITE_ALTER_TABLE: /* the third is what it is renamed to, or a column that goes */
        return sql_policy_name_is_allowed(second) && sql_policy_name_is_allowed(third);

    case SQLITE_CREATE_INDEX:
    case SQLITE_DROP_INDEX:
    case SQLITE_CREATE_TRIGGER:
    case SQLITE_DROP_TRIGGER:
        return sql_policy_name_is_allowed(first) && sql_policy_name_is_allowed(second);

    case SQLITE_CREATE_VTABLE:
    case SQLITE_DROP_VTABLE:
        return sql_policy_name_is_allowed(first) &&
               listed(virtual_tables, COUNT(virtual_tables), second);

    case SQLITE_FUNCTION: return sql_policy_function_is_allowed(second);
    case SQLITE_PRAGMA: return sql_policy_pragma_is_allowed(first, second);

    case SQLITE_TRANSACTION:
    case SQLITE_SAVEPOINT: db->policy_reason = transaction_reason; return false;

    default: return false; /* ATTACH, DETACH, everything TEMP, and what may come */
    }
}

/* ALTER TABLE looks for the old name in the temporary schema, too, where nothing can be. */
static bool is_renaming(int action, const char *database)
{
    return strcmp(database, "temp") == 0 && (action == SQLITE_READ || action == SQLITE_UPDATE);
}

int sql_policy_authorize(void *data, int action, const char *first, const char *second,
                         const char *database, const char *trigger)
{
    struct database *db = data;
    const char *third = NULL;

    if (db->trusted)
        return SQLITE_OK;
    if (!sql_policy_name_is_allowed(trigger))
        return SQLITE_DENY;
    if (action == SQLITE_ALTER_TABLE) { /* has the database where others have a name */
        third = database;
        database = first;
    }
    if (database != NULL && strcmp(database, "main") != 0 && !is_renaming(action, database))
        return SQLITE_DENY;
    if (!is_allowed(db, action, first, second, third))
        return SQLITE_DENY;
    if (action == SQLITE_PRAGMA && strcasecmp(first, "defer_foreign_keys") == 0)
        db->policy_defers = true;
    return SQLITE_OK;
}
