#include "sessions.h"

#include <stdio.h>

#include "text.h"

#define COOKIE             "chat_session"
#define TOKEN_SIZE         44
#define PASSWORD_UNITS_MIN 8
#define PASSWORD_UNITS_MAX 200
#define SESSION_SECONDS    (30 * 24 * 3600)

static const char letters[] = WEB_LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/* ---- names and cookies ---- */

/* A letter, then 1 to 31 letters, digits, - and _: takes it off the left. */
static bool take_name(struct dm_bytes *text, char name[NAME_SIZE])
{
    return web_take_word(text, WEB_WORD "-_", name, NAME_SIZE) && strlen(name) >= 2 &&
           strchr(letters, name[0]) != NULL;
}

static bool take_token(struct dm_bytes *text, char token[TOKEN_SIZE])
{
    return web_take_word(text, WEB_WORD "-_", token, TOKEN_SIZE) && strlen(token) == TOKEN_SIZE - 1;
}

/* NAME.TOKEN of a cookie that is ours. */
static bool read_cookie(const struct dm_request *request, char name[NAME_SIZE],
                        char token[TOKEN_SIZE])
{
    const char *at = dm->header(request, "Cookie");

    while (at != NULL && *at != '\0') {
        struct dm_bytes part;

        at += strspn(at, " \t,;");
        part = dm_bytes(at, strcspn(at, ",; \t"));
        at += part.len;
        if (web_take(&part, COOKIE "=") && take_name(&part, name) && web_take(&part, ".") &&
            take_token(&part, token) && part.len == 0)
            return true;
    }
    return false;
}

/* value "": it is taken back. */
static void write_cookie(const struct ask *ask, char text[200], const char *name, const char *token)
{
    struct dm_bytes url = dm_str(ask->request->url);

    snprintf(text, 200, COOKIE "=%s%s%s; Path=/; HttpOnly; SameSite=Lax; Max-Age=%d%s", name,
             token[0] != '\0' ? "." : "", token, token[0] != '\0' ? SESSION_SECONDS : 0,
             web_take(&url, "https:") ? "; Secure" : "");
}

static int signed_in(struct ask *ask, const char *name, const char *token)
{
    char cookie[200];
    struct dm_header headers[] = {{"Set-Cookie", cookie}, {"Cache-Control", "no-store"}};
    struct dm_response head = {.status = 200, .headers = headers, .header_count = 2};
    struct dm_member member = {dm_str("name"), dm_string(name)};
    struct dm_value body = dm_record(&member, 1);

    write_cookie(ask, cookie, name, token);
    return ask_answer(ask, &head, &body);
}

static int call_account(struct ask *ask, const char *name, const char *method,
                        const struct dm_value *arguments, size_t count, dm_reply_fn *reply)
{
    char id[NAME_SIZE];

    user_of(id, dm_str(name));
    return web_call(ask->front, "Account", id, method, arguments, count, reply, ask);
}

/* ---- a name and a password ---- */

/* False: the body has not both. */
static bool read_credentials(struct ask *ask, int result, struct dm_bytes text,
                             struct dm_value *password)
{
    const struct dm_value *body, *name, *found;
    struct dm_bytes rest;
    size_t units;

    if (result != 0 || dm->json_read(ask->front, text, &body) != 0)
        return false;
    name = dm_get(body, "name");
    found = dm_get(body, "password");
    if (name == NULL || name->type != DM_STRING || found == NULL || found->type != DM_STRING)
        return false;
    rest = name->bytes;
    units = text_units(found->bytes);
    *password = *found;
    return take_name(&rest, ask->name) && rest.len == 0 && units >= PASSWORD_UNITS_MIN &&
           units <= PASSWORD_UNITS_MAX;
}

/* Forms of foreign pages cannot send this type. */
static int read_body(struct ask *ask, dm_bytes_fn *done, const char *refusal)
{
    const char *type = dm->header(ask->request, "Content-Type");
    struct dm_bytes start = dm_str(type != NULL ? type : "");
    int r;

    if (ask->request->body == NULL || !web_take(&start, "application/json"))
        return ask_refuse(ask, 400, refusal, NULL);
    r = dm->body_collect(ask->request->body, WEB_BODY_MAX, done, ask);
    return r < 0 ? r : DM_LATER;
}

static const char register_refusal[] =
    "A name of 2 to 32 letters and digits and a password of 8 or more, please";

