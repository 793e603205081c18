/* The plain SHA-256 functions are deprecated in favour of ones that allocate and look up a provider
 * on every call; an id is derived for every stub, and here a state is copied instead. */
#define OPENSSL_API_COMPAT 0x10100000L
#define OPENSSL_SUPPRESS_DEPRECATED

#include "actor/namespace.h"

#include <openssl/sha.h>
#include <string.h>

#include "base/err.h"
#include "base/hex.h"
#include "base/mem.h"
#include "os/os.h"
#include "store/store.h"

/*
 * workerd's derivation, so that local state can be taken over:
 *
 *     key             = SHA-256(unique key)
 *     named id        = HMAC(key, name)[0..16]  + check
 *     unique id       = random[0..16]           + check
 *     check           = HMAC(key, id[0..16])[0..16]
 *
 * HMAC is SHA-256 twice over a block made from the key; both blocks are hashed once here.
 */
#define HALF (OBJECT_ID_SIZE / 2)

struct namespace
{
    char *unique_key; /* owned */
    char *class_name; /* owned */
    uint32_t number;
    unsigned index;
    bool sql;
    SHA256_CTX inner; /* after the key's inner block */
    SHA256_CTX outer;
};

static void start_block(SHA256_CTX *sha, const uint8_t key[SHA256_DIGEST_LENGTH], uint8_t pad)
{
    uint8_t block[SHA256_CBLOCK] = {0};

    memcpy(block, key, SHA256_DIGEST_LENGTH);
    for (size_t i = 0; i < sizeof block; i++)
        block[i] ^= pad;
    SHA256_Init(sha);
    SHA256_Update(sha, block, sizeof block);
}

static void hmac(const struct namespace *ns, struct bytes data, uint8_t out[SHA256_DIGEST_LENGTH])
{
    SHA256_CTX sha = ns->inner;

    SHA256_Update(&sha, data.data, data.len);
    SHA256_Final(out, &sha);
    sha = ns->outer;
    SHA256_Update(&sha, out, SHA256_DIGEST_LENGTH);
    SHA256_Final(out, &sha);
}

static void set_key(struct namespace *ns, const char *unique_key)
{
    uint8_t key[SHA256_DIGEST_LENGTH];

    SHA256((const unsigned char *)unique_key, strlen(unique_key), key);
    start_block(&ns->inner, key, 0x36);
    start_block(&ns->outer, key, 0x5c);
}

int namespace_create(struct namespace **out, struct store *store, const char *unique_key,
                     const char *class_name, unsigned index)
{
    struct namespace *ns = mem_new(struct namespace);
    int r;

    ns->unique_key = mem_strdup(unique_key);
    ns->class_name = mem_strdup(class_name);
    ns->index = index;
    set_key(ns, unique_key);

    r = store_namespace(store, unique_key, &ns->number);
    if (r < 0) {
        namespace_destroy(ns);
        return err_pass(r);
    }
    *out = ns;
    return 0;
}

void namespace_destroy(struct namespace *ns)
{
    if (ns == NULL)
        return;

    mem_free(ns->unique_key);
    mem_free(ns->class_name);
    mem_free(ns);
}

const char *namespace_unique_key(const struct namespace *ns)
{
    return ns->unique_key;
}

const char *namespace_class_name(const struct namespace *ns)
{
    return ns->class_name;
}

uint32_t namespace_number(const struct namespace *ns)
{
    return ns->number;
}

unsigned namespace_index(const struct namespace *ns)
{
    return ns->index;
}

bool namespace_sql(const struct namespace *ns)
{
    return ns->sql;
}

void namespace_set_sql(struct namespace *ns, bool sql)
{
    ns->sql = sql;
}

/* The second half from the first. */
static void add_check(const struct namespace *ns, struct object_id *id)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];

    hmac(ns, bytes_of(id->bytes, HALF), digest);
    memcpy(id->bytes + HALF, digest, HALF);
}

void object_id_from_name(const struct namespace *ns, struct bytes name, struct object_id *id)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];

    hmac(ns, name, digest);
    memcpy(id->bytes, digest, HALF);
    add_check(ns, id);
}

void object_id_of_key(const char *unique_key, struct bytes name, struct object_id *id)
{
    struct namespace ns = {0};

    set_key(&ns, unique_key);
    object_id_from_name(&ns, name, id);
}

bool object_id_belongs(const char *unique_key, const struct object_id *id)
{
    struct namespace ns = {0};
    struct object_id valid = *id;

    set_key(&ns, unique_key);
    add_check(&ns, &valid);
    return object_id_equal(&valid, id);
}

void object_id_unique(const struct namespace *ns, struct os *os, struct object_id *id)
{
    os_random(os, id->bytes, HALF);
    add_check(ns, id);
}

bool object_id_parse(struct bytes hex, struct object_id *id)
{
    return hex.len == OBJECT_ID_HEX && hex_decode(hex, id->bytes) == 0;
}

int object_id_from_string(const struct namespace *ns, struct bytes hex, struct object_id *id)
{
    struct object_id given;
    struct object_id valid;

    if (!object_id_parse(hex, &given))
        return OBJECT_ID_NOT_HEX;

    valid = given;
    add_check(ns, &valid);
    if (!object_id_equal(&given, &valid))
        return OBJECT_ID_FOREIGN;

    *id = given;
    return 0;
}

void object_id_format(const struct object_id *id, char hex[OBJECT_ID_HEX + 1])
{
    hex_encode(bytes_of(id->bytes, OBJECT_ID_SIZE), hex);
    hex[OBJECT_ID_HEX] = '\0';
}

bool object_id_equal(const struct object_id *a, const struct object_id *b)
{
    return memcmp(a->bytes, b->bytes, OBJECT_ID_SIZE) == 0;
}
