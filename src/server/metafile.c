#include "server/metafile.h"

#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "dormouse/dormouse.h"
#include "native/json.h"

/* "(disabled):x", "<define:X>" and "data:…" are no files. */
static bool is_file(const char *name)
{
    size_t word = strspn(name, "abcdefghijklmnopqrstuvwxyz-");

    return name[0] != '(' && name[0] != '<' && !(word > 0 && name[word] == ':');
}

static const struct dm_value *member(const struct dm_value *object, const char *name)
{
    for (size_t i = 0; object->type == DM_OBJECT && i < object->record.count; i++) {
        if (strcmp(object->record.members[i].name.data, name) == 0)
            return &object->record.members[i].value;
    }
    return NULL;
}

static bool take_names(const struct dm_value *object, struct name_list *list)
{
    if (object == NULL || object->type != DM_OBJECT)
        return false;
    for (size_t i = 0; i < object->record.count; i++) {
        const char *name = object->record.members[i].name.data;

        if (is_file(name))
            name_list_add_format(list, "%.*s", (int)strcspn(name, "?"), name);
    }
    return true;
}

bool metafile_read(struct metafile *out, struct bytes json)
{
    const struct dm_value *root;
    struct arena arena;
    bool good;

    *out = (struct metafile){0};
    arena_init(&arena);
    good = json_read(json, &arena, &root, NULL) == 0 &&
           take_names(member(root, "inputs"), &out->inputs) &&
           take_names(member(root, "outputs"), &out->outputs);
    arena_fini(&arena);
    return good;
}

void metafile_fini(struct metafile *metafile)
{
    name_list_fini(&metafile->inputs);
    name_list_fini(&metafile->outputs);
}
