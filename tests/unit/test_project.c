#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "server/file.h"
#include "server/project.h"
#include "test.h"

/* The project under test, and what was said about it. */
static struct project *project;
static struct buf complaints;
static const char *folder;
static const char *environment;
static const char *variables[4];
static size_t variable_count;

static void put(const char *name, const char *text)
{
    char *path = mem_format("%s/%s", folder, name);

    CHECK_EQ(file_write(path, bytes_of_string(text)), 0);
    mem_free(path);
}

static void fresh(void)
{
    folder = test_folder();
    environment = NULL;
    variable_count = 0;
}

static int load(void)
{
    struct project_options options = {
        .path = folder,
        .env = environment,
        .vars = variables,
        .var_count = variable_count,
    };

    project_destroy(project);
    project = NULL;
    buf_clear(&complaints);
    return project_load(&project, &options, &complaints);
}

/* Load a project of this one file. */
static int load_text(const char *name, const char *text)
{
    fresh();
    put(name, text);
    return load();
}

static bool said(const char *text)
{
    if (strstr(buf_string(&complaints), text) != NULL)
        return true;
    test_note("%s", buf_string(&complaints));
    return false;
}

static bool has_setting(const char *text)
{
    if (strstr(project->settings, text) != NULL)
        return true;
    test_note("%s", project->settings);
    return false;
}

static bool has_argument(const char *text)
{
    for (size_t i = 0; i < project->esbuild.count; i++) {
        if (strcmp(project->esbuild.names[i], text) == 0)
            return true;
    }
    return false;
}

#define HEAD "\"name\": \"w\", \"main\": \"a.js\", \"compatibility_date\": \"2026-03-01\""

TEST(json_may_have_comments_and_trailing_commas)
{
    CHECK_EQ(
        load_text("wrangler.jsonc",
                  "{ // a chat\n \"name\": \"chat\", \"main\": \"src/index.ts\",\n"
                  " \"compatibility_date\": \"2026-03-24\", /* x */\n"
                  " \"durable_objects\": { \"bindings\": [\n"
                  "   { \"name\": \"ROOMS\", \"class_name\": \"Room\" }, ] },\n"
                  " \"migrations\": [{ \"tag\": \"v1\", \"new_sqlite_classes\": [\"Room\"] }],\n"
                  "}\n"),
        0);
    CHECK_EQ(complaints.len, 0);
    CHECK_STR_EQ(project->name, "chat");
    CHECK_STR_EQ(project->main, "src/index.ts");
    CHECK_EQ(project->class_count, 1);
    CHECK_STR_EQ(project->classes[0].class_name, "Room");
    CHECK_STR_EQ(project->classes[0].unique_key, "chat-Room");
    CHECK(project->classes[0].sqlite && project->classes[0].bound);
    CHECK(has_setting("{\"name\":\"ROOMS\",\"type\":\"durable_object_namespace\",\"namespace\":0,"
                      "\"className\":\"Room\"}"));
}

TEST(toml_says_the_same)
{
    CHECK_EQ(load_text("wrangler.toml", "name = \"chat\"\nmain = \"src/index.ts\"\n"
                                        "compatibility_date = \"2026-03-24\"\n"
                                        "[[durable_objects.bindings]]\n"
                                        "name = \"ROOMS\"\nclass_name = \"Room\"\n"
                                        "[[migrations]]\ntag = \"v1\"\nnew_classes = [\"Room\"]\n"),
             0);
    CHECK_EQ(complaints.len, 0);
    CHECK_EQ(project->class_count, 1);
    CHECK(!project->classes[0].sqlite);
}

TEST(wrangler_json_comes_before_jsonc_and_toml)
{
    fresh();
    put("wrangler.toml", "name = \"three\"\nmain = \"a.js\"\n");
    put("wrangler.jsonc", "{\"name\": \"two\", \"main\": \"a.js\"}");
    CHECK_EQ(load(), 0);
    CHECK_STR_EQ(project->name, "two");
    put("wrangler.json", "{\"name\": \"one\", \"main\": \"a.js\"}");
    CHECK_EQ(load(), 0);
    CHECK_STR_EQ(project->name, "one");
}

