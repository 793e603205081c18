#pragma once

#include "web.h"

#define OWNER_SIZE 129

extern const struct dm_class lock_class;
