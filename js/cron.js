/*
 * Cron expressions
 *
 * Cloudflare's dialect, in UTC: minute, hour, day of the month, month, day of the week, where 1 is
 * Sunday and 7 is Saturday. Besides numbers, names, lists, ranges and steps there are `L` (the last
 * day of the month, Saturday, or with a weekday before it the last such day), `L-3`, `15W` (the weekday
 * nearest to the 15th within its month), `LW`, `L-3W` and `MON#2` (the second Monday). With both
 * day fields restricted a day matches when either does. As workerd, and unlike Cloudflare, descending
 * ranges and a `*` in a list are refused.
 */

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/* Every weekday falls on every date, 29 February too, at least once in so many days. */
const LOOKAHEAD_DAYS = 41 * 366;

const MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split(" ");
const WEEKDAYS = "sun mon tue wed thu fri sat".split(" ");

const FIELDS = {
  minute: { name: "minute", min: 0, max: 59, names: [] },
  hour: { name: "hour", min: 0, max: 23, names: [] },
  day: { name: "day of month", min: 1, max: 31, names: [] },
  month: { name: "month", min: 1, max: 12, names: MONTHS },
  weekday: { name: "day of week", min: 1, max: 7, names: WEEKDAYS },
};

function wrong(field, text) {
  return new Error(`the ${field.name} cannot be ${JSON.stringify(text)}`);
}

function oneValue(field, text) {
  const index = field.names.indexOf(text.toLowerCase());
  const value = index >= 0 ? field.min + index : /^\d+$/.test(text) ? Number(text) : NaN;
  if (!(value >= field.min && value <= field.max)) throw wrong(field, text);
  return value;
}

/** The values an item of a list names: "5", "1-5", "0-30/10", "3/5". */
function addItem(set, field, item) {
  const [span, stepText, ...tooMany] = item.split("/");
  const step = stepText === undefined ? 1 : /^\d+$/.test(stepText) ? Number(stepText) : 0;
  if (tooMany.length > 0 || step < 1 || step > field.max - field.min) throw wrong(field, item);
  let first = field.min;
  let last = field.max;
  if (span !== "*") {
    const ends = span.split("-");
    if (ends.length > 2) throw wrong(field, item);
    first = oneValue(field, ends[0]);
    if (ends.length === 2) last = oneValue(field, ends[1]);
    else if (stepText === undefined) last = first;
  }
  if (first > last) throw wrong(field, item);
  for (let value = first; value <= last; value += step) set.add(value);
}

function setOf(field, text) {
  const items = text.split(",");
  const set = new Set();
  for (const item of items) {
    if (items.length > 1 && item === "*") throw wrong(field, text);
    addItem(set, field, item);
  }
  return set;
}

/* ---- days: each field as a function of { day, weekday, last }, or null for "*"; Sunday is 0 ---- */

/** The weekday nearest to `day`, within the month. */
function workday(day, { day: today, weekday, last }) {
  const falls = (((weekday + day - today) % 7) + 7) % 7;
  if (falls === 6) return day > 1 ? day - 1 : day + 2;
  if (falls === 0) return day < last ? day + 1 : day - 2;
  return day;
}

function dayRule(text) {
  const field = FIELDS.day;
  if (text === "*") return null;
  const fromEnd = /^L(?:-(\d+))?(W?)$/.exec(text);
  if (fromEnd !== null) {
    const before = fromEnd[1] === undefined ? 0 : Number(fromEnd[1]);
    if (before > 30 || (before === 0 && fromEnd[1] !== undefined)) throw wrong(field, text);
    return (date) => {
      const target = date.last - before;
      return target >= 1 && date.day === (fromEnd[2] === "W" ? workday(target, date) : target);
    };
  }
  if (text.endsWith("W")) {
    const target = oneValue(field, text.slice(0, -1));
    return (date) => target <= date.last && date.day === workday(target, date);
  }
  const days = setOf(field, text);
  return ({ day }) => days.has(day);
}

function weekdayRule(text) {
  const field = FIELDS.weekday;
  if (text === "*") return null;
  if (text === "L") return ({ weekday }) => weekday === 6;
  if (text.endsWith("L")) {
    const wanted = oneValue(field, text.slice(0, -1)) - 1;
    return ({ day, weekday, last }) => weekday === wanted && day + 7 > last;
  }
  if (text.includes("#")) {
    const [name, nth, ...tooMany] = text.split("#");
    const wanted = oneValue(field, name) - 1;
    if (tooMany.length > 0 || !/^[1-5]$/.test(nth)) throw wrong(field, text);
    return ({ day, weekday }) => weekday === wanted && Math.ceil(day / 7) === Number(nth);
  }
  const weekdays = setOf(field, text);
  return ({ weekday }) => weekdays.has(weekday + 1);
}

function dayMatches(cron, dayMs) {
  const date = new Date(dayMs);
  const month = date.getUTCMonth();
  if (!cron.months.has(month + 1)) return false;
  if (cron.day === null && cron.weekday === null) return true;
  const last = new Date(Date.UTC(date.getUTCFullYear(), month + 1, 0)).getUTCDate();
  const parts = { day: date.getUTCDate(), weekday: date.getUTCDay(), last };
  return (cron.day?.(parts) ?? false) || (cron.weekday?.(parts) ?? false);
}

/** @throws an Error whose message says what is wrong with the text */
export function parseCron(text) {
  const fields = text.trim().split(/\s+/);
  if (fields.length !== 5) throw new Error(`it has ${fields.length} fields, not 5`);
  const [minute, hour, day, month, weekday] = fields;
  const cron = {
    text: text.trim(),
    minutes: setOf(FIELDS.minute, minute),
    hours: setOf(FIELDS.hour, hour),
    day: dayRule(day),
    months: setOf(FIELDS.month, month),
    weekday: weekdayRule(weekday),
  };
  if (nextTime(cron, 0) === null) throw new Error("it never matches");
  return cron;
}

/** Does it match the minute in which `ms` lies? */
export function isDue(cron, ms) {
  const inDay = ms % DAY_MS;
  const hour = Math.floor(inDay / HOUR_MS);
  return cron.hours.has(hour) && cron.minutes.has(Math.floor((inDay % HOUR_MS) / MINUTE_MS)) && dayMatches(cron, ms - inDay);
}

/** The start of the first matching minute after `ms`; null: there is none. */
export function nextTime(cron, ms) {
  let time = (Math.floor(ms / MINUTE_MS) + 1) * MINUTE_MS;
  const end = time + LOOKAHEAD_DAYS * DAY_MS;
  while (time < end) {
    const inDay = time % DAY_MS;
    const hour = Math.floor(inDay / HOUR_MS);
    if (!dayMatches(cron, time - inDay)) time += DAY_MS - inDay;
    else if (!cron.hours.has(hour)) time += HOUR_MS - (inDay % HOUR_MS);
    else if (!cron.minutes.has(Math.floor((inDay % HOUR_MS) / MINUTE_MS))) time += MINUTE_MS;
    else return time;
  }
  return null;
}
