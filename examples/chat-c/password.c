#include "password.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>

#define ITERATIONS 100000

/* All that the other thread sees. */
struct work {
    uint8_t salt[PASSWORD_SALT];
    uint8_t hash[PASSWORD_HASH];
    bool failed;
    password_fn *done;
    void *data;
    size_t len;
    char password[];
};

static void work_free(void *data)
{
    struct work *work = data;

    OPENSSL_cleanse(work, sizeof *work + work->len);
    free(work);
}

static void derive(void *data)
{
    struct work *work = data;

    work->failed = PKCS5_PBKDF2_HMAC(work->password, (int)work->len, work->salt, PASSWORD_SALT,
                                     ITERATIONS, EVP_sha256(), PASSWORD_HASH, work->hash) != 1;
}

static void derived(void *instance, struct dm_object *object, void *data)
{
    struct work *work = data;
    (void)instance;

    if (work->failed)
        dm->abort(object, "The password could not be hashed.");
    else
        work->done(object, work->data, work->hash);
    work_free(work);
}

int password_hash(struct dm_object *object, struct dm_bytes password,
                  const uint8_t salt[PASSWORD_SALT], password_fn *done, void *data)
{
    struct work *work = malloc(sizeof *work + password.len);
    int r;

    if (work == NULL)
        return dm->error(object, "Out of memory.");
    work->done = done;
    work->data = data;
    work->len = password.len;
    memcpy(work->salt, salt, PASSWORD_SALT);
    if (password.len > 0)
        memcpy(work->password, password.data, password.len);
    r = dm->work(object, derive, derived, work_free, work);
    if (r < 0)
        work_free(work);
    return r;
}
