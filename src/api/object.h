#pragma once

/*
 * Sections and abort for JavaScript: blockConcurrencyWhile() and ctx.abort().
 */

struct instance;

/* The instance goes: forget its sections. */
void api_sections_drop(struct instance *instance);
