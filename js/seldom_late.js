/*
 * The entry of the script that is evaluated when one of these is first used (seldom.js).
 */

export { Cache, CacheStorage, caches } from "./caches.js";
export { EventSource } from "./event_source.js";
export { FormData, encodeMultipart, isFormData, parseFormData } from "./formdata.js";
export { MessageChannel, MessagePort } from "./message_channel.js";
export {
  Performance,
  PerformanceEntry,
  PerformanceMark,
  PerformanceMeasure,
  PerformanceObserver,
  PerformanceObserverEntryList,
  PerformanceResourceTiming,
  performance,
} from "./performance.js";
export { structuredClone } from "./structured_clone.js";
