/*
 * An account: one object per name
 *
 * It knows the password's hash and the hashes of the tokens of those who are signed in; neither can
 * be read back from a stolen disk. Being one object, it settles by itself who was first to take
 * a name, and slows down whoever guesses passwords.
 *
 *     register(name, password)   a token, or null if the name is taken
 *     login(password)            {name, token}, "slow down" or null
 *     logout(token)              nothing
 *     nameOf(token)              the account's name, or null if the token is none of its own
 */

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdio.h>

#include "chat.h"
#include "password.h"

#define SESSION_MS   (INT64_C(30) * 24 * 3600 * 1000)
#define SESSIONS_MAX 20
#define ATTEMPTS_MAX 10
#define ATTEMPTS_MS  60000
#define TOKEN_BYTES  32
#define TOKEN_TEXT   44 /* in Base64, and a NUL */

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS account (one INTEGER PRIMARY KEY CHECK (one = 1),"
    "  name TEXT NOT NULL, salt BLOB NOT NULL, hash BLOB NOT NULL,"
    "  attempts INTEGER NOT NULL DEFAULT 0, attemptsSince INTEGER NOT NULL DEFAULT 0);"
    "CREATE TABLE IF NOT EXISTS sessions (token TEXT PRIMARY KEY, expiresAt INTEGER NOT NULL)"
    "  WITHOUT ROWID";

struct account {
    char name[NAME_SIZE];
    uint8_t salt[PASSWORD_SALT];
    uint8_t hash[PASSWORD_HASH];
    int64_t attempts, attempts_since;
};

/* A register() or login() whose password is being hashed; lives as long as its event. */
struct attempt {
    struct dm_event *event;
    struct account account;
};

static int construct(struct dm_object *object, void **instance)
{
    *instance = NULL;
    return dm->sql_exec(object, schema, NULL, 0);
}

static struct dm_sql_value blob(const void *data, size_t size)
{
    struct dm_sql_value value = dm_sql_null();

    value.type = DM_SQL_BLOB;
    value.bytes = dm_bytes(data, size);
    return value;
}

static void read_blob(struct dm_rows *rows, size_t column, uint8_t *to, size_t size)
{
    struct dm_sql_value value = dm->sql_value(rows, column);

    if (value.type == DM_SQL_BLOB && value.bytes.len == size)
        memcpy(to, value.bytes.data, size);
}

/* DM_NONE: there is none. */
static int account_read(struct dm_object *object, struct account *account)
{
    struct dm_rows *rows;
    int r = sql_first(object, &rows,
                      "SELECT name, salt, hash, attempts, attemptsSince FROM account", NULL, 0);

    if (r != 0)
        return r;
    snprintf(account->name, sizeof account->name, "%s", dm->sql_text(rows, 0));
    read_blob(rows, 1, account->salt, sizeof account->salt);
    read_blob(rows, 2, account->hash, sizeof account->hash);
    account->attempts = dm->sql_integer(rows, 3);
    account->attempts_since = dm->sql_integer(rows, 4);
    dm->sql_close(rows);
    return 0;
}

static int answer_null(struct dm_event *event)
{
    struct dm_value null = dm_null();

    return dm->answer(event, &null);
}

/* ---- sessions ---- */

/* 32 bytes in the Base64 of URLs. */
static void encode(const uint8_t bytes[TOKEN_BYTES], char text[TOKEN_TEXT])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t len = 0;

    for (size_t i = 0; i < TOKEN_BYTES; i += 3) {
        uint32_t three = (uint32_t)bytes[i] << 16;

        three |= i + 1 < TOKEN_BYTES ? (uint32_t)bytes[i + 1] << 8 : 0;
        three |= i + 2 < TOKEN_BYTES ? bytes[i + 2] : 0;
        for (int shift = 18; shift >= 0 && len < TOKEN_TEXT - 1; shift -= 6)
            text[len++] = digits[three >> shift & 63];
    }
    text[len] = '\0';
}

static void hash_token(struct dm_bytes token, char hash[TOKEN_TEXT])
{
    uint8_t bytes[SHA256_DIGEST_LENGTH];

    SHA256(token.data, token.len, bytes);
    encode(bytes, hash);
}

static int session_start(struct dm_object *object, char token[TOKEN_TEXT])
{
    int64_t now = dm->now_ms(object);
    uint8_t bytes[TOKEN_BYTES];
    char hash[TOKEN_TEXT];
    int r;

    dm->random(bytes, sizeof bytes);
    encode(bytes, token);
    hash_token(dm_str(token), hash);
    r = dm->sql_exec(object, "INSERT INTO sessions VALUES (?, ?)",
                     DM_VALUES(dm_text(dm_str(hash)), dm_integer(now + SESSION_MS)));
    if (r != 0)
        return r;
    return dm->sql_exec(object,
                        "DELETE FROM sessions WHERE expiresAt <= ? OR token NOT IN"
                        " (SELECT token FROM sessions ORDER BY expiresAt DESC LIMIT ?)",
                        DM_VALUES(dm_integer(now), dm_integer(SESSIONS_MAX)));
}

static int logout(struct dm_object *object, struct dm_event *event, struct dm_bytes token)
{
    char hash[TOKEN_TEXT];
    int r;

    hash_token(token, hash);
    r = dm->sql_exec(object, "DELETE FROM sessions WHERE token = ?",
                     DM_VALUES(dm_text(dm_str(hash))));
    return r == 0 ? dm->answer(event, NULL) : r;
}

