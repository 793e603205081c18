#include "store/namespaces.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "os/os.h"
#include "store/store.h"

/*
 * The file:
 *
 *     dormouse namespaces 1
 *     1 chat-ChatRoom
 *     2 chat-Counter
 *
 * Keys are escaped as their folders are: letters, digits, "-", "_" and, except in front, "." stay,
 * any other byte is %XX.
 */

#define HEAD           "dormouse namespaces 1\n"
#define FILE_BYTES_MAX (1024 * 1024)
#define NUMBER_MAX     65535
#define KEY_BYTES_MAX  80 /* escaped it must still be a file name */

struct namespaces {
    struct os *os; /* borrowed */
    char *dir;     /* owned */
    pthread_mutex_t mutex;
    char **keys; /* by number - 1; owned; never change once there */
    uint32_t count;
};

static void append_escaped(struct buf *out, const char *key)
{
    for (const char *c = key; *c != '\0'; c++) {
        if (isalnum((unsigned char)*c) || *c == '-' || *c == '_' || (*c == '.' && c > key))
            buf_append_byte(out, (uint8_t)*c);
        else
            buf_append_format(out, "%%%02X", (unsigned char)*c);
    }
}

static bool unescape(const char *text, size_t len, char *out)
{
    for (size_t i = 0; i < len; i++) {
        unsigned byte;

        if (text[i] != '%') {
            *out++ = text[i];
            continue;
        }
        if (i + 2 >= len || sscanf(text + i + 1, "%2X", &byte) != 1 || byte == 0)
            return false;
        *out++ = (char)byte;
        i += 2;
    }
    *out = '\0';
    return true;
}

static void add(struct namespaces *namespaces, char *key)
{
    namespaces->keys = mem_realloc_array(namespaces->keys, namespaces->count + 1, sizeof(char *));
    namespaces->keys[namespaces->count++] = key;
}

static bool parse_line(struct namespaces *namespaces, const char *line, size_t len)
{
    char *end;
    unsigned long number = strtoul(line, &end, 10);
    char *key;

    if (number != namespaces->count + 1 || *end != ' ' || number > NUMBER_MAX)
        return false;
    end++;
    key = mem_alloc(len + 1);
    if (!unescape(end, len - (size_t)(end - line), key)) {
        mem_free(key);
        return false;
    }
    add(namespaces, key);
    return true;
}

static bool parse(struct namespaces *namespaces, const char *text)
{
    if (strncmp(text, HEAD, strlen(HEAD)) != 0)
        return false;
    text += strlen(HEAD);
    while (*text != '\0') {
        const char *end = strchr(text, '\n');

        if (end == NULL || !parse_line(namespaces, text, (size_t)(end - text)))
            return false;
        text = end + 1;
    }
    return true;
}

static int load(struct namespaces *namespaces, struct err_text *why)
{
    char *path = mem_format("%s/namespaces", namespaces->dir);
    char *text = mem_alloc(FILE_BYTES_MAX + 1);
    struct os_file *file = NULL;
    size_t got = 0;
    int r = os_open(namespaces->os, path, OS_READ, &file);

    if (r == OS_OPEN_MISSING) {
        r = 0;
        goto out;
    }
    if (r == 0)
        r = os_pread(file, text, FILE_BYTES_MAX, 0, &got);
    if (r < 0)
        goto out;
    text[got] = '\0';
    if (!parse(namespaces, text)) {
        err_text_set(why, "%s is damaged", path);
        r = STORE_OPEN_DAMAGED;
    }

out:
    os_close(file);
    mem_free(text);
    mem_free(path);
    return r < 0 ? err_pass(r) : r;
}

/* The whole file anew, in one step. */
static int save(struct namespaces *namespaces)
{
    char *path = mem_format("%s/namespaces", namespaces->dir);
    char *fresh = mem_format("%s/namespaces.new", namespaces->dir);
    struct os_file *file = NULL;
    struct buf text = {0};
    int r;

    buf_append_string(&text, HEAD);
    for (uint32_t i = 0; i < namespaces->count; i++) {
        buf_append_format(&text, "%u ", i + 1);
        append_escaped(&text, namespaces->keys[i]);
        buf_append_byte(&text, '\n');
    }
    r = os_open(namespaces->os, fresh, OS_WRITE | OS_CREATE | OS_TRUNCATE, &file);
    if (r == 0)
        r = os_pwrite(file, text.data, text.len, 0);
    if (r == 0)
        r = os_fdatasync(file);
    os_close(file);
    if (r == 0)
        r = os_rename(namespaces->os, fresh, path);
    if (r == 0)
        r = os_sync_dir(namespaces->os, namespaces->dir);
    buf_fini(&text);
    mem_free(fresh);
    mem_free(path);
    return r == 0 ? 0 : err_raise(r < 0 ? r : -ENOENT);
}

