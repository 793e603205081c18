#pragma once

/*
 * Assertions
 *
 * ASSERT() states what our own code guarantees. It stays on in release: a process that has found
 * itself in a state nobody thought of must stop before it writes that state to disk. Conditions
 * have no side effects. Input from outside is checked with an `if` and answered, never asserted.
 */

/* Print the expression and where it stands to stderr, then abort. */
_Noreturn void assert_failed(const char *text, const char *func, const char *file, int line);

#define ASSERT(x) ((x) ? (void)0 : assert_failed(#x, __func__, __FILE__, __LINE__))

/* For the default of a switch over our own enum, and after endless loops. */
#define UNREACHABLE() assert_failed("unreachable", __func__, __FILE__, __LINE__)
