#include "server/inspect_tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actor/namespace.h"
#include "base/err.h"
#include "base/mem.h"
#include "os/os.h"
#include "store/inspect.h"

static void print_line(void *data, const char *text)
{
    (void)data;
    puts(text);
}

static const struct inspect_output output = {.line = print_line};

static int complain(const char *words)
{
    fflush(stdout);
    fprintf(stderr, "dormouse inspect: %s\n", words);
    return 1;
}

/* Of what an inspection said at its end. */
static int status_of(int r, const struct err_text *why)
{
    if (r == 0)
        return 0;
    if (why->text[0] != '\0')
        return complain(why->text);
    return complain(r < 0 ? err_describe(r) : "damaged: the last line says where");
}

int inspect_tool_journal(const char *data_dir, const char *file)
{
    struct inspection *inspection = NULL;
    struct err_text why = {""};
    int r;

    if (file != NULL) {
        r = inspect_segment(os_real(), file, &output, &why);
        if (r < 0)
            err_text_set(&why, "%s: %s", file, err_describe(r));
        return status_of(r, &why);
    }
    r = inspection_open(&inspection, os_real(), data_dir, &why);
    if (r == 0)
        r = inspect_journal(inspection, &output);
    inspection_close(inspection);
    return status_of(r, &why);
}

static int find_id(const struct inspect_tool_object *which, const char *unique_key,
                   struct object_id *id, struct err_text *why)
{
    if (which->name != NULL) {
        object_id_of_key(unique_key, bytes_of_string(which->name), id);
        return 0;
    }
    if (!object_id_parse(bytes_of_string(which->id), id)) {
        err_text_set(why, "an id has %d hex digits", OBJECT_ID_HEX);
        return INSPECT_NOTHING;
    }
    if (!object_id_belongs(unique_key, id)) {
        err_text_set(why, "%s is no id of %s: it was made for another class", which->id,
                     unique_key);
        return INSPECT_NOTHING;
    }
    return 0;
}

/* In a folder of its own, so that nobody else's file is meant. */
static int inspect_one(struct inspection *inspection, const char *unique_key,
                       const struct object_id *id, struct err_text *why)
{
    const char *temp = getenv("TMPDIR");
    char *folder =
        mem_format("%s/dormouse-inspect-XXXXXX", temp != NULL && temp[0] != '\0' ? temp : "/tmp");
    char *scratch = NULL;
    int r;

    if (mkdtemp(folder) == NULL) {
        err_text_set(why, "%s cannot be made", folder);
        mem_free(folder);
        return INSPECT_NOTHING;
    }
    scratch = mem_format("%s/object.sqlite", folder);
    r = inspect_object(inspection, unique_key, id->bytes, scratch, &output, why);
    rmdir(folder);
    mem_free(scratch);
    mem_free(folder);
    return r < 0 ? err_pass(r) : r;
}

static int inspect_which(struct inspection *inspection, const struct inspect_tool_object *which,
                         struct err_text *why)
{
    const char *unique_key = NULL;
    struct object_id id;
    int r = 0;

    if (which->class_name != NULL) {
        unique_key = inspection_class(inspection, which->class_name, why);
        if (unique_key == NULL)
            return INSPECT_NOTHING;
    }
    if (which->name == NULL && which->id == NULL)
        return inspect_objects(inspection, unique_key, &output, why);
    r = find_id(which, unique_key, &id, why);
    return r != 0 ? r : inspect_one(inspection, unique_key, &id, why);
}

int inspect_tool_object(const char *data_dir, const struct inspect_tool_object *which)
{
    struct inspection *inspection = NULL;
    struct err_text why = {""};
    int r = inspection_open(&inspection, os_real(), data_dir, &why);

    if (r == 0)
        r = inspect_which(inspection, which, &why);
    inspection_close(inspection);
    return status_of(r, &why);
}
