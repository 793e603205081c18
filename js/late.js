/*
 * Late scripts
 *
 * Parts of the platform that are large and that most Workers begin without stand in scripts of their
 * own, which are evaluated when first needed: parsing is most of what a start costs. What such a script
 * imports from files of the main script is what the main script has (tools/embed.mjs).
 */

import { natives } from "./natives.js";

/* file name without ".js" → () => its exports, which are all there once the main script has run */
const shared = {};

/** Files of the main script that late ones import. */
export function shareWithLate(files) {
  Object.assign(shared, files);
}

/** A function that returns the exports of a script; `more` has further files that it imports. */
export function lateScript(name, more) {
  let exports = null;
  const load = () => (exports ??= natives.builtin_late(name, natives, more === undefined ? shared : { ...shared, ...more }));
  load.isLoaded = () => exports !== null;
  return load;
}

/** Was anything of the script used yet? */
export function isLoaded(load) {
  return load.isLoaded();
}
