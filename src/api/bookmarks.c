/* ctx.storage below cf_storage.js: point-in-time recovery. */

#include "actor/object.h"
#include "actor/shard.h"
#include "api/database_access.h"
#include "api/worker_parts.h"
#include "base/err.h"
#include "js/bind.h"
#include "js/value.h"
#include "store/restore.h"

/* A refusal is the author's mistake, anything else the storage's. */
static bool worked(struct js_call *call, struct context *context, int r, const struct err_text *why)
{
    if (r != RESTORE_REFUSED)
        return database_worked(call, context, r, why);
    js_throw_error(call, "%s", why->text);
    return false;
}

/* bookmark_now(object) -> text; everything written must be durable */
static JSValueRef bookmark_now(struct js_call *call)
{
    struct context *context;
    struct database *db = database_access(call, &context);
    char text[BOOKMARK_TEXT_SIZE];
    struct err_text why;

    if (db == NULL)
        return NULL;
    return worked(call, context, restore_bookmark_now(db, text, &why), &why)
               ? js_string(call->realm, text)
               : NULL;
}

/* bookmark_at(object, ms) -> text */
static JSValueRef bookmark_at(struct js_call *call)
{
    struct context *context;
    struct database *db = database_access(call, &context);
    char text[BOOKMARK_TEXT_SIZE];
    struct err_text why;
    double time_ms;

    if (db == NULL || !js_arg_number(call, 1, &time_ms))
        return NULL;
    return worked(call, context, restore_bookmark_at(db, (int64_t)time_ms, text, &why), &why)
               ? js_string(call->realm, text)
               : NULL;
}

/* restore_later(object, bookmark) -> text of the bookmark that undoes it */
static JSValueRef restore_ordered(struct js_call *call)
{
    struct context *context;
    struct database *db = database_access(call, &context);
    char undo[BOOKMARK_TEXT_SIZE];
    struct js_text bookmark;
    struct err_text why;
    int r;

    if (db == NULL || !js_arg_text(call, 1, &bookmark))
        return NULL;
    r = restore_later(db, js_text_bytes(&bookmark), undo, &why);
    js_text_fini(&bookmark);
    return worked(call, context, r, &why) ? js_string(call->realm, undo) : NULL;
}

/* clang-format off */
#define BOOKMARK_NATIVES(X)                 \
    X("bookmark_now", bookmark_now, 1)      \
    X("bookmark_at", bookmark_at, 2)        \
    X("restore_later", restore_ordered, 2)
/* clang-format on */
JS_NATIVES(bookmark_natives, BOOKMARK_NATIVES)

void api_bookmarks_install(struct js_realm *realm, JSObjectRef natives)
{
    js_natives_install(realm, natives, bookmark_natives, JS_COUNT(bookmark_natives));
}