/* What could be read of the body is told to the account; or the body is refused. */
static void ask_account(struct ask *ask, bool given, const char *refusal, const char *method,
                        const struct dm_value *arguments, size_t count, dm_reply_fn *reply)
{
    web_settle(ask->front, ask->event,
               given ? call_account(ask, ask->name, method, arguments, count, reply)
                     : ask_refuse(ask, 400, refusal, NULL));
}

static void registered(void *instance, struct dm_object *front, void *data,
                       const struct dm_reply *reply)
{
    struct ask *ask = data;
    (void)instance;

    if (reply->error != NULL)
        ask_failed(ask, reply);
    else if (reply->value->type != DM_STRING)
        web_settle(front, ask->event, ask_refuse(ask, 409, "The name is taken", NULL));
    else
        web_settle(front, ask->event, signed_in(ask, ask->name, reply->value->bytes.data));
}

static void register_read(void *instance, struct dm_object *front, void *data, int result,
                          struct dm_bytes text)
{
    struct ask *ask = data;
    struct dm_value arguments[2];
    bool given = read_credentials(ask, result, text, &arguments[1]);
    (void)instance, (void)front;

    arguments[0] = dm_string(ask->name);
    ask_account(ask, given, register_refusal, "register", arguments, 2, registered);
}

int sessions_register(struct ask *ask)
{
    return read_body(ask, register_read, register_refusal);
}

static const char login_refusal[] = "A name and a password, please";

static int answer_login(struct ask *ask, const struct dm_value *session)
{
    const struct dm_value *name = dm_get(session, "name");
    const struct dm_value *token = dm_get(session, "token");

    if (session->type == DM_STRING)
        return ask_refuse(ask, 429, "Too many attempts", NULL);
    /* The same words for an unknown name: who has an account is nobody's business. */
    if (name == NULL || name->type != DM_STRING || token == NULL || token->type != DM_STRING)
        return ask_refuse(ask, 401, "Wrong name or password", NULL);
    return signed_in(ask, name->bytes.data, token->bytes.data);
}

static void logged_in(void *instance, struct dm_object *front, void *data,
                      const struct dm_reply *reply)
{
    struct ask *ask = data;
    (void)instance;

    if (reply->error != NULL)
        ask_failed(ask, reply);
    else
        web_settle(front, ask->event, answer_login(ask, reply->value));
}

static void login_read(void *instance, struct dm_object *front, void *data, int result,
                       struct dm_bytes text)
{
    struct ask *ask = data;
    struct dm_value password;
    bool given = read_credentials(ask, result, text, &password);
    (void)instance, (void)front;

    ask_account(ask, given, login_refusal, "login", &password, 1, logged_in);
}

int sessions_login(struct ask *ask)
{
    return read_body(ask, login_read, login_refusal);
}

/* ---- and out ---- */

static int signed_out(struct ask *ask)
{
    char cookie[200];
    struct dm_header header = {"Set-Cookie", cookie};
    struct dm_response head = {.status = 200, .headers = &header, .header_count = 1};
    struct dm_value body = dm_record(NULL, 0);

    write_cookie(ask, cookie, "", "");
    return ask_answer(ask, &head, &body);
}

static void forgotten(void *instance, struct dm_object *front, void *data,
                      const struct dm_reply *reply)
{
    struct ask *ask = data;
    (void)instance;

    if (reply->error != NULL)
        ask_failed(ask, reply);
    else
        web_settle(front, ask->event, signed_out(ask));
}

int sessions_logout(struct ask *ask)
{
    char name[NAME_SIZE], token[TOKEN_SIZE];
    struct dm_value argument;

    if (!read_cookie(ask->request, name, token))
        return signed_out(ask);
    argument = dm_string(token);
    return call_account(ask, name, "logout", &argument, 1, forgotten);
}

/* ---- who asks ---- */

static void identified(void *instance, struct dm_object *front, void *data,
                       const struct dm_reply *reply)
{
    struct ask *ask = data;
    (void)instance;

    if (reply->error != NULL) {
        ask_failed(ask, reply);
        return;
    }
    if (reply->value->type == DM_STRING && reply->value->bytes.len < NAME_SIZE) {
        snprintf(ask->name, sizeof ask->name, "%s", (const char *)reply->value->bytes.data);
        user_of(ask->user, reply->value->bytes);
    }
    web_settle(front, ask->event, ask->known(ask));
}

int sessions_identify(struct ask *ask, int (*known)(struct ask *ask))
{
    char name[NAME_SIZE], token[TOKEN_SIZE];
    struct dm_value argument;

    if (!read_cookie(ask->request, name, token))
        return known(ask);
    ask->known = known;
    argument = dm_string(token);
    return call_account(ask, name, "nameOf", &argument, 1, identified);
}
