/*
 * Serialize
 *
 * Writes values in the format of serialize_format.js. A getter may run any code, serialize() included, so
 * the state below is saved around each call.
 */

import { natives } from "./natives.js";
import { compat } from "./compat.js";
import { dataCloneError, remote } from "./serialize.js";
import { encodeUtf8 } from "./encoding.js";
import { isAnyArrayBuffer, platformClass } from "./webidl.js";
import {
  VERSION,
  HOST_ERROR,
  HOST_CALLER,
  T_PADDING,
  T_DENSE_END,
  T_SET,
  T_SET_END,
  T_HOLE,
  T_ERROR_END,
  T_NULL,
  T_MAP_END,
  T_MAP,
  T_SPARSE_END,
  T_DENSE,
  T_BUFFER,
  T_DATE,
  T_FALSE,
  T_INT32,
  T_DOUBLE,
  T_REGEXP,
  T_TRUE,
  T_VIEW,
  T_BIGINT,
  T_HOST,
  T_REFERENCE,
  T_UNDEFINED,
  T_SPARSE,
  T_TWO_BYTE,
  T_NUMBER_OBJECT,
  T_OBJECT,
  T_ERROR,
  T_STRING_OBJECT,
  T_TRANSFERRED,
  T_FALSE_OBJECT,
  T_TRUE_OBJECT,
  T_BIGINT_OBJECT,
  T_OBJECT_END,
  T_RESIZABLE,
  T_ONE_BYTE,
  T_VERSION,
  VIEW_KINDS,
  VIEW_TRACKS_LENGTH,
  VIEW_OF_RESIZABLE,
  REGEXP_FLAGS,
  ERROR_PROTOTYPES,
  ERROR_TAGS,
} from "./serialize_format.js";

import { platformWriter } from "./serialize_platform.js";

export { deserialize } from "./deserialize.js";

const SCRATCH_SIZE = 16 * 1024;
const SCRATCH_KEPT_MAX = 1024 * 1024;

/* Up to this length a loop here is quicker than a call to C. */
const SHORT_WRITE = 256;

/* Own properties that JavaScriptCore gives every error and V8 does not. */
const ENGINE_ERROR_PROPERTIES = new Set(["line", "column", "sourceURL"]);

const typedArrayTag = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag).get;

const double = new Float64Array(1);
const doubleBytes = new Uint8Array(double.buffer);

/* -- the writer's state ------------------------------------------------------------------------- */

let scratch = new Uint8Array(SCRATCH_SIZE);
let scratchBusy = false;

let out = scratch;
let at = 0;
let ids = null; /* object → number, once there is an object */
let writeMode = "storage";
let writeHost = null;
let holder; /* whose property is being written, where it is a function */
let transferred = null; /* ArrayBuffer → number */

function grow(need) {
  let size = out.length * 2;
  while (size < at + need) size *= 2;
  const larger = new Uint8Array(size);
  larger.set(out.subarray(0, at));
  out = larger;
}

function writeByte(byte) {
  if (at >= out.length) grow(1);
  out[at++] = byte;
}

/* A tag and a number below 2^32 never need more than this. */
const TAG_AND_VARINT = 6;

function writeVarint(n) {
  if (at + TAG_AND_VARINT > out.length) grow(TAG_AND_VARINT);
  while (n > 127) {
    out[at++] = (n & 127) | 128;
    n >>>= 7;
  }
  out[at++] = n;
}

function writeTagged(tag, n) {
  if (at + TAG_AND_VARINT > out.length) grow(TAG_AND_VARINT);
  out[at++] = tag;
  while (n > 127) {
    out[at++] = (n & 127) | 128;
    n >>>= 7;
  }
  out[at++] = n;
}

function writeDoubleBits(n) {
  if (at + 8 > out.length) grow(8);
  double[0] = n;
  for (let i = 0; i < 8; i++) out[at++] = doubleBytes[i];
}

/* Integers of 31 bits are what workerd's V8, which compresses its pointers, does not keep as doubles. */
function writeNumber(n) {
  const int = (n << 1) >> 1;
  if (int === n && (n !== 0 || 1 / n > 0)) {
    writeTagged(T_INT32, ((int << 1) ^ (int >> 31)) >>> 0);
  } else {
    writeByte(T_DOUBLE);
    writeDoubleBits(n);
  }
}

function varintSize(n) {
  let size = 1;
  while (n > 127) {
    n >>>= 7;
    size++;
  }
  return size;
}

