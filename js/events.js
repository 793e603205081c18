/*
 * Events
 *
 * EventTarget with the event classes of the platform. There is no tree: a path has one target. An
 * exception in a listener does not stop the others; it is reported as uncaught. `onx` properties are
 * honoured on every target, as on Cloudflare (set, they act as one more listener).
 */

import { exposeClass, defineConstants, toDictionary, toDOMString, isObject, requireArguments } from "./webidl.js";
import { DOMException } from "./dom_exception.js";
import { natives } from "./natives.js";

const NONE = 0;
const AT_TARGET = 2;

const FLAG_STOP = 1;
const FLAG_STOP_NOW = 2;
const FLAG_CANCELED = 4;
const FLAG_PASSIVE = 8;
const FLAG_DISPATCHING = 16;
const FLAG_THROWS = 32; /* what a listener throws ends the dispatch, and is whose it was */

let startEvent, endEvent, eventFlags, setPassive, setThrows, setTrusted;

/** Set by report.js: what to do with an exception nobody caught. */
let reportUncaught = () => {};
export function setUncaughtReporter(report) {
  reportUncaught = report;
}

export class Event {
  #type;
  #bubbles = false;
  #cancelable = false;
  #composed = false;
  #target;
  #current;
  #phase = NONE;
  #flags = 0;
  #trusted = false;

  constructor(type, init) {
    if (arguments.length < 1) requireArguments(0, 1, "constructor", "Event");
    this.#type = toDOMString(type);
    if (init !== undefined && init !== null) {
      init = toDictionary(init, "Event init");
      this.#bubbles = !!init.bubbles;
      this.#cancelable = !!init.cancelable;
      this.#composed = !!init.composed;
    }
  }

