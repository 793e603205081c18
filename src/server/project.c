#include "server/project.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "js/builtin.h"
#include "js/engine.h"
#include "js/error.h"
#include "js/realm.h"
#include "js/text.h"
#include "js/value.h"
#include "server/file.h"
#include "server/project_memo.h"

/* In wrangler's order: the first that exists is the one. */
static const char *const config_names[] = {"wrangler.json", "wrangler.jsonc", "wrangler.toml",
                                           "dormouse.json", "dormouse.jsonc"};

/* ---- the script, and its values as C's ---- */

/* A machine with config_main.js in it. Objects that it returns are plain data, read without
 * looking for exceptions: a missing property is undefined. */
struct reader {
    struct js_engine *engine;
    struct js_realm *realm;
    JSObjectRef hooks;
    JSValueRef exception; /* of plain data; always NULL */
};

static void reader_open(struct reader *reader)
{
    struct js_error error = {0};

    *reader = (struct reader){.engine = js_engine_create()};
    reader->realm = js_realm_create(reader->engine, NULL);
    reader->hooks = js_builtin_run(reader->realm, &js_builtin_config, js_object_make(reader->realm),
                                   NULL, &error);
    ASSERT(reader->hooks != NULL);
    JSValueProtect(reader->realm->ctx, reader->hooks);
}

static void reader_close(struct reader *reader)
{
    JSValueUnprotect(reader->realm->ctx, reader->hooks);
    js_realm_destroy(reader->realm);
    js_engine_destroy(reader->engine);
}

static JSValueRef value_at(struct reader *reader, JSObjectRef object, const char *name)
{
    return js_get_text(reader->realm, object, bytes_of_string(name), &reader->exception);
}

static JSObjectRef object_at(struct reader *reader, JSObjectRef object, const char *name)
{
    return js_as_object(reader->realm, value_at(reader, object, name));
}

static char *string_at(struct reader *reader, JSObjectRef object, const char *name)
{
    return js_text_dup(reader->realm, value_at(reader, object, name), &reader->exception);
}

static int int_at(struct reader *reader, JSObjectRef object, const char *name)
{
    return (int)js_to_number(reader->realm, value_at(reader, object, name), &reader->exception);
}

static bool bool_at(struct reader *reader, JSObjectRef object, const char *name)
{
    return JSValueToBoolean(reader->realm->ctx, value_at(reader, object, name));
}

static JSObjectRef element(struct reader *reader, JSObjectRef array, size_t index)
{
    JSValueRef value = js_array_at(reader->realm, array, index, &reader->exception);

    return js_as_object(reader->realm, value);
}

static void names_at(struct reader *reader, JSObjectRef object, const char *name,
                     struct name_list *list)
{
    JSObjectRef array = object_at(reader, object, name);
    size_t count = js_array_length(reader->realm, array);

    list->names = mem_new_array(char *, count > 0 ? count : 1);
    for (list->count = 0; list->count < count; list->count++) {
        JSValueRef item = js_array_at(reader->realm, array, list->count, &reader->exception);
        list->names[list->count] = js_text_dup(reader->realm, item, &reader->exception);
    }
}

static void give(struct reader *reader, JSObjectRef object, const char *name, struct bytes text)
{
    js_set_text(reader->realm, object, bytes_of_string(name),
                js_string_from_utf8(reader->realm, text));
}

/* Call one of the script's functions; NULL and the reason in `why` if it threw. */
static JSValueRef reader_call(struct reader *reader, const char *name, JSValueRef argument,
                              struct buf *why)
{
    struct js_error error = {0};
    JSValueRef function = value_at(reader, reader->hooks, name);
    JSValueRef result =
        js_call(reader->realm, js_as_function(reader->realm, function), NULL, 1, &argument, &error);

    if (result == NULL && why != NULL) {
        js_error_format(&error, why);
        buf_append_byte(why, '\n');
    }
    js_error_fini(&error);
    return result;
}

/* ---- where the wrangler file is ---- */

static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    ASSERT(slash != NULL);
    return slash == path ? mem_strdup("/") : mem_strndup(path, (size_t)(slash - path));
}

