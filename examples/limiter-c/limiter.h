#pragma once

/*
 * The class of rate limiters, for the front to register. See limiter.c.
 */

#include "web.h"

extern const struct dm_class limiter_class;
