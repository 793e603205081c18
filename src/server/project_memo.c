#include "server/project_record.h"

#include <stdio.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/crc.h"
#include "base/mem.h"
#include "js/builtin.h"
#include "server/file.h"
#include "server/project.h"
#include "server/record.h"

enum {
    ITEMS_MAX = 65536, /* bound of a list in a record */
};

/* Complaints are shown with paths as they are seen from here. */
static void add_here(struct buf *key)
{
    char cwd[4096];

    record_add_text(key, getcwd(cwd, sizeof cwd) != NULL ? cwd : "");
}

void project_record_key(struct buf *key, const struct project *project,
                        const struct project_options *options, struct bytes text)
{
    const struct js_builtin *rules = &js_builtin_config;
    struct name_list files = {0};
    struct buf content = {0};

    record_add_number(key, crc32c(0, rules->text, rules->len));
    record_add_number(key, (int64_t)rules->len);
    add_here(key);
    record_add_text(key, project->config_path);
    record_add_number(key, options->production);
    record_add_number(key, options->env != NULL);
    record_add_text(key, options->env != NULL ? options->env : "");
    record_add_number(key, (int64_t)options->var_count);
    for (size_t i = 0; i < options->var_count; i++)
        record_add_text(key, options->vars[i]);
    record_add(key, text);
    project_files(project, options->env, &files);
    for (size_t i = 1; i < files.count; i++) {
        buf_clear(&content);
        record_add_number(key, file_read(files.names[i], &content));
        record_add(key, buf_bytes(&content));
    }
    buf_fini(&content);
    name_list_fini(&files);
}

/* ---- reading ---- */

static size_t take_count(struct record *record)
{
    int64_t count = record_take_number(record);

    if (count < 0 || count > ITEMS_MAX)
        record->good = false;
    return record->good ? (size_t)count : 0;
}

static void take_names(struct record *record, struct name_list *list)
{
    size_t count = take_count(record);

    for (size_t i = 0; i < count; i++) {
        char *name = record_take_text(record);

        name_list_add(list, name);
        mem_free(name);
    }
}

static void take_classes(struct record *record, struct project *project)
{
    size_t count = take_count(record);

    project->classes = mem_new_array(struct project_class, count + 1);
    project->class_count = count;
    for (size_t i = 0; i < count; i++) {
        struct project_class *class = &project->classes[i];

        class->class_name = record_take_text(record);
        class->unique_key = record_take_text(record);
        class->sqlite = record_take_number(record) != 0;
        class->bound = record_take_number(record) != 0;
        class->native = record_take_number(record) != 0;
    }
}

bool project_recall(struct project *project, const char *path, struct bytes key,
                    struct buf *complaints)
{
    struct buf content = {0};
    struct record record = record_load(path, &content);
    bool found = bytes_equal(record_take(&record), key) && record.good;

    if (found) {
        struct bytes said = record_take(&record);

        project->name = record_take_text(&record);
        project->main = record_take_text(&record);
        project->assets = record_take_text(&record);
        project->settings = record_take_text(&record);
        project->no_bundle = record_take_number(&record) != 0;
        take_classes(&record, project);
        take_names(&record, &project->libraries);
        take_names(&record, &project->esbuild);
        project->build_command = record_take_text(&record);
        project->build_cwd = record_take_text(&record);
        take_names(&record, &project->build_watch);
        project->host = record_take_text(&record);
        project->port = (int)record_take_number(&record);
        ASSERT(record.good); /* the checksum said so */
        buf_append_bytes(complaints, said);
    }
    buf_fini(&content);
    return found;
}

/* ---- writing ---- */

static void add_names(struct buf *record, const struct name_list *list)
{
    record_add_number(record, (int64_t)list->count);
    for (size_t i = 0; i < list->count; i++)
        record_add_text(record, list->names[i]);
}

void project_keep(const struct project *project, const char *path, struct bytes key,
                  struct bytes complaints)
{
    struct buf record = {0};

    record_add(&record, key);
    record_add(&record, complaints);
    record_add_text(&record, project->name);
    record_add_text(&record, project->main);
    record_add_text(&record, project->assets);
    record_add_text(&record, project->settings);
    record_add_number(&record, project->no_bundle);
    record_add_number(&record, (int64_t)project->class_count);
    for (size_t i = 0; i < project->class_count; i++) {
        const struct project_class *class = &project->classes[i];

        record_add_text(&record, class->class_name);
        record_add_text(&record, class->unique_key);
        record_add_number(&record, class->sqlite);
        record_add_number(&record, class->bound);
        record_add_number(&record, class->native);
    }
    add_names(&record, &project->libraries);
    add_names(&record, &project->esbuild);
    record_add_text(&record, project->build_command);
    record_add_text(&record, project->build_cwd);
    add_names(&record, &project->build_watch);
    record_add_text(&record, project->host);
    record_add_number(&record, project->port);
    record_save(path, buf_bytes(&record));
    buf_fini(&record);
}
