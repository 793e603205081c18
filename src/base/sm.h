#pragma once

/*
 * State machine
 *
 * A table of moves next to the drawing: an illegal move stops the process and names both states.
 *
 *     static const struct sm_state door_states[] = {
 *         [DOOR_OPEN]   = {"open",   SM_TO(DOOR_SHUT)},
 *         [DOOR_SHUT]   = {"shut",   SM_TO(DOOR_OPEN) | SM_TO(DOOR_LOCKED)},
 *         [DOOR_LOCKED] = {"locked", SM_TO(DOOR_SHUT)},
 *     };
 *     static const struct sm door_sm = SM("door", door_states);
 *
 *     door->state = sm_move(&door_sm, door->state, DOOR_SHUT);
 */

#include <stdbool.h>
#include <stdint.h>

/* At most 32 states. */
#define SM_TO(state) (UINT32_C(1) << (state))

struct sm_state {
    const char *name;
    uint32_t next; /* SM_TO() of every state that may follow */
};

struct sm {
    const char *noun;
    const struct sm_state *states;
    unsigned count;
};

#define SM(noun, states)                                                                           \
    {                                                                                              \
        (noun), (states), sizeof(states) / sizeof((states)[0])                                     \
    }

/* Is the move in the table? */
bool sm_allows(const struct sm *sm, unsigned from, unsigned to);

/* Returns `to`; a move that is not in the table aborts. */
unsigned sm_move(const struct sm *sm, unsigned from, unsigned to);

/* Static, never NULL. */
const char *sm_name(const struct sm *sm, unsigned state);