function writeString(text) {
  const length = text.length;
  if (at + length + TAG_AND_VARINT > out.length) grow(length + TAG_AND_VARINT);
  const start = at;
  out[at++] = T_ONE_BYTE;
  writeVarint(length);
  if (length > SHORT_WRITE) {
    if (natives.latin1_write(text, out, at)) {
      at += length;
      return;
    }
  } else {
    let i = 0;
    for (; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0xff) break;
      out[at + i] = code;
    }
    if (i === length) {
      at += length;
      return;
    }
  }
  at = start;
  writeTwoByteString(text);
}

function writeTwoByteString(text) {
  const length = text.length;
  const size = length * 2;
  if (at + size + TAG_AND_VARINT + 1 > out.length) grow(size + TAG_AND_VARINT + 1);
  if ((at + 1 + varintSize(size)) & 1) out[at++] = T_PADDING;
  writeTagged(T_TWO_BYTE, size);
  if (at + size > out.length) grow(size);
  if (length > SHORT_WRITE) {
    natives.utf16le_write(text, out, at);
    at += size;
    return;
  }
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    out[at++] = code & 0xff;
    out[at++] = code >> 8;
  }
}

function writeBigIntDigits(n) {
  const negative = n < 0n;
  let rest = negative ? -n : n;
  const digits = [];
  while (rest > 0n) {
    digits.push(rest & 0xffffffffffffffffn);
    rest >>= 64n;
  }
  writeVarint((digits.length * 16) | (negative ? 1 : 0));
  if (at + digits.length * 8 > out.length) grow(digits.length * 8);
  for (let digit of digits)
    for (let i = 0; i < 8; i++) {
      out[at++] = Number(digit & 0xffn);
      digit >>= 8n;
    }
}

function writeValue(value) {
  switch (typeof value) {
    case "string":
      writeString(value);
      return;
    case "number":
      writeNumber(value);
      return;
    case "boolean":
      writeByte(value ? T_TRUE : T_FALSE);
      return;
    case "undefined":
      writeByte(T_UNDEFINED);
      return;
    case "object":
      if (value === null) writeByte(T_NULL);
      else writeObject(value);
      return;
    case "bigint":
      writeByte(T_BIGINT);
      writeBigIntDigits(value);
      return;
    case "function":
      if (writeMode === "rpc" && writeHost !== null && tryHost(value)) return;
      throw notCloneable(value);
    default:
      throw notCloneable(value);
  }
}

/** Number a new object; a known one is written as a reference and gives true. */
function writeKnown(object) {
  if (ids === null) {
    ids = new Map();
    ids.set(object, 0);
    return false;
  }
  const id = ids.get(object);
  if (id !== undefined) {
    writeTagged(T_REFERENCE, id);
    return true;
  }
  ids.set(object, ids.size);
  return false;
}

function writeObject(object) {
  const prototype = Object.getPrototypeOf(object);
  if (prototype === Object.prototype) {
    if (object[Symbol.iterator] !== undefined && isArguments(object)) throw notCloneable(object);
    if (!writeKnown(object)) writePlainObject(object);
    return;
  }
  if (Array.isArray(object)) {
    if (!writeKnown(object)) writeArray(object);
    return;
  }
  if (ArrayBuffer.isView(object)) {
    /* A view follows its buffer, which is an object of its own. */
    if (!ids?.has(object)) writeObject(object.buffer);
    if (!writeKnown(object)) writeView(object);
    return;
  }
  if (ids !== null && ids.has(object)) {
    writeKnown(object);
    return;
  }
  writeOther(object, prototype);
}

const functionToString = Function.prototype.toString;
const objectToString = Object.prototype.toString;

function isArguments(object) {
  return objectToString.call(object) === "[object Arguments]";
}

function writeOther(object, prototype) {
  if (prototype !== null) {
    if (object instanceof Date) return writeDate(object);
    if (object instanceof Map) return writeMap(object);
    if (object instanceof Set) return writeSet(object);
    const platform = platformClass(object);
    if (platform === undefined && Error.isError(object)) return writeError(object);
    if (object instanceof RegExp) return writeRegExp(object);
    if (isAnyArrayBuffer(object)) return writeBuffer(object);
    if (writeWrapper(object)) return undefined;
    if (writeHost !== null && tryHost(object)) return undefined;
    if (platform !== undefined) return writePlatform(object, platform);
    if (isUncloneableBuiltin(object)) throw notCloneable(object);
  }
  if (writeMode !== "rpc") remote.nameOf(object);
  if (writeMode === "rpc") {
    if (prototype === null && writeHost !== null && tryHost(object)) return undefined;
    throw notSerializable(object);
  }
  writeKnown(object);
  return writePlainObject(object);
}

