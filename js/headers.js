/*
 * Headers
 *
 * A Headers of an incoming message starts as the one string the C half made of it ("name\nvalue\n…")
 * and is taken apart only when somebody looks. Taken apart it is a Map from lower-case name to a record
 * { name, value, more }: the name as first written, the first value, and the rest of the values if the
 * name was appended to.
 */

import { exposeClass, inspectors, requireArguments, toDOMString, isObject, makeIteratorClass, INTERNAL } from "./webidl.js";

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const FORBIDDEN_IN_VALUE = /[\0\r\n]/;
const NAMES_CACHED_MAX = 512;

const PAIR_TEXT =
  "To initialize a Headers object from a sequence, each inner sequence must have exactly two elements.";

/* Names seen before, valid, in lower case: the same few come again and again. */
const lowerNames = new Map();

function lowerName(name) {
  const known = lowerNames.get(name);
  if (known !== undefined) return known;
  if (!TOKEN.test(name)) throw new TypeError("Invalid header name.");
  const lower = name.toLowerCase();
  if (lowerNames.size < NAMES_CACHED_MAX) lowerNames.set(name, lower);
  return lower;
}

function isSpace(code) {
  return code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0d;
}

/** Strip surrounding HTTP whitespace, then refuse what would break the message's framing. */
function cleanValue(value) {
  let start = 0;
  let end = value.length;
  while (start < end && isSpace(value.charCodeAt(start))) start++;
  while (end > start && isSpace(value.charCodeAt(end - 1))) end--;
  if (end - start !== value.length) value = value.slice(start, end);
  if (FORBIDDEN_IN_VALUE.test(value)) throw new TypeError("Invalid header value.");
  return value;
}

function joined(record) {
  return record.more === null ? record.value : `${record.value}, ${record.more.join(", ")}`;
}

let blockOf, fillFrom, makeImmutable, isImmutable, fromBlock, rawGet, rawSet, isHeaders, copyOf, entriesOf, fieldsOf;

export class Headers {
  #block = null; /* string or flat array from C, until it is taken apart */
  #map = null;
  #immutable = false;

  constructor(init) {
    if (init === undefined || init === INTERNAL) return;
    if (typeof init !== "object" || init === null)
      throw new TypeError(
        "Failed to construct 'Headers': constructor parameter 1 is not of type 'Headers or Sequence or object'.",
      );
    if (#block in init && init[Symbol.iterator] === Headers.prototype[Symbol.iterator]) {
      copyOf(init, this);
      return;
    }
    this.#fill(init);
  }