static int name_of(struct dm_object *object, struct dm_event *event, struct dm_bytes token)
{
    struct dm_value name;
    struct dm_rows *rows;
    char hash[TOKEN_TEXT];
    int r;

    hash_token(token, hash);
    r = sql_first(object, &rows,
                  "SELECT name FROM account WHERE EXISTS"
                  " (SELECT 1 FROM sessions WHERE token = ? AND expiresAt > ?)",
                  DM_VALUES(dm_text(dm_str(hash)), dm_integer(dm->now_ms(object))));
    if (r != 0)
        return r < 0 ? r : answer_null(event);
    name = dm_string(dm->sql_text(rows, 0));
    return dm->answer(event, &name);
}

/* ---- signing up ---- */

static void registered(struct dm_object *object, void *data, const uint8_t hash[PASSWORD_HASH])
{
    struct attempt *attempt = data;
    struct account *account = &attempt->account;
    char token[TOKEN_TEXT];
    struct dm_value answer;
    int64_t one;
    /* Somebody else may have come while the hash was made: the row decides. */
    int r = sql_first_integer(object, &one,
                              "INSERT INTO account (one, name, salt, hash) VALUES (1, ?, ?, ?)"
                              " ON CONFLICT DO NOTHING RETURNING one",
                              DM_VALUES(dm_text(dm_str(account->name)),
                                        blob(account->salt, sizeof account->salt),
                                        blob(hash, PASSWORD_HASH)));

    answer = dm_null();
    if (r == 0) {
        r = session_start(object, token);
        answer = dm_string(token);
    }
    web_settle(object, attempt->event, r >= 0 ? dm->answer(attempt->event, &answer) : r);
}

static int sign_up(struct dm_object *object, struct dm_event *event, struct dm_bytes name,
                   struct dm_bytes password)
{
    struct attempt *attempt = dm->alloc(event, sizeof *attempt);
    struct account *account = &attempt->account;
    int r = account_read(object, account);

    if (r != DM_NONE)
        return r < 0 ? r : answer_null(event);
    attempt->event = event;
    if (name.len >= sizeof account->name)
        return dm->error(object, "The name is too long.");
    memcpy(account->name, name.data, name.len);
    dm->random(account->salt, sizeof account->salt);
    r = password_hash(object, password, account->salt, registered, attempt);
    return r < 0 ? r : DM_LATER;
}

/* ---- signing in ---- */

/* DM_NONE: not now. */
static int may_attempt(struct dm_object *object, const struct account *account)
{
    int64_t now = dm->now_ms(object);

    if (now - account->attempts_since >= ATTEMPTS_MS)
        return dm->sql_exec(object, "UPDATE account SET attempts = 1, attemptsSince = ?",
                            DM_VALUES(dm_integer(now)));
    if (account->attempts >= ATTEMPTS_MAX)
        return DM_NONE;
    return dm->sql_exec(object, "UPDATE account SET attempts = attempts + 1", NULL, 0);
}

static int answer_login(struct dm_object *object, struct dm_event *event, const char *name)
{
    char token[TOKEN_TEXT];
    struct dm_member members[2] = {{dm_str("name"), dm_string(name)}};
    struct dm_value answer = dm_record(members, 2);
    int r = dm->sql_exec(object, "UPDATE account SET attempts = 0", NULL, 0);

    if (r == 0)
        r = session_start(object, token);
    if (r != 0)
        return r;
    members[1] = (struct dm_member){dm_str("token"), dm_string(token)};
    return dm->answer(event, &answer);
}

static void compared(struct dm_object *object, void *data, const uint8_t hash[PASSWORD_HASH])
{
    struct attempt *attempt = data;
    const struct account *account = &attempt->account;
    /* In the same time whatever differs. */
    bool right = CRYPTO_memcmp(hash, account->hash, PASSWORD_HASH) == 0;

    web_settle(object, attempt->event,
               right ? answer_login(object, attempt->event, account->name)
                     : answer_null(attempt->event));
}

static int sign_in(struct dm_object *object, struct dm_event *event, struct dm_bytes password)
{
    struct attempt *attempt = dm->alloc(event, sizeof *attempt);
    struct dm_value slow_down = dm_string("slow down");
    int r = account_read(object, &attempt->account);

    if (r != 0)
        return r < 0 ? r : answer_null(event);
    r = may_attempt(object, &attempt->account);
    if (r != 0)
        return r < 0 ? r : dm->answer(event, &slow_down);
    attempt->event = event;
    r = password_hash(object, password, attempt->account.salt, compared, attempt);
    return r < 0 ? r : DM_LATER;
}

static int call(void *instance, struct dm_object *object, struct dm_event *event,
                const char *method, const struct dm_value *arguments, size_t count)
{
    (void)instance;

    for (size_t i = 0; i < count; i++)
        if (arguments[i].type != DM_STRING)
            return dm->error(object, "An account is told texts only.");
    if (strcmp(method, "register") == 0 && count == 2)
        return sign_up(object, event, arguments[0].bytes, arguments[1].bytes);
    if (strcmp(method, "login") == 0 && count == 1)
        return sign_in(object, event, arguments[0].bytes);
    if (strcmp(method, "logout") == 0 && count == 1)
        return logout(object, event, arguments[0].bytes);
    if (strcmp(method, "nameOf") == 0 && count == 1)
        return name_of(object, event, arguments[0].bytes);
    return dm->unknown_method(event);
}

const struct dm_class account_class = {
    .size = sizeof(struct dm_class),
    .name = "Account",
    .construct = construct,
    .call = call,
};