TEST(a_folder_without_a_wrangler_file_is_told_so)
{
    fresh();
    CHECK_EQ(load(), PROJECT_LOAD_INVALID);
    CHECK(said("there is no wrangler.json, wrangler.jsonc or wrangler.toml here"));
}

TEST(syntax_errors_name_line_and_column)
{
    CHECK_EQ(load_text("wrangler.json", "{\n  \"name\": \"w\"\n  \"main\": \"a.js\"\n}"),
             PROJECT_LOAD_INVALID);
    CHECK(said("wrangler.json:3:3: error: Expected a comma."));
}

TEST(syntax_errors_in_toml_do_too)
{
    CHECK_EQ(load_text("wrangler.toml", "name = \"w\"\nmain = a.js\n"), PROJECT_LOAD_INVALID);
    CHECK(said("wrangler.toml:2:"));
    CHECK(said(": error: "));
}

TEST(a_wrong_type_is_an_error_where_it_stands)
{
    CHECK_EQ(load_text("wrangler.json", "{\"name\": \"w\",\n \"main\": 5}"), PROJECT_LOAD_INVALID);
    CHECK(said("wrangler.json:2:10: error: Expected \"main\" to be of type string but got 5."));
}

TEST(toml_knows_the_lines_of_its_tables)
{
    CHECK_EQ(load_text("wrangler.toml", "name = \"w\"\nmain = \"a.js\"\n"
                                        "[[durable_objects.bindings]]\n"
                                        "name = \"A\"\nclass_name = \"A\"\n"
                                        "[[durable_objects.bindings]]\n"
                                        "name = \"B\"\nclass_name = false\n"),
             PROJECT_LOAD_INVALID);
    CHECK(said("wrangler.toml:8:1: error: Expected \"durable_objects.bindings[1].class_name\" to "
               "be of type string but got false."));
}

TEST(a_missing_main_says_what_to_write)
{
    CHECK_EQ(load_text("wrangler.json", "{\"name\": \"w\"}"), PROJECT_LOAD_INVALID);
    CHECK(said("error: \"main\" is missing: name the file the Worker starts from, for example "
               "\"main\": \"src/index.ts\"."));
}

TEST(an_unknown_key_is_a_warning_with_its_place)
{
    CHECK_EQ(load_text("wrangler.json", "{" HEAD ",\n  \"durable_object\": {}\n}"), 0);
    CHECK(said("wrangler.json:2:3: warning: Unexpected field \"durable_object\" in the top-level "
               "configuration."));
}

TEST(bindings_that_are_not_here_say_so_when_touched)
{
    CHECK_EQ(load_text("wrangler.json", "{" HEAD ", \"r2_buckets\": [{\"binding\": \"R2\", "
                                        "\"bucket_name\": \"b\"}], \"ai\": {\"binding\": \"AI\"}}"),
             0);
    CHECK(said("\"r2_buckets\" is not supported here: env.R2 will throw when used."));
    CHECK(has_setting("{\"name\":\"R2\",\"type\":\"unsupported\",\"what\":\"R2 bucket\"}"));
    CHECK(has_setting("{\"name\":\"AI\",\"type\":\"unsupported\",\"what\":\"Workers AI\"}"));
}

TEST(bindings_of_one_kv_id_share_a_namespace)
{
    CHECK_EQ(load_text("wrangler.json", "{" HEAD ", \"kv_namespaces\": ["
                                        "{\"binding\": \"A\", \"id\": \"1\"}, "
                                        "{\"binding\": \"B\", \"id\": \"1\"}, "
                                        "{\"binding\": \"C\"}]}"),
             0);
    CHECK(has_setting("{\"name\":\"A\",\"type\":\"kv_namespace\",\"namespace\":0}"));
    CHECK(has_setting("{\"name\":\"B\",\"type\":\"kv_namespace\",\"namespace\":0}"));
    CHECK(has_setting("{\"name\":\"C\",\"type\":\"kv_namespace\",\"namespace\":1}"));
}

