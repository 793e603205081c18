#pragma once

/*
 * What the class and its front agree upon
 */

#include "web.h"

#define PLAYERS_MAX  10
#define SNAPSHOTS    "SNAPSHOTS" /* the binding of the KV namespace */
#define SESSION_FULL "Session full (max 10 players)"

/* One object per session; see session.c. */
extern const struct dm_class session_class;
