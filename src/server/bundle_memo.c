#include "server/bundle_memo.h"

#include <sys/stat.h>

#include "base/crc.h"
#include "base/log.h"
#include "base/mem.h"
#include "js/builtin.h"
#include "server/file.h"
#include "server/memo.h"
#include "server/witness.h"

#define MEMO_NAME  "bundle.memo"
#define BEGAN_NAME "began"

enum {
    ITEMS_MAX = 1 << 20, /* bound of a list in a memo */
};

static char *absolute(const char *dir, const char *name)
{
    return name[0] == '/' ? mem_strdup(name) : mem_format("%s/%s", dir, name);
}

void bundle_memo_key(struct buf *key, const struct project *project, const char *program,
                     const struct name_list *arguments)
{
    const struct js_builtin *rules = &js_builtin_config;
    char stamp[WITNESS_STAMP_BYTES];

    memo_add_number(key, crc32c(0, rules->text, rules->len));
    witness_stamp(program, stamp);
    memo_add_text(key, stamp);
    memo_add_text(key, project->dir);
    memo_add_number(key, (int64_t)arguments->count);
    for (size_t i = 0; i < arguments->count; i++)
        memo_add_text(key, arguments->names[i]);
}

void bundle_memo_begin(struct bundle_memo *memo, const char *folder)
{
    char *path = mem_format("%s/" BEGAN_NAME, folder);
    struct stat info;

    memo->began_ns = 0; /* before every file: nothing is kept */
    memo->device = 0;
    if (file_write(path, BYTES("esbuild began\n")) == 0 && stat(path, &info) == 0) {
        memo->began_ns = (int64_t)info.st_ctim.tv_sec * 1000000000 + info.st_ctim.tv_nsec;
        memo->device = info.st_dev;
    }
    mem_free(path);
}

/* ---- what was written ---- */

static bool output_sum(const char *dir, const char *name, int64_t *size, int64_t *sum)
{
    char *path = absolute(dir, name);
    struct buf content = {0};
    bool good = file_read(path, &content) == 0;

    *size = (int64_t)content.len;
    *sum = crc32c(0, content.data, content.len);
    buf_fini(&content);
    mem_free(path);
    return good;
}

/* ---- reading ---- */

static size_t take_count(struct memo *memo)
{
    int64_t count = memo_take_number(memo);

    if (count < 0 || count > ITEMS_MAX)
        memo->good = false;
    return memo->good ? (size_t)count : 0;
}

static bool take_outputs(struct memo *memo, struct bundle_memo *out, const char *dir)
{
    size_t count = take_count(memo);

    for (size_t i = 0; i < count && memo->good; i++) {
        char *name = memo_take_text(memo);
        int64_t size = memo_take_number(memo), sum = memo_take_number(memo);
        int64_t size_now, sum_now;
        bool same =
            output_sum(dir, name, &size_now, &sum_now) && size_now == size && sum_now == sum;

        name_list_add(&out->outputs, name);
        if (!same)
            log_debug("bundle: %s is not what was built", name);
        mem_free(name);
        if (!same)
            return false;
    }
    return memo->good;
}

static bool take_witnesses(struct memo *memo)
{
    size_t count = take_count(memo);

    for (size_t i = 0; i < count && memo->good; i++) {
        char *path = memo_take_text(memo);
        struct bytes was = memo_take(memo);
        char stamp[WITNESS_STAMP_BYTES];
        bool same;

        witness_stamp(path, stamp);
        same = bytes_equal_string(was, stamp);
        if (!same)
            log_debug("bundle: %s has changed", path);
        mem_free(path);
        if (!same)
            return false;
    }
    return memo->good;
}

bool bundle_memo_recall(struct bundle_memo *memo, const struct project *project, const char *folder)
{
    char *path = mem_format("%s/" MEMO_NAME, folder);
    struct buf content = {0};
    struct memo kept = memo_load(path, &content);
    bool good = bytes_equal(memo_take(&kept), buf_bytes(&memo->key)) && kept.good;

    if (good) {
        memo->lower_async = memo_take_number(&kept) != 0;
        buf_append_bytes(&memo->said, memo_take(&kept));
        for (size_t i = 0, count = take_count(&kept); i < count; i++) {
            char *name = memo_take_text(&kept);

            name_list_add(&memo->inputs, name);
            mem_free(name);
        }
        good = take_witnesses(&kept) && take_outputs(&kept, memo, project->dir);
    }
    if (!good) {
        name_list_fini(&memo->inputs);
        name_list_fini(&memo->outputs);
        buf_clear(&memo->said);
        memo->lower_async = false;
    }
    buf_fini(&content);
    mem_free(path);
    return good;
}

/* ---- writing ---- */

static bool add_outputs(struct buf *fields, const struct bundle_memo *memo, const char *dir)
{
    int64_t size, sum;

    memo_add_number(fields, (int64_t)memo->outputs.count);
    for (size_t i = 0; i < memo->outputs.count; i++) {
        if (!output_sum(dir, memo->outputs.names[i], &size, &sum))
            return false;
        memo_add_text(fields, memo->outputs.names[i]);
        memo_add_number(fields, size);
        memo_add_number(fields, sum);
    }
    return true;
}

void bundle_memo_keep(const struct bundle_memo *memo, const struct project *project,
                      const char *folder)
{
    char *path = mem_format("%s/" MEMO_NAME, folder);
    struct witnesses *witnesses = witnesses_create(project->dir, memo->began_ns, memo->device);
    struct buf fields = {0};
    const char *why;

    memo_add(&fields, buf_bytes(&memo->key));
    memo_add_number(&fields, memo->lower_async);
    memo_add(&fields, buf_bytes(&memo->said));
    memo_add_number(&fields, (int64_t)memo->inputs.count);
    for (size_t i = 0; i < memo->inputs.count; i++)
        memo_add_text(&fields, memo->inputs.names[i]);
    why = witnesses_call(witnesses, &memo->inputs, &project->esbuild);
    if (why == NULL) {
        memo_add_number(&fields, (int64_t)witnesses_count(witnesses));
        for (size_t i = 0; i < witnesses_count(witnesses); i++) {
            memo_add_text(&fields, witnesses_path(witnesses, i));
            memo_add_text(&fields, witnesses_stamp(witnesses, i));
        }
        if (!add_outputs(&fields, memo, project->dir))
            why = "what was written cannot be read";
    }
    if (why == NULL)
        memo_save(path, buf_bytes(&fields));
    else
        log_debug("bundle: not kept: %s", why);
    witnesses_destroy(witnesses);
    buf_fini(&fields);
    mem_free(path);
}

void bundle_memo_fini(struct bundle_memo *memo)
{
    buf_fini(&memo->key);
    buf_fini(&memo->said);
    name_list_fini(&memo->inputs);
    name_list_fini(&memo->outputs);
}
