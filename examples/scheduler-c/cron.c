#include "cron.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* Every date that comes at all comes within eight years: 29 February around 2100. */
#define YEARS_MAX  8
#define FIELDS_MAX 6

static const char *const months[] = {"jan", "feb", "mar", "apr", "may", "jun", "jul",
                                     "aug", "sep", "oct", "nov", "dec", NULL};
static const char *const weekdays[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL};
static const char *const nameless[] = {NULL};

static const struct {
    const char *alias, *expression;
} aliases[] = {
    {"@hourly", "0 * * * *"},  {"@daily", "0 0 * * *"},  {"@weekly", "0 0 * * 0"},
    {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"},
};

/* ---- reading ---- */

struct field {
    int least, most;
    const char *const *names;
    char *why;
    size_t why_size;
};

static bool refuse(const struct field *field, const char *word, const char *what)
{
    snprintf(field->why, field->why_size, "\"%.40s\" %s", word, what);
    return false;
}

/* Of at most two digits. */
static bool digits(const char *word, int *value)
{
    size_t len = strlen(word);

    *value = atoi(word);
    return len > 0 && len <= 2 && strspn(word, "0123456789") == len;
}

static bool number(const struct field *field, const char *word, int *value)
{
    bool known = digits(word, value);

    for (int i = 0; field->names[i] != NULL && !known; i++) {
        known = strcasecmp(word, field->names[i]) == 0;
        *value = i + field->least;
    }
    return (known && *value >= field->least && *value <= field->most) ||
           refuse(field, word, "is out of range");
}

/* Cuts `text` at the first `separator`; what is behind it, or NULL. */
static char *cut(char *text, char separator)
{
    char *at = strchr(text, separator);

    if (at != NULL)
        *at++ = '\0';
    return at;
}

static bool parse_part(const struct field *field, char *part, uint64_t *values)
{
    char *step = cut(part, '/');
    char *to = cut(part, '-');
    bool any = strcmp(part, "*") == 0;
    int first = field->least, last = field->most, by = 1;

    if ((any && to != NULL) || (step != NULL && !digits(step, &by)))
        return refuse(field, part, "was not understood");
    if (!any && !number(field, part, &first))
        return false;
    if (to != NULL && !number(field, to, &last))
        return false;
    if (!any && to == NULL && step == NULL)
        last = first;
    if (by == 0 || last < first)
        return refuse(field, part, "is never");
    for (int value = first; value <= last; value += by)
        *values |= UINT64_C(1) << value;
    return true;
}

static bool parse_field(char *text, struct field field, uint64_t *values)
{
    char *rest;

    for (char *part = text; part != NULL; part = rest) {
        rest = cut(part, ',');
        if (!parse_part(&field, part, values))
            return false;
    }
    return true;
}

static size_t split(char *text, char *fields[FIELDS_MAX + 1])
{
    static const char space[] = " \t\n\r\f\v";
    char *state = NULL;
    size_t count = 0;

    for (char *word = strtok_r(text, space, &state); word != NULL && count <= FIELDS_MAX;
         word = strtok_r(NULL, space, &state))
        fields[count++] = word;
    return count;
}

bool cron_parse(struct cron *cron, const char *expression, char *why, size_t why_size)
{
    char text[CRON_LENGTH_MAX + 1], second[] = "0";
    char *words[FIELDS_MAX + 1];
    char **at = words;
    size_t count;

    *cron = (struct cron){0};
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        if (strcmp(expression, aliases[i].alias) == 0)
            expression = aliases[i].expression;
    snprintf(text, sizeof text, "%s", expression);
    count = split(text, words);
    if (strlen(expression) > CRON_LENGTH_MAX || count < 5 || count > FIELDS_MAX) {
        snprintf(why, why_size, "A cron expression has five fields, or six with seconds");
        return false;
    }
    if (!parse_field(count == 5 ? second : *at++, (struct field){0, 59, nameless, why, why_size},
                     &cron->second))
        return false;
    cron->any_day = strcmp(at[2], "*") == 0;
    cron->any_weekday = strcmp(at[4], "*") == 0;
    if (!parse_field(at[0], (struct field){0, 59, nameless, why, why_size}, &cron->minute) ||
        !parse_field(at[1], (struct field){0, 23, nameless, why, why_size}, &cron->hour) ||
        !parse_field(at[2], (struct field){1, 31, nameless, why, why_size}, &cron->day) ||
        !parse_field(at[3], (struct field){1, 12, months, why, why_size}, &cron->month) ||
        !parse_field(at[4], (struct field){0, 7, weekdays, why, why_size}, &cron->weekday))
        return false;
    cron->weekday |= cron->weekday >> 7 & 1; /* Sunday */
    return true;
}

/* ---- what comes next ---- */

static bool has(uint64_t values, int value)
{
    return (values >> value & 1) != 0;
}

static bool day_matches(const struct cron *cron, const struct tm *date)
{
    bool by_day = has(cron->day, date->tm_mday);
    bool by_weekday = has(cron->weekday, date->tm_wday);

    return cron->any_day || cron->any_weekday ? by_day && by_weekday : by_day || by_weekday;
}

/* Each step goes to the beginning of the next month, day, hour, minute or second: the coarsest that
 * does not match. timegm() puts right what has become too large. */
int64_t cron_next(const struct cron *cron, int64_t after)
{
    time_t time = (time_t)(after / 1000) + 1;
    struct tm date;
    int year_max;

    if (gmtime_r(&time, &date) == NULL)
        return -1;
    for (year_max = date.tm_year + YEARS_MAX; date.tm_year <= year_max;) {
        if (!has(cron->month, date.tm_mon + 1)) {
            date = (struct tm){.tm_year = date.tm_year, .tm_mon = date.tm_mon + 1, .tm_mday = 1};
        } else if (!day_matches(cron, &date)) {
            date.tm_mday++;
            date.tm_hour = date.tm_min = date.tm_sec = 0;
        } else if (!has(cron->hour, date.tm_hour)) {
            date.tm_hour++;
            date.tm_min = date.tm_sec = 0;
        } else if (!has(cron->minute, date.tm_min)) {
            date.tm_min++;
            date.tm_sec = 0;
        } else if (!has(cron->second, date.tm_sec)) {
            date.tm_sec++;
        } else {
            return (int64_t)timegm(&date) * 1000;
        }
        timegm(&date);
    }
    return -1;
}
