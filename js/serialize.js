/*
 * Serialize
 *
 * Values as bytes, in the wire format of V8's ValueSerializer, version 15, so that storage written by
 * Cloudflare's open-source runtime can be read and the other way round. Versions 13 and 14 are read too;
 * data without a header is taken for 13.
 *
 *     FF 0F            header
 *     one value        a tag byte, then what the tag says; numbers are LEB128 ("varint") or doubles
 *
 *     _ undefined   0 null   T true   F false   I int32 (zigzag)   U uint32   N double   Z bigint
 *     " Latin-1 string   c UTF-16 string, its characters at an even offset (\0 pads)   S UTF-8 string
 *     o … {n  object: keys and values, count       ^i  the i-th object met before
 *     A len … $n len  dense array                  a len … @n len  sparse array     - hole
 *     D date   y true   x false   n number   z bigint   s string (wrapper objects)   R pattern flags
 *     ; … :n  map      ' … ,n  set
 *     B len bytes  ArrayBuffer   ~ len max bytes  resizable   t i  transferred
 *     V kind offset length flags  view of the buffer just before
 *     r … .  error       \ host object: here errors (tag 10) and what the caller of serialize() knows
 *
 * Objects are numbered in the order in which their tags are written. A getter may run any code,
 * serialize() included, so the state below is saved around each call.
 */

import { natives } from "./natives.js";
import { compat } from "./compat.js";
import { DOMException } from "./dom_exception.js";
import { isAnyArrayBuffer, isPlatformObject } from "./webidl.js";

const VERSION = 15;
const VERSION_WITHOUT_HEADER = 13;
const VERSION_WITH_VIEW_FLAGS = 14;

/* Host object numbers below this one are the platform's own; a caller's are written above. */
const HOST_ERROR = 10;
const HOST_CALLER = 32;

const SCRATCH_SIZE = 16 * 1024;
const SCRATCH_KEPT_MAX = 1024 * 1024;

/* Up to these lengths a loop here is quicker than a call to C. */
const SHORT_WRITE = 256;
const SHORT_READ = 80;

const T_PADDING = 0x00;
const T_DENSE_END = 0x24; /* $ */
const T_SET = 0x27; /* ' */
const T_SET_END = 0x2c; /* , */
const T_HOLE = 0x2d; /* - */
const T_ERROR_END = 0x2e; /* . */
const T_NULL = 0x30; /* 0 */
const T_MAP_END = 0x3a; /* : */
const T_MAP = 0x3b; /* ; */
const T_SPARSE_END = 0x40; /* @ */
const T_DENSE = 0x41; /* A */
const T_BUFFER = 0x42; /* B */
const T_DATE = 0x44; /* D */
const T_FALSE = 0x46; /* F */
const T_INT32 = 0x49; /* I */
const T_DOUBLE = 0x4e; /* N */
const T_REGEXP = 0x52; /* R */
const T_UTF8 = 0x53; /* S */
const T_TRUE = 0x54; /* T */
const T_UINT32 = 0x55; /* U */
const T_VIEW = 0x56; /* V */
const T_BIGINT = 0x5a; /* Z */
const T_HOST = 0x5c; /* \ */
const T_REFERENCE = 0x5e; /* ^ */
const T_UNDEFINED = 0x5f; /* _ */
const T_SPARSE = 0x61; /* a */
const T_TWO_BYTE = 0x63; /* c */
const T_NUMBER_OBJECT = 0x6e; /* n */
const T_OBJECT = 0x6f; /* o */
const T_ERROR = 0x72; /* r */
const T_STRING_OBJECT = 0x73; /* s */
const T_TRANSFERRED = 0x74; /* t */
const T_FALSE_OBJECT = 0x78; /* x */
const T_TRUE_OBJECT = 0x79; /* y */
const T_BIGINT_OBJECT = 0x7a; /* z */
const T_OBJECT_END = 0x7b; /* { */
const T_RESIZABLE = 0x7e; /* ~ */
const T_ONE_BYTE = 0x22; /* " */
const T_VERSION = 0xff;

const VIEW_KINDS = {
  Int8Array: 0x62,
  Uint8Array: 0x42,
  Uint8ClampedArray: 0x43,
  Int16Array: 0x77,
  Uint16Array: 0x57,
  Int32Array: 0x64,
  Uint32Array: 0x44,
  Float16Array: 0x68,
  Float32Array: 0x66,
  Float64Array: 0x46,
  BigInt64Array: 0x71,
  BigUint64Array: 0x51,
  DataView: 0x3f,
};
const VIEW_CONSTRUCTORS = new Map(
  Object.entries(VIEW_KINDS)
    .filter(([name]) => globalThis[name] !== undefined)
    .map(([name, kind]) => [kind, globalThis[name]]),
);
const VIEW_TRACKS_LENGTH = 1;
const VIEW_OF_RESIZABLE = 2;

