/*
 * Global events
 *
 * The EventTarget behind the global addEventListener(), removeEventListener() and dispatchEvent().
 */

import { expose } from "./webidl.js";
import { EventTarget } from "./events.js";

export const globalEvents = new EventTarget();

/* `onerror` and its kind are read from globalThis. */
for (const type of ["error", "unhandledrejection", "rejectionhandled"])
  Object.defineProperty(globalEvents, `on${type}`, {
    get() {
      const handler = globalThis[`on${type}`];
      return typeof handler === "function" ? handler : undefined;
    },
  });

for (const method of ["addEventListener", "removeEventListener", "dispatchEvent"])
  expose(method, globalEvents[method].bind(globalEvents));
