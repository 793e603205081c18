#include "save.h"

#include <stdlib.h>

#include "session.h"

struct save {
    struct save *next;
    struct dm_event *event; /* NULL: nobody waits */
    bool is_alarm;
    struct snapshot snapshot; /* what is under way */
};

static void start(struct session *session);

int session_current(struct session *session, struct snapshot *snapshot)
{
    *snapshot = session->snapshot;
    return storage_last_seq(session->object, &snapshot->server_seq);
}

static int answer(struct save *save)
{
    struct snapshot_view view;
    struct dm_value value;

    if (save->event == NULL)
        return 0;
    if (save->is_alarm)
        return dm->done(save->event);
    value = snapshot_show(&save->snapshot, &view);
    return dm->answer(save->event, &value);
}

/* The first one is over, for whatever reason. */
static void finish(struct session *session, const char *error)
{
    struct save *save = session->saves;
    struct dm_object *object = session->object;

    session->saves = save->next;
    if (error == NULL && answer(save) < 0)
        error = dm->why(object);
    if (error != NULL && save->event != NULL)
        dm->fail(save->event, error);
    else if (error != NULL)
        dm->log(object, DM_LOG_ERROR, "The session could not be saved: %s", error);
    free(save);
    if (session->saves != NULL)
        start(session);
}

static void written(void *instance, struct dm_object *object, void *data,
                    const struct dm_reply *reply)
{
    struct session *session = data;
    (void)instance;

    if (reply->error != NULL)
        finish(session, reply->error);
    else if (storage_saved(object, &session->saves->snapshot) < 0)
        finish(session, dm->why(object));
    else
        finish(session, NULL);
}

static int write_to_kv(struct session *session, const struct snapshot *snapshot)
{
    struct dm_object *object = session->object;
    struct snapshot_view view;
    struct dm_value value = snapshot_show(snapshot, &view);
    struct dm_member members[] = {
        {dm_str("published"), dm_boolean(snapshot->published)},
        {dm_str("updatedAt"), dm_number((double)snapshot->updated_ms)},
        {dm_str("tempo"), dm_number(snapshot->state.tempo)},
    };
    struct dm_value metadata = dm_record(members, 3);
    struct dm_kv_options options = {.metadata = &metadata};
    struct dm_bytes text;
    int r = dm->json_write(object, &value, &text);

    if (r == 0)
        r = dm->kv_write(object, session->kv, dm_str(snapshot->id), text, &options, written,
                         session);
    return r;
}

static void start(struct session *session)
{
    struct snapshot *snapshot = &session->saves->snapshot;

    if (session_current(session, snapshot) < 0 || write_to_kv(session, snapshot) < 0)
        finish(session, dm->why(session->object));
}

int session_save(struct session *session, struct dm_event *event, bool is_alarm)
{
    struct save *save = calloc(1, sizeof *save);
    struct save **last = &session->saves;

    if (save == NULL)
        return dm->error(session->object, "Out of memory.");
    save->event = event;
    save->is_alarm = is_alarm;
    while (*last != NULL)
        last = &(*last)->next;
    *last = save;
    if (session->saves == save)
        start(session);
    return DM_LATER;
}

void session_forget_saves(struct session *session)
{
    while (session->saves != NULL) {
        struct save *save = session->saves;

        session->saves = save->next;
        free(save);
    }
}