const REGEXP_FLAGS = { g: 1, i: 2, m: 4, y: 8, u: 16, s: 32, d: 128, v: 256 };

/* Prototypes of the `r` form. */
const ERROR_PROTOTYPES = {
  EvalError: 0x45,
  RangeError: 0x52,
  ReferenceError: 0x46,
  SyntaxError: 0x53,
  TypeError: 0x54,
  URIError: 0x55,
};

/* Error kinds of the host form, in the order of their numbers. */
const ERROR_TAGS = [
  null,
  "Error",
  "TypeError",
  "RangeError",
  "ReferenceError",
  "SyntaxError",
  "WasmCompileError",
  "WasmLinkError",
  "WasmRuntimeError",
  "WasmSuspendError",
  "EvalError",
  "URIError",
  "AggregateError",
  "SuppressedError",
];

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

function writeNumber(n) {
  const int = n | 0;
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
    if (Error.isError(object) && !isPlatformObject(object)) return writeError(object);
    if (object instanceof RegExp) return writeRegExp(object);
    if (isAnyArrayBuffer(object)) return writeBuffer(object);
    if (writeWrapper(object)) return undefined;
    if (writeHost !== null && tryHost(object)) return undefined;
    if (isPlatformObject(object)) throw notSerializable(object);
    if (isUncloneableBuiltin(object)) throw writeMode === "rpc" ? notSerializable(object) : notCloneable(object);
  }
  if (writeMode === "rpc") {
    if (prototype === null && writeHost !== null && tryHost(object)) return undefined;
    throw notSerializable(object);
  }
  writeKnown(object);
  return writePlainObject(object);
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
    if (!UNCLONEABLE.has(tag)) return false;
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
  const number = writeHost(object);
  if (number === undefined || number < 0) return false;
  writeKnown(object);
  writeTagged(T_HOST, number + HOST_CALLER);
  return true;
}

/* An array index as V8 knows it: such keys are written as numbers. */
function isIndexKey(key) {
  const first = key.charCodeAt(0);
  if (first < 0x30 || first > 0x39 || key.length > 10) return false;
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
    if ((value | 0) !== value || (value === 0 && 1 / value < 0)) double = true;
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
  for (const key of Object.getOwnPropertyNames(error)) {
    if (key === "name" || key === "message" || (key === "stack" && writeMode === "rpc")) continue;
    if (ENGINE_ERROR_PROPERTIES.has(key) && !Object.prototype.propertyIsEnumerable.call(error, key)) continue;
    rest[key] = error[key];
  }
  writeValue(rest);
}

/** V8's own form: prototype, message, cause, stack. */
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
  const cause = Object.getOwnPropertyDescriptor(error, "cause");
  if (cause !== undefined && "value" in cause) {
    writeByte(0x63);
    writeValue(cause.value);
  }
  const { stack } = error;
  if (typeof stack === "string" && writeMode !== "rpc") {
    writeByte(0x73);
    writeString(stack);
  }
  writeByte(T_ERROR_END);
}

function dataCloneError(message) {
  return new DOMException(message, "DataCloneError");
}

function notCloneable(value) {
  return dataCloneError(`${describeForError(value)} could not be cloned.`);
}

/** A value as V8 writes it into error messages, without running the program's code. */
function describeForError(value) {
  if (typeof value === "symbol") return value.toString();
  if (typeof value === "function") return functionToString.call(value);
  const name = constructorName(value);
  if (name !== "" && !/Iterator$|Generator/.test(name)) return `#<${name}>`;
  return objectToString.call(value);
}

function constructorName(object) {
  for (let proto = object; proto !== null; proto = Object.getPrototypeOf(proto)) {
    const descriptor = Object.getOwnPropertyDescriptor(proto, "constructor");
    if (descriptor !== undefined && typeof descriptor.value === "function") return descriptor.value.name;
  }
  return "";
}

function notSerializable(object) {
  const name = constructorName(object) || objectToString.call(object).slice(8, -1);
  return dataCloneError(
    `Could not serialize object of type "${name}". This type does not support serialization.`,
  );
}

/* -- serialize ---------------------------------------------------------------------------------- */

