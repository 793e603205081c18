#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"

/* The trail of the fault this thread is carrying. Long trails lose their end: where a fault
 * started matters more than the last to pass it on. */
static _Thread_local char trail[512];
static _Thread_local size_t trail_len;

/* clang-format off */
#define ERRNO_MAP(X)                                                     \
    X(EPERM) X(ENOENT) X(EINTR) X(EIO) X(ENXIO) X(E2BIG) X(EBADF)        \
    X(EAGAIN) X(ENOMEM) X(EACCES) X(EFAULT) X(EBUSY) X(EEXIST) X(EXDEV)  \
    X(ENODEV) X(ENOTDIR) X(EISDIR) X(EINVAL) X(ENFILE) X(EMFILE)         \
    X(ETXTBSY) X(EFBIG) X(ENOSPC) X(ESPIPE) X(EROFS) X(EMLINK) X(EPIPE)  \
    X(EDOM) X(ERANGE) X(EDEADLK) X(ENAMETOOLONG) X(ENOLCK) X(ENOSYS)     \
    X(ENOTEMPTY) X(ELOOP) X(EPROTO) X(EBADMSG) X(EOVERFLOW) X(EILSEQ)    \
    X(ENOTSOCK) X(EDESTADDRREQ) X(EMSGSIZE) X(EPROTOTYPE)                \
    X(ENOPROTOOPT) X(EPROTONOSUPPORT) X(EOPNOTSUPP) X(EAFNOSUPPORT)      \
    X(EADDRINUSE) X(EADDRNOTAVAIL) X(ENETDOWN) X(ENETUNREACH)            \
    X(ECONNABORTED) X(ECONNRESET) X(ENOBUFS) X(EISCONN) X(ENOTCONN)      \
    X(ETIMEDOUT) X(ECONNREFUSED) X(EHOSTUNREACH) X(EALREADY)             \
    X(EINPROGRESS) X(ESTALE) X(EDQUOT) X(ECANCELED)

/* clang-format on */

const char *err_name(int fault)
{
    switch (fault < 0 ? -fault : fault) {
    case 0: return "OK";
#define NAME(code)                                                                                 \
    case code: return #code;
        ERRNO_MAP(NAME)
#undef NAME
    default: return "EUNKNOWN";
    }
}

const char *err_describe(int fault)
{
    static _Thread_local char text[128];

    return strerror_r(fault < 0 ? -fault : fault, text, sizeof text);
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

__attribute__((format(printf, 1, 2))) static void trail_append(const char *format, ...)
{
    size_t room = sizeof trail - trail_len;
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(trail + trail_len, room, format, args);
    va_end(args);
    if (n > 0)
        trail_len += (size_t)n < room ? (size_t)n : room - 1;
}

int err_raise_at(int fault, const char *func, const char *file, int line)
{
    ASSERT(fault < 0);
    trail_len = 0;
    trail_append("%s (%s) at %s %s:%d", err_describe(fault), err_name(fault), func, last_part(file),
                 line);
    return fault;
}

int err_pass_at(int fault, const char *func, const char *file, int line)
{
    ASSERT(fault < 0);
    trail_append(" via %s %s:%d", func, last_part(file), line);
    return fault;
}

const char *err_trail(void)
{
    return trail;
}

void err_text_set(struct err_text *err, const char *format, ...)
{
    va_list args;

    if (err == NULL)
        return;
    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
}
