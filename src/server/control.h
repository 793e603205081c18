#pragma once

/*
 * Control
 *
 * Where an operator's commands reach a running process: a socket `control` in its data directory,
 * which only the same user may open. One line asks, one line answers:
 *
 *     backup <absolute path>     ok | error <words>
 *     restore <…>                the same; restore_tool.h
 *
 * A thread of its own serves one client after the other, so that a long copy holds nobody up.
 */

struct buf;
struct control;
struct shard_group;
struct store;

/* `store` is borrowed and outlives the control. A socket that a dead process left is replaced: the
 * store's lock says that it is dead. */
int control_create(struct control **out, struct store *store, const char *data_dir);

/* From now on objects are reached. They must be until the control is destroyed. */
void control_set_group(struct control *control, struct shard_group *group);

/* Waits for the command under way. NULL is allowed. */
void control_destroy(struct control *control);

/* The other side: asks the process that runs on `data_dir`. -ENOENT or -ECONNREFUSED: there is
 * none. */
int control_ask(const char *data_dir, const char *line, struct buf *answer);