/**
 * The bytes of a value.
 *
 * mode "storage" and "clone" write instances of the program's classes as plain objects; "rpc" refuses
 * them. `host(object)` may claim an object with a number ≥ 0; a Map in `transfers` names ArrayBuffers
 * that are moved rather than copied.
 */
export function serialize(value, mode = "storage", host = null, transfers = null) {
  const saved = { out, at, ids, writeMode, writeHost, transferred };
  const mine = !scratchBusy;
  scratchBusy = true;
  out = mine ? scratch : new Uint8Array(SCRATCH_SIZE);
  ids = null;
  writeMode = mode;
  writeHost = host ?? null;
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
    ({ out, at, ids, writeMode, writeHost, transferred } = saved);
  }
}

/* -- the reader --------------------------------------------------------------------------------- */

let input = null;
let inputView = null;
let from = 0;
let end = 0;
let version = VERSION;
let objects = [];
let readHost = null;
let received = null; /* transferred ArrayBuffers */

function corrupt() {
  return dataCloneError("Unable to deserialize cloned data.");
}

function readByte() {
  if (from >= end) throw corrupt();
  return input[from++];
}

function readVarint() {
  let byte = readByte();
  if (byte < 128) return byte;
  let result = byte & 127;
  let scale = 128;
  do {
    byte = readByte();
    result += (byte & 127) * scale;
    scale *= 128;
  } while (byte >= 128 && scale < 2 ** 49);
  return result;
}

function readDouble() {
  if (from + 8 > end) throw corrupt();
  inputView ??= new DataView(input.buffer, input.byteOffset, input.byteLength);
  const n = inputView.getFloat64(from, true);
  from += 8;
  return n;
}

function take(length) {
  if (length > end - from) throw corrupt();
  const start = from;
  from += length;
  return start;
}

/*
 * Property names come again and again. The cache maps a few bytes to a string that the engine has
 * already made a property name of; a slot holds the last name that hashed to it.
 */
const KEY_LENGTH_MAX = 24;
const KEY_SLOTS = 512;
const keys = new Array(KEY_SLOTS).fill("");

function readKey() {
  const length = readVarint();
  const start = take(length);
  if (length > KEY_LENGTH_MAX) {
    from = start;
    return readLatin1(length);
  }
  let hash = length;
  for (let i = start; i < from; i++) hash = (hash * 31 + input[i]) | 0;
  const slot = (hash ^ (hash >>> 9)) & (KEY_SLOTS - 1);
  const known = keys[slot];
  if (known.length === length) {
    let i = 0;
    while (i < length && known.charCodeAt(i) === input[start + i]) i++;
    if (i === length) return known;
  }
  from = start;
  return (keys[slot] = readLatin1(length));
}

function readOneByteString() {
  return readLatin1(readVarint());
}

function readLatin1(length) {
  const start = take(length);
  if (length > SHORT_READ) return natives.latin1_decode(input, start, start + length);
  let text = "";
  for (let i = start; i < from; i++) text += String.fromCharCode(input[i]);
  return text;
}

function readTwoByteString() {
  const size = readVarint();
  if (size & 1) throw corrupt();
  const start = take(size);
  if (size > SHORT_READ) return natives.utf16le_decode(input, start, start + size);
  let text = "";
  for (let i = start; i < from; i += 2) text += String.fromCharCode(input[i] | (input[i + 1] << 8));
  return text;
}

function readUtf8String() {
  const length = readVarint();
  const start = take(length);
  return natives.utf8_decode(input.subarray(start, start + length), false, true);
}

function readTag() {
  let tag = readByte();
  while (tag === T_PADDING) tag = readByte();
  return tag;
}

/** A string in one of its three forms. */
function readString() {
  const tag = readTag();
  if (tag === T_ONE_BYTE) return readOneByteString();
  if (tag === T_TWO_BYTE) return readTwoByteString();
  if (tag === T_UTF8) return readUtf8String();
  throw corrupt();
}

function readBigIntDigits() {
  const bits = readVarint();
  const size = (bits & 0x7fffffff) >>> 1;
  const start = take(size);
  let n = 0n;
  for (let i = start + size - 1; i >= start; i--) n = (n << 8n) | BigInt(input[i]);
  return bits & 1 ? -n : n;
}

function readInt32() {
  const n = readVarint();
  return (n >>> 1) ^ -(n & 1);
}

function readValue() {
  return readTagged(readTag());
}

