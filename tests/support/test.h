#pragma once

/*
 * Unit tests
 *
 *     TEST(a_clear_gate_lets_a_message_through_at_once)
 *     {
 *         CHECK(order == 1);
 *         CHECK_EQ(gate_count(gate), 0);
 *     }
 *
 * A test program is a file of TESTs; main() is here, runs them in order and prints TAP. With an
 * argument it runs only the tests whose name contains it; --list names them.
 *
 * A check that fails says what it saw and leaves the test with longjmp(): never check inside a
 * callback that somebody else's frames are under. Note what happened there, check afterwards.
 */

#include <stdbool.h>
#include <stddef.h>

struct test {
    const char *name;
    void (*run)(void);
    struct test *next; /* private */
};

void test_register(struct test *test);

#define TEST(name_)                                                                                \
    static void test_##name_(void);                                                                \
    __attribute__((constructor)) static void test_register_##name_(void)                           \
    {                                                                                              \
        static struct test test = {.name = #name_, .run = test_##name_};                           \
        test_register(&test);                                                                      \
    }                                                                                              \
    static void test_##name_(void)

/* Print a comment line and leave the running test as failed. */
_Noreturn void test_fail(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Leave the running test without a verdict: what it needs is not on this machine. */
_Noreturn void test_skip(const char *reason);

/* A comment line in the output. */
void test_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define CHECK(x) ((x) ? (void)0 : test_fail(__FILE__, __LINE__, "CHECK(%s)", #x))

/* Integers of any kind; both values are printed. */
#define CHECK_EQ(a, b)                                                                             \
    test_check_eq(__FILE__, __LINE__, #a " == " #b, (long long)(a), (long long)(b))

/* C strings; NULL equals only NULL. */
#define CHECK_STR_EQ(a, b) test_check_str_eq(__FILE__, __LINE__, #a " == " #b, (a), (b))

/* `a` and `b` are struct bytes. */
#define CHECK_BYTES_EQ(a, b) test_check_bytes_eq(__FILE__, __LINE__, #a " == " #b, (a), (b))

struct bytes;
void test_check_eq(const char *file, int line, const char *text, long long a, long long b);
void test_check_str_eq(const char *file, int line, const char *text, const char *a, const char *b);
void test_check_bytes_eq(const char *file, int line, const char *text, struct bytes a,
                         struct bytes b);

/* `run` in a child process ends by abort(): for what ASSERT() promises. */
bool test_aborts(void (*run)(void *arg), void *arg);

/* An empty folder below TMPDIR, removed with everything in it when the test ends. Static. */
const char *test_folder(void);
