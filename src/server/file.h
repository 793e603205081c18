#pragma once

/*
 * File
 *
 * Small files of the project, read and written whole. Not for data: that is store/'s.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

struct buf;

/* The whole file at the end of `out`. 0 or -errno; a missing file is no fault worth a trail. */
int file_read(const char *path, struct buf *out);

/* Replaces the file; its folder must exist. */
int file_write(const char *path, struct bytes content);

bool file_exists(const char *path);

/* Time of the last change and size; false if there is no such file. */
bool file_stamp(const char *path, int64_t *mtime_ns, int64_t *size);

/* Makes the folder and those above it. */
int folder_make(const char *path);