/* Absolute path of the wrangler file that options->path means, or NULL. */
static char *config_find(const char *path, struct buf *complaints)
{
    struct stat info;
    char *real = realpath(path, NULL);
    char *found = NULL;

    if (real == NULL || stat(real, &info) < 0) {
        buf_append_format(complaints, "%s: error: there is no such file or folder\n", path);
        free(real);
        return NULL;
    }
    if (!S_ISDIR(info.st_mode))
        found = mem_strdup(real);
    for (size_t i = 0; found == NULL && i < sizeof config_names / sizeof *config_names; i++) {
        char *candidate = mem_format("%s/%s", real, config_names[i]);
        if (stat(candidate, &info) == 0)
            found = candidate;
        else
            mem_free(candidate);
    }
    if (found == NULL)
        buf_append_format(complaints,
                          "%s: error: there is no wrangler.json, wrangler.jsonc or wrangler.toml "
                          "here; give the folder that has one\n",
                          real);
    free(real);
    return found;
}

char *project_folder(const char *path, struct buf *complaints)
{
    char *file = config_find(path, complaints);
    char *folder = file != NULL ? folder_of(file) : NULL;

    mem_free(file);
    return folder;
}

static void secret_files(const char *dir, const char *env, struct name_list *files)
{
    name_list_add_format(files, "%s/.dev.vars", dir);
    name_list_add_format(files, "%s/.env", dir);
    name_list_add_format(files, "%s/.env.local", dir);
    if (env == NULL)
        return;
    name_list_add_format(files, "%s/.dev.vars.%s", dir, env);
    name_list_add_format(files, "%s/.env.%s", dir, env);
    name_list_add_format(files, "%s/.env.%s.local", dir, env);
}

/* ---- loading ---- */

static JSObjectRef files_give(struct reader *reader, const char *dir, const char *env)
{
    struct name_list files = {0};
    JSObjectRef object = js_object_make(reader->realm);
    struct buf text = {0};

    secret_files(dir, env, &files);
    for (size_t i = 0; i < files.count; i++) {
        buf_clear(&text);
        if (file_read(files.names[i], &text) == 0)
            give(reader, object, strrchr(files.names[i], '/') + 1, buf_bytes(&text));
    }
    buf_fini(&text);
    name_list_fini(&files);
    return object;
}

static JSObjectRef version_give(struct reader *reader)
{
    JSObjectRef object = js_object_make(reader->realm);
    char text[64];
    time_t now = time(NULL);
    struct tm utc;

    gmtime_r(&now, &utc);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    give(reader, object, "timestamp", bytes_of_string(text));
    snprintf(text, sizeof text, "00000000-0000-4000-8000-%012llx", (unsigned long long)now);
    give(reader, object, "id", bytes_of_string(text));
    return object;
}

static JSObjectRef input_give(struct reader *reader, const struct project *project,
                              const struct project_options *options, struct bytes text)
{
    struct js_realm *realm = reader->realm;
    JSObjectRef input = js_object_make(realm);
    JSValueRef *vars = mem_new_array(JSValueRef, options->var_count + 1);

    give(reader, input, "file", bytes_of_string(project->config_path));
    give(reader, input, "text", text);
    if (options->env != NULL)
        give(reader, input, "env", bytes_of_string(options->env));
    for (size_t i = 0; i < options->var_count; i++)
        vars[i] = js_string(realm, options->vars[i]);
    js_set(realm, input, "vars", js_array_make(realm, options->var_count, vars));
    js_set(realm, input, "files", files_give(reader, project->dir, options->env));
    js_set(realm, input, "version", version_give(reader));
    js_set(realm, input, "production", options->production ? realm->yes : realm->no);
    mem_free(vars);
    return input;
}

static void classes_take(struct reader *reader, JSObjectRef from, struct project *project)
{
    JSObjectRef array = object_at(reader, from, "namespaces");

    project->class_count = js_array_length(reader->realm, array);
    project->classes = mem_new_array(struct project_class, project->class_count + 1);
    for (size_t i = 0; i < project->class_count; i++) {
        JSObjectRef item = element(reader, array, i);
        project->classes[i] = (struct project_class){
            .class_name = string_at(reader, item, "className"),
            .unique_key = string_at(reader, item, "uniqueKey"),
            .sqlite = bool_at(reader, item, "sqlite"),
            .bound = bool_at(reader, item, "bound"),
            .native = bool_at(reader, item, "native"),
        };
    }
}

