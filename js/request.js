/*
 * Request
 */

import { natives, runningContext } from "./natives.js";
import { exposeClass, inspectors, isObject, toDOMString, INTERNAL } from "./webidl.js";
import { compat } from "./compat.js";
import { DOMException } from "./dom_exception.js";
import { parseUrl, hrefOf } from "./url.js";
import { Headers, isHeaders, copyHeaders, headersToBlock } from "./headers.js";
import { Body, innerOf, setBody, setAutoType, takeBody, teeBody, headersOf, isUsed } from "./body.js";
import { BODY_NONE, BODY_PIPE, BODY_BYTES } from "./streams.js";
import { isAbortSignal, createSignal, abortSignal, followSignal } from "./abort.js";

/* Methods that the platform can send. */
const METHODS = new Set(
  (
    "GET HEAD POST PUT DELETE PATCH PURGE OPTIONS TRACE COPY LOCK MKCOL MOVE PROPFIND PROPPATCH SEARCH UNLOCK ACL " +
    "REPORT MKACTIVITY CHECKOUT MERGE MSEARCH NOTIFY SUBSCRIBE UNSUBSCRIBE QUERY BAN CONNECT"
  ).split(" "),
);

/* Those that the Fetch standard upper-cases. */
const NORMALIZED = new Set(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"]);

function cleanMethod(value) {
  const method = toDOMString(value);
  if (METHODS.has(method)) return method;
  const upper = method.toUpperCase();
  if (METHODS.has(upper) && (compat.flags.upperCaseMethods || NORMALIZED.has(upper))) return upper;
  throw new TypeError(`Invalid HTTP method string: ${method}`);
}

const REDIRECT_TEXT =
  'Invalid redirect value, must be one of "follow" or "manual" ("error" won\'t be implemented since it does not make ' +
  'sense at the edge; use "manual" and check the response status code).';

function cleanRedirect(value) {
  const redirect = toDOMString(value);
  if (redirect !== "follow" && redirect !== "manual") throw new TypeError(REDIRECT_TEXT);
  return redirect;
}

function cleanCache(value) {
  if (!compat.flags.cacheOption)
    throw new Error("The 'cache' field on 'RequestInitializerDict' is not implemented.");
  const cache = toDOMString(value);
  if (cache !== "no-store" && cache !== "no-cache") throw new TypeError(`Unsupported cache mode: ${cache}`);
  return cache;
}

function fieldError(field, type) {
  return new TypeError(
    `Incorrect type for the '${field}' field on 'RequestInitializerDict': the provided value is not of type '${type}'.`,
  );
}

function makeInner(method, url) {
  return {
    kind: BODY_NONE,
    data: null,
    length: undefined,
    stream: null,
    used: false,
    block: null,
    headers: null,
    autoType: null,
    immutable: false,
    owner: runningContext(),
    method,
    url,
    redirect: "follow",
    signal: null,
    given: false, // the signal is the author's
    cut: false, // aborts when the client goes
    cf: undefined,
    cache: undefined,
    fetcher: null,
  };
}

function urlOf(input) {
  const known = hrefOf(input);
  if (known !== null) return known;
  const text = toDOMString(input);
  const url = parseUrl(text.isWellFormed() ? text : text.toWellFormed());
  if (url === null) throw new TypeError(`Invalid URL: ${text}`);
  return url;
}

function signalOf(inner) {
  if (inner.signal === null) {
    inner.signal = createSignal();
    if (inner.cut && inner.owner === runningContext())
      natives.on_client_gone(() => abortSignal(inner.signal, new DOMException("The client has disconnected", "AbortError")));
  }
  return inner.signal;
}

/** A record with everything of `source` but its body. */
function copyInner(source) {
  const inner = makeInner(source.method, source.url);
  if (source.headers !== null) inner.headers = copyHeaders(source.headers);
  else {
    inner.block = source.block;
    inner.autoType = source.autoType;
  }
  inner.redirect = source.redirect;
  inner.signal = source.cut ? signalOf(source) : source.signal;
  inner.given = source.given;
  inner.cf = cfOf(source);
  inner.cache = source.cache;
  inner.fetcher = source.fetcher;
  return inner;
}

/* request.cf may be several things until it is looked at: an object, JSON text, or this: of a request from outside. */
const FROM_CLIENT = Symbol("from the client");
const ADDRESS_HEADER = "CF-Connecting-IP";

/* The address that the front has put behind all other headers. */
function clientAddress(inner) {
  const { block } = inner;
  const at = typeof block === "string" ? block.lastIndexOf("\n") : -1;
  if (at >= 0 && block.endsWith(ADDRESS_HEADER, at)) return block.slice(at + 1);
  return headersOf(inner).get(ADDRESS_HEADER) ?? undefined;
}

/** request.cf as an object, or as its JSON text where it has not been looked at. */
function cfOf(inner) {
  if (inner.cf === FROM_CLIENT) inner.cf = JSON.stringify({ clientIp: clientAddress(inner) });
  return inner.cf;
}

function applyInit(inner, init) {
  const { method, headers, redirect, signal, cf, cache, integrity, fetcher } = init;
  if (method !== undefined) inner.method = cleanMethod(method);
  if (headers !== undefined) {
    if (!isObject(headers)) throw fieldError("headers", "Headers or Sequence or object");
    inner.headers = isHeaders(headers) ? copyHeaders(headers) : new Headers(headers);
    inner.block = null;
    inner.autoType = null;
  }
  if (redirect !== undefined && redirect !== null) inner.redirect = cleanRedirect(redirect);
  if (signal !== undefined) {
    if (signal !== null && !isAbortSignal(signal)) throw fieldError("signal", "AbortSignal");
    inner.signal = signal;
    inner.given = signal !== null;
  }
  if (cf !== undefined) {
    if (!isObject(cf)) throw fieldError("cf", "Object");
    inner.cf = Array.isArray(cf) ? [...cf] : { ...cf };
  }
  if (cache !== undefined && cache !== null) inner.cache = cleanCache(cache);
  if (integrity !== undefined && toDOMString(integrity) !== "")
    throw new TypeError(
      "Subrequest integrity checking is not implemented. The integrity option must be either undefined or an empty string.",
    );
  if (fetcher !== undefined) inner.fetcher = fetcher;
}

/* Before anything is taken from the source: a failed constructor must leave it as it was. */
function checkBody(inner, init, source) {
  const given = init?.body;
  if (given !== undefined) {
    if (given !== null && (inner.method === "GET" || inner.method === "HEAD"))
      throw new TypeError("Request with a GET or HEAD method cannot have a body.");
    return;
  }
  if (source !== null && source.kind !== BODY_NONE && (isUsed(source) || source.stream?.locked))
    throw new TypeError("Cannot reconstruct a Request with a used body.");
}

export let isRequest;

export class Request extends Body {
  #inner;

  constructor(input, init) {
    if (input === INTERNAL) {
      super(INTERNAL, init);
      this.#inner = init;
      return;
    }
    if (arguments.length < 1)
      throw new TypeError("Failed to construct 'Request': constructor parameter 1 is not of type 'Request or string'.");
    const source = isRequest(input) ? input.#inner : null;
    const inner = source === null ? makeInner("GET", urlOf(input)) : copyInner(source);
    if (init !== undefined && init !== null) {
      if (!isObject(init))
        throw new TypeError("Failed to construct 'Request': constructor parameter 2 is not of type 'RequestInit'.");
      applyInit(inner, init);
    }
    checkBody(inner, init, source);
    if (init?.body !== undefined) {
      setAutoType(inner, setBody(inner, init.body));
    } else if (source !== null && source.kind !== BODY_NONE) {
      const taken = takeBody(source);
      inner.kind = taken.kind;
      inner.data = taken.data;
      inner.length = taken.length;
      if (typeof taken.data?.getReader === "function") inner.stream = taken.data;
    }
    super(INTERNAL, inner);
    this.#inner = inner;
  }

  static {
    isRequest = (value) => typeof value === "object" && value !== null && #inner in value;
  }

  clone() {
    const source = this.#inner;
    const content = teeBody(source);
    const inner = copyInner(source);
    inner.kind = content.kind;
    inner.data = content.data;
    inner.length = content.length;
    inner.stream = content.stream;
    if (source.cut) inner.signal = signalOf(source);
    else if (source.signal !== null) inner.signal = followSignal(source.signal);
    return new Request(INTERNAL, inner);
  }

  get method() {
    return this.#inner.method;
  }
  get url() {
    return this.#inner.url;
  }
  get headers() {
    const inner = this.#inner;
    return inner.headers ?? headersOf(inner);
  }
  get redirect() {
    return this.#inner.redirect;
  }
  get fetcher() {
    return this.#inner.fetcher;
  }
  get signal() {
    return signalOf(this.#inner);
  }
  get cf() {
    const inner = this.#inner;
    const cf = cfOf(inner);
    return typeof cf === "string" ? (inner.cf = Object.freeze(JSON.parse(cf))) : cf;
  }
  get integrity() {
    return "";
  }
  get keepalive() {
    return false;
  }
  get cache() {
    return this.#inner.cache;
  }
}

exposeClass(Request);

inspectors.set(Request, (request) => ({
  method: request.method,
  url: request.url,
  headers: request.headers,
  redirect: request.redirect,
  fetcher: request.fetcher,
  signal: request.signal,
  cf: request.cf,
  integrity: request.integrity,
  keepalive: request.keepalive,
  cache: request.cache,
  body: request.body,
  bodyUsed: request.bodyUsed,
}));

/* -- C's side ----------------------------------------------------------------------------------- */

/** The Request of an incoming message. Nothing of it is parsed before it is looked at. `cf` is JSON text or undefined. */
export function requestFromNative(method, url, block, body, cf) {
  const inner = makeInner(method, url);
  inner.block = block;
  inner.immutable = true;
  inner.redirect = "manual";
  inner.cf = cf;
  if (body !== null && body !== undefined) setNativeBody(inner, body);
  return new Request(INTERNAL, inner);
}

/** The same for a request from outside: `block` ends with the client's address. */
export function requestFromClient(method, url, block, body) {
  const request = requestFromNative(method, url, block, body, FROM_CLIENT);
  innerOf(request).cut = compat.flags.requestSignal;
  return request;
}

/** The signal that its author gave it, or null. */
export function requestSignal(request) {
  const { given, signal } = innerOf(request);
  return given ? signal : null;
}

/** A body as C hands it over: null, bytes or a pipe. */
export function setNativeBody(inner, body) {
  if (body instanceof ArrayBuffer || body instanceof Uint8Array) {
    inner.kind = BODY_BYTES;
    inner.data = body instanceof Uint8Array ? body : new Uint8Array(body);
    inner.length = inner.data.byteLength;
  } else {
    inner.kind = BODY_PIPE;
    inner.data = body;
  }
}

/** send(method, url, headers, kind, body, redirect, cf, signal, length) with the request's parts; `cf` is an object or its JSON text. */
export function requestToNative(request, send) {
  if (!isRequest(request)) throw new TypeError("The value is not a Request.");
  const inner = innerOf(request);
  const { kind, data, length } = takeBody(inner);
  const block = blockOfInner(inner);
  return send(inner.method, inner.url, block, kind, data, inner.redirect, cfOf(inner), inner.signal, length);
}

/** The headers of a record as C wants them, without making a Headers if nobody has. */
export function blockOfInner(inner) {
  if (inner.headers !== null) return headersToBlock(inner.headers);
  if (inner.block !== null) {
    if (inner.autoType !== null) return headersToBlock(headersOf(inner));
    return typeof inner.block === "string" ? inner.block : inner.block.join("\n");
  }
  return inner.autoType === null ? "" : `Content-Type\n${inner.autoType}`;
}

/** The Request that fetch(input, init) is about. */
export function newRequest(input, init) {
  return init === undefined && isRequest(input) ? input : new Request(input, init);
}

