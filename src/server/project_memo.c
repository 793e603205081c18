#include "server/project_memo.h"

#include <stdio.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/crc.h"
#include "base/mem.h"
#include "js/builtin.h"
#include "server/file.h"
#include "server/memo.h"
#include "server/project.h"

enum {
    ITEMS_MAX = 65536, /* bound of a list in a memo */
};

/* Complaints are shown with paths as they are seen from here. */
static void add_here(struct buf *key)
{
    char cwd[4096];

    memo_add_text(key, getcwd(cwd, sizeof cwd) != NULL ? cwd : "");
}

void project_memo_key(struct buf *key, const struct project *project,
                      const struct project_options *options, struct bytes text)
{
    const struct js_builtin *rules = &js_builtin_config;
    struct name_list files = {0};
    struct buf content = {0};

    memo_add_number(key, crc32c(0, rules->text, rules->len));
    memo_add_number(key, (int64_t)rules->len);
    add_here(key);
    memo_add_text(key, project->config_path);
    memo_add_number(key, options->production);
    memo_add_number(key, options->env != NULL);
    memo_add_text(key, options->env != NULL ? options->env : "");
    memo_add_number(key, (int64_t)options->var_count);
    for (size_t i = 0; i < options->var_count; i++)
        memo_add_text(key, options->vars[i]);
    memo_add(key, text);
    project_files(project, options->env, &files);
    for (size_t i = 1; i < files.count; i++) {
        buf_clear(&content);
        memo_add_number(key, file_read(files.names[i], &content));
        memo_add(key, buf_bytes(&content));
    }
    buf_fini(&content);
    name_list_fini(&files);
}

/* ---- reading ---- */

static size_t take_count(struct memo *memo)
{
    int64_t count = memo_take_number(memo);

    if (count < 0 || count > ITEMS_MAX)
        memo->good = false;
    return memo->good ? (size_t)count : 0;
}

static void take_names(struct memo *memo, struct name_list *list)
{
    size_t count = take_count(memo);

    for (size_t i = 0; i < count; i++) {
        char *name = memo_take_text(memo);

        name_list_add(list, name);
        mem_free(name);
    }
}

static void take_classes(struct memo *memo, struct project *project)
{
    size_t count = take_count(memo);

    project->classes = mem_new_array(struct project_class, count + 1);
    project->class_count = count;
    for (size_t i = 0; i < count; i++) {
        struct project_class *class = &project->classes[i];

        class->class_name = memo_take_text(memo);
        class->unique_key = memo_take_text(memo);
        class->sqlite = memo_take_number(memo) != 0;
        class->bound = memo_take_number(memo) != 0;
        class->native = memo_take_number(memo) != 0;
    }
}

bool project_recall(struct project *project, const char *path, struct bytes key,
                    struct buf *complaints)
{
    struct buf content = {0};
    struct memo memo = memo_load(path, &content);
    bool found = bytes_equal(memo_take(&memo), key) && memo.good;

    if (found) {
        struct bytes said = memo_take(&memo);

        project->name = memo_take_text(&memo);
        project->main = memo_take_text(&memo);
        project->assets = memo_take_text(&memo);
        project->settings = memo_take_text(&memo);
        project->no_bundle = memo_take_number(&memo) != 0;
        take_classes(&memo, project);
        take_names(&memo, &project->libraries);
        take_names(&memo, &project->esbuild);
        project->build_command = memo_take_text(&memo);
        project->build_cwd = memo_take_text(&memo);
        take_names(&memo, &project->build_watch);
        project->host = memo_take_text(&memo);
        project->port = (int)memo_take_number(&memo);
        ASSERT(memo.good); /* the checksum said so */
        buf_append_bytes(complaints, said);
    }
    buf_fini(&content);
    return found;
}

/* ---- writing ---- */

static void add_names(struct buf *memo, const struct name_list *list)
{
    memo_add_number(memo, (int64_t)list->count);
    for (size_t i = 0; i < list->count; i++)
        memo_add_text(memo, list->names[i]);
}

void project_keep(const struct project *project, const char *path, struct bytes key,
                  struct bytes complaints)
{
    struct buf memo = {0};

    memo_add(&memo, key);
    memo_add(&memo, complaints);
    memo_add_text(&memo, project->name);
    memo_add_text(&memo, project->main);
    memo_add_text(&memo, project->assets);
    memo_add_text(&memo, project->settings);
    memo_add_number(&memo, project->no_bundle);
    memo_add_number(&memo, (int64_t)project->class_count);
    for (size_t i = 0; i < project->class_count; i++) {
        const struct project_class *class = &project->classes[i];

        memo_add_text(&memo, class->class_name);
        memo_add_text(&memo, class->unique_key);
        memo_add_number(&memo, class->sqlite);
        memo_add_number(&memo, class->bound);
        memo_add_number(&memo, class->native);
    }
    add_names(&memo, &project->libraries);
    add_names(&memo, &project->esbuild);
    memo_add_text(&memo, project->build_command);
    memo_add_text(&memo, project->build_cwd);
    add_names(&memo, &project->build_watch);
    memo_add_text(&memo, project->host);
    memo_add_number(&memo, project->port);
    memo_save(path, buf_bytes(&memo));
    buf_fini(&memo);
}