  #fill(init) {
    const iterator = init[Symbol.iterator];
    if (iterator !== undefined && iterator !== null) {
      for (const pair of init) {
        if (!isObject(pair)) throw new TypeError(PAIR_TEXT);
        const fields = Array.isArray(pair) ? pair : [...pair];
        if (fields.length !== 2) throw new TypeError(PAIR_TEXT);
        const [name, value] = fields;
        this.#append(toDOMString(name), toDOMString(value));
      }
      return;
    }
    for (const name of Reflect.ownKeys(init)) {
      if (typeof name !== "string") {
        if (Object.prototype.propertyIsEnumerable.call(init, name)) toDOMString(name);
        continue;
      }
      if (!Object.prototype.propertyIsEnumerable.call(init, name)) continue;
      this.#append(name, toDOMString(init[name]));
    }
  }

  #open() {
    if (this.#map !== null) return this.#map;
    const map = new Map();
    const block = this.#block;
    this.#block = null;
    this.#map = map;
    if (block === null || block.length === 0) return map;
    const fields = typeof block === "string" ? block.split("\n") : block;
    for (let i = 0; i + 1 < fields.length; i += 2) {
      const name = fields[i];
      let lower = lowerNames.get(name);
      if (lower === undefined) {
        lower = name.toLowerCase();
        if (lowerNames.size < NAMES_CACHED_MAX && TOKEN.test(name)) lowerNames.set(name, lower);
      }
      const record = map.get(lower);
      if (record === undefined) map.set(lower, { name, value: fields[i + 1], more: null });
      else if (record.more === null) record.more = [fields[i + 1]];
      else record.more.push(fields[i + 1]);
    }
    return map;
  }

  #append(name, value) {
    const lower = lowerName(name);
    value = cleanValue(value);
    const map = this.#open();
    const record = map.get(lower);
    if (record === undefined) map.set(lower, { name, value, more: null });
    else if (record.more === null) record.more = [value];
    else record.more.push(value);
  }

  #guard() {
    if (this.#immutable) throw new TypeError("Can't modify immutable headers.");
  }

  static {
    isHeaders = (value) => typeof value === "object" && value !== null && #block in value;
    fromBlock = (block, immutable) => {
      const headers = new Headers(INTERNAL);
      headers.#block = block;
      headers.#immutable = immutable;
      return headers;
    };
    copyOf = (source, target = new Headers(INTERNAL)) => {
      if (source.#map === null) {
        target.#block = source.#block;
        return target;
      }
      const map = (target.#map = new Map());
      for (const [lower, { name, value, more }] of source.#map)
        map.set(lower, { name, value, more: more === null ? null : more.slice() });
      return target;
    };
    fillFrom = (headers, init) => headers.#fill(init);
    makeImmutable = (headers) => {
      headers.#immutable = true;
      return headers;
    };
    isImmutable = (headers) => headers.#immutable;
    fieldsOf = (headers) => {
      const fields = [];
      for (const [lower, { name, value, more }] of headers.#open()) {
        fields.push([name, lower, value]);
        if (more !== null) for (const each of more) fields.push([name, lower, each]);
      }
      return fields;
    };
    rawGet = (headers, lower) => {
      if (headers.#map === null && headers.#block === null) return null;
      const record = headers.#open().get(lower);
      return record === undefined ? null : joined(record);
    };
    rawSet = (headers, lower, name, value) => {
      headers.#open().set(lower, { name, value, more: null });
    };
    blockOf = (headers) => {
      if (headers.#map === null) {
        const block = headers.#block;
        if (block === null) return "";
        return typeof block === "string" ? block : block.join("\n");
      }
      let block = "";
      for (const { name, value, more } of headers.#map.values()) {
        block += block === "" ? `${name}\n${value}` : `\n${name}\n${value}`;
        if (more !== null) for (const each of more) block += `\n${name}\n${each}`;
      }
      return block;
    };
    entriesOf = (headers) => {
      const entries = [];
      const map = headers.#open();
      for (const lower of [...map.keys()].sort()) {
        const record = map.get(lower);
        if (lower === "set-cookie" && record.more !== null) {
          entries.push([lower, record.value]);
          for (const each of record.more) entries.push([lower, each]);
        } else {
          entries.push([lower, joined(record)]);
        }
      }
      return entries;
    };
  }

  append(name, value) {
    if (arguments.length < 2) requireArguments(arguments.length, 2, "append", "Headers");
    this.#guard();
    this.#append(toDOMString(name), toDOMString(value));
  }

  delete(name) {
    if (arguments.length < 1) requireArguments(0, 1, "delete", "Headers");
    this.#guard();
    this.#open().delete(lowerName(toDOMString(name)));
  }

  get(name) {
    if (arguments.length < 1) requireArguments(0, 1, "get", "Headers");
    const record = this.#open().get(lowerName(toDOMString(name)));
    return record === undefined ? null : joined(record);
  }

  getAll(name) {
    if (arguments.length < 1) requireArguments(0, 1, "getAll", "Headers");
    if (toDOMString(name).toLowerCase() !== "set-cookie")
      throw new TypeError('getAll() can only be used with the header name "Set-Cookie".');
    return this.getSetCookie();
  }

  getSetCookie() {
    const record = this.#open().get("set-cookie");
    if (record === undefined) return [];
    return record.more === null ? [record.value] : [record.value, ...record.more];
  }

  has(name) {
    if (arguments.length < 1) requireArguments(0, 1, "has", "Headers");
    return this.#open().has(lowerName(toDOMString(name)));
  }

  set(name, value) {
    if (arguments.length < 2) requireArguments(arguments.length, 2, "set", "Headers");
    this.#guard();
    name = toDOMString(name);
    const lower = lowerName(name);
    value = cleanValue(toDOMString(value));
    const map = this.#open();
    const record = map.get(lower);
    if (record === undefined) {
      map.set(lower, { name, value, more: null });
    } else {
      record.value = value;
      record.more = null;
    }
  }

  forEach(callback, self) {
    if (typeof callback !== "function")
      throw new TypeError("Failed to execute 'forEach' on 'Headers': parameter 1 is not of type 'Function'.");
    for (const [name, value] of entriesOf(this)) callback.call(self, value, name, this);
  }

  entries() {
    return iterate({ headers: this, entries: null, at: 0, pick: null });
  }
  keys() {
    return iterate({ headers: this, entries: null, at: 0, pick: 0 });
  }
  values() {
    return iterate({ headers: this, entries: null, at: 0, pick: 1 });
  }
}

const iterate = makeIteratorClass("Headers", (state) => {
  state.entries ??= entriesOf(state.headers);
  if (state.at >= state.entries.length) return undefined;
  const entry = state.entries[state.at++];
  return state.pick === null ? entry : entry[state.pick];
});

Object.defineProperty(Headers.prototype, Symbol.iterator, {
  value: Headers.prototype.entries,
  writable: true,
  configurable: true,
});

exposeClass(Headers);
inspectors.set(Headers, (headers) => new Map(entriesOf(headers)));

export {
  isHeaders,
  fromBlock as headersFromBlock,
  copyOf as copyHeaders,
  fillFrom as fillHeaders,
  fieldsOf as headerFields,
  isImmutable as areImmutable,
  makeImmutable as makeHeadersImmutable,
  rawGet as getHeader,
  rawSet as setHeader,
  blockOf as headersToBlock,
  entriesOf as headerEntries,
};