/* The writer, for what stands behind a host object tag. */
const sink = {
  varint: writeVarint,
  bytes(bytes) {
    writeVarint(bytes.length);
    writeBytes(bytes);
  },
  text(text) {
    sink.bytes(encodeUtf8(text));
  },
  value: writeValue,
};

function writePlatform(object, name) {
  const writer = platformWriter(object, name);
  if (writer === undefined) {
    if (writeMode !== "rpc") remote.nameOf(object);
    throw notSerializable(object);
  }
  const [number, write] = writer;
  writeKnown(object);
  writeTagged(T_HOST, number);
  write(object, sink);
}

/* Built-in objects with hidden state that the format has no tag for. */
const UNCLONEABLE = new Set([
  "Promise",
  "WeakMap",
  "WeakSet",
  "WeakRef",
  "FinalizationRegistry",
  "Generator",
  "AsyncGenerator",
  "Array Iterator",
  "Map Iterator",
  "Set Iterator",
  "String Iterator",
  "RegExp String Iterator",
  "Iterator Helper",
  "Symbol",
  "WebAssembly.Module",
  "WebAssembly.Instance",
  "WebAssembly.Memory",
  "WebAssembly.Table",
  "DisposableStack",
  "AsyncDisposableStack",
]);

function isUncloneableBuiltin(object) {
  let tag;
  for (let proto = Object.getPrototypeOf(object); proto !== null; proto = Object.getPrototypeOf(proto)) {
    const descriptor = Object.getOwnPropertyDescriptor(proto, Symbol.toStringTag);
    if (descriptor === undefined) continue;
    tag = descriptor.value;
    if (!UNCLONEABLE.has(tag) && !`${tag}`.startsWith("Intl.")) return false;
    /* A class of the program may use the same tag; only the engine's have native methods. */
    return Object.values(Object.getOwnPropertyDescriptors(proto)).some(
      ({ value }) => typeof value === "function" && functionToString.call(value).includes("[native code]"),
    );
  }
  return objectToString.call(object) === "[object Symbol]";
}

function tryHost(object) {
  const id = ids === null ? undefined : ids.get(object);
  if (id !== undefined) {
    writeTagged(T_REFERENCE, id);
    return true;
  }
  const claim = writeHost(object, holder);
  if (claim === undefined || claim < 0) return false;
  writeKnown(object);
  if (typeof claim === "number") {
    writeTagged(T_HOST, claim + HOST_CALLER);
  } else {
    writeTagged(T_HOST, claim[0] + HOST_CALLER);
    writeValue(claim[1]);
  }
  return true;
}

/* An array index as V8 knows it: such keys are written as numbers. */
function isIndexKey(key) {
  if (key.length === 0 || key.length > 10) return false;
  const first = key.charCodeAt(0);
  if (first < 0x30 || first > 0x39) return false;
  if (first === 0x30) return key.length === 1;
  for (let i = 1; i < key.length; i++) {
    const code = key.charCodeAt(i);
    if (code < 0x30 || code > 0x39) return false;
  }
  return Number(key) < 4294967295;
}

function writeKey(key) {
  if (isIndexKey(key)) writeNumber(Number(key));
  else writeString(key);
}

/** Write the properties named; returns how many were still there. */
function writeProperties(object, keys) {
  let count = 0;
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i];
    const value = object[key];
    /* A getter may have deleted what was there when the keys were listed. */
    if (value === undefined && !Object.prototype.propertyIsEnumerable.call(object, key)) continue;
    writeKey(key);
    if (typeof value === "function") holder = object;
    writeValue(value);
    count++;
  }
  return count;
}

function writePlainObject(object) {
  writeByte(T_OBJECT);
  writeTagged(T_OBJECT_END, writeProperties(object, Object.keys(object)));
}

function writeArray(array) {
  const length = array.length;
  const keys = Object.keys(array);
  /* Indices come first and in order: if the last one is in its place, they all are. */
  const dense = length === 0 || (keys.length >= length && keys[length - 1] === String(length - 1));
  if (!dense) {
    writeTagged(T_SPARSE, length);
    writeTagged(T_SPARSE_END, writeProperties(array, keys));
    writeVarint(length);
    return;
  }
  writeTagged(T_DENSE, length);
  /* V8 keeps an array of numbers that are not all small integers as doubles, and writes doubles. */
  if (isDoubleArray(array, length)) {
    for (let i = 0; i < length; i++) {
      writeByte(T_DOUBLE);
      writeDoubleBits(array[i]);
    }
  } else {
    for (let i = 0; i < length; i++) {
      const value = array[i];
      if (value === undefined && !(i in array)) writeByte(T_HOLE);
      else writeValue(value);
    }
  }
  writeTagged(T_DENSE_END, keys.length === length ? 0 : writeProperties(array, keys.slice(length)));
  writeVarint(length);
}

