#pragma once

/*
 * Export
 *
 * The parts of an export that know what a data directory is made of: a copy of one that nobody
 * uses, and an alarm file as workerd keeps it beside a class's objects. What is between, bringing
 * the journal into the files, is what opening and closing the copy does.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err_text;
struct os;

/* Copies what a store is made of, while holding its lock; `to` must not exist. Synced. Nothing is
 * written in `from`. Results as enum store_open_result; `why` has words when it is not 0. */
int export_copy(struct os *os, const char *from, const char *to, struct err_text *why);

/* What export_alarms() is about. */
struct export_alarms {
    const char *from; /* the alarms.sqlite of a store that was closed */
    uint32_t namespace_number;
    const char *to;  /* metadata.sqlite, to be made */
    bool with_names; /* in a form that only newer releases of workerd read */
};

/* *count: alarms there are; without any no file is made. */
int export_alarms(const struct export_alarms *what, size_t *count, struct err_text *why);