static char *folder(struct namespaces *namespaces, const char *key)
{
    struct buf path = {0};

    buf_append_format(&path, "%s/do/", namespaces->dir);
    append_escaped(&path, key);
    buf_append_byte(&path, 0);
    return (char *)buf_steal(&path, &(size_t){0});
}

static int make_folder(struct namespaces *namespaces, const char *key)
{
    char *path = folder(namespaces, key);
    char *parent = mem_format("%s/do", namespaces->dir);
    int r = os_mkdir(namespaces->os, path);

    if (r == 0)
        r = os_sync_dir(namespaces->os, parent);
    mem_free(parent);
    mem_free(path);
    return r < 0 ? err_pass(r) : 0;
}

int namespaces_open(struct namespaces **out, struct os *os, const char *dir, struct err_text *why)
{
    struct namespaces *namespaces = mem_new(struct namespaces);
    int r;

    namespaces->os = os;
    namespaces->dir = mem_strdup(dir);
    pthread_mutex_init(&namespaces->mutex, NULL);
    r = load(namespaces, why);
    if (r != 0) {
        namespaces_close(namespaces);
        return r < 0 ? err_pass(r) : r;
    }
    *out = namespaces;
    return 0;
}

void namespaces_close(struct namespaces *namespaces)
{
    if (namespaces == NULL)
        return;
    for (uint32_t i = 0; i < namespaces->count; i++)
        mem_free(namespaces->keys[i]);
    mem_free(namespaces->keys);
    pthread_mutex_destroy(&namespaces->mutex);
    mem_free(namespaces->dir);
    mem_free(namespaces);
}

static uint32_t find(const struct namespaces *namespaces, const char *key)
{
    for (uint32_t i = 0; i < namespaces->count; i++) {
        if (strcmp(namespaces->keys[i], key) == 0)
            return i + 1;
    }
    return 0;
}

int namespaces_number(struct namespaces *namespaces, const char *unique_key, uint32_t *number)
{
    int r = 0;

    if (unique_key[0] == '\0' || strlen(unique_key) > KEY_BYTES_MAX)
        return err_raise(-ENAMETOOLONG);
    pthread_mutex_lock(&namespaces->mutex);
    *number = find(namespaces, unique_key);
    if (*number == 0 && namespaces->count >= NUMBER_MAX)
        r = err_raise(-ENOSPC);
    if (*number == 0 && r == 0) {
        r = make_folder(namespaces, unique_key);
        if (r == 0) {
            add(namespaces, mem_strdup(unique_key));
            r = save(namespaces);
            if (r < 0)
                mem_free(namespaces->keys[--namespaces->count]);
        }
        *number = namespaces->count;
    }
    pthread_mutex_unlock(&namespaces->mutex);
    return r < 0 ? err_pass(r) : 0;
}

const char *namespaces_key(struct namespaces *namespaces, uint32_t number)
{
    const char *key = NULL;

    pthread_mutex_lock(&namespaces->mutex);
    if (number >= 1 && number <= namespaces->count)
        key = namespaces->keys[number - 1];
    pthread_mutex_unlock(&namespaces->mutex);
    return key;
}

static bool ends_in(const char *key, const char *word)
{
    size_t key_len = strlen(key);
    size_t len = strlen(word);

    return key_len > len && key[key_len - len - 1] == '-' && strcmp(key + key_len - len, word) == 0;
}

uint32_t namespaces_find(struct namespaces *namespaces, const char *word, struct err_text *why)
{
    struct buf keys = {0};
    uint32_t exact = 0, ending = 0;
    unsigned endings = 0;
    const char *key;

    for (uint32_t i = 1; (key = namespaces_key(namespaces, i)) != NULL; i++) {
        buf_append_format(&keys, "%s%s", i > 1 ? ", " : "", key);
        if (strcmp(key, word) == 0)
            exact = i;
        if (!ends_in(key, word))
            continue;
        ending = i;
        endings++;
    }
    if (exact == 0 && endings > 1)
        err_text_set(why, "%s can be more than one; give the whole key, one of: %s", word,
                     buf_string(&keys));
    else if (exact == 0 && endings == 0)
        err_text_set(why, "the data directory has no class %s; its classes are: %s", word,
                     keys.len > 0 ? buf_string(&keys) : "none");
    buf_fini(&keys);
    return exact > 0 ? exact : endings == 1 ? ending : 0;
}

char *namespaces_folder(struct namespaces *namespaces, uint32_t number)
{
    const char *key = namespaces_key(namespaces, number);

    return key != NULL ? folder(namespaces, key) : NULL;
}