  static {
    startEvent = (event, target) => {
      if (event.#flags & FLAG_DISPATCHING)
        throw new DOMException("The event is already being dispatched.", "InvalidStateError");
      event.#flags |= FLAG_DISPATCHING;
      event.#target = target;
      event.#current = target;
      event.#phase = AT_TARGET;
    };
    endEvent = (event) => {
      event.#flags &= ~(FLAG_DISPATCHING | FLAG_STOP | FLAG_STOP_NOW);
      event.#current = undefined;
      event.#phase = NONE;
    };
    eventFlags = (event) => event.#flags;
    setPassive = (event, on) => {
      if (on) event.#flags |= FLAG_PASSIVE;
      else event.#flags &= ~FLAG_PASSIVE;
    };
    setThrows = (event) => {
      event.#flags |= FLAG_THROWS;
    };
    setTrusted = (event) => {
      event.#trusted = true;
      return event;
    };
  }

  get type() {
    return this.#type;
  }
  get eventPhase() {
    return this.#phase;
  }
  get composed() {
    return this.#composed;
  }
  get bubbles() {
    return this.#bubbles;
  }
  get cancelable() {
    return this.#cancelable;
  }
  get defaultPrevented() {
    return (this.#flags & FLAG_CANCELED) !== 0;
  }
  get returnValue() {
    return (this.#flags & FLAG_CANCELED) === 0;
  }
  set returnValue(value) {
    if (!value) this.preventDefault();
  }
  get currentTarget() {
    return this.#current;
  }
  get target() {
    return this.#target;
  }
  get srcElement() {
    return this.#target;
  }
  get timeStamp() {
    return 0;
  }
  get isTrusted() {
    return this.#trusted;
  }
  get cancelBubble() {
    return (this.#flags & FLAG_STOP) !== 0;
  }
  set cancelBubble(value) {
    if (value) this.#flags |= FLAG_STOP;
  }
  stopImmediatePropagation() {
    this.#flags |= FLAG_STOP | FLAG_STOP_NOW;
  }
  preventDefault() {
    if (this.#cancelable && !(this.#flags & FLAG_PASSIVE)) this.#flags |= FLAG_CANCELED;
  }
  stopPropagation() {
    this.#flags |= FLAG_STOP;
  }
  composedPath() {
    return this.#current === undefined ? [] : [this.#current];
  }
}

exposeClass(Event);
defineConstants(Event, { NONE: 0, CAPTURING_PHASE: 1, AT_TARGET: 2, BUBBLING_PHASE: 3 });

/** Mark an event as made by the platform. */
export function trusted(event) {
  return setTrusted(event);
}

export class CustomEvent extends Event {
  #detail = null;
  constructor(type, init) {
    super(type, init);
    if (init?.detail !== undefined) this.#detail = init.detail;
  }
  get detail() {
    return this.#detail;
  }
}

export class MessageEvent extends Event {
  #data;
  #origin;
  #lastEventId;
  #source;
  #ports;
  constructor(type, init) {
    super(type, init);
    this.#data = init?.data === undefined ? null : init.data;
    this.#origin = init?.origin === undefined ? "" : init.origin === null ? null : toDOMString(init.origin);
    this.#lastEventId = init?.lastEventId === undefined ? "" : toDOMString(init.lastEventId);
    this.#source = init?.source ?? null;
    this.#ports = init?.ports === undefined ? undefined : Object.freeze([...init.ports]);
  }
  get data() {
    return this.#data;
  }
  get origin() {
    return this.#origin;
  }
  get lastEventId() {
    return this.#lastEventId;
  }
  get source() {
    return this.#source;
  }
  get ports() {
    return (this.#ports ??= Object.freeze([]));
  }
}

export class CloseEvent extends Event {
  #wasClean;
  #code;
  #reason;
  constructor(type, init) {
    super(type, init);
    this.#wasClean = !!init?.wasClean;
    this.#code = init?.code === undefined ? 0 : init.code & 0xffff;
    this.#reason = init?.reason === undefined ? "" : toDOMString(init.reason);
  }
  get wasClean() {
    return this.#wasClean;
  }
  get code() {
    return this.#code;
  }
  get reason() {
    return this.#reason;
  }
}

export class ErrorEvent extends Event {
  #init;
  constructor(type, init) {
    super(type, init);
    this.#init = { ...init };
  }
  get message() {
    return this.#init.message === undefined ? "" : toDOMString(this.#init.message);
  }
  get filename() {
    return this.#init.filename === undefined ? "" : toDOMString(this.#init.filename);
  }
  get lineno() {
    return this.#init.lineno >>> 0;
  }
  get colno() {
    return this.#init.colno >>> 0;
  }
  get error() {
    return this.#init.error;
  }
}

export class PromiseRejectionEvent extends Event {
  #promise;
  #reason;
  constructor(type, init) {
    if (arguments.length < 2) requireArguments(arguments.length, 2, "constructor", "PromiseRejectionEvent", "object");
    super(type, init);
    this.#promise = init.promise;
    this.#reason = init.reason;
  }
  get promise() {
    return this.#promise;
  }
  get reason() {
    return this.#reason;
  }
}

export class ExtendableEvent extends Event {
  waitUntil(promise) {
    natives.wait_until(Promise.resolve(promise));
  }
}

/** What a FetchEvent was answered with (promise or null), and whether exceptions pass through. */
export let fetchEventAnswer, fetchEventPassThrough;

export class FetchEvent extends ExtendableEvent {
  #request;
  #response = null; /* promise of the answer, once the program gave one */
  #passThrough = false;
  constructor(type, init) {
    super(type, init);
    this.#request = init.request;
  }
  static {
    fetchEventAnswer = (event) => event.#response;
    fetchEventPassThrough = (event) => event.#passThrough;
  }
  get request() {
    return this.#request;
  }
  respondWith(response) {
    if (this.#response !== null)
      throw new DOMException(
        "FetchEvent.respondWith() has already been called; it can only be called once.",
        "InvalidStateError",
      );
    if (!(eventFlags(this) & FLAG_DISPATCHING))
      throw new DOMException(
        "Too late to call FetchEvent.respondWith(). It must be called synchronously in the event handler.",
        "InvalidStateError",
      );
    this.#response = Promise.resolve(response);
    this.stopImmediatePropagation();
  }
  passThroughOnException() {
    this.#passThrough = true;
  }
}

export class ScheduledEvent extends ExtendableEvent {
  #init;
  constructor(type, init) {
    super(type, init);
    this.#init = { ...init };
  }
  get scheduledTime() {
    return this.#init.scheduledTime;
  }
  get cron() {
    return this.#init.cron ?? "";
  }
  noRetry() {
    this.#init.noRetry?.();
  }
}

export class TailEvent extends ExtendableEvent {
  #events;
  constructor(type, init) {
    super(type, init);
    this.#events = init?.events ?? [];
  }
  get events() {
    return this.#events;
  }
  get traces() {
    return this.#events;
  }
}

for (const constructor of [
  CustomEvent,
  MessageEvent,
  CloseEvent,
  ErrorEvent,
  PromiseRejectionEvent,
  ExtendableEvent,
  FetchEvent,
  ScheduledEvent,
  TailEvent,
])
  exposeClass(constructor);

/* The older name; an alias with a prototype of its own. */
class TraceEvent extends TailEvent {}
exposeClass(TraceEvent);

/* -- targets ------------------------------------------------------------------------------------ */

let watchListeners, countListeners;

export class EventTarget {
  #listeners = null; /* Map type → array of records, or null while there are none */
  #watcher = null;

  addEventListener(type, callback, options) {
    if (arguments.length < 2) requireArguments(arguments.length, 2, "addEventListener", "EventTarget");
    type = toDOMString(type);
    const capture = typeof options === "boolean" ? options : !!options?.capture;
    const detailed = isObject(options);
    const signal = detailed ? options.signal : undefined;
    if (callback === null || callback === undefined) return;
    if (!isObject(callback))
      throw new TypeError("Failed to execute 'addEventListener' on 'EventTarget': parameter 2 is not of type 'EventListener'.");
    if (signal !== undefined && signal !== null) {
      if (typeof signal.aborted !== "boolean" || !(signal instanceof EventTarget))
        throw new TypeError("Incorrect type for the 'signal' field on 'AddEventListenerOptions': the provided value is not of type 'AbortSignal'.");
      if (signal.aborted) return;
    }
    this.#listeners ??= new Map();
    let list = this.#listeners.get(type);
    if (list === undefined) {
      list = [];
      this.#listeners.set(type, list);
    }
    for (const other of list) if (other.callback === callback && other.capture === capture) return;
    const record = {
      callback,
      capture,
      once: detailed && !!options.once,
      passive: detailed && !!options.passive,
      removed: false,
    };
    list.push(record);
    if (list.length === 1) this.#watcher?.(type, true);
    if (signal !== undefined && signal !== null)
      signal.addEventListener("abort", () => this.#remove(type, record), { once: true });
  }

  removeEventListener(type, callback, options) {
    if (arguments.length < 2) requireArguments(arguments.length, 2, "removeEventListener", "EventTarget");
    const list = this.#listeners?.get(toDOMString(type));
    if (list === undefined) return;
    const capture = typeof options === "boolean" ? options : !!options?.capture;
    const record = list.find((other) => other.callback === callback && other.capture === capture);
    if (record !== undefined) this.#remove(toDOMString(type), record);
  }

  dispatchEvent(event) {
    if (typeof event !== "object" || event === null || !(event instanceof Event))
      throw new TypeError("Failed to execute 'dispatchEvent' on 'EventTarget': parameter 1 is not of type 'Event'.");
    startEvent(event, this);
    const type = event.type;
    try {
      const handler = this[`on${type}`];
      if (typeof handler === "function") this.#call(handler, this, event);
      const list = this.#listeners?.get(type);
      if (list !== undefined && list.length > 0 && !(eventFlags(event) & FLAG_STOP_NOW)) this.#run(event, type, list);
    } finally {
      endEvent(event);
    }
    return (eventFlags(event) & FLAG_CANCELED) === 0;
  }

  #run(event, type, list) {
    const running = list.length === 1 ? list : list.slice();
    for (let i = 0, n = running.length; i < n; i++) {
      const record = running[i];
      if (record === undefined || record.removed) continue;
      if (record.once) this.#remove(type, record);
      const callback = record.callback;
      if (record.passive) setPassive(event, true);
      if (typeof callback === "function") this.#call(callback, this, event);
      else this.#callObject(callback, event);
      if (record.passive) setPassive(event, false);
      if (eventFlags(event) & FLAG_STOP_NOW) break;
    }
  }

  #call(callback, self, event) {
    try {
      callback.call(self, event);
    } catch (error) {
      if (eventFlags(event) & FLAG_THROWS) throw error;
      reportUncaught(error);
    }
  }

  #callObject(callback, event) {
    try {
      const method = callback.handleEvent;
      if (typeof method !== "function") throw new TypeError("EventListener.handleEvent is not a function.");
      method.call(callback, event);
    } catch (error) {
      if (eventFlags(event) & FLAG_THROWS) throw error;
      reportUncaught(error);
    }
  }

  #remove(type, record) {
    if (record.removed) return;
    record.removed = true;
    const list = this.#listeners.get(type);
    list.splice(list.indexOf(record), 1);
    if (list.length === 0) {
      this.#listeners.delete(type);
      this.#watcher?.(type, false);
    }
  }

  static {
    watchListeners = (target, watcher) => {
      target.#watcher = watcher;
    };
    countListeners = (target, type) => target.#listeners?.get(type)?.length ?? 0;
  }
}

exposeClass(EventTarget);

/** Dispatch an event whose listeners may fail: the first who throws ends it, and the error is thrown. */
export function dispatchThrowing(target, event) {
  setThrows(event);
  target.dispatchEvent(event);
}

/** watcher(type, present) runs when a target gets its first listener of a type, or loses its last. */
export function watchEventTarget(target, watcher) {
  watchListeners(target, watcher);
}

/** Listeners of a type, the `on` handler included. */
export function hasListener(target, type) {
  return countListeners(target, type) > 0 || typeof target[`on${type}`] === "function";
}

/** An `onx` attribute on a class whose targets start without handlers. Non-functions read as null. */
export function defineEventHandlers(constructor, types) {
  for (const type of types) {
    const handlers = new WeakMap();
    Object.defineProperty(constructor.prototype, `on${type}`, {
      get() {
        return handlers.get(this) ?? null;
      },
      set(value) {
        if (isObject(value)) handlers.set(this, value);
        else handlers.delete(this);
      },
      enumerable: true,
      configurable: true,
    });
  }
}