TEST(a_later_date_than_known_is_a_warning)
{
    CHECK_EQ(load_text("wrangler.json", "{\"main\": \"a.js\", \"compatibility_date\": "
                                        "\"2099-01-01\"}"),
             0);
    CHECK(said("warning: \"compatibility_date\" is newer than this version knows"));
    CHECK(has_setting("\"compatibilityDate\":\"2099-01-01\""));
    CHECK_EQ(load_text("wrangler.json", "{\"main\": \"a.js\", \"compatibility_date\": \"soon\"}"),
             PROJECT_LOAD_INVALID);
    CHECK(said("must be a date of the form YYYY-MM-DD"));
}

TEST(an_environment_inherits_all_but_bindings_and_vars)
{
    fresh();
    environment = "prod";
    put("wrangler.json", "{" HEAD ", \"vars\": {\"A\": \"top\", \"B\": \"top\"},\n"
                         "\"durable_objects\": {\"bindings\": []}, \"minify\": true,\n"
                         "\"env\": {\"prod\": {\"vars\": {\"A\": \"own\"}}}}");
    CHECK_EQ(load(), 0);
    CHECK_STR_EQ(project->name, "w-prod");
    CHECK(has_argument("--minify"));
    CHECK(has_setting("{\"name\":\"A\",\"type\":\"plain_text\",\"text\":\"own\"}"));
    CHECK(strstr(project->settings, "\"B\"") == NULL);
    CHECK(said("The following vars exist at the top level, but not on \"env.prod.vars\": B."));
    CHECK(said("\"durable_objects\" exists at the top level, but not on \"env.prod\"."));
}

TEST(an_environment_may_have_a_name_of_its_own)
{
    fresh();
    environment = "prod";
    put("wrangler.json", "{" HEAD ", \"env\": {\"prod\": {\"name\": \"other\"}}}");
    CHECK_EQ(load(), 0);
    CHECK_STR_EQ(project->name, "other");
}

TEST(an_environment_that_is_not_there_lists_those_that_are)
{
    fresh();
    environment = "nope";
    put("wrangler.json", "{" HEAD ", \"env\": {\"prod\": {}}}");
    CHECK_EQ(load(), PROJECT_LOAD_INVALID);
    CHECK(said("No environment found in configuration with name \"nope\". The available "
               "configured environment names are: [\"prod\"]"));
}

static int load_migrations(const char *migrations)
{
    char *text = mem_format("{" HEAD ", \"migrations\": [%s]}", migrations);
    int r = load_text("wrangler.json", text);

    mem_free(text);
    return r;
}

TEST(migrations_fold_into_classes)
{
    CHECK_EQ(load_migrations("{\"tag\": \"1\", \"new_classes\": [\"A\"], \"new_sqlite_classes\": "
                             "[\"B\", \"C\"]}, {\"tag\": \"2\", \"deleted_classes\": [\"C\"], "
                             "\"renamed_classes\": [{\"from\": \"B\", \"to\": \"D\"}]}"),
             0);
    CHECK_EQ(project->class_count, 2);
    CHECK_STR_EQ(project->classes[0].class_name, "A");
    CHECK(!project->classes[0].sqlite && !project->classes[0].bound);
    CHECK_STR_EQ(project->classes[1].class_name, "D");
    CHECK(project->classes[1].sqlite);
}

TEST(a_renamed_class_keeps_its_objects_and_a_new_one_has_none)
{
    CHECK_EQ(load_migrations("{\"tag\": \"1\", \"new_sqlite_classes\": [\"A\"]}, "
                             "{\"tag\": \"2\", \"renamed_classes\": [{\"from\": \"A\", \"to\": "
                             "\"B\"}]}, {\"tag\": \"3\", \"new_sqlite_classes\": [\"A\"]}"),
             0);
    CHECK_EQ(project->class_count, 2);
    CHECK_STR_EQ(project->classes[0].class_name, "B");
    CHECK_STR_EQ(project->classes[0].unique_key, "w-A");
    CHECK_STR_EQ(project->classes[1].class_name, "A");
    CHECK_STR_EQ(project->classes[1].unique_key, "w-A.2");
}

