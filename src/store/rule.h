#pragma once

/*
 * Rules
 *
 * The four rules of store.h where the code can state them, and the builds that break them on
 * purpose: tests/mutants compiles a file with -DSTORE_MUTANT=n, and the simulation has to notice.
 * docs/storage.md lists them. With STORE_RULES_OFF the assertions are silent, so that it is the
 * model of the simulation that notices.
 */

#include "base/assert.h"

#ifndef STORE_MUTANT
#    define STORE_MUTANT 0 /* none */
#endif

/* Always false in what is shipped. */
#define MUTANT(number) (STORE_MUTANT == (number))

#ifdef STORE_RULES_OFF
#    define RULE(number, x) ((void)(number), (void)(x))
#else
#    define RULE(number, x) ASSERT(x)
#endif
