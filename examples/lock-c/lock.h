#pragma once

/*
 * The class of locks, for the front to register, and the bound that both check. See lock.c.
 */

#include "web.h"

#define OWNER_SIZE 129

extern const struct dm_class lock_class;
