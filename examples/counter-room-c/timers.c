#include "timers.h"

int timers_set(struct dm_object *object, const char *name, int64_t at)
{
    return dm->sql_exec(object, "INSERT OR REPLACE INTO timers VALUES (?, ?)",
                        DM_VALUES(dm_text(dm_str(name)), dm_integer(at)));
}

int timers_set_if_unset(struct dm_object *object, const char *name, int64_t at)
{
    return dm->sql_exec(object, "INSERT OR IGNORE INTO timers VALUES (?, ?)",
                        DM_VALUES(dm_text(dm_str(name)), dm_integer(at)));
}

int timers_take_due(struct dm_object *object, const char *name, int64_t now, bool *due)
{
    int64_t at;
    int r =
        sql_first_integer(object, &at, "DELETE FROM timers WHERE name = ? AND at <= ? RETURNING at",
                          DM_VALUES(dm_text(dm_str(name)), dm_integer(now)));

    *due = r == 0;
    return r < 0 ? r : 0;
}

int timers_arm(struct dm_object *object)
{
    int64_t first, set;
    int r = sql_first_integer(object, &first, "SELECT at FROM timers ORDER BY at LIMIT 1", NULL, 0);

    if (r == DM_NONE)
        return dm->delete_alarm(object);
    if (r == 0)
        r = dm->alarm(object, &set);
    if (r < 0 || (r == 0 && set == first))
        return r;
    return dm->set_alarm(object, first);
}
