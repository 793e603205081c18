/*
 * Configuration: compatibility date and flags
 *
 * What workerd refuses, in its words: no date, a flag twice, and flags that contradict each other.
 */

import { FLAGS } from "./compat_flags.js";

/** Behaviour that this version knows; a project without a date gets it. */
export const NEWEST_DATE = "2026-11-20";

const DATE = /^20\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])$/;

export function checkDate(check, path, date) {
  if (date === undefined) {
    check.warn([], `"compatibility_date" is missing: behaving as of ${NEWEST_DATE}. Add "compatibility_date": "${NEWEST_DATE}" to keep it so.`);
  } else if (!DATE.test(date)) {
    check.error(path, `"compatibility_date" must be a date of the form YYYY-MM-DD, but is ${JSON.stringify(date)}.`);
  } else if (date > NEWEST_DATE) {
    check.warn(path, `"compatibility_date" is newer than this version knows: behaving as of ${NEWEST_DATE}.`);
  }
}

export function checkFlags(check, path, names = []) {
  names.forEach((name, i) => {
    if (names.indexOf(name) < i) check.error([...path, i], `Compatibility flag specified multiple times: ${name}`);
  });
  for (const [, on, off] of Object.values(FLAGS)) {
    if (on !== null && off !== null && names.includes(on) && names.includes(off))
      check.error(path, `Compatibility flags are mutually contradictory: ${on} vs ${off}`);
  }
}
