#pragma once

/*
 * Saving a session to KV
 *
 * Saves go one after the other, so that an older one never comes to lie over a newer. Each takes
 * the state as it is when its turn comes.
 */

#include "storage.h"

struct session {
    struct dm_object *object;
    struct dm_kv *kv;
    struct dm_section *loading;
    struct snapshot snapshot; /* the state in it is the present one */
    bool exists;
    struct repairs repairs;
    size_t replayed;
    size_t loads;
    char *playing[10]; /* owned: whose page is sounding right now; not worth remembering */
    size_t playing_count;
    struct save *saves; /* the first is under way */
};

/* `event`: a call, which gets the snapshot when it is in KV, or an alarm, which is done then; NULL:
 * nobody waits. DM_LATER, or negative. */
int session_save(struct session *session, struct dm_event *event, bool is_alarm);

/* The snapshot as it is now. */
int session_current(struct session *session, struct snapshot *snapshot);

void session_forget_saves(struct session *session);
