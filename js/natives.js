/*
 * Natives
 *
 * The whole bundle is one function of two arguments: `__natives`, a flat table of C functions, and
 * `__options`, what the project's configuration says about this realm. Everything else in js/
 * reaches C through this file.
 */

/* global __natives, __options */

export const natives = __natives;
export const options = __options ?? {};

const GLOBAL_SCOPE_TEXT =
  "Disallowed operation called within global scope. Asynchronous I/O (ex: fetch() or connect()), " +
  "setting a timeout, and generating random values are not allowed within global scope. To fix " +
  "this error, perform this operation within a handler. " +
  "https://developers.cloudflare.com/workers/runtime-apis/handlers/";

const running = natives.running ?? new Float64Array(1);

/** A number for the context that runs, 0 if none does. What does I/O remembers whose it is. */
export const runningContext = () => running[0];

/** Throw if the running context is not `owner` (§1.12.4). `type` is the platform's name for what is used. */
export function checkOwner(owner, type) {
  if (owner !== running[0] && owner !== 0) natives.refuse_foreign(type);
}

/** Throw unless an event's context is current. A shell without contexts always has one. */
export function requireContext() {
  if (natives.in_context !== undefined && !natives.in_context()) throw new Error(GLOBAL_SCOPE_TEXT);
}