TEST(migrations_that_cannot_be_are_refused_in_wranglers_words)
{
    CHECK_EQ(load_migrations("{\"tag\": \"1\", \"deleted_classes\": [\"X\"]}"),
             PROJECT_LOAD_INVALID);
    CHECK(said("error: Cannot apply deleted_classes migration to non-existent class X"));
    CHECK_EQ(load_migrations("{\"tag\": \"1\", \"renamed_classes\": [{\"from\": \"X\", \"to\": "
                             "\"Y\"}]}"),
             PROJECT_LOAD_INVALID);
    CHECK(said("error: Cannot apply renamed_classes migration to non-existent class X"));
    CHECK_EQ(load_migrations("{\"tag\": \"1\", \"new_classes\": [\"X\", \"X\"]}"),
             PROJECT_LOAD_INVALID);
    CHECK(said("error: Cannot apply new_classes migration to existing class X"));
    CHECK_EQ(load_migrations("{\"tag\": \"1\", \"new_classes\": [\"X\"], \"new_sqlite_classes\": "
                             "[\"X\"]}"),
             PROJECT_LOAD_INVALID);
    CHECK(said("error: Cannot apply new_sqlite_classes migration to existing class X"));
    CHECK_EQ(load_migrations("{\"new_classes\": [\"X\"]}"), PROJECT_LOAD_INVALID);
    CHECK(said("error: \"migrations[0].tag\" is missing: a string is required."));
}

TEST(the_exports_map_declares_classes_too)
{
    CHECK_EQ(load_text("wrangler.json",
                       "{" HEAD ", \"exports\": {\n"
                       "\"A\": {\"type\": \"durable-object\", \"storage\": \"sqlite\"},\n"
                       "\"B\": {\"type\": \"durable-object\", \"storage\": \"legacy-kv\"},\n"
                       "\"Old\": {\"type\": \"durable-object\", \"state\": \"renamed\", "
                       "\"renamed_to\": \"A\"},\n"
                       "\"Gone\": {\"type\": \"durable-object\", \"state\": \"deleted\"},\n"
                       "\"default\": {\"type\": \"worker\"}}}"),
             0);
    CHECK_EQ(project->class_count, 2);
    CHECK_STR_EQ(project->classes[0].unique_key, "w-Old");
    CHECK(project->classes[0].sqlite);
    CHECK(!project->classes[1].sqlite);
    CHECK_EQ(load_text("wrangler.json",
                       "{" HEAD ", \"exports\": {\"A\": {\"type\": \"durable-object\"}}, "
                       "\"migrations\": [{\"tag\": \"1\"}]}"),
             PROJECT_LOAD_INVALID);
    CHECK(said("`migrations` and `exports` are mutually exclusive. Choose one or the other to "
               "declare your Durable Object lifecycle, but not both."));
}

TEST(a_class_without_a_migration_has_no_sqlite_and_is_told_so)
{
    CHECK_EQ(load_text("wrangler.json",
                       "{" HEAD ", \"durable_objects\": {\"bindings\": [{\"name\": \"A\", "
                       "\"class_name\": \"A\"}, {\"name\": \"X\", \"class_name\": \"X\", "
                       "\"script_name\": \"other\"}]}}"),
             0);
    CHECK(said("There is no migration for the class A, so it has no SQLite storage."));
    CHECK_EQ(project->class_count, 1);
    CHECK(!project->classes[0].sqlite);
    CHECK(said("\"X\" is bound to X of the Worker \"other\", which does not run here"));
    CHECK(has_setting("{\"name\":\"X\",\"type\":\"unsupported\""));
}

TEST(secrets_come_from_dev_vars_over_vars_and_the_command_line_over_both)
{
    fresh();
    put("wrangler.json", "{" HEAD ", \"vars\": {\"A\": \"1\", \"B\": \"1\", \"C\": {\"x\": 1}}}");
    put(".dev.vars", "# secret\nA=2\nexport B=\"two\\nlines\" # behind\nQ='a#b'\nE=\n");
    put(".env", "Z=1\n");
    variables[0] = "A:3:4";
    variable_count = 1;
    CHECK_EQ(load(), 0);
    CHECK(has_setting("{\"name\":\"A\",\"type\":\"plain_text\",\"text\":\"3:4\"}"));
    CHECK(has_setting("{\"name\":\"B\",\"type\":\"secret_text\",\"text\":\"two\\nlines\"}"));
    CHECK(has_setting("{\"name\":\"C\",\"type\":\"json\",\"json\":{\"x\":1}}"));
    CHECK(has_setting("{\"name\":\"Q\",\"type\":\"secret_text\",\"text\":\"a#b\"}"));
    CHECK(has_setting("{\"name\":\"E\",\"type\":\"secret_text\",\"text\":\"\"}"));
    CHECK(strstr(project->settings, "\"Z\"") == NULL);
}

