/*
 * Deserialize
 *
 * Reads values in the format of serialize_format.js. The bytes come from disk or from another object, but
 * nothing in them is trusted: whatever does not fit ends in a DataCloneError.
 */

import { natives } from "./natives.js";
import { dataCloneError } from "./serialize.js";
import { readPlatform } from "./serialize_platform.js";
import {
  VERSION,
  VERSION_WITHOUT_HEADER,
  VERSION_WITH_VIEW_FLAGS,
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
  T_UTF8,
  T_TRUE,
  T_UINT32,
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
  VIEW_CONSTRUCTORS,
  VIEW_TRACKS_LENGTH,
  REGEXP_FLAGS,
  ERROR_PROTOTYPES,
  ERROR_TAGS,
} from "./serialize_format.js";

/* Up to this length a loop here is quicker than a call to C. */
const SHORT_READ = 80;

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

function readBytes() {
  const length = readVarint();
  const start = take(length);
  return input.subarray(start, start + length);
}

function readUtf8String() {
  return natives.utf8_decode(readBytes(), false, true);
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
  const error = Constructor === AggregateError ? new AggregateError([]) : new Constructor();
  /* The stack of this call says nothing about the error's own past. */
  Object.defineProperty(error, "stack", hidden(message ? `${name}: ${message}` : name));
  if (message !== undefined) Object.defineProperty(error, "message", hidden(message));
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

/* The reader, for what stands behind a host object tag. */
const source = { varint: readVarint, bytes: readBytes, text: readUtf8String, value: readValue, corrupt };

function readHostObject() {
  const number = readVarint();
  const slot = objects.length;
  objects.push(undefined);
  if (number === HOST_ERROR) return (objects[slot] = readHostError());
  if (number < HOST_CALLER) return (objects[slot] = readPlatform(number, source));
  if (readHost === null) throw corrupt();
  return (objects[slot] = readHost(number - HOST_CALLER, readValue));
}

const HIDDEN_ERROR_PROPERTIES = new Set(["stack", "cause", "errors", "error", "suppressed"]);

function readHostError() {
  const tag = readVarint();
  const name = tag === 0 ? readValue() : ERROR_TAGS[tag];
  const message = readValue();
  if (typeof message !== "string") throw dataCloneError("Deserialization failed: error message is not a string");
  const error = makeError(name ?? "Error", message);
  /* V8 leaves all of them enumerable, the stack in front. */
  for (const [key, value] of Object.entries(readValue() ?? {})) {
    if (!HIDDEN_ERROR_PROPERTIES.has(key)) {
      setProperty(error, key, value);
      continue;
    }
    if (key !== "stack") delete error[key];
    Object.defineProperty(error, key, { ...hidden(value), enumerable: true });
  }
  if (tag === 0) Object.defineProperty(error, "name", { ...hidden(name), enumerable: true });
  return error;
}

/* -- deserialize -------------------------------------------------------------------------------- */

/** The value of some bytes. `host(number, read)` gives the objects that serialize()'s host claimed; read() gives what follows it. */
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
