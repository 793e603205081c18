#pragma once

/*
 * Deploy
 *
 * An operator's order for a new version of the project, on its way from the control's thread to the
 * process's own. One at a time; whoever orders waits for what came of it.
 */

#include <stdbool.h>

struct buf;
struct deploy;
struct wake;

enum deploy_result {
    DEPLOY_DONE = 0,
    DEPLOY_REFUSED = 1,  /* the version before goes on */
    DEPLOY_STOPPING = 2, /* the process ends */
};

/* `wake` (borrowed) is signalled when there is an order. Never NULL. */
struct deploy *deploy_create(struct wake *wake);

/* From `path`, or from where the process's project is (NULL). What there is to say is appended to
 * `words`. Not the process's thread; returns when it is over. */
enum deploy_result deploy_order(struct deploy *deploy, const char *path, struct buf *words);

/* ---- the process's thread ---- */

/* Whether there is an order. The path, which may be NULL, is the caller's. */
bool deploy_take(struct deploy *deploy, char **path);

/* The order that was taken is carried out, or not. */
void deploy_answer(struct deploy *deploy, bool done, const struct buf *words);

/* Whoever waits is told that the process stops, and so is whoever comes. */
void deploy_close(struct deploy *deploy);

/* After deploy_close(), and when nobody orders any more. NULL is allowed. */
void deploy_destroy(struct deploy *deploy);
