#pragma once

#include "web.h"

extern const struct dm_class room_class;