function readTagged(tag) {
  switch (tag) {
    case T_ONE_BYTE:
      return readOneByteString();
    case T_TWO_BYTE:
      return readTwoByteString();
    case T_INT32:
      return readInt32();
    case T_DOUBLE:
      return readDouble();
    case T_TRUE:
      return true;
    case T_FALSE:
      return false;
    case T_NULL:
      return null;
    case T_UNDEFINED:
      return undefined;
    case T_OBJECT:
      return readObject();
    case T_DENSE:
      return readDenseArray();
    case T_REFERENCE:
      return readReference();
    default:
      return readRare(tag);
  }
}

function readRare(tag) {
  switch (tag) {
    case T_UTF8:
      return readUtf8String();
    case T_UINT32:
      return readVarint();
    case T_BIGINT:
      return readBigIntDigits();
    case T_SPARSE:
      return readSparseArray();
    case T_DATE:
      return remember(new Date(readDouble()));
    case T_MAP:
      return readMap();
    case T_SET:
      return readSet();
    case T_REGEXP:
      return readRegExp();
    case T_BUFFER:
    case T_RESIZABLE:
    case T_TRANSFERRED:
      return readBuffer(tag);
    case T_TRUE_OBJECT:
      return remember(Object(true));
    case T_FALSE_OBJECT:
      return remember(Object(false));
    case T_NUMBER_OBJECT:
      return remember(Object(readDouble()));
    case T_BIGINT_OBJECT:
      return remember(Object(readBigIntDigits()));
    case T_STRING_OBJECT:
      return remember(Object(readString()));
    case T_ERROR:
      return readPlainError();
    case T_HOST:
      return readHostObject();
    default:
      throw corrupt();
  }
}

function remember(object) {
  objects.push(object);
  return object;
}

function readReference() {
  const id = readVarint();
  if (id >= objects.length) throw corrupt();
  return withView(objects[id]);
}

/** A buffer and a view of it are two values on the wire; whoever reads the first gets the second. */
function withView(value) {
  if (from < end && value instanceof ArrayBuffer) {
    let next = from;
    while (next < end && input[next] === T_PADDING) next++;
    if (input[next] === T_VIEW) {
      from = next + 1;
      return readView(value);
    }
  }
  return value;
}

function setProperty(object, key, value) {
  if (key === "__proto__")
    Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
  else object[key] = value;
}

/** Keys and values up to `endTag`; returns how many pairs there were. */
function readProperties(object, endTag) {
  for (let count = 0; ; count++) {
    const tag = readTag();
    if (tag === endTag) return count;
    let key;
    if (tag === T_ONE_BYTE) key = readKey();
    else {
      key = readTagged(tag);
      if (typeof key !== "string" && typeof key !== "number") throw corrupt();
    }
    setProperty(object, key, readValue());
  }
}

function readObject() {
  const object = remember({});
  if (readProperties(object, T_OBJECT_END) !== readVarint()) throw corrupt();
  return object;
}

function readDenseArray() {
  const length = readVarint();
  if (length > end - from) throw corrupt();
  const array = remember([]);
  for (let i = 0; i < length; i++) {
    const tag = readTag();
    if (tag === T_HOLE) array.length = i + 1;
    else array[i] = readTagged(tag);
  }
  if (readProperties(array, T_DENSE_END) !== readVarint() || readVarint() !== length) throw corrupt();
  return array;
}

function readSparseArray() {
  const length = readVarint();
  const array = remember([]);
  array.length = length;
  if (readProperties(array, T_SPARSE_END) !== readVarint() || readVarint() !== length) throw corrupt();
  return array;
}

function readMap() {
  const map = remember(new Map());
  let count = 0;
  for (;;) {
    const tag = readTag();
    if (tag === T_MAP_END) break;
    const key = readTagged(tag);
    map.set(key, readValue());
    count += 2;
  }
  if (readVarint() !== count) throw corrupt();
  return map;
}

function readSet() {
  const set = remember(new Set());
  let count = 0;
  for (;;) {
    const tag = readTag();
    if (tag === T_SET_END) break;
    set.add(readTagged(tag));
    count++;
  }
  if (readVarint() !== count) throw corrupt();
  return set;
}

function readRegExp() {
  const slot = objects.length;
  objects.push(undefined);
  const pattern = readString();
  const bits = readVarint();
  let flags = "";
  for (const [letter, bit] of Object.entries(REGEXP_FLAGS)) if (bits & bit) flags += letter;
  try {
    return (objects[slot] = new RegExp(pattern, flags));
  } catch {
    throw corrupt();
  }
}

