/*
 * node:events
 *
 * The `events` package with the younger members of the module.
 */

import EventEmitter from "events";
import { EventTarget } from "./events.js";
import { isAbortSignal, onAbort } from "./abort.js";

const errorMonitor = Symbol("events.errorMonitor");
const captureRejectionSymbol = Symbol.for("nodejs.rejection");

const { emit, on: addListener } = EventEmitter.prototype;

/* Listeners of errorMonitor see errors before anybody handles them, and do not count as handling. */
EventEmitter.prototype.emit = function (type, ...args) {
  if (type === "error" && this._events?.[errorMonitor] !== undefined) emit.call(this, errorMonitor, ...args);
  return emit.call(this, type, ...args);
};

function aborted(signal) {
  return Object.assign(new Error("The operation was aborted", { cause: signal.reason }), { name: "AbortError", code: "ABORT_ERR" });
}

/** once(emitter, name): the arguments of the next event. */
function once(emitter, name, options) {
  const signal = options?.signal;
  if (signal?.aborted) return Promise.reject(aborted(signal));
  return new Promise((resolve, reject) => {
    let release;
    const isTarget = emitter instanceof EventTarget;
    const finish = (step) => (...args) => {
      release?.();
      if (!isTarget) {
        emitter.removeListener(name, onEvent);
        emitter.removeListener("error", onError);
      }
      step(args);
    };
    const onEvent = finish(resolve);
    const onError = finish(([error]) => reject(error));
    if (isTarget) emitter.addEventListener(name, onEvent, { once: true });
    else {
      emitter.once(name, onEvent);
      if (name !== "error") emitter.once("error", onError);
    }
    if (isAbortSignal(signal)) release = onAbort(signal, finish(() => reject(aborted(signal))));
  });
}

/** on(emitter, name): an async iterator over the events. */
function on(emitter, name, options) {
  const signal = options?.signal;
  if (signal?.aborted) throw aborted(signal);
  const events = [];
  const waiting = [];
  let failure = null;
  let done = false;
  const onEvent = (...args) => {
    if (waiting.length > 0) waiting.shift().resolve({ value: args, done: false });
    else events.push(args);
  };
  const end = (error) => {
    done = true;
    failure = error ?? null;
    emitter.removeListener(name, onEvent);
    emitter.removeListener("error", onError);
    for (const each of waiting.splice(0))
      if (failure === null) each.resolve({ value: undefined, done: true });
      else each.reject(failure);
  };
  const onError = (error) => end(error);
  emitter.on(name, onEvent);
  if (name !== "error") emitter.on("error", onError);
  if (isAbortSignal(signal)) onAbort(signal, () => end(aborted(signal)));
  return {
    next() {
      if (events.length > 0) return Promise.resolve({ value: events.shift(), done: false });
      if (failure !== null) {
        const error = failure;
        failure = null;
        return Promise.reject(error);
      }
      if (done) return Promise.resolve({ value: undefined, done: true });
      return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
    },
    return() {
      end();
      return Promise.resolve({ value: undefined, done: true });
    },
    throw(error) {
      end(error);
      return Promise.reject(error);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

class EventEmitterAsyncResource extends EventEmitter {
  emitDestroy() {}
  asyncId() {
    return 0;
  }
  triggerAsyncId() {
    return 0;
  }
}

function addAbortListener(signal, listener) {
  if (signal.aborted) queueMicrotask(() => listener());
  else signal.addEventListener("abort", listener, { once: true });
  return { [Symbol.dispose]: () => signal.removeEventListener("abort", listener) };
}

Object.assign(EventEmitter, {
  EventEmitter,
  once,
  on,
  addAbortListener,
  errorMonitor,
  captureRejectionSymbol,
  captureRejections: false,
  usingDomains: false,
  EventEmitterAsyncResource,
  getEventListeners: (emitter, name) => (typeof emitter.listeners === "function" ? emitter.listeners(name) : []),
  getMaxListeners: (emitter) => emitter.getMaxListeners?.() ?? EventEmitter.defaultMaxListeners,
  setMaxListeners: (count, ...emitters) => {
    if (emitters.length === 0) EventEmitter.defaultMaxListeners = count;
    for (const emitter of emitters) emitter.setMaxListeners?.(count);
  },
});
EventEmitter.prototype.addListener = addListener;

export { EventEmitter };
export default EventEmitter;
