/*
 * caches
 *
 * A Cache of this process's memory: one per name, bounded in bytes, least recently used leaves first.
 * What may be kept and for how long is what Cloudflare's documentation says of the Cache API: Cache-Control
 * and Expires, else a time that depends on the status; never with Set-Cookie. Nothing is kept on disk.
 */

import { finishClass, requireArguments, toDOMString, INTERNAL } from "./webidl.js";
import { Headers } from "./headers.js";
import { requireContext } from "./natives.js";
import { newRequest } from "./request.js";
import { Response, isResponse } from "./response.js";

const CACHE_BYTES_MAX = 16 * 1024 * 1024;
const ENTRY_OVERHEAD = 512;

/* Which is how the platform puts it. */
const UPGRADE = 'Worker tried to return a WebSocket in a response to a request which did not contain the header "Upgrade: websocket".';

/* Seconds for which a response that does not say is kept, by status; others are not. */
const DEFAULT_LIFETIMES = { 200: 7200, 301: 7200, 302: 1200, 303: 1200, 404: 180, 410: 180 };

/** Seconds for which a response may be kept; 0 when it may not. */
function lifetimeOf(status, headers) {
  const control = (headers.get("cache-control") ?? "").toLowerCase();
  if (headers.has("set-cookie") || /\b(no-store|private|no-cache)\b/.test(control)) return 0;
  const age = /\bs-maxage\s*=\s*"?(\d+)/.exec(control) ?? /\bmax-age\s*=\s*"?(\d+)/.exec(control);
  if (age !== null) return Number(age[1]);
  const expires = headers.get("expires");
  if (expires !== null) return Math.max(0, (Date.parse(expires) - Date.now()) / 1000) || 0;
  return DEFAULT_LIFETIMES[status] ?? 0;
}

/** A copy of the headers; `private=set-cookie` says that the response may be kept without its cookies. */
function headersToKeep(given) {
  const headers = new Headers(given);
  const control = headers.get("cache-control");
  if (control === null || !/\bprivate="?set-cookie"?/i.test(control)) return headers;
  const rest = control.replace(/\bprivate="?set-cookie"?\s*[,;]?\s*/i, "").replace(/,\s*$/, "");
  if (rest === "") headers.delete("cache-control");
  else headers.set("cache-control", rest);
  headers.delete("set-cookie");
  return headers;
}

class Store {
  entries = new Map(); /* url → entry; the order is that of the last use */
  bytes = 0;

  get(url) {
    const entry = this.entries.get(url);
    if (entry === undefined) return undefined;
    if (entry.until <= Date.now()) {
      this.delete(url);
      return undefined;
    }
    this.entries.delete(url);
    this.entries.set(url, entry);
    return entry;
  }

  put(url, entry) {
    this.delete(url);
    if (entry.size > CACHE_BYTES_MAX) return;
    this.entries.set(url, entry);
    this.bytes += entry.size;
    for (const oldest of this.entries.keys()) {
      if (this.bytes <= CACHE_BYTES_MAX) break;
      this.delete(oldest);
    }
  }

  delete(url) {
    const entry = this.entries.get(url);
    if (entry === undefined) return false;
    this.entries.delete(url);
    this.bytes -= entry.size;
    return true;
  }
}

