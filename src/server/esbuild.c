#include "server/esbuild.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "server/file.h"

/* Lowers `using` and decorators, knows es2024 and every --supported name used here. */
enum {
    VERSION_MINOR_MIN = 24, /* 0.24 */
};

#ifndef DORMOUSE_LIBEXEC
#    define DORMOUSE_LIBEXEC "/usr/libexec/dormouse"
#endif

/* "linux-x64": how esbuild names its packages of binaries. */
static const char *platform(void)
{
    static char name[64];
    struct utsname machine;

    if (uname(&machine) < 0)
        return "linux-x64";
    snprintf(name, sizeof name, "%s-%s",
             strcmp(machine.sysname, "Darwin") == 0 ? "darwin" : "linux",
             strcmp(machine.machine, "x86_64") == 0 ? "x64" : "arm64");
    return name;
}

bool esbuild_version_good(struct bytes package_json)
{
    size_t at = bytes_find(package_json, BYTES("\"version\""), 0);
    struct bytes rest = bytes_slice(package_json, at, package_json.len);
    char text[64];
    int major, minor;

    snprintf(text, sizeof text, "%.*s", (int)(rest.len < 60 ? rest.len : 60),
             rest.data != NULL ? (const char *)rest.data : "");
    if (sscanf(text, "\"version\" : \"%d.%d.", &major, &minor) != 2)
        return false;
    return major > 0 || minor >= VERSION_MINOR_MIN;
}

/* `package`/bin/esbuild if it is there, runs without Node.js, and is recent enough. */
static char *package_program(const char *package)
{
    char *program = mem_format("%s/bin/esbuild", package);
    char *manifest = mem_format("%s/package.json", package);
    struct buf text = {0};
    char *found = NULL;
    FILE *file = fopen(program, "re");
    char magic[2] = "";

    if (file != NULL) {
        bool script = fread(magic, 1, 2, file) == 2 && memcmp(magic, "#!", 2) == 0;
        fclose(file);
        if (!script && access(program, X_OK) == 0 && file_read(manifest, &text) == 0 &&
            esbuild_version_good(buf_bytes(&text)))
            found = mem_strdup(program);
    }
    buf_fini(&text);
    mem_free(manifest);
    mem_free(program);
    return found;
}

static char *modules_program(const char *dir)
{
    char *binary = mem_format("%s/node_modules/@esbuild/%s", dir, platform());
    char *package = mem_format("%s/node_modules/esbuild", dir);
    char *found = package_program(binary);

    if (found == NULL)
        found = package_program(package);
    mem_free(package);
    mem_free(binary);
    return found;
}

/* In `dir` and all folders above it. */
static char *project_program(const char *dir)
{
    char *at = mem_strdup(dir);
    char *found = modules_program(at);

    while (found == NULL && at[0] != '\0') {
        char *slash = strrchr(at, '/');
        if (slash == NULL)
            break;
        *slash = '\0';
        found = modules_program(at);
    }
    mem_free(at);
    return found;
}

/* The one this program was built or installed with. */
static char *own_program(void)
{
    char self[4096];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    char *installed = mem_strdup(DORMOUSE_LIBEXEC "/esbuild");
    char *found = NULL;

    if (len > 0) {
        self[len] = '\0';
        *strrchr(self, '/') = '\0';
        found = project_program(self);
    }
    if (found == NULL && access(installed, X_OK) == 0)
        found = mem_strdup(installed);
    mem_free(installed);
    return found;
}

static char *path_program(void)
{
    const char *path = getenv("PATH");
    char *list = mem_strdup(path != NULL ? path : "");
    char *found = NULL;
    char *rest;

    for (char *dir = strtok_r(list, ":", &rest); dir != NULL && found == NULL;
         dir = strtok_r(NULL, ":", &rest)) {
        char *program = mem_format("%s/esbuild", dir);
        if (access(program, X_OK) == 0)
            found = program;
        else
            mem_free(program);
    }
    mem_free(list);
    return found;
}

char *esbuild_find(const char *project_dir)
{
    char *found = project_program(project_dir);

    if (found == NULL)
        found = own_program();
    if (found == NULL)
        found = path_program();
    return found;
}

void esbuild_arguments(const struct project *project, const struct esbuild_run *run,
                       struct name_list *arguments)
{
    name_list_add(arguments, run->program);
    name_list_add_format(arguments, "%s%s", project->main[0] == '/' ? "" : "./", project->main);
    name_list_add_format(arguments, "--outfile=%s/worker.js", run->out_dir);
    name_list_add_format(arguments, "--metafile=%s/meta.json", run->out_dir);
    name_list_add(arguments, "--sourcemap=external");
    name_list_add(arguments, "--sources-content=false");
    name_list_add_format(arguments, "--source-root=%s", run->source_root);
    name_list_add(arguments, "--log-level=warning");
    name_list_add(arguments, "--log-override:empty-import-meta=silent");
    for (size_t i = 0; i < project->esbuild.count; i++)
        name_list_add(arguments, project->esbuild.names[i]);
    name_list_add(arguments, run->color ? "--color=true" : "--color=false");
    if (run->as_module) {
        name_list_add(arguments, "--format=esm");
        name_list_add(arguments, "--supported:template-literal=false");
        name_list_add(arguments, "--legal-comments=none");
    }
    if (run->lower_async) {
        name_list_add(arguments, "--supported:async-await=false");
        name_list_add(arguments, "--supported:async-generator=false");
        name_list_add(arguments, "--supported:for-await=false");
    }
}

/* Is this line the start of an import or export statement? */
static bool is_module_line(struct bytes line)
{
    static const char *const words[] = {"import", "export"};

    line = bytes_trim(line);
    for (size_t i = 0; i < 2; i++) {
        if (!bytes_starts_with(line, bytes_of_string(words[i])) || line.len < 7)
            continue;
        if (strchr(" \t{*\"'", line.data[6]) != NULL)
            return true;
    }
    return false;
}

bool esbuild_needed(const char *file, struct bytes script)
{
    const char *dot = strrchr(file, '.');

    if (dot == NULL ||
        (strcmp(dot, ".js") != 0 && strcmp(dot, ".cjs") != 0 && strcmp(dot, ".mjs") != 0))
        return true;
    for (size_t at = 0; at < script.len;) {
        size_t end = bytes_find_byte(script, '\n', at);
        if (is_module_line(bytes_slice(script, at, end)))
            return true;
        at = end + 1;
    }
    return false;
}