static void project_take(struct reader *reader, JSObjectRef from, struct project *project)
{
    JSObjectRef build = object_at(reader, from, "build");
    JSObjectRef dev = object_at(reader, from, "dev");

    project->dated = bool_at(reader, from, "dated");
    project->name = string_at(reader, from, "name");
    project->main = string_at(reader, from, "main");
    project->assets = string_at(reader, from, "assets");
    project->settings = string_at(reader, from, "settings");
    project->no_bundle = bool_at(reader, from, "noBundle");
    classes_take(reader, from, project);
    names_at(reader, from, "libraries", &project->libraries);
    names_at(reader, from, "esbuild", &project->esbuild);
    project->build_command = string_at(reader, build, "command");
    project->build_cwd = string_at(reader, build, "cwd");
    names_at(reader, build, "watch", &project->build_watch);
    project->host = string_at(reader, dev, "host");
    project->port = int_at(reader, dev, "port");
}

/* The path as the user would write it: from where the program runs, if it is below. */
static const char *path_shown(const char *path)
{
    static char cwd[4096];
    size_t len;

    if (realpath(".", cwd) == NULL)
        return path;
    len = strlen(cwd);
    return strncmp(path, cwd, len) == 0 && path[len] == '/' ? path + len + 1 : path;
}

static size_t complaints_take(struct reader *reader, JSObjectRef from, const char *list,
                              const char *kind, struct buf *complaints)
{
    JSObjectRef array = object_at(reader, from, list);
    size_t count = js_array_length(reader->realm, array);

    for (size_t i = 0; i < count; i++) {
        JSObjectRef item = element(reader, array, i);
        char *file = string_at(reader, item, "file");
        char *message = string_at(reader, item, "message");
        buf_append_format(complaints, "%s:%d:%d: %s: %s\n", path_shown(file),
                          int_at(reader, item, "line"), int_at(reader, item, "column"), kind,
                          message);
        mem_free(message);
        mem_free(file);
    }
    return count;
}

/* Run configure() on the text. */
static int project_configure(struct project *project, const struct project_options *options,
                             struct bytes text, struct buf *complaints)
{
    struct reader reader;
    JSObjectRef result = NULL, found;
    JSValueRef answer;
    size_t errors = 1;

    reader_open(&reader);
    js_enter(reader.realm, project);
    answer =
        reader_call(&reader, "configure", input_give(&reader, project, options, text), complaints);
    if (answer != NULL)
        result = js_as_object(reader.realm, answer);
    if (result != NULL) {
        complaints_take(&reader, result, "warnings", "warning", complaints);
        errors = complaints_take(&reader, result, "errors", "error", complaints);
        found = object_at(&reader, result, "project");
        ASSERT((errors == 0) == (found != NULL));
        if (found != NULL)
            project_take(&reader, found, project);
    }
    js_leave(reader.realm);
    reader_close(&reader);
    return errors == 0 ? 0 : PROJECT_LOAD_INVALID;
}

/* The same from the memo of the last start, if nothing has changed since. */
static int project_configure_kept(struct project *project, const struct project_options *options,
                                  struct bytes text, struct buf *complaints)
{
    struct buf key = {0};
    struct buf said = {0};
    char *memo;
    int r = 0;

    if (options->memo_dir == NULL)
        return project_configure(project, options, text, complaints);
    memo = mem_format("%s/configuration.memo", options->memo_dir);
    project_memo_key(&key, project, options, text);
    if (!project_recall(project, memo, buf_bytes(&key), complaints)) {
        bool room = folder_make(options->memo_dir) == 0; /* now: see bundle_memo_begin() */

        r = project_configure(project, options, text, &said);
        buf_append_bytes(complaints, buf_bytes(&said));
        if (r == 0 && room && !project->dated)
            project_keep(project, memo, buf_bytes(&key), buf_bytes(&said));
    }
    mem_free(memo);
    buf_fini(&said);
    buf_fini(&key);
    return r;
}

