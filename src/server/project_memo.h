#pragma once

/*
 * Project memo
 *
 * What the last start read from the wrangler file, kept with all that went into it: the texts of
 * the file and of those that hold secrets, the options, and the script that holds the rules. The
 * rules are a pure function of these, so that an equal key means an equal project, without a
 * JavaScript machine.
 */

#include <stdbool.h>

#include "base/bytes.h"

struct buf;
struct project;
struct project_options;

/* All that the project depends on; `text` is the wrangler file's. */
void project_memo_key(struct buf *key, const struct project *project,
                      const struct project_options *options, struct bytes text);

/* Fills in the project, and says what was complained about, if the memo in this file is of this
 * key. Otherwise nothing happens. */
bool project_recall(struct project *project, const char *path, struct bytes key,
                    struct buf *complaints);

void project_keep(const struct project *project, const char *path, struct bytes key,
                  struct bytes complaints);
