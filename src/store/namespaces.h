#pragma once

/*
 * Namespaces
 *
 * The numbers by which records know a class, and the unique keys behind them: one line each in
 * `<dir>/namespaces`, replaced as a whole. A number is durable before the first record uses it, and
 * never given to another key. Any thread.
 */

#include <stdint.h>

struct err_text;
struct namespaces;
struct os;

/* Reads the file if there is one. Results as enum store_open_result. */
int namespaces_open(struct namespaces **out, struct os *os, const char *dir, struct err_text *why);

/* NULL is allowed. */
void namespaces_close(struct namespaces *namespaces);

/* The number of a key, a new one if it has none; its folder is there afterwards. Durable. */
int namespaces_number(struct namespaces *namespaces, const char *unique_key, uint32_t *number);

/* NULL when there is none; valid as long as the namespaces are open. */
const char *namespaces_key(struct namespaces *namespaces, uint32_t number);

/* The number of the key that is `word` or, if there is none, the one that ends in `-<word>`: people
 * name the class, and seldom the Worker with it. 0 with words in `why` when there is none, or more
 * than one. */
uint32_t namespaces_find(struct namespaces *namespaces, const char *word, struct err_text *why);

/* The folder with the objects' files; free it. NULL when there is no such number. */
char *namespaces_folder(struct namespaces *namespaces, uint32_t number);