int project_load(struct project **out, const struct project_options *options,
                 struct buf *complaints)
{
    struct project *project;
    struct buf text = {0};
    char *path = config_find(options->path, complaints);
    int r;

    if (path == NULL)
        return PROJECT_LOAD_INVALID;
    project = mem_new(struct project);
    project->config_path = path;
    project->dir = folder_of(path);
    r = file_read(path, &text);
    if (r < 0) {
        buf_append_format(complaints, "%s: error: cannot be read: %s\n", path, strerror(-r));
        r = PROJECT_LOAD_INVALID;
    } else {
        r = project_configure_kept(project, options, buf_bytes(&text), complaints);
    }
    buf_fini(&text);
    if (r != 0)
        project_destroy(project);
    else
        *out = project;
    return r;
}

struct project *project_bare(const char *name)
{
    struct project *project = mem_new(struct project);

    project->dir = mem_strdup("");
    project->config_path = mem_strdup("");
    project->name = mem_strdup(name);
    project->main = mem_strdup("");
    project->assets = mem_strdup("");
    project->settings = mem_strdup("{}");
    project->build_command = mem_strdup("");
    project->build_cwd = mem_strdup("");
    project->host = mem_strdup("");
    project->port = -1;
    return project;
}

bool project_has_native(const struct project *project)
{
    for (size_t i = 0; i < project->class_count; i++)
        if (project->classes[i].native)
            return true;
    return project->libraries.count > 0;
}

void project_add_native(struct project *project, const char *class_name)
{
    struct project_class *class;

    for (size_t i = 0; i < project->class_count; i++) {
        if (strcmp(project->classes[i].class_name, class_name) == 0) {
            project->classes[i].native = true;
            return;
        }
    }
    project->classes =
        mem_realloc_array(project->classes, project->class_count + 1, sizeof *project->classes);
    class = &project->classes[project->class_count++];
    *class = (struct project_class){
        .class_name = mem_strdup(class_name),
        .unique_key = mem_format("%s-%s", project->name, class_name),
        .sqlite = true,
        .native = true,
    };
}

void project_destroy(struct project *project)
{
    if (project == NULL)
        return;
    for (size_t i = 0; i < project->class_count; i++) {
        mem_free(project->classes[i].class_name);
        mem_free(project->classes[i].unique_key);
    }
    mem_free(project->classes);
    name_list_fini(&project->libraries);
    name_list_fini(&project->esbuild);
    name_list_fini(&project->build_watch);
    mem_free(project->dir);
    mem_free(project->config_path);
    mem_free(project->name);
    mem_free(project->main);
    mem_free(project->assets);
    mem_free(project->settings);
    mem_free(project->build_command);
    mem_free(project->build_cwd);
    mem_free(project->host);
    mem_free(project);
}

void project_files(const struct project *project, const char *env, struct name_list *files)
{
    name_list_add(files, project->config_path);
    secret_files(project->dir, env, files);
}

/* ---- modules ---- */

bool module_to_script(struct buf *out, struct bytes module)
{
    struct reader reader;
    JSValueRef answer;
    bool good;

    reader_open(&reader);
    js_enter(reader.realm, out);
    answer =
        reader_call(&reader, "scriptOfModule", js_string_from_utf8(reader.realm, module), NULL);
    good = answer != NULL && js_text_append(out, reader.realm, answer, &reader.exception);
    js_leave(reader.realm);
    reader_close(&reader);
    return good;
}

/* ---- lists ---- */

void name_list_add(struct name_list *list, const char *name)
{
    list->names = mem_realloc_array(list->names, list->count + 1, sizeof *list->names);
    list->names[list->count++] = mem_strdup(name);
}

void name_list_add_format(struct name_list *list, const char *format, ...)
{
    struct buf text = {0};
    char line[1024];
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (len >= 0 && (size_t)len < sizeof line) {
        name_list_add(list, line);
        return;
    }
    va_start(args, format);
    vsnprintf((char *)buf_reserve(&text, (size_t)len + 1), (size_t)len + 1, format, args);
    va_end(args);
    name_list_add(list, (const char *)text.data);
    buf_fini(&text);
}

void name_list_fini(struct name_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        mem_free(list->names[i]);
    mem_free(list->names);
    *list = (struct name_list){0};
}
