/*
 * Aborting
 *
 * AbortController and AbortSignal. A signal made by AbortSignal.any() depends on its sources; the
 * sources hold it strongly only once somebody listens to it, so that a long-lived signal does not
 * collect every dependent ever made.
 */

import { exposeClass, INTERNAL } from "./webidl.js";
import { DOMException } from "./dom_exception.js";
import { EventTarget, Event, trusted } from "./events.js";
import { natives } from "./natives.js";

/* Dead dependents are looked for when their number passes a power of two from here on. */
const PRUNE_AT = 64;

let create, abort, follow, addStep, removeStep, isSignal;

export class AbortSignal extends EventTarget {
  #aborted = false;
  #reason = undefined;
  #steps = null; /* functions run before the event */
  #sources = null; /* for any(): the plain signals it depends on */
  #dependents = null; /* WeakRefs of any() signals */
  #kept = null; /* those of them that somebody listens to */

  #handler = null;

  constructor(token) {
    if (token !== INTERNAL) throw new TypeError("Illegal constructor");
    super();
  }

  static {
    create = () => new AbortSignal(INTERNAL);
    isSignal = (value) => typeof value === "object" && value !== null && #aborted in value;
    abort = (signal, reason) => {
      if (signal.#aborted) return;
      const family = [signal];
      signal.#mark(reason);
      for (const reference of signal.#dependents ?? []) {
        const dependent = reference.deref();
        if (dependent === undefined || dependent.#aborted) continue;
        dependent.#mark(signal.#reason);
        family.push(dependent);
      }
      signal.#dependents = null;
      signal.#kept = null;
      for (const each of family) each.#fire();
    };
    follow = (signal, sources) => {
      signal.#sources = new Set();
      for (const source of sources)
        for (const plain of source.#sources ?? [source]) signal.#sources.add(plain);
      for (const plain of signal.#sources) plain.#adopt(signal);
    };
    addStep = (signal, step) => {
      (signal.#steps ??= new Set()).add(step);
      signal.#keep();
    };
    removeStep = (signal, step) => signal.#steps?.delete(step);
  }

  #adopt(dependent) {
    this.#dependents ??= new Set();
    if (this.#dependents.size >= PRUNE_AT && (this.#dependents.size & (this.#dependents.size - 1)) === 0)
      for (const reference of this.#dependents) if (reference.deref() === undefined) this.#dependents.delete(reference);
    this.#dependents.add(new WeakRef(dependent));
  }

  #keep() {
    for (const source of this.#sources ?? []) if (!source.#aborted) (source.#kept ??= new Set()).add(this);
  }

  addEventListener(type, callback, options) {
    super.addEventListener(type, callback, options);
    if (this.#sources !== null) this.#keep();
  }

  get onabort() {
    return this.#handler;
  }
  set onabort(handler) {
    this.#handler = typeof handler === "function" ? handler : null;
    if (this.#handler !== null) this.#keep();
  }

  #mark(reason) {
    this.#aborted = true;
    this.#reason = reason === undefined ? new DOMException("The operation was aborted", "AbortError") : reason;
  }

  #fire() {
    const steps = this.#steps;
    this.#steps = null;
    if (steps !== null) for (const step of steps) step(this.#reason);
    this.dispatchEvent(trusted(new Event("abort")));
  }

  static abort(reason) {
    const signal = create();
    signal.#mark(reason);
    return signal;
  }

  static timeout(milliseconds) {
    const delay = Number(milliseconds);
    if (!(delay >= 0)) throw new TypeError("The delay of AbortSignal.timeout() must be a number of milliseconds.");
    const signal = create();
    natives.timer_set(Math.min(Math.trunc(delay), 0x7fffffff), false, () =>
      abort(signal, new DOMException("The operation was aborted due to timeout", "TimeoutError")),
    );
    return signal;
  }

  static any(signals) {
    const sources = [...signals];
    for (const source of sources)
      if (!isSignal(source))
        throw new TypeError("Failed to execute 'any' on 'AbortSignal': parameter 1 is not of type 'AbortSignal[]'.");
    const signal = create();
    const done = sources.find((source) => source.#aborted);
    if (done !== undefined) signal.#mark(done.#reason);
    else follow(signal, sources);
    return signal;
  }

  get aborted() {
    return this.#aborted;
  }
  get reason() {
    return this.#reason;
  }
  throwIfAborted() {
    if (this.#aborted) throw this.#reason;
  }
}

export class AbortController {
  #signal = create();
  get signal() {
    return this.#signal;
  }
  abort(reason) {
    abort(this.#signal, reason);
  }
}

exposeClass(AbortController);
exposeClass(AbortSignal);

export { create as createSignal, abort as abortSignal, isSignal as isAbortSignal };

/** Run step(reason) when the signal aborts; returns a function that takes it back. */
export function onAbort(signal, step) {
  addStep(signal, step);
  return () => removeStep(signal, step);
}

/** A signal that aborts when `source` does. */
export function followSignal(source) {
  return AbortSignal.any([source]);
}
