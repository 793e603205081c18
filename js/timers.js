/*
 * Timers and microtasks
 *
 * Ids are numbers; with Node's timers on (nodejs_compat and its date) they are Timeout objects that
 * convert to those numbers. The C half runs the callback in the context that set the timer.
 */

import { natives } from "./natives.js";
import { compat } from "./compat.js";
import { expose, finishClass, INTERNAL, isObject } from "./webidl.js";
import { isAbortSignal, onAbort } from "./abort.js";
import { reportError } from "./report.js";

const DELAY_MAX = 0x7fffffff;

function describeValue(value) {
  if (value === undefined || value === null) return `Received ${value}`;
  if (typeof value === "string") return `Received type string ('${value.length > 25 ? `${value.slice(0, 25)}...` : value}')`;
  if (isObject(value)) return `Received an instance of ${value.constructor?.name ?? "Object"}`;
  return `Received type ${typeof value} (${String(value)})`;
}

function requireCallback(callback) {
  if (typeof callback === "function") return;
  const error = new TypeError(`The "callback" argument must be of type function. ${describeValue(callback)}`);
  error.code = "ERR_INVALID_ARG_TYPE";
  throw error;
}

function cleanDelay(delay) {
  delay = Math.trunc(Number(delay));
  if (!(delay > 0)) return 0;
  return delay > DELAY_MAX ? (compat.flags.nodeTimers ? 1 : DELAY_MAX) : delay;
}

/* The callback is run without arguments by C; what the program passed along is bound here. */
function bind(callback, args) {
  return args.length === 0 ? () => callback() : () => callback(...args);
}

/* -- plain ids ---------------------------------------------------------------------------------- */

function setTimer(callback, delay, repeat, args) {
  requireCallback(callback);
  return natives.timer_set(cleanDelay(delay), repeat, bind(callback, args));
}

function clearTimer(id) {
  if (id === undefined || id === null) return;
  if (isTimeout(id)) {
    id.close();
    return;
  }
  const number = Number(id);
  if (number > 0) natives.timer_clear(number);
}

/* -- Node's objects ----------------------------------------------------------------------------- */

let isTimeout;

class Timeout {
  #run;
  #delay;
  #repeat;
  #id;
  #shown = true;

  constructor(token, run, delay, repeat) {
    if (token !== INTERNAL) throw new TypeError("Illegal constructor");
    this.#run = repeat
      ? run
      : () => {
          this.#id = 0;
          run(this);
        };
    this.#delay = delay;
    this.#repeat = repeat;
    this.#id = natives.timer_set(delay, repeat, this.#run);
    this.number = this.#id;
    Object.defineProperty(this, "number", { enumerable: false });
  }

  static {
    isTimeout = (value) => typeof value === "object" && value !== null && #run in value;
  }

  refresh() {
    if (this.#id !== 0) natives.timer_clear(this.#id);
    this.#id = natives.timer_set(this.#delay, this.#repeat, this.#run);
    return this;
  }
  ref() {
    this.#shown = true;
    return this;
  }
  unref() {
    this.#shown = false;
    return this;
  }
  hasRef() {
    return this.#shown;
  }
  close() {
    if (this.#id !== 0) natives.timer_clear(this.#id);
    this.#id = 0;
    return this;
  }
  [Symbol.toPrimitive]() {
    return this.number;
  }
  [Symbol.dispose]() {
    this.close();
  }
}

class Immediate extends Timeout {}

function makeTimeout(callback, delay, repeat, args) {
  requireCallback(callback);
  return new Timeout(INTERNAL, bind(callback, args), cleanDelay(delay), repeat);
}

/* -- globals ------------------------------------------------------------------------------------ */

const start = compat.flags.nodeTimers ? makeTimeout : setTimer;

export function setTimeout(callback, delay, ...args) {
  return start(callback, delay, false, args);
}
export function setInterval(callback, delay, ...args) {
  return start(callback, delay, true, args);
}
export function clearTimeout(id) {
  clearTimer(id);
}
export function clearInterval(id) {
  clearTimer(id);
}
export function setImmediate(callback, ...args) {
  requireCallback(callback);
  return new Immediate(INTERNAL, bind(callback, args), 0, false);
}
export function clearImmediate(id) {
  clearTimer(id);
}

const resolved = Promise.resolve();

export function queueMicrotask(callback) {
  if (typeof callback !== "function")
    throw new TypeError(
      "Failed to execute 'queueMicrotask' on 'ServiceWorkerGlobalScope': parameter 1 is not of type 'function'.",
    );
  resolved.then(() => {
    try {
      callback();
    } catch (error) {
      reportError(error);
    }
  });
}

finishClass(Timeout);
finishClass(Immediate);

for (const [name, value] of Object.entries({ setTimeout, setInterval, clearTimeout, clearInterval, queueMicrotask }))
  expose(name, value);
if (compat.flags.nodejsCompatV2) {
  expose("setImmediate", setImmediate);
  expose("clearImmediate", clearImmediate);
}

class Scheduler {
  constructor(token) {
    if (token !== INTERNAL) throw new TypeError("Illegal constructor");
  }
  wait(delay, options) {
    const signal = options?.signal ?? undefined;
    if (signal !== undefined && !isAbortSignal(signal))
      return Promise.reject(new TypeError("The signal option is not an AbortSignal."));
    if (signal?.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      let release;
      const id = natives.timer_set(cleanDelay(delay), false, () => {
        release?.();
        resolve();
      });
      if (signal !== undefined)
        release = onAbort(signal, (reason) => {
          natives.timer_clear(id);
          reject(reason);
        });
    });
  }
}

finishClass(Scheduler);
expose("scheduler", new Scheduler(INTERNAL));

export { Timeout, Immediate };
