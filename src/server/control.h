#pragma once

/*
 * Control
 *
 * Where an operator's commands reach a running process: a socket `control` in its data directory,
 * which only the same user may open. One line asks; the answer begins with `ok` or `error`, and
 * what there is to say follows it, up to the end:
 *
 *     backup <absolute path>     a copy of the data directory
 *     restore <…>                restore_tool.h
 *     deploy [absolute path]     a new version of the project, from there
 *     status | metrics           status.h
 *
 * A thread of its own serves one client after the other, so that a long copy holds nobody up.
 */

struct buf;
struct control;
struct deploy;
struct shard_group;
struct status;
struct store;

/* `store`, `deploy` and `status` are borrowed and outlive the control. A socket that a dead process
 * left is replaced: the store's lock says that it is dead. */
int control_create(struct control **out, struct store *store, struct deploy *deploy,
                   struct status *status, const char *data_dir);

/* From now on objects are reached. They must be until the control is destroyed. */
void control_set_group(struct control *control, struct shard_group *group);

/* Waits for the command under way. NULL is allowed. */
void control_destroy(struct control *control);

enum control_result {
    CONTROL_DONE = 0,
    CONTROL_REFUSED = 1, /* or the process ended meanwhile; the words say which */
};

/* The other side: asks the process that runs on `data_dir`, and waits. What it says is in `words`.
 * -ENOENT or -ECONNREFUSED: there is none. */
int control_ask(const char *data_dir, const char *line, struct buf *words);
