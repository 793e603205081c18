#include "store/sql_functions.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/hex.h"
#include "base/mem.h"

/* ---- octet_length(X) ---- */

static void octet_length(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    (void)argc;
    switch (sqlite3_value_type(argv[0])) {
    case SQLITE_NULL: sqlite3_result_null(context); break;
    case SQLITE_BLOB: sqlite3_result_int64(context, sqlite3_value_bytes(argv[0])); break;
    default:
        sqlite3_value_text(argv[0]); /* numbers as they would be printed */
        sqlite3_result_int64(context, sqlite3_value_bytes(argv[0]));
    }
}

/* ---- concat(X, ...), concat_ws(SEP, X, ...) ---- */

static void join(sqlite3_context *context, int argc, sqlite3_value **argv, const char *separator,
                 size_t separator_len)
{
    struct buf out = {0};
    int limit = sqlite3_limit(sqlite3_context_db_handle(context), SQLITE_LIMIT_LENGTH, -1);
    bool first = true;

    for (int i = 0; i < argc; i++) {
        const unsigned char *text = sqlite3_value_text(argv[i]);

        if (text == NULL)
            continue;
        if (!first)
            buf_append(&out, separator, separator_len);
        buf_append(&out, text, (size_t)sqlite3_value_bytes(argv[i]));
        first = false;
        if (out.len > (size_t)limit)
            break;
    }
    if (out.len > (size_t)limit)
        sqlite3_result_error_toobig(context);
    else
        sqlite3_result_text64(context, out.len > 0 ? (const char *)out.data : "", out.len,
                              SQLITE_TRANSIENT, SQLITE_UTF8);
    buf_fini(&out);
}

static void concat(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    if (argc < 1)
        sqlite3_result_error(context, "wrong number of arguments to function concat()", -1);
    else
        join(context, argc, argv, "", 0);
}

static void concat_ws(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    const unsigned char *separator;

    if (argc < 2) {
        sqlite3_result_error(context, "wrong number of arguments to function concat_ws()", -1);
        return;
    }
    separator = sqlite3_value_text(argv[0]);
    if (separator != NULL)
        join(context, argc - 1, argv + 1, (const char *)separator,
             (size_t)sqlite3_value_bytes(argv[0]));
}

/* ---- string_agg(X, SEP): group_concat() with its second argument, also over a window ---- */

struct aggregate {
    struct buf text;
    struct buf separators; /* size_t: bytes of separator before each text in it */
};

static void string_agg_step(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    struct aggregate *sum = sqlite3_aggregate_context(context, sizeof *sum);
    const unsigned char *text = sqlite3_value_text(argv[0]);
    const unsigned char *separator = sqlite3_value_text(argv[1]);
    int limit = sqlite3_limit(sqlite3_context_db_handle(context), SQLITE_LIMIT_LENGTH, -1);
    size_t len = 0;

    (void)argc;
    if (sum == NULL || text == NULL || sum->text.len > (size_t)limit)
        return;
    if (sum->separators.len > 0 && separator != NULL)
        len = (size_t)sqlite3_value_bytes(argv[1]);
    buf_append(&sum->text, separator, len);
    buf_append(&sum->text, text, (size_t)sqlite3_value_bytes(argv[0]));
    buf_append(&sum->separators, &len, sizeof len);
}

/* The window leaves its first row behind: its text goes, and the separator after it. */
static void string_agg_inverse(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    struct aggregate *sum = sqlite3_aggregate_context(context, 0);
    const unsigned char *text = sqlite3_value_text(argv[0]);
    size_t len = (size_t)sqlite3_value_bytes(argv[0]);
    size_t next = 0;

    (void)argc;
    if (sum == NULL || text == NULL || sum->separators.len == 0)
        return;
    buf_consume(&sum->separators, sizeof next);
    if (sum->separators.len > 0) {
        memcpy(&next, sum->separators.data, sizeof next);
        memset(sum->separators.data, 0, sizeof next);
    }
    len += next;
    buf_consume(&sum->text, len < sum->text.len ? len : sum->text.len);
}

static void string_agg_value(sqlite3_context *context)
{
    struct aggregate *sum = sqlite3_aggregate_context(context, 0);
    int limit = sqlite3_limit(sqlite3_context_db_handle(context), SQLITE_LIMIT_LENGTH, -1);

    if (sum == NULL || sum->separators.len == 0)
        return;
    if (sum->text.len > (size_t)limit)
        sqlite3_result_error_toobig(context);
    else
        sqlite3_result_text64(context, sum->text.len > 0 ? (const char *)sum->text.data : "",
                              sum->text.len, SQLITE_TRANSIENT, SQLITE_UTF8);
}

static void string_agg_final(sqlite3_context *context)
{
    struct aggregate *sum = sqlite3_aggregate_context(context, 0);

    string_agg_value(context);
    if (sum != NULL) {
        buf_fini(&sum->text);
        buf_fini(&sum->separators);
    }
}

/* ---- unhex(X), unhex(X, IGNORED) ---- */

static bool ignored(const unsigned char *set, unsigned char c)
{
    return set != NULL && c != '\0' && strchr((const char *)set, c) != NULL;
}