function isDoubleArray(array, length) {
  let double = false;
  for (let i = 0; i < length; i++) {
    const value = array[i];
    if (typeof value !== "number") return false;
    if ((value << 1) >> 1 !== value || (value === 0 && 1 / value < 0)) double = true;
  }
  return double;
}

function writeDate(date) {
  writeKnown(date);
  writeByte(T_DATE);
  writeDoubleBits(Date.prototype.getTime.call(date));
}

function writeMap(map) {
  writeKnown(map);
  const entries = [...Map.prototype.entries.call(map)];
  writeByte(T_MAP);
  for (const [key, value] of entries) {
    writeValue(key);
    writeValue(value);
  }
  writeTagged(T_MAP_END, entries.length * 2);
}

function writeSet(set) {
  writeKnown(set);
  const values = [...Set.prototype.values.call(set)];
  writeByte(T_SET);
  for (const value of values) writeValue(value);
  writeTagged(T_SET_END, values.length);
}

function writeRegExp(regexp) {
  writeKnown(regexp);
  writeByte(T_REGEXP);
  writeString(regexp.source);
  let flags = 0;
  for (const letter of regexp.flags) flags |= REGEXP_FLAGS[letter] ?? 0;
  writeVarint(flags);
}

function writeWrapper(object) {
  if (object instanceof Number) {
    writeKnown(object);
    writeByte(T_NUMBER_OBJECT);
    writeDoubleBits(Number.prototype.valueOf.call(object));
  } else if (object instanceof String) {
    writeKnown(object);
    writeByte(T_STRING_OBJECT);
    writeString(String.prototype.valueOf.call(object));
  } else if (object instanceof Boolean) {
    writeKnown(object);
    writeByte(Boolean.prototype.valueOf.call(object) ? T_TRUE_OBJECT : T_FALSE_OBJECT);
  } else if (object instanceof BigInt) {
    writeKnown(object);
    writeByte(T_BIGINT_OBJECT);
    writeBigIntDigits(BigInt.prototype.valueOf.call(object));
  } else {
    return false;
  }
  return true;
}

function writeBytes(bytes) {
  if (at + bytes.length > out.length) grow(bytes.length);
  out.set(bytes, at);
  at += bytes.length;
}

function writeBuffer(buffer) {
  const number = transferred === null ? undefined : transferred.get(buffer);
  if (number !== undefined) {
    writeKnown(buffer);
    writeTagged(T_TRANSFERRED, number);
    return;
  }
  if (buffer.detached) throw dataCloneError("An ArrayBuffer is detached and could not be cloned.");
  writeKnown(buffer);
  if (buffer.resizable) {
    writeTagged(T_RESIZABLE, buffer.byteLength);
    writeVarint(buffer.maxByteLength);
  } else {
    writeTagged(T_BUFFER, buffer.byteLength);
  }
  writeBytes(new Uint8Array(buffer));
}

function writeView(view) {
  const name = typedArrayTag.call(view) ?? "DataView";
  const { buffer } = view;
  let flags = 0;
  if (buffer.resizable) {
    flags = VIEW_OF_RESIZABLE;
    if (tracksLength(view)) flags |= VIEW_TRACKS_LENGTH;
  }
  writeTagged(T_VIEW, VIEW_KINDS[name]);
  writeVarint(view.byteOffset);
  writeVarint(flags & VIEW_TRACKS_LENGTH ? 0 : view.byteLength);
  writeVarint(flags);
}

/* There is no direct question: a view that tracks its buffer ends where the buffer ends, always. */
function tracksLength(view) {
  const { buffer } = view;
  const unit = view.BYTES_PER_ELEMENT ?? 1;
  if (view.byteOffset + view.byteLength + unit <= buffer.byteLength) return false;
  if (buffer.byteLength + unit > buffer.maxByteLength) return false;
  const size = buffer.byteLength;
  const length = view.byteLength;
  buffer.resize(size + unit);
  const tracks = view.byteLength !== length;
  buffer.resize(size);
  return tracks;
}

/* -- errors ------------------------------------------------------------------------------------- */

