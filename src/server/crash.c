#include "server/crash.h"

#include <execinfo.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

enum {
    FRAMES_MAX = 48,
    TEXT_MAX = 96,
};

static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};

/* What follows runs in a signal handler, in a process of which nothing is known: it takes no lock
 * and no memory. */

static size_t put_text(char *line, size_t len, const char *text)
{
    while (*text != '\0' && len < TEXT_MAX)
        line[len++] = *text++;
    return len;
}

static size_t put_number(char *line, size_t len, uint64_t number, unsigned base)
{
    char digits[24];
    size_t count = 0;

    do {
        digits[count++] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number > 0);
    while (count > 0 && len < TEXT_MAX)
        line[len++] = digits[--count];
    return len;
}

static void report(int number, const siginfo_t *info)
{
    char name[16] = "?";
    char line[TEXT_MAX + 1];
    void *frames[FRAMES_MAX];
    size_t len = put_text(line, 0, "fatal: signal ");

    pthread_getname_np(pthread_self(), name, sizeof name);
    len = put_number(line, len, (uint64_t)number, 10);
    len = put_text(line, len, " at 0x");
    len = put_number(line, len, (uintptr_t)info->si_addr, 16);
    len = put_text(line, len, " in the thread ");
    len = put_text(line, len, name);
    len = put_text(line, len, "; it was in\n");
    if (write(STDERR_FILENO, line, len) < 0)
        return;
    backtrace_symbols_fd(frames, backtrace(frames, FRAMES_MAX), STDERR_FILENO);
}

/* The second time, it is fatal: also if saying it was what failed. */
static void on_fault(int number, siginfo_t *info, void *context)
{
    (void)context;
    signal(number, SIG_DFL);
    report(number, info);
    raise(number); /* blocked until the handler, which may be the machine's, is done */
}

void crash_install(void)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    void *frame[1];

    backtrace(frame, 1); /* the first call loads what it needs */
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        struct sigaction before;

        if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler == SIG_DFL)
            sigaction(signals[i], &action, NULL);
    }
}
