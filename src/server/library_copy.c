#include "server/library_copy.h"

#include <elf.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "server/file.h"

/* The loader maps what the program headers say, and touching a page beyond the end of the file is
 * fatal: a file that a linker has not finished must not come to it. */
static bool is_whole(struct bytes file)
{
    Elf64_Ehdr head;
    Elf64_Phdr part;

    if (file.len < sizeof head)
        return false;
    memcpy(&head, file.data, sizeof head);
    if (memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_ident[EI_CLASS] != ELFCLASS64)
        return true; /* the loader has words for it */
    if (head.e_phentsize != sizeof part || head.e_phnum == 0 || head.e_phoff > file.len ||
        head.e_phnum > (file.len - head.e_phoff) / sizeof part)
        return false;
    for (size_t i = 0; i < head.e_phnum; i++) {
        memcpy(&part, file.data + head.e_phoff + i * sizeof part, sizeof part);
        if (part.p_type == PT_LOAD &&
            (part.p_offset > file.len || part.p_filesz > file.len - part.p_offset))
            return false;
    }
    return true;
}

int library_copy(const char *path, const char *folder, char **copy, struct err_text *why)
{
    static unsigned number;
    const char *name = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;
    struct buf file = {0};
    int r = file_read(path, &file);

    if (r < 0) {
        err_text_set(why, "the class library %s cannot be read: %s", path, err_describe(r));
        buf_fini(&file);
        return LIBRARY_COPY_BAD;
    }
    if (!is_whole(buf_bytes(&file))) {
        err_text_set(why, "the class library %s is not complete", path);
        buf_fini(&file);
        return LIBRARY_COPY_BAD;
    }
    *copy = mem_format("%s/%d.%u.%s", folder, (int)getpid(), ++number, name);
    r = folder_make(folder);
    unlink(*copy); /* of an earlier process with the same number, which may have crashed */
    if (r == 0)
        r = file_write(*copy, buf_bytes(&file));
    buf_fini(&file);
    if (r == 0)
        return 0;
    err_text_set(why, "%s cannot be written: %s", *copy, err_describe(r));
    library_copy_remove(*copy);
    return LIBRARY_COPY_BAD;
}

void library_copy_remove(char *copy)
{
    unlink(copy);
    mem_free(copy);
}
