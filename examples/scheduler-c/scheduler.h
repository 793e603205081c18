#pragma once

#include "web.h"

#define NAME_SIZE       65
#define NAME_CHARACTERS WEB_WORD "._-"

extern const struct dm_class scheduler_class;
extern const struct dm_class inbox_class;
