#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "server/esbuild.h"
#include "server/file.h"
#include "test.h"

static void put(const char *folder, const char *name, const char *text, mode_t mode)
{
    char *path = mem_format("%s/%s", folder, name);
    char *copy = mem_strdup(path);

    *strrchr(copy, '/') = '\0';
    CHECK_EQ(folder_make(copy), 0);
    CHECK_EQ(file_write(path, bytes_of_string(text)), 0);
    CHECK_EQ(chmod(path, mode), 0);
    mem_free(copy);
    mem_free(path);
}

static bool has(const struct name_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->names[i], name) == 0)
            return true;
    }
    return false;
}

TEST(versions_are_good_from_0_24_on)
{
    CHECK(esbuild_version_good(BYTES("{\"name\": \"esbuild\", \"version\": \"0.24.0\"}")));
    CHECK(esbuild_version_good(BYTES("{\"version\":\"1.0.0\"}")));
    CHECK(!esbuild_version_good(BYTES("{\"version\": \"0.17.19\"}")));
    CHECK(!esbuild_version_good(BYTES("{\"version\": \"\"}")));
    CHECK(!esbuild_version_good(BYTES("{}")));
    CHECK(!esbuild_version_good(BYTES("")));
}

TEST(the_projects_own_esbuild_is_found_in_a_folder_above)
{
    const char *folder = test_folder();
    char *inner = mem_format("%s/packages/app", folder);
    char *expected = mem_format("%s/node_modules/esbuild/bin/esbuild", folder);
    char *found;

    put(folder, "packages/app/wrangler.json", "{}", 0644);
    put(folder, "node_modules/esbuild/package.json", "{\"version\": \"0.25.1\"}", 0644);
    put(folder, "node_modules/esbuild/bin/esbuild", "\177ELF", 0755);
    found = esbuild_find(inner);
    CHECK_STR_EQ(found, expected);
    mem_free(found);
    mem_free(expected);
    mem_free(inner);
}

TEST(an_old_esbuild_or_one_that_needs_node_is_passed_over)
{
    const char *folder = test_folder();
    char *found;

    put(folder, "node_modules/esbuild/package.json", "{\"version\": \"0.17.19\"}", 0644);
    put(folder, "node_modules/esbuild/bin/esbuild", "\177ELF", 0755);
    found = esbuild_find(folder);
    CHECK(found == NULL || strncmp(found, folder, strlen(folder)) != 0);
    mem_free(found);

    put(folder, "node_modules/esbuild/package.json", "{\"version\": \"0.25.0\"}", 0644);
    put(folder, "node_modules/esbuild/bin/esbuild", "#!/usr/bin/env node\n", 0755);
    found = esbuild_find(folder);
    CHECK(found == NULL || strncmp(found, folder, strlen(folder)) != 0);
    mem_free(found);
}

TEST(the_command_line_names_entry_output_and_what_the_project_wants)
{
    char main[] = "src/index.ts";
    char loader[] = "--loader:.txt=text";
    char *asked[] = {loader};
    struct project project = {.main = main, .esbuild = {.names = asked, .count = 1}};
    struct esbuild_run run = {.program = "/x/esbuild", .out_dir = "/out"};
    struct name_list list = {0};

    esbuild_arguments(&project, &run, &list);
    CHECK_STR_EQ(list.names[0], "/x/esbuild");
    CHECK_STR_EQ(list.names[1], "./src/index.ts");
    CHECK(has(&list, "--outfile=/out/worker.js"));
    CHECK(has(&list, "--metafile=/out/meta.json"));
    CHECK(has(&list, "--loader:.txt=text"));
    CHECK(!has(&list, "--supported:async-await=false"));
    name_list_fini(&list);

    run.lower_async = true;
    esbuild_arguments(&project, &run, &list);
    CHECK(has(&list, "--supported:async-await=false"));
    CHECK(has(&list, "--supported:for-await=false"));
    name_list_fini(&list);
}

TEST(only_plain_scripts_run_without_esbuild)
{
    CHECK(!esbuild_needed("worker.js", BYTES("module.exports = {};\nimportant();\n")));
    CHECK(esbuild_needed("worker.ts", BYTES("module.exports = {};\n")));
    CHECK(esbuild_needed("worker.mjs", BYTES("export default {};\n")));
    CHECK(esbuild_needed("worker.js", BYTES("'use strict';\n  import x from 'y';\n")));
    CHECK(esbuild_needed("worker.js", BYTES("export{a}")));
}
