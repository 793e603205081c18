#pragma once

/*
 * Lists of names as JavaScript gets them: one string, one name a line.
 */

#include "js/bind.h"

/* Of the names that `list` finds. */
JSValueRef name_lines_make(struct js_call *call,
                           void (*list)(void (*found)(const char *name, void *data), void *data));
