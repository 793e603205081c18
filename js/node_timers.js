/*
 * node:timers, node:timers/promises and node:perf_hooks
 */

import { setTimeout, clearTimeout, setInterval, clearInterval, setImmediate, clearImmediate } from "./timers.js";
import { isAbortSignal, onAbort } from "./abort.js";
import { seldom } from "./seldom.js";
import { notImplemented } from "./node_stub.js";

function aborted(signal) {
  return Object.assign(new Error("The operation was aborted", { cause: signal.reason }), { name: "AbortError", code: "ABORT_ERR" });
}

function wait(start, stop, value, options) {
  const signal = options?.signal;
  if (signal?.aborted) return Promise.reject(aborted(signal));
  return new Promise((resolve, reject) => {
    let release;
    const timer = start(() => {
      release?.();
      resolve(value);
    });
    if (isAbortSignal(signal))
      release = onAbort(signal, () => {
        stop(timer);
        reject(aborted(signal));
      });
  });
}

export const promises = {
  setTimeout: (delay, value, options) => wait((run) => setTimeout(run, delay), clearTimeout, value, options),
  setImmediate: (value, options) => wait((run) => setImmediate(run), clearImmediate, value, options),
  async *setInterval(delay, value, options) {
    for (;;) yield await promises.setTimeout(delay, value, options);
  },
  scheduler: {
    wait: (delay, options) => promises.setTimeout(delay, undefined, options),
    yield: () => promises.setImmediate(),
  },
};

const { performance, PerformanceEntry, PerformanceMark, PerformanceMeasure, PerformanceObserver, Performance } = seldom();

export const perfHooks = {
  performance,
  Performance,
  PerformanceEntry,
  PerformanceMark,
  PerformanceMeasure,
  PerformanceObserver,
  constants: {},
  createHistogram: notImplemented("perf_hooks.createHistogram"),
  monitorEventLoopDelay: notImplemented("perf_hooks.monitorEventLoopDelay"),
};

const PROMISIFY = Symbol.for("nodejs.util.promisify.custom");
for (const [callback, promised] of [[setTimeout, promises.setTimeout], [setImmediate, promises.setImmediate]])
  Object.defineProperty(callback, PROMISIFY, { value: promised, configurable: true });

export default { setTimeout, clearTimeout, setInterval, clearInterval, setImmediate, clearImmediate, promises };
