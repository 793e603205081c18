/*
 * Web IDL
 *
 * What every platform class needs to look like one: enumerable members, a Symbol.toStringTag, a
 * constructor that refuses scripts where the standard says so, and argument conversions that throw
 * the errors scripts expect. Classes are collected in `exposed` and put on globalThis at the end.
 */

/** Names that main.js puts on globalThis: name → value. */
export const exposed = new Map();

/** How the console shows an instance of a platform class: constructor → function(instance) → object. */
export const inspectors = new Map();

/** Prototypes of platform classes → their names. */
const platformPrototypes = new Map();

/** Passed by this bundle to constructors that scripts may not call. */
export const INTERNAL = Symbol("internal");

export const kEnumerable = { enumerable: true, configurable: true, writable: true };

/* All but those whose names say that they are our own. */
function makeMembersEnumerable(target) {
  const isFunction = typeof target === "function";
  for (const name of Object.getOwnPropertyNames(target)) {
    if (name === "constructor" || (isFunction && (name === "prototype" || name === "length" || name === "name"))) continue;
    const descriptor = Object.getOwnPropertyDescriptor(target, name);
    if (descriptor.enumerable || !descriptor.configurable || name.startsWith("_")) continue;
    descriptor.enumerable = true;
    Object.defineProperty(target, name, descriptor);
  }
}

/** What the getters of a platform object's classes say: how it is shown when no inspector knows better. */
export function gettersOf(value) {
  const view = {};
  const chain = [];
  for (let proto = Object.getPrototypeOf(value); proto !== null; proto = Object.getPrototypeOf(proto))
    if (platformPrototypes.has(proto)) chain.unshift(proto);
  for (const proto of chain)
    for (const [name, { get }] of Object.entries(Object.getOwnPropertyDescriptors(proto)))
      if (get !== undefined) view[name] = get.call(value);
  return view;
}

/** A class's name in the source: the bundler may have put an underscore before it or a number behind it. */
function sourceName(constructor) {
  return constructor.name.replace(/^_|\d+$/g, "");
}

/** Give `constructor` the attributes Web IDL asks for, and its tag, without making it a global. */
export function finishClass(constructor, name = sourceName(constructor)) {
  if (constructor.name !== name) Object.defineProperty(constructor, "name", { value: name, configurable: true });
  platformPrototypes.set(constructor.prototype, name);
  makeMembersEnumerable(constructor.prototype);
  makeMembersEnumerable(constructor);
  Object.defineProperty(constructor.prototype, Symbol.toStringTag, { value: name, configurable: true });
  return constructor;
}

/** The platform class that `value` is an instance of, or of a subclass of the author's; undefined where it is of none. */
export function platformClass(value) {
  for (let proto = Object.getPrototypeOf(value); proto !== null; proto = Object.getPrototypeOf(proto)) {
    const name = platformPrototypes.get(proto);
    if (name !== undefined) return name;
  }
  return undefined;
}

/** Finish a class and put it on globalThis. */
export function exposeClass(constructor, name = sourceName(constructor)) {
  finishClass(constructor, name);
  exposed.set(name, constructor);
  return constructor;
}

export function expose(name, value) {
  if (typeof value === "function" && value.name !== name) Object.defineProperty(value, "name", { value: name, configurable: true }); // the bundler's, or "bound …"
  exposed.set(name, value);
}

/** Globals that come with a late script (late.js), when one of them is first used. */
export class LateGlobal {
  constructor(load) {
    this.load = load;
  }
  describe(name) {
    const load = this.load;
    const become = (value) =>
      Object.defineProperty(globalThis, name, { value, writable: true, enumerable: false, configurable: true });
    return {
      get() {
        const value = load()[name];
        become(value);
        return value;
      },
      set: become,
      enumerable: false,
      configurable: true,
    };
  }
}

export function exposeLate(names, load) {
  const late = new LateGlobal(load);
  for (const name of names.split(" ")) exposed.set(name, late);
}

/** Constants live on the constructor and on its prototype, read-only. */
export function defineConstants(constructor, constants) {
  for (const [name, value] of Object.entries(constants)) {
    const descriptor = { value, enumerable: true };
    Object.defineProperty(constructor, name, descriptor);
    Object.defineProperty(constructor.prototype, name, descriptor);
  }
}

