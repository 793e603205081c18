#include "base/sm.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"

bool sm_allows(const struct sm *sm, unsigned from, unsigned to)
{
    ASSERT(from < sm->count && to < sm->count);
    return (sm->states[from].next & SM_TO(to)) != 0;
}

unsigned sm_move(const struct sm *sm, unsigned from, unsigned to)
{
    if (!sm_allows(sm, from, to)) {
        fprintf(stderr, "%s: no way from %s to %s\n", sm->noun, sm_name(sm, from), sm_name(sm, to));
        abort();
    }
    return to;
}

const char *sm_name(const struct sm *sm, unsigned state)
{
    return state < sm->count && sm->states[state].name != NULL ? sm->states[state].name : "?";
}
