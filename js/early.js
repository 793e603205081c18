/*
 * Early globals
 *
 * What the bundled packages look for on globalThis while they are being evaluated. Import this
 * before any of them.
 */

import "./stack.js";
import { DOMException } from "./dom_exception.js";
import { AbortController, AbortSignal } from "./abort.js";

for (const [name, value] of Object.entries({ DOMException, AbortController, AbortSignal }))
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });

for (const name of ["dispose", "asyncDispose"])
  if (Symbol[name] === undefined) Object.defineProperty(Symbol, name, { value: Symbol(`Symbol.${name}`) });