function writeError(error) {
  if (compat.flags.enhancedErrorSerialization) writeHostError(error);
  else writePlainError(error);
}

/** Name, message and every own property, as the open-source runtime writes it from 2026-04-21 on. */
function writeHostError(error) {
  writeKnown(error);
  const name = `${error.name}`;
  const tag = ERROR_TAGS.indexOf(name);
  writeTagged(T_HOST, HOST_ERROR);
  writeVarint(tag < 0 ? 0 : tag);
  if (tag < 0) writeValue(error.name);
  writeValue(error.message === undefined ? "" : `${error.message}`);
  const rest = {};
  const keys = Object.getOwnPropertyNames(error);
  /* In V8 it is there before anything else. */
  if (keys.includes("stack")) keys.unshift("stack");
  for (const key of new Set(keys)) {
    if (key === "name" || key === "message" || (key === "stack" && writeMode === "rpc")) continue;
    if (ENGINE_ERROR_PROPERTIES.has(key) && !Object.prototype.propertyIsEnumerable.call(error, key)) continue;
    rest[key] = error[key];
  }
  writeValue(rest);
}

/** V8's own form: prototype, message, stack, cause. */
function writePlainError(error) {
  writeKnown(error);
  writeByte(T_ERROR);
  const prototype = ERROR_PROTOTYPES[`${error.name}`];
  if (prototype !== undefined) writeByte(prototype);
  const message = Object.getOwnPropertyDescriptor(error, "message");
  if (message !== undefined && "value" in message) {
    writeByte(0x6d);
    writeString(`${message.value}`);
  }
  const { stack } = error;
  if (typeof stack === "string") {
    writeByte(0x73);
    writeString(stack);
  }
  const cause = Object.getOwnPropertyDescriptor(error, "cause");
  if (cause !== undefined && "value" in cause) {
    writeByte(0x63);
    writeValue(cause.value);
  }
  writeByte(T_ERROR_END);
}

function notCloneable(value) {
  if (writeMode === "storage" && typeof value === "function") {
    const name = remote.nameOf(value);
    if (name === "RpcStub") return dataCloneError(`${name} cannot be serialized in this context.`);
    if (name !== undefined) return unserializable(name);
  }
  return dataCloneError(`${describeForError(value)} could not be cloned.`);
}

/** A value as V8 writes it into error messages, without running the program's code. */
function describeForError(value) {
  if (typeof value === "symbol") return value.toString();
  const remoteName = remote.nameOf(value);
  if (remoteName !== undefined) return `#<${remoteName}>`;
  if (typeof value === "function") return functionToString.call(value);
  const tag = objectToString.call(value);
  if (/(Iterator|Generator)\]$/.test(tag)) return tag;
  const name = constructorName(value);
  return name === "" ? tag : `#<${name}>`;
}

function constructorName(object) {
  for (let proto = object; proto !== null; proto = Object.getPrototypeOf(proto)) {
    const descriptor = Object.getOwnPropertyDescriptor(proto, "constructor");
    if (descriptor !== undefined && typeof descriptor.value === "function") return descriptor.value.name;
  }
  return "";
}

function notSerializable(object) {
  return unserializable(constructorName(object) || objectToString.call(object).slice(8, -1));
}

function unserializable(name) {
  return dataCloneError(`Could not serialize object of type "${name}". This type does not support serialization.`);
}

/* -- serialize ---------------------------------------------------------------------------------- */

/**
 * The bytes of a value.
 *
 * mode "storage" and "clone" write instances of the program's classes as plain objects; "rpc" refuses
 * them. `host(object, holder)` may claim an object with a number ≥ 0, or with [number, value], where the
 * value follows it; a function's holder is the object it is a property of, if it is one of any. A Map in `transfers` names ArrayBuffers
 * that are moved rather than copied.
 */
export function serialize(value, mode = "storage", host = null, transfers = null) {
  const saved = { out, at, ids, writeMode, writeHost, holder, transferred };
  const mine = !scratchBusy;
  scratchBusy = true;
  out = mine ? scratch : new Uint8Array(SCRATCH_SIZE);
  ids = null;
  writeMode = mode;
  writeHost = host ?? null;
  holder = undefined;
  transferred = transfers;
  out[0] = T_VERSION;
  out[1] = VERSION;
  at = 2;
  try {
    writeValue(value);
    return out.slice(0, at);
  } finally {
    if (mine) {
      if (out.length <= SCRATCH_KEPT_MAX) scratch = out;
      scratchBusy = false;
    }
    ({ out, at, ids, writeMode, writeHost, holder, transferred } = saved);
  }
}