const strong = (etag) => etag.trim().replace(/^W\//, "");

function notModified(request, entry) {
  const etag = entry.headers.get("etag");
  const wanted = request.headers.get("if-none-match");
  if (wanted !== null && etag !== null && (wanted.trim() === "*" || wanted.split(",").some((each) => strong(each) === strong(etag)))) return true;
  const since = request.headers.get("if-modified-since");
  const modified = entry.headers.get("last-modified");
  return since !== null && modified !== null && Date.parse(modified) <= Date.parse(since);
}

/** The one range that a request asks for, of `size` bytes: [first, end], null for one beyond them, undefined for none. */
function rangeOf(request, size) {
  const found = /^\s*bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*$/i.exec(request.headers.get("range") ?? "");
  if (found === null || (found[1] === "" && found[2] === "")) return undefined;
  if (found[1] === "") {
    const suffix = Math.min(Number(found[2]), size);
    return suffix === 0 ? null : [size - suffix, size];
  }
  const first = Number(found[1]);
  if (found[2] !== "" && Number(found[2]) < first) return undefined;
  const last = found[2] === "" ? size - 1 : Math.min(Number(found[2]), size - 1);
  return first > last ? null : [first, last + 1];
}

function answer(request, entry) {
  const { bytes, headers: kept, since, status, statusText } = entry;
  const headers = new Headers(kept);
  headers.set("CF-Cache-Status", "HIT");
  headers.set("Age", `${Math.floor((Date.now() - since) / 1000)}`);
  if (notModified(request, entry)) return new Response(null, { status: 304, headers });
  const size = bytes.byteLength;
  const range = rangeOf(request, size);
  if (range === null) return new Response(null, { status: 416, headers: { "CF-Cache-Status": "HIT", "Content-Range": `bytes */${size}` } });
  if (range === undefined) return new Response(size === 0 ? null : bytes, { status, statusText, headers });
  const [first, end] = range;
  headers.set("Content-Range", `bytes ${first}-${end - 1}/${size}`);
  headers.set("Content-Length", `${end - first}`);
  return new Response(bytes.subarray(first, end), { status: 206, headers });
}

/* The other methods that browsers have. */
function refuse(constructor, names) {
  for (const name of names)
    constructor.prototype[name] = {
      [name]() {
        throw new Error(`Failed to execute '${name}' on '${constructor.name}': the method is not implemented.`);
      },
    }[name];
}

export class Cache {
  #store;

  constructor(token, store) {
    if (token !== INTERNAL) throw new TypeError("Illegal constructor");
    this.#store = store;
  }

  async match(input, options) {
    requireArguments(arguments.length, 1, "match", "Cache", "Request or string");
    const request = newRequest(input);
    requireContext();
    if (request.method !== "GET" && !options?.ignoreMethod) return undefined;
    const entry = this.#store.get(request.url);
    return entry === undefined ? undefined : answer(request, entry);
  }

  async put(input, response) {
    requireArguments(arguments.length, 1, "put", "Cache", "Request or string");
    if (!isResponse(response))
      throw new TypeError("Failed to execute 'put' on 'Cache': parameter 2 is not of type 'Response'.");
    if (response.type === "error") throw new TypeError("Cache is unable to store an error response");
    const request = newRequest(input);
    requireContext();
    if (request.method !== "GET") throw new TypeError("Cannot cache response to non-GET request.");
    if (response.status === 206) throw new TypeError("Cannot cache response to a range request (206 Partial Content).");
    if ((response.headers.get("vary") ?? "").includes("*")) throw new TypeError("Cannot cache response with 'Vary: *' header.");
    if (response.status === 304) return;
    if (response.webSocket !== null) throw new TypeError(UPGRADE);
    const bytes = new Uint8Array(await response.arrayBuffer());
    const headers = headersToKeep(response.headers);
    const lifetime = lifetimeOf(response.status, headers);
    if (lifetime <= 0) return;
    const since = Date.now();
    this.#store.put(request.url, {
      status: response.status,
      statusText: response.statusText,
      headers,
      bytes,
      since,
      until: since + lifetime * 1000,
      size: bytes.byteLength + request.url.length + ENTRY_OVERHEAD,
    });
  }

  async delete(input, options) {
    requireArguments(arguments.length, 1, "delete", "Cache", "Request or string");
    const request = newRequest(input);
    requireContext();
    if (request.method !== "GET" && !options?.ignoreMethod) return false;
    return this.#store.delete(request.url);
  }
}

export class CacheStorage {
  #named = new Map();

  constructor(token) {
    if (token !== INTERNAL) throw new TypeError("Illegal constructor");
    Object.defineProperty(this, "default", { value: new Cache(INTERNAL, new Store()), enumerable: true, configurable: true });
  }

  async open(name) {
    requireArguments(arguments.length, 1, "open", "CacheStorage");
    name = toDOMString(name);
    let store = this.#named.get(name);
    if (store === undefined) {
      store = new Store();
      this.#named.set(name, store);
    }
    return new Cache(INTERNAL, store);
  }
}

finishClass(Cache);
finishClass(CacheStorage);
refuse(Cache, ["add", "addAll", "matchAll", "keys"]);
refuse(CacheStorage, ["match", "has", "delete", "keys"]);

export const caches = new CacheStorage(INTERNAL);
