#pragma once

/*
 * The page of a project, as its Makefile has made it of PAGE
 */

#include <stddef.h>

extern const unsigned char page[];
extern const size_t page_size;
