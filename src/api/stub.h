#pragma once

/*
 * Stub
 *
 * Calls that a script makes: of objects by namespace and id, and of remote references. A call is
 * one event and one promise; it waits at the caller's output gate, and its promise is settled in
 * the caller's context or not at all. Own thread of the shard.
 */

#include "js/bind.h"

struct namespace;

/* The namespace whose number in the bundle is argument `i`. NULL: thrown. */
struct namespace *stub_namespace_arg(struct js_call *call, size_t i);
