#include "api/hash.h"

#include <openssl/err.h>
#include <pthread.h>

static struct {
    const char *name;    /* ours */
    const char *openssl; /* theirs */
    EVP_MD *hash;
} hashes[] = {
    {"SHA-256", "SHA2-256", NULL},
    {"SHA-1", "SHA1", NULL},
    {"SHA-384", "SHA2-384", NULL},
    {"SHA-512", "SHA2-512", NULL},
    {"MD5", "MD5", NULL},
    {"SHA-224", "SHA2-224", NULL},
    {"RIPEMD160", "RIPEMD160", NULL},
    {"SHA3-256", "SHA3-256", NULL},
    {"SHA3-384", "SHA3-384", NULL},
    {"SHA3-512", "SHA3-512", NULL},
    /* from here on node:crypto only */
    {"SHA3-224", "SHA3-224", NULL},
    {"SHA-512/224", "SHA2-512/224", NULL},
    {"SHA-512/256", "SHA2-512/256", NULL},
    {"SHAKE128", "SHAKE-128", NULL},
    {"SHAKE256", "SHAKE-256", NULL},
    {"BLAKE2b512", "BLAKE2B-512", NULL},
    {"BLAKE2s256", "BLAKE2S-256", NULL},
    {"MD5-SHA1", "MD5-SHA1", NULL},
    {"SM3", "SM3", NULL},
};

static void fetch_all(void)
{
    size_t i;

    for (i = 0; i < sizeof hashes / sizeof hashes[0]; i++)
        hashes[i].hash = EVP_MD_fetch(NULL, hashes[i].openssl, NULL);
    ERR_clear_error();
}

const EVP_MD *hash_find(struct bytes name)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    size_t i;

    pthread_once(&once, fetch_all);
    for (i = 0; i < sizeof hashes / sizeof hashes[0]; i++) {
        if (bytes_equal_string(name, hashes[i].name))
            return hashes[i].hash;
    }
    return NULL;
}

size_t hash_len(const EVP_MD *hash)
{
    return (size_t)EVP_MD_get_size(hash);
}
