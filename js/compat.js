/*
 * Compatibility flags
 *
 * A project names a date; every behaviour change that became the default on or before it is on, and
 * the project's own flags switch single ones on or off. Dates newer than the table are fine: they
 * mean everything in it.
 */

import { FLAGS } from "./compat_flags.js";
import { options } from "./natives.js";

/** A project without a date gets today's behaviour. */
const NEWEST = "9999-12-31";

/** flags for a date and a list of flag names; used for this realm and by the tests. */
export function computeFlags(date, names = []) {
  const given = new Set(names);
  const flags = {};
  for (const [flag, [since, on, off]] of Object.entries(FLAGS)) {
    if (off !== null && given.has(off)) flags[flag] = false;
    else if (on !== null && given.has(on)) flags[flag] = true;
    else flags[flag] = since !== null && date >= since;
  }
  if (flags.nodejsCompat && date >= "2024-09-23" && !given.has("no_nodejs_compat_v2")) flags.nodejsCompatV2 = true;
  if (flags.nodejsCompatV2) flags.nodejsCompat = true;
  if (!flags.nodejsCompat) flags.nodeTimers = false;
  return flags;
}

const date = options.compatibilityDate ?? NEWEST;

export const compat = {
  date,
  flags: computeFlags(date, options.compatibilityFlags),
  /** Public names of what is on: `Cloudflare.compatibilityFlags`. */
  names() {
    const names = {};
    for (const [flag, [, on]] of Object.entries(FLAGS)) if (on !== null) names[on] = this.flags[flag];
    for (const name of options.compatibilityFlags ?? []) if (!(name in names)) names[name] = true;
    return names;
  },
};