/* NULL unless X is pairs of digits, with characters of IGNORED between pairs only. */
static void unhex(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    const unsigned char *text = sqlite3_value_text(argv[0]);
    const unsigned char *set = argc > 1 ? sqlite3_value_text(argv[1]) : NULL;
    size_t len = text != NULL ? (size_t)sqlite3_value_bytes(argv[0]) : 0;
    uint8_t *out;
    size_t count = 0;
    size_t i = 0;

    if (text == NULL || (argc > 1 && set == NULL))
        return;
    out = mem_alloc(len / 2 + 1);
    while (i < len) {
        int high = hex_digit((char)text[i]);
        int low = i + 1 < len ? hex_digit((char)text[i + 1]) : -1;

        if (high < 0 && ignored(set, text[i])) {
            i++;
            continue;
        }
        if (high < 0 || low < 0)
            break;
        out[count++] = (uint8_t)(high << 4 | low);
        i += 2;
    }
    if (i == len)
        sqlite3_result_blob64(context, out, count, SQLITE_TRANSIENT);
    mem_free(out);
}

/* ---- timediff(A, B): "+YYYY-MM-DD HH:MM:SS.SSS", what to add to B to get A ---- */

struct date {
    int year, month, day, ms; /* ms of the day */
};

static const int64_t day_ms = 86400000;

/* Julian days are how SQLite counts; the civil date by the usual integer arithmetic. */
static struct date date_of(int64_t julian_ms)
{
    int64_t shifted = julian_ms + day_ms / 2; /* days start at noon there */
    int64_t j = shifted / day_ms;
    int64_t a = j + 32044;
    int64_t b = (4 * a + 3) / 146097;
    int64_t c = a - 146097 * b / 4;
    int64_t d = (4 * c + 3) / 1461;
    int64_t e = c - 1461 * d / 4;
    int64_t m = (5 * e + 2) / 153;

    return (struct date){
        .year = (int)(100 * b + d - 4800 + m / 10),
        .month = (int)(m + 3 - 12 * (m / 10)),
        .day = (int)(e - (153 * m + 2) / 5 + 1),
        .ms = (int)(shifted % day_ms),
    };
}

/* A day that the month does not have runs over into the next one, as SQLite's dates do. */
static int64_t julian_of(struct date date)
{
    int64_t a = (14 - date.month) / 12;
    int64_t y = date.year + 4800 - a;
    int64_t m = date.month + 12 * a - 3;
    int64_t days = date.day + (153 * m + 2) / 5 + 365 * y + y / 4 - y / 100 + y / 400 - 32045;

    return days * day_ms - day_ms / 2 + date.ms;
}

static void step_months(struct date *date, int months)
{
    int total = date->year * 12 + date->month - 1 + months;

    date->year = total / 12;
    date->month = total % 12 + 1;
}

/* `later` minus `earlier`: whole months that fit, then the rest. Going from B towards A. */
static void difference(int64_t from_ms, int64_t to_ms, char *out, size_t cap)
{
    bool negative = to_ms < from_ms;
    int sign = negative ? -1 : 1;
    struct date from = date_of(from_ms);
    struct date to = date_of(to_ms);
    int months = sign * ((to.year - from.year) * 12 + to.month - from.month);
    struct date at = from;
    int64_t rest;

    step_months(&at, sign * months);
    while (months > 0 && sign * (to_ms - julian_of(at)) < 0) {
        months--;
        at = from;
        step_months(&at, sign * months);
    }
    rest = sign * (to_ms - julian_of(at));
    snprintf(out, cap, "%c%04d-%02d-%02d %02d:%02d:%02d.%03d", negative ? '-' : '+', months / 12,
             months % 12, (int)(rest / day_ms), (int)(rest / 3600000 % 24),
             (int)(rest / 60000 % 60), (int)(rest / 1000 % 60), (int)(rest % 1000));
}

/* Let SQLite itself read the time value, with all the forms it knows. */
static bool time_value(sqlite3 *sql, sqlite3_value *value, int64_t *julian_ms)
{
    sqlite3_stmt *statement = NULL;
    bool found = false;

    if (sqlite3_prepare_v2(sql, "SELECT julianday(?1)", -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_bind_value(statement, 1, value) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW &&
        sqlite3_column_type(statement, 0) == SQLITE_FLOAT) {
        *julian_ms = (int64_t)(sqlite3_column_double(statement, 0) * (double)day_ms + 0.5);
        found = true;
    }
    sqlite3_finalize(statement);
    return found;
}

static void timediff(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    sqlite3 *sql = sqlite3_context_db_handle(context);
    int64_t a;
    int64_t b;
    char text[64];

    (void)argc;
    if (!time_value(sql, argv[0], &a) || !time_value(sql, argv[1], &b))
        return;
    difference(b, a, text, sizeof text);
    sqlite3_result_text(context, text, -1, SQLITE_TRANSIENT);
}

#define PURE (SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS)

int sql_functions_register(struct sqlite3 *sql)
{
    int version = sqlite3_libversion_number();
    int rc = SQLITE_OK;

    if (version < 3043000) {
        rc |= sqlite3_create_function(sql, "octet_length", 1, PURE, NULL, octet_length, NULL, NULL);
        rc |= sqlite3_create_function(sql, "timediff", 2, SQLITE_UTF8 | SQLITE_INNOCUOUS, NULL,
                                      timediff, NULL, NULL);
    }
    if (version < 3044000) {
        rc |= sqlite3_create_function(sql, "concat", -1, PURE, NULL, concat, NULL, NULL);
        rc |= sqlite3_create_function(sql, "concat_ws", -1, PURE, NULL, concat_ws, NULL, NULL);
        rc |= sqlite3_create_window_function(sql, "string_agg", 2, PURE, NULL, string_agg_step,
                                             string_agg_final, string_agg_value, string_agg_inverse,
                                             NULL);
    }
    if (version < 3041000) {
        rc |= sqlite3_create_function(sql, "unhex", 1, PURE, NULL, unhex, NULL, NULL);
        rc |= sqlite3_create_function(sql, "unhex", 2, PURE, NULL, unhex, NULL, NULL);
    }
    return rc;
}
