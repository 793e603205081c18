#pragma once

/*
 * The classes of schedulers and inboxes, for the front to register, and what names are made of.
 * See scheduler.c and inbox.c.
 */

#include "web.h"

#define NAME_SIZE       65
#define NAME_CHARACTERS WEB_WORD "._-"

extern const struct dm_class scheduler_class;
extern const struct dm_class inbox_class;
