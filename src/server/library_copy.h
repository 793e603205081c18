#pragma once

/*
 * Library copy
 *
 * A class library that is compiled again while a process has it loaded: the loader takes a file it
 * knows for the one it has, and whoever overwrites a file that is mapped changes code that runs. So
 * each version of a watched project loads a copy of its own. Old ones stay loaded, because
 * instances of theirs may run for a while; the files go when their version goes. Control thread.
 */

struct err_text;

enum library_copy_result {
    LIBRARY_COPY_BAD = 1, /* it cannot be read, or is being written: `why` */
};

/* Copies it into `folder`, which is made, under a name that was not used before. *copy is its path:
 * free with library_copy_remove(). */
int library_copy(const char *path, const char *folder, char **copy, struct err_text *why);

/* The file and its name go; what is loaded stays. */
void library_copy_remove(char *copy);