function readBuffer(tag) {
  const length = readVarint();
  let buffer;
  if (tag === T_TRANSFERRED) {
    buffer = received?.[length];
    if (buffer === undefined) throw corrupt();
  } else {
    const max = tag === T_RESIZABLE ? readVarint() : undefined;
    const start = take(length);
    if (max === undefined) {
      buffer = input.slice(start, start + length).buffer;
    } else {
      if (max < length) throw corrupt();
      buffer = new ArrayBuffer(length, { maxByteLength: max });
      new Uint8Array(buffer).set(input.subarray(start, start + length));
    }
  }
  return withView(remember(buffer));
}

function readView(buffer) {
  const slot = objects.length;
  objects.push(undefined);
  const Constructor = VIEW_CONSTRUCTORS.get(readVarint());
  const offset = readVarint();
  const length = readVarint();
  const flags = version >= VERSION_WITH_VIEW_FLAGS ? readVarint() : 0;
  if (Constructor === undefined) throw corrupt();
  const unit = Constructor.BYTES_PER_ELEMENT ?? 1;
  if (length % unit !== 0) throw corrupt();
  try {
    const view =
      flags & VIEW_TRACKS_LENGTH ? new Constructor(buffer, offset) : new Constructor(buffer, offset, length / unit);
    return (objects[slot] = view);
  } catch {
    throw corrupt();
  }
}

const hidden = (value) => ({ value, writable: true, enumerable: false, configurable: true });

function makeError(name, message) {
  const Constructor = typeof globalThis[name] === "function" && Error.isPrototypeOf(globalThis[name]) ? globalThis[name] : Error;
  if (Constructor === AggregateError) return new AggregateError([], message);
  if (name === "SuppressedError") return new Constructor(undefined, undefined, message);
  const error = message === undefined ? new Constructor() : new Constructor(message);
  /* The stack of this call says nothing about the error's own past. */
  Object.defineProperty(error, "stack", hidden(message ? `${error.name}: ${message}` : error.name));
  return error;
}

function readPlainError() {
  const slot = objects.length;
  objects.push(undefined);
  let name = "Error";
  let message;
  let stack;
  let cause;
  let hasCause = false;
  for (;;) {
    const tag = readVarint();
    if (tag === T_ERROR_END) break;
    const known = Object.keys(ERROR_PROTOTYPES).find((key) => ERROR_PROTOTYPES[key] === tag);
    if (known !== undefined) name = known;
    else if (tag === 0x6d) message = readString();
    else if (tag === 0x73) stack = readString();
    else if (tag === 0x63) {
      cause = readValue();
      hasCause = true;
    } else throw corrupt();
  }
  const error = makeError(name, message);
  if (stack !== undefined) Object.defineProperty(error, "stack", hidden(stack));
  if (hasCause) Object.defineProperty(error, "cause", hidden(cause));
  return (objects[slot] = error);
}

function readHostObject() {
  const number = readVarint();
  const slot = objects.length;
  objects.push(undefined);
  if (number === HOST_ERROR) return (objects[slot] = readHostError());
  if (number < HOST_CALLER || readHost === null) throw corrupt();
  return (objects[slot] = readHost(number - HOST_CALLER));
}

const HIDDEN_ERROR_PROPERTIES = new Set(["stack", "cause", "errors", "error", "suppressed"]);

function readHostError() {
  const tag = readVarint();
  const name = tag === 0 ? readValue() : ERROR_TAGS[tag];
  const message = readValue();
  if (typeof message !== "string") throw dataCloneError("Deserialization failed: error message is not a string");
  const error = makeError(name ?? "Error", message);
  if (tag === 0) Object.defineProperty(error, "name", hidden(name));
  for (const [key, value] of Object.entries(readValue() ?? {})) {
    if (HIDDEN_ERROR_PROPERTIES.has(key)) Object.defineProperty(error, key, hidden(value));
    else setProperty(error, key, value);
  }
  return error;
}

/* -- deserialize -------------------------------------------------------------------------------- */

/** The value of some bytes. `host(number)` gives the objects that serialize()'s host claimed. */
export function deserialize(bytes, host = null, buffers = null) {
  const saved = { input, inputView, from, end, version, objects, readHost, received };
  input = bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes);
  inputView = null;
  end = input.length;
  objects = [];
  readHost = host ?? null;
  received = buffers;
  try {
    if (end > 1 && input[0] === T_VERSION) {
      from = 1;
      version = readVarint();
      if (version > VERSION || version < VERSION_WITHOUT_HEADER)
        throw dataCloneError("Unable to deserialize cloned data due to invalid or unsupported version.");
    } else {
      from = 0;
      version = VERSION_WITHOUT_HEADER;
    }
    return readValue();
  } finally {
    ({ input, inputView, from, end, version, objects, readHost, received } = saved);
  }
}
