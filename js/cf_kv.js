/*
 * Workers KV: env.KV (platform.md §6.4 row 5)
 *
 * Checks arguments, turns values into bytes and back, and asks the object that keeps them
 * (native/kv_store.h). Messages are those of the platform's HTTP answers.
 */

import { natives, requireContext } from "./natives.js";
import { isDisturbed, isReadableStream, NOT_BYTES_READ, streamFromBytes, streamLength } from "./streams.js";
import { deserialize, serialize } from "./serialize.js";
import { bytesOf, checkDictionary, finishClass, INTERNAL, isBufferSource, isObject, toDOMString, toInt32 } from "./webidl.js";
import { receiveError } from "./cf_errors.js";

const KV_OBJECT = "kv";
const KEY_BYTES_MAX = 512;
const VALUE_BYTES_MAX = 25 * 1024 * 1024;
const METADATA_BYTES_MAX = 1024;
const LIST_MAX = 1000;
const BULK_MAX = 100;
const TTL_SECONDS_MIN = 60;
const CACHE_SECONDS_MIN = 30;

const TYPES = new Set(["text", "json", "arrayBuffer", "stream"]);
const BAD_TYPE = 'Unknown response type. Possible types are "text", "arrayBuffer", "json", and "stream".';
const BAD_VALUE = "KV put() accepts only strings, ArrayBuffers, ArrayBufferViews, and ReadableStreams as values.";
const BAD_THIS =
  "Illegal invocation: function called with incorrect `this` reference. See https://developers.cloudflare.com/workers/observability/errors/#illegal-invocation-errors for details.";

function refused(method, status, text) {
  return new Error(`KV ${method} failed: ${status} ${text}`);
}

function notOfType(method, n, type) {
  return new TypeError(`Failed to execute '${method}' on 'KvNamespace': parameter ${n} is not of type '${type}'.`);
}

function keyOf(value, method) {
  const key = toDOMString(value).toWellFormed();
  if (key === "") throw new TypeError("Key name cannot be empty.");
  if (key === "." || key === "..") throw new TypeError(`"${key}" is not allowed as a key name.`);
  checkLength(key, method);
  return key;
}

function checkLength(key, method) {
  const length = natives.utf8_length(key);
  if (length > KEY_BYTES_MAX) throw refused(method, 414, `UTF-8 encoded length of ${length} exceeds key length limit of ${KEY_BYTES_MAX}.`);
}

/* Options of a get: a type, or a table that may have one. */
function typeOf(options, method) {
  if (options === undefined || options === null) return "text";
  if (!isObject(options)) return toDOMString(options);
  if (options.cacheTtl !== undefined) {
    const ttl = toInt32(options.cacheTtl);
    if (ttl < CACHE_SECONDS_MIN) throw refused(method, 400, `Invalid cache_ttl of ${ttl}. Cache TTL must be at least ${CACHE_SECONDS_MIN}.`);
  }
  return options.type === undefined ? "text" : toDOMString(options.type);
}

function decoded(bytes, type) {
  switch (type) {
    case "text":
      return natives.utf8_decode(bytes, false, true);
    case "json":
      return JSON.parse(natives.utf8_decode(bytes, false, true));
    case "arrayBuffer":
      return bytes.byteLength === bytes.buffer.byteLength ? bytes.buffer : bytes.slice().buffer;
    default:
      return streamFromBytes(bytes);
  }
}

function metadataOf(text) {
  return text === null ? null : JSON.parse(text);
}

function checkValueLength(length) {
  if (length > VALUE_BYTES_MAX) throw refused("PUT", 413, `Value length of ${length} exceeds limit of ${VALUE_BYTES_MAX}.`);
}

function asBytes(value, fault) {
  if (!isBufferSource(value)) throw new TypeError(fault);
  return value.byteLength === 0 ? new Uint8Array(0) : bytesOf(value); // what is detached is empty
}

