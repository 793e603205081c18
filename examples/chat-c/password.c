/* The state of a hash is copied twice for each of 100,000 iterations: SHA256_CTX can be, cheaply.
 * OpenSSL 3 has only slower ways that it does not call deprecated. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "password.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#define ITERATIONS 100000
#define SLICE      2000
#define BLOCK      64

struct work {
    SHA256_CTX inner, outer; /* with the password in them: where each HMAC begins */
    uint8_t last[PASSWORD_HASH];
    uint8_t hash[PASSWORD_HASH];
    unsigned left;
    password_fn *done;
    void *data;
};

/* HMAC of the password and `text`. */
static void authenticate(const struct work *work, const void *text, size_t len,
                         uint8_t mac[PASSWORD_HASH])
{
    SHA256_CTX hash = work->inner;

    SHA256_Update(&hash, text, len);
    SHA256_Final(mac, &hash);
    hash = work->outer;
    SHA256_Update(&hash, mac, PASSWORD_HASH);
    SHA256_Final(mac, &hash);
}

static void begin(struct work *work, struct dm_bytes password, const uint8_t salt[PASSWORD_SALT])
{
    uint8_t key[BLOCK] = {0};
    uint8_t text[PASSWORD_SALT + 4] = {0};

    if (password.len > BLOCK)
        SHA256(password.data, password.len, key);
    else if (password.len > 0)
        memcpy(key, password.data, password.len);
    for (size_t i = 0; i < BLOCK; i++)
        key[i] ^= 0x36;
    SHA256_Init(&work->inner);
    SHA256_Update(&work->inner, key, BLOCK);
    for (size_t i = 0; i < BLOCK; i++)
        key[i] ^= 0x36 ^ 0x5c;
    SHA256_Init(&work->outer);
    SHA256_Update(&work->outer, key, BLOCK);
    OPENSSL_cleanse(key, sizeof key);

    memcpy(text, salt, PASSWORD_SALT);
    text[sizeof text - 1] = 1; /* the first block, and the only one */
    authenticate(work, text, sizeof text, work->last);
    memcpy(work->hash, work->last, PASSWORD_HASH);
    work->left = ITERATIONS - 1;
}

static void slice(struct work *work)
{
    for (unsigned i = 0; i < SLICE && work->left > 0; i++, work->left--) {
        authenticate(work, work->last, PASSWORD_HASH, work->last);
        for (size_t at = 0; at < PASSWORD_HASH; at++)
            work->hash[at] ^= work->last[at];
    }
}

static void go_on(void *instance, struct dm_object *object, void *data)
{
    struct work *work = data;
    (void)instance;

    do {
        slice(work);
        if (work->left == 0) {
            OPENSSL_cleanse(&work->inner, sizeof work->inner);
            OPENSSL_cleanse(&work->outer, sizeof work->outer);
            work->done(object, work->data, work->hash);
            return;
        }
    } while (dm->timer(object, 0, go_on, work) == NULL); /* too many timers: then in one go */
}

void password_hash(struct dm_object *object, struct dm_event *event, struct dm_bytes password,
                   const uint8_t salt[PASSWORD_SALT], password_fn *done, void *data)
{
    struct work *work = dm->alloc(event, sizeof *work);

    work->done = done;
    work->data = data;
    begin(work, password, salt);
    go_on(NULL, object, work);
}
