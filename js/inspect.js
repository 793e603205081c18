/*
 * Inspect
 *
 * Values as text, for logs. What does it is large, and a Worker that logs nothing does without it:
 * inspect_late.js is evaluated when it is first asked.
 */

import { lateScript } from "./late.js";

const load = lateScript("inspect");

/** A value as text. Options as of util.inspect; those that only colour are ignored. */
export function inspect(value, options) {
  return load().inspect(value, options);
}

/** The arguments of console.log() as text: the first one may be a format. */
export function formatLog(values) {
  return load().formatLog(values);
}
