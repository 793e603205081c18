/*
 * Cron expressions, in UTC
 *
 *     minute hour day-of-month month day-of-week       or with seconds in front
 *
 * A field is `*`, a number, a range `1-5`, a list `1,3,5`, any of them with a step `/2`; months and
 * days have names, and Sunday is 0 or 7. When both days are given, either will do, as ever.
 */

type Field = { values: Set<number>; isAny: boolean };
export type Cron = { second: Field; minute: Field; hour: Field; day: Field; month: Field; weekday: Field };

export class CronError extends Error {}

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const ALIASES: Record<string, string> = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
};
/* Every date that comes at all comes within eight years: 29 February around 2100. */
const YEARS_MAX = 8;

function parseField(text: string, least: number, most: number, names: string[] = []): Field {
    const number = (word: string): number => {
        const named = names.indexOf(word.toLowerCase());
        const value = named >= 0 ? named + least : /^\d{1,2}$/.test(word) ? Number(word) : NaN;
        if (!(value >= least && value <= most)) throw new CronError(`"${word}" is not from ${least} to ${most}`);
        return value;
    };
    const values = new Set<number>();
    for (const part of text.split(",")) {
        const match = /^(\*|[^-/*]+)(?:-([^-/*]+))?(?:\/(\d{1,2}))?$/.exec(part);
        if (match === null) throw new CronError(`"${part}" was not understood`);
        const [, from = "*", to, step] = match;
        if (from === "*" && to !== undefined) throw new CronError(`"${part}" was not understood`);
        const first = from === "*" ? least : number(from);
        const last = to !== undefined ? number(to) : from === "*" || step !== undefined ? most : first;
        const by = Number(step ?? 1);
        if (by === 0 || last < first) throw new CronError(`"${part}" is never`);
        for (let value = first; value <= last; value += by) values.add(value);
    }
    return { values, isAny: text === "*" };
}

export function parseCron(expression: string): Cron {
    const fields = (ALIASES[expression.trim()] ?? expression).trim().split(/\s+/);
    if (fields.length === 5) fields.unshift("0");
    const [second, minute, hour, day, month, weekday] = fields;
    if (fields.length !== 6 || !second || !minute || !hour || !day || !month || !weekday)
        throw new CronError("A cron expression has five fields, or six with seconds");
    const cron = {
        second: parseField(second, 0, 59),
        minute: parseField(minute, 0, 59),
        hour: parseField(hour, 0, 23),
        day: parseField(day, 1, 31),
        month: parseField(month, 1, 12, MONTHS),
        weekday: parseField(weekday, 0, 7, WEEKDAYS),
    };
    if (cron.weekday.values.has(7)) cron.weekday.values.add(0);
    return cron;
}

function dayMatches(cron: Cron, date: Date): boolean {
    const byDay = cron.day.values.has(date.getUTCDate());
    const byWeekday = cron.weekday.values.has(date.getUTCDay());
    return cron.day.isAny || cron.weekday.isAny ? byDay && byWeekday : byDay || byWeekday;
}

/* The first time after `after` (ms) at which it is due, or null if there is none. Each step goes to
 * the beginning of the next month, day, hour, minute or second: the coarsest that does not match. */
export function nextAfter(cron: Cron, after: number): number | null {
    const date = new Date(after);
    date.setUTCMilliseconds(0);
    date.setUTCSeconds(date.getUTCSeconds() + 1);
    const yearMax = date.getUTCFullYear() + YEARS_MAX;
    while (date.getUTCFullYear() <= yearMax) {
        if (!cron.month.values.has(date.getUTCMonth() + 1)) {
            date.setUTCHours(0, 0, 0, 0);
            date.setUTCMonth(date.getUTCMonth() + 1, 1);
        } else if (!dayMatches(cron, date)) {
            date.setUTCHours(24, 0, 0, 0);
        } else if (!cron.hour.values.has(date.getUTCHours())) {
            date.setUTCMinutes(60, 0, 0);
        } else if (!cron.minute.values.has(date.getUTCMinutes())) {
            date.setUTCSeconds(60, 0);
        } else if (!cron.second.values.has(date.getUTCSeconds())) {
            date.setUTCSeconds(date.getUTCSeconds() + 1);
        } else {
            return date.getTime();
        }
    }
    return null;
}
