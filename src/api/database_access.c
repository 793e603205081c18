#include "api/database_access.h"

#include "actor/failure.h"
#include "base/err.h"
#include "base/log.h"
#include "store/database.h"

bool database_worked(struct js_call *call, struct context *context, int r,
                     const struct err_text *why)
{
    struct failure *failure;

    if (r == 0)
        return true;
    if (r == DATABASE_ERROR) {
        js_throw_error(call, "%s", why->text);
        return false;
    }
    if (r < 0) {
        log_error("storage of an object: %s", err_trail());
        failure = failure_format(FAILURE_RESET | FAILURE_INTERNAL,
                                 "internal error; reference = storage-%s", err_name(r));
    } else {
        failure = failure_format(FAILURE_RESET, "%s", why->text);
    }
    object_abort(context->object, failure);
    js_throw_error(call, "%s", failure->message);
    failure_unref(failure);
    return false;
}

struct database *database_access(struct js_call *call, struct context **context)
{
    struct err_text why;
    struct database *db;

    *context = context_object(call, 0);
    if (*context == NULL)
        return NULL;
    if (!database_worked(call, *context, object_database((*context)->object, &db, &why), &why))
        return NULL;
    return db;
}
