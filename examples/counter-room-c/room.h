#pragma once

/*
 * The class of counted rooms, for the front to register. See room.c.
 */

#include "web.h"

extern const struct dm_class room_class;
