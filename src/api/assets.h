#pragma once

/*
 * Static assets
 *
 * The files under a project's assets folder, as they were when the folder was read: at start
 * and at each reload. Only what is in this list is ever served, under the name it has here, so
 * no path of a request can lead anywhere else; symbolic links count as what they lead to, and
 * not at all if that is outside. Read once by the control thread, then shared by all shards
 * and never changed.
 *
 * Which file answers a request is js/cf_assets_route.js.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct err_text;

struct asset {
    char *name; /* owned: "/folder/page.html" */
    char *path; /* owned: below the folder, without links */
    uint64_t size;
    int64_t mtime_ns;
    char etag[33]; /* of its content, hexadecimal */
};

struct assets {
    int folder; /* descriptor */
    struct asset *list;
    size_t count;
    struct buf headers;   /* text of _headers */
    struct buf redirects; /* text of _redirects */
    atomic_bool said;     /* somebody has shown the warnings about them */
};

enum assets_create_result {
    ASSETS_CREATE_BAD = 1, /* no folder, a file too large, too many: `why` says it */
};

int assets_create(struct assets **out, const char *folder, struct err_text *why);
void assets_destroy(struct assets *assets); /* NULL is allowed */

/* The file open for reading; -1 if it is gone. *unchanged: it is what the list describes. */
int asset_open(const struct assets *assets, const struct asset *asset, bool *unchanged);

/* ---- which files are none (assets_ignore.c) ---- */

/* Whether the rules in `text` (gitignore's syntax) take out `path`, relative and without a slash in
 * front. Folders above it are the caller's to ask about first. */
bool assets_ignored(struct bytes text, const char *path, bool folder);
