#include "server/version.h"

#include "actor/namespace.h"
#include "api/assets.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"
#include "native/native.h"
#include "server/bundle.h"
#include "server/library_copy.h"
#include "server/project.h"

void version_destroy(struct version *version)
{
    for (size_t i = 0; i < version->copy_count; i++)
        library_copy_remove(version->copies[i]);
    mem_free(version->copies);
    native_destroy(version->native);
    assets_destroy(version->assets);
    bundle_destroy(version->bundle);
    project_destroy(version->project);
    mem_free(version->namespaces);
    mem_free(version->bound);
    mem_free(version);
}

/* The namespace of a class; each is known for as long as the process lives. */
static int namespace_for(const struct version_options *options, const struct project_class *class,
                         struct namespace **out)
{
    struct namespace *ns = map_get(options->namespaces, bytes_of_string(class->unique_key));
    int r;

    if (ns == NULL) {
        r = namespace_create(&ns, options->store, class->unique_key, class->class_name,
                             (unsigned)options->namespaces->count);
        if (r < 0)
            return err_pass(r);
        map_put(options->namespaces, bytes_of_string(namespace_unique_key(ns)), ns);
    }
    namespace_set_sql(ns, class->sqlite);
    *out = ns;
    return 0;
}

/* One class library; words in `why` if it is none. */
static int load_library(const struct version_options *options, struct version *version,
                        const char *path, struct err_text *why)
{
    char *copy;
    int r;

    if (options->copies_dir == NULL)
        return native_load(version->native, path, why);
    r = library_copy(path, options->copies_dir, &copy, why);
    if (r != 0)
        return r;
    version->copies[version->copy_count++] = copy;
    return native_load(version->native, copy, why);
}

static char *library_path(const struct project *project, size_t index)
{
    const char *name = project->libraries.names[index];

    return name[0] == '/' ? mem_strdup(name) : mem_format("%s/%s", project->dir, name);
}

/* Whether the class libraries hold what the project says of them. */
static bool check_libraries(const struct version_options *options, const struct version *version,
                            struct err_text *why)
{
    const struct project *project = version->project;

    for (size_t i = 0; i < project->class_count; i++) {
        const struct project_class *class = &project->classes[i];

        if (!class->native || native_has_class(version->native, class->class_name))
            continue;
        err_text_set(why, "no class library registers the class %s", class->class_name);
        return false;
    }
    if (options->front && project->main[0] == '\0' && project->assets[0] == '\0' &&
        !native_has_front(version->native)) {
        err_text_set(why, "there is no \"main\", and no class library registers a front");
        return false;
    }
    return true;
}

static bool load_libraries(const struct version_options *options, struct version *version,
                           struct err_text *why)
{
    const struct project *project = version->project;
    struct err_text cause = {0};
    int r = 0;

    if (options->program != NULL || project_has_native(project))
        version->native = native_create();
    if (version->native != NULL &&
        native_configure(version->native, project->settings, &cause) != 0) {
        err_text_set(why, "variables: %s", cause.text);
        return false;
    }
    if (options->program != NULL)
        r = native_add(version->native, options->program, why);
    version->copies = mem_new_array(char *, project->libraries.count + 1);
    for (size_t i = 0; r == 0 && i < project->libraries.count; i++) {
        char *path = library_path(project, i);

        r = load_library(options, version, path, why);
        mem_free(path);
    }
    return r == 0 && check_libraries(options, version, why);
}

static char *assets_folder(const struct project *project)
{
    return project->assets[0] == '/' ? mem_strdup(project->assets)
                                     : mem_format("%s/%s", project->dir, project->assets);
}

static bool read_assets(struct version *version, struct err_text *why)
{
    const struct project *project = version->project;
    struct err_text cause = {0};
    char *folder;
    int r;

    if (project->assets[0] == '\0')
        return true;
    folder = assets_folder(project);
    r = assets_create(&version->assets, folder, &cause);
    if (r != 0)
        err_text_set(why, "%s: %s", project->config_path, cause.text);
    mem_free(folder);
    return r == 0;
}

static bool find_namespaces(const struct version_options *options, struct version *version,
                            struct err_text *why)
{
    const struct project *project = version->project;

    for (size_t i = 0; i < project->class_count; i++) {
        const struct project_class *class = &project->classes[i];

        version->bound[i] = class->bound && !class->native;
        if (namespace_for(options, class, &version->namespaces[i]) == 0)
            continue;
        err_text_set(why, "the class %s cannot be registered in the data directory: %s",
                     class->class_name, err_trail());
        return false;
    }
    return true;
}

/* Assets alone are served by a Worker all the same: one that does nothing. */
static struct bytes script_of(const struct version *version)
{
    struct bytes script = buf_bytes(&version->bundle->script);
    bool front = version->native != NULL && native_has_front(version->native);

    return script.len == 0 && version->assets != NULL && !front ? BYTES(";") : script;
}

struct version *version_create(const struct version_options *options, struct project *project,
                               struct bundle *bundle, struct err_text *why)
{
    struct version *version = mem_new(struct version);
    size_t count = project->class_count;

    version->project = project;
    version->bundle = bundle;
    version->namespaces = mem_new_array(struct namespace *, count + 1);
    version->bound = mem_new_array(bool, count + 1);
    if (!read_assets(version, why) || !load_libraries(options, version, why) ||
        !find_namespaces(options, version, why)) {
        version_destroy(version);
        return NULL;
    }
    version->worker = (struct worker_bundle){
        .script = script_of(version),
        .path = bundle->path,
        .source_map = buf_bytes(&bundle->map),
        .settings = bytes_of_string(project->settings),
        .namespaces = version->namespaces,
        .namespace_bound = version->bound,
        .namespace_count = count,
        .assets = version->assets,
    };
    return version;
}

void version_sources(const struct version *version, const char *env, struct name_list *files,
                     struct name_list *folders)
{
    const struct project *project = version->project;

    project_files(project, env, files);
    for (size_t i = 0; i < project->build_watch.count; i++)
        name_list_add_format(folders, "%s/%s", project->dir, project->build_watch.names[i]);
    if (project->assets[0] != '\0') {
        char *folder = assets_folder(project);

        name_list_add(folders, folder);
        mem_free(folder);
    }
    for (size_t i = 0; i < project->libraries.count; i++) {
        char *path = library_path(project, i);

        name_list_add(files, path);
        mem_free(path);
    }
    if (project->build_command[0] == '\0' && project->main[0] != '\0')
        bundle_inputs(version->bundle, project, files);
}
