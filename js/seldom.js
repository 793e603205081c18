/*
 * Seldom
 *
 * Globals that few Workers use, in a script of their own, seldom_late.js.
 */

import { compat } from "./compat.js";
import { lateScript } from "./late.js";
import { exposeLate } from "./webidl.js";

export const seldom = lateScript("seldom");

exposeLate(
  "Cache CacheStorage EventSource FormData Performance PerformanceEntry PerformanceMark PerformanceMeasure " +
    "PerformanceObserver PerformanceObserverEntryList PerformanceResourceTiming caches performance structuredClone",
  seldom,
);
if (compat.flags.messageChannel) exposeLate("MessageChannel MessagePort", seldom);
