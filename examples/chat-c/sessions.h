#pragma once

/*
 * Signing in: the cookie, and the way from it to an account
 *
 * The cookie is the account's name and a random token. The name leads to the object that knows the
 * tokens, so that no list of all sessions is needed, and no object that everybody must ask.
 *
 * All return what a handler returns.
 */

#include "ask.h"

/* {name, password} in the body. */
int sessions_register(struct ask *ask);
int sessions_login(struct ask *ask);
int sessions_logout(struct ask *ask);

/* Find out who asks, then go on: at once or in a later turn. */
int sessions_identify(struct ask *ask, int (*known)(struct ask *ask));