/** Web IDL DOMString: a symbol throws TypeError, in V8's words. */
export function toDOMString(value) {
  if (typeof value === "string") return value;
  if (typeof value === "symbol") throw new TypeError("Cannot convert a Symbol value to a string");
  return `${value}`;
}

/** A text as it comes back from bytes: half a surrogate pair takes three, and none of them is UTF-8. */
export function asReadBack(text) {
  return text.isWellFormed() ? text : text.replace(/\p{Surrogate}/gu, "\ufffd\ufffd\ufffd");
}

export function toUSVString(value) {
  return toDOMString(value).toWellFormed();
}

/** A 32-bit integer, as workerd takes one: no wrapping around, and what is no number is 0. */
export function toInt32(value) {
  if (typeof value === "symbol" || typeof value === "bigint")
    throw new TypeError(`Cannot convert a ${typeof value === "symbol" ? "Symbol" : "BigInt"} value to a number`);
  const number = Math.trunc(Number(value));
  if (!Number.isFinite(number)) return 0;
  if (number < -2147483648 || number > 2147483647)
    throw new TypeError("Value out of range. Must be between -2147483648 and 2147483647 (inclusive).");
  return number;
}

/** Parameter `place`, a dictionary that may be missing. */
export function checkDictionary(value, place, type, method, interfaceName) {
  if (value === undefined || value === null || isObject(value)) return;
  throw new TypeError(`Failed to execute '${method}' on '${interfaceName}': parameter ${place} is not of type '${type}'.`);
}

/** "Failed to execute 'get' on 'Headers': parameter 1 is not of type 'string'." */
export function requireArguments(count, needed, method, interfaceName, type = "string") {
  if (count < needed)
    throw new TypeError(
      `Failed to execute '${method}' on '${interfaceName}': parameter ${count + 1} is not of type '${type}'.`,
    );
}

export function isObject(value) {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

/** A dictionary argument: undefined and null are the empty dictionary. */
export function toDictionary(value, what) {
  if (value === undefined || value === null) return {};
  if (!isObject(value)) throw new TypeError(`${what} is not an object.`);
  return value;
}

export function isBufferSource(value) {
  return ArrayBuffer.isView(value) || isAnyArrayBuffer(value);
}

const arrayBufferLength = Object.getOwnPropertyDescriptor(ArrayBuffer.prototype, "byteLength").get;

export function isAnyArrayBuffer(value) {
  if (value instanceof ArrayBuffer) return true;
  if (typeof value !== "object" || value === null) return false;
  if (typeof SharedArrayBuffer !== "undefined" && value instanceof SharedArrayBuffer) return true;
  try {
    arrayBufferLength.call(value);
    return true;
  } catch {
    return false;
  }
}

/** A Uint8Array over the same bytes; no copy. */
export function bytesOf(source) {
  if (source instanceof Uint8Array) return source;
  if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  return new Uint8Array(source);
}

/** A Uint8Array over a copy of the bytes. */
export function copyBytes(source) {
  return bytesOf(source).slice();
}

export function joinBytes(chunks, total) {
  if (chunks.length === 1) return chunks[0];
  if (total === undefined) {
    total = 0;
    for (const chunk of chunks) total += chunk.byteLength;
  }
  const all = new Uint8Array(total);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.byteLength;
  }
  return all;
}

/**
 * Default iterator objects of pair iterables: `%XIteratorPrototype%` with next() and a tag.
 * `step(state)` returns the next result value or undefined at the end.
 */
const IteratorPrototype = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]()));

export function makeIteratorClass(name, step) {
  let create;
  class PairIterator {
    #state;
    constructor(state) {
      this.#state = state;
    }
    static {
      create = (state) => new PairIterator(state);
    }
    next() {
      const value = step(this.#state);
      return value === undefined ? { value: undefined, done: true } : { value, done: false };
    }
  }
  const prototype = PairIterator.prototype;
  delete prototype.constructor;
  Object.setPrototypeOf(prototype, IteratorPrototype);
  Object.defineProperty(prototype, "next", { enumerable: true });
  Object.defineProperty(prototype, Symbol.toStringTag, { value: `${name} Iterator`, configurable: true });
  return create;
}
