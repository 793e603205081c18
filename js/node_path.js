/*
 * node:path, with POSIX rules everywhere
 */

import path from "path-browserify";

function toNamespacedPath(text) {
  return text;
}

/** A glob against a path: *, ** and ?. */
function matchesGlob(text, pattern) {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("**", "\0")
    .replaceAll("*", "[^/]*")
    .replaceAll("?", "[^/]")
    .replaceAll("\0", ".*");
  return new RegExp(`^${source}$`).test(text);
}

Object.assign(path, { toNamespacedPath, matchesGlob });
path.posix = path;
path.win32 = path;

export default path;
