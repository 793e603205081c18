#include "test.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"

enum verdict {
    VERDICT_PASSED,
    VERDICT_FAILED,
    VERDICT_SKIPPED,
};

static struct test *first;
static struct test **last = &first;
static jmp_buf leave;
static const char *skip_reason;
static char folder[4096]; /* "" while the running test has none */

void test_register(struct test *test)
{
    *last = test;
    last = &test->next;
}

void test_fail(const char *file, int line, const char *format, ...)
{
    va_list args;

    printf("# %s:%d: ", file, line);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
    longjmp(leave, VERDICT_FAILED);
}

void test_skip(const char *reason)
{
    skip_reason = reason;
    longjmp(leave, VERDICT_SKIPPED);
}

void test_note(const char *format, ...)
{
    va_list args;

    printf("# ");
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
}

void test_check_eq(const char *file, int line, const char *text, long long a, long long b)
{
    if (a != b)
        test_fail(file, line, "CHECK_EQ(%s): %lld and %lld", text, a, b);
}

void test_check_str_eq(const char *file, int line, const char *text, const char *a, const char *b)
{
    if (a == NULL || b == NULL ? a != b : strcmp(a, b) != 0)
        test_fail(file, line, "CHECK_STR_EQ(%s): \"%s\" and \"%s\"", text, a ? a : "(null)",
                  b ? b : "(null)");
}

static void note_bytes(struct bytes b)
{
    printf("#   %zu:", b.len);
    for (size_t i = 0; i < b.len && i < 64; i++)
        printf(" %02x", b.data[i]);
    printf("%s\n", b.len > 64 ? " ..." : "");
}

void test_check_bytes_eq(const char *file, int line, const char *text, struct bytes a,
                         struct bytes b)
{
    if (bytes_equal(a, b))
        return;
    note_bytes(a);
    note_bytes(b);
    test_fail(file, line, "CHECK_BYTES_EQ(%s)", text);
}

bool test_aborts(void (*run)(void *arg), void *arg)
{
    const struct rlimit no_core = {0};
    int status;
    pid_t pid;

    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        setrlimit(RLIMIT_CORE, &no_core);
        fclose(stderr);
        run(arg);
        _exit(0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        test_fail(__FILE__, __LINE__, "cannot fork");
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

const char *test_folder(void)
{
    const char *tmp = getenv("TMPDIR");

    if (folder[0] != '\0')
        return folder;
    snprintf(folder, sizeof folder, "%s/dormouse-test-XXXXXX", tmp != NULL ? tmp : "/tmp");
    if (mkdtemp(folder) == NULL) {
        folder[0] = '\0';
        test_fail(__FILE__, __LINE__, "cannot make a folder");
    }
    return folder;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void remove_folder(void)
{
    if (folder[0] != '\0')
        nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    folder[0] = '\0';
}

static bool run_one(const struct test *test, int number)
{
    enum verdict verdict = (enum verdict)setjmp(leave);

    if (verdict == VERDICT_PASSED)
        test->run();
    remove_folder();
    printf("%s %d - %s", verdict == VERDICT_FAILED ? "not ok" : "ok", number, test->name);
    if (verdict == VERDICT_SKIPPED)
        printf(" # SKIP %s", skip_reason);
    printf("\n");
    fflush(stdout);
    return verdict != VERDICT_FAILED;
}

static bool wanted(const struct test *test, const char *part)
{
    return part == NULL || strstr(test->name, part) != NULL;
}

/* Read by ThreadSanitizer, if it is there: JavaScriptCore and GLib are not instrumented, so their
 * locks and what they guard are not understood. */
const char *__tsan_default_suppressions(void);

__attribute__((visibility("default"))) const char *__tsan_default_suppressions(void)
{
    return "called_from_lib:libjavascriptcoregtk-4.1.so\n"
           "race:libjavascriptcoregtk-4.1.so\n"
           "called_from_lib:libglib-2.0.so\n"
           "race:libglib-2.0.so\n";
}

int main(int argc, char **argv)
{
    const char *part = argc > 1 ? argv[1] : NULL;
    bool list = part != NULL && strcmp(part, "--list") == 0;
    int count = 0;
    int failed = 0;

    for (struct test *test = first; test != NULL; test = test->next) {
        if (list)
            printf("%s\n", test->name);
        count += wanted(test, part);
    }
    if (list)
        return 0;

    printf("1..%d\n", count);
    count = 0;
    for (struct test *test = first; test != NULL; test = test->next) {
        if (wanted(test, part))
            failed += !run_one(test, ++count);
    }
    return failed > 0;
}
