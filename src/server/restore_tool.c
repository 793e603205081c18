#define _XOPEN_SOURCE 700 /* strptime() */

#include "server/restore_tool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "actor/namespace.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "os/os.h"
#include "server/control.h"
#include "store/database.h"
#include "store/restore.h"
#include "store/store.h"

/* What has been kept of the history is the server's to shorten. */
#define HISTORY_DAYS  3650
#define HISTORY_BYTES (UINT64_C(1) << 40)

enum {
    LINE_WORDS = 4, /* behind "restore": class, source, target, time */
};

enum resolve_result {
    RESOLVE_UNKNOWN = 1,
};

/* ---- times ---- */

int restore_tool_time(const char *text, int64_t *time_ms)
{
    static const char *const forms[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M",
                                        "%Y-%m-%d %H:%M", "%Y-%m-%d"};
    char *end;

    errno = 0;
    *time_ms = strtoll(text, &end, 10);
    if (text[0] != '\0' && *end == '\0' && errno == 0)
        return 0;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct tm when = {0};
        const char *rest = strptime(text, forms[i], &when);
        double fraction = 0;

        if (rest == NULL)
            continue;
        if (*rest == '.') {
            fraction = strtod(rest, &end);
            rest = end;
        }
        if (*rest == 'Z')
            rest++;
        if (*rest != '\0')
            continue;
        *time_ms = (int64_t)timegm(&when) * 1000 + (int64_t)(fraction * 1000);
        return 0;
    }
    return 1;
}

/* ---- objects ---- */

static int find_class(struct store *store, const char *class_name, uint32_t *number,
                      const char **unique_key, struct err_text *why)
{
    *number = store_namespace_find(store, class_name, why);
    if (*number == 0)
        return RESOLVE_UNKNOWN;
    *unique_key = store_namespace_key(store, *number);
    return 0;
}

/* "n" and a name, or "i" and an id. */
static int find_object(const char *unique_key, const char *word, uint8_t id[STORE_ID_SIZE],
                       struct err_text *why)
{
    struct object_id found;

    if (word[0] == 'n') {
        object_id_of_key(unique_key, bytes_of_string(word + 1), &found);
    } else if (!object_id_parse(bytes_of_string(word + 1), &found) ||
               !object_id_belongs(unique_key, &found)) {
        err_text_set(why, "%s is no id of %s", word + 1, unique_key);
        return RESOLVE_UNKNOWN;
    }
    memcpy(id, found.bytes, STORE_ID_SIZE);
    return 0;
}

int restore_tool_read(struct store *store, const char *line, struct restore_request *request,
                      struct err_text *why)
{
    char *copy = mem_strdup(line);
    char *words[LINE_WORDS] = {0};
    char *at = copy;
    const char *unique_key = NULL;
    int r = 0;

    for (size_t i = 0; i < LINE_WORDS; i++)
        words[i] = strsep(&at, "\t");
    if (words[LINE_WORDS - 1] == NULL || at != NULL) {
        err_text_set(why, "the command is not understood");
        r = RESOLVE_UNKNOWN;
    }
    if (r == 0)
        r = find_class(store, words[0], &request->source_namespace, &unique_key, why);
    if (r == 0)
        r = find_object(unique_key, words[1], request->source_id, why);
    if (r == 0)
        r = find_object(unique_key, words[2], request->target_id, why);
    if (r == 0) {
        request->target_namespace = request->source_namespace;
        request->time_ms = strtoll(words[3], NULL, 10);
    }
    mem_free(copy);
    return r;
}

static void line_make(const struct restore_tool *tool, struct buf *line)
{
    bool same = tool->target == NULL && tool->target_id == NULL;
    const char *source = tool->source != NULL ? tool->source : tool->source_id;
    const char *target = tool->target != NULL ? tool->target : tool->target_id;
    char source_kind = tool->source != NULL ? 'n' : 'i';
    char target_kind = tool->target != NULL ? 'n' : 'i';

    buf_append_format(line, "%s\t%c%s\t%c%s\t%lld", tool->class_name, source_kind, source,
                      same ? source_kind : target_kind, same ? source : target,
                      (long long)tool->time_ms);
}

/* ---- doing it ---- */

static int complain(const char *words)
{
    fprintf(stderr, "dormouse restore: %s\n", words);
    return 1;
}

static int restore_here(struct store *store, const char *line, struct err_text *why)
{
    struct restore_request request = {0};
    struct store_shard *shard;
    struct database *db = NULL;
    int r = restore_tool_read(store, line, &request, why);

    if (r == 0)
        r = restore_order(store, &request, why);
    if (r != 0)
        return r < 0 ? err_pass(r) : r;
    shard = store_shard_create(store, 0, NULL);
    r = database_open(&db, shard, request.target_namespace, request.target_id, NULL, why);
    if (r == 0)
        r = restore_if_ordered(db, why);
    database_close(db);
    store_shard_destroy(shard);
    return r < 0 ? err_pass(r) : r;
}

static int restore_offline(const struct restore_tool *tool, const char *line)
{
    struct store_options options = {.os = os_real(),
                                    .dir = tool->data_dir,
                                    .shard_count = 1,
                                    .history_days = HISTORY_DAYS,
                                    .history_bytes = HISTORY_BYTES,
                                    .sync = true};
    struct err_text why = {""};
    struct store *store = NULL;
    int r = store_open(&store, &options, &why);

    if (r == 0)
        r = restore_here(store, line, &why);
    store_close(store);
    if (r != 0)
        return complain(why.text[0] != '\0' ? why.text : err_trail());
    puts("restored");
    return 0;
}

/* One line must be able to carry them. */
static bool is_plain(const char *text)
{
    return text == NULL || strpbrk(text, "\t\n") == NULL;
}

int restore_tool_run(const struct restore_tool *tool)
{
    struct buf line = {0};
    struct buf asked = {0};
    struct buf words = {0};
    int status;
    int r;

    if (!is_plain(tool->class_name) || !is_plain(tool->source) || !is_plain(tool->target))
        return complain("a name with a tab or a line end: give its id");
    line_make(tool, &line);
    buf_append_format(&asked, RESTORE_TOOL_LINE "%s", buf_string(&line));
    r = control_ask(tool->data_dir, buf_string(&asked), &words);
    if (r == -ENOENT || r == -ECONNREFUSED)
        status = restore_offline(tool, buf_string(&line));
    else if (r != CONTROL_DONE)
        status = complain(r < 0 ? err_describe(r) : buf_string(&words));
    else
        status = puts("restored: the running process starts the object again") < 0;
    buf_fini(&words);
    buf_fini(&asked);
    buf_fini(&line);
    return status;
}
