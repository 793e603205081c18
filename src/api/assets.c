#include "api/assets.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "api/hash.h"
#include "base/assert.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"

enum {
    FILES_MAX = 100000,
    FILE_BYTES_MAX = 25 * 1024 * 1024,
    DEPTH_MAX = 64,
    PIECE_BYTES = 256 * 1024,
    ETAG_BYTES = 16,
};

struct walk {
    struct assets *assets;
    const char *root; /* without links */
    struct buf ignore;
    struct err_text *why;
    uint8_t *piece;
};

/* ---- one file ---- */

static int open_below(const struct assets *assets, const char *path)
{
    struct open_how how = {
        .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
    };
    long fd = syscall(SYS_openat2, assets->folder, path, &how, sizeof how);

    if (fd < 0 && errno == ENOSYS)
        return openat(assets->folder, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    return (int)fd;
}

static int64_t mtime_ns(const struct stat *info)
{
    return info->st_mtim.tv_sec * INT64_C(1000000000) + info->st_mtim.tv_nsec;
}

int asset_open(const struct assets *assets, const struct asset *asset, bool *unchanged)
{
    struct stat info;
    int fd = open_below(assets, asset->path);

    if (fd < 0)
        return -1;
    if (fstat(fd, &info) < 0 || !S_ISREG(info.st_mode)) {
        close(fd);
        return -1;
    }
    *unchanged = (uint64_t)info.st_size == asset->size && mtime_ns(&info) == asset->mtime_ns;
    return fd;
}

static int hash_file(struct walk *walk, struct asset *asset, int fd)
{
    const EVP_MD *sha = hash_find(BYTES("SHA-256"));
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    uint8_t sum[EVP_MAX_MD_SIZE];
    ssize_t got;

    ASSERT(sha != NULL && digest != NULL);
    EVP_DigestInit_ex(digest, sha, NULL);
    while ((got = read(fd, walk->piece, PIECE_BYTES)) > 0)
        EVP_DigestUpdate(digest, walk->piece, (size_t)got);
    EVP_DigestFinal_ex(digest, sum, NULL);
    EVP_MD_CTX_free(digest);
    for (size_t i = 0; i < ETAG_BYTES; i++)
        snprintf(asset->etag + 2 * i, 3, "%02x", sum[i]);
    return got < 0 ? -errno : 0;
}

static int add_file(struct walk *walk, const char *name, const char *path, const struct stat *info)
{
    struct assets *assets = walk->assets;
    struct asset *asset;
    int fd, r;

    if (info->st_size > FILE_BYTES_MAX) {
        err_text_set(walk->why, "asset too large: %s has %lld bytes, the limit is 25 MiB", name,
                     (long long)info->st_size);
        return ASSETS_CREATE_BAD;
    }
    if (assets->count == FILES_MAX) {
        err_text_set(walk->why, "there are more than %d assets", FILES_MAX);
        return ASSETS_CREATE_BAD;
    }
    fd = open_below(assets, path);
    if (fd < 0) {
        log_warn("asset %s is left out: %s", name, strerror(errno));
        return 0;
    }
    assets->list = mem_realloc_array(assets->list, assets->count + 1, sizeof *assets->list);
    asset = &assets->list[assets->count++];
    *asset = (struct asset){
        .name = mem_format("/%s", name),
        .path = mem_strdup(path),
        .size = (uint64_t)info->st_size,
        .mtime_ns = mtime_ns(info),
    };
    r = hash_file(walk, asset, fd);
    close(fd);
    if (r == 0)
        return 0;
    err_text_set(walk->why, "asset %s cannot be read: %s", name, strerror(-r));
    return ASSETS_CREATE_BAD;
}

/* ---- the folder ---- */

static int add_folder(struct walk *walk, const char *name, const char *path, unsigned depth);

static bool is_rules(const char *name)
{
    return strcmp(name, "_headers") == 0 || strcmp(name, "_redirects") == 0 ||
           strcmp(name, ".assetsignore") == 0;
}

/* Where a link leads, below the root; NULL: elsewhere, nowhere, or to a folder it is in. */
static char *link_target(const struct walk *walk, const char *path)
{
    char *full = mem_format("%s/%s", walk->root, path);
    char *real = realpath(full, NULL);
    size_t len = strlen(walk->root);
    char *target = NULL;

    if (real != NULL && strncmp(real, walk->root, len) == 0 && real[len] == '/') {
        size_t below = strlen(real + len + 1);
        bool above_itself = strncmp(path, real + len + 1, below) == 0 &&
                            (path[below] == '/' || path[below] == '\0');

        if (!above_itself)
            target = mem_strdup(real + len + 1);
    }
    free(real);
    mem_free(full);
    return target;
}

static int add_entry(struct walk *walk, const char *name, const char *given, unsigned depth)
{
    struct stat info;
    char *target = NULL;
    const char *path = given;
    int r = 0;

    if (fstatat(walk->assets->folder, path, &info, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    if (S_ISLNK(info.st_mode)) {
        path = target = link_target(walk, path);
        if (path == NULL || fstatat(walk->assets->folder, path, &info, AT_SYMLINK_NOFOLLOW) < 0) {
            log_warn("asset %s is left out: it is a link to nothing in the folder", name);
            mem_free(target);
            return 0;
        }
    }
    if (!assets_ignored(buf_bytes(&walk->ignore), name, S_ISDIR(info.st_mode))) {
        if (S_ISDIR(info.st_mode))
            r = add_folder(walk, name, path, depth + 1);
        else if (S_ISREG(info.st_mode))
            r = add_file(walk, name, path, &info);
    }
    mem_free(target);
    return r;
}

static int add_folder(struct walk *walk, const char *name, const char *path, unsigned depth)
{
    bool top = name[0] == '\0';
    int fd = open_below(walk->assets, top ? "." : path);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *entry;
    int r = 0;

    if (dir == NULL) {
        log_warn("assets in %s are left out: %s", name, strerror(errno));
        if (fd >= 0)
            close(fd);
        return 0;
    }
    while (r == 0 && depth < DEPTH_MAX && (entry = readdir(dir)) != NULL) {
        const char *own = entry->d_name;
        char *entry_name, *entry_path;

        if (strcmp(own, ".") == 0 || strcmp(own, "..") == 0 || (top && is_rules(own)))
            continue;
        entry_name = top ? mem_strdup(own) : mem_format("%s/%s", name, own);
        entry_path = top ? mem_strdup(own) : mem_format("%s/%s", path, own);
        r = add_entry(walk, entry_name, entry_path, depth);
        mem_free(entry_name);
        mem_free(entry_path);
    }
    closedir(dir);
    return r;
}

static void read_rules(const struct assets *assets, const char *name, struct buf *out)
{
    int fd = open_below(assets, name);
    ssize_t got;

    if (fd < 0)
        return;
    while ((got = read(fd, buf_reserve(out, PIECE_BYTES), PIECE_BYTES)) > 0)
        buf_added(out, (size_t)got);
    close(fd);
}

int assets_create(struct assets **out, const char *folder, struct err_text *why)
{
    struct assets *assets = mem_new(struct assets);
    char *root = realpath(folder, NULL);
    struct walk walk = {.assets = assets, .root = root, .why = why};
    int r = ASSETS_CREATE_BAD;

    assets->folder = root != NULL ? open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (assets->folder < 0) {
        err_text_set(why, "the folder of the assets cannot be read: %s: %s", folder,
                     strerror(errno));
    } else {
        walk.piece = mem_alloc(PIECE_BYTES);
        read_rules(assets, ".assetsignore", &walk.ignore);
        read_rules(assets, "_headers", &assets->headers);
        read_rules(assets, "_redirects", &assets->redirects);
        r = add_folder(&walk, "", "", 0);
        mem_free(walk.piece);
        buf_fini(&walk.ignore);
    }
    free(root);
    if (r == 0)
        *out = assets;
    else
        assets_destroy(assets);
    return r;
}

void assets_destroy(struct assets *assets)
{
    if (assets == NULL)
        return;
    for (size_t i = 0; i < assets->count; i++) {
        mem_free(assets->list[i].name);
        mem_free(assets->list[i].path);
    }
    mem_free(assets->list);
    buf_fini(&assets->headers);
    buf_fini(&assets->redirects);
    if (assets->folder >= 0)
        close(assets->folder);
    mem_free(assets);
}
