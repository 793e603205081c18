/*
 * caches
 *
 * A Cache of this process's memory: one per name, bounded in bytes, least recently used leaves first.
 * It honours Cache-Control max-age, s-maxage, no-store and private, Expires, Range-less GET requests and
 * conditional matches, which is what programs written for the platform rely on; nothing is kept on disk.
 */

import { finishClass, toDOMString, INTERNAL } from "./webidl.js";
import { Headers } from "./headers.js";
import { newRequest } from "./request.js";
import { Response, isResponse } from "./response.js";

const CACHE_BYTES_MAX = 16 * 1024 * 1024;
const ENTRY_OVERHEAD = 512;

/** Seconds for which a response may be kept; 0 when it may not. */
function lifetimeOf(headers) {
  const control = (headers.get("cache-control") ?? "").toLowerCase();
  if (/\b(no-store|private|no-cache)\b/.test(control)) return 0;
  const age = /\bs-maxage\s*=\s*"?(\d+)/.exec(control) ?? /\bmax-age\s*=\s*"?(\d+)/.exec(control);
  if (age !== null) return Number(age[1]);
  const expires = headers.get("expires");
  if (expires !== null) return Math.max(0, (Date.parse(expires) - Date.now()) / 1000) || 0;
  return 7200;
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

function notModified(request, entry) {
  const etag = entry.headers.get("etag");
  const wanted = request.headers.get("if-none-match");
  if (wanted !== null) return etag !== null && wanted.split(",").some((each) => each.trim() === etag || each.trim() === "*");
  const since = request.headers.get("if-modified-since");
  const modified = entry.headers.get("last-modified");
  return since !== null && modified !== null && Date.parse(modified) <= Date.parse(since);
}

export class Cache {
  #store = new Store();

  constructor(token) {
    if (token !== INTERNAL) throw new TypeError("Illegal constructor");
  }

  async match(input, options) {
    const request = newRequest(input);
    if (request.method !== "GET" && !options?.ignoreMethod) return undefined;
    const entry = this.#store.get(request.url);
    if (entry === undefined) return undefined;
    const headers = new Headers(entry.headers);
    headers.set("CF-Cache-Status", "HIT");
    headers.set("Age", `${Math.floor((Date.now() - entry.since) / 1000)}`);
    if (notModified(request, entry)) return new Response(null, { status: 304, headers });
    return new Response(entry.bytes, { status: entry.status, statusText: entry.statusText, headers });
  }

  async put(input, response) {
    const request = newRequest(input);
    if (!isResponse(response))
      throw new TypeError("Failed to execute 'put' on 'Cache': parameter 2 is not of type 'Response'.");
    if (request.method !== "GET") throw new TypeError("Cannot cache response to non-GET request.");
    if (response.status === 206) throw new TypeError("Cannot cache response to a range request (206 Partial Content).");
    if ((response.headers.get("vary") ?? "").includes("*")) throw new TypeError("Cannot cache response with 'Vary: *' header.");
    const lifetime = lifetimeOf(response.headers);
    const bytes = new Uint8Array(await response.arrayBuffer());
    if (lifetime <= 0 || response.headers.has("set-cookie")) return;
    const since = Date.now();
    this.#store.put(request.url, {
      status: response.status,
      statusText: response.statusText,
      headers: new Headers(response.headers),
      bytes,
      since,
      until: since + lifetime * 1000,
      size: bytes.byteLength + request.url.length + ENTRY_OVERHEAD,
    });
  }

  async delete(input, options) {
    const request = newRequest(input);
    if (request.method !== "GET" && !options?.ignoreMethod) return false;
    return this.#store.delete(request.url);
  }
}

export class CacheStorage {
  #default = new Cache(INTERNAL);
  #named = new Map();

  constructor(token) {
    if (token !== INTERNAL) throw new TypeError("Illegal constructor");
  }
  get default() {
    return this.#default;
  }
  async open(name) {
    name = toDOMString(name);
    let cache = this.#named.get(name);
    if (cache === undefined) {
      cache = new Cache(INTERNAL);
      this.#named.set(name, cache);
    }
    return cache;
  }
}

finishClass(Cache);
finishClass(CacheStorage);

export const caches = new CacheStorage(INTERNAL);
