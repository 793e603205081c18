/* .assetsignore: gitignore's rules, the last one that matches decides. */

#include <string.h>

#include "api/assets.h"

/* [a-z] or [!a-z] at `pattern`, which is behind the bracket. NULL: it does not match, or is
 * open. */
static const char *match_class(const char *pattern, const char *end, char c)
{
    bool negated = pattern < end && (*pattern == '!' || *pattern == '^');
    bool found = false;

    if (negated)
        pattern++;
    for (const char *start = pattern; pattern < end && (*pattern != ']' || pattern == start);) {
        char low = *pattern++;
        char high = low;

        if (low == '\\' && pattern < end)
            high = low = *pattern++;
        if (pattern + 1 < end && pattern[0] == '-' && pattern[1] != ']') {
            high = pattern[1];
            pattern += 2;
        }
        found = found ||
                ((unsigned char)low <= (unsigned char)c && (unsigned char)c <= (unsigned char)high);
    }
    return pattern < end && found != negated && c != '/' ? pattern + 1 : NULL;
}

/* A pattern has few stars, so trying each length is quick enough. */
static bool matches(const char *pattern, const char *end, const char *path)
{
    while (pattern < end) {
        if (pattern[0] == '*' && pattern + 1 < end && pattern[1] == '*') {
            const char *rest = pattern + 2;
            bool folders =
                rest < end && *rest == '/'; /* "**" and its slash may stand for nothing */

            if (folders && matches(rest + 1, end, path))
                return true;
            for (const char *at = path; *at != '\0'; at++) {
                if ((!folders || *at == '/') && matches(folders ? rest + 1 : rest, end, at + 1))
                    return true;
            }
            return !folders && rest == end;
        }
        if (*pattern == '*') {
            for (const char *at = path;; at++) {
                if (matches(pattern + 1, end, at))
                    return true;
                if (*at == '\0' || *at == '/')
                    return false;
            }
        }
        if (*path == '\0')
            return false;
        if (*pattern == '[') {
            pattern = match_class(pattern + 1, end, *path);
            if (pattern == NULL)
                return false;
            path++;
            continue;
        }
        if (*pattern == '?' ? *path == '/' : false)
            return false;
        if (*pattern == '\\' && pattern + 1 < end)
            pattern++;
        else if (*pattern == '?') {
            pattern++;
            path++;
            continue;
        }
        if (*pattern++ != *path++)
            return false;
    }
    return *path == '\0';
}

static bool rule_matches(const char *rule, const char *end, const char *path)
{
    const char *slash = memchr(rule, '/', (size_t)(end - rule));
    const char *base = strrchr(path, '/');

    if (*rule == '/')
        return matches(rule + 1, end, path);
    if (slash != NULL)
        return matches(rule, end, path);
    return matches(rule, end, base != NULL ? base + 1 : path);
}

bool assets_ignored(struct bytes text, const char *path, bool folder)
{
    const char *line = (const char *)text.data;
    const char *stop = line + text.len;
    bool ignored = false;

    while (line < stop) {
        const char *next = memchr(line, '\n', (size_t)(stop - line));
        const char *end = next != NULL ? next : stop;
        const char *rule = line;
        bool negated;

        line = next != NULL ? next + 1 : stop;
        while (end > rule && (end[-1] == '\r' || end[-1] == ' ') &&
               !(end - 1 > rule && end[-2] == '\\'))
            end--;
        if (rule == end || *rule == '#')
            continue;
        negated = *rule == '!';
        if (negated)
            rule++;
        if (end > rule && end[-1] == '/') {
            if (!folder)
                continue;
            end--;
        }
        if (end > rule && rule_matches(rule, end, path))
            ignored = !negated;
    }
    return ignored;
}