TEST(without_dev_vars_the_env_files_count)
{
    fresh();
    environment = "x";
    put("wrangler.json", "{" HEAD ", \"env\": {\"x\": {}}}");
    put(".env", "A=1\nB=${A}2\n");
    put(".env.x", "A=3\n");
    CHECK_EQ(load(), 0);
    CHECK(has_setting("{\"name\":\"A\",\"type\":\"secret_text\",\"text\":\"3\"}"));
    CHECK(has_setting("{\"name\":\"B\",\"type\":\"secret_text\",\"text\":\"32\"}"));
}

TEST(rules_and_options_become_arguments_for_esbuild)
{
    CHECK_EQ(load_text("wrangler.json",
                       "{" HEAD ", \"rules\": [{\"type\": \"Text\", \"globs\": [\"**/*.glsl\", "
                       "\"odd\"], \"fallthrough\": true}, {\"type\": \"Data\", \"globs\": "
                       "[\"**/*.png\"]}], \"define\": {\"X\": \"1\"}, \"alias\": {\"a\": \"b\"}, "
                       "\"keep_names\": false, \"jsx_factory\": \"h\"}"),
             0);
    CHECK(has_argument("--loader:.glsl=text"));
    CHECK(has_argument("--loader:.txt=text"));
    CHECK(has_argument("--loader:.png=copy"));
    CHECK(!has_argument("--loader:.bin=copy"));
    CHECK(has_argument("--loader:.wasm=copy"));
    CHECK(has_argument("--define:X=1"));
    CHECK(has_argument("--alias:a=b"));
    CHECK(has_argument("--jsx-factory=h"));
    CHECK(!has_argument("--keep-names"));
    CHECK(!has_argument("--alias:buffer=node:buffer"));
    CHECK(said("The module rule \"odd\" is not used"));
}

TEST(bare_names_of_node_modules_mean_node_when_the_flag_or_the_date_says_so)
{
    CHECK_EQ(load_text("wrangler.json", "{" HEAD ", \"compatibility_flags\": [\"nodejs_compat\"]}"),
             0);
    CHECK(has_argument("--alias:buffer=node:buffer"));
    CHECK_EQ(
        load_text("wrangler.json", "{\"main\": \"a.js\", \"compatibility_date\": \"2026-08-04\"}"),
        0);
    CHECK(has_argument("--alias:buffer=node:buffer"));
    CHECK_EQ(load_text("wrangler.json",
                       "{\"main\": \"a.js\", \"compatibility_date\": \"2026-08-04\", "
                       "\"compatibility_flags\": [\"no_nodejs_compat\", \"no_nodejs_compat_v2\"]}"),
             0);
    CHECK(!has_argument("--alias:buffer=node:buffer"));
}

TEST(a_module_becomes_a_script_without_moving_a_line)
{
    struct buf script = {0};

    CHECK(module_to_script(&script, BYTES("import a, {\n  b,\n  c as d\n} from \"x\";\n"
                                          "import * as e from \"y\";\nimport \"z\";\n"
                                          "var f = await a(b, d, e);\n"
                                          "export {\n  f,\n  a as default\n};\n")));
    CHECK_STR_EQ(strstr(buf_string(&script), "var __import_0"),
                 "var __import_0 = __import(\"x\"), a = __default(__import_0), b = __import_0.b, "
                 "d = __import_0.c;\n\n\n\n"
                 "var __import_1 = __import(\"y\"), e = __import_1;\n__import(\"z\");\n"
                 "var f = await a(b, d, e);\n\n\n\n\n\n"
                 "return { get f() { return f; }, get default() { return a; } }; })(require);\n");
    buf_fini(&script);
    project_destroy(project);
    buf_fini(&complaints);
}