/* A stream of bytes or texts as bytes; what is too long is not read to its end. */
async function readValue(stream) {
  if (stream.locked || isDisturbed(stream)) throw new TypeError("The ReadableStream has been locked to a reader.");
  checkValueLength(streamLength(stream) ?? 0);
  const chunks = [];
  let length = 0;
  for await (const chunk of stream) {
    const bytes = typeof chunk === "string" ? natives.utf8_encode(chunk) : asBytes(chunk, NOT_BYTES_READ);
    length += bytes.length;
    checkValueLength(length);
    chunks.push(bytes.slice());
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

function valueBytes(value) {
  if (!isObject(value)) return natives.utf8_encode(toDOMString(value));
  if (isReadableStream(value)) return readValue(value);
  return asBytes(value, BAD_VALUE);
}

const seconds = () => Math.floor(Date.now() / 1000);

/* When a key of put options expires, in seconds since 1970; undefined: never. */
function expirationOf({ expiration, expirationTtl }) {
  if (expirationTtl !== undefined) {
    const ttl = toInt32(expirationTtl);
    if (ttl <= 0) throw refused("PUT", 400, `Invalid expiration_ttl of ${ttl}. Please specify integer greater than 0.`);
    if (ttl < TTL_SECONDS_MIN) throw refused("PUT", 400, `Invalid expiration_ttl of ${ttl}. Expiration TTL must be at least ${TTL_SECONDS_MIN}.`);
    return seconds() + ttl;
  }
  if (expiration === undefined) return undefined;
  const at = toInt32(expiration);
  if (at <= seconds())
    throw refused("PUT", 400, `Invalid expiration of ${at}. Please specify integer greater than the current number of seconds since the UNIX epoch.`);
  if (at < seconds() + TTL_SECONDS_MIN)
    throw refused("PUT", 400, `Invalid expiration of ${at}. Expiration times must be at least ${TTL_SECONDS_MIN} seconds in the future.`);
  return at;
}

function metadataText({ metadata }) {
  const text = metadata === undefined || metadata === null ? undefined : JSON.stringify(metadata);
  if (text === undefined) return undefined;
  const length = natives.utf8_length(text);
  if (length > METADATA_BYTES_MAX) throw refused("PUT", 413, `Metadata length of ${length} exceeds limit of ${METADATA_BYTES_MAX}.`);
  return text;
}

/* A cursor is the last key of the page before, so that what is deleted in between does no harm. */
function cursorOf(key) {
  return natives.utf8_encode(key).toBase64();
}

function keyOfCursor(cursor) {
  if (cursor === undefined || cursor === null || cursor === "") return "";
  try {
    const key = natives.utf8_decode(Uint8Array.fromBase64(`${cursor}`), true, true);
    if (key !== null) return key;
  } catch {
    // not Base64
  }
  throw refused("GET", 400, "Invalid cursor.");
}

function listOptions(options) {
  checkDictionary(options, 1, "ListOptions", "list", "KvNamespace");
  options ??= {};
  const limit = toInt32(options.limit);
  if (limit > LIST_MAX) throw refused("GET", 400, `Invalid key_count_limit of ${limit}. Please specify an integer less than ${LIST_MAX}.`);
  const prefix = options.prefix === undefined || options.prefix === null ? "" : toDOMString(options.prefix).toWellFormed();
  checkLength(prefix, "GET");
  return { prefix, after: keyOfCursor(options.cursor), limit: limit > 0 ? limit : LIST_MAX };
}

let check; // throws unless it is given a namespace

class KvNamespace {
  #index;

  constructor(guard, index) {
    if (guard !== INTERNAL) throw new TypeError("Illegal constructor");
    this.#index = index;
  }

  async #ask(method, ...args) {
    requireContext();
    try {
      const id = natives.id_from_name(this.#index, KV_OBJECT);
      return deserialize(await natives.stub_call(this.#index, id, KV_OBJECT, method, serialize(args, "rpc")));
    } catch (parcel) {
      throw Array.isArray(parcel) ? receiveError(...parcel) : parcel;
    }
  }

  async #bulk(names, options, shape) {
    const type = typeOf(options, "GET_BULK") || "text";
    if (type !== "text" && type !== "json") throw refused("GET_BULK", 400, `"${type}" is not a valid type. Use "json" or "text"`);
    if (names.length === 0) throw refused("GET_BULK", 400, "You must request a minimum of 1 key");
    if (names.length > BULK_MAX) throw refused("GET_BULK", 400, `You can request a maximum of ${BULK_MAX} keys`);
    const keys = [...new Set(Array.from(names, (name) => toDOMString(name).toWellFormed()))];
    if (keys.includes("")) throw refused("GET_BULK", 400, "Key names must not be empty");
    const illegal = keys.find((key) => key === "." || key === "..");
    if (illegal !== undefined) throw refused("GET_BULK", 400, `Illegal key name "${illegal}". Please use a different name.`);
    for (const key of keys) checkLength(key, "GET_BULK");
    const found = await this.#ask("get", keys, VALUE_BYTES_MAX);
    if (typeof found === "number") throw refused("GET_BULK", 413, "Total size of request exceeds the limit of 25MB");
    const map = new Map();
    for (const [i, key] of keys.entries()) {
      if (found[i] === null) map.set(key, null);
      else map.set(key, shape(this.#bulkValue(found[i][0], type), metadataOf(found[i][1])));
    }
    return map;
  }

  #bulkValue(bytes, type) {
    try {
      return decoded(bytes, type);
    } catch {
      throw refused("GET_BULK", 400, "At least one of the requested keys corresponds to a non-json value");
    }
  }

  async #one(name, options) {
    const key = keyOf(name, "GET");
    const type = typeOf(options, "GET");
    if (!TYPES.has(type)) throw new TypeError(BAD_TYPE);
    const [found] = await this.#ask("get", [key], Infinity);
    if (found === null) return [null, null];
    return [decoded(found[0], type), metadataOf(found[1])];
  }

  async get(name, options) {
    check(this);
    if (arguments.length === 0) throw notOfType("get", 1, "string or Array");
    if (Array.isArray(name)) return this.#bulk(name, options, (value) => value);
    return (await this.#one(name, options))[0];
  }

  async getWithMetadata(name, options) {
    check(this);
    if (arguments.length === 0) throw notOfType("getWithMetadata", 1, "Array or string");
    if (Array.isArray(name)) return this.#bulk(name, options, (value, metadata) => ({ value, metadata }));
    const [value, metadata] = await this.#one(name, options);
    return { value, metadata, cacheStatus: "MISS" };
  }

  async put(name, value, options) {
    check(this);
    if (arguments.length === 0) throw notOfType("put", 1, "string");
    if (arguments.length === 1) throw notOfType("put", 2, "string or Object");
    checkDictionary(options, 3, "PutOptions", "put", "KvNamespace");
    options ??= {};
    requireContext();
    const key = keyOf(name, "PUT");
    const expiration = expirationOf(options);
    const metadata = metadataText(options);
    let bytes = valueBytes(value);
    if (!(bytes instanceof Uint8Array)) bytes = await bytes;
    checkValueLength(bytes.length);
    await this.#ask("put", key, bytes, expiration, metadata);
  }

  async list(options) {
    check(this);
    const { prefix, after, limit } = listOptions(options);
    const [rows, complete] = await this.#ask("list", prefix, after, limit);
    const keys = rows.map(([name, expiration, metadata]) => {
      const key = { name };
      if (expiration !== null) key.expiration = expiration;
      if (metadata !== null) key.metadata = JSON.parse(metadata);
      return key;
    });
    if (complete) return { keys, list_complete: true, cacheStatus: null };
    return { keys, list_complete: false, cursor: cursorOf(keys.at(-1).name), cacheStatus: null };
  }

  async delete(name) {
    check(this);
    if (arguments.length === 0) throw notOfType("delete", 1, "string");
    await this.#ask("remove", keyOf(name, "DELETE"));
  }

  static {
    check = (value) => {
      if (typeof value !== "object" || value === null || !(#index in value)) throw new TypeError(BAD_THIS);
    };
  }
}
finishClass(KvNamespace);

export function makeKv(index) {
  return new KvNamespace(INTERNAL, index);
}
